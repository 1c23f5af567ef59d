"""Local intrinsic dimension: closed form, simulation, the slow twin, bad input."""

import numpy as np
import pytest

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    UnknownArgument,
    UnknownMetric,
)
from likewise.explain import dimension_from_distances, local_intrinsic_dimension
from likewise.metrics import resolve


def ball(n, dim, rng):
    """``n`` points uniform in the unit ball."""
    directions = rng.normal(size=(n, dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * rng.random((n, 1)) ** (1 / dim)


def one_by_one(X, k, metric):
    """The slow twin: the formula of the papers, a point and a neighbour at a time."""
    answer = []
    for i in range(len(X)):
        others = np.delete(X, i, axis=0)
        radii = np.sort(resolve(metric).pairwise(X[i : i + 1], others)[0])[:k]
        radii = [r for r in radii if r > 1e-12]
        answer.append(-1 / np.mean([np.log(r / radii[-1]) for r in radii]))
    return np.array(answer)


@pytest.mark.parametrize("dim", [1, 2, 5, 8])
def test_the_centre_of_a_ball_has_its_dimension(dim):
    # Distances to the centre of a uniform ball follow the law of the estimator exactly, so
    # its mean is dim * k / (k - 2) and its standard deviation about dim / sqrt(k).
    rng = np.random.default_rng(dim)
    k, trials = 100, 200
    estimates = [
        local_intrinsic_dimension(ball(400, dim, rng), k=k, queries=np.zeros(dim))[0]
        for _ in range(trials)
    ]
    error = 4 * dim / np.sqrt(k * trials)
    assert np.mean(estimates) == pytest.approx(dim * k / (k - 2), abs=error)
    assert np.std(estimates) == pytest.approx(dim / np.sqrt(k), rel=0.35)


def test_distances_on_a_power_law_give_their_exponent():
    k, dim = 5000, 7
    radii = (np.arange(1, k + 1) / k) ** (1 / dim)
    # -mean(log(i / k)) tends to 1, by Stirling's formula.
    assert dimension_from_distances([radii])[0] == pytest.approx(dim, rel=2e-3)


def test_turning_and_scaling_change_nothing():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 6))
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    np.testing.assert_allclose(
        local_intrinsic_dimension(X, k=30),
        local_intrinsic_dimension(7 * X @ turn, k=30),
        rtol=1e-4,
    )


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
def test_agrees_with_the_formula_point_by_point(metric):
    X = np.random.default_rng(2).normal(size=(150, 5)).astype(np.float32)
    np.testing.assert_allclose(
        local_intrinsic_dimension(X, k=20, metric=metric), one_by_one(X, 20, metric), rtol=1e-6
    )


@pytest.mark.parametrize("metric", ["cosine", "sqeuclidean"])
def test_squared_distances_are_taken_back_to_lengths(metric):
    X = np.random.default_rng(3).normal(size=(150, 5)).astype(np.float32)
    np.testing.assert_allclose(
        local_intrinsic_dimension(X, k=20, metric=metric),
        2 * one_by_one(X, 20, metric),
        rtol=1e-6,
    )


def test_blocks_do_not_change_the_answer(monkeypatch):
    X = np.random.default_rng(4).normal(size=(120, 4)).astype(np.float32)
    whole = local_intrinsic_dimension(X, k=15)
    monkeypatch.setattr("likewise.explain.intrinsic_dimension._BLOCK_BYTES", 8 * 120 * 7)
    np.testing.assert_array_equal(local_intrinsic_dimension(X, k=15), whole)


def test_a_query_that_is_a_row_is_not_its_own_neighbour():
    X = np.random.default_rng(5).normal(size=(80, 3)).astype(np.float32)
    others = local_intrinsic_dimension(X[1:], k=20, queries=X[:1])
    assert local_intrinsic_dimension(X, k=20)[0] == pytest.approx(others[0])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_copies_are_dropped(metric):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(100, 4)).astype(np.float32)
    copies = np.concatenate([X, X[:1], X[:1]])
    with_copies = local_intrinsic_dimension(copies, k=22, metric=metric)
    without = local_intrinsic_dimension(X, k=20, metric=metric)
    assert np.isfinite(with_copies).all()
    assert with_copies[0] == pytest.approx(without[0], rel=1e-6)


def test_a_heap_of_copies_has_dimension_zero():
    X = np.concatenate([np.ones((30, 3)), np.random.default_rng(7).normal(size=(30, 3))])
    found = local_intrinsic_dimension(X, k=10)
    assert (found[:30] == 0).all()
    assert (found[30:] > 0).all()


def test_equally_far_neighbours_have_no_finite_dimension():
    assert np.isinf(local_intrinsic_dimension(np.eye(6), k=4)).all()


def test_few_rows_use_all_neighbours():
    X = np.random.default_rng(8).normal(size=(12, 3))
    np.testing.assert_array_equal(
        local_intrinsic_dimension(X, k=100), local_intrinsic_dimension(X, k=11)
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"k": 1}, InvalidArgument, "k must be at least 2"),
        ({"k": 2.0}, InvalidType, "k must be an integer"),
        ({"metric": "dot"}, UnknownMetric, "dot distances; use one of cosine"),
        ({"metric": "nearness"}, UnknownMetric, "no metric 'nearness'"),
        ({"queries": np.ones((2, 5))}, DimensionMismatch, "queries: rows hold 3 numbers"),
        ({"queries": [[1.0, np.nan, 0.0]]}, InvalidVector, "NaN"),
        ({"n_neighbors": 5}, UnknownArgument, "did you mean 'k'"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    X = np.random.default_rng(9).normal(size=(20, 3))
    with pytest.raises(error, match=message):
        local_intrinsic_dimension(X, **arguments)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_few_rows_are_refused(rows):
    with pytest.raises(InvalidArgument, match="needs at least 2"):
        local_intrinsic_dimension(np.ones((rows, 3)))


def test_a_zero_vector_under_cosine_is_refused():
    X = np.ones((10, 3))
    X[4] = 0
    with pytest.raises(InvalidVector, match="row 4"):
        local_intrinsic_dimension(X, metric="cosine")


@pytest.mark.parametrize("distances", [[[1.0, -1.0]], [[np.nan, 1.0]], [1.0, 2.0]])
def test_what_are_no_distances_is_refused(distances):
    with pytest.raises(InvalidVector, match="distance"):
        dimension_from_distances(distances)
