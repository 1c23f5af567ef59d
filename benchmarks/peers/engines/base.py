"""The protocol of an engine: build, save, load, and search at an effort, in batches or singly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchmarks.data import FloatRows

Ids = npt.NDArray[np.int64]

#: The shape of the HNSW graphs here: links on the upper levels (twice as many on the lowest),
#: and the list length while building.
LINKS, BUILD_EFFORT = 16, 200
#: List lengths of graph searches, shortest first.
LENGTHS = (10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512, 768, 1024)


class Engine(ABC):
    """An index of rows in memory.

    An engine is built with as many threads as it is told, and saved; what is searched has been
    loaded from there, and searches in one thread.

    Args:
        metric: cosine (over rows of unit length) or euclidean.
    """

    name: ClassVar[str]
    #: The package that must be installed.
    package: ClassVar[str]
    #: What a reader must know of how it is set up.
    note: ClassVar[str]

    def __init__(self, metric: str) -> None:
        if metric not in ("cosine", "euclidean"):
            raise ValueError(f"metric must be cosine or euclidean; got {metric!r}")
        self.metric = metric

    @property
    def efforts(self) -> Sequence[Any]:
        """How hard to search, least first."""
        return LENGTHS

    @abstractmethod
    def build(self, rows: FloatRows, threads: int) -> None:
        """Index the rows; timed."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the index into an empty folder."""

    @abstractmethod
    def load(self, folder: Path, rows: FloatRows) -> None:
        """Read the index back; ``rows`` are those it was built from, for one that maps them."""

    @abstractmethod
    def set_effort(self, effort: Any) -> None:
        """Search this hard from now on; takes no time worth counting."""

    @abstractmethod
    def search(self, queries: FloatRows, k: int) -> Ids:
        """(queries, k) positions of the k nearest of each; timed."""

    @abstractmethod
    def search_one(self, query: FloatRows, k: int) -> Ids:
        """(k,) positions of the k nearest of one (dim,) query; timed."""


def label(effort: Any) -> str:
    """An effort in a table."""
    if isinstance(effort, tuple):
        return "/".join(map(label, effort))
    return f"{effort:g}" if isinstance(effort, float) else str(effort)
