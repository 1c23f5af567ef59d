"""The marginal likelihood of a Gaussian process, its derivatives, and learning by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from likewise.errors import NotPositiveDefinite
from likewise.kernels.base import Kernel
from likewise.kernels.machines._linear import Float64Array, factor
from likewise.kernels.machines._solver import matrix

#: The logarithm of an evidence, and its derivatives, by the numbers that are moved.
Objective = Callable[[Float64Array], tuple[float, Float64Array]]


class Learning(NamedTuple):
    """How learning ended.

    Attributes:
        log_evidence: the best that was found, on the rows that were learnt from.
        rows: how many those were. starts: from how many points it was sought.
        steps: of the best one. converged: whether the optimiser says so; message: its words.
    """

    log_evidence: float
    rows: int
    starts: int
    steps: int
    converged: bool
    message: str


def log_evidence(
    kernel: Kernel, rows: Any, Y: Float64Array, noise: float, workers: int = 1
) -> tuple[float, Float64Array]:
    """``ln N(Y; 0, K + noise I)`` summed over columns, and its derivatives.

    Returns:
        The value, and the derivatives by `Kernel.theta` and, last, by ``ln noise``.

    Cost: n^3 multiplications and what `Kernel.gradient` takes.

    Source: C. Rasmussen and C. Williams, "Gaussian processes for machine learning", 2006, (5.9).
    """
    system = factor(matrix(kernel, rows, None, workers), noise, kernel=kernel, ridge_name="noise")
    alpha, (n, r) = system.solve(Y), Y.shape
    value = -0.5 * (np.vdot(Y, alpha) + r * system.log_determinant() + r * n * np.log(2 * np.pi))
    inner = alpha @ alpha.T
    inner -= r * system.inverse()
    slopes = 0.5 * np.einsum("ij,ijp->p", inner, kernel.gradient(rows))
    return float(value), np.append(slopes, 0.5 * noise * np.trace(inner))


def climb(
    objective: Objective, start: Float64Array, bounds: Float64Array, n_restarts: int, seed: Any
) -> tuple[Float64Array, Learning]:
    """The highest point of ``objective`` found by L-BFGS from ``start`` and random points.

    Points where the matrix cannot be factored count as infinitely low; ``start`` may not be one.
    """
    from scipy.optimize import minimize

    objective(np.clip(start, bounds[:, 0], bounds[:, 1]))  # raises what there is to raise

    def low(x: Float64Array) -> tuple[float, Float64Array]:
        try:
            value, slopes = objective(x)
        except NotPositiveDefinite:
            return np.inf, np.zeros_like(x)
        return -value, -slopes

    rng = np.random.default_rng(seed)
    starts = [np.clip(start, bounds[:, 0], bounds[:, 1])]
    starts += [rng.uniform(bounds[:, 0], bounds[:, 1]) for _ in range(n_restarts)]
    within = [(float(a), float(b)) for a, b in bounds]
    found = [minimize(low, np.array(x), (), "L-BFGS-B", jac=True, bounds=within) for x in starts]
    best = min(found, key=lambda result: float(result.fun))
    learning = Learning(
        -float(best.fun), 0, len(starts), int(best.nit), bool(best.success), str(best.message)
    )
    return np.clip(best.x, bounds[:, 0], bounds[:, 1]), learning
