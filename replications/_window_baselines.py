"""What windows are compared with: filtering before the search, and after it.

Both give positions of up to `K` rows a query, -1 where there are no more, and how many distances
were computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.attributed import AttributedSet
from benchmarks.windows import Asked, K, Ordered
from likewise.index import Graph

#: How many times as long the last list of post-filtering is, as in the paper.
FACTORS = (1, 2, 3, 4, 8, 16, 32)
#: The first list of post-filtering; one of more than this share of the rows costs more than a scan.
FIRST, LONGEST_SHARE = 16, 1 / 32
#: Queries compared with all rows at once.
BLOCK = 64

Ids = npt.NDArray[np.int64]
Products = npt.NDArray[np.float32]


class PreFilter:
    """Every row of the window, in float32: rows lie in the order of the number."""

    def __init__(self, data: AttributedSet, ordered: Ordered) -> None:
        self._data, self._ordered = data, ordered

    def search(self, _: Any, asked: Asked) -> tuple[Ids, int, str]:
        ids = np.full((len(asked), K), -1, dtype=np.int64)
        for i in range(len(asked)):
            start, stop = asked.starts[i], asked.stops[i]
            near = self.least(self._ordered.rows[start:stop] @ self._data.queries[i], start)
            ids[i, : len(near)] = near
        return ids, int((asked.stops - asked.starts).sum()), "exact"

    def least(self, products: Products, start: int) -> Ids:
        """The rows with the largest products, of those from ``start`` on: they are unit vectors."""
        few = len(products) <= K
        near = np.arange(len(products)) if few else np.argpartition(-products, K - 1)[:K]
        found: Ids = self._ordered.order[start + near]
        return found


class PostFilter:
    """A graph of all rows, asked for twice as many until enough are in the window.

    Every search begins anew. When there are enough, one last search asks for some times as many.
    Where that is more than `LONGEST_SHARE` of the rows, all rows are scanned, which is quicker.
    """

    def __init__(
        self, data: AttributedSet, ordered: Ordered, graph: Graph, before: PreFilter
    ) -> None:
        self._data, self._ordered, self._graph, self._before = data, ordered, graph, before
        self._longest = int(LONGEST_SHARE * len(data.rows))

    def search(self, factor: int, asked: Asked) -> tuple[Ids, int, str]:
        ids = np.full((len(asked), K), -1, dtype=np.int64)
        left, length, computed = np.arange(len(asked)), FIRST, 0
        while len(left) and length <= self._longest:
            found, inside, work = self._fetched(left, length, asked)
            computed += work
            enough = inside.sum(axis=1) >= asked.count[left]
            done, left = left[enough], left[~enough]
            found, inside = found[enough], inside[enough]
            if factor > 1 and len(done):
                longer = min(length * factor, max(length, self._longest))
                found, inside, work = self._fetched(done, longer, asked)
                computed += work
            ids[done] = _first(found, inside)
            length *= 2
        for first in range(0, len(left), BLOCK):
            some = left[first : first + BLOCK]
            products = self._data.queries[some] @ self._ordered.rows.T
            for i, product in zip(some.tolist(), products, strict=True):
                start, stop = asked.starts[i], asked.stops[i]
                near = self._before.least(product[start:stop], start)
                ids[i, : len(near)] = near
        return ids, computed + len(left) * len(self._data.rows), "graph"

    def _fetched(
        self, some: Ids, length: int, asked: Asked
    ) -> tuple[Ids, npt.NDArray[np.bool_], int]:
        """(queries, length) rows, nearest first, which are in the window, and distances."""
        found: Any = self._graph.search(self._data.queries[some], length, effort=length)
        place = self._ordered.place[found.ids]
        inside = (place >= asked.starts[some, None]) & (place < asked.stops[some, None])
        return found.ids, inside, found.info.scanned


def _first(found: Ids, inside: npt.NDArray[np.bool_]) -> Ids:
    """(queries, `K`) the first of ``found`` that are inside, -1 after the last."""
    rank = np.cumsum(inside, axis=1)
    ids = np.full((len(found), K), -1, dtype=np.int64)
    which, column = np.nonzero(inside & (rank <= K))
    ids[which, rank[which, column] - 1] = found[which, column]
    return ids
