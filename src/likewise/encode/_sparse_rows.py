"""Rows of term weights as scipy CSR: made, cut to their heaviest terms, and read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def from_dense(weights: npt.NDArray[np.float32], top: int | None) -> csr_array:
    """(n, dim) weights without their zeros; of each row only the ``top`` heaviest."""
    from scipy.sparse import csr_array

    if top is None:
        return csr_array(weights)
    return from_terms([_heaviest(row, top) for row in weights], weights.shape[1])


def from_terms(
    rows: Sequence[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]], dim: int
) -> csr_array:
    """CSR from the sorted terms and the weights of each row; zero weights are left out."""
    from scipy.sparse import csr_array

    starts = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(terms) for terms, _ in rows], out=starts[1:])
    terms = np.concatenate([np.empty(0, np.int32), *(t for t, _ in rows)])
    weights = np.concatenate([np.empty(0, np.float32), *(w for _, w in rows)])
    found = csr_array((weights, terms.astype(np.int32), starts), shape=(len(rows), dim))
    found.eliminate_zeros()
    return found


def in_order(parts: Sequence[csr_array], order: Sequence[int]) -> csr_array:
    """Rows that were made in ``order``, back at their places."""
    from scipy.sparse import csr_array, vstack

    places = np.empty(len(order), dtype=np.int64)
    places[np.asarray(order, dtype=np.int64)] = np.arange(len(order))
    return csr_array(vstack(parts, format="csr")[places])


def as_terms(rows: csr_array, names: Sequence[str]) -> list[dict[str, float]]:
    """Each row as {token: weight}, the heaviest first, equal weights by token id."""
    found = []
    for row in range(rows.shape[0]):
        part: Any = slice(rows.indptr[row], rows.indptr[row + 1])
        terms, weights = rows.indices[part], rows.data[part]
        best = np.lexsort((terms, -weights))
        found.append({names[terms[i]]: float(weights[i]) for i in best})
    return found


def _heaviest(
    row: npt.NDArray[np.float32], top: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    terms = np.flatnonzero(row).astype(np.int32)
    if len(terms) > top:
        # A stable sort of ids in order: of equal weights the smaller id stays.
        terms = np.sort(terms[np.argsort(-row[terms], kind="stable")[:top]])
    return terms, row[terms]
