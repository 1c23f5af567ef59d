"""An index within another: its state among the other's arrays, and its rows by their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from likewise.index._rows import GrowingRows
from likewise.index._slots import Slots
from likewise.index.base import Index

Arrays = dict[str, npt.NDArray[Any]]
AnyIndex = TypeVar("AnyIndex", bound=Index)


def packed(index: Index, prefix: str) -> tuple[Arrays, dict[str, Any]]:
    """The arrays (their names begin with ``prefix``) and plain values of a fitted index."""
    arrays, state = index._state()
    arrays = {"rows": index.rows, **index._slots.to_arrays(), **arrays}
    named = {prefix + name: array for name, array in arrays.items()}
    header = {"metric": index.metric, "random_state": index.random_state, "state": state}
    return named, header


def unpacked(
    kind: type[AnyIndex],
    prefix: str,
    arrays: Mapping[str, npt.NDArray[Any]],
    header: dict[str, Any],
    n_jobs: int | None,
) -> AnyIndex:
    """The inverse of `packed`."""
    own = {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
    index = kind(header["metric"], random_state=header["random_state"], n_jobs=n_jobs)
    rows = GrowingRows(own["rows"])
    index._slots = Slots.from_arrays(own, len(rows))
    index._restore(rows, own, header["state"])
    return index


class Numbers:
    """The numbers by which somebody knows the rows of an index, beside their positions there.

    Both ascend. Numbers change when rows are compacted; positions never do.
    """

    def __init__(self, positions: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]) -> None:
        self._positions, self._numbers = positions, numbers

    def append(self, positions: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]) -> None:
        """More rows, which come after those there are."""
        self._positions = np.concatenate([self._positions, positions])
        self._numbers = np.concatenate([self._numbers, numbers])

    def of(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The numbers of ``positions``, all of which are known."""
        found: npt.NDArray[np.int64] = self._numbers[np.searchsorted(self._positions, positions)]
        return found

    def passing(self, allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """The positions of the numbers that a mask passes, ascending."""
        return self._positions[allowed[self._numbers]]

    def compact(self, keep: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """``keep`` (ascending) become 0, 1, 2, ...; returns the positions of the others."""
        stay = np.isin(self._numbers, keep)
        gone = self._positions[~stay]
        self._positions = self._positions[stay]
        self._numbers = np.searchsorted(keep, self._numbers[stay])
        return gone

    def to_arrays(self, prefix: str) -> Arrays:
        """What a file keeps."""
        return {prefix + "positions": self._positions, prefix + "numbers": self._numbers}

    @classmethod
    def from_arrays(cls, prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Numbers:
        """The inverse of `to_arrays`."""
        return cls(np.array(arrays[prefix + "positions"]), np.array(arrays[prefix + "numbers"]))
