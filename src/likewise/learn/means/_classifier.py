"""The common part of classifiers from running sums: learning, forgetting, and deciding."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from likewise.errors import InvalidArgument
from likewise.learn._checks import (
    NothingLearnt,
    check_labels,
    check_learnt,
    check_rows,
    label_array,
)
from likewise.learn.means._limbs import Float64Array, IntArray
from likewise.learn.means._sums import ClassSums, Products


class SumsClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Supply `_scores`, and what differs.

    Attributes:
        classes_: the classes that have rows, ascending. counts_: (classes,) how many.
    """

    _products: ClassVar[Products] = "squares"
    #: Arguments that decide what is summed; they cannot be changed between two batches.
    _summed_by: ClassVar[tuple[str, ...]] = ()

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the labels ``y``, (n,), of the rows ``X``, (n, width), and nothing else."""
        self._check_options()
        rows = self._prepared(check_rows(self, X, reset=True))
        classes, places = _labels(y, len(rows))
        return self._learn(ClassSums(rows.shape[1], self._products), rows, classes, places, 1)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Learn more rows; new classes may come at any time.

        Any order, and any cut into batches, gives what one `fit` of all rows gives, to the last
        bit.

        Args:
            X: (n, width) rows. y: (n,) labels.
            classes: the labels that are expected, where that is known; another one is refused.

        Raises:
            InvalidArgument: a label that is not among ``classes``. InvalidType: labels of another
                kind than before.
        """
        self._check_options()
        first = not hasattr(self, "_sums")
        rows = self._prepared(check_rows(self, X, reset=first))
        found, places = _labels(y, len(rows))
        if classes is not None:
            strange = found[~np.isin(found, label_array(classes))]
            if len(strange):
                raise InvalidArgument(f"y: label {strange.tolist()[0]!r} is not among classes")
        sums = ClassSums(rows.shape[1], self._products) if first else self._known()
        return self._learn(sums, rows, found, places, 1)

    def forget(self, X: Any, y: Any) -> Self:
        """Take rows out again, with their labels, exactly as they came.

        What is left is what would have been learnt without them, to the last bit. A class whose
        last row goes is gone.

        Raises:
            InvalidArgument: rows that were never learnt, as far as the sums show it: more of a
                class than there are, a class that would have no rows and yet a sum, or a negative
                variance. Nothing is forgotten then.
        """
        sums = self._known()
        rows = self._prepared(check_rows(self, X, reset=False))
        found, places = _labels(y, len(rows))
        return self._learn(sums, rows, found, places, -1)

    def _learn(
        self, sums: ClassSums, rows: Float64Array, classes: Any, places: IntArray, sign: int
    ) -> Self:
        sums.change(rows, classes, places, sign)
        self._sums = sums
        self._begun_with = {name: getattr(self, name) for name in self._summed_by}
        self.classes_, self.counts_ = sums.classes, sums.counts.copy()
        return self

    def predict(self, X: Any) -> Any:
        """(m,) the likeliest class; equals go to the smaller label."""
        scores = self._scores(self._asked(X))
        return self.classes_[np.argmax(scores, axis=1)]

    def _asked(self, X: Any) -> Float64Array:
        self._known()
        rows = check_rows(self, X, reset=False)
        if not len(self.classes_):
            raise NothingLearnt(f"{type(self).__name__}: all rows were forgotten; learn some")
        return self._prepared(rows)

    def _known(self) -> ClassSums:
        """The sums, made with the arguments of now."""
        check_learnt(self, "classes_")
        for name, value in self._begun_with.items():
            if getattr(self, name) != value:
                raise InvalidArgument(
                    f"{name} was {value!r} when rows were learnt and is {getattr(self, name)!r} "
                    "now; fit all rows anew"
                )
        return self._sums

    def _once(self, name: str) -> Any:
        """What ``_make_<name>`` computes of the sums, kept until they change."""
        cache = self._known().cache
        key = f"{name} {self.get_params()}"
        if key not in cache:
            cache[key] = getattr(self, f"_make_{name}")()
        return cache[key]

    def _check_options(self) -> None:
        """Refuse impossible arguments."""

    def _prepared(self, rows: Float64Array) -> Float64Array:
        """Rows as they are summed: each a function of itself alone, to the last bit."""
        return rows

    @abstractmethod
    def _scores(self, rows: Float64Array) -> Float64Array:
        """(m, classes) the larger, the likelier."""


class ProbableClassifier(SumsClassifier):
    """Whose scores are logarithms of probabilities, up to a constant a row."""

    def predict_proba(self, X: Any) -> Float64Array:
        """(m, classes) probabilities, ``exp`` of the scores over their sum."""
        scores = self._scores(self._asked(X))
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _labels(y: Any, count: int) -> tuple[Any, IntArray]:
    with warnings.catch_warnings():
        # A batch may well have as many classes as rows.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        return check_labels(y, count)


def log_priors(priors: Any, classes: Any, counts: IntArray) -> Float64Array:
    """Logarithms of the shares of classes: as often as they came, alike, or as given.

    Args:
        priors: None, "uniform", or a dict from label to a positive weight.
    """
    if priors is None:
        weights = counts.astype(np.float64)
    elif isinstance(priors, str):
        weights = np.ones(len(classes))
    else:
        given = {_plain(label): weight for label, weight in priors.items()}
        missing = [label for label in classes.tolist() if label not in given]
        if missing:
            raise InvalidArgument(f"priors: no weight for class {missing[0]!r}")
        weights = np.array([given[label] for label in classes.tolist()], dtype=np.float64)
    return np.asarray(np.log(weights / weights.sum()))


def check_priors(priors: Any) -> None:
    """Refuse what `log_priors` cannot use."""
    if priors is None or (isinstance(priors, str) and priors == "uniform"):
        return
    if not isinstance(priors, dict):
        raise InvalidArgument(
            f'priors must be None, "uniform" or a dict from label to weight; got {priors!r:.60}'
        )
    for label, weight in priors.items():
        good = isinstance(weight, (int, float, np.number)) and np.isfinite(weight) and weight > 0
        if not good:
            raise InvalidArgument(
                f"priors: the weight of {label!r} must be positive; got {weight!r}"
            )


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label
