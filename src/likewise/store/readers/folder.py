"""A folder of text files: one row a file."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path

from likewise.errors import InvalidFile
from likewise.store.readers.record import Columns, Place, Record, broken


def read_folder(path: Path, columns: Columns) -> Iterator[Record]:
    """One record a text file in ``path`` and the folders below it, in order of their paths.

    The id is the path below ``path`` with ``/`` on every system, the text is the content,
    and the metadata are ``path`` (the same), ``bytes`` (the size) and ``modified`` (the date
    in UTC). Hidden files and folders, and links, are passed over; a file that is not UTF-8
    is a broken record. Memory: one file.
    """
    if (path / "data.sqlite").exists():
        raise InvalidFile(
            f"{path}: is a collection, not a folder of texts; export it and import the file"
        )
    files = list(_files(path))
    for number, file in enumerate(files, start=1):
        yield _record(file, path, number / len(files), columns)


def _files(folder: Path) -> Iterator[Path]:
    for directory, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(directory, name)
            if not name.startswith(".") and file.is_file() and not file.is_symlink():
                yield file


def _record(file: Path, folder: Path, fraction: float, columns: Columns) -> Record:
    name = file.relative_to(folder).as_posix()
    place = Place(str(file))
    try:
        content = file.read_bytes()
        text = content.decode("utf-8-sig")
        modified = dt.datetime.fromtimestamp(file.stat().st_mtime, tz=dt.UTC).date()
    except UnicodeDecodeError as error:
        return broken(place, fraction, f"not UTF-8 text at byte {error.start}", name)
    except OSError as error:
        return broken(place, fraction, f"cannot be read ({error.strerror})", name)
    row = {"id": name, "text": text, "path": name, "bytes": len(content), "modified": modified}
    return Record(place, fraction, row=columns.apply(row), raw=name)
