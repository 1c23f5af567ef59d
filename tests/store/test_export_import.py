"""What is exported comes back as it was; what is refused is named, set aside, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import (
    DimensionMismatch,
    DuplicateId,
    InvalidArgument,
    InvalidFile,
    InvalidMetadata,
    InvalidRow,
    MissingExtra,
    StorageFailed,
)
from likewise.store.importing import import_rows
from likewise.store.readers import read_records
from likewise.store.writers import WRITERS, export_rows

Rows = list[dict[str, Any]]

# -- rows like those a collection holds ---------------------------------------------

texts = st.text(st.characters(), max_size=8)  # half surrogate pairs too
ids = st.one_of(st.integers(-(2**63), 2**63 - 1), texts)
scalars = st.one_of(
    texts,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(dt.UTC)),
)
keys = st.sampled_from(["year", "lang", "$date", "$$datetime", "a b", "ü"])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(st.one_of(inner, st.none()), max_size=3),
        st.dictionaries(keys, st.one_of(inner, st.none()), max_size=3),
    ),
    max_leaves=5,
)
vectors = st.lists(
    st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3
)


@st.composite
def row_lists(draw: st.DrawFn) -> Rows:
    rows: Rows = []
    for id in draw(st.lists(ids, unique_by=lambda id: (type(id), id), max_size=6)):
        row = {"id": id, **draw(st.dictionaries(keys, values, max_size=4))}
        row["vectors"] = {"dense": np.array(draw(vectors), dtype=np.float32)}
        if draw(st.booleans()):
            row["text"] = draw(texts)
        rows.append(row)
    return rows


def comparable(row: dict[str, Any]) -> Any:
    """The row with arrays as lists and each value with its type, where types must stay."""

    def walk(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return walk(np.asarray(value, dtype=np.float32).tolist())
        if isinstance(value, dict):
            return {key: walk(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        # An integer among floats may come back as the float that equals it.
        kind = "number" if type(value) in (int, float) else type(value).__name__
        return kind, value

    return walk(row)


def read_back(path: Path) -> list[Any]:
    return [comparable(record.row or {}) for record in read_records(path)]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
@settings(max_examples=60, deadline=None)
@given(rows=row_lists())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, suffix: str, rows: Rows) -> None:
    file = tmp_path_factory.mktemp("out") / f"rows{suffix}"
    report = export_rows(iter(rows), file)
    assert report.rows == len(rows)
    assert report.bytes == file.stat().st_size
    assert read_back(file) == [comparable(row) for row in rows]
    assert [type(r.row["id"]) for r in read_records(file) if r.row] == [type(r["id"]) for r in rows]
    assert list(file.parent.iterdir()) == [file]  # nothing is left beside it


@settings(max_examples=30, deadline=None)
@given(rows=row_lists())
def test_npy_keeps_ids_and_vectors(tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> None:
    file = tmp_path_factory.mktemp("out") / "rows.npy"
    report = export_rows(rows, file)
    assert report.files == [str(file), str(file.with_name("rows.ids.jsonl"))]
    back = [record.row or {} for record in read_records(file)]
    assert [row["id"] for row in back] == [row["id"] for row in rows]
    for row, original in zip(back, rows, strict=True):
        np.testing.assert_array_equal(row["vector"], original["vectors"]["dense"])


def test_parquet_columns_are_what_other_tools_expect(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    rows = [
        {"id": "a", "vector": [1.0, 2.0], "year": 2020, "price": 1, "mixed": 1, "day": None},
        {"id": "b", "vector": [1.0, 2.0], "year": None, "price": 2.5, "mixed": "x"},
    ]
    export_rows(rows, tmp_path / "a.parquet")
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert schema.field("vector").type == pa.list_(pa.float32(), 2)
    assert schema.field("year").type == pa.int64()
    assert schema.field("price").type == pa.float64()
    assert schema.field("mixed").type == pa.string()
    assert schema.field("mixed").metadata[b"likewise"] == b"json"


def test_large_integers_among_floats_stay_exact(tmp_path: Path) -> None:
    rows = [{"id": 1, "n": 2**60 + 1, "m": 2**70}, {"id": 2, "n": 0.5, "m": 1}]
    export_rows(rows, tmp_path / "a.parquet")
    assert read_back(tmp_path / "a.parquet") == [comparable(row) for row in rows]


# -- writing: whole or not at all ---------------------------------------------------


def breaking(rows: Rows) -> Iterator[dict[str, Any]]:
    yield from rows
    raise RuntimeError("the walk broke off")


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_a_failed_export_leaves_the_old_file(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    export_rows([{"id": 1, "vector": [1.0]}], file)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(RuntimeError):
        export_rows(breaking([{"id": 2, "vector": [2.0]}]), file, overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(InvalidArgument, match="exists"):
        export_rows([], file)
    assert export_rows([], file, overwrite=True).rows == 0
    assert list(read_records(file)) == []


def test_export_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgument, match=r"ending in \.parquet, .*got \.csv"):
        export_rows([], tmp_path / "a.csv")
    with pytest.raises(InvalidArgument, match="does not exist"):
        export_rows([], tmp_path / "no" / "a.jsonl")
    with pytest.raises(InvalidArgument, match="keeps all fields"):
        export_rows([], tmp_path / "a.jsonl", using="dense")
    with pytest.raises(InvalidMetadata, match="row 1 cannot be written as JSON"):
        export_rows([{"id": 1, "x": float("nan")}], tmp_path / "a.jsonl")
    with pytest.raises(InvalidMetadata, match="keys must be strings"):
        export_rows([{"id": 1, "x": {1: 2}}], tmp_path / "a.jsonl")
    with pytest.raises(InvalidMetadata, match="also the column of the vector field"):
        export_rows([{"id": 1, "vectors.a": 1, "vectors": {"a": [1.0]}}], tmp_path / "a.parquet")
    two = {"id": 1, "vectors": {"a": [1.0], "b": [2.0]}}
    with pytest.raises(InvalidArgument, match="the row has a, b; choose one"):
        export_rows([two], tmp_path / "a.npy")
    assert export_rows([two], tmp_path / "a.npy", using="b").rows == 1
    with pytest.raises(InvalidRow, match="expected 1 numbers"):
        export_rows([{"id": 1, "vector": [1]}, {"id": 2, "vector": [1, 2]}], tmp_path / "b.npy")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageFailed, match="No space left"):
        export_rows([{"id": 1}], tmp_path / "c.jsonl")
    assert not (tmp_path / "c.jsonl").exists()
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match="arrow"):
        export_rows([{"id": 1}], tmp_path / "a.parquet")


def test_export_reports_progress(tmp_path: Path) -> None:
    seen: list[int] = []
    export_rows(({"id": i} for i in range(2500)), tmp_path / "a.jsonl", progress=seen.append)
    assert seen == [1000, 2000, 2500]


# -- importing ----------------------------------------------------------------------


class Plain:
    """A collection as a dict: whole batches or nothing, unique ids, no text of one letter."""

    def __init__(self) -> None:
        self.rows: dict[Any, dict[str, Any]] = {}
        self.calls = 0

    def add(self, rows: Iterable[dict[str, Any]], /) -> list[Any]:
        return self._write(list(rows), replace=False)

    def upsert(self, rows: Iterable[dict[str, Any]], /) -> list[Any]:
        return self._write(list(rows), replace=True)

    def _write(self, rows: Rows, replace: bool) -> list[Any]:
        self.calls += 1
        fresh: dict[Any, dict[str, Any]] = {}
        for row in rows:
            id = row.get("id", f"made-{len(self.rows) + len(fresh)}")
            if id in fresh or (not replace and id in self.rows):
                raise DuplicateId(f"id {id!r} is there already")
            if len(row.get("text", "long")) < 2:
                raise DimensionMismatch("too short")
            fresh[id] = row
        self.rows.update(fresh)
        return list(fresh)


def jsonl(path: Path, rows: Iterable[Any]) -> Path:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("\n".join(lines))
    return path


def test_import_adds_in_batches_and_reports(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", ({"id": i, "text": f"text {i}"} for i in range(25)))
    col, seen = Plain(), []
    report = import_rows(col, file, batch_size=10, progress=lambda *step: seen.append(step))
    assert (report.added, report.rejected, report.rejects, col.calls) == (25, 0, None, 3)
    assert [rows for rows, _ in seen] == [10, 20, 25]
    assert seen[-1][1] == 1.0
    assert list(col.rows) == list(range(25))
    assert report.to_dict()["added"] == 25


def test_import_stops_at_the_bad_row_and_says_how_to_go_on(tmp_path: Path) -> None:
    file = jsonl(
        tmp_path / "a.jsonl", ({"id": i, "text": "x" if i == 17 else "long"} for i in range(40))
    )
    col = Plain()
    with pytest.raises(DimensionMismatch) as caught:
        import_rows(col, file, batch_size=10)
    message = str(caught.value)
    assert message.startswith(
        f"{file}, line 18: too short. The 17 rows before it in the file were added"
    )
    assert "upsert=True" in message
    assert list(col.rows) == list(range(17))  # all before it, none after
    file.write_text(file.read_text().replace('"x"', '"mended"'))
    assert import_rows(col, file, batch_size=10, upsert=True).added == 40
    assert list(col.rows) == list(range(40))


def test_rows_without_ids_go_on_by_skipping(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", ({"text": "x" if i == 5 else "long"} for i in range(8)))
    col = Plain()
    with pytest.raises(DimensionMismatch, match="run again with skip=5"):
        import_rows(col, file, batch_size=4)
    file.write_text(file.read_text().replace('"x"', '"mended"'))
    report = import_rows(col, file, batch_size=4, skip=5)
    assert (report.added, report.skipped, len(col.rows)) == (3, 5, 8)


def test_the_message_when_the_first_row_is_bad(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"line 1: expected a JSON .*Nothing was added"):
        import_rows(Plain(), jsonl(tmp_path / "a.jsonl", ["{", {"id": 1}]))


@settings(max_examples=40, deadline=None)
@given(bad=st.sets(st.integers(0, 59)), broken=st.sets(st.integers(0, 59)), size=st.integers(1, 70))
def test_skip_bad_sets_aside_the_bad_ones_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, bad: set[int], broken: set[int], size: int
) -> None:
    folder = tmp_path_factory.mktemp("in")
    rows = (
        "{" if i in broken else {"id": i, "text": "x" if i in bad else "long"} for i in range(60)
    )
    file = jsonl(folder / "a.jsonl", rows)
    col = Plain()
    rejects = folder / "out.jsonl"
    report = import_rows(col, file, batch_size=size, skip_bad=True, rejects=rejects)
    assert list(col.rows) == [i for i in range(60) if i not in bad | broken]
    assert (report.added, report.rejected) == (len(col.rows), len(bad | broken))
    assert rejects.exists() == bool(bad | broken)
    if rejects.exists():
        found = [json.loads(line) for line in rejects.read_text().splitlines()]
        assert {line["place"] for line in found} == {f"{file}, line {i + 1}" for i in bad | broken}
        lines = file.read_text().splitlines()
        assert all(line["raw"] in lines for line in found)


def test_rejects_stand_beside_the_file_and_carry_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"id,text,day\n1,ok,2024-05-01\n2,x,2024-05-02\n3,\xff,\n1,again,\n")
    report = import_rows(Plain(), file, skip_bad=True)
    assert (report.added, report.rejected) == (1, 3)
    assert report.rejects == str(tmp_path / "a.csv.rejects.jsonl")
    found = [json.loads(line) for line in Path(report.rejects).read_text().splitlines()]
    assert sorted(line["place"].rpartition(" ")[2] for line in found) == ["3", "4", "5"]
    by_line = {line["place"][-1]: line for line in found}
    assert by_line["3"]["raw"] == {"id": 2, "text": "x", "day": "2024-05-02"}
    assert by_line["3"]["error"] == "too short"
    assert "there already" in by_line["5"]["error"]


def test_errors_that_are_not_about_a_row_pass(tmp_path: Path) -> None:
    class Full(Plain):
        def add(self, rows: Iterable[dict[str, Any]], /) -> list[Any]:
            raise StorageFailed("the disk is full")

    file = jsonl(tmp_path / "a.jsonl", [{"id": 1}, {"id": 2}])
    with pytest.raises(StorageFailed):
        import_rows(Full(), file, skip_bad=True)
    assert not (tmp_path / "a.jsonl.rejects.jsonl").exists()


def test_import_arguments(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", [{"key": "a", "title": "long"}, {"title": "long"}])
    with pytest.raises(
        InvalidArgument, match="expected a column 'name' to take as 'id'; the rows have"
    ):
        import_rows(Plain(), file, id="name")
    with pytest.raises(InvalidRow, match=r"line 2: column 'key' holds no id"):
        import_rows(Plain(), file, id="key")
    with pytest.raises(InvalidArgument, match="only with skip_bad=True"):
        import_rows(Plain(), file, rejects="x")
    with pytest.raises(InvalidArgument, match="batch_size"):
        import_rows(Plain(), file, batch_size=0)
    with pytest.raises(StorageFailed, match="rejects cannot be written"):
        import_rows(Plain(), file, id="key", skip_bad=True, rejects=tmp_path)
    col = Plain()
    assert import_rows(col, file, text="title", rename={"key": None}).added == 2
    assert all(row == {"text": "long"} for row in col.rows.values())
