"""Filtered and ranged search in a graph, by lists that widen until they are enough.

The graph is searched without the filter, and what passes is kept. An answer is accepted
when the list holds k passing rows (or reaches beyond the radius) and the measured recall at
the depth it had to go to meets the target: so a filter that avoids the query's
neighbourhood asks for a long list, and in the end for an exact scan, and never for luck.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likewise.index._formulas import exact_distances
from likewise.index._links import IdArray, Links
from likewise.index._rows import Float32Array
from likewise.index.scanning import PreparedRows, best_of
from likewise.results import Row

#: More than k rows are ranked again, since float32 may have swapped the last ones.
SPARE = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """What every query of a call wants of the graph: ``k`` rows of those in ``mask``, nearer
    than ``radius``, at ``recall``, before an effort would cost ``budget`` seconds."""

    k: int | None
    radius: float | None
    mask: npt.NDArray[np.bool_] | None
    recall: float
    budget: float


@dataclass(slots=True)
class Found:
    """One `Row` a query, None where the graph was not enough; the estimates; the work done."""

    rows: list[Row | None]
    recalls: list[float]
    scanned: int = 0


def widen(
    links: Links,
    prepared: PreparedRows,
    queries: Float32Array,
    wanted: Wanted,
    effort: int,
    jobs: int,
) -> Found:
    """Search at ``effort`` and, for the queries that are not satisfied, at larger ones."""
    found = Found([None] * len(queries), [0.0] * len(queries))
    curve = links.curve
    open_: IdArray = np.flatnonzero(links.hnsw.takes(queries))
    current: int | None = effort
    while current is not None and curve is not None and len(open_):
        count = _list_length(wanted, current, len(links.order))
        lists = links.nearest(queries[open_], current, count, jobs)
        found.scanned += round(links.visited.get(current, current) * len(open_))
        for query, ids in zip(open_, lists, strict=True):
            row, depth = _judge(prepared, queries[query], ids, wanted)
            if row is not None and curve.lower_at(current, depth) >= wanted.recall:
                found.rows[query] = row
                found.recalls[query] = curve.recall_at(current, depth)
        open_ = np.array([q for q in open_ if found.rows[q] is None], dtype=np.int64)
        current = curve.next_effort(current)
        if current is not None and links.costs.graph_seconds(current, queries.shape[1]) > (
            wanted.budget
        ):
            current = None
    return found


def _list_length(wanted: Wanted, effort: int, linked: int) -> int:
    if wanted.k is not None and wanted.mask is None and wanted.radius is None:
        return min(effort, wanted.k + SPARE, linked)
    return min(effort, linked)


def _judge(
    prepared: PreparedRows, query: Float32Array, ids: IdArray, wanted: Wanted
) -> tuple[Row | None, int]:
    """The answer in a list and the depth it was found at; None when the list is too short."""
    if len(ids) == 0:
        return None, 0
    ranks = np.arange(len(ids)) if wanted.mask is None else np.flatnonzero(wanted.mask[ids])
    if wanted.k is not None:
        ranks = ranks[: wanted.k + SPARE]
    kept = ids[ranks]
    distances = exact_distances(prepared.metric, prepared.rows[kept], query)
    row = best_of(kept, distances, wanted.k, wanted.radius)
    full = wanted.k is not None and len(row.ids) >= wanted.k
    if full and wanted.k is not None:
        return row, int(ranks[wanted.k - 1]) + 1
    if wanted.radius is None:
        return None, 0
    last = exact_distances(prepared.metric, prepared.rows[ids[-1:]], query)
    if last[0] <= wanted.radius:
        return None, 0
    # All that lies before the first row beyond the radius had to be found.
    every = exact_distances(prepared.metric, prepared.rows[ids], query)
    return row, max(1, int(np.count_nonzero(every <= wanted.radius)))
