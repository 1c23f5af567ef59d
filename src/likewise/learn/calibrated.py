"""`CalibratedClassifier`: probabilities that are kept, from rows left out; and no answer."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument
from likewise.learn._checks import check_labels, check_learnt, check_rows
from likewise.learn._left_out import (
    check_two_classes,
    classifier_or_vote,
    left_out,
    probabilities_for,
)
from likewise.learn._numbers import check_generator
from likewise.learn.abstention import CERTAINTY, abstention_level, cost_level
from likewise.learn.calibrators import CALIBRATIONS

Float64Array = npt.NDArray[np.float64]


class CalibratedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Any classifier with its probabilities made right, at the price of no extra rows.

    The classifier is fitted to all rows. A calibrator is fitted to what models without a row say
    of that row: for a vote of neighbours one search tells it (`leave_one_out_proba`), for any
    other classifier a few folds.

    Args:
        estimator: a classifier with ``predict_proba``; None is the vote of the 10 nearest rows.
        method: "temperature" (two numbers at most; keeps the order of the classes) or "isotonic"
            (a step for each class; wants a hundred rows a class).
        folds: None leaves one row out where the classifier can, and takes 5 folds else.
        random_state: the seed of the folds.

    Attributes:
        classes_: ascending. estimator_: fitted to all rows. calibrator_: see `CALIBRATIONS`.
        left_out_proba_: (n, classes) calibrated, of the rows by models without them.

    Raises:
        InvalidArgument: only one class; labels as in `check_labels`. InvalidType: an estimator
            without ``predict_proba``.

    Cost: a fit and one search of all rows for a vote, folds + 1 fits else.

    Source: see `fit_temperature` and `fit_isotonic`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X, y = rng.normal(size=(400, 1)), rng.random(400) < 0.3  # the rows tell nothing
        >>> model = CalibratedClassifier().fit(X, y)
        >>> bool(np.abs(model.predict_proba([[0.0], [1.0]])[:, 1] - 0.3).max() < 0.1)
        True
    """

    @suggest_arguments
    def __init__(
        self,
        estimator: Any = None,
        method: Literal["temperature", "isotonic"] = "temperature",
        *,
        folds: int | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the labels ``y`` (n,) of the rows ``X`` (n, d), and how far to believe them."""
        if self.method not in CALIBRATIONS:
            raise InvalidArgument(
                f"method must be one of {', '.join(CALIBRATIONS)}; got {self.method!r}"
            )
        rows = check_rows(self, X, reset=True)
        self.classes_, places = check_labels(y, len(rows))
        check_two_classes(self.classes_)
        self.estimator_, raw = left_out(
            classifier_or_vote(self.estimator),
            rows,
            places,
            self.classes_,
            folds=self.folds,
            rng=check_generator(self.random_state),
        )
        self.calibrator_ = CALIBRATIONS[self.method](raw, places)
        self.left_out_proba_ = self.calibrator_.predict(raw)
        self._right = self.left_out_proba_.argmax(axis=1) == places
        return self

    def predict_proba(self, X: Any) -> Float64Array:
        """(m, classes) the calibrated probabilities."""
        check_learnt(self, "calibrator_")
        rows = check_rows(self, X, reset=False)
        return self.calibrator_.predict(probabilities_for(self.estimator_, rows, self.classes_))

    def predict(self, X: Any) -> Any:
        """(m,) the likeliest labels; equal ones go to the smaller label."""
        likeliest = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[likeliest]

    @suggest_arguments
    def predict_or_abstain(
        self,
        X: Any,
        *,
        error: float | None = None,
        cost: float | None = None,
        certainty: float | None = None,
    ) -> npt.NDArray[np.object_]:
        """(m,) the likeliest label of each row, or None where it is not sure enough.

        Args:
            X: (m, d). One of the next two is given.
            error: the most errors among rows that are answered; see `abstention_level`, which is
                exact for independent rows. Answers of left-out rows depend on each other a
                little.
            cost: of no answer, where a wrong one costs 1: rows whose probability is at least
                ``1 - cost`` are answered.
            certainty: that the error is kept; None is 0.95. With ``error`` only.

        Raises:
            InvalidArgument: none or both given; an error that the rows cannot promise.
        """
        check_learnt(self, "calibrator_")
        if (error is None) == (cost is None):
            raise InvalidArgument(
                "give error= (the most errors among rows answered) or cost= (of no answer), "
                f"one of them; got error={error!r}, cost={cost!r}"
            )
        if cost is not None:
            if certainty is not None:
                raise InvalidArgument("certainty= belongs to error=; a cost is not promised")
            level = cost_level(cost)
        else:
            sure = self.left_out_proba_.max(axis=1)
            level = abstention_level(
                np.minimum(sure, 1.0),
                self._right,
                error,  # type: ignore[arg-type]
                certainty=CERTAINTY if certainty is None else certainty,
            )
        found = self.predict_proba(X)
        answers = self.classes_[found.argmax(axis=1)].astype(object)
        answers[found.max(axis=1) < level] = None
        return np.asarray(answers, dtype=object)
