"""Full disks, damaged databases and damaged caches: a clear error or warning, nothing lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import likewise as lw
from likewise.errors import (
    CacheWarning,
    CollectionError,
    CorruptCollection,
    LikewiseError,
    NewerFormat,
    NotACollection,
    StorageFailed,
)
from tests.store.small import GRAPH_FIRST, shrink

ROOT = Path(__file__).parents[2]
ROWS, DIM = 300, 8
QUERY = np.linspace(1, 2, DIM)


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def rows(start: int, stop: int) -> list[dict]:
    vectors = np.random.default_rng(start).standard_normal((stop - start, DIM))
    return [
        {"id": i, "vector": vector, "n": i % 10, "text": f"text {i}"}
        for i, vector in enumerate(vectors.astype(np.float32), start)
    ]


def filled(path: Path) -> lw.Collection:
    collection = lw.create(path, dim=DIM, metric="euclidean", costs=GRAPH_FIRST)
    collection.add(rows(0, ROWS))
    collection.index_field("n")
    collection.seal()
    return collection


# -- full disk -------------------------------------------------------------------------


def test_full_disk_while_writing(tmp_path: Path) -> None:
    with filled(tmp_path / "docs") as collection:
        with collection._database.alone() as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        for write in (collection.add, collection.upsert):
            with pytest.raises(StorageFailed, match=r"'docs': .*full.*nothing of this") as caught:
                write(rows(1000, 9000))
            assert (caught.value.code, caught.value.exit_status) == ("storage_failed", 5)
            assert isinstance(caught.value, OSError)
            assert "Free some space" in str(caught.value)
        assert len(collection) == ROWS
        assert collection.check() == []
        assert len(collection.search(QUERY, 1000)) == ROWS
        with collection._database.alone() as connection:
            connection.execute("PRAGMA max_page_count = 1000000")
        collection.add(rows(1000, 9000))
        assert len(collection) == ROWS + 8000
        assert collection.check() == []


FILLER = """if True:
    import resource, sys
    import numpy as np
    import pytest
    import likewise as lw
    from tests.store.small import GRAPH_FIRST, shrink
    from tests.store.test_damage import DIM, QUERY, rows

    path, what, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
    shrink(pytest.MonkeyPatch())
    if what == "create":
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        with pytest.raises(lw.errors.StorageFailed):
            lw.create(path, dim=DIM)
        sys.exit()
    with lw.open(path, costs=GRAPH_FIRST) as collection:
        count = len(collection)
        if what != "add":
            collection.delete(range(0, count, 2))
            count = len(collection)
        # No file may grow past this: what a full disk does, on any file system.
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        with pytest.raises(lw.errors.StorageFailed) as caught:
            if what == "add":
                collection.add(rows(10000, 20000))
            elif what == "snapshot":
                collection.snapshot(path + ".copy")
            else:
                getattr(collection, what)()
        assert caught.value.code == "storage_failed", caught.value
        assert "space" in str(caught.value) or what == "snapshot", caught.value
        assert len(collection) == count
        assert len(collection.search(QUERY, 100000)) == count
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on file sizes")
@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("create", 4096),
        ("add", 300_000),
        ("seal", 40_000),  # the rows do not fit
        ("seal", 70_000),  # the rows do, the graph does not
        ("compact", 40_000),
        ("snapshot", 4096),
    ],
)
def test_full_disk_of_a_process(tmp_path: Path, what: str, limit: int) -> None:
    path = tmp_path / "docs"
    if what != "create":
        with lw.create(path, dim=DIM, metric="euclidean", costs=GRAPH_FIRST) as collection:
            collection.add(rows(0, 2000))
            collection.seal()
    done = subprocess.run(
        [sys.executable, "-c", FILLER, str(path), what, str(limit)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    left = sorted(p.name for p in tmp_path.iterdir())
    assert left == ([] if what == "create" else ["docs"])
    if what != "create":
        count = 2000 if what == "add" else 1000
        with lw.open(path) as collection:
            assert len(collection) == count
            assert collection.check() == []
            collection.add(rows(50000, 50010))
            assert collection.compact().erased
            assert collection.check() == []
            assert len(collection.search(QUERY, 10000)) == count + 10


# -- a damaged database ----------------------------------------------------------------


def test_newer_format(tmp_path: Path) -> None:
    filled(tmp_path / "docs").close()
    connection = sqlite3.connect(tmp_path / "docs" / "data.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for read_only in (False, True):
        with pytest.raises(NewerFormat, match=r"'docs' has format 99.*pip install") as caught:
            lw.open(tmp_path / "docs", read_only=read_only)
        assert (caught.value.code, caught.value.exit_status) == ("newer_format", 3)


def test_a_database_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    connection = sqlite3.connect(tmp_path / "docs" / "data.sqlite")
    connection.execute("CREATE TABLE rows (x)")
    connection.close()
    with pytest.raises(NotACollection, match="not a collection of Likewise"):
        lw.open(tmp_path / "docs")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999])
def test_truncated_database(tmp_path: Path, share: float) -> None:
    with filled(tmp_path / "docs") as collection:
        collection.snapshot(tmp_path / "good")
    database = tmp_path / "docs" / "data.sqlite"
    os.truncate(database, int(database.stat().st_size * share))
    before = database.read_bytes()
    for read_only in (False, True):
        with pytest.raises((CorruptCollection, NotACollection)) as caught:
            lw.open(tmp_path / "docs", read_only=read_only)
        if share:
            assert caught.value.code == "corrupt_collection"
            assert "'docs'" in str(caught.value)
            assert "restore" in str(caught.value)
    assert database.read_bytes() == before, "a damaged file was written to"
    shutil.rmtree(tmp_path / "docs")
    with lw.restore(tmp_path / "good", tmp_path / "docs") as collection:
        assert len(collection) == ROWS
        assert collection.check() == []


def test_overwritten_database(tmp_path: Path) -> None:
    """Whatever bytes are damaged: an error of ours or a finding, never a foreign traceback."""
    filled(tmp_path / "docs").close()
    database = tmp_path / "docs" / "data.sqlite"
    good, chance = database.read_bytes(), np.random.default_rng(0)
    hit = 0
    for _ in range(60):
        bad = bytearray(good)
        at = int(chance.integers(0, len(bad) - 600))
        bad[at : at + 600] = chance.bytes(600)
        database.write_bytes(bytes(bad))
        used = any(good[at : at + 600])  # the rest of a page is zeros, and nobody's loss
        assert _is_reported(tmp_path / "docs") or not used, f"at byte {at}"
        hit += used
    assert hit > 10


def _is_reported(path: Path) -> bool:
    calls = (
        lambda c: c.search(QUERY),
        lambda c: c.search(QUERY, 1000, where="n < 5"),
        lambda c: c.get(range(ROWS)),
        lambda c: list(c.rows()),
        lambda c: c.count("n = 3"),
    )
    try:
        collection = lw.open(path, read_only=True)
    except CollectionError:
        return True
    with collection, warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheWarning)
        for call in calls:
            with contextlib.suppress(LikewiseError):
                call(collection)
        return bool(collection.check())


# -- a damaged cache -------------------------------------------------------------------

KINDS = ["manifest.json", "*.rows", "*.graph", "*.column-*"]
DAMAGE = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"more"),
    "header": lambda path: _flip(path, 3),
    "middle": lambda path: _flip(path, path.stat().st_size // 2),
    "end": lambda path: _flip(path, path.stat().st_size - 2),
    "junk": lambda path: path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size)),
}


def _flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x55
    path.write_bytes(bytes(content))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("good") / "docs"
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        filled(path).close()
    return path


@pytest.mark.parametrize("damage", list(DAMAGE))
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_cache(tmp_path: Path, good: Path, kind: str, damage: str) -> None:
    path = tmp_path / "docs"
    shutil.copytree(good, path)
    with lw.open(path, read_only=True, costs=GRAPH_FIRST) as collection:
        expected = collection.search(QUERY, 20, where="n < 5", exact=True)
        assert collection.search(QUERY).info.strategy == "graph"
        assert collection.check() == []
    (victim,) = (path / "cache").glob(kind)
    DAMAGE[damage](victim)
    for read_only in (True, False):
        with lw.open(path, read_only=read_only, costs=GRAPH_FIRST) as collection:
            with pytest.warns(CacheWarning, match="'docs': cache file .*database") as caught:
                found = collection.search(QUERY, 20, where="n < 5", exact=True)
            assert victim.name in str(caught[0].message)
            assert "repair()" in str(caught[0].message)
            assert found.ids == expected.ids
            assert len(collection.search(QUERY, 1000)) == ROWS
            findings = collection.check()
            assert {f.code for f in findings} == {"damaged_cache"}
            assert {f.severity for f in findings} == {"warning"}
            assert victim.name in "".join(f.message for f in findings)
            if not read_only:
                report = collection.repair()
                assert report.remaining == []
                assert report.rebuilt == 1
                assert collection.check() == []
    with lw.open(path, costs=GRAPH_FIRST) as collection:  # and not a warning more
        assert collection.search(QUERY, 20, where="n < 5", exact=True).ids == expected.ids
        assert collection.search(QUERY).info.strategy == "graph"
        assert collection.check() == []


def test_damage_while_it_is_open(tmp_path: Path, good: Path) -> None:
    """``check`` reads the disk, not what was read before; a mapped file that is gone is kept."""
    path = tmp_path / "docs"
    for kind in KINDS:
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(good, path)
        with lw.open(path, costs=GRAPH_FIRST) as collection:
            before = collection.search(QUERY, 20).ids
            (victim,) = (path / "cache").glob(kind)
            victim.rename(tmp_path / "aside")
            assert collection.search(QUERY, 20).ids == before
            (finding,) = collection.check()
            assert finding.code == "damaged_cache"
            assert victim.name in finding.message
            (tmp_path / "aside").rename(victim)
            assert collection.check() == []


@pytest.mark.filterwarnings("ignore::likewise.errors.CacheWarning")  # the sealing thread's too
def test_no_cache_at_all(tmp_path: Path, good: Path) -> None:
    path = tmp_path / "docs"
    shutil.copytree(good, path)
    shutil.rmtree(path / "cache")
    with (
        lw.open(path, read_only=True) as collection,
        pytest.warns(CacheWarning, match="missing"),
    ):
        assert len(collection.search(QUERY, 1000)) == ROWS
    with lw.open(path) as collection:
        collection.add(rows(1000, 1010))
        assert collection.repair().remaining == []
        assert len(collection.search(QUERY, 1000)) == ROWS + 10


def test_cache_of_another_time(tmp_path: Path, good: Path) -> None:
    """An old cache beside a newer database, as after a restore by hand, is not believed."""
    path = tmp_path / "docs"
    shutil.copytree(good, path)
    with lw.open(path, costs=GRAPH_FIRST) as collection:
        collection.delete(range(0, ROWS, 2))
        collection.compact()
        expected = collection.search(QUERY, 20, exact=True).ids
    shutil.rmtree(path / "cache")
    shutil.copytree(good / "cache", path / "cache")
    with lw.open(path, costs=GRAPH_FIRST) as collection:
        with pytest.warns(CacheWarning, match="another state"):
            assert collection.search(QUERY, 20, exact=True).ids == expected
        collection.repair()
        assert collection.check() == []
    # And the other way round.
    shutil.copy(good / "data.sqlite", path / "data.sqlite")
    with lw.open(path, costs=GRAPH_FIRST) as collection:
        with pytest.warns(CacheWarning):
            assert len(collection.search(QUERY, 1000)) == ROWS
        collection.repair()
        assert collection.check() == []
