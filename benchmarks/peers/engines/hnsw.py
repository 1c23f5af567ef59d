"""hnswlib: the authors' own HNSW, by which everybody is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.data import FloatRows
from benchmarks.peers.engines.base import BUILD_EFFORT, LINKS, Engine, Ids


class Hnswlib(Engine):
    """Its usual setting, over float32."""

    name, package = "hnswlib", "hnswlib"
    note = f"hnswlib: M={LINKS}, ef_construction={BUILD_EFFORT}."

    def _empty(self, dim: int) -> Any:
        import hnswlib

        return hnswlib.Index({"cosine": "cosine", "euclidean": "l2"}[self.metric], dim)

    def build(self, rows: FloatRows, threads: int) -> None:
        self._index = self._empty(rows.shape[1])
        self._index.init_index(len(rows), ef_construction=BUILD_EFFORT, M=LINKS)
        self._index.add_items(rows, num_threads=threads)

    def save(self, folder: Path) -> None:
        self._index.save_index(str(folder / "index"))

    def load(self, folder: Path, rows: FloatRows) -> None:
        self._index = self._empty(rows.shape[1])
        self._index.load_index(str(folder / "index"), max_elements=len(rows))
        self._index.set_num_threads(1)

    def set_effort(self, effort: int) -> None:
        self._index.set_ef(effort)

    def search(self, queries: FloatRows, k: int) -> Ids:
        found: Ids = self._index.knn_query(queries, k)[0]
        return found

    def search_one(self, query: FloatRows, k: int) -> Ids:
        found: Ids = self._index.knn_query(query, k)[0][0]
        return found
