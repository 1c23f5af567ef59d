"""`KernelRidge` and `KernelRidgeClassifier`: least squares in the space of a kernel."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.index import Index
from likewise.kernels.base import Kernel
from likewise.kernels.machines._leave_one_out import fit_left_out
from likewise.kernels.machines._linear import Float64Array
from likewise.kernels.machines._machine import NO_TARGETS, KernelMachine, check_finite_targets

Method = Literal["auto", "exact", "cg", "nystrom", "features", "local"]
NO_CLOSED_FORM = "leaving one out has no closed form here"


class _Ridge(KernelMachine):
    """The common part of both."""

    ridge: float | str

    @suggest_arguments
    def __init__(
        self,
        kernel: Kernel | None = None,
        ridge: float | Literal["loo"] = 1.0,
        *,
        method: Method = "auto",
        n_landmarks: int | None = None,
        landmarks: Any = None,
        n_features: int | None = None,
        tol: float | None = None,
        max_iter: int | None = None,
        rank: int | None = None,
        index: Index | None = None,
        k: int | None = None,
        memory_limit: float | None = None,
        random_state: int | None = 0,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.kernel = kernel
        self.ridge = ridge
        self.method = method
        self.n_landmarks = n_landmarks
        self.landmarks = landmarks
        self.n_features = n_features
        self.tol = tol
        self.max_iter = max_iter
        self.rank = rank
        self.index = index
        self.k = k
        self.memory_limit = memory_limit
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _needs_spectrum(self) -> bool:
        return bool(self.ridge == "loo")

    def _refused(self) -> dict[str, str]:
        return {"cg": NO_CLOSED_FORM, "local": NO_CLOSED_FORM} if self.ridge == "loo" else {}

    def _check_ridge(self) -> float | None:
        """The ridge, or None where it is to be chosen."""
        if isinstance(self.ridge, str):
            if self.ridge != "loo":
                raise InvalidArgument(f'ridge must be a number or "loo"; got {self.ridge!r:.60}')
            return None
        ridge = check_number("ridge", self.ridge)
        if ridge <= 0:
            raise InvalidArgument(f"ridge must be positive; got {self.ridge!r}")
        return ridge

    def _fit(self, rows: Any, Y: Float64Array, single: bool, options: dict[str, Any]) -> Self:
        ridge, kernel = self._check_ridge(), self._kernel_for(rows)
        solver = self._solver(self._problem(kernel, rows, Y.shape[1], options), rows)
        if ridge is None:
            found = fit_left_out(solver, rows, Y)
            self.ridge_, self.loo_errors_ = found.ridge, (found.ridges, found.errors)
        else:
            solver.fit(rows, Y, ridge)
            self.ridge_ = ridge
        return self._keep(solver, kernel, single)


class KernelRidge(MultiOutputMixin, RegressorMixin, _Ridge):  # type: ignore[misc]
    """``f(x) = sum_i alpha_i k(x_i, x)`` with ``(K + ridge I) alpha = y``.

    Args:
        kernel: any; None is ``RBF(length=sqrt(numbers in a row))``.
        ridge: positive, scikit-learn's ``alpha``; "loo" takes the one of 49 (four a decade, in
            units of the trace) with the least squared error of leaving one row out, in closed
            form.
        method: "exact" (Cholesky); "cg" (conjugate gradients on products with the matrix, which
            is never kept, with a randomly pivoted Cholesky preconditioner); "nystrom" (through
            landmarks); "features" (through the kernel's random features); "local" (on the
            nearest training rows of each query, through an index). "auto" takes the most exact
            of these, in this order, that fits ``memory_limit`` and about a minute; see `plan`.
        n_landmarks, landmarks: of "nystrom". How many (None: 10 sqrt(n), at least 500), and
            which: "pivoted" (the default; by what is left unexplained), "kmeans++", "uniform",
            or the rows themselves.
        n_features: of "features". None is 10 sqrt(n), from 500 to 4,000.
        tol, max_iter, rank: of "cg". The relative residual (None: 1e-6), the most steps (500),
            and the rank of the preconditioner (2 sqrt(n), at least 100).
        index, k: of "local". An index of `likewise.index`, which is copied and filled (None:
            `Exact` by euclidean distance), and how many neighbours (None: 100).
        memory_limit: bytes; None is half of main memory. Past it `fit` refuses, with the plan.
        random_state: the seed of landmarks, features and preconditioner.
        n_jobs: threads that evaluate the kernel; None is 1, -1 all cores.
        verbose: print the plan before fitting.

    Attributes:
        ridge_: the ridge used. loo_errors_: (ridges, errors), with ``ridge="loo"``.
        plan_, method_, kernel_, jitter_: see `KernelMachine`.

    Raises:
        NotPositiveDefinite: the kernel's matrix and the ridge have a negative eigenvalue.
        NotConverged: "cg" did not come to ``tol``. OverLimit: no method fits.

    Cost: exact n^3 / 3; cg n^2 / 2 entries a step; nystrom and features n m^2 for m of them;
    local k^3 / 3 a query. Everything is computed in float64.

    Source: C. Saunders, A. Gammerman and V. Vovk, "Ridge regression learning algorithm in dual
    variables", ICML 1998. Nyström ridge: A. Rudi, L. Carratino and L. Rosasco, "FALKON", NIPS
    2017.

    Example:
        >>> from likewise.kernels import RBF
        >>> from likewise.kernels.machines import KernelRidge
        >>> X = np.linspace(0, 6, 40)[:, None]
        >>> model = KernelRidge(RBF(length=1.0), ridge=1e-3).fit(X, np.sin(X[:, 0]))
        >>> model.predict([[1.5]]).round(3).tolist(), model.method_
        ([0.997], 'exact')
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn ``y``, (n,) or (n, outputs), of the rows ``X``."""
        options = self._check_options()
        self._check_ridge()
        rows = self._check_rows(X, reset=True)
        Y, single = self._check_targets(y, len(rows))
        return self._fit(rows, Y, single, options)

    def predict(self, X: Any) -> Float64Array:
        """(m,) or (m, outputs)."""
        rows = self._fitted(X)
        found = self.solver_.mean(rows)
        return np.asarray(found[:, 0] if self._single else found)


class KernelRidgeClassifier(ClassifierMixin, _Ridge):  # type: ignore[misc]
    """`KernelRidge` on +1 for a class and -1 for the others; the largest output decides.

    Arguments, attributes, errors and cost are those of `KernelRidge`; each class is an output
    (two classes are one), and ``ridge="loo"`` weighs the squared errors of all of them.

    Source: R. Rifkin, G. Yeo and T. Poggio, "Regularized least-squares classification", 2003.

    Example:
        >>> from likewise.kernels.machines import KernelRidgeClassifier
        >>> model = KernelRidgeClassifier(ridge=0.1).fit([[0.0], [1.0], [5.0]], ["a", "a", "b"])
        >>> model.predict([[0.5], [4.5]]).tolist()
        ['a', 'b']
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the labels ``y`` (n,) of the rows ``X``."""
        options = self._check_options()
        self._check_ridge()
        rows = self._check_rows(X, reset=True)
        signs, self.classes_ = signs_of(y, len(rows))
        return self._fit(rows, signs, signs.shape[1] == 1, options)

    def _outputs(self, y: Any) -> int:
        classes = len(np.unique(np.asarray(y)))
        return 1 if classes == 2 else classes

    def decision_function(self, X: Any) -> Float64Array:
        """(m,) for two classes, positive for the second; else (m, classes)."""
        rows = self._fitted(X)
        found = self.solver_.mean(rows)
        return np.asarray(found[:, 0] if self._single else found)

    def predict(self, X: Any) -> Any:
        """(m,) the most likely labels; equal outputs go to the smaller label."""
        found = self.decision_function(X)
        if self._single:
            return self.classes_[(found > 0).astype(np.int64)]
        return self.classes_[np.argmax(found, axis=1)]


def signs_of(y: Any, count: int) -> tuple[Float64Array, Any]:
    """Labels as +1 and -1, (n, 1) for two classes and (n, classes) for more; and the classes."""
    if y is None:
        raise InvalidArgument(NO_TARGETS)
    check_finite_targets(np.asarray(y))
    check_classification_targets(y)
    if type_of_target(y).startswith("multilabel"):
        raise InvalidType("y must be one label a row; got several")
    labels = column_or_1d(y, warn=True)
    if len(labels) != count:
        raise InvalidArgument(f"y has {len(labels)} labels, X has {count} rows")
    binarizer = LabelBinarizer(neg_label=-1, pos_label=1).fit(labels)
    if len(binarizer.classes_) < 2:
        raise InvalidArgument(
            f"y: only one class, {binarizer.classes_[0]!r}; a classifier needs two"
        )
    return binarizer.transform(labels).astype(np.float64), binarizer.classes_
