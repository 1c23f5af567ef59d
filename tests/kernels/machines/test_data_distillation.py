"""Distilled data: what is learnt from them is what was learnt from all."""

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidVector, NotPositiveDefinite
from likewise.kernels import RBF
from likewise.kernels.machines import KernelRidge, distil_linear, distil_rows, solve_labels
from tests.kernels.machines.test_ridge import Saddle

rng = np.random.default_rng(0)
X = rng.standard_normal((80, 6))
Y = X @ rng.standard_normal((6, 3)) + 0.1 * rng.standard_normal((80, 3))
KERNEL = RBF(length=2.0)


def ridge(X, Y, strength):
    return np.linalg.solve(X.T @ X + strength * np.eye(X.shape[1]), X.T @ Y)


@pytest.mark.parametrize(("after", "scale"), [(1.0, None), (0.01, 5.0), (30.0, 0.1)])
def test_ridge_learns_the_same_weights_from_as_many_rows_as_outputs(after, scale):
    small = distil_linear(X, Y, ridge=0.7, ridge_distilled=after, scale=scale)
    assert small.rows.shape == (3, 6)
    assert small.targets.shape == (3, 3)
    np.testing.assert_allclose(ridge(*small, after), ridge(X, Y, 0.7), atol=1e-12)
    length = scale or np.linalg.norm(X, axis=1).mean()
    np.testing.assert_allclose(np.linalg.norm(small.rows, axis=1), length)


def test_one_row_for_one_output_and_for_outputs_that_are_alike():
    one = distil_linear(X, Y[:, 0], ridge=0.7)
    assert one.rows.shape == (1, 6)
    np.testing.assert_allclose(ridge(*one, 1.0)[:, 0], ridge(X, Y[:, 0], 0.7), atol=1e-12)
    twice = distil_linear(X, Y[:, [0, 0]], ridge=0.7)
    assert len(twice.rows) == 1


def test_labels_are_those_of_least_squares(monkeypatch):
    Z = X[:10]
    B = KERNEL(X, Z) @ np.linalg.inv(KERNEL(Z) + 0.1 * np.eye(10))
    expected = np.linalg.pinv(B) @ Y
    np.testing.assert_allclose(solve_labels(KERNEL, X, Y, Z, 0.1), expected, atol=1e-8)
    monkeypatch.setattr("likewise.kernels.machines._solver.BLOCK", 8 * 10 * 20)
    blockwise = solve_labels(KERNEL, X, Y, Z, 0.1, n_jobs=2)
    np.testing.assert_allclose(blockwise, expected, atol=1e-8)
    fit = KernelRidge(KERNEL, 0.1).fit(Z, expected).predict(X)
    best = np.sum((fit - Y) ** 2)
    for _ in range(5):
        moved = expected + 0.05 * rng.standard_normal(expected.shape)
        assert np.sum((KernelRidge(KERNEL, 0.1).fit(Z, moved).predict(X) - Y) ** 2) > best


@pytest.mark.parametrize("choose", ["pivoted", "kmeans++", "uniform"])
def test_distilled_rows_do_better_than_their_own_targets(choose):
    small = distil_rows(KERNEL, X, Y, 25, 0.1, choose=choose)
    assert small.rows.shape == (25, 6)
    rows = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in small.rows]
    plain = KernelRidge(KERNEL, 0.1).fit(X[rows], Y[rows]).predict(X)
    learnt = KernelRidge(KERNEL, 0.1).fit(*small).predict(X)
    assert np.sum((learnt - Y) ** 2) < np.sum((plain - Y) ** 2)
    again = distil_rows(KERNEL, X, Y, 25, 0.1, choose=choose)
    assert np.array_equal(again.targets, small.targets)


def test_what_is_refused():
    with pytest.raises(InvalidArgument, match="nothing to keep"):
        distil_linear(X, np.zeros(80), ridge=1.0)
    with pytest.raises(InvalidArgument, match="Y has 3 values, X has 80 rows"):
        distil_linear(X, Y[:3], ridge=1.0)
    with pytest.raises(InvalidArgument, match="ridge must be positive"):
        solve_labels(KERNEL, X, Y, X[:3], 0.0)
    with pytest.raises(InvalidArgument, match="choose must be one of"):
        distil_rows(KERNEL, X, Y, 5, 0.1, choose="best")
    with pytest.raises(InvalidVector):
        solve_labels(KERNEL, X, Y * np.nan, X[:3], 0.1)
    with pytest.raises(NotPositiveDefinite):
        solve_labels(Saddle(), X, Y, X[:10], 0.1)
