"""A batch of queries among listed rows: all compared by their codes, the nearest ranked exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.bits import id_of, prefetch
from likewise.index._compiled.jit import kernel
from likewise.index._compiled.rank import distance, length_of
from likewise.index._compiled.scan import BLOCK, scan_listed
from likewise.index._compiled.search import fits
from likewise.index._compiled.space import buffer_of, place_query
from likewise.index._compiled.values import COUNT, LATE, SCANNED, Found, Placing, Space

#: All that are listed.
_ALL = np.empty(0, np.bool_)


@kernel(boundscheck=False, error_model="numpy")
def scan_among(
    codes: Any,
    terms: Any,
    kind: Any,
    mean: Any,
    factor: Any,
    unit: Any,
    reach: Any,
    rows: Any,
    queries: Any,
    listed: Any,
    length: Any,
    metric: Any,
    k: Any,
    radius: Any,
    ids: Any,
    distances: Any,
    notes: Any,
    ratios: Any,
) -> None:
    """The k nearest of the listed rows to each query.

    The arguments are the named tuples of `values`, taken apart: `Space`, `Placing`, rows
    (n, dim) float32, queries (b, dim) float32, listed (m,) int32 ascending, the length of the
    list that is ranked exactly, the metric's number, k, the radius, and `Found`, whose ``ids``
    and ``distances`` are k wide and whose notes have `LATE` in the place of `DEPTH`.

    Cost: a comparison of codes a listed row, and ``length`` float64 distances, a query.
    """
    space, placing = Space(codes, terms, kind), Placing(mean, factor, unit, reach)
    found = Found(ids, distances, notes, ratios)
    code = buffer_of(codes)
    near, keys = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.float32)
    pool, apart = np.empty(length + 1, np.uint64), np.empty(length, np.float64)
    for t in range(queries.shape[0]):
        notes[t, COUNT] = -1
        notes[t, LATE] = 0
        notes[t, SCANNED] = 0
        if not fits(space, placing, queries[t]):
            continue
        query = place_query(space, placing, queries[t], code)
        size = scan_listed(
            space, query, listed, 0, listed.shape[0], _ALL, pool, 0, length, near, keys
        )
        notes[t, SCANNED] = listed.shape[0]
        rank(rows, queries[t], metric, pool, size, k, radius, apart, found, t)
        if size == listed.shape[0]:
            notes[t, LATE] = 0  # nothing was left out


@kernel(boundscheck=False, error_model="numpy")
def rank(
    rows: Any,
    query: Any,
    metric: Any,
    pool: Any,
    size: Any,
    k: Any,
    radius: Any,
    apart: Any,
    found: Any,
    t: Any,
) -> None:
    """Take the k nearest of the pool, and count those that its last third had."""
    ids, distances = found.ids[t], found.distances[t]
    length = length_of(metric, query)
    for place in range(size):
        prefetch(rows, id_of(pool[place]))
    count = 0
    for place in range(size):
        row = id_of(pool[place])
        value = distance(metric, rows, row, query, length)
        apart[place] = value
        if count < k:
            count += 1
        elif not _before(value, row, distances[k - 1], ids[k - 1]):
            continue
        j = count - 1
        while j > 0 and _before(value, row, distances[j - 1], ids[j - 1]):
            distances[j], ids[j] = distances[j - 1], ids[j - 1]
            j -= 1
        distances[j], ids[j] = value, row
    late = 0
    for place in range(size - size // 3, size):
        late += not _before(distances[count - 1], ids[count - 1], apart[place], id_of(pool[place]))
    while count > 0 and distances[count - 1] > radius:
        count -= 1
    found.notes[t, COUNT] = count
    found.notes[t, LATE] = late


@kernel(boundscheck=False, inline="always")
def _before(value: Any, row: Any, other: Any, other_row: Any) -> Any:
    return value < other or (value == other and row < other_row)
