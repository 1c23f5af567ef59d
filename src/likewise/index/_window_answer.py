"""The answers of a call as they come in, query by query, from one way or another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._protocol import Answer, Flat
from likewise.index._window_plan import Way
from likewise.results import Row

IdArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

NAMES = ("exact", "scan", "window")


class Gathered:
    """What was found so far.

    Args:
        queries: how many.
        matching: (queries,) rows that may be found.
        k: rows wanted; None is all within a radius.
        radius: rows farther off are left out.

    Attributes:
        scanned: distances computed.
    """

    def __init__(
        self, queries: int, matching: IdArray, k: int | None, radius: float | None
    ) -> None:
        width = 0 if k is None else min(k, int(matching.max(initial=0)))
        self._k, self._radius = k, radius
        self._ids = np.empty((queries, width), dtype=np.int64)
        self._distances = np.empty((queries, width), dtype=np.float64)
        self._counts = np.full(queries, -1, dtype=np.int64)
        self._rows: dict[int, Row] = {}
        self._names = np.zeros(queries, dtype=np.int8)
        self._recalls = np.ones(queries)
        self.scanned = 0

    def take(self, some: IdArray, ids: IdArray, distances: FloatArray, counts: IdArray) -> None:
        """Lines of ids and distances of the queries ``some``, ``counts`` of them filled."""
        width = min(self._ids.shape[1], ids.shape[1])
        self._ids[some, :width], self._distances[some, :width] = (
            ids[:, :width],
            distances[:, :width],
        )
        counts = np.minimum(counts, width)
        if self._radius is not None:
            near = (distances[:, :width] <= self._radius) & (np.arange(width) < counts[:, None])
            counts = near.sum(axis=1)
        self._counts[some] = counts

    def take_rows(self, some: IdArray, rows: Sequence[Row]) -> None:
        """The same, of any length."""
        for query, row in zip(some.tolist(), rows, strict=True):
            self._counts[query] = len(row.ids)
            if self._k is None:
                self._rows[query] = row
            else:
                self._ids[query, : len(row.ids)] = row.ids
                self._distances[query, : len(row.ids)] = row.distances

    def note(self, some: IdArray, name: str, recall: float) -> None:
        """By what the queries ``some`` were answered, and what recall it promises."""
        self._names[some], self._recalls[some] = NAMES.index(name), recall

    def missing(self) -> IdArray:
        """Queries without an answer."""
        return np.flatnonzero(self._counts < 0)

    def answer(self, reason: str, weighed: dict[str, float]) -> Answer:
        """All of it; the strategy is that of most queries."""
        counts = self._counts
        offsets = np.zeros(len(counts) + 1, dtype=np.int64)
        np.cumsum(counts, out=offsets[1:])
        found: Any
        if self._k is None:
            found = [self._rows[query] for query in range(len(counts))]
        elif (counts == self._ids.shape[1]).all():
            found = Flat(self._ids.reshape(-1), self._distances.reshape(-1), offsets)
        else:
            kept = np.arange(self._ids.shape[1]) < counts[:, None]
            found = Flat(self._ids[kept], self._distances[kept], offsets)
        strategy = NAMES[int(np.bincount(self._names).argmax())]
        return Answer(found, strategy, float(self._recalls.mean()), self.scanned, reason, weighed)


def reason_for(way: Way, matching: IdArray, known: bool) -> str:
    """A sentence for people: what most queries were answered by, and why.

    ``known`` is whether kernels are loaded, so that there was a choice.
    """
    if not known:
        return "the compiled search kernels are still being loaded: matching rows are scanned"
    if way.method == "scan":
        rows = int(matching.sum()) // len(matching)
        return f"the codes of {rows:,} matching rows are scanned, at least cost"
    if way.method == "exact":
        rows = int(matching.sum()) // len(matching)
        return f"an exact scan of {rows:,} rows was asked for, or promises enough at least cost"
    return f"a walk within the window, at effort {way.length}, promises enough at least cost"
