"""What each comparison means, value by value."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest

from likewise.filters import F, Filter, parse

DAY, MIDNIGHT = date(2020, 1, 31), datetime(2020, 1, 31)
ROW = {
    "id": 7,
    "text": "Search that learns",
    "year": 2020,
    "big": 2**53 + 1,
    "price": 2.5,
    "name": "Ada",
    "done": True,
    "day": DAY,
    "at": datetime(2020, 1, 31, 12, tzinfo=timezone(timedelta(hours=2))),
    "tags": ["a", 1, None],
    "empty": [],
    "nothing": None,
    "author": {"name": "Ada", "born.year": 1815},
}

TRUE = [
    "id = 7",
    "text contains 'that'",
    "text contains ''",
    "year = 2020.0",
    "year != 2021",
    "year > 2019.5",
    "year between 2020 and 2020",
    "year in ('x', 2020)",
    "year not in ('x', 2021)",
    "price < 3 and price > 2",
    "big != 9007199254740992.0",
    "big > 9007199254740992.0",
    "name < 'b' and name >= 'Ada'",
    "done > false",
    "done != false",
    "day = datetime '2020-01-31T00:00:00'",
    "day = datetime '2020-01-31T02:00:00+02:00'",
    "day in (date '2020-01-31')",
    "at = datetime '2020-01-31T10:00:00'",
    "at > date '2020-01-31' and at < date '2020-02-01'",
    "empty = []",
    "tags != ['a']",
    "tags contains 'a'",
    "tags contains 1.0",
    "exists(empty) and exists(author.name) and exists(author.born.year)",
    "author.born.year = 1815",
    "not (year != 'x')",
    "not (missing != 1)",
    "not missing = 1",
    "not exists(nothing) and not exists(author) and not exists(missing)",
]
FALSE = [
    "id = '7'",
    "text contains 'THAT'",
    "text contains 7",
    "year = '2020'",
    "year != '2020'",
    "year = true",
    "year not in ('x')",
    "year in ()",
    "done = 1",
    "done != 1",
    "done > 0",
    "day = '2020-01-31'",
    "day > 0",
    "year contains 2020",
    "missing != 1",
    "missing not in (1)",
    "missing between 0 and 9",
    "nothing = 0",
    "nothing != 0",
    "author = 'Ada'",
    "author != 'Ada'",
    "tags = ['a', 1]",
    "tags != 'a'",
    "tags = 'a'",
    "tags in ('a', 1)",
    "tags contains 'A'",
    "tags contains true",
    "tags < 'b'",
    "tags between 'a' and 'b'",
    "year between 2021 and 2019",
]


@pytest.mark.parametrize("where", TRUE)
def test_true(where: str) -> None:
    assert parse(where).matches(ROW)
    assert not (~parse(where)).matches(ROW)


@pytest.mark.parametrize("where", FALSE)
def test_false(where: str) -> None:
    assert not parse(where).matches(ROW)
    assert (~parse(where)).matches(ROW)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (F("x") == [1, "a"], (1.0, "a")),
        (F("x") == [DAY], [MIDNIGHT.replace(tzinfo=UTC)]),
        (F("x").contains(2), np.array([1, 2])),
        (F("x") >= 2, np.int64(2)),
        (F("x") == MIDNIGHT, np.datetime64("2020-01-31")),
        (F("x") < datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), datetime.max),
    ],
)
def test_values_of_other_types(where: Filter, value: object) -> None:
    assert where.matches({"x": value})


def test_a_list_with_a_null_equals_no_list() -> None:
    assert not (F("x") == [1]).matches({"x": [1, None]})
    assert (F("x") != [1, 2]).matches({"x": [1, None]})


def test_dotted_keys_and_nested_keys_are_one_path() -> None:
    where = F("a.b.c") == 1
    for row in ({"a.b.c": 1}, {"a": {"b": {"c": 1}}}, {"a.b": {"c": 1}}, {"a": {"b.c": 1}}):
        assert where.matches(row)
    assert not where.matches({"a": {"b": {"d": 1}}, "c": 1})
