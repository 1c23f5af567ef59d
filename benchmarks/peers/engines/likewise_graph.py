"""Ours: `Graph`, its originals memory-mapped beside it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import likewise as lw
from benchmarks.data import FloatRows
from benchmarks.peers.engines.base import LENGTHS, Engine, Ids

#: Recall targets, for a graph that takes no effort.
TARGETS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995)


class Likewise(Engine):
    """The graph as the users get it: checked input, results with distances and a report."""

    name, package = "Likewise", "likewise"
    note = "Likewise is `Graph` with its defaults; answers are ranked again from the originals."

    @property
    def efforts(self) -> Sequence[Any]:
        return LENGTHS if self._by == "effort" else TARGETS

    @property
    def _by(self) -> str:
        """What a search is told: its list length where it takes one, else a recall target."""
        parameters = inspect.signature(lw.index.Graph.search).parameters
        return "effort" if "effort" in parameters else "recall"

    def build(self, rows: FloatRows, threads: int) -> None:
        self._index: Any = lw.index.Graph(self.metric, n_jobs=threads).fit(rows)

    def save(self, folder: Path) -> None:
        # The caller has the rows in a file of its own, as a collection does.
        self._index.save(folder / "graph", include_rows=False)

    def load(self, folder: Path, rows: FloatRows) -> None:
        self._index = lw.index.load(folder / "graph", rows=rows)

    def set_effort(self, effort: Any) -> None:
        self._asked: dict[str, Any] = {self._by: effort}

    def search(self, queries: FloatRows, k: int) -> Ids:
        found: Ids = self._index.search(queries, k, **self._asked).ids
        return found

    def search_one(self, query: FloatRows, k: int) -> Ids:
        found: Ids = self._index.search(query, k, **self._asked)[0].ids
        return found
