"""The values that flow: arrays of vectors that know their own checks and bytes.

Dense float32 vectors, and sparse ones (`as_sparse`, from a file of their own). Bags and Gaussians
join here, each with the same two duties: refuse what is not a vector, and turn rows to bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

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
