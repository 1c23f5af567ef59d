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
#: What format 2 brought.
OTHERS = {
    "terms": lw.SparseField(),
    "bags": lw.BagField(dim=2),
    "means": lw.GaussianField(dim=2),
}


def others(i: int) -> dict[str, Any]:
    """Values of the fields that format 2 brought."""
    return {
        "terms": {"all": 1.0, f"term {i % 7}": i / 4},
        "bags": [[1, i], [i, 1]][: 1 + i % 2],
        "means": {"mean": [i, -i], "variance": [0.5, 1 + i]},
    }


def rows(number: int) -> list[dict[str, Any]]:
    """The rows of format ``number``: both kinds of ids, every kind of metadata."""
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
        if number > 1:
            row["vectors"] |= others(i)
        if i % 3 == 0:
            row["text"] = f"The text of row {i}, with an ä."
        made.append(row)
    return made


def main() -> None:
    """Write ``format-N`` beside this file."""
    path = HERE / f"format-{FORMAT}"
    if path.exists():
        raise SystemExit(f"{path} is there already, and stays as it is")
    fields: dict[str, Any] = {
        name: lw.VectorField(dim=dim, metric=metric) for name, (dim, metric) in FIELDS.items()
    }
    with lw.create(path, fields=fields | OTHERS) as collection:
        made = rows(FORMAT)
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
