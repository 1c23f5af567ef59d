"""What readers yield: a record with its place in the file, and how columns become keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from likewise.errors import InvalidArgument, InvalidFile, InvalidRow, MissingExtra

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands: ``papers.jsonl, line 17``.

    Attributes:
        file: the file as it was named, or the file inside a folder.
        unit: what ``number`` counts: ``line`` and ``row`` from 1, ``record`` from 0, as
            row numbers of an array do; None when the file is the record.
        number: which one.
    """

    file: str
    unit: str | None = None
    number: int = 0

    def __str__(self) -> str:
        return self.file if self.unit is None else f"{self.file}, {self.unit} {self.number}"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file: a row, or the error that says why it is none.

    Attributes:
        place: where it stands.
        fraction: how much of the file has been read with it, in [0, 1]; an estimate.
        row: the row dict, None when the record is broken.
        error: why it is broken, None when it is well.
        raw: the record as it stands in the file, where that says more than ``row``.
    """

    place: Place
    fraction: float
    row: Row | None = None
    error: InvalidRow | None = None
    raw: str | bytes | None = None


def broken(place: Place, fraction: float, why: str, raw: str | bytes | None) -> Record:
    """The `Record` of a broken line; ``why`` is added to the place."""
    return Record(place, fraction, error=InvalidFile(f"{place}: {why}"), raw=raw)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a file becomes which key of a row.

    Args:
        id: the column that holds the ids, if it is not called ``id``.
        text: the column that holds the text, if it is not called ``text``.
        vector: the column that holds the vector, if it is not called ``vector``.
        rename: other columns: ``{"pub_year": "year"}`` renames, ``{"junk": None}`` leaves
            out, ``{"emb": "vectors.dense"}`` makes it the vector of the field ``dense``.

    Example:
        >>> columns = Columns(id="key", rename={"junk": None, "emb": "vectors.dense"})
        >>> columns.apply({"key": "a", "junk": 0, "emb": [1.0], "year": 2020})
        {'id': 'a', 'vectors': {'dense': [1.0]}, 'year': 2020}
    """

    id: str | None = None
    text: str | None = None
    vector: str | None = None
    rename: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def named(self) -> dict[str, str | None]:
        """Every column that the caller named, and the key it becomes."""
        roles = {"id": self.id, "text": self.text, "vector": self.vector}
        given = {column: key for key, column in roles.items() if column is not None}
        return {**self.rename, **given}

    def key(self, column: str) -> str | None:
        """The key that ``column`` becomes; None leaves it out."""
        return self.named.get(column, column)

    def apply(self, row: Mapping[str, Any]) -> Row:
        """``row`` under its new keys.

        Raises:
            InvalidArgument: two columns become one key.
        """
        named = self.named
        mapped: Row = {}
        for column, value in row.items():
            key = named.get(column, column)
            if key is None:
                continue
            holder, key = _holder(mapped, key)
            if key in holder:
                raise InvalidArgument(
                    f"two columns become {key!r}, {column!r} is the second; rename one of them "
                    f"or leave it out with rename={{{key!r}: None}}"
                )
            holder[key] = value
        return mapped


def _holder(row: Row, key: str) -> tuple[Row, str]:
    if not key.startswith("vectors."):
        return row, key
    return row.setdefault("vectors", {}), key.removeprefix("vectors.")


#: A reader takes a path and the columns, and yields records lazily.
Reader = Callable[[Path, Columns], Iterator[Record]]


def share_read(file: IO[bytes], size: int) -> float:
    """How much of an open file of ``size`` bytes has been read; 0 where nobody can tell."""
    return min(file.tell() / size, 1.0) if size and file.seekable() else 0.0


def without_missing(row: Mapping[str, Any]) -> Row:
    """``row`` without the keys whose value is None or NaN: in a table, both mean missing."""
    return {
        key: value
        for key, value in row.items()
        if value is not None and not (isinstance(value, float) and value != value)
    }


def missing_arrow(what: str) -> MissingExtra:
    """The error for a file that needs the extra ``arrow``."""
    return MissingExtra(f"{what} needs pyarrow: pip install 'likewise[arrow]'")
