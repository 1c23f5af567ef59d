"""faiss: its HNSW, and its inverted file with product codes scanned in registers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import FloatRows
from benchmarks.peers.engines.base import BUILD_EFFORT, Engine, Ids

#: More links than hnswlib's: of the settings tried, the one at which faiss is fastest.
FAISS_LINKS = 32
#: faiss asks for so many rows to train a centre.
ROWS_A_CENTRE = 39
PROBES, FACTORS = (2, 4, 8, 16, 32, 64, 128, 256), (5, 20, 60)


class Faiss(Engine):
    """What the two have in common."""

    package = "faiss"

    @abstractmethod
    def _factory(self, rows: int, dim: int) -> str:
        """The index in the words of `faiss.index_factory`."""

    def build(self, rows: FloatRows, threads: int) -> None:
        import faiss

        faiss.omp_set_num_threads(threads)
        # Unit vectors: the inner product ranks as the cosine does.
        metric = faiss.METRIC_INNER_PRODUCT if self.metric == "cosine" else faiss.METRIC_L2
        self._index: Any = faiss.index_factory(rows.shape[1], self._factory(*rows.shape), metric)
        self._prepare()
        self._index.train(rows)
        self._index.add(rows)

    def _prepare(self) -> None:
        """What cannot be said to the factory; nothing here."""
        return

    def save(self, folder: Path) -> None:
        import faiss

        faiss.write_index(self._index, str(folder / "index"))

    def load(self, folder: Path, rows: FloatRows) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self._index = faiss.read_index(str(folder / "index"))

    def search(self, queries: FloatRows, k: int) -> Ids:
        found: Ids = self._index.search(queries, k)[1]
        return found

    def search_one(self, query: FloatRows, k: int) -> Ids:
        found: Ids = self._index.search(query[None], k)[1][0]
        return found


class FaissHnsw(Faiss):
    """HNSW over float32."""

    name = "faiss HNSW"
    note = f"faiss HNSW: M={FAISS_LINKS}, efConstruction={BUILD_EFFORT}, float32."

    def _factory(self, rows: int, dim: int) -> str:
        return f"HNSW{FAISS_LINKS}"

    def _prepare(self) -> None:
        self._index.hnsw.efConstruction = BUILD_EFFORT

    def set_effort(self, effort: int) -> None:
        self._index.hnsw.efSearch = effort


class FaissFastScan(Faiss):
    """Inverted file with 4-bit product codes, ranked again from float32."""

    name = "faiss IVF"
    note = (
        "faiss IVF: 4 √n lists, 4-bit product codes of up to 4 numbers each (FastScan), ranked "
        "again from float32; efforts are lists probed and how many times k is ranked again."
    )

    @property
    def efforts(self) -> Sequence[Any]:
        return list(product(PROBES, FACTORS))

    def _factory(self, rows: int, dim: int) -> str:
        lists = max(1, min(int(4 * np.sqrt(rows)), rows // ROWS_A_CENTRE))
        step = next(step for step in (4, 3, 2, 1) if dim % step == 0)
        return f"IVF{lists},PQ{dim // step}x4fs,RFlat"

    def set_effort(self, effort: tuple[int, int]) -> None:
        import faiss

        probes, self._index.k_factor = effort
        lists: Any = faiss.downcast_index(self._index.base_index)
        lists.nprobe = probes
