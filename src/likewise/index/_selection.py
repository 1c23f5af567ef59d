"""Which rows a search may return: the filter given and the rows not deleted, in one.

The filter speaks of positions, what comes of it of slots (see `_slots`).
"""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidFilter
from likewise.index._slots import Slots

BoolArray = npt.NDArray[np.bool_]
IdArray = npt.NDArray[np.int64]


class Selection:
    """The rows that match, out of ``size`` slots.

    Attributes:
        size: slots there are.
        count: how many match.
        span: (first, stop) where a range of positions was asked for: the slots in it that
            ``alive`` passes are those that match. None otherwise.
        alive: with ``span``, the (size,) mask of the slots that live; None where all in the span
            do. Without ``span``, ``where`` says it all.
    """

    __slots__ = ("_where", "alive", "count", "size", "span")

    def __init__(
        self,
        size: int,
        count: int,
        where: BoolArray | IdArray | None = None,
        *,
        span: tuple[int, int] | None = None,
        alive: BoolArray | None = None,
    ) -> None:
        self.size, self.count, self._where = size, count, where
        self.span, self.alive = span, alive

    @property
    def where(self) -> BoolArray | IdArray | None:
        """None when all match, else a (size,) mask, or the ascending slots."""
        if self._where is None and self.span is not None:
            first, stop = self.span
            if self.alive is None:
                self._where = np.arange(first, stop)
            else:
                self._where = first + np.flatnonzero(self.alive[first:stop])
        return self._where

    def slots(self) -> npt.NDArray[np.int32]:
        """As the ascending slots."""
        where = self.where
        if where is None:
            return np.arange(self.size, dtype=np.int32)
        return (np.flatnonzero(where) if is_mask(where) else where).astype(np.int32)

    @property
    def share(self) -> float:
        """The matching share of all slots."""
        return self.count / self.size if self.size else 0.0

    def mask(self) -> BoolArray | None:
        """As a mask (None when all match)."""
        where = self.where
        if where is None or is_mask(where):
            return where
        mask = np.zeros(self.size, dtype=np.bool_)
        mask[where] = True
        return mask


def is_mask(where: BoolArray | IdArray) -> TypeGuard[BoolArray]:
    """Whether ``where`` is a mask and not slots."""
    return where.dtype == np.bool_


def select(where: Any, slots: Slots) -> Selection:
    """``where`` (see `Index.search`) without the deleted rows.

    Raises:
        InvalidFilter: a mask of another length, positions that never were, or neither.
    """
    if where is None:
        alive = slots.alive if slots.deleted else None
        return Selection(slots.count, slots.count - slots.deleted, alive)
    if isinstance(where, slice):
        where = range(*where.indices(slots.next_position))
    if isinstance(where, range) and where.step == 1:
        return _from_range(where, slots)
    given = np.asarray(where)
    if given.dtype == np.bool_ and given.ndim == 1 and given.size:
        return _from_mask(given, slots)
    if given.ndim == 1 and (given.dtype.kind in "iu" or given.size == 0):
        return _from_positions(np.unique(given.astype(np.int64)), slots)
    raise InvalidFilter(
        f"where must be a mask of {slots.next_position} booleans, an array of positions or a "
        f"range of them; got {given.dtype} of shape {given.shape}"
    )


def _from_mask(mask: BoolArray, slots: Slots) -> Selection:
    if len(mask) != slots.next_position:
        raise InvalidFilter(
            f"where is a mask of {len(mask)} booleans; the index has given out "
            f"{slots.next_position} positions (next_position; deleted ones are among them)"
        )
    passing = mask if slots.identity else mask[slots.positions]
    if slots.deleted:
        passing = passing & slots.alive
    count = int(np.count_nonzero(passing))
    return Selection(slots.count, count, None if count == slots.count else passing)


def _from_positions(positions: IdArray, slots: Slots) -> Selection:
    if len(positions):
        _refuse_unknown(int(positions[0]), slots)
        _refuse_unknown(int(positions[-1]), slots)
    found = slots.to_slots(positions)
    if slots.deleted:
        found = found[slots.alive[found]]
    everything = len(found) == slots.count
    return Selection(slots.count, len(found), None if everything else found)


def _from_range(positions: range, slots: Slots) -> Selection:
    if not positions:
        return Selection(slots.count, 0, np.empty(0, dtype=np.int64))
    _refuse_unknown(positions[0], slots)
    _refuse_unknown(positions[-1], slots)
    first, stop = slots.span(positions.start, positions.stop)
    count, alive = stop - first, None
    if slots.deleted:
        living = int(np.count_nonzero(slots.alive[first:stop]))
        if living < count:
            count, alive = living, slots.alive
    if count == slots.count:
        return Selection(slots.count, count)
    return Selection(slots.count, count, span=(first, stop), alive=alive)


def _refuse_unknown(position: int, slots: Slots) -> None:
    if not 0 <= position < slots.next_position:
        raise InvalidFilter(
            f"where has position {position}; the index has 0 to {slots.next_position - 1}"
        )
