"""`suggest`: uncertainty by hand, and one test an error."""

import math
import re

import numpy as np
import pytest

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    UnknownArgument,
)
from likewise.learn import suggest
from likewise.learn.active import UNCERTAINTIES

POOL = np.random.default_rng(0).normal(size=(8, 3))
HALVES = np.full((8, 2), 0.5)


def slow(name, p):
    """The uncertainty of one row."""
    best = sorted(p, reverse=True)
    return {
        "least_confident": 1 - best[0],
        "margin": best[1] - best[0],
        "entropy": -sum(x * math.log(x) for x in p if x > 0),
    }[name]


@pytest.mark.parametrize("name", list(UNCERTAINTIES))
def test_uncertainty_against_its_twin(name):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(4, 0.4), size=50)
    p[7] = [0, 0, 1, 0]
    p[8] = p[9] = 0.25
    order = sorted(range(50), key=lambda i: (-slow(name, p[i].tolist()), i))
    found = suggest(None, 50, probabilities=p, selection=name)
    assert found.tolist()[:2] == [8, 9]
    ours = [slow(name, p[i].tolist()) for i in found]
    np.testing.assert_allclose(ours, [slow(name, p[i].tolist()) for i in order], atol=1e-12)
    single = suggest(np.zeros((50, 1)), 5, probabilities=p.astype(np.float32), selection=name)
    assert sorted(single.tolist()) == sorted(found[:5].tolist())


def test_a_table_of_pandas_and_lists():
    pd = pytest.importorskip("pandas")
    expected = suggest(POOL, 3).tolist()
    assert suggest(pd.DataFrame(POOL), 3).tolist() == expected
    assert suggest(POOL.tolist(), 3, features_labelled=[]).tolist() == expected
    assert suggest(POOL, 3, features_labelled=POOL[:0]).tolist() == expected


def test_some_copies_of_labelled_rows_are_no_mistake():
    known = np.concatenate([POOL[:2], [[9.0, 9.0, 9.0]]])
    found = suggest(POOL, 8, features_labelled=known).tolist()
    assert sorted(found[-2:]) == [0, 1], "copies of what is labelled come last"
    with pytest.raises(InvalidArgument, match="labelled row 0 is row 1 of it"):
        suggest(POOL, 1, features_labelled=POOL[[1, 0]])
    kept = suggest(POOL, 8, features_labelled=POOL[:2], copies="keep")
    assert sorted(kept[-2:].tolist()) == [0, 1]


def test_copies_are_found_among_many_rows_of_small_integers():
    rng = np.random.default_rng(0)
    pool = rng.integers(0, 3, size=(80_000, 6)).astype(float)
    known = pool[[79_999, 3, 3]]
    with pytest.raises(InvalidArgument, match="all 3 labelled rows") as caught:
        suggest(pool, 1, features_labelled=known, selection="random")
    place = int(re.search(r"is row (\d+) of it", str(caught.value))[1])
    assert (pool[place] == known[0]).all()
    other = np.concatenate([known, [[0.0, 1.0, 2.0, 2.0, 1.0, 0.5]]])
    suggest(pool, 1, features_labelled=other, selection="random")


def test_zero_and_minus_zero_are_the_same_row():
    with pytest.raises(InvalidArgument, match="in the pool too"):
        suggest([[0.0, 1.0], [2.0, 3.0]], 1, features_labelled=[[-0.0, 1.0]])


ERRORS = {
    "n larger than the pool": ((POOL, 9), {}, InvalidArgument, "more than the 8 rows"),
    "none": ((POOL, 0), {}, InvalidArgument, "at least 1"),
    "no integer": ((POOL, 1.5), {}, InvalidType, "integer"),
    "an empty pool": ((POOL[:0], 1), {}, InvalidArgument, "features_pool is empty"),
    "an empty list": (([], 1), {}, InvalidArgument, "features_pool is empty"),
    "rows in both": ((POOL, 1), {"features_labelled": POOL[2:4]}, InvalidArgument, "row 2 of it"),
    "NaN": (([[1.0], [np.nan]], 1), {}, InvalidVector, "row 1 has NaN"),
    "NaN labelled": ((POOL, 1), {"features_labelled": POOL * np.inf}, InvalidVector, "labelled"),
    "widths": ((POOL, 1), {"features_labelled": np.eye(2)}, DimensionMismatch, "2 numbers a row"),
    "one axis": ((POOL[0], 1), {}, DimensionMismatch, "one axis"),
    "ragged": (([[1.0], [1.0, 2.0]], 1), {}, DimensionMismatch, "several lengths"),
    "no numbers": (([["a"]], 1), {}, InvalidType, "numbers"),
    "no selection": ((POOL, 1), {"selection": "best"}, InvalidArgument, "lcmd, k_center"),
    "selection 3": ((POOL, 1), {"selection": 3}, InvalidType, "selection must be"),
    "no transform": ((POOL, 1), {"transform": "pca"}, InvalidArgument, "posterior"),
    "mode": ((POOL, 1), {"mode": "TP"}, InvalidArgument, '"tp" or "p"'),
    "copies": ((POOL, 1), {"copies": "drop"}, InvalidArgument, '"refuse" or "keep"'),
    "seed": ((POOL, 1), {"random_state": -1}, InvalidArgument, "random_state"),
    "no seed": ((POOL, 1), {"random_state": None}, InvalidType, "random_state"),
    "no probabilities": ((POOL, 1), {"selection": "margin"}, InvalidArgument, "predict_proba"),
    "unread probabilities": ((POOL, 1), {"probabilities": HALVES}, InvalidArgument, "reads no"),
    "no features": ((None, 1), {}, InvalidArgument, "features_pool is None"),
    "labelled alone": ((None, 1), {"features_labelled": POOL}, InvalidArgument, "without"),
    "unread transform": (
        (POOL, 1),
        {"selection": "random", "transform": "scale"},
        InvalidArgument,
        "leave transform out",
    ),
    "too long": ((POOL * 1e200, 1), {}, InvalidVector, "too long"),
    "too long to scale": (
        (POOL * 1e200, 1),
        {"transform": "scale"},
        InvalidVector,
        "too long",
    ),
    "labelled too long": (
        (POOL, 1),
        {"features_labelled": [[0.0, 0.0, 1e80]]},
        InvalidVector,
        "features_labelled: row 0 is too long",
    ),
    "a transform that loses rows": (
        (POOL, 1),
        {"transform": lambda pool, known: (pool[1:], known)},
        DimensionMismatch,
        "as many rows",
    ),
    "a transform that loses labelled rows": (
        (POOL, 1),
        {"transform": lambda pool, known: (pool, None), "features_labelled": [[0.0, 0.0, 1.0]]},
        DimensionMismatch,
        "as many rows",
    ),
    "a transform to NaN": (
        (POOL, 1),
        {"transform": lambda pool, known: (pool * np.nan, known)},
        InvalidVector,
        "features_pool after",
    ),
    "wrong name": ((POOL, 1), {"seed": 3}, UnknownArgument, "random_state"),
}


@pytest.mark.parametrize("name", list(ERRORS))
def test_errors(name):
    args, options, error, words = ERRORS[name]
    with pytest.raises(error, match=words):
        suggest(*args, **options)


def test_features_for_a_selection_of_ones_own():
    def needs_rows(candidates, n):
        return np.argsort(candidates.squares())[:n]

    with pytest.raises(InvalidArgument, match="this selection needs features"):
        suggest(None, 1, probabilities=HALVES, selection=needs_rows)
    with pytest.raises(InvalidArgument, match="nothing to transform"):
        suggest(None, 1, probabilities=HALVES, selection=needs_rows, transform="scale")

    def needs_beliefs(candidates, n):
        return candidates.beliefs.argmax(axis=0)[:n]

    with pytest.raises(InvalidArgument, match="needs probabilities"):
        suggest(POOL, 1, selection=needs_beliefs)


@pytest.mark.parametrize(
    ("probabilities", "error", "words"),
    [
        (np.ones((8, 1)), InvalidArgument, "one class only"),
        (np.ones(8), DimensionMismatch, "classes"),
        (np.full((8, 2), 0.7), InvalidArgument, "row 0 .* sum 1.4"),
        (np.tile([1.5, -0.5], (8, 1)), InvalidArgument, "at least 0"),
        (np.full((8, 2), np.nan), InvalidVector, "NaN"),
        (HALVES[:3], DimensionMismatch, "8 rows, probabilities 3"),
    ],
)
def test_probabilities_that_are_none(probabilities, error, words):
    with pytest.raises(error, match=words):
        suggest(POOL, 1, probabilities=probabilities, selection="entropy")
