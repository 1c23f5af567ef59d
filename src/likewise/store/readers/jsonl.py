"""JSON Lines: one object a line, plain or gzipped."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from likewise.errors import InvalidFile
from likewise.store._json_values import load_value
from likewise.store.readers.record import Columns, Place, Record, broken, share_read


def read_jsonl(path: Path, columns: Columns) -> Iterator[Record]:
    """One record a line of a JSON Lines file (``.jsonl``, ``.ndjson``, also ``.gz``).

    Empty lines are passed over. ``{"$date": …}`` and ``{"$datetime": …}`` are dates. A key
    with ``null`` keeps its null. NaN and infinity, which Python writes but JSON does not
    know, make the line a broken one. Memory: one line.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        number = 0
        try:
            for number, line in enumerate(lines_of(file, path), start=1):
                if line.strip():
                    place = Place(str(path), "line", number)
                    yield _record(line, place, share_read(file, size), columns)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise damaged_gzip(path, number, error) from error


def lines_of(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """The lines of ``file``, unpacked when ``path`` ends in ``.gz``; a leading BOM is left out."""
    stream = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if path.suffix == ".gz" else file
    for number, line in enumerate(stream):
        yield line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line


def damaged_gzip(path: Path, number: int, error: BaseException) -> InvalidFile:
    """The error for a gzip file that breaks off or is damaged after line ``number``."""
    return InvalidFile(
        f"{path}: the gzip data is damaged after line {number} ({error}); "
        "fetch or write the file again"
    )


def _record(line: bytes, place: Place, fraction: float, columns: Columns) -> Record:
    try:
        value = load_value(line)
    except UnicodeDecodeError as error:
        return broken(place, fraction, f"not UTF-8 text at byte {error.start} of the line", line)
    except (ValueError, RecursionError) as error:
        return broken(place, fraction, f"expected a JSON object; {error}", line)
    if not isinstance(value, dict):
        kind = type(value).__name__
        return broken(place, fraction, f"expected a JSON object a line; got a {kind}", line)
    return Record(place, fraction, row=columns.apply(value), raw=line)
