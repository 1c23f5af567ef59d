"""A process that reads a collection until a file appears, and says what went wrong.

Run as ``python -m tests.store.endless_reader PATH STOP``. The rows come in batches: those of
batch b have ``batch = b`` and are always ``SIZE`` in number, so a half-seen commit shows.
Beside them stands one row, the clock, whose version only grows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

SIZE = 25
DIM = 8

#: Searches that say something.
FEWEST = 20


def main() -> None:
    import likewise as lw
    from likewise.metrics import resolve

    path, stop = Path(sys.argv[1]), Path(sys.argv[2])
    random = np.random.default_rng()
    pairwise = resolve("euclidean").pairwise
    searches, newest = 0, -1
    with lw.open(path, read_only=True) as collection:
        print("ready", flush=True)
        while searches <= FEWEST or not stop.exists():  # however busy the machine is
            query = random.standard_normal(DIM).astype(np.float32)
            k = int(random.choice([1, 10, 60, 2000]))
            batch = int(random.integers(0, 3)) if random.random() < 0.5 else None
            where = None if batch is None else f"batch = {batch}"
            found = collection.search(query, k, where=where, exact=bool(random.random() < 0.5))
            wanted = min(k, found.info.matching)
            assert len(found) == wanted, f"{len(found)} hits of {wanted}: {found.info}"
            assert len(set(found.ids)) == wanted, "an id came twice"
            clocks = int(batch is None)
            assert found.info.matching % SIZE == clocks, f"half a commit: {found.info.matching}"
            assert batch is None or {hit.metadata["batch"] for hit in found} <= {batch}
            if k == 2000 and batch is None:
                (now,) = [hit.metadata["version"] for hit in found if hit.id == "clock"]
                assert now >= newest, f"back from commit {newest} to {now}"
                newest = now
            if k == 10:
                rows = collection.get(found.ids)
                there = {row["id"]: row["vector"] for row in rows}
                for hit in found:  # a row may be gone by now, or be another version
                    if hit.id in there:
                        row = next(row for row in rows if row["id"] == hit.id)
                        if row["version"] == hit.metadata["version"]:
                            truth = pairwise(query[None, :], there[hit.id][None, :])[0, 0]
                            assert abs(truth - hit.distance) < 1e-6, (truth, hit.distance)
            searches += 1
        info = {"searches": searches, "count": collection.count(), "newest": newest}
        assert collection.check() == []
    print(json.dumps(info), flush=True)


if __name__ == "__main__":
    main()
