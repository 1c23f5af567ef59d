"""Parts of an inverted index: the postings of consecutive rows, by term.

New rows become a part of their own; parts join while the earlier one is not much larger, so that
a row moves about log n times in all. The rows of a part count from its first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._sparse_rows import SparseRows
from likewise.index._postings.values import BLOCK, DENSE, WINDOW, Postings

BoolArray = npt.NDArray[np.bool_]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]

#: Parts join while the earlier one has fewer than this many times the rows of the later.
FACTOR = 2
#: A part of fewer rows joins whatever follows: making it anew takes no time.
FEW_ROWS = 256


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of an inverted index, by term and by row.

    Attributes:
        count: how many rows.
        columns: (terms,) int32, ascending: the column of the term at each place.
        postings: by place of the term.
        row_starts, row_columns: the columns of row i are ``row_columns[row_starts[i]:...]``; what
            a deletion must take out of the counts.
    """

    count: int
    columns: Int32Array
    postings: Postings
    row_starts: Int64Array
    row_columns: Int32Array

    @property
    def nbytes(self) -> int:
        """Bytes of all its arrays."""
        return sum(array.nbytes for array in self.arrays().values())

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All its arrays, by name."""
        named = {"columns": self.columns, **self.postings._asdict()}
        return {**named, "row_starts": self.row_starts, "row_columns": self.row_columns}

    @classmethod
    def from_arrays(cls, count: int, arrays: Mapping[str, npt.NDArray[Any]]) -> Part:
        """The inverse of `arrays`."""
        postings = Postings(*(_fixed(arrays[name]) for name in Postings._fields))
        by_row = (_fixed(arrays["row_starts"]), _fixed(arrays["row_columns"]))
        return cls(count, _fixed(arrays["columns"]), postings, *by_row)

    def places(self, columns: Int32Array, width: int) -> tuple[Int64Array, BoolArray | None]:
        """Where each of ``columns`` (all below ``width``) is among its own, and whether it is;
        None: all are."""
        own = len(self.columns)
        if own and self.columns[-1] == own - 1:  # it has the first ones
            return columns.astype(np.int64), None if width <= own else columns < own
        at = np.searchsorted(self.columns, columns)
        if not own:
            return at, np.zeros(len(columns), dtype=np.bool_)
        np.minimum(at, own - 1, out=at)
        return at, self.columns[at] == columns


def new_part(rows: SparseRows, *, counts: bool) -> Part:
    """The part of ``rows``; ``counts`` keeps their lengths too."""
    lengths = row_lengths(rows).astype(np.int32) if counts else np.empty(0, dtype=np.int32)
    owner = np.repeat(np.arange(len(rows), dtype=np.int32), np.diff(rows.offsets))
    by_row = (_fixed(rows.offsets), _fixed(rows.columns))
    return _inverted(len(rows), rows.columns, owner, rows.weights, lengths, *by_row)


def row_lengths(rows: SparseRows) -> Int64Array:
    """(n,) the sum of the counts of each row."""
    before = np.zeros(len(rows.weights) + 1, dtype=np.float64)
    np.cumsum(rows.weights, dtype=np.float64, out=before[1:])  # whole numbers: exact
    return np.diff(before[rows.offsets]).astype(np.int64)


def joined(parts: Sequence[Part], alive: BoolArray) -> Part:
    """One part of all the rows of ``parts``, in order; rows that are not ``alive`` keep their
    place but lose their postings."""
    firsts = np.cumsum([0, *(part.count for part in parts)])
    taken: list[list[npt.NDArray[Any]]] = [[], [], []]
    for part, first in zip(parts, firsts[:-1].tolist(), strict=True):
        owned = np.repeat(part.columns, np.diff(part.postings.starts))
        moved = part.postings.rows + np.int32(first)
        keep = alive[moved]
        for kept, array in zip(taken, (owned, moved, part.postings.weights), strict=True):
            kept.append(array[keep])
    lengths = np.concatenate([part.postings.lengths for part in parts])
    by_row = _kept_by_row(parts, alive, in_place=True)
    columns, rows, weights = map(np.concatenate, taken)
    return _inverted(int(firsts[-1]), columns, rows, weights, lengths, *by_row)


def without(part: Part, alive: BoolArray) -> Part:
    """The rows of ``part`` that are ``alive``, moved together, with their postings."""
    if alive.all():
        return part
    place = (np.cumsum(alive) - 1).astype(np.int32)
    keep = alive[part.postings.rows]
    owned = np.repeat(part.columns, np.diff(part.postings.starts))[keep]
    rows, weights = place[part.postings.rows[keep]], part.postings.weights[keep]
    lengths = part.postings.lengths
    lengths = lengths[alive] if len(lengths) else lengths
    by_row = _kept_by_row([part], alive, in_place=False)
    return _inverted(int(alive.sum()), owned, rows, weights, lengths, *by_row)


def renumbered(part: Part, new: Int32Array) -> Part:
    """The same with other columns: ``new`` has that of each old one, in the same order."""
    columns, row_columns = _fixed(new[part.columns]), _fixed(new[part.row_columns])
    return Part(part.count, columns, part.postings, part.row_starts, row_columns)


def _kept_by_row(
    parts: Sequence[Part], alive: BoolArray, *, in_place: bool
) -> tuple[Int64Array, Int32Array]:
    """The columns of each row that is alive; a dead one has none, or no place."""
    sizes = np.concatenate([np.diff(part.row_starts) for part in parts])
    columns = np.concatenate([part.row_columns for part in parts])
    kept = columns[np.repeat(alive, sizes)]
    sizes = np.where(alive, sizes, 0) if in_place else sizes[alive]
    starts = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=starts[1:])
    return _fixed(starts), _fixed(kept)


def _inverted(
    count: int,
    columns: Int32Array,
    rows: Int32Array,
    weights: Float32Array,
    lengths: Int32Array,
    row_starts: Int64Array,
    row_columns: Int32Array,
) -> Part:
    """Postings by column; within a column they keep their order, which is that of the rows."""
    # Column above, place below: sorting such numbers is quicker than a stable sort of columns.
    keys = columns.astype(np.int64) << 32
    keys |= np.arange(len(columns))
    keys.sort()
    order, sorted_columns = keys & 0xFFFFFFFF, (keys >> 32).astype(np.int32)
    firsts = np.flatnonzero(np.diff(sorted_columns, prepend=-1))
    starts = np.append(firsts, len(columns)).astype(np.int64)
    rows, weights = rows[order], weights[order]
    blocks = np.zeros(len(firsts) + 1, dtype=np.int64)
    np.cumsum(-(-np.diff(starts) // BLOCK), out=blocks[1:])
    # The first posting of every block: that of its term, and its number within the term.
    within = np.arange(blocks[-1]) - np.repeat(blocks[:-1], np.diff(blocks))
    begins = np.repeat(starts[:-1], np.diff(blocks)) + BLOCK * within
    ends = np.append(begins[1:], len(columns))
    peaks, shortest, lasts = weights[:0], lengths[:0], rows[:0]
    if len(begins):
        lasts = rows[ends - 1]
        peaks = np.maximum.reduceat(weights, begins)
        if len(lengths):
            shortest = np.minimum.reduceat(lengths[rows], begins)
    found: list[npt.NDArray[Any]] = [starts, rows, weights, lengths, blocks, peaks, shortest, lasts]
    fixed = Postings(*map(_fixed, [*found, *_bitmaps(count, starts, rows)]))
    return Part(count, _fixed(sorted_columns[firsts]), fixed, row_starts, row_columns)


def _bitmaps(
    count: int, starts: Int64Array, rows: Int32Array
) -> tuple[Int64Array, npt.NDArray[np.uint64], Int32Array]:
    """Which rows have each of the commonest terms, as bits, and the postings before each word."""
    sizes = np.diff(starts)
    dense = np.flatnonzero(sizes * DENSE >= count) if count >= WINDOW else sizes[:0]
    words = -(-count // 64)
    bitmaps = np.full(len(sizes), -1, dtype=np.int64)
    bitmaps[dense] = words * np.arange(len(dense))
    bits = np.zeros((len(dense), words), dtype=np.uint64)
    for number, term in enumerate(dense.tolist()):
        having = np.zeros(64 * words, dtype=np.bool_)
        having[rows[starts[term] : starts[term + 1]]] = True
        bits[number] = np.packbits(having, bitorder="little").view("<u8")
    before = np.zeros((len(dense), words), dtype=np.int32)
    np.cumsum(np.bitwise_count(bits[:, :-1]), axis=1, out=before[:, 1:])
    return bitmaps, bits.reshape(-1), before.reshape(-1)


def _fixed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Nobody writes to it; kernels are compiled for such arrays."""
    view = array.view()
    view.flags.writeable = False
    return view
