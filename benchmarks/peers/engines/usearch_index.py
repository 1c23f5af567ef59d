"""usearch: HNSW over rows kept as float16, at which it is faster than over float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import FloatRows
from benchmarks.peers.engines.base import BUILD_EFFORT, LINKS, Engine, Ids


class Usearch(Engine):
    """Half precision, without ranking again."""

    name, package = "usearch", "usearch"
    note = f"usearch: connectivity={LINKS}, expansion_add={BUILD_EFFORT}, float16."

    def build(self, rows: FloatRows, threads: int) -> None:
        from usearch.index import Index

        self._index: Any = Index(
            ndim=rows.shape[1],
            metric={"cosine": "cos", "euclidean": "l2sq"}[self.metric],
            dtype="f16",
            connectivity=LINKS,
            expansion_add=BUILD_EFFORT,
        )
        self._index.add(np.arange(len(rows)), rows, threads=threads)

    def save(self, folder: Path) -> None:
        self._index.save(str(folder / "index"))

    def load(self, folder: Path, rows: FloatRows) -> None:
        from usearch.index import Index

        self._index = Index.restore(str(folder / "index"))

    def set_effort(self, effort: int) -> None:
        self._index.expansion_search = effort

    def search(self, queries: FloatRows, k: int) -> Ids:
        found: Ids = self._index.search(queries, k, threads=1).keys
        return found

    def search_one(self, query: FloatRows, k: int) -> Ids:
        found: Ids = self._index.search(query, k, threads=1).keys
        return found
