"""The solver on grids against dense matrices and exact solutions; what is refused."""

from functools import reduce

import numpy as np
import pytest
from scipy import stats

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, NotFitted, OverLimit
from likewise.kernels import RBF, SpectralMixture
from likewise.kernels.classical.spectral_mixture import wave_derivatives
from likewise.kernels.machines import GridPDESolver, PDESolver
from likewise.kernels.machines._grids import KroneckerSum, along

F, LENGTHS, WEIGHTS = np.array([0.1, 1.5, 4.0]), np.array([0.3, 0.2, 0.15]), np.array([1.0, 0.6, 2])
LAPLACE = {(2, 0): 1.0, (0, 2): 1.0}
LINE = np.linspace(0, 1, 40)


def relative(got, truth):
    return np.linalg.norm(got - truth) / np.linalg.norm(truth)


def axis(x, noise):
    """K, K', K'' of one axis, entry by entry from the waves."""
    t = np.subtract.outer(x, x)
    K, slope, bend = np.tensordot(WEIGHTS, np.stack(wave_derivatives(t, F, LENGTHS, 2), 1), 1)
    white = noise * WEIGHTS.sum() * np.eye(len(x))
    quickest = max((2 * np.pi * F) ** 2 + 1 / LENGTHS**2)  # of a wave, the second derivative at 0
    return K + white, slope, bend - quickest * white


@pytest.mark.parametrize(
    ("operator", "ends"),
    [
        ({(2, 0): 1.0, (0, 2): 0.7, (0, 0): 3.0}, ("both", "both")),
        ({(1, 0): 1.0, (0, 2): -0.3, (0, 1): 0.4}, ("first", "both")),
        ({(0, 1): 2.0, (0, 0): -0.5}, ("none", "last")),
    ],
)
def test_is_the_dense_process(operator, ends):
    rng, noise = np.random.default_rng(0), 1e-4
    grid = [np.sort(rng.uniform(0, 1, 10)), np.linspace(0, 1, 12)]
    f, g = rng.standard_normal((2, 10, 12))
    one, two = (axis(x, noise) for x in grid)
    K = np.kron(one[0], two[0])
    # Derivatives of both axes by one matrix, the dense conditional mean of the process.
    L = sum(c * np.kron(one[i], two[j]) for (i, j), c in operator.items()) @ np.linalg.inv(K)
    known = np.zeros((10, 12), dtype=bool)
    for d, end in enumerate(ends):
        for side, at in (("first", 0), ("last", -1)):
            if end in (side, "both"):
                np.moveaxis(known, d, 0)[at] = True
    seen = np.where(known.ravel()[:, None], np.eye(120), L)  # what of u the data are
    y, C = np.where(known, g, f).ravel(), seen @ K @ seen.T
    kernel = SpectralMixture(F, LENGTHS, WEIGHTS)
    solver = GridPDESolver(operator, kernel=kernel, ends=ends, noise=noise)
    solver.fit(grid, np.where(known, np.nan, f), np.where(known, g, np.nan))
    expected = K @ seen.T @ np.linalg.solve(C, y)
    assert relative(solver.u_.ravel(), expected) < 1e-6
    logpdf = stats.multivariate_normal(np.zeros(120), C, allow_singular=True).logpdf(y)
    assert solver.evidences_ == [pytest.approx(logpdf, rel=1e-5)]
    # Between the points: k(q, grid) K^-1 u.
    Q = rng.uniform(0, 1, (5, 2))
    points = np.stack(np.meshgrid(*grid, indexing="ij"), -1).reshape(-1, 2)
    between = kernel(Q, points) @ np.linalg.solve(K, solver.u_.ravel())
    np.testing.assert_allclose(solver.predict(Q), between, atol=1e-6 * np.abs(between).max())


def test_a_kronecker_sum_is_solved():
    rng = np.random.default_rng(1)
    for sizes in [(5,), (4, 6), (3, 4, 2), (2, 3, 1, 3)]:
        parts, R = [rng.standard_normal((m, m)) for m in sizes], rng.standard_normal(sizes)
        dense = sum(
            reduce(np.kron, [A if j == d else np.eye(m) for j, m in enumerate(sizes)])
            for d, A in enumerate(parts)
        )
        system = KroneckerSum(parts)
        np.testing.assert_allclose(system.solve(R).ravel(), np.linalg.solve(dense, R.ravel()))
        assert system.log_determinant() == pytest.approx(np.linalg.slogdet(dense)[1])
        assert not system.singular()
    back = sum(along(A, system.solve(R), d) for d, A in enumerate(parts))
    np.testing.assert_allclose(back, R)
    assert KroneckerSum([np.eye(2), -np.eye(3)]).singular()


def test_poisson_of_a_high_frequency_on_a_grid_too_large_for_a_matrix():
    x = np.linspace(0, 1, 100)  # 10,000 points, whose matrix would be 800 MB
    truth = np.sin(100 * x)[:, None] * np.cos(40 * x)
    solver = GridPDESolver(LAPLACE, n_steps=3, memory_limit=60e6)
    edge = np.full_like(truth, np.nan)
    edge[[0, -1]], edge[:, [0, -1]] = truth[[0, -1]], truth[:, [0, -1]]
    solver.fit([x, x], -11600 * truth, edge)
    assert relative(solver.u_, truth) < 1e-4
    Q = np.random.default_rng(0).uniform(0, 1, (100, 2))
    between = np.sin(100 * Q[:, 0]) * np.cos(40 * Q[:, 1])
    assert relative(solver.predict(Q), between) < 1e-4
    loudest = [k.frequencies[k.weights.argmax()] for k in solver.kernels_]
    assert loudest == [16.0, 6.5]  # of 15.92 and 6.37 the nearest that were offered
    assert len(solver.evidences_) == 4
    assert (np.diff(solver.evidences_) > 0.1).all()
    # What is too smooth for the solution does not solve it.
    smooth = GridPDESolver(LAPLACE, kernel=SpectralMixture(1e-6, 0.5))
    assert relative(smooth.fit([x, x], -11600 * truth, edge).u_, truth) > 0.1


def test_one_axis_is_what_the_solver_of_points_finds():
    truth = np.sin(40 * LINE)
    options = {"max_frequency": 12.0, "n_frequencies": 25}
    solver = GridPDESolver({2: 1.0}, **options).fit([LINE], -1600 * truth, truth)
    points = PDESolver({2: 1.0}, **options)
    points.fit(LINE[1:-1], -1600 * truth[1:-1], LINE[[0, -1]], truth[[0, -1]])
    between = np.linspace(0, 1, 99)
    assert relative(solver.predict(between), np.sin(40 * between)) < 1e-3
    assert relative(solver.predict(between), points.predict(between)) < 1e-3
    again = GridPDESolver({2: 1.0}, **options).fit([LINE], -1600 * truth, truth)
    np.testing.assert_array_equal(again.u_, solver.u_)


def test_heat_advection_and_three_axes():
    t, x = LINE[:, None], LINE
    options = {"max_frequency": 6.0, "n_frequencies": 13, "n_steps": 5}
    cooling = np.exp(-t) * np.sin(10 * x)  # u_t = u_xx / 100
    heat = GridPDESolver({(1, 0): 1.0, (0, 2): -0.01}, **options)
    assert relative(heat.fit([LINE, LINE], 0 * cooling, cooling).u_, cooling) < 1e-3
    # u_t = 2 u_x comes in where x ends: u = sin(8 (x + 2 t)).
    wave = np.sin(8 * (x + 2 * t))
    advection = GridPDESolver({(1, 0): 1.0, (0, 1): -2.0}, ends=("first", "last"), **options)
    assert relative(advection.fit([LINE, LINE], 0 * wave, wave).u_, wave) < 1e-2
    side = LINE[::3] / LINE[::3][-1]
    a, b, c = np.meshgrid(side, side, side, indexing="ij")
    truth = np.sin(7 * a) * np.cos(5 * b) * np.sin(3 * c)
    cube = GridPDESolver({(2, 0, 0): 1.0, (0, 2, 0): 1.0, (0, 0, 2): 1.0}, max_frequency=3.0)
    assert relative(cube.fit([side] * 3, -83 * truth, truth).u_, truth) < 1e-2


def test_nothing_comes_of_nothing():
    solver = GridPDESolver({2: 1.0}).fit([LINE], 0 * LINE, 0 * LINE)
    np.testing.assert_array_equal(solver.u_, 0.0)
    assert len(solver.evidences_) == 1


def test_what_is_refused_of_the_equation():
    for operator in ({(1, 1): 1.0}, {3: 1.0}, {(4, 0): 1.0, (0, 2): 1.0}):
        with pytest.raises(InvalidArgument, match="which PDESolver takes"):
            GridPDESolver(operator)
    with pytest.raises(InvalidType, match="mapping from orders"):
        GridPDESolver({})
    for ends in (("first", "both"), ("both",), ("both", "middle")):
        with pytest.raises(InvalidArgument, match="they must be 'both', 'both'"):
            GridPDESolver(LAPLACE, ends=ends)
    with pytest.raises(InvalidArgument, match="'first' or 'last'"):
        GridPDESolver({1: 1.0}, ends=["none"])
    for options in ({"noise": 0.0}, {"max_frequency": -1.0}, {"n_frequencies": 1}, {"length": 0.0}):
        with pytest.raises(InvalidArgument, match=next(iter(options))):
            GridPDESolver(LAPLACE, **options)
    with pytest.raises(InvalidType, match="must be a SpectralMixture"):
        GridPDESolver(LAPLACE, kernel=RBF())
    with pytest.raises(InvalidType, match="did you mean 'noise'"):
        GridPDESolver(LAPLACE, nois=1.0)


def test_what_is_refused_of_a_grid():
    solver, zero = GridPDESolver(LAPLACE), np.zeros((40, 40))
    for grid in ([LINE], np.zeros((2, 40)), [LINE] * 3, None):
        with pytest.raises(DimensionMismatch, match="list of 2 arrays"):
            solver.fit(grid, zero, zero)
    for bad in (LINE[::-1], [0.0, 1.0], [0.0, 0.5, 0.5]):
        with pytest.raises(InvalidArgument, match=r"grid\[1\] must be 3 coordinates or more"):
            solver.fit([LINE, bad], zero, zero)
    with pytest.raises(InvalidArgument, match=r"source must be of the grid's shape \(40, 40\)"):
        solver.fit([LINE, LINE], zero[0], zero)
    with pytest.raises(InvalidArgument, match="values must be numbers"):
        solver.fit([LINE, LINE], zero, "zero")
    for source, values, name in ((zero + np.nan, zero, "source"), (zero, zero + np.inf, "values")):
        with pytest.raises(InvalidArgument, match=f"{name} must be finite where it is read"):
            solver.fit([LINE, LINE], source, values)
    with pytest.raises(OverLimit, match=r"a grid of \(40, 40\) takes .* over memory_limit"):
        GridPDESolver(LAPLACE, memory_limit=1e5).fit([LINE, LINE], zero, zero)
    with pytest.raises(DimensionMismatch, match="shape must have 2 numbers"):
        solver.bytes_needed((40,))
    with pytest.raises(NotFitted):
        solver.predict([[0.0, 0.0]])
    solver = GridPDESolver(LAPLACE, n_steps=0).fit([LINE[:5], LINE[:5]], zero[:5, :5], zero[:5, :5])
    with pytest.raises(DimensionMismatch, match="2 coordinates; got points of 3"):
        solver.predict(np.zeros((1, 3)))


def test_an_equation_that_settles_nothing_is_refused():
    three, kernel = [np.array([0.0, 0.5, 1.0])], SpectralMixture(F, LENGTHS, WEIGHTS)
    fitted = GridPDESolver({2: 1.0}, kernel=kernel).fit(three, np.ones(3), np.ones(3))
    opposite = -float(fitted._parts[0].operator[1, 1])  # u'' of the one unknown, times -1
    with pytest.raises(InvalidArgument, match="do not settle a solution"):
        GridPDESolver({2: 1.0, 0: opposite}, kernel=kernel).fit(three, np.ones(3), np.ones(3))
