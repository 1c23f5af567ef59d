"""A range of values is a span of places, exactly as the filter language has it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise._arrays import open_arrays, save_arrays
from likewise.filters import F, Filter
from likewise.store.columns import Column, Order, is_range
from tests.filter_strategies import NUMBERS, scalars, values

numbers = st.lists(st.integers(0, len(NUMBERS) - 1).map(NUMBERS.__getitem__), max_size=12)


def ranges(value: Any, other: Any) -> list[Filter]:
    field = F("a")
    found = [field == value, field < value, field <= value, field > value, field >= value]
    if type(value) is type(other):
        found += [field.between(value, other), field.between(other, value)]
    return found


def agree(rows: list[Any], order: Order, operands: list[Any]) -> None:
    for value in operands:
        for where in ranges(value, operands[0]):
            assert is_range(where), where
            passing = [i for i, row in enumerate(rows) if where.matches({"a": row})]
            first, stop = order.span(where)
            assert sorted(order.places[first:stop].tolist()) == passing, where
            assert np.flatnonzero(order.mask((first, stop))).tolist() == passing


@given(st.lists(values, max_size=10), st.lists(scalars, min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_spans_agree_with_the_twin(rows: list[Any], operands: list[Any]) -> None:
    # The rows' own values too, since random ones seldom meet.
    own = [row for row in rows if row is not None and not isinstance(row, list)]
    agree(rows, Order.of(Column.from_values(rows)), operands + own)


@given(numbers)
@settings(max_examples=200, deadline=None)
def test_numbers_of_every_type_lie_on_one_line(rows: list[Any]) -> None:
    agree(rows, Order.of(Column.from_values(rows)), NUMBERS)


@pytest.mark.parametrize(
    "rows",
    [
        [3, 1, None, 2, 1],
        [0.5, -0.0, 0.0, None],
        [3, 0.5, -1, 2.5, 3.0],
        [2**53, 2**53 + 1, float(2**53), -(2**53) - 1],
        [10**30, 1, 1e30, -(10**30)],
        [date(2020, 1, 1), datetime(2020, 1, 1), datetime(2019, 12, 31, 23), 5],
        [True, False, 1, 0],
        [[1], None, [2]],
        [],
    ],
    ids=repr,
)
def test_in_a_file(rows: list[Any], tmp_path: Path) -> None:
    column = Column.from_values(rows)
    order = Order.of(column)
    arrays, attributes = column.to_arrays()
    places, kinds = order.to_arrays()
    save_arrays(tmp_path / "column", arrays | places, attributes | kinds)
    file = open_arrays(tmp_path / "column")
    opened = Order.from_arrays(
        Column.from_arrays(file.arrays, file.attributes), file.arrays, file.attributes
    )
    assert opened is not None
    operands = [row for row in rows if row is not None and not isinstance(row, list)]
    agree(rows, opened, [*operands, 2, "x"])
    np.testing.assert_array_equal(opened.attribute(), order.attribute())


def test_a_file_without_an_order() -> None:
    column = Column.from_values([1, 2])
    assert Order.from_arrays(column, *column.to_arrays()) is None


def test_the_attribute_is_the_place() -> None:
    order = Order.of(Column.from_values([5, None, 3, "x", 5, [1]]))
    np.testing.assert_array_equal(order.attribute(), [1, np.nan, 0, 3, 2, np.nan])


@pytest.mark.parametrize(
    "where",
    [
        F("a") != 1,
        F("a").isin([1]),
        F("a").notin([1]),
        F("a").exists(),
        F("a").contains(1),
        F("a") == [1, 2],
    ],
    ids=str,
)
def test_what_is_no_range(where: Filter) -> None:
    assert not is_range(where)
