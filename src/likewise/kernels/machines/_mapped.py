"""Solvers that see the kernel through an explicit map: landmarks, or random features."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np

from likewise.errors import InvalidArgument
from likewise.kernels.machines._landmarks import (
    POOL,
    NystromMap,
    choose_landmarks,
    usual_landmarks,
)
from likewise.kernels.machines._linear import Factored, Float64Array, factor
from likewise.kernels.machines._solver import (
    BLOCK,
    Cost,
    Problem,
    Solver,
    block_of,
    blocks,
    in_float64,
)


class Mapped(Solver):
    """Ridge on ``psi(x)``: normal equations added up block by block, never n x m at once.

    ``alpha_i = (y_i - f(x_i)) / ridge`` gives ``f(x) = sum_i alpha_i psi(x_i).psi(x)``, as for
    the kernel ``psi.psi``.

    Cost: n m^2 multiplications and 8 m^2 bytes a matrix, for m features.
    """

    #: Whether psi.psi leaves out a part of k, that variances must have.
    leaves_out = False

    @abstractmethod
    def psi(self, rows: Any) -> Float64Array:
        """(b, m) in float64."""

    @abstractmethod
    def _make_map(self, rows: Any) -> int:
        """Make the map for these rows; how many features it has."""

    def prepare(self, rows: Any) -> int:
        """Keep the rows and make the map; how many features it has."""
        self.rows = rows
        self.n_features = self._make_map(rows)
        return self.n_features

    def blocks(self) -> Any:
        """Slices of the training rows that are mapped at a time."""
        return blocks(self.rows, block_of(2 * self.n_features))

    def fit(self, rows: Any, Y: Float64Array, ridge: float) -> Self:
        m = self.prepare(rows)
        gram, right, done = np.zeros((m, m)), np.zeros((m, Y.shape[1])), 0
        for part in self.blocks():
            P = self.psi(part)
            gram += P.T @ P
            right += P.T @ Y[done : done + len(part)]
            done += len(part)
        return self.solve(gram, right, Y, ridge)

    def solve(self, gram: Float64Array, right: Float64Array, Y: Float64Array, ridge: float) -> Self:
        """The end of `fit`: from the normal equations to weights. ``gram`` is overwritten."""
        self.ridge, self._Y = ridge, Y
        self.system: Factored = factor(gram, ridge, kernel=self.kernel)
        self.coefficients, self.jitter = self.system.solve(right), self.system.jitter
        return self

    @property
    def alpha(self) -> Float64Array:
        return (self._Y - self.mean(self.rows)) / self.ridge

    def mean(self, rows: Any) -> Float64Array:
        parts = [self.psi(part) @ self.coefficients for part in blocks(rows, self._block())]
        return np.concatenate([np.empty((0, self.coefficients.shape[1])), *parts])

    def _block(self) -> int:
        return block_of(2 * self.n_features)

    def covariance(self, rows: Any) -> Float64Array:
        P = self.psi(rows)
        half = self.system.half(P.T)
        out = self.ridge * (half.T @ half)
        if self.leaves_out:
            out += np.asarray(self.kernel._matrix(rows, None), dtype=np.float64) - P @ P.T
        return np.asarray(out)

    def variance(self, rows: Any) -> Float64Array:
        out = [np.empty(0)]
        for part in blocks(rows, self._block()):
            P = self.psi(part)
            half = self.system.half(P.T).T
            one = self.ridge * np.vecdot(half, half)
            if self.leaves_out:
                one += np.maximum(self.kernel._diagonal(part) - np.vecdot(P, P), 0.0)
            out.append(one)
        return np.maximum(np.concatenate(out), 0.0)

    def weights(self, rows: Any) -> Float64Array:
        P = self.psi(rows)
        return np.concatenate(
            [np.empty((len(rows), 0)), *(P @ self.psi(b).T for b in self.blocks())], axis=1
        )

    def log_evidence(self, Y: Float64Array) -> float | None:
        """Of the Gaussian process whose kernel is ``psi.psi``."""
        n, r = Y.shape
        fit = float(np.vdot(Y, self.alpha))
        determinant = self.system.log_determinant() + (n - self.n_features) * np.log(self.ridge)
        return float(-0.5 * (fit + r * determinant + r * n * np.log(2 * np.pi)))


class Nystrom(Mapped):
    """Through landmarks: `NystromMap`. Variances have the part that landmarks do not explain."""

    name = "nystrom"
    own = ("n_landmarks", "landmarks")
    leaves_out = True

    @staticmethod
    def count(problem: Problem) -> int:
        """How many landmarks."""
        given, how = problem.options.get("n_landmarks"), problem.options.get("landmarks")
        if how is not None and not isinstance(how, str):
            return len(how)
        return min(problem.rows, given or usual_landmarks(problem.rows))

    @staticmethod
    def cost(problem: Problem) -> Cost:
        n, m = problem.rows, Nystrom.count(problem)
        pool = min(n, POOL * m)
        size = 8.0 * (max(6 * m * m, 2 * pool * m) + 2 * n * problem.outputs) + 3 * BLOCK
        operations = (1.5 * n * m * m + m**3 / 3) * problem.passes + 5 * m**3 + pool * m * m
        return Cost(size, n * m * problem.passes + pool * m, operations, f"{m:,} landmarks")

    def _make_map(self, rows: Any) -> int:
        problem = self.problem
        how = problem.options.get("landmarks")
        if how is None or isinstance(how, str):
            Z = choose_landmarks(
                self.kernel,
                rows,
                self.count(problem),
                how or "pivoted",
                problem.random_state,
                problem.workers,
            )
        else:
            Z = self.kernel._as_rows(how, "landmarks")
            self.kernel._check_alike(rows, Z)
        self.map = NystromMap(self.kernel, in_float64(Z), workers=problem.workers)
        return int(self.map.n_features)

    def psi(self, rows: Any) -> Float64Array:
        return self.map(rows)


class Features(Mapped):
    """Through the explicit map of the kernel, `Kernel.features`."""

    name = "features"
    own = ("n_features",)

    @staticmethod
    def count(problem: Problem) -> int:
        """How many features."""
        return problem.options.get("n_features") or min(
            4000, max(500, int(10 * np.sqrt(problem.rows)))
        )

    @staticmethod
    def refusal(problem: Problem) -> str:
        try:
            problem.kernel.features(64, 0)  # few: a look whether there is a map
        except InvalidArgument:
            return f'{type(problem.kernel).__name__} has no explicit map; "nystrom" needs none'
        return ""

    @staticmethod
    def cost(problem: Problem) -> Cost:
        n, D = problem.rows, Features.count(problem)
        size = 8.0 * (3 * D * D + 2 * n * problem.outputs) + 3 * BLOCK
        operations = (n * D * (D + 2 * problem.numbers) + D**3 / 3) * problem.passes
        return Cost(size, 0.0, operations, f"{D:,} features")

    def _make_map(self, rows: Any) -> int:
        given = self.problem.random_state
        self.seed = int(np.random.SeedSequence().generate_state(1)[0]) if given is None else given
        self.map = self.kernel.features(self.count(self.problem), self.seed)
        return int(self.psi(rows[:1]).shape[1])

    def __getstate__(self) -> dict[str, Any]:
        # A map may hold functions, which cannot be pickled; the seed makes the same one.
        return {name: value for name, value in vars(self).items() if name != "map"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if "seed" in state:
            self.map = self.kernel.features(self.count(self.problem), self.seed)

    def psi(self, rows: Any) -> Float64Array:
        return np.asarray(self.map._map(rows), dtype=np.float64)
