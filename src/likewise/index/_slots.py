"""Slots: rows lie densely, in order of the positions that the user knows them by.

A position is given out once and never again. A slot is where a row lies: slot 0 is the row of
the smallest position that is still kept. A deleted row stays in its slot, masked, until so many
are dead that the index is compacted; then the others move together and keep their positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import DamagedFile

BoolArray = npt.NDArray[np.bool_]
IdArray = npt.NDArray[np.int64]

#: An index is compacted when more than this share of its slots is dead, and more than so many:
#: each deletion then pays for moving a handful of rows, and memory stays within a seventh.
DEAD_SHARE, FEWEST_DEAD = 1 / 8, 64


class Slots:
    """Which position each slot has, and which slots live.

    Attributes:
        count: slots there are.
        deleted: how many of them are dead.
        next_position: the position that the next row will get.
    """

    __slots__ = ("_alive", "_positions", "count", "deleted", "next_position")

    def __init__(self, count: int) -> None:
        self.count, self.deleted, self.next_position = count, 0, count
        self._alive = np.ones(count, dtype=np.bool_)
        self._positions: IdArray | None = None

    @property
    def alive(self) -> BoolArray:
        """(count,) mask of the slots that live."""
        return self._alive[: self.count]

    @property
    def identity(self) -> bool:
        """Whether every slot is its own position."""
        # Positions ascend from 0 and differ: as many as were given out, and none is missing.
        return self.next_position == self.count

    @property
    def positions(self) -> IdArray:
        """(count,) the position of each slot, ascending."""
        if self._positions is None:
            return np.arange(self.count)
        return self._positions[: self.count]

    @property
    def overfull(self) -> bool:
        """Whether enough are dead that the index should be compacted."""
        return self.deleted > FEWEST_DEAD and self.deleted > DEAD_SHARE * self.count

    # -- changes -----------------------------------------------------------------------

    def grow(self, rows: int) -> IdArray:
        """Append slots for new rows; returns their positions. Cost O(rows) on average."""
        new = np.arange(self.next_position, self.next_position + rows)
        if self._positions is not None:
            self._positions = _appended(self._positions, self.count, new)
        self._alive = _appended(self._alive, self.count, np.ones(rows, dtype=np.bool_))
        self.count += rows
        self.next_position += rows
        return new

    def take_back(self, rows: int) -> None:
        """Undo the last `grow`."""
        self.count -= rows
        self.next_position -= rows

    def delete(self, positions: IdArray) -> int:
        """Mask the slots of these (any order, unknown ones too); returns how many lived."""
        slots = self.to_slots(np.unique(positions))
        slots = slots[self.alive[slots]]
        self._alive[slots] = False
        self.deleted += len(slots)
        return len(slots)

    def compacted(self, keep: IdArray) -> Slots:
        """The slots ``keep`` (ascending) moved together; positions stay."""
        new = Slots(len(keep))
        new.next_position = self.next_position
        if not new.identity:
            new._positions = self.positions[keep]
        return new

    def copy(self) -> Slots:
        """The same slots, which change apart from these."""
        new = Slots(0)
        new.count, new.deleted, new.next_position = self.count, self.deleted, self.next_position
        new._alive = self.alive.copy()
        new._positions = None if self._positions is None else self.positions.copy()
        return new

    # -- translation -------------------------------------------------------------------

    def to_positions(self, slots: IdArray) -> IdArray:
        """The positions of ``slots``."""
        return slots if self._positions is None else self._positions[slots]

    def to_slots(self, positions: IdArray) -> IdArray:
        """The slots of those of ``positions`` (ascending) that still have one."""
        if self._positions is None:
            return positions[(positions >= 0) & (positions < self.count)]
        held = self.positions
        slots = np.searchsorted(held, positions)
        slots, positions = slots[inside := slots < len(held)], positions[inside]
        found: IdArray = slots[held[slots] == positions]
        return found

    def span(self, first: int, stop: int) -> tuple[int, int]:
        """The slots whose positions are ``first`` to ``stop - 1``, as a range."""
        if self._positions is None:
            return first, stop
        low, high = np.searchsorted(self.positions, (first, stop)).tolist()
        return low, high

    # -- files -------------------------------------------------------------------------

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file keeps: the mask, and the steps between positions in as few bytes as do."""
        arrays: dict[str, npt.NDArray[Any]] = {"alive": self.alive}
        if not self.identity:
            steps = np.diff(self.positions)
            arrays["steps"] = steps.astype(np.min_scalar_type(int(steps.max(initial=0))))
            arrays["ends"] = np.array([*self.positions[:1], self.next_position], dtype=np.int64)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], count: int) -> Slots:
        """The inverse of `to_arrays`.

        Raises:
            DamagedFile: the arrays do not belong together.
        """
        new = cls(count)
        if arrays["alive"].shape != (count,):
            raise DamagedFile(f"{count} rows, and a mask of shape {arrays['alive'].shape}")
        new._alive = arrays["alive"].copy()
        new.deleted = count - int(np.count_nonzero(new._alive))
        if "ends" in arrays:
            *first, new.next_position = arrays["ends"].tolist()
            steps = arrays["steps"].astype(np.int64)
            new._positions = np.cumsum(np.concatenate([np.array(first, dtype=np.int64), steps]))
            if len(new._positions) != count or (count and new._positions[-1] >= new.next_position):
                raise DamagedFile(f"{count} rows, and positions that are not theirs")
        return new


def _appended(buffer: npt.NDArray[Any], count: int, new: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """``buffer`` with ``new`` from place ``count`` on; a longer one where it is too short."""
    needed = count + len(new)
    if needed > len(buffer):
        grown = np.empty(max(needed, 2 * count), dtype=buffer.dtype)
        grown[:count] = buffer[:count]
        buffer = grown
    buffer[count:needed] = new
    return buffer
