"""CSV with a header line: types are found for whole columns, never value by value."""

from __future__ import annotations

import csv
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from likewise.errors import InvalidFile
from likewise.store.readers.cell_types import ColumnTypes, Parser, parse_vector
from likewise.store.readers.jsonl import damaged_gzip, lines_of
from likewise.store.readers.record import Columns, Place, Record, broken, share_read

_LARGEST_CELL = 2**31 - 1

Cells = dict[str, str]


class Broken(NamedTuple):
    """A line that is none: why, and what stands there."""

    why: str
    raw: str


def read_csv(path: Path, columns: Columns) -> Iterator[Record]:
    """One record a line of a CSV or TSV file (also ``.gz``) whose first line names the columns.

    A column has one type for the whole file, the first of these that every cell of it fits:
    integer (``007`` is none), float, boolean (``true``/``false``), date (``2024-05-01``),
    datetime (ISO), else string. That takes a first pass over the file. An empty cell is
    missing. The text column is always a string; a cell of a vector column is a JSON list,
    ``"[0.1, 0.2]"``. Memory: one line.

    Raises:
        InvalidFile: no header, a column named twice, or a pipe, which can be read only once.
    """
    if not path.is_file():
        raise InvalidFile(f"{path}: expected a file, since CSV is read twice; save the pipe first")
    # The csv module refuses cells beyond 128 KiB; a long text is no error here. The limit is
    # one for the process, and a larger one does no harm to other readers.
    csv.field_size_limit(_LARGEST_CELL)
    types = ColumnTypes()
    for _, _, cells in _cells(path):
        if isinstance(cells, dict):
            for name, cell in cells.items():
                types.see(name, cell, _fixed(columns.key(name)))
    for place, fraction, cells in _cells(path):
        if isinstance(cells, Broken):
            yield broken(place, fraction, cells.why, cells.raw)
        else:
            yield _record(place, fraction, cells, types, columns)


def _cells(path: Path) -> Iterator[tuple[Place, float, Cells | Broken]]:
    """Each line's place, fraction, and its cells by column or what is wrong with it."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        reader = csv.reader(_text_lines(file, path), delimiter=_delimiter(path), strict=True)
        header: list[str] | None = None
        for line, cells, problem in _lines(reader, path):
            if header is None:
                header = _header(path, cells, problem)
                continue
            problem = problem or _problem(cells, header)
            place, fraction = Place(str(path), "line", line), share_read(file, size)
            if problem:
                yield place, fraction, Broken(problem, json.dumps(cells))
            else:
                yield place, fraction, dict(zip(header, cells, strict=True))
        if header is None:
            raise InvalidFile(f"{path}: expected a header line that names the columns; got nothing")


def _lines(reader: Any, path: Path) -> Iterator[tuple[int, list[str], str | None]]:
    """Each line that is not empty: where it starts, its cells, and what is no CSV about it."""
    while True:
        start = reader.line_num + 1
        try:
            cells, problem = next(reader), None
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = [], f"not CSV: {error}"
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise damaged_gzip(path, start - 1, error) from error
        if cells or problem:
            yield start, cells, problem


def _text_lines(file: BinaryIO, path: Path) -> Iterator[str]:
    # Bytes that are no UTF-8 become lone surrogates, so that they spoil one line, not the file.
    for line in lines_of(file, path):
        yield line.decode("utf-8", "surrogateescape")


def _delimiter(path: Path) -> str:
    return "\t" if ".tsv" in path.suffixes else ","


def _header(path: Path, cells: list[str], problem: str | None) -> list[str]:
    problem = problem or _problem(cells, cells)
    twice = sorted({name for name in cells if cells.count(name) > 1})
    if twice:
        problem = f"column {twice[0]!r} is named twice"
    if problem or not any(cells):
        raise InvalidFile(
            f"{path}, line 1: expected a header line that names the columns; "
            f"{problem or 'it is empty'}"
        )
    return cells


def _problem(cells: list[str], header: list[str]) -> str | None:
    if len(cells) != len(header):
        return f"expected {len(header)} cells, as in the header; got {len(cells)}"
    for name, cell in zip(header, cells, strict=True):
        if not cell.isascii() and any("\ud800" <= c <= "\udfff" for c in cell):
            return f"column {name!r} is not UTF-8 text"
    return None


def _record(
    place: Place, fraction: float, cells: dict[str, str], types: ColumnTypes, columns: Columns
) -> Record:
    row: dict[str, Any] = {}
    for name, cell in cells.items():
        if cell:
            try:
                row[name] = types.parse(name, cell)
            except ValueError as error:
                return broken(place, fraction, f"column {name!r}: {error}", json.dumps(cells))
    return Record(place, fraction, row=columns.apply(row))


def _fixed(key: str | None) -> Parser | None:
    """The parser of a column whose type its role decides; None when its cells do."""
    if key is None or key == "text":
        return str
    return parse_vector if key == "vector" or key.startswith("vectors.") else None
