"""What the kernel machines share as estimators: checks, the plan, and who decided an output."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from likewise._arguments import check_count, check_jobs, check_k, check_number
from likewise.errors import (
    InvalidArgument,
    InvalidType,
    InvalidVector,
    LikewiseError,
    NotFitted,
    OverLimit,
)
from likewise.index import Index
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel, check_kernel
from likewise.kernels.classical.rbf import RBF
from likewise.kernels.machines._landmarks import CHOICES
from likewise.kernels.machines._linear import Float64Array, checked
from likewise.kernels.machines._solver import Problem, Solver, in_float64
from likewise.kernels.machines.planning import METHODS, MachinePlan, make_plan

#: So many rows are looked at, whether the kernel is symmetric;
SEEN = 32
#: a larger share of the largest entry is no rounding.
ASYMMETRY = 1e-6
#: In the words that scikit-learn's tools look for.
NO_TARGETS = "this estimator requires y to be passed, but the target y is None"


class _NotFitted(NotFitted, NotFittedError):  # type: ignore[misc]
    """Ours, and what scikit-learn's tools look for."""


class KernelMachine(BaseEstimator):  # type: ignore[misc]
    """The common part of the estimators; see `KernelRidge` for the arguments.

    Attributes:
        kernel_: the kernel that was used. plan_: the `MachinePlan`. method_: what it chose.
        jitter_: what had to be added to a diagonal beyond what was asked for; 0.0 if nothing.
        n_iter_: the steps of conjugate gradients; 1 for what is solved in one go.
    """

    #: The word for what is added to the diagonal.
    _ridge_name: ClassVar[str] = "ridge"
    #: Whether variances are asked for after `fit`.
    _keeps: ClassVar[bool] = False
    #: Whether a likelihood of labels needs Newton's steps.
    _laplace: ClassVar[bool] = False

    kernel: Kernel | None
    method: str
    memory_limit: float | None
    random_state: int | None
    n_jobs: int | None
    verbose: bool

    # -- checks ---------------------------------------------------------------------

    def _check_options(self) -> dict[str, Any]:
        """The arguments that belong to some methods, where they are given."""
        if self.method != "auto" and self.method not in METHODS:
            raise InvalidArgument(
                f"method must be auto, {', '.join(METHODS)}; got {self.method!r:.60}"
            )
        names = [name for solver in METHODS.values() for name in solver.own]
        given = {name: getattr(self, name, None) for name in names}
        options = {name: value for name, value in given.items() if value is not None}
        for name, value in options.items():
            owner = next(m for m, solver in METHODS.items() if name in solver.own)
            if self.method not in ("auto", owner):
                raise InvalidArgument(
                    f"{name} is an argument of method={owner!r}; method is {self.method!r}"
                )
            _check_option(name, value)
        if self.random_state is not None:
            check_count("random_state", self.random_state, minimum=0)
        if self.memory_limit is not None and check_number("memory_limit", self.memory_limit) <= 0:
            raise InvalidArgument(f"memory_limit must be positive; got {self.memory_limit!r}")
        return options

    def _check_rows(self, X: Any, *, reset: bool) -> Any:
        """Rows as the kernel takes them; numbers in float64."""
        kernel = self.kernel if reset else self.kernel_
        if kernel is not None:
            check_kernel(kernel)
        if kernel is not None and not takes_vectors(kernel):
            return in_float64(kernel._as_rows(X, "X"))
        X = checked_table(self, X, reset=reset)
        return (kernel or RBF())._as_rows(X, "X")

    def _check_targets(self, y: Any, count: int) -> tuple[Float64Array, bool]:
        """Numbers to learn, as (n, r), and whether they came as (n,)."""
        return checked_targets(y, count)

    def _kernel_for(self, rows: Any) -> Kernel:
        if self.kernel is not None:
            return self.kernel.copy()
        return self._usual_kernel(rows.shape[1])

    def _usual_kernel(self, numbers: int) -> Kernel:
        return RBF(length=float(np.sqrt(numbers)))

    # -- the plan -------------------------------------------------------------------

    def plan(self, X: Any, y: Any = None) -> MachinePlan:
        """Memory and seconds that `fit` would take, by every method, and the one it would take.

        Args:
            X: the rows. y: targets; None counts as one output.

        Cost: one kernel tile and one small product are timed.
        """
        options = self._check_options()
        rows = self._check_rows(X, reset=True)
        outputs = 1 if y is None else self._outputs(y)
        return self._plan(self._problem(self._kernel_for(rows), rows, outputs, options), rows)

    def _outputs(self, y: Any) -> int:
        y = np.asarray(y)
        return int(y.shape[1]) if y.ndim > 1 else 1

    def _problem(
        self, kernel: Kernel, rows: Any, outputs: int, options: Mapping[str, Any]
    ) -> Problem:
        vectors = isinstance(rows, np.ndarray) and rows.ndim == 2
        return Problem(
            kernel,
            len(rows),
            rows.shape[1] if vectors else 0,
            outputs,
            check_jobs(self.n_jobs),
            keep=self._keeps,
            loo=self._needs_spectrum(),
            laplace=self._laplace,
            options=options,
            random_state=self.random_state,
            ridge_name=self._ridge_name,
        )

    def _needs_spectrum(self) -> bool:
        """Whether the whole spectrum of the matrix is asked for."""
        return False

    def _refused(self) -> dict[str, str]:
        """Methods that this estimator cannot use as it is set, and why."""
        return {}

    def _plan(self, problem: Problem, rows: Any) -> MachinePlan:
        plan = make_plan(problem, rows, self.method, self.memory_limit, self._refused())
        if self.verbose:
            print(plan)
        return plan

    def _solver(self, problem: Problem, rows: Any) -> Solver:
        """The method that the plan chooses; refuses past the limit."""
        self.plan_ = self._plan(problem, rows)
        if self.method != "auto":
            (asked,) = [c for c in self.plan_.candidates if c.method == self.method]
            if not self.plan_.method and asked.against != "over memory_limit":
                raise InvalidArgument(f"method={self.method!r}: {asked.against}")
        self.plan_.check()
        some = rows[: problem.kernel._tile(rows)]  # what is seen at once; solvers see the rest
        checked(np.asarray(problem.kernel._diagonal(some), dtype=np.float64), problem.kernel)
        _check_symmetric(problem.kernel, rows[:SEEN])
        self.method_ = self.plan_.method
        self._say_unused(problem.options)
        return METHODS[self.method_](problem)

    def _say_unused(self, options: Mapping[str, Any]) -> None:
        """Warn of options that belong to other methods than the one that "auto" took."""
        own = METHODS[self.method_].own
        for name in options:
            if name not in own:
                owner = next(m for m, solver in METHODS.items() if name in solver.own)
                warnings.warn(
                    f'{name} is not used: method="auto" took {self.method_!r}, and {name} is an '
                    f"argument of {owner!r}; name that method, or leave {name} out",
                    stacklevel=4,
                )

    # -- after fit ------------------------------------------------------------------

    def _fitted(self, X: Any) -> Any:
        """Checked rows for a fitted estimator."""
        try:
            check_is_fitted(self, "solver_")
        except NotFittedError:
            raise _NotFitted(f"{type(self).__name__} has learnt nothing; call fit(X, y)") from None
        return self._check_rows(X, reset=False)

    def contributions(self, X: Any) -> FloatArray:
        """Which training rows decided each output: ``alpha_i k(x_i, x)``.

        Returns:
            (m, n), or (m, n, outputs) where there are several; the sum over the n training rows
            is the output (`predict` of a regressor less its ``offset_``, `decision_function` of
            a classifier). With ``method="local"`` rows that are no neighbours have 0; with
            "nystrom" and "features" k is the kernel as they see it.

        Raises:
            OverLimit: the array needs more than ``memory_limit``; ask for fewer rows.
        """
        rows = self._fitted(X)
        outputs = self.plan_.outputs
        size = 8.0 * len(rows) * self.plan_.rows * (1 + outputs)
        if self.memory_limit is not None and size > self.memory_limit:
            raise OverLimit(
                f"contributions of {self.plan_.rows:,} training rows to {len(rows):,} rows take "
                f"{size / 1e6:,.1f} MB, over memory_limit = {self.memory_limit / 1e6:,.1f} MB; "
                "ask for fewer rows at a time"
            )
        found = self._contributions(rows)
        return np.asarray(found[:, :, 0] if self._single else found)

    _single: bool

    def _contributions(self, rows: Any) -> Float64Array:
        return np.asarray(self.solver_.contributions(rows))

    def _keep(self, solver: Any, kernel: Kernel, single: bool) -> Self:
        self.solver_, self.kernel_, self._single = solver, kernel, single
        self.jitter_, self.n_iter_ = solver.jitter, solver.steps
        return self


def checked_table(estimator: BaseEstimator, X: Any, *, reset: bool) -> Any:
    """A table of numbers in float64, as scikit-learn's words want it; NaN is not sought."""
    try:
        return validate_data(estimator, X, reset=reset, dtype=np.float64, ensure_all_finite=False)
    except TypeError as error:
        raise InvalidType(str(error)) from None
    except ValueError as error:
        raise InvalidVector(str(error)) from None


def checked_targets(y: Any, count: int) -> tuple[Float64Array, bool]:
    """Numbers to learn, as (n, r), and whether they came as (n,)."""
    if y is None:
        raise InvalidArgument(NO_TARGETS)
    try:
        Y = check_array(
            y, ensure_2d=False, dtype=np.float64, ensure_all_finite=False, input_name="y"
        )
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"y: {error}") from None
    if len(Y) != count:
        raise InvalidArgument(f"y has {len(Y)} values, X has {count} rows")
    check_finite_targets(Y)
    return (Y[:, None], True) if Y.ndim == 1 else (Y, False)


def check_finite_targets(y: Any) -> None:
    """Refuse NaN and infinity among numbers."""
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        row = int(np.argwhere(~np.isfinite(y))[0, 0])
        raise InvalidArgument(f"y: row {row} is NaN or infinity (inf); targets must be finite")


def _check_symmetric(kernel: Kernel, rows: Any) -> None:
    """Refuse k(x, y) other than k(y, x), by a look at some rows: machines compute one of them."""
    K = checked_entries(kernel, rows)
    apart = np.abs(K - K.T)
    if apart.size and apart.max() > ASYMMETRY * np.abs(K).max():
        i, j = np.unravel_index(int(np.argmax(apart)), apart.shape)
        raise InvalidArgument(
            f"kernel: {kernel!r:.200} is not symmetric: k(X[{i}], X[{j}]) = {K[i, j]:.6g} and "
            f"k(X[{j}], X[{i}]) = {K[j, i]:.6g}; a machine needs k(x, y) = k(y, x); take "
            "(k(x, y) + k(y, x)) / 2"
        )


def checked_entries(kernel: Kernel, rows: Any) -> Float64Array:
    """k of all pairs, finite but on the diagonal, which is looked at elsewhere."""
    K = np.array(kernel._entries(rows, rows), dtype=np.float64)
    np.fill_diagonal(K, 0.0)
    return checked(K, kernel)


def takes_vectors(kernel: Kernel) -> bool:
    """Whether the rows of this kernel are vectors of numbers."""
    try:
        rows = kernel._as_rows(np.eye(2), "X")
    except LikewiseError:
        return False
    return isinstance(rows, np.ndarray) and rows.ndim == 2


def _check_option(name: str, value: Any) -> None:
    if name in ("n_landmarks", "n_features", "max_iter", "rank"):
        check_count(name, value)
    elif name == "k":
        check_k(value)
    elif name == "tol":
        if check_number(name, value) <= 0:
            raise InvalidArgument(f"tol must be positive; got {value!r}")
    elif name == "landmarks" and isinstance(value, str) and value not in CHOICES:
        raise InvalidArgument(f"landmarks must be one of {', '.join(CHOICES)}; got {value!r:.60}")
    elif name == "index" and not isinstance(value, Index):
        raise InvalidType(
            f'index must be one of likewise.index, such as Graph("euclidean"); got {value!r:.60}'
        )
