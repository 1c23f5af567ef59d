"""Rows in memory that can grow, and the figures about them that every scan needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

#: Rows are summarised in blocks of about this many numbers.
BLOCK = 1 << 20


class GrowingRows:
    """(n, dim) float32 rows; `extend` costs O(new rows) on average, by doubling.

    Rows that may be written to are copied, so that nobody changes them from outside;
    read-only ones (a memory-mapped file) are used where they lie until something is added, if
    they lie in C order: compiled loops know no other.
    """

    def __init__(self, rows: Float32Array) -> None:
        if rows.flags.writeable:
            self._buffer = np.array(rows, order="C")
        else:
            self._buffer = np.require(rows, requirements=("C", "A", "E"))
        self._count = len(rows)

    def __len__(self) -> int:
        return self._count

    @property
    def dim(self) -> int:
        """Numbers in a row."""
        return int(self._buffer.shape[1])

    @property
    def array(self) -> Float32Array:
        """The rows there are: a view that later `extend`s leave as it is."""
        return self._buffer[: self._count]

    def cut(self, count: int) -> None:
        """Forget all but the first ``count`` rows, such as those of an interrupted `extend`."""
        self._count = min(self._count, count)

    def kept(self, keep: npt.NDArray[np.int64]) -> GrowingRows:
        """The rows at ``keep`` (ascending) alone, in memory of their own; these stay as they are.

        Cost: the bytes that are kept.
        """
        rows = self.array[keep]
        rows.flags.writeable = False  # nobody else has them: no second copy
        return GrowingRows(rows)

    def extend(self, rows: Float32Array) -> None:
        """Append ``rows`` (m, dim)."""
        needed = self._count + len(rows)
        if needed > len(self._buffer):
            grown = np.empty((max(needed, 2 * self._count), rows.shape[1]), dtype=np.float32)
            grown[: self._count] = self.array
            self._buffer = grown
        self._buffer[self._count : needed] = rows
        self._count = needed


@dataclass(frozen=True, slots=True)
class RowSummary:
    """What one pass over the rows tells; it can be kept beside them and extended.

    Attributes:
        norms: (n,) euclidean lengths, float64.
        total: (dim,) the sum of the rows, float64.
        peak: the largest absolute value of all.
    """

    norms: Float64Array
    total: Float64Array
    peak: float


def summarise(rows: Float32Array, known: RowSummary | None = None) -> RowSummary:
    """The summary of ``rows``; ``known`` is that of the first ones, which are not read again.

    Cost: one pass over the rows that are new.
    """
    done = 0 if known is None else len(known.norms)
    norms = np.empty(len(rows), dtype=np.float64)
    total = np.zeros(rows.shape[1], dtype=np.float64)
    peak = 0.0
    if known is not None:
        norms[:done], total, peak = known.norms, known.total.copy(), known.peak
    height = max(1, BLOCK // rows.shape[1])
    for start in range(done, len(rows), height):
        block = rows[start : start + height].astype(np.float64)
        norms[start : start + height] = np.sqrt(np.vecdot(block, block))
        total += block.sum(axis=0)
        peak = max(peak, float(np.abs(block).max()))
    return RowSummary(norms, total, peak)
