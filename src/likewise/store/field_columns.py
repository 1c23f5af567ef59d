"""Metadata of a fixed set of rows as columns, and the masks of filters on them.

Columns of indexed fields come mapped from the cache; others are read from the database at
first use and kept in memory. Both they and the masks stay valid for ever: a row number never
means another row.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.filters import Filter
from likewise.store import metadata
from likewise.store.columns import Column, Order, evaluate

MaskArray = npt.NDArray[np.bool_]
RowArray = npt.NDArray[np.int64]

KEPT_COLUMNS = 16
KEPT_MASKS = 64
PAGE = 2000


class FieldColumns:
    """Columns and masks of the rows ``rows`` (ascending row numbers).

    Args:
        rows: (n,) row numbers.
        mapped: columns that are kept in the cache, by path.
        orders: of these, those that are kept sorted too.
    """

    def __init__(
        self,
        rows: RowArray,
        mapped: Mapping[str, Column] | None = None,
        orders: Mapping[str, Order] | None = None,
    ) -> None:
        self.rows = rows
        self.mapped = dict(mapped or {})
        self._orders = dict(orders or {})
        self._columns: OrderedDict[str, Column] = OrderedDict()
        self._masks: OrderedDict[Filter, MaskArray] = OrderedDict()
        self._lock = threading.Lock()

    def mask(self, where: Filter, connection: sqlite3.Connection) -> MaskArray:
        """(n,) which rows pass ``where``; rows that are gone have no values."""
        with self._lock:
            known = self._masks.get(where)
            if known is not None:
                self._masks.move_to_end(where)
                return known
        columns = self.columns(sorted(where.fields()), connection)
        mask = evaluate(where, columns.__getitem__, len(self.rows))
        mask.flags.writeable = False
        with self._lock:
            self._masks[where] = mask
            while len(self._masks) > KEPT_MASKS:
                self._masks.popitem(last=False)
        return mask

    def order(self, path: str, connection: sqlite3.Connection) -> Order:
        """The column of ``path`` sorted: from the cache, or sorted now and kept."""
        order = self._orders.get(path)
        if order is None:
            order = Order.of(self.columns([path], connection)[path])
            self._orders[path] = order
        return order

    def columns(self, paths: Iterable[str], connection: sqlite3.Connection) -> dict[str, Column]:
        """The columns of ``paths``, from the cache or in one walk over the rows."""
        found: dict[str, Column] = {}
        with self._lock:
            for path in paths:
                column = self.mapped.get(path) or self._columns.get(path)
                if column is not None:
                    found[path] = column
        missing = [path for path in paths if path not in found]
        if missing:
            found |= read_columns(connection, self.rows, missing)
            with self._lock:
                self._columns |= {path: found[path] for path in missing}
                while len(self._columns) > KEPT_COLUMNS:
                    self._columns.popitem(last=False)
        return found


def read_columns(
    connection: sqlite3.Connection, rows: RowArray, paths: list[str]
) -> dict[str, Column]:
    """Columns of ``paths`` for ``rows``, read from the database page by page."""
    values: dict[str, list[Any]] = {path: [None] * len(rows) for path in paths}
    wanted = [path for path in paths if path not in ("id", "text")]
    if len(rows):
        cursor = connection.execute(
            "SELECT row, id, text, metadata FROM rows WHERE row BETWEEN ? AND ? ORDER BY row",
            (int(rows[0]), int(rows[-1])),
        )
        while page := cursor.fetchmany(PAGE):
            numbers = np.array([record[0] for record in page], dtype=np.int64)
            places = np.searchsorted(rows, numbers)
            inside = places < len(rows)
            inside[inside] = rows[places[inside]] == numbers[inside]
            for place, ours, record in zip(places.tolist(), inside.tolist(), page, strict=True):
                if ours:
                    _fill(values, wanted, place, record)
    return {path: Column.from_values(column) for path, column in values.items()}


def _fill(
    values: dict[str, list[Any]],
    wanted: list[str],
    place: int,
    record: tuple[int, str | int, str | None, str],
) -> None:
    if "id" in values:
        values["id"][place] = record[1]
    if "text" in values:
        values["text"][place] = record[2]
    if wanted:
        content = metadata.decode(record[3])
        for path in wanted:
            value = metadata.lookup(content, path)
            values[path][place] = None if isinstance(value, Mapping) else value
