"""Sealed segments: row numbers, vectors and columns in mapped files, an index a field.

A segment never changes. Rows that were deleted since are masked by the view; when many are,
the sealer writes the segment anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arrays import DamagedFile, open_arrays, verify_arrays
from likewise.errors import LikewiseError
from likewise.index import Index, Window, is_current, load
from likewise.index.exact import Exact
from likewise.store.columns import Column, Order
from likewise.store.database import damaged
from likewise.store.derived import Derived, Kind
from likewise.store.field_columns import FieldColumns
from likewise.store.kinds import kept_kinds
from likewise.store.manifest import SegmentEntry
from likewise.store.schema import vector_table
from likewise.store.settings import Settings
from likewise.vectors import Float32Array, from_bytes

RowArray = npt.NDArray[np.int64]

#: Vectors read from the database at a time.
PAGE = 2000

#: Files up to this size are read whole and checked when a segment is opened (a few
#: milliseconds); larger ones only by size and header, and whole by `check`.
VERIFIED_AT_OPEN = 16 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows that are indexed.

    Attributes:
        entry: its lines in the manifest.
        rows: (n,) row numbers, ascending.
        indexes: vector field to its index over the n rows.
        windows: metadata path to vector field to a `Window` in the order of that path; the first
            of a vector field is its index too.
        derived: what else is derived of the rows, such as the terms of their texts.
        fields: metadata columns of the n rows.
        damaged: what could not be used, a sentence a file; empty when all is well.
        outdated: whether an index file is of another version of Likewise, and not used.
    """

    entry: SegmentEntry
    rows: RowArray
    indexes: Mapping[str, Index]
    fields: FieldColumns
    damaged: tuple[str, ...] = ()
    outdated: bool = False
    windows: Mapping[str, Mapping[str, Window]] = field(default_factory=dict)
    derived: Derived = field(default_factory=Derived)

    def __len__(self) -> int:
        return len(self.rows)

    def vectors(self, field: str) -> Float32Array:
        """(n, dim) the vectors as they were given."""
        return self.indexes[field].rows

    @property
    def graphless(self) -> bool:
        """Whether every field is scanned."""
        return all(isinstance(index, Exact) for index in self.indexes.values())

    def every_index(self) -> Iterator[tuple[str, Index]]:
        """Each index once, with its vector field; the windows that are none come last."""
        yield from self.indexes.items()
        for windows in self.windows.values():
            for name, window in windows.items():
                if window is not self.indexes[name]:
                    yield name, window

    def lacks_windows(self, settings: Settings) -> bool:
        """Whether a field has no window here that ``settings`` ask for."""
        return any(
            name not in self.entry.windows.get(path, {})
            for path, names in settings.windows.items()
            for name in names
        )

    def kinds(self, settings: Settings) -> dict[str, Kind]:
        """The kinds that ``settings`` keep, for the rows here."""
        return kept_kinds(settings, {name: self.vectors(name) for name in settings.dense})

    def lacks_derived(self, settings: Settings) -> list[str]:
        """The kinds that ``settings`` keep, and that have no file here."""
        mapped = self.derived.mapped
        return [name for name in kept_kinds(settings) if name not in mapped]


def open_segment(
    cache: Path, entry: SegmentEntry, settings: Settings, connection: sqlite3.Connection
) -> Segment:
    """Map the files of a segment; what is damaged is replaced from the database.

    A damaged index costs only speed: the rows are scanned. Damaged rows are read from the
    database into memory. ``Segment.damaged`` says what happened; the caller warns. An index of
    another version is no damage: the rows are scanned until the writer has built it anew.
    """
    damaged: list[str] = []
    indexes: dict[str, Index]
    try:
        content = open_arrays(_checked(cache / rows_file(entry.number), entry))
        rows = content.arrays["rows"]
        vectors = {name: content.arrays[f"vectors/{name}"] for name in settings.dense}
        if len(rows) != entry.rows:
            raise DamagedFile(f"{rows_file(entry.number)} holds {len(rows)} of {entry.rows} rows")
    except (DamagedFile, OSError, KeyError) as error:
        damaged.append(_damage(rows_file(entry.number), error))
        rows, vectors = read_rows(connection, settings, entry.first_row, entry.last_row)
        indexes = {
            name: Exact(spec.metric or "cosine").fit(vectors[name])
            for name, spec in settings.dense.items()
        }
        return Segment(entry, rows, indexes, FieldColumns(rows), tuple(damaged))
    named = {file: name for name, file in entry.indexes.items()}
    named |= {file: name for files in entry.windows.values() for name, file in files.items()}
    opened = {
        file: _open_index(cache, entry, file, vectors[name], damaged)
        for file, name in named.items()
    }
    # Those that are neither there nor damaged.
    outdated = len(damaged) < sum(index is None for index in opened.values())
    indexes = {}
    for name, spec in settings.dense.items():
        index = opened[entry.indexes[name]]
        indexes[name] = (
            Exact(spec.metric or "cosine").fit(vectors[name]) if index is None else index
        )
    windows = {
        path: {
            name: index for name, file in files.items() if isinstance(index := opened[file], Window)
        }
        for path, files in entry.windows.items()
    }
    fields = FieldColumns(rows, *_open_columns(cache, entry, settings, damaged))
    derived = Derived(_open_derived(cache, entry, settings, vectors, damaged))
    return Segment(entry, rows, indexes, fields, tuple(damaged), outdated, windows, derived)


def rows_file(number: int) -> str:
    """The file of a segment's row numbers and vectors."""
    return f"{number:06d}.rows"


def read_rows(
    connection: sqlite3.Connection, settings: Settings, first: int, last: int | None
) -> tuple[RowArray, dict[str, Float32Array]]:
    """Row numbers and vectors from ``first`` to ``last`` (None: the newest), from the database."""
    top = last if last is not None else 2**62
    rows = np.fromiter(
        (
            record[0]
            for record in connection.execute(
                "SELECT row FROM rows WHERE row BETWEEN ? AND ? ORDER BY row", (first, top)
            )
        ),
        dtype=np.int64,
    )
    vectors = {}
    for name, spec in settings.dense.items():
        position = settings.position(name)
        vectors[name] = np.empty((len(rows), spec.dim or 0), dtype=np.float32)
        cursor = connection.execute(
            f"SELECT data FROM {vector_table(position)} WHERE row BETWEEN ? AND ? ORDER BY row",
            (first, top),
        )
        done, size = 0, 4 * (spec.dim or 0)
        while page := cursor.fetchmany(PAGE):
            blobs = [record[0] for record in page]
            if any(type(blob) is not bytes or len(blob) != size for blob in blobs):
                raise damaged(f"a vector of field {name!r} has another length")
            vectors[name][done : done + len(blobs)] = from_bytes(blobs, spec.dim or 0)[
                : len(rows) - done
            ]
            done += len(blobs)
        if done != len(rows):
            raise damaged(f"{len(rows)} rows and {done} vectors of field {name!r}")
        vectors[name].flags.writeable = False
    return rows, vectors


def _open_index(
    cache: Path,
    entry: SegmentEntry,
    file: str,
    vectors: Float32Array,
    damaged: list[str],
) -> Index | None:
    """The saved index; None where it is damaged, which ``damaged`` then says, or outdated."""
    try:
        path = _checked(cache / file, entry)
        index = load(path, rows=vectors) if is_current(path) else None
    except (LikewiseError, OSError, KeyError) as error:
        damaged.append(_damage(file, error))
        return None
    return index if isinstance(index, Index) else None


def _open_columns(
    cache: Path, entry: SegmentEntry, settings: Settings, damaged: list[str]
) -> tuple[dict[str, Column], dict[str, Order]]:
    columns: dict[str, Column] = {}
    orders: dict[str, Order] = {}
    for path, file in entry.columns.items():
        if path not in settings.indexed:
            continue
        try:
            content = open_arrays(_checked(cache / file, entry))
            column = Column.from_arrays(content.arrays, content.attributes)
            order = Order.from_arrays(column, content.arrays, content.attributes)
        except (LikewiseError, OSError, KeyError) as error:
            damaged.append(_damage(file, error))
            continue
        columns[path] = column
        if order is not None:
            orders[path] = order
    return columns, orders


def _open_derived(
    cache: Path,
    entry: SegmentEntry,
    settings: Settings,
    vectors: Mapping[str, Float32Array],
    damaged: list[str],
) -> dict[str, Any]:
    """What is kept and still as this version would make it; the rest is made when it is needed."""
    found: dict[str, Any] = {}
    for name, kind in kept_kinds(settings, vectors).items():
        identity, file = entry.derived.get(name, ("", ""))
        if identity != kind.identity(settings):
            continue
        try:
            thing = kind.load(_checked(cache / file, entry))
            if kind.size(thing) != entry.rows:
                raise DamagedFile(f"{file} is of {kind.size(thing)} rows of {entry.rows}")
        except (LikewiseError, OSError, KeyError) as error:
            damaged.append(_damage(file, error))
            continue
        found[name] = thing
    return found


def _checked(path: Path, entry: SegmentEntry) -> Path:
    size = path.stat().st_size
    if size != entry.files[path.name]:
        raise DamagedFile(f"{path.name} has {size} bytes of {entry.files[path.name]}")
    if size <= VERIFIED_AT_OPEN:
        verify_arrays(path)
    return path


def _damage(file: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{file} is missing"
    return f"{file} is damaged ({error})"
