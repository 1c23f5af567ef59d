"""Columns answer filters exactly as the slow twin does, however they were made."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise._arrays import open_arrays, save_arrays
from likewise.errors import InvalidArgument, InvalidType
from likewise.filters import OPERATORS, F, parse
from likewise.store._masks import MASKS
from likewise.store._vocabulary import Vocabulary
from likewise.store.columns import Column, evaluate
from likewise.store.metadata import flatten
from tests.filter_strategies import FIELDS, STRINGS, filters, rows, values

tables = st.lists(rows, max_size=12)


def columns_of(table: list[dict[str, Any]]) -> dict[str, Column]:
    flat = [flatten(row) for row in table]
    return {path: Column.from_values([row.get(path) for row in flat]) for path in FIELDS}


def answer(where: Any, columns: dict[str, Column], n: int) -> list[bool]:
    mask = evaluate(where, columns.__getitem__, n)
    assert mask.dtype == np.bool_
    assert mask.shape == (n,)
    return mask.tolist()


def test_every_operator_has_a_mask() -> None:
    assert MASKS.keys() == OPERATORS.keys()


@given(tables, filters)
@settings(max_examples=500, deadline=None)
def test_columns_agree_with_the_twin(table: list[dict[str, Any]], where: Any) -> None:
    expected = [where.matches(row) for row in table]
    columns = columns_of(table)
    for spelling in (where, str(where), where.to_dict()):
        assert answer(parse(spelling), columns, len(table)) == expected


@given(st.lists(values, max_size=8), values)
@settings(max_examples=300, deadline=None)
def test_each_comparison_with_a_value_of_the_column(column: list[Any], value: Any) -> None:
    # Random values seldom meet: here each row is compared with the others' values too.
    for other in [*column, value]:
        if other is None or (isinstance(other, list) and None in other):
            continue
        tests = [F("a") == other, F("a") != other, F("a").isin([other] * 9), F("a").notin([other])]
        if not isinstance(other, list):
            tests += [F("a") < other, F("a") <= other, F("a") > other, F("a") >= other]
            tests += [F("a").contains(other), F("a").between(other, other)]
        for where in tests:
            expected = [where.matches({"a": row}) for row in column]
            assert answer(where, {"a": Column.from_values(column)}, len(column)) == expected


@given(tables, filters)
@settings(max_examples=40, deadline=None)
def test_columns_live_in_a_file(tmp_path_factory: Any, table: Any, where: Any) -> None:
    path: Path = tmp_path_factory.mktemp("columns") / "column"
    opened = {}
    for name, column in columns_of(table).items():
        save_arrays(path, *column.to_arrays())
        file = open_arrays(path)
        opened[name] = Column.from_arrays(file.arrays, file.attributes)
    assert answer(where, opened, len(table)) == [where.matches(row) for row in table]


def test_no_array_holds_objects() -> None:
    column = Column.from_values([1, 2**70, 0.5, "a", True, date(2020, 1, 31), [1, "b"], None])
    arrays, attributes = column.to_arrays()
    assert all(array.dtype != object for array in arrays.values())
    assert attributes["big"] == [str(2**70)]
    assert repr(column) == "Column(8 rows: integers, big, floats, strings, times, booleans, lists)"


def test_integers_beyond_floats_are_exact() -> None:
    values = [2**53, 2**53 + 1, float(2**53), 2**63 - 1, 2**63, float(2**63), 10**400, -(10**400)]
    column = {"a": Column.from_values(values)}
    for pivot in values:
        above, upto = F("a") > pivot, F("a") <= pivot
        assert answer(above, column, len(values)) == [value > pivot for value in values]
        assert answer(upto, column, len(values)) == [value <= pivot for value in values]


@given(st.lists(st.sampled_from(STRINGS)), st.sampled_from(STRINGS))
def test_vocabulary(strings: list[str], wanted: str) -> None:
    vocabulary, codes = Vocabulary.encode(strings)
    ordered = sorted(set(strings))
    assert [ordered[code] for code in codes] == strings
    below = sum(text < wanted for text in ordered)
    assert vocabulary.span(wanted) == (below, below + (wanted in ordered))
    assert vocabulary.containing(wanted).tolist() == [wanted in text for text in ordered]


def test_a_hit_over_two_strings_hides_none() -> None:
    # As bytes "a" + "aa" + "xa" run together: the first 'aa' found begins in the first string.
    vocabulary, _ = Vocabulary.encode(["a", "aa", "xa"])
    assert vocabulary.containing("aa").tolist() == [False, True, False]


@pytest.mark.parametrize("value", [b"x", {"a": 1}, [[1]], object()])
def test_values_that_no_metadata_holds(value: object) -> None:
    with pytest.raises(InvalidType):
        Column.from_values([1, value])


def test_nan_in_a_column() -> None:
    with pytest.raises(InvalidArgument, match="use None"):
        Column.from_values([1.0, np.nan])


def test_a_column_of_another_length() -> None:
    with pytest.raises(InvalidArgument, match="2 of 3 rows"):
        evaluate(F("a") == 1, {"a": Column.from_values([1, 2])}.__getitem__, 3)


def test_evaluate_takes_trees_only() -> None:
    with pytest.raises(InvalidArgument, match="must be a filter"):
        evaluate("a = 1", dict[str, Column]().__getitem__, 0)  # type: ignore[arg-type]
