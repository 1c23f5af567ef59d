"""What every store must do with fields of terms, bags of vectors and Gaussians.

Subclass `FieldsConformance` in a test file.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import likewise as lw
from likewise.errors import InvalidVector, LikewiseError
from likewise.store.importing import import_rows
from likewise.store.writers import export_rows
from likewise.testing._comparing import check
from likewise.testing.plain_store import PlainStore

OTHERS = ("terms", "bags", "means")


class FieldsConformance:
    """Inherit it; override `create`, `open` and `restore` for a store that is made otherwise.

    Attributes:
        metric: of the bags.
        storage: of the bags.
        rows, dim: size of the data.
    """

    metric: ClassVar[str] = "cosine"
    storage: ClassVar[str] = "float32"
    rows: ClassVar[int] = 120
    dim: ClassVar[int] = 3

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

    def fields(self) -> dict[str, Any]:
        """One field of each kind."""
        return {
            "dense": lw.VectorField(dim=self.dim),
            "terms": lw.SparseField(),
            "bags": lw.BagField(dim=self.dim, metric=self.metric, storage=self.storage),
            "means": lw.GaussianField(dim=self.dim),
        }

    def model(self) -> PlainStore:
        """The plain twin."""
        return PlainStore(self.fields() | {"dense": "cosine"})

    def values(self, random: np.random.Generator) -> dict[str, Any]:
        """Small whole numbers, so that distances tie and rows repeat; terms of both types."""
        some = random.choice(8, random.integers(0, 5), replace=False).tolist()
        named = random.random() < 0.5
        bag = random.integers(-2, 3, (random.integers(1, 5), self.dim)).astype(np.float32)
        bag[:, 0] += 5
        return {
            "dense": random.integers(1, 5, self.dim).astype(np.float32),
            "terms": {f"{t}" if named else t: float(random.integers(0, 4)) / 4 for t in some},
            "bags": bag,
            "means": {
                "mean": random.integers(-2, 3, self.dim).astype(np.float32),
                "variance": random.choice([0.25, 1, 4], self.dim).astype(np.float32),
            },
        }

    def data(self, start: int, stop: int, seed: int = 0) -> list[dict[str, Any]]:
        """Rows with ids of both types."""
        random = np.random.default_rng([seed, start])
        return [
            {
                "id": i if i % 2 == 0 else str(i),
                "vectors": self.values(random),
                "text": f"text {i}",
                "n": i % 10,
            }
            for i in range(start, stop)
        ]

    @pytest.fixture
    def filled(self, tmp_path: Path) -> Iterator[tuple[Any, PlainStore]]:
        """A store with the data, not sealed, and its plain twin."""
        model = self.model()
        model.upsert(self.data(0, self.rows))
        with self.create(tmp_path / "store", fields=self.fields()) as store:
            store.add(self.data(0, self.rows))
            yield store, model

    def agree(self, store: Any, model: PlainStore, seed: int = 1) -> None:
        """Fail unless the store answers as the plain twin does."""
        check(len(store) == len(model) == store.count(), f"{len(store)} rows of {len(model)}")
        random = np.random.default_rng(seed)
        for _ in range(2):
            asked = self.values(random)
            asked["terms"] = {"1": 0.5, "2": 1.0, "nobody": 3.0}
            for name in OTHERS:
                for where in (None, "n >= 5", "n = 99"):
                    expected = model.values(asked[name], where, name)
                    for k in (1, 10, len(model) + 5):
                        found = store.search(asked[name], k, where=where, using=name, exact=True)
                        expected.must_be(found, k)
                        check(found.info.matching == len(model.passing(where)), "matching")
                    usual = store.search(asked[name], 5, where=where, using=name)
                    expected.must_be(usual, 5, exact=usual.info.recall == 1.0)

    # -- rows ------------------------------------------------------------------------

    def test_rows_come_back(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        for row in [*store.get(list(model.rows)), *store.rows()]:
            model.must_hold(row)
        check(store.get([4], vectors=True)[0].keys() == model.rows[4].keys(), "keys")

    def test_export_and_import(self, filled: tuple[Any, PlainStore], tmp_path: Path) -> None:
        store, model = filled
        for suffix in (".jsonl", ".parquet"):
            file = tmp_path / f"all{suffix}"
            export_rows(store.rows(), file)
            with self.create(tmp_path / f"again{suffix}", fields=self.fields()) as again:
                import_rows(again, file)
                for row in again.rows():
                    model.must_hold(row)
                self.agree(again, model)

    def test_batches_are_whole_or_nothing(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        fresh = self.data(1000, 1005)
        wrong = {
            "terms": {"cat": -1.0},
            "bags": np.empty((0, self.dim)),
            "means": {"mean": [0.0] * self.dim, "variance": [0.0] * self.dim},
        }
        for name, value in wrong.items():
            bad = {**self.data(7777, 7778)[0], "id": "bad"}
            bad["vectors"] = {**bad["vectors"], name: value}
            for write in (store.add, store.upsert):
                with pytest.raises(InvalidVector, match=rf"'store', field '{name}'.*'bad'"):
                    write([*fresh, bad])
        check(store.get([row["id"] for row in fresh]) == [], "half a batch was kept")
        self.agree(store, model)

    # -- search ----------------------------------------------------------------------

    def test_agrees_through_a_life(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        self.agree(store, model)
        store.seal()
        self.agree(store, model)
        changed = self.data(self.rows // 2, self.rows + 30, 4)
        store.upsert(changed)
        model.upsert(changed)
        self.agree(store, model)
        gone = model.passing("n = 3")
        check(store.delete(where="n = 3") == model.delete(gone) == len(gone), "delete")
        self.agree(store, model)
        store.compact()
        self.agree(store, model)
        check(store.check() == [], "check")

    def test_one_row_at_a_time(self, tmp_path: Path) -> None:
        model = self.model()
        with self.create(tmp_path / "store", fields=self.fields()) as store:
            for row in self.data(0, 40):
                store.add([row])
                model.upsert([row])
                if row["n"] == 7:
                    store.delete([0, row["id"]])
                    model.delete([0, row["id"]])
                asked = row["vectors"]["bags"]
                model.values(asked, None, "bags").must_be(store.search(asked, 6, using="bags"), 6)
            self.agree(store, model)

    def test_limits(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        for name in OTHERS:
            asked = self.values(np.random.default_rng(3))[name]
            asked = {"1": 0.5, "2": 1.0} if name == "terms" else asked
            expected = model.values(asked, None, name)
            ranked = sorted(expected.distances.values())
            radius = ranked[len(ranked) // 3] + 1e-4
            within = {id_ for id_, d in expected.distances.items() if d <= radius}
            found = store.search(asked, None, radius=radius, using=name, exact=True)
            check(set(found.ids) == within, f"{name}: radius")
            least = sorted(expected.scores.values())[len(ranked) // 2] - 1e-4
            high = {id_ for id_, score in expected.scores.items() if score >= least}
            found = store.search(asked, None, min_score=least, using=name, exact=True)
            check(set(found.ids) == high and len(high) > 1, f"{name}: min_score")
            check(len(store.search(asked, 2, min_score=least, using=name)) == 2, f"{name}: both")

    def test_more_like_this(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        for _ in range(2):
            for name in OTHERS:
                for id_ in (2, "11"):
                    expected = model.values(model.vector(id_, name), "n < 8", name)
                    expected.distances.pop(id_, None)
                    found = store.search({"id": id_}, 6, where="n < 8", using=name, exact=True)
                    expected.must_be(found, 6)
            store.seal()

    def test_batch_is_one_by_one(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        for name in OTHERS:
            asked = [model.vector(id_, name) for id_ in (2, 4, 6, "9")]
            for query, found in zip(asked, store.search(asked, 5, using=name), strict=True):
                alone = store.search(query, 5, using=name)
                check(found.ids == alone.ids, f"{name}: a batch answers otherwise")
                np.testing.assert_array_equal(found.distances, alone.distances)

    def test_fused(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        for using in (["terms", "bags"], ["means", "dense", "terms", "bags"]):
            for fuse in ("rrf", "score"):
                queries = {name: model.vector(6, name) for name in using}
                found = store.search({"id": 6}, 9, using=using, fuse=fuse, depth=20, where="n < 9")
                wanted = model.fused(queries, "n < 9", fuse=fuse, depth=20, without=6)
                wanted.must_be(found, 9)

    def test_empty(self, tmp_path: Path) -> None:
        asked = self.values(np.random.default_rng(0))
        with self.create(tmp_path / "store", fields=self.fields()) as store:
            for _ in range(2):
                for name in OTHERS:
                    check(len(store.search(asked[name], using=name)) == 0, "no rows")
                store.seal()
                store.compact()

    def test_no_dense_field(self, tmp_path: Path) -> None:
        for name in OTHERS:
            fields = {name: self.fields()[name]}
            model = PlainStore(fields)
            rows = [
                {"id": row["id"], "vector": row["vectors"][name], "n": row["n"]}
                for row in self.data(0, 100)
            ]
            model.upsert(rows)
            asked = rows[5]["vector"]
            with self.create(tmp_path / name, fields=fields) as store:
                store.add(rows)
                for _ in range(2):
                    model.values(asked, None, name).must_be(store.search(asked, 9), 9)
                    store.seal()
                check(store.check() == [], "check")
            with self.open(tmp_path / name) as store:
                model.values(asked, "n > 3", name).must_be(store.search(asked, 9, where="n > 3"), 9)

    # -- keeping ---------------------------------------------------------------------

    def test_reopening_changes_nothing(self, tmp_path: Path) -> None:
        path, model = tmp_path / "store", self.model()
        model.upsert(self.data(0, self.rows))
        with self.create(path, fields=self.fields()) as store:
            store.add(self.data(0, self.rows)[:70])
            store.seal()
            store.add(self.data(0, self.rows)[70:])
        for read_only in (True, False):
            with self.open(path, read_only=read_only) as store:
                check(store.settings.others.keys() == set(OTHERS), "fields")
                self.agree(store, model)
                check(store.check() == [], "check")

    def test_snapshot_and_restore(self, filled: tuple[Any, PlainStore], tmp_path: Path) -> None:
        store, model = filled
        store.seal()
        more = self.data(500, 520, 8)
        store.add(more)
        model.upsert(more)
        copy = store.snapshot(tmp_path / "copy")
        store.delete(where="n exists")
        with self.restore(copy, tmp_path / "restored") as restored:
            self.agree(restored, model)
            check(restored.check() == [], "check")

    def test_reader_sees_every_commit(self, filled: tuple[Any, PlainStore]) -> None:
        store, model = filled
        with self.open(store.path, read_only=True) as reader:
            for turn in range(6):
                fresh = self.data(10 * turn, 10 * turn + 15, 20 + turn)
                store.upsert(fresh)
                model.upsert(fresh)
                store.delete([2 * turn])
                model.delete([2 * turn])
                if turn % 3 == 2:
                    store.seal()
                self.agree(reader, model, turn)

    def test_threads_search_while_one_writes(self, filled: tuple[Any, PlainStore]) -> None:
        store, _ = filled
        asked = [self.values(np.random.default_rng(i)) for i in range(12)]

        def search(values: dict[str, Any]) -> None:
            for name in ("bags", "means"):
                found = store.search(values[name], 12, using=name)
                check(len(set(found.ids)) == 12, f"{name}: {len(found)} hits")
                check(all(hit.text == f"text {hit.id}" for hit in found), "another row's text")

        with ThreadPoolExecutor(4) as pool:
            tasks = [pool.submit(search, values) for values in asked]
            for turn in range(8):
                store.upsert(self.data(10 * turn, 10 * turn + 30, turn))
                if turn % 4 == 3:
                    store.seal()
            for task in tasks:
                task.result()
        check(store.check() == [], "check")

    def test_unknown_row(self, filled: tuple[Any, PlainStore]) -> None:
        store, _ = filled
        for name in OTHERS:
            with pytest.raises(LikewiseError, match="no row with id"):
                store.search({"id": "nobody"}, using=name)
