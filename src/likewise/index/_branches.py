"""`Branches`: a k-d or ball tree of scikit-learn over rows, and how a metric reads on it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._rows import Float32Array

IdArray = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

#: Our metrics, and the distance by which the tree ranks alike. The cosine is ranked by the chord
#: between unit vectors, |x - y|^2 = 2 (1 - cos).
TREE_METRICS = {
    "euclidean": "euclidean",
    "sqeuclidean": "euclidean",
    "cosine": "euclidean",
    "manhattan": "manhattan",
    "chebyshev": "chebyshev",
}
#: Above so many dimensions balls prune better than boxes.
BOXES = 16
LEAF = 32
#: Rounding of the tree and of the exact formula, relative, and for squared chords.
RELATIVE, CHORD = 1e-12, 1e-14
#: Queries asked to see how many rows the tree looks at.
PROBES = 16


class Branches:
    """A tree over ``rows`` (n, dim), n at least 1; ids are their places. Cost O(n log n dim)."""

    def __init__(self, rows: Float32Array, metric: str) -> None:
        from sklearn.neighbors import BallTree, KDTree

        self._metric = metric
        kind = KDTree if rows.shape[1] <= BOXES else BallTree
        self._tree: Any = kind(self._placed(rows), leaf_size=LEAF, metric=TREE_METRICS[metric])
        self._count = len(rows)

    def __len__(self) -> int:
        return self._count

    def looked_at(self, queries: Float32Array, k: int) -> float:
        """Distances computed for a query, on average; not to be asked beside other searches."""
        if len(queries) == 0:
            return float(self._count)
        self._tree.reset_n_calls()
        self.nearest(queries, min(k, self._count))
        return float(self._tree.get_n_calls()) / len(queries)

    def nearest(self, queries: Float32Array, count: int) -> tuple[Float64Array, IdArray]:
        """(b, count) distances in the tree's units, ascending, and places."""
        distances, places = self._tree.query(self._placed(queries), k=count)
        return distances, places

    def within(self, queries: Float32Array, reach: Float64Array) -> list[IdArray]:
        """For each query the places within ``reach`` (b,), in the tree's units."""
        places: list[IdArray] = list(self._tree.query_radius(self._placed(queries), reach))
        return places

    def reach_of(self, radius: float) -> float:
        """A distance of the metric in the tree's units, a little enlarged; -1 for none."""
        if radius < 0:
            return -1.0
        if self._metric == "cosine":
            return float(self.beyond(math.sqrt(2 * radius)))
        return float(self.beyond(math.sqrt(radius) if self._metric == "sqeuclidean" else radius))

    def beyond(self, distance: Any) -> Any:
        """Up to here rounding may hide that a row is as near as ``distance`` (tree's units)."""
        if self._metric == "cosine":
            return np.sqrt(np.square(distance) + CHORD)
        return distance * (1 + RELATIVE)

    def _placed(self, rows: Float32Array) -> Float64Array:
        wide = rows.astype(np.float64)
        if self._metric == "cosine":
            wide /= np.sqrt(np.vecdot(wide, wide))[:, None]
        return wide
