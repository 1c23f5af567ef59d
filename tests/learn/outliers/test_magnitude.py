from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.stats import spearmanr

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    NotPositiveDefinite,
    OverLimit,
    UnknownMetric,
)
from likewise.index import Exact
from likewise.learn import (
    MagnitudeOutliers,
    local_magnitude_growth,
    magnitude_growth,
    weighting_vector,
)
from likewise.learn.outliers.magnitude import distances_among, factored
from likewise.testing.estimator import EstimatorConformance


def rows_of(n: int = 60, dim: int = 2, seed: int = 0) -> Any:
    rows = np.random.default_rng(seed).normal(size=(n, dim))
    return rows.astype(np.float32).astype(np.float64)


def similar(X, t=3.0, metric="euclidean"):
    return np.exp(-t * squareform(pdist(X, metric)))


def magnitude(X, t=3.0):
    return np.linalg.solve(similar(X, t) + 1e-8 * np.eye(len(X)), np.ones(len(X))).sum()


class TestMagnitudeOutliers(EstimatorConformance):
    def make(self, **options: Any) -> Any:
        return MagnitudeOutliers(**options)


class TestExactMagnitudeOutliers(EstimatorConformance):
    def make(self, **options: Any) -> Any:
        return MagnitudeOutliers(method="exact", t=1.0, **options)


def test_weights_of_rows_on_a_line_are_known():
    """With gaps g: tanh(t g / 2) from each side, and 1 / 2 more at both ends."""
    x = np.cumsum([0.0, 0.3, 1.0, 0.2, 2.0])
    halves = np.tanh(1.5 * np.diff(x) / 2) / 2
    expected = np.r_[0.5, halves] + np.r_[halves, 0.5]
    found = weighting_vector(similar(x[:, None], 1.5))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    # On a line Z^-1 has three diagonals: two neighbours, one to each side, say it all.
    neighbours = np.array([[1, 3]])
    near = np.abs(x[neighbours] - x[2])
    among = np.abs(x[neighbours][:, :, None] - x[neighbours][:, None])
    np.testing.assert_allclose(
        local_magnitude_growth(near, among, 1.5).weights, expected[2], atol=1e-6
    )


def test_a_new_row_by_its_gain_is_that_of_a_larger_set():
    X, new = rows_of(), rows_of(8, seed=1) * 2
    Z = similar(X)
    found = magnitude_growth(np.exp(-3.0 * cdist(new, X)), factored(Z), weighting_vector(Z))
    for i, row in enumerate(new):
        larger = np.r_[X, [row]]
        assert found.gains[i] == pytest.approx(magnitude(larger) - magnitude(X))
        assert found.weights[i] == pytest.approx(weighting_vector(similar(larger))[-1])


def test_all_others_as_neighbours_are_exact():
    X, new = rows_of(), rows_of(8, seed=1)
    exact = MagnitudeOutliers(t=3.0, method="exact").fit(X)
    local = MagnitudeOutliers(t=3.0, k=59).fit(X)
    np.testing.assert_allclose(local.weights_, exact.weights_, rtol=1e-6)
    np.testing.assert_allclose(local.gains_, exact.gains_, rtol=1e-6)
    np.testing.assert_allclose(exact.weights_, weighting_vector(similar(X)), rtol=1e-6)
    for i in (0, 17):  # by leaving the row out
        others = np.delete(X, i, axis=0)
        assert exact.gains_[i] == pytest.approx(magnitude(X) - magnitude(others))
    grown, Z = exact.growth(new), similar(X)
    expected = magnitude_growth(np.exp(-3.0 * cdist(new, X)), factored(Z), weighting_vector(Z))
    np.testing.assert_allclose(grown.weights, expected.weights, rtol=1e-6)
    np.testing.assert_allclose(grown.gains, expected.gains, rtol=1e-6)


@pytest.mark.parametrize("method", ["local", "exact"])
def test_fitted_rows_score_as_in_training(method):
    X = rows_of()
    detector = MagnitudeOutliers(method=method).fit(X)
    np.testing.assert_array_equal(detector.score_samples(X), detector.training_scores_)
    np.testing.assert_array_equal(detector.growth(X).gains, detector.gains_)
    assert np.array_equal(detector.predict(X), detector.fit_predict(X))


def test_few_neighbours_come_near():
    X = rows_of(800, 3)
    exact = MagnitudeOutliers(method="exact").fit(X)
    local = MagnitudeOutliers(k=20).fit(X)
    assert local.t_ == exact.t_
    assert spearmanr(local.weights_, exact.weights_)[0] > 0.97
    few = MagnitudeOutliers(k=3).fit(X)
    new = rows_of(100, 3, seed=1)
    errors = [
        np.abs(way.score_samples(new) - exact.score_samples(new)).mean() for way in (local, few)
    ]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_scale_makes_rows_count_as_the_share(share):
    for unit in (1e-3, 1.0, 1e3):
        found = MagnitudeOutliers(share=share).fit(unit * rows_of(300))
        assert found.weights_.mean() == pytest.approx(share, abs=0.01)
    copied = np.repeat(rows_of(100), 3, axis=0)
    assert MagnitudeOutliers(share=share).fit(copied).weights_.mean() == pytest.approx(
        share / 3, abs=0.01
    )


def test_boundaries_weigh_more_than_what_is_inside():
    grid = np.stack(np.meshgrid(*2 * [np.linspace(0, 1, 20)]), axis=-1).reshape(-1, 2)
    border = ((grid == 0) | (grid == 1)).any(axis=1)
    weights = weighting_vector(similar(grid, 20.0))
    # As measured for the method notes: 0.35 on the boundary, 0.16 inside, 80 in all.
    assert weights[border].mean() == pytest.approx(0.35, abs=0.01)
    assert weights[~border].mean() == pytest.approx(0.16, abs=0.01)
    assert weights.sum() == pytest.approx(80, abs=1)
    assert weights[border].min() > weights[~border].max()


def test_copies_share_a_weight_and_equal_rows_are_no_error():
    X = np.array([[0.0], [0.0], [0.0], [10.0]])
    found = MagnitudeOutliers(t=1.0, method="exact").fit(X).weights_
    np.testing.assert_allclose(found, [1 / 3, 1 / 3, 1 / 3, 1], atol=1e-3)
    assert np.isfinite(MagnitudeOutliers().fit(np.ones((9, 2))).weights_).all()


def test_manhattan_distances():
    X, new = rows_of(40, 3), rows_of(5, 3, seed=1)
    detector = MagnitudeOutliers(Exact("manhattan"), k=39, t=2.0).fit(X)
    expected = weighting_vector(similar(X, 2.0, "cityblock"))
    np.testing.assert_allclose(detector.weights_, expected, rtol=1e-5)
    exact = MagnitudeOutliers(Exact("manhattan"), method="exact", t=2.0).fit(X)
    assert np.allclose(exact.weights_, expected)
    assert exact.score_samples(new).shape == (5,)


@pytest.mark.parametrize(("metric", "theirs"), [("euclidean",) * 2, ("manhattan", "cityblock")])
def test_distances_among_neighbours_that_are_far_from_the_origin(metric, theirs):
    near = rows_of(12, 3) + 1000
    found = distances_among(near.reshape(3, 4, 3), near[:3], metric)
    for part, block in zip(found, near.reshape(3, 4, 3), strict=True):
        np.testing.assert_allclose(part, cdist(block, block, theirs), atol=1e-6)


def test_pieces_give_what_the_whole_gives(monkeypatch):
    X = rows_of()
    whole = MagnitudeOutliers(k=7, t=2.0).fit(X).weights_
    monkeypatch.setattr("likewise.learn.outliers.weights.NUMBERS_AT_ONCE", 2000)
    np.testing.assert_allclose(MagnitudeOutliers(k=7, t=2.0).fit(X).weights_, whole)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"index": Exact("cosine")}, UnknownMetric, "euclidean or manhattan; the index has 'cos"),
        ({"t": 0.0}, InvalidArgument, "t must be positive"),
        ({"t": "auto"}, InvalidType, "t must be a number"),
        ({"share": 1.0}, InvalidArgument, "share must lie between 0 and 1"),
        ({"method": "fast"}, InvalidArgument, 'method must be "local" or "exact"'),
        ({"method": "exact", "memory_limit": 1000}, OverLimit, 'use method="local"'),
        ({"memory_limit": 0}, InvalidArgument, "memory_limit must be at least 1"),
        ({"k": 0}, InvalidArgument, "k must be a positive integer"),
    ],
)
def test_impossible_arguments(options, error, words):
    with pytest.raises(error, match=words):
        MagnitudeOutliers(**options).fit(rows_of())


def test_impossible_arrays():
    with pytest.raises(NotPositiveDefinite, match="not positive definite"):
        weighting_vector([[1.0, 0.9, 0.0], [0.9, 1.0, 0.9], [0.0, 0.9, 1.0]])
    with pytest.raises(DimensionMismatch, match="square matrix"):
        weighting_vector(np.ones((2, 3)))
    with pytest.raises(DimensionMismatch, match=r"got \(1, 2\), \(1, 3, 3\)"):
        local_magnitude_growth(np.ones((1, 2)), np.ones((1, 3, 3)), 1.0)
    with pytest.raises(InvalidArgument, match="t must be positive"):
        local_magnitude_growth(np.ones((1, 1)), np.ones((1, 1, 1)), -1.0)
