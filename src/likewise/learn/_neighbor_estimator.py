"""What the neighbour estimators share: rows that come and go, choices, and lists with weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from likewise.errors import InvalidArgument
from likewise.index import Index
from likewise.index._asking import read_positions
from likewise.kernels import Kernel
from likewise.learn._checks import Float64Array, IntArray, check_learnt, check_rows
from likewise.learn._searching import (
    Lists,
    fitted_index,
    leave_one_out,
    live_positions,
    nearest,
    rows_at,
)
from likewise.learn.choosing import Choices, Trial, unit_of, weights_of_trials
from likewise.learn.weighting import weigh

#: Lists are made for so many numbers at a time (32 MB).
NUMBERS = 1 << 22


def blocks(count: int, each: int) -> list[slice]:
    """Parts of ``count`` rows whose lists of ``each`` neighbours fit into memory."""
    height = max(1, NUMBERS // max(1, each))
    return [slice(start, start + height) for start in range(0, count, height)]


@dataclass(frozen=True, slots=True)
class Found:
    """The neighbours of some queries, what their weights are made of, and those that follow.

    Attributes:
        ids, distances, weights: (n, k). measures: (n, k) what `weigh` takes.
        reserve, reserve_distances, reserve_measures: (n, r) of the neighbours after these.
    """

    ids: IntArray
    distances: Float64Array
    measures: Float64Array
    weights: Float64Array
    reserve: IntArray
    reserve_distances: Float64Array
    reserve_measures: Float64Array


class NeighborEstimator(BaseEstimator):  # type: ignore[misc]
    """A subclass keeps the targets by position, and gives `_worth` and `_score`."""

    index: Index | None
    k: Any
    weights: Any
    temperature: Any
    recall: float | None
    n_jobs: int | None

    def _worth(self, ids: IntArray, own: IntArray, weights: Float64Array) -> Float64Array:
        """(m, ...) how well the neighbours ``ids`` (m, k) so weighed tell each of the rows."""
        raise NotImplementedError

    def _score(self, worth: Float64Array, own: IntArray) -> float:
        """What that of all rows ``own`` comes to; higher is better."""
        raise NotImplementedError

    # -- rows ------------------------------------------------------------------------

    def _rows(self, X: Any, *, reset: bool) -> Float64Array:
        return check_rows(self, X, reset=reset)

    def _check_arguments(self) -> None:
        Choices(self.k, self.weights, self.temperature)

    def _begin(self, rows: Float64Array) -> None:
        self.index_ = fitted_index(self.index, rows, n_jobs=self.n_jobs)
        self.ids_ = np.arange(len(rows))

    def _append(self, rows: Float64Array) -> None:
        self.ids_ = self.index_.add(rows)

    def _remove(self, ids: Any) -> IntArray:
        """Delete from the index; returns the ids that were there."""
        check_learnt(self, "index_")
        wanted = np.unique(read_positions(ids))
        gone = wanted[np.isin(wanted, live_positions(self.index_))]
        self.index_.delete(gone)
        return gone

    # -- choices ---------------------------------------------------------------------

    def _changed(self) -> None:
        """Rows came or went: what was chosen is chosen again when it is next needed."""
        choices = Choices(self.k, self.weights, self.temperature)
        self._trials: list[Trial] = []
        self._chosen = None if choices.open else next(choices.trials())

    def _choice(self) -> Trial:
        """The k, weights and temperature in use."""
        check_learnt(self, "index_")
        if self._chosen is None:
            self._trials = self._try(Choices(self.k, self.weights, self.temperature))
            self._chosen = max(self._trials, key=lambda trial: trial.score)
        return self._chosen

    def _try(self, choices: Choices) -> list[Trial]:
        if len(self.index_) < 2:
            raise InvalidArgument(
                f"choices need two rows at least, to leave one out; n_samples = {len(self.index_)}"
            )
        own = live_positions(self.index_)
        longest = min(choices.most or len(own), len(own) - 1)
        parts = blocks(len(own), longest)

        @lru_cache(maxsize=1)  # one block, as there usually is, is searched for once
        def lists(place: int) -> Lists:
            return leave_one_out(self.index_, longest, recall=self.recall, part=parts[place])

        unit = 1.0
        if choices.scaled:
            last = [lists(place).distances[:, -1] for place in range(len(parts))]
            unit = unit_of(np.concatenate(last))
        trials = list(choices.trials(unit, longest))
        judged: list[list[Float64Array]] = [[] for _ in trials]
        for place, part in enumerate(parts):
            for values, found in zip(
                judged, self._judged(trials, lists(place), own[part]), strict=True
            ):
                values.append(found)
        return [
            trial._replace(score=self._score(np.concatenate(values), own))
            for trial, values in zip(trials, judged, strict=True)
        ]

    def _judged(self, trials: list[Trial], lists: Lists, own: IntArray) -> Iterator[Float64Array]:
        """What each choice is worth for each of the rows ``own``."""
        rows = rows_at(self.index_, own)
        weighed = weights_of_trials(
            trials, lists.distances, lambda kernel: self._similarities(kernel, rows, lists.ids)
        )
        for weights in weighed:
            yield self._worth(lists.ids[:, : weights.shape[1]], own, weights)

    @property
    def k_(self) -> int | None:
        """How many neighbours vote; None for all rows."""
        return self._choice().k

    @property
    def weights_(self) -> Any:
        """The weights in use."""
        return self._choice().weights

    @property
    def temperature_(self) -> float | None:
        """The temperature of "softmax"; None for other weights."""
        return self._choice().temperature

    @property
    def loo_scores_(self) -> list[Trial]:
        """Every choice with its score by leave-one-out; empty where there was none."""
        self._choice()
        return list(self._trials)

    # -- neighbours ------------------------------------------------------------------

    def _k_now(self) -> int:
        """``k_``, cut to the rows there are."""
        count = len(self.index_) if hasattr(self, "index_") else 1
        return min(self._choice().k or count, count)

    def _neighbors(self, X: Any, *, numbers_each: int, beyond: int = 0) -> Iterator[Found]:
        """The neighbours of the rows ``X``, in blocks; ``numbers_each`` is what a row will take."""
        check_learnt(self, "index_")
        queries = self._rows(X, reset=False)
        if not len(self.index_):
            raise InvalidArgument("every row was forgotten; call fit or partial_fit first")
        k = self._k_now()
        height = max(1, NUMBERS // max(1, numbers_each, k + beyond))
        for start in range(0, len(queries), height):
            yield self._found(queries[start : start + height], k, beyond)

    def _found(self, queries: Float64Array, k: int, beyond: int) -> Found:
        lists = nearest(self.index_, queries, k, recall=self.recall)
        measures = self._measures(queries, lists)
        weights = weigh(measures, self.weights_, self.temperature_ or 1.0)
        more = self._following(queries, lists, beyond)
        further = self._measures(queries, more) if more.ids.shape[1] else more.distances
        return Found(
            lists.ids, lists.distances, measures, weights, more.ids, more.distances, further
        )

    def _following(self, queries: Float64Array, lists: Lists, beyond: int) -> Lists:
        """The neighbours after those of ``lists``, nearest first; as many for each query."""
        k = lists.ids.shape[1]
        wanted = min(beyond, len(self.index_) - k)
        if wanted <= 0:
            return Lists(lists.ids[:, :0], lists.distances[:, :0])
        ids, distances = nearest(self.index_, queries, k + wanted, recall=self.recall)
        new = np.stack([~np.isin(a, b) for a, b in zip(ids, lists.ids, strict=True)])
        # An approximate search may find others when it looks farther: the first are enough.
        first = np.argsort(~new, axis=1, kind="stable")[:, :wanted]
        return Lists(np.take_along_axis(ids, first, 1), np.take_along_axis(distances, first, 1))

    def _measures(self, queries: Float64Array, lists: Lists) -> Float64Array:
        if isinstance(self.weights_, Kernel):
            return self._similarities(self.weights_, queries, lists.ids)
        return lists.distances

    def _similarities(self, kernel: Kernel, queries: Any, ids: IntArray) -> Float64Array:
        """(n, k) values of the kernel for each query and its neighbours."""
        values = np.empty(ids.shape)
        for i, query in enumerate(np.asarray(queries, dtype=np.float64)):
            values[i] = kernel(query[None, :], rows_at(self.index_, ids[i]).astype(np.float64))[0]
        return values
