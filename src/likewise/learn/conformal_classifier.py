"""`ConformalClassifier`: sets of classes that hold the true one as often as asked."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument
from likewise.learn._checks import check_labels, check_learnt, check_rows
from likewise.learn._conforming import Method, block_of, chosen_method, split_of
from likewise.learn._kinds import plain
from likewise.learn._left_out import check_two_classes, classifier_or_vote, probabilities_for
from likewise.learn._numbers import check_generator, check_share
from likewise.learn.conformal import (
    ROUNDING,
    SCORES,
    check_enough,
    corrected_counts,
    tail_counts,
)

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class ConformalClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Any classifier, with prediction sets of a stated coverage.

    Class c is in the set of x when its p-value, the share of calibration rows whose true class is
    as strange as c is for x (see `p_values` and `SCORES`), is above ``1 - coverage``.

    Args:
        estimator: a classifier with ``predict_proba``; None is the vote of the 10 nearest rows.
        nonconformity: "lac", the smallest sets; "aps", larger ones for harder rows.
        class_conditional: calibrate each class by its own rows, so that rare classes are covered
            as often as frequent ones; wants `rows_for_coverage` rows of each.
        method: "split" holds rows out; the coverage is then ``coverage`` at least, for any
            classifier and any exchangeable rows. "jackknife+" leaves one row out at a time, and
            every row serves for both; sure is ``2 coverage - 1`` at least, usual ``coverage``.
            "auto" is "jackknife+" for a vote of neighbours, where it takes one search, and
            "split" for others.
        calibration: the share of rows that "split" holds out; None is 0.25.
        randomised: break ties by chance: coverage is then exact, not more than asked; a row's set
            depends on its place in X. Votes of few neighbours have many ties.
        random_state: the seed of split and ties.

    Attributes:
        classes_: ascending. estimator_: the classifier fitted. method_: "split" or "jackknife+".
        calibration_scores_: (n,) scores of the true classes. calibration_classes_: (n,) theirs,
        as places in ``classes_``.

    Raises:
        InvalidArgument: only one class; an argument of another method. InvalidType: an estimator
            without ``predict_proba``.

    Cost: one fit; jackknife+ a search of all rows besides, and O(k classes (k + log n)) a query.

    Source: V. Vovk, A. Gammerman and G. Shafer, "Algorithmic learning in a random world", 2005;
    Y. Romano, M. Sesia and E. Candes, "Classification with valid and adaptive coverage",
    NeurIPS 2020 (leaving one out).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = rng.integers(0, 2, 300)
        >>> X = rng.normal(size=(300, 2)) + 2.0 * y[:, None]
        >>> model = ConformalClassifier().fit(X, y)
        >>> [labels.tolist() for labels in model.predict_set([[-1, -1], [1, 1]], coverage=0.95)]
        [[0], [1, 0]]
    """

    @suggest_arguments
    def __init__(
        self,
        estimator: Any = None,
        *,
        nonconformity: Literal["lac", "aps"] = "lac",
        class_conditional: bool = False,
        method: Method = "auto",
        calibration: float | None = None,
        randomised: bool = False,
        random_state: int | None = 0,
    ) -> None:
        self.estimator = estimator
        self.nonconformity = nonconformity
        self.class_conditional = class_conditional
        self.method = method
        self.calibration = calibration
        self.randomised = randomised
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the labels ``y`` (n,) of the rows ``X`` (n, d), and how strange rows can be."""
        if self.nonconformity not in SCORES:
            raise InvalidArgument(
                f"nonconformity must be one of {', '.join(SCORES)}; got {self.nonconformity!r}"
            )
        model = classifier_or_vote(self.estimator)
        self.method_ = chosen_method(self, model, "leave_one_out_proba", "without_each_proba")
        rows = check_rows(self, X, reset=True)
        self.classes_, places = check_labels(y, len(rows))
        check_two_classes(self.classes_)
        labels = self.classes_[places]
        if self.method_ == "split":
            learnt, held = split_of(self, len(rows))
            self.estimator_ = model.fit(rows[learnt], labels[learnt])
            found = probabilities_for(self.estimator_, rows[held], self.classes_)
            places = places[held]
        else:
            self.estimator_ = model.fit(rows, labels)
            found = np.asarray(model.leave_one_out_proba())
        scores = SCORES[self.nonconformity](found)
        self.calibration_scores_ = scores[np.arange(len(places)), places]
        self.calibration_classes_ = places
        return self

    def predict_proba(self, X: Any) -> Float64Array:
        """(m, classes) what the classifier says, as it is."""
        check_learnt(self, "calibration_scores_")
        rows = check_rows(self, X, reset=False)
        return probabilities_for(self.estimator_, rows, self.classes_)

    def predict(self, X: Any) -> Any:
        """(m,) the likeliest labels; equal ones go to the smaller label."""
        likeliest = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[likeliest]

    def p_values(self, X: Any) -> Float64Array:
        """(m, classes) how usual each class would be for each row.

        The largest of a row is its credibility: a small one says that the row is like no class.
        """
        return self._p_values(X)[0]

    def _p_values(self, X: Any) -> tuple[Float64Array, Float64Array]:
        """(m, classes) p-values, and what the classifier says."""
        check_learnt(self, "calibration_scores_")
        rows = check_rows(self, X, reset=False)
        ties = np.ones((len(rows), 1))
        if self.randomised:
            ties = 1 - check_generator(self.random_state).random((len(rows), 1))  # never 0
        parts = block_of(len(rows), self.estimator_)
        found = [self._compared(rows[part], ties[part]) for part in parts]
        return np.concatenate([p for p, _ in found]), np.concatenate([P for _, P in found])

    def _compared(
        self, rows: Float64Array, ties: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        to_scores = SCORES[self.nonconformity]
        near: tuple[IntArray, Float64Array] | None = None
        if self.method_ == "jackknife+":
            probabilities, ids, without = self.estimator_.without_each_proba(rows)
            near = ids, to_scores(without)
        else:
            probabilities = probabilities_for(self.estimator_, rows, self.classes_)
        return self._tails(to_scores(probabilities), near, ties), probabilities

    def _tails(
        self,
        scores: Float64Array,
        near: tuple[IntArray, Float64Array] | None,
        ties: Float64Array,
    ) -> Float64Array:
        if not self.class_conditional:
            return self._tail(scores, near, None, ties)
        columns = [
            self._tail(
                scores[:, [c]],
                None if near is None else (near[0], near[1][:, :, [c]]),
                self.calibration_classes_ == c,
                ties,
            )
            for c in range(len(self.classes_))
        ]
        return np.concatenate(columns, axis=1)

    def _tail(
        self,
        scores: Float64Array,
        near: tuple[IntArray, Float64Array] | None,
        among: npt.NDArray[np.bool_] | None,
        ties: Float64Array,
    ) -> Float64Array:
        own = self.calibration_scores_
        kept = own if among is None else own[among]
        if near is None:
            above, equal = tail_counts(np.sort(kept), scores)
        else:
            above, equal = corrected_counts(own, scores, *near, among)
        return np.asarray((above + ties * (equal + 1)) / (len(kept) + 1))

    @suggest_arguments
    def predict_set(self, X: Any, coverage: float = 0.9) -> list[Any]:
        """For each row the labels that cover its own, the likeliest first.

        Args:
            X: (m, d).
            coverage: how often the true label is to be among them, in (0, 1).

        Returns:
            One array of labels a row. It may be empty where the asked coverage is reached
            without answering rows that are like none before.

        Raises:
            InvalidArgument: too few calibration rows for the coverage; says how many are needed.
        """
        check_learnt(self, "calibration_scores_")
        coverage = check_share("coverage", coverage)
        self._check_enough(coverage)
        found, probabilities = self._p_values(X)
        inside = found > 1 - coverage + ROUNDING
        order = np.argsort(-probabilities, axis=1, kind="stable")
        return [self.classes_[line[kept[line]]] for line, kept in zip(order, inside, strict=True)]

    def _check_enough(self, coverage: float) -> None:
        remedy = "fit to more rows"
        if self.method_ == "split":
            remedy += ", hold out a larger share (calibration=)"
        if not self.class_conditional:
            check_enough(len(self.calibration_scores_), coverage, "", remedy)
            return
        counts = np.bincount(self.calibration_classes_, minlength=len(self.classes_))
        fewest = int(np.argmin(counts))
        label = plain(self.classes_[fewest])
        check_enough(int(counts[fewest]), coverage, f" of every class (here of {label!r})", remedy)
