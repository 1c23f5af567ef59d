"""NumPy: the vectors of one field as ``.npy``, the ids beside them as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument, InvalidRow
from likewise.store._json_values import dump_value
from likewise.store.readers.arrays import ids_beside
from likewise.store.writers.writing import Row, Writing


def write_npy(rows: Iterable[Row], writing: Writing) -> None:
    """Write an (n, dim) float32 array and ``NAME.ids.jsonl`` with one id a line."""
    vectors = writing.aside(writing.target)
    ids = writing.aside(ids_beside(writing.target))
    with open(vectors, "wb") as file, open(ids, "w", encoding="utf-8") as names:
        dim: int | None = None
        for row in writing.counted(rows):
            vector = _vector(row, writing.using)
            if dim is None:
                dim = len(vector)
                _write_header(file, 0, dim)
            if len(vector) != dim:
                raise InvalidRow(
                    f"row {row.get('id')!r}: expected {dim} numbers, as in the first row; got "
                    f"{len(vector)}"
                )
            file.write(vector.tobytes())
            names.write(dump_value(row.get("id")) + "\n")
        # The number of rows is known only now; numpy leaves room for it to grow in the header.
        file.seek(0)
        _write_header(file, writing.rows, dim or 1)


def _write_header(file: BinaryIO, rows: int, dim: int) -> None:
    header: dict[str, Any] = {"descr": "<f4", "fortran_order": False, "shape": (rows, dim)}
    np.lib.format.write_array_header_1_0(file, header)


def _vector(row: Row, using: str | None) -> npt.NDArray[np.float32]:
    found = vectors_of(row)
    if using is None and len(found) == 1:
        (using,) = found
    if using is None or using not in found:
        raise InvalidArgument(
            f"row {row.get('id')!r}: a .npy file holds the vectors of one field; "
            f"the row has {', '.join(found) or 'none'}; choose one with using="
        )
    value = found[using]
    if isinstance(value, Mapping) or np.ndim(value) != 1:
        raise InvalidArgument(
            f"row {row.get('id')!r}: a .npy file holds one dense vector a row, and field {using!r} "
            "has other values; export as .jsonl or .parquet"
        )
    return np.ascontiguousarray(value, dtype="<f4")


def vectors_of(row: Row) -> dict[str, Any]:
    """The vectors of ``row`` by field; the default field's stands under ``vector``."""
    found: dict[str, Any] = {}
    if row.get("vector") is not None:
        found["vector"] = row["vector"]
    fields = row.get("vectors")
    if isinstance(fields, Mapping):
        found.update(fields)
    return found
