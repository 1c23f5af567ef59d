"""Recent query vectors, kept when the user wants them, to measure recall with.

A search never waits for the disk: vectors gather in memory and are written with the next
commit of this process. A read-only process keeps none.
"""

from __future__ import annotations

import sqlite3
from collections import deque

from likewise.store.batch import Id
from likewise.store.forking import Mutex
from likewise.store.settings import Settings
from likewise.vectors import Float32Array, from_bytes, to_bytes

#: Queries kept a field.
KEPT = 256


class QueryLog:
    """What this process has yet to write."""

    def __init__(self) -> None:
        self._pending: deque[tuple[str, bytes]] = deque(maxlen=KEPT)
        self._lock = Mutex()

    @property
    def pending(self) -> bool:
        """Whether there is something to write."""
        return bool(self._pending)

    def note(
        self,
        settings: Settings,
        field: str,
        queries: Float32Array,
        like: Id | None,
        read_only: bool,
    ) -> None:
        """Remember the queries, if they are to be logged; rows used as queries are not."""
        if settings.log_queries and not read_only and like is None:
            with self._lock:
                self._pending.extend((field, to_bytes(query)) for query in queries[-KEPT:])

    def write(self, connection: sqlite3.Connection) -> None:
        """Write what is pending, inside the caller's transaction, and forget the oldest."""
        with self._lock:
            pending, self._pending = list(self._pending), deque(maxlen=KEPT)
        if not pending:
            return
        connection.executemany("INSERT INTO queries (field, vector) VALUES (?, ?)", pending)
        for field in {field for field, _ in pending}:
            connection.execute(
                "DELETE FROM queries WHERE field = ?1 AND number NOT IN (SELECT number FROM "
                "queries WHERE field = ?1 ORDER BY number DESC LIMIT ?2)",
                (field, KEPT),
            )

    def clear(self) -> None:
        """Forget what is pending."""
        with self._lock:
            self._pending.clear()


def logged_queries(connection: sqlite3.Connection, field: str, dim: int) -> Float32Array:
    """(m, dim) the logged queries of a field, oldest first."""
    found = connection.execute(
        "SELECT vector FROM queries WHERE field = ? ORDER BY number", (field,)
    ).fetchall()
    return from_bytes([record[0] for record in found], dim)
