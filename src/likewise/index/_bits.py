"""`Bits`: rows as strings of bits, near rows by the fewest bits that differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likewise.index._faiss import faiss, selector, threads
from likewise.index._proposer import Arrays, BoolArray, IdArray, Proposer
from likewise.index._rows import Float32Array

#: Bits that are compared in the time a number of 4 bytes is read.
COMPARED = 24
#: Rows turned to bits at a time.
CHUNK = 4096


class Bits(Proposer):
    """Bit j of a row says on which side of hyperplane j it lies.

    It is set where ``direction_j . (x - centre) > 0``.

    Args:
        centre: (width,) the point that all hyperplanes go through.
        directions: (bits, width) what is orthogonal to them; bits is a multiple of 8.
    """

    losses: ClassVar[tuple[float, ...]] = (
        0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.12, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02, 0.01, 0.005,
        0.002,
    )  # fmt: skip

    def __init__(self, centre: Float32Array, directions: Float32Array) -> None:
        self._centre, self._directions = centre, directions
        self._numbers = np.empty(0, dtype=np.int64)
        self._index: Any = faiss().IndexBinaryFlat(len(directions))
        self._index.use_heap = False  # counting is twice as fast, where there is no filter

    @classmethod
    def restored(cls, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]) -> Bits:
        """From `state`."""
        bits = cls(np.array(arrays["centre"]), np.array(arrays["directions"]))
        bits._numbers = np.array(arrays["numbers"])
        bits._index.add(np.array(arrays["bits"]))
        return bits

    def insert(self, placed: Float32Array, ids: IdArray, jobs: int) -> None:
        for start in range(0, len(placed), CHUNK):
            sides = (placed[start : start + CHUNK] - self._centre) @ self._directions.T
            self._index.add(np.packbits(sides > 0, axis=1))
        self._numbers = np.concatenate([self._numbers, ids])

    def propose(
        self, placed: Float32Array, probe: int, count: int, allowed: BoolArray | None
    ) -> IdArray:
        # Summed pair by pair, so that a batch changes nothing.
        moved = placed - self._centre
        sides = np.vecdot(moved[:, None, :], self._directions[None, :, :])
        bits = np.packbits(sides > 0, axis=1)
        count = min(count, len(self._numbers))
        with threads(1):
            if allowed is None:
                _, places = self._index.search(bits, count)
            else:
                chosen, kept = selector(allowed[self._numbers])
                parameters = faiss().SearchParameters(sel=chosen)
                _, places = self._index.search(bits, count, params=parameters)
                del kept  # needed until here
        found: IdArray = np.where(places < 0, -1, self._numbers[places])
        return found

    def probes(self) -> tuple[int, ...]:
        return (0,)  # all bits of all rows, always

    def compared(self, probe: int) -> int:
        return len(self._numbers)

    def read(self, probe: int) -> float:
        bits = len(self._directions)
        return self._directions.size + len(self._numbers) * bits / COMPARED

    def compact(self, keep: IdArray) -> None:
        there = np.flatnonzero(np.isin(self._numbers, keep))
        bits = self._bits()[there]
        self._numbers = np.searchsorted(keep, self._numbers[there])
        self._index.reset()
        self._index.add(bits)

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        arrays: Arrays = {
            "centre": self._centre,
            "directions": self._directions,
            "numbers": self._numbers,
            "bits": self._bits(),
        }
        return arrays, {}

    def _bits(self) -> npt.NDArray[np.uint8]:
        flat: npt.NDArray[np.uint8] = faiss().vector_to_array(self._index.xb)
        return flat.reshape(len(self._numbers), -1).copy()
