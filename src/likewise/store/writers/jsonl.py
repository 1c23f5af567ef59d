"""JSON Lines: one row a line, with nothing lost."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from typing import BinaryIO, cast

from likewise.store._json_values import dump_row
from likewise.store.writers.writing import Row, Writing


def write_jsonl(rows: Iterable[Row], writing: Writing) -> None:
    """Write each row as one line; gzipped when the target ends in ``.gz``.

    The same rows give the same bytes: the gzip header carries no time and no name.
    """
    with open(writing.aside(writing.target), "wb") as file:
        if writing.target.suffix != ".gz":
            _write(rows, file, writing)
            return
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
            _write(rows, cast("BinaryIO", packed), writing)


def _write(rows: Iterable[Row], file: BinaryIO, writing: Writing) -> None:
    for row in writing.counted(rows):
        file.write(dump_row(row).encode("utf-8") + b"\n")
