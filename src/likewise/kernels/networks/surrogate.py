"""`KernelSurrogate`: a kernel machine in the place of a network, which says who decided."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from likewise._arguments import check_count, check_jobs, check_k, check_number, suggest_arguments
from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    NotFitted,
    OverLimit,
)
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel, check_kernel
from likewise.kernels.classical.rbf import RBF

Float64Array = npt.NDArray[np.float64]
METHODS = ("logistic", "svm")


class Evidence(NamedTuple):
    """Of m rows, the training rows that spoke most for a class.

    Attributes:
        ids: (m, k) positions of training rows, the largest contribution first.
        contributions: (m, k) what each added to the class's output.
    """

    ids: npt.NDArray[np.int64]
    contributions: Float64Array


class _NotFitted(NotFitted, NotFittedError):  # type: ignore[misc]
    """Ours, and what scikit-learn's tools look for."""


def _gives_probabilities(surrogate: KernelSurrogate) -> bool:
    return surrogate.method == "logistic"


class KernelSurrogate(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """``f_c(x) = b_c + sum_i alpha_ic k(x_i, x)``, so that every output has its training rows.

    With the tangent kernel of a trained network (``EmpiricalNTK(module, normalise=True)``) it
    predicts much as the network does (`faithfulness` says how much), and stands in for it where
    one asks which rows it learnt an answer from. Any kernel will do.

    Args:
        kernel: None is ``RBF(length=sqrt(dim))``.
        method: "logistic": multinomial logistic regression, by L-BFGS on the eigenvectors of the
            kernel matrix. "svm": a support vector machine for each class against the others.
        C: what the data count against the norm of f; as in scikit-learn.
        max_iter: steps of the optimiser; None is 2,000 for "logistic" and no limit for "svm".
        tol: how near the optimiser comes.
        memory_limit: bytes; None is no limit. n_jobs: threads for the kernel.

    Attributes:
        classes_: the labels. dual_coef_: alpha as (n, outputs): one output a class, or a single
        one, of the second class, where there are two. intercept_: b as (outputs,).
        n_iter_: the most steps that an optimiser took.

    Raises:
        OverLimit: the matrix and its eigenvectors need more than ``memory_limit``. InvalidArgument:
        one class only; a kernel matrix with a negative eigenvalue beyond rounding (with it and the
        remedy). And what the kernel raises.

    Cost: n^2 kernel values, and n^3 for "logistic"; 8 n^2 bytes, four times.

    Source: Engel and others, as for `EmpiricalNTK`.

    Example:
        >>> X = np.array([[0.0], [0.1], [1.0], [1.1]])
        >>> surrogate = KernelSurrogate(RBF(length=0.5), C=10.0).fit(X, ["a", "a", "b", "b"])
        >>> surrogate.predict([[0.2]]).tolist()
        ['a']
        >>> surrogate.evidence([[0.2]], k=2).ids.tolist()
        [[1, 0]]
    """

    @suggest_arguments
    def __init__(
        self,
        kernel: Kernel | None = None,
        *,
        method: str = "logistic",
        C: float = 1.0,
        max_iter: int | None = None,
        tol: float = 1e-5,
        memory_limit: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.kernel = kernel
        self.method = method
        self.C = C
        self.max_iter = max_iter
        self.tol = tol
        self.memory_limit = memory_limit
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from n rows and their labels: the true ones, or those the network gives."""
        self._check_options()
        rows = self._check_rows(X, reset=True)
        labels = self._check_labels(y, len(rows))
        self.classes_, places = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InvalidArgument(f"y has one class only, {self.classes_[0]!r}; two are needed")
        self._check_memory(len(rows))
        kernel = RBF(length=float(np.sqrt(rows.shape[1]))) if self.kernel is None else self.kernel
        found = kernel(rows, n_jobs=self.n_jobs)
        rounding = float(np.finfo(found.dtype).eps)
        K: Float64Array = found.astype(np.float64)
        learn = self._logistic if self.method == "logistic" else self._svm
        self.dual_coef_, self.intercept_ = learn(K, places, rounding)
        self.kernel_, self._rows, self._places = kernel, rows, places
        self._support = self._label_support(K)
        return self

    def _logistic(
        self, K: Float64Array, places: npt.NDArray[np.int64], rounding: float
    ) -> tuple[Float64Array, Float64Array]:
        from sklearn.linear_model import LogisticRegression

        values, vectors = np.linalg.eigh(K)
        check_eigenvalues(values, rounding)
        kept = values > max(rounding, 1e-12) * len(K) * values[-1]
        values, vectors = values[kept], vectors[:, kept]
        steps = 2000 if self.max_iter is None else self.max_iter
        model = LogisticRegression(C=self.C, max_iter=steps, tol=self.tol)
        model.fit(vectors * np.sqrt(values), places)
        self.n_iter_ = int(model.n_iter_.max())
        return (vectors / np.sqrt(values)) @ model.coef_.T, model.intercept_

    def _svm(
        self, K: Float64Array, places: npt.NDArray[np.int64], rounding: float
    ) -> tuple[Float64Array, Float64Array]:
        from sklearn.svm import SVC

        check_eigenvalues(np.linalg.eigvalsh(K), rounding)
        targets = [1] if len(self.classes_) == 2 else range(len(self.classes_))
        alpha, intercepts = np.zeros((len(K), len(targets))), []
        steps = -1 if self.max_iter is None else self.max_iter
        self.n_iter_ = 1
        for column, target in enumerate(targets):
            model = SVC(kernel="precomputed", C=self.C, tol=self.tol, max_iter=steps)
            model.fit(K, places == target)
            self.n_iter_ = max(self.n_iter_, int(model.n_iter_.max()))
            alpha[model.support_, column] = model.dual_coef_[0]
            intercepts.append(model.intercept_[0])
        return alpha, np.array(intercepts)

    # -- what it says ---------------------------------------------------------------

    def decision_function(self, X: Any) -> Float64Array:
        """f as (m, classes), or (m,) for two classes: above 0 is the second one."""
        rows = self._fitted(X)
        out: Float64Array = self._kernel_to(rows) @ self.dual_coef_ + self.intercept_
        return out[:, 0] if len(self.classes_) == 2 else out

    def predict(self, X: Any) -> Any:
        """(m,) labels."""
        found = self.decision_function(X)
        return self.classes_[(found > 0).astype(int) if found.ndim == 1 else found.argmax(axis=1)]

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Float64Array:
        """(m, classes) probabilities; with ``method="logistic"`` only."""
        from scipy.special import expit, softmax

        found = self.decision_function(X)
        if found.ndim == 1:
            return np.column_stack([expit(-found), expit(found)])
        return np.asarray(softmax(found, axis=1))

    @suggest_arguments
    def contributions(self, X: Any, target: Any = None) -> Float64Array:
        """What each training row adds to the output of a class: ``alpha_ic k(x_i, x)``.

        Args:
            X: m rows. target: a label, or one a row; None is the predicted one.

        Returns:
            (m, n); the sum of a row and ``intercept_`` of the class is the output (of two
            classes, the first has the negated output of the second). A large positive number
            spoke for the class. Not what would change if the row had not been there.

        Raises:
            InvalidArgument: a target that is no class.
        """
        rows = self._fitted(X)
        kernel = self._kernel_to(rows)
        if target is None:
            out = kernel @ self.dual_coef_ + self.intercept_
            classes = (out[:, 0] > 0).astype(int) if out.shape[1] == 1 else out.argmax(axis=1)
        else:
            classes = self._classes_of(target, len(rows))
        alpha, _ = self._of_classes()
        parts: Float64Array = kernel * alpha[:, classes].T
        return parts

    @suggest_arguments
    def evidence(self, X: Any, k: int = 10, target: Any = None) -> Evidence:
        """The k training rows that spoke most for each row's predicted class, or for ``target``."""
        parts = self.contributions(X, target)
        k = min(check_k(k), parts.shape[1])
        ids = np.argsort(-parts, axis=1, kind="stable")[:, :k]
        return Evidence(ids, np.take_along_axis(parts, ids, axis=1))

    def label_support(self) -> Float64Array:
        """How far the *other* training rows speak for each training row's label, as (n,).

        The output of its label less the largest other one, both without what the row itself
        adds. The lowest are the most likely to be mislabelled.
        """
        self._check_fitted()
        return self._support

    def _label_support(self, K: Float64Array) -> Float64Array:
        alpha, intercept = self._of_classes()
        # Without its own vote, which an optimiser gives most to the rows nobody speaks for.
        out = K @ alpha + intercept - alpha * np.diag(K)[:, None]
        every = np.arange(len(K))
        own = out[every, self._places].copy()
        out[every, self._places] = -np.inf
        return np.asarray(own - out.max(axis=1))

    # -- inside ---------------------------------------------------------------------

    def _of_classes(self) -> tuple[Float64Array, Float64Array]:
        """alpha and b with a column for each class."""
        alpha, intercept = self.dual_coef_, self.intercept_
        if len(self.classes_) == 2:
            return np.hstack([-alpha, alpha]), np.hstack([-intercept, intercept])
        return alpha, intercept

    def _classes_of(self, target: Any, count: int) -> npt.NDArray[np.int64]:
        given = np.broadcast_to(np.asarray(target), (count,)) if np.ndim(target) == 0 else target
        if len(given) != count:
            raise DimensionMismatch(f"target: expected a label or {count} of them, a row each")
        places = {label: place for place, label in enumerate(self.classes_.tolist())}
        wrong = [label for label in np.asarray(given).tolist() if label not in places]
        if wrong:
            raise InvalidArgument(f"target: {wrong[0]!r} is none of the classes {[*places]}")
        return np.array([places[label] for label in np.asarray(given).tolist()], dtype=np.int64)

    def _kernel_to(self, rows: Any) -> Float64Array:
        return np.asarray(self.kernel_(rows, self._rows, n_jobs=self.n_jobs), dtype=np.float64)

    def _check_options(self) -> None:
        if self.method not in METHODS:
            raise InvalidArgument(f"method must be logistic or svm; got {self.method!r:.60}")
        for name in ("C", "tol"):
            if check_number(name, getattr(self, name)) <= 0:
                raise InvalidArgument(f"{name} must be positive; got {getattr(self, name)!r}")
        if self.max_iter is not None:
            check_count("max_iter", self.max_iter)
        check_jobs(self.n_jobs)
        if self.memory_limit is not None:
            check_number("memory_limit", self.memory_limit)
        if self.kernel is not None:
            check_kernel(self.kernel)

    def _check_rows(self, X: Any, *, reset: bool) -> Any:
        if self.kernel is not None and not isinstance(self.kernel, RBF):
            return self.kernel._as_rows(X, "X")
        try:
            return validate_data(self, X, reset=reset, dtype=np.float64)
        except TypeError as error:
            raise InvalidType(str(error)) from None
        except ValueError as error:
            raise InvalidVector(str(error)) from None

    def _check_labels(self, y: Any, count: int) -> npt.NDArray[Any]:
        if y is None:
            raise InvalidArgument(
                "this estimator requires y to be passed, but the target y is None"
            )
        try:
            labels = column_or_1d(y, warn=True)
            check_finite_labels(labels)
            check_classification_targets(labels)
        except ValueError as error:
            raise InvalidArgument(str(error)) from None
        if len(labels) != count:
            raise DimensionMismatch(f"y has {len(labels)} labels, X has {count} rows")
        return np.asarray(labels)

    def _check_memory(self, count: int) -> None:
        needed = 4 * 8 * count**2
        if self.memory_limit is not None and needed > self.memory_limit:
            raise OverLimit(
                f"a surrogate of {count:,} rows takes {needed / 1e6:,.1f} MB, over memory_limit = "
                f"{self.memory_limit / 1e6:,.1f} MB; fit it on fewer rows, or a linear model on "
                "kernel.features(n_features)(X)"
            )

    def _check_fitted(self) -> None:
        try:
            check_is_fitted(self, "dual_coef_")
        except NotFittedError:
            raise _NotFitted("KernelSurrogate has learnt nothing; call fit(X, y)") from None

    def _fitted(self, X: Any) -> Any:
        self._check_fitted()
        return self._check_rows(X, reset=False)


def check_finite_labels(labels: Any) -> None:
    """Refuse NaN and infinity among labels that are numbers."""
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        row = int(np.argwhere(~np.isfinite(labels))[0, 0])
        raise InvalidArgument(f"y: row {row} is NaN or infinity (inf); labels must be finite")


def check_eigenvalues(values: FloatArray, rounding: float) -> None:
    """Refuse a kernel matrix with a negative eigenvalue that rounding does not explain."""
    bound = 100 * rounding * len(values) * max(values[-1], 0.0)
    if values[0] < -bound or values[-1] <= 0:
        raise InvalidArgument(
            f"the kernel matrix has the eigenvalue {values[0]:.3g} (the largest is "
            f"{values[-1]:.3g}), and this machine needs that none is negative; use a kernel whose "
            f"psd is True, or add {-values[0]:.3g} or more to its diagonal"
        )


@suggest_arguments
def faithfulness(ours: npt.ArrayLike, theirs: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Kendall's tau-b between two models' probabilities of the correct class.

    Args:
        ours, theirs: (n, classes) probabilities of a surrogate and of the network it stands for.
        y: (n,) the number of the correct class of each row.

    Returns:
        In [-1, 1]: 1 where both rank all rows alike, 0 where they have nothing in common.

    Raises:
        DimensionMismatch: other shapes than these. InvalidArgument: fewer than 2 rows, or a model
        that gives all rows the same probability.

    Source: Engel and others, as for `EmpiricalNTK`, section 4.

    Example:
        >>> P = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
        >>> faithfulness(P, P**2, [0, 0, 1])
        1.0
    """
    from scipy.stats import kendalltau

    one, two, labels = np.asarray(ours), np.asarray(theirs), np.asarray(y)
    if one.ndim != 2 or one.shape != two.shape or labels.shape != (len(one),):
        raise DimensionMismatch(
            "expected (n, classes) twice and (n,) labels; got shapes "
            f"{one.shape}, {two.shape} and {labels.shape}"
        )
    if len(one) < 2:
        raise InvalidArgument(f"a rank correlation needs 2 rows or more; got {len(one)}")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= one.shape[1]:
        raise InvalidArgument(f"y must hold numbers of classes, from 0 to {one.shape[1] - 1}")
    every = np.arange(len(one))
    tau = float(kendalltau(one[every, labels], two[every, labels]).statistic)
    if np.isnan(tau):
        raise InvalidArgument("one of the models gives all rows the same probability")
    return tau
