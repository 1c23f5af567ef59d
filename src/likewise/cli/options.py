"""Arguments and options that several commands share, and the ids that people type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from likewise.errors import InvalidArgument

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
Fuse = Annotated[
    str | None, typer.Option("--fuse", help="How several fields are fused: rrf (ranks) or score.")
]
Weight = Annotated[
    list[str] | None,
    typer.Option(
        "--weight", metavar="FIELD=NUMBER", help="How much a field counts; may be repeated."
    ),
]
Cutoff = Annotated[
    str | None,
    typer.Option(
        "--cutoff",
        metavar="auto|NUMBER",
        help="Only hits that are probably relevant, maybe none: auto, or the least probability.",
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


def read_names(using: list[str] | None) -> list[str] | None:
    """``dense,lexical`` as two names, and options given twice as well."""
    return [name for item in using for name in item.split(",")] if using else None


def read_weights(given: list[str] | None) -> dict[str, float] | None:
    if not given:
        return None
    weights: dict[str, float] = {}
    for item in given:
        name, _, number = item.partition("=")
        try:
            weights[name] = float(number)
        except ValueError:
            raise InvalidArgument(
                f"--weight takes FIELD=NUMBER, such as lexical=0.5; got {item!r}"
            ) from None
    return weights


def read_cutoff(given: str | None) -> str | float | None:
    """``--cutoff`` as `Collection.search` takes it: ``auto``, or a number."""
    if given is None or given == "auto":
        return given
    try:
        return float(given)
    except ValueError:
        raise InvalidArgument(
            f"--cutoff takes auto, or a probability such as 0.5; got {given!r}"
        ) from None
