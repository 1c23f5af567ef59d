from __future__ import annotations

from math import gamma

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import kv
from sklearn.gaussian_process import kernels as gp
from sklearn.metrics import pairwise

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, InvalidVector
from likewise.kernels import (
    RBF,
    ArcCosine,
    Cosine,
    Laplace,
    Linear,
    Matern,
    Periodic,
    Polynomial,
    RationalQuadratic,
)
from likewise.kernels.classical.arc_cosine import angular
from likewise.testing.kernel import KernelConformance

LENGTHS = [0.5, 1.0, 2.0, 4.0]
X = np.random.default_rng(0).standard_normal((30, 3))
Y = np.random.default_rng(1).standard_normal((20, 3))


class TestLaplace(KernelConformance):
    features = 4000

    def make(self):
        return Laplace(length=2.0)

    def variants(self):
        return [Laplace(length=LENGTHS)]

    def plain(self, kernel, x, y):
        return np.exp(-sum(np.abs(x - y) / np.asarray(kernel.length)))


class TestMatern(KernelConformance):
    features = 4000

    def make(self):
        return Matern(length=1.3)

    def variants(self):
        return [
            Matern(nu=0.5, length=LENGTHS),
            Matern(nu=2.5, length=LENGTHS),
            Matern(nu=0.8, length=2.0),
            Matern(nu=1.0, length=2.0),
            Matern(nu=4.2, length=LENGTHS),
            Matern(nu=1.5, length=LENGTHS, bounds={"length": (0.1, 10.0)}),
        ]

    def plain(self, kernel, x, y):
        nu = kernel.nu
        u = np.sqrt(2 * nu * np.sum(((x - y) / np.asarray(kernel.length)) ** 2))
        return 1.0 if u == 0 else 2 ** (1 - nu) / gamma(nu) * u**nu * kv(nu, u)


class TestRationalQuadratic(KernelConformance):
    features = 4000

    def make(self):
        return RationalQuadratic(alpha=0.7, length=1.3)

    def variants(self):
        fixed = RationalQuadratic(length=LENGTHS, bounds={"alpha": "fixed"})
        return [RationalQuadratic(alpha=3.0, length=LENGTHS), fixed]

    def plain(self, kernel, x, y):
        s = np.sum(((x - y) / np.asarray(kernel.length)) ** 2)
        return (1 + s / (2 * kernel.alpha)) ** -kernel.alpha


class TestPeriodic(KernelConformance):
    features = 4000

    def make(self):
        return Periodic(length=1.5, period=3.0)

    def variants(self):
        return [Periodic(length=LENGTHS, period=[1.0, 2.0, 3.0, 4.0])]

    def plain(self, kernel, x, y):
        turn = np.sin(np.pi * (x - y) / np.asarray(kernel.period)) / np.asarray(kernel.length)
        return np.exp(-2 * np.sum(turn**2))


class TestLinear(KernelConformance):
    features = 64

    def make(self):
        return Linear()

    def plain(self, kernel, x, y):
        return sum(a * b for a, b in zip(x, y, strict=True))


class TestPolynomial(KernelConformance):
    features = 4000

    def make(self):
        return Polynomial()

    def variants(self):
        return [Polynomial(degree=2, scale=0.3, offset=0), Polynomial(degree=1)]

    def plain(self, kernel, x, y):
        return (kernel.scale * np.sum(x * y) + kernel.offset) ** kernel.degree


class TestCosine(KernelConformance):
    features = 64

    def make(self):
        return Cosine()

    def plain(self, kernel, x, y):
        return np.sum(x * y) / np.sqrt(np.sum(x * x) * np.sum(y * y))


class TestArcCosine(KernelConformance):
    features = 20000
    tolerance = 1e-7  # at equal rows the formula has an angle of 1e-8 where the kernel has 0

    def make(self):
        return ArcCosine(order=1)

    def variants(self):
        return [ArcCosine(order=0), ArcCosine(order=2)]

    def plain(self, kernel, x, y):
        """The published formulas of the first orders."""
        lengths = np.linalg.norm(x) * np.linalg.norm(y)
        c = min(x @ y / lengths, 1.0)
        angle, s = np.arccos(c), np.sqrt(1 - c * c)
        J = {
            0: np.pi - angle,
            1: s + (np.pi - angle) * c,
            2: 3 * s * c + (np.pi - angle) * (1 + 2 * c * c),
        }
        return lengths**kernel.order * J[kernel.order] / np.pi


# -- against scikit-learn ------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (RBF(length=0.7), gp.RBF(0.7)),
        (RBF(length=[0.5, 1.0, 2.0]), gp.RBF([0.5, 1.0, 2.0])),
        (Matern(nu=0.5, length=0.7), gp.Matern(0.7, nu=0.5)),
        (Matern(nu=1.5, length=0.7), gp.Matern(0.7, nu=1.5)),
        (Matern(nu=2.5, length=[0.5, 1.0, 2.0]), gp.Matern([0.5, 1.0, 2.0], nu=2.5)),
        (Matern(nu=0.8, length=0.7), gp.Matern(0.7, nu=0.8)),
        (Matern(nu=4.2, length=0.7), gp.Matern(0.7, nu=4.2)),
        (RationalQuadratic(alpha=0.4, length=0.7), gp.RationalQuadratic(0.7, 0.4)),
        (2.0 * RBF(length=0.7) + 0.5, 2.0 * gp.RBF(0.7) + 0.5),
        (Linear() + 4.0, gp.DotProduct(2.0)),
    ],
    ids=str,
)
def test_equals_scikit_learn_with_its_gradients(ours, theirs):
    np.testing.assert_allclose(ours(X, Y), theirs(X, Y), rtol=1e-10, atol=1e-12)
    K, G = theirs(X, eval_gradient=True)
    np.testing.assert_allclose(ours(X), K, rtol=1e-9, atol=1e-12)
    if "RationalQuadratic" not in str(ours) and "Linear" not in str(ours):  # parametrised alike
        G = np.sort(G.sum(axis=(0, 1)))
        np.testing.assert_allclose(np.sort(ours.gradient(X).sum(axis=(0, 1))), G, rtol=1e-6)


def test_equals_the_functions_of_scikit_learn():
    np.testing.assert_allclose(
        Laplace(length=2.0)(X, Y), pairwise.laplacian_kernel(X, Y, gamma=0.5), rtol=1e-12
    )
    np.testing.assert_allclose(
        Polynomial(degree=4, scale=0.3, offset=2.0)(X, Y),
        pairwise.polynomial_kernel(X, Y, degree=4, gamma=0.3, coef0=2.0),
        rtol=1e-12,
    )
    np.testing.assert_allclose(Cosine()(X, Y), pairwise.cosine_similarity(X, Y), atol=1e-14)
    np.testing.assert_allclose(Linear()(X, Y), pairwise.linear_kernel(X, Y), rtol=1e-14)
    one = gp.ExpSineSquared(1.5, 3.0)(X[:, :1], Y[:, :1])
    np.testing.assert_allclose(Periodic(1.5, 3.0)(X[:, :1], Y[:, :1]), one, rtol=1e-10)


def test_periodic_is_psd_where_the_euclidean_one_is_not():
    grid = np.stack(np.meshgrid(*[np.linspace(0, 2, 7)] * 2), axis=-1).reshape(-1, 2)
    assert np.linalg.eigvalsh(gp.ExpSineSquared(1.0, 1.0)(grid))[0] < -1e-3
    assert np.linalg.eigvalsh(Periodic(1.0, 1.0)(grid))[0] > -1e-10


# -- Matern ---------------------------------------------------------------------------


def test_matern_near_its_closed_forms_and_its_limit():
    for nu in (0.5, 1.5, 2.5):
        K = Matern(nu=nu + 1e-9, length=0.7)(X)
        np.testing.assert_allclose(K, Matern(nu=nu, length=0.7)(X), atol=1e-7)
    np.testing.assert_allclose(Matern(nu=100.0)(X), RBF()(X), atol=0.005)


@pytest.mark.parametrize("nu", [0.3, 0.9, 1.7, 3.0, 30.0, 100.0])
def test_matern_of_tiny_and_huge_distances(nu):
    apart = np.concatenate([[0.0], np.logspace(-160, 4, 300)])[:, None]
    K = Matern(nu=nu)(apart[:1], apart)[0]
    assert K[0] == 1.0
    assert K[-1] < 1e-3
    assert np.all(np.isfinite(K))
    assert np.all(np.diff(K) <= 1e-12)
    assert np.isfinite(Matern(nu=nu).gradient(apart)).all()


@pytest.mark.parametrize("nu", [0.0, -1.0, 101.0, np.inf, np.nan])
def test_nu_out_of_range(nu):
    with pytest.raises(InvalidArgument, match="nu must be"):
        Matern(nu=nu)


# -- arc-cosine -----------------------------------------------------------------------


@pytest.mark.parametrize("order", range(7))
def test_every_order_is_the_integral_over_directions(order):
    """In the plane: E over w of both powers, as one integral over the angle of w."""
    even = 2 * order
    moment = 2 ** (even / 2) * gamma(even / 2 + 1)  # E |w|^(2 order) in two dimensions
    for angle in (0.0, 0.3, 1.2, 2.0, 3.0):

        def both(t, angle=angle):
            return (max(np.cos(t), 0.0) * max(np.cos(t - angle), 0.0)) ** order

        inside = angle - np.pi / 2, np.pi / 2  # where both are positive
        plain = 2 * moment * quad(both, *inside, epsabs=1e-13)[0] / (2 * np.pi)
        k = ArcCosine(order=order)([1.0, 0.0], [np.cos(angle), np.sin(angle)])
        largest = float(ArcCosine(order=order)([1.0, 0.0], [1.0, 0.0]))
        assert abs(k - plain) < 3e-8 * largest, (order, angle)


def test_derivative_of_an_order_is_the_one_below():
    c = np.linspace(-0.9, 0.9, 19)
    for n in range(1, 6):
        slope = (angular(c + 1e-6, n) - angular(c - 1e-6, n)) / 2e-6
        np.testing.assert_allclose(slope, n * n * angular(c, n - 1), rtol=1e-6)


def test_arc_cosine_diagonal_is_exact_for_any_order():
    x = np.array([[3.0, 4.0]])
    for order, double_factorial in enumerate([1, 1, 3, 15, 105]):
        assert ArcCosine(order=order).diag(x)[0] == 25.0**order * double_factorial
        assert ArcCosine(order=order)(x)[0, 0] == 25.0**order * double_factorial


def test_features_of_higher_orders_have_the_kernel_as_their_mean():
    rows = X[:6] / 2
    K = ArcCosine(order=3)(rows)
    phi = ArcCosine(order=3).features(200_000, random_state=0)(rows)
    assert np.abs(phi @ phi.T - K).mean() < 0.05 * K.max()


@pytest.mark.parametrize("order", [-1, 1.5, "one"])
def test_wrong_orders(order):
    with pytest.raises((InvalidArgument, InvalidType), match="order"):
        ArcCosine(order=order)


# -- maps and bad rows ----------------------------------------------------------------


def test_small_maps_are_exact_and_sketches_say_that_they_are_not():
    for kernel, needs in ((Linear(), 3), (Cosine(), 3), (Polynomial(degree=3), 20)):
        phi = kernel.features(needs, random_state=0)
        np.testing.assert_allclose(phi(X) @ phi(Y).T, kernel(X, Y), rtol=1e-9, atol=1e-12)
        assert phi.exact
        fewer = kernel.features(needs - 1, random_state=0)
        assert np.abs(fewer(X) @ fewer(Y).T - kernel(X, Y)).max() > 0.01
        assert not fewer.exact


@pytest.mark.parametrize("kernel", [Linear(), Polynomial(degree=3), Polynomial(2, offset=0)])
def test_sketches_are_unbiased(kernel):
    wide = np.random.default_rng(2).standard_normal((2, 12))
    draws = []
    for seed in range(400):
        phi = kernel.features(11, random_state=seed)(wide)
        draws.append(phi[0] @ phi[1])
    error = np.std(draws) / np.sqrt(len(draws))
    assert abs(np.mean(draws) - kernel(*wide)) < 4 * error


def test_zero_rows():
    zero = [[1.0, 2.0], [0.0, 0.0]]
    for kernel in (Cosine(), ArcCosine(order=0), RBF() + Cosine(), Cosine() * 2.0):
        with pytest.raises(InvalidVector, match="row 1 is a zero vector"):
            kernel(zero)
    for kernel in (Cosine(), ArcCosine(order=0)):
        with pytest.raises(InvalidVector, match="row 1 is a zero vector"):
            kernel.features(5, random_state=0)(zero)
    assert ArcCosine(order=1)(zero)[1].tolist() == [0.0, 0.0]


def test_directions_of_tiny_and_huge_rows():
    rows = np.array([[3e-200, 4e-200], [3e200, 4e200]])
    np.testing.assert_allclose(Cosine()(rows), 1.0)


def test_wrong_arguments():
    with pytest.raises(InvalidArgument, match="offset must be 0 or positive"):
        Polynomial(offset=-1.0)
    with pytest.raises(InvalidArgument, match="degree must be at least 1"):
        Polynomial(degree=0)
    with pytest.raises(DimensionMismatch, match="period has 3 numbers, rows have 2"):
        Periodic(period=[1.0, 2.0, 3.0])([[1.0, 2.0]])
