"""Likewise itself, behind the protocol of its peers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import likewise as lw
from benchmarks.data import DIM, Data, FloatRows
from benchmarks.peers.base import Store


class Likewise(Store):
    """A collection with its defaults; year and language are indexed fields."""

    name = "Likewise"
    package = "likewise"

    def __init__(self, path: Path) -> None:
        self.collection = lw.open(path) if path.exists() else lw.create(path, dim=DIM)

    def prepare(self, data: Data, start: int, stop: int) -> Any:
        return data.rows(start, stop)

    def add(self, batch: Any) -> None:
        self.collection.add(batch)

    def upsert(self, batch: Any) -> None:
        self.collection.upsert(batch)

    def finish(self) -> None:
        self.collection.index_field("year")
        self.collection.index_field("lang")
        self.collection.seal()

    def search(self, query: FloatRows, k: int, year: int | None, language: str | None) -> list[str]:
        where = None if year is None else f"year >= {year} and lang = '{language}'"
        return [hit.id for hit in self.collection.search(query, k, where=where)]

    def close(self) -> None:
        self.collection.close()
