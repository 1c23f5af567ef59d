"""Keys of rows that follow each other: sixteen at a time, which a scan can have quicker.

What takes time in the dot product of a short row is adding up what each lane of a register holds.
Of sixteen rows at once it takes a third of the steps a row, and their scales and biases, which lie
side by side, are taken in together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from likewise.index._compiled.dots import (
    INSTRUCTIONS,
    LINE,
    NAME,
    vectors_of_halves,
    vectors_of_products,
)
from likewise.index._compiled.jit import kernel

# This part of numba has no types.
_TYPES: Any = types
BYTE, INT, LONG = (ir.IntType(bits) for bits in (8, 32, 64))
#: Rows taken at once.
IN_LINE = 16


def make_dots_in_line(name: str, *, halves: bool = False) -> Any:
    """A function ``(codes, first, query, sums)``: fills ``sums`` (16,) int32 by 16 rows in line.

    The sums of many rows are added across together, which takes a third of the steps.

    Args:
        name: an instruction set.
        halves: the rows hold 4-bit numbers.
    """
    if name == "plain":
        return _plain_in_line_of_halves if halves else _plain_in_line
    instructions = INSTRUCTIONS[name]()

    @intrinsic
    def dots(typing: Any, codes: Any, first: Any, query: Any, sums: Any) -> Any:
        signature = _TYPES.void(codes, types.int64, query, sums)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds = signature.args
            rows, wanted, filled = (
                context.make_array(kinds[i])(context, builder, arguments[i]) for i in (0, 2, 3)
            )
            stride = builder.extract_value(rows.strides, 0)
            start = builder.bitcast(rows.data, ir.PointerType(BYTE))
            start = builder.gep(start, [builder.mul(arguments[1], stride)])
            starts = [
                builder.gep(start, [builder.mul(stride, ir.Constant(LONG, j))])
                for j in range(IN_LINE)
            ]
            query_start = builder.bitcast(wanted.data, ir.PointerType(BYTE))
            products = vectors_of_halves if halves else vectors_of_products
            totals = _added_together(
                builder, products(builder, instructions, starts, query_start, stride)
            )
            place = builder.bitcast(filled.data, ir.PointerType(totals[0].type))
            for number, total in enumerate(totals):
                target = builder.gep(place, [ir.Constant(LONG, number)])
                builder.store(total, target, align=4)
            return context.get_dummy_value()

        return signature, generate

    return dots


def _added_together(builder: Any, vectors: list[Any]) -> list[Any]:
    """The same sums, in their order, as few vectors.

    Two vectors become one, of the sums of neighbouring pairs of both, until each number is the
    sum of one vector.
    """
    count = vectors[0].type.count
    evens = ir.Constant(ir.VectorType(INT, count), list(range(0, 2 * count, 2)))
    odds = ir.Constant(ir.VectorType(INT, count), list(range(1, 2 * count, 2)))
    for _ in range(count.bit_length() - 1):
        vectors = [
            builder.add(
                builder.shuffle_vector(one, other, evens),
                builder.shuffle_vector(one, other, odds),
            )
            for one, other in zip(vectors[::2], vectors[1::2], strict=True)
        ]
    return vectors


@kernel(boundscheck=False)
def _plain_in_line(codes: Any, first: Any, query: Any, sums: Any) -> None:
    for j in range(IN_LINE):
        total = np.int32(0)
        for b in range(codes.shape[1]):
            total += np.int32(codes[first + j, b]) * np.int32(query[b])
        sums[j] = total


@kernel(boundscheck=False)
def _plain_in_line_of_halves(codes: Any, first: Any, query: Any, sums: Any) -> None:
    for j in range(IN_LINE):
        total = np.int32(0)
        for block in range(codes.shape[1] // LINE):
            for p in range(LINE):
                byte = np.int32(np.uint8(codes[first + j, LINE * block + p]))
                total += (byte & 15) * np.int32(query[2 * LINE * block + p])
                total += (byte >> 4) * np.int32(query[2 * LINE * block + LINE + p])
        sums[j] = total


@intrinsic
def _keys_from_dots(
    typing: Any,
    terms: Any,
    first: Any,
    dots: Any,
    times: Any,
    shift: Any,
    steep: Any,
    keys: Any,
    at: Any,
) -> Any:
    signature = _TYPES.void(
        terms, types.int64, dots, types.int32, types.int32, types.float32, keys, types.int64
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        floats, whole = ir.VectorType(ir.FloatType(), IN_LINE), ir.VectorType(INT, IN_LINE)
        both = ir.VectorType(ir.FloatType(), 2 * IN_LINE)
        held, products, filled = (
            context.make_array(signature.args[i])(context, builder, arguments[i]).data
            for i in (0, 2, 6)
        )

        def load(data: Any, item: Any, kind: Any) -> Any:
            place = builder.bitcast(builder.gep(data, [item]), ir.PointerType(kind))
            return builder.load(place, align=4)

        def all_of(value: Any, kind: Any) -> Any:
            one = builder.insert_element(
                ir.Constant(kind, ir.Undefined), value, ir.Constant(INT, 0)
            )
            same = ir.Constant(ir.VectorType(INT, IN_LINE), [0] * IN_LINE)
            return builder.shuffle_vector(one, one, same)

        def every_other(values: Any, begin: int) -> Any:
            places = ir.Constant(ir.VectorType(INT, IN_LINE), list(range(begin, 2 * IN_LINE, 2)))
            return builder.shuffle_vector(values, values, places)

        _, first, _, times, shift, steep, _, at = arguments
        pairs = load(held, builder.mul(first, ir.Constant(LONG, 2)), both)
        dots = load(products, ir.Constant(LONG, 0), whole)
        dots = builder.mul(dots, all_of(times, whole))
        dots = builder.sitofp(builder.sub(dots, all_of(shift, whole)), floats)
        steeps = builder.fmul(all_of(steep, floats), every_other(pairs, 0))
        found = builder.fadd(every_other(pairs, 1), builder.fmul(steeps, dots))
        target = builder.bitcast(builder.gep(filled, [at]), ir.PointerType(floats))
        builder.store(found, target, align=4)
        return context.get_dummy_value()

    return signature, generate


#: ``keys_from_dots(terms, first, dots, times, shift, steep, keys, at)``: of 16 rows from ``first``
#: on, ``keys[at + j] = bias + steep scale (times dots[j] - shift)``; arrays are in C order.
keys_from_dots: Any = _keys_from_dots
dots_in_line = make_dots_in_line(NAME)
dots_in_line_of_halves = make_dots_in_line(NAME, halves=True)
