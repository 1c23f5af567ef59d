"""Ours: `Window`, as the users get it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import likewise as lw
from benchmarks.peers.windows.base import Ids, Rows, WindowEngine
from benchmarks.windows import Numbers

#: What is asked for when nothing is said, and what else it is tried with.
ASKED = 0.95
TARGETS = (0.7, 0.8, 0.85, 0.9, 0.925, ASKED, 0.97, 0.98, 0.99, 0.995, 0.999)


class LikewiseWindow(WindowEngine):
    """Checked input, results with distances and a report; efforts are recall targets."""

    name, package, place = "Likewise", "likewise", "likewise"
    note = "Likewise is `Window` with its defaults; efforts are the recall it is asked for."

    def build(self, threads: int, folder: Path) -> None:
        folder.mkdir(parents=True)
        fresh: Any = lw.index.Window(self.data.metric, n_jobs=threads)
        self.index = fresh.fit(self.data.rows, attribute=self.data.attribute)

    def load(self, folder: Path) -> None:
        return  # built in this process: our own code is what changes between two runs

    @property
    def ladders(self) -> Sequence[Sequence[float]]:
        return [TARGETS]

    def set_effort(self, effort: float) -> None:
        self._recall = effort

    def search(self, queries: Rows, lows: Numbers, highs: Numbers, k: int) -> Ids:
        found = self.index.search(queries, k, window=(lows, highs), recall=self._recall)
        # Rows of an answer may be of unequal length: flat ids, and where each begins.
        ids = np.full((len(queries), k), -1, dtype=np.int64)
        lengths = np.diff(found.offsets)
        ids[np.arange(k) < lengths[:, None]] = found.flat_ids
        return ids
