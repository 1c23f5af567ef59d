"""Rows that count things: how often each has what, over vocabularies of their own."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Set
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from scipy import sparse

from likewise.errors import DimensionMismatch, InvalidType, InvalidVector
from likewise.kernels.parameters import Float64Array


class Vocabulary:
    """Which column each term has; with no terms, columns that a matrix came with."""

    def __init__(self, terms: dict[Hashable, int] | None, width: int) -> None:
        self.terms, self.width = terms, width
        self._found: WeakKeyDictionary[Vocabulary, npt.NDArray[np.int64]] = WeakKeyDictionary()

    def columns_of(self, other: Vocabulary) -> npt.NDArray[np.int64]:
        """The column here of each of the other's terms, -1 for those that are not here."""
        if other not in self._found:
            here, there = self.terms or {}, other.terms or {}
            self._found[other] = np.array([here.get(term, -1) for term in there], dtype=np.int64)
        return self._found[other]


class CountRows:
    """n rows of non-negative weights over a vocabulary."""

    def __init__(self, matrix: Any, vocabulary: Vocabulary) -> None:
        self.matrix, self.vocabulary = matrix, vocabulary

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def __getitem__(self, at: Any) -> CountRows:
        return CountRows(self.matrix[at], self.vocabulary)

    @property
    def sums(self) -> Float64Array:
        """(n,) the weights of each row together."""
        return np.asarray(self.matrix.sum(axis=1), dtype=np.float64).ravel()

    @property
    def squares(self) -> Float64Array:
        """(n,) the squared weights of each row together."""
        return np.asarray(self.matrix.power(2).sum(axis=1), dtype=np.float64).ravel()

    def beside(self, other: CountRows) -> Any:
        """The other's matrix in the columns of this one; what is unknown here is left out."""
        if other.vocabulary is self.vocabulary or self.vocabulary.terms is None:
            return other.matrix
        columns = self.vocabulary.columns_of(other.vocabulary)
        entries = other.matrix.tocoo()
        at = columns[entries.col]
        known = at >= 0
        where = entries.row[known], at[known]
        shape = len(other), max(self.vocabulary.width, 1)
        return sparse.csr_array((entries.data[known], where), shape=shape)

    def products(self, other: CountRows) -> Float64Array:
        """Inner products of all pairs of rows."""
        return np.asarray((self.matrix @ self.beside(other).T).toarray(), dtype=np.float64)

    def minima(self, other: CountRows) -> Float64Array:
        """``sum_t min(x_t, y_t)`` of all pairs of rows."""
        theirs = self.beside(other)
        if all((m.data == 1).all() for m in (self.matrix, theirs)):
            return np.asarray((self.matrix @ theirs.T).toarray(), dtype=np.float64)
        by_term = theirs.tocsc()
        out = np.empty((len(self), len(other)))
        for i in range(len(self)):
            row = self.matrix[[i]]
            part = by_term[:, row.indices]
            weights = np.minimum(part.data, np.repeat(row.data, np.diff(part.indptr)))
            out[i] = np.bincount(part.indices, weights, minlength=len(other))
        return out


def as_counts(values: Any, what: str) -> CountRows:
    """``values`` as checked rows; see `likewise.kernels.things.sets` for what they may be."""
    if isinstance(values, CountRows):
        return values
    if hasattr(values, "tocsr"):
        return _of_matrix(values, what)
    if isinstance(values, (Set, Mapping)):
        values = [values]
    numbers = isinstance(values, np.ndarray) and values.dtype != object
    if numbers or isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        hint = "; numbers go through scipy.sparse.csr_array(X)" if numbers else ""
        raise InvalidType(
            f"{what}: expected sets, mappings from element to weight, or a scipy sparse matrix; "
            f"got {values!r:.60} of type {type(values).__name__}{hint}"
        )
    return counted([_weights(row, i, what) for i, row in enumerate(values)])


def counted(rows: list[Mapping[Any, float]]) -> CountRows:
    """Checked mappings as rows over a new vocabulary."""
    terms: dict[Hashable, int] = {}
    columns = [terms.setdefault(term, len(terms)) for row in rows for term in row]
    data = np.array([weight for row in rows for weight in row.values()], dtype=np.float64)
    offsets = np.cumsum([0, *map(len, rows)])
    shape = len(rows), max(len(terms), 1)
    matrix = sparse.csr_array((data, np.array(columns, dtype=np.int64), offsets), shape=shape)
    matrix.eliminate_zeros()
    return CountRows(matrix, Vocabulary(terms, len(terms)))


def check_alike(X: CountRows, Y: CountRows) -> None:
    """Refuse matrices of other widths, and matrices beside sets."""
    one, two = X.vocabulary, Y.vocabulary
    if (one.terms is None) != (two.terms is None):
        raise InvalidType("X and Y must both be sparse matrices, or both be sets or mappings")
    if one.terms is None and one.width != two.width:
        raise DimensionMismatch(f"X has {one.width} columns, Y {two.width}")


def _of_matrix(values: Any, what: str) -> CountRows:
    if len(values.shape) != 2 or values.dtype.kind not in "fiub":
        raise InvalidType(
            f"{what}: expected a sparse matrix (n, columns) of weights; got shape {values.shape} "
            f"of {values.dtype}"
        )
    matrix = sparse.csr_array(values, dtype=np.float64, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    bad = ~(np.isfinite(matrix.data) & (matrix.data > 0))
    if bad.any():
        at = int(bad.argmax())
        row = int(np.searchsorted(matrix.indptr, at, side="right")) - 1
        raise InvalidVector(
            f"{what}: row {row} has weight {matrix.data[at]:g} in column {matrix.indices[at]}; "
            "weights must be finite and not negative"
        )
    return CountRows(matrix, Vocabulary(None, values.shape[1]))


def _weights(row: Any, i: int, what: str) -> Mapping[Any, float]:
    if isinstance(row, Mapping):
        for term, weight in row.items():
            if not isinstance(weight, (int, float, np.number)) or not 0 <= weight < np.inf:
                raise InvalidVector(
                    f"{what}: row {i} has weight {weight!r} for {term!r}; weights must be finite "
                    "and not negative"
                )
        return row
    if isinstance(row, (str, bytes)) or not isinstance(row, Iterable):
        raise InvalidType(
            f"{what}: row {i} must be a set (or list) of elements, or a mapping from element to "
            f"weight; got {row!r:.60} of type {type(row).__name__}"
        )
    try:
        return dict.fromkeys(row, 1.0)
    except TypeError:
        raise InvalidType(
            f"{what}: row {i} has an element that cannot be hashed: {row!r:.60}"
        ) from None
