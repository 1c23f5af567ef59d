"""A batch of queries, each among the rows of its own window: scanned, or walked for.

Rows lie in the order of a number, so a window is a range of them. Beside these there may be
rows that came later and lie in no order; those in the window are listed, and scanned.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.bits import EXPANDED, id_of
from likewise.index._compiled.jit import kernel
from likewise.index._compiled.neighbours import start_of
from likewise.index._compiled.scan import CHUNK, scan_finely, scan_listed, scan_range
from likewise.index._compiled.search import choose, fits
from likewise.index._compiled.space import buffer_of, place_query, sort_anew
from likewise.index._compiled.values import (
    BY_ONE,
    BY_OVERLAP,
    BY_PARTS,
    BY_SCAN,
    BY_THREE,
    COUNT,
    DEPTH,
    LATE,
    PART_STARTS,
    SCANNED,
    SHORT,
    Effort,
    Found,
    Parts,
    Placing,
    Space,
    Visited,
    Wanted,
)
from likewise.index._compiled.walk import begin_within, put, walk


@kernel(boundscheck=False, error_model="numpy")
def search_windows(
    codes: Any,
    terms: Any,
    kind: Any,
    fine_codes: Any,
    fine_terms: Any,
    mean: Any,
    factor: Any,
    unit: Any,
    reach: Any,
    whole: Any,
    links: Any,
    sizes: Any,
    overlapping: Any,
    rows: Any,
    order: Any,
    late: Any,
    mask: Any,
    queries: Any,
    windows: Any,
    method: Any,
    pool_length: Any,
    stop: Any,
    stop_depth: Any,
    budget: Any,
    metric: Any,
    k: Any,
    ranked: Any,
    sorted_: Any,
    radius: Any,
    marks: Any,
    walk_number: Any,
    ids: Any,
    distances: Any,
    notes: Any,
    ratios: Any,
) -> None:
    """The nearest rows of each query in its window.

    The arguments are named tuples of `values`, taken apart: `Space` and what it is sorted anew by,
    `Placing`, then of `Parts` the links and sizes, and ``overlapping``, the links (n, levels, few)
    within parts that begin half a part earlier, or (0, 0, 0); the originals ``rows`` and where in
    them each row lies, ``order`` (n,) int32; ``late`` int32, the rows in no order; ``mask`` (n and
    late,) bool of the rows that may be found, or (0,) for all; queries (b, dim) float32 and
    windows (b, 4) int64, the range among the ordered rows and that in ``late``; one of `BY_SCAN`,
    ...; `Effort`, `Wanted` without its range, `Visited` and `Found`, which is filled; a scan notes
    `LATE` in the place of `DEPTH`: how many of the answer the last third of the list had, or of
    those of it that were ranked exactly.

    Cost: a scan of the window, or a walk or some, and ``ranked`` float64 distances.
    """
    space, fine = Space(codes, terms, kind), Space(fine_codes, fine_terms, kind)
    placing = Placing(mean, factor, unit, reach)
    effort = Effort(pool_length, stop, stop_depth, budget)
    visited, found = Visited(marks, walk_number), Found(ids, distances, notes, ratios)
    code = buffer_of(codes)
    width = max(CHUNK, PART_STARTS, whole.shape[1] + links.shape[1] * links.shape[2])
    near, keys = np.empty(width, np.int32), np.empty(width, np.float32)
    pool, other = np.empty(pool_length + 1, np.uint64), np.empty(2 * pool_length + 1, np.uint64)
    half = int(method == BY_OVERLAP)
    for t in range(queries.shape[0]):
        notes[t, COUNT] = -1
        notes[t, DEPTH] = 0
        notes[t, SCANNED] = 0
        if not fits(space, placing, queries[t]):
            continue
        low, high = windows[t, 0], windows[t, 1]
        first, last = windows[t, 2], windows[t, 3]
        # Whatever a search finds lies in the window already.
        wanted = Wanted(metric, k, ranked, sorted_, radius, 0, whole.shape[0], whole.shape[0])
        if high - low + last - first <= min(ranked, pool_length):
            # So few rows are ranked by the metric itself at once.
            size = _everything(low, high, late, first, last, pool)
            notes[t, SCANNED] = size
            choose(rows, order, queries[t], late[:0], mask, pool, size, wanted, found, t)
            if method == BY_SCAN:
                notes[t, LATE] = 0  # nothing was left out
            continue
        query = place_query(space, placing, queries[t], code)
        size, scanned, ratio = 0, 0, np.float32(1)
        graph = Parts(whole, links, sizes, 0, low, high, 0)
        # Of few rows the coarser codes save less than their longer list costs.
        finely = method == BY_SCAN and 0 < high - low <= min(SHORT, fine_codes.shape[0])
        finely = finely and first == last
        length = min(ranked, pool_length) if finely else pool_length
        if finely:
            size = scan_finely(space, fine, query, low, high, mask, pool, length, near, keys)
            scanned = high - low
        elif method == BY_SCAN:
            size = scan_range(space, query, low, high, mask, pool, 0, length, near, keys)
            scanned = high - low
        elif low < high and method == BY_PARTS:
            graph = Parts(whole, links, sizes, 0, low, high, holding_level(sizes, 0, low, high))
            starts = begin_within(low, high, PART_STARTS, visited, near)
            size, scanned, ratio = walk(
                space, graph, query, effort, visited, pool, near, keys, starts
            )
        elif low < high and (method == BY_ONE or half):
            if half and holding_level(sizes, 1, low, high) > holding_level(sizes, 0, low, high):
                graph = Parts(whole, overlapping, sizes, 1, low, high, 0)
            size, scanned = _in_one(
                space, graph, query, effort, visited, mask, k, pool, 0, other, near, keys
            )
        elif low < high:
            size, scanned = _in_parts(
                space, graph, query, effort, visited, mask, k, pool, other, near, keys, method
            )
        if ratios.shape[0]:
            ratios[t] = ratio
        size = scan_listed(
            space, query, late, first, last, mask, pool, size, pool_length, near, keys
        )
        notes[t, SCANNED] = scanned + last - first
        third = size // 3 if method == BY_SCAN and size == length else 0
        for place in range(third):
            other[place] = pool[size - third + place]
        if not finely:
            sort_anew(space, fine, query, pool, min(size, sorted_), near, keys)
        choose(rows, order, queries[t], late[:0], mask, pool, size, wanted, found, t)
        if method == BY_SCAN:
            notes[t, LATE] = 0
            if third > 0:
                judged = ranked // 3
                for place in range(judged):
                    other[third + place] = pool[ranked - judged + place]
                notes[t, LATE] = _late(ids[t], notes[t, COUNT], order, other, third + judged)


@kernel(boundscheck=False)
def _late(ids: Any, count: Any, order: Any, ends: Any, length: Any) -> Any:
    """How many of the answer the ends of the lists had: more may lie beyond them."""
    late = 0
    for i in range(count):
        met = False
        for t in range(length):
            met = met or order[id_of(ends[t])] == ids[i]
        late += met
    return late


@kernel(boundscheck=False)
def _everything(low: Any, high: Any, late: Any, first: Any, last: Any, pool: Any) -> Any:
    """All rows of a window, in any order, as entries of the pool; gives their number."""
    size = 0
    for row in range(low, high):
        pool[size] = np.uint64(row)
        size += 1
    for t in range(first, last):
        pool[size] = np.uint64(late[t])
        size += 1
    return size


@kernel(boundscheck=False, error_model="numpy")
def holding_level(sizes: Any, half: Any, low: Any, high: Any) -> Any:
    """The finest level at which a single part holds the window; 0 is the whole."""
    level = 0
    while level < sizes.shape[0] and start_of(low, sizes[level], half) == start_of(
        high - 1, sizes[level], half
    ):
        level += 1
    return level


@kernel(boundscheck=False, error_model="numpy")
def _in_one(
    space: Any,
    graph: Any,
    query: Any,
    effort: Any,
    visited: Any,
    mask: Any,
    k: Any,
    pool: Any,
    size: Any,
    other: Any,
    near: Any,
    keys: Any,
) -> Any:
    """Post-filtering: search the smallest part that holds the window ``graph.low`` to ``high``.

    The list is doubled, and the search begun anew, until it holds k rows of the window, or all.
    Those are added to the pool; gives its size and the distances computed.
    """
    low, high, half = graph.low, graph.high, graph.half
    level = holding_level(graph.sizes, half, low, high)
    start, stop = np.int64(0), np.int64(graph.whole.shape[0])
    if level > 0:
        start = start_of(low, graph.sizes[level - 1], half)
        stop = min(start + graph.sizes[level - 1], stop)
        start = max(start, np.int64(0))
    part = Parts(graph.whole, graph.links, graph.sizes, half, start, stop, level)
    length, scanned, reached = effort.pool, 0, 0
    found = other
    while True:
        longer = Effort(length, effort.stop * 0, effort.depth, effort.budget)
        starts = begin_within(start, stop, PART_STARTS, visited, near)
        reached, work, _ = walk(space, part, query, longer, visited, found, near, keys, starts)
        scanned += work
        inside = 0
        for t in range(reached):
            row = id_of(found[t])
            inside += low <= row < high and (mask.shape[0] == 0 or mask[row])
        if inside >= min(max(k, 1), high - low) or length >= stop - start or reached < length:
            break
        length *= 2
        found = np.empty(length + 1, np.uint64)
    for t in range(reached):
        row = id_of(found[t])
        if low <= row < high and (mask.shape[0] == 0 or mask[row]):
            size = _add(pool, size, effort.pool, found[t])
    return size, scanned


@kernel(boundscheck=False, error_model="numpy")
def _in_parts(
    space: Any,
    graph: Any,
    query: Any,
    effort: Any,
    visited: Any,
    mask: Any,
    k: Any,
    pool: Any,
    other: Any,
    near: Any,
    keys: Any,
    method: Any,
) -> Any:
    """Search the whole parts within the window, and the rest of it; gives size and distances.

    By tree the rest is cut into ever smaller whole parts, and what is smaller than any is scanned;
    by three the rest at both ends is searched `_in_one`.
    """
    low, high, sizes = graph.low, graph.high, graph.sizes
    size, scanned = 0, 0
    left, right, met = high, high, False  # the middle, searched already, is from left to right
    for level in range(1, sizes.shape[0] + 1):
        rows = sizes[level - 1]
        if not met:
            first = (low + rows - 1) // rows * rows
            last = high // rows * rows
            if first >= last:
                continue
            left, right, met = last, last, True
            ends = (first, last, last, last)
        else:
            ends = ((low + rows - 1) // rows * rows, left, right, high // rows * rows)
        for side in range(2):
            start, stop = ends[2 * side], ends[2 * side + 1]
            for begin in range(start, stop, rows):
                part = Parts(graph.whole, graph.links, sizes, 0, begin, begin + rows, level)
                starts = begin_within(begin, begin + rows, PART_STARTS, visited, near)
                reached, work, _ = walk(
                    space, part, query, effort, visited, other, near, keys, starts
                )
                scanned += work
                for t in range(reached):
                    row = id_of(other[t])
                    if mask.shape[0] == 0 or mask[row]:
                        size = _add(pool, size, effort.pool, other[t])
        left, right = min(left, ends[0]), max(right, ends[3])
        if method == BY_THREE:
            break
    if not met:
        left, right = high, high
    if method == BY_THREE and met:
        for side in range(2):
            start, stop = (low, left) if side == 0 else (right, high)
            if start < stop:
                rest = Parts(graph.whole, graph.links, sizes, 0, start, stop, 0)
                size, work = _in_one(
                    space, rest, query, effort, visited, mask, k, pool, size, other, near, keys
                )
                scanned += work
        return size, scanned
    for side in range(2):
        start, stop = (low, left) if side == 0 else (right, high)
        size = scan_range(space, query, start, stop, mask, pool, size, effort.pool, near, keys)
        scanned += stop - start
    return size, scanned


@kernel(boundscheck=False)
def _add(pool: Any, size: Any, length: Any, entry: Any) -> Any:
    """Put an entry of another pool into this one; gives its size."""
    fresh = entry & ~EXPANDED
    if size == length and fresh >= pool[size - 1]:
        return size
    put(pool, size, length, fresh)
    return min(size + 1, length)
