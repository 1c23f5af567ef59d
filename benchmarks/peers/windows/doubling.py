"""Post-filtering by doubling: hnswlib asked for more and more, until enough are in the window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.peers.engines import ENGINES, HNSWLIB
from benchmarks.peers.windows.base import LENGTHS, Ids, Rows, WindowEngine
from benchmarks.peers.windows.scan import SliceScan
from benchmarks.windows import Numbers


class Doubling(WindowEngine):
    """k, 2k, 4k … neighbours are fetched, those in the window kept.

    Where hnswlib cannot fetch as many (it raises when a walk meets fewer rows), the rest is
    scanned.
    """

    name, package, place = "post-filtering", "hnswlib", "hnswlib"
    note = (
        "post-filtering: hnswlib asked for 10, 20, 40 … neighbours, for all queries that still "
        "lack some at once, and the bounds tested in numpy; efforts are ef, at least what is "
        "asked for. What hnswlib cannot fetch is scanned."
    )

    def build(self, threads: int, folder: Path) -> None:
        folder.mkdir(parents=True)
        engine = ENGINES[HNSWLIB](self.data.metric)
        engine.build(self.data.rows, threads)
        engine.save(folder)

    def load(self, folder: Path) -> None:
        import hnswlib

        space = {"cosine": "cosine", "euclidean": "l2"}[self.data.metric]
        self._index = hnswlib.Index(space, self.data.dim)
        self._index.load_index(str(folder / "index"), max_elements=len(self.data.rows))
        self._index.set_num_threads(1)
        self._scan = SliceScan(self.data, self.ordered)
        self._scan.load(folder)

    @property
    def ladders(self) -> Sequence[Sequence[int]]:
        return [LENGTHS]

    def set_effort(self, effort: int) -> None:
        self._effort = effort

    def search(self, queries: Rows, lows: Numbers, highs: Numbers, k: int) -> Ids:
        answer = np.full((len(queries), k), -1, dtype=np.int64)
        starts, stops = self.ordered.span(lows, highs)
        wanted = np.minimum(stops - starts, k)
        left, fetched = np.flatnonzero(wanted > 0), k
        while len(left):
            fetched = min(fetched, len(self.data.rows))
            self._index.set_ef(max(self._effort, fetched))
            try:
                ids = self._index.knn_query(queries[left], fetched)[0].astype(np.int64)
            except RuntimeError:  # a walk met fewer than that
                for i in left:
                    near = self._scan.nearest(queries[i], starts[i], stops[i], k)
                    answer[i, : len(near)] = near
                break
            numbers = self.data.attribute[ids]
            inside = (numbers >= lows[left, None]) & (numbers <= highs[left, None])
            rank = np.cumsum(inside, axis=1)
            enough = rank[:, -1] >= wanted[left]
            inside &= enough[:, None] & (rank <= k)
            which, column = np.nonzero(inside)
            answer[left[which], rank[which, column] - 1] = ids[which, column]
            left, fetched = left[~enough], 2 * fetched
        return answer
