"""Metadata comes back as it went in, or does not go in."""

from __future__ import annotations

import enum
import json
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import InvalidMetadata
from likewise.store.metadata import check_metadata, decode, encode, flatten, lookup
from tests.filter_strategies import values

names = st.text(max_size=3).filter(lambda name: not name.startswith("$"))
plain_names = names.filter(lambda name: "." not in name)
nested = st.recursive(
    st.dictionaries(plain_names, values, max_size=3),
    lambda inner: st.dictionaries(plain_names, values | inner, max_size=3),
    max_leaves=8,
)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Loud(str):
    def __str__(self) -> str:
        return "LOUD"


def types_of(value: object) -> object:
    if isinstance(value, dict):
        return {key: types_of(item) for key, item in value.items()}
    return [types_of(v) for v in value] if isinstance(value, list) else type(value)


@given(nested)
@settings(max_examples=200, deadline=None)
def test_round_trip(metadata: dict[str, object]) -> None:
    text = encode(metadata, where="row 0")
    text.encode()  # the database can store it
    back = decode(text)
    assert back == metadata
    assert types_of(back) == types_of(metadata)
    assert list(back) == list(metadata)


@given(nested)
@settings(max_examples=100, deadline=None)
def test_flatten_and_lookup_agree(metadata: dict[str, object]) -> None:
    for path, value in flatten(metadata).items():
        assert lookup(metadata, path) == value


def test_the_text_is_compact_and_readable() -> None:
    at = datetime(2020, 1, 31, 10, tzinfo=timezone(timedelta(hours=2)))
    text = encode({"a": 1, "é": [1.0, None, True], "at": at}, where="row 0")
    assert text == '{"a":1,"é":[1.0,null,true],"at":{"$datetime":"2020-01-31T10:00:00+02:00"}}'


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.int8(3), 3),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.datetime64("2020-01-31"), date(2020, 1, 31)),
        (np.datetime64("2020-01-31T10:00", "ns"), datetime(2020, 1, 31, 10)),
        (pd.Timestamp("2020-01-31T10:00Z"), datetime(2020, 1, 31, 10, tzinfo=UTC)),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Loud("quiet"), "quiet"),
        ((1, "a"), [1, "a"]),
        (np.array([1, 2]), [1, 2]),
        ([np.int64(1), date(2020, 1, 31)], [1, date(2020, 1, 31)]),
        (10**400, 10**400),
        (-0.0, -0.0),
        ("$date", "$date"),
    ],
)
def test_foreign_types_become_plain(value: object, kept: object) -> None:
    back = decode(encode({"x": value}, where="row 0"))["x"]
    assert back == kept
    assert types_of(back) == types_of(kept)
    if kept == 0:
        assert math.copysign(1, back) == math.copysign(1, kept)


REFUSED = [
    ({"a": math.nan}, "metadata key 'a': nan is no finite number"),
    ({"a": {"b": [0.0, -math.inf]}}, "metadata key 'a.b[1]': -inf is no finite number"),
    ({"a": np.float32("nan")}, "nan is no finite number"),
    ({"a": b"x"}, "a value of type bytes cannot be kept; allowed are str, int"),
    ({"a": Decimal("0.1")}, "type Decimal"),
    ({"a": uuid4()}, "type UUID"),
    ({"a": time(10)}, "type time"),
    ({"a": timedelta(1)}, "type timedelta"),
    ({"a": np.timedelta64(1, "s")}, "type timedelta64"),
    ({"a": {1, 2}}, "type set"),
    ({"a": 1j}, "type complex"),
    ({"a": pd.NaT}, "NaT is no time"),
    ({"a": np.datetime64("NaT")}, "no time of the years 1 to 9999"),
    ({"a": np.datetime64("2020-01-31T10:00:00.000000001")}, "in microseconds"),
    ({"a": pd.Timestamp("2020-01-31T10:00:00.000000001")}, "nanoseconds"),
    ({"a": 10**5000}, "too many digits"),
    ({"a": [[1]]}, "metadata key 'a[0]': a list inside a list"),
    ({"a": [{"b": 1}]}, "a dict inside a list"),
    ({"a": np.zeros((2, 2))}, "type ndarray"),
    ({1: "a"}, "metadata key 1: keys must be strings; got one of type int"),
    ({"a": {None: 1}}, "metadata key a.None: keys must be strings"),
    ({"$date": "2020-01-31"}, "keys that begin with '$' are reserved"),
    ({"a": {"$gt": 1}}, "metadata key 'a.$gt'"),
    ({"a.b": 1, "a": {"b": 2}}, "metadata key 'a.b': it is there twice"),
    (["a"], "metadata must be a dict; got ['a'] of type list"),
]


@pytest.mark.parametrize(("metadata", "message"), REFUSED)
def test_refused(metadata: object, message: str) -> None:
    with pytest.raises(InvalidMetadata) as caught:
        encode(metadata, where="row 17 (id 'a9')")
    assert message in str(caught.value)
    assert str(caught.value).startswith("row 17 (id 'a9')")


def test_too_deep() -> None:
    deep: dict[str, object] = {}
    circular: dict[str, object] = {}
    circular["a"] = circular
    for _ in range(10_000):
        deep = {"a": deep}
    for metadata in (deep, circular):
        with pytest.raises(InvalidMetadata, match="nested more than"):
            encode(metadata, where="row 0")


def test_keys_that_become_the_same_are_refused() -> None:
    class Name(str):
        __hash__ = object.__hash__

        def __eq__(self, other: object) -> bool:
            return self is other

    with pytest.raises(InvalidMetadata, match="spelled the same"):
        encode({"a": 1, Name("a"): 2}, where="row 0")


def test_half_a_surrogate_pair_is_kept() -> None:
    text = encode({"a": "\ud800é"}, where="row 0")
    assert text.isascii()
    assert decode(text) == {"a": "\ud800é"}


def test_a_tag_in_a_string_is_a_string() -> None:
    metadata = {"a": '{"$date":"2020-01-31"}', "b": ["$date"], "c": date(2020, 1, 31)}
    assert decode(encode(metadata, where="row 0")) == metadata


def test_check_copies() -> None:
    inner = [np.int64(1)]
    checked = check_metadata({"a": {"b": inner}}, where="row 0")
    inner.append(np.int64(2))
    assert json.dumps(checked) == '{"a": {"b": [1]}}'
