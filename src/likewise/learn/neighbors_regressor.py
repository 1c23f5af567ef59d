"""`NeighborsRegressor`: the weighted mean of the numbers of the nearest rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument
from likewise.index import Index
from likewise.learn import choosing
from likewise.learn._checks import Float64Array, IntArray
from likewise.learn._neighbor_estimator import Found, NeighborEstimator
from likewise.learn._targets import check_targets
from likewise.learn._without import Weighed, each_left_out, with_and_without
from likewise.learn.evidence import Answer, answer_number
from likewise.learn.voting import averages


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

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """(m,) or (m, outputs) numbers of the rows ``X`` (m, dim).

        With ``return_std`` they are followed by the deviation of the neighbours' numbers from
        them: ``sqrt(sum_i w_i (y_i - mean)^2 / sum_i w_i)``.
        """
        outputs = self._targets.shape[1] if hasattr(self, "_targets") else 1
        found = [
            self._averaged(Weighed(part.ids, part.weights), deviations=return_std)
            for part in self._neighbors(X, numbers_each=outputs * self._k_now())
        ]
        parts = [np.concatenate(column) for column in zip(*found, strict=True)]
        return tuple(parts) if return_std else parts[0]

    def leave_one_out_means(self) -> tuple[Float64Array, ...]:
        """Means and deviations, as of `predict`, of the rows there are, each by the others.

        Cost: one search of them.
        """
        found = [self._averaged(part) for part in each_left_out(self)]
        return tuple(np.concatenate(column) for column in zip(*found, strict=True))

    def without_each_means(
        self, X: Any
    ) -> tuple[tuple[Float64Array, ...], IntArray, tuple[Float64Array, ...]]:
        """What `predict` gives, and what it would give were a neighbour not there.

        Returns:
            Means and deviations (m,), (m, k) ids of the neighbours, and (m, k) means and
            deviations without each of them; one axis more where there are several outputs.

        Cost: one search, and m k^2 numbers.
        """
        whole, fewer = with_and_without(self, X)
        return self._averaged(whole), whole.ids, self._averaged(fewer)

    def _averaged(self, found: Weighed, *, deviations: bool = True) -> tuple[Float64Array, ...]:
        heard = self._targets[found.ids]
        means = averages(heard, found.weights)
        parts = [means]
        if deviations:
            parts.append(np.sqrt(averages((heard - means[..., None, :]) ** 2, found.weights)))
        return tuple(part[..., 0] if self._single else part for part in parts)

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
        targets = self._targets[found.ids[i]]
        return answer_number(
            found.ids[i],
            found.distances[i],
            targets[:, 0] if self._single else targets,
            self.weights_,
            self.temperature_ or 1.0,
            measures=found.measures[i],
        )

    def _worth(self, ids: IntArray, own: IntArray, weights: Float64Array) -> Float64Array:
        return np.square(averages(self._targets[ids], weights) - self._targets[own])

    def _score(self, worth: Float64Array, own: IntArray) -> float:
        return choosing.determination(worth, self._targets[own])
