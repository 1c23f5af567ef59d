"""Reading everything to see whether it is sound, and copying it whole."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from likewise._arrays import DamagedFile, sync_directory, verify_arrays
from likewise.errors import CollectionExists, InvalidArgument, LikewiseError, StorageFailed
from likewise.index import Graph, Window
from likewise.store import metadata
from likewise.store.batch import row_checksum
from likewise.store.database import FILE_NAME, Database
from likewise.store.manifest import FILE_NAME as MANIFEST
from likewise.store.manifest import read_manifest, write_manifest
from likewise.store.reports import Finding
from likewise.store.schema import new_identity, vector_table
from likewise.store.segments import Segment
from likewise.store.settings import AnyField, Settings, VectorField
from likewise.store.view import View, read_state

CACHE = "cache"
PAGE = 1000
RESTORE = "restore a snapshot with likewise.restore(snapshot, path)"


def check_database(connection: sqlite3.Connection, settings: Settings) -> Iterator[Finding]:
    """Read every row and vector; compare checksums, counts and sizes."""
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield Finding("database", f"SQLite reports: {line}; {RESTORE}", "error", FILE_NAME)
    yield from _check_rows(connection, settings)
    yield from _check_orphans(connection, settings)
    live = read_state(connection).live
    count = connection.execute("SELECT count(*) FROM rows").fetchone()[0]
    if live != count:
        yield Finding(
            "row_count", f"{count} rows are there; {live} should be; {RESTORE}", "error", FILE_NAME
        )


def unreadable(error: Exception) -> Finding:
    """What to report when the database cannot be read to its end."""
    return Finding("database", str(error), "error", FILE_NAME)


def _check_rows(connection: sqlite3.Connection, settings: Settings) -> Iterator[Finding]:
    tables = [vector_table(i) for i in range(len(settings.fields))]
    columns = "".join(f", {table}.data" for table in tables)
    joins = "".join(f" LEFT JOIN {table} USING (row)" for table in tables)
    known = {record[0] for record in connection.execute("SELECT path FROM known_fields")}
    cursor = connection.execute(
        f"SELECT row, id, text, metadata, rows.crc{columns} FROM rows{joins} ORDER BY row"
    )
    while page := cursor.fetchmany(PAGE):
        for _, id_, text, meta, crc, *vectors in page:
            yield from _check_row(id_, text, meta, crc, vectors, settings, known)


def _check_row(
    id_: str | int,
    text: str | None,
    meta: str,
    crc: int,
    vectors: list[bytes | None],
    settings: Settings,
    known: set[str],
) -> Iterator[Finding]:
    where = f"id {id_!r}"
    for (name, field), vector in zip(settings.fields.items(), vectors, strict=True):
        found = _unfit(field, vector)
        if found:
            yield Finding("vector_missing", f"{where}: field {name!r} has {found}", "error", where)
    if row_checksum(id_, text, meta, [v for v in vectors if v is not None]) != crc:
        yield Finding(
            "row_checksum", f"{where}: the row is not what was written; {RESTORE}", "error", where
        )
        return
    unknown = metadata.flatten(metadata.decode(meta)).keys() - known
    if unknown:
        yield Finding(
            "unknown_field", f"{where}: field {min(unknown)!r} is not on record", "error", where
        )


def _unfit(field: AnyField, blob: bytes | None) -> str:
    """What is wrong with the bytes of a value; empty when nothing is."""
    if blob is None:
        return "no vector"
    if isinstance(field, VectorField):
        size = 4 * (field.dim or 0)
        return "" if len(blob) == size else f"{len(blob)} bytes of {size}"
    try:
        field.value(blob)
    except ValueError as error:
        return f"bytes that are no {field.kind} ({error})"
    return ""


def _check_orphans(connection: sqlite3.Connection, settings: Settings) -> Iterator[Finding]:
    for position, name in enumerate(settings.fields):
        orphans = connection.execute(
            f"SELECT count(*) FROM {vector_table(position)} WHERE row NOT IN (SELECT row FROM rows)"
        ).fetchone()[0]
        if orphans:
            yield Finding(
                "orphaned_vector", f"field {name!r}: {orphans} vectors have no row", "error", name
            )
    buried = connection.execute(
        "SELECT count(*) FROM tombstones WHERE row IN (SELECT row FROM rows)"
    ).fetchone()[0]
    if buried:
        yield Finding(
            "buried_row", f"{buried} rows are there and marked as deleted", "error", FILE_NAME
        )


def check_cache(
    cache: Path, view: View, problems: tuple[str, ...], connection: sqlite3.Connection
) -> Iterator[Finding]:
    """Read every cache file; compare checksums, and rows and vectors with the database."""
    for problem in problems:
        yield Finding("damaged_cache", f"{problem}; repair() rebuilds it", "warning", CACHE)
    if not problems and view.manifest.version:
        yield from _check_manifest(cache)
    for segment in view.segments:
        if not segment.damaged:
            yield from check_segment(cache, view, segment, connection)


def check_segment(
    cache: Path, view: View, segment: Segment, connection: sqlite3.Connection
) -> Iterator[Finding]:
    """Read every file of a segment that could be opened; nothing when it is sound."""
    sound = True
    for name in segment.entry.files:
        try:
            verify_arrays(cache / name)
        except (DamagedFile, OSError) as error:
            sound = False
            yield Finding("damaged_cache", f"{error}; repair() rebuilds it", "warning", name)
    if sound:
        yield from _compare(view, segment.entry.number, connection)
        yield from _check_reachable(segment)


def _check_reachable(segment: Segment) -> Iterator[Finding]:
    for name, index in segment.every_index():
        lost = len(index.unreachable()) if isinstance(index, Graph | Window) else 0
        if lost:
            yield Finding(
                "unreachable_rows",
                f"segment {segment.entry.number}, field {name!r}: no path in the graph leads to "
                f"{lost} rows; repair() rebuilds it",
                "warning",
                f"segment {segment.entry.number}",
            )


def _check_manifest(cache: Path) -> Iterator[Finding]:
    """The manifest as it is now on disk; the one in use was read when the view was made."""
    try:
        problem = "" if read_manifest(cache) is not None else f"{MANIFEST} is missing"
    except DamagedFile as error:
        problem = str(error)
    if problem:
        yield Finding("damaged_cache", f"{problem}; repair() rebuilds it", "warning", MANIFEST)


def is_replaced(cache: Path, view: View) -> bool:
    """Whether the writer has replaced the cache since the view was made."""
    try:
        manifest = read_manifest(cache)
    except DamagedFile:
        return False
    return manifest is not None and manifest.version > view.manifest.version


def _compare(view: View, number: int, connection: sqlite3.Connection) -> Iterator[Finding]:
    """A segment's live rows against the database: the same numbers, the same vectors."""
    part, segment = next((i, s) for i, s in enumerate(view.segments) if s.entry.number == number)
    alive = view.alive[part]
    mask = np.ones(len(segment), dtype=np.bool_) if alive is None else alive
    for name in view.settings.dense:
        position = view.settings.position(name)
        vectors = segment.vectors(name)
        wrong, seen = 0, 0
        cursor = connection.execute(
            f"SELECT row, data FROM {vector_table(position)} WHERE row BETWEEN ? AND ? "
            "ORDER BY row",
            (segment.entry.first_row, segment.entry.last_row),
        )
        while page := cursor.fetchmany(PAGE):
            for row, data in page:
                place = int(np.searchsorted(segment.rows, row))
                there = place < len(segment) and segment.rows[place] == row and mask[place]
                wrong += not there or vectors[place].tobytes() != data
                seen += bool(there)
        wrong += int(np.count_nonzero(mask)) - seen
        if wrong:
            yield Finding(
                "stale_cache",
                f"segment {number}, field {name!r}: {wrong} rows do not agree with the database; "
                "repair() rebuilds it",
                "warning",
                f"segment {number}",
            )


def copy_collection(database: Database, source: Path, target: Path) -> None:
    """A consistent copy of a collection in use, made aside and renamed.

    The cache comes along if it is whole and fits the copied database; else the copy starts
    without one, and it is rebuilt at need.

    Raises:
        CollectionExists: ``target`` is there already.
        InvalidArgument: it lies inside the collection.
        StorageFailed: it cannot be written.
    """
    refuse_existing(target)
    if target.is_relative_to(source):
        raise InvalidArgument(f"{target} lies inside the collection {source}; give another path")
    aside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        (aside / CACHE).mkdir(parents=True)
        # The cache first: the database copied after it has every tombstone the cache needs,
        # or says that it has not.
        identity = new_identity()
        version = _copy_cache(source / CACHE, aside / CACHE, identity)
        copy = sqlite3.connect(aside / FILE_NAME, isolation_level=None)
        try:
            with database.read() as connection:
                connection.execute("SELECT seq FROM state").fetchone()
                connection.backup(copy)
            if version is None or version < read_state(copy).manifest_version:
                shutil.rmtree(aside / CACHE)
                (aside / CACHE).mkdir()
                copy.execute("UPDATE state SET manifest_version = 0")
            # From here on the two go their own ways: neither may use the other's cache.
            copy.execute("UPDATE state SET identity = ?", (identity,))
        finally:
            copy.close()
        _sync_tree(aside)
        os.rename(aside, target)
        sync_directory(target.parent)
    except BaseException as error:
        shutil.rmtree(aside, ignore_errors=True)
        if isinstance(error, (OSError, sqlite3.Error)) and not isinstance(error, LikewiseError):
            raise StorageFailed(f"cannot copy the collection to {target}: {error}") from error
        raise


def _copy_cache(source: Path, target: Path, identity: str) -> int | None:
    """Copy the manifest and the files it names; its version, or None when one is missing."""
    try:
        manifest = read_manifest(source)
        if manifest is None:
            return None
        for name in sorted(manifest.files):
            shutil.copy2(source / name, target / name)
    except (FileNotFoundError, DamagedFile):
        return None
    write_manifest(target, replace(manifest, identity=identity))
    return manifest.version


def refuse_existing(target: Path) -> None:
    """Raise when ``target`` holds anything."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CollectionExists(f"{target} is there already; give another path, or remove it")


def directory_bytes(path: Path) -> int:
    """The size of all files below ``path``."""
    total = 0
    for file in path.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def cut_log(connection: sqlite3.Connection) -> bool:
    """Fold the write-ahead log back and cut it to nothing; False when a reader is in the way."""
    busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy


def _sync_tree(path: Path) -> None:
    for file in path.rglob("*"):
        if file.is_file():
            with open(file, "rb") as handle:
                os.fsync(handle.fileno())
        else:
            sync_directory(file)
    sync_directory(path)
