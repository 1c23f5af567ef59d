"""After ``delete`` and ``compact`` the bytes of what was deleted stand in no file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import likewise as lw
from likewise.vectors import unit_rows
from tests.store.small import GRAPH_FIRST, shrink

ROOT = Path(__file__).parents[2]
ROWS, DIM = 300, 16
GONE = range(0, ROWS, 3)


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def vectors() -> np.ndarray:
    return np.random.default_rng(7).standard_normal((ROWS, DIM)).astype(np.float32)


def row(i: int) -> dict:
    return {
        "id": f"identifier-{i:04}-of-a-person",
        "vector": vectors()[i],
        "text": f"the secret of person {i:04} is long enough to be found",
        "name": f"surname-{i:04}-smith",
        "deep": {"address": [f"street-{i:04}-north", "common"]},
    }


def traces(i: int) -> dict[str, bytes]:
    """What must not be found: each piece of the row in the forms in which it is kept."""
    vector = vectors()[i]
    return {
        "id": f"identifier-{i:04}-of-a-person".encode(),
        "text": f"the secret of person {i:04} is".encode(),
        "metadata": f"surname-{i:04}-smith".encode(),
        "nested metadata": f"street-{i:04}-north".encode(),
        "vector": vector.tobytes(),
        "part of the vector": vector[4:8].tobytes(),
        "unit vector": unit_rows(vector[None, :])[0].tobytes(),
        "negated vector": (-vector).tobytes(),
    }


def found(folder: Path, i: int) -> set[tuple[str, str]]:
    """(what, file) for each trace of row i in any file below ``folder``."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        (what, path.name)
        for path in files
        for what, trace in traces(i).items()
        if trace in path.read_bytes()
    }


def kinds(folder: Path, i: int) -> set[str]:
    return {what for what, _ in found(folder, i)}


def filled(path: Path, metric: str = "cosine", **options: object) -> lw.Collection:
    collection = lw.create(path, dim=DIM, metric=metric, costs=GRAPH_FIRST, **options)
    collection.add([row(i) for i in range(ROWS)])
    return collection


def erased(path: Path, gone: list[int], kept: list[int]) -> None:
    for i in gone:
        assert found(path, i) == set()
    for i in kept:  # the search of the bytes does find what is there
        assert {"id", "text", "metadata", "vector"} <= kinds(path, i)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "manhattan", "dot"])
@pytest.mark.parametrize("sealed", [False, True])
def test_deleted_rows(tmp_path: Path, metric: str, sealed: bool) -> None:
    with filled(tmp_path / "a", metric) as collection:
        collection.index_field("name")
        collection.index_field("deep.address")
        if sealed:
            collection.seal()
            assert len(list(collection.path.glob("cache/*.column-*"))) == 2
            assert "metadata" in {what for what, file in found(tmp_path, 0) if "column" in file}
        # Filters and searches leave columns and masks in memory, and nothing on the disk.
        collection.search(vectors()[0], 5, where="name = 'surname-0000-smith'")
        assert collection.delete([row(i)["id"] for i in GONE]) == len(GONE)
        report = collection.compact()
        assert report.erased
        assert report.message == ""
        assert report.rows == ROWS - len(GONE)
        erased(tmp_path, [0, 3, 150, 297], [1, 2, 151])
        assert collection.check() == []
    erased(tmp_path, [0, 3, 150, 297], [1, 2, 151])


def test_replaced_rows(tmp_path: Path) -> None:
    with filled(tmp_path / "a") as collection:
        collection.seal()
        new = np.ones(DIM)
        collection.upsert([{"id": row(i)["id"], "vector": new} for i in GONE])
        assert collection.compact().erased
    for i in (0, 3, 297):
        assert kinds(tmp_path, i) == {"id"}


def test_everything(tmp_path: Path) -> None:
    with filled(tmp_path / "a") as collection:
        collection.seal()
        assert collection.delete(where="text exists") == ROWS
        report = collection.compact()
        assert report.erased
        assert report.rows == 0
        assert report.bytes_after < report.bytes_before / 4
        assert len(collection.search(vectors()[0])) == 0
        assert collection.check() == []
    erased(tmp_path, [0, 1, 150], [])


def test_in_several_segments_and_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for start in range(0, ROWS, 100):
        with lw.open(path) if path.exists() else lw.create(path, dim=DIM) as collection:
            collection.add([row(i) for i in range(start, start + 100)])
            collection.seal()
    with lw.open(path) as collection:
        collection.delete([row(i)["id"] for i in GONE])
    with lw.open(path) as collection:
        assert collection.compact().erased
    erased(tmp_path, [0, 150, 297], [1, 151])


def test_logged_queries(tmp_path: Path) -> None:
    with filled(tmp_path / "a", log_queries=True) as collection:
        query = np.random.default_rng(8).standard_normal((3, DIM)).astype(np.float32)
        collection.search(query)
        collection.seal()
        here = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any(query[0].tobytes() in path.read_bytes() for path in here)
        collection.search(query[2])
        assert collection.compact().erased
    for path in tmp_path.rglob("*"):
        for vector in (*query, *unit_rows(query)) if path.is_file() else ():
            assert vector.tobytes() not in path.read_bytes(), path


def test_leavings_of_a_crash(tmp_path: Path) -> None:
    """Files that a killed process left aside, or that an older manifest named."""
    with filled(tmp_path / "a") as collection:
        collection.seal()
        cache = collection.path / "cache"
        rows = next(cache.glob("*.rows")).read_bytes()
        (cache / ".000009.rows.4711.new").write_bytes(rows)
        (cache / "000009.rows").write_bytes(rows)
        (cache / ".manifest.json.4711.new").write_bytes(b"person 0000 " + traces(0)["text"])
        collection.delete([row(i)["id"] for i in GONE])
        assert collection.compact().erased
    erased(tmp_path, [0, 3, 297], [1])


@pytest.mark.filterwarnings("ignore::likewise.errors.CacheWarning")
def test_a_cache_that_cannot_be_read(tmp_path: Path) -> None:
    """A damaged manifest names no files: they go all the same."""
    with filled(tmp_path / "a") as collection:
        collection.seal()
    (tmp_path / "a" / "cache" / "manifest.json").write_text("{")
    with lw.open(tmp_path / "a") as collection:
        collection.delete([row(i)["id"] for i in GONE])
        assert collection.compact().erased
    erased(tmp_path, [0, 3, 297], [1])


READER = """if True:
    import sqlite3, sys
    connection = sqlite3.connect(sys.argv[1], isolation_level=None)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM rows").fetchone()
    print("reading", flush=True)
    sys.stdin.readline()
    connection.execute("COMMIT")
    connection.close()
    print("done", flush=True)
"""


def test_a_reader_in_the_way(tmp_path: Path) -> None:
    with filled(tmp_path / "a") as collection:
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, str(tmp_path / "a" / "data.sqlite")],
            env={**os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert reader.stdout.readline() == "reading\n"
        collection.delete([row(i)["id"] for i in GONE])
        with collection._database.alone() as connection:
            connection.execute("PRAGMA busy_timeout = 100")  # do not wait long for the reader
        report = collection.compact()
        assert not report.erased
        assert "reading" in report.message
        assert "again" in report.message
        assert found(tmp_path, 0), "then the report is too gloomy, and this test says nothing"
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "done\n"
        assert collection.compact().erased
        erased(tmp_path, [0, 3, 297], [1])
        reader.stdin.close()
        assert reader.wait(30) == 0
        reader.stdout.close()


def test_bytes_are_gone_from_the_database_before_compact(tmp_path: Path) -> None:
    """``secure_delete``: what remains until then is in the log and the caches only."""
    with filled(tmp_path / "a") as collection:
        collection.delete([row(i)["id"] for i in GONE])
    for i in (0, 3, 297):  # closing folded the log back; nothing was sealed
        assert {what for what, file in found(tmp_path, i) if file.startswith("data")} == set()


def test_snapshot_holds_nothing_that_was_erased(tmp_path: Path) -> None:
    with filled(tmp_path / "a") as collection:
        collection.seal()
        collection.delete([row(i)["id"] for i in GONE])
        collection.compact()
        collection.snapshot(tmp_path / "b")
    erased(tmp_path, [0, 150], [1])
