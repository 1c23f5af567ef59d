"""A process that writes to a collection until it is killed, and says what it has done.

Run as ``python -m tests.store.endless_writer PATH SEED FIRST KINDS``. What the n-th operation
does follows from the seed and n alone, so that the test can follow in a plain dict.
"""

from __future__ import annotations

import sys
from itertools import count
from typing import Any

import numpy as np
import pytest

from likewise.testing.plain_store import PlainStore

DIM = 8
KINDS = ("add", "upsert", "upsert", "delete", "delete old", "seal", "compact", "index field")
POOL = 400


class Operation:
    """The n-th operation of a history."""

    def __init__(self, seed: int, number: int, kinds: tuple[str, ...] = KINDS) -> None:
        self.number = number
        random = np.random.default_rng([seed, number])
        self.kind = str(random.choice(kinds))
        size = int(random.integers(1, 60))
        pool = random.choice(POOL, size, replace=False).tolist()
        self.ids: list[Any] = [f"{number}/{i}" for i in range(size)]
        if self.kind in ("upsert", "delete"):
            self.ids = [id_ if id_ % 2 else str(id_) for id_ in pool]
        vectors = random.standard_normal((size, DIM)).astype(np.float32)
        self.rows = [
            {"id": id_, "vector": vector, "text": f"text of {id_} in {number}", "op": number}
            for id_, vector in zip(self.ids, vectors, strict=True)
        ]

    def apply(self, collection: Any) -> None:
        """Do it to a collection."""
        if self.kind in ("add", "upsert"):
            getattr(collection, self.kind)(self.rows)
        elif self.kind == "delete":
            collection.delete(self.ids)
        elif self.kind == "delete old":
            collection.delete(where=self._old)
        elif self.kind == "index field":
            collection.index_field("op")
        else:
            getattr(collection, self.kind)()

    def follow(self, model: PlainStore) -> None:
        """Do it to the model."""
        if self.kind in ("add", "upsert"):
            model.upsert(self.rows)
        elif self.kind == "delete":
            model.delete(self.ids)
        elif self.kind == "delete old":
            model.delete(model.passing(self._old))

    @property
    def _old(self) -> str:
        return f"op < {self.number - 12}"


def main() -> None:
    import likewise as lw
    from tests.store.small import GRAPH_FIRST, shrink

    path, seed, first, kinds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    shrink(pytest.MonkeyPatch())
    collection = lw.open(path, costs=GRAPH_FIRST)
    for number in count(first):
        operation = Operation(seed, number, tuple(kinds.split(",")))
        print("begin", number, operation.kind, flush=True)
        operation.apply(collection)
        print("done", number, operation.kind, flush=True)


if __name__ == "__main__":
    main()
