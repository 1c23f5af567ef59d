"""Best-first search, the twin of `_compiled.walk`; a pool is a sorted list of plain integers."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np

from likewise.index._compiled.values import (
    PART_STARTS,
    STARTS,
    Effort,
    Entries,
    Query,
    Space,
    Visited,
)
from likewise.index._plain.keys import Float32Array, keys_of, quiet
from likewise.index._plain.neighbours import neighbours
from likewise.metrics import Metric

#: An entry of a pool: the key's bits, then this flag (set when expanded), then 31 bits of id.
EXPANDED = 1 << 31
ID_BITS = EXPANDED - 1
KEY_SHIFT, SIGN, ALL = 32, 1 << 31, (1 << 32) - 1


def packed(keys: Float32Array, rows: list[int]) -> list[int]:
    """Entries of a pool, ordered by key and then by id."""
    bits = keys.view(np.uint32)
    ordered = bits ^ np.where(bits & SIGN, ALL, SIGN).astype(np.uint32)
    return [int(high) << KEY_SHIFT | row for high, row in zip(ordered.tolist(), rows, strict=True)]


def key_of(entry: int) -> np.float32:
    """The key of an entry."""
    ordered = entry >> KEY_SHIFT
    bits = ordered ^ (SIGN if ordered & SIGN else ALL)
    key: np.float32 = np.uint32(bits).view(np.float32)
    return key


def id_of(entry: int) -> int:
    """The id of an entry, expanded or not."""
    return entry & ID_BITS


def new_mark(visited: Visited) -> int:
    """The mark of a new walk, that no row has yet."""
    if visited.walk[0] == 255:
        visited.marks[:] = 0
        visited.walk[0] = 0
    visited.walk[0] += 1
    return int(visited.walk[0])


def begin_within(first: int, stop: int, visited: Visited) -> list[int]:
    """Rows spread evenly from ``first`` up to ``stop``, where a walk among them begins."""
    new_mark(visited)
    count = min(PART_STARTS, stop - first)
    starts = [first + (2 * t + 1) * (stop - first) // (2 * count) for t in range(count)]
    visited.marks[starts] = visited.walk[0]
    return starts


def begin(entries: Entries, query: Query, visited: Visited, metric: Metric) -> list[int]:
    """The best entries, where a walk begins."""
    new_mark(visited)
    keys = keys_of(entries.space, entries.places, query, metric)
    order = np.argsort(keys, kind="stable")[:STARTS]
    starts = order[keys[order] < np.inf]
    if not len(starts):
        starts = np.zeros(min(1, len(keys)), dtype=np.int64)
    visited.marks[entries.ids[starts]] = visited.walk[0]
    return [int(row) for row in entries.ids[starts]]


def walk(
    space: Space,
    graph: Any,
    query: Query,
    effort: Effort,
    visited: Visited,
    starts: list[int],
    metric: Metric,
) -> tuple[list[int], int, np.float32]:
    """The nearest rows, best first, from ``starts`` on; ``graph`` is as for `neighbours`.

    Returns:
        the pool; distances computed; the stopping ratio that would have lost nothing.
    """
    pool: list[int] = []
    near, scanned, at = starts, 0, 0
    needed, ratio = np.float32(1), np.float32(0)
    while True:
        keys = keys_of(space, near, query, metric)
        scanned += len(near)
        best = take_in(pool, effort.pool, packed(keys, near))
        if best < effort.depth:
            needed = max(needed, ratio)
        at = min(at, best)
        while at < len(pool) and pool[at] & EXPANDED:
            at += 1
        if at >= len(pool) or scanned >= effort.budget:
            break
        ratio = np.float32(0)
        if at >= effort.depth:
            kth, following = (_apart(pool[place], query) for place in (effort.depth - 1, at))
            if kth > 0:
                ratio = following / kth
            if effort.stop > 0 and following > effort.stop * np.float64(kth):
                break
        near = neighbours(graph, id_of(pool[at]), visited)
        pool[at] |= EXPANDED
    return pool, scanned, needed


def _apart(entry: int, query: Query) -> np.float32:
    """The distance of an entry of the pool, in the space's units."""
    with quiet():
        apart: np.float32 = key_of(entry) + query.base
    return apart


def take_in(pool: list[int], capacity: int, entries: list[int]) -> int:
    """Sort entries into the pool, dropping the last where it is full; gives the best place."""
    best = len(pool)
    for entry in entries:
        if len(pool) == capacity:
            if entry >= pool[-1]:
                continue
            pool.pop()
        # Among equal keys one that is expanded may stand before one that is not, though it is
        # the larger number: these are looked at one by one.
        place = bisect_left(pool, ((entry >> KEY_SHIFT) + 1) << KEY_SHIFT)
        while place > 0 and pool[place - 1] > entry:
            place -= 1
        pool.insert(place, entry)
        best = min(best, place)
    return best
