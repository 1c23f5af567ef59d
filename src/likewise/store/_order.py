"""`Order`: the rows of a column by their values, so that a range of values is a span of rows.

Numbers, times, strings and booleans each have an order, and lie one kind after the other, since
only values of one kind compare. Missing values and lists have none, and no range takes them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._values import kind_of, sort_key
from likewise.filters import Comparison
from likewise.store._column import BIG, BOOLEAN, FLOAT, INTEGER, STRING, TIME, Column

Array = npt.NDArray[Any]
#: First and stop: places ``first`` to ``stop - 1`` of an order.
Span = tuple[int, int]

NUMBERS = (INTEGER, FLOAT, BIG)
#: Integers up to here are floats without loss.
EXACT = 2**53

KINDS: dict[str, tuple[int, ...]] = {
    "number": NUMBERS,
    "time": (TIME,),
    "string": (STRING,),
    "boolean": (BOOLEAN,),
}

#: What an operator asks for, of the places below its value and those up to it.
SPANS: dict[str, Callable[[Order, Any], Span]] = {
    "eq": lambda order, value: order.around(value, value),
    "lt": lambda order, value: (order.of_kind(value)[0], order.around(value, value)[0]),
    "lte": lambda order, value: (order.of_kind(value)[0], order.around(value, value)[1]),
    "gt": lambda order, value: (order.around(value, value)[1], order.of_kind(value)[1]),
    "gte": lambda order, value: (order.around(value, value)[0], order.of_kind(value)[1]),
    "between": lambda order, pair: order.around(*pair),
}


def is_range(where: Comparison) -> bool:
    """Whether the comparison asks for one span of the values of a kind.

    Example:
        >>> from likewise.filters import F
        >>> is_range(F("year") >= 2020), is_range(F("year") != 2020), is_range(F("tags") == ["x"])
        (True, False, False)
    """
    if where.operator not in SPANS:
        return False
    value = where.value[0] if where.operator == "between" else where.value
    return kind_of(value) in KINDS


class Order:
    """Rows in the order of their values, ties in the order of the rows.

    Attributes:
        column: the values.
        places: (m,) the rows that have an order, kind after kind, ascending.
        kinds: kind to the span of its rows in ``places``.

    Example:
        >>> from likewise.filters import F
        >>> order = Order.of(Column.from_values([2021, None, 2019, "unknown", 2020.5]))
        >>> order.places.tolist(), order.span(F("year") <= 2020.5)
        ([2, 4, 0, 3], (0, 2))
    """

    __slots__ = ("_values", "column", "kinds", "places")

    def __init__(self, column: Column, places: Array, kinds: Mapping[str, Span]) -> None:
        self.column, self.places, self.kinds = column, places, dict(kinds)
        self._values = {name: _reader(column, name) for name in self.kinds}

    @classmethod
    def of(cls, column: Column) -> Order:
        """Sort the rows. Cost: O(n log n), 0.1 s a million numbers of one type."""
        parts, kinds, start = [], {}, 0
        for name, codes in KINDS.items():
            rows = np.flatnonzero(np.isin(column.kinds, codes))
            if len(rows):
                parts.append(rows[_sorted(column, rows, name)])
                kinds[name] = (start, start + len(rows))
                start += len(rows)
        # Rows of a segment are counted by 32 bits for a long time to come.
        dtype = np.int32 if len(column) < 2**31 else np.int64
        return cls(column, np.concatenate([np.empty(0, dtype), *parts]).astype(dtype), kinds)

    def span(self, where: Comparison) -> Span:
        """The places of the rows that pass; first is not above stop. Cost: two bisections."""
        first, stop = SPANS[where.operator](self, where.value)
        return first, max(first, stop)

    def attribute(self) -> npt.NDArray[np.float64]:
        """(n,) the place of each row, NaN for those that have none."""
        found = np.full(len(self.column), np.nan)
        found[self.places] = np.arange(len(self.places))
        return found

    def mask(self, span: Span) -> npt.NDArray[np.bool_]:
        """(n,) the rows of a span."""
        found = np.zeros(len(self.column), dtype=np.bool_)
        found[self.places[slice(*span)]] = True
        return found

    def of_kind(self, value: Any) -> Span:
        """The places of all rows that compare with ``value``."""
        return self.kinds.get(kind_of(value) or "", (0, 0))

    def around(self, low: Any, high: Any) -> Span:
        """From the first place that is not below ``low`` to that behind the last up to ``high``."""
        first, stop = self.of_kind(low)
        if first == stop:
            return first, first
        read, places = self._values[kind_of(low) or ""], range(first, stop)

        def key(i: int) -> Any:
            return read(int(self.places[i]))

        if isinstance(low, str):
            vocabulary = self.column.vocabulary
            below, above = vocabulary.span(low)[0], vocabulary.span(high)[1]
            return (
                first + bisect_left(places, below, key=key),
                first + bisect_left(places, above, key=key),
            )
        return (
            first + bisect_left(places, sort_key(low), key=key),
            first + bisect_right(places, sort_key(high), key=key),
        )

    def to_arrays(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Arrays and attributes for the file of the column."""
        return {"order": self.places}, {"order": {n: list(span) for n, span in self.kinds.items()}}

    @classmethod
    def from_arrays(
        cls, column: Column, arrays: Mapping[str, Array], attributes: Mapping[str, Any]
    ) -> Order | None:
        """What `to_arrays` gave; None where the file has no order."""
        if "order" not in arrays:
            return None
        kinds = {name: (first, stop) for name, (first, stop) in attributes["order"].items()}
        return cls(column, arrays["order"], kinds)


def _reader(column: Column, name: str) -> Callable[[int], Any]:
    """What gives the value of a row as Python compares it, exactly."""
    there = [kind for kind in KINDS[name] if kind in column.arrays]
    if len(there) == 1 and there[0] != BIG:
        array = column.arrays[there[0]]
        return lambda row: array[row].item()

    def read(row: int) -> Any:
        kind = int(column.kinds[row])
        value = column.arrays[kind][row].item()
        return column.big[value] if kind == BIG else value

    return read


def _sorted(column: Column, rows: Array, name: str) -> Array:
    """(m,) how ``rows``, all of one kind, are sorted."""
    there = [kind for kind in KINDS[name] if kind in column.arrays]
    if len(there) == 1 and there[0] != BIG:
        return np.argsort(column.arrays[there[0]][rows], kind="stable")
    if there == [INTEGER, FLOAT]:
        integers, floats = column.arrays[INTEGER][rows], column.arrays[FLOAT][rows]
        if integers.min() >= -EXACT and integers.max() <= EXACT:
            # A row's number is in one of the arrays, and zero in the other.
            return np.argsort(integers + floats, kind="stable")
    read = _reader(column, name)
    values = [read(row) for row in rows.tolist()]
    return np.array(sorted(range(len(rows)), key=values.__getitem__), dtype=np.int64)
