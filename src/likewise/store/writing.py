"""The few statements that change rows, each inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from likewise.errors import DuplicateId
from likewise.store.batch import Batch, Id, blobs
from likewise.store.schema import vector_table

#: SQLite takes this many variables in one statement on every build we support.
VARIABLES = 500


def chunks(values: Sequence[Id]) -> Iterator[Sequence[Id]]:
    """``values`` in pieces that one statement can take."""
    for start in range(0, len(values), VARIABLES):
        yield values[start : start + VARIABLES]


def marks(values: Sequence[object]) -> str:
    """``?,?,…`` for as many values."""
    return ",".join("?" * len(values))


def insert(connection: sqlite3.Connection, batch: Batch, name: str) -> None:
    """Add the rows of ``batch`` under new row numbers.

    Raises:
        DuplicateId: an id is there already; the caller's transaction must be rolled back.
    """
    last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'rows'").fetchone()
    first = 1 + (last[0] if last else 0)
    try:
        connection.executemany("INSERT INTO rows VALUES (?,?,?,?,?,?)", batch.records(first))
    except sqlite3.IntegrityError:
        taken = next(iter(rows_of(connection, batch.ids, before=first)), None)
        if taken is None:
            raise
        raise DuplicateId(
            f"collection {name!r}: id {taken[1]!r} is there already; nothing was written. "
            "Use upsert to replace"
        ) from None
    for position in range(len(batch.vectors)):
        connection.executemany(
            f"INSERT INTO {vector_table(position)} VALUES (?,?)",
            enumerate(blobs(batch, position), first),
        )
    connection.executemany(
        "INSERT OR IGNORE INTO known_fields VALUES (?)", [(path,) for path in batch.paths]
    )
    _advance(connection, len(batch))


def rows_of(
    connection: sqlite3.Connection, ids: Sequence[Id], before: int | None = None
) -> list[tuple[int, Id]]:
    """(row number, id) of those ids that are there; ``before`` leaves out later rows."""
    found: list[tuple[int, Id]] = []
    for chunk in chunks(ids):
        found += connection.execute(
            f"SELECT row, id FROM rows WHERE id IN ({marks(chunk)})", chunk
        ).fetchall()
    return [pair for pair in found if before is None or pair[0] < before]


def remove(connection: sqlite3.Connection, rows: Iterable[int], fields: int) -> int:
    """Delete rows by number, leaving tombstones; returns how many."""
    numbers = [(row,) for row in rows]
    if not numbers:
        return 0
    seq = connection.execute("SELECT seq FROM state").fetchone()[0] + 1
    connection.executemany("DELETE FROM rows WHERE row = ?", numbers)
    for position in range(fields):
        connection.executemany(f"DELETE FROM {vector_table(position)} WHERE row = ?", numbers)
    connection.executemany(f"INSERT INTO tombstones VALUES (?, {int(seq)})", numbers)
    connection.execute("UPDATE state SET live = live - ?", (len(numbers),))
    return len(numbers)


def commit_number(connection: sqlite3.Connection) -> None:
    """Count this transaction, so that readers notice it."""
    connection.execute("UPDATE state SET seq = seq + 1")


def _advance(connection: sqlite3.Connection, added: int) -> None:
    connection.execute("UPDATE state SET live = live + ?", (added,))
