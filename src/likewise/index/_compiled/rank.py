"""The metrics themselves, in float64, by which what a walk proposes is ranked.

The same formulas as `likewise.metrics`; every row is summed in the same order wherever it
lies, so equal rows have equal distances. A row is given as its place in ``rows``: to hand over
``rows[at]`` would count references, which takes longer than the sum of a short row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.jit import kernel


@kernel(boundscheck=False, error_model="numpy")
def distance(metric: Any, rows: Any, at: Any, query: Any, length: Any) -> Any:
    """The float64 distance of ``rows[at]`` to a query (dim,), both float32.

    ``length`` is the query's, from `length_of`.
    """
    if metric == 0:
        return _cosine(rows, at, query, length)
    if metric == 1:
        return np.sqrt(_sqeuclidean(rows, at, query))
    if metric == 2:
        return _sqeuclidean(rows, at, query)
    if metric == 3:
        return -_products(rows, at, query)[0]
    if metric == 4:
        return _manhattan(rows, at, query)
    if metric == 5:
        return _chebyshev(rows, at, query)
    if metric == 6:
        return _hamming(rows, at, query)
    return _jaccard(rows, at, query)


@kernel(boundscheck=False, fastmath=True)
def _products(rows: Any, at: Any, query: Any) -> Any:
    """The inner product of the row with the query, and with itself."""
    both, own = np.float64(0), np.float64(0)
    for j in range(query.shape[0]):
        value = np.float64(rows[at, j])
        both += value * np.float64(query[j])
        own += value * value
    return both, own


@kernel(boundscheck=False, fastmath=True, error_model="numpy")
def length_of(metric: Any, query: Any) -> Any:
    """The euclidean length of a query where its metric needs it, else 0."""
    square = np.float64(0)
    if metric == 0:
        for j in range(query.shape[0]):
            square += np.float64(query[j]) * np.float64(query[j])
    return np.sqrt(square)


@kernel(boundscheck=False, error_model="numpy")
def _cosine(rows: Any, at: Any, query: Any, length: Any) -> Any:
    # Squares of any float32 stay within float64, so no scaling is needed.
    both, own = _products(rows, at, query)
    return min(max(1.0 - both / (np.sqrt(own) * length), 0.0), 2.0)


@kernel(boundscheck=False, fastmath=True)
def _sqeuclidean(rows: Any, at: Any, query: Any) -> Any:
    total = np.float64(0)
    for j in range(query.shape[0]):
        apart = np.float64(rows[at, j]) - np.float64(query[j])
        total += apart * apart
    return total


@kernel(boundscheck=False, fastmath=True)
def _manhattan(rows: Any, at: Any, query: Any) -> Any:
    total = np.float64(0)
    for j in range(query.shape[0]):
        total += abs(np.float64(rows[at, j]) - np.float64(query[j]))
    return total


@kernel(boundscheck=False, fastmath=True)
def _chebyshev(rows: Any, at: Any, query: Any) -> Any:
    largest = np.float64(0)
    for j in range(query.shape[0]):
        largest = max(largest, abs(np.float64(rows[at, j]) - np.float64(query[j])))
    return largest


@kernel(boundscheck=False)
def _hamming(rows: Any, at: Any, query: Any) -> Any:
    unequal = 0
    for j in range(query.shape[0]):
        unequal += rows[at, j] != query[j]
    return unequal / query.shape[0]


@kernel(boundscheck=False, error_model="numpy")
def _jaccard(rows: Any, at: Any, query: Any) -> Any:
    both, either = 0, 0
    for j in range(query.shape[0]):
        one, other = rows[at, j] != 0, query[j] != 0
        both += one and other
        either += one or other
    return 1.0 - both / either if either else 0.0
