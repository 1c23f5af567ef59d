"""The exact distance of one query to a few rows, in float64, the same wherever a row lies.

`Metric.pairwise` says what a distance is. Its matrix products may round equal rows
differently at different places of a matrix, which would break ties by accident; the forms
here treat every row alike, so equal rows have equal distances whatever the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from likewise.metrics import Metric

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

#: Rows are widened to float64 in blocks of at most this many numbers (8 MB).
WIDENED = 1 << 20


def _dot(rows: Float64Array, query: Float64Array) -> Float64Array:
    product: Float64Array = np.vecdot(rows, query)
    return -product


def _sqeuclidean(rows: Float64Array, query: Float64Array) -> Float64Array:
    rows -= query
    squares: Float64Array = np.vecdot(rows, rows)
    return squares


def _euclidean(rows: Float64Array, query: Float64Array) -> Float64Array:
    distance: Float64Array = np.sqrt(_sqeuclidean(rows, query))
    return distance


def _cosine(rows: Float64Array, query: Float64Array) -> Float64Array:
    # Squares of any float32 stay within float64, so no scaling is needed.
    lengths = np.sqrt(np.vecdot(rows, rows)) * np.sqrt(np.vecdot(query, query))
    distance: Float64Array = 1.0 - np.vecdot(rows, query) / lengths
    np.maximum(distance, 0.0, out=distance)
    np.minimum(distance, 2.0, out=distance)
    return distance


#: Own forms by metric name; each may overwrite ``rows``. Others use `Metric.pairwise`.
FORMULAS: dict[str, Callable[[Float64Array, Float64Array], Float64Array]] = {
    "cosine": _cosine,
    "dot": _dot,
    "euclidean": _euclidean,
    "sqeuclidean": _sqeuclidean,
}


def exact_distances(metric: Metric, rows: Float32Array, query: Float32Array) -> Float64Array:
    """(m,) float64 distances of ``query`` (dim,) to each of ``rows`` (m, dim).

    Cost O(m dim); at most 8 MB beside the result.
    """
    height = max(1, WIDENED // rows.shape[1])
    if len(rows) <= height:
        return _one_block(metric, rows, query)
    return np.concatenate(
        [
            _one_block(metric, rows[start : start + height], query)
            for start in range(0, len(rows), height)
        ]
    )


def _one_block(metric: Metric, rows: Float32Array, query: Float32Array) -> Float64Array:
    formula = FORMULAS.get(metric.name)
    if formula is None:
        line: Float64Array = metric.pairwise(query[None, :], rows)[0]
        return line
    return formula(rows.astype(np.float64), query.astype(np.float64))
