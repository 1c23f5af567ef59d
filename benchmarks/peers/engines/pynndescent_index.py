"""pynndescent: a graph by neighbour descent, compiled by numba as ours is."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.data import FloatRows
from benchmarks.peers.engines.base import Engine, Ids

EPSILONS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.12, 0.16, 0.2, 0.24, 0.28, 0.32, 0.4)


class Pynndescent(Engine):
    """Its defaults; the search is prepared while building."""

    name, package = "pynndescent", "pynndescent"
    note = "pynndescent: its defaults (30 neighbours), float32; efforts are values of epsilon."
    #: By metric: what it calls the copy that it searches with; None is the rows themselves.
    quantization: ClassVar[dict[str, str | None]] = {"cosine": None, "euclidean": None}

    @property
    def efforts(self) -> Sequence[Any]:
        return EPSILONS

    def build(self, rows: FloatRows, threads: int) -> None:
        from pynndescent import NNDescent

        self._index: Any = NNDescent(
            rows,
            # Rows are of unit length: its "dot" is the cosine without the square roots.
            metric={"cosine": "dot", "euclidean": "euclidean"}[self.metric],
            quantization=self.quantization[self.metric],
            n_jobs=threads,
            random_state=0,
        )
        self._index.prepare()

    def save(self, folder: Path) -> None:
        # The one way it can be saved; the file is ours and read within the hour.
        with open(folder / "index", "wb") as file:
            pickle.dump(self._index, file)

    def load(self, folder: Path, rows: FloatRows) -> None:
        with open(folder / "index", "rb") as file:
            self._index = pickle.load(file)
        self._index.n_jobs = 1

    def set_effort(self, effort: float) -> None:
        self._epsilon = effort

    def search(self, queries: FloatRows, k: int) -> Ids:
        found: Ids = self._index.query(queries, k, epsilon=self._epsilon)[0]
        return found

    def search_one(self, query: FloatRows, k: int) -> Ids:
        found: Ids = self._index.query(query[None], k, epsilon=self._epsilon)[0][0]
        return found


class QuantizedPynndescent(Pynndescent):
    """The same graph searched over 8-bit codes."""

    name = "pynndescent 8-bit"
    note = "pynndescent 8-bit: the same with quantization int8 (cosine) or uint8 (euclidean)."
    quantization: ClassVar[dict[str, str | None]] = {"cosine": "int8", "euclidean": "uint8"}
