"""What may stand on the right of an operator: checked once, here, for all three spellings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from likewise._filters.operators import OPERATORS
from likewise._values import is_list, kind_of, plain
from likewise.errors import InvalidArgument, InvalidFilter, InvalidType


def operand(field: Any, operator: str, value: Any) -> Any:
    """``value`` as ``operator`` wants it: plain scalars, and tuples for lists.

    Raises:
        InvalidFilter: names the field, what was expected and the remedy.
    """
    if not isinstance(field, str):
        raise InvalidFilter(
            f"a field name must be a string; got {field!r} of type {type(field).__name__}"
        )
    if field.startswith("$"):
        raise InvalidFilter(f"no field name begins with '$', as {field!r} does")
    entry = OPERATORS[operator]
    place = f"field {field!r}, operator {entry.symbol!r}"
    match entry.takes:
        case "nothing":
            return None
        case "list":
            return _candidates(value, operator, place)
        case "pair":
            return _bounds(value, place)
        case "value":
            return _value(value, place)
        case "ordered" | "member":
            return _scalar(value, place, entry.takes)


def _value(value: Any, place: str) -> Any:
    if is_list(value):
        return tuple(_scalar(item, place, "value") for item in value)
    return _scalar(value, place, "value")


def _scalar(value: Any, place: str, takes: str) -> Any:
    if value is None:
        raise InvalidFilter(
            f"{place}: nothing compares with null; to find rows without the field write "
            "'not exists(field)', ~F(field).exists() or {field: {'$exists': False}}"
        )
    if is_list(value):
        why = {
            "ordered": "lists have no order; expected a single value",
            "member": "expected one member; for several, join 'contains' with 'and' or 'or'",
        }.get(takes, "a list inside a list cannot be compared")
        raise InvalidFilter(f"{place}: {why}; got {value!r:.80}")
    try:
        return plain(value)
    except (InvalidType, InvalidArgument) as error:
        raise InvalidFilter(f"{place}: {error}") from None


def _candidates(value: Any, operator: str, place: str) -> tuple[Any, ...]:
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)  # one spelling for one set, whatever the hash seed
    if isinstance(value, (str, bytes, dict)) or not isinstance(value, Iterable):
        raise InvalidFilter(
            f"{place}: expected a list of values; got {value!r:.80} of type {type(value).__name__}"
        )
    candidates = tuple(_value(item, place) for item in value)
    if operator == "nin" and not candidates:
        raise InvalidFilter(f"{place}: an empty list leaves nothing out; drop the condition")
    return candidates


def _bounds(value: Any, place: str) -> tuple[Any, Any]:
    if not is_list(value) or len(value) != 2:
        raise InvalidFilter(f"{place}: expected two bounds, low and high; got {value!r:.80}")
    low, high = (_scalar(item, place, "ordered") for item in value)
    if kind_of(low) != kind_of(high):
        raise InvalidFilter(
            f"{place}: the bounds are a {kind_of(low)} and a {kind_of(high)}; "
            "expected two values of one kind"
        )
    return low, high
