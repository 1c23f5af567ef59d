"""faiss with an id selector: rows in the order of the number, a window a range of ids."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.engines.base import BUILD_EFFORT
from benchmarks.peers.engines.faiss_indexes import FAISS_LINKS, ROWS_A_CENTRE
from benchmarks.peers.windows.base import LENGTHS, Ids, Rows, WindowEngine
from benchmarks.windows import Numbers


class Selector(WindowEngine):
    """What the two have in common; one call a query, as the selector differs."""

    package, family = "faiss", "faiss"

    @abstractmethod
    def _factory(self) -> str:
        """The index in the words of `faiss.index_factory`."""

    @abstractmethod
    def _parameters(self, selector: Any) -> Any:
        """What a search is told."""

    def build(self, threads: int, folder: Path) -> None:
        import faiss

        folder.mkdir(parents=True)
        faiss.omp_set_num_threads(threads)
        # Unit vectors: the inner product ranks as the cosine does.
        cosine = self.data.metric == "cosine"
        metric = faiss.METRIC_INNER_PRODUCT if cosine else faiss.METRIC_L2
        index = faiss.index_factory(self.data.dim, self._factory(), metric)
        self._prepare(index)
        index.train(self.ordered.rows)
        index.add(self.ordered.rows)
        faiss.write_index(index, str(folder / "index"))

    def _prepare(self, index: Any) -> None:
        """What cannot be said to the factory; nothing here."""
        return

    def load(self, folder: Path) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self._index: Any = faiss.read_index(str(folder / "index"))

    def set_effort(self, effort: Any) -> None:
        self._effort = effort

    def search(self, queries: Rows, lows: Numbers, highs: Numbers, k: int) -> Ids:
        import faiss

        starts, stops = (positions.tolist() for positions in self.ordered.span(lows, highs))
        found = np.empty((len(queries), k), dtype=np.int64)
        for i in range(len(queries)):
            selector = faiss.IDSelectorRange(starts[i], stops[i], True)
            parameters = self._parameters(selector)
            found[i] = self._index.search(queries[i : i + 1], k, params=parameters)[1][0]
        return np.where(found < 0, -1, self.ordered.order[found])


class SelectorHnsw(Selector):
    """HNSW over float32: the walk goes everywhere, what it keeps is in the window."""

    name, place = "faiss HNSW selector", "faiss-hnsw"
    note = (
        f"faiss HNSW selector: M={FAISS_LINKS}, efConstruction={BUILD_EFFORT}, float32; an "
        "IDSelectorRange for each query; efforts are efSearch."
    )

    def _factory(self) -> str:
        return f"HNSW{FAISS_LINKS}"

    def _prepare(self, index: Any) -> None:
        index.hnsw.efConstruction = BUILD_EFFORT

    @property
    def ladders(self) -> Sequence[Sequence[int]]:
        return [(*LENGTHS, len(self.data.rows))]

    def _parameters(self, selector: Any) -> Any:
        import faiss

        return faiss.SearchParametersHNSW(sel=selector, efSearch=self._effort)


class SelectorIvf(Selector):
    """Inverted lists over float32: of the lists probed, the rows in the window are computed."""

    name, place = "faiss IVF selector", "faiss-ivf"
    note = (
        "faiss IVF selector: √n lists of float32; an IDSelectorRange for each query; efforts are "
        "lists probed."
    )

    def _factory(self) -> str:
        return f"IVF{self._lists},Flat"

    @property
    def _lists(self) -> int:
        rows = len(self.data.rows)
        return max(1, min(int(np.sqrt(rows)), rows // ROWS_A_CENTRE))

    @property
    def ladders(self) -> Sequence[Sequence[int]]:
        steps = {min(self._lists, round(2 ** (i / 2))) for i in range(40)}
        return [sorted(steps)]

    def _parameters(self, selector: Any) -> Any:
        import faiss

        return faiss.SearchParametersIVF(sel=selector, nprobe=self._effort)
