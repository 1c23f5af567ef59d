"""`Exact`: every distance is looked at. The ground truth of all other indexes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._rows import Float32Array, GrowingRows, RowSummary
from likewise.index.base import Answer, Index, IndexPlan, Progress, Request
from likewise.index.scanning import PreparedRows, extended, prepare, scan

#: Rows are read about this fast when they are summarised (numbers a second, one core).
SUMMARISED = 4e8


class Exact(Index):
    """The true nearest rows, by a blocked scan, for every metric of the registry.

    Ids and distances are those of ``metric.pairwise`` in float64 (up to float64 rounding), also
    for rows far from the origin, of tiny or of huge length, and among equal rows, where the
    smaller position comes first. ``recall`` is therefore always 1.

    Cost: `fit` O(n dim); `search` O(n dim) a query, near the speed of memory for metrics with
    a matrix product. Memory: the rows, 4 bytes a number, and 16 bytes a row.

    Example:
        >>> index = Exact("euclidean").fit([[0, 0], [3, 4], [6, 8]])
        >>> found = index.search([0, 1], k=2)
        >>> found.ids.tolist(), found.distances.round(3).tolist()
        ([[0, 1]], [[1.0, 4.243]])
        >>> index.search([0, 0], k=None, radius=5)[0].ids.tolist()
        [0, 1]
        >>> found.info.strategy, found.info.recall
        ('exact', 1.0)
    """

    name = "exact"

    _prepared: PreparedRows

    def _fit(self, rows: GrowingRows, progress: Progress | None) -> None:
        self._prepared = prepare(rows.array, self._metric)
        self._rows = rows
        if progress is not None:
            progress(len(rows.array), len(rows.array))

    def _add(self, rows: Float32Array) -> None:
        held = self._rows
        if held is None:
            return
        self._prepared = extended(held, rows, self._prepared)

    def _search(self, queries: Float32Array, request: Request) -> Answer:
        found = scan(
            self._prepared,
            queries,
            request.k,
            request.radius,
            request.selection.where,
            n_jobs=self._jobs,
        )
        return Answer(found.rows, "exact", 1.0, found.scanned, "the index is exact")

    def _plan(self, n: int, dim: int) -> IndexPlan:
        return IndexPlan(bytes=n * (4 * dim + 16), seconds=n * dim / SUMMARISED)

    def _state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        return summary_arrays(self._prepared.summary), {}

    def _restore(
        self, rows: GrowingRows, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]
    ) -> None:
        self._prepared = prepare(rows.array, self._metric, summary_from(arrays))
        self._rows = rows


def summary_arrays(summary: RowSummary | None) -> dict[str, npt.NDArray[Any]]:
    """A row summary as arrays to save, so that opening need not read the rows."""
    if summary is None:
        return {}
    return {
        "norms": summary.norms,
        "total": summary.total,
        "peak": np.array([summary.peak], dtype=np.float64),
    }


def summary_from(arrays: Mapping[str, npt.NDArray[Any]]) -> RowSummary | None:
    """The inverse of `summary_arrays`; None when there was none."""
    if "norms" not in arrays:
        return None
    return RowSummary(arrays["norms"], arrays["total"], float(arrays["peak"][0]))
