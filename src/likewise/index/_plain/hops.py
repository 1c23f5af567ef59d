"""A batch of queries among the rows that pass a filter, the twin of `_compiled.hops`."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from likewise.index._compiled.values import (
    NEARER,
    SCANNED,
    SPREAD,
    STARTS,
    Effort,
    Entries,
    Found,
    Passing,
    Placing,
    Space,
    Visited,
    Wanted,
)
from likewise.index._plain.keys import keys_of, place_query
from likewise.index._plain.neighbours import neighbours
from likewise.index._plain.search import answer, fits
from likewise.index._plain.walk import key_of, new_mark, walk
from likewise.metrics import Metric


def walk_among(*arguments: Any, metric: Metric) -> None:
    """The nearest rows that pass to each query.

    Args:
        arguments: those of the kernel, in its order.
        metric: as for `likewise.index._plain.search.search`.
    """
    parts = iter(arguments)

    def take(count: int) -> tuple[Any, ...]:
        return tuple(islice(parts, count))

    space = Space._make(take(3))
    (links,) = take(1)
    fine = Space._make((*take(2), space.kind))
    entries = Entries(Space._make((*take(2), space.kind)), *take(2))
    placing = Placing._make(take(4))
    rows, queries, followers, mask, groups, listed, enough, most = take(8)
    effort, wanted = Effort._make(take(4)), Wanted._make(take(8))
    visited, found = Visited._make(take(2)), Found._make(take(4))
    graph = Passing(links, groups, enough)
    for t, raw in enumerate(queries):
        found.notes[t] = (-1, 0, 0)
        if not fits(space, placing, raw):
            continue
        query = place_query(space, placing, raw)
        keys = keys_of(entries.space, entries.places, query, metric)
        found.notes[t, SCANNED] = len(entries.ids)
        passing = keys[groups[entries.ids]]
        if np.count_nonzero(keys < passing.min(initial=np.inf)) > most:
            continue
        starts = _begin(graph, entries, keys, listed, visited)
        pool, scanned, ratio = walk(space, graph, query, effort, visited, starts, metric)
        found.notes[t, SCANNED] = scanned + len(entries.ids)
        if len(found.ratios):
            found.ratios[t] = ratio
        nearer = np.count_nonzero(keys < key_of(pool[wanted.k - 1])) if len(pool) >= wanted.k else 0
        answer(rows, raw, query, fine, pool, followers, mask, wanted, found, t, metric)
        found.notes[t, NEARER] = nearer


def _begin(graph: Passing, entries: Entries, keys: Any, listed: Any, visited: Visited) -> list[int]:
    mark = new_mark(visited)
    order = [int(t) for t in np.argsort(keys, kind="stable") if keys[t] < np.inf]
    first, rest = order[:STARTS], order[STARTS:]
    passing = [t for t in rest if graph.mask[entries.ids[t]]][:STARTS]
    starts: list[int] = []
    for row in entries.ids[first + passing].tolist():
        if visited.marks[row] == mark:
            continue
        visited.marks[row] = mark
        starts += [row] if graph.mask[row] else neighbours(graph, row, visited)
    some = min(SPREAD, len(listed))
    for t in range(some):
        row = int(listed[(2 * t + 1) * len(listed) // (2 * some)])
        if visited.marks[row] != mark:
            visited.marks[row] = mark
            starts.append(row)
    return starts
