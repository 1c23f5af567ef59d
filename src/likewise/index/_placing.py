"""Rows put where squared euclidean distance ranks as their metric does.

cosine: at length one. euclidean, sqeuclidean: multiplied by a power of two, so that squares
stay inside float32. dot: scaled likewise and lifted by one dimension,
``x -> (x, sqrt(R^2 - |x|^2))`` and ``q -> (q, 0)``, which turns the largest product into the
smallest distance (Y. Bachrach and others, "Speeding up the Xbox recommender system", RecSys
2014). Zeros fill up to a multiple of what the codes need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._rows import Float32Array, RowSummary
from likewise.index._surrogates import LARGEST, SMALLEST
from likewise.vectors import unit_rows

#: Huge numbers are brought to this power of two, whose square is far inside float32.
LARGEST_EXPONENT = 40
#: The metrics that can be placed.
PLACED = ("cosine", "euclidean", "sqeuclidean", "dot")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where rows and queries of one index go.

    Attributes:
        metric: one of `PLACED`.
        dim: numbers in a row as it is given.
        width: numbers in a row as it is placed.
        scale: a power of two.
        reach: the length of the longest row, in scaled units, for dot; else 0.
    """

    metric: str
    dim: int
    width: int
    scale: float
    reach: float

    @classmethod
    def over(cls, metric: str, dim: int, summary: RowSummary, multiple: int) -> Placement:
        """The placement for rows of this summary; the width is a multiple of ``multiple``."""
        scale = 1.0
        if metric != "cosine" and not (summary.peak == 0 or SMALLEST <= summary.peak <= LARGEST):
            # What is huge stays large, so that small rows beside one huge one do not vanish.
            wanted = LARGEST_EXPONENT if summary.peak > LARGEST else 0
            scale = float(np.ldexp(1.0, wanted - int(np.frexp(summary.peak)[1])))
        needed, reach = dim, 0.0
        if metric == "dot":
            needed, reach = dim + 1, float(summary.norms.max(initial=0.0)) * scale
        return cls(metric, dim, -(-needed // multiple) * multiple, scale, reach)

    def takes(self, rows: Float32Array) -> npt.NDArray[np.bool_]:
        """(m,) whether each row has a place: not beyond float32, nor beyond ``reach`` for dot."""
        if self.metric == "cosine":
            return np.ones(len(rows), dtype=np.bool_)
        inside: npt.NDArray[np.bool_] = self._peaks(rows) <= LARGEST
        if self.metric == "dot":
            inside &= self._lengths(rows) <= self.reach * (1 + 1e-12)
        return inside

    def takes_queries(self, queries: Float32Array) -> npt.NDArray[np.bool_]:
        """(b,) whether each query has a place."""
        if self.metric == "cosine":
            return np.ones(len(queries), dtype=np.bool_)
        inside: npt.NDArray[np.bool_] = self._peaks(queries) <= LARGEST
        return inside

    def rows(self, rows: Float32Array) -> Float32Array:
        """(m, width) placed rows."""
        placed = self._padded(rows)
        if self.metric == "dot":
            gap = self.reach**2 - self._lengths(rows) ** 2
            placed[:, self.dim] = np.sqrt(np.maximum(gap, 0.0))
        return placed

    def queries(self, queries: Float32Array) -> Float32Array:
        """(b, width) placed queries; zeros for one that has no place.

        For dot they are brought to the length of the longest row: a query's length changes no
        order, and codes work best where queries lie among the rows.
        """
        inside = self.takes_queries(queries)
        if not inside.all():
            queries = np.where(inside[:, None], queries, np.float32(0))
        placed = self._padded(queries)
        if self.metric == "dot":
            lengths = np.sqrt(np.vecdot(placed, placed))[:, None]
            np.multiply(placed, self.reach / np.maximum(lengths, SMALLEST), out=placed)
        return placed

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "metric": self.metric,
            "dim": self.dim,
            "width": self.width,
            "scale": self.scale,
            "reach": self.reach,
        }

    def _padded(self, vectors: Float32Array) -> Float32Array:
        if self.metric == "cosine":
            vectors = unit_rows(vectors)
        elif self.scale != 1.0:
            vectors = (vectors * np.float64(self.scale)).astype(np.float32)
        if self.width == self.dim:
            return vectors
        placed = np.zeros((len(vectors), self.width), dtype=np.float32)
        placed[:, : self.dim] = vectors
        return placed

    def _peaks(self, vectors: Float32Array) -> npt.NDArray[np.float64]:
        peaks: npt.NDArray[np.float64] = np.abs(vectors.astype(np.float64)).max(axis=1, initial=0.0)
        return peaks * self.scale

    def _lengths(self, vectors: Float32Array) -> npt.NDArray[np.float64]:
        wide = vectors.astype(np.float64)
        lengths: npt.NDArray[np.float64] = np.sqrt(np.vecdot(wide, wide)) * self.scale
        return lengths
