"""Preconditioned conjugate gradients on products with the kernel matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from likewise.errors import InvalidArgument, NotConverged
from likewise.kernels.machines._linear import Float64Array, lanczos_smallest, not_definite
from likewise.kernels.machines._pivoted import pivoted_cholesky
from likewise.kernels.machines._solver import (
    BLOCK,
    Cost,
    Problem,
    Solver,
    blocks,
    matrix,
)

Product = Callable[[Float64Array], Float64Array]
TOLERANCE, MOST_STEPS = 1e-6, 500
#: The true residual may be so many times what the recurrence says.
SLACK = 2.0
#: For plans: the steps that a preconditioned solve is expected to take.
USUAL_STEPS = 50
#: Queries whose variances are solved for together.
TOGETHER = 64


class Preconditioner:
    """``(F F^T + ridge I)^-1`` by the singular values of F (n, rank), without cancellation.

    With ``F = U s V^T`` it is ``U (s^2 + ridge)^-1 U^T v + (v - U U^T v) / ridge``.
    """

    def __init__(self, F: Float64Array, ridge: float) -> None:
        self.ridge = ridge
        self.U, s, _ = np.linalg.svd(F, full_matrices=False)
        self.inverse = 1.0 / (s * s + ridge)

    def __call__(self, v: Float64Array) -> Float64Array:
        inside = self.U.T @ v
        rest = v - self.U @ inside
        return np.asarray(self.U @ (inside * self.inverse[:, None]) + rest / self.ridge)


class Solution(NamedTuple):
    """What conjugate gradients came to: the residual is relative to the right-hand side."""

    values: Float64Array
    steps: int
    residual: float


class NegativeDirection(Exception):
    """Along a direction the matrix is not positive; ``quotient`` is the Rayleigh quotient."""

    def __init__(self, quotient: float) -> None:
        super().__init__(quotient)
        self.quotient = quotient


def conjugate_gradients(
    product: Product, b: Float64Array, precondition: Product, tol: float, max_iter: int
) -> Solution:
    """Solve ``A x = b`` for every column of ``b`` (n, r), all in the same products.

    Args:
        product: v -> A v. precondition: v -> P^-1 v. tol: of |b - A x| / |b|, each column.

    Raises:
        NotConverged: after ``max_iter`` steps some column is still farther than ``tol``.
        NegativeDirection: A is not positive definite.

    Cost: one product a step.
    """
    x, r = np.zeros_like(b), b.copy()
    size = np.maximum(np.linalg.norm(b, axis=0), 1e-300)
    z = precondition(r)
    p, rz = z.copy(), np.vecdot(r.T, z.T)
    residual = np.linalg.norm(r, axis=0) / size
    step = 0
    while (active := residual > tol).any() and step < max_iter:
        Ap = product(p)
        curvature = np.vecdot(p.T, Ap.T)
        if not np.isfinite(curvature).all():
            raise InvalidArgument(
                "kernel: NaN or infinity between two rows; a machine needs numbers"
            )
        if (bad := active & (curvature <= 0)).any():
            i = int(np.argmax(bad))
            raise NegativeDirection(float(curvature[i] / np.vdot(p[:, i], p[:, i])))
        length = np.where(active, rz / np.where(active, curvature, 1.0), 0.0)
        x += length * p
        r -= length * Ap
        z = precondition(r)
        before, rz = rz, np.vecdot(r.T, z.T)
        p = z + np.where(active, rz / np.where(active, before, 1.0), 0.0) * p
        residual = np.where(active, np.linalg.norm(r, axis=0) / size, residual)
        step += 1
    if step:  # the recurrence drifts by rounding: what counts is the residual itself
        residual = np.linalg.norm(b - product(x), axis=0) / size
    worst = float(residual.max(initial=0.0))
    if worst <= SLACK * tol:
        return Solution(x, step, worst)
    if step < max_iter:
        raise NotConverged(
            f"conjugate gradients: rounding leaves a residual of {worst:.3g} of the right-hand "
            f"side after {step} steps, asked for was tol = {tol:g}; loosen tol or raise the ridge"
        )
    raise NotConverged(
        f"conjugate gradients: after max_iter = {max_iter} steps the residual is {worst:.3g} of "
        f"the right-hand side, asked for was tol = {tol:g}; raise max_iter, rank (of the "
        "preconditioner) or the ridge, or loosen tol"
    )


class ConjugateGradients(Solver):
    """The whole matrix, but never kept: every step is one product with it.

    The preconditioner is a randomly pivoted partial Cholesky factor.

    Attributes:
        steps, residual: what solving took, and the true relative residual at its end.

    Cost: n^2 / 2 kernel entries a step; 8 n rank bytes.

    Source: M. Diaz, E. Epperly, Z. Frangella, J. Tropp and R. Webber, "Robust, randomized
    preconditioning for kernel ridge regression", arXiv 2304.12465, 2023.
    """

    name = "cg"
    own = ("tol", "max_iter", "rank")

    @staticmethod
    def rank(problem: Problem) -> int:
        """The rank of the preconditioner."""
        usual = max(100, int(2 * np.sqrt(problem.rows)))
        return min(problem.rows, problem.options.get("rank") or usual)

    @staticmethod
    def cost(problem: Problem) -> Cost:
        n, rank = problem.rows, ConjugateGradients.rank(problem)
        size = 8.0 * n * (3 * rank + 8 * problem.outputs) + BLOCK
        entries = USUAL_STEPS * n * n / 2 + n * rank
        operations = USUAL_STEPS * 2.0 * n * n * problem.outputs + 8.0 * n * rank * rank
        return Cost(size, entries, operations, f"rank {rank:,}")

    def fit(self, rows: Any, Y: Float64Array, ridge: float) -> ConjugateGradients:
        problem = self.problem
        self.rows, self.ridge = rows, ridge
        self.tol = problem.options.get("tol") or TOLERANCE
        self.max_iter = problem.options.get("max_iter") or MOST_STEPS
        rng = np.random.default_rng(problem.random_state)
        found = pivoted_cholesky(self.kernel, self.rows, self.rank(problem), rng, problem.workers)
        self.precondition = Preconditioner(found.factor, ridge)
        self.operator = self.kernel.operator(self.rows, n_jobs=problem.workers)
        self._alpha, steps, self.residual = self._solve(Y)
        self.steps = max(1, steps)
        return self

    def _solve(self, b: Float64Array) -> Solution:
        def product(v: Float64Array) -> Float64Array:
            return np.asarray(self.operator @ v) + self.ridge * v

        try:
            return conjugate_gradients(product, b, self.precondition, self.tol, self.max_iter)
        except NegativeDirection as found:
            quotient = found.quotient - self.ridge
            smallest = min(lanczos_smallest(self.operator), quotient)
            name = self.problem.ridge_name
            raise not_definite(self.kernel, smallest, self.ridge, name) from None

    @property
    def alpha(self) -> Float64Array:
        return self._alpha

    def mean(self, rows: Any) -> Float64Array:
        return np.asarray(self.cross(rows) @ self._alpha, dtype=np.float64)

    def covariance(self, rows: Any) -> Float64Array:
        """One solve with as many right-hand sides as there are rows."""
        K = matrix(self.kernel, rows, self.rows, self.problem.workers)
        out = matrix(self.kernel, rows, None, 1) - K @ self._solve(K.T).values
        return np.asarray((out + out.T) / 2)

    def variance(self, rows: Any) -> Float64Array:
        out = [np.empty(0)]
        for part in blocks(rows, TOGETHER):
            K = matrix(self.kernel, part, self.rows, self.problem.workers)
            solved = self._solve(K.T).values
            out.append(self.kernel._diagonal(part) - np.vecdot(K, solved.T))
        return np.maximum(np.concatenate(out), 0.0)

    def weights(self, rows: Any) -> Float64Array:
        return matrix(self.kernel, rows, self.rows, self.problem.workers)
