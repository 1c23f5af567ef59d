"""Windows in a collection: filters with ranges find what they should, whatever has happened."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likewise as lw
from likewise._arrays import open_arrays, save_arrays
from likewise.errors import CacheWarning, InvalidArgument, InvalidType, ReadOnly, UnknownField
from likewise.filters import F, parse
from likewise.store.manifest import _checksum
from likewise.store.selecting import Part, select
from likewise.testing.plain_store import PlainStore
from tests.store.small import GRAPH_FIRST, shrink

ROWS, DIM = 300, 6
FIELDS = {"dense": "euclidean", "other": "cosine"}

#: Years that are numbers of every type, and some that are none.
YEARS = [2001, 2002, 2003, 2004, 2005.5, 2006, 10**20, "2007", None, True, [2003], date(2003, 1, 1)]

RANGES = [
    "year = 2003",
    "year = 2003.0",
    "year = '2007'",
    "year = true",
    "year = 1900",
    "year < 2003",
    "year <= 2003",
    "year > 2003",
    "year >= 2003",
    "year > 2006 and year < 100000000000000000001",
    "year between 2002 and 2005.5",
    "year between 2005 and 2002",
    "year > 2005 and year < 2002",
    "year >= 2002 and year < 2004",
    "year > 2001 and year <= 2006 and year > 2002",
    "year >= 2003 and year < '3'",
    {"year": {"$gte": date(2003, 1, 1)}},
    {"year": {"$between": [date(2003, 1, 2), date(2004, 1, 1)]}},
    "year >= 2002 and kind = 'a'",
    "year >= 2002 and not kind = 'a'",
    "year >= 2002 and (kind = 'b' or price > 250)",
    "year >= 2002 and price < 20",
    "year <= 2006 and price between 100.5 and 200",
    "year != 2003",
    "not year >= 2003",
    "year < 2002 or year > 2005",
    "year in (2001, 2006)",
    "year exists",
    "deep.score >= 3",
]


def make_rows(start: int, stop: int, seed: int = 0) -> list[dict[str, Any]]:
    chance = np.random.default_rng(seed + start)
    made = []
    for i in range(start, stop):
        # Whole numbers, so that equal rows and equal distances come up.
        vectors = chance.integers(-4, 5, (2, DIM)).astype(np.float32)
        vectors[1, 0] += 10
        row = {
            "id": i,
            "vectors": dict(zip(FIELDS, vectors, strict=True)),
            "price": (i * 7) % ROWS + 0.5,
            "kind": "abc"[i % 3],
            "deep": {"score": i % 5},
        }
        year = YEARS[(i * 5) % len(YEARS)]
        made.append(row if i % 11 == 0 else row | {"year": year})
    return made


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[tuple[lw.Collection, PlainStore]]:
    model = PlainStore(FIELDS)
    model.upsert(make_rows(0, ROWS))
    fields = {name: lw.VectorField(DIM, metric) for name, metric in FIELDS.items()}
    with lw.create(tmp_path / "c", fields=fields, costs=GRAPH_FIRST) as collection:
        collection.add(make_rows(0, ROWS))
        yield collection, model


def agree(collection: lw.Collection, model: PlainStore, filters: Any = RANGES) -> set[str]:
    """Every filter against the twin; gives the strategies that answered."""
    query = model.vector(next(iter(model.rows)), "dense") + np.float32(0.25)
    strategies = set()
    for where in filters:
        for name in FIELDS:
            expected = model.answer(query, where, name)
            exact = collection.search(query, 9, where=where, using=name, exact=True)
            expected.must_be(exact, 9, exact=True)
            for k in (3, ROWS + 50):
                usual = collection.search(query, k, where=where, using=name)
                expected.must_be(usual, k, exact=usual.info.strategy == "exact")
                assert usual.info.matching == exact.info.matching == len(expected.distances), where
                strategies.add(usual.info.strategy)
        assert collection.count(where) == len(model.passing(where)), where
    assert len(collection.search(query, ROWS * 2)) == len(model)
    return strategies


def segment_of(collection: lw.Collection) -> Any:
    """The first segment, as searches see it."""
    with collection._viewing() as (_, view):
        return view.segments[0]


def part_of(collection: lw.Collection, where: str) -> Part:
    """What is selected of the first segment."""
    with collection._viewing() as (connection, view):
        return select(view, parse(where), connection).parts[0]


def test_what_is_searched_as_a_range(filled: tuple[lw.Collection, PlainStore]) -> None:
    collection, _ = filled
    collection.index_field("year", window=True)
    collection.seal()
    for where in RANGES:
        text = str(parse(where))
        plain = any(word in text for word in ("!=", "not year", " or year", "year in", "exists"))
        within = part_of(collection, where).within
        assert (within is None) == (plain or "year" not in text), text


def test_ranges_through_a_life(filled: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = filled
    for path in ("year", "price", "deep.score"):
        collection.index_field(path, window=True)
    agree(collection, model)
    collection.seal()
    assert "window" in agree(collection, model)
    more = make_rows(ROWS - 60, ROWS + 60, seed=1)  # old ones replaced, new ones in the tail
    collection.upsert(more)
    model.upsert(more)
    agree(collection, model)
    for where in ("year = 2004", "kind = 'b' and price < 100"):
        assert collection.delete(where=where) == model.delete(model.passing(where))
    agree(collection, model)
    with lw.open(collection.path, read_only=True, costs=GRAPH_FIRST) as reader:
        agree(reader, model)
    collection.seal()
    agree(collection, model)
    collection.compact()
    assert "window" in agree(collection, model)
    assert collection.check() == []
    collection.close()
    with lw.open(collection.path, costs=GRAPH_FIRST) as again:
        assert set(again.settings.windows) == {"year", "price", "deep.score"}
        agree(again, model)
        assert again.repair().remaining == []


def test_segments_are_built_anew_for_a_window(filled: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = filled
    collection.seal()
    assert segment_of(collection).windows == {}
    collection.index_field("year", window=True)
    agree(collection, model)  # whether it is built already or not
    collection.seal()
    segment = segment_of(collection)
    assert set(segment.windows["year"]) == set(FIELDS)
    # The first window is the index of its field, the second comes beside it.
    assert segment.windows["year"]["dense"] is segment.indexes["dense"]
    collection.index_field("price", window=True)
    collection.seal()
    segment = segment_of(collection)
    assert segment.windows["year"]["dense"] is segment.indexes["dense"]
    assert segment.windows["price"]["dense"] is not segment.indexes["dense"]
    agree(collection, model)
    assert collection.check() == []


def test_the_background_builds_what_is_missing(
    filled: tuple[lw.Collection, PlainStore],
) -> None:
    collection, _ = filled
    collection.seal()
    collection.index_field("year", window=True)
    deadline = time.monotonic() + 60
    while "year" not in segment_of(collection).windows:
        assert time.monotonic() < deadline, "nobody built the windows"
        time.sleep(0.01)


def test_without_windows_again(filled: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = filled
    collection.index_field("year", window=True)
    collection.seal()
    collection.index_field("year", window=False)
    assert collection.settings.windows == {}
    assert collection.settings.indexed == ("year",)
    assert part_of(collection, "year >= 2002").within is None
    agree(collection, model)
    collection.compact()
    assert segment_of(collection).windows == {}
    assert collection.info()["segments"][0]["indexes"] == dict.fromkeys(FIELDS, "graph")
    agree(collection, model)


def test_the_windows_of_one_vector_field(filled: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = filled
    collection.index_field("year", window=True, using="other")
    collection.index_field("price", window=True)
    collection.index_field("price")  # leaves what is there
    assert collection.settings.windows == {"year": ("other",), "price": ("dense", "other")}
    fields = collection.info()["metadata_fields"]
    assert fields["year"] == {"indexed": True, "windows": ["other"]}
    assert fields["kind"] == {"indexed": False, "windows": []}
    collection.seal()
    segment = segment_of(collection)
    assert set(segment.windows["year"]) == {"other"}
    assert segment.indexes["dense"] is segment.windows["price"]["dense"]
    assert segment.indexes["other"] is segment.windows["year"]["other"]
    agree(collection, model)


def test_the_narrower_of_two_ranges(filled: tuple[lw.Collection, PlainStore]) -> None:
    collection, _ = filled
    collection.index_field("year", window=True)
    collection.index_field("price", window=True)
    collection.seal()
    for where, path in [
        ("year >= 2002 and price < 20", "price"),
        ("year = 2002 and price < 250", "year"),
    ]:
        part = part_of(collection, where)
        assert part.within is not None
        assert part.within.path == path
        assert part.mask is not None  # the other range


def test_more_like_this_within_a_range(filled: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = filled
    collection.index_field("year", window=True)
    collection.seal()
    for id_ in (1, 2, 3):  # within the range, and not
        expected = model.answer(model.vector(id_, "dense"), "year > 2002 and year < 2006")
        expected.distances.pop(id_, None)
        found = collection.search({"id": id_}, 9, where="year > 2002 and year < 2006", exact=True)
        expected.must_be(found, 9, exact=True)
        assert found.info.matching == len(expected.distances)


def test_limits_within_a_range(filled: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = filled
    collection.index_field("year", window=True)
    collection.seal()
    query = model.vector(5, "dense")
    distances = model.answer(query, "year >= 2003").distances
    radius = float(np.median(list(distances.values()))) + 1e-7
    found = collection.search(query, None, radius=radius, where="year >= 2003", exact=True)
    assert set(found.ids) == {id_ for id_, distance in distances.items() if distance <= radius}


def test_a_batch_is_one_by_one(filled: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = filled
    collection.index_field("year", window=True)
    collection.seal()
    queries = np.stack([model.vector(i, "dense") for i in range(20)])
    batch = collection.search(queries, 5, where="year between 2002 and 2006")
    for query, found in zip(queries, batch, strict=True):
        single = collection.search(query, 5, where="year between 2002 and 2006")
        assert found.ids == single.ids
        np.testing.assert_array_equal(found.distances, single.distances)


def test_explain_weighs_and_measures(filled: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = filled
    collection.index_field("year", window=True)
    collection.seal()
    query = model.vector(5, "dense")
    info = collection.search(query, 3, where="year >= 2002", explain=True).info
    assert info.strategy == "window"
    assert {"exact", "window"} <= set(info.candidates)
    assert info.actual is not None
    assert 0 < info.actual < info.seconds
    collection.add(make_rows(ROWS, ROWS + 10))  # rows that only a scan can find
    both = collection.search(query, 3, where="year >= 2002", explain=True).info
    assert set(both.candidates) == set(info.candidates)
    assert all(both.candidates[name] > seconds for name, seconds in info.candidates.items())
    plain = collection.search(query, 3, where="year >= 2002").info
    assert (plain.candidates, plain.actual) == ({}, None)


# -- damage and age ------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [False, True], ids=["cut short", "gone"])
@pytest.mark.parametrize("kind", ["window", "window-1", "column-0", "rows"])
def test_damaged_files(filled: tuple[lw.Collection, PlainStore], kind: str, gone: bool) -> None:
    collection, model = filled
    collection.index_field("year", window=True)
    collection.index_field("price", window=True)
    collection.seal()
    collection.close()
    for file in (collection.path / "cache").glob(f"*.{kind}"):
        if gone:
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:-9])
    with (
        lw.open(collection.path, read_only=True, costs=GRAPH_FIRST) as reader,
        pytest.warns(CacheWarning, match=kind),
    ):
        agree(reader, model, RANGES[::4])
    with lw.open(collection.path, costs=GRAPH_FIRST) as writer:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CacheWarning)
            assert writer.check()
            report = writer.repair()
        assert (report.rebuilt, report.remaining) == (1, [])
        assert "window" in agree(writer, model, RANGES[::4])


def test_windows_of_another_version_are_built_anew(
    filled: tuple[lw.Collection, PlainStore],
) -> None:
    collection, model = filled
    collection.index_field("year", window=True)
    collection.seal()
    collection.close()
    for file in (collection.path / "cache").glob("*.window"):
        content = open_arrays(file)
        kept = {name: array.copy() for name, array in content.arrays.items()}
        save_arrays(file, kept, {**content.attributes, "format": 1})
    with lw.open(collection.path, costs=GRAPH_FIRST) as again:
        assert segment_of(again).outdated
        assert segment_of(again).windows == {"year": {}}
        agree(again, model)
        again.seal()
        assert not segment_of(again).outdated
        assert "window" in agree(again, model)


def test_a_manifest_from_before_windows(filled: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = filled
    collection.seal()
    collection.close()
    cache = collection.path / "cache"
    text = json.loads((cache / "manifest.json").read_text())
    for entry in text["manifest"]["segments"]:
        assert entry.pop("windows") == {}
    text["crc32"] = _checksum(text["manifest"])
    (cache / "manifest.json").write_text(json.dumps(text))
    with lw.open(collection.path, costs=GRAPH_FIRST) as again:
        assert again.check() == []
        agree(again, model)


def test_a_snapshot_has_the_windows(
    filled: tuple[lw.Collection, PlainStore], tmp_path: Path
) -> None:
    collection, model = filled
    collection.index_field("year", window=True)
    collection.index_field("price", window=True)
    collection.seal()
    collection.snapshot(tmp_path / "copy")
    with lw.open(tmp_path / "copy", read_only=True, costs=GRAPH_FIRST) as restored:
        assert set(segment_of(restored).windows) == {"year", "price"}
        assert "window" in agree(restored, model)


# -- errors --------------------------------------------------------------------------------


def test_what_index_field_refuses(filled: tuple[lw.Collection, PlainStore]) -> None:
    collection, _ = filled
    with pytest.raises(UnknownField, match="'yaer'"):
        collection.index_field("yaer", window=True)
    with pytest.raises(InvalidType, match="window must be True, False or None; got 1"):
        collection.index_field("year", window=1)  # type: ignore[arg-type]
    with pytest.raises(UnknownField, match="there are dense, other"):
        collection.index_field("year", window=True, using="thick")
    for window in (False, None):
        with pytest.raises(InvalidArgument, match="give window=True too"):
            collection.index_field("year", window=window, using="dense")
    with pytest.raises(InvalidArgument, match="names no vector field"):
        collection.index_field("year", window=True, using=[])
    assert collection.settings.indexed == ()
    with (
        lw.open(collection.path, read_only=True) as reader,
        pytest.raises(ReadOnly),
    ):
        reader.index_field("year", window=True)
    assert collection.count(F("year") >= 2002)
