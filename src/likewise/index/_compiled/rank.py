"""The metrics themselves, in float64, by which what a walk proposes is ranked.

The same formulas as `likewise.metrics`; every row is summed in the same order wherever it
lies, so equal rows have equal distances.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.jit import kernel


@kernel(boundscheck=False, error_model="numpy")
def distance(metric: Any, row: Any, query: Any, length: Any) -> Any:
    """The float64 distance of a row (dim,) to a query (dim,), both float32.

    ``length`` is the query's, from `length_of`.
    """
    if metric == 0:
        return _cosine(row, query, length)
    if metric == 1:
        return np.sqrt(_sqeuclidean(row, query))
    if metric == 2:
        return _sqeuclidean(row, query)
    if metric == 3:
        return -_product(row, query)
    if metric == 4:
        return _manhattan(row, query)
    if metric == 5:
        return _chebyshev(row, query)
    if metric == 6:
        return _hamming(row, query)
    return _jaccard(row, query)


@kernel(boundscheck=False, fastmath=True)
def _product(row: Any, query: Any) -> Any:
    total = np.float64(0)
    for j in range(row.shape[0]):
        total += np.float64(row[j]) * np.float64(query[j])
    return total


@kernel(boundscheck=False, error_model="numpy")
def length_of(metric: Any, query: Any) -> Any:
    """The euclidean length of a query where its metric needs it, else 0."""
    return np.sqrt(_product(query, query)) if metric == 0 else 0.0


@kernel(boundscheck=False, error_model="numpy")
def _cosine(row: Any, query: Any, length: Any) -> Any:
    # Squares of any float32 stay within float64, so no scaling is needed.
    lengths = np.sqrt(_product(row, row)) * length
    return min(max(1.0 - _product(row, query) / lengths, 0.0), 2.0)


@kernel(boundscheck=False, fastmath=True)
def _sqeuclidean(row: Any, query: Any) -> Any:
    total = np.float64(0)
    for j in range(row.shape[0]):
        apart = np.float64(row[j]) - np.float64(query[j])
        total += apart * apart
    return total


@kernel(boundscheck=False, fastmath=True)
def _manhattan(row: Any, query: Any) -> Any:
    total = np.float64(0)
    for j in range(row.shape[0]):
        total += abs(np.float64(row[j]) - np.float64(query[j]))
    return total


@kernel(boundscheck=False, fastmath=True)
def _chebyshev(row: Any, query: Any) -> Any:
    largest = np.float64(0)
    for j in range(row.shape[0]):
        largest = max(largest, abs(np.float64(row[j]) - np.float64(query[j])))
    return largest


@kernel(boundscheck=False)
def _hamming(row: Any, query: Any) -> Any:
    unequal = 0
    for j in range(row.shape[0]):
        unequal += row[j] != query[j]
    return unequal / row.shape[0]


@kernel(boundscheck=False, error_model="numpy")
def _jaccard(row: Any, query: Any) -> Any:
    both, either = 0, 0
    for j in range(row.shape[0]):
        one, other = row[j] != 0, query[j] != 0
        both += one and other
        either += one or other
    return 1.0 - both / either if either else 0.0
