"""Twins: rows that are equal, of which only one is in the graph and brings the others along.

A thousand equal rows would otherwise link to nothing but each other, and a walk would not get
out of their pile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import DamagedFile
from likewise.vectors import Float32Array

IdArray = npt.NDArray[np.int64]
PlaceArray = npt.NDArray[np.int32]


class Twins:
    """Pairs of a row in the graph and an equal one that is not, by both ascending.

    Attributes:
        reps: (m,) int32, the row in the graph; it is the smallest of its group.
        slots: (m,) int32, the other.
    """

    def __init__(self, reps: PlaceArray, slots: PlaceArray) -> None:
        order = np.lexsort((slots, reps))
        self.reps, self.slots = reps[order].astype(np.int32), slots[order].astype(np.int32)

    @classmethod
    def none(cls) -> Twins:
        """No pair."""
        return cls(_NOBODY, _NOBODY)

    def __len__(self) -> int:
        return len(self.slots)

    def largest(self) -> int:
        """Rows in the largest group; 1 without twins."""
        return 1 + int(np.unique(self.reps, return_counts=True)[1].max(initial=0))

    def joined(self, reps: PlaceArray, slots: PlaceArray) -> Twins:
        """These and more."""
        return Twins(np.concatenate([self.reps, reps]), np.concatenate([self.slots, slots]))

    def followers(self, count: int) -> PlaceArray:
        """(count,) the next row of each row's group, -1 after the last; (0,) without twins."""
        if not len(self):
            return _NOBODY
        following = np.full(count, -1, dtype=np.int32)
        first = np.r_[True, np.diff(self.reps) != 0]
        following[self.reps[first]] = self.slots[first]
        inner = np.flatnonzero(~first)
        following[self.slots[inner - 1]] = self.slots[inner]
        return following

    def kept(self, places: PlaceArray) -> tuple[Twins, PlaceArray, PlaceArray]:
        """What is left of the groups when rows move to ``places`` (-1: they go).

        Returns:
            the twins, in new numbers; and, in old ones, rows of the graph that go and for each
            the smallest of its group that stays, which takes its place.
        """
        groups = np.unique(self.reps)
        members = np.concatenate([groups, self.slots])
        labels = np.concatenate([groups, self.reps])
        staying = places[members] >= 0
        members, labels = members[staying], labels[staying]
        order = np.lexsort((members, labels))
        members, labels = members[order], labels[order]
        first = np.r_[True, np.diff(labels) != 0] if len(labels) else np.empty(0, dtype=np.bool_)
        leaders = members[first]
        of_each = leaders[np.cumsum(first) - 1] if len(first) else _NOBODY
        left = Twins(places[of_each[~first]], places[members[~first]])
        changed = leaders != labels[first]
        return left, labels[first][changed], leaders[changed]

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file keeps."""
        return {"twin_reps": self.reps, "twin_slots": self.slots}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], count: int) -> Twins:
        """The inverse of `to_arrays`, for ``count`` rows.

        Raises:
            DamagedFile: the pairs are not such; `followers` of them might go in circles.
        """
        reps, slots = arrays["twin_reps"], arrays["twin_slots"]
        fit = len(reps) == len(slots) and all_inside(reps, count) and all_inside(slots, count)
        if not fit or len(np.unique(slots)) != len(slots) or len(np.intersect1d(reps, slots)):
            raise DamagedFile("the groups of equal rows are none; build the index again")
        return cls(reps, slots)


_NOBODY = np.empty(0, dtype=np.int32)


def all_inside(ids: npt.NDArray[Any], count: int) -> bool:
    """Whether all ids are those of ``count`` rows."""
    return bool(((ids >= 0) & (ids < count)).all())


def equal_rows(
    rows: Float32Array, slots: IdArray, hashes: npt.NDArray[np.uint64]
) -> tuple[IdArray, IdArray]:
    """Rows among ``slots`` that equal another one there.

    Args:
        rows: (n, dim).
        slots: which rows to look at.
        hashes: one for each of them, the same for equal rows.

    Returns:
        the smallest slot of each group, once for each other one; and those others.
    """
    order = np.lexsort((slots, hashes))
    ranked, hashed = slots[order], hashes[order]
    first = np.r_[True, np.diff(hashed) != 0] if len(ranked) else np.empty(0, dtype=np.bool_)
    reps = ranked[first][np.cumsum(first) - 1][~first] if len(first) else ranked
    others = ranked[~first]
    bits = rows.view(np.uint32)
    equal = np.ones(len(others), dtype=np.bool_)  # different rows may have one hash
    for start in range(0, len(others), 4096):
        some = slice(start, start + 4096)
        equal[some] = (bits[reps[some]] == bits[others[some]]).all(axis=1)
    return reps[equal], others[equal]
