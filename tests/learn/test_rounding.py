"""Rows that float32 would merge are refused, and no others."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import StandardScaler

from likewise.errors import InvalidVector
from likewise.learn import (
    Density,
    MSplitNeighbors,
    NeighborGraph,
    NeighborOutliers,
    NeighborsClassifier,
    audit,
)
from likewise.learn._rounding import check_kept

SECONDS = 1.7e9 + np.arange(300.0)[:, None].repeat(2, axis=1)
LABELS = np.arange(300) // 30


@pytest.mark.parametrize(
    "take",
    [
        lambda X: NeighborsClassifier(k=1).fit(X, LABELS),
        lambda X: NeighborsClassifier(k=1).partial_fit(X, LABELS),
        lambda X: NeighborOutliers(k=1).fit(X),
        lambda X: NeighborGraph(k=1).fit(X),
        lambda X: NeighborGraph(k=1).fit(X.tolist()),
        lambda X: audit(X, LABELS),
        lambda X: Density(k=5).fit(X),
        lambda X: MSplitNeighbors(3).fit(X, LABELS),
    ],
)
def test_rows_that_float32_merges_are_refused(take):
    with pytest.raises(InvalidVector, match=r"column 0 loses 42.8 % of its spread of 299 .*mean"):
        take(SECONDS)
    take(SECONDS - SECONDS.mean(axis=0))
    tiny = np.random.default_rng(0).normal(size=SECONDS.shape)
    with pytest.raises(InvalidVector, match=r"column . loses 100 % .* in all"):
        take(1e-50 * tiny)
    take(1e-30 * tiny)


def test_a_sum_over_all_rows_keeps_float64():
    assert Density("scott").fit(SECONDS).score(SECONDS) == pytest.approx(
        Density("scott").fit(SECONDS - 1.7e9).score(SECONDS - 1.7e9)
    )


RNG = np.random.default_rng(0)
ORDINARY = {
    "digits": load_digits().data,
    "iris, standardised": StandardScaler().fit_transform(load_iris().data),
    "whole numbers": np.array([[0], [2**24 - 1], [2**24]]),
    "whole numbers far away": 2**23 + np.arange(100)[:, None],
    "years": 2000 + RNG.random((50, 2)),
    "degrees in a town": [52.5, 13.4] + 0.1 * RNG.random((50, 2)),
    "one column tiny": RNG.normal(size=(50, 2)) * [1.0, 1e-60],
    "one column nearly constant": np.c_[RNG.random(50), 1 - 1e-9 * RNG.random(50)],
    "noise of float64": np.full((2, 3), 0.3) * (1 + 2e-16 * np.arange(3)) + [[0.0], [5e-17]],
    "rounding alone": np.array([[0.1 + 0.2], [0.3]]),
    "one row": np.array([[1.7e9]]),
    "copies": np.full((5, 2), 1.7e9 + 0.3),
    "float32": SECONDS.astype(np.float32),
    "huge": RNG.normal(size=(50, 2)) * 1e30,
    "small": RNG.normal(size=(50, 2)) * 1e-40,
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_rows_pass(name):
    check_kept(ORDINARY[name])


def test_the_worst_column_is_named_and_any_number_of_blocks_is_looked_at():
    rows = np.c_[RNG.random(200_000), 1.7e12 + np.arange(200_000.0)]
    with pytest.raises(InvalidVector, match=r"X: column 1 loses .* and 1 in all"):
        check_kept(rows)


def test_parts_of_good_rows_are_not_judged_alone():
    rows = np.array([[0.0], [1.0], [1.0 + 1e-9], [2.0]])
    for seed in range(9):
        MSplitNeighbors(2, random_state=seed).fit(rows, [0, 1, 0, 1])
