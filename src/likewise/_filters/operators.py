"""The operators of filters, defined once: parser, dict reader, error texts and docs read this.

What a comparison means is written here and nowhere else. It is true only for a value that
is present (not null) and of the same kind as the operand; ``!=`` and ``not in`` too, so
``lang != 'en'`` leaves out rows without ``lang``, while ``not lang = 'en'``, the plain
complement, keeps them. ``not in`` asks for a value that has the kind of at least one
candidate and equals none of them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from likewise._values import comparable, equal, kind_of, same_kind, sort_key

Takes = Literal["value", "ordered", "list", "pair", "member", "nothing"]


@dataclass(frozen=True, slots=True)
class Operator:
    """One comparison.

    Attributes:
        symbol: how strings spell it (``synonyms`` are read, never written).
        key: how dicts spell it.
        takes: what stands on the right: any ``value``, one that has an order, a ``list`` of
            candidates, a ``pair`` of bounds, a ``member`` (no list), or ``nothing``.
        sentence: what it asks, for docs and error texts.
        holds: the test itself, of a stored value and the operand.

    Example:
        >>> OPERATORS["gte"].symbol, OPERATORS["gte"].key, OPERATORS["gte"].holds(2021, 2020)
        ('>=', '$gte', True)
    """

    symbol: str
    key: str
    takes: Takes
    sentence: str
    holds: Callable[[Any, Any], bool]
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Connective:
    """One way to make a filter of filters; the fields are those of `Operator`.

    Example:
        >>> CONNECTIVES["and"].key
        '$and'
    """

    symbol: str
    key: str
    sentence: str


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(value: Any, operand: Any) -> bool:
        return comparable(value, operand) and test(sort_key(value), sort_key(operand))

    return holds


def _different(value: Any, operand: Any) -> bool:
    return same_kind(value, operand) and not equal(value, operand)


def _any_of(value: Any, candidates: Any) -> bool:
    return any(equal(value, candidate) for candidate in candidates)


def _none_of(value: Any, candidates: Any) -> bool:
    known = any(same_kind(value, candidate) for candidate in candidates)
    return known and not _any_of(value, candidates)


def _between(value: Any, bounds: Any) -> bool:
    low, high = bounds
    return comparable(value, low) and sort_key(low) <= sort_key(value) <= sort_key(high)


def _contains(value: Any, member: Any) -> bool:
    if kind_of(value) == "list":
        return any(equal(item, member) for item in value)
    return isinstance(value, str) and isinstance(member, str) and member in value


def _exists(value: Any, _: Any) -> bool:
    return kind_of(value) is not None


OPERATORS: dict[str, Operator] = {
    "eq": Operator("=", "$eq", "value", "is equal to the value", equal, ("==",)),
    "ne": Operator("!=", "$ne", "value", "is of its kind and different", _different, ("<>",)),
    "lt": Operator("<", "$lt", "ordered", "is less", _ordered(operator.lt)),
    "lte": Operator("<=", "$lte", "ordered", "is less or equal", _ordered(operator.le)),
    "gt": Operator(">", "$gt", "ordered", "is greater", _ordered(operator.gt)),
    "gte": Operator(">=", "$gte", "ordered", "is greater or equal", _ordered(operator.ge)),
    "in": Operator("in", "$in", "list", "equals one of the candidates", _any_of),
    "nin": Operator("not in", "$nin", "list", "has a candidate's kind, equals none", _none_of),
    "between": Operator("between", "$between", "pair", "lies within both bounds", _between),
    "exists": Operator("exists", "$exists", "nothing", "is there and not null", _exists),
    "contains": Operator(
        "contains",
        "$contains",
        "member",
        "is a list with the member, or a text with the piece",
        _contains,
    ),
}

CONNECTIVES: dict[str, Connective] = {
    "and": Connective("and", "$and", "all of them hold"),
    "or": Connective("or", "$or", "at least one holds"),
    "not": Connective("not", "$not", "it does not hold (missing values included)"),
}

SYMBOLS: dict[str, str] = {
    spelling: name
    for name, entry in OPERATORS.items()
    for spelling in (entry.symbol, *entry.synonyms)
}
KEYS: dict[str, str] = {entry.key: name for name, entry in OPERATORS.items()}

# What users of other languages type for our words.
FOREIGN_SYMBOLS: dict[str, str] = {
    "=>": ">=",
    "=<": "<=",
    "===": "=",
    "!==": "!=",
    "=!": "!=",
    ":": "=",
    ":=": "=",
    "~": "not",
    "!": "not",
    "=~": "contains",
    "~=": "contains",
    "&": "and",
    "&&": "and",
    "|": "or",
    "||": "or",
    "is": "=",
    "equals": "=",
    "eq": "=",
    "ne": "!=",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "contains",
    "ilike": "contains",
    "has": "contains",
    "includes": "contains",
    "match": "contains",
    "matches": "contains",
    "xor": "or",
}

FOREIGN_KEYS: dict[str, str] = {
    "$ge": "$gte",
    "$le": "$lte",
    "$neq": "$ne",
    "$notin": "$nin",
    "$not_in": "$nin",
    "$range": "$between",
    "$all": "$contains",
    "$elemMatch": "$contains",
    "$regex": "$contains",
    "$nor": "$not",
    "$isnull": "$exists",
}
