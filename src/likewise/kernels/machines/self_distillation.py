"""`SelfDistilledRidge`: kernel ridge that learns again from its own answers, in closed form."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import MultiOutputMixin, RegressorMixin

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels.base import Kernel
from likewise.kernels.machines._linear import Float64Array, checked, not_definite
from likewise.kernels.machines._machine import KernelMachine
from likewise.kernels.machines._solver import Exact, matrix, take

Weights = npt.NDArray[np.float64]


def distilled_filter(values: npt.ArrayLike, ridge: float, weights: npt.ArrayLike) -> Weights:
    """What is left of each eigenvector of K in the fit, after ``len(weights)`` distillations.

    With ``a = s / (s + ridge)``, the first fit has ``g = a``; each distillation with weight w
    makes it ``a (w + (1 - w) g)``. With the same w for ever it comes to ``s / (s + ridge / w)``,
    kernel ridge with the ridge ``ridge / w``; with w = 0 to ``a^t``, which goes to 0.

    Args:
        values: s, the eigenvalues of K. ridge: positive. weights: of the true targets, by step.

    Returns:
        An array like ``values``.

    Source: K. Borup and L. Andersen, "Even your teacher needs guidance: ground-truth targets
    dampen regularization imposed by self-distillation", NeurIPS 2021.

    Example:
        >>> distilled_filter([1.0, 9.0], 1.0, []).tolist()
        [0.5, 0.9]
        >>> distilled_filter([1.0, 9.0], 1.0, [0.5] * 60).round(3).tolist()  # ridge 1 / 0.5
        [0.333, 0.818]
    """
    s = np.asarray(values, dtype=np.float64)
    a = s / (s + ridge)
    g = a.copy()
    for w in np.atleast_1d(np.asarray(weights, dtype=np.float64)):
        g = a * (w + (1.0 - w) * g)
    return g


def optimal_weight(y: Float64Array, from_teacher: Float64Array, from_truth: Float64Array) -> float:
    """The weight w of the true targets with the least squared error of the student.

    The student's predictions are ``w from_truth + (1 - w) from_teacher``, so that
    ``w = <y - from_teacher, from_truth - from_teacher> / |from_truth - from_teacher|^2``.

    Args:
        y: targets that the student is not trained on. from_teacher, from_truth: predictions
            there of a student that learns the teacher's answers, and the true targets, only.

    Returns:
        Any number; 1.0 where both predict the same.

    Example:
        >>> optimal_weight(np.array([1.0, 2.0]), np.array([0.0, 0.0]), np.array([2.0, 4.0]))
        0.5
    """
    step = from_truth - from_teacher
    size = float(np.vdot(step, step))
    return float(np.vdot(y - from_teacher, step)) / size if size > 0 else 1.0


class SelfDistilledRidge(MultiOutputMixin, RegressorMixin, KernelMachine):  # type: ignore[misc]
    """Kernel ridge on y, then on a mixture of y and its own fit, ``steps`` times.

    Step t learns ``w_t y + (1 - w_t) f_{t-1}(X)`` with the same ridge; all of them are one
    eigendecomposition and a spectral filter, `distilled_filter`.

    Args:
        kernel: any; None is ``RBF(length=sqrt(numbers in a row))``.
        ridge: positive.
        steps: distillations after the first fit; 0 is plain kernel ridge.
        weight: w: a number, or one a step; "optimal" takes for each step in turn the one with the
            least squared error on rows held out (`optimal_weight`), then fits all rows with them.
        held_out: the share of rows held out for "optimal".
        clip: keep optimal weights in [0, 1]; without it they may leave it, and do better.
        memory_limit, random_state, n_jobs, verbose: see `KernelRidge`.

    Attributes:
        weights_: w by step. kernel_, plan_: see `KernelMachine`.

    Raises:
        NotPositiveDefinite: the kernel's matrix has a negative eigenvalue.
        OverLimit: three matrices of n x n need more than ``memory_limit``.

    Cost: an eigendecomposition, about 9 n^3, and n^2 a step; "optimal" one more.

    Source: K. Borup and L. Andersen, NeurIPS 2021 (see `distilled_filter`).

    Example:
        >>> from likewise.kernels import RBF
        >>> from likewise.kernels.machines import KernelRidge, SelfDistilledRidge
        >>> X = np.linspace(0, 6, 30)[:, None]
        >>> often = SelfDistilledRidge(RBF(), ridge=0.1, steps=60, weight=0.5)
        >>> stronger = KernelRidge(RBF(), ridge=0.2).fit(X, np.sin(X[:, 0]))
        >>> there = often.fit(X, np.sin(X[:, 0])).predict(X)
        >>> bool(np.allclose(there, stronger.predict(X)))
        True
    """

    method = "exact"

    @suggest_arguments
    def __init__(
        self,
        kernel: Kernel | None = None,
        ridge: float = 1.0,
        *,
        steps: int = 1,
        weight: float | Literal["optimal"] | npt.ArrayLike = "optimal",
        held_out: float = 0.25,
        clip: bool = True,
        memory_limit: float | None = None,
        random_state: int | None = 0,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.kernel = kernel
        self.ridge = ridge
        self.steps = steps
        self.weight = weight
        self.held_out = held_out
        self.clip = clip
        self.memory_limit = memory_limit
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _needs_spectrum(self) -> bool:
        return True

    def fit(self, X: Any, y: Any) -> Self:
        """Learn ``y``, (n,) or (n, outputs), of the rows ``X``."""
        options = self._check_options()
        weights = self._check_weights()
        rows = self._check_rows(X, reset=True)
        Y, single = self._check_targets(y, len(rows))
        kernel = self._kernel_for(rows)
        problem = self._problem(kernel, rows, Y.shape[1], options)
        self._solver(problem, rows)  # refuses what is too large
        solver = Exact(problem)
        if weights is None:
            weights = self._best_weights(kernel, rows, Y)
        self.weights_ = weights
        values, U = self._spectrum(kernel, rows)
        g = distilled_filter(values, self.ridge, weights[:-1]) if len(weights) else None
        targets = U.T @ Y
        if g is not None:  # what the last student learns
            last = weights[-1]
            targets = (last + (1.0 - last) * g)[:, None] * targets
        solver.adopt(rows, U @ (targets / (values + self.ridge)[:, None]))
        return self._keep(solver, kernel, single)

    def _check_weights(self) -> Weights | None:
        if check_number("ridge", self.ridge) <= 0:
            raise InvalidArgument(f"ridge must be positive; got {self.ridge!r}")
        steps = check_count("steps", self.steps, minimum=0)
        if not 0 < check_number("held_out", self.held_out) < 1:
            raise InvalidArgument(f"held_out must be in (0, 1); got {self.held_out!r}")
        if isinstance(self.weight, str):
            if self.weight != "optimal":
                raise InvalidArgument(
                    f'weight must be a number, one a step, or "optimal"; got {self.weight!r:.60}'
                )
            return None
        try:
            weights = np.asarray(self.weight, dtype=np.float64)
        except (TypeError, ValueError):
            raise InvalidType(
                f'weight must be a number, one a step, or "optimal"; got {self.weight!r:.60}'
            ) from None
        if weights.ndim > 1 or (weights.ndim and len(weights) != steps):
            raise InvalidArgument(
                f"weight: {steps} steps need as many weights; got {weights.shape}"
            )
        if not np.isfinite(weights).all():
            raise InvalidArgument(f"weight must be finite; got {self.weight!r:.60}")
        return np.broadcast_to(weights, (steps,)).copy()

    def _spectrum(self, kernel: Kernel, rows: Any) -> tuple[Float64Array, Float64Array]:
        from scipy.linalg import eigh

        K = checked(matrix(kernel, rows, None, 1), kernel)
        values, U = eigh(K, overwrite_a=True, check_finite=False)
        if values[0] + self.ridge <= 0:
            raise not_definite(kernel, float(values[0]), self.ridge, "ridge")
        return values, U

    def _best_weights(self, kernel: Kernel, rows: Any, Y: Float64Array) -> Weights:
        """Step by step, on rows held out; a student is linear in w."""
        n = len(rows)
        count = int(np.ceil(self.held_out * n))
        if count >= n or self.steps == 0:  # one row: nothing to hold out
            return np.ones(self.steps)
        order = np.random.default_rng(self.random_state).permutation(n)
        some, others = np.sort(order[count:]), np.sort(order[:count])
        train = take(rows, some)
        values, U = self._spectrum(kernel, train)
        across = matrix(kernel, take(rows, others), train, 1) @ U
        across /= values + self.ridge
        a, truth, left = values / (values + self.ridge), U.T @ Y[some], Y[others]
        learnt, weights = truth, []
        for _ in range(self.steps):
            teacher = a[:, None] * learnt
            w = optimal_weight(left, across @ teacher, across @ truth)
            w = min(max(w, 0.0), 1.0) if self.clip else w
            learnt = w * truth + (1.0 - w) * teacher
            weights.append(w)
        return np.asarray(weights)

    def predict(self, X: Any) -> Float64Array:
        """(m,) or (m, outputs)."""
        rows = self._fitted(X)
        found = self.solver_.mean(rows)
        return np.asarray(found[:, 0] if self._single else found)
