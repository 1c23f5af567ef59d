"""Chroma in process: a persistent client, one collection, its HNSW index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.data import Data, FloatRows
from benchmarks.peers.base import Store


class Chroma(Store):
    """Vectors come as arrays, metadata as dicts; the effort is ``ef_search``."""

    name = "Chroma"
    package = "chromadb"
    efforts = (16, 32, 64, 100, 200, 400)

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        import chromadb
        from chromadb.config import Settings

        self._client = chromadb.PersistentClient(
            str(self._path), settings=Settings(anonymized_telemetry=False)
        )
        self._collection = self._client.get_or_create_collection(
            "rows",
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine", "num_threads": 1}},
        )

    def prepare(self, data: Data, start: int, stop: int) -> Any:
        return {
            "ids": data.ids(start, stop),
            "embeddings": data.vectors[start:stop],
            "metadatas": data.metadata(start, stop),
        }

    def add(self, batch: Any) -> None:
        self._collection.add(**batch)

    def upsert(self, batch: Any) -> None:
        self._collection.upsert(**batch)

    def set_effort(self, effort: Any) -> None:
        self._collection.modify(configuration={"hnsw": {"ef_search": effort}})
        self._client.close()  # an index that is loaded keeps the effort it had
        self._open()

    def search(self, query: FloatRows, k: int, year: int | None, language: str | None) -> list[str]:
        where: Any = (
            None
            if year is None
            else {"$and": [{"year": {"$gte": year}}, {"lang": {"$eq": language}}]}
        )
        found = self._collection.query(
            query_embeddings=query[None],
            n_results=k,
            where=where,
            include=["metadatas", "distances"],
        )
        return list(found["ids"][0])

    def close(self) -> None:
        self._client.close()
