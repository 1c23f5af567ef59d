"""Sparse vectors: rows of weighted terms, with their checks and their bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import DamagedFile, DimensionMismatch, InvalidType, InvalidVector

Term = str | int
Namer = Callable[[int], str]

#: The largest count of a term in a row: float32 holds every whole number up to here.
LARGEST_COUNT = 1 << 24
#: Columns are 32-bit numbers.
MOST_TERMS = (1 << 31) - 1
_NO_VOCABULARY: dict[Term, int] = {}


@dataclass(frozen=True, slots=True)
class SparseRows:
    """n rows of weighted terms; row i owns places ``offsets[i]`` to ``offsets[i + 1]``.

    Attributes:
        offsets: (n + 1,) int64.
        columns: (places,) int32, the number of each term.
        weights: (places,) float32, all above 0.
        width: how many terms there are, those of other rows too.
        new_terms: terms that the vocabulary lacked; they have the columns after its own.

    Example:
        >>> rows = as_sparse([{"cat": 2, "mat": 1}, {}, {"cat": 1}])
        >>> len(rows), rows.columns.tolist(), rows.weights.tolist(), rows.new_terms
        (3, [0, 1, 0], [2.0, 1.0, 1.0], ['cat', 'mat'])
    """

    offsets: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    width: int
    new_terms: list[Term] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.offsets) - 1


def as_sparse(
    values: Any,
    *,
    width: int | None = None,
    vocabulary: Mapping[Term, int] | None = None,
    grow: bool = True,
    whole: bool = False,
    what: str = "X",
    name: Namer | None = None,
) -> SparseRows:
    """``values`` as checked rows of weighted terms.

    A weight of 0 (or too small for float32) is as good as none: the term is left out.

    Args:
        values: a scipy sparse array or matrix (n, terms), whose duplicates are summed, as scipy
            does; or a sequence of mappings from term to weight, or one mapping, which is one
            row. Terms are strings or integers, one kind for all rows.
        width: the number of columns that a matrix must have. With it, the terms of mappings are
            column numbers.
        vocabulary: the column of each term of a mapping.
        grow: give new terms columns of their own (`SparseRows.new_terms`), or check that column
            numbers are below ``width``; False leaves out what is unknown.
        whole: refuse weights that are no counts: whole numbers up to 16,777,216.
        what: how messages name the whole.
        name: what messages call a row, from its number here; "row 3" when None.

    Raises:
        InvalidType: no such rows, terms or weights.
        InvalidVector: a weight that is negative, NaN, infinite or beyond float32, or no count.
        DimensionMismatch: a matrix of another width, or a column number beyond it.

    Cost: O(places), about 0.2 microseconds each for mappings.

    Example:
        >>> as_sparse([{"cat": 0.5}, {"cat": -1}])
        Traceback (most recent call last):
        ...
        likewise.errors.InvalidVector: X: row 1 has weight -1 for term 'cat'; ...
    """
    if isinstance(values, Mapping):
        values = [values]
    if hasattr(values, "tocsr"):
        offsets, columns, weights, found = _from_matrix(values, width, what)
        new_terms: list[Term] = []
        label: Callable[[int], Any] = lambda place: int(columns[place])  # noqa: E731
    else:
        rows = _mappings(values, what, name)
        offsets, terms, weights = _flattened(rows, what, name)
        label = terms.__getitem__
        columns, new_terms, found = _known(terms, width, vocabulary, grow, what, name, offsets)
    _refuse_weights(weights, offsets, whole, label, what, name)
    return _without_nothing(offsets, columns, weights, found, new_terms)


def _from_matrix(
    values: Any, width: int | None, what: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[Any], int]:
    if len(values.shape) != 2:
        raise DimensionMismatch(f"{what}: expected (n, terms); got shape {values.shape}")
    if values.dtype.kind not in "fiub":
        raise InvalidType(f"{what}: expected weights that are numbers; got {values.dtype}")
    if width is not None and values.shape[1] != width:
        raise DimensionMismatch(
            f"{what}: expected a matrix of {width} terms (columns); got {values.shape[1]}"
        )
    if values.shape[1] > MOST_TERMS:
        raise DimensionMismatch(f"{what}: at most {MOST_TERMS:,} terms; got {values.shape[1]:,}")
    matrix = values.tocsr()
    if not matrix.has_canonical_format:
        matrix = matrix.copy()  # the caller's stays as it is
        matrix.sum_duplicates()
    weights = matrix.data if matrix.dtype.kind == "f" else matrix.data.astype(np.float64)
    columns = matrix.indices.astype(np.int32, copy=False)
    return matrix.indptr.astype(np.int64), columns, weights, values.shape[1]


def _mappings(values: Any, what: str, name: Namer | None) -> Sequence[Mapping[Any, Any]]:
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes)):
        raise InvalidType(
            f"{what}: expected a scipy sparse matrix (n, terms) or a list of mappings from term "
            f"to weight; got {values!r:.60} of type {type(values).__name__}"
        )
    rows = list(values)
    for row, mapping in enumerate(rows):
        if not isinstance(mapping, Mapping):
            raise InvalidType(
                f"{what}: {_name(row, name)} must map terms to weights; got {mapping!r:.60} of "
                f"type {type(mapping).__name__}; a dense array goes through scipy.sparse.csr_array"
            )
    return rows


def _flattened(
    rows: Sequence[Mapping[Any, Any]], what: str, name: Namer | None
) -> tuple[npt.NDArray[np.int64], list[Any], npt.NDArray[np.float64]]:
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)), out=offsets[1:])
    terms = list(chain.from_iterable(rows))
    given = list(chain.from_iterable(row.values() for row in rows))
    kinds = set(map(type, terms))
    if not (kinds <= {str} or kinds <= {int}):
        terms = _plain_terms(terms, offsets, what, name)
    if not set(map(type, given)) <= {int, float}:
        for place, value in enumerate(given):
            if isinstance(value, (bool, np.bool_)) or not isinstance(
                value, (int, float, np.integer, np.floating)
            ):
                where = _where(place, terms[place], offsets, what, name)
                raise InvalidType(f"{where}: expected a number as its weight; got {value!r:.60}")
    try:
        weights = np.array(given, dtype=np.float64)
    except OverflowError:  # an integer beyond every float
        weights = np.array([float(f"{value}") for value in given], dtype=np.float64)
    return offsets, terms, weights


def _plain_terms(
    terms: list[Any], offsets: npt.NDArray[np.int64], what: str, name: Namer | None
) -> list[Term]:
    plain: list[Term] = []
    for place, term in enumerate(terms):
        if isinstance(term, (bool, np.bool_)) or not isinstance(term, (str, int, np.integer)):
            row = _row_of(place, offsets)
            raise InvalidType(
                f"{what}: {_name(row, name)} has the term {term!r:.60} of type "
                f"{type(term).__name__}; terms are str or int"
            )
        plain.append(str(term) if isinstance(term, str) else int(term))
        if type(plain[-1]) is not type(plain[0]):
            row = _row_of(place, offsets)
            raise InvalidType(
                f"{what}: {_name(row, name)} has the term {term!r:.60} where others are "
                f"{type(plain[0]).__name__}; terms are all str or all int"
            )
    return plain


def _known(
    terms: list[Any],
    width: int | None,
    vocabulary: Mapping[Term, int] | None,
    grow: bool,
    what: str,
    name: Namer | None,
    offsets: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int32], list[Term], int]:
    """The column of each term, -1 for those to leave out; new terms; and how many there are."""
    if width is not None:
        return _numbered(terms, width, grow, what, name, offsets), [], width
    known = _NO_VOCABULARY if vocabulary is None else vocabulary
    if terms and known and type(next(iter(known))) is not type(terms[0]):
        raise InvalidType(
            f"{what}: expected terms of type {type(next(iter(known))).__name__}, as those before; "
            f"got {terms[0]!r:.60} of type {type(terms[0]).__name__}"
        )
    table = {term: known.get(term, -1) for term in dict.fromkeys(terms)}
    new: list[Term] = []
    if grow:
        new = [term for term, column in table.items() if column < 0]
        table.update(zip(new, range(len(known), len(known) + len(new)), strict=True))
    columns = np.fromiter(map(table.__getitem__, terms), np.int32, len(terms))
    return columns, new, len(known) + len(new)


def _numbered(
    terms: list[Any],
    width: int,
    grow: bool,
    what: str,
    name: Namer | None,
    offsets: npt.NDArray[np.int64],
) -> npt.NDArray[np.int32]:
    if terms and not isinstance(terms[0], int):
        raise InvalidType(
            f"{what}: expected column numbers as terms, since rows came as a matrix of {width} "
            f"columns; got {terms[0]!r:.60}"
        )
    for place, term in enumerate(terms):
        if not 0 <= term < width and grow:
            row = _row_of(place, offsets)
            raise DimensionMismatch(
                f"{what}: {_name(row, name)} has term {term}; there are columns 0 to {width - 1}"
            )
    known = [term if 0 <= term < width else -1 for term in terms]
    return np.array(known, dtype=np.int32)


def _refuse_weights(
    weights: npt.NDArray[Any],
    offsets: npt.NDArray[np.int64],
    whole: bool,
    label: Callable[[int], Any],
    what: str,
    name: Namer | None,
) -> None:
    limit = float(np.finfo(np.float32).max)
    good = (weights >= 0) & (weights <= limit)
    remedy = "weights are finite 32-bit numbers of 0 or more"
    if whole and good.all():
        good = (weights == np.floor(weights)) & (weights <= LARGEST_COUNT)
        remedy = f"BM25 takes counts: whole numbers up to {LARGEST_COUNT:,}"
    if not good.all():
        place = int(np.flatnonzero(~good)[0])
        where = _where(place, label(place), offsets, what, name, float(weights[place]))
        raise InvalidVector(f"{where}; {remedy}")


def _without_nothing(
    offsets: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int32],
    weights: npt.NDArray[Any],
    width: int,
    new_terms: list[Term],
) -> SparseRows:
    """Without unknown terms (column -1) and weights of 0."""
    single = weights.astype(np.float32)
    keep = (columns >= 0) & (single > 0)
    if not keep.all():
        before = np.concatenate([[0], np.cumsum(keep)])
        offsets, columns, single = before[offsets], columns[keep], single[keep]
    return SparseRows(offsets, columns, single, width, new_terms)


def _row_of(place: int, offsets: npt.NDArray[np.int64]) -> int:
    return int(np.searchsorted(offsets, place, side="right")) - 1


def _where(
    place: int,
    term: Any,
    offsets: npt.NDArray[np.int64],
    what: str,
    name: Namer | None,
    weight: float | None = None,
) -> str:
    row = _name(_row_of(place, offsets), name)
    if weight is None:
        return f"{what}: {row}, term {term!r:.60}"
    kind = "NaN" if np.isnan(weight) else "infinity" if np.isinf(weight) else f"{weight:g}"
    return f"{what}: {row} has weight {kind} for term {term!r:.60}"


def _name(row: int, name: Namer | None) -> str:
    return f"row {row}" if name is None else name(row)


# -- bytes -------------------------------------------------------------------------------

_HEAD = struct.Struct("<cI")
_STRINGS, _INTEGERS = b"s", b"i"


def sparse_to_bytes(row: Mapping[Term, float]) -> bytes:
    """One checked row of weighted terms as bytes, the same for the same row in the same order.

    A letter (``s`` for strings, ``i`` for integers), the number of terms (uint32), their weights
    (float32), then the terms: int64, or the length of each in UTF-8 (uint32) and the bytes of
    all. Numbers are little-endian.

    Raises:
        InvalidType, InvalidVector: as `as_sparse`.

    Example:
        >>> len(sparse_to_bytes({"cat": 0.5, "mat": 2.0}))
        27
    """
    rows = as_sparse(row, what="the sparse vector")
    terms = [rows.new_terms[column] for column in rows.columns.tolist()]
    weights = rows.weights.astype("<f4", copy=False).tobytes()
    if not terms or isinstance(terms[0], int):
        try:
            body = np.array(terms, dtype="<i8").tobytes()
        except OverflowError:
            raise InvalidVector("the sparse vector has a term beyond 64 bits") from None
        return _HEAD.pack(_INTEGERS, len(terms)) + weights + body
    encoded = [str(term).encode("utf-8", "surrogatepass") for term in terms]
    lengths = np.array([len(text) for text in encoded], dtype="<u4").tobytes()
    return _HEAD.pack(_STRINGS, len(terms)) + weights + lengths + b"".join(encoded)


def sparse_from_bytes(blob: bytes) -> dict[Any, float]:
    """The row that `sparse_to_bytes` was given, without terms of weight 0.

    Raises:
        DamagedFile: the bytes are not such a row.

    Example:
        >>> sparse_from_bytes(sparse_to_bytes({"cat": 0.5, "mat": 2.0}))
        {'cat': 0.5, 'mat': 2.0}
    """
    try:
        kind, count = _HEAD.unpack_from(blob)
        at = _HEAD.size
        weights = np.frombuffer(blob, "<f4", count, at).tolist()
        at += 4 * count
        if kind == _INTEGERS and len(blob) == at + 8 * count:
            terms: list[Any] = np.frombuffer(blob, "<i8", count, at).tolist()
        elif kind == _STRINGS:
            lengths = np.frombuffer(blob, "<u4", count, at).tolist()
            ends = np.cumsum([at + 4 * count, *lengths]).tolist()
            if ends[-1] != len(blob):
                raise ValueError("its lengths do not add up")
            pieces = [blob[a:b] for a, b in pairwise(ends)]
            terms = [piece.decode("utf-8", "surrogatepass") for piece in pieces]
        else:
            raise ValueError(f"kind {kind!r} in {len(blob)} bytes")
    except (ValueError, struct.error) as error:
        raise DamagedFile(f"the bytes of a sparse vector are damaged: {error}") from None
    return dict(zip(terms, weights, strict=True))
