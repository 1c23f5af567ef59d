"""Arguments and options that several commands share, and the ids that people type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

CollectionPath = Annotated[Path, typer.Argument(metavar="PATH", help="The collection's directory.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, errors too.")]
Where = Annotated[
    str | None,
    typer.Option(
        "--where", help="Only rows that pass this filter: \"year >= 2020 and lang = 'en'\"."
    ),
]
Using = Annotated[
    list[str] | None,
    typer.Option(
        "--using",
        help="The field to use, 'lexical' for words, or several: dense,lexical; may be repeated.",
    ),
]

DEFAULT_K = 10

_INTEGER = re.compile(r"[+-]?[0-9]+")

IDS_HELP = (
    "An id as you type it stands for the string; where no row has that, and it looks like a "
    "whole number, for the integer."
)


class HasRows(Protocol):
    """What ids are looked up in: a `Collection`."""

    def get(self, ids: Sequence[Any], /) -> list[dict[str, Any]]: ...


def find_rows(collection: HasRows, words: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows whose ids were typed, in that order, and the words that are no id.

    A word is the string first; where no row has that and it looks like an integer, the integer.
    """
    strings = _by_id(collection.get(list(words)))
    rest = [word for word in words if word not in strings and _INTEGER.fullmatch(word)]
    integers = _by_id(collection.get([int(word) for word in rest])) if rest else {}
    rows, unknown = [], []
    for word in words:
        row = strings.get(word) or (integers.get(int(word)) if word in rest else None)
        if row is None:
            unknown.append(word)
        else:
            rows.append(row)
    return rows, unknown


def _by_id(rows: Iterable[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    return {row["id"]: row for row in rows}
