"""What classifiers of positive and unlabelled rows share: their labels and their answers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags

from likewise.errors import InvalidArgument
from likewise.learn._checks import Float64Array, check_labels, check_learnt, check_rows
from likewise.learn.propensity import BoolArray


class PositiveUnlabelled(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Of two labels one says that a row is positive, the other nothing."""

    positive: Any

    @abstractmethod
    def _positive_probability(self, rows: Float64Array) -> Float64Array:
        """(m,) of rows that are checked."""

    def predict_proba(self, X: Any) -> Float64Array:
        """(m, 2) of ``classes_``: not positive and positive, whether a row is labelled or not."""
        check_learnt(self, "classes_")
        f = self._positive_probability(check_rows(self, X, reset=False))
        return np.column_stack([1.0 - f, f])

    def predict(self, X: Any) -> Any:
        """(m,) the more probable label; of equally probable ones the smaller."""
        P = self.predict_proba(X)
        order = np.argsort(self.classes_, kind="stable")
        return self.classes_[order[np.argmax(P[:, order], axis=1)]]

    def _labelled(self, y: Any, count: int) -> BoolArray:
        """Which rows are known to be positive; the positive label becomes the second class."""
        classes, places = check_labels(y, count)
        if len(classes) != 2:
            raise InvalidArgument(
                "Only binary classification is supported: y must have two labels, one of rows "
                f"known to be positive and one of all others; got {len(classes)} "
                f"class{'es' if len(classes) > 1 else ''}: {classes.tolist()!r:.60}"
            )
        if self.positive is None:
            self.classes_ = classes
            return np.asarray(places == 1)
        at = np.flatnonzero(classes == self.positive)
        if len(at) != 1:
            raise InvalidArgument(
                f"positive must be one of the labels in y, {classes.tolist()!r:.60}; got "
                f"{self.positive!r:.60}"
            )
        self.classes_ = classes[[1 - at[0], at[0]]]
        return np.asarray(places == at[0])

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
