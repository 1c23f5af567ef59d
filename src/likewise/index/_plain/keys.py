"""Rows as codes and the keys that rank them: the formulas of `_compiled.space`, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._compiled.values import (
    CHEBYSHEV,
    CODE_OFFSET,
    CUSTOM,
    HAMMING,
    LARGEST_CODE,
    MANHATTAN,
    PRODUCT,
    SQUARED,
    Placing,
    Query,
    Space,
)
from likewise.metrics import Metric

Float32Array = npt.NDArray[np.float32]

#: Bytes in which the lower halves are so many numbers, and the upper ones the next.
LINE = 64


def quiet() -> np.errstate:
    """Numbers beyond float32 are infinite without a warning, as they are in a kernel."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


def numbers_of(space: Space, rows: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """(m, width) the whole numbers that 8-bit or 4-bit codes stand for."""
    codes: npt.NDArray[Any] = space.codes[rows]
    if codes.dtype == np.uint8:
        return codes.astype(np.int64) - CODE_OFFSET
    # Byte 64 b + p holds numbers 128 b + p and 128 b + 64 + p.
    blocks = codes.view(np.uint8).astype(np.int64).reshape(*codes.shape[:-1], -1, LINE)
    halves = np.stack([blocks & 15, blocks >> 4], axis=-2)
    numbers: npt.NDArray[np.int64] = 2 * halves.reshape(*codes.shape[:-1], -1) - 15
    return numbers


def keys_of(space: Space, ids: npt.ArrayLike, query: Query, metric: Metric) -> Float32Array:
    """(m,) keys of the rows ``ids`` (m,). Cost O(m dim)."""
    rows = np.asarray(ids, dtype=np.int64)
    if not len(rows):
        return np.empty(0, dtype=np.float32)
    with quiet():
        if space.codes.dtype == np.float32:
            return _float_keys(space.kind, space.codes[rows], query.code, metric)
        return _whole_keys(space, rows, query)


def _whole_keys(space: Space, rows: npt.NDArray[np.int64], query: Query) -> Float32Array:
    numbers = numbers_of(space, rows)
    code = query.code[: numbers.shape[1]].astype(np.int64)  # zeros follow
    dots = (numbers @ code).astype(np.float32)
    scale, bias = space.terms[rows, 0], space.terms[rows, 1]
    keys: Float32Array = bias + query.steep * scale * dots
    return keys


def _float_keys(kind: int, rows: Float32Array, query: Float32Array, metric: Metric) -> Float32Array:
    keys: Float32Array
    if kind == CUSTOM:
        keys = metric.pairwise(query[None, :], rows)[0].astype(np.float32)
    elif kind == SQUARED:
        keys = np.square(rows - query).sum(axis=1, dtype=np.float32)
    elif kind == PRODUCT:
        keys = np.float32(-2) * (rows @ query)
    elif kind == MANHATTAN:
        keys = np.abs(rows - query).sum(axis=1, dtype=np.float32)
    elif kind == CHEBYSHEV:
        keys = np.abs(rows - query).max(axis=1)
    elif kind == HAMMING:
        keys = np.count_nonzero(rows != query, axis=1).astype(np.float32)
    else:
        both = np.count_nonzero((rows != 0) & (query != 0), axis=1).astype(np.float32)
        either = np.count_nonzero((rows != 0) | (query != 0), axis=1).astype(np.float32)
        keys = np.where(either > 0, np.float32(1) - both / either, np.float32(0))
    return keys


def row_as_query(space: Space, row: int) -> Query:
    """A row in the place of a query."""
    zero = np.float32(0)
    if space.codes.dtype == np.float32:
        return Query(space.codes[row], zero, 0, zero)
    scale, bias = space.terms[row]
    return Query(numbers_of(space, row), np.float32(-2) * scale, 0, bias)


def place_query(space: Space, placing: Placing, raw: Float32Array) -> Query:
    """A query (dim,) as it was asked, in the space."""
    zero, width = np.float32(0), space.codes.shape[1]
    if space.codes.dtype == np.float32:
        factor = 1.0 if space.kind == CUSTOM else _factor(placing, raw)
        code = np.zeros(width, dtype=np.float32)
        with quiet():
            code[: len(raw)] = raw.astype(np.float64) * factor
        return Query(code, zero, 0, np.float32(2 * placing.reach * placing.reach))
    with quiet():
        moved = raw * np.float32(_factor(placing, raw)) - placing.mean
        peak = np.abs(moved).max()
        scale = peak / np.float32(LARGEST_CODE) if peak > 0 else np.float32(1)
        whole = np.rint(moved * (np.float32(1) / scale))
    numbers = np.zeros(2 * width if space.codes.dtype == np.int8 else width, dtype=np.int64)
    numbers[: len(raw)] = np.clip(whole, -LARGEST_CODE, LARGEST_CODE)
    base = scale * scale * np.float32(numbers @ numbers)
    if placing.reach > 0:
        base = np.float32(2 * placing.reach * placing.reach)
    return Query(numbers, np.float32(-2) * scale, 0, base)


def _factor(placing: Placing, raw: Float32Array) -> float:
    """What a query's numbers are multiplied by."""
    if placing.unit == 0 and placing.reach == 0:
        return placing.factor
    wide = raw.astype(np.float64)
    length = float(np.sqrt(wide @ wide))
    wanted = 1.0 if placing.unit else placing.reach
    return wanted / length if length > 0 else 0.0
