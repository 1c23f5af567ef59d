"""Candidates ranked by the exact float64 formula, a batch of queries at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likewise.index._formulas import FORMULAS, WIDENED, exact_distances
from likewise.index._rows import Float32Array
from likewise.index.scanning import PreparedRows, best_of
from likewise.results import Row

Float64Array = npt.NDArray[np.float64]
IdArray = npt.NDArray[np.int64]


def rerank(
    prepared: PreparedRows,
    queries: Float32Array,
    candidates: IdArray,
    k: int | None,
    radius: float | None = None,
) -> list[Row]:
    """The nearest ``k`` within ``radius`` of each query's candidates, nearest first.

    Args:
        prepared: the rows.
        queries: (b, dim).
        candidates: (b, count) row numbers, -1 where there is none.
        k, radius: as in `scan`.

    Cost O(b count dim). Distances are those of `exact_distances`, to the bit.
    """
    count = max(1, candidates.shape[1])
    height = max(1, WIDENED // (count * prepared.rows.shape[1]))
    found: list[Row] = []
    for start in range(0, len(queries), height):
        part = candidates[start : start + height]
        distances = distances_to(prepared, queries[start : start + height], part)
        found += [_best(*pair, k, radius) for pair in zip(part, distances, strict=True)]
    return found


def distances_to(
    prepared: PreparedRows, queries: Float32Array, candidates: IdArray
) -> Float64Array:
    """(b, count) exact distances; infinite where a candidate is -1."""
    formula = FORMULAS.get(prepared.metric.name)
    if formula is None:
        lines = [
            exact_distances(prepared.metric, prepared.rows[ids], query)
            for query, ids in zip(queries, np.maximum(candidates, 0), strict=True)
        ]
        distances = np.array(lines).reshape(candidates.shape)
    else:
        # The formulas sum every pair alike, so that a distance is the same in any batch.
        gathered = prepared.rows[np.maximum(candidates, 0)].astype(np.float64)
        distances = formula(gathered, queries.astype(np.float64)[:, None, :])
    distances[candidates < 0] = np.inf
    return distances


def _best(ids: IdArray, distances: Float64Array, k: int | None, radius: float | None) -> Row:
    there = ids >= 0
    if not there.all():
        ids, distances = ids[there], distances[there]
    return best_of(ids, distances, k, radius)
