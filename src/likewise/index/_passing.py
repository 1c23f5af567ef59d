"""A mask over places in order: which rows may be found, and how many of any window."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from likewise.index._codes import read_only
from likewise.index._ordered import IdArray, Ordered, PlaceArray

BoolArray = npt.NDArray[np.bool_]

#: Where fewer of all rows pass, those that pass are listed before a scan.
SPARSE = 1 / 4


@dataclass(frozen=True)
class Passing:
    """The places that pass a mask.

    Attributes:
        mask: (places,) read-only.
        before: (ordered + 1,) how many pass before each ordered place.
        late: the same for the places in `Ordered.late`.
    """

    mask: BoolArray
    before: IdArray
    late: IdArray

    @classmethod
    def of(cls, by_slot: BoolArray, ordered: Ordered) -> Passing:
        """The same for a mask (slots,). Cost: some passes over the mask."""
        mask = by_slot[ordered.slots()]
        return cls(read_only(mask), _counted(mask[: ordered.ordered]), _counted(mask[ordered.late]))

    def counts(self, windows: IdArray) -> IdArray:
        """(b,) how many pass in each window of `Ordered.windows`."""
        low, high, first, last = windows.T
        inside: IdArray = self.before[high] - self.before[low] + self.late[last] - self.late[first]
        return inside

    @cached_property
    def listed(self) -> PlaceArray | None:
        """The places that pass, ascending, where they are few and all in order."""
        if len(self.late) > 1 or self.before[-1] >= SPARSE * len(self.mask):
            return None
        return read_only(np.flatnonzero(self.mask).astype(np.int32))


def _counted(mask: BoolArray) -> IdArray:
    counts = np.zeros(len(mask) + 1, dtype=np.int64)
    np.cumsum(mask, out=counts[1:])
    return counts
