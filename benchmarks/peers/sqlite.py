"""Bare SQLite with the durability of Likewise: the least that keeping a row can cost."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from benchmarks.data import Data
from benchmarks.peers.base import Store


class Sqlite(Store):
    """One table of id, metadata and vector; a commit a batch, ``synchronous=FULL``, WAL mode.

    Encoding a row (JSON and bytes) is timed, as it is for us.
    """

    name = "bare SQLite"
    package = "sqlite3"

    def __init__(self, path: Path) -> None:
        path.mkdir(exist_ok=True)
        self._connection = sqlite3.connect(path / "rows.sqlite", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY, metadata TEXT, vector BLOB)"
        )

    def prepare(self, data: Data, start: int, stop: int) -> Any:
        return data.rows(start, stop)

    def add(self, batch: Any) -> None:
        self._write("INSERT", batch)

    def upsert(self, batch: Any) -> None:
        self._write("INSERT OR REPLACE", batch)

    def _write(self, verb: str, batch: Any) -> None:
        records = []
        for row in batch:
            metadata = {key: row[key] for key in row if key not in ("id", "vector")}
            records.append((row["id"], json.dumps(metadata), row["vector"].tobytes()))
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(f"{verb} INTO rows VALUES (?, ?, ?)", records)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()
