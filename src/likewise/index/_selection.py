"""Which rows a search may return: the filter given and the rows not deleted, in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidFilter

BoolArray = npt.NDArray[np.bool_]
IdArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows that match, out of ``size`` positions.

    Attributes:
        size: positions there are.
        count: how many match.
        where: None when all do, else a (size,) mask, or the ascending positions.
    """

    size: int
    count: int
    where: BoolArray | IdArray | None

    @property
    def share(self) -> float:
        """The matching share of all positions."""
        return self.count / self.size if self.size else 0.0

    def mask(self) -> BoolArray | None:
        """As a mask (None when all match)."""
        if self.where is None or is_mask(self.where):
            return self.where
        mask = np.zeros(self.size, dtype=np.bool_)
        mask[self.where] = True
        return mask


def is_mask(where: BoolArray | IdArray) -> TypeGuard[BoolArray]:
    """Whether ``where`` is a mask and not positions."""
    return where.dtype == np.bool_


def select(where: Any, alive: BoolArray, deleted: int) -> Selection:
    """``where`` (None, a mask, or positions in any order) without the deleted rows.

    Raises:
        InvalidFilter: a mask of another length, positions that never were, or neither.
    """
    size = len(alive)
    if where is None:
        return Selection(size, size - deleted, alive if deleted else None)
    given = np.asarray(where)
    if given.dtype == np.bool_ and given.ndim == 1 and given.size:
        return _from_mask(given, alive, deleted)
    if given.ndim == 1 and (given.dtype.kind in "iu" or given.size == 0):
        return _from_positions(given.astype(np.int64), alive, deleted)
    raise InvalidFilter(
        f"where must be a mask of {size} booleans or an array of positions; "
        f"got {given.dtype} of shape {given.shape}"
    )


def _from_mask(mask: BoolArray, alive: BoolArray, deleted: int) -> Selection:
    if len(mask) != len(alive):
        raise InvalidFilter(
            f"where is a mask of {len(mask)} booleans; the index has {len(alive)} positions "
            "(deleted ones included)"
        )
    passing = mask & alive if deleted else mask
    count = int(np.count_nonzero(passing))
    return Selection(len(alive), count, None if count == len(alive) else passing)


def _from_positions(ids: IdArray, alive: BoolArray, deleted: int) -> Selection:
    size = len(alive)
    positions = np.unique(ids)
    if len(positions) and (positions[0] < 0 or positions[-1] >= size):
        wrong = positions[0] if positions[0] < 0 else positions[-1]
        raise InvalidFilter(f"where has position {wrong}; the index has 0 to {size - 1}")
    if deleted:
        positions = positions[alive[positions]]
    everything = len(positions) == size
    return Selection(size, len(positions), None if everything else positions)
