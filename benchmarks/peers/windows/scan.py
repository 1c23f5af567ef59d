"""The exact scan: rows in the order of the number, so that a window is a slice of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.peers.windows.base import Ids, Rows, WindowEngine, filled
from benchmarks.windows import Numbers

#: Queries of a block whose windows are scanned together.
BLOCK = 64


class SliceScan(WindowEngine):
    """numpy in float32: a product of the slice and the query, and its k least.

    Efforts are two ways of the same: one query after the other, or a block of queries with
    windows near each other against all rows that any of them wants.
    """

    name, package = "exact scan", "numpy"
    note = (
        "exact scan: numpy over rows in the order of the number, the quicker of one product a "
        f"query and one for {BLOCK} queries with windows near each other."
    )

    def build(self, threads: int, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)  # rows come in order; there is nothing to build

    def load(self, folder: Path) -> None:
        rows = self.ordered.rows
        self._squares = np.einsum("ij,ij->i", rows, rows)

    @property
    def ladders(self) -> Sequence[Sequence[str]]:
        return [["alone"], ["together"]]

    def set_effort(self, effort: str) -> None:
        self._together = effort == "together"

    def search(self, queries: Rows, lows: Numbers, highs: Numbers, k: int) -> Ids:
        spans = self.ordered.span(lows, highs)
        starts, stops = (positions.tolist() for positions in spans)
        if not self._together:
            pairs = zip(queries, starts, stops, strict=True)
            return filled([self.nearest(q, start, stop, k) for q, start, stop in pairs], k)
        answer = np.full((len(queries), k), -1, dtype=np.int64)
        order = np.argsort(spans[0], kind="stable")
        for first in range(0, len(order), BLOCK):
            some = order[first : first + BLOCK]
            left, right = starts[some[0]], max(stops[i] for i in some)
            products = queries[some] @ self.ordered.rows[left:right].T
            for product, i in zip(products, some, strict=True):
                near = self._least(product[starts[i] - left : stops[i] - left], starts[i], k)
                answer[i, : len(near)] = near
        return answer

    def nearest(self, query: Rows, start: int, stop: int, k: int) -> Ids:
        """Positions of the k nearest of a slice; also of use to engines that give up."""
        return self._least(self.ordered.rows[start:stop] @ query, start, k)

    def _least(self, product: Rows, start: int, k: int) -> Ids:
        if self.data.metric == "cosine":
            far = -product
        else:
            far = self._squares[start : start + len(product)] - 2 * product
        near = np.argpartition(far, k - 1)[:k] if len(far) > k else np.arange(len(far))
        found: Ids = self.ordered.order[start + near]
        return found
