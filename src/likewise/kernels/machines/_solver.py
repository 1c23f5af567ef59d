"""What every way to solve ``(K + ridge I) alpha = Y`` has in common, and the plain one: exact."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from likewise.errors import InvalidArgument
from likewise.kernels.base import Kernel
from likewise.kernels.machines._linear import Factored, Float64Array, checked, factor
from likewise.kernels.operator import KernelOperator

#: Bytes of one block of rows that is worked on at a time.
BLOCK = 32e6
#: For plans: the steps that a Laplace approximation is expected to take.
NEWTON_STEPS = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """What is asked of a solver, as far as its cost goes.

    Attributes:
        kernel: the kernel. rows: how many. numbers: in a row. outputs: right-hand sides.
        workers: threads. keep: whether variances are wanted later. loo: whether the ridge is to
            be chosen by leaving one out. laplace: whether a likelihood of labels makes it Newton's.
        options: the arguments that the user gave for this method; the others are None.
    """

    kernel: Kernel
    rows: int
    numbers: int
    outputs: int
    workers: int = 1
    keep: bool = False
    loo: bool = False
    laplace: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    random_state: int | None = 0
    ridge_name: str = "ridge"

    @property
    def passes(self) -> int:
        """How often the normal equations are solved."""
        return NEWTON_STEPS * self.outputs if self.laplace else 1


@dataclass(frozen=True, slots=True)
class Cost:
    """What a method takes: bytes, kernel entries, other operations, and what it settled on."""

    bytes: float
    entries: float
    operations: float
    settings: str = ""


class Solver(ABC):
    """Solves once, then answers: means, variances of a Gaussian process with noise ``ridge``.

    Attributes:
        jitter: what was added to a diagonal beyond what was asked; 0.0 if nothing.
        alpha: (n, r) the weights of the training rows.
    """

    name: ClassVar[str]
    #: The arguments of the estimators that are of this method alone.
    own: ClassVar[tuple[str, ...]] = ()
    jitter: float = 0.0
    #: Steps of an iteration; 1 for what is solved in one go.
    steps: int = 1

    def __init__(self, problem: Problem) -> None:
        self.problem, self.kernel = problem, problem.kernel
        self.rows: Any = None
        self.ridge = 0.0

    @staticmethod
    @abstractmethod
    def cost(problem: Problem) -> Cost:
        """What fitting takes."""

    @staticmethod
    def refusal(problem: Problem) -> str:
        """Why this method cannot serve at all; "" if it can."""
        return ""

    @abstractmethod
    def fit(self, rows: Any, Y: Float64Array, ridge: float) -> Self:
        """Solve for the checked ``rows`` and ``Y`` (n, r)."""

    @property
    @abstractmethod
    def alpha(self) -> Float64Array: ...

    @abstractmethod
    def mean(self, rows: Any) -> Float64Array:
        """(m, r): ``sum_i alpha_i k(x_i, x)``."""

    @abstractmethod
    def covariance(self, rows: Any) -> Float64Array:
        """(m, m): the posterior covariance of the function, without noise."""

    def variance(self, rows: Any) -> Float64Array:
        """(m,): the diagonal of `covariance`, never negative."""
        parts = [np.diagonal(self.covariance(part)) for part in blocks(rows, 256)]
        return np.asarray(np.maximum(np.concatenate([np.empty(0), *parts]), 0.0))

    @abstractmethod
    def weights(self, rows: Any) -> Float64Array:
        """(m, n): ``k(x, x_i)`` with every training row, as this method sees the kernel."""

    def contributions(self, rows: Any) -> Float64Array:
        """(m, n, r): ``alpha_i k(x_i, x)``, whose sum over the training rows i is `mean`."""
        return np.asarray(self.weights(rows)[:, :, None] * self.alpha)

    def log_evidence(self, Y: Float64Array) -> float | None:
        """The logarithm of the marginal likelihood of ``Y``, summed over outputs, if known."""
        return None

    def cross(self, rows: Any) -> KernelOperator:
        """k(rows, training rows), to multiply by."""
        return KernelOperator(self.kernel, rows, self.rows, n_jobs=self.problem.workers)


class Exact(Solver):
    """Cholesky of the whole matrix: 8 n^2 bytes, n^3 / 3 multiplications."""

    name = "exact"

    @staticmethod
    def cost(problem: Problem) -> Cost:
        n = problem.rows
        # Eigenvectors need three more matrices and more time; so do Newton's steps.
        matrices = 3 + problem.outputs if problem.loo or problem.laplace else 1
        size = 8.0 * n * (n * matrices + problem.outputs * 2) + BLOCK
        solves = 28 if problem.loo else problem.passes
        return Cost(size, n * n / 2, n**3 / 3 * solves)

    def fit(self, rows: Any, Y: Float64Array, ridge: float) -> Exact:
        self.rows, self.ridge = rows, ridge
        K = checked(matrix(self.kernel, rows, None, self.problem.workers), self.kernel)
        system = factor(K, ridge, kernel=self.kernel, ridge_name=self.problem.ridge_name)
        self._alpha, self.jitter = system.solve(Y), system.jitter
        self.system: Factored | None = system if self.problem.keep else None
        return self

    def adopt(self, rows: Any, alpha: Float64Array) -> None:
        """Take weights that were found elsewhere; there are no variances then."""
        self.rows, self._alpha, self.system = rows, alpha, None

    @property
    def alpha(self) -> Float64Array:
        return self._alpha

    def mean(self, rows: Any) -> Float64Array:
        return np.asarray(self.cross(rows) @ self._alpha, dtype=np.float64)

    def covariance(self, rows: Any) -> Float64Array:
        half = self._half(rows)
        return matrix(self.kernel, rows, None, self.problem.workers) - half.T @ half

    def variance(self, rows: Any) -> Float64Array:
        out = [np.empty(0)]
        for part in blocks(rows, block_of(len(self.rows))):
            half = self._half(part)
            out.append(self.kernel._diagonal(part) - np.vecdot(half.T, half.T))
        return np.maximum(np.concatenate(out), 0.0)

    def _half(self, rows: Any) -> Float64Array:
        if self.system is None:
            raise InvalidArgument("this solver was told that no variances will be asked for")
        K = matrix(self.kernel, rows, self.rows, self.problem.workers)
        return self.system.half(K.T)

    def weights(self, rows: Any) -> Float64Array:
        return matrix(self.kernel, rows, self.rows, self.problem.workers)

    def log_evidence(self, Y: Float64Array) -> float | None:
        if self.system is None:
            return None
        fit = float(np.vdot(Y, self._alpha))
        n, r = Y.shape
        return float(-0.5 * (fit + r * self.system.log_determinant() + r * n * np.log(2 * np.pi)))


def matrix(kernel: Kernel, rows: Any, columns: Any, workers: int) -> Float64Array:
    """The matrix of checked rows, in float64."""
    return np.asarray(kernel._matrix(rows, columns, workers), dtype=np.float64)


def in_float64(rows: Any) -> Any:
    """Rows of numbers in float64; other rows as they are."""
    return np.asarray(rows, dtype=np.float64) if isinstance(rows, np.ndarray) else rows


def take(rows: Any, ids: Any) -> Any:
    """The rows ``ids``; rows may be a list."""
    return [rows[i] for i in ids] if isinstance(rows, list) else rows[ids]


def block_of(columns: int) -> int:
    """How many rows of so many float64 columns fill `BLOCK`."""
    return max(16, int(BLOCK / (8 * max(columns, 1))))


def blocks(rows: Any, size: int) -> Iterator[Any]:
    """``rows`` in pieces of ``size``, in order."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
