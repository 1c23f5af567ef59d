"""A batch of queries among the rows that pass a filter: walked for along `values.Passing`."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.bits import key_of
from likewise.index._compiled.jit import kernel
from likewise.index._compiled.neighbours import neighbours
from likewise.index._compiled.search import choose, fits
from likewise.index._compiled.space import buffer_of, keys_of, place_query, sort_anew
from likewise.index._compiled.values import (
    COUNT,
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
from likewise.index._compiled.walk import new_mark, walk

#: Rows in their own order.
_SAME = np.empty(0, np.int32)


@kernel(boundscheck=False, error_model="numpy")
def walk_among(
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
    groups: Any,
    listed: Any,
    enough: Any,
    most: Any,
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
    """The nearest rows that pass to each query.

    The arguments are those of `search.search`, with `NEARER` in the place of `DEPTH`, and
    besides groups (n,) bool, the rows of the graph that pass or have a twin that does; listed
    (m,) int32, ascending, such rows; `Passing.enough`; and how many entries may be nearer than
    the nearest that passes, lest no walk is begun and the count is -1.

    Cost: one `walk` a query that compares only rows that pass, and ``ranked`` float64 distances.
    """
    space, fine = Space(codes, terms, kind), Space(fine_codes, fine_terms, kind)
    entries = Entries(Space(entry_codes, entry_terms, kind), entry_ids, entry_places)
    placing = Placing(mean, factor, unit, reach)
    effort = Effort(pool_length, stop, stop_depth, budget)
    wanted = Wanted(metric, k, ranked, sorted_, radius, low, high, beyond)
    visited, found = Visited(marks, walk_number), Found(ids, distances, notes, ratios)
    graph = Passing(links, groups, enough)
    code = buffer_of(codes)
    # From two rows as many may come at a time, each with all the neighbours of the last one.
    width = max(STARTS * (enough + links.shape[1] + 1) + SPREAD, entry_ids.shape[0])
    near, keys = np.empty(width, np.int32), np.empty(width, np.float32)
    entry_keys = np.empty(entry_ids.shape[0], np.float32)
    more, pool = np.empty(width, np.int32), np.empty(pool_length + 1, np.uint64)
    for t in range(queries.shape[0]):
        notes[t, COUNT] = -1
        notes[t, NEARER] = 0
        notes[t, SCANNED] = 0
        if not fits(space, placing, queries[t]):
            continue
        query = place_query(space, placing, queries[t], code)
        keys_of(entries.space, entry_places, entry_ids.shape[0], query, entry_keys)
        notes[t, SCANNED] = entry_ids.shape[0]
        if nearer_entries(entry_keys, groups, entry_ids) > most:
            continue
        keys[: entry_ids.shape[0]] = entry_keys
        starts = begin_among(graph, entries, listed, visited, near, more, keys)
        size, scanned, ratio = walk(space, graph, query, effort, visited, pool, near, keys, starts)
        notes[t, SCANNED] = scanned + entry_ids.shape[0]
        if ratios.shape[0]:
            ratios[t] = ratio
        nearer = 0
        if size >= k:
            kth = key_of(pool[k - 1])
            for j in range(entry_ids.shape[0]):
                nearer += entry_keys[j] < kth
        sort_anew(space, fine, query, pool, min(size, sorted_), near, keys)
        choose(rows, _SAME, queries[t], followers, mask, pool, size, wanted, found, t)
        notes[t, NEARER] = nearer


@kernel(boundscheck=False)
def nearer_entries(keys: Any, passes: Any, ids: Any) -> Any:
    """How many entries are nearer than the nearest that passes."""
    least = np.float32(np.inf)
    for t in range(ids.shape[0]):
        if passes[ids[t]]:
            least = min(least, keys[t])
    nearer = 0
    for t in range(ids.shape[0]):
        nearer += keys[t] < least
    return nearer


@kernel(boundscheck=False)
def begin_among(
    graph: Any,
    entries: Any,
    listed: Any,
    visited: Any,
    near: Any,
    more: Any,
    keys: Any,
) -> Any:
    """Put rows that pass into ``near``; gives their number.

    ``keys`` are those of the entries; they and ``more`` are overwritten.

    They are the best entries, or what these lead to where they fail, so that few rows near the
    query are found; the best entries that pass; and rows spread over all that pass, lest a
    filter that leaves only rows far from the query is never entered.
    """
    mark = new_mark(visited)
    marks, total = visited.marks, entries.ids.shape[0]
    count = 0
    for start in range(2 * STARTS):
        best, least = -1, np.float32(np.inf)
        for t in range(total):
            # At last only those that pass.
            if keys[t] < least and (start < STARTS or graph.mask[entries.ids[t]]):
                best, least = t, keys[t]
        if best < 0:
            continue
        keys[best] = np.float32(np.inf)
        row = np.int64(entries.ids[best])
        if marks[row] == mark:
            continue
        marks[row] = mark
        if graph.mask[row]:
            near[count] = row
            count += 1
        else:
            met = neighbours(graph, row, marks, mark, more)
            for t in range(met):
                near[count + t] = more[t]
            count += met
    some = min(SPREAD, listed.shape[0])
    for t in range(some):
        row = np.int64(listed[(2 * t + 1) * listed.shape[0] // (2 * some)])
        if marks[row] != mark:
            marks[row] = mark
            near[count] = row
            count += 1
    return count
