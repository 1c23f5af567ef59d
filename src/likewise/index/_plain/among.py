"""A batch of queries among listed rows, the twin of `_compiled.among`."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from likewise.index._compiled.values import COUNT, LATE, SCANNED, Found, Placing, Space
from likewise.index._formulas import exact_distances
from likewise.index._plain.keys import keys_of, place_query
from likewise.index._plain.search import fits
from likewise.index._plain.walk import id_of, packed
from likewise.metrics import Metric


def scan_among(*arguments: Any, metric: Metric) -> None:
    """The k nearest of the listed rows to each query.

    Args:
        arguments: those of the kernel, in its order.
        metric: as for `likewise.index._plain.search.search`.
    """
    parts = iter(arguments)

    def take(count: int) -> tuple[Any, ...]:
        return tuple(islice(parts, count))

    space, placing = Space._make(take(3)), Placing._make(take(4))
    rows, queries, listed, length, _, k, radius = take(7)
    found = Found._make(take(4))
    for t, raw in enumerate(queries):
        found.notes[t] = (-1, 0, 0)
        if not fits(space, placing, raw):
            continue
        query = place_query(space, placing, raw)
        ranked = sorted(packed(keys_of(space, listed, query, metric), listed.tolist()))
        nearest = np.array([id_of(entry) for entry in ranked[:length]])
        apart = exact_distances(metric, rows[nearest], raw)
        order = np.lexsort((nearest, apart))[:k]
        late = np.count_nonzero(order >= len(nearest) - len(nearest) // 3)
        order = order[apart[order] <= radius]
        found.ids[t, : len(order)] = nearest[order]
        found.distances[t, : len(order)] = apart[order]
        found.notes[t, COUNT] = len(order)
        found.notes[t, LATE] = late if len(nearest) < len(listed) else 0
        found.notes[t, SCANNED] = len(listed)
