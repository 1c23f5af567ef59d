"""Which rows a window holds: every kind of number and bound, and what is no window at all."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidType
from likewise.index import Window
from tests.index.windows import inside, make_rows

COUNT = 200
X = make_rows(COUNT, 5)
INCLUSIVE = ("both", "left", "right", "neither")


def build(numbers):
    """Half of the rows in order, half of them late."""
    numbers = np.asarray(numbers)
    index = Window("euclidean").fit(X[: COUNT // 2], attribute=numbers[: COUNT // 2])
    index.add(X[COUNT // 2 : len(numbers)], attribute=numbers[COUNT // 2 :])
    return index


def held(index, window, inclusive="both"):
    """The rows in a window."""
    found = index.search(X[:1], COUNT, window=window, inclusive=inclusive)
    assert found.info.matching == len(found[0].ids)
    return sorted(found[0].ids.tolist())


def agree(index, numbers, window, inclusive="both", bounds=None):
    """``bounds`` are what the index is given in the place of ``window``."""
    expected = np.flatnonzero(inside(numbers, window, inclusive)).tolist()
    assert held(index, window if bounds is None else bounds, inclusive) == expected
    return expected


# -- whole numbers -----------------------------------------------------------------------

WHOLE = np.random.default_rng(1).integers(-20, 20, COUNT)


@pytest.fixture(scope="module")
def whole():
    return build(WHOLE)


@pytest.mark.parametrize("inclusive", INCLUSIVE)
@pytest.mark.parametrize(
    "window",
    [
        *((-5, 5), (3, 3), (5, -5), (4, 3), (None, 0), (0, None), (None, None), (100, 200)),
        *((-19.5, 3.5), (2.0, 2.0), (2.1, 2.9), (-math.inf, 0), (0, math.inf), (10**30, None)),
        *((-(10**30), 10**30), (math.inf, None), (None, -math.inf), (np.int8(-3), np.float32(3))),
        *((2**63 - 1, None), (-(2**63), 0), (0, 2**63), (0, np.uint64(2**64 - 1))),
    ],
)
def test_whole_numbers(whole, window, inclusive):
    agree(whole, WHOLE, window, inclusive)


def test_half_open_windows_tile_all_rows(whole):
    tiles = [held(whole, (low, low + 7), "left") for low in range(-20, 22, 7)]
    assert sorted(row for tile in tiles for row in tile) == list(range(COUNT))


def test_whole_numbers_beyond_what_floats_tell_apart():
    numbers = 2**53 + np.arange(COUNT)
    index = build(numbers)
    for low in (2**53, 2**53 + 1, 2**53 + 2, 2**53 + 3):
        assert len(agree(index, numbers, (low, low + 1))) == 2
        assert len(agree(index, numbers, (low, low + 1), "left")) == 1
        many = np.full(1, low)
        agree(index, numbers, (low, low), bounds=(many, many))
    agree(index, numbers, (float(2**53), float(2**53 + 2)), "neither")
    largest = np.full(COUNT, 2**63 - 1)
    largest[::3] = -(2**63)
    index = build(largest)
    for window in ((2**63 - 1, None), (2**63, None), (None, -(2**63)), (None, -(2**63) - 1)):
        for inclusive in INCLUSIVE:
            agree(index, largest, window, inclusive)


def test_equal_numbers():
    index = build(np.full(COUNT, 7))
    for inclusive in INCLUSIVE:
        for window in ((7, 7), (7, None), (None, 7), (6, 8), (7, 8), (6, 7)):
            agree(index, np.full(COUNT, 7), window, inclusive)


# -- real numbers ------------------------------------------------------------------------

REAL = np.random.default_rng(2).standard_normal(COUNT).round(1)
REAL[:4], REAL[4:8], REAL[8:20] = math.inf, -math.inf, math.nan
REAL[120:123], REAL[123:126], REAL[126:130] = math.inf, -math.inf, math.nan


@pytest.fixture(scope="module")
def real():
    return build(REAL)


@pytest.mark.parametrize("inclusive", INCLUSIVE)
@pytest.mark.parametrize(
    "window",
    [
        *((-0.5, 0.5), (0.1, 0.1), (0, 0), (1, -1), (None, 0.3), (0.3, None), (None, None)),
        *((-math.inf, math.inf), (math.inf, math.inf), (-math.inf, -math.inf), (0, math.inf)),
        *((math.inf, None), (None, -math.inf), (10**400, None), (None, -(10**400))),
        *((-(10**400), 10**400), (1.7976931348623157e308, None), (None, -1.7976931348623157e308)),
        *((np.float32(0.1), None), (np.float64(0.1), np.int16(1))),
    ],
)
def test_real_numbers(real, window, inclusive):
    agree(real, REAL, window, inclusive)


def test_a_whole_bound_that_no_float_equals():
    numbers = np.full(COUNT, float(2**53))
    numbers[::2] = float(2**53 + 2)
    index = build(numbers)
    for inclusive in INCLUSIVE:
        agree(index, numbers, (2**53 + 1, None), inclusive)
        agree(index, numbers, (None, 2**53 + 1), inclusive)
        agree(index, numbers, (2**53 + 1, 2**53 + 1), inclusive)


def test_rows_without_a_number_are_in_no_window_but_found(real):
    nameless = set(np.flatnonzero(np.isnan(REAL)).tolist())
    assert not nameless & set(held(real, (None, None)))
    found = real.search(X[:1], COUNT)
    assert set(found[0].ids.tolist()) == set(range(COUNT))
    assert found.info.matching == COUNT


# -- dates -------------------------------------------------------------------------------

FIRST = np.datetime64("2020-01-01T00:00:00.000000")
DAYS = np.random.default_rng(3).integers(0, 400, COUNT)
DATES = FIRST + DAYS.astype("timedelta64[D]")
DATES[5:15] = np.datetime64("NaT")


@pytest.fixture(scope="module")
def dated():
    return build(DATES)


@pytest.mark.parametrize("inclusive", INCLUSIVE)
def test_dates_of_every_type(dated, inclusive):
    low, high = datetime.datetime(2020, 3, 1), datetime.datetime(2020, 6, 1)
    for bounds in (
        (low, high),
        (low.date(), high.date()),
        ("2020-03-01", "2020-06-01T00:00"),
        (np.datetime64(low), np.datetime64("2020-06")),
        (np.array(["2020-03-01"], "M8[ns]"), np.array(["2020-06-01"], "M8[D]")),
    ):
        assert agree(dated, DATES, (low, high), inclusive, bounds)
    agree(dated, DATES, (None, high), inclusive)
    agree(dated, DATES, (low, None), inclusive)
    agree(dated, DATES, (high, low), inclusive)


def test_dates_finer_than_what_is_kept():
    numbers = FIRST + np.arange(COUNT).astype("timedelta64[us]")
    index = build(numbers)
    between = np.datetime64("2020-01-01T00:00:00.000009500")  # nanoseconds
    for inclusive in INCLUSIVE:
        assert held(index, (between, None), inclusive) == list(range(10, COUNT))
        assert held(index, (None, between), inclusive) == list(range(10))


def test_rows_without_a_date(dated):
    assert not set(range(5, 15)) & set(held(dated, (None, None)))
    assert len(dated.search(X[:1], COUNT)[0].ids) == COUNT


# -- one window a query ------------------------------------------------------------------


def test_one_window_a_query(whole):
    lows, highs = [-10, None, 5, 3, 7], [10, 0, None, 2, 7]
    found = whole.search(X[:5], COUNT, window=(lows, highs))
    expected = [inside(WHOLE, window) for window in zip(lows, highs, strict=True)]
    assert [sorted(row.ids.tolist()) for row in found] == [
        np.flatnonzero(mask).tolist() for mask in expected
    ]
    assert found.info.matching == min(mask.sum() for mask in expected) == 0


@pytest.mark.parametrize("inclusive", INCLUSIVE)
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, np.float32, np.float64, object])
@pytest.mark.parametrize("numbers", [WHOLE, REAL], ids=["whole", "real"])
def test_arrays_of_bounds(numbers, dtype, inclusive):
    lows, highs = np.array([0, 3, 10], dtype=dtype), np.array([5, 3, 2], dtype=dtype)
    index = build(numbers)
    for bounds in ((lows, highs), (lows.tolist(), highs), (0, highs), (lows, np.array([5]))):
        sides = np.broadcast_arrays(*(np.asarray(side) for side in bounds))
        found = index.search(X[:3], COUNT, window=bounds, inclusive=inclusive)
        for row, low, high in zip(found, *sides, strict=True):
            mask = inside(numbers, (low, high), inclusive)
            assert sorted(row.ids.tolist()) == np.flatnonzero(mask).tolist()


def test_infinite_bounds_in_arrays(real):
    lows, highs = np.array([-math.inf, 0, math.inf]), np.array([0, math.inf, math.inf])
    for inclusive in INCLUSIVE:
        found = real.search(X[:3], COUNT, window=(lows, highs), inclusive=inclusive)
        for row, low, high in zip(found, lows, highs, strict=True):
            mask = inside(REAL, (low, high), inclusive)
            assert sorted(row.ids.tolist()) == np.flatnonzero(mask).tolist()


def test_columns_of_a_table(whole):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"low": [0, 5], "high": [9, 6]})
    found = whole.search(X[:2], COUNT, window=(table["low"], table["high"]))
    for row, window in zip(found, ((0, 9), (5, 6)), strict=True):
        assert sorted(row.ids.tolist()) == np.flatnonzero(inside(WHOLE, window)).tolist()


def test_no_query_has_no_window(whole):
    assert len(whole.search(np.empty((0, 5)), window=([], []))) == 0
    assert len(whole.search(np.empty((0, 5)), window=(1, 2))) == 0


# -- no windows --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "error", "words"),
    [
        (5, InvalidType, "pair"),
        ((1, 2, 3), InvalidType, "pair"),
        ((1,), InvalidType, "pair"),
        (("a", 2), InvalidType, "numbers or None; got 'a'"),
        ((True, 2), InvalidType, "True"),
        ((1j, 2), InvalidType, "numbers"),
        ((datetime.date(2020, 1, 1), None), InvalidType, "numbers"),
        ((math.nan, 2), InvalidArgument, "NaN"),
        ((1, np.float32("nan")), InvalidArgument, "NaN"),
        ((np.array([1.0, math.nan]), 2), InvalidArgument, "NaN"),
        (([1, "b"], 2), InvalidType, "'b'"),
        (([[1], [2]], 3), InvalidType, r"\[1\]"),
        ((np.zeros((2, 1)), 3), InvalidArgument, r"row; got \(2, 1\)"),
        ((np.array(["a", "b"]), 3), InvalidType, "'a'"),
        (([1, 2], [1, 2, 3]), InvalidArgument, "got 2 and 3"),
        (([1, 2], []), InvalidArgument, "got 2 and 0"),
        (([1, 2, 3], 5), InvalidArgument, r"one a query \(2\); got 3"),
        (([], []), InvalidArgument, "got 0"),
    ],
)
def test_what_is_no_window(whole, window, error, words):
    with pytest.raises(error, match=words):
        whole.search(X[:2], window=window)


@pytest.mark.parametrize(
    ("bound", "error", "words"),
    [
        ("yesterday's", InvalidArgument, 'dates; got "yesterday\'s"'),
        (2020, InvalidType, "dates or None; got 2020"),
        (np.datetime64("NaT"), InvalidArgument, "NaT"),
        (np.array(["2020", "NaT"], "M8[s]"), InvalidArgument, "NaT"),
        (np.array([3, 4]), InvalidType, "dates"),
    ],
)
def test_what_is_no_date(dated, bound, error, words):
    for window in ((bound, None), (None, bound)):
        with pytest.raises(error, match=words):
            dated.search(X[:2], window=window)


@pytest.mark.parametrize("inclusive", ["all", "Both", "", None])
def test_inclusive_is_one_of_four(whole, inclusive):
    with pytest.raises(InvalidArgument, match="both, left, right, neither; got"):
        whole.search(X[:1], window=(1, 2), inclusive=inclusive)


# -- numbers of rows ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (["a"] * 9, InvalidType, "numbers or dates"),
        ([True] * 9, InvalidType, "bool"),
        ([None] * 9, InvalidType, "object"),
        (np.arange(9).astype("m8[s]"), InvalidType, "timedelta"),
        (np.arange(8), InvalidArgument, r"one number a row \(9,\); got \(8,\)"),
        (np.zeros((9, 1)), InvalidArgument, r"got \(9, 1\)"),
        (3, InvalidArgument, r"got \(\)"),
        (np.full(9, 2**63, dtype=np.uint64), InvalidArgument, "below 2\\^63"),
    ],
)
def test_what_is_no_attribute(given, error, words):
    with pytest.raises(error, match=words):
        Window("euclidean").fit(X[:9], attribute=given)
    index = Window("euclidean").fit(X[:9], attribute=np.arange(9))
    with pytest.raises(error, match=words):
        index.add(X[:9], attribute=given)
    assert (len(index), index.next_position) == (9, 9)


def test_numbers_that_come_later_are_of_the_kind_of_the_first(whole, dated):
    for index, given, words in (
        (whole, [0.5], "whole numbers"),
        (whole, [math.nan], "whole numbers"),
        (whole, [FIRST], "int64"),
        (dated, [5], "datetime64"),
    ):
        with pytest.raises((InvalidArgument, InvalidType), match=words):
            index.add(X[:1], attribute=given)
        assert len(index) == COUNT
    index = Window("euclidean").fit(X[:9], attribute=np.arange(9))
    index.add(X[:2], attribute=[3.0, -1.0])
    assert index.attribute.tolist() == [*range(9), 3, -1]
    index = Window("euclidean").fit(X[:9], attribute=np.arange(9) / 2)
    index.add(X[:2], attribute=np.array([3, 4]))
    assert index.attribute.dtype == np.float64


def test_without_numbers_the_order_of_arrival_counts():
    index = Window("euclidean").fit(X[:100])
    index.delete([3, 98])
    assert index.add(X[100:110]).tolist() == list(range(100, 110))
    assert held(index, (95, 104)) == [95, 96, 97, 99, *range(100, 105)]
    with pytest.raises(InvalidArgument, match="order of arrival"):
        index.add(X[:1], attribute=[3])
    assert index.add(np.empty((0, 5))).tolist() == []


def test_numbers_given_once_are_always_given(whole):
    with pytest.raises(InvalidArgument, match="as it was to fit"):
        whole.add(X[:1])
    assert whole.add(np.empty((0, 5))).tolist() == []


def test_one_row_is_one_row():
    index = Window("euclidean").fit(X[0], attribute=[4])
    assert index.add(X[1], attribute=[5]).tolist() == [1]
    assert held(index, (5, None)) == [1]
    arriving = Window("euclidean").fit(row for row in X[:3])
    assert arriving.add(X[3]).tolist() == [3]
    assert held(arriving, (3, None)) == [3]
    for work in (arriving.fit, arriving.add):
        with pytest.raises(InvalidType, match="X"):
            work(None)
