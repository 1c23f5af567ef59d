"""Laplace's approximation: a logistic likelihood of labels, a normal one of the function.

Three forms: with the whole matrix, through an explicit map, and on neighbours of each query.
Labels are +1 and -1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from likewise.errors import NotConverged, NotPositiveDefinite
from likewise.kernels.base import Kernel
from likewise.kernels.machines._linear import (
    Factored,
    Float64Array,
    factor,
    not_definite,
    smallest_eigenvalue,
)
from likewise.kernels.machines._local import fitted_index, neighbours
from likewise.kernels.machines._mapped import Mapped
from likewise.kernels.machines._solver import Problem, block_of, blocks, matrix

#: Newton ends when the objective gains less than this, and is an error past so many steps.
GAIN, MOST_STEPS = 1e-9, 200


class Mode(NamedTuple):
    """The most likely function at the training rows.

    Attributes:
        a: ``K^-1 f``, which at the mode is the derivative of the log-likelihood. f: (n,).
        roots: the square roots of minus its second derivative. system: factors I + roots K roots.
        objective: ``ln p(y | f) - a.f / 2``. log_evidence: of the labels, approximately.
        steps: of Newton.
    """

    a: Float64Array
    f: Float64Array
    roots: Float64Array
    system: Factored
    objective: float
    log_evidence: float
    steps: int


def probability(f: Float64Array) -> Float64Array:
    """``1 / (1 + exp(-f))``."""
    from scipy.special import expit

    return np.asarray(expit(f))


def log_likelihood(signs: Float64Array, f: Float64Array) -> float:
    """``sum ln p(y | f)``."""
    return -float(np.logaddexp(0.0, -signs * f).sum())


def find_mode(K: Float64Array, signs: Float64Array, kernel: Kernel) -> Mode:
    """Newton's method, halving steps that lose.

    Raises:
        NotPositiveDefinite: I + W^1/2 K W^1/2 has a negative eigenvalue.

    Source: C. Rasmussen and C. Williams, "Gaussian processes for machine learning", 2006,
    algorithm 3.1.
    """
    n = len(signs)
    a, f = np.zeros(n), np.zeros(n)
    objective = log_likelihood(signs, f)
    for step in range(1, MOST_STEPS):
        p = probability(f)
        W = p * (1.0 - p)
        roots = np.sqrt(W)
        B = K * np.outer(roots, roots)
        try:
            system = factor(B, 1.0, kernel=kernel)
        except NotPositiveDefinite:  # of K itself, which the user knows
            raise not_definite(kernel, smallest_eigenvalue(K)) from None
        b = W * f + (signs + 1) / 2 - p
        towards = b - roots * system.solve(roots * (K @ b))
        length, before = 1.0, objective
        while True:
            trial = a + length * (towards - a)
            there = K @ trial
            objective = log_likelihood(signs, there) - 0.5 * float(trial @ there)
            if objective >= before - 1e-12 * abs(before) or length < 1e-6:
                break
            length /= 2
        a, f = trial, there
        if objective - before < GAIN:
            log_evidence = objective - 0.5 * system.log_determinant()
            return Mode(a, f, roots, system, objective, log_evidence, step)
    raise _not_converged()


def _not_converged() -> NotConverged:
    return NotConverged(
        f"Laplace's approximation: no mode after {MOST_STEPS} steps of Newton; the kernel may be "
        "too large: scale it down, or let its hyper-parameters be learnt within bounds"
    )


def evidence_slopes(
    K: Float64Array, signs: Float64Array, mode: Mode, gradient: Float64Array
) -> Float64Array:
    """The derivatives of `Mode.log_evidence` by the hyper-parameters, (p,).

    Args:
        gradient: (n, n, p) the derivatives of K.

    Source: Rasmussen and Williams, algorithm 5.1.
    """
    roots, p = mode.roots, probability(mode.f)
    towards = (signs + 1) / 2 - p
    R = roots[:, None] * mode.system.solve(np.diag(roots))
    half = mode.system.half(roots[:, None] * K)
    third = -p * (1.0 - p) * (1.0 - 2.0 * p)
    # How the determinant moves with f, and f with the hyper-parameters.
    moves = 0.5 * (np.diagonal(K) - np.vecdot(half.T, half.T)) * third
    direct = np.einsum("i,ijp,j->p", mode.a, gradient, mode.a) - np.einsum("ij,ijp->p", R, gradient)
    b = np.einsum("ijp,j->ip", gradient, towards)
    return np.asarray(0.5 * direct + moves @ (b - K @ (R @ b)))


class Whole:
    """With the whole matrix."""

    def __init__(self, problem: Problem, rows: Any, K: Float64Array, signs: Float64Array) -> None:
        self.problem, self.rows = problem, rows
        self.mode = find_mode(K, signs, problem.kernel)
        self.steps, self.log_evidence = self.mode.steps, self.mode.log_evidence

    def latent(self, rows: Any) -> tuple[Float64Array, Float64Array]:
        """Means and variances (m,) of the function."""
        means, variances = [np.empty(0)], [np.empty(0)]
        for part in blocks(rows, block_of(len(self.rows))):
            K = self.weights(part)
            half = self.mode.system.half(self.mode.roots[:, None] * K.T)
            means.append(K @ self.mode.a)
            variances.append(self.problem.kernel._diagonal(part) - np.vecdot(half.T, half.T))
        return np.concatenate(means), np.maximum(np.concatenate(variances), 0.0)

    def weights(self, rows: Any) -> Float64Array:
        return matrix(self.problem.kernel, rows, self.rows, self.problem.workers)

    def contributions(self, rows: Any) -> Float64Array:
        """(m, n): ``a_i k(x_i, x)``."""
        return self.weights(rows) * self.mode.a


class Through:
    """Through an explicit map: Bayesian logistic regression on psi(x), Newton in blocks."""

    def __init__(self, solver: Mapped, signs: Float64Array) -> None:
        self.solver = solver
        m = solver.n_features
        self.w, self.objective = np.zeros(m), -len(signs) * float(np.log(2.0))
        for self.steps in range(1, MOST_STEPS):
            gram, slope, done = np.zeros((m, m)), -self.w, 0
            for part in solver.blocks():
                P, y = solver.psi(part), signs[done : done + len(part)]
                p = probability(P @ self.w)
                slope = slope + P.T @ ((y + 1) / 2 - p)
                weighted = P * np.sqrt(p * (1.0 - p))[:, None]
                gram += weighted.T @ weighted
                done += len(part)
            self.system = factor(gram, 1.0, kernel=solver.kernel)
            if self._walk(self.system.solve(slope), signs) < GAIN:
                break
        else:
            raise _not_converged()
        self.log_evidence = self.objective - 0.5 * self.system.log_determinant()
        self.towards = (signs + 1) / 2 - probability(self._values(self.w))

    def _values(self, w: Float64Array) -> Float64Array:
        return np.concatenate([self.solver.psi(part) @ w for part in self.solver.blocks()])

    def _walk(self, step: Float64Array, signs: Float64Array) -> float:
        """Go along ``step``, halved while it loses; what was gained."""
        length, before = 1.0, self.objective
        while True:
            trial = self.w + length * step
            objective = log_likelihood(signs, self._values(trial)) - 0.5 * float(trial @ trial)
            if objective >= before - 1e-12 * abs(before) or length < 1e-6:
                self.w, self.objective = trial, objective
                return objective - before
            length /= 2

    def latent(self, rows: Any) -> tuple[Float64Array, Float64Array]:
        means, variances = [np.empty(0)], [np.empty(0)]
        for part in blocks(rows, block_of(2 * self.solver.n_features)):
            P = self.solver.psi(part)
            half = self.system.half(P.T).T
            variance = np.vecdot(half, half)
            if self.solver.leaves_out:
                left = self.solver.kernel._diagonal(part) - np.vecdot(P, P)
                variance += np.maximum(left, 0.0)
            means.append(P @ self.w)
            variances.append(variance)
        return np.concatenate(means), np.concatenate(variances)

    def contributions(self, rows: Any) -> Float64Array:
        return self.solver.weights(rows) * self.towards


class Near:
    """On the neighbours of each query alone."""

    log_evidence = None
    steps = 1

    def __init__(self, problem: Problem, rows: Any, signs: Float64Array, k: int) -> None:
        self.problem, self.rows, self.signs, self.k = problem, rows, signs, k
        self.index = fitted_index(problem.options.get("index"), rows)

    def latent(self, rows: Any) -> tuple[Float64Array, Float64Array]:
        means, variances = np.empty(len(rows)), np.empty(len(rows))
        for i, (_, whole) in enumerate(self._each(rows)):
            mean, variance = whole.latent(rows[i : i + 1])
            means[i], variances[i] = mean[0], variance[0]
        return means, variances

    def contributions(self, rows: Any) -> Float64Array:
        out = np.zeros((len(rows), len(self.rows)))
        for i, (near, whole) in enumerate(self._each(rows)):
            out[i, near] = whole.contributions(rows[i : i + 1])[0]
        return out

    def _each(self, rows: Any) -> Any:
        for near in neighbours(self.index, rows, self.k):
            some = self.rows[near]
            K = matrix(self.problem.kernel, some, None, 1)
            yield near, Whole(self.problem, some, K, self.signs[near])
