"""Bad input: a clear error from the tree, and nothing lost or half written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likewise as lw
from likewise.errors import (
    CollectionClosed,
    CollectionExists,
    CollectionNotFound,
    DimensionMismatch,
    DuplicateId,
    InvalidArgument,
    InvalidFilter,
    InvalidMetadata,
    InvalidRow,
    InvalidType,
    InvalidVector,
    LikewiseError,
    NotACollection,
    ReadOnly,
    UnknownArgument,
    UnknownEncoder,
    UnknownField,
    UnknownMetric,
)

GOOD = {"id": "new", "vector": [1.0, 2.0]}


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[lw.Collection]:
    with lw.create(tmp_path / "docs", dim=2) as made:
        made.add(
            [
                {"id": "a", "vector": [1.0, 0.0], "year": 2020, "n": {"x": 1}},
                {"id": "b", "vector": [0.0, 1.0], "text": "hello", "tags": ["x"]},
            ]
        )
        yield made


def unchanged(collection: lw.Collection) -> None:
    assert [row["id"] for row in collection.rows()] == ["a", "b"]
    assert len(collection) == 2
    assert collection.search([1.0, 0.0]).ids == ["a", "b"]
    assert collection.check() == []


@pytest.mark.parametrize(
    ("bad", "error", "code", "words"),
    [
        ({"vector": [float("nan"), 1]}, InvalidVector, "invalid_vector", ["NaN", "dimension 0"]),
        ({"vector": [1, -np.inf]}, InvalidVector, "invalid_vector", ["infinity", "dimension 1"]),
        ({"vector": [1, 1e39]}, InvalidVector, "invalid_vector", ["1e+39", "32-bit"]),
        ({"vector": [1, 2, 3]}, DimensionMismatch, "dimension_mismatch", ["hold 2", "has 3"]),
        ({"vector": []}, DimensionMismatch, "dimension_mismatch", ["hold 2", "has 0"]),
        ({"vector": [0.0, -0.0]}, InvalidVector, "invalid_vector", ["zero", "cosine"]),
        ({"vector": "abc"}, InvalidRow, "invalid_row", ["flat list of numbers"]),
        ({"vector": [[1, 2]]}, InvalidRow, "invalid_row", ["flat list of numbers"]),
        ({"vector": None}, InvalidRow, "invalid_row", ["no vector", "no encoder"]),
        ({"vectors": {"other": [1, 2]}}, InvalidRow, "invalid_row", ["'other'", "dense"]),
        ({"vectors": {"dense": [1, 2]}}, InvalidRow, "invalid_row", ["both"]),
        ({"vectors": [1, 2]}, InvalidRow, "invalid_row", ["dict"]),
        ({"id": 1.5}, InvalidRow, "invalid_row", ["str or an int", "float"]),
        ({"id": True}, InvalidRow, "invalid_row", ["str or an int", "bool"]),
        ({"id": 2**63}, InvalidRow, "invalid_row", ["64 bits"]),
        ({"id": "\ud800"}, InvalidRow, "invalid_row", ["surrogate"]),
        ({"text": 5}, InvalidRow, "invalid_row", ["text", "int"]),
        ({"text": "\ud800"}, InvalidRow, "invalid_row", ["surrogate"]),
        ({"year": {1, 2}}, InvalidMetadata, "invalid_metadata", ["'year'", "set", "allowed"]),
        ({"year": object()}, InvalidMetadata, "invalid_metadata", ["'year'", "object"]),
        ({"year": float("nan")}, InvalidMetadata, "invalid_metadata", ["'year'", "None"]),
        ({"n": {"y": b"x"}}, InvalidMetadata, "invalid_metadata", ["'n.y'", "bytes"]),
        ({"tags": [["x"]]}, InvalidMetadata, "invalid_metadata", ["tags[0]", "list"]),
        ({"$gte": 3}, InvalidMetadata, "invalid_metadata", ["'$gte'", "rename"]),
        ({5: 3}, InvalidMetadata, "invalid_metadata", ["key 5", "strings"]),
        ({"n.x": 1, "n": {"x": 2}}, InvalidMetadata, "invalid_metadata", ["'n.x'", "twice"]),
    ],
)
@pytest.mark.parametrize("verb", ["add", "upsert"])
def test_bad_row(
    collection: lw.Collection,
    verb: str,
    bad: dict[Any, Any],
    error: type[LikewiseError],
    code: str,
    words: list[str],
) -> None:
    rows = [GOOD, {"id": "bad", "vector": [1.0, 1.0], **bad}]
    with pytest.raises(error) as caught:
        getattr(collection, verb)(rows)
    assert type(caught.value) is error
    assert caught.value.code == code
    assert caught.value.exit_status == 3
    message = str(caught.value)
    for word in ["'docs'", "row 1", *words]:
        assert word in message
    unchanged(collection)


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ({"id": 1, "vector": [1, 2]}, InvalidType, "put it in a list"),
        ("rows", InvalidType, "put it in a list"),
        (5, InvalidType, "iterable of dicts"),
        ([GOOD, None], InvalidType, "row 1"),
        ([[1.0, 2.0]], InvalidType, "key 'vector'"),
    ],
)
def test_no_rows(collection: lw.Collection, rows: Any, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        collection.add(rows)
    unchanged(collection)


def test_an_iterable_that_breaks(collection: lw.Collection) -> None:
    def rows() -> Iterator[dict]:
        yield GOOD
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        collection.add(rows())
    unchanged(collection)


@pytest.mark.parametrize("verb", ["add", "upsert"])
def test_an_id_twice_in_one_batch(collection: lw.Collection, verb: str) -> None:
    with pytest.raises(DuplicateId, match=r"'docs': id 'new' .* rows 0 and 2; nothing was") as it:
        getattr(collection, verb)([GOOD, {**GOOD, "id": 1}, GOOD])
    assert it.value.code == "duplicate_id"
    unchanged(collection)


def test_an_id_that_is_there(collection: lw.Collection) -> None:
    with pytest.raises(DuplicateId, match=r"'docs': id 'b' is there .* upsert"):
        collection.add([GOOD, {**GOOD, "id": "b"}])
    unchanged(collection)
    collection.add([{**GOOD, "id": 1}, {**GOOD, "id": "1"}])  # these are two
    with pytest.raises(DuplicateId, match="id 1 is there"):
        collection.add([{**GOOD, "id": 1}])
    assert len(collection) == 4


@pytest.mark.parametrize(
    ("where", "error", "code", "words"),
    [
        ("yaer > 3", UnknownField, "unknown_field", ["'yaer'", "year"]),
        ({"yaer": 3}, UnknownField, "unknown_field", ["'yaer'", "year"]),
        (lw.F("n") == 3, UnknownField, "unknown_field", ["'n'", "n.x"]),
        ({"year": {"$gte": 3, "$near": 4}}, InvalidFilter, "invalid_filter", ["$near", "$gte"]),
        ({"$xor": []}, InvalidFilter, "invalid_filter", ["$xor"]),
        ("year ~ 3", InvalidFilter, "invalid_filter", ["~", "5"]),
        ("year >= ", InvalidFilter, "invalid_filter", ["year >="]),
        ("(year >= 3", InvalidFilter, "invalid_filter", [")"]),
        ("year >= 3 and", InvalidFilter, "invalid_filter", ["and"]),
        ("tags = 'x", InvalidFilter, "invalid_filter", ["'"]),
        (5, InvalidFilter, "invalid_filter", ["5", "int"]),
        (["year"], InvalidFilter, "invalid_filter", ["list"]),
    ],
)
@pytest.mark.parametrize("verb", ["search", "count", "delete"])
def test_bad_filter(
    collection: lw.Collection, verb: str, where: Any, error: type, code: str, words: list[str]
) -> None:
    call = {
        "search": lambda: collection.search([1.0, 0.0], where=where),
        "count": lambda: collection.count(where),
        "delete": lambda: collection.delete(where=where),
    }[verb]
    with pytest.raises(error) as caught:
        call()
    assert caught.value.code == code
    assert caught.value.exit_status == 2
    for word in words:
        assert word in str(caught.value)
    if isinstance(where, str) and error is InvalidFilter:
        assert caught.value.position is not None
    unchanged(collection)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"k": 0}, InvalidArgument, "positive integer; got 0"),
        ({"k": -1}, InvalidArgument, "positive integer; got -1"),
        ({"k": 2.0}, InvalidType, "float"),
        ({"k": "3"}, InvalidType, "str"),
        ({"k": True}, InvalidType, "bool"),
        ({"k": None}, InvalidArgument, "radius"),
        ({"recall": 0}, InvalidArgument, "recall must be in"),
        ({"recall": 1.01}, InvalidArgument, "recall must be in"),
        ({"recall": float("nan")}, InvalidArgument, "recall must be in"),
        ({"recall": "high"}, InvalidType, "recall"),
        ({"radius": float("nan")}, InvalidArgument, "radius must be finite"),
        ({"radius": "near"}, InvalidType, "radius must be a number"),
        ({"min_score": 1.5}, InvalidArgument, "min_score must be at most 1"),
        ({"min_score": "good"}, InvalidType, "min_score must be a number"),
        ({"exact": 1}, InvalidType, "exact must be True or False"),
        ({"explain": "yes"}, InvalidType, "explain must be True or False"),
        ({"using": "sparse"}, UnknownField, "dense"),
        ({"using": ["dense", "sparse"]}, UnknownField, "dense"),
        ({"top_k": 3}, UnknownArgument, "did you mean 'k'"),
        ({"n_results": 3}, UnknownArgument, "did you mean 'k'"),
        ({"filter": "year > 3"}, UnknownArgument, "did you mean 'where'"),
        ({"score_threshold": 0.5}, UnknownArgument, "did you mean 'min_score'"),
        ({"fusion": "rrf"}, UnknownArgument, "did you mean 'fuse'"),
        ({"fuze": "rrf"}, UnknownArgument, "did you mean 'fuse'"),
        ({"usng": "dense"}, UnknownArgument, "did you mean 'using'"),
        ({"weigths": {}}, UnknownArgument, "did you mean 'weights'"),
        ({"cutof": "auto"}, UnknownArgument, "did you mean 'cutoff'"),
        ({"colour": "red"}, UnknownArgument, "it takes cutoff, depth"),
    ],
)
def test_bad_argument(
    collection: lw.Collection, options: dict, error: type[LikewiseError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        collection.search([1.0, 0.0], **options)
    assert type(caught.value) is error
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("query", "error", "words"),
    [
        ([1.0, np.nan], InvalidVector, "NaN"),
        ([1.0, np.inf], InvalidVector, "infinity"),
        ([1.0, 2.0, 3.0], DimensionMismatch, "hold 2 numbers"),
        ([[1.0, 2.0], [1.0]], DimensionMismatch, "row 1 has 1"),
        (np.ones((1, 1, 2)), DimensionMismatch, "shape"),
        ([0.0, 0.0], InvalidVector, "zero vector"),
        ([], InvalidArgument, "empty"),
        ({}, InvalidArgument, "'id'"),
        ({"id": "a", "k": 3}, InvalidArgument, "'id'"),
        ({"id": "missing"}, InvalidArgument, "no row with id 'missing'"),
        ({"id": 1.5}, InvalidRow, "str or an int"),
        ("hello", InvalidArgument, "no encoder"),
        (["hello"], InvalidArgument, "no encoder"),
        (["hello", 1.0], InvalidType, "numbers"),
        (None, InvalidType, "NoneType"),
        (5, InvalidType, "int"),
        (b"ab", InvalidType, "bytes"),
        ({1.0, 2.0}, InvalidType, "set"),
    ],
)
def test_bad_query(
    collection: lw.Collection, query: Any, error: type[LikewiseError], words: str
) -> None:
    with pytest.raises(error, match=words):
        collection.search(query)


def test_bad_ids(collection: lw.Collection) -> None:
    for ids in (1.5, None, True, {"id": "a"}):
        with pytest.raises(InvalidType, match="ids"):
            collection.get(ids)
    with pytest.raises(InvalidRow, match="float"):
        collection.delete(["a", 1.5])
    with pytest.raises(InvalidArgument, match=r"ids= or where="):
        collection.delete()
    for nothing in ("", {}):
        with pytest.raises(InvalidArgument, match=r"ids= or where="):
            collection.delete(where=nothing)
    assert collection.delete(["never", 5]) == 0
    unchanged(collection)


def test_bad_settings(collection: lw.Collection) -> None:
    with pytest.raises(UnknownField, match="there are"):
        collection.index_field("yaer")
    with pytest.raises(InvalidType, match="name of a field"):
        collection.index_field(5)
    with pytest.raises(InvalidType, match="True or False"):
        collection.log_queries("yes")
    unchanged(collection)


READING = {
    "search": lambda c: c.search([1.0, 0.0]),
    "count": lambda c: c.count("year >= 3"),
    "get": lambda c: c.get("a"),
    "rows": lambda c: list(c.rows()),
    "check": lambda c: c.check(),
    "info": lambda c: c.info(),
    "recall": lambda c: c.recall(1),
}
WRITING = {
    "add": lambda c: c.add([GOOD]),
    "upsert": lambda c: c.upsert([GOOD]),
    "delete": lambda c: c.delete("a"),
    "delete where": lambda c: c.delete(where="year = 2020"),
    "seal": lambda c: c.seal(),
    "repair": lambda c: c.repair(),
    "compact": lambda c: c.compact(),
    "index_field": lambda c: c.index_field("year"),
    "log_queries": lambda c: c.log_queries(True),
}


@pytest.mark.parametrize("name", list(WRITING))
def test_read_only(collection: lw.Collection, name: str) -> None:
    collection.close()
    before = (collection.path / "data.sqlite").read_bytes()
    with lw.open(collection.path, read_only=True) as reader:
        assert reader.read_only
        for read in READING.values():
            read(reader)
        with pytest.raises(ReadOnly, match=r"'docs' was opened with read_only=True") as caught:
            WRITING[name](reader)
        assert (caught.value.code, caught.value.exit_status) == ("read_only", 2)
        unchanged(reader)
    assert (collection.path / "data.sqlite").read_bytes() == before


@pytest.mark.parametrize("name", [*READING, *WRITING])
def test_closed(collection: lw.Collection, name: str) -> None:
    collection.close()
    collection.close()
    with pytest.raises(CollectionClosed, match="'docs' is closed; open it again") as caught:
        (READING | WRITING)[name](collection)
    assert caught.value.code == "collection_closed"
    assert "closed" in repr(collection)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, InvalidArgument, "needs dim="),
        ({"dim": 0}, InvalidArgument, "dim must be at least 1"),
        ({"dim": 2.5}, InvalidType, "dim must be an integer"),
        ({"dim": 2, "metric": "cosinus"}, UnknownMetric, "cosine, euclidean"),
        ({"encoder": "word2vec"}, UnknownEncoder, "minilm"),
        ({"encoder": 5}, InvalidType, "encoder"),
        ({"encoder": "hashing", "dim": 3}, InvalidArgument, "leave dim out"),
        ({"dim": 2, "recall": 0}, InvalidArgument, "recall"),
        ({"dim": 2, "random_state": -1}, InvalidArgument, "random_state"),
        ({"dim": 2, "log_queries": 1}, InvalidType, "log_queries"),
        ({"dim": 2, "timeout": "long"}, InvalidType, "timeout"),
        ({"fields": {}}, InvalidArgument, "at least one"),
        ({"fields": [1]}, InvalidType, "dict"),
        ({"fields": {"a": 3}}, InvalidType, "VectorField"),
        ({"fields": {"text": lw.VectorField(2)}}, InvalidArgument, "cannot name"),
        ({"fields": {"a b": lw.VectorField(2)}}, InvalidArgument, "cannot name"),
        ({"fields": {"a": lw.VectorField(2)}, "dim": 2}, InvalidArgument, "not both"),
        ({"dimension": 2}, UnknownArgument, "did you mean 'dim'"),
        ({"dim": 2, "space": "cosine"}, UnknownArgument, "did you mean 'metric'"),
    ],
)
def test_create(tmp_path: Path, options: dict, error: type[LikewiseError], words: str) -> None:
    with pytest.raises(error, match=words):
        lw.create(tmp_path / "new", **options)
    assert list(tmp_path.iterdir()) == []


def test_create_where_something_is(collection: lw.Collection, tmp_path: Path) -> None:
    with pytest.raises(CollectionExists, match="use open") as caught:
        lw.create(collection.path, dim=2)
    assert caught.value.code == "collection_exists"
    unchanged(collection)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "letter").write_text("mine")
    for taken in ("file", "folder"):
        with pytest.raises(NotACollection, match="something else"):
            lw.create(tmp_path / taken, dim=2)
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "letter").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    lw.create(tmp_path / "empty", dim=2).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["docs", "empty", "file", "folder"]


def test_open_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CollectionNotFound, match="make one with create") as caught:
        lw.open(tmp_path / "missing")
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.code == "collection_not_found"
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    for other in ("folder", "file"):
        with pytest.raises(NotACollection, match="holds no collection") as it:
            lw.open(tmp_path / other)
        assert (it.value.code, it.value.exit_status) == ("not_a_collection", 3)
    assert list((tmp_path / "folder").iterdir()) == []
    for wrong in (5, None, b"docs"):
        with pytest.raises(InvalidType, match="path"):
            lw.open(wrong)


def test_snapshot_and_restore(collection: lw.Collection, tmp_path: Path) -> None:
    copy = collection.snapshot(tmp_path / "copy")
    with pytest.raises(CollectionExists, match="there already"):
        collection.snapshot(copy)
    with pytest.raises(CollectionExists, match="there already"):
        lw.restore(copy, collection.path)
    with pytest.raises(CollectionNotFound):
        lw.restore(tmp_path / "missing", tmp_path / "new")
    with pytest.raises(NotACollection):
        lw.restore(tmp_path, tmp_path / "new")
    with pytest.raises(InvalidType, match="path"):
        collection.snapshot(5)
    assert not (tmp_path / "new").exists()
    unchanged(collection)


def test_odd_values_that_are_fine(collection: lw.Collection) -> None:
    """What looks like bad input and is none."""
    row = {
        **GOOD,
        "day": dt.date(1, 1, 1),
        "now": dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        "huge": 10**30,
        "empty": "",
        "none": None,
        "list": [],
        "a.b": 1,
        "Ünïcode 🙂": "🙂\0",
        "text": "\0",
        "id": "",
    }
    collection.add([row])
    (back,) = collection.get("")
    assert {k: v for k, v in back.items() if k != "vector"} == {
        k: v for k, v in row.items() if k != "vector"
    }
