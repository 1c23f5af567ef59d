"""Best-first search: from a few entries, always on to the nearest row not yet expanded.

The pool is one sorted array of integers, each a key and an id (`bits.packed`), so its order
is total and a comparison is one instruction. The codes of all neighbours are asked of memory
as soon as their ids are known, and so are the links of the row that comes next.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.bits import EXPANDED, id_of, key_of, packed
from likewise.index._compiled.jit import kernel
from likewise.index._compiled.neighbours import ask_for_links, neighbours
from likewise.index._compiled.space import ask_ahead, keys_of
from likewise.index._compiled.values import STARTS


@kernel(boundscheck=False)
def new_mark(visited: Any) -> Any:
    """The mark of a new walk, that no row has yet."""
    if visited.walk[0] == 255:
        visited.marks[:] = 0
        visited.walk[0] = 0
    visited.walk[0] += 1
    return np.uint8(visited.walk[0])


@kernel(boundscheck=False)
def begin_within(first: Any, stop: Any, starts: Any, visited: Any, near: Any) -> Any:
    """Put rows spread evenly from ``first`` up to ``stop`` into ``near``; gives their number."""
    mark = new_mark(visited)
    count = min(starts, stop - first)
    for t in range(count):
        row = first + (2 * t + 1) * (stop - first) // (2 * count)
        near[t] = row
        visited.marks[row] = mark
    return count


@kernel(boundscheck=False)
def begin(entries: Any, query: Any, visited: Any, near: Any, keys: Any) -> Any:
    """Put the best entries into ``near``; gives their number. ``keys`` is overwritten.

    Entries beyond float32 count only where there is no other: the first of them then.
    """
    mark = new_mark(visited)
    count = entries.ids.shape[0]
    keys_of(entries.space, entries.places, count, query, keys)
    starts = min(STARTS, count)
    for start in range(starts):
        best, least = -1, np.float32(np.inf)
        for t in range(count):
            if keys[t] < least:
                best, least = t, keys[t]
        if best < 0:
            if start > 0:
                return start
            best = 0
        keys[best] = np.float32(np.inf)
        near[start] = entries.ids[best]
        visited.marks[entries.ids[best]] = mark
    return starts


@kernel(boundscheck=False)
def walk(
    space: Any,
    graph: Any,
    query: Any,
    effort: Any,
    visited: Any,
    pool: Any,
    near: Any,
    keys: Any,
    starts: Any,
) -> Any:
    """Fill ``pool`` with the nearest rows, best first.

    Args:
        space, query: the rows as codes, and the query among them.
        graph: (n, degree) int32, the neighbours of each row, -1 after the last; or `Parts`.
        effort: `Effort`.
        visited: `Visited`, after `begin`.
        pool: (at least ``effort.pool``,) uint64, overwritten.
        near, keys: (at least degree and entries,) int32 and float32, overwritten; the first
            ``starts`` of ``near`` are where the walk begins.

    Returns:
        how many rows are in the pool; distances computed; and the stopping ratio that would
        have lost nothing of the first ``effort.depth`` rows (at least 1).
    """
    mark = np.uint8(visited.walk[0])
    count, size, scanned, at = starts, 0, 0, 0
    needed, ratio = np.float32(1), np.float32(0)
    while True:
        keys_of(space, near, count, query, keys)
        scanned += count
        best = size
        for t in range(count):
            entry = packed(keys[t], near[t])
            if size == effort.pool and entry >= pool[size - 1]:
                continue
            place = put(pool, size, effort.pool, entry)
            size = min(size + 1, effort.pool)
            best = min(best, place)
            if place <= at + 1:  # likely the next to be expanded
                ask_for_links(graph, np.int64(near[t]))
        if best < effort.depth:
            needed = max(needed, ratio)
        at = min(at, best)
        while at < size and pool[at] & EXPANDED:
            at += 1
        if at >= size or scanned >= effort.budget:
            break
        ratio = np.float32(0)
        if at >= effort.depth:
            kth = key_of(pool[effort.depth - 1]) + query.base
            following = key_of(pool[at]) + query.base
            if kth > 0:
                ratio = following / kth
            if effort.stop > 0 and following > effort.stop * kth:
                break
        row = id_of(pool[at])
        pool[at] |= EXPANDED
        count = neighbours(graph, row, visited.marks, mark, near)
        for t in range(count):
            ask_ahead(space, np.int64(near[t]))
        following_place = at + 1
        while following_place < size and pool[following_place] & EXPANDED:
            following_place += 1
        if following_place < size:
            ask_for_links(graph, id_of(pool[following_place]))
    return size, scanned, needed


@kernel(boundscheck=False, inline="always")
def put(pool: Any, size: Any, capacity: Any, entry: Any) -> Any:
    """Put ``entry`` into the sorted pool, dropping the last when it is full; gives its place."""
    place = size if size < capacity else size - 1
    while place > 0 and pool[place - 1] > entry:
        pool[place] = pool[place - 1]
        place -= 1
    pool[place] = entry
    return place
