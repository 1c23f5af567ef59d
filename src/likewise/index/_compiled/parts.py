"""Links within parts of the rows: exact in the smallest parts, then merged part by part.

Rows lie in the order of a number, cut into parts of ``size`` rows. The links of a row within
its part are chosen among those it has within the smaller part and what a walk finds in the
other smaller parts of the same part. Each row is treated apart from the others, so any number of
threads makes the same links.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.bits import id_of, key_of, packed
from likewise.index._compiled.jit import kernel
from likewise.index._compiled.link import prune
from likewise.index._compiled.neighbours import start_of
from likewise.index._compiled.space import buffer_of, keys_of, row_as_query
from likewise.index._compiled.values import ENDLESS, PART_STARTS, Effort
from likewise.index._compiled.walk import begin_within, put, walk


@kernel(boundscheck=False)
def smallest_parts(
    space: Any,
    links: Any,
    alike: Any,
    size: Any,
    half: Any,
    first: Any,
    stop: Any,
    length: Any,
    diversity: Any,
) -> None:
    """Link the rows from ``first`` up to ``stop`` within their parts of ``size`` rows.

    Args:
        space: the rows, in order.
        links: (n, few) int32, those of these rows are written.
        alike: (n,) int32, the next row that equals this one, round and round; itself if none does.
        size: rows a part.
        half: 1 where parts begin half a part earlier, else 0.
        first, stop: which rows.
        length: candidates for the links of a row.
        diversity: `Diversity`.

    Cost: ``size`` distances a row.
    """
    code, other = buffer_of(space.codes), buffer_of(space.codes)
    rows, few = links.shape
    near, keys = np.empty(size, np.int32), np.empty(size, np.float32)
    pool = np.empty(length + 1, np.uint64)
    chosen = np.empty(few, np.int32)
    for row in range(first, stop):
        start = max(0, start_of(row, size, half))
        count = min(start_of(row, size, half) + size, rows) - start
        for t in range(count):
            near[t] = start + t
        query = row_as_query(space, row, code)
        keys_of(space, near, count, query, keys)
        held = 0
        for t in range(count):
            if near[t] != row:
                held = _take(pool, held, length, keys[t], near[t])
        _choose(
            space,
            links,
            alike,
            row,
            start,
            start + count,
            query,
            pool,
            held,
            diversity,
            other,
            chosen,
        )


@kernel(boundscheck=False)
def merged_parts(
    space: Any,
    finer: Any,
    links: Any,
    alike: Any,
    size: Any,
    half: Any,
    inner: Any,
    first: Any,
    stop: Any,
    length: Any,
    diversity: Any,
    visited: Any,
) -> None:
    """Link rows within their parts of ``size`` rows, by their links within parts of ``inner``.

    Args:
        space, links, alike, size, half, first, stop, length, diversity: as in `smallest_parts`.
        finer: (n, few) int32, links within parts of ``inner`` rows.
        inner: rows of a smaller part; ``size`` is a multiple.
        visited: `Visited`.

    Cost: a walk a row and other part.
    """
    code, other = buffer_of(space.codes), buffer_of(space.codes)
    rows, few = links.shape
    width = max(PART_STARTS, few)
    near, keys = np.empty(width, np.int32), np.empty(width, np.float32)
    pool, found = np.empty(length + 1, np.uint64), np.empty(length + 1, np.uint64)
    chosen = np.empty(few, np.int32)
    effort = Effort(length, np.float64(0), length, ENDLESS)
    for row in range(first, stop):
        start = start_of(row, size, half)
        end = min(start + size, rows)
        start = max(0, start)
        query = row_as_query(space, row, code)
        count = 0
        while count < few and finer[row, count] >= 0:
            near[count] = finer[row, count]
            count += 1
        keys_of(space, near, count, query, keys)
        held = 0
        for t in range(count):
            held = _take(pool, held, length, keys[t], near[t])
        own = row // inner * inner
        for part in range(start, end, inner):
            if part == own:
                continue
            starts = begin_within(part, min(part + inner, rows), PART_STARTS, visited, near)
            many, _, _ = walk(space, finer, query, effort, visited, found, near, keys, starts)
            for t in range(many):
                held = _take(pool, held, length, key_of(found[t]), id_of(found[t]))
        _choose(space, links, alike, row, start, end, query, pool, held, diversity, other, chosen)


@kernel(boundscheck=False, inline="always")
def _take(pool: Any, held: Any, length: Any, key: Any, row: Any) -> Any:
    entry = packed(key, row)
    if held == length and entry >= pool[held - 1]:
        return held
    put(pool, held, length, entry)
    return min(held + 1, length)


@kernel(boundscheck=False)
def _choose(
    space: Any,
    links: Any,
    alike: Any,
    row: Any,
    start: Any,
    end: Any,
    query: Any,
    pool: Any,
    held: Any,
    diversity: Any,
    other: Any,
    chosen: Any,
) -> None:
    """Choose the links of ``row`` among the rows of the pool, and the next row that equals it."""
    few = links.shape[1]
    candidates, apart = np.empty(held, np.int32), np.empty(held, np.float32)
    for t in range(held):
        candidates[t] = id_of(pool[t])
        apart[t] = key_of(pool[t]) + query.base
    taken = prune(space, candidates, apart, held, diversity, few, other, chosen)
    twin = alike[row]
    while twin != row and not start <= twin < end:
        twin = alike[twin]
    if twin != row:  # else many equal rows would know only one of them
        known = False
        for t in range(taken):
            known = known or chosen[t] == twin
        if not known:
            taken = min(taken, few - 1)
            chosen[taken] = twin
            taken += 1
    for j in range(taken):
        links[row, j] = chosen[j]
    for j in range(taken, few):
        links[row, j] = -1
