"""How deep an answer lies among all rows, judged by a sample of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likewise.index._formulas import exact_distances
from likewise.index._placing import Placement
from likewise.index._rows import Float32Array
from likewise.index.scanning import PreparedRows

IdArray = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]


class Witnesses:
    """Some rows, drawn without regard to any filter: the share of them that lies nearer than
    a row says how many of all rows do.

    Args:
        prepared: the rows.
        placement: of those rows.
        ids: which rows.
        stand_for: how many rows they were drawn from.
    """

    def __init__(
        self, prepared: PreparedRows, placement: Placement, ids: IdArray, stand_for: int
    ) -> None:
        self._metric, self._placement = prepared.metric, placement
        self._rows = np.ascontiguousarray(prepared.rows[ids])
        self._placed = placement.rows(self._rows)
        self._squares = np.vecdot(self._placed, self._placed)
        self.each = stand_for / max(1, len(ids))

    def __len__(self) -> int:
        return len(self._rows)

    def nearer(self, placed_queries: Float32Array, rows: Float32Array) -> Float64Array:
        """(b,) how many witnesses are nearer to each query than its row of ``rows`` (b, dim)."""
        placed = self._placement.rows(rows)
        reach = np.vecdot(placed, placed) - 2 * np.vecdot(placed, placed_queries)
        values = self._squares - 2 * (placed_queries @ self._placed.T)
        counts: Float64Array = np.count_nonzero(values < reach[:, None], axis=1).astype(np.float64)
        return counts

    def within(self, queries: Float32Array, radius: float) -> Float64Array:
        """(b,) how many witnesses are within ``radius`` of each query."""
        counts = [
            np.count_nonzero(exact_distances(self._metric, self._rows, query) <= radius)
            for query in queries
        ]
        return np.array(counts, dtype=np.float64)
