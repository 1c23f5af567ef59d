"""Solved anew for each query, on its nearest training rows alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from likewise._workers import map_on_cores
from likewise.errors import InvalidArgument, InvalidType
from likewise.index import Exact as ExactIndex
from likewise.index import Index
from likewise.kernels.machines._linear import Factored, Float64Array, checked, factor
from likewise.kernels.machines._solver import BLOCK, Cost, Problem, Solver, matrix

Answer = TypeVar("Answer")
#: The neighbours of a query that are used, where none are asked for.
USUAL_K = 100


def fitted_index(index: Any, rows: Any) -> Index:
    """A copy of ``index`` (`Exact` by euclidean distance where it is None) that holds ``rows``."""
    if index is None:
        index = ExactIndex("euclidean")
    if not isinstance(index, Index):
        raise InvalidType(
            f'index must be one of likewise.index, such as Graph("euclidean"); got {index!r:.60}'
        )
    return copy.deepcopy(index).fit(rows)


def neighbours(index: Index, rows: Any, k: int) -> list[Any]:
    """The positions of the nearest training rows of each query, ascending."""
    found = index.search(rows, k=min(k, len(index)))
    return [np.sort(found[i].ids) for i in range(len(rows))]


class Local(Solver):
    """``(K_N + ridge I) alpha = y_N`` on the neighbours N of each query.

    The answer is a function of the query that may jump where its neighbours change.

    Cost: `fit` indexes the rows; a query takes a search, k^2 / 2 entries and k^3 / 3
    multiplications.
    """

    name = "local"
    own = ("index", "k")

    @staticmethod
    def refusal(problem: Problem) -> str:
        return "" if problem.numbers else "an index takes rows of numbers only"

    @staticmethod
    def cost(problem: Problem) -> Cost:
        k = min(problem.rows, problem.options.get("k") or USUAL_K)
        size = 12.0 * problem.rows * problem.numbers + 8.0 * problem.workers * k * k + BLOCK
        return Cost(size, 0.0, 0.0, f"{k:,} neighbours, solved for at each prediction")

    def fit(self, rows: Any, Y: Float64Array, ridge: float) -> Local:
        self.rows, self.ridge, self._Y = rows, ridge, Y
        self.k = self.problem.options.get("k") or USUAL_K
        self.index = fitted_index(self.problem.options.get("index"), self.rows)
        return self

    @property
    def alpha(self) -> Float64Array:
        raise InvalidArgument('method="local" has other weights for every query; contributions(X)')

    def _each(
        self, rows: Any, answer: Callable[[Any, Float64Array, Factored, Any], Answer]
    ) -> list[Answer]:
        """``answer(neighbours, k(N, x), factored system, x)`` for each query, in order."""
        near = neighbours(self.index, rows, self.k)

        def one(i: int) -> Answer:
            N = self.rows[near[i]]
            system = factor(
                checked(matrix(self.kernel, N, None, 1), self.kernel),
                self.ridge,
                kernel=self.kernel,
                ridge_name=self.problem.ridge_name,
            )
            x = rows[i : i + 1]
            return answer(near[i], matrix(self.kernel, N, x, 1), system, x)

        indexes = range(len(rows))
        return list(map_on_cores(one, indexes, backend="numpy", workers=self.problem.workers))

    def mean(self, rows: Any) -> Float64Array:
        found = self._each(rows, lambda N, K, system, x: K[:, 0] @ system.solve(self._Y[N]))
        return np.asarray(found).reshape(len(rows), self._Y.shape[1])

    def variance(self, rows: Any) -> Float64Array:
        def one(N: Any, K: Float64Array, system: Factored, x: Any) -> float:
            half = system.half(K)[:, 0]
            return float(self.kernel._diagonal(x)[0] - half @ half)

        return np.maximum(np.asarray(self._each(rows, one), dtype=np.float64), 0.0)

    def covariance(self, rows: Any) -> Float64Array:
        raise InvalidArgument(
            'method="local" solves for each row apart, and knows no covariance of several; '
            "ask for return_std=True, or use another method"
        )

    def weights(self, rows: Any) -> Float64Array:
        raise InvalidArgument('method="local" has other weights for every query')

    def contributions(self, rows: Any) -> Float64Array:
        out = np.zeros((len(rows), len(self.rows), self._Y.shape[1]))

        def one(N: Any, K: Float64Array, system: Factored, x: Any) -> tuple[Any, Float64Array]:
            return N, K * system.solve(self._Y[N])

        for i, (N, values) in enumerate(self._each(rows, one)):
            out[i, N] = values
        return out
