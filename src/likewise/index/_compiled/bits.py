"""Small tools of the kernels: prefetching, and floats as integers of the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from likewise.index._compiled.jit import kernel

# This part of numba has no types.
_CGUTILS: Any = cgutils
_BYTE, _INT, _LONG = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_LINE = 64
#: An entry of a pool: the key's bits, then this flag (set when expanded), then 31 bits of id.
EXPANDED = np.uint64(1 << 31)
ID_BITS = np.uint64((1 << 31) - 1)
KEY_SHIFT = np.uint64(32)


@intrinsic
def _prefetch(typing: Any, array: Any, row: Any) -> Any:

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = builder.extract_value(rows.strides, 0)
        first = builder.bitcast(rows.data, ir.PointerType(_BYTE))
        start = builder.gep(first, [builder.mul(arguments[1], stride)])
        settings = [ir.Constant(_INT, value) for value in (0, 3, 1)]  # to read, to keep, data
        kind = ir.FunctionType(ir.VoidType(), [start.type, _INT, _INT, _INT])
        name = "llvm.prefetch.p0"
        function = _CGUTILS.get_or_insert_function(builder.module, kind, name)
        lines = builder.udiv(
            builder.add(stride, ir.Constant(_LONG, _LINE - 1)), ir.Constant(_LONG, _LINE)
        )
        with cgutils.for_range(builder, lines) as loop:
            offset = builder.mul(loop.index, ir.Constant(_LONG, _LINE))
            builder.call(function, [builder.gep(start, [offset]), *settings])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


#: ``prefetch(array, row)`` asks for all cache lines of ``array[row]`` (C order) without waiting.
prefetch: Any = _prefetch


@intrinsic
def _prefetch_from(typing: Any, array: Any, row: Any, item: Any) -> Any:

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = builder.extract_value(rows.strides, 0)
        size = ir.Constant(_LONG, signature.args[0].dtype.bitwidth // 8)
        first = builder.bitcast(rows.data, ir.PointerType(_BYTE))
        start = builder.add(builder.mul(arguments[1], stride), builder.mul(arguments[2], size))
        settings = [ir.Constant(_INT, value) for value in (0, 3, 1)]  # to read, to keep, data
        kind = ir.FunctionType(ir.VoidType(), [first.type, _INT, _INT, _INT])
        function = _CGUTILS.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        for line in range(2):
            offset = builder.add(start, ir.Constant(_LONG, line * _LINE))
            builder.call(function, [builder.gep(first, [offset]), *settings])
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), generate


#: ``prefetch_from(array, row, item)`` asks for two cache lines of ``array[row]``, from that item.
prefetch_from: Any = _prefetch_from


@intrinsic
def _make_ordered(typing: Any, value: Any) -> Any:

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(arguments[0], _INT)
        negative = builder.ashr(bits, ir.Constant(_INT, 31))  # all ones, or none
        return builder.xor(bits, builder.or_(negative, ir.Constant(_INT, -(2**31))))

    return types.uint32(types.float32), generate


#: The bits of a float32, so that unsigned integers compare as the floats do.
_ordered: Any = _make_ordered


@intrinsic
def _make_float(typing: Any, value: Any) -> Any:

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        positive = builder.ashr(arguments[0], ir.Constant(_INT, 31))
        mask = builder.or_(builder.not_(positive), ir.Constant(_INT, -(2**31)))
        return builder.bitcast(builder.xor(arguments[0], mask), ir.FloatType())

    return types.float32(types.uint32), generate


#: The inverse of `_ordered`.
_from_ordered: Any = _make_float


@kernel(inline="always")
def packed(key: Any, id_: Any) -> Any:
    """An entry of a pool, ordered by key and then by id; ``key`` is a float32."""
    return (np.uint64(_ordered(key)) << KEY_SHIFT) | np.uint64(id_)


@kernel(inline="always")
def key_of(entry: Any) -> Any:
    """The key of an entry."""
    return _from_ordered(np.uint32(entry >> KEY_SHIFT))


@kernel(inline="always")
def id_of(entry: Any) -> Any:
    """The id of an entry, expanded or not."""
    return np.int64(entry & ID_BITS)
