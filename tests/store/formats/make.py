"""Make the collection that keeps a format in the tree: ``python -m tests.store.formats.make``.

Run it once when `likewise.store.schema.FORMAT` goes up, and commit the new folder. Folders of
older formats are never made anew: they stand for what users have on their disks.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

import likewise as lw
from likewise.store.schema import FORMAT

HERE = Path(__file__).parent
FIELDS = {"plain": (3, "euclidean"), "turned": (4, "cosine")}


def rows() -> list[dict[str, Any]]:
    """The rows of every format: both kinds of ids, every kind of metadata."""
    rng = np.random.default_rng(59)
    made: list[dict[str, Any]] = []
    for i in range(60):
        row: dict[str, Any] = {
            "id": i if i % 2 else f"row {i}",
            "vectors": {
                name: rng.standard_normal(dim).round(3) for name, (dim, _) in FIELDS.items()
            },
            "year": 1990 + i,
            "share": i / 7,
            "even": i % 2 == 0,
            "day": date(2020, 1, 1 + i % 28),
            "moment": datetime(2021, 5, 1, i % 24, tzinfo=UTC),
            "tags": ["all", f"tag {i % 5}"],
            "author": {"name": f"Ada {i % 3}"},
        }
        if i % 3 == 0:
            row["text"] = f"The text of row {i}, with an ä."
        made.append(row)
    return made


def main() -> None:
    """Write ``format-N`` beside this file."""
    path = HERE / f"format-{FORMAT}"
    if path.exists():
        raise SystemExit(f"{path} is there already, and stays as it is")
    fields = {
        name: lw.VectorField(dim=dim, metric=metric) for name, (dim, metric) in FIELDS.items()
    }
    with lw.create(path, fields=fields) as collection:
        made = rows()
        collection.add(made[:50])
        collection.index_field("year")
        collection.seal()
        collection.add([{**row, "year": 0} for row in made[50:]])
        collection.upsert(made[50:])
        collection.add([{**made[0], "id": "gone"}])
        collection.delete("gone")
    (path / "writer.lock").unlink()


if __name__ == "__main__":
    main()
