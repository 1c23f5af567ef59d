"""The state of a graph index: which rows are linked, which wait, and how well it finds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from likewise.index._formulas import exact_distances
from likewise.index._hnsw import Hnsw, scale_for
from likewise.index._rows import Float32Array
from likewise.index.base import Progress
from likewise.index.planner import CostModel
from likewise.index.recall import RecallCurve, depths_for, measure
from likewise.index.scanning import PreparedRows, best_of, scan
from likewise.results import Row

IdArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: Rows kept back to ask with, and the fewest that say anything.
HELD_OUT, FEWEST_QUERIES = 256, 32
#: The list lengths measured.
EFFORTS = (16, 32, 64, 96, 128, 192, 256, 512, 1024)
#: Rows inserted between two looks at progress and at Ctrl-C.
CHUNK = 1000
#: The curve is measured again when this share of the graph is new.
STALE = 0.2


@dataclass(slots=True)
class Links:
    """A graph over some of the rows.

    Attributes:
        hnsw: the graph; its places count insertions.
        order: (places,) the position of the row at each place.
        waiting: positions of rows not in the graph, ascending; they are scanned.
        costs: the planner's constants.
        curve: measured recall, if it was measured.
        measured_at: rows in the graph when it was.
        clocked: whether searches are timed for ``costs``; not when those were given.
        visited: distances that the graph computes for a query, by effort: the mean of those
            asked when the curve was measured.
        stranded: positions of rows in the graph that no path leads to; they are scanned too.
    """

    hnsw: Hnsw
    waiting: IdArray
    costs: CostModel
    order: IdArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    curve: RecallCurve | None = None
    measured_at: int = 0
    clocked: bool = True
    visited: dict[int, float] = field(default_factory=dict)
    stranded: IdArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    _lost: BoolArray = field(default_factory=lambda: np.empty(0, dtype=np.bool_))

    @property
    def stale(self) -> bool:
        """Whether enough is new that the curve should be measured again."""
        return len(self.order) > (1 + STALE) * self.measured_at

    def insert(self, rows: Float32Array, positions: IdArray, progress: Progress | None) -> None:
        """Link ``positions`` chunk by chunk. After Ctrl-C the rest still waits, and is scanned."""
        for start in range(0, len(positions), CHUNK):
            chunk = positions[start : start + CHUNK]
            planned = np.concatenate([self.order, chunk])
            try:
                self.hnsw.insert(rows[chunk])
            finally:  # what the graph holds is the truth
                self.order = planned[: len(self.hnsw)]
                self.waiting = np.setdiff1d(self.waiting, self.order, assume_unique=True)
            if progress is not None:
                progress(len(self.order), len(self.order) + len(self.waiting))
        self.stranded = self.find_stranded()
        self._lost = np.isin(self.order, self.stranded)

    @property
    def beside(self) -> IdArray:
        """Positions, ascending, that the graph does not answer for: to be scanned."""
        if not len(self.stranded):
            return self.waiting
        return np.union1d(self.waiting, self.stranded)

    def find_stranded(self) -> IdArray:
        """Positions of rows in the graph that no path leads to. Cost: one walk over the links."""
        return np.sort(self.order[self.hnsw.unreachable()])

    def nearest(self, queries: Float32Array, effort: int, count: int, jobs: int) -> list[IdArray]:
        """For each query the positions of up to ``count`` near rows."""
        places = self.hnsw.nearest(queries, effort, count, jobs)
        if len(self.stranded):  # the upper levels may have led there all the same
            if len(self._lost) != len(self.order):
                self._lost = np.isin(self.order, self.stranded)
            places = [p[~self._lost[p]] for p in places]
        return [self.order[p] for p in places]

    def measure(
        self,
        prepared: PreparedRows,
        queries: IdArray,
        jobs: int,
        *,
        held_out: bool,
        asked_by_users: Float32Array | None = None,
    ) -> None:
        """Measure the curve, and the time of each effort unless it was given.

        ``queries`` are positions of rows; with ``held_out`` they are not in the graph, else
        each is left out of its own answer. Where users' own queries are known, the curve is
        the worse of the two at every point.
        """
        asked = prepared.rows[queries]
        queries, asked = queries[usable := self.hnsw.takes(asked)], asked[usable]
        if len(queries) == 0:
            return
        curve = self._curve(prepared, queries, asked, jobs, held_out=held_out)
        if asked_by_users is not None:
            theirs = asked_by_users[self.hnsw.takes(asked_by_users)]
            if len(theirs) >= FEWEST_QUERIES:
                nobody = np.full(len(theirs), -1, dtype=np.int64)
                curve = curve.worst(self._curve(prepared, nobody, theirs, jobs, held_out=held_out))
        self.curve = curve
        self.measured_at = len(self.order)

    def _curve(
        self,
        prepared: PreparedRows,
        queries: IdArray,
        asked: Float32Array,
        jobs: int,
        *,
        held_out: bool,
    ) -> RecallCurve:
        own = 0 if held_out else 1
        depths = depths_for(len(self.order) - own)
        linked = np.sort(self.order)
        found = scan(prepared, asked, depths[-1] + own, None, linked, n_jobs=jobs).rows
        truth = found if held_out else [_without(r, q) for r, q in zip(found, queries, strict=True)]
        efforts = [e for e in EFFORTS if e == EFFORTS[0] or e <= len(self.order)]
        timed: dict[int, float] = {}

        def search(effort: int) -> list[Row]:
            before, start = self.hnsw.distances_computed(), time.perf_counter()
            lists = self.nearest(asked, effort, min(effort, len(self.order)), 1)
            timed[effort] = (time.perf_counter() - start) / len(queries)
            self.visited[effort] = (self.hnsw.distances_computed() - before) / len(queries)
            answers = [self._ranked(prepared, q, p) for q, p in zip(asked, lists, strict=True)]
            if held_out:
                return answers
            return [_without(r, q) for r, q in zip(answers, queries, strict=True)]

        curve = measure(search, truth, efforts, depths)
        if self.clocked:
            # A larger effort is never cheaper; a busy machine may make it look so.
            seconds = np.maximum.accumulate([timed[e] for e in efforts]).tolist()
            self.costs = self.costs.with_graph(dict(zip(efforts, seconds, strict=True)))
        return curve

    def _ranked(self, prepared: PreparedRows, query: Float32Array, ids: IdArray) -> Row:
        distances = exact_distances(prepared.metric, prepared.rows[ids], query)
        return best_of(ids, distances, None, None)


def new_links(
    prepared: PreparedRows, random_state: int, costs: CostModel, *, clocked: bool
) -> Links:
    """No row linked yet, all waiting."""
    peak = 0.0 if prepared.summary is None else prepared.summary.peak
    if prepared.summary is None and len(prepared.rows):
        peak = float(np.abs(prepared.rows).max())
    name = prepared.metric.name
    hnsw = Hnsw(prepared.rows.shape[1], name, random_state, scale_for(name, peak))
    waiting = np.arange(len(prepared.rows), dtype=np.int64)
    return Links(hnsw, waiting, costs, clocked=clocked)


def sample(
    rows: Float32Array, positions: IdArray, count: int, seed: int, keys: IdArray | None
) -> IdArray:
    """``count`` of ``positions``, drawn by a hash of the key or of the row itself.

    Whether a row is drawn depends on what it is, not on its number or on its neighbours in
    the file. ``keys`` (n,) are integers by position. Cost: one pass over the rows.
    """
    if keys is not None:
        hashed = keys[positions].astype(np.uint64)
    else:
        hashed = np.empty(len(positions), dtype=np.uint64)
        odd = np.random.default_rng(7).integers(0, 2**63, rows.shape[1], dtype=np.uint64) * 2 + 1
        for start in range(0, len(positions), 4096):
            block = rows[positions[start : start + 4096]].view(np.uint32).astype(np.uint64)
            hashed[start : start + 4096] = (block * odd).sum(axis=1, dtype=np.uint64)
    mixed = _mix(hashed ^ _mix(np.array([seed], dtype=np.uint64)))
    chosen: IdArray = np.sort(positions[np.lexsort((positions, mixed))[:count]])
    return chosen


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    # The finaliser of SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _without(row: Row, position: int) -> Row:
    keep = row.ids != position
    return Row(row.ids[keep], row.distances[keep])
