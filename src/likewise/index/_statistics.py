"""What BM25 must know of all rows: how many, how long, and how many have each term."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._sparse_rows import Term
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType

Frequencies = Mapping[Term, int] | npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """The figures that idf and the mean length come from; ``a + b`` are those of both.

    Attributes:
        rows: how many there are, those without terms too.
        total_length: the sum of all counts.
        frequencies: how many rows have each term: a mapping from term, or an array by column.

    Raises:
        InvalidArgument: a number below 0.
        InvalidType, DimensionMismatch: sums of a mapping and an array, or of unlike arrays.

    Cost: a sum of mappings keeps both and adds what is asked for.

    Example:
        >>> a, b = Statistics(2, 9, {"cat": 2}), Statistics(1, 4, {"cat": 1, "mat": 1})
        >>> both = a + b
        >>> both.rows, both.total_length, dict(both.frequencies)
        (3, 13, {'cat': 3, 'mat': 1})
    """

    rows: int
    total_length: int
    frequencies: Frequencies

    def __post_init__(self) -> None:
        if self.rows < 0 or self.total_length < 0:
            raise InvalidArgument(
                f"statistics count from 0; got {self.rows} rows of {self.total_length} terms"
            )

    @property
    def mean_length(self) -> float:
        """Terms in a row on average; 1 where there are none, so that it can divide."""
        return self.total_length / self.rows if self.total_length else 1.0

    def frequency(self, term: Any) -> int:
        """How many rows have ``term`` (or the column of that number).

        Example:
            >>> Statistics(2, 9, {"cat": 2}).frequency("mat")
            0
        """
        if isinstance(self.frequencies, np.ndarray):
            return int(self.frequencies[term]) if 0 <= term < len(self.frequencies) else 0
        return self.frequencies.get(term, 0)

    def __add__(self, other: Statistics) -> Statistics:
        if not isinstance(other, Statistics):
            return NotImplemented
        rows, length = self.rows + other.rows, self.total_length + other.total_length
        return Statistics(rows, length, _sum(self.frequencies, other.frequencies))


def _sum(a: Frequencies, b: Frequencies) -> Frequencies:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.shape != b.shape:
            raise DimensionMismatch(
                f"statistics of {len(a)} columns and of {len(b)} have no sum; index the same terms"
            )
        return a + b
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        raise InvalidType("statistics by column and statistics by term have no sum")
    return SummedFrequencies((*_pieces(a), *_pieces(b)))


def _pieces(of: Mapping[Term, int]) -> tuple[Mapping[Term, int], ...]:
    return of.pieces if isinstance(of, SummedFrequencies) else (of,)


class SummedFrequencies(Mapping[Term, int]):
    """Frequencies of several indexes, added when they are asked for."""

    def __init__(self, pieces: tuple[Mapping[Term, int], ...]) -> None:
        self.pieces = pieces

    def __getitem__(self, term: Term) -> int:
        total = sum(piece.get(term, 0) for piece in self.pieces)
        if not total:
            raise KeyError(term)
        return total

    def __iter__(self) -> Iterator[Term]:
        return iter(dict.fromkeys(term for piece in self.pieces for term in piece))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class CountedFrequencies(Mapping[Term, int]):
    """The frequencies of one index: the column of each term, and a count a column.

    The columns may grow afterwards: a column beyond the counts is as good as none.
    """

    def __init__(self, columns: Mapping[Term, int], counts: npt.NDArray[np.int64]) -> None:
        self._columns, self._counts = columns, counts

    def __getitem__(self, term: Term) -> int:
        column = self._columns[term]
        if column >= len(self._counts) or not self._counts[column]:
            raise KeyError(term)
        return int(self._counts[column])

    def __iter__(self) -> Iterator[Term]:
        counts = self._counts
        return (t for t, c in list(self._columns.items()) if c < len(counts) and counts[c])

    def __len__(self) -> int:
        return int(np.count_nonzero(self._counts))
