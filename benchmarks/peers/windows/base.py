"""The protocol of an engine that searches in windows: build, load, and search at an effort."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchmarks.attributed import AttributedSet
from benchmarks.windows import Numbers, Ordered

Ids = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float32]

#: List lengths of graph searches, shortest first.
LENGTHS = (10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640, 960, 1400, 2000, 4000, 8000)


class WindowEngine(ABC):
    """Rows with a number each, of which those with a number in a window are searched.

    Args:
        data: the set; rows and queries are of unit length where its metric is cosine.
        ordered: the same in the order of the number.
    """

    name: ClassVar[str]
    #: The package that must be installed.
    package: ClassVar[str]
    #: What a reader must know of how it is set up.
    note: ClassVar[str]
    #: Whose it is; the best of a family counts as one peer too.
    family: ClassVar[str] = ""
    #: Engines of one place share what was built there.
    place: ClassVar[str] = ""

    def __init__(self, data: AttributedSet, ordered: Ordered) -> None:
        self.data, self.ordered = data, ordered

    @abstractmethod
    def build(self, threads: int, folder: Path) -> None:
        """Index the rows and write what can be kept into a folder; timed."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Read what was built, to be searched in one thread."""

    @property
    @abstractmethod
    def ladders(self) -> Sequence[Sequence[Any]]:
        """How hard to search: ladders of efforts, each least first."""

    def able(self, matching: int) -> bool:
        """Whether it can answer where the fewest rows in a window are ``matching``."""
        return True

    @abstractmethod
    def set_effort(self, effort: Any) -> None:
        """Search this hard from now on; takes no time worth counting."""

    @abstractmethod
    def search(self, queries: Rows, lows: Numbers, highs: Numbers, k: int) -> Ids:
        """(queries, k) positions of the nearest rows in the window of each; timed.

        Both bounds are inclusive; -1 where there are no more.
        """


def filled(found: Sequence[npt.NDArray[Any]], k: int) -> Ids:
    """Rows of unequal length as one array, -1 where there are no more."""
    answer = np.full((len(found), k), -1, dtype=np.int64)
    for i, ids in enumerate(found):
        answer[i, : len(ids)] = ids
    return answer
