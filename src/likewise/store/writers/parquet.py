"""Parquet (extra ``arrow``): one typed column a key, vectors as fixed-size lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from likewise.errors import InvalidMetadata
from likewise.store._json_values import dump_row, dump_value, load_value
from likewise.store.readers.parquet import JSON_MARK
from likewise.store.readers.record import missing_arrow
from likewise.store.writers.column_kinds import ColumnKinds
from likewise.store.writers.writing import Row, Writing

_GROUP = 4096


def write_parquet(rows: Iterable[Row], writing: Writing) -> None:
    """Write the rows as Parquet, in row groups of 4,096.

    A column's type is known only when its last value has been seen, so the rows go to a
    scratch file first, and from there, group by group, into typed columns.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise missing_arrow("writing Parquet") from error
    spool = writing.scratch("spool.jsonl")
    kinds = _spool(writing.counted(rows), spool)
    schema = pa.schema([_field(name, kind) for name, kind in kinds.items()])
    target = writing.aside(writing.target)
    with pq.ParquetWriter(target, schema, compression="zstd") as file:
        for group in _groups(spool):
            arrays = [_array(group, name, kind) for name, kind in kinds.items()]
            file.write_table(pa.Table.from_arrays(arrays, schema=schema))
    spool.unlink()


def flat(row: Row) -> dict[str, Any]:
    """``row`` with each vector under a column of its own, ``vectors.NAME`` for a named field."""
    columns = {key: value for key, value in row.items() if key != "vectors"}
    for field, vector in (row.get("vectors") or {}).items():
        name = f"vectors.{field}"
        if name in columns:
            raise InvalidMetadata(
                f"row {row.get('id')!r}: the metadata key {name!r} is also the column of the "
                f"vector field {field!r}; export as .jsonl instead"
            )
        columns[name] = vector
    return columns


def _spool(rows: Iterable[Row], spool: Path) -> dict[str, str]:
    """Write all rows to ``spool`` and say which kind each column has."""
    kinds = ColumnKinds()
    with open(spool, "w", encoding="utf-8") as file:
        for row in rows:
            columns = flat(row)
            for name, value in columns.items():
                if name == "vector" or name.startswith("vectors."):
                    columns[name] = value = _cell(value)
                    if isinstance(value, np.ndarray):
                        kinds.see_vector(name, len(value))
                    else:
                        kinds.see(name, value)
                else:
                    kinds.see(name, value)
            file.write(dump_row(columns, packed=True) + "\n")
    return kinds.result()


def _cell(value: Any) -> Any:
    """A dense vector as an array; bags as lists, terms and Gaussians as they are: JSON, then."""
    if value is None or isinstance(value, dict):
        return value
    array = np.asarray(value, dtype=np.float32)
    return array if array.ndim == 1 else array.tolist()


def _groups(spool: Path) -> Iterator[list[dict[str, Any]]]:
    with open(spool, "rb") as file:
        while group := [load_value(line) for line in islice(file, _GROUP)]:
            yield group


def _field(name: str, kind: str) -> Any:
    import pyarrow as pa

    return pa.field(name, _type(kind), metadata=JSON_MARK if kind == "json" else None)


def _type(kind: str) -> Any:
    import pyarrow as pa

    if kind.startswith("vector "):
        return pa.list_(pa.float32(), int(kind.removeprefix("vector ")))
    if kind.startswith("list of "):
        return pa.list_(_type(kind.removeprefix("list of ")))
    return {
        "boolean": pa.bool_(),
        "integer": pa.int64(),
        "float": pa.float64(),
        "string": pa.string(),
        "date": pa.date32(),
        "datetime": pa.timestamp("us"),
        "datetime with zone": pa.timestamp("us", tz="UTC"),
        "empty list": pa.list_(pa.string()),
        "json": pa.string(),
    }[kind]


def _array(group: list[dict[str, Any]], name: str, kind: str) -> Any:
    import pyarrow as pa

    values = [row.get(name) for row in group]
    if kind == "json":
        values = [None if value is None else dump_value(value) for value in values]
    elif kind in ("float", "list of float"):
        values = [_floats(value) for value in values]
    return pa.array(values, type=_type(kind))


def _floats(value: Any) -> Any:
    if isinstance(value, list):
        return [float(item) for item in value]
    return None if value is None else float(value)
