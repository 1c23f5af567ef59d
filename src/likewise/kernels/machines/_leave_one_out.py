"""The ridge with the least squared error of leaving one row out, in closed form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from likewise.kernels.machines._linear import (
    JITTERS,
    Float64Array,
    checked,
    not_definite,
)
from likewise.kernels.machines._mapped import Mapped
from likewise.kernels.machines._solver import Exact, Solver, matrix

#: Ridges that are tried, in units of the trace of the matrix: four a decade.
GRID = np.logspace(-12, 0, 49)


class LeftOut(NamedTuple):
    """The best ridge, and the mean squared error of leaving one out for every ridge tried."""

    ridge: float
    ridges: Float64Array
    errors: Float64Array


def fit_left_out(solver: Solver, rows: Any, Y: Float64Array) -> LeftOut:
    """Fit ``solver`` with the best ridge: one eigendecomposition tells of all.

    With ``K = U S U^T`` the row i, left out, is missed by ``alpha_i / (U (S + ridge)^-1 U^T)_ii``;
    with an explicit map by ``(y_i - f(x_i)) / (1 - h_i)``, h the diagonal of the smoother.
    """
    if isinstance(solver, Mapped):
        return _mapped(solver, rows, Y)
    found = exact_errors(rows, Y, solver)
    solver.fit(rows, Y, found.ridge)
    return found


def exact_errors(rows: Any, Y: Float64Array, solver: Exact | Solver) -> LeftOut:
    """By the eigenvectors of the whole matrix. Cost: about 9 n^3."""
    from scipy.linalg import eigh

    K = checked(matrix(solver.kernel, rows, None, solver.problem.workers), solver.kernel)
    values, U = eigh(K, overwrite_a=True, check_finite=False)
    rounding = JITTERS * len(K) * np.finfo(np.float64).eps * max(abs(values).max(), 1e-300)
    if values[0] < -rounding:
        raise not_definite(solver.kernel, float(values[0]))
    values = np.maximum(values, 0.0)
    ridges = GRID * max(float(values.sum()), 1e-300)
    inside, squares = U.T @ Y, U * U
    errors = np.empty(len(ridges))
    for i, ridge in enumerate(ridges):
        shrunk = 1.0 / (values + ridge)
        missed = (U @ (inside * shrunk[:, None])) / (squares @ shrunk)[:, None]
        errors[i] = np.mean(missed * missed)
    return LeftOut(float(ridges[np.argmin(errors)]), ridges, errors)


def _mapped(solver: Mapped, rows: Any, Y: Float64Array) -> LeftOut:
    """By the eigenvectors of the m x m normal equations, in two passes over the rows."""
    from scipy.linalg import eigh

    m = solver.prepare(rows)
    gram, right, done = np.zeros((m, m)), np.zeros((m, Y.shape[1])), 0
    for part in solver.blocks():
        P = solver.psi(part)
        gram += P.T @ P
        right += P.T @ Y[done : done + len(part)]
        done += len(part)
    values, V = eigh(gram, check_finite=False)
    values = np.maximum(values, 0.0)
    ridges = GRID * max(float(values.sum()), 1e-300)
    inside = V.T @ right
    errors, done = np.zeros(len(ridges)), 0
    for part in solver.blocks():
        P = solver.psi(part) @ V
        squares, y = P * P, Y[done : done + len(part)]
        for i, ridge in enumerate(ridges):
            shrunk = 1.0 / (values + ridge)
            missed = y - P @ (inside * shrunk[:, None])
            missed /= (1.0 - squares @ shrunk)[:, None]
            errors[i] += np.sum(missed * missed)
        done += len(part)
    best = float(ridges[np.argmin(errors)])
    solver.solve(gram, right, Y, best)
    return LeftOut(best, ridges, errors / Y.size)
