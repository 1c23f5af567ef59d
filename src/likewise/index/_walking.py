"""Queries through a `Net`: what the kernels are called with, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._codes import read_only
from likewise.index._compiled import in_threads
from likewise.index._compiled.values import (
    COUNT,
    METRIC_NUMBERS,
    NOT_COMPILED,
    SCANNED,
    Effort,
    Found,
    Wanted,
)
from likewise.index._loops import loops
from likewise.index._net import Net, Scratch
from likewise.index._protocol import Flat
from likewise.index.planner import FEWEST_SPARE, SHALLOWEST
from likewise.results import Neighbours, SearchInfo
from likewise.vectors import Float32Array

IdArray = npt.NDArray[np.int64]

#: No distance budget.
UNLIMITED = 1 << 62
#: A batch is shared among threads in pieces of at least so many queries.
PIECE = 16

_NO_MASK = read_only(np.empty(0, dtype=np.bool_))
_NO_RATIOS = np.empty(0, dtype=np.float32)
_FLOAT32 = np.dtype(np.float32)


@dataclass(slots=True)
class Ask:
    """What is asked for every query of a call.

    Attributes:
        k: rows wanted; None is all within ``radius``.
        effort: the length of the list.
        stop: end when the next row is farther than this many times the k-th (in the space's
            units); 0 never.
        radius: None is no limit.
        mask: (slots,) rows that may be found; None is all.
        span: slots from the first up to the second; None is all.
        budget: distances after which no more rows are expanded.
    """

    k: int | None
    effort: int
    stop: float = 0.0
    radius: float | None = None
    mask: npt.NDArray[np.bool_] | None = None
    span: tuple[int, int] | None = None
    budget: int = UNLIMITED


def ranked(k: int | None, effort: int) -> int:
    """How many rows of the list are ranked exactly."""
    return effort if k is None else min(effort, k + max(FEWEST_SPARE, k // 2))


def _sorted(width: int) -> int:
    """How many rows of a list of 4-bit codes are sorted by 8-bit ones, to rank ``width``."""
    return 2 * width + FEWEST_SPARE


class Walker:
    """Searches one net as it is now; several threads may ask at once.

    Args:
        net: the graph; it must not change while this is used.
        rows: (slots, dim) the originals.
    """

    def __init__(self, net: Net, rows: Float32Array) -> None:
        space = net.codes.walked()
        entries = net.gathered_entries(space)
        self._graph = (
            *space,
            read_only(net.links),
            *net.codes.fine()[:2],
            *entries.space[:-1],
            entries.ids,
            entries.places,
            *net.codes.placing(),
            read_only(rows),
        )
        self._followers = read_only(net.twins.followers(len(rows)))
        self._most_alike = net.twins.largest()
        self._size = len(rows)
        self._metric = METRIC_NUMBERS.get(net.codes.metric.name, NOT_COMPILED)
        self._scratch = Scratch(net.codes.count)
        self._search = loops(net.codes.metric).search.search

    def find(
        self, queries: Float32Array, ask: Ask, jobs: int = 1, *, ratios: bool = False
    ) -> Found:
        """The answers, a line a query; see `values.Found`. ``ratios`` asks for these too."""
        count = len(queries)
        found = empty(count, self.width(ask), ratios=ratios)
        mask = _NO_MASK if ask.mask is None else read_only(np.ascontiguousarray(ask.mask))
        queries = read_only(np.require(queries, requirements=("C", "A")))
        settings = self.settings(ask)

        def piece(some: slice) -> None:
            part = [array[some] for array in found]  # an empty one stays empty
            self.run(queries[some], mask, settings, part)

        in_pieces(jobs, count, piece)
        return found

    def width(self, ask: Ask) -> int:
        """Rows ranked exactly; a list with twins can hold more than its own length."""
        if self._most_alike == 1:
            return ranked(ask.k, ask.effort)
        return ranked(ask.k, min(self._size, ask.effort * self._most_alike))

    def settings(self, ask: Ask) -> tuple[Any, ...]:
        """`Effort` and `Wanted`, taken apart as `run` needs them."""
        k, width = ask.k or 0, self.width(ask)
        depth = min(max(k, SHALLOWEST), ask.effort)
        low, high = (0, self._size) if ask.span is None else ask.span
        radius = np.inf if ask.radius is None else float(ask.radius)
        return (
            *Effort(ask.effort, float(ask.stop), depth, ask.budget),
            *Wanted(self._metric, k, width, _sorted(width), radius, low, high, self._size),
        )

    def run(
        self,
        queries: Float32Array,
        mask: npt.NDArray[np.bool_],
        settings: tuple[Any, ...],
        found: Iterable[Any],
    ) -> None:
        """Call the kernel; ``queries`` and ``mask`` are read-only, the parts of `Found` filled."""
        visited = self._scratch.take()
        self._search(*self._graph, queries, self._followers, mask, *settings, *visited, *found)
        self._scratch.give(visited)

    def run_among(
        self,
        walk: Callable[..., None],
        queries: Float32Array,
        among: tuple[Any, ...],
        settings: tuple[Any, ...],
        found: Iterable[Any],
    ) -> None:
        """The same for the kernel ``walk`` of `_compiled.hops`, with what it takes besides."""
        visited = self._scratch.take()
        walk(*self._graph, queries, self._followers, *among, *settings, *visited, *found)
        self._scratch.give(visited)


class Quick:
    """One kind of search without a filter, made ready: what is left of it is a few microseconds.

    Args:
        walker: for the net.
        ask: what each query asks; it has a k, and no radius, mask or span.
        describe: makes the info of an answer from distances computed and seconds.
        positions: from slots to positions; None where they are the same.
        jobs: threads for large batches, which are not answered here.
        far: whether one of the queries is strange, by the distances of their k-th rows; None
            where all are welcome.
    """

    def __init__(
        self,
        walker: Walker,
        ask: Ask,
        dim: int,
        describe: Callable[[int, float], SearchInfo],
        positions: IdArray | None,
        jobs: int,
        far: Callable[[Float32Array, npt.NDArray[np.float64]], bool] | None,
    ) -> None:
        self._far = far
        self._walker, self._k, self._dim = walker, ask.k or 0, dim
        self._width, self._settings = walker.width(ask), walker.settings(ask)
        self._describe, self._positions = describe, positions
        self._most = 2 * PIECE - 1 if jobs > 1 else UNLIMITED
        self._offsets = read_only(np.array([0, self._k]))

    def answer(self, given: npt.NDArray[Any], start: float) -> Neighbours | None:
        """The answer; None where the queries need a closer look, or their answer has gaps."""
        if given.dtype is not _FLOAT32 or not given.flags.c_contiguous or not given.flags.aligned:
            return None
        queries = given[None] if given.ndim == 1 else given.view()
        if queries.ndim != 2 or queries.shape[1] != self._dim:
            return None
        count, k, width = len(queries), self._k, self._width
        if not 0 < count <= self._most:
            return None
        queries.flags.writeable = False
        ids: IdArray = np.empty((count, width), np.int64)
        distances: npt.NDArray[np.float64] = np.empty((count, width), np.float64)
        notes = np.empty((count, 3), np.int64)
        found = (ids, distances, notes, _NO_RATIOS)
        self._walker.run(queries, _NO_MASK, self._settings, found)
        if count == 1:
            least, _, scanned = notes[0].tolist()
            ids, distances, offsets = ids[0, :k], distances[0, :k], self._offsets
        else:
            least, _, _ = notes.min(axis=0).tolist()
            scanned = int(notes[:, SCANNED].sum())
            ids, distances = ids[:, :k].reshape(-1), distances[:, :k].reshape(-1)
            offsets = np.arange(0, k * count + 1, k)
        if least < k or (self._far is not None and self._far(queries, distances[k - 1 :: k])):
            return None
        if self._positions is not None:
            ids = self._positions[ids]
        info = self._describe(scanned, perf_counter() - start)
        return Neighbours(ids, distances, offsets, info)


def empty(count: int, width: int, *, ratios: bool = False) -> Found:
    """Room for the answers to ``count`` queries."""
    return Found(
        np.empty((count, width), np.int64),
        np.empty((count, width), np.float64),
        np.empty((count, 3), np.int64),
        np.ones(count, np.float32) if ratios else _NO_RATIOS,
    )


def in_pieces(jobs: int, count: int, work: Callable[[slice], None]) -> None:
    """Do ``work`` for all of ``count`` queries, in pieces where several threads share it."""
    if jobs == 1 or count < 2 * PIECE:
        work(slice(0, count))
        return
    edges = np.linspace(0, count, min(4 * jobs, count // PIECE) + 1).astype(int).tolist()
    in_threads(jobs, work, [slice(*pair) for pair in pairwise(edges)])


def flat(found: Found) -> Flat:
    """All answers in a row; every query has one."""
    if len(found.notes) == 1:
        count = int(found.notes[0, COUNT])
        return Flat(found.ids[0, :count], found.distances[0, :count], np.array([0, count]))
    counts = found.notes[:, COUNT]
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    width = int(counts[0])
    if (counts == width).all():
        ids, distances = found.ids[:, :width], found.distances[:, :width]
        return Flat(ids.reshape(-1), distances.reshape(-1), offsets)
    kept = np.arange(found.ids.shape[1]) < counts[:, None]
    return Flat(found.ids[kept], found.distances[kept], offsets)
