"""Each file format gives the rows it holds, and names the place of each that it does not."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidFile, MissingExtra
from likewise.store.readers import READERS, Columns, read_records


def rows_of(path: Path, **columns: Any) -> list[dict[str, Any]]:
    records = list(read_records(path, Columns(**columns)))
    assert all(record.error is None for record in records)
    fractions = [record.fraction for record in records]
    assert fractions == sorted(fractions)
    assert all(0 <= fraction <= 1 for fraction in fractions)
    return [record.row or {} for record in records]


def problems(path: Path) -> list[str]:
    return [str(record.error) for record in read_records(path) if record.error is not None]


# -- JSON Lines ---------------------------------------------------------------------


def test_jsonl_keeps_types_dates_and_nulls(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(
        '\ufeff{"id": 1, "day": {"$date": "2024-05-01"}, "nested": {"a": [1, 2.5]}}\n'
        "\n"
        '{"id": "1", "none": null}\n',
        encoding="utf-8",
    )
    assert rows_of(file) == [
        {"id": 1, "day": dt.date(2024, 5, 1), "nested": {"a": [1, 2.5]}},
        {"id": "1", "none": None},
    ]


def test_gzipped_jsonl_reads_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"id": 1}\n{"id": 2}\n'))
    assert rows_of(file) == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{oops}", "expected a JSON object"),
        (b"[1, 2]", "got a list"),
        (b'{"x": NaN}', "NaN is no JSON number"),
        (b'{"x": "\xff"}', "not UTF-8 text at byte 7"),
        (b'{"day": {"$date": "May"}}', "ISO text"),
        (b"[" * 100_000, "expected a JSON object"),
    ],
)
def test_a_broken_line_is_named_and_the_rest_read(tmp_path: Path, line: bytes, says: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"id": 1}\n' + line + b'\n{"id": 3}\n')
    records = list(read_records(file))
    assert [record.row for record in records] == [{"id": 1}, None, {"id": 3}]
    assert str(records[1].error).startswith(f"{file}, line 2: ")
    assert says in str(records[1].error)
    assert isinstance(records[1].error, InvalidFile)


def test_damaged_gzip_is_an_error_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    lines = b"".join(
        b'{"id": %d, "x": "%s"}\n' % (i, os.urandom(30).hex().encode()) for i in range(5000)
    )
    file.write_bytes(gzip.compress(lines)[:-2000])
    with pytest.raises(InvalidFile, match=r"a\.jsonl\.gz: the gzip data is damaged after line \d+"):
        list(read_records(file))


# -- CSV ----------------------------------------------------------------------------


def test_csv_types_hold_for_whole_columns(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(
        "id,text,year,price,ok,day,at,code,mixed,empty,vector\n"
        'a,12,2020,1,true,2024-05-01,2024-05-01T10:00:00Z,007,1,,"[0.5, 1]"\n'
        'b,,1999,2.5,FALSE,2023-01-31,2024-05-01T11:30:00Z,8,x,,"[1, 2]"\n'
        '"c","two\nlines",,,,,,,,,\n'
    )
    assert rows_of(file) == [
        {
            "id": "a", "text": "12", "year": 2020, "price": 1.0, "ok": True,
            "day": dt.date(2024, 5, 1), "at": dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC),
            "code": "007", "mixed": "1", "vector": [0.5, 1],
        },
        {
            "id": "b", "year": 1999, "price": 2.5, "ok": False, "day": dt.date(2023, 1, 31),
            "at": dt.datetime(2024, 5, 1, 11, 30, tzinfo=dt.UTC), "code": "8", "mixed": "x",
            "vector": [1, 2],
        },
        {"id": "c", "text": "two\nlines"},
    ]  # fmt: skip
    assert isinstance(rows_of(file)[0]["price"], float)


def test_csv_numbers_that_no_number_holds_stay_strings(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("long,huge,day,arabic\n12345678901234567890123,1e999,2024-02-31,\u0661\n")
    assert rows_of(file) == [
        {
            "long": "12345678901234567890123",  # a float would lose digits
            "huge": "1e999",
            "day": "2024-02-31",
            "arabic": "\u0661",
        }
    ]


def test_csv_text_longer_than_the_csv_module_likes(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"text\n{'x' * 200_000}\n")
    assert len(rows_of(file)[0]["text"]) == 200_000


def test_tsv_and_gzip_and_the_text_column_by_another_name(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv.gz"
    file.write_bytes(gzip.compress(b"key\ttitle\n1\t2\n"))
    assert rows_of(file, id="key", text="title") == [{"id": 1, "text": "2"}]


def test_csv_broken_lines_are_named_by_where_they_start(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b'id,text\na,"x\ny"\nb\nc,\xff\nd,ok\ne,"open')
    found = problems(file)
    assert len(found) == 3
    assert "line 4: expected 2 cells, as in the header; got 1" in found[0]
    assert "line 5: column 'text' is not UTF-8 text" in found[1]
    assert "line 7: not CSV" in found[2]


def test_csv_vector_that_is_no_list(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id,vector\n1,0.5\n")
    assert "expected a vector as a JSON list" in problems(file)[0]


@pytest.mark.parametrize(("content", "says"), [("", "got nothing"), ("a,a\n", "named twice")])
def test_csv_needs_a_header(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(content)
    with pytest.raises(InvalidFile, match=says):
        list(read_records(file))


# -- arrays -------------------------------------------------------------------------


def test_npy_rows_are_numbered(tmp_path: Path) -> None:
    X = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.save(tmp_path / "a.npy", X)
    rows = rows_of(tmp_path / "a.npy")
    assert [row["id"] for row in rows] == [0, 1, 2, 3]
    np.testing.assert_array_equal([row["vector"] for row in rows], X)


def test_npy_takes_the_ids_beside_it(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(2))
    (tmp_path / "a.ids.jsonl").write_text('"x"\n7\n')
    assert [row["id"] for row in rows_of(tmp_path / "a.npy")] == ["x", 7]


@pytest.mark.parametrize(
    ("ids", "says"),
    [('"x"\n', "one id for each of the 2 rows"), ('"x"\n{\n', "line 2: expected an id")],
)
def test_npy_ids_that_do_not_fit(tmp_path: Path, ids: str, says: str) -> None:
    np.save(tmp_path / "a.npy", np.eye(2))
    (tmp_path / "a.ids.jsonl").write_text(ids)
    with pytest.raises(InvalidFile, match=says):
        list(read_records(tmp_path / "a.npy"))


@pytest.mark.parametrize("array", [np.zeros(3), np.array([["a", "b"]]), np.zeros((1, 2, 3))])
def test_npy_of_no_vectors(tmp_path: Path, array: Any) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InvalidFile, match="expected vectors as an"):
        list(read_records(tmp_path / "a.npy"))


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_neither_pickles_nor_rubbish_are_read(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    file.write_bytes(b"\x80\x04rubbish")
    with pytest.raises(InvalidFile, match=f"not an? {suffix} file"):
        list(read_records(file))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidFile):
        list(read_records(tmp_path / "objects.npy"))


def test_npz_columns_become_metadata(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz",
        X=np.eye(2),
        ids=np.array(["a", "b"]),
        year=np.array([2020, 2021]),
        rating=np.array([0.5, np.nan]),
        day=np.array(["2024-05-01", "NaT"], dtype="datetime64[D]"),
        at=np.array(["2024-05-01T10:00", "2024-05-01T11:00"], dtype="datetime64[ns]"),
    )
    first, second = rows_of(tmp_path / "a.npz")
    np.testing.assert_array_equal(first.pop("vector"), [1, 0])
    assert first == {
        "id": "a", "year": 2020, "rating": 0.5, "day": dt.date(2024, 5, 1),
        "at": dt.datetime(2024, 5, 1, 10),
    }  # fmt: skip
    assert second.keys() == {"id", "vector", "year", "at"}


def test_npz_without_ids_is_numbered_and_odd_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", emb=np.eye(2), odd=np.zeros(3))
    assert [r["id"] for r in rows_of(tmp_path / "a.npz", vector="emb", rename={"odd": None})] == [
        0,
        1,
    ]
    with pytest.raises(InvalidFile, match="array 'odd': expected 2 values"):
        rows_of(tmp_path / "a.npz", vector="emb")
    with pytest.raises(InvalidFile, match="expected the vectors in an array called vector or"):
        rows_of(tmp_path / "a.npz")


@pytest.mark.parametrize(("suffix", "dtype"), [(".fvecs", "<f4"), (".bvecs", "u1")])
def test_vecs(tmp_path: Path, suffix: str, dtype: str) -> None:
    X = np.arange(15).reshape(5, 3).astype(dtype)
    head = np.array([3], dtype="<i4").tobytes()
    file = tmp_path / f"a{suffix}"
    file.write_bytes(b"".join(head + row.tobytes() for row in X))
    rows = rows_of(file)
    assert [row["id"] for row in rows] == list(range(5))
    np.testing.assert_array_equal([row["vector"] for row in rows], X)

    file.write_bytes(file.read_bytes()[:-1])
    records = list(read_records(file))
    assert len(records) == 5
    assert "record 4: the file breaks off" in str(records[4].error)


def test_vecs_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "a.fvecs"
    file.write_bytes(b"\xff\xff\xff\x7f1234")
    with pytest.raises(InvalidFile, match="each after its number of dimensions"):
        list(read_records(file))
    head = np.array([1], dtype="<i4").tobytes()
    file.write_bytes(head + b"1234" + b"\x02\0\0\0" + b"1234")
    with pytest.raises(InvalidFile, match="record 1: expected 1 dimensions as in record 0; got 2"):
        list(read_records(file))
    file.write_bytes(b"")
    assert rows_of(file) == []


# -- a folder -----------------------------------------------------------------------


def test_folder_of_texts(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.md").write_text("zwei ü", encoding="utf-8")
    (tmp_path / "a.txt").write_text("eins")
    (tmp_path / ".hidden").write_text("no")
    (tmp_path / "link.txt").symlink_to(tmp_path / "a.txt")
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    os.utime(tmp_path / "a.txt", (86400, 86400))
    records = list(read_records(tmp_path))
    assert [record.row and record.row["id"] for record in records] == ["a.txt", None, "b/two.md"]
    assert records[0].row == {
        "id": "a.txt", "text": "eins", "path": "a.txt", "bytes": 4, "modified": dt.date(1970, 1, 2),
    }  # fmt: skip
    assert (records[2].row or {})["bytes"] == 7
    assert "image.png: not UTF-8 text" in str(records[1].error)


def test_a_collection_is_no_folder_of_texts(tmp_path: Path) -> None:
    (tmp_path / "data.sqlite").write_bytes(b"")
    with pytest.raises(InvalidFile, match="is a collection"):
        list(read_records(tmp_path))


# -- Parquet ------------------------------------------------------------------------


def test_parquet_keeps_types(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import decimal

    import pyarrow.parquet as pq

    at = dt.datetime(2024, 5, 1, 10, 0, 0, 5)
    table = pa.table(
        {
            "id": pa.array(["a", "b"]).dictionary_encode(),
            "emb": pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float16(), 2)),
            "year": pa.array([2020, None]),
            "day": pa.array([dt.date(2024, 5, 1), None]),
            "at": pa.array([at, at], pa.timestamp("ns")),
            "zoned": pa.array([at, None], pa.timestamp("ms", tz="Europe/Berlin")),
            "price": pa.array([decimal.Decimal("1.50"), None]),
            "rating": pa.array([float("nan"), 0.5]),
            "tags": pa.array([["x", "y"], []]),
            "deep": pa.array([{"a": 1, "b": None}, {"a": 2, "b": "z"}]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    first, second = rows_of(tmp_path / "a.parquet")
    assert first.pop("vector").tolist() == [1, 2]
    zoned = first.pop("zoned")
    assert zoned == at.replace(microsecond=0, tzinfo=dt.UTC)
    assert first == {
        "id": "a", "year": 2020, "day": dt.date(2024, 5, 1), "at": at, "price": 1.5,
        "tags": ["x", "y"], "deep": {"a": 1},
    }  # fmt: skip
    assert type(first["at"]) is dt.datetime
    assert second.keys() == {"id", "vector", "at", "rating", "tags", "deep"}


def test_parquet_list_columns_are_vectors_by_name_only(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"emb": [[1.0, 2.0]], "other": [[1, 2]]}), tmp_path / "a.parquet")
    assert rows_of(tmp_path / "a.parquet") == [{"emb": [1.0, 2.0], "other": [1, 2]}]
    (row,) = rows_of(tmp_path / "a.parquet", vector="emb", rename={"other": "vectors.second"})
    assert row["vector"].tolist() == [1, 2]
    assert row["vectors"]["second"].tolist() == [1, 2]


def test_parquet_errors(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    file = tmp_path / "a.parquet"
    file.write_bytes(b"PAR1 no")
    with pytest.raises(InvalidFile, match="not Parquet, or damaged"):
        list(read_records(file))
    pq.write_table(pa.table({"id": [1], "blob": [b"x"]}), file)
    with pytest.raises(InvalidFile, match=r"column 'blob': expected .*; got binary; leave it out"):
        list(read_records(file))
    assert rows_of(file, rename={"blob": None}) == [{"id": 1}]
    marked = pa.field("x", pa.string(), metadata={"likewise": "json"})
    pq.write_table(pa.table([["{"]], schema=pa.schema([marked])), file)
    assert "row 1: column 'x': expected JSON" in problems(file)[0]


def test_parquet_without_pyarrow_names_the_install_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.parquet").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'likewise\[arrow\]'"):
        list(read_records(tmp_path / "a.parquet"))


# -- what all have in common --------------------------------------------------------


def test_missing_and_unknown_files(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="there is no such file"):
        list(read_records(tmp_path / "nothing.csv"))
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(InvalidFile, match=r"ending in \.parquet, .*got \.xlsx") as caught:
        list(read_records(tmp_path / "a.xlsx"))
    assert all(suffix in str(caught.value) for suffix in READERS)


def test_two_columns_for_one_key(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": 1, "key": 2}))
    with pytest.raises(InvalidArgument, match="two columns become 'id', 'key' is the second"):
        rows_of(tmp_path / "a.jsonl", id="key")
    assert rows_of(tmp_path / "a.jsonl", id="key", rename={"id": None}) == [{"id": 2}]


def test_reading_is_lazy(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n' * 10)
    records = read_records(tmp_path / "a.jsonl")
    assert next(records).row == {"id": 1}
    (tmp_path / "a.jsonl").unlink()
    assert len(list(records)) == 9


def test_a_pipe_is_read_once_and_csv_needs_two_readings(tmp_path: Path) -> None:
    lines = b'{"id": 1}\n{"id": 2}\n'
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        pool.submit(pipe.write_bytes, lines)
        assert rows_of(pipe) == [{"id": 1}, {"id": 2}]
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InvalidFile, match="CSV is read twice"):
        list(read_records(tmp_path / "pipe.csv"))
