"""Pseudo queries: the quick form runs, measures are right by hand, the rule is kept."""

import math

import numpy as np
import pytest

from likewise.vectors import as_bags
from replications import pseudo_query as study
from replications._token_sets import TokenSet
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict

QUICK = Setting(True, DataFolder("none"), 0, Progress(lambda line: None))


def test_the_quick_form_runs():
    (table,) = study.run(QUICK).tables
    ways = 1 + (len(study.CENTRES) - 1) * (1 + len(study.TEMPERATURES)) + 1
    assert len(table.rows) == ways
    assert [float(row[1]) for row in table.rows[:2]] == [1.0, 2.0]
    assert all(0 < float(row[2]) <= 1 and 0 < float(row[3]) <= 1 for row in table.rows)


def test_measures_by_hand():
    ids = np.array([5, 3, 9, 1])
    assert study.reciprocal(ids, {9, 1}) == pytest.approx(1 / 3)
    assert study.reciprocal(ids, {7}) == 0
    best = 1 + 1 / math.log2(3)
    assert study.ndcg(ids, {3, 9}) == pytest.approx((1 / math.log2(3) + 1 / 2) / best)
    assert study.ndcg(np.array([1, 2]), {1, 2}) == 1


def test_means_are_unit_means():
    found = study.means(as_bags([[[2, 0], [0, 2]], [[0, 3]]]))
    np.testing.assert_allclose(found.vectors, [[math.sqrt(0.5)] * 2, [0, 1]], atol=1e-6)


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        (np.full(50, 0.1), Verdict.REPRODUCED),
        (np.r_[np.full(26, 0.1), np.full(24, -0.1)], Verdict.NOT_REPRODUCED),
        (np.full(50, -0.1), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_rule(gains, verdict):
    half = np.full(50, 0.5)
    found = [
        study.Measured("1 centres, the best", 1, half, half),
        study.Measured("2 centres, the best", 2, half + 0.3, half),  # not among those judged
        study.Measured("8 centres, the best", 8, half + gains, half),
    ]
    bags = as_bags([np.eye(2)])
    assert study.outcome(found, TokenSet(bags, bags, [{0}]), 0).verdict == verdict
