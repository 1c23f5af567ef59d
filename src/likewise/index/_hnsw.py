"""faiss's HNSW behind three verbs: insert rows, list the nearest, turn to bytes.

Inserted by one thread with levels drawn from a given seed, it is the same graph every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arrays import DamagedFile
from likewise.index._rows import Float32Array
from likewise.index._surrogates import LARGEST, SMALLEST
from likewise.vectors import unit_rows

#: Our metrics and faiss's names for what ranks alike.
FAISS_METRICS = {
    "cosine": "METRIC_INNER_PRODUCT",
    "dot": "METRIC_INNER_PRODUCT",
    "euclidean": "METRIC_L2",
    "sqeuclidean": "METRIC_L2",
    "manhattan": "METRIC_L1",
    "chebyshev": "METRIC_Linf",
}
#: Links a row keeps on the upper levels (twice as many on the lowest), and the list length
#: while building.
LINKS, BUILD_EFFORT = 16, 100


class Hnsw:
    """A graph over rows in the order of insertion.

    Args:
        dim: numbers in a row.
        metric: a key of `FAISS_METRICS`.
        seed: for the levels.
        scale: rows and queries are multiplied by it (a power of two), so that squares of very
            large or small numbers stay inside float32.
    """

    def __init__(self, dim: int, metric: str, seed: int, scale: float = 1.0) -> None:
        faiss = _faiss()
        self._metric, self._seed, self.scale = metric, seed, scale
        kind = getattr(faiss, FAISS_METRICS[metric])
        self._graph: Any = faiss.IndexHNSWFlat(dim, LINKS, kind)
        self._graph.hnsw.efConstruction = BUILD_EFFORT
        self._mapped: Any = None

    @classmethod
    def from_bytes(cls, data: npt.NDArray[np.uint8], metric: str, seed: int, scale: float) -> Hnsw:
        """From `to_bytes`; ``data`` is used where it lies, and copied before an insertion."""
        faiss = _faiss()
        hnsw = cls.__new__(cls)
        hnsw._metric, hnsw._seed, hnsw.scale = metric, seed, scale
        reader = faiss.ZeroCopyIOReader(faiss.swig_ptr(data), data.nbytes)
        try:
            hnsw._graph = faiss.read_index(reader)
        except (RuntimeError, MemoryError) as error:
            raise DamagedFile("the graph in it cannot be read") from error
        hnsw._mapped = (data, reader)
        return hnsw

    def to_bytes(self) -> npt.NDArray[np.uint8]:
        """The graph with its vectors."""
        faiss = _faiss()
        data: npt.NDArray[np.uint8] = faiss.serialize_index(self._graph)
        return data

    def __len__(self) -> int:
        return int(self._graph.ntotal)

    def insert(self, rows: Float32Array) -> None:
        """Append ``rows``. Cost O(m log n dim) with a large constant (about 0.5 ms a row)."""
        faiss = _faiss()
        if self._mapped is not None:
            self._graph = faiss.deserialize_index(np.array(self._mapped[0]))
            self._mapped = None
        # Levels depend on the seed and the place only, not on what was inserted at once before
        # a file was saved and loaded.
        self._graph.hnsw.rng = faiss.RandomGenerator((self._seed * 1_000_003 + len(self)) % 2**31)
        with _threads(1):
            self._graph.add(self._placed(rows))

    def nearest(self, queries: Float32Array, effort: int, count: int, jobs: int) -> list[Any]:
        """For each query up to ``count`` places, nearest first. ``effort >= count``."""
        faiss = _faiss()
        parameters = faiss.SearchParametersHNSW(efSearch=effort)
        with _threads(jobs):
            _, places = self._graph.search(self._placed(queries), count, params=parameters)
        return [row[row >= 0] for row in places]

    def unreachable(self) -> npt.NDArray[np.int64]:
        """Places that no path of the lowest level leads to from the entry. Cost O(links)."""
        faiss, inner, count = _faiss(), self._graph.hnsw, len(self)
        reached = np.zeros(count, dtype=np.bool_)
        if count == 0:
            return np.flatnonzero(reached)
        neighbors = faiss.vector_to_array(inner.neighbors)
        starts = faiss.vector_to_array(inner.offsets)[:count].astype(np.int64)
        links = np.arange(inner.nb_neighbors(0))
        frontier = np.array([inner.entry_point])
        while len(frontier):
            reached[frontier] = True
            near = neighbors[starts[frontier][:, None] + links]
            near = np.unique(near[near >= 0])
            frontier = near[~reached[near]]
        return np.flatnonzero(~reached)

    @staticmethod
    def distances_computed() -> int:
        """Distances that all graphs of this process have computed so far (faiss counts them)."""
        return int(_faiss().cvar.hnsw_stats.ndis)

    def takes(self, rows: Float32Array) -> npt.NDArray[np.bool_]:
        """(m,) whether each row can be compared without leaving float32."""
        if self._metric == "cosine":
            return np.ones(len(rows), dtype=np.bool_)
        peaks = np.abs(rows.astype(np.float64)).max(axis=1, initial=0.0)
        inside: npt.NDArray[np.bool_] = peaks * self.scale <= LARGEST
        return inside

    def _placed(self, rows: Float32Array) -> Float32Array:
        if self._metric == "cosine":
            return unit_rows(rows)
        return rows if self.scale == 1.0 else (rows * np.float64(self.scale)).astype(np.float32)


def scale_for(metric: str, peak: float) -> float:
    """The power of two that brings numbers up to ``peak`` within float32's comfort."""
    if metric == "cosine" or peak == 0.0 or SMALLEST <= peak <= LARGEST:
        return 1.0
    return float(np.ldexp(1.0, -int(np.frexp(peak)[1])))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    # OpenMP keeps this number for each calling thread, so other threads are not disturbed.
    faiss = _faiss()
    before = faiss.omp_get_max_threads()
    if before == count:
        yield
        return
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _faiss() -> Any:
    import faiss

    return faiss
