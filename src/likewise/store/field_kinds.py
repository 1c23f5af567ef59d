"""The values of fields as something derived of rows: an index of their kind, or several of a tail.

A sealed segment has one index, which is kept in a file. A tail grows by a few rows at a time, and
not every index can be copied for that: new rows get an index of their own, which takes in those
before it that are no larger. So each row is indexed about log n times, and nothing is ever changed
that a search of another thread may be reading.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.store.derived import Progress
from likewise.store.fields import Field
from likewise.store.schema import vector_table
from likewise.store.settings import Settings

RowArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows that follow each other, and their index.

    Attributes:
        rows: their row numbers; None where they came from a file, which never grows.
        index: of their values, by their places among them.
    """

    rows: RowArray | None
    index: Any

    def __len__(self) -> int:
        return int(self.index.next_position)


@dataclass(frozen=True, slots=True)
class Pieces:
    """The rows of a part of a view, in order."""

    pieces: tuple[Piece, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, self.pieces))


@dataclass(frozen=True, slots=True)
class FieldKind:
    """The values of one field (see `likewise.store.derived.Kind`).

    Attributes:
        position: of the field among all fields.
        field: what it is.
    """

    position: int
    field: Field

    @property
    def name(self) -> str:
        """By position: a name may be too long for a file, or differ only in case."""
        return f"{self.position}.{self.field.index}"

    @property
    def passing(self) -> bool:
        """There is one."""
        return False

    def identity(self, settings: Settings) -> str:
        """The field never changes, but the version of its files may."""
        return f"{self.field.index} {self.field.index_format}"

    def empty(self) -> Pieces:
        """That of no rows."""
        return Pieces()

    def extended(
        self,
        thing: Pieces,
        rows: RowArray,
        connection: sqlite3.Connection,
        settings: Settings,
        progress: Progress | None = None,
    ) -> Pieces:
        """With an index of ``rows``, and of those pieces before them that are no larger."""
        kept = list(thing.pieces)
        while kept and len(kept[-1]) <= len(rows) and kept[-1].rows is not None:
            rows = np.concatenate([kept.pop().rows, rows])
        if not len(rows):
            return thing
        index = self._build(rows, connection, settings, kept=False)
        return Pieces((*kept, Piece(rows, index)))

    def sealed(
        self,
        rows: RowArray,
        connection: sqlite3.Connection,
        settings: Settings,
        progress: Progress | None = None,
    ) -> Pieces:
        """Of the rows of a segment, to be saved."""
        index = self._build(rows, connection, settings, kept=True)
        if progress is not None:
            progress(len(rows), len(rows))
        return Pieces((Piece(None, index),))

    def _build(
        self, rows: RowArray, connection: sqlite3.Connection, settings: Settings, *, kept: bool
    ) -> Any:
        """From the database, where rows may be gone."""
        found = dict(
            connection.execute(
                f"SELECT row, data FROM {vector_table(self.position)} WHERE row BETWEEN ? AND ?",
                (int(rows[0]), int(rows[-1])) if len(rows) else (1, 0),
            )
        )
        blobs = [found.get(row) for row in rows.tolist()]
        return self.field.build(blobs, kept=kept, random_state=settings.random_state)

    def without(self, thing: Pieces, places: RowArray) -> Pieces:
        """As it is: no distance depends on other rows, and those that died are masked."""
        return thing

    def save(self, thing: Pieces, path: Path) -> None:
        """Write it to a checksummed file."""
        (piece,) = thing.pieces
        piece.index.save(path)

    def load(self, path: Path) -> Pieces:
        """Map the file."""
        return Pieces((Piece(None, self.field.load(path)),))

    def size(self, thing: Pieces) -> int:
        """How many places it has."""
        return len(thing)


def field_kinds(settings: Settings) -> dict[str, FieldKind]:
    """Every field whose values are derived so, by the name of the field."""
    return {
        name: FieldKind(position, field)
        for position, (name, field) in enumerate(settings.fields.items())
        if isinstance(field, Field)
    }
