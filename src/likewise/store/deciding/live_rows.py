"""The live rows of a view as arrays: numbers, vectors, ids, and the values of a label."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._values import lookup
from likewise.store import metadata
from likewise.store.batch import Id
from likewise.store.database import damaged
from likewise.store.selecting import Selected
from likewise.store.view import View
from likewise.store.writing import chunks, marks
from likewise.vectors import Float32Array

RowArray = npt.NDArray[np.int64]

#: Rows read from the database at a time.
PAGE = 2000


@dataclass(frozen=True, slots=True, eq=False)
class LiveRows:
    """Rows that live, or some of them.

    Attributes:
        numbers: (n,) row numbers, ascending. vectors: (n, dim) of one field, as they were given.
    """

    numbers: RowArray
    vectors: Float32Array

    def __len__(self) -> int:
        return len(self.numbers)

    def places(self, numbers: Any) -> RowArray:
        """Where these row numbers stand, which must be there."""
        found: RowArray = np.searchsorted(self.numbers, numbers)
        return found


def live_rows(view: View, field: str, selected: Selected) -> LiveRows:
    """The rows that are selected, with the vectors of a dense field.

    Cost: a copy of their vectors.
    """
    numbers, vectors = [], []
    for i, (rows, part) in enumerate(zip(view.parts, selected.parts, strict=True)):
        held = (
            view.segments[i].vectors(field)
            if i < len(view.segments)
            else view.tail.buffers[field].array[: len(rows)]
        )
        mask = part.whole()
        numbers.append(rows if mask is None else rows[mask])
        vectors.append(held if mask is None else held[mask])
    return LiveRows(np.concatenate(numbers), np.concatenate(vectors))


def ids_of(connection: sqlite3.Connection, numbers: RowArray) -> list[Id]:
    """The ids of rows, in the order of ``numbers`` (any order).

    Cost: about a microsecond a row between the smallest and the largest number.
    """
    return [record[1] for record in _records(connection, numbers, "row, id")]


def values_of(connection: sqlite3.Connection, path: str, numbers: RowArray) -> list[Any]:
    """The metadata at ``path`` of rows, in the order of ``numbers``; None where it is missing.

    Cost: about five microseconds a row between the smallest and the largest number.
    """
    records = _records(connection, numbers, "row, metadata")
    return [lookup(metadata.decode(text), path) for _, text in records]


def rows_of(
    connection: sqlite3.Connection, numbers: RowArray
) -> list[tuple[str | None, dict[str, Any]]]:
    """Texts and metadata of a few rows, in the order of ``numbers``."""
    found = {}
    for chunk in chunks(numbers.tolist()):
        query = f"SELECT row, text, metadata FROM rows WHERE row IN ({marks(chunk)})"
        for row, text, meta in connection.execute(query, chunk):
            found[row] = text, metadata.decode(meta)
    return [found[row] for row in numbers.tolist()]


def _records(
    connection: sqlite3.Connection, numbers: RowArray, columns: str
) -> Iterator[tuple[Any, ...]]:
    if not len(numbers):
        return
    order = np.argsort(numbers, kind="stable")
    wanted = numbers[order]
    found: list[Any] = [None] * len(numbers)
    cursor = connection.execute(
        f"SELECT {columns} FROM rows WHERE row BETWEEN ? AND ? ORDER BY row",
        (int(wanted[0]), int(wanted[-1])),
    )
    while page := cursor.fetchmany(PAGE):
        rows = np.fromiter((record[0] for record in page), dtype=np.int64, count=len(page))
        first = np.searchsorted(wanted, rows)
        last = np.searchsorted(wanted, rows, side="right")
        for record, start, stop in zip(page, first.tolist(), last.tolist(), strict=True):
            for place in order[start:stop].tolist():
                found[place] = record
    for number, record in zip(numbers.tolist(), found, strict=True):
        if record is None:
            raise damaged(f"row {number} is in the index, and not in the table")
        yield record
