"""The values that flow: arrays of vectors that know their own checks and bytes.

Dense float32 vectors, bags of them (several vectors a row), Gaussian rows, and sparse ones
(`as_sparse`, from a file of their own). Each kind has the same two duties: refuse what is not a
vector, and turn rows to bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt

from likewise._sparse_rows import SparseRows as SparseRows
from likewise._sparse_rows import Term as Term
from likewise._sparse_rows import as_sparse as as_sparse
from likewise._sparse_rows import sparse_from_bytes as sparse_from_bytes
from likewise._sparse_rows import sparse_to_bytes as sparse_to_bytes
from likewise.errors import DimensionMismatch, InvalidType, InvalidVector
from likewise.metrics import Metric

Float32Array = npt.NDArray[np.float32]
IdArray = npt.NDArray[np.int64]
_FLOAT32 = np.dtype(np.float32)


def as_dense(
    values: Any,
    *,
    dim: int | None = None,
    metric: Metric | None = None,
    what: str = "X",
    name: Callable[[int], str] | None = None,
    expects: str = "",
) -> Float32Array:
    """``values`` as a checked, C-contiguous (n, dim) float32 array.

    Args:
        values: a 2-d array, or a list of 1-d arrays or lists of numbers. A 1-d array of
            numbers is one row. Booleans and integers are taken as numbers.
        dim: the number of dimensions each row must have; None takes what comes.
        metric: refuses a zero vector where the metric compares directions only.
        what: how the message names the whole, such as ``"collection 'docs', field 'dense'"``.
        name: what the message calls a row, from its number here; "row 3" when None.
        expects: why ``dim`` is what it is, for the message: ``"encoder minilm"``.

    Returns:
        The array; ``values`` itself where it already is one.

    Raises:
        InvalidType: not numbers.
        DimensionMismatch: a row of another length.
        InvalidVector: NaN, infinity, beyond float32, or zero under cosine.

    Example:
        >>> as_dense([[3, 4], [0, 1]]).dtype
        dtype('float32')
        >>> as_dense([[3, float("nan")]], what="X")
        Traceback (most recent call last):
        ...
        likewise.errors.InvalidVector: X: row 0 has NaN in dimension 1; ...
    """
    if type(values) is np.ndarray and values.dtype == _FLOAT32:
        quick = _at_once(values, dim, metric is not None and metric.unit)
        if quick is not None:
            return quick
    array = _to_array(values, dim, what, name, expects)
    if dim is not None and array.shape[1] != dim:
        raise _wrong_dim(what, dim, expects, 0, name, array.shape[1])
    if array.shape[1] == 0:
        raise DimensionMismatch(f"{what}: vectors need at least one dimension; row 0 has none")
    with np.errstate(over="ignore"):
        dense = np.ascontiguousarray(array, dtype=np.float32)
    _refuse_non_finite(dense, array, what, name)
    if metric is not None and metric.unit:
        zero = ~dense.any(axis=1)
        if zero.any():
            row = int(zero.argmax())
            raise InvalidVector(
                f"{what}: {_name(row, name)} is a zero vector, which has no direction under "
                f"{metric.name}; leave the row out or use another metric"
            )
    return dense


@np.errstate(over="ignore", invalid="ignore", under="ignore")
def _at_once(array: Float32Array, dim: int | None, directed: bool) -> Float32Array | None:
    """``array`` as rows where a sum of squares shows it sound; None where it must be looked at.

    A query that is asked alone is nearly always so, and the thorough look would take longer
    than some searches.
    """
    if not array.flags.c_contiguous or array.size == 0:
        return None
    if array.ndim == 1 and (dim is None or len(array) == dim):
        return array[None, :] if 0.0 < array.dot(array) < np.inf else None
    if array.ndim == 2 and (dim is None or array.shape[1] == dim):
        if not directed:
            flat = array.reshape(-1)
            return array if flat.dot(flat) < np.inf else None
        squares = np.vecdot(array, array)
        return array if squares.min() > 0.0 and squares.max() < np.inf else None
    return None


def unit_rows(X: Float32Array) -> Float32Array:
    """Every row divided by its length; computed in float64, tiny and huge lengths included."""
    peak = np.abs(X).max(axis=1, keepdims=True).astype(np.float64)
    scaled = X / peak
    return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True), dtype=np.float32)


def to_bytes(row: Float32Array) -> bytes:
    """One dense row as little-endian float32 bytes, 4 a dimension."""
    return row.astype("<f4", copy=False).tobytes()


def from_bytes(blobs: Sequence[bytes], dim: int) -> Float32Array:
    """Rows back from `to_bytes`: an (n, dim) array of its own memory."""
    joined = np.frombuffer(b"".join(blobs), dtype="<f4").astype(np.float32, copy=True)
    return joined.reshape(len(blobs), dim)


class Bags(Sequence[Float32Array]):
    """Rows of several vectors each: n bags, which lie one after another in one array.

    Args:
        vectors: (total, dim) float32, C-contiguous.
        offsets: (n + 1,) int64; bag i owns ``vectors[offsets[i]:offsets[i + 1]]``.

    Nothing is checked here; `as_bags` does.

    Example:
        >>> bags = as_bags([[[1, 0], [0, 1]], [[3, 4]]])
        >>> len(bags), bags.dim, bags.counts.tolist(), bags[1].tolist()
        (2, 2, [2, 1], [[3.0, 4.0]])
    """

    __slots__ = ("offsets", "vectors")

    def __init__(self, vectors: Float32Array, offsets: IdArray) -> None:
        self.vectors, self.offsets = vectors, offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, i: int) -> Float32Array: ...
    @overload
    def __getitem__(self, i: slice) -> Bags: ...
    def __getitem__(self, i: int | slice) -> Float32Array | Bags:
        """The (m, dim) vectors of one bag, or a slice of the bags: views where steps are 1."""
        if isinstance(i, slice):
            start, stop, step = i.indices(len(self))
            if step != 1:
                return self.take(np.arange(start, stop, step))
            offsets = self.offsets[start : max(start, stop) + 1]
            return Bags(self.vectors[offsets[0] : offsets[-1]], offsets - offsets[0])
        if not -len(self) <= i < len(self):
            raise IndexError(f"bag {i} of {len(self)}")
        i += len(self) if i < 0 else 0
        return self.vectors[self.offsets[i] : self.offsets[i + 1]]

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return int(self.vectors.shape[1])

    @property
    def counts(self) -> IdArray:
        """(n,) how many vectors each bag has."""
        return np.diff(self.offsets)

    @property
    def nbytes(self) -> int:
        """Bytes of the vectors and the offsets."""
        return self.vectors.nbytes + self.offsets.nbytes

    def take(self, ids: Any) -> Bags:
        """The bags at ``ids`` (any order, repeats allowed), copied.

        Example:
            >>> as_bags([[[1, 0], [0, 1]], [[3, 4]]]).take([1]).counts.tolist()
            [1]
        """
        at, offsets = spans(self.offsets, np.asarray(ids, dtype=np.int64))
        return Bags(self.vectors[at], offsets)

    def to_bytes(self) -> list[bytes]:
        """Each bag as little-endian float32 bytes, 4 a number: `Bags.from_bytes` takes them.

        Example:
            >>> [len(blob) for blob in as_bags([[[1, 0], [0, 1]], [[3, 4]]]).to_bytes()]
            [16, 8]
        """
        return [to_bytes(bag) for bag in self]

    @classmethod
    def from_bytes(cls, blobs: Sequence[bytes], dim: int) -> Self:
        """Bags back from `to_bytes`, in memory of their own.

        Raises:
            InvalidVector: bytes that are no whole vectors of ``dim`` numbers, or none.

        Example:
            >>> Bags.from_bytes(as_bags([[[1, 0], [0, 1]]]).to_bytes(), 2)[0].tolist()
            [[1.0, 0.0], [0.0, 1.0]]
        """
        sizes = np.array([len(blob) for blob in blobs], dtype=np.int64)
        counts, rest = np.divmod(sizes, 4 * dim)
        if (bad := (counts == 0) | (rest != 0)).any():
            row = int(bad.argmax())
            raise InvalidVector(
                f"row {row}: expected the bytes of one or more vectors of {dim} numbers "
                f"({4 * dim} each); got {sizes[row]}"
            )
        flat = np.frombuffer(b"".join(blobs), dtype="<f4").astype(np.float32, copy=True)
        return cls(flat.reshape(-1, dim), _offsets(counts))

    def __repr__(self) -> str:
        return f"Bags({len(self)} bags, {len(self.vectors)} vectors of {self.dim} numbers)"


def as_bags(
    values: Any,
    *,
    dim: int | None = None,
    metric: Metric | None = None,
    what: str = "X",
    name: Callable[[int], str] | None = None,
) -> Bags:
    """``values`` as checked `Bags`.

    Args:
        values: a list with one (m, dim) array or list of lists a row, m >= 1; or `Bags`. A 2-d
            array, or a list of vectors, is one bag.
        dim, metric, what, name: as in `as_dense`.

    Raises:
        InvalidType: not bags of numbers.
        DimensionMismatch: a bag whose vectors have another length.
        InvalidVector: a bag with no vectors; NaN, infinity, beyond float32, or a zero vector
            under cosine, naming the row and the vector in it.

    Example:
        >>> as_bags([np.eye(2), [[3, 4]]])
        Bags(2 bags, 3 vectors of 2 numbers)
        >>> as_bags([np.eye(2), [[3, 4], [0, float("nan")]]])
        Traceback (most recent call last):
        ...
        likewise.errors.InvalidVector: X: row 1, vector 1 has NaN in dimension 1; ...
    """
    bags = values if isinstance(values, Bags) else _gathered(values, dim, what, name)
    counts = bags.counts
    if (counts == 0).any():
        raise _no_vectors(what, int((counts == 0).argmax()), name)

    def vector(i: int) -> str:
        row = int(np.searchsorted(bags.offsets, i, side="right")) - 1
        return f"{_name(row, name)}, vector {i - int(bags.offsets[row])}"

    vectors = as_dense(bags.vectors, dim=dim, metric=metric, what=what, name=vector)
    return Bags(vectors, bags.offsets)


def _gathered(values: Any, dim: int | None, what: str, name: Callable[[int], str] | None) -> Bags:
    """Bags of one dimension, their numbers not yet checked."""
    if _is_one_bag(values):
        values = [values]
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, Set, Mapping)):
        raise InvalidType(
            f"{what}: expected a list of bags, each (m, dim) numbers; got {values!r:.60} of type "
            f"{type(values).__name__}"
        )
    arrays = []
    for row, value in enumerate(values):
        array = _one_bag(value, dim, f"{what}: {_name(row, name)}")
        if array.size == 0:
            raise _no_vectors(what, row, name)
        dim = array.shape[1] if dim is None else dim
        if array.shape[1] != dim:
            raise DimensionMismatch(
                f"{what}: vectors hold {dim} numbers; those of {_name(row, name)} have "
                f"{array.shape[1]}"
            )
        arrays.append(array)
    if not arrays:
        return Bags(np.empty((0, dim or 1), dtype=np.float32), np.zeros(1, dtype=np.int64))
    counts = np.array([len(array) for array in arrays], dtype=np.int64)
    # Of one type that holds them all: a check of float32 would find 1e300 to be infinity.
    return Bags(np.concatenate(arrays), _offsets(counts))


def _is_one_bag(values: Any) -> bool:
    """Whether these are vectors and not bags of them."""
    if isinstance(values, np.ndarray):
        return values.ndim == 2 and values.dtype != object
    if not isinstance(values, (list, tuple)) or not values:
        return False
    first = values[0]
    if isinstance(first, np.ndarray):
        return first.ndim == 1
    return isinstance(first, (list, tuple)) and bool(first) and np.isscalar(first[0])


def _one_bag(value: Any, dim: int | None, where: str) -> npt.NDArray[Any]:
    try:
        array = np.asarray(value)
    except ValueError:  # vectors of different lengths
        lengths = [int(np.size(vector)) for vector in value]
        expected = lengths[0] if dim is None else dim
        at = next(i for i, n in enumerate(lengths) if n != expected)
        raise DimensionMismatch(
            f"{where}, vector {at} has {lengths[at]} numbers; {expected} are expected"
        ) from None
    if array.size == 0:
        return array
    if array.dtype.kind not in "fiub" or array.ndim != 2:
        raise InvalidType(
            f"{where}: expected a bag, (m, dim) numbers, with one row a vector; got shape "
            f"{array.shape} of {array.dtype}"
        )
    return array


def spans(offsets: IdArray, ids: IdArray) -> tuple[IdArray, IdArray]:
    """Where the vectors of the bags ``ids`` lie: their places, and the offsets among these.

    Example:
        >>> places, offsets = spans(np.array([0, 2, 3, 7]), np.array([2, 0]))
        >>> places.tolist(), offsets.tolist()
        ([3, 4, 5, 6, 0, 1], [0, 4, 6])
    """
    counts = offsets[ids + 1] - offsets[ids]
    new = _offsets(counts)
    return np.arange(new[-1]) + np.repeat(offsets[ids] - new[:-1], counts), new


def _offsets(counts: IdArray) -> IdArray:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])


def _no_vectors(what: str, row: int, name: Callable[[int], str] | None) -> InvalidVector:
    return InvalidVector(
        f"{what}: {_name(row, name)} is a bag with no vectors, to which nothing can be compared; "
        "give it at least one, or leave it out"
    )


def _to_array(
    values: Any, dim: int | None, what: str, name: Callable[[int], str] | None, expects: str
) -> npt.NDArray[Any]:
    if not isinstance(values, np.ndarray):
        if not isinstance(values, Iterable) or isinstance(values, (str, bytes, Set, Mapping)):
            raise InvalidType(
                f"{what}: expected a list or array of numbers; got {values!r:.60} "
                f"of type {type(values).__name__}"
            )
        values = list(values) if not hasattr(values, "__array__") else np.asarray(values)
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        lengths = [int(np.size(row)) for row in values]
        expected = dim if dim is not None else lengths[0]
        row = next(i for i, n in enumerate(lengths) if n != expected)
        raise _wrong_dim(what, expected, expects, row, name, lengths[row]) from None
    if array.size == 0 and array.ndim < 2:
        return np.empty((0, dim or 1), dtype=np.float32)
    if array.dtype.kind not in "fiub":
        raise InvalidType(
            f"{what}: expected rows of numbers; got {array.dtype} values such as {array.flat[0]!r}"
        )
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2:
        raise DimensionMismatch(f"{what}: expected (n, dim) numbers; got shape {array.shape}")
    return array


def _refuse_non_finite(
    dense: Float32Array, given: npt.NDArray[Any], what: str, name: Callable[[int], str] | None
) -> None:
    # A sum is finite when all are, and costs one pass; it can overflow, so look closer then.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(dense.sum(dtype=np.float64)):
            return
    bad = ~np.isfinite(dense)
    if not bad.any():
        return
    row, column = (int(i) for i in np.argwhere(bad)[0])
    value = given[row, column]
    kind = "NaN" if np.isnan(value) else "infinity" if np.isinf(value) else f"{value:g}"
    where = f"{what}: {_name(row, name)} has {kind} in dimension {column}"
    raise InvalidVector(f"{where}; every value must be a finite 32-bit number")


def _wrong_dim(
    what: str, dim: int, expects: str, row: int, name: Callable[[int], str] | None, got: int
) -> DimensionMismatch:
    because = f" ({expects})" if expects else ""
    return DimensionMismatch(
        f"{what}: rows hold {dim} numbers{because}; {_name(row, name)} has {got}"
    )


def _name(row: int, name: Callable[[int], str] | None) -> str:
    return f"row {row}" if name is None else name(row)


# -- Gaussian rows -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gaussians:
    """n rows that are normal distributions with a diagonal covariance.

    Attributes:
        means: (n, dim) float32.
        variances: (n, dim) float32, all above 0.

    Example:
        >>> rows = as_gaussians([[0, 1]], [[1, 0.25]])
        >>> len(rows), rows.dim
        (1, 2)
    """

    means: Float32Array
    variances: Float32Array

    @property
    def dim(self) -> int:
        """Numbers in a mean."""
        return int(self.means.shape[1])

    def __len__(self) -> int:
        return len(self.means)

    def packed(self) -> Float32Array:
        """(n, 2 dim) means and, behind them, variances: one vector a row.

        Example:
            >>> as_gaussians([[0, 1]], [[1, 0.25]]).packed().tolist()
            [[0.0, 1.0, 1.0, 0.25]]
        """
        return np.concatenate([self.means, self.variances], axis=1)

    def to_bytes(self, row: int) -> bytes:
        """Row ``row`` as little-endian float32 bytes, 8 a dimension: its mean, then its variance.

        Example:
            >>> rows = as_gaussians([[0, 1]], [[1, 0.25]])
            >>> Gaussians.from_bytes([rows.to_bytes(0)], dim=2) == rows
            True
        """
        return to_bytes(self.means[row]) + to_bytes(self.variances[row])

    @classmethod
    def from_bytes(cls, blobs: Sequence[bytes], dim: int) -> Gaussians:
        """Rows back from `to_bytes`, in memory of their own."""
        both = from_bytes(blobs, 2 * dim)
        return cls(np.ascontiguousarray(both[:, :dim]), np.ascontiguousarray(both[:, dim:]))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Gaussians)
            and np.array_equal(self.means, other.means)
            and np.array_equal(self.variances, other.variances)
        )

    __hash__ = None  # type: ignore[assignment]


def as_gaussians(
    means: Any,
    variances: Any,
    *,
    dim: int | None = None,
    what: str = "X",
    name: Callable[[int], str] | None = None,
    expects: str = "",
) -> Gaussians:
    """Means and variances as checked rows; the other arguments are those of `as_dense`.

    Args:
        means: (n, dim) finite numbers; a 1-d array is one row.
        variances: of the same shape, all above 0.

    Raises:
        InvalidVector: NaN, infinity, or a variance that is not above 0, with its row and dimension.
        DimensionMismatch: the two differ in shape. InvalidType: not numbers.

    Example:
        >>> as_gaussians([[0, 1]], [[1, 0]])
        Traceback (most recent call last):
        ...
        likewise.errors.InvalidVector: X: row 0 has variance 0 in dimension 1; ...
    """
    centres = as_dense(means, dim=dim, what=f"{what}, means", name=name, expects=expects)
    spreads = as_dense(
        variances,
        dim=centres.shape[1],
        what=f"{what}, variances",
        name=name,
        expects="one a number of the mean",
    )
    if len(centres) != len(spreads):
        raise DimensionMismatch(
            f"{what}: every mean needs a variance; got {len(centres)} means and "
            f"{len(spreads)} variances"
        )
    bad = spreads <= 0
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise InvalidVector(
            f"{what}: {_name(row, name)} has variance {spreads[row, column]:g} in dimension "
            f"{column}; every variance must be above 0: give the smallest spread that you trust"
        )
    return Gaussians(centres, spreads)
