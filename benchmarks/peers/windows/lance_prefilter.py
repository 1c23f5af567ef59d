"""LanceDB in process: a filter before the search, on a column with a scalar index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.windows.base import Ids, Rows, WindowEngine, filled
from benchmarks.windows import Numbers


class LancePrefilter(WindowEngine):
    """One table; efforts are ef and how many times k is ranked again exactly."""

    name, package, place = "LanceDB prefilter", "lancedb", "lancedb"
    note = (
        "LanceDB prefilter: an IVF_HNSW_SQ index on the vectors, a BTREE on the number, "
        "`prefilter=True`, one call a query; efforts are ef and the refine factor."
    )

    def build(self, threads: int, folder: Path) -> None:
        import lancedb
        import pyarrow as pa
        from lancedb.index import BTree, HnswSq

        rows = self.data.rows
        flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
        columns = {"id": list(range(len(rows))), "vector": flat, "number": self.data.attribute}
        table = lancedb.connect(folder).create_table("rows", pa.table(columns))
        table.create_index("vector", config=HnswSq(distance_type=self._metric))
        table.create_index("number", config=BTree())
        table.optimize()

    @property
    def _metric(self) -> str:
        return {"cosine": "cosine", "euclidean": "l2"}[self.data.metric]

    def load(self, folder: Path) -> None:
        import lancedb

        self._table: Any = lancedb.connect(folder).open_table("rows")

    @property
    def ladders(self) -> Sequence[Sequence[tuple[int, int]]]:
        return [[(20, 1), (40, 2), (80, 4), (160, 8), (320, 16), (640, 32)]]

    def set_effort(self, effort: tuple[int, int]) -> None:
        self._effort = effort

    def search(self, queries: Rows, lows: Numbers, highs: Numbers, k: int) -> Ids:
        ef, refine = self._effort
        found = []
        for query, low, high in zip(queries, lows.tolist(), highs.tolist(), strict=True):
            builder = self._table.search(query).distance_type(self._metric).limit(k)
            builder = builder.ef(ef).refine_factor(refine)
            builder = builder.where(f"number >= {low!r} AND number <= {high!r}", prefilter=True)
            answer = builder.select(["id", "_distance"]).to_arrow()
            found.append(answer["id"].to_numpy())
        return filled(found, k)
