"""`BundledRegressor` and `BundledClassifier`: a network bundled into one layer, by one solve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType, InvalidVector, NotFitted
from likewise.kernels.networks._frequencies import Activation
from likewise.kernels.networks.scalable import NetworkFeatures

Float64Array = npt.NDArray[np.float64]


class _NotFitted(NotFitted, NotFittedError):  # type: ignore[misc]
    """Ours, and what scikit-learn's tools look for."""


class _Bundled(BaseEstimator):  # type: ignore[misc]
    """Ridge regression on `NetworkFeatures` of rows of length about ``scale``."""

    @suggest_arguments
    def __init__(
        self,
        activation: str | Activation = "sin",
        depth: int = 1,
        n_features: int | Sequence[int] = 256,
        *,
        ridge: float = 1e-3,
        scale: float = 1.0,
        reach: float | None = None,
        n_frequencies: int = 8,
        random_state: int = 0,
    ) -> None:
        self.activation = activation
        self.depth = depth
        self.n_features = n_features
        self.ridge = ridge
        self.scale = scale
        self.reach = reach
        self.n_frequencies = n_frequencies
        self.random_state = random_state

    def _fit(self, X: Float64Array, Y: Float64Array) -> None:
        for name in ("ridge", "scale"):
            if check_number(name, getattr(self, name)) <= 0:
                raise InvalidArgument(f"{name} must be positive; got {getattr(self, name)!r}")
        self.mean_ = X.mean(axis=0)
        length = np.sqrt(((X - self.mean_) ** 2).sum(axis=1).mean())
        self.factor_ = self.scale / length if length > 0 else self.scale
        self.network_ = NetworkFeatures(
            X.shape[1],
            self.activation,
            self.depth,
            self.n_features,
            reach=self.reach,
            n_frequencies=self.n_frequencies,
            random_state=self.random_state,
        )
        phi = self._phi(X)
        middle, offset = phi.mean(axis=0), Y.mean(axis=0)
        phi = phi - middle
        self.coef_ = _ridge(phi, Y - offset, self.ridge)
        self.intercept_ = offset - middle @ self.coef_

    def _phi(self, X: Float64Array) -> Float64Array:
        rows = (X - self.mean_) * self.factor_
        # A row far from all others would overflow; on the sphere of a few times the usual length
        # it still points where it did.
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        rows *= np.minimum(1, 4 * self.scale / np.maximum(lengths, 1e-300))
        return np.asarray(self.network_.of_rows(rows))

    def _outputs(self, X: Any) -> Float64Array:
        try:
            check_is_fitted(self, "coef_")
        except NotFittedError:
            raise _NotFitted(f"{type(self).__name__} has learnt nothing; call fit(X, y)") from None
        out: Float64Array = self._phi(self._check(X)) @ self.coef_ + self.intercept_
        return out

    def _check(self, X: Any, *y: Any, **options: Any) -> Any:
        try:
            return validate_data(self, X, *y, reset=bool(y), dtype=np.float64, **options)
        except TypeError as error:
            raise InvalidType(str(error)) from None
        except ValueError as error:
            raise InvalidVector(str(error)) from None


class BundledRegressor(MultiOutputMixin, RegressorMixin, _Bundled):  # type: ignore[misc]
    """``y = Psi' Phi(x) + b``: a network of ``depth`` hidden layers in one, fitted by ridge.

    Phi are the `NetworkFeatures` of rows that are centred and brought to root-mean-square length
    ``scale`` (longer than 4 ``scale`` they are cut to that). Psi is free: it may be what no
    network of that form has, so this is more than a compression of one.

    Args:
        activation, depth, n_features, reach, n_frequencies, random_state: as for
            `NetworkFeatures`; n_features times outputs is the number of parameters.
        ridge: what counts ``|Psi|^2`` against the squared errors.
        scale: the length of rows; the larger, the finer the features.

    Attributes:
        coef_: Psi, (n_features, outputs). intercept_: b. network_: the `NetworkFeatures`.

    Raises:
        InvalidArgument, InvalidVector, InvalidType: what cannot be.

    Cost: n m^2 or n^2 m, whichever is less, for m features.

    Source: as for `LayerFeatures`, section 3.3.

    Example:
        >>> X = np.linspace(-2, 2, 50)[:, None]
        >>> model = BundledRegressor(n_features=64).fit(X, np.sin(X[:, 0]))
        >>> model.score(X, np.sin(X[:, 0])) > 0.99
        True
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn (n, dim) rows' numbers, (n,) or (n, outputs)."""
        X, y = self._check(X, y, multi_output=True, y_numeric=True)
        self._single = y.ndim == 1
        self._fit(X, np.asarray(y, dtype=np.float64).reshape(len(y), -1))
        return self

    def predict(self, X: Any) -> Float64Array:
        """Numbers for rows, in the shape that ``y`` had."""
        out = self._outputs(X)
        return out[:, 0] if self._single else out


class BundledClassifier(ClassifierMixin, _Bundled):  # type: ignore[misc]
    """A `BundledRegressor` of the classes' indicators; the largest output decides.

    Args, cost and source: as for `BundledRegressor`.

    Attributes:
        classes_: the labels; further as for `BundledRegressor`.

    Example:
        >>> X = np.array([[0.0], [0.2], [1.0], [1.2]])
        >>> BundledClassifier(n_features=32).fit(X, ["a", "a", "b", "b"]).predict([[0.1]]).tolist()
        ['a']
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn (n, dim) rows' labels (n,)."""
        X, y = self._check(X, y)
        try:
            check_classification_targets(y)
        except ValueError as error:
            raise InvalidArgument(str(error)) from None
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InvalidArgument(f"y has one class only, {self.classes_[0]!r}; two are needed")
        self._fit(X, np.eye(len(self.classes_))[places])
        return self

    def decision_function(self, X: Any) -> Float64Array:
        """(m, classes) outputs; for two classes (m,), above 0 for the second."""
        out = self._outputs(X)
        return out[:, 1] - out[:, 0] if len(self.classes_) == 2 else out

    def predict(self, X: Any) -> Any:
        """(m,) labels."""
        chosen = self._outputs(X).argmax(axis=1)
        return self.classes_[chosen]


def _ridge(phi: Float64Array, Y: Float64Array, ridge: float) -> Float64Array:
    """``argmin |Y - phi C|^2 + ridge |C|^2``, by the smaller of both systems."""
    n, m = phi.shape
    if m <= n:
        return np.asarray(solve(phi.T @ phi + ridge * np.eye(m), phi.T @ Y, assume_a="pos"))
    return np.asarray(phi.T @ solve(phi @ phi.T + ridge * np.eye(n), Y, assume_a="pos"))
