"""Ours: `Window`, as the users get it, and each of its methods alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import likewise as lw
from benchmarks.peers.windows.base import LENGTHS, Ids, Rows, WindowEngine
from benchmarks.windows import Numbers

#: What is asked for when nothing is said, and what else it is tried with.
ASKED = 0.95
TARGETS = (0.7, 0.8, 0.85, 0.9, 0.925, ASKED, 0.97, 0.98, 0.99, 0.995, 0.999)
FAMILY = "Likewise"


class LikewiseWindow(WindowEngine):
    """Checked input, results with distances and a report; efforts are recall targets."""

    name, package, place, family = "Likewise", "likewise", "likewise", FAMILY
    note = "Likewise is `Window` with its defaults; efforts are the recall it is asked for."
    overlap: ClassVar[bool] = False

    def build(self, threads: int, folder: Path) -> None:
        folder.mkdir(parents=True)
        options = {"overlap": True} if self.overlap else {}
        index: Any = lw.index.Window(self.data.metric, n_jobs=threads, **options)
        index.fit(self.data.rows, attribute=self.data.attribute)
        # The caller has the rows in a file of its own, as a collection does.
        index.save(folder / "window", include_rows=False)

    def load(self, folder: Path) -> None:
        self._index: Any = lw.index.load(folder / "window", rows=self.data.rows)

    @property
    def ladders(self) -> Sequence[Sequence[Any]]:
        return [TARGETS]

    def set_effort(self, effort: Any) -> None:
        self._asked: dict[str, Any] = {"recall": effort}

    def search(self, queries: Rows, lows: Numbers, highs: Numbers, k: int) -> Ids:
        found = self._index.search(queries, k, window=(lows, highs), **self._asked)
        # Answers may be of unequal length: flat ids, and where each begins.
        ids = np.full((len(queries), k), -1, dtype=np.int64)
        ids[np.arange(k) < np.diff(found.offsets)[:, None]] = found.flat_ids
        return ids


class LikewiseMethod(LikewiseWindow):
    """One method of `Window` for all windows, whatever it costs; no peer of ours."""

    method: ClassVar[str]
    note = "Likewise with a method after its name: that alone; efforts are lengths of the list."

    @property
    def ladders(self) -> Sequence[Sequence[Any]]:
        return [LENGTHS]

    def set_effort(self, effort: int) -> None:
        self._asked = {"method": self.method, "effort": effort}


class LikewiseScan(LikewiseMethod):
    name, method = "Likewise scan", "scan"

    @property
    def ladders(self) -> Sequence[Sequence[Any]]:
        return [(ASKED,)]  # its list is as long as it has to be

    def set_effort(self, effort: float) -> None:
        self._asked = {"method": self.method, "recall": effort}


class LikewiseParts(LikewiseMethod):
    name, method = "Likewise parts", "parts"


class LikewisePostfilter(LikewiseMethod):
    name, method = "Likewise postfilter", "postfilter"


class LikewiseTree(LikewiseMethod):
    name, method = "Likewise tree", "tree"


class LikewiseThreeSplit(LikewiseMethod):
    name, method = "Likewise three-split", "three-split"


class LikewiseSuper(LikewiseMethod):
    name, method, place, overlap = "Likewise super", "super", "likewise-overlap", True
