"""A batch of queries through the graph, the twin of `_compiled.search`."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from likewise.index._compiled.values import (
    COUNT,
    DEPTH,
    FLOAT_MAX,
    LARGEST,
    PRODUCT,
    SCANNED,
    SQUARED,
    Effort,
    Entries,
    Found,
    Placing,
    Query,
    Space,
    Visited,
    Wanted,
)
from likewise.index._formulas import exact_distances
from likewise.index._plain.keys import keys_of, place_query
from likewise.index._plain.walk import begin, id_of, packed, walk
from likewise.metrics import Metric


def search(*arguments: Any, metric: Metric) -> None:
    """The nearest rows of each query.

    Args:
        arguments: those of the kernel, in its order.
        metric: by which rows are compared and ranked; the number of the metric among the
            arguments is the kernels' word for it.
    """
    parts = iter(arguments)

    def take(count: int) -> tuple[Any, ...]:
        return tuple(islice(parts, count))

    space = Space._make(take(3))
    (links,) = take(1)
    fine = Space._make((*take(2), space.kind))
    entries = Entries(Space._make((*take(2), space.kind)), *take(2))
    placing = Placing._make(take(4))
    rows, queries, followers, mask = take(4)
    effort, wanted = Effort._make(take(4)), Wanted._make(take(8))
    visited, found = Visited._make(take(2)), Found._make(take(4))
    for t, raw in enumerate(queries):
        found.notes[t] = (-1, 0, 0)
        if not fits(space, placing, raw):
            continue
        query = place_query(space, placing, raw)
        starts = begin(entries, query, visited, metric)
        pool, scanned, ratio = walk(space, links, query, effort, visited, starts, metric)
        found.notes[t, SCANNED] = scanned + len(entries.ids)
        if len(found.ratios):
            found.ratios[t] = ratio
        answer(rows, raw, query, fine, pool, followers, mask, wanted, found, t, metric)


def answer(
    rows: Any,
    raw: Any,
    query: Query,
    fine: Space,
    pool: list[int],
    followers: Any,
    mask: Any,
    wanted: Wanted,
    found: Found,
    t: int,
    metric: Metric,
) -> None:
    """What is found for one query in the pool of a walk, the nearest sorted by finer codes."""
    reached = sorted_anew(fine, query, pool, wanted.sorted, metric)
    Choice(rows, None, raw, metric, wanted).fill(found, t, reached, followers, mask)


def sorted_anew(
    fine: Space, query: Query, pool: list[int], count: int, metric: Metric
) -> list[int]:
    """The rows of the pool, the first ``count`` sorted by finer codes, if there are any."""
    reached = [id_of(entry) for entry in pool]
    if len(fine.codes):
        nearest = reached[:count]
        ranked = sorted(packed(keys_of(fine, nearest, query, metric), nearest))
        reached[:count] = [id_of(entry) for entry in ranked]
    return reached


def fits(space: Space, placing: Placing, raw: Any) -> bool:
    """Whether the query is finite, has a direction if it needs one, and its squares stay finite."""
    limit = FLOAT_MAX
    if space.kind in (SQUARED, PRODUCT) and placing.unit == 0:
        limit = min(LARGEST / placing.factor, FLOAT_MAX)
    inside = bool((np.abs(raw) <= np.float32(limit)).all())
    return inside and (placing.unit == 0 or bool(raw.any()))


class Choice:
    """What is answered to one query of the rows that a walk reached.

    ``order`` says where in ``rows`` each row reached is; None where that is its own number.
    """

    def __init__(self, rows: Any, order: Any, query: Any, metric: Metric, wanted: Wanted) -> None:
        self.rows, self.order, self.query = rows, order, query
        self.metric, self.wanted = metric, wanted

    def fill(self, found: Found, t: int, reached: list[int], followers: Any, mask: Any) -> None:
        """Rank those that pass exactly, keep the best, and say how deep they lay."""
        wanted, limit = self.wanted, min(self.wanted.ranked, found.ids.shape[1])
        passing: list[int] = []
        depths: list[int] = []
        for place, first in enumerate(reached):
            group = [row for row in _group(first, followers) if self.passes(row, mask)]
            passing += group
            depths += [place + 1] * len(group)
        passing = self.places(passing[:limit])
        apart = self.distances(passing)
        order = np.lexsort((passing, apart))
        order = order[apart[order] <= wanted.radius][: wanted.k or None]
        found.ids[t, : len(order)] = np.array(passing, dtype=np.int64)[order]
        found.distances[t, : len(order)] = apart[order]
        found.notes[t, COUNT] = len(order)
        if 0 < wanted.k <= len(passing):
            found.notes[t, DEPTH] = depths[wanted.k - 1]
        if wanted.radius < np.inf and (wanted.k == 0 or len(order) < wanted.k):
            found.notes[t, DEPTH] = self.depth_of_radius(reached)

    def places(self, reached: list[int]) -> list[int]:
        """Where in ``rows`` they are."""
        return reached if self.order is None else self.order[reached].tolist()

    def passes(self, row: int, mask: Any) -> bool:
        wanted = self.wanted
        inside = wanted.low <= row < wanted.high or row >= wanted.beyond
        return inside and (len(mask) == 0 or bool(mask[row]))

    def distances(self, rows: list[int]) -> Any:
        if not rows:
            return np.empty(0)
        return exact_distances(self.metric, self.rows[rows], self.query)

    def depth_of_radius(self, reached: list[int]) -> int:
        """How many rows reached lie within the radius; 0 when the last one still does."""
        inside = self.distances(self.places(reached)) <= self.wanted.radius
        if not len(inside) or inside[-1]:
            return 0
        return 1 + int(np.count_nonzero(inside))


def _group(row: int, followers: Any) -> list[int]:
    """A row and those that equal it."""
    group = [row]
    while len(followers) and followers[group[-1]] >= 0:
        group.append(int(followers[group[-1]]))
    return group
