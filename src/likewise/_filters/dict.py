"""Reads the dict spelling of filters: ``{"year": {"$gte": 2020}}``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

from likewise._filters.operators import CONNECTIVES, FOREIGN_KEYS, KEYS
from likewise._filters.tree import (
    MAX_DEPTH,
    Comparison,
    Filter,
    conjunction,
    disjunction,
    negation,
)
from likewise._values import is_list
from likewise.errors import InvalidFilter

# A time in a dict that came as JSON; the same tags as in stored metadata.
TAGS: dict[str, Callable[[str], date]] = {
    "$date": date.fromisoformat,
    "$datetime": datetime.fromisoformat,
}


def parse_dict(where: Mapping[Any, Any]) -> Filter | None:
    """The filter that ``where`` spells; None when it is empty.

    Raises:
        InvalidFilter: names the place, such as ``where['$or'][1]['year']``.
    """
    return _condition(where, "where", 0) if where else None


def _condition(where: Any, place: str, depth: int) -> Filter:
    if not isinstance(where, Mapping):
        raise InvalidFilter(f"{place}: expected a dict such as {{'year': 2020}}; got {where!r:.80}")
    if not where:
        raise InvalidFilter(f"{place}: an empty condition says nothing; leave it out")
    if depth > MAX_DEPTH:
        raise InvalidFilter(f"where: conditions are nested more than {MAX_DEPTH} levels deep")
    return conjunction(
        [_entry(key, value, f"{place}[{key!r}]", depth) for key, value in where.items()]
    )


def _entry(key: Any, value: Any, place: str, depth: int) -> Filter:
    if not isinstance(key, str):
        raise InvalidFilter(
            f"{place}: a field name must be a string; got one of type {type(key).__name__}"
        )
    if key == "$not":
        return negation(_condition(value, place, depth + 1))
    if key in ("$and", "$or"):
        return _joined(key, value, place, depth)
    if key in KEYS:
        raise InvalidFilter(f"{place}: {key} stands within a field: {{'field': {{{key!r}: …}}}}")
    if key.startswith("$"):
        raise _unknown(key, place, [entry.key for entry in CONNECTIVES.values()])
    return _field(key, value, place, depth)


def _joined(key: str, value: Any, place: str, depth: int) -> Filter:
    if not is_list(value) or not len(value):
        raise InvalidFilter(f"{place}: expected a list of conditions; got {value!r:.80}")
    parts = [_condition(item, f"{place}[{i}]", depth + 1) for i, item in enumerate(value)]
    return conjunction(parts) if key == "$and" else disjunction(parts)


def _field(field: str, value: Any, place: str, depth: int) -> Filter:
    if not isinstance(value, Mapping) or _is_tag(value):
        return _leaf(field, "eq", value, place)
    if not value:
        raise InvalidFilter(f"{place}: expected a value or operators; got an empty dict")
    if depth > MAX_DEPTH:
        raise InvalidFilter(f"where: conditions are nested more than {MAX_DEPTH} levels deep")
    return conjunction(
        [_operator(field, key, item, f"{place}[{key!r}]", depth) for key, item in value.items()]
    )


def _operator(field: str, key: Any, value: Any, place: str, depth: int) -> Filter:
    if key == "$not":
        if not isinstance(value, Mapping) or _is_tag(value):
            raise InvalidFilter(f"{place}: expected operators such as {{'$eq': …}}")
        return negation(_field(field, value, place, depth + 1))
    if not isinstance(key, str) or not key.startswith("$"):
        raise InvalidFilter(
            f"{place}: {key!r} is no operator; a nested value has a dotted path: '{field}.{key}'"
        )
    if key not in KEYS:
        raise _unknown(key, place, [*KEYS, "$not"])
    if KEYS[key] != "exists":
        return _leaf(field, KEYS[key], value, place)
    if not isinstance(value, bool):
        raise InvalidFilter(f"{place}: expected True or False; got {value!r:.80}")
    found = Comparison(field, "exists")
    return found if value else negation(found)


def _leaf(field: str, operator: str, value: Any, place: str) -> Filter:
    try:
        return Comparison(field, operator, _untagged(value))
    except (InvalidFilter, ValueError) as error:
        raise InvalidFilter(f"{place}: {error}") from None


def _untagged(value: Any) -> Any:
    if _is_tag(value):
        [(tag, text)] = value.items()
        return TAGS[tag](text)
    return [_untagged(item) for item in value] if isinstance(value, (list, tuple)) else value


def _is_tag(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and len(value) == 1
        and all(key in TAGS and isinstance(text, str) for key, text in value.items())
    )


def _unknown(key: str, place: str, valid: list[str]) -> InvalidFilter:
    close = get_close_matches(key, valid, n=1)
    guess = FOREIGN_KEYS.get(key) or (close[0] if close else None)
    hint = f"did you mean {guess!r}? " if guess else ""
    return InvalidFilter(f"{place}: unknown operator {key!r}; {hint}valid: {' '.join(valid)}")
