"""The protocol of a store: open a folder, take batches, search with a filter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.data import Data, FloatRows


class Store(ABC):
    """A store in a folder of its own.

    Args:
        path: the folder; made by the store when it is not there.
    """

    name: ClassVar[str]
    #: The package that must be installed.
    package: ClassVar[str]
    #: How hard to search, least first; None where there is nothing to choose.
    efforts: ClassVar[Sequence[Any]] = (None,)

    @abstractmethod
    def __init__(self, path: Path) -> None: ...

    @abstractmethod
    def prepare(self, data: Data, start: int, stop: int) -> Any:
        """These rows in the form the store likes best; not timed."""

    @abstractmethod
    def add(self, batch: Any) -> None:
        """Keep a prepared batch; timed."""

    @abstractmethod
    def upsert(self, batch: Any) -> None:
        """Keep a prepared batch, replacing by id; timed."""

    def finish(self) -> None:
        """Index everything, where adding does not; called after the last batch."""
        return

    def set_effort(self, effort: Any) -> None:
        """Search this hard from now on, where there is a choice."""
        return

    def search(self, query: FloatRows, k: int, year: int | None, language: str | None) -> list[str]:
        """The ids of the k nearest by cosine, their metadata fetched too."""
        raise NotImplementedError(f"{self.name} does not search")

    @abstractmethod
    def close(self) -> None:
        """Let go of the folder."""
