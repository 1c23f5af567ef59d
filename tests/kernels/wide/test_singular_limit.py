from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, InvalidVector
from likewise.kernels.wide import SingularClassifier, SingularRegressor
from likewise.kernels.wide._koenigs import Koenigs
from likewise.kernels.wide.singular_limit import SingularLimit, optimal_squares, to_sphere
from likewise.testing.kernel import KernelConformance

DIMS = (1, 2, 3.5, 6, 10)


class TestSingularLimit(KernelConformance):
    tolerance = 1e-9
    tolerance32 = 1e-3

    def make(self):
        return SingularLimit(3, depth=4)

    def variants(self):
        return [SingularLimit(1, depth=7), SingularLimit(6, depth=1)]

    def rows(self, n, seed=0):
        rows = np.random.default_rng(seed).standard_normal((n, 4))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def plain(self, kernel, x, y):
        xi = float(x @ y)
        for _ in range(kernel.depth):
            xi = sum(b * xi**k for k, b in enumerate(optimal_squares(kernel.dim)))
        return xi / optimal_squares(kernel.dim)[1] ** kernel.depth

    def test_bad_rows(self):
        k, X = self.make(), self.rows(3)
        with pytest.raises(InvalidVector, match=r"Y: row 1 has length 1.1; .*to_sphere\(Y\)"):
            k(X, X * np.array([[1.0], [1.1], [1.0]]))
        with pytest.raises(InvalidVector, match="row 1 has NaN"):
            k(X * np.array([[1.0], [np.nan], [1.0]]))
        with pytest.raises(DimensionMismatch):
            k(X, np.eye(3))
        with pytest.raises(InvalidType):
            k("text")


@pytest.mark.parametrize("dim", DIMS)
def test_psi_is_what_many_layers_make(dim):
    xi = np.array([-0.9, -0.3, 0.0, 0.02, 0.4, 0.8, 0.97])
    squares, at, shrunk = optimal_squares(dim), xi, 1.0
    assert squares.sum() == pytest.approx(1.0)
    for _ in range(60 if dim < 3 else 24):
        at, shrunk = np.polyval(squares[::-1], at), shrunk * squares[1]
    log, sign = Koenigs(squares).after(1 - xi, None)
    np.testing.assert_allclose(sign * np.exp(log), at / shrunk, rtol=1e-5)


@pytest.mark.parametrize("dim", DIMS)
def test_psi_solves_its_equation_and_has_the_right_pole(dim):
    koenigs = Koenigs(optimal_squares(dim))
    gap = 10.0 ** np.linspace(-14, -0.05, 60)
    log, _ = koenigs.after(gap, None)
    after, _ = koenigs.after(koenigs.layer_from_one(gap), None)
    np.testing.assert_allclose(after, log + np.log(koenigs.slope), atol=1e-9)
    # psi ~ gap^(-dim / 2), which is |x - y|^-dim; f'(1) makes it waver by a periodic factor.
    period = koenigs.layer_from_one(np.array([1e-13])) / 1e-13
    near, _ = koenigs.after(np.array([1e-13, 1e-13 * period[0]]), None)
    assert (near[1] - near[0]) / np.log(period[0]) == pytest.approx(-dim / 2, rel=1e-6)


def test_the_limit_of_depth_and_its_diagonal():
    X = TestSingularLimit().rows(12)
    limit, deep = SingularLimit(2)(X), SingularLimit(2, depth=60)(X)
    apart = ~np.eye(12, dtype=bool)
    np.testing.assert_allclose(deep[apart], limit[apart], rtol=1e-9)
    assert np.isposinf(np.diag(limit)).all()
    assert np.isposinf(np.diag(SingularLimit(2)(X, X.copy()))).all()
    assert not SingularLimit(2).psd
    assert SingularLimit(2, depth=60).psd


def test_rows_that_nearly_coincide():
    turn = np.array([0.0, 1e-11, 2e-11])
    circle = np.c_[np.cos(turn), np.sin(turn)]
    psi = SingularLimit(dim=2)(circle)
    assert psi[0, 1] / psi[0, 2] == pytest.approx(4.0, rel=1e-6)


def test_many_dimensions_are_logarithms():
    turn = np.array([0.0, 1e-9])
    circle = np.c_[np.cos(turn), np.sin(turn)]
    log = SingularLimit(dim=80).log(circle, circle).log
    assert log[0, 1] > 750  # exp of it is beyond floats
    assert np.isfinite(log[0, 1])


def test_dim_and_depth_are_checked():
    for dim in (0.5, 1.5, 0, 2000):
        with pytest.raises(InvalidArgument, match="dim must be 1, or from 2"):
            SingularLimit(dim)
    with pytest.raises(InvalidArgument, match="use at most 100, or None"):
        SingularLimit(20, depth=101)


# -- votes ---------------------------------------------------------------------------


@parametrize_with_checks([SingularClassifier(), SingularRegressor()])
def test_scikit_learn(estimator, check):
    check(estimator)


def orthant(n, rng):
    rows = np.abs(rng.standard_normal((n, 3)))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_votes_are_the_sum():
    rng = np.random.default_rng(0)
    X, Q, y = orthant(40, rng), orthant(9, rng), rng.integers(0, 3, 40)
    model = SingularClassifier(lift=False).fit(X, y)
    psi = SingularLimit(2)(Q, X)
    shares = np.array([[psi[i, y == c].sum() / psi[i].sum() for c in range(3)] for i in range(9)])
    np.testing.assert_allclose(model.predict_proba(Q), shares)
    means = SingularRegressor(lift=False).fit(X, y).predict(Q)
    np.testing.assert_allclose(means, psi @ y / psi.sum(axis=1))


def test_rows_answer_their_label_and_twins_the_mean():
    X = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.3, 0.3]])
    y = np.array([0.0, 1.0, 3.0, 7.0])
    np.testing.assert_array_equal(SingularRegressor().fit(X, y).predict(X), [0, 2, 2, 7])
    shares = SingularClassifier().fit(X, ["a", "b", "c", "a"]).predict_proba(X)
    np.testing.assert_array_equal(shares, [[1, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5], [1, 0, 0]])


def test_blocks_of_queries_agree(monkeypatch):
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((50, 2)), rng.standard_normal(50)
    model = SingularRegressor(dim=2).fit(X, y)
    whole = model.predict(X + 0.1)
    monkeypatch.setattr("likewise.kernels.wide.singular_votes.BLOCK", 100)
    np.testing.assert_allclose(model.predict(X + 0.1), whole)


def test_a_query_like_no_row_has_the_mean():
    model = SingularRegressor(dim=1, lift=False).fit([[0.0, 1.0], [0.0, 1.0]], [1.0, 2.0])
    assert model.predict([[0.0, -1.0]]) == [1.5]


def test_off_the_sphere():
    with pytest.raises(InvalidVector, match="row 1 has length 2; rows must lie on the unit sphere"):
        SingularClassifier(lift=False).fit([[1.0, 0.0], [2.0, 0.0]], [0, 1])
    with pytest.raises(InvalidType, match="lift must be True or False"):
        SingularClassifier(lift="yes").fit([[1.0, 0.0], [2.0, 0.0]], [0, 1])


def test_to_sphere_keeps_new_rows_within():
    X = np.array([[0.0, 5.0], [2.0, 5.0]])
    rows = to_sphere([[9.0, 9.0], [-9.0, 5.0]], X.min(axis=0), X.max(axis=0))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1)
    assert (rows >= 0).all()
