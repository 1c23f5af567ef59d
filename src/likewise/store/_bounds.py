"""Where a value stands among the stored ones, written as the arrays write them.

Every kind of scalar has an order, so any comparison needs two numbers: the smallest value
that could be stored and is not below the operand, and the smallest above it. Integers,
floats and integers beyond 64 bits compare exactly: the bound is rounded up, never the values.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

from likewise._values import microseconds
from likewise.store._column import BIG, BOOLEAN, FLOAT, INTEGER, STRING, TIME, Column


class Bounds(NamedTuple):
    """Stored values ``>= left`` are not below the operand; those ``>= right`` are above it.

    The two are the same when the operand itself cannot be among the stored values.
    """

    left: Any
    right: Any


def _integer_bounds(_: Column, value: int | float) -> Bounds:
    left = math.ceil(value)
    return Bounds(left, left + 1 if left == value else left)


def _float_bounds(_: Column, value: int | float) -> Bounds:
    try:
        left = float(value)
    except OverflowError:  # an integer beyond the largest float, on its side of all of them
        edge = math.inf if value > 0 else -math.inf
        return Bounds(edge, edge)
    if left < value:  # Python compares int and float exactly
        left = math.nextafter(left, math.inf)
    return Bounds(left, math.nextafter(left, math.inf) if left == value else left)


def _big_bounds(column: Column, value: int | float) -> Bounds:
    return Bounds(bisect_left(column.big, value), bisect_right(column.big, value))


def _string_bounds(column: Column, value: str) -> Bounds:
    return Bounds(*column.vocabulary.span(value))


def _time_bounds(_: Column, value: date) -> Bounds:
    moment = microseconds(value)
    return Bounds(moment, moment + 1)


def _boolean_bounds(_: Column, value: bool) -> Bounds:
    return Bounds(int(value), int(value) + 1)


BOUNDS: dict[int, Callable[[Column, Any], Bounds]] = {
    INTEGER: _integer_bounds,
    FLOAT: _float_bounds,
    BIG: _big_bounds,
    STRING: _string_bounds,
    TIME: _time_bounds,
    BOOLEAN: _boolean_bounds,
}
