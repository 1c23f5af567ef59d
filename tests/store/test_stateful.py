"""Random histories of a collection against a plain dict.

``LIKEWISE_HISTORIES=500`` runs that many, for a night's search.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

import likewise as lw
from likewise.errors import DuplicateId
from likewise.testing.plain_store import PlainStore
from tests.store.small import GRAPH_FIRST, shrink

HISTORIES = int(os.environ.get("LIKEWISE_HISTORIES", "12"))
DIM = 4
FIELDS = {"dense": "euclidean", "other": "cosine"}

ids = st.one_of(st.integers(0, 60), st.integers(0, 60).map(str))
metadata = st.fixed_dictionaries(
    {"n": st.integers(0, 5)},
    optional={
        "kind": st.sampled_from(["a", "b", "c"]),
        "day": st.dates(date(2020, 1, 1), date(2020, 1, 9)),
        "tags": st.lists(st.sampled_from(["x", "y"]), max_size=2),
        "deep": st.fixed_dictionaries({"flag": st.booleans()}),
        "text": st.sampled_from(["alpha", "beta", "alpha beta beta", "gammas", "the", ""]),
    },
)
# Fields that the first row always brings, so that no filter names an unknown one.
EVERYTHING = {
    **{"n": 0, "kind": "a", "day": date(2020, 1, 1), "tags": ["x"], "text": "first"},
    "deep": {"flag": True},
}
FILTERS = [
    None,
    "n >= 3",
    "n > 1 and n <= 4",
    "n between 4 and 2",
    "n < 4 and not kind = 'a'",
    {"n": {"$gte": 2}, "day": {"$lte": date(2020, 1, 6)}},
    "n = 99",
    "kind in ('a', 'b') and n < 4",
    "not kind = 'a'",
    {"day": {"$gt": date(2020, 1, 4)}},
    lw.F("tags").contains("x") | (lw.F("deep.flag") == True),  # noqa: E712
    lw.F("id") == 7,
    "text = 'alpha'",
]
filters = st.sampled_from(FILTERS)
questions = st.sampled_from(["alpha", "beta alpha", "a gamma and two betas beta", "none", ""])


@pytest.fixture(autouse=True, scope="module")
def _small_limits() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        yield


class Histories(RuleBasedStateMachine):
    """The collection under test, a second handle that only reads, and the model."""

    @initialize(
        seed=st.integers(0, 2**32 - 1),
        logged=st.booleans(),
        windows=st.sampled_from([["n"], ["n", "day"], ["kind", "n"], []]),
        sealed=st.sampled_from([200, 70, 0]),  # enough for links within parts, few, and none
    )
    def begin(self, seed: int, logged: bool, windows: list[str], sealed: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="likewise-"))
        self.path = self.folder / "history.likewise"
        self.random = np.random.default_rng(seed)
        self.model = PlainStore(FIELDS)
        fields = {name: lw.VectorField(DIM, metric) for name, metric in FIELDS.items()}
        self.writer = lw.create(self.path, fields=fields, log_queries=logged, costs=GRAPH_FIRST)
        self.reader = lw.open(self.path, read_only=True, costs=GRAPH_FIRST)
        self.copies = 0
        first = self.row("first", EVERYTHING)
        assert self.writer.add([first]) == ["first"]
        self.model.upsert([first])
        for name in windows:
            self.writer.index_field(name, window=True)
        if sealed:
            self.upsert_many(sealed, 100)
            self.writer.seal()

    def row(self, id_: object, rest: dict) -> dict:
        # Whole numbers, so that equal rows and equal distances come up often.
        vectors = self.random.integers(-3, 4, (2, DIM)).astype(np.float32)
        vectors[1, 0] += 10  # no zero vector under cosine
        return {"id": id_, "vectors": dict(zip(FIELDS, vectors, strict=True)), **rest}

    @rule(many=st.integers(20, 90), start=st.integers(100, 400))
    def upsert_many(self, many: int, start: int) -> None:
        rows = [self.row(start + i, {"n": i % 6, "kind": "abc"[i % 3]}) for i in range(many)]
        assert self.writer.upsert(rows) == [row["id"] for row in rows]
        self.model.upsert(rows)

    @rule(drawn=st.dictionaries(ids, metadata, max_size=6))
    def upsert(self, drawn: dict) -> None:
        rows = [self.row(id_, rest) for id_, rest in drawn.items()]
        assert self.writer.upsert(rows) == list(drawn)
        self.model.upsert(rows)

    @rule(drawn=st.dictionaries(ids, metadata, min_size=1, max_size=6))
    def add(self, drawn: dict) -> None:
        rows = [self.row(id_, rest) for id_, rest in drawn.items()]
        if any(id_ in self.model.rows for id_ in drawn):
            with pytest.raises(DuplicateId):
                self.writer.add(rows)
        else:
            assert self.writer.add(rows) == list(drawn)
            self.model.upsert(rows)

    @rule(drawn=st.sets(ids, max_size=10), start=st.integers(100, 400), many=st.integers(0, 60))
    def delete(self, drawn: set, start: int, many: int) -> None:
        gone = [*drawn, *range(start, start + many)]
        assert self.writer.delete(gone) == self.model.delete(gone)

    @rule(where=filters.filter(lambda where: where is not None))
    def delete_where(self, where: object) -> None:
        gone = self.model.passing(where)
        assert self.writer.delete(where=where) == self.model.delete(gone)

    @rule()
    def seal(self) -> None:
        self.writer.seal()

    @rule()
    def compact(self) -> None:
        report = self.writer.compact()
        assert report.erased
        assert report.rows == len(self.model)

    @rule(
        name=st.sampled_from(["n", "kind", "tags", "day", "deep.flag"]),
        window=st.sampled_from([None, True, True, False]),
    )
    def index_field(self, name: str, window: bool | None) -> None:
        self.writer.index_field(name, window=window)

    @rule(name=st.sampled_from(["n", "day"]), field=st.sampled_from(list(FIELDS)))
    def windows_of_one_field(self, name: str, field: str) -> None:
        self.writer.index_field(name, window=True, using=field)

    @rule()
    def reopen(self) -> None:
        self.writer.close()
        self.writer = lw.open(self.path, costs=GRAPH_FIRST)

    @rule()
    def reopen_reader(self) -> None:
        self.reader.close()
        self.reader = lw.open(self.path, read_only=True, costs=GRAPH_FIRST)

    @rule(from_reader=st.booleans())
    def snapshot_and_restore(self, from_reader: bool) -> None:
        self.copies += 1
        aside = self.folder / f"snapshot{self.copies}"
        (self.reader if from_reader else self.writer).snapshot(aside)
        self.writer.close()
        self.reader.close()
        self.path = self.folder / f"restored{self.copies}.likewise"
        lw.restore(aside, self.path).close()
        self.writer = lw.open(self.path, costs=GRAPH_FIRST)
        self.reader = lw.open(self.path, read_only=True, costs=GRAPH_FIRST)

    @rule(
        k=st.sampled_from([1, 3, 10, 1000]),
        where=filters,
        exact=st.booleans(),
        field=st.sampled_from(list(FIELDS)),
        writes=st.booleans(),
    )
    def search(self, k: int, where: object, exact: bool, field: str, writes: bool) -> None:
        query = self.row(None, {})["vectors"][field]
        handle = self.writer if writes else self.reader
        found = handle.search(query, k, where=where, exact=exact, using=field)
        expected = self.model.answer(query, where, field)
        expected.must_be(found, k, exact=exact or found.info.strategy == "exact")
        assert found.info.matching == len(expected.distances)

    @rule(k=st.sampled_from([2, 10]), field=st.sampled_from(list(FIELDS)), writes=st.booleans())
    def search_by_every_filter(self, k: int, field: str, writes: bool) -> None:
        for where in FILTERS:
            self.search(k, where, False, field, writes)

    @rule(query=questions, k=st.sampled_from([1, 5, 1000]), where=filters, writes=st.booleans())
    def search_words(self, query: str, k: int, where: object, writes: bool) -> None:
        handle = self.writer if writes else self.reader
        found = handle.search(query, k, where=where, using="lexical")
        self.model.words_must_be(found, query, k, where)
        assert found.info.matching == len(self.model.passing(where))

    @precondition(lambda self: len(self.model))
    @rule(
        data=st.data(),
        k=st.sampled_from([1, 8, 400]),
        depth=st.sampled_from([None, 5]),
        where=filters,
        fuse=st.sampled_from(["rrf", "score"]),
        using=st.sampled_from([["dense", "lexical"], ["lexical", "other", "dense"]]),
        writes=st.booleans(),
    )
    def search_fused(
        self,
        data: st.DataObject,
        k: int,
        depth: int | None,
        where: object,
        fuse: str,
        using: list[str],
        writes: bool,
    ) -> None:
        id_ = data.draw(st.sampled_from(list(self.model.rows)))
        text = self.model.rows[id_].get("text", "")
        queries = {
            name: text if name == "lexical" else self.model.vector(id_, name) for name in using
        }
        handle = self.writer if writes else self.reader
        found = handle.search(
            {"id": id_}, k, where=where, exact=True, using=using, fuse=fuse, depth=depth
        )
        reach = max(k, depth or 100)
        wanted = self.model.fused(queries, where, fuse=fuse, depth=reach, without=id_)
        wanted.must_be(found, k)
        assert len(found) == min(k, len(wanted.branches["dense"].distances))

    @rule()
    def index_text(self) -> None:
        self.writer.index_text()

    @rule(where=filters)
    def search_within(self, where: object) -> None:
        query = self.row(None, {})["vectors"]["dense"]
        found = self.reader.search(query, None, radius=4.0, where=where, exact=True)
        distances = self.model.answer(query, where).distances
        assert set(found.ids) == {id_ for id_, distance in distances.items() if distance <= 4.0}

    @precondition(lambda self: len(self.model))
    @rule(data=st.data())
    def more_like_this(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(list(self.model.rows)))
        expected = self.model.answer(self.model.vector(id_))
        del expected.distances[id_]
        expected.must_be(self.reader.search({"id": id_}, 5, exact=True), 5, exact=True)

    @rule(where=filters)
    def count(self, where: object) -> None:
        assert self.reader.count(where) == len(self.model.passing(where))

    @rule(drawn=st.lists(st.one_of(ids, st.integers(100, 500)), max_size=20))
    def get(self, drawn: list) -> None:
        found = self.reader.get(drawn)
        assert [row["id"] for row in found] == [id_ for id_ in drawn if id_ in self.model.rows]
        for row in found:
            self.model.must_hold(row)

    @invariant()
    def as_long_as_the_model(self) -> None:
        assert len(self.writer) == len(self.reader) == len(self.model)

    @rule()
    def check(self) -> None:
        assert self.writer.check() == []
        assert self.reader.check() == []

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            for field in FIELDS:
                self.search_by_every_filter(10, field, writes=False)
            assert self.writer.check() == []
            assert {row["id"] for row in self.writer.rows()} == set(self.model.rows)
            self.reader.close()
            self.writer.close()
            shutil.rmtree(self.folder)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
