from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, InvalidVector
from likewise.kernels import ProbabilityProduct, SlicedWasserstein, WassersteinRBF
from likewise.kernels import gaussian_distances as distances
from likewise.kernels.things._gaussian_rows import as_gaussian_rows
from likewise.kernels.things.gaussian_distances import MEASURES
from likewise.testing.kernel import KernelConformance
from likewise.vectors import as_bags, as_gaussians


def diagonal(n, seed=0, dim=3):
    rng = np.random.default_rng(seed)
    return as_gaussian_rows((rng.normal(size=(n, dim)), np.exp(rng.normal(size=(n, dim)))))


def full(n, seed=0, dim=3):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(n, dim, dim))
    S = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(dim)
    return as_gaussian_rows((rng.normal(size=(n, dim)), S))


def parts(row):
    """The mean and the covariance matrix of one row."""
    spread = row.spreads[0]
    return row.means[0], spread if spread.ndim == 2 else np.diag(spread)


def plain(measure, x, y):
    (m, S), (o, T) = parts(x), parts(y)
    d, M = m - o, (S + T) / 2
    if measure == "wasserstein":
        root = sqrtm(S).real
        cross = sqrtm(root @ T @ root).real
        return np.sqrt(max(d @ d + np.trace(S + T - 2 * cross), 0.0))
    if measure == "kl":
        inverse = np.linalg.inv(T)
        logs = np.log(np.linalg.det(T) / np.linalg.det(S))
        return (np.trace(inverse @ S) + d @ inverse @ d - len(d) + logs) / 2
    if measure == "jeffreys":
        return plain("kl", x, y) + plain("kl", y, x)
    root = np.sqrt(np.linalg.det(S) * np.linalg.det(T))
    bhattacharyya = d @ np.linalg.inv(M) @ d / 8 + np.log(np.linalg.det(M) / root) / 2
    return bhattacharyya if measure == "bhattacharyya" else np.sqrt(1 - np.exp(-bhattacharyya))


class TestDiagonalWasserstein(KernelConformance):
    vectors = False
    features = 4000

    def make(self):
        return WassersteinRBF(length=2.0)

    def rows(self, n, seed=0):
        return diagonal(n, seed)

    def plain(self, kernel, x, y):
        return np.exp(-(plain("wasserstein", x, y) ** 2) / (2 * kernel.length**2))


class TestFullWasserstein(KernelConformance):
    vectors = False
    tolerance = 1e-6  # of the twin, with its roots of matrices

    def make(self):
        return WassersteinRBF(length=2.0, covariance="full")

    def rows(self, n, seed=0):
        return full(n, seed)

    def plain(self, kernel, x, y):
        return np.exp(-(plain("wasserstein", x, y) ** 2) / (2 * kernel.length**2))


class TestProbabilityProduct(KernelConformance):
    vectors = False

    def make(self):
        return ProbabilityProduct()

    def variants(self):
        return [
            ProbabilityProduct(power=1),
            ProbabilityProduct(power=1, normalised=False),
            ProbabilityProduct(power=0.3, normalised=False),
        ]

    def rows(self, n, seed=0):
        return diagonal(n, seed)

    def plain(self, kernel, x, y):
        """By sums over a fine grid, one dimension after the other."""

        def integral(a, b):
            p, q = (on_a_line(row.means.tobytes(), row.spreads.tobytes()) for row in (a, b))
            return np.prod(np.sum((p * q) ** kernel.power, axis=0) * 0.04)

        scale = np.sqrt(integral(x, x) * integral(y, y)) if kernel.normalised else 1.0
        return integral(x, y) / scale


@lru_cache
def on_a_line(mean, variance):
    z = np.arange(-60, 60, 0.04)[:, None]
    m, v = np.frombuffer(mean), np.frombuffer(variance)
    return np.exp(-((z - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)


@lru_cache
def in_the_plane(mean, covariance):
    grid = np.stack(np.meshgrid(*[np.arange(-12, 12, 0.15)] * 2), axis=-1)
    S = np.frombuffer(covariance).reshape(2, 2)
    return multivariate_normal(np.frombuffer(mean), S).pdf(grid)


class TestProbabilityProductOfCovariances(KernelConformance):
    vectors = False

    def make(self):
        return ProbabilityProduct(power=1, normalised=False)

    def rows(self, n, seed=0):
        return full(n, seed, dim=2)

    def plain(self, kernel, x, y):
        """By a sum over a fine grid of the plane."""
        p, q = (in_the_plane(row.means.tobytes(), row.spreads.tobytes()) for row in (x, y))
        return np.sum(p * q) * 0.15**2


class TestSlicedWasserstein(KernelConformance):
    vectors = False
    features = 4000

    def make(self):
        return SlicedWasserstein(length=1.5, n_directions=7, n_quantiles=6)

    def variants(self):
        return [SlicedWasserstein(n_directions=3, n_quantiles=5, random_state=4)]

    def rows(self, n, seed=0):
        rng = np.random.default_rng(seed)
        return as_bags([rng.normal(size=(rng.integers(1, 9), 3)) + rng.normal() for _ in range(n)])

    def plain(self, kernel, x, y):
        total = []
        for u in kernel.directions(3).T:
            one, two = (sorted(bag.astype(float) @ u) for bag in (x, y))
            for j in range(kernel.n_quantiles):
                level = (j + 0.5) / kernel.n_quantiles
                total.append((one[int(level * len(one))] - two[int(level * len(two))]) ** 2)
        return np.exp(-np.mean(total) / (2 * kernel.length**2))


# -- distances --------------------------------------------------------------------------


@pytest.mark.parametrize("measure", [name for name in MEASURES if name != "fisher"])
@pytest.mark.parametrize("make", [diagonal, full])
def test_distances_are_their_formulas(measure, make):
    X, Y = make(5), make(4, seed=1)
    found = distances(X, Y, measure=measure)
    expected = [[plain(measure, x, y) for y in Y] for x in X]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(np.diag(distances(X, measure=measure)), 0, atol=1e-6)


@pytest.mark.parametrize("measure", list(MEASURES))
def test_variances_are_diagonal_covariances(measure):
    X = diagonal(4)
    if measure != "fisher":
        S = np.array([np.diag(v) for v in X.spreads])
        same = distances((X.means, S), measure=measure)
        np.testing.assert_allclose(distances(X, measure=measure), same, atol=1e-7)


def test_wasserstein_is_what_transport_of_samples_costs():
    rng = np.random.default_rng(0)
    X, Y = full(1, seed=3, dim=2), full(1, seed=4, dim=2)
    one, two = (rng.multivariate_normal(*parts(rows), size=400) for rows in (X, Y))
    cost = cdist(one, two, "sqeuclidean")
    transported = np.sqrt(cost[linear_sum_assignment(cost)].mean())
    assert transported == pytest.approx(distances(X, Y)[0, 0], rel=0.15)


@pytest.mark.parametrize("make", [diagonal, full])
def test_divergences_are_means_over_samples(make):
    rng = np.random.default_rng(0)
    X, Y = make(1, seed=3), make(1, seed=4)
    p, q = (multivariate_normal(*parts(rows)) for rows in (X, Y))
    z = p.rvs(200_000, random_state=rng)
    log = p.logpdf(z) - q.logpdf(z)
    error = 4 * log.std() / np.sqrt(len(z))
    assert distances(X, Y, measure="kl")[0, 0] == pytest.approx(log.mean(), abs=error)
    roots = np.exp(-log / 2)  # the mean of sqrt(q / p) under p is the integral of sqrt(p q)
    error = 4 * roots.std() / np.sqrt(len(z))
    found = np.exp(-distances(X, Y, measure="bhattacharyya")[0, 0])
    assert found == pytest.approx(roots.mean(), abs=error)


@pytest.mark.parametrize("measure", ["wasserstein", "hellinger", "fisher"])
def test_metrics_keep_the_triangle(measure):
    D = distances(diagonal(25), measure=measure)
    assert (D[:, :, None] <= D[:, None, :] + D.T[None, :, :] + 1e-9).all()
    np.testing.assert_allclose(D, D.T, atol=1e-12)


def test_fisher_is_kl_nearby_and_known_along_the_axes():
    a, b = ([[0.0, 1.0]], [[1.0, 4.0]]), ([[1e-4, 1.0001]], [[1.0002, 4.0]])
    assert distances(a, b, measure="fisher")[0, 0] == pytest.approx(
        np.sqrt(2 * distances(a, b, measure="kl")[0, 0]), rel=1e-3
    )
    # Of one mean the way is along the deviations: sqrt(2) |ln(s / t)|.
    wide = distances(([[0.0]], [[1.0]]), ([[0.0]], [[9.0]]), measure="fisher")[0, 0]
    assert wide == pytest.approx(np.sqrt(2) * np.log(3.0))


def test_full_covariances_are_a_counterexample():
    """exp(-W2^2 / 2) of rotated, thin Gaussians in the plane has a negative eigenvalue."""
    angles = np.linspace(0, np.pi, 12, endpoint=False)
    R = np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in angles])
    worst = 0.0
    for thin, length in ((0.01, 1.0), (0.01, 0.5), (0.1, 1.0), (0.001, 2.0)):
        S = R @ np.diag([1.0, thin]) @ R.transpose(0, 2, 1)
        kernel = WassersteinRBF(length=length, covariance="full")
        worst = min(worst, np.linalg.eigvalsh(kernel((np.zeros((12, 2)), S)))[0])
    assert worst < -1e-6
    assert not kernel.psd


# -- sliced Wasserstein -----------------------------------------------------------------


def test_sliced_distance_of_numbers_is_the_wasserstein_distance():
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, 16, 1))
    exact = np.mean((np.sort(one, axis=0) - np.sort(two, axis=0)) ** 2)
    k = SlicedWasserstein(length=1.0, n_directions=2, n_quantiles=16)([one, two])[0, 1]
    assert -2 * np.log(k) == pytest.approx(exact, rel=1e-4)


def test_sliced_distance_of_a_shift():
    """Moved by d, a bag is |d|^2 / dim away: the mean of (u.d)^2 over directions."""
    bag = np.random.default_rng(0).normal(size=(20, 3))
    k = SlicedWasserstein(n_directions=4000)([bag, bag + np.array([0.6, 0.0, 0.8])])[0, 1]
    assert -2 * np.log(k) == pytest.approx(1 / 3, rel=0.05)


def test_two_kernels_on_the_same_bags():
    bags = [np.random.default_rng(i).normal(size=(5, 2)) for i in range(4)]
    one, two = SlicedWasserstein(random_state=1), SlicedWasserstein(length=3.0, random_state=2)
    np.testing.assert_allclose((one * two + 1.0)(bags), one(bags) * two(bags) + 1, rtol=1e-6)


# -- errors -----------------------------------------------------------------------------


def test_rows():
    rows = as_gaussians([[0, 1], [2, 3]], [[1, 0.25], [1, 1]])
    kernel = WassersteinRBF(length=2.0)
    assert kernel(rows).shape == (2, 2)
    np.testing.assert_allclose(kernel(rows), kernel((rows.means, rows.variances)))
    eye = np.array([np.eye(2)] * 2)
    cases = [
        (InvalidType, "expected likewise.vectors.Gaussians", np.eye(2)[:1]),
        (InvalidVector, "row 1 has variance 0 in dimension 0", (np.eye(2), [[1, 1], [0, 1]])),
        (InvalidVector, "row 0 has NaN", ([[np.nan, 1]], [[1, 1]])),
        (DimensionMismatch, "need variances of the same shape", (np.eye(2), [[1, 1]])),
        (InvalidVector, "row 0 is not symmetric", (np.eye(2), eye + np.eye(2)[:1].T @ [[0, 1]])),
        (InvalidVector, "row 0 has eigenvalue", (np.eye(2), eye * np.diag([0, 1]))),
    ]
    for error, match, bad in cases:
        with pytest.raises(error, match=match):
            ProbabilityProduct()(bad)
    with pytest.raises(DimensionMismatch, match="rows of X have spreads"):
        ProbabilityProduct()((np.eye(2), eye), (np.eye(2), np.ones((2, 2))))
    with pytest.raises(InvalidArgument, match="rows have covariances"):
        kernel((np.eye(2), eye))
    with pytest.raises(InvalidArgument, match="rows have variances"):
        WassersteinRBF(covariance="full")(rows)


def test_arguments():
    with pytest.raises(InvalidArgument, match="did you mean 'wasserstein'"):
        distances(diagonal(2), measure="wasserstien")
    with pytest.raises(InvalidArgument, match="it is one of"):
        distances(diagonal(2), measure="xyz")
    with pytest.raises(InvalidArgument, match="variances only"):
        distances(full(2), measure="fisher")
    with pytest.raises(InvalidArgument, match="covariance must be"):
        WassersteinRBF(covariance="spherical")
    with pytest.raises(InvalidArgument, match="power must be positive"):
        ProbabilityProduct(power=0)
    with pytest.raises(InvalidArgument, match="n_quantiles"):
        SlicedWasserstein(n_quantiles=0)
    with pytest.raises(DimensionMismatch, match="vectors of X have 2 numbers"):
        SlicedWasserstein()([np.eye(2)], [np.eye(3)])
