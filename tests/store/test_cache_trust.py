"""A cache is believed only where it belongs to the database, and never stands in the way."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likewise as lw
from likewise._arrays import open_arrays, save_arrays
from likewise.errors import CacheWarning, InvalidArgument, StorageFailed
from likewise.index.base import FILE_FORMAT
from likewise.store import sealing, view
from likewise.store.manifest import read_manifest, write_manifest
from tests.store.small import GRAPH_FIRST, GRAPH_ROWS, TAIL_ROWS, shrink

DIM = 4


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def rows(count: int, seed: int, **more: Any) -> list[dict[str, Any]]:
    vectors = np.random.default_rng(seed).standard_normal((count, DIM), dtype=np.float32)
    return [{"id": f"{seed}-{i}", "vector": v, **more} for i, v in enumerate(vectors)]


def sealed(path: Path, seed: int, count: int = 2 * GRAPH_ROWS) -> Path:
    with lw.create(path, dim=DIM, costs=GRAPH_FIRST) as collection:
        collection.add(rows(count, seed))
        collection.seal()
    return path


def nearest(collection: lw.Collection, row: dict[str, Any]) -> Any:
    return collection.search(row["vector"], 1).ids[0]


def test_the_cache_of_another_database_is_not_believed(tmp_path: Path) -> None:
    ours, theirs = sealed(tmp_path / "ours", 1), sealed(tmp_path / "theirs", 2)
    shutil.copy(theirs / "data.sqlite", ours / "data.sqlite")
    with lw.open(ours, read_only=True) as collection:
        with pytest.warns(CacheWarning, match="belongs to another database"):
            assert nearest(collection, rows(5, 2)[4]) == "2-4"
        assert [finding.code for finding in collection.check()] == ["damaged_cache"]
    with lw.open(ours) as collection:
        with pytest.warns(CacheWarning, match="another database"):
            collection.repair()
        assert collection.check() == []


def test_a_snapshot_and_its_source_do_not_share_a_cache(tmp_path: Path) -> None:
    source = sealed(tmp_path / "source", 1)
    with lw.open(source) as collection:
        copy = collection.snapshot(tmp_path / "copy")
    with lw.open(copy) as collection:  # the cache came along, and is used
        assert collection.info()["segments"][0]["indexes"] == {"dense": "graph"}
        collection.delete(where="id in ('1-0', '1-1')")
    with lw.open(source) as collection:
        collection.delete(where="id in ('1-2', '1-3')")
    shutil.copy(copy / "data.sqlite", source / "data.sqlite")
    with lw.open(source) as collection, pytest.warns(CacheWarning, match="another database"):
        assert nearest(collection, rows(5, 1)[2]) == "1-2"


def test_check_ends_when_an_older_database_was_put_back(tmp_path: Path) -> None:
    path = sealed(tmp_path / "c", 1)
    shutil.copy(path / "data.sqlite", tmp_path / "older.sqlite")
    with lw.open(path, costs=GRAPH_FIRST) as collection:
        collection.add(rows(GRAPH_ROWS, 2))
        collection.seal()
    shutil.copy(tmp_path / "older.sqlite", path / "data.sqlite")
    with lw.open(path, read_only=True) as collection:
        with pytest.warns(CacheWarning, match="another state"):
            assert nearest(collection, rows(5, 1)[4]) == "1-4"
        assert [finding.code for finding in collection.check()] == ["damaged_cache"]


def test_a_seal_just_after_a_search_began_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sealed(tmp_path / "c", 1)
    writer = lw.open(path, costs=GRAPH_FIRST)
    reader = lw.open(path, read_only=True)
    real, news = view.read_manifest, [True]

    def after_a_seal(cache: Path) -> Any:
        if news:
            news.clear()
            writer.add(rows(GRAPH_ROWS, 2))
            writer.seal()
        return real(cache)

    with monkeypatch.context() as patch:
        patch.setattr(view, "read_manifest", after_a_seal)
        # A warning would be an error here; and what was committed meanwhile is found at once.
        assert nearest(reader, rows(5, 2)[4]) == "2-4"
    assert not news
    assert reader.info()["tail_rows"] == 0
    reader.close()
    writer.close()


def test_the_whole_cache_folder_may_be_gone(tmp_path: Path) -> None:
    path = sealed(tmp_path / "c", 1)
    shutil.rmtree(path / "cache")
    with lw.open(path, costs=GRAPH_FIRST) as collection:
        with pytest.warns(CacheWarning, match="missing"):
            assert nearest(collection, rows(5, 1)[4]) == "1-4"
        collection.seal()
        collection.upsert(rows(3, 2))
        assert collection.check() == []
        assert collection.info()["segments"][0]["indexes"] == {"dense": "graph"}


@pytest.mark.filterwarnings("ignore::likewise.errors.CacheWarning")
def test_a_file_where_the_cache_folder_should_be(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=DIM):
        pass
    (tmp_path / "c/cache").rmdir()
    (tmp_path / "c/cache").write_text("")
    with lw.open(tmp_path / "c") as collection:
        collection.add(rows(5, 1))
        assert nearest(collection, rows(5, 1)[4]) == "1-4"
        with pytest.raises(StorageFailed, match="every row is safe"):
            collection.seal()


def test_a_lock_that_cannot_be_opened(tmp_path: Path) -> None:
    with lw.create(tmp_path / "c", dim=DIM):
        pass
    (tmp_path / "c/writer.lock").mkdir()
    with lw.open(tmp_path / "c") as collection, pytest.raises(StorageFailed, match=r"writer\.lock"):
        collection.add(rows(1, 1))


def test_indexed_fields_whose_names_have_one_checksum(tmp_path: Path) -> None:
    # zlib.crc32 of these two is the same.
    with lw.create(tmp_path / "c", dim=DIM) as collection:
        collection.add(
            {**row, "plumless": 1, "buckeroo": i} for i, row in enumerate(rows(TAIL_ROWS, 1))
        )
        collection.index_field("plumless")
        collection.index_field("buckeroo")
        collection.seal()
    with lw.open(tmp_path / "c") as collection:
        assert collection.count("plumless = 1") == TAIL_ROWS
        assert collection.count("buckeroo = 1") == 1


def test_vector_fields_of_any_name_can_be_sealed(tmp_path: Path) -> None:
    names = ["a" * 300, "dense", "Dense", "größe"]
    fields = {name: lw.VectorField(dim=DIM) for name in names}
    with lw.create(tmp_path / "c", fields=fields) as collection:
        collection.add(
            {"id": row["id"], "vectors": dict.fromkeys(names, row["vector"])}
            for row in rows(TAIL_ROWS, 1)
        )
        collection.seal()
        assert collection.check() == []
        for name in names:
            assert collection.search(rows(1, 1)[0]["vector"], 1, using=name).ids == ["1-0"]


def test_close_leaves_a_large_segment_with_many_dead_rows_to_others(tmp_path: Path) -> None:
    count = 2 * sealing.CLOSE_ROWS
    path = sealed(tmp_path / "c", 1, count)
    with lw.open(path, costs=GRAPH_FIRST) as collection:
        collection._sealer._wait_for_quiet = collection._sealer._stop.wait  # only close() seals
        collection.delete([f"1-{i}" for i in range(count // 3)])
        collection.add(rows(TAIL_ROWS + 1, 2))
    with lw.open(path) as collection:
        info = collection.info()
        assert [segment["rows"] for segment in info["segments"]] == [count, TAIL_ROWS + 1]
        assert info["tail_rows"] == 0


def test_rows_of_an_interrupted_search_are_not_seen_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lw.create(tmp_path / "c", dim=DIM) as collection:
        collection.add(rows(5, 1))
        assert nearest(collection, rows(5, 1)[4]) == "1-4"
        collection.add(rows(5, 2))

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(view, "prepare", interrupted)
            with pytest.raises(KeyboardInterrupt):
                collection.search([1] * DIM)
        assert len(collection.search([1] * DIM, 20)) == 10
        assert nearest(collection, rows(5, 2)[4]) == "2-4"
        collection.add(rows(5, 3))
        assert nearest(collection, rows(5, 3)[4]) == "3-4"


def rewritten(path: Path, **attributes: Any) -> dict[str, np.ndarray]:
    """Write the graph file again, sound by its checksums; gives the arrays to change before."""
    (file,) = (path / "cache").glob("*.graph")
    content, size = open_arrays(file), file.stat().st_size
    kept = {name: array.copy() for name, array in content.arrays.items()}
    for name, change in attributes.items():
        if name in kept:
            kept[name][:] = change
    header = {name: change for name, change in attributes.items() if name not in kept}
    save_arrays(file, kept, {**content.attributes, **header})
    assert file.stat().st_size == size, "the manifest would call it damaged"
    return kept


def test_a_graph_whose_arrays_do_not_belong_together(tmp_path: Path) -> None:
    path = sealed(tmp_path / "c", 1)
    rewritten(path, entries=2 * GRAPH_ROWS)
    with lw.open(path, read_only=True) as collection, pytest.warns(CacheWarning, match="damaged"):
        assert nearest(collection, rows(5, 1)[4]) == "1-4"


def test_links_that_lead_nowhere_end_no_process(tmp_path: Path) -> None:
    path = sealed(tmp_path / "c", 1)
    links = rewritten(path)["links"]
    links[:] = 10**9  # as in a large file, which is not read whole when it is opened
    rewritten(path, links=links)
    with lw.open(path, costs=GRAPH_FIRST) as collection:
        right = collection.search(rows(5, 1)[4]["vector"], exact=True).ids
        assert collection.search(rows(5, 1)[4]["vector"]).ids == right
        assert {finding.code for finding in collection.check()} == {"unreachable_rows"}
        assert collection.repair().remaining == []
        assert nearest(collection, rows(5, 1)[4]) == "1-4"


def older(path: Path) -> Path:
    """The collection with its graph as an older version of Likewise would have left it."""
    rewritten(path, format=1)
    return path


def test_an_index_of_an_older_format_is_stale_and_no_damage(tmp_path: Path) -> None:
    path = older(sealed(tmp_path / "c", 1))
    with lw.open(path, read_only=True) as collection:  # a warning would be an error here
        assert nearest(collection, rows(5, 1)[4]) == "1-4"
        assert collection.info()["segments"][0]["indexes"] == {"dense": "exact"}
        assert collection.info()["segments"][0]["damaged"] == []
        assert collection.check() == []


@pytest.mark.parametrize("how", ["seal", "repair", "compact"])
def test_the_writer_builds_an_index_of_an_older_format_anew(tmp_path: Path, how: str) -> None:
    path = older(sealed(tmp_path / "c", 1))
    with lw.open(path, costs=GRAPH_FIRST) as collection:
        assert nearest(collection, rows(5, 1)[4]) == "1-4"
        getattr(collection, how)()
        assert collection.info()["segments"][0]["indexes"] == {"dense": "graph"}
        assert collection.search(rows(5, 1)[4]["vector"]).info.strategy == "graph"
        assert collection.check() == []
    (file,) = (path / "cache").glob("*.graph")
    assert open_arrays(file).attributes["format"] == FILE_FORMAT


def test_the_first_commit_has_an_index_of_an_older_format_built_anew(tmp_path: Path) -> None:
    path = older(sealed(tmp_path / "c", 1))
    with lw.open(path, costs=GRAPH_FIRST) as collection:
        collection.add(rows(1, 2))
        deadline = time.monotonic() + 20
        while collection.info()["segments"][0]["indexes"] != {"dense": "graph"}:
            assert time.monotonic() < deadline, "nobody built it"
            time.sleep(0.01)
        assert nearest(collection, rows(5, 1)[4]) == "1-4"


def test_a_small_index_of_an_older_format_is_stale_too(tmp_path: Path) -> None:
    # Without a graph before or after, only its age says that it is to be written anew.
    path = sealed(tmp_path / "c", 1, GRAPH_ROWS // 2)
    (file,) = (path / "cache").glob("*.exact")
    content = open_arrays(file)
    kept = {name: array.copy() for name, array in content.arrays.items()}
    save_arrays(file, kept, {**content.attributes, "format": 1})
    with lw.open(path) as collection:
        assert nearest(collection, rows(5, 1)[4]) == "1-4"
        collection.seal()
        (file,) = (path / "cache").glob("*.exact")
        assert open_arrays(file).attributes["format"] == FILE_FORMAT


def test_a_manifest_survives_being_written_and_read(tmp_path: Path) -> None:
    path = sealed(tmp_path / "c", 1)
    manifest = read_manifest(path / "cache")
    assert manifest is not None
    assert manifest.identity
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest


def test_a_snapshot_inside_the_collection_is_refused(tmp_path: Path) -> None:
    with (
        lw.create(tmp_path / "c", dim=DIM) as collection,
        pytest.raises(InvalidArgument, match="inside the collection"),
    ):
        collection.snapshot(tmp_path / "c" / "copy")
