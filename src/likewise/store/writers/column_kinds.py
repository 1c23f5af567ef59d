"""Which Arrow type a column can have: the one kind all its values share, else JSON."""

from __future__ import annotations

import datetime as dt
from typing import Any

from likewise.store._json_values import is_unicode

_LARGEST_INT64 = 2**63 - 1
_LARGEST_EXACT_FLOAT = 2**53

_MIXED = "json"
_BASES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "float",
    str: "string",
    dt.date: "date",
}


class ColumnKinds:
    """Learns the kind of each column from its values, in the order the columns appear.

    Kinds are ``boolean``, ``integer``, ``float``, ``string``, ``date``, ``datetime`` (naive
    or with a zone), a list of one of these, ``vector DIM``, or ``json`` for the rest: mixed
    kinds, nested objects, lists with null in them, integers beyond 64 bits, half
    surrogate pairs. Integers among
    floats are floats where a float holds them exactly.

    Example:
        >>> kinds = ColumnKinds()
        >>> for value in (1, None, 2.5):
        ...     kinds.see("price", value)
        >>> kinds.see("tags", ["a", "b"]); kinds.see("what", {"deep": 1})
        >>> kinds.result()
        {'price': 'float', 'tags': 'list of string', 'what': 'json'}
    """

    def __init__(self) -> None:
        self._kinds: dict[str, str | None] = {}
        self._large: set[str] = set()

    def see(self, column: str, value: Any) -> None:
        """Take note of one value; None says nothing but that there is such a column."""
        before = self._kinds.setdefault(column, None)
        if value is None or before == _MIXED:
            return
        kind = kind_of(value)
        if _has_large(value):
            self._large.add(column)
        self._kinds[column] = kind if before is None else _joined(before, kind)

    def see_vector(self, column: str, dim: int) -> None:
        """Take note of one vector."""
        kind = f"vector {dim}"
        before = self._kinds.get(column)
        self._kinds[column] = kind if before in (None, kind) else _MIXED

    def result(self) -> dict[str, str]:
        """The kind of each column; one that was always None is a string column."""
        kinds: dict[str, str] = {}
        for column, kind in self._kinds.items():
            inexact = column in self._large and kind in ("float", "list of float")
            kinds[column] = _MIXED if inexact else kind or "string"
        return kinds


def kind_of(value: Any) -> str:
    """The kind of one value that is not None."""
    if isinstance(value, list):
        kinds = {"json" if item is None else kind_of(item) for item in value}
        if kinds == {"integer", "float"}:
            kinds = {"float"}
        inner = kinds.pop() if len(kinds) == 1 else None if not kinds else _MIXED
        if inner is None:
            return "empty list"
        return _MIXED if inner == _MIXED or "list" in inner else f"list of {inner}"
    if isinstance(value, dt.datetime):
        return "datetime" if value.tzinfo is None else "datetime with zone"
    if isinstance(value, int) and abs(value) > _LARGEST_INT64:
        return _MIXED
    if isinstance(value, str) and not is_unicode(value):
        return _MIXED
    return _BASES.get(type(value), _MIXED)


def _joined(a: str, b: str) -> str:
    if a == b:
        return a
    for one, other in ((a, b), (b, a)):
        if one == "empty list" and other.startswith("list of"):
            return other
        if one == "integer" and other == "float":
            return other
        if one == "list of integer" and other == "list of float":
            return other
    return _MIXED


def _has_large(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_large(item) for item in value)
    return isinstance(value, int) and abs(value) > _LARGEST_EXACT_FLOAT
