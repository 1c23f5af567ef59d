"""Connections to ``data.sqlite``: a pool for readers, one for the writer, none over a fork.

Every error of SQLite leaves here as one of ours, so no traceback of a dependency reaches
the user. The file is only ever opened through SQLite: a plain open and close in the same
process would drop SQLite's own locks.
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from likewise.errors import (
    CollectionClosed,
    CollectionError,
    CollectionLocked,
    CorruptCollection,
    LikewiseError,
    NewerFormat,
    NotACollection,
    StorageFailed,
)
from likewise.store.forking import Mutex
from likewise.store.schema import APPLICATION_ID, FORMAT, PAGE_SIZE

FILE_NAME = "data.sqlite"

#: Pages of the write-ahead log before SQLite copies them back (32 MB).
CHECKPOINT_PAGES = 4000

#: Connections of a process that was forked: closing them in the child would drop the locks
#: of the parent, so they are kept here, unused, for ever.
_inherited: list[sqlite3.Connection] = []


class Database:
    """All connections of one process to one file.

    Args:
        path: the file.
        read_only: open connections that cannot write.
        name: how messages name the collection.
    """

    def __init__(self, path: Path, *, read_only: bool, name: str) -> None:
        self.path = path
        self.read_only = read_only
        self.name = name
        self._idle: deque[sqlite3.Connection] = deque()
        self._writer: sqlite3.Connection | None = None
        self._write_mutex = Mutex()
        self._pid = os.getpid()
        self._closed = False
        with self.translated():
            connection = self._connect()
        try:
            with self.translated():
                self._check_header(connection)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection inside one read transaction: one state of the database, to the end."""
        connection = self._borrow()
        try:
            with self.translated():
                connection.execute("BEGIN")
                yield connection
        finally:
            self._give_back(connection)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """The writing connection inside one transaction: committed whole, or not at all."""
        with self._write_mutex, self.translated():
            connection = self._writing_connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """The writing connection outside a transaction, for VACUUM and checkpoints."""
        with self._write_mutex, self.translated():
            yield self._writing_connection()

    def close(self) -> None:
        """Close every connection; SQLite then folds the log back if nobody else reads."""
        with self._write_mutex:
            self._closed = True
            self._after_fork()
            while self._idle:
                self._idle.popleft().close()
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn SQLite's errors into Likewise's."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._translate(error) from error
        except UnicodeDecodeError as error:  # in a message of SQLite's about a damaged table
            raise self._translate(damaged("a text in it is no text")) from error

    def _borrow(self) -> sqlite3.Connection:
        if self._closed:
            raise CollectionClosed(f"collection {self.name!r} is closed; open it again")
        self._after_fork()
        try:
            return self._idle.pop()
        except IndexError:
            with self.translated():
                return self._connect()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")  # nothing was written: ends the read
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _writing_connection(self) -> sqlite3.Connection:
        if self._closed:
            raise CollectionClosed(f"collection {self.name!r} is closed; open it again")
        self._after_fork()
        if self._writer is None:
            self._writer = self._connect()
        return self._writer

    def _after_fork(self) -> None:
        if self._pid != os.getpid():
            _inherited.extend(self._idle)
            if self._writer is not None:
                _inherited.append(self._writer)
            self._idle, self._writer, self._pid = deque(), None, os.getpid()

    def _connect(self) -> sqlite3.Connection:
        mode = "ro" if self.read_only else "rw"
        location = f"file:{quote(str(self.path))}?mode={mode}"
        try:
            return _configure(location, self.read_only)
        except sqlite3.OperationalError:
            # A medium that cannot be written has no place for the shared memory of the log.
            if not self.read_only or self.path.with_name(FILE_NAME + "-wal").exists():
                raise
            return _configure(location + "&immutable=1", True)

    def _check_header(self, connection: sqlite3.Connection) -> None:
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        if owner != APPLICATION_ID:
            raise NotACollection(f"{self.path} is a database, but not a collection of Likewise")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > FORMAT:
            raise NewerFormat(
                f"collection {self.name!r} has format {version}; this Likewise reads up to "
                f"{FORMAT}: pip install --upgrade likewise"
            )
        self._check_length(connection)

    def _check_length(self, connection: sqlite3.Connection) -> None:
        """SQLite takes a last page that is cut for a whole one; look at the length ourselves."""
        connection.execute("BEGIN")  # nobody can shorten the file while this lasts
        try:
            connection.execute("SELECT seq FROM state").fetchone()
            pages, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "page_size")
            )
            log = self.path.with_name(FILE_NAME + "-wal")
            in_log = log.exists() and log.stat().st_size > 0  # then pages may still be there
            length = self.path.stat().st_size
            if length < pages * size and not in_log:
                raise CorruptCollection(
                    f"collection {self.name!r}: the database file is damaged (it has {length} "
                    f"bytes of {pages * size}); restore a snapshot with "
                    "likewise.restore(snapshot, path)"
                )
        finally:
            connection.execute("ROLLBACK")

    def _translate(self, error: sqlite3.Error) -> LikewiseError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        where = f"collection {self.name!r}"
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return StorageFailed(
                f"{where}: the disk refused a write ({error}); nothing of this batch was kept. "
                "Free some space and try again"
            )
        undecodable = str(error).startswith("Could not decode")
        if undecodable:
            error = sqlite3.DatabaseError("a text in it is no text")  # without the bytes
        if undecodable or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return CorruptCollection(
                f"{where}: the database file is damaged ({error}); restore a snapshot with "
                "likewise.restore(snapshot, path)"
            )
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return CollectionLocked(
                f"{where}: another process holds the database ({error}); try again"
            )
        if code == sqlite3.SQLITE_READONLY:
            return StorageFailed(f"{where}: the database cannot be written ({error})")
        return CollectionError(f"{where}: {error}")


def _configure(location: str, read_only: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        location, uri=True, isolation_level=None, timeout=10.0, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA cache_size = -16384")  # 16 MB a connection
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
        if not read_only:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    except BaseException:
        connection.close()
        raise
    return connection


def damaged(what: str) -> sqlite3.DatabaseError:
    """What to raise inside a transaction when tables contradict each other.

    It leaves the transaction as `CorruptCollection`, with the collection's name.
    """
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def new_database(path: Path) -> sqlite3.Connection:
    """An empty database file in WAL mode, not yet laid out; the caller closes it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection
