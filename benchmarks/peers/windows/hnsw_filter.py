"""hnswlib with a filter function, which is Python called for every row that a walk meets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.windows.base import LENGTHS, Ids, Rows, filled
from benchmarks.peers.windows.doubling import Doubling
from benchmarks.windows import Numbers


class FilterFunction(Doubling):
    """One call a query, as the function differs.

    hnswlib raises when a walk meets fewer rows of the window than are asked for; such a query
    has found nothing, and takes a longer list.
    """

    name = "hnswlib filter"
    note = "hnswlib filter: its `filter` argument, one call a query; efforts are ef."

    @property
    def ladders(self) -> Sequence[Sequence[int]]:
        return [(*LENGTHS, len(self.data.rows))]

    def search(self, queries: Rows, lows: Numbers, highs: Numbers, k: int) -> Ids:
        self._index.set_ef(self._effort)
        starts, stops = self.ordered.span(lows, highs)
        numbers, found = self._numbers, []
        for i, (low, high) in enumerate(zip(lows.tolist(), highs.tolist(), strict=True)):

            def passes(label: int, low: float = low, high: float = high) -> bool:
                return low <= numbers[label] <= high

            wanted = min(k, int(stops[i] - starts[i]))
            try:
                ids = self._index.knn_query(queries[i], wanted, num_threads=1, filter=passes)[0][0]
            except RuntimeError:
                ids = ()
            found.append(ids)
        return filled(found, k)

    def load(self, folder: Path) -> None:
        super().load(folder)
        self._numbers = self.data.attribute.tolist()  # a list answers sooner than an array
