"""Dot products of 8-bit and 4-bit codes, by the best instructions that the processor has.

A row of codes is unsigned (8 bits: a number from -127 to 127 is kept as that plus 128; 4 bits:
0 to 15), a query is signed. ``dots_of_four`` and ``dot_of_one`` give the sums of ``row * query``
over rows ``ids[at]``, ``ids[at + 1]``, ... All instruction sets give the same integers, and the
plain loops are the twin of them all.

Two 4-bit numbers share a byte: of each 64 bytes, the lower halves are 64 numbers and the upper
halves the next 64, so that both are taken apart without moving a byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from likewise.index._compiled.jit import kernel
from likewise.index._compiled.processor import instruction_set

# These parts of numba have no types.
_CGUTILS: Any = cgutils
_TYPES: Any = types
#: Rows of codes are filled up to a multiple of so many bytes: a cache line, and the widest
#: register there is.
LINE = 64

_BYTE, _SHORT, _INT, _LONG = (ir.IntType(bits) for bits in (8, 16, 32, 64))


def _vector(element: Any, count: int) -> Any:
    return ir.VectorType(element, count)


class Instructions(NamedTuple):
    """One way to multiply and add: bytes a step, and how a step is written in LLVM's words.

    ``step(builder, sums, row, query)`` gives the new sums; ``sums`` is a vector of 32-bit
    integers, ``row`` and ``query`` are vectors of ``loaded``; ``row`` went through ``prepare``
    before when it holds 8 bits.
    """

    width: int
    sums: Any
    loaded: Any
    step: Callable[[Any, Any, Any, Any], Any]
    prepare: Callable[[Any, Any], Any]


def _call(builder: Any, name: str, result: Any, values: list[Any]) -> Any:
    kind = ir.FunctionType(result, [value.type for value in values])
    return builder.call(_CGUTILS.get_or_insert_function(builder.module, kind, name), values)


def _as_it_is(builder: Any, row: Any) -> Any:
    return row


def _vnni(width: int) -> Instructions:
    # The form with 32-bit lanes is the older one; newer versions of LLVM translate it.
    lanes = _vector(_INT, width // 4)

    def step(builder: Any, sums: Any, row: Any, query: Any) -> Any:
        name = f"llvm.x86.avx512.vpdpbusd.{8 * width}"
        return _call(builder, name, lanes, [sums, row, query])

    return Instructions(width, lanes, lanes, step, _as_it_is)


def _avx2() -> Instructions:
    shorts, sums = _vector(_SHORT, 16), _vector(_INT, 8)

    def step(builder: Any, sum_: Any, row: Any, query: Any) -> Any:
        pair = [builder.zext(row, shorts), builder.sext(query, shorts)]
        return builder.add(sum_, _call(builder, "llvm.x86.avx2.pmadd.wd", sums, pair))

    return Instructions(16, sums, _vector(_BYTE, 16), step, _as_it_is)


def _neon() -> Instructions:
    # Both signed for this instruction: 128 is taken off the row, and put back by the caller
    # of `dots` through ``ROW_OFFSET``.
    sums, loaded = _vector(_INT, 4), _vector(_BYTE, 16)

    def prepare(builder: Any, row: Any) -> Any:
        return builder.xor(row, ir.Constant(loaded, [-128] * 16))

    def step(builder: Any, sum_: Any, row: Any, query: Any) -> Any:
        return _call(builder, "llvm.aarch64.neon.sdot.v4i32.v16i8", sums, [sum_, row, query])

    return Instructions(16, sums, loaded, step, prepare)


#: By the names of `processor.INSTRUCTION_SETS`; ``plain`` has none.
INSTRUCTIONS: dict[str, Callable[[], Instructions]] = {
    "avx512_vnni": lambda: _vnni(64),
    "avx_vnni": lambda: _vnni(32),
    "avx2": _avx2,
    "neon": _neon,
}
#: What a set adds to every byte of a row: 128, or nothing where it takes the row as signed.
ROW_OFFSETS = {"neon": 0}


def row_offset(name: str) -> int:
    """What the dot products by these instructions add to each number of a row."""
    return ROW_OFFSETS.get(name, 128)


def make_dots(name: str, count: int, *, halves: bool = False) -> Any:
    """A function ``(codes, ids, at, query)`` to the ``count`` dot products, as a tuple.

    Args:
        name: an instruction set.
        count: rows taken at once; several share what is loaded of the query.
        halves: the rows hold 4-bit numbers.
    """
    if name == "plain":
        return _PLAIN[count, halves]
    instructions = INSTRUCTIONS[name]()

    @intrinsic
    def dots(typing: Any, codes: Any, ids: Any, at: Any, query: Any) -> Any:
        signature = _TYPES.UniTuple(types.int32, count)(codes, ids, types.int64, query)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds = signature.args
            rows, numbers, wanted = (
                context.make_array(kinds[i])(context, builder, arguments[i]) for i in (0, 1, 3)
            )
            stride = builder.extract_value(rows.strides, 0)
            first = builder.bitcast(rows.data, ir.PointerType(_BYTE))
            starts = []
            for j in range(count):
                place = builder.add(arguments[2], ir.Constant(_LONG, j))
                number = builder.load(builder.gep(numbers.data, [place]))
                starts.append(
                    builder.gep(first, [builder.mul(builder.sext(number, _LONG), stride)])
                )
            query_start = builder.bitcast(wanted.data, ir.PointerType(_BYTE))
            products = _sum_halves if halves else _sum_products
            totals = products(builder, instructions, starts, query_start, stride)
            return context.make_tuple(builder, signature.return_type, totals)

        return signature, generate

    return dots


def _sum_products(
    builder: Any, instructions: Instructions, starts: list[Any], query: Any, length: Any
) -> list[Any]:
    """The dot products of some rows; ``length`` is not 0."""
    vectors = vectors_of_products(builder, instructions, starts, query, length)
    return _added_across(builder, vectors)


def _sum_halves(
    builder: Any, instructions: Instructions, starts: list[Any], query: Any, length: Any
) -> list[Any]:
    """The same over rows of 4-bit numbers; ``query`` has twice as many bytes."""
    return _added_across(builder, vectors_of_halves(builder, instructions, starts, query, length))


def _added_across(builder: Any, vectors: list[Any]) -> list[Any]:
    """The sum of the numbers of each vector."""
    name = f"llvm.vector.reduce.add.v{vectors[0].type.count}i32"
    return [_call(builder, name, _INT, [vector]) for vector in vectors]


def vectors_of_products(
    builder: Any, instructions: Instructions, starts: list[Any], query: Any, length: Any
) -> list[Any]:
    """The loop over the bytes of some rows at once: sums that are not added across yet."""

    def step(sums: list[Any], offset: Any) -> list[Any]:
        part = _load(builder, instructions, query, offset)
        rows = [_load(builder, instructions, start, offset) for start in starts]
        rows = [instructions.prepare(builder, row) for row in rows]
        pairs = zip(sums, rows, strict=True)
        return [instructions.step(builder, sum_, row, part) for sum_, row in pairs]

    return _loop(builder, instructions, len(starts), length, step)


def vectors_of_halves(
    builder: Any, instructions: Instructions, starts: list[Any], query: Any, length: Any
) -> list[Any]:
    """The same over rows of 4-bit numbers."""
    lanes = _vector(_INT, instructions.width // 4)
    lower = ir.Constant(lanes, [0x0F0F0F0F] * lanes.count)
    four = ir.Constant(lanes, [4] * lanes.count)

    def step(sums: list[Any], offset: Any) -> list[Any]:
        # Byte 64 b + p of a row holds numbers 128 b + p and 128 b + 64 + p.
        block = builder.and_(offset, ir.Constant(_LONG, -LINE))
        first = builder.add(offset, block)
        second = builder.add(first, ir.Constant(_LONG, LINE))
        parts = [_load(builder, instructions, query, place) for place in (first, second)]
        grown = []
        for sum_, start in zip(sums, starts, strict=True):
            row = builder.bitcast(_load(builder, instructions, start, offset), lanes)
            halves = (row, builder.lshr(row, four))
            for half, part in zip(halves, parts, strict=True):
                numbers = builder.bitcast(builder.and_(half, lower), instructions.loaded)
                sum_ = instructions.step(builder, sum_, numbers, part)
            grown.append(sum_)
        return grown

    return _loop(builder, instructions, len(starts), length, step)


def _load(builder: Any, instructions: Instructions, start: Any, offset: Any) -> Any:
    pointer = ir.PointerType(instructions.loaded)
    return builder.load(builder.bitcast(builder.gep(start, [offset]), pointer), align=16)


def _loop(
    builder: Any,
    instructions: Instructions,
    count: int,
    length: Any,
    step: Callable[[list[Any], Any], list[Any]],
) -> list[Any]:
    """``count`` sums from 0, through ``step`` at each offset below ``length``."""
    kind = instructions.sums
    before = builder.block
    loop, done = builder.append_basic_block("dots"), builder.append_basic_block("dots.done")
    builder.branch(loop)
    builder.position_at_end(loop)
    offset = builder.phi(_LONG)
    offset.add_incoming(ir.Constant(_LONG, 0), before)
    sums = [builder.phi(kind) for _ in range(count)]
    grown = step(sums, offset)
    for sum_, new in zip(sums, grown, strict=True):
        sum_.add_incoming(ir.Constant(kind, [0] * kind.count), before)
        sum_.add_incoming(new, loop)
    following = builder.add(offset, ir.Constant(_LONG, instructions.width))
    offset.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, length), loop, done)
    builder.position_at_end(done)
    return grown


@kernel(boundscheck=False, fastmath=True, inline="always")
def _plain_one(codes: Any, ids: Any, at: Any, query: Any) -> Any:
    total = np.int32(0)
    row = np.int64(ids[at])
    for j in range(codes.shape[1]):
        total += np.int32(codes[row, j]) * np.int32(query[j])
    return (total,)


@kernel(boundscheck=False, fastmath=True, inline="always")
def _plain_four(codes: Any, ids: Any, at: Any, query: Any) -> Any:
    return (
        _plain_one(codes, ids, at, query)[0],
        _plain_one(codes, ids, at + 1, query)[0],
        _plain_one(codes, ids, at + 2, query)[0],
        _plain_one(codes, ids, at + 3, query)[0],
    )


@kernel(boundscheck=False, fastmath=True, inline="always")
def _plain_half(codes: Any, ids: Any, at: Any, query: Any) -> Any:
    total = np.int32(0)
    row = np.int64(ids[at])
    for block in range(codes.shape[1] // LINE):
        for p in range(LINE):
            byte = np.int32(np.uint8(codes[row, LINE * block + p]))
            total += (byte & 15) * np.int32(query[2 * LINE * block + p])
            total += (byte >> 4) * np.int32(query[2 * LINE * block + LINE + p])
    return (total,)


@kernel(boundscheck=False, fastmath=True, inline="always")
def _plain_four_halves(codes: Any, ids: Any, at: Any, query: Any) -> Any:
    return (
        _plain_half(codes, ids, at, query)[0],
        _plain_half(codes, ids, at + 1, query)[0],
        _plain_half(codes, ids, at + 2, query)[0],
        _plain_half(codes, ids, at + 3, query)[0],
    )


_PLAIN = {
    (1, False): _plain_one,
    (4, False): _plain_four,
    (1, True): _plain_half,
    (4, True): _plain_four_halves,
}
NAME = instruction_set()
#: What is to be taken off a dot product for each unit of the query's sum.
ROW_OFFSET = row_offset(NAME)
dots_of_four = make_dots(NAME, 4)
dot_of_one = make_dots(NAME, 1)
dots_of_four_halves = make_dots(NAME, 4, halves=True)
dot_of_one_half = make_dots(NAME, 1, halves=True)
