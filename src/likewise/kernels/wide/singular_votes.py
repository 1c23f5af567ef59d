"""Votes weighted by the singular kernel: `SingularClassifier` and `SingularRegressor`."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidType
from likewise.kernels.wide._koenigs import Float64Array
from likewise.kernels.wide.singular_limit import SingularLimit, to_sphere, unit_rows

#: Weights in memory at a time, while predicting.
BLOCK = 2**20


class _SingularVotes(BaseEstimator):  # type: ignore[misc]
    """Rows on a sphere, and the weight of each in the answer to a query."""

    @suggest_arguments
    def __init__(self, dim: float | None = None, *, lift: bool = True) -> None:
        self.dim = dim
        self.lift = lift

    def _fit_rows(self, X: Any) -> None:
        if not isinstance(self.lift, (bool, np.bool_)):
            raise InvalidType(f"lift must be True or False; got {self.lift!r}")
        self.low_, self.high_ = X.min(axis=0), X.max(axis=0)
        self.rows_ = self._placed(X)
        usual = X.shape[1] if self.lift else max(1, X.shape[1] - 1)
        self.kernel_ = SingularLimit(usual if self.dim is None else self.dim)

    def _placed(self, X: Any) -> Any:
        return to_sphere(X, self.low_, self.high_) if self.lift else unit_rows(X, "X")

    def _mean(self, X: Any, values: Float64Array) -> Float64Array:
        """The mean of ``values`` (n, r) of the rows, weighted by psi, for each query."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        queries, step = self._placed(X), max(1, BLOCK // len(self.rows_))
        out = np.empty((len(queries), values.shape[1]))
        for start in range(0, len(queries), step):
            weights = self._weights(queries[start : start + step])
            out[start : start + step] = weights @ values
        return out

    def _weights(self, queries: Any) -> Float64Array:
        """psi of each query and row, scaled to add up to 1."""
        log, sign = self.kernel_.log(queries, self.rows_)
        log = np.where(sign > 0, log, -np.inf)
        most = log.max(axis=1, keepdims=True)
        same = np.isposinf(log)  # the query is a row: its label, or the mean of theirs
        with np.errstate(invalid="ignore", under="ignore"):
            weights = np.where(np.isposinf(most), same, np.exp(log - most))
        weights[np.isneginf(most[:, 0])] = 1.0  # like none of the rows: all have a say
        weights /= weights.sum(axis=1, keepdims=True)
        return np.asarray(weights)


class SingularClassifier(ClassifierMixin, _SingularVotes):  # type: ignore[misc]
    """The class with the largest ``sum_i psi(<x, x_i>)`` over its rows; psi of `SingularLimit`.

    What infinitely wide and deep networks with an optimal activation predict. psi is infinite
    where x is a row, whose label is answered, and yet, with more rows, the error tends to that
    of the best classifier there is, without anything to tune. It needs many rows for each
    dimension, as all weights that fall with the distance to the power ``dim`` do.

    Args:
        dim: dimension of the surface that rows lie on; None is the number of columns, or with
            ``lift=False`` one less.
        lift: scale each column to [0, 1] and lift rows onto a sphere by `to_sphere`. With False
            rows must be of length 1, and better have no two more than 90 degrees apart: where
            psi is negative, a row has no vote.

    Attributes:
        classes_: labels, sorted. kernel_: the `SingularLimit`. rows_: the rows on the sphere.

    Raises:
        InvalidVector: with ``lift=False``, a row that does not have length 1.

    Cost: nothing to fit; n evaluations of psi a query, in blocks of about 50 MB.

    Source: A. Radhakrishnan, M. Belkin and C. Uhler, "Wide and deep neural networks achieve
    consistency for classification", PNAS 2023.

    Example:
        >>> X = np.random.default_rng(0).uniform(size=(500, 2))
        >>> y = (X[:, 0] > X[:, 1]).astype(int)
        >>> model = SingularClassifier().fit(X, y)
        >>> model.predict([[0.7, 0.2], [0.2, 0.7]]).tolist(), model.score(X, y)
        ([1, 0], 1.0)
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Keep rows X (n, dim) and labels y (n,)."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self._fit_rows(X)
        self.classes_, kinds = np.unique(y, return_inverse=True)
        self._kinds = np.eye(len(self.classes_))[kinds]
        return self

    def predict_proba(self, X: Any) -> Float64Array:
        """The share of each class in the vote, (m, classes), in the order of ``classes_``."""
        check_is_fitted(self)
        return self._mean(X, self._kinds)

    def predict(self, X: Any) -> Any:
        """The class with the largest share, of equals the first, (m,)."""
        shares = self.predict_proba(X)
        return self.classes_[shares.argmax(axis=1)]


class SingularRegressor(RegressorMixin, _SingularVotes):  # type: ignore[misc]
    """The mean ``sum_i psi(<x, x_i>) y_i / sum_i psi(<x, x_i>)``; psi of `SingularLimit`.

    It answers y_i at x_i, and is consistent all the same (the Hilbert kernel regression of
    Devroye, Györfi and Krzyżak, 1998). Arguments, errors and cost as of `SingularClassifier`.

    Example:
        >>> X = np.linspace(0, 1, 50)[:, None]
        >>> model = SingularRegressor().fit(X, np.sin(X[:, 0]))
        >>> bool(abs(model.predict([[0.505]])[0] - np.sin(0.505)) < 0.01)
        True
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Keep rows X (n, dim) and targets y (n,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self._fit_rows(X)
        self._targets = np.asarray(y, dtype=np.float64)[:, None]
        return self

    def predict(self, X: Any) -> Float64Array:
        """The mean for each query, (m,)."""
        check_is_fitted(self)
        mean: Float64Array = self._mean(X, self._targets)[:, 0]
        return mean
