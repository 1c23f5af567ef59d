"""Random histories of a collection that is searched by ``dims=``, against the twin of prefixes.

``LIKEWISE_HISTORIES=500`` runs that many, for a night's search.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import likewise as lw
from likewise.testing.plain_store import PlainStore
from tests.store.prefixes import must_be_by_prefix, shrink_prefixes
from tests.store.small import GRAPH_FIRST

HISTORIES = int(os.environ.get("LIKEWISE_HISTORIES", "3"))
DIM = 6
SPREAD = np.arange(1, DIM + 1) ** -0.7
FILTERS = [None, "n >= 3", "n = 99", "not n = 2", lw.F("id") == 7]

ids = st.integers(0, 60)
lengths = st.integers(1, DIM)


@pytest.fixture(autouse=True, scope="module")
def _small_limits() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        shrink_prefixes(patch)
        yield


class Histories(RuleBasedStateMachine):
    """The collection under test, a second handle that only reads, and the model."""

    @initialize(
        seed=st.integers(0, 2**32 - 1),
        metric=st.sampled_from(["cosine", "dot", "euclidean"]),
        nested=st.booleans(),
        kept=st.sets(lengths, max_size=2),
        sealed=st.sampled_from([150, 0]),
    )
    def begin(self, seed: int, metric: str, nested: bool, kept: set[int], sealed: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="likewise-"))
        self.path = self.folder / "history.likewise"
        self.random = np.random.default_rng(seed)
        self.turn = np.linalg.qr(self.random.standard_normal((DIM, DIM)))[0]
        self.model = PlainStore({"dense": metric})
        field = lw.VectorField(DIM, metric, nested=nested)
        self.writer = lw.create(self.path, fields={"dense": field}, costs=GRAPH_FIRST)
        self.reader = lw.open(self.path, read_only=True, costs=GRAPH_FIRST)
        self.kept: set[int] = set()
        self.copies = 0
        self.upsert_many(max(1, sealed), 100)
        for dims in kept:
            self.keep(dims)
        if sealed:
            self.writer.seal()

    def vector(self) -> np.ndarray:
        return ((self.random.standard_normal(DIM) * SPREAD) @ self.turn).astype(np.float32)

    def take(self, rows: list[dict]) -> None:
        assert self.writer.upsert(rows) == [row["id"] for row in rows]
        self.model.upsert(rows)

    @rule(many=st.integers(20, 90), start=st.integers(100, 250))
    def upsert_many(self, many: int, start: int) -> None:
        self.take([{"id": start + i, "n": i % 6, "vector": self.vector()} for i in range(many)])

    @rule(drawn=st.dictionaries(ids, st.integers(0, 5), max_size=6))
    def upsert(self, drawn: dict) -> None:
        self.take([{"id": id_, "n": n, "vector": self.vector()} for id_, n in drawn.items()])

    @rule(drawn=st.sets(ids, max_size=10), start=st.integers(100, 250), many=st.integers(0, 60))
    def delete(self, drawn: set, start: int, many: int) -> None:
        gone = [*drawn, *range(start, start + many)]
        assert self.writer.delete(gone) == self.model.delete(gone)

    @rule()
    def seal(self) -> None:
        self.writer.seal()

    @rule()
    def compact(self) -> None:
        assert self.writer.compact().rows == len(self.model)

    @rule(dims=lengths)
    def keep(self, dims: int) -> None:
        self.writer.index_prefix(dims)
        self.kept.add(dims)

    @rule(dims=lengths)
    def drop(self, dims: int) -> None:
        self.writer.index_prefix(dims, keep=False)
        self.kept.discard(dims)

    @rule()
    def lose_a_file(self) -> None:
        # Closed first: until then segments may be sealed and merged behind this thread.
        self.writer.close()
        self.reader.close()
        manifest = self.path / "cache" / "manifest.json"
        used = manifest.read_text() if manifest.exists() else ""
        files = (self.path / "cache").glob("*.prefix*")
        kept = sorted(file for file in files if f'"{file.name}"' in used)
        if kept:
            self.random.permutation(np.array(kept))[0].unlink()
        self.writer = lw.open(self.path, costs=GRAPH_FIRST)
        if kept:
            with pytest.warns(lw.CacheWarning, match="is missing"):
                self.writer.count()
            assert self.writer.repair().remaining == []
        self.reader = lw.open(self.path, read_only=True, costs=GRAPH_FIRST)

    @rule()
    def reopen(self) -> None:
        self.writer.close()
        self.writer = lw.open(self.path, costs=GRAPH_FIRST)

    @rule()
    def snapshot_and_restore(self) -> None:
        self.copies += 1
        aside = self.folder / f"snapshot{self.copies}"
        self.reader.snapshot(aside)
        self.writer.close()
        self.reader.close()
        self.path = self.folder / f"restored{self.copies}.likewise"
        lw.restore(aside, self.path).close()
        self.writer = lw.open(self.path, costs=GRAPH_FIRST)
        self.reader = lw.open(self.path, read_only=True, costs=GRAPH_FIRST)

    @rule(
        k=st.sampled_from([1, 5, 1000]),
        dims=lengths,
        where=st.sampled_from(FILTERS),
        writes=st.booleans(),
        like=st.booleans(),
    )
    def search(self, k: int, dims: int, where: object, writes: bool, like: bool) -> None:
        handle = self.writer if writes else self.reader
        query, asked, without = self.vector(), None, None
        if like and len(self.model):
            without = next(iter(self.model.rows))
            query, asked = self.model.rows[without]["vector"], {"id": without}
        found = handle.search(query if asked is None else asked, k, dims=dims, where=where)
        must_be_by_prefix(handle, found, query, k, dims, where=where, without=without)
        expected = self.model.answer(query, where)
        if without is None:
            expected.must_be(found, k, exact=found.info.strategy == "exact")

    @precondition(lambda self: len(self.model))
    @rule(dims=lengths)
    def batch(self, dims: int) -> None:
        queries = np.array([self.vector() for _ in range(3)])
        for query, found in zip(queries, self.reader.search(queries, 4, dims=dims), strict=True):
            must_be_by_prefix(self.reader, found, query, 4, dims)

    @invariant()
    def every_kept_prefix_is_there(self) -> None:
        if not hasattr(self, "writer"):
            return
        names = self.writer.info()["fields"]["dense"]["prefixes"]
        assert sorted(names) == sorted(
            f"prefix{dims}" + ("-unturned" if self.nested else "") for dims in self.kept
        )

    @property
    def nested(self) -> bool:
        return bool(self.writer.settings.dense["dense"].nested)

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            assert self.writer.check() == []
            self.writer.close()
            self.reader.close()
            shutil.rmtree(self.folder)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
