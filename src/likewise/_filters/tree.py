"""The filter tree: comparisons joined by and, or and not; immutable, equal by what they say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from likewise._filters import write
from likewise._filters.literals import operand
from likewise._filters.operators import OPERATORS
from likewise._values import is_list, lookup, plain
from likewise.errors import InvalidFilter

# Everything that walks a tree recurses, so no tree is deeper than this.
MAX_DEPTH = 64


class Filter(ABC):
    """A condition on a row. Combine with ``&``, ``|`` and ``~``; ``str`` spells it.

    Two filters are equal when their canonical spellings are; a filter can be a dict key.

    Example:
        >>> from likewise.filters import F, parse
        >>> where = (F("year") >= 2020) & (F("lang") == "en")
        >>> where.fields(), where.matches({"year": 2021, "lang": "en"})
        (('year', 'lang'), True)
        >>> parse(str(where)) == parse(where.to_dict()) == where
        True
    """

    depth: int

    @abstractmethod
    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether ``row`` passes: nested metadata, with ``id`` and ``text`` beside it.

        The slow, obvious twin of the evaluation on columns. Cost: one look-up a comparison.

        Example:
            >>> from likewise.filters import parse
            >>> where = parse("year >= 2020 and lang = 'en'")
            >>> where.matches({"year": 2021, "lang": "en"}), where.matches({"year": 2021})
            (True, False)
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The dict spelling; `parse` reads it back to an equal filter.

        Example:
            >>> from likewise.filters import parse
            >>> where = parse("year >= 2020 and lang = 'en'")
            >>> where.to_dict()
            {'$and': [{'year': {'$gte': 2020}}, {'lang': {'$eq': 'en'}}]}
        """

    @abstractmethod
    def comparisons(self) -> Iterable[Comparison]:
        """The leaves, from left to right.

        Example:
            >>> from likewise.filters import parse
            >>> where = parse("year >= 2020 and lang = 'en'")
            >>> [leaf.operator for leaf in where.comparisons()]
            ['gte', 'eq']
        """

    @abstractmethod
    def _spell(self) -> str: ...

    @cached_property
    def _key(self) -> str:
        return self._spell()

    def key(self) -> str:
        """The canonical spelling: different for 1, 1.0, true and '1', so safe for caches.

        Example:
            >>> from likewise.filters import F
            >>> (F("n") == 1).key(), (F("n") == 1.0).key(), (F("n") == "1").key()
            ('n = 1', 'n = 1.0', "n = '1'")
        """
        return self._key

    def fields(self) -> tuple[str, ...]:
        """The paths it reads, each once, from left to right.

        Example:
            >>> from likewise.filters import parse
            >>> where = parse("year >= 2020 and lang = 'en'")
            >>> where.fields()
            ('year', 'lang')
        """
        return tuple(dict.fromkeys(leaf.field for leaf in self.comparisons()))

    def __str__(self) -> str:
        return self._key

    def __repr__(self) -> str:
        return f"<Filter {self._key}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __and__(self, other: Filter) -> Filter:
        return conjunction([self, other]) if isinstance(other, Filter) else NotImplemented

    def __or__(self, other: Filter) -> Filter:
        return disjunction([self, other]) if isinstance(other, Filter) else NotImplemented

    def __invert__(self) -> Filter:
        return negation(self)

    def __bool__(self) -> NoReturn:
        raise InvalidFilter(
            f"the filter {write.shorten(self._key)} is neither true nor false by itself; join "
            "filters with &, | and ~ (not with 'and', 'or', 'not'), each comparison in "
            "parentheses, and write a < x < b as F('x').between(a, b) or (x > a) & (x < b)"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Filter):
    """``field operator value``; the operand is checked and made plain on the way in.

    Example:
        >>> Comparison("year", "gte", 2020)
        <Filter year >= 2020>
    """

    field: str
    operator: str
    value: Any = None
    depth = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", operand(self.field, self.operator, self.value))

    def matches(self, row: Mapping[str, Any]) -> bool:
        found = lookup(row, self.field)
        value = [plain(item) for item in found] if is_list(found) else plain(found)
        return OPERATORS[self.operator].holds(value, self.value)

    def to_dict(self) -> dict[str, Any]:
        value = True if self.operator == "exists" else write.listed(self.value)
        return {self.field: {OPERATORS[self.operator].key: value}}

    def comparisons(self) -> Iterable[Comparison]:
        return (self,)

    def _spell(self) -> str:
        return write.comparison(self.field, self.operator, self.value)


@dataclass(frozen=True, eq=False, repr=False)
class And(Filter):
    """All of ``children`` hold; build it with ``&``.

    Example:
        >>> from likewise.filters import F, parse
        >>> ((F("a") == 1) & (F("b") == 2)).to_dict()
        {'$and': [{'a': {'$eq': 1}}, {'b': {'$eq': 2}}]}
    """

    children: tuple[Filter, ...]
    depth: int

    def matches(self, row: Mapping[str, Any]) -> bool:
        return all(child.matches(row) for child in self.children)

    def to_dict(self) -> dict[str, Any]:
        return {"$and": [child.to_dict() for child in self.children]}

    def comparisons(self) -> Iterable[Comparison]:
        for child in self.children:
            yield from child.comparisons()

    def _spell(self) -> str:
        return " and ".join(
            f"({child})" if isinstance(child, Or) else str(child) for child in self.children
        )


@dataclass(frozen=True, eq=False, repr=False)
class Or(Filter):
    """At least one of ``children`` holds; build it with ``|``.

    Example:
        >>> from likewise.filters import F, parse
        >>> ((F("a") == 1) | (F("b") == 2)).matches({"b": 2})
        True
    """

    children: tuple[Filter, ...]
    depth: int

    def matches(self, row: Mapping[str, Any]) -> bool:
        return any(child.matches(row) for child in self.children)

    def to_dict(self) -> dict[str, Any]:
        return {"$or": [child.to_dict() for child in self.children]}

    def comparisons(self) -> Iterable[Comparison]:
        for child in self.children:
            yield from child.comparisons()

    def _spell(self) -> str:
        return " or ".join(map(str, self.children))


@dataclass(frozen=True, eq=False, repr=False)
class Not(Filter):
    """``child`` does not hold, missing values included; build it with ``~``.

    Example:
        >>> from likewise.filters import F, parse
        >>> (~(F("a") == 1)).matches({})
        True
    """

    child: Filter
    depth: int

    def matches(self, row: Mapping[str, Any]) -> bool:
        return not self.child.matches(row)

    def to_dict(self) -> dict[str, Any]:
        if isinstance(self.child, Comparison) and self.child.operator == "exists":
            return {self.child.field: {"$exists": False}}
        return {"$not": self.child.to_dict()}

    def comparisons(self) -> Iterable[Comparison]:
        return self.child.comparisons()

    def _spell(self) -> str:
        leaf = isinstance(self.child, Comparison)
        return f"not {self.child}" if leaf else f"not ({self.child})"


def conjunction(filters: Iterable[Filter]) -> Filter:
    """All of ``filters`` (at least one); an and inside an and becomes one, a single one itself."""
    children = _flat(And, filters)
    return children[0] if len(children) == 1 else And(children, _depth(children))


def disjunction(filters: Iterable[Filter]) -> Filter:
    """Any of ``filters`` (at least one); an or inside an or becomes one, a single one itself."""
    children = _flat(Or, filters)
    return children[0] if len(children) == 1 else Or(children, _depth(children))


def negation(child: Filter) -> Filter:
    """The plain complement; twice is the filter itself."""
    return child.child if isinstance(child, Not) else Not(child, _depth((child,)))


def _flat(joint: type[And] | type[Or], filters: Iterable[Filter]) -> tuple[Filter, ...]:
    children: list[Filter] = []
    for item in filters:
        children.extend(item.children if isinstance(item, joint) else (item,))
    return tuple(children)


def _depth(children: tuple[Filter, ...]) -> int:
    depth = 1 + max(child.depth for child in children)
    if depth > MAX_DEPTH:
        raise InvalidFilter(
            f"the filter is nested more than {MAX_DEPTH} levels deep; long chains of one "
            "connective are fine, and 'in' replaces many 'or's"
        )
    return depth
