from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    NotFitted,
)
from likewise.index import Exact
from likewise.learn import NeighborGraph, NeighborOutliers, neighbor_distance
from likewise.learn.outliers._fitted_rows import RowLookup, other_neighbours
from likewise.testing.estimator import EstimatorConformance


def rows_of(n: int = 80, dim: int = 3, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, dim)).astype(np.float32).astype(np.float64)
    rows[n // 2] = rows[0]  # a copy
    return rows


def slow(X, Q, own, k, score="kth"):
    """Distances to the others, sorted, one query after another; own is left out."""
    found = []
    for query, left in zip(Q, own, strict=True):
        away = sorted(np.linalg.norm(query - x) for i, x in enumerate(X) if i != left)[:k]
        found.append(-away[-1] if score == "kth" else -np.mean(away))
    return np.array(found)


class TestNeighborOutliers(EstimatorConformance):
    def make(self, **options: Any) -> Any:
        return NeighborOutliers(**options)


@pytest.mark.parametrize("score", ["kth", "mean"])
@pytest.mark.parametrize("k", [1, 4, 500])
def test_the_distance_to_the_kth_neighbour(score, k):
    X, new = rows_of(), rows_of(30, seed=1)
    detector = NeighborOutliers(k=k, aggregate=score).fit(X)
    # Rows asked about have at most n - 1 neighbours, as fitted ones have.
    np.testing.assert_allclose(detector.training_scores_, slow(X, X, range(80), k, score))
    nobody = np.full(30, -1)
    expected = slow(X, new, nobody, min(k, 79), score)
    np.testing.assert_allclose(detector.score_samples(new), expected)
    np.testing.assert_allclose(detector.score_samples(X), detector.training_scores_)


def test_normalised_rows_are_compared_by_direction():
    X, new = rows_of(), rows_of(30, seed=1)
    detector = NeighborOutliers(k=3, normalise=True).fit(X)
    cosine = NeighborOutliers(Exact("cosine"), k=3).fit(X)
    angles = np.sqrt(-2 * cosine.score_samples(new))  # |u - v|^2 = 2 (1 - cos)
    np.testing.assert_allclose(detector.score_samples(new), -angles, rtol=1e-5)
    np.testing.assert_allclose(detector.score_samples(7 * new), -angles, rtol=1e-5)


@pytest.mark.parametrize("score", ["kth", "mean"])
def test_within_each_class_the_least(score):
    X, new = rows_of(), rows_of(30, seed=1)
    y = np.array(["a"] * 50 + ["b"] * 29 + ["c"])  # a class of one row
    k = 40
    detector = NeighborOutliers(k=k, by_class=True, aggregate=score).fit(X, y)
    for Q, own in ((X, np.arange(80)), (new, np.full(30, -1))):
        least = np.full(len(Q), -np.inf)
        for label in "abc":
            members = np.flatnonzero(y == label)
            for i in range(len(Q)):
                others = [m for m in members if m != own[i]]
                if others:
                    least[i] = max(least[i], slow(X[others], Q[[i]], [-1], k, score)[0])
        np.testing.assert_allclose(detector.score_samples(Q), least)
    np.testing.assert_allclose(detector.score_samples(X), detector.training_scores_)
    assert detector.classes_.tolist() == ["a", "b", "c"]


def test_a_small_class_beside_a_large_one():
    rng = np.random.default_rng(2)
    X = np.r_[rng.normal(size=(500, 2)), rng.normal(size=(8, 2)) * 0.3 + 12]
    y = np.repeat([0, 1], [500, 8])
    plain = NeighborOutliers(k=20).fit(X, y)
    classed = NeighborOutliers(k=20, by_class=True).fit(X, y)
    small = np.array([[12.0, 12.0]])
    assert plain.predict(small) == [-1]
    assert classed.predict(small) == [1]


def test_the_share_of_outliers():
    X = rows_of(200)
    detector = NeighborOutliers(contamination=0.1)
    assert (detector.fit_predict(X) == -1).sum() == 20
    assert np.array_equal(detector.predict(X), detector.fit_predict(X))
    found = detector.decision_function(X)
    np.testing.assert_array_equal(found, detector.score_samples(X) - detector.offset_)


def test_p_values_of_held_out_rows():
    rng = np.random.default_rng(3)
    detector = NeighborOutliers().fit(rng.normal(size=(300, 4)))
    detector.calibrate(rng.normal(size=(199, 4)))
    p = detector.p_values(rng.normal(size=(2000, 4)))
    # Given the null, the share below a level is a beta variable around it.
    for level in (0.05, 0.2, 0.5):
        assert abs((p <= level).mean() - level) < 4 * np.sqrt(level * (1 - level) / 200)
    odd = rng.normal(size=(10, 4)) + 6
    found = detector.discoveries(np.r_[rng.normal(size=(90, 4)), odd], level=0.1)
    assert found[90:].all()
    assert found[:90].sum() <= 5
    detector.fit(rng.normal(size=(300, 4)))
    with pytest.raises(NotFitted, match="call calibrate"):
        detector.p_values(odd)


def test_a_null_too_small_for_the_level_says_how_many_it_takes():
    detector = NeighborOutliers().fit(rows_of()).calibrate(rows_of(18, seed=1))
    with pytest.raises(InvalidArgument, match="at least 19 rows"):
        detector.discoveries(rows_of(5, seed=2))
    detector.calibrate(rows_of(19, seed=1))
    assert detector.discoveries(rows_of(5, seed=2)).shape == (5,)


def test_fitted_rows_are_known_by_their_numbers():
    X = rows_of().astype(np.float32)
    X[3, 0], X[4, 1] = 0.0, -0.0
    asked = X.copy()
    asked[3, 0], asked[4, 1] = -0.0, 0.0
    places = RowLookup(X).places(asked)
    expected = np.arange(80)
    expected[40] = 0  # the copy
    assert np.array_equal(places, expected)
    assert (RowLookup(X).places(asked[:, ::-1]) == -1).all()


def test_neighbours_without_a_row_itself_are_those_of_leaving_one_out():
    from likewise.learn._searching import fitted_index, leave_one_out

    X = rows_of()
    index = fitted_index(None, X)
    found = other_neighbours(index, RowLookup(index.rows).places(X), X, 6)
    expected = leave_one_out(index, 6)
    np.testing.assert_array_equal(found.distances, expected.distances)
    once = np.arange(80) != 40
    np.testing.assert_array_equal(found.ids[once], expected.ids[once])


@pytest.mark.parametrize(
    ("options", "X", "y", "error", "words"),
    [
        ({"k": 2.5}, rows_of(), None, InvalidType, "k must be a positive integer"),
        (
            {"aggregate": "median"},
            rows_of(),
            None,
            InvalidArgument,
            "aggregate must be 'kth' or 'mean'",
        ),
        ({"contamination": "auto"}, rows_of(), None, InvalidArgument, "must be a share in"),
        ({"by_class": True}, rows_of(), None, InvalidArgument, "requires y to be passed"),
        (
            {"by_class": True},
            rows_of(),
            np.array([0, "a"] * 40, object),
            InvalidType,
            "row 1 a str",
        ),
        ({"by_class": True}, [[1.0]], [0], InvalidArgument, "n_samples = 1"),
        ({"normalise": True}, [[1.0], [0.0]], None, InvalidVector, "row 1 is zero"),
    ],
)
def test_impossible_arguments(options, X, y, error, words):
    with pytest.raises(error, match=words):
        NeighborOutliers(**options).fit(X, y)


def test_the_function_refuses_what_has_no_neighbours():
    with pytest.raises(DimensionMismatch, match=r"k >= 1; got shape \(3, 0\)"):
        neighbor_distance(np.zeros((3, 0)))


def test_a_graph_of_rows_that_are_not_normalised_is_refused_with_a_way_out():
    X = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(InvalidArgument, match=r"divided by their lengths: .* normalise=False"):
        NeighborOutliers(NeighborGraph(5).fit(X), k=3, normalise=True).fit(X)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    ours = NeighborOutliers(NeighborGraph(5).fit(unit), k=3).fit(unit)
    whole = NeighborOutliers(k=3, normalise=True).fit(X)
    np.testing.assert_allclose(ours.training_scores_, whole.training_scores_, rtol=1e-5)


def test_lengths_beyond_float64_do_not_matter():
    X = np.random.default_rng(0).normal(size=(30, 2))
    scores = NeighborOutliers(k=3, normalise=True).fit(X).training_scores_
    for scale in (1e-200, 1e200):
        scaled = NeighborOutliers(k=3, normalise=True).fit(X * scale).training_scores_
        np.testing.assert_allclose(scaled, scores, rtol=1e-5)
