"""What every store must do. Subclass `StoreConformance` in a test file.

Example::

    class TestMine(StoreConformance):
        metric = "euclidean"
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

import likewise as lw
from likewise.errors import DuplicateId, InvalidVector, LikewiseError, ReadOnly
from likewise.filters import F
from likewise.metrics import resolve
from likewise.testing.plain_store import PlainStore, check

#: One of each kind of value, and those that a careless store changes.
METADATA: dict[str, Any] = {
    "string": "é🙂",
    "empty": "",
    "integer": 3,
    "huge": 10**25,
    "float": 3.0,
    "tiny": 5e-324,
    "minus": -0.0,
    "yes": True,
    "none": None,
    "day": date(2020, 2, 29),
    "naive": datetime(2020, 2, 29, 12, 0, 0, 1),
    "aware": datetime(2020, 2, 29, tzinfo=UTC),
    "list": [1, 1.0, True, "1", None, date(1, 1, 1)],
    "bare": [],
    "nested": {"a": {"b": [2], "c": {}}},
    "with.dot": 1,
}

#: The same filter in its three spellings.
SPELLINGS: list[tuple[Any, str, Any]] = [
    (F("n") >= 5, "n >= 5", {"n": {"$gte": 5}}),
    (F("kind").isin(["a", "b"]), "kind in ('a', 'b')", {"kind": {"$in": ["a", "b"]}}),
    (~(F("kind") == "a"), "not kind = 'a'", {"$not": {"kind": "a"}}),
    (F("n").between(2, 4), "n between 2 and 4", {"n": {"$between": [2, 4]}}),
    (F("sometimes").exists(), "sometimes exists", {"sometimes": {"$exists": True}}),
    (F("tags").contains("x"), "tags contains 'x'", {"tags": {"$contains": "x"}}),
    (F("deep.flag") == True, "deep.flag = true", {"deep.flag": True}),  # noqa: E712
    (F("n") == 99, "n = 99", {"n": 99}),
    (
        (F("n") < 3) | ((F("kind") == "c") & (F("n") != 7)),
        "n < 3 or (kind = 'c' and n != 7)",
        {"$or": [{"n": {"$lt": 3}}, {"kind": "c", "n": {"$ne": 7}}]},
    ),
]


class StoreConformance:
    """Inherit it; override `create`, `open` and `restore` for a store that is made otherwise.

    Attributes:
        metric: of the one vector field.
        rows, dim: size of the data.
    """

    metric: ClassVar[str] = "cosine"
    rows: ClassVar[int] = 240
    dim: ClassVar[int] = 6

    # -- supplied --------------------------------------------------------------------

    def create(self, path: Path, **options: Any) -> Any:
        """A new store in ``path``."""
        return lw.create(path, **options)

    def open(self, path: Path, **options: Any) -> Any:
        """The store in ``path``."""
        return lw.open(path, **options)

    def restore(self, snapshot: Path, path: Path) -> Any:
        """A new store in ``path`` from a snapshot."""
        return lw.restore(snapshot, path)

    def vectors(self, count: int, seed: int = 0) -> npt.NDArray[np.float32]:
        """Small whole numbers, so that distances tie and rows repeat; never all zero."""
        values = np.random.default_rng(seed).integers(0, 4, (count, self.dim))
        values[:, 0] += 1
        return values.astype(np.float32)

    def data(self, start: int = 0, stop: int | None = None, seed: int = 0) -> list[dict[str, Any]]:
        """Rows with ids of both types: 0, '1', 2, '3', …"""
        stop = self.rows if stop is None else stop
        rows: list[dict[str, Any]] = []
        for i, vector in enumerate(self.vectors(stop - start, seed), start):
            row = {
                "id": i if i % 2 == 0 else str(i),
                "vector": vector,
                "text": f"text {i}",
                "n": i % 10,
                "kind": "abc"[i % 3],
                "tags": ["x", "y"][: i % 3],
                "deep": {"flag": i % 4 == 0},
            }
            rows.append(row | ({"sometimes": i} if i % 7 == 0 else {}))
        return rows

    @pytest.fixture
    def filled(self, tmp_path: Path) -> Iterator[tuple[Any, PlainStore]]:
        """A store with the data, not sealed, and its plain twin."""
        model = PlainStore({"dense": self.metric})
        model.upsert(self.data())
        with self.create(tmp_path / "store", dim=self.dim, metric=self.metric) as store:
            store.add(self.data())
            yield store, model

    def agree(self, store: Any, model: PlainStore, seed: int = 1) -> None:
        """Fail unless the store answers as the plain twin does."""
        check(len(store) == len(model) == store.count(), f"{len(store)} rows of {len(model)}")
        for query in self.vectors(2, seed) + np.float32(0.25):
            for k in (1, 10, len(model) + 5):
                for where in (None, "n >= 5", "kind = 'a' and n = 3", "n = 99"):
                    expected = model.answer(query, where)
                    exact = store.search(query, k, where=where, exact=True)
                    expected.must_be(exact, k, exact=True)
                    check(exact.info.matching == len(expected.distances), "matching")
                    usual = store.search(query, k, where=where)
                    expected.must_be(usual, k, exact=usual.info.strategy == "exact")

    # -- rows ------------------------------------------------------------------------

    def test_rows_come_back(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        ids = [0, "1", 1, "0", "missing", 2, 0]
        found = store.get(ids)
        check([row["id"] for row in found] == [0, "1", 2, 0], "order, types, missing ones")
        for row in store.get(list(model.rows)):
            model.must_hold(row)
        check(store.get("1")[0]["id"] == "1" and store.get([]) == [], "one id, and none")

    def test_metadata_keeps_its_types(self, tmp_path: Path) -> None:
        model = PlainStore({"dense": self.metric})
        row = {"id": 1, "vector": self.vectors(1)[0], **METADATA}
        model.upsert([row])
        path = tmp_path / "store"
        with self.create(path, dim=self.dim, metric=self.metric) as store:
            store.add([row])
            model.must_hold(store.get(1)[0])
            store.seal()
        with self.open(path) as store:
            (back,) = store.get(1)
            model.must_hold(back)
            check(math.copysign(1, back["minus"]) == -1, "-0.0")
            check(store.search(row["vector"])[0].metadata == METADATA, "metadata of a hit")

    def test_made_ids(self, tmp_path: Path) -> None:
        rows = [{"vector": vector} for vector in self.vectors(50)]
        with self.create(tmp_path / "store", dim=self.dim, metric=self.metric) as store:
            ids = [*store.add(rows), *store.upsert(rows)]
            check(len(set(ids)) == 100 == len(store), "made ids are new")
            check([row["id"] for row in store.get(ids)] == ids, "and find their rows")

    def test_batches_are_whole_or_nothing(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        fresh = self.data(1000, 1010)
        bad: list[tuple[list[dict[str, Any]], type[LikewiseError]]] = [
            ([*fresh, self.data(4, 5)[0]], DuplicateId),
            ([*fresh, fresh[0]], DuplicateId),
            ([*fresh, {"id": "bad", "vector": [np.nan] * self.dim}], InvalidVector),
        ]
        for rows, error in bad:
            with pytest.raises(error):
                store.add(rows)
        for rows, error in bad[1:]:
            with pytest.raises(error):
                store.upsert(rows)
        check(store.get([row["id"] for row in fresh]) == [], "half a batch was kept")
        self.agree(store, model)

    def test_upsert_replaces_the_whole_row(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        new = [{"id": 4, "vector": self.vectors(1, 9)[0], "kind": "z"}, *self.data(300, 320, 3)]
        check(store.upsert(new) == [row["id"] for row in new], "ids")
        model.upsert(new)
        model.must_hold(store.get(4)[0])
        check(store.count("kind = 'z'") == 1, "the new value is found")
        self.agree(store, model)

    def test_delete(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        check(store.delete([0, 0, "1", 1, "missing"]) == model.delete([0, "1"]) == 2, "by id")
        gone = model.passing("n = 3")
        check(store.delete(where="n = 3") == model.delete(gone) == len(gone), "by filter")
        both = [id_ for id_ in model.passing("n = 4") if isinstance(id_, int)]
        check(store.delete([*both, "missing"], where="n = 4") == len(both), "by both")
        model.delete(both)
        check(store.get([0, "1", *gone]) == [], "deleted rows are there")
        self.agree(store, model)
        check(store.delete(where="n exists") == len(model), "all")
        check(len(store.search(self.vectors(1)[0])) == 0 == len(store), "none is left")
        check(store.add(self.data(0, 5)) == [0, "1", 2, "3", 4], "ids are free again")
        check(len(store.search(self.vectors(1)[0])) == 5, "and found")

    # -- search ----------------------------------------------------------------------

    def test_agrees_before_and_after_sealing(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        queries = self.vectors(5, 2) + np.float32(0.25)
        before = [store.search(query, 20, exact=True) for query in queries]
        self.agree(store, model)
        store.seal()
        self.agree(store, model)
        for query, first in zip(queries, before, strict=True):
            again = store.search(query, 20, exact=True)
            check(again.ids == first.ids, "sealing changed an exact answer")
            np.testing.assert_allclose(again.distances, first.distances, rtol=1e-9, atol=1e-12)
        changed = self.data(100, 200, 4)
        store.upsert(changed)
        model.upsert(changed)
        store.delete(where="kind = 'b'")
        model.delete(model.passing("kind = 'b'"))
        self.agree(store, model)
        store.compact()
        self.agree(store, model)
        check(store.check() == [], "check")

    def test_scores_follow_distances(self, filled: tuple[Any, PlainStore]) -> None:
        store, _ = filled
        found = store.search(self.vectors(1, 3)[0], self.rows)
        expected = resolve(self.metric).score(found.distances)
        np.testing.assert_allclose(found.scores, expected)
        check(bool((found.scores >= 0).all() and (found.scores <= 1).all()), "in [0, 1]")
        check(bool((np.diff(found.scores) <= 0).all()), "the best first")

    def test_filters_in_three_spellings(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        query = self.vectors(1, 4)[0]
        for _ in range(2):  # then from the cache of masks, then sealed
            for spellings in SPELLINGS:
                expected = model.answer(query, spellings[0])
                for where in spellings:
                    found = store.search(query, 10_000, where=where)
                    expected.must_be(found, 10_000, exact=True)
                    check(store.count(where) == len(expected.distances), f"{where}")
            store.seal()
        for name in ("n", "kind", "tags", "deep.flag", "sometimes"):
            store.index_field(name)
        for spellings in SPELLINGS:
            for where in spellings:
                model.answer(query, where).must_be(
                    store.search(query, 7, where=where), 7, exact=False
                )

    def test_empty(self, tmp_path: Path) -> None:
        query = self.vectors(2)
        with self.create(tmp_path / "store", dim=self.dim, metric=self.metric) as store:
            for _ in range(2):
                check(len(store) == 0 == store.count() and store.check() == [], "no rows")
                check(len(store.search(query[0])) == 0, "no hits")
                check([len(found) for found in store.search(query, 3)] == [0, 0], "batch")
                check(len(store.search(query[0], where="year > 3")) == 0, "knows no field")
                check(store.get([1]) == [] and store.delete([1]) == 0, "no ids")
                check(store.add([]) == [] and list(store.rows()) == [], "no rows to add")
                store.seal()
                store.compact()

    def test_radius_and_min_score(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        score = resolve(self.metric).score
        for query in self.vectors(4, 5) + np.float32(0.25):
            distances = model.answer(query).distances
            ranked = np.sort(list(distances.values()))
            for place in (0, 5, 50, len(ranked) - 1):
                radius = float(ranked[place]) + 1e-7
                within = {id_ for id_, d in distances.items() if d <= radius}
                check(
                    set(store.search(query, None, radius=radius, exact=True).ids) == within,
                    "k=None",
                )
                few = store.search(query, 3, radius=radius, exact=True)
                check(len(few) == min(3, len(within)) and set(few.ids) <= within, "k=3")
                limit = float(score(np.array([radius]))[0])
                close = store.search(query, None, min_score=limit, exact=True)
                least = {id_ for id_, d in distances.items() if score(np.array([d]))[0] >= limit}
                check(set(close.ids) >= least & within, "min_score lost a row")
                check(bool((close.scores >= limit).all()), "min_score let a row through")

    def test_more_like_this(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        for id_ in (0, "1", "239"):
            for where in (None, "n >= 5", "kind = 'a'"):
                expected = model.answer(model.vector(id_), where)
                expected.distances.pop(id_, None)
                expected.must_be(
                    store.search({"id": id_}, 8, where=where, exact=True), 8, exact=True
                )
        for other in (1, "0"):  # ids of the other type
            with pytest.raises(LikewiseError, match="no row with id"):
                store.search({"id": other})

    # -- words, and several fields ---------------------------------------------------

    #: As queries and texts: shared words, repeated ones, one that no row has, none at all.
    ASKED: ClassVar[tuple[str, ...]] = ("Cats and dogs", "a sleeping cat cat", "zebra dream", "the")

    def wordy(self, start: int = 0, stop: int | None = None, seed: int = 0) -> list[dict[str, Any]]:
        """`data` with texts of few words, some without a word or without a text."""
        words = ["cat", "dogs", "sleeping", "dreams", "of", "running", "house", "moon"]
        random = np.random.default_rng(seed)
        rows = self.data(start, stop, seed)
        for i, row in enumerate(rows):
            row["text"] = " ".join(random.choice(words, random.integers(1, 9)))
            if i % 11 == 3:
                del row["text"]
            elif i % 11 == 7:
                row["text"] = "the of and"
        return rows

    def agree_on_words(self, store: Any, model: PlainStore) -> None:
        """Fail unless lexical searches answer as the plain twin does."""
        for query in self.ASKED:
            for where in (None, "n >= 5", "n = 99"):
                for k in (1, 10, len(model) + 5):
                    found = store.search(query, k, where=where, using="lexical")
                    model.words_must_be(found, query, k, where)
                    matching = len(model.passing(where))
                    check(found.info.matching == matching, f"matching {found.info.matching}")

    def agree_when_fused(self, store: Any, model: PlainStore) -> None:
        """Fail unless rows like one another, by vector and by words, are those of the twin."""
        for id_ in (0, "5", 6):
            text = model.rows[id_].get("text") or ""
            queries = {"dense": model.vector(id_), "lexical": text}
            for fuse in ("rrf", "score"):
                for where, k, depth in ((None, 10, None), ("n >= 5", 400, None), (None, 3, 7)):
                    weights = {"lexical": 0.5} if k == 3 else None
                    found = store.search(
                        {"id": id_},
                        k,
                        where=where,
                        exact=True,
                        using=list(queries),
                        fuse=fuse,
                        weights=weights,
                        depth=depth,
                    )
                    reach = max(k, depth or 100)
                    wanted = model.fused(
                        queries, where, fuse=fuse, weights=weights, depth=reach, without=id_
                    )
                    wanted.must_be(found, k)
                    passing = len(wanted.branches["dense"].distances)
                    check(len(found) == min(k, passing), f"{len(found)} hits of {passing}")

    @pytest.fixture
    def worded(self, tmp_path: Path) -> Iterator[tuple[Any, PlainStore]]:
        """As `filled`, with texts of words."""
        model = PlainStore({"dense": self.metric})
        model.upsert(self.wordy())
        with self.create(tmp_path / "words", dim=self.dim, metric=self.metric) as store:
            store.add(self.wordy())
            yield store, model

    def test_words_agree_through_changes(self, worded: tuple[Any, PlainStore]) -> None:
        store, model = worded
        for change in ("none", "seal", "upsert", "delete", "seal", "compact"):
            if change == "upsert":
                rows = self.wordy(100, 260, 5)
                store.upsert(rows)
                model.upsert(rows)
            elif change == "delete":
                store.delete(where="kind = 'b'")
                model.delete(model.passing("kind = 'b'"))
            elif change != "none":
                getattr(store, change)()
            self.agree_on_words(store, model)
            self.agree_when_fused(store, model)
        check(store.check() == [], "check")

    def test_kept_words_are_the_same(self, worded: tuple[Any, PlainStore]) -> None:
        store, model = worded
        store.seal()
        store.index_text()
        rows = self.wordy(200, 300, 6)
        store.upsert(rows)
        model.upsert(rows)
        store.close()
        for read_only in (True, False):
            with self.open(store.path, read_only=read_only) as again:
                self.agree_on_words(again, model)
                self.agree_when_fused(again, model)
                check(again.check() == [], "check")
                if not read_only:
                    again.delete([0, "5"])
                    model.delete([0, "5"])
                    again.seal()
                    self.agree_on_words(again, model)

    def test_threads_search_words_while_one_writes(self, worded: tuple[Any, PlainStore]) -> None:
        store, model = worded
        texts = {row["id"]: row.get("text") for row in self.wordy()}

        def search(query: str) -> None:
            for where in (None, "kind = 'a'"):
                found = store.search(query, 12, where=where, using="lexical")
                check(len(set(found.ids)) == len(found), "an id came twice")
                wrong = [hit.id for hit in found if hit.text != texts[hit.id]]
                check(not wrong, f"another row's text: {wrong}")

        with ThreadPoolExecutor(4) as pool:
            tasks = [pool.submit(search, query) for query in self.ASKED * 12]
            for turn in range(8):
                rows = self.wordy()[20 * turn : 20 * turn + 30]
                store.upsert(rows)
                model.upsert(rows)
                store.delete([20 * turn])
                model.delete([20 * turn])
                if turn % 4 == 3:
                    store.seal()
            for task in tasks:
                task.result()
        self.agree_on_words(store, model)
        check(store.check() == [], "check")

    def test_a_batch_of_texts_is_one_by_one(self, worded: tuple[Any, PlainStore]) -> None:
        store, _ = worded
        store.seal()
        for query, found in zip(
            self.ASKED, store.search(list(self.ASKED), 5, using="lexical"), strict=True
        ):
            single = store.search(query, 5, using="lexical")
            check(found.ids == single.ids, "a batch answers otherwise")
            np.testing.assert_array_equal(found.distances, single.distances)

    def test_batch_is_one_by_one(self, filled: tuple[Any, PlainStore]) -> None:
        store, _ = filled
        queries = self.vectors(7, 6)
        store.seal()
        for where in (None, "n >= 5"):
            for batch in (queries, queries.tolist(), list(queries)):
                for query, found in zip(queries, store.search(batch, 5, where=where), strict=True):
                    single = store.search(query, 5, where=where)
                    check(found.ids == single.ids, "a batch answers otherwise")
                    np.testing.assert_array_equal(found.distances, single.distances)
        check(store.search(np.empty((0, self.dim))) == [], "no queries")

    def test_all_rows_alike(self, tmp_path: Path) -> None:
        rows = [{"id": i, "vector": self.vectors(1)[0]} for i in range(self.rows)]
        with self.create(tmp_path / "store", dim=self.dim, metric=self.metric) as store:
            store.add(rows)
            for _ in range(2):
                for k in (1, 10, self.rows, self.rows + 1):
                    found = store.search(rows[0]["vector"], k)
                    check(len(set(found.ids)) == min(k, self.rows), "duplicates do harm")
                store.seal()

    # -- keeping ---------------------------------------------------------------------

    def test_reopening_changes_nothing(self, tmp_path: Path) -> None:
        path, query = tmp_path / "store", self.vectors(1, 7)[0]
        model = PlainStore({"dense": self.metric})
        model.upsert(self.data())
        with self.create(path, dim=self.dim, metric=self.metric) as store:
            store.add(self.data(0, 150))
            store.seal()
            store.add(self.data(0, self.rows)[150:])
            model.rows.clear()
            model.upsert([*self.data(0, 150), *self.data()[150:]])
            first = store.search(query, 30, exact=True)
        for read_only in (True, False):
            with self.open(path, read_only=read_only) as store:
                again = store.search(query, 30, exact=True)
                check(again.ids == first.ids, "another answer")
                np.testing.assert_array_equal(again.distances, first.distances)
                self.agree(store, model)
                check(store.check() == [], "check")

    def test_snapshot_and_restore(self, filled: tuple[Any, PlainStore], tmp_path: Path) -> None:
        store, model = filled
        store.seal()
        more = self.data(500, 520, 8)
        store.add(more)
        model.upsert(more)
        copy = store.snapshot(tmp_path / "copy")
        store.delete(where="n exists")  # what comes later is not in it
        with self.restore(copy, tmp_path / "restored") as restored:
            self.agree(restored, model)
            check(restored.check() == [], "check")
            restored.add(self.data(900, 901))
        with self.open(copy, read_only=True) as again:
            self.agree(again, model)

    def test_read_only(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        with self.open(store.path, read_only=True) as reader:
            self.agree(reader, model)
            with pytest.raises(ReadOnly):
                reader.add(self.data(900, 901))
            with pytest.raises(ReadOnly):
                reader.delete([0])
            fresh = self.data(900, 930, 9)
            store.add(fresh)
            model.upsert(fresh)
            self.agree(reader, model)  # a commit is seen at the next search

    def test_threads_search_while_one_writes(self, filled: tuple[Any, PlainStore]) -> None:
        store, _ = filled
        queries = self.vectors(40, 10)

        def search(query: Any) -> None:
            for where in (None, "kind = 'a'"):
                found = store.search(query, 12, where=where)
                check(len(set(found.ids)) == 12, f"{len(found)} hits")
                check(all(hit.text == f"text {hit.id}" for hit in found), "another row's text")

        with ThreadPoolExecutor(4) as pool:
            tasks = [pool.submit(search, query) for query in queries]
            for turn in range(12):
                store.upsert(self.data(20 * turn, 20 * turn + 40, turn))
                store.delete([0, "1", 20 * turn])
                if turn % 4 == 3:
                    store.seal()
            for task in tasks:
                task.result()
        check(store.check() == [], "check")
