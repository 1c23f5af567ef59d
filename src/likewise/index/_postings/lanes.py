"""Eight postings at a time: what they add to the scores of their rows; and which sums are enough.

Written in LLVM's words, since loops that gather by row are not vectorised otherwise. Each number
goes through the operations of `likewise.index._postings.scoring.score_of` in the same order, so
that the results are the same to the last bit on every processor.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

#: Numbers a step.
LANES = 8
#: Numbers that `above` compares at once.
WORD = 64

_TYPES: Any = types
_DOUBLE, _FLOAT, _INT, _LONG = ir.DoubleType(), ir.FloatType(), ir.IntType(32), ir.IntType(64)
_DOUBLES, _FLOATS, _INTS = (ir.VectorType(kind, LANES) for kind in (_DOUBLE, _FLOAT, _INT))


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


def _load(builder: Any, data: Any, at: Any, kind: Any, size: int) -> Any:
    pointer = builder.bitcast(builder.gep(data, [at]), kind.as_pointer())
    found = builder.load(pointer)
    found.align = size  # that of one number: a span may begin anywhere
    return found


def _store(builder: Any, vector: Any, data: Any, at: Any) -> None:
    pointer = builder.bitcast(builder.gep(data, [at]), vector.type.as_pointer())
    builder.store(vector, pointer).align = 8


def _everywhere(builder: Any, number: Any) -> Any:
    one = builder.insert_element(ir.Constant(_DOUBLES, ir.Undefined), number, _INT(0))
    nothing = ir.Constant(_DOUBLES, ir.Undefined)
    return builder.shuffle_vector(one, nothing, ir.Constant(_INTS, [0] * LANES))


def _added(builder: Any, x: Any, lengths: Any, weight: Any, constants: Any) -> Any:
    """As `score_of` with counts, in every lane."""
    scale, low, high, plus, fixed, slope = (_everywhere(builder, c) for c in constants)
    norm = builder.fadd(fixed, builder.fmul(slope, builder.sitofp(lengths, _DOUBLES)))
    above = builder.fadd(x, builder.fmul(low, norm))
    share = builder.fdiv(above, builder.fadd(x, builder.fmul(high, norm)))
    share = builder.fadd(builder.fmul(scale, share), plus)
    return builder.fmul(_everywhere(builder, weight), share)


_CONSTANTS = (_TYPES.float64,) * 7


@intrinsic
def _weigh(
    typing: Any, values: Any, to: Any, rows: Any, lengths: Any, weights: Any, at: Any, weight: Any,
    scale: Any, low: Any, high: Any, plus: Any, fixed: Any, slope: Any,
) -> Any:  # fmt: skip
    kinds = (values, _TYPES.int64, rows, lengths, weights, _TYPES.int64, *_CONSTANTS)

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        def data(number: int) -> Any:
            return _data(context, builder, signature.args[number], given[number])

        owners = _load(builder, data(2), given[5], _INTS, 4)
        table, found = data(3), ir.Constant(_INTS, ir.Undefined)
        for lane in range(LANES):
            row = builder.zext(builder.extract_element(owners, _INT(lane)), _LONG)
            found = builder.insert_element(
                found, builder.load(builder.gep(table, [row])), _INT(lane)
            )
        x = builder.fpext(_load(builder, data(4), given[5], _FLOATS, 4), _DOUBLES)
        _store(builder, _added(builder, x, found, given[6], given[7:]), data(0), given[1])
        return context.get_dummy_value()

    return _TYPES.void(*kinds), generate


#: ``weigh(values, to, rows, lengths, weights, at, weight, scale, low, high, plus, fixed, slope)``:
#: what postings ``at`` to ``at + 7`` of a term of ``weight`` add, from ``values[to]`` on.
weigh: Any = _weigh


@intrinsic
def _limit(
    typing: Any, values: Any, to: Any, lengths: Any, weights: Any, at: Any, weight: Any,
    scale: Any, low: Any, high: Any, plus: Any, fixed: Any, slope: Any,
) -> Any:  # fmt: skip
    kinds = (values, _TYPES.int64, lengths, weights, _TYPES.int64, *_CONSTANTS)

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        def data(number: int) -> Any:
            return _data(context, builder, signature.args[number], given[number])

        found = _load(builder, data(2), given[4], _INTS, 4)
        x = builder.fpext(_load(builder, data(3), given[4], _FLOATS, 4), _DOUBLES)
        _store(builder, _added(builder, x, found, given[5], given[6:]), data(0), given[1])
        return context.get_dummy_value()

    return _TYPES.void(*kinds), generate


#: The same for blocks ``at`` to ``at + 7``, by their shortest rows and largest weights.
limit: Any = _limit


@intrinsic
def _above(typing: Any, values: Any, at: Any, least: Any) -> Any:
    kinds = (values, _TYPES.int64, _TYPES.float64)

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = _data(context, builder, signature.args[0], given[0])
        vector = ir.VectorType(_DOUBLE, WORD)
        splat = ir.Constant(vector, ir.Undefined)
        first = builder.insert_element(splat, given[2], _INT(0))
        zeros = ir.Constant(ir.VectorType(_INT, WORD), [0] * WORD)
        bound = builder.shuffle_vector(first, splat, zeros)
        more = builder.fcmp_ordered(">", _load(builder, data, given[1], vector, 8), bound)
        return builder.bitcast(more, _LONG)

    return _TYPES.uint64(*kinds), generate


#: ``above(values, at, least)``: bit i says whether ``values[at + i]`` is above ``least``, for 64.
above: Any = _above
