"""Files to rows: a plain dict from suffix to reader. A new format is one function and one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from likewise.errors import InvalidFile
from likewise.store.readers.arrays import read_npy, read_npz
from likewise.store.readers.csv_rows import read_csv
from likewise.store.readers.folder import read_folder
from likewise.store.readers.jsonl import read_jsonl
from likewise.store.readers.parquet import read_parquet
from likewise.store.readers.record import Columns, Place, Reader, Record
from likewise.store.readers.vecs import read_bvecs, read_fvecs

READERS: dict[str, Reader] = {
    ".parquet": read_parquet,
    ".csv": read_csv,
    ".csv.gz": read_csv,
    ".tsv": read_csv,
    ".tsv.gz": read_csv,
    ".jsonl": read_jsonl,
    ".jsonl.gz": read_jsonl,
    ".ndjson": read_jsonl,
    ".ndjson.gz": read_jsonl,
    ".npy": read_npy,
    ".npz": read_npz,
    ".fvecs": read_fvecs,
    ".bvecs": read_bvecs,
}

__all__ = ["READERS", "Columns", "Place", "Record", "read_records", "reader_of"]


def read_records(path: str | Path, columns: Columns | None = None) -> Iterator[Record]:
    """The records of a file, or of a folder of text files, lazily and in their order.

    Args:
        path: a file with a suffix in `READERS`, or a folder.
        columns: which column becomes which key of a row; as they are called when None.

    Yields:
        A `Record` for each: its row, or the error that says why there is none.

    Raises:
        InvalidFile: the path is missing, its suffix is unknown, or the file as a whole
            cannot be read (at the first record, or where it breaks off).
        MissingExtra: Parquet without pyarrow.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "two.csv")
        ...     _ = file.write_text("id,year\\na,2020\\nb,\\n")
        ...     [record.row for record in read_records(file)]
        [{'id': 'a', 'year': 2020}, {'id': 'b'}]
    """
    path = Path(path)
    reader = reader_of(path)
    try:
        yield from reader(path, columns or Columns())
    except OSError as error:
        raise InvalidFile(f"{path}: cannot be read ({error.strerror or error})") from error


def reader_of(path: Path) -> Reader:
    """The reader for ``path`` by its suffix; a folder is read as texts."""
    if path.is_dir():
        return read_folder
    if not path.exists():
        raise InvalidFile(f"{path}: there is no such file")
    for suffix in sorted(READERS, key=len, reverse=True):
        if path.name.lower().endswith(suffix):
            return READERS[suffix]
    raise InvalidFile(
        f"{path}: expected a folder of text files or a file ending in {', '.join(READERS)}; "
        f"got {path.suffix or 'no suffix'}; convert it or rename it to what it is"
    )
