"""A batch of queries, each among the rows of its own window, the twin of `_compiled.window`."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from likewise.index._compiled.values import (
    BY_ONE,
    BY_OVERLAP,
    BY_PARTS,
    BY_SCAN,
    BY_THREE,
    COUNT,
    LATE,
    SCANNED,
    SHORT,
    Effort,
    Found,
    Parts,
    Placing,
    Query,
    Space,
    Visited,
    Wanted,
)
from likewise.index._plain.keys import keys_of, place_query
from likewise.index._plain.neighbours import part_of, start_of
from likewise.index._plain.search import Choice, fits, sorted_anew
from likewise.index._plain.walk import EXPANDED, begin_within, id_of, packed, take_in, walk
from likewise.metrics import Metric


def search_windows(*arguments: Any, metric: Metric) -> None:
    """The nearest rows of each query in its window.

    Args:
        arguments: those of the kernel, in its order.
        metric: by which rows are compared and ranked; the number of the metric among the
            arguments is the kernels' word for it.
    """
    parts = iter(arguments)

    def take(count: int) -> tuple[Any, ...]:
        return tuple(islice(parts, count))

    space = Space._make(take(3))
    fine = Space._make((*take(2), space.kind))
    placing = Placing._make(take(4))
    whole, links, sizes, overlapping = take(4)
    rows, order, late, mask, queries, windows, method = take(7)
    effort = Effort._make(take(4))
    number, k, ranked, sorted_, radius = take(5)
    visited, found = Visited._make(take(2)), Found._make(take(4))
    for t, raw in enumerate(queries):
        found.notes[t] = (-1, 0, 0)
        if not fits(space, placing, raw):
            continue
        low, high, first, last = windows[t].tolist()
        wanted = Wanted(number, k, ranked, sorted_, radius, 0, len(whole), len(whole))
        choice, came = Choice(rows, order, raw, metric, wanted), late[first:last].tolist()
        if high - low + len(came) <= min(ranked, effort.pool):
            # So few rows are ranked by the metric itself at once.
            found.notes[t, SCANNED] = high - low + len(came)
            choice.fill(found, t, [*range(low, high), *came], (), mask)
            if method == BY_SCAN:
                found.notes[t, LATE] = 0  # nothing was left out
            continue
        query = place_query(space, placing, raw)
        # Of few rows the coarser codes save less than their longer list costs.
        finely = method == BY_SCAN and 0 < high - low <= min(SHORT, len(fine.codes)) and not came
        longest = min(ranked, effort.pool) if finely else effort.pool
        listed = effort._replace(pool=longest)
        one = _One(fine if finely else space, query, listed, visited, mask, k, metric)
        graph = Parts(whole, links, sizes, 0, low, high, 0)
        one.search(graph, overlapping, method)
        if len(found.ratios):
            found.ratios[t] = one.ratio
        one.scan(came)
        found.notes[t, SCANNED] = one.scanned
        reached = sorted_anew(fine, query, one.pool, 0 if finely else sorted_, metric)
        choice.fill(found, t, reached, (), mask)
        if method == BY_SCAN:
            found.notes[t, LATE] = 0
            if len(reached) == longest:
                before = [id_of(entry) for entry in one.pool[-(longest // 3) or longest :]]
                ends = before + reached[ranked - ranked // 3 : ranked]
                answer = found.ids[t, : found.notes[t, COUNT]]
                found.notes[t, LATE] = np.isin(answer, order[ends]).sum() if ends else 0


def holding_level(graph: Parts) -> int:
    """The finest level at which a single part holds the window; 0 is the whole."""
    level = 0
    while level < len(graph.sizes) and graph.high <= part_of(graph, graph.low, level + 1)[1]:
        level += 1
    return level


class _One:
    """One query: the pool of the nearest rows so far, and the distances computed."""

    def __init__(
        self,
        space: Space,
        query: Query,
        effort: Effort,
        visited: Visited,
        mask: Any,
        k: int,
        metric: Metric,
    ) -> None:
        self.space, self.query, self.effort, self.visited = space, query, effort, visited
        self.mask, self.k, self.metric = mask, k, metric
        self.pool: list[int] = []
        self.scanned, self.ratio = 0, np.float32(1)

    def search(self, graph: Parts, overlapping: Any, method: int) -> None:
        """Fill the pool from the window ``graph.low`` to ``graph.high``."""
        if method == BY_SCAN:
            self.scan(list(range(graph.low, graph.high)))
        elif graph.low == graph.high:
            return
        elif method == BY_PARTS:
            graph = graph._replace(first=holding_level(graph))
            self.pool, self.ratio = self.walk(graph, self.effort)
        elif method in (BY_ONE, BY_OVERLAP):
            moved = graph._replace(links=overlapping, half=1)
            better = method == BY_OVERLAP and holding_level(moved) > holding_level(graph)
            self.in_one(moved if better else graph)
        else:
            self.in_parts(graph, three=method == BY_THREE)

    def walk(self, graph: Parts, effort: Effort) -> tuple[list[int], np.float32]:
        """The pool of a walk among the rows of ``graph``, and its stopping ratio."""
        starts = begin_within(graph.low, graph.high, self.visited)
        pool, scanned, ratio = walk(
            self.space, graph, self.query, effort, self.visited, starts, self.metric
        )
        self.scanned += scanned
        return pool, ratio

    def scan(self, rows: list[int]) -> None:
        """Compare all of ``rows``, of which those that pass the mask may be found."""
        self.scanned += len(rows)
        passing = [row for row in rows if self.passes(row)]
        keys = keys_of(self.space, passing, self.query, self.metric)
        take_in(self.pool, self.effort.pool, packed(keys, passing))

    def in_one(self, graph: Parts) -> None:
        """Post-filtering: the smallest part that holds the window, with ever longer lists."""
        low, high, level = graph.low, graph.high, holding_level(graph)
        start, stop = part_of(graph, low, level)
        start, stop = max(0, start), min(stop, len(graph.whole))
        part = graph._replace(low=start, high=stop, first=level)
        effort = self.effort._replace(stop=0.0)
        while True:
            found, _ = self.walk(part, effort)
            inside = [e for e in found if low <= id_of(e) < high and self.passes(id_of(e))]
            enough = len(inside) >= min(max(self.k, 1), high - low)
            if enough or effort.pool >= stop - start or len(found) < effort.pool:
                break
            effort = effort._replace(pool=2 * effort.pool)
        self.take(inside)

    def in_parts(self, graph: Parts, *, three: bool) -> None:
        """The largest whole parts in the window; then at both ends ever smaller ones, and a scan.

        With ``three`` the ends are searched `in_one`.
        """
        low, high, sizes = graph.low, graph.high, graph.sizes.tolist()
        # What was searched goes from left to right.
        left = right = None
        for level, size in enumerate(sizes, start=1):
            first, last = -(-low // size) * size, start_of(high, size, 0)
            if left is None or right is None:
                if first >= last:
                    continue
                begins = [*range(first, last, size)]
            elif three:
                break
            else:
                begins = [*range(first, left, size), *range(right, last, size)]
            for begin in begins:
                part = graph._replace(low=begin, high=begin + size, first=level)
                found, _ = self.walk(part, self.effort)
                self.take([entry for entry in found if self.passes(id_of(entry))])
            left = first if left is None else min(left, first)
            right = last if right is None else max(right, last)
        if left is None or right is None:
            self.scan(list(range(low, high)))
            return
        for start, stop in ((low, left), (right, high)):
            if not three:
                self.scan(list(range(start, stop)))
            elif start < stop:
                self.in_one(graph._replace(low=start, high=stop))

    def take(self, entries: list[int]) -> None:
        """Put entries of another pool into this one."""
        take_in(self.pool, self.effort.pool, [entry & ~EXPANDED for entry in entries])

    def passes(self, row: int) -> bool:
        """Whether the mask passes the row."""
        return len(self.mask) == 0 or bool(self.mask[row])
