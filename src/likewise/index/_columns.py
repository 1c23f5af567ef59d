"""Which column each term has: given by a matrix, or made as terms come."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._sparse_rows import LARGEST_COUNT, SparseRows, Term, as_sparse
from likewise.errors import InvalidType

#: Weights of queries between these need no closer look: float32 holds them, and their sum.
LEAST, MOST = 1e-30, 1e30
_INT64, _INT32, _FLOAT32 = np.dtype(np.int64), np.dtype(np.int32), np.dtype(np.float32)


class Columns:
    """The columns of an index: numbered by a matrix (``width``), or one a term (``numbers``).

    Attributes:
        width: the number of columns, when rows came as a matrix; None otherwise.
        numbers: the column of each term, when they came as mappings.
    """

    __slots__ = ("_names", "_saved", "_table", "width")

    def __init__(self, width: int | None = None) -> None:
        self.width = width
        self._table: dict[Term, int] = {}
        self._names: list[Term] = []
        self._saved: Mapping[str, npt.NDArray[Any]] | None = None

    @property
    def numbers(self) -> dict[Term, int]:
        """The column of each term; read from the file when it is first asked for."""
        if self._saved is not None:
            self._table = {term: i for i, term in enumerate(_terms_from(self._saved))}
            self._saved = None
        return self._table

    @property
    def names(self) -> list[Term]:
        """The term of each column."""
        if len(self._names) != len(self.numbers):
            self._names = list(self.numbers)
        return self._names

    def __len__(self) -> int:
        return len(self.numbers) if self.width is None else self.width

    def rows(self, X: Any, *, whole: bool, what: str = "X") -> SparseRows:
        """Checked rows to be kept; `learn` their terms when nothing else can fail."""
        self._refuse_matrix(X, what)
        known = None if self.width is not None else self.numbers
        return as_sparse(X, width=self.width, vocabulary=known, whole=whole, what=what)

    def queries(self, Q: Any, *, whole: bool) -> SparseRows:
        """Checked queries, their terms in ascending order, without those that no row has."""
        usual = self._usual([Q] if type(Q) is dict else Q, whole)
        if usual is not None:
            return usual
        self._refuse_matrix(Q, "Q")
        if self.width is not None:
            found = as_sparse(Q, width=self.width, grow=False, whole=whole, what="Q")
            return found if hasattr(Q, "tocsr") else _by_column(found)
        given = _in_order(Q)
        return as_sparse(given, vocabulary=self.numbers, grow=False, whole=whole, what="Q")

    def _usual(self, Q: Any, whole: bool) -> SparseRows | None:
        """The same for queries of the usual kind; None where a closer look is needed.

        A single query takes less than its checks one by one would.
        """
        if type(Q) is not list or self.width is not None or set(map(type, Q)) != {dict}:
            return None
        terms: list[Any] = []
        weights: list[Any] = []
        offsets, numbers = [0], self.numbers
        try:
            for query in Q:
                ordered = sorted(query)
                terms += ordered
                weights += map(query.__getitem__, ordered)
                offsets.append(len(terms))
        except TypeError:  # terms of several kinds
            return None
        kinds, known = set(map(type, weights)), set(map(type, terms))
        if not numbers or known != {type(next(iter(numbers)))}:
            return None
        if not kinds <= ({int} if whole else {int, float}):
            return None
        # What is not a number makes the sum none, and is not at most anything.
        if not (min(weights) >= LEAST and sum(weights) <= (LARGEST_COUNT if whole else MOST)):
            return None
        found = list(map(numbers.get, terms, repeat(-1)))
        columns, single = np.array(found, dtype=_INT32), np.array(weights, dtype=_FLOAT32)
        ends = np.array(offsets, dtype=_INT64)
        if min(found) < 0:
            there = columns >= 0
            before = np.zeros(len(there) + 1, dtype=_INT64)
            np.cumsum(there, out=before[1:])
            columns, single, ends = columns[there], single[there], before[ends]
        return SparseRows(ends, columns, single, len(numbers))

    def learn(self, rows: SparseRows) -> None:
        """Give the new terms of ``rows`` their columns."""
        if self.width is not None:
            return
        numbers = self.numbers
        numbers.update(zip(rows.new_terms, range(len(numbers), rows.width), strict=True))

    def kept(self, keep: npt.NDArray[np.int64]) -> Columns:
        """The columns ``keep`` (ascending) alone, numbered anew."""
        new, terms = Columns(), self.names
        new._table = {terms[column]: i for i, column in enumerate(keep.tolist())}
        return new

    def copy(self) -> Columns:
        """The same columns; what one learns, the other does not."""
        new = Columns(self.width)
        new._table, new._saved = dict(self._table), self._saved
        return new

    def _refuse_matrix(self, X: Any, what: str) -> None:
        if self.width is None and hasattr(X, "tocsr"):
            raise InvalidType(
                f"{what}: expected mappings from term to weight, as the index was fitted with; got "
                f"a matrix of shape {X.shape}, whose columns are no terms"
            )

    # -- files -------------------------------------------------------------------------

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file keeps: the terms in the order of their columns."""
        if self.width is not None or not self.numbers:
            return {}
        terms = list(self.numbers)
        if isinstance(terms[0], int):
            return {"term_numbers": np.array(terms, dtype=np.int64)}
        encoded = [str(term).encode("utf-8", "surrogatepass") for term in terms]
        ends = np.cumsum([len(text) for text in encoded])
        letters = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        return {"term_letters": letters, "term_ends": ends.astype(np.int64)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], width: int | None) -> Columns:
        """The inverse of `to_arrays`."""
        new = cls(width)
        if "term_numbers" in arrays or "term_ends" in arrays:
            new._saved = arrays
        return new


def _terms_from(arrays: Mapping[str, npt.NDArray[Any]]) -> list[Any]:
    if "term_numbers" in arrays:
        return list(arrays["term_numbers"].tolist())
    letters, ends = arrays["term_letters"].tobytes(), arrays["term_ends"].tolist()
    starts = [0, *ends[:-1]]
    return [
        letters[a:b].decode("utf-8", "surrogatepass") for a, b in zip(starts, ends, strict=True)
    ]


def _in_order(Q: Any) -> Any:
    """Queries with their terms sorted: a score adds them up in this order, whatever came before."""
    try:
        if isinstance(Q, Mapping):
            return dict(sorted(Q.items()))
        return [dict(sorted(q.items())) if isinstance(q, Mapping) else q for q in Q]
    except TypeError:  # no mappings, or terms of several kinds: `as_sparse` says which
        return Q


def _by_column(rows: SparseRows) -> SparseRows:
    owner = np.repeat(np.arange(len(rows)), np.diff(rows.offsets))
    order = np.lexsort((rows.columns, owner))
    return SparseRows(rows.offsets, rows.columns[order], rows.weights[order], rows.width)
