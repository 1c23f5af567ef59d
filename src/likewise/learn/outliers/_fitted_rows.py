"""Neighbours of rows that may be fitted rows themselves, which are then left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index import Index
from likewise.learn._searching import IntArray, Lists, nearest

Float32Array = npt.NDArray[np.float32]
CHUNK = 4096


class RowLookup:
    """Which fitted row a row equals, number by number in float32.

    Cost: O(n dim) to build and 16 bytes a row; O(dim + log n) a question.
    """

    def __init__(self, rows: Float32Array) -> None:
        keys = _keys(rows)
        self._rows = rows
        self._order = np.argsort(keys, kind="stable")
        self._ordered = keys[self._order]

    def places(self, queries: Any) -> IntArray:
        """(m,) the first fitted row that equals each query; -1 where there is none."""
        asked = np.asarray(queries, dtype=np.float32)
        at = np.minimum(np.searchsorted(self._ordered, _keys(asked)), len(self._order) - 1)
        places = self._order[at]
        same = (self._rows[places] == asked).all(axis=1)
        return np.where(same, places, -1).astype(np.int64)


def _keys(rows: Float32Array) -> npt.NDArray[np.uint64]:
    """(n,) a number a row, the same for equal rows and hardly ever for others."""
    weights = np.random.default_rng(0).integers(0, 2**64, rows.shape[1], dtype=np.uint64) | 1
    keys = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), CHUNK):
        bits = np.ascontiguousarray(rows[start : start + CHUNK] + np.float32(0))  # -0 becomes 0
        keys[start : start + CHUNK] = bits.view(np.uint32).astype(np.uint64) @ weights
    return keys


def other_neighbours(
    index: Index, own: IntArray, queries: Any, k: int, *, recall: float | None = None
) -> Lists:
    """The ``min(k, rows - 1)`` neighbours of each query; a fitted row leaves itself out.

    ``own`` (m,) is the fitted row that each query is, -1 where it is none: `RowLookup.places`.
    So the answer for fitted rows is that of `leave_one_out`, up to the order of equal distances.

    Cost: one search of the index, in one batch.
    """
    wanted = min(k, len(index) - 1)
    ids, distances = nearest(index, queries, wanted + 1, recall=recall)
    left_out = ids == own[:, None]
    left_out[~left_out.any(axis=1), -1] = True
    count = len(ids)
    return Lists(ids[~left_out].reshape(count, wanted), distances[~left_out].reshape(count, wanted))
