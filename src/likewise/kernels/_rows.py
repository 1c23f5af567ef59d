"""Rows of numbers as kernels take them: checked, and in the precision that they came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import DimensionMismatch, InvalidType, InvalidVector

FloatArray = npt.NDArray[np.floating[Any]]


def as_rows(values: Any, what: str = "X", *, ndim: int = 2) -> FloatArray:
    """``values`` as a checked, C-contiguous array of ``ndim`` axes, rows first.

    Args:
        values: an array or nested lists of numbers, or anything with ``__array__``. With
            ``ndim=2`` a single row of numbers is one row.
        what: the argument's name, for messages.
        ndim: 2 for vectors, 4 for images (row, height, width, channel).

    Returns:
        float32 where that is what came, float64 otherwise; ``values`` itself where it fits.

    Raises:
        InvalidType: not numbers. DimensionMismatch: another number of axes, or rows of several
        lengths. InvalidVector: NaN or infinity.

    Example:
        >>> as_rows([[1, 2], [3, 4]]).dtype, as_rows(np.ones((2, 3), np.float32)).dtype
        (dtype('float64'), dtype('float32'))
    """
    array = _numbers(values, what)
    if array.ndim == ndim - 1 == 1:
        array = array[None]
    if array.ndim != ndim or 0 in array.shape[1:]:
        axes = {2: "(n, dim)", 4: "(n, height, width, channels)"}.get(ndim, f"of {ndim} axes")
        raise DimensionMismatch(f"{what}: expected an array {axes}; got shape {array.shape}")
    kind = np.float32 if array.dtype in (np.float32, np.float16) else np.float64
    rows: FloatArray = np.ascontiguousarray(array, dtype=kind)
    _refuse_non_finite(rows, what)
    return rows


def _numbers(values: Any, what: str) -> npt.NDArray[Any]:
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, Set, Mapping)):
        raise InvalidType(
            f"{what}: expected rows of numbers; got {values!r:.60} of type {type(values).__name__}"
        )
    if hasattr(values, "toarray"):
        raise InvalidType(
            f"{what}: sparse rows are not taken by this kernel; pass {what}.toarray()"
        )
    try:
        array = np.asarray(values)
    except ValueError:
        raise DimensionMismatch(f"{what}: rows have several lengths") from None
    if array.dtype.kind not in "fiub":
        raise InvalidType(f"{what}: expected rows of numbers; got values of type {array.dtype}")
    return array


def _refuse_non_finite(rows: FloatArray, what: str) -> None:
    # A sum is finite when all are, and costs one pass; it can overflow, so look closer then.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(rows.sum(dtype=np.float64)):
            return
    bad = ~np.isfinite(rows)
    if bad.any():
        place = [int(i) for i in np.argwhere(bad)[0]]
        kind = "NaN" if np.isnan(rows[tuple(place)]) else "infinity"
        raise InvalidVector(
            f"{what}: row {place[0]} has {kind} at {place[1:]}; every value must be finite"
        )


def check_alike(X: FloatArray, Y: FloatArray) -> None:
    """Refuse rows of other shapes."""
    if X.shape[1:] != Y.shape[1:]:
        raise DimensionMismatch(f"rows of X have shape {X.shape[1:]}, rows of Y {Y.shape[1:]}")


def precision(rows: Any) -> np.dtype[Any]:
    """What a kernel of ``rows`` is computed in: float32 where they are, float64 otherwise."""
    single = getattr(rows, "dtype", None) == np.float32
    return np.dtype(np.float32 if single else np.float64)
