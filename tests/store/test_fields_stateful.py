"""Random histories of a collection with fields of every kind, against a plain dict.

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
from threadpoolctl import threadpool_limits

import likewise as lw
from likewise.testing.fields import OTHERS, FieldsConformance
from tests.store.small import GRAPH_FIRST, shrink, shrink_bags

HISTORIES = int(os.environ.get("LIKEWISE_HISTORIES", "5"))
FILTERS = [None, "n >= 3", "n = 99", "not n = 2", lw.F("id") == 7]

ids = st.one_of(st.integers(0, 40), st.integers(0, 40).map(str))
filters = st.sampled_from(FILTERS)
names = st.sampled_from(OTHERS)


@pytest.fixture(autouse=True, scope="module")
def _small_limits() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        shrink_bags(patch)
        with threadpool_limits(limits=1):  # threads that wait for each other take most of the time
            yield


class Histories(RuleBasedStateMachine):
    """The collection under test, a second handle that only reads, and the model."""

    @initialize(
        seed=st.integers(0, 2**32 - 1),
        metric=st.sampled_from(["cosine", "dot"]),
        storage=st.sampled_from(["float32", "8-bit", "4-bit"]),
        sealed=st.sampled_from([90, 0]),
    )
    def begin(self, seed: int, metric: str, storage: str, sealed: int) -> None:
        self.kit = FieldsConformance()
        self.kit.metric, self.kit.storage = metric, storage  # type: ignore[misc]
        self.folder = Path(tempfile.mkdtemp(prefix="likewise-"))
        self.path = self.folder / "history.likewise"
        self.random = np.random.default_rng(seed)
        self.model = self.kit.model()
        self.writer = lw.create(self.path, fields=self.kit.fields(), costs=GRAPH_FIRST)
        self.reader = lw.open(self.path, read_only=True, costs=GRAPH_FIRST)
        self.copies = 0
        self.upsert_many(max(1, sealed), 100)
        if sealed:
            self.writer.seal()

    def row(self, id_: object, n: int) -> dict:
        return {"id": id_, "n": n, "vectors": self.kit.values(self.random)}

    @rule(many=st.integers(20, 60), start=st.integers(100, 250))
    def upsert_many(self, many: int, start: int) -> None:
        rows = [self.row(start + i, i % 6) for i in range(many)]
        self.writer.upsert(rows)
        self.model.upsert(rows)

    @rule(drawn=st.dictionaries(ids, st.integers(0, 5), max_size=6))
    def upsert(self, drawn: dict) -> None:
        rows = [self.row(id_, n) for id_, n in drawn.items()]
        assert self.writer.upsert(rows) == list(drawn)
        self.model.upsert(rows)

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

    @rule()
    def lose_a_file(self) -> None:
        # Closed first: until then segments may be sealed and merged behind this thread.
        self.writer.close()
        self.reader.close()
        manifest = self.path / "cache" / "manifest.json"
        used = manifest.read_text() if manifest.exists() else ""
        files = [*(self.path / "cache").glob("*.multivector")]
        files += (self.path / "cache").glob("*.sparse")
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
        where=filters,
        exact=st.booleans(),
        name=names,
        writes=st.booleans(),
    )
    def search(self, k: int, where: object, exact: bool, name: str, writes: bool) -> None:
        query = self.kit.values(self.random)[name]
        handle = self.writer if writes else self.reader
        asked = [query] if name == "terms" else query  # a dict may have the one key id
        found = handle.search(asked, k, where=where, exact=exact, using=name)
        found = found[0] if name == "terms" else found
        expected = self.model.values(query, where, name)
        expected.must_be(found, k, exact=exact or found.info.strategy != "muvera")
        assert found.info.matching == len(self.model.passing(where))

    @precondition(lambda self: len(self.model))
    @rule(
        data=st.data(),
        where=filters,
        fuse=st.sampled_from(["rrf", "score"]),
        using=st.sampled_from([["terms", "bags"], ["means", "dense", "terms"], ["bags", "means"]]),
        writes=st.booleans(),
    )
    def search_fused(
        self, data: st.DataObject, where: object, fuse: str, using: list[str], writes: bool
    ) -> None:
        id_ = data.draw(st.sampled_from(list(self.model.rows)))
        queries = {name: self.model.vector(id_, name) for name in using}
        handle = self.writer if writes else self.reader
        found = handle.search({"id": id_}, 6, where=where, exact=True, using=using, fuse=fuse)
        self.model.fused(queries, where, fuse=fuse, without=id_).must_be(found, 6)

    @rule(drawn=st.lists(st.one_of(ids, st.integers(100, 300)), max_size=20))
    def get(self, drawn: list) -> None:
        found = self.reader.get(drawn)
        assert [row["id"] for row in found] == [id_ for id_ in drawn if id_ in self.model.rows]
        for row in found:
            self.model.must_hold(row)

    @rule()
    def check(self) -> None:
        assert self.writer.check() == []
        assert self.reader.check() == []

    @invariant()
    def as_long_as_the_model(self) -> None:
        assert len(self.writer) == len(self.reader) == len(self.model)

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            for name in OTHERS:
                self.search(10, None, True, name, False)
            assert self.writer.check() == []
            self.reader.close()
            self.writer.close()
            shutil.rmtree(self.folder)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
