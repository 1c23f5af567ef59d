"""Every mistake in a filter has an error that says where it is and what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from likewise.errors import InvalidFilter
from likewise.filters import MAX_DEPTH, F, parse

STRINGS = [
    ("year => 2020", 5, "did you mean '>='"),
    ("year like 'x'", 5, "did you mean 'contains'"),
    ("year contans 'x'", 5, "did you mean 'contains'"),
    ("year is null", 5, "not exists"),
    ("year ? 3", 5, "'?' has no meaning"),
    ("year 2020", 5, "expected an operator after 'year'; got '2020'; the operators are ="),
    ("year", 4, "expected an operator after 'year'; got the end"),
    ("lang = en", 7, "strings need quotes: 'en'"),
    ("lang = `en`", 7, "got the name"),
    ("lang = ", 7, "expected a value"),
    ("a = null", 4, "not exists(field)"),
    ("a < NaN", 4, "no finite number"),
    ("a < -inf", 4, "'-' has no meaning"),
    ("a < 1e999", 0, "no finite number"),
    ("a = " + "9" * 5000, 4, "5000 digits"),
    ("a = 12ab", 4, "runs into other characters"),
    ("a = 1 b = 2", 6, "expected 'and', 'or' or the end; got 'b'"),
    ("a = 1 && b = 2", 6, "did you mean 'and'"),
    ("(a = 1 || b = 2)", 7, "did you mean 'or'"),
    ("0 < a < 2", 0, "expected a field name on the left"),
    ("'a' = 2", 0, "expected a field name on the left"),
    ("a > 0 < 2", 6, "between low and high"),
    ("in = 3", 0, 'a field of that name is "in"'),
    ("a = 1 and", 9, "expected a field name; got the end"),
    ("not", 3, "expected a field name; got the end"),
    ("(a = 1", 6, "the '(' at 0 is open"),
    ("a = 1)", 5, "got ')'"),
    ("exists(a", 8, "expected ')'"),
    ("a in 'x'", 5, "expected a list such as ('a', 'b')"),
    ("a in ('x' 'y')", 10, "expected ',' or ')' in the list"),
    ("a in ('x', null)", 11, "not exists(field)"),
    ("a in ('x'", 9, "expected ',' or ')' in the list"),
    ("a in ([['x']])", 0, "a list inside a list"),
    ("a not in ()", 0, "an empty list leaves nothing out"),
    ("a not contains 'x'", 6, "write 'not' before the field: not a"),
    ("a between 1 or 2", 12, "expected 'and' between the two bounds"),
    ("a between 1 and 'x'", 0, "a number and a string"),
    ("a < ('x', 'y')", 0, "lists have no order"),
    ("a contains ['x']", 0, "expected one member"),
    ("a = 'x", 4, "never closed"),
    ("a = 'C:\\dir'", 7, "a backslash is written"),
    ("d = date '2020-13-01'", 9, "expected a date such as '2020-01-31'"),
    ("d = datetime 'soon'", 13, "expected a datetime such as"),
    ("a = 1 and x\n=> 2", 12, "did you mean '>='"),
    ("(" * 10_000 + "a = 1" + ")" * 10_000, MAX_DEPTH, "nested more than"),
    ("a in " + "(" * 10_000, 5 + MAX_DEPTH + 1, "nested more than"),
    ("$a = 1", 0, "'$' has no meaning"),
    ('"$a" = 1', 0, "begins with '$'"),
]


@pytest.mark.parametrize(("text", "position", "message"), STRINGS)
def test_strings(text: str, position: int, message: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse(text)
    assert caught.value.position == position
    assert message in str(caught.value)
    first, line, caret = str(caught.value).split("\n")
    assert first.startswith(f"filter, character {position}: ")
    # The caret stands below the character that is meant.
    shown = line[len(caret) - 1 : len(caret)]
    assert shown == text[position : position + 1].replace("\n", " ")


DICTS = [
    ({"$foo": 1}, "where['$foo']: unknown operator '$foo'; valid: $and $or $not"),
    ({"a": {"$ge": 1}}, "did you mean '$gte'? valid: $eq $ne $lt"),
    ({"a": {"$containz": 1}}, "did you mean '$contains'?"),
    ({"a": None}, "{field: {'$exists': False}}"),
    ({"a": {"b": 1}}, "a nested value has a dotted path: 'a.b'"),
    ({"a": {}}, "expected a value or operators"),
    ({"a": {"$not": 3}}, "expected operators such as"),
    ({"a": {"$not": {}}}, "expected a value or operators"),
    ({"$gte": 2020}, "$gte stands within a field"),
    ({"$and": []}, "expected a list of conditions; got []"),
    ({"$or": {"a": 1}}, "expected a list of conditions"),
    ({"$or": [{"a": 1}, {}]}, "where['$or'][1]: an empty condition"),
    ({"$not": "a = 1"}, "where['$not']: expected a dict"),
    ({"$and": [{"a": float("nan")}]}, "where['$and'][0]['a']: field 'a', operator '='"),
    ({"a": {"$lt": float("inf")}}, "inf is no finite number"),
    ({"a": {"$exists": 1}}, "expected True or False; got 1"),
    ({"a": {"$between": [1]}}, "expected two bounds"),
    ({"a": {"$in": "xyz"}}, "expected a list of values; got 'xyz' of type str"),
    ({"a": {"$in": [None]}}, "nothing compares with null"),
    ({"a": b"x"}, "a value of type bytes cannot be kept"),
    ({3: 4}, "a field name must be a string; got one of type int"),
    ({"d": {"$date": "soon"}}, "where['d']: Invalid isoformat string"),
]


@pytest.mark.parametrize(("where", "message"), DICTS)
def test_dicts(where: object, message: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse(where)
    assert message in str(caught.value)


def test_deep_dicts() -> None:
    by_not: dict[str, object] = {"a": 1}
    by_field: dict[str, object] = {"$eq": 1}
    for _ in range(10_000):
        by_not, by_field = {"$not": by_not}, {"$not": by_field}
    circular: dict[str, object] = {}
    circular["$and"] = [circular]
    for where in (by_not, {"a": by_field}, circular):
        with pytest.raises(InvalidFilter, match="nested more than"):
            parse(where)


def test_deep_trees() -> None:
    where = F("a") == 0
    for _ in range((MAX_DEPTH - 1) // 2):
        where = (where & (F("a") == 1)) | (F("a") == 2)
    assert parse(str(where)) == where
    deepest = where & (F("a") == 1)
    with pytest.raises(InvalidFilter, match="nested more than"):
        deepest | (F("a") == 2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: (F("a") == 1) and (F("b") == 2),
        lambda: not (F("a") == 1),  # noqa: SIM201
        lambda: 1 < F("a") < 3,
        lambda: F("a") in [1, 2],
        lambda: "x" in F("a"),
        lambda: bool(F("a")),
        lambda: F("a") == None,  # noqa: E711
        lambda: F("a") == F("b"),
        lambda: F("a") < [1],
        lambda: F("a") == float("nan"),
        lambda: F("a") < np.inf,
        lambda: F("a") == 10**5000,
        lambda: F("a") == np.datetime64("NaT"),
        lambda: F("a") == {"x": 1},
        lambda: F("a").isin("xyz"),
        lambda: F("a").isin(3),
        lambda: F("a").notin([]),
        lambda: F("a").between(1, datetime(2020, 1, 1, tzinfo=UTC)),
        lambda: F("a").contains(None),
        lambda: F("$a"),
        lambda: F(3),
    ],
)
def test_built_filters(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidFilter):
        make()


@pytest.mark.parametrize("where", [3, True, ["a = 1"], F("a"), b"a = 1"])
def test_what_is_no_filter(where: object) -> None:
    with pytest.raises(InvalidFilter, match="where"):
        parse(where)


@pytest.mark.parametrize("other", [1, "a = 1", {"a": 1}, F("a")])
def test_joining_with_what_is_no_filter(other: object) -> None:
    with pytest.raises(TypeError):
        (F("a") == 1) & other
    with pytest.raises(TypeError):
        (F("a") == 1) | other
