"""`LabelMetricClassifier`: any classifier, with answers among labels that it never saw."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import check_cv

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.learn._checks import Float64Array, IntArray, check_labels, check_learnt, check_rows
from likewise.learn._probabilities import sharpened
from likewise.learn.label_metric import (
    check_label_distances,
    frechet_labels,
    mean_squares,
    metric_temperature,
)


class LabelMetricClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Answers ``argmin_y sum_k p_k^(1/T) d(k, y)^2`` over all labels, seen in training or not.

    It is right in terms of the metric, by squared distance; the share of exact answers may fall,
    and a metric that does not fit the data makes it worse than the most probable class: compare.

    Args:
        estimator: a classifier with ``predict_proba``; None is `LogisticRegression`. It is copied.
        distances: (N, N) between the labels, in the order of ``labels``: symmetric, 0 on the
            diagonal. None is 1 between any two, which makes the most probable class the answer.
        labels: (N,) all labels; None is those of ``y``, ascending.
        temperature: T; or the one of 33 that does best, by `metric_temperature`, on what is left
            out of training: rows with "cv", whole classes with "classes", as if never seen.
            Measured on classes never seen, neither was always better than 1.
        cv: of both: how many folds, dealt by ``random_state``; of "cv" also a splitter of
            scikit-learn, such as ``LeaveOneOut()``.
        random_state: the seed of the folds.

    Attributes:
        classes_: (N,) all labels, ascending. seen_: (N,) which of them ``y`` had. distances_:
        between ``classes_``. temperature_: that was used. estimator_: the classifier, fitted.

    Raises:
        InvalidArgument: distances that are none or not between these labels; a label in ``y``
            that is not among ``labels``. InvalidType: an estimator without ``predict_proba``.

    Cost: the classifier's, and n K N to predict; with "cv" one fit a fold more.

    Source: N. Roberts et al., "Geometry-aware adaptation for pretrained models", NeurIPS 2023
    (Loki).

    Example:
        >>> X, y = np.array([[0.0], [0.2], [1.8], [2.0]]), ["low", "low", "top", "top"]
        >>> line = {"low": 0.0, "middle": 1.0, "top": 2.0}
        >>> D = np.abs(np.subtract.outer(list(line.values()), list(line.values())))
        >>> model = LabelMetricClassifier(distances=D, labels=list(line)).fit(X, y)
        >>> model.predict([[-3.0], [1.0], [5.0]]).tolist()
        ['low', 'middle', 'top']
    """

    @suggest_arguments
    def __init__(
        self,
        estimator: Any = None,
        distances: Any = None,
        labels: Any = None,
        *,
        temperature: float | Literal["cv", "classes"] = 1.0,
        cv: Any = 5,
        random_state: int | None = 0,
    ) -> None:
        self.estimator = estimator
        self.distances = distances
        self.labels = labels
        self.temperature = temperature
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train the classifier on rows X (n, d) and their labels y (n,)."""
        temperature = self._check_temperature()
        rows = check_rows(self, X, reset=True)
        seen, places = check_labels(y, len(rows))
        if len(seen) < 2:
            raise InvalidArgument(
                f"y: only one class, {seen.tolist()[0]!r}; a classifier needs two to tell apart"
            )
        self.classes_, self.distances_ = self._labels(seen)
        at = self._places_of(seen)
        self.seen_ = np.isin(np.arange(len(self.classes_)), at)
        self.estimator_ = self._fresh().fit(rows, seen[places])
        self.temperature_ = temperature or self._choose(rows, seen, at, places)
        return self

    def predict(self, X: Any) -> Any:
        """(n,) labels; of equally good ones the smallest, see `ties`."""
        P = self._probabilities(X)
        return self.classes_[frechet_labels(P, self._known())]

    def ties(self, X: Any) -> IntArray:
        """(n,) how many labels are as good as the one answered, itself among them: 1 is no tie."""
        P = self._probabilities(X)
        return np.asarray(frechet_labels(P, self._known(), return_ties=True)[1])

    def decision_function(self, X: Any) -> Float64Array:
        """(n, N) minus the mean squared distance to the truth, (n,) of two: their difference."""
        P = self._probabilities(X)
        found = -mean_squares(P, self._known())
        return found[:, 1] - found[:, 0] if found.shape[1] == 2 else found

    def _known(self) -> Float64Array:
        return np.asarray(self.distances_[self.seen_])

    def _probabilities(self, X: Any) -> Float64Array:
        """(n, seen) of the classes seen, ascending, at the temperature."""
        check_learnt(self)
        rows = check_rows(self, X, reset=False)
        return sharpened(np.asarray(self.estimator_.predict_proba(rows)), self.temperature_)

    def _fresh(self) -> Any:
        estimator = LogisticRegression() if self.estimator is None else clone(self.estimator)
        if not hasattr(estimator, "predict_proba"):
            raise InvalidType(
                f"estimator must have predict_proba; {type(estimator).__name__} has none; wrap it "
                "in CalibratedClassifierCV"
            )
        return estimator

    def _check_temperature(self) -> float | None:
        if isinstance(self.temperature, str):
            if self.temperature not in ("cv", "classes"):
                raise InvalidArgument(
                    f'temperature must be a number, "cv" or "classes"; got {self.temperature!r:.60}'
                )
            return None
        temperature = check_number("temperature", self.temperature)
        if temperature <= 0:
            raise InvalidArgument(f"temperature must be positive; got {self.temperature!r}")
        return temperature

    def _labels(self, seen: Any) -> tuple[Any, Float64Array]:
        labels = seen if self.labels is None else self.labels
        if self.distances is None:
            return check_label_distances(1.0 - np.eye(len(labels)), labels)
        return check_label_distances(self.distances, labels)

    def _places_of(self, seen: Any) -> IntArray:
        """Where the labels seen stand among all."""
        missing = ~np.isin(seen, self.classes_)
        if missing.any():
            raise InvalidArgument(
                f"y has the label {seen[missing].tolist()[0]!r}, which is not among labels; add "
                "it, with its distances"
            )
        return np.asarray(np.searchsorted(self.classes_, seen), dtype=np.int64)

    def _choose(self, rows: Any, seen: Any, at: IntArray, places: IntArray) -> float:
        """The temperature by rows or classes that were left out."""
        P, tested = np.zeros((len(rows), len(self.classes_))), np.zeros(len(rows), dtype=np.bool_)
        for train, test in self._folds(places):
            if len(np.unique(places[train])) < 2:
                continue
            model = self._fresh().fit(rows[train], seen[places[train]])
            known = np.searchsorted(self.classes_, model.classes_)
            P[np.ix_(test, known)] = model.predict_proba(rows[test])
            tested[test] = True
        if not tested.any():
            raise InvalidArgument(
                "no fold has two classes to train on; give temperature= a number, or more rows"
            )
        return metric_temperature(P[tested], self.distances_, at[places[tested]])

    def _folds(self, places: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
        """(train, test) rows, each row tested at most once."""
        if self.temperature == "cv" and not isinstance(self.cv, numbers.Integral):
            yield from check_cv(self.cv).split(places, places)
            return
        dealt = places if self.temperature == "classes" else np.arange(len(places))
        count = int(dealt.max()) + 1
        folds = min(check_count("cv", self.cv, minimum=2), count)
        rng = np.random.default_rng(self.random_state)
        fold = (rng.permutation(count) % folds)[dealt]
        for i in range(folds):
            yield np.flatnonzero(fold != i), np.flatnonzero(fold == i)
