"""The values that metadata and filters hold, and what it means for two of them to agree.

Five kinds: numbers (int and float, never bool), strings, times (date and datetime on one
line), booleans, and lists of these. Only values of one kind ever compare. This file is the
slow, obvious twin of the columns that search uses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

import numpy as np

from likewise.errors import InvalidArgument, InvalidType

ALLOWED = "str, int, float, bool, date, datetime, None, lists of these, and nested dicts"

KIND_OF_TYPE: dict[type, str] = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    date: "time",
    datetime: "time",
    list: "list",
    tuple: "list",
}

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)


def kind_of(value: Any) -> str | None:
    """The kind of a plain value; None for None and for nested objects, which count as missing.

    Example:
        >>> kind_of(1.5), kind_of(True), kind_of("a"), kind_of(None)
        ('number', 'boolean', 'string', None)
    """
    return KIND_OF_TYPE.get(type(value))


def plain(value: Any) -> Any:
    """``value`` as an exact bool, int, float, str, date, datetime or None.

    numpy scalars, enums (by their value) and subclasses become the plain type they stand
    for, when nothing is lost by it.

    Raises:
        InvalidType: no such type, or precision would be lost.
        InvalidArgument: NaN, infinity, or an integer too long to be written down.

    Example:
        >>> plain(np.float32(0.5)), plain(np.datetime64("2020-01-31"))
        (0.5, datetime.date(2020, 1, 31))
    """
    kind = type(value)
    if kind in (str, bool, date, type(None)):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, int):
        return _writable(int.__index__(value))
    if isinstance(value, np.integer) and not isinstance(value, np.timedelta64):
        return value.item()
    if isinstance(value, (float, np.floating)):
        return _finite(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (date, np.datetime64)):
        return _plain_time(value)
    raise InvalidType(f"a value of type {kind.__name__} cannot be kept; allowed are {ALLOWED}")


def is_list(value: Any) -> bool:
    """Whether ``value`` is taken as a list: a list, a tuple or a 1-d array."""
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim == 1)


def microseconds(value: date) -> int:
    """Microseconds since 1970 in UTC; a date is its midnight, and a naive time is UTC.

    Example:
        >>> microseconds(date(1970, 1, 2)) == microseconds(datetime(1970, 1, 2))
        True
    """
    if not isinstance(value, datetime):
        return (value.toordinal() - EPOCH.toordinal()) * 86_400_000_000
    # Not astimezone(): it overflows in the first and the last year.
    offset = value.utcoffset() or timedelta(0)
    return (value.replace(tzinfo=None) - EPOCH - offset) // MICROSECOND


def equal(left: Any, right: Any) -> bool:
    """Same kind and same value; lists member by member.

    Example:
        >>> equal(1, 1.0), equal(1, True), equal([1, "a"], (1.0, "a"))
        (True, False, True)
    """
    kind = kind_of(left)
    if kind is None or kind != kind_of(right):
        return False
    if kind == "list":
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(sort_key(left) == sort_key(right))


def same_kind(left: Any, right: Any) -> bool:
    """Whether both are present and of one kind."""
    return kind_of(left) is not None and kind_of(left) == kind_of(right)


def comparable(left: Any, right: Any) -> bool:
    """Whether the two have an order: one kind, and no lists."""
    return same_kind(left, right) and kind_of(left) != "list"


def sort_key(value: Any) -> Any:
    """What orders a scalar among those of its kind (Python compares int and float exactly)."""
    return microseconds(value) if isinstance(value, date) else value


def lookup(metadata: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None when it is missing, null, or a nested object.

    Example:
        >>> lookup({"author": {"name": "Ada"}}, "author.name")
        'Ada'
        >>> lookup({"author.name": "Ada"}, "author.name")
        'Ada'
    """
    value = metadata.get(path)
    if value is not None and not isinstance(value, Mapping):
        return value
    dot = path.find(".")
    while dot >= 0:
        nested = metadata.get(path[:dot])
        if isinstance(nested, Mapping):
            found = lookup(nested, path[dot + 1 :])
            if found is not None:
                return found
        dot = path.find(".", dot + 1)
    return None


def _finite(value: Any) -> float:
    number = float.__float__(value) if isinstance(value, float) else float(value)
    if not math.isfinite(number):
        raise InvalidArgument(f"{number} is no finite number; use None for a missing value")
    if number != value:
        raise InvalidType(f"a {type(value).__name__} of {value!s} loses precision as a float")
    return number


def _writable(value: int) -> int:
    # Python refuses to write integers of more digits than sys.get_int_max_str_digits().
    if value.bit_length() > 2000:
        try:
            str(value)
        except ValueError:
            raise InvalidArgument(
                f"an integer of {value.bit_length()} bits has too many digits to be written down"
            ) from None
    return value


def _plain_time(value: Any) -> date:
    if isinstance(value, np.datetime64):
        micro = value.astype("datetime64[us]")
        found = (value if np.datetime_data(value.dtype)[0] == "D" else micro).item()
        if not isinstance(found, date) or micro != value:
            raise InvalidType(
                f"the datetime64 {value!s} is no time of the years 1 to 9999 in microseconds"
            )
        return found
    if type(value) is datetime:
        return value.replace(fold=0) if value.fold and value.tzinfo is None else value
    if value != value:  # pandas' NaT calls itself a datetime
        raise InvalidArgument("NaT is no time; use None for a missing value")
    if not isinstance(value, datetime):
        return date(value.year, value.month, value.day)
    if getattr(value, "nanosecond", 0):
        raise InvalidType(f"the time {value!s} has nanoseconds; times are kept in microseconds")
    return datetime.combine(date(value.year, value.month, value.day), value.timetz())
