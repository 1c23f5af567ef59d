"""Rows to files: a plain dict from suffix to writer. A new format is one function and one line."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from likewise.errors import InvalidArgument, StorageFailed
from likewise.store.writers.jsonl import write_jsonl
from likewise.store.writers.npy import write_npy
from likewise.store.writers.parquet import write_parquet
from likewise.store.writers.writing import Progress, Writer, Writing

WRITERS: dict[str, Writer] = {
    ".parquet": write_parquet,
    ".jsonl": write_jsonl,
    ".jsonl.gz": write_jsonl,
    ".npy": write_npy,
}

__all__ = ["WRITERS", "ExportReport", "export_rows"]


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What `export_rows` wrote.

    Attributes:
        rows: how many.
        files: the files, the named one first.
        bytes: their size together.
        seconds: wall time.
    """

    rows: int
    files: list[str]
    bytes: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


def export_rows(
    rows: Iterable[Mapping[str, Any]],
    path: str | Path,
    *,
    using: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportReport:
    """Write ``rows`` to a file that `import_rows` reads back.

    - ``.jsonl`` (also ``.gz``) keeps everything: dates are tagged objects such as
      ``{"$date": "2024-05-01"}``.
    - ``.parquet`` (extra ``arrow``) has one typed column a metadata key; a key whose values
      are of mixed kinds or nested becomes a column of JSON, marked as such. Null and missing
      are one there.
    - ``.npy`` holds the vectors of one field alone, float32; the ids stand beside it in
      ``NAME.ids.jsonl``, one a line.

    Args:
        rows: row dicts, such as ``col.rows()`` gives; read once, lazily.
        path: the file; its suffix, one of `WRITERS`, is the format.
        using: the vector field to write, for ``.npy`` of a collection with several.
        overwrite: replace what is there.
        progress: called now and then with the rows written so far.

    Returns:
        An `ExportReport`.

    Raises:
        InvalidArgument: unknown suffix, the file exists, its folder does not, or ``using``
            is missing or given for another format.
        InvalidMetadata: a value that the format cannot carry.
        MissingExtra: Parquet without pyarrow.
        StorageFailed: the disk is full or refuses; what was there before is untouched.

    Cost:
        One pass in bounded memory. Files are written aside, synced and renamed, so that a
        reader sees the old or the new one. Parquet needs the room of the rows once more.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     report = export_rows([{"id": 1, "year": 2020}], Path(folder, "out.jsonl"))
        ...     Path(folder, "out.jsonl").read_text(), report.rows
        ('{"id":1,"year":2020}\\n', 1)
    """
    started = time.perf_counter()
    target = Path(path)
    writer = _writer_of(target)
    if using is not None and writer is not write_npy:
        raise InvalidArgument(
            f"using={using!r} chooses the vectors of a .npy file; {target.suffix} keeps all fields"
        )
    _check_target(target, overwrite)
    try:
        with Writing(target, using=using, progress=progress) as writing:
            writer(rows, writing)
    except OSError as error:
        raise StorageFailed(f"{target}: cannot be written ({error.strerror or error})") from error
    files = [str(file) for file in writing.files]
    size = sum(file.stat().st_size for file in writing.files)
    return ExportReport(writing.rows, files, size, time.perf_counter() - started)


def _writer_of(target: Path) -> Writer:
    for suffix, writer in WRITERS.items():
        if target.name.lower().endswith(suffix):
            return writer
    raise InvalidArgument(
        f"{target}: expected a file ending in {', '.join(WRITERS)}; got "
        f"{target.suffix or 'no suffix'}"
    )


def _check_target(target: Path, overwrite: bool) -> None:
    if target.is_dir() or not target.parent.is_dir():
        what = "is a folder" if target.is_dir() else f"the folder {target.parent} does not exist"
        raise InvalidArgument(f"{target}: expected a file to write; {what}")
    if target.exists() and not overwrite:
        raise InvalidArgument(f"{target}: exists; remove it, or replace it with overwrite=True")
