"""`NeighborsClassifier`: the label that has most weight among the nearest rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import ClassifierMixin

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.index import Index
from likewise.learn import choosing
from likewise.learn._checks import Float64Array, IntArray, check_labels
from likewise.learn._kinds import check_classes
from likewise.learn._labels import LabelMemory
from likewise.learn._neighbor_estimator import Found, NeighborEstimator
from likewise.learn._without import Weighed, each_left_out, with_and_without
from likewise.learn.evidence import Answer, answer_label
from likewise.learn.voting import shares


class LabelsAndShares(NamedTuple):
    """Both answers of one search: (n,) labels and (n, classes) probabilities."""

    labels: Any
    probabilities: Float64Array


class NeighborsClassifier(ClassifierMixin, NeighborEstimator):  # type: ignore[misc]
    """The label that has most weight among the k nearest rows; ties go to the smaller label.

    ``P(c | x) = sum_i w_i [y_i = c] / sum_i w_i`` over the k neighbours i of x. Every method
    computes from scratch with each call; `predict_both` answers two questions by one search.

    Args:
        index: one of `likewise.index`, which is copied and filled; None is `Exact` by euclidean
            distance. It keeps rows as float32, and says which are nearest (of equally near ones,
            those that came first).
        k: how many neighbours; cut to the rows there are; None for all of them. A list of
            numbers, or "loo" (1 to 100), is a choice.
        weights: "uniform"; "distance", 1 / d (neighbours at distance 0 silence the others);
            "softmax" of -d / temperature; a kernel of `likewise.kernels` (Nadaraya-Watson, of
            all rows with ``k=None``); a function from (n, k) distances to as many weights; see
            `weighting.weigh`. A list of them, or "loo" (the three names), is a choice.
        temperature: of "softmax", in the units of the distances; None is 1. A list, or "loo"
            (multiples of the typical distance), is a choice.
        scoring: what choices are made by: "accuracy", or "log_likelihood", which makes for
            better probabilities.
        recall: handed to the index: the share of the true neighbours to aim at; None is 0.95.
            An exact index always finds all.
        n_jobs: threads of the default index; None is 1, -1 all cores.

    Where there are choices, each row is predicted from the others, all choices from the lists of
    one search, and the best is taken (the first of equal ones). They are made again after rows
    came or went, when the next question is asked, so that no trace of a forgotten row is left.
    No other rows than those fitted take part.

    Attributes:
        classes_: ascending. index_: what was filled. ids_: (m,) the ids of the rows of the last
        `fit` or `partial_fit`, for `forget`. k_, weights_, temperature_: those in use.
        loo_scores_: every choice with its score; empty where there was nothing to choose.

    Raises:
        InvalidArgument, InvalidType, InvalidVector: what is wrong is named. Labels are of one
            kind, none missing, one a row.

    Cost: `fit` is the index's. An answer is a search, and O(k) beside it. With choices, one
    search of all rows with the largest k.

    Source: T. Cover and P. Hart, "Nearest neighbor pattern classification", 1967; and as in
    `weighting.weigh`.

    Example:
        >>> X, y = [[0.0], [1.0], [5.0], [6.0]], ["a", "a", "b", "b"]
        >>> model = NeighborsClassifier(k=3).fit(X, y)
        >>> model.predict([[0.4], [5.2]]).tolist()
        ['a', 'b']
        >>> model.predict_proba([[0.4]]).round(3).tolist()
        [[0.667, 0.333]]
        >>> model.partial_fit([[9.0], [9.5]], ["c", "c"]).predict([[9.4]]).tolist()
        ['c']
        >>> model.forget(model.ids_), model.classes_.tolist()
        (2, ['a', 'b'])
    """

    @suggest_arguments
    def __init__(
        self,
        index: Index | None = None,
        k: Any = 5,
        *,
        weights: Any = "uniform",
        temperature: Any = None,
        scoring: str = "accuracy",
        recall: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.index = index
        self.k = k
        self.weights = weights
        self.temperature = temperature
        self.scoring = scoring
        self.recall = recall
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the labels ``y`` (n,) of the rows ``X`` (n, dim), and nothing else."""
        self._check_arguments()
        rows = self._rows(X, reset=True)
        classes, places = check_labels(y, len(rows))
        memory = LabelMemory()
        memory.add(classes, places)
        self._begin(rows)
        self._keep(memory)
        self._choice()
        return self

    @suggest_arguments
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Add rows and their labels; labels may be new ones.

        Args:
            X: (m, dim). y: (m,), of the kind of those before.
            classes: labels that are to be among ``classes_`` whether or not a row has them.

        Cost: that of adding rows to the index.
        """
        if not hasattr(self, "index_"):
            self._check_arguments()
            rows, memory = self._rows(X, reset=True), LabelMemory()
        else:
            rows, memory = self._rows(X, reset=False), self._memory
        new, places = check_labels(y, len(rows))
        declared = None if classes is None else check_labels(classes, len(classes))[0]
        memory.check(new)
        if declared is not None:
            memory.check(declared)
            check_classes(declared, new)
        if hasattr(self, "index_"):
            self._append(rows)
        else:
            self._begin(rows)
        memory.add(new, places)
        if declared is not None:
            memory.declare(declared)
        self._keep(memory)
        return self

    def forget(self, ids: Any) -> int:
        """Take out rows by their ids (see ``ids_``); returns how many were there.

        Afterwards every answer is that of a model that never had them: to the last bit with
        `Exact`; any other index finds its neighbours among the others alone. A class goes with
        its last row. Ids that are unknown, or gone already, are ignored.

        Cost: that of the index.
        """
        gone = self._remove(ids)
        self._memory.remove(gone)
        self._keep(self._memory)
        return len(gone)

    def _keep(self, memory: LabelMemory) -> None:
        self._memory, self.classes_ = memory, memory.classes
        self._changed()

    def predict(self, X: Any) -> Any:
        """(m,) labels of the rows ``X`` (m, dim)."""
        best = [np.argmax(part, axis=1) for part in self._shares(X)]
        return self.classes_[np.concatenate(best)]

    def predict_proba(self, X: Any) -> Float64Array:
        """(m, classes) the weight of each of ``classes_`` among the neighbours; rows sum to 1."""
        return np.concatenate(list(self._shares(X)))

    def predict_both(self, X: Any) -> LabelsAndShares:
        """Labels and probabilities from one search.

        Example:
            >>> model = NeighborsClassifier(k=1).fit([[0.0], [5.0]], ["a", "b"])
            >>> labels, probabilities = model.predict_both([[4.0]])
            >>> labels.tolist(), probabilities.tolist()
            (['b'], [[0.0, 1.0]])
        """
        probabilities = self.predict_proba(X)
        return LabelsAndShares(self.classes_[np.argmax(probabilities, axis=1)], probabilities)

    def leave_one_out_proba(self) -> Float64Array:
        """(rows, classes) of the rows there are, each by the others. Cost: one search of them."""
        return np.concatenate([self._counted(found) for found in each_left_out(self)])

    def without_each_proba(self, X: Any) -> tuple[Float64Array, IntArray, Float64Array]:
        """What `predict_proba` gives, and what it would give were a neighbour not there.

        Returns:
            (m, classes) probabilities, (m, k) ids of the neighbours, and (m, k, classes)
            probabilities without each of them. Rows that are no neighbours change nothing.

        Cost: one search, and m k (k + classes) numbers.
        """
        whole, fewer = with_and_without(self, X)
        return self._counted(whole), whole.ids, self._counted(fewer)

    def _counted(self, found: Weighed) -> Float64Array:
        return shares(self._memory.codes[found.ids], found.weights, len(self.classes_))

    def _shares(self, X: Any) -> Iterator[Float64Array]:
        """Probabilities, block by block of the rows."""
        for found in self._neighbors(X, numbers_each=len(self._classes())):
            yield shares(self._memory.codes[found.ids], found.weights, len(self.classes_))

    def _classes(self) -> Any:
        return getattr(self, "classes_", ())

    @suggest_arguments
    def explain(self, X: Any, *, depth: int = 100) -> list[Answer]:
        """Each answer with the neighbours that voted, and which of them would flip it.

        Args:
            X: (m, dim). depth: how many neighbours beyond the k are looked at for a set that
                flips the answer: smaller sets than that are found.

        Returns:
            An `Answer` a row: ``value``, ``probability``, and ``evidence`` with ids, distances,
            labels, weights, influence, ``flip`` (a smallest set of rows of the whole model that,
            forgotten, changes the answer) and ``withstands``. With an approximate index all this
            is of the neighbours that it finds.

        Cost: two searches, and O((k + s)^2) a row that s removals flip.

        Example:
            >>> model = NeighborsClassifier(k=3).fit([[0.0], [1.0], [2.0], [5.0]], list("aabb"))
            >>> (answer,) = model.explain([[0.4]])
            >>> answer.value, answer.evidence.labels.tolist(), answer.evidence.flip.ids.tolist()
            ('a', ['a', 'a', 'b'], [0])
        """
        beyond = check_count("depth", depth, minimum=0)
        answers: list[Answer] = []
        for found in self._neighbors(X, numbers_each=len(self._classes()), beyond=beyond):
            answers += [self._answer(found, i) for i in range(len(found.ids))]
        return answers

    def _answer(self, found: Found, i: int) -> Answer:
        ids = np.concatenate([found.ids[i], found.reserve[i]])
        return answer_label(
            ids,
            np.concatenate([found.distances[i], found.reserve_distances[i]]),
            self._memory.codes[ids],
            self.classes_,
            len(found.ids[i]),
            self.weights_,
            self.temperature_ or 1.0,
            measures=np.concatenate([found.measures[i], found.reserve_measures[i]]),
            everything=len(ids) == len(self.index_),
        )

    def _check_arguments(self) -> None:
        super()._check_arguments()
        if self.scoring not in choosing.SCORINGS:
            raise InvalidArgument(
                f"scoring must be one of {', '.join(choosing.SCORINGS)}; got {self.scoring!r:.60}"
            )

    def _worth(self, ids: IntArray, own: IntArray, weights: Float64Array) -> Float64Array:
        codes = self._memory.codes
        told = choosing.SCORINGS[self.scoring]
        return told(codes[ids], codes[own], weights, len(self.classes_))

    def _score(self, worth: Float64Array, own: IntArray) -> float:
        return float(worth.mean())
