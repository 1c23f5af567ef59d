"""The tables of ``data.sqlite`` and their version.

``rows`` holds versions: an upsert is a new row number and a tombstone for the old one.
Row numbers are never used again (AUTOINCREMENT), so a cache can never serve another row
under an old number. ``state.seq`` counts commits; every cache states the one it covers.
"""

from __future__ import annotations

import sqlite3
import uuid

from likewise.store.settings import Settings

#: The newest there is; raised by one whenever an older Likewise could no longer read a file.
FORMAT = 2

#: What collections of dense vectors alone have: every Likewise reads them.
FIRST_FORMAT = 1

#: "LKWS", so that ``file`` and a careful open can tell whose database it is.
APPLICATION_ID = 0x4C4B5753

PAGE_SIZE = 8192

TABLES = """
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    identity TEXT NOT NULL,             -- of this database: the cache of another is not believed
    seq INTEGER NOT NULL,               -- the number of the last commit
    purged_seq INTEGER NOT NULL,        -- tombstones up to this commit may be gone
    manifest_version INTEGER NOT NULL,  -- older manifests need tombstones that are gone
    live INTEGER NOT NULL,              -- how many rows there are
    settings TEXT NOT NULL
);
CREATE TABLE rows (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id NOT NULL UNIQUE,                 -- no type: 1 stays an integer, '1' a string
    text TEXT,
    metadata TEXT NOT NULL,
    given INTEGER NOT NULL,             -- bit i: the row itself brought vector i
    crc INTEGER NOT NULL
);
CREATE TABLE tombstones (row INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
CREATE INDEX tombstones_by_seq ON tombstones (seq);
CREATE TABLE known_fields (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE queries (number INTEGER PRIMARY KEY AUTOINCREMENT, field TEXT, vector BLOB);
"""


def new_identity() -> str:
    """What no other database is called."""
    return uuid.uuid4().hex


def vector_table(position: int) -> str:
    """The table of the ``position``-th vector field. One a field: a vector lies in its page."""
    return f"vectors_{position}"


def format_of(settings: Settings) -> int:
    """The least format that can hold such a collection; 2 has fields of other values."""
    return FORMAT if settings.others else FIRST_FORMAT


def create_tables(connection: sqlite3.Connection, settings: Settings) -> None:
    """Lay out an empty database (inside the caller's transaction)."""
    for statement in TABLES.split(";"):
        if statement.strip():
            connection.execute(statement)
    for position in range(len(settings.fields)):
        connection.execute(
            f"CREATE TABLE {vector_table(position)} (row INTEGER PRIMARY KEY, data BLOB NOT NULL)"
        )
    connection.execute(
        "INSERT INTO state VALUES (1, ?, 0, 0, 0, 0, ?)", (new_identity(), settings.dumps())
    )
    connection.execute(f"PRAGMA user_version = {format_of(settings)}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
