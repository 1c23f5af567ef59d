"""The rows of a `Sparse` index as parts, with the figures that scores depend on.

Never changed in place: each change gives a new one, so that what fails half-way has changed
nothing and statistics that were given out stay what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._sparse_rows import SparseRows
from likewise.errors import DamagedFile, OverLimit
from likewise.index._columns import Columns
from likewise.index._parts import (
    FACTOR,
    FEW_ROWS,
    BoolArray,
    Int64Array,
    Part,
    joined,
    new_part,
    renumbered,
    without,
)
from likewise.index._statistics import CountedFrequencies, Statistics

#: Lengths of rows are 32-bit numbers.
LONGEST_ROW = (1 << 31) - 1


@dataclass(frozen=True, slots=True, eq=False)
class InvertedRows:
    """Parts in the order of their slots.

    Attributes:
        counts: whether weights are counts, whose sums are kept.
        parts: each follows the one before.
        frequencies: (columns,) int64, how many living rows have each.
        total_length: the sum of the counts of the living rows; 0 without counts.
        known: the idf of each column as far as it was asked for, NaN where it was not, by the
            formula and the number of living rows.
    """

    counts: bool
    parts: tuple[Part, ...] = ()
    frequencies: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    total_length: int = 0
    known: dict[Any, npt.NDArray[np.float64]] = field(default_factory=dict, repr=False)

    @property
    def count(self) -> int:
        """Slots there are."""
        return sum(part.count for part in self.parts)

    @property
    def postings(self) -> int:
        """Postings kept, those of dead rows too."""
        return sum(len(part.postings.rows) for part in self.parts)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self.frequencies.nbytes + sum(part.nbytes for part in self.parts)

    def statistics(self, columns: Columns, living: int) -> Statistics:
        """As the user gets them; ``living`` rows."""
        if columns.width is not None:
            return Statistics(living, self.total_length, self.frequencies.copy())
        by_term = CountedFrequencies(columns.numbers, self.frequencies)
        return Statistics(living, self.total_length, by_term)

    def idf(
        self, formula: Callable[[int, int], float], living: int, columns: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float64]:
        """The idf of each of ``columns`` among so many ``living`` rows; 0 where no row has it."""
        key = (formula, living)
        known = self.known.get(key)
        if known is None:
            known = np.full(len(self.frequencies), np.nan)
            self.known.clear()
            self.known[key] = known
        found = known[columns]
        if isnan(found.dot(found)):  # one is not known yet
            for column in set(columns[np.isnan(found)].tolist()):
                rows = int(self.frequencies[column])
                # One by one: the logarithm of an array may differ from it in the last bit.
                known[column] = formula(living, rows) if rows else 0.0
            found = known[columns]
        return found

    # -- changes -----------------------------------------------------------------------

    def grown(self, rows: SparseRows, alive: BoolArray) -> InvertedRows:
        """With ``rows`` after the others; ``alive`` is the mask of those."""
        part = new_part(rows, counts=self.counts)
        if not part.count:
            return self._widened(rows.width)
        frequencies = self._widened(rows.width).frequencies + np.bincount(
            rows.columns, minlength=rows.width
        )
        length = self.total_length + int(part.postings.lengths.sum(dtype=np.int64))
        parts = _tiered([*self.parts, part], np.concatenate([alive, np.ones(part.count, np.bool_)]))
        return InvertedRows(self.counts, parts, frequencies, length)

    def forgetting(self, slots: Int64Array) -> InvertedRows:
        """With the figures of the rows that are left when ``slots`` (ascending) die."""
        frequencies, length = self.frequencies.copy(), self.total_length
        first = 0
        for part in self.parts:
            low, high = np.searchsorted(slots, (first, first + part.count))
            for row in (slots[low:high] - first).tolist():
                columns = part.row_columns[part.row_starts[row] : part.row_starts[row + 1]]
                frequencies[columns] -= 1  # a row has each once
                if self.counts:
                    length -= int(part.postings.lengths[row])
            first += part.count
        return InvertedRows(self.counts, self.parts, frequencies, length)

    def compacted(self, alive: BoolArray, columns: Columns) -> tuple[InvertedRows, Columns]:
        """The living rows moved together, and the columns without terms that none of them has."""
        parts, first = [], 0
        for part in self.parts:
            kept = without(part, alive[first : first + part.count])
            first += part.count
            if kept.count:
                parts.append(kept)
        frequencies = self.frequencies
        if columns.width is None:
            keep = np.flatnonzero(frequencies)
            new = (np.cumsum(frequencies > 0) - 1).astype(np.int32)
            parts = [renumbered(part, new) for part in parts]
            columns, frequencies = columns.kept(keep), frequencies[keep]
        tiers = _tiered(parts, np.ones(sum(part.count for part in parts), dtype=np.bool_))
        return InvertedRows(self.counts, tiers, frequencies, self.total_length), columns

    def _widened(self, width: int) -> InvertedRows:
        extra = max(0, width - len(self.frequencies))
        frequencies = np.append(self.frequencies, np.zeros(extra, dtype=np.int64))
        return InvertedRows(self.counts, self.parts, frequencies, self.total_length)

    # -- files -------------------------------------------------------------------------

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file keeps."""
        arrays: dict[str, npt.NDArray[Any]] = {"frequencies": self.frequencies}
        for number, part in enumerate(self.parts):
            arrays |= {f"{number}.{name}": array for name, array in part.arrays().items()}
        return arrays

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        sizes: Sequence[int],
        total_length: int,
        counts: bool,
    ) -> InvertedRows:
        """The inverse of `to_arrays`; ``sizes`` are the rows of each part.

        Raises:
            DamagedFile: the arrays do not belong together.
        """
        parts = []
        for number, size in enumerate(sizes):
            prefix = f"{number}."
            own = {n[len(prefix) :]: a for n, a in arrays.items() if n.startswith(prefix)}
            if len(own.get("row_starts", ())) != size + 1:
                raise DamagedFile(f"part {number} has no places for its {size} rows")
            parts.append(Part.from_arrays(size, own))
        return cls(counts, tuple(parts), arrays["frequencies"], total_length)


def _tiered(parts: list[Part], alive: BoolArray) -> tuple[Part, ...]:
    """The last parts joined while the one before them is not much larger."""
    kept, tail = list(parts), 0
    gathered: list[Part] = []
    while kept and (len(gathered) == 0 or kept[-1].count < max(FEW_ROWS, FACTOR * tail)):
        tail += kept[-1].count
        gathered.insert(0, kept.pop())
    if len(gathered) > 1:
        gathered = [joined(gathered, alive[len(alive) - tail :])]
    return (*kept, *gathered)


def check_lengths(rows: SparseRows) -> None:
    """Refuse a row of more terms than its length can count.

    Raises:
        OverLimit: names the row.
    """
    if not len(rows.weights):
        return
    starts = np.minimum(rows.offsets[:-1], len(rows.weights) - 1)
    sums = np.add.reduceat(rows.weights.astype(np.float64), starts)
    sums[np.diff(rows.offsets) == 0] = 0
    if sums.max(initial=0) > LONGEST_ROW:
        row = int(sums.argmax())
        raise OverLimit(f"row {row} has {sums[row]:,.0f} terms; at most {LONGEST_ROW:,}")
