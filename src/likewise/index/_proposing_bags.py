"""Bags proposed by one vector each: a fixed dimensional encoding in an index of inner products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidFile
from likewise.index._bag_recall import BagCurves, measured
from likewise.index._bag_store import BagStore, Growing
from likewise.index._rows import GrowingRows
from likewise.index._slots import IdArray, Slots
from likewise.index.base import Index
from likewise.index.muvera import FixedDimensional
from likewise.vectors import Bags

#: In a file the names of the index's arrays begin with this.
PREFIX = "encodings/"


class BagProposer:
    """An index of encodings, and the position of the bag that each is of.

    Args:
        encoding: how bags become vectors.
        index: fitted with the encodings, or about to be by `fitted`.
        positions: of the bags, by position in ``index``; ascending.
    """

    def __init__(self, encoding: FixedDimensional, index: Index, positions: IdArray) -> None:
        self.encoding, self.index = encoding, index
        self._positions = Growing(positions)

    @classmethod
    def fitted(
        cls, encoding: FixedDimensional, template: Index, bags: Bags, positions: IdArray
    ) -> BagProposer:
        """A copy of ``template`` over the encodings of ``bags``, which have these positions."""
        index = copy(template)
        encodings = encoding.documents(bags)
        encodings.flags.writeable = False  # nobody else has them: no second copy
        return cls(encoding, index.fit(encodings), positions)

    @property
    def nbytes(self) -> int:
        """Bytes of the encodings, and of the codes and links where the index tells."""
        beside = getattr(self.index, "nbytes", 0)
        return int(self.index.rows.nbytes + self._positions.array.nbytes + beside)

    def add(self, bags: Bags, positions: IdArray) -> None:
        """Append ``bags``; on failure, nothing has changed."""
        self.index.add(self.encoding.documents(bags))
        self._positions.extend(positions)

    def delete(self, positions: IdArray) -> None:
        """Forget the bags at these positions, of which unknown ones are ignored."""
        held = self._positions.array
        self.index.delete(np.flatnonzero(np.isin(held, positions)))

    def propose(
        self, queries: Bags, count: int, slots: Slots, among: IdArray | None
    ) -> Sequence[IdArray]:
        """For each query the slots of ``count`` bags, the likeliest first, of those ``among``."""
        where = None
        if among is not None:
            where = np.searchsorted(self._positions.array, slots.positions[among])
        found = self.index.search(self.encoding.queries(queries), count, where=where)
        return [np.searchsorted(slots.positions, self._positions.array[row.ids]) for row in found]

    def measured(self, store: BagStore, slots: Slots, queries: Bags | None, seed: int) -> BagCurves:
        """How many proposals find how much."""

        def propose(asked: Bags, count: int, among: IdArray | None) -> Sequence[IdArray]:
            return self.propose(asked, count, slots, among)

        return measured(store, np.flatnonzero(slots.alive), propose, queries, seed)

    def to_arrays(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """What a file keeps."""
        index = self.index
        arrays, state = index._state()
        every = {"rows": index.rows, **index._slots.to_arrays(), **arrays}
        kept = {f"{PREFIX}{name}": array for name, array in every.items()}
        header = {
            "index": index.name,
            "random_state": index.random_state,
            "encoding": self.encoding.to_dict(),
            "state": state,
        }
        return {**kept, "proposed": self._positions.array}, header

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        header: Mapping[str, Any],
        n_jobs: int | None,
    ) -> BagProposer:
        """The inverse of `to_arrays`.

        Raises:
            InvalidFile: the index is of a kind that is not in the registry.
        """
        from likewise.index import INDEXES

        kind = INDEXES.get(header["index"])
        if kind is None:
            raise InvalidFile(
                f"encodings are in an index {header['index']!r}; known are {', '.join(INDEXES)}"
            )
        own = {
            name.removeprefix(PREFIX): array
            for name, array in arrays.items()
            if name.startswith(PREFIX)
        }
        index = kind("dot", random_state=header["random_state"], n_jobs=n_jobs)
        rows = GrowingRows(own["rows"])
        index._slots = Slots.from_arrays(own, len(rows))
        index._restore(rows, own, header["state"])
        return cls(FixedDimensional(**header["encoding"]), index, arrays["proposed"])
