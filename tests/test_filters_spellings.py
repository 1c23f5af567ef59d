"""The three spellings are one tree."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings

from likewise.filters import CONNECTIVES, OPERATORS, F, Filter, parse
from tests.filter_strategies import filters

DAY = date(2020, 1, 31)

# One line a spelling: how strings, dicts and Python say it.
SAME: list[tuple[str, object, Filter]] = [
    ("year = 2020", {"year": 2020}, F("year") == 2020),
    ("year == 2020", {"year": {"$eq": 2020}}, F("year") == 2020),
    ("year <> 2020", {"year": {"$ne": 2020}}, F("year") != 2020),
    ("year < -2.5e3", {"year": {"$lt": -2500.0}}, F("year") < -2500.0),
    ("year <= .5", {"year": {"$lte": 0.5}}, F("year") <= 0.5),
    ("year>2020", {"year": {"$gt": 2020}}, F("year") > 2020),
    ("year >= 2020", {"year": {"$gte": 2020}}, F("year") >= 2020),
    ("lang IN ('en', \"fr\")", {"lang": {"$in": ["en", "fr"]}}, F("lang").isin(["en", "fr"])),
    ("lang in []", {"lang": {"$in": []}}, F("lang").isin([])),
    ("lang Not In ['en',]", {"lang": {"$nin": ["en"]}}, F("lang").notin(("en",))),
    ("year between 1 and 2", {"year": {"$between": [1, 2]}}, F("year").between(1, 2)),
    ("exists(year)", {"year": {"$exists": True}}, F("year").exists()),
    ("year exists", {"year": {"$exists": True}}, F("year").exists()),
    ("exists year", {"year": {"$exists": True}}, F("year").exists()),
    ("not exists(year)", {"year": {"$exists": False}}, ~F("year").exists()),
    ("year not exists", {"year": {"$exists": False}}, ~F("year").exists()),
    ("tags contains 'x'", {"tags": {"$contains": "x"}}, F("tags").contains("x")),
    ("tags = ('a', 'b')", {"tags": ["a", "b"]}, F("tags") == ["a", "b"]),
    ("tags != []", {"tags": {"$ne": []}}, F("tags") != ()),
    ("tags in (['a'], 'b')", {"tags": {"$in": [["a"], "b"]}}, F("tags").isin([["a"], "b"])),
    ("done = TRUE", {"done": True}, F("done") == True),  # noqa: E712
    ("date = date '2020-01-31'", {"date": {"$date": "2020-01-31"}}, F("date") == DAY),
    (
        "at > datetime '2020-01-31T10:00:00+00:00'",
        {"at": {"$gt": {"$datetime": "2020-01-31T10:00:00+00:00"}}},
        F("at") > datetime(2020, 1, 31, 10, tzinfo=UTC),
    ),
    ("author.name = 'Ada'", {"author.name": "Ada"}, F("author.name") == "Ada"),
    ("\"odd name\" = 'it''s'", {"odd name": "it's"}, F("odd name") == "it's"),
    ("`in` = 'a\\n\\\\'", {"in": "a\n\\"}, F("in") == "a\n\\"),
    ('name = "say ""x"""', {"name": 'say "x"'}, F("name") == 'say "x"'),
    ("a = 1 and b = 2", {"a": 1, "b": 2}, (F("a") == 1) & (F("b") == 2)),
    ("a > 1 and a < 9", {"a": {"$gt": 1, "$lt": 9}}, (F("a") > 1) & (F("a") < 9)),
    (
        "a = 1 or b = 2 and not c = 3",
        {"$or": [{"a": 1}, {"$and": [{"b": 2}, {"$not": {"c": 3}}]}]},
        (F("a") == 1) | ((F("b") == 2) & ~(F("c") == 3)),
    ),
    (
        "not (a = 1 or b = 2)",
        {"$not": {"$or": [{"a": 1}, {"b": 2}]}},
        ~((F("a") == 1) | (F("b") == 2)),
    ),
    ("not not a >= 1", {"$not": {"a": {"$not": {"$gte": 1}}}}, F("a") >= 1),
    ("(a = 1 and b = 2) and c = 3", {"a": 1, "b": 2, "c": 3}, parse("a=1 and b=2 and c=3")),
]


@pytest.mark.parametrize(("string", "dictionary", "built"), SAME)
def test_three_spellings_of_one_tree(string: str, dictionary: object, built: Filter) -> None:
    assert parse(string) == built
    assert parse(dictionary) == built
    assert parse(built) is built


def test_every_operator_is_spelled_in_the_table_above() -> None:
    leaves = {leaf.operator for _, _, built in SAME for leaf in built.comparisons()}
    assert leaves == set(OPERATORS)
    text = " ".join(string.lower() for string, _, _ in SAME).split()
    assert set(CONNECTIVES) <= set(text)


@given(filters)
@settings(max_examples=300, deadline=None)
def test_spellings_read_back_to_the_same_tree(built: Filter) -> None:
    for again in (parse(str(built)), parse(built.to_dict()), copy.deepcopy(built)):
        assert again == built
        assert hash(again) == hash(built)
        assert str(again) == str(built)
    assert pickle.loads(pickle.dumps(built)) == built


@pytest.mark.parametrize("nothing", [None, "", "  \n", {}])
def test_no_filter(nothing: object) -> None:
    assert parse(nothing) is None


def test_keys_tell_look_alikes_apart() -> None:
    values = [1, 1.0, True, "1", "true", DAY, "2020-01-31", datetime(2020, 1, 31), [1], ["1"], []]
    keys = {(F("x") == value).key() for value in values}
    assert len(keys) == len(values)
    assert (F("x") == [1]) != F("x").isin([1])
    assert (F("x") == 1) != "x = 1"


def test_foreign_scalars_become_plain() -> None:
    assert F("x").isin(np.array([1, 2])) == F("x").isin([1, 2])
    assert (F("x") == np.str_("a")) == (F("x") == "a")
    assert (F("x") >= np.datetime64("2020-01-31")) == (F("x") >= DAY)
    assert F("x").isin({"b", "a"}) == F("x").isin(["a", "b"])


def test_fields_are_named_once_in_order() -> None:
    assert parse("b = 1 or not (a = 2 and b.c = 3) or b = 4").fields() == ("b", "a", "b.c")


def test_a_value_on_the_left_turns_the_comparison() -> None:
    assert (2020 < F("year")) == (F("year") > 2020)  # noqa: SIM300
    assert (2020 >= F("year")) == (F("year") <= 2020)  # noqa: SIM300


def test_filters_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        (F("a") == 1).value = 2
    values = ["a"]
    where = F("x").isin(values)
    values.append("b")
    assert str(where) == "x in ('a')"


def test_long_chains_work() -> None:
    text = " and ".join(f"x != {i}" for i in range(10_000))
    where = parse(text)
    assert str(where) == text
    assert parse(where.to_dict()) == where
    assert where.matches({"x": -1})
    assert not where.matches({"x": 9_999})
    assert parse("not " * 10_001 + "x = 1") == ~(F("x") == 1)
