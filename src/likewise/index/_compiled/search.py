"""A batch of queries through the graph: placed, walked for, filtered and ranked exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.bits import id_of, prefetch
from likewise.index._compiled.jit import kernel
from likewise.index._compiled.rank import distance, length_of
from likewise.index._compiled.space import buffer_of, place_query, sort_anew
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
    Space,
    Visited,
    Wanted,
)
from likewise.index._compiled.walk import begin, walk

#: Rows in their own order.
_SAME = np.empty(0, np.int32)


@kernel(boundscheck=False, error_model="numpy")
def search(
    codes: Any,
    terms: Any,
    kind: Any,
    links: Any,
    fine_codes: Any,
    fine_terms: Any,
    entry_codes: Any,
    entry_terms: Any,
    entry_ids: Any,
    entry_places: Any,
    mean: Any,
    factor: Any,
    unit: Any,
    reach: Any,
    rows: Any,
    queries: Any,
    followers: Any,
    mask: Any,
    pool_length: Any,
    stop: Any,
    stop_depth: Any,
    budget: Any,
    metric: Any,
    k: Any,
    ranked: Any,
    sorted_: Any,
    radius: Any,
    low: Any,
    high: Any,
    beyond: Any,
    marks: Any,
    walk_number: Any,
    ids: Any,
    distances: Any,
    notes: Any,
    ratios: Any,
) -> None:
    """The nearest rows of each query.

    The arguments are the named tuples of `values`, taken apart, since numba takes 4 us longer
    to recognise nested ones at every call: `Space`, links (n, degree), the 8-bit `Space` by which
    what 4-bit codes found is sorted anew (empty without these), `Entries`, `Placing`,
    rows (n, dim) float32, queries (b, dim) float32, followers (n,) int32 of a row's twins (see
    `likewise.index._twins`) or (0,) without any, mask (n,) bool of the rows that may be found or
    (0,) for all, `Effort`, `Wanted`, `Visited` and `Found`, which is filled.

    Cost: one `walk` a query, and ``ranked`` float64 distances.
    """
    space = Space(codes, terms, kind)
    fine = Space(fine_codes, fine_terms, kind)
    entry_space = Space(entry_codes, entry_terms, kind)
    _search_all(
        space,
        links,
        fine,
        Entries(entry_space, entry_ids, entry_places),
        Placing(mean, factor, unit, reach),
        rows,
        queries,
        followers,
        mask,
        Effort(pool_length, stop, stop_depth, budget),
        Wanted(metric, k, ranked, sorted_, radius, low, high, beyond),
        Visited(marks, walk_number),
        Found(ids, distances, notes, ratios),
    )


@kernel(boundscheck=False, error_model="numpy")
def _search_all(
    space: Any,
    links: Any,
    fine: Any,
    entries: Any,
    placing: Any,
    rows: Any,
    queries: Any,
    followers: Any,
    mask: Any,
    effort: Any,
    wanted: Any,
    visited: Any,
    found: Any,
) -> None:
    code = buffer_of(space.codes)
    width = max(links.shape[1], entries.ids.shape[0])
    near, keys = np.empty(width, np.int32), np.empty(width, np.float32)
    pool = np.empty(effort.pool + 1, np.uint64)
    for t in range(queries.shape[0]):
        found.notes[t, COUNT] = -1
        found.notes[t, DEPTH] = 0
        found.notes[t, SCANNED] = 0
        if not fits(space, placing, queries[t]):
            continue
        query = place_query(space, placing, queries[t], code)
        starts = begin(entries, query, visited, near, keys)
        size, scanned, ratio = walk(space, links, query, effort, visited, pool, near, keys, starts)
        found.notes[t, SCANNED] = scanned + entries.ids.shape[0]
        if found.ratios.shape[0]:
            found.ratios[t] = ratio
        sort_anew(space, fine, query, pool, min(size, wanted.sorted), near, keys)
        choose(rows, _SAME, queries[t], followers, mask, pool, size, wanted, found, t)


@kernel(boundscheck=False)
def fits(space: Any, placing: Any, query: Any) -> Any:
    """Whether the query is finite, has a direction if it needs one, and its squares stay finite."""
    limit = np.float32(FLOAT_MAX)
    if (space.kind == SQUARED or space.kind == PRODUCT) and placing.unit == 0:
        limit = np.float32(min(LARGEST / placing.factor, FLOAT_MAX))
    inside, nonzero = True, False
    for j in range(query.shape[0]):
        inside &= abs(query[j]) <= limit  # false for what is no number
        nonzero |= query[j] != 0
    return inside and (nonzero or placing.unit == 0)


@kernel(boundscheck=False, error_model="numpy")
def choose(
    rows: Any,
    order: Any,
    query: Any,
    followers: Any,
    mask: Any,
    pool: Any,
    size: Any,
    wanted: Any,
    found: Any,
    t: Any,
) -> None:
    """Rank the rows of the pool that pass, keep the best, and say how deep they lay.

    ``order`` says where in ``rows`` each row of the pool is; (0,) where that is its own number.
    """
    ids, distances = found.ids[t], found.distances[t]
    length = length_of(wanted.metric, query)
    passing, kth_depth = 0, 0
    limit = min(wanted.ranked, ids.shape[0])
    for place in range(size):
        row = id_of(pool[place])
        while row >= 0 and passing < limit:
            if _passes(row, mask, wanted):
                ids[passing] = order[row] if order.shape[0] else row
                prefetch(rows, ids[passing])
                passing += 1
                if passing == wanted.k:
                    kth_depth = place + 1
            row = np.int64(followers[row]) if followers.shape[0] else np.int64(-1)
        if passing == limit:
            break
    for place in range(passing):
        value = distance(wanted.metric, rows, ids[place], query, length)
        _settle(ids, distances, place, value)
    count = passing
    while count > 0 and distances[count - 1] > wanted.radius:
        count -= 1
    if wanted.k > 0:
        count = min(count, wanted.k)
    found.notes[t, COUNT] = count
    found.notes[t, DEPTH] = kth_depth
    if wanted.radius < np.inf and (wanted.k == 0 or count < wanted.k):
        found.notes[t, DEPTH] = _depth_of_radius(rows, order, query, pool, size, wanted)


@kernel(boundscheck=False, inline="always")
def _passes(row: Any, mask: Any, wanted: Any) -> Any:
    inside = wanted.low <= row < wanted.high or row >= wanted.beyond
    return inside and (mask.shape[0] == 0 or mask[row])


@kernel(boundscheck=False, error_model="numpy", inline="always")
def _settle(ids: Any, distances: Any, place: Any, value: Any) -> None:
    """Sort ``ids[place]`` at distance ``value`` into those before it; ties by id."""
    row = ids[place]
    t = place
    while t > 0 and (distances[t - 1] > value or (distances[t - 1] == value and ids[t - 1] > row)):
        distances[t], ids[t] = distances[t - 1], ids[t - 1]
        t -= 1
    distances[t], ids[t] = value, row


@kernel(boundscheck=False, error_model="numpy")
def _depth_of_radius(rows: Any, order: Any, query: Any, pool: Any, size: Any, wanted: Any) -> Any:
    """How many rows of the pool lie within the radius; 0 when its last one still does."""
    length = length_of(wanted.metric, query)
    inside = 1
    apart = 0.0
    for place in range(size):
        row = id_of(pool[place])
        row = np.int64(order[row]) if order.shape[0] else row
        apart = distance(wanted.metric, rows, row, query, length)
        if apart <= wanted.radius:
            inside += 1
    return 0 if apart <= wanted.radius else inside
