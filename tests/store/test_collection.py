"""The collection holds to what every store must do, for every kind of metric and size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likewise as lw
from likewise.testing.plain_store import PlainStore
from likewise.testing.store import StoreConformance
from tests.store.small import GRAPH_FIRST, shrink


class TestCosine(StoreConformance):
    metric = "cosine"


class TestEuclidean(StoreConformance):
    metric = "euclidean"


class TestDot(StoreConformance):
    metric = "dot"


class TestManhattan(StoreConformance):
    metric = "manhattan"


class TestHamming(StoreConformance):
    metric = "hamming"


class WithGraphs(StoreConformance):
    """Limits so low that segments merge and have graphs, which the planner prefers."""

    @pytest.fixture(autouse=True)
    def _small_limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shrink(monkeypatch)

    def create(self, path: Path, **options: Any) -> lw.Collection:
        return lw.create(path, costs=GRAPH_FIRST, **options)

    def open(self, path: Path, **options: Any) -> lw.Collection:
        return lw.open(path, costs=GRAPH_FIRST, **options)

    def test_graphs_answer(self, filled: tuple[Any, PlainStore]) -> None:
        store, _ = filled
        store.seal()
        assert store.search(self.vectors(1)[0], 3).info.strategy == "graph"


class TestGraphsCosine(WithGraphs):
    metric = "cosine"


class TestGraphsEuclidean(WithGraphs):
    metric = "euclidean"


class WithWindows(WithGraphs):
    """The same, and ranges of the number ``n`` are searched by windows."""

    def create(self, path: Path, **options: Any) -> lw.Collection:
        collection = super().create(path, **options)
        # A field is known once a row has had it.
        collection.add([{"id": "first", "vector": [1] * options["dim"], "n": 0}])
        collection.index_field("n", window=True)
        collection.delete("first")
        return collection

    def test_windows_answer(self, filled: tuple[Any, PlainStore]) -> None:
        store, _ = filled
        store.seal()
        query = self.vectors(1)[0]
        assert store.search(query, 3, where="n >= 1").info.strategy == "window"

    def test_graphs_answer(self, filled: tuple[Any, PlainStore]) -> None:
        store, _ = filled
        store.seal()
        assert store.search(self.vectors(1)[0], 3).info.strategy != "exact"


class TestWindowsCosine(WithWindows):
    metric = "cosine"


class TestWindowsEuclidean(WithWindows):
    metric = "euclidean"


class TestWindowsHamming(WithWindows):
    metric = "hamming"


FIELDS = {"image": "euclidean", "title": "cosine", "sketch": "hamming"}


@pytest.fixture
def several(tmp_path: Path) -> Iterator[tuple[lw.Collection, PlainStore]]:
    dims = {"image": 5, "title": 3, "sketch": 8}
    chance = np.random.default_rng(0)
    rows = [
        {
            "id": i,
            "n": i % 5,
            "vectors": {
                name: chance.integers(1, 4, dim).astype(np.float32) for name, dim in dims.items()
            },
        }
        for i in range(150)
    ]
    model = PlainStore(FIELDS)
    model.upsert(rows)
    fields = {name: lw.VectorField(dims[name], metric) for name, metric in FIELDS.items()}
    with lw.create(tmp_path / "several", fields=fields) as collection:
        collection.add(rows)
        yield collection, model


def test_each_field_has_its_metric(several: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = several
    for turn in range(2):
        for name in FIELDS:
            query = model.vector(7, name)
            for where in (None, "n = 2"):
                found = collection.search(query, 9, where=where, using=name, exact=True)
                model.answer(query, where, name).must_be(found, 9, exact=True)
            like = model.answer(query, None, name)
            del like.distances[7]
            like.must_be(collection.search({"id": 7}, 9, using=name), 9, exact=True)
        assert collection.search(model.vector(7, "image"), 1).ids == [7]  # the first is meant
        model.must_hold(collection.get(7)[0])
        if turn == 0:
            collection.seal()
    info = collection.info()
    assert {name: field["metric"] for name, field in info["fields"].items()} == FIELDS


def test_a_row_must_bring_every_field(several: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = several
    for name in FIELDS:
        vectors = {other: model.vector(7, other) for other in FIELDS if other != name}
        with pytest.raises(lw.errors.InvalidRow, match=f"field '{name}': row 0 .*'new'"):
            collection.add([{"id": "new", "vectors": vectors}])
    assert len(collection) == 150
    # 'vector' is the first field's.
    vectors = {name: model.vector(7, name) for name in ("title", "sketch")}
    collection.add([{"id": "new", "vector": model.vector(7, "image"), "vectors": vectors}])
    assert set(collection.get("new")[0]["vectors"]) == set(FIELDS)


def test_rows_come_in_pages_while_they_change(tmp_path: Path) -> None:
    with lw.create(tmp_path / "a", dim=2) as collection:
        collection.add({"id": i, "vector": [i, 1.0]} for i in range(50))
        walk = collection.rows(batch=7)
        first = [next(walk)["id"] for _ in range(10)]
        collection.delete(range(20, 30))
        collection.upsert([{"id": 40, "vector": [0.0, 1.0]}])
        rest = [row["id"] for row in walk]
        assert first == list(range(10))
        assert rest == [*range(10, 20), *range(30, 40), *range(41, 50), 40]


def test_dataframe_and_arrow(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    pa = pytest.importorskip("pyarrow")
    rows = [{"id": i, "vector": [i, 1.0], "year": None if i == 1 else 2000 + i} for i in range(3)]
    for tool in (pd.DataFrame, pa.Table.from_pylist):
        with lw.create(tmp_path / tool.__name__, dim=2) as collection:
            assert collection.add(tool(rows)) == [0, 1, 2]
            assert [row.get("year") for row in collection.get([0, 1, 2])] == [2000, None, 2002]
            assert collection.count("year exists") == 2
