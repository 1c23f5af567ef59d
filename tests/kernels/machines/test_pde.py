"""The solver against exact solutions and a plain process; its evidence; what is refused."""

import numpy as np
import pytest
from scipy import stats

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, NotFitted
from likewise.kernels import RBF, SpectralMixture
from likewise.kernels.machines import PDESolver
from likewise.kernels.machines._operators import Observed, Waves

F, LENGTHS = np.array([0.1, 0.3]), np.array([1.0, 2.0])
WEIGHTS = [np.array([0.5, 0.7]), np.array([1.2, 0.3])]
LINE = np.linspace(0, 1, 80)


def poisson(**options):
    truth = np.sin(40 * LINE)
    solver = PDESolver({2: 1.0}, max_frequency=12.0, n_frequencies=25, **options)
    return solver.fit(LINE, -1600 * truth, LINE[[0, -1]], truth[[0, -1]])


def relative(got, truth):
    return np.linalg.norm(got - truth) / np.linalg.norm(truth)


def waves(points, values):
    seen = Observed.of([(points, {(1, 0): 1.0, (0, 2): -2.0}), (values, {(0, 0): 1.0})])
    return Waves(seen, seen, F, LENGTHS)


def test_covariances_are_differences_of_the_kernel():
    rng = np.random.default_rng(0)
    points, values = rng.uniform(0, 2, (4, 2)).round(1), rng.uniform(0, 2, (3, 2)).round(1)
    C = waves(points, values).covariance(WEIGHTS)

    def k(X, Y):
        parts = [
            SpectralMixture(F, LENGTHS, w)(X[:, d : d + 1], Y[:, d : d + 1])
            for d, w in enumerate(WEIGHTS)
        ]
        return parts[0] * parts[1]

    # d/dx - 2 d^2/dy^2 by central differences is a weighted sum of values nearby.
    h, e = 2e-3, np.eye(2)
    steps = [(h * e[0], 0.5 / h), (-h * e[0], -0.5 / h)]
    steps += [(h * e[1], -2 / h**2), (-h * e[1], -2 / h**2), (0 * e[0], 4 / h**2)]
    mixed = sum(a * k(points + s, values) for s, a in steps)
    both = sum(a * b * k(points + s, points + t) for s, a in steps for t, b in steps)
    np.testing.assert_allclose(C[:4, 4:], mixed, atol=1e-4 * np.abs(mixed).max())
    np.testing.assert_allclose(C[:4, :4], both, atol=1e-4 * np.abs(both).max())
    np.testing.assert_allclose(C[4:, 4:], k(values, values), atol=1e-12)
    np.testing.assert_allclose(C, C.T, atol=1e-12)
    assert np.linalg.eigvalsh(C)[0] > 0


def test_contractions_are_sums_over_all_pairs():
    rng = np.random.default_rng(1)
    grid = np.stack(np.meshgrid([0.0, 0.5, 1.0], [0.0, 0.4]), -1).reshape(-1, 2)
    all_waves, A = waves(grid, grid[:2]), rng.standard_normal((8, 8))
    for d in range(2):
        expected = []
        for one in np.eye(2):  # the covariance is linear in the weights of an axis
            alone = [one if d == j else w for j, w in enumerate(WEIGHTS)]
            expected.append(np.sum(A * all_waves.covariance(alone)))
        np.testing.assert_allclose(all_waves.contracted(A, WEIGHTS, d), expected)


def test_a_given_kernel_is_the_plain_process():
    kernel, X = SpectralMixture(F, LENGTHS, WEIGHTS[0]), np.linspace(0, 3, 6)[:, None]
    f, g = np.cos(X[:, 0]), np.array([0.3, -0.2])
    solver = PDESolver({0: 2.0}, kernel=kernel, noise=1e-6).fit(X, f, [[0.5], [2.5]], g)
    seen = np.vstack([X, [[0.5], [2.5]]])
    K, factor = kernel(seen), np.array([2.0] * 6 + [1.0] * 2)
    C = K * np.outer(factor, factor)
    C += 1e-6 * np.diag(np.diag(C))
    y, Q = np.append(f, g), np.array([[0.2], [1.4]])
    across = kernel(Q, seen) * factor
    got, std = solver.predict(Q, return_std=True)
    np.testing.assert_allclose(got, across @ np.linalg.solve(C, y), atol=1e-6)
    left = kernel.diag(Q) - np.sum(across.T * np.linalg.solve(C, across.T), axis=0)
    np.testing.assert_allclose(std**2, left, atol=1e-6)
    expected = stats.multivariate_normal(np.zeros(8), C).logpdf(y)
    assert solver.evidences_ == [pytest.approx(expected, abs=1e-3)]


def test_poisson_of_a_high_frequency_in_one_dimension():
    solver, between = poisson(), np.linspace(0, 1, 333)
    assert relative(solver.predict(between), np.sin(40 * between)) < 1e-3
    kernel = solver.kernels_[0]
    loudest = kernel.frequencies[np.argmax(kernel.weights)]
    assert abs(loudest - 40 / (2 * np.pi)) < 0.5  # the nearest that was offered
    assert (np.diff(solver.evidences_) > 0).all()
    np.testing.assert_array_equal(poisson().predict(between), solver.predict(between))
    # What is too smooth for the solution does not solve it.
    smooth = poisson(kernel=SpectralMixture(1e-6, 0.5))
    assert relative(smooth.predict(between), np.sin(40 * between)) > 0.1


def test_poisson_in_the_plane_and_advection():
    side = np.linspace(0, 1, 14)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    edge = ((grid == 0) | (grid == 1)).any(axis=1)
    truth = np.sin(12 * grid[:, 0]) * np.cos(9 * grid[:, 1])
    laplace = PDESolver({(2, 0): 1.0, (0, 2): 1.0}, max_frequency=4.0, n_frequencies=9, n_steps=12)
    laplace.fit(grid[~edge], -225 * truth[~edge], grid[edge], truth[edge])
    assert relative(laplace.predict(grid), truth) < 1e-2
    # u_t + 2 u_x = 0 carries what there is at t = 0 and x = 0 along: u = sin(10 (x - 2 t)).
    start = (grid == 0).any(axis=1)
    wave = np.sin(10 * (grid[:, 1] - 2 * grid[:, 0]))
    advection = PDESolver({(1, 0): 1.0, (0, 1): 2.0}, max_frequency=6.0, n_frequencies=13)
    advection.fit(grid, np.zeros(len(grid)), grid[start], wave[start])
    assert relative(advection.predict(grid), wave) < 0.05


def test_nothing_comes_of_nothing():
    solver = PDESolver({2: 1.0}).fit(LINE, 0 * LINE, [0.0, 1.0], [0.0, 0.0])
    np.testing.assert_array_equal(solver.predict(LINE), 0.0)
    assert len(solver.evidences_) == 1


def test_what_is_refused():
    for operator in ({}, "laplace", None):
        with pytest.raises(InvalidType, match="mapping from orders"):
            PDESolver(operator)
    for operator, words in [
        ({2: 1.0, (1, 1): 1.0}, "several dimensions"),
        ({2: 0.0}, "every coefficient is zero"),
        ({-1: 1.0}, "must be at least 0"),
    ]:
        with pytest.raises(InvalidArgument, match=words):
            PDESolver(operator)
    for options in ({"noise": 0.0}, {"max_frequency": -1.0}, {"n_frequencies": 1}, {"length": 0.0}):
        with pytest.raises(InvalidArgument, match=next(iter(options))):
            PDESolver({2: 1.0}, **options)
    with pytest.raises(InvalidType, match="must be a SpectralMixture"):
        PDESolver({2: 1.0}, kernel=RBF())
    with pytest.raises(DimensionMismatch, match="1 coordinates; got points of 2"):
        PDESolver({2: 1.0}).fit(np.ones((3, 2)), np.ones(3), [0.0], [0.0])
    with pytest.raises(InvalidArgument, match="one number for each of the 80 points"):
        PDESolver({2: 1.0}).fit(LINE, LINE[:5], [0.0], [0.0])
    with pytest.raises(NotFitted):
        PDESolver({2: 1.0}).predict([0.0])
