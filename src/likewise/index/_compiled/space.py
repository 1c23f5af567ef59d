"""Rows as codes, and the keys that rank them: what walks and links compare by.

A key orders rows as their distance to a query does; ``key + query.base`` is the distance in
the space's own units: squared euclidean, or the metric itself for the other kinds.

8-bit codes: a row ``x`` is kept as ``mean + scale c`` with whole numbers ``c`` in [-127, 127]
and a scale of its own, the query likewise, so that

    |x - q|^2 = bias_x - 2 scale_x scale_q (c_x . c_q) + |q|^2,    bias_x = |scale_x c_x|^2

and one integer dot product gives the key. 4-bit codes: the same with odd numbers ``c`` in
[-15, 15], kept as ``(c + 15) / 2``. Where the
raw inner product is compared, the bias and the mean are 0, so the key of a row is ``-2 x . q``,
and the base is ``2 reach^2``: with all rows lifted to one length ``reach`` by a further coordinate
(Y. Bachrach and others, 2014), that would make it the squared distance to a query of that length.
Float32 codes are the placed rows themselves, of which any metric can be computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from likewise.index._compiled.bits import id_of, packed, prefetch
from likewise.index._compiled.dots import (
    ROW_OFFSET,
    dot_of_one,
    dot_of_one_half,
    dots_of_four,
    dots_of_four_halves,
)
from likewise.index._compiled.in_line import (
    IN_LINE,
    dots_in_line,
    dots_in_line_of_halves,
    keys_from_dots,
)
from likewise.index._compiled.jit import kernel
from likewise.index._compiled.values import (
    CHEBYSHEV,
    CODE_OFFSET,
    HAMMING,
    LARGEST_CODE,
    MANHATTAN,
    PRODUCT,
    SQUARED,
    Query,
)

# The functions below are chosen by the type of the codes while a kernel is compiled.


def buffer_of(codes: Any) -> Any:
    """An empty code for a query."""
    raise NotImplementedError


def keys_of(space: Any, ids: Any, count: Any, query: Any, keys: Any) -> None:
    """``keys[t]`` of the row ``ids[t]``, for ``count`` of them."""
    raise NotImplementedError


def keys_in_line(space: Any, first: Any, count: Any, query: Any, ids: Any, keys: Any) -> None:
    """``keys[t]`` of the row ``first + t``, for ``count`` of them; ``ids`` is overwritten."""
    raise NotImplementedError


def row_as_query(space: Any, row: Any, code: Any) -> Any:
    """A row in the place of a query; ``code`` is overwritten and part of it."""
    raise NotImplementedError


def place_query(space: Any, placing: Any, raw: Any, code: Any) -> Any:
    """A query in the space; ``code`` is overwritten and part of it."""
    raise NotImplementedError


def ask_ahead(space: Any, row: Any) -> None:
    """Prefetch all that `keys_of` reads of a row."""
    raise NotImplementedError


def sort_anew(
    space: Any, fine: Any, query: Any, pool: Any, count: Any, ids: Any, keys: Any
) -> None:
    """Sort the first ``count`` of a pool by finer codes, where ``space`` has 4-bit ones.

    ``ids`` and ``keys`` are overwritten, a part of the pool at a time.
    """
    raise NotImplementedError


_OPTIONS: Any = {"boundscheck": False, "error_model": "numpy"}


def by_codes(function: Any, of_bytes: Any, of_halves: Any, of_floats: Any) -> None:
    """Choose a function by the dtype of the codes: uint8 is 8 bits, int8 twice 4, else float32."""

    def choose(*arguments: Any) -> Any:
        kind = arguments[0]
        dtype = (kind.types[0] if isinstance(kind, types.NamedTuple) else kind).dtype
        return {types.uint8: of_bytes, types.int8: of_halves}.get(dtype, of_floats)

    overload(function, jit_options=_OPTIONS, strict=False)(choose)


@kernel(boundscheck=False, error_model="numpy", fastmath=True)
def _factor(placing: Any, raw: Any) -> Any:
    """What a query's numbers are multiplied by."""
    if placing.unit == 0 and placing.reach == 0:
        return np.float64(placing.factor)
    square = np.float64(0)
    for j in range(raw.shape[0]):
        square += np.float64(raw[j]) * np.float64(raw[j])
    wanted = np.float64(1) if placing.unit else np.float64(placing.reach)
    return wanted / np.sqrt(square) if square > 0 else np.float64(0)


@kernel(boundscheck=False)
def _listed(ids: Any, first: Any, count: Any) -> None:
    """Fill ``ids`` with ``count`` rows from ``first`` on."""
    for t in range(count):
        ids[t] = first + t


# -- 8-bit codes ---------------------------------------------------------------------


def _byte_buffer(codes: Any) -> Any:
    return np.zeros(codes.shape[1], np.int8)


def _byte_keys(space: Any, ids: Any, count: Any, query: Any, keys: Any) -> Any:
    t = 0
    while t + 4 <= count:
        dots = dots_of_four(space.codes, ids, t, query.code)
        for j in range(4):
            row = ids[t + j]
            dot = np.float32(dots[j] - query.shift)
            keys[t + j] = space.terms[row, 1] + query.steep * space.terms[row, 0] * dot
        t += 4
    while t < count:
        row = ids[t]
        dot = np.float32(dot_of_one(space.codes, ids, t, query.code)[0] - query.shift)
        keys[t] = space.terms[row, 1] + query.steep * space.terms[row, 0] * dot
        t += 1


_byte_keys_of = kernel(boundscheck=False)(_byte_keys)


def _byte_in_line(space: Any, first: Any, count: Any, query: Any, ids: Any, keys: Any) -> Any:
    if count < IN_LINE:
        _listed(ids, first, count)
        _byte_keys_of(space, ids, count, query, keys)
        return
    dots = np.empty(IN_LINE, np.int32)
    for start in range(0, count, IN_LINE):
        t = min(start, count - IN_LINE)  # the last ones overlap those before
        dots_in_line(space.codes, first + t, query.code, dots)
        keys_from_dots(space.terms, first + t, dots, np.int32(1), query.shift, query.steep, keys, t)


def _byte_row(space: Any, row: Any, code: Any) -> Any:
    total = np.int32(0)
    for j in range(code.shape[0]):
        value = np.int32(space.codes[row, j]) - np.int32(CODE_OFFSET)
        code[j] = value
        total += value
    steep = np.float32(-2) * space.terms[row, 0]
    return Query(code, steep, np.int32(ROW_OFFSET) * total, space.terms[row, 1])


def _byte_query(space: Any, placing: Any, raw: Any, code: Any) -> Any:
    scale, total, base = _eight_bits(placing, raw, code)
    return Query(code, np.float32(-2) * scale, np.int32(ROW_OFFSET) * total, base)


@kernel(boundscheck=False, error_model="numpy")
def _eight_bits(placing: Any, raw: Any, code: Any) -> Any:
    """Fill ``code``; gives the scale, the sum of the numbers, and the squared length."""
    dim = raw.shape[0]
    moved = np.empty(dim, np.float32)
    peak = _move(raw, np.float32(_factor(placing, raw)), placing.mean, moved)
    scale = peak / np.float32(LARGEST_CODE) if peak > 0 else np.float32(1)
    inverse = np.float32(1) / scale
    for j in range(dim):
        moved[j] = np.rint(moved[j] * inverse)
    total, squares = np.int32(0), np.int32(0)
    for j in range(dim):
        value = np.int32(moved[j])
        value = min(max(value, np.int32(-LARGEST_CODE)), np.int32(LARGEST_CODE))
        code[j] = value
        total += value
        squares += value * value
    for j in range(raw.shape[0], code.shape[0]):
        code[j] = 0
    if placing.reach > 0:
        return scale, total, np.float32(2 * placing.reach * placing.reach)
    return scale, total, scale * scale * np.float32(squares)


@kernel(boundscheck=False, fastmath={"nnan", "nsz"})
def _move(raw: Any, length: Any, mean: Any, moved: Any) -> Any:
    """Fill ``moved`` with the placed query less the mean; gives its largest number.

    The two steps stay two, rounded each, on every processor.
    """
    peak = np.float32(0)
    for j in range(raw.shape[0]):
        value = raw[j] * length - mean[j]
        moved[j] = value
        peak = max(peak, abs(value))
    return peak


def _any_ahead(space: Any, row: Any) -> Any:
    prefetch(space.codes, row)
    prefetch(space.terms, row)


# -- 4-bit codes, for queries only -----------------------------------------------------


def _half_buffer(codes: Any) -> Any:
    return np.zeros(2 * codes.shape[1], np.int8)


def _half_keys(space: Any, ids: Any, count: Any, query: Any, keys: Any) -> Any:
    t = 0
    while t + 4 <= count:
        dots = dots_of_four_halves(space.codes, ids, t, query.code)
        for j in range(4):
            row = ids[t + j]
            dot = np.float32(2 * dots[j] - query.shift)
            keys[t + j] = space.terms[row, 1] + query.steep * space.terms[row, 0] * dot
        t += 4
    while t < count:
        row = ids[t]
        dot = np.float32(2 * dot_of_one_half(space.codes, ids, t, query.code)[0] - query.shift)
        keys[t] = space.terms[row, 1] + query.steep * space.terms[row, 0] * dot
        t += 1


_half_keys_of = kernel(boundscheck=False)(_half_keys)


def _half_in_line(space: Any, first: Any, count: Any, query: Any, ids: Any, keys: Any) -> Any:
    if count < IN_LINE:
        _listed(ids, first, count)
        _half_keys_of(space, ids, count, query, keys)
        return
    dots = np.empty(IN_LINE, np.int32)
    for start in range(0, count, IN_LINE):
        t = min(start, count - IN_LINE)
        dots_in_line_of_halves(space.codes, first + t, query.code, dots)
        keys_from_dots(space.terms, first + t, dots, np.int32(2), query.shift, query.steep, keys, t)


def _half_row(space: Any, row: Any, code: Any) -> Any:
    raise NotImplementedError


def _half_query(space: Any, placing: Any, raw: Any, code: Any) -> Any:
    scale, total, base = _eight_bits(placing, raw, code)
    return Query(code, np.float32(-2) * scale, np.int32(15) * total, base)


@kernel(boundscheck=False)
def finer_query(query: Any) -> Any:
    """A query of rows with 4-bit codes as one of the same rows with 8-bit codes."""
    offset = np.int32(ROW_OFFSET) * (query.shift // np.int32(15))
    return Query(query.code, query.steep, offset, query.base)


def _half_sort(
    space: Any, fine: Any, query: Any, pool: Any, count: Any, ids: Any, keys: Any
) -> None:
    for place in range(count):
        prefetch(fine.codes, id_of(pool[place]))
    finer = finer_query(query)
    for start in range(0, count, ids.shape[0]):
        some = min(ids.shape[0], count - start)
        for t in range(some):
            ids[t] = id_of(pool[start + t])
        _byte_keys_of(fine, ids, some, finer, keys)
        for t in range(some):
            entry = packed(keys[t], ids[t])
            place = start + t
            while place > 0 and pool[place - 1] > entry:
                pool[place] = pool[place - 1]
                place -= 1
            pool[place] = entry


def _no_sort(space: Any, fine: Any, query: Any, pool: Any, count: Any, ids: Any, keys: Any) -> None:
    pass


# -- float32 codes -------------------------------------------------------------------


def _float_buffer(codes: Any) -> Any:
    return np.zeros(codes.shape[1], np.float32)


def _float_keys(space: Any, ids: Any, count: Any, query: Any, keys: Any) -> Any:
    if space.kind == SQUARED:
        for t in range(count):
            keys[t] = _squared(space.codes, ids[t], query.code)
    elif space.kind == PRODUCT:
        for t in range(count):
            keys[t] = np.float32(-2) * _product(space.codes, ids[t], query.code)
    elif space.kind == MANHATTAN:
        for t in range(count):
            keys[t] = _manhattan(space.codes, ids[t], query.code)
    elif space.kind == CHEBYSHEV:
        for t in range(count):
            keys[t] = _chebyshev(space.codes, ids[t], query.code)
    elif space.kind == HAMMING:
        for t in range(count):
            keys[t] = _hamming(space.codes, ids[t], query.code)
    else:
        for t in range(count):
            keys[t] = _jaccard(space.codes, ids[t], query.code)


_float_keys_of = kernel(boundscheck=False)(_float_keys)


def _float_in_line(space: Any, first: Any, count: Any, query: Any, ids: Any, keys: Any) -> Any:
    _listed(ids, first, count)
    _float_keys_of(space, ids, count, query, keys)


def _float_ahead(space: Any, row: Any) -> Any:
    prefetch(space.codes, row)


def _float_row(space: Any, row: Any, code: Any) -> Any:
    for j in range(code.shape[0]):
        code[j] = space.codes[row, j]
    zero = np.float32(0)
    return Query(code, zero, np.int32(0), zero)


def _float_query(space: Any, placing: Any, raw: Any, code: Any) -> Any:
    length = _factor(placing, raw)
    for j in range(raw.shape[0]):
        code[j] = np.float32(np.float64(raw[j]) * length)
    for j in range(raw.shape[0], code.shape[0]):
        code[j] = 0
    zero = np.float32(0)
    base = np.float32(2 * placing.reach * placing.reach)
    return Query(code, zero, np.int32(0), base)


@kernel(boundscheck=False, fastmath=True)
def _squared(rows: Any, at: Any, query: Any) -> Any:
    total = np.float32(0)
    for j in range(query.shape[0]):
        apart = rows[at, j] - query[j]
        total += apart * apart
    return total


@kernel(boundscheck=False, fastmath=True)
def _product(rows: Any, at: Any, query: Any) -> Any:
    total = np.float32(0)
    for j in range(query.shape[0]):
        total += rows[at, j] * query[j]
    return total


@kernel(boundscheck=False, fastmath=True)
def _manhattan(rows: Any, at: Any, query: Any) -> Any:
    total = np.float32(0)
    for j in range(query.shape[0]):
        total += abs(rows[at, j] - query[j])
    return total


@kernel(boundscheck=False, fastmath=True)
def _chebyshev(rows: Any, at: Any, query: Any) -> Any:
    largest = np.float32(0)
    for j in range(query.shape[0]):
        largest = max(largest, abs(rows[at, j] - query[j]))
    return largest


@kernel(boundscheck=False)
def _hamming(rows: Any, at: Any, query: Any) -> Any:
    unequal = np.int32(0)
    for j in range(query.shape[0]):
        unequal += np.int32(rows[at, j] != query[j])
    return np.float32(unequal)


@kernel(boundscheck=False, error_model="numpy")
def _jaccard(rows: Any, at: Any, query: Any) -> Any:
    both, either = np.int32(0), np.int32(0)
    for j in range(query.shape[0]):
        one, other = rows[at, j] != 0, query[j] != 0
        both += np.int32(one and other)
        either += np.int32(one or other)
    return np.float32(1) - np.float32(both) / np.float32(either) if either else np.float32(0)


by_codes(buffer_of, _byte_buffer, _half_buffer, _float_buffer)
by_codes(keys_of, _byte_keys, _half_keys, _float_keys)
by_codes(keys_in_line, _byte_in_line, _half_in_line, _float_in_line)
by_codes(row_as_query, _byte_row, _half_row, _float_row)
by_codes(place_query, _byte_query, _half_query, _float_query)
by_codes(sort_anew, _no_sort, _half_sort, _no_sort)
by_codes(ask_ahead, _any_ahead, _any_ahead, _float_ahead)
