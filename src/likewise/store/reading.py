"""Rows back from the database: by id, by row number for hits, and all, page by page."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from likewise.results import Hit
from likewise.store import metadata
from likewise.store.batch import Id
from likewise.store.database import Database, damaged
from likewise.store.fields import Field
from likewise.store.retrieving import Ranking
from likewise.store.schema import vector_table
from likewise.store.settings import Settings
from likewise.store.view import read_settings
from likewise.store.writing import chunks, marks
from likewise.vectors import from_bytes


def fetch(
    connection: sqlite3.Connection, settings: Settings, ids: Sequence[Id], vectors: bool
) -> dict[Id, dict[str, Any]]:
    """Rows by id, as they were given."""
    found = connection.execute(_select(settings, f"WHERE id IN ({marks(ids)})"), ids)
    return {row["id"]: row for row in (_as_row(record, settings, vectors) for record in found)}


def walk(database: Database, batch: int, vectors: bool) -> Iterator[dict[str, Any]]:
    """All rows, ``batch`` at a time, each page in a read transaction of its own."""
    last = 0
    while True:
        with database.read() as connection:
            settings = read_settings(connection)
            page = connection.execute(
                _select(settings, "WHERE rows.row > ? ORDER BY rows.row LIMIT ?"), (last, batch)
            ).fetchall()
        if not page:
            return
        last = page[-1][0]
        for record in page:
            yield _as_row(record, settings, vectors)


def fetch_hits(connection: sqlite3.Connection, rankings: Sequence[Ranking]) -> list[list[Hit]]:
    """The hits of each query, in order."""
    wanted = list({row for ranking in rankings for row in ranking.rows.tolist()})
    records: dict[int, tuple[Id, str | None, str]] = {}
    for chunk in chunks(wanted):
        for row, id_, text, meta in connection.execute(
            f"SELECT row, id, text, metadata FROM rows WHERE row IN ({marks(chunk)})", chunk
        ):
            records[row] = (id_, text, meta)
    return [list(_hits(ranking, records)) for ranking in rankings]


def _hits(ranking: Ranking, records: Mapping[int, tuple[Id, str | None, str]]) -> Iterator[Hit]:
    rows, scores = ranking.rows.tolist(), ranking.scores.tolist()
    fused = ranking.distances is None
    distances = [None] * len(rows) if ranking.distances is None else ranking.distances.tolist()
    for i, (row, distance, score) in enumerate(zip(rows, distances, scores, strict=True)):
        if row not in records:
            raise damaged(f"row {row} is in the index, and not in the table")
        id_, text, meta = records[row]
        branches = ranking.branches[i] if fused else {}
        yield Hit(id_, distance, score, text, metadata.decode(meta), branches)


def _select(settings: Settings, condition: str) -> str:
    tables = [vector_table(i) for i in range(len(settings.fields))]
    columns = "".join(f", {table}.data" for table in tables)
    joins = "".join(f" JOIN {table} USING (row)" for table in tables)
    return f"SELECT rows.row, id, text, metadata, given{columns} FROM rows{joins} {condition}"


def _as_row(record: Sequence[Any], settings: Settings, vectors: bool) -> dict[str, Any]:
    _, id_, text, meta, given, *blobs = record
    row: dict[str, Any] = {"id": id_}
    if text is not None:
        row["text"] = text
    found = {
        name: field.value(blob)
        if isinstance(field, Field)
        else from_bytes([blob], field.dim or 0)[0]
        for position, ((name, field), blob) in enumerate(
            zip(settings.fields.items(), blobs, strict=True)
        )
        if vectors or given >> position & 1
    }
    if len(settings.fields) == 1:
        row.update(("vector", vector) for vector in found.values())
    elif found:
        row["vectors"] = found
    row.update(metadata.decode(meta))
    return row
