"""LanceDB in process: one table, an IVF-HNSW index, scalar indexes on the filtered columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.data import DIM, Data, FloatRows
from benchmarks.peers.base import Store


class Lance(Store):
    """Rows come as Arrow tables; the effort is how many vectors are ranked again exactly."""

    name = "LanceDB"
    package = "lancedb"
    #: ef and refine factor; ef must not be less than k times the factor.
    efforts = ((20, 1), (40, 2), (80, 4), (160, 8), (320, 16), (640, 32))

    def __init__(self, path: Path) -> None:
        import lancedb
        import pyarrow as pa

        self._arrow = pa
        self._schema = pa.schema(
            [
                pa.field("id", pa.string()),
                pa.field("vector", pa.list_(pa.float32(), DIM)),
                pa.field("year", pa.int64()),
                pa.field("lang", pa.string()),
                pa.field("price", pa.float64()),
            ]
        )
        self._table = lancedb.connect(path).create_table("rows", schema=self._schema, exist_ok=True)
        self._ef, self._refine = 100, 4

    def prepare(self, data: Data, start: int, stop: int) -> Any:
        pa = self._arrow
        flat = pa.array(data.vectors[start:stop].reshape(-1))
        columns = [
            pa.array(data.ids(start, stop)),
            pa.FixedSizeListArray.from_arrays(flat, DIM),
            pa.array(data.years[start:stop]),
            pa.array(data.languages[start:stop].tolist()),
            pa.array(data.prices[start:stop]),
        ]
        return pa.Table.from_arrays(columns, schema=self._schema)

    def add(self, batch: Any) -> None:
        self._table.add(batch)

    def upsert(self, batch: Any) -> None:
        merge = self._table.merge_insert("id").when_matched_update_all()
        merge.when_not_matched_insert_all().execute(batch)

    def finish(self) -> None:
        self._table.create_index(metric="cosine", index_type="IVF_HNSW_SQ")
        self._table.create_scalar_index("id", index_type="BTREE")
        self._table.create_scalar_index("year", index_type="BTREE")
        self._table.create_scalar_index("lang", index_type="BITMAP")
        self._table.optimize()

    def set_effort(self, effort: Any) -> None:
        self._ef, self._refine = effort

    def search(self, query: FloatRows, k: int, year: int | None, language: str | None) -> list[str]:
        builder = self._table.search(query).distance_type("cosine").limit(k)
        builder = builder.ef(self._ef).refine_factor(self._refine)
        if year is not None:
            builder = builder.where(f"year >= {year} AND lang = '{language}'", prefilter=True)
        found = builder.select(["id", "year", "lang", "price", "_distance"]).to_list()
        return [row["id"] for row in found]

    def close(self) -> None:
        del self._table
