"""Bare graph indexes in memory, behind one small protocol: build, then search at an effort."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchmarks.data import FloatRows

Ids = npt.NDArray[np.int64]

#: The same shape for all, which is that of `Graph`: links on the upper levels (twice as many on
#: the lowest), and the list length while building.
LINKS, BUILD_EFFORT = 16, 100


class GraphPeer(ABC):
    """A graph over unit vectors; searches one query a call, in one thread."""

    name: ClassVar[str]
    package: ClassVar[str]

    @abstractmethod
    def build(self, rows: FloatRows) -> None:
        """Index the rows; timed."""

    @abstractmethod
    def set_effort(self, effort: int) -> None:
        """The list length of searches from now on."""

    @abstractmethod
    def search(self, query: FloatRows, k: int) -> Ids:
        """The positions of the k nearest; timed."""


class Hnswlib(GraphPeer):
    """The authors' own HNSW."""

    name, package = "hnswlib", "hnswlib"

    def build(self, rows: FloatRows) -> None:
        import hnswlib

        self._index: Any = hnswlib.Index(space="cosine", dim=rows.shape[1])
        self._index.init_index(len(rows), ef_construction=BUILD_EFFORT, M=LINKS)
        self._index.set_num_threads(1)
        self._index.add_items(rows)

    def set_effort(self, effort: int) -> None:
        self._index.set_ef(effort)

    def search(self, query: FloatRows, k: int) -> Ids:
        return np.asarray(self._index.knn_query(query, k)[0][0], dtype=np.int64)


class Usearch(GraphPeer):
    """usearch in float32."""

    name, package = "usearch", "usearch"

    def build(self, rows: FloatRows) -> None:
        from usearch.index import Index

        self._index: Any = Index(
            ndim=rows.shape[1],
            metric="cos",
            dtype="f32",
            connectivity=LINKS,
            expansion_add=BUILD_EFFORT,
        )
        self._index.add(np.arange(len(rows)), rows, threads=1)

    def set_effort(self, effort: int) -> None:
        self._index.expansion_search = effort

    def search(self, query: FloatRows, k: int) -> Ids:
        return np.asarray(self._index.search(query, k, threads=1).keys, dtype=np.int64)


class Faiss(GraphPeer):
    """faiss's HNSW by inner product of unit vectors: what our graph is made of."""

    name, package = "faiss", "faiss"

    def build(self, rows: FloatRows) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self._index: Any = faiss.IndexHNSWFlat(rows.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = BUILD_EFFORT
        self._index.add(rows)

    def set_effort(self, effort: int) -> None:
        self._index.hnsw.efSearch = effort

    def search(self, query: FloatRows, k: int) -> Ids:
        return np.asarray(self._index.search(query[None], k)[1][0], dtype=np.int64)


GRAPHS: dict[str, type[GraphPeer]] = {peer.name: peer for peer in (Hnswlib, Usearch, Faiss)}


def installed_graphs() -> dict[str, type[GraphPeer]]:
    """Those whose package is there."""
    return {name: peer for name, peer in GRAPHS.items() if find_spec(peer.package)}
