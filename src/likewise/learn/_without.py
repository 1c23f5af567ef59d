"""What a query's answer would be were one of its neighbours not among the rows.

Only for the rows among its k neighbours is it another one: then the next one comes in. So one
search for k + 1 tells the answers of all the n models that were fitted without one row.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from likewise._arguments import check_k, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.index import Index
from likewise.learn._checks import check_labels, check_learnt, check_rows
from likewise.learn._numbers import check_numbers
from likewise.learn._searching import (
    Float64Array,
    IntArray,
    Lists,
    fitted_index,
    leave_one_out,
    nearest,
)
from likewise.learn._votes import shares


def without_each(lists: Lists, k: int) -> Lists:
    """(m, j, w - 1) the lists of w neighbours with the first, second, ... j-th left out.

    Args:
        lists: (m, w) with w = k + 1, or all rows where there are not more than k.
        k: how many of the list are neighbours; j = min(k, w).

    Cost: m k^2 numbers.
    """
    width = lists.ids.shape[1]
    others = np.arange(width - 1)
    kept = others + (others >= np.arange(min(k, width))[:, None])
    return Lists(lists.ids[:, kept], lists.distances[:, kept])


class _Nearby(BaseEstimator):  # type: ignore[misc]
    """The k nearest rows, uniformly: what is taken where no estimator is given."""

    @suggest_arguments
    def __init__(
        self, k: int = 10, *, index: Index | None = None, recall: float | None = None
    ) -> None:
        self.k = k
        self.index = index
        self.recall = recall

    def _fit(self, rows: Float64Array) -> None:
        check_k(self.k)
        self.index_ = fitted_index(self.index, rows)

    def _nearest(self, X: Any, more: int = 0) -> Lists:
        check_learnt(self, "index_")
        rows = check_rows(self, X, reset=False)
        return nearest(self.index_, rows, check_k(self.k) + more, recall=self.recall)

    def _left_out(self) -> Lists:
        check_learnt(self, "index_")
        return leave_one_out(self.index_, check_k(self.k), recall=self.recall)

    def _without_each(self, X: Any) -> tuple[IntArray, Lists]:
        """(m, j) the neighbours, and the lists (m, j, ...) without each."""
        if len(self.index_) < 2:
            raise InvalidArgument("leaving one row out needs two rows at least; n_samples = 1")
        lists = self._nearest(X, more=1)
        fewer = without_each(lists, self.k)
        return lists.ids[:, : fewer.ids.shape[1]], fewer


class NeighborVote(ClassifierMixin, _Nearby):  # type: ignore[misc]
    """The share of each class among the k nearest rows."""

    def fit(self, X: Any, y: Any) -> Self:
        rows = check_rows(self, X, reset=True)
        self.classes_, self._places = check_labels(y, len(rows))
        self._fit(rows)
        return self

    def _votes(self, ids: IntArray) -> Float64Array:
        return shares(self._places[ids], len(self.classes_))

    def predict_proba(self, X: Any) -> Float64Array:
        """(m, classes)."""
        return self._votes(self._nearest(X).ids)

    def predict(self, X: Any) -> Any:
        likeliest = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[likeliest]

    def leave_one_out_proba(self) -> Float64Array:
        """(n, classes) of the fitted rows, each by the others."""
        return self._votes(self._left_out().ids)

    def without_each_proba(self, X: Any) -> tuple[IntArray, Float64Array]:
        """(m, j) neighbours, and (m, j, classes) the answers were each not there."""
        ids, fewer = self._without_each(X)
        return ids, self._votes(fewer.ids)


class NeighborMean(RegressorMixin, _Nearby):  # type: ignore[misc]
    """The mean and the deviation of the k nearest rows' numbers."""

    def fit(self, X: Any, y: Any) -> Self:
        rows = check_rows(self, X, reset=True)
        self._targets = check_numbers(y, len(rows))
        self._fit(rows)
        return self

    def _means(self, ids: IntArray) -> tuple[Float64Array, Float64Array]:
        heard = self._targets[ids]
        return np.asarray(heard.mean(axis=-1)), np.asarray(heard.std(axis=-1))

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """(m,), and with ``return_std`` the deviation among the neighbours."""
        means, deviations = self._means(self._nearest(X).ids)
        return (means, deviations) if return_std else means

    def leave_one_out_means(self) -> tuple[Float64Array, Float64Array]:
        """(n,) means and deviations of the fitted rows, each by the others."""
        return self._means(self._left_out().ids)

    def without_each_means(self, X: Any) -> tuple[IntArray, Float64Array, Float64Array]:
        """(m, j) neighbours, and (m, j) means and deviations were each not there."""
        ids, fewer = self._without_each(X)
        return ids, *self._means(fewer.ids)
