"""Parquet (extra ``arrow``): columns keep their types, one row group at a time."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from likewise.errors import InvalidFile
from likewise.store._json_values import load_value
from likewise.store.readers.record import (
    Columns,
    Place,
    Record,
    broken,
    missing_arrow,
    without_missing,
)

#: The mark on a column whose cells are JSON: an export makes one of values of mixed kinds.
JSON_MARK = {b"likewise": b"json"}
_BATCH = 1024

Decoder = Callable[[Any], list[Any]]


def read_parquet(path: Path, columns: Columns) -> Iterator[Record]:
    """One record a row; places count rows from 1.

    A column called ``vector`` or ``vectors.NAME`` (or named by ``columns``) that holds lists
    is a vector; so is the one fixed-size list of numbers when nothing is called ``vector``.
    Strings, integers, floats, booleans, dates, timestamps, lists and structs keep their types;
    timestamps finer than a microsecond lose what is beyond it; decimals become floats. Null
    and NaN are missing. Memory: 1,024 rows and what pyarrow holds of a row group.

    Raises:
        MissingExtra: pyarrow is not installed.
        InvalidFile: not Parquet, damaged, or a column of a type that no metadata has.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise missing_arrow(f"{path}: reading Parquet") from error
    number = 0
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            columns = _with_found_vector(file.schema_arrow, columns)
            decoders = _decoders(file.schema_arrow, path, columns)
            total = file.metadata.num_rows
            for batch in file.iter_batches(batch_size=_BATCH, columns=list(decoders)):
                values = [decode(batch.column(name)) for name, decode in decoders.items()]
                for cells in zip(*values, strict=True):
                    number += 1
                    place = Place(str(path), "row", number)
                    row = dict(zip(decoders, cells, strict=True))
                    yield _record(place, number / total, row, columns)
    except (pa.ArrowException, OSError) as error:
        raise InvalidFile(
            f"{path}: not Parquet, or damaged after row {number} ({error})"
        ) from error


def _record(place: Place, fraction: float, row: dict[str, Any], columns: Columns) -> Record:
    row = without_missing(row)
    for name, cell in row.items():
        if isinstance(cell, _Broken):
            return broken(place, fraction, f"column {name!r}: {cell.why}", cell.raw)
    return Record(place, fraction, row=columns.apply(row))


def _with_found_vector(schema: Any, columns: Columns) -> Columns:
    """``columns``, with the one fixed-size list of numbers as the vector if none is named."""
    from pyarrow import types

    if any(_is_role(columns.key(name)) for name in schema.names):
        return columns
    fixed = [
        field.name
        for field in schema
        if types.is_fixed_size_list(field.type)
        and _is_vector_type(field.type)
        and field.name not in columns.named
    ]
    return replace(columns, vector=fixed[0]) if len(fixed) == 1 else columns


def _is_role(key: str | None) -> bool:
    return key is not None and (key == "vector" or key.startswith("vectors."))


def _is_vector_type(kind: Any) -> bool:
    import pyarrow as pa

    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not is_list and not pa.types.is_fixed_size_list(kind):
        return False
    return bool(pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type))


def _decoders(schema: Any, path: Path, columns: Columns) -> dict[str, Decoder]:
    """For each column to read, how its cells become Python values."""
    decoders: dict[str, Decoder] = {}
    for field in schema:
        name, key = field.name, columns.key(field.name)
        if key is None:
            continue
        if (field.metadata or {}).items() >= JSON_MARK.items():
            decoders[name] = _json_cells
        elif _is_role(key) and _is_vector_type(field.type):
            decoders[name] = _vectors
        elif _is_known(field.type):
            decoders[name] = _values
        else:
            raise InvalidFile(
                f"{path}, column {name!r}: expected strings, numbers, booleans, dates, lists or "
                f"structs; got {field.type}; leave it out with rename={{{name!r}: None}}"
            )
    return decoders


def _is_known(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_known(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _is_known(kind.value_type)
    if types.is_struct(kind):
        return all(_is_known(field.type) for field in kind)
    leaves = ("string", "large_string", "integer", "floating", "boolean", "date", "timestamp")
    return any(getattr(types, f"is_{leaf}")(kind) for leaf in (*leaves, "decimal", "null"))


def _vectors(cells: Any) -> list[Any]:
    """Each list as an array; a null list as None, a null inside as NaN, which `add` refuses."""
    return [
        np.asarray(cell.values.to_numpy(zero_copy_only=False)) if cell.is_valid else None
        for cell in cells
    ]


def _json_cells(cells: Any) -> list[Any]:
    return [None if cell is None else _load(cell) for cell in cells.to_pylist()]


def _load(cell: str) -> Any:
    try:
        return load_value(cell)
    except (ValueError, RecursionError) as error:
        return _Broken(f"expected JSON; {error}", cell)


def _values(cells: Any) -> list[Any]:
    from pyarrow import types

    if types.is_timestamp(cells.type) and cells.type.unit == "ns":
        import pyarrow as pa

        cells = cells.cast(pa.timestamp("us", tz=cells.type.tz), safe=False)
    values: list[Any] = cells.to_pylist()
    simple = types.is_string(cells.type) or types.is_primitive(cells.type)
    if simple and not types.is_decimal(cells.type):
        return values
    return [_python(value) for value in values]


def _python(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _python(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_python(inner) for inner in value]
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dt.datetime) and hasattr(value, "to_pydatetime"):  # a pandas Timestamp
        return value.to_pydatetime(warn=False)
    return value.item() if isinstance(value, np.generic) else value


class _Broken:
    """A cell that could not be decoded."""

    def __init__(self, why: str, raw: str) -> None:
        self.why, self.raw = why, raw
