"""`Proposer`: short codes that say which rows are worth an exact look."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likewise.index._rows import Float32Array

IdArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Arrays = dict[str, npt.NDArray[Any]]


class Proposer(ABC):
    """Codes of placed rows (see `_placing`), and near rows by them; what it says is a guess.

    Rows keep the numbers they are inserted with. Asking may happen in several threads at once.
    """

    #: The shares of the true neighbours that ranking by codes may lose, one a level of effort.
    losses: ClassVar[tuple[float, ...]]

    @abstractmethod
    def insert(self, placed: Float32Array, ids: IdArray, jobs: int) -> None:
        """Code ``placed`` (m, width) under the numbers ``ids``, ascending and new."""

    @abstractmethod
    def propose(
        self, placed: Float32Array, probe: int, count: int, allowed: BoolArray | None
    ) -> IdArray:
        """(b, count) row numbers, nearest first by the codes; -1 where there are no more.

        Args:
            placed: (b, width) queries.
            probe: how much to look at, one of `probes`.
            count: how many a query.
            allowed: (numbers,) mask of the rows that count; None for all.
        """

    @abstractmethod
    def probes(self) -> tuple[int, ...]:
        """Ascending choices of how much to look at."""

    @abstractmethod
    def compared(self, probe: int) -> int:
        """Codes compared for one query, on average."""

    @abstractmethod
    def read(self, probe: int) -> float:
        """What one query reads, in float32 numbers (4 bytes), on average."""

    @abstractmethod
    def compact(self, keep: IdArray) -> None:
        """Forget all numbers but ``keep`` (ascending), which become 0, 1, 2, …"""

    @abstractmethod
    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Arrays and plain values for a file."""
