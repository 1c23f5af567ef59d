"""`NeighborsClassifier` and `NeighborsRegressor`: the nearest rows decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.index import Index
from likewise.learn import choosing
from likewise.learn._checks import Float64Array, IntArray, check_labels
from likewise.learn._labels import LabelMemory, check_kinds
from likewise.learn._neighbor_estimator import Found, NeighborEstimator
from likewise.learn._targets import check_targets
from likewise.learn.evidence import (
    Answer,
    Evidence,
    Flip,
    influence_on_average,
    influence_on_shares,
    plain,
    smallest_flip,
)
from likewise.learn.voting import averages, shares


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
            check_kinds(declared, new)
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
            forgotten, changes the answer) and ``withstands``.

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
        ids, weights = found.ids[i], found.weights[i]
        codes = self._memory.codes
        parts = shares(codes[None, ids], weights[None], len(self.classes_))[0]
        best = int(np.argmax(parts))
        reserve = found.reserve[i]
        measures = np.concatenate([found.measures[i], found.reserve_measures[i]])
        listed = np.concatenate([ids, reserve])
        flip = smallest_flip(
            codes[listed],
            measures,
            len(ids),
            self.weights_,
            self.temperature_ or 1.0,
            everything=len(listed) == len(self.index_),
        )
        evidence = Evidence(
            ids,
            found.distances[i],
            self.classes_[codes[ids]],
            weights / weights.sum(),
            influence_on_shares(weights, codes[ids] == best),
            None
            if flip.places is None
            else Flip(listed[flip.places], plain(self.classes_[flip.winner])),
            flip.withstands,
        )
        return Answer(plain(self.classes_[best]), float(parts[best]), evidence)

    def _check_arguments(self) -> None:
        super()._check_arguments()
        if self.scoring not in choosing.SCORINGS:
            raise InvalidArgument(
                f"scoring must be one of {', '.join(choosing.SCORINGS)}; got {self.scoring!r:.60}"
            )

    def _scorer(self, ids: IntArray, own: IntArray) -> Callable[[int, Float64Array], float]:
        codes, score = self._memory.codes, choosing.SCORINGS[self.scoring]
        return lambda k, w: score(codes[ids[:, :k]], codes[own], w, len(self.classes_))


class NeighborsRegressor(MultiOutputMixin, RegressorMixin, NeighborEstimator):  # type: ignore[misc]
    """The weighted mean of the numbers of the k nearest rows: ``sum_i w_i y_i / sum_i w_i``.

    Args:
        index, k, weights, temperature, recall, n_jobs: as in `NeighborsClassifier`; choices are
            made by R squared, the mean over outputs.

    Attributes:
        index_, ids_, k_, weights_, temperature_, loo_scores_: as there.

    Raises:
        InvalidArgument, InvalidType, InvalidVector: what is wrong is named.

    Cost: as there.

    Example:
        >>> X = np.arange(10.0)[:, None]
        >>> model = NeighborsRegressor(k=2, weights="distance").fit(X, 3 * X[:, 0])
        >>> model.predict([[2.5], [4.0]]).tolist()
        [7.5, 12.0]
        >>> chosen = NeighborsRegressor(k=[1, 2, 5]).fit(X, X[:, 0] ** 2)
        >>> chosen.k_, [round(trial.score, 2) for trial in chosen.loo_scores_]
        (2, [0.87, 0.91, 0.63])
    """

    @suggest_arguments
    def __init__(
        self,
        index: Index | None = None,
        k: Any = 5,
        *,
        weights: Any = "uniform",
        temperature: Any = None,
        recall: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.index = index
        self.k = k
        self.weights = weights
        self.temperature = temperature
        self.recall = recall
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the numbers ``y``, (n,) or (n, outputs), of the rows ``X`` (n, dim)."""
        self._check_arguments()
        rows = self._rows(X, reset=True)
        targets, single = check_targets(y, len(rows))
        self._begin(rows)
        self._targets, self._single = targets, single
        self._changed()
        self._choice()
        return self

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Add rows and their numbers. Cost: that of adding rows to the index."""
        if not hasattr(self, "index_"):
            return self.fit(X, y)
        rows = self._rows(X, reset=False)
        targets, single = check_targets(y, len(rows))
        if single != self._single or targets.shape[1] != self._targets.shape[1]:
            raise InvalidArgument(
                f"y: (n, {self._targets.shape[1]}) numbers expected, as before; "
                f"got shape {np.shape(y)}"
            )
        self._append(rows)
        self._targets = np.concatenate([self._targets, targets])
        self._changed()
        return self

    def forget(self, ids: Any) -> int:
        """Take out rows by their ids; see `NeighborsClassifier.forget`."""
        gone = self._remove(ids)
        self._targets[gone] = 0.0  # what was forgotten is not kept
        self._changed()
        return len(gone)

    def predict(self, X: Any) -> Float64Array:
        """(m,) or (m, outputs) numbers of the rows ``X`` (m, dim)."""
        outputs = self._targets.shape[1] if hasattr(self, "_targets") else 1
        found = [
            averages(self._targets[part.ids], part.weights)
            for part in self._neighbors(X, numbers_each=outputs * self._k_now())
        ]
        means = np.concatenate(found)
        return means[:, 0] if self._single else means

    def explain(self, X: Any) -> list[Answer]:
        """Each answer with its neighbours, their weights, and what each adds to the mean.

        Cost: a search.

        Example:
            >>> model = NeighborsRegressor(k=2).fit([[0.0], [1.0], [9.0]], [1.0, 4.0, 9.0])
            >>> (answer,) = model.explain([[0.2]])
            >>> answer.value, answer.evidence.influence.tolist()
            (2.5, [-1.5, 1.5])
        """
        answers: list[Answer] = []
        for found in self._neighbors(X, numbers_each=self._k_now()):
            answers += [self._answer(found, i) for i in range(len(found.ids))]
        return answers

    def _answer(self, found: Found, i: int) -> Answer:
        ids, weights = found.ids[i], found.weights[i]
        targets = self._targets[ids]
        mean, adds = (
            averages(targets[None], weights[None])[0],
            influence_on_average(weights, targets),
        )
        if self._single:
            mean, targets, adds = float(mean[0]), targets[:, 0], adds[:, 0]
        evidence = Evidence(ids, found.distances[i], targets, weights / weights.sum(), adds)
        return Answer(mean, None, evidence)

    def _scorer(self, ids: IntArray, own: IntArray) -> Callable[[int, Float64Array], float]:
        targets = self._targets
        return lambda k, w: choosing.determination(targets[ids[:, :k]], targets[own], w)
