"""The neighbour graph of a collection: kept in the cache, moved on by commits, never wrong."""

from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

import likewise as lw
from likewise.errors import CacheWarning, InvalidArgument, UnknownField
from likewise.learn import NeighborGraph
from likewise.store.deciding import files, kept_neighbors

DIM = 5


def make_rows(first: int, last: int, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed + first)
    return [
        {"id": i, "vector": rng.integers(-9, 10, DIM) + 0.5, "even": i % 2 == 0}
        for i in range(first, last)
    ]


def must_be_true(col: lw.Collection, k: int) -> None:
    """The lists against the distances of all pairs."""
    found = col.neighbors(k)
    rows = {row["id"]: row["vector"] for row in col.rows()}
    assert list(rows) == found.ids
    X = np.stack(list(rows.values())).astype(np.float64)
    away = np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))
    np.fill_diagonal(away, np.inf)
    count = min(k, len(X) - 1)
    np.testing.assert_array_equal(found.places, np.argsort(away, axis=1, kind="stable")[:, :count])
    np.testing.assert_allclose(found.distances, np.sort(away, axis=1)[:, :count], rtol=1e-9)
    assert found.recall == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_the_lists_are_true_after_any_history(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean", recall=1.0) as col:
        col.add(make_rows(0, 60, seed))
        for step in range(14):
            what = rng.integers(4)
            if what == 0:
                col.add(make_rows(100 * (step + 1), 100 * (step + 1) + int(rng.integers(1, 12))))
            elif what == 1:
                col.delete(rng.choice([row["id"] for row in col.rows()], 5).tolist())
            elif what == 2:
                ids = rng.choice([row["id"] for row in col.rows()], 4, replace=False).tolist()
                col.upsert([{**make_rows(i, i + 1, seed + step)[0], "id": i} for i in ids])
            else:
                col.seal()
            must_be_true(col, int(rng.integers(1, 9)))


def test_only_what_changed_is_found_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    true = kept_neighbors.new_graph
    monkeypatch.setattr(
        kept_neighbors, "new_graph", lambda *given: (made.append(1), true(*given))[1]
    )
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean", recall=1.0) as col:
        col.add(make_rows(0, 80))
        must_be_true(col, 4)
        col.add(make_rows(80, 90))
        col.delete([3, 85])
        must_be_true(col, 4)
        must_be_true(col, 9)  # fewer than are kept
        assert len(made) == 1
        must_be_true(col, 30)
        assert len(made) == 2
    with lw.open(tmp_path / "c") as col:
        must_be_true(col, 30)
        col.delete([5])
        must_be_true(col, 30)
        assert len(made) == 2  # read from the file
    with lw.open(tmp_path / "c", read_only=True) as col:
        before = sorted(os.listdir(tmp_path / "c" / "cache"))
        must_be_true(col, 30)
        assert sorted(os.listdir(tmp_path / "c" / "cache")) == before
        assert len(made) == 2


@pytest.mark.parametrize("name", ["0.neighbors", "0.neighbors-rows"])
@pytest.mark.parametrize("how", ["cut short", "changed", "gone", "of another graph"])
def test_files_that_cannot_be_used(tmp_path: Path, name: str, how: str) -> None:
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean", recall=1.0) as col:
        col.add(make_rows(0, 50))
        must_be_true(col, 4)
    path = tmp_path / "c" / "cache" / name
    content = path.read_bytes()
    if how == "cut short":
        path.write_bytes(content[: len(content) // 2])
    elif how == "changed":
        path.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    elif how == "gone":
        path.unlink()
    else:
        with lw.create(tmp_path / "other", dim=DIM, metric="euclidean", recall=1.0) as other:
            other.add(make_rows(0, 50, seed=5))
            other.neighbors(4)
        path.write_bytes((tmp_path / "other" / "cache" / name).read_bytes())
    with lw.open(tmp_path / "c") as col:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            must_be_true(col, 4)
        damaged = how in ("cut short", "changed")
        assert [w.category for w in caught] == [CacheWarning] * damaged


def test_check_finds_damaged_files_and_repair_removes_them(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean") as col:
        col.add(make_rows(0, 50))
        col.neighbors(4)
        assert col.check() == []
        path = tmp_path / "c" / "cache" / "0.neighbors"
        path.write_bytes(path.read_bytes()[:-7])
        [finding] = col.check()
        assert (finding.code, finding.where) == ("damaged_cache", "0.neighbors")
        assert col.repair().remaining == []
        must_be_true(col, 4)


def test_compact_leaves_no_deleted_vector(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean") as col:
        col.add(make_rows(0, 50))
        col.add([{"id": "secret", "vector": [12345.0] * DIM}])
        col.neighbors(4)
        col.delete("secret")
        col.neighbors(4)
        col.compact()
        mark = np.full(DIM, 12345.0, dtype=np.float32).tobytes()
        for path in (tmp_path / "c").rglob("*"):
            assert not path.is_file() or mark not in path.read_bytes(), path
        must_be_true(col, 4)


def test_a_restored_copy_does_not_use_the_files_of_the_first(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean", recall=1.0) as col:
        col.add(make_rows(0, 50))
        col.neighbors(4)
        copy = col.snapshot(tmp_path / "copy")
        col.delete(list(range(10)))
    with lw.open(copy) as other:
        must_be_true(other, 4)


def test_an_older_commit_seen_by_another_thread(tmp_path: Path) -> None:
    """A thread that began before a delete must get the rows of its own commit."""
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean", recall=1.0) as col:
        col.add(make_rows(0, 40))
        col.neighbors(3)
        with col._viewing() as (connection, view):
            newer = threading.Thread(target=lambda: (col.delete([7]), col.neighbors(3)))
            newer.start()
            newer.join()
            lists = col._lists(3, None, "dense", connection, view)
            assert len(lists.numbers) == 40
        must_be_true(col, 3)


def test_many_threads(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean", recall=1.0) as col:
        col.add(make_rows(0, 60))
        problems: list[BaseException] = []

        def ask() -> None:
            try:
                for _ in range(6):
                    found = col.neighbors(3)
                    assert found.places.shape == (len(found.ids), 3)
                    assert found.places.max() < len(found.ids)
            except BaseException as error:
                problems.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for i in range(10):
            col.add(make_rows(100 + i, 101 + i))
            col.delete([i])
        for thread in threads:
            thread.join()
        assert not problems
        must_be_true(col, 3)


def test_for_scikit_learn(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean", recall=1.0) as col:
        col.add(make_rows(0, 60))
        found = col.neighbors(5)
        even = [row["even"] for row in col.get(found.ids)]
        graph = found.to_csr()
        assert graph.has_sorted_indices or graph.nnz == 60 * 6
        model = KNeighborsClassifier(3, metric="precomputed").fit(graph, even)
        expected = KNeighborsClassifier(3).fit([row["vector"] for row in col.rows()], even)
        rows = np.stack([row["vector"] for row in col.rows()])
        np.testing.assert_array_equal(model.predict(graph), expected.predict(rows))
        first = NeighborGraph(5).fit(rows)
        np.testing.assert_array_equal(first.ids, found.places)


def test_inner_products_have_no_distance_to_themselves(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=DIM, metric="dot", recall=1.0) as col:
        col.add(make_rows(0, 30))
        found = col.neighbors(3)
        with pytest.raises(InvalidArgument, match="include_self=False"):
            found.to_csr()
        np.testing.assert_array_equal(
            found.to_csr(include_self=False).data, found.distances.ravel()
        )


def test_what_is_given_cannot_be_written_to(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean", recall=1.0) as col:
        col.add(make_rows(0, 30))
        found = col.neighbors(15)
        for array in (found.places, found.distances):
            with pytest.raises(ValueError, match="read-only"):
                array[0, 0] = 0
        must_be_true(col, 3)


def test_of_some_rows(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=DIM, metric="euclidean", recall=1.0) as col:
        col.add(make_rows(0, 60))
        found = col.neighbors(3, where="even = true")
        assert found.ids == list(range(0, 60, 2))
        assert found.places.max() < 30


def test_impossible_requests(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=DIM) as col:
        with pytest.raises(InvalidArgument, match="need two rows at least; there are 0"):
            col.neighbors()
        col.add(make_rows(0, 1))
        with pytest.raises(InvalidArgument, match="need two rows at least; there is 1"):
            col.outliers()
        col.add(make_rows(1, 4))
        with pytest.raises(UnknownField):
            col.neighbors(using="lexical")
        assert files.damaged_files(tmp_path / "nowhere") == []
