"""A batch of queries, each among the rows of its own window: scanned, or walked for.

Rows lie in the order of a number, so a window is a range of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.jit import kernel
from likewise.index._compiled.scan import BLOCK, scan_listed, scan_range
from likewise.index._compiled.search import choose, fits
from likewise.index._compiled.space import buffer_of, place_query, sort_anew
from likewise.index._compiled.values import (
    BY_PARTS,
    BY_SCAN,
    COUNT,
    DEPTH,
    PART_STARTS,
    SCANNED,
    Effort,
    Found,
    Parts,
    Placing,
    Space,
    Visited,
    Wanted,
)
from likewise.index._compiled.walk import begin_within, walk


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
    rows: Any,
    order: Any,
    queries: Any,
    lows: Any,
    highs: Any,
    late: Any,
    late_lows: Any,
    late_highs: Any,
    mask: Any,
    method: Any,
    enough: Any,
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
    space, fine = Space(codes, terms, kind), Space(fine_codes, fine_terms, kind)
    placing = Placing(mean, factor, unit, reach)
    effort = Effort(pool_length, stop, stop_depth, budget)
    visited, found = Visited(marks, walk_number), Found(ids, distances, notes, ratios)
    count = whole.shape[0]
    code = buffer_of(codes)
    width = max(BLOCK, PART_STARTS, whole.shape[1] + links.shape[1] * links.shape[2])
    near, keys = np.empty(width, np.int32), np.empty(width, np.float32)
    pool = np.empty(pool_length + 1, np.uint64)
    followers = np.empty(0, np.int32)
    for t in range(queries.shape[0]):
        notes[t, COUNT] = -1
        notes[t, DEPTH] = 0
        notes[t, SCANNED] = 0
        if not fits(space, placing, queries[t]):
            continue
        query = place_query(space, placing, queries[t], code)
        low, high = lows[t], highs[t]
        size, scanned, ratio = 0, 0, np.float32(1)
        if method == BY_SCAN:
            size = scan_range(space, query, low, high, mask, pool, size, pool_length, near, keys)
            scanned = high - low
        elif method == BY_PARTS:
            graph = Parts(whole, links, sizes, low, high, first_level(sizes, low, high), enough)
            starts = begin_within(low, high, PART_STARTS, visited, near)
            size, scanned, ratio = walk(
                space, graph, query, effort, visited, pool, near, keys, starts
            )
        if ratios.shape[0]:
            ratios[t] = ratio
        if late_highs[t] > late_lows[t]:
            size = scan_listed(
                space,
                query,
                late,
                late_lows[t],
                late_highs[t],
                mask,
                pool,
                size,
                pool_length,
                near,
                keys,
            )
            scanned += late_highs[t] - late_lows[t]
        notes[t, SCANNED] = scanned
        sort_anew(space, fine, query, pool, min(size, sorted_), near, keys)
        wanted = Wanted(metric, k, ranked, sorted_, radius, low, high, count)
        choose(rows, order, queries[t], followers, mask, pool, size, wanted, found, t)


@kernel(boundscheck=False)
def first_level(sizes: Any, low: Any, high: Any) -> Any:
    """The finest level with a single part that holds the window; 0 is the whole."""
    level = 0
    while level < sizes.shape[0] and low // sizes[level] == (high - 1) // sizes[level]:
        level += 1
    return level
