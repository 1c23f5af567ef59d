"""Filters: one immutable tree with three spellings.

>>> built = (F("year") >= 2020) & F("lang").isin(["en", "fr"])
>>> built == parse("year >= 2020 and lang in ('en', 'fr')")
True
>>> built == parse({"year": {"$gte": 2020}, "lang": {"$in": ["en", "fr"]}})
True
>>> str(built)
"year >= 2020 and lang in ('en', 'fr')"

Numbers compare with numbers, strings with strings, dates with dates and booleans with
booleans. A comparison across kinds or with a missing value is false, ``!=`` too; ``not`` is
the plain complement. ``=`` on a list is the whole list; ``contains`` asks for a member, or
for a piece of a string. Dates and datetimes share one time line: a date is its midnight, a
time without zone is UTC. A null counts as missing. `OPERATORS` lists the operators.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from likewise._filters.dict import parse_dict
from likewise._filters.operators import CONNECTIVES, OPERATORS, Connective, Operator
from likewise._filters.string import parse_string
from likewise._filters.tree import MAX_DEPTH, And, Comparison, Filter, Not, Or
from likewise._values import kind_of, lookup
from likewise.errors import InvalidFilter

__all__ = [
    "CONNECTIVES",
    "MAX_DEPTH",
    "OPERATORS",
    "And",
    "Comparison",
    "Connective",
    "F",
    "Filter",
    "Not",
    "Operator",
    "Or",
    "kind_of",
    "lookup",
    "parse",
]


def parse(where: Filter | str | Mapping[str, Any] | None) -> Filter | None:
    """Read any spelling; None, ``""`` and ``{}`` are no filter.

    Args:
        where: a filter, a string such as ``"year >= 2020"``, or a dict such as
            ``{"year": {"$gte": 2020}}`` (several keys are an and, a bare value is ``$eq``;
            times that came as JSON are ``{"$date": "2020-01-31"}`` or ``{"$datetime": …}``).

    Raises:
        InvalidFilter: says what was expected and where; ``position`` is set for strings.

    Cost: about ten microseconds a comparison; a string seen before costs a look-up.

    Example:
        >>> parse("not exists(year)") == parse({"year": {"$exists": False}})
        True
        >>> parse("year => 2020")
        Traceback (most recent call last):
        ...
        likewise.errors.InvalidFilter: filter, character 5: expected an operator after 'year'; ...
    """
    if where is None or isinstance(where, Filter):
        return where
    if isinstance(where, str):
        return parse_string(where)
    if isinstance(where, Mapping):
        return parse_dict(where)
    if isinstance(where, F):
        raise InvalidFilter(
            f"where={where!r} names a field; compare it, or write {where!r}.exists()"
        )
    raise InvalidFilter(
        "where must be a filter such as F('year') >= 2020, a string such as 'year >= 2020' or a "
        f"dict such as {{'year': {{'$gte': 2020}}}}; got {where!r:.80} "
        f"of type {type(where).__name__}"
    )


class F:
    """A field to compare: ``F("author.name") == "Ada"`` is a `Filter`.

    ``== != < <= > >=`` take a value (``==`` and ``!=`` also a whole list).

    Args:
        path: the field's name; dots reach into nested metadata.

    Raises:
        InvalidFilter: a value that nothing can equal (None, NaN), or a chained comparison.

    Example:
        >>> where = (F("year") >= 2020) & ~F("lang").isin(["en"])
        >>> where.matches({"year": 2021}), where.matches({"year": 2021, "lang": "en"})
        (True, False)
    """

    __slots__ = ("path",)
    # == makes a filter, so two fields cannot be told equal and a field is no dict key.
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, path: str) -> None:
        if not isinstance(path, str) or path.startswith("$"):
            raise InvalidFilter(f"F() takes a field name that begins with no '$'; got {path!r}")
        self.path = path

    def __eq__(self, value: object) -> Filter:  # type: ignore[override]
        return Comparison(self.path, "eq", value)

    def __ne__(self, value: object) -> Filter:  # type: ignore[override]
        return Comparison(self.path, "ne", value)

    def __lt__(self, value: object) -> Filter:
        return Comparison(self.path, "lt", value)

    def __le__(self, value: object) -> Filter:
        return Comparison(self.path, "lte", value)

    def __gt__(self, value: object) -> Filter:
        return Comparison(self.path, "gt", value)

    def __ge__(self, value: object) -> Filter:
        return Comparison(self.path, "gte", value)

    def isin(self, values: Iterable[object]) -> Filter:
        """Equals one of ``values``; of none when there are none.

        Example:
            >>> F("lang").isin(["en", "fr"]).matches({"lang": "fr"})
            True
        """
        return Comparison(self.path, "in", values)

    def notin(self, values: Iterable[object]) -> Filter:
        """Has the kind of one of ``values`` and equals none (``~isin`` keeps missing ones too).

        Example:
            >>> where = F("lang").notin(["en", "fr"])
            >>> where.matches({"lang": "de"}), where.matches({})
            (True, False)
        """
        return Comparison(self.path, "nin", values)

    def between(self, low: object, high: object) -> Filter:
        """``low <= field <= high``: both bounds belong to it.

        Example:
            >>> F("year").between(2010, 2020).matches({"year": 2020})
            True
        """
        return Comparison(self.path, "between", (low, high))

    def exists(self) -> Filter:
        """Is there and not null.

        Example:
            >>> F("year").exists().matches({"year": None})
            False
        """
        return Comparison(self.path, "exists")

    def contains(self, member: object) -> Filter:
        """A list with this member, or a string with this piece (case matters).

        Example:
            >>> F("tags").contains("nlp").matches({"tags": ["nlp", "graphs"]})
            True
        """
        return Comparison(self.path, "contains", member)

    def __contains__(self, member: object) -> NoReturn:
        raise InvalidFilter(f"'in' cannot build a filter; write {self!r}.contains({member!r})")

    def __bool__(self) -> NoReturn:
        raise InvalidFilter(f"a field is neither true nor false; write {self!r}.exists()")

    def __repr__(self) -> str:
        return f"F({self.path!r})"
