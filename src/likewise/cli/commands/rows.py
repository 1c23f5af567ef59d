"""``likewise get`` and ``delete``: rows by their ids."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from likewise.cli.failures import UNEXPECTED
from likewise.cli.options import IDS_HELP, CollectionPath, Json, Where, find_rows
from likewise.cli.output import answer, counted, remark, show_fields, show_json
from likewise.errors import InvalidArgument

WRONG_DATA = 3


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(get)
    app.command()(delete)


def get(
    path: CollectionPath,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help=IDS_HELP)],
    json_output: Json = False,
) -> None:
    """Show rows by their ids; exits with 3 when one of them is not there."""
    import likewise as lw

    with lw.open(path, read_only=True) as collection:
        rows, unknown = find_rows(collection, ids)
    if json_output:
        show_json(rows)
    else:
        for number, row in enumerate(rows):
            if number:
                answer([""])
            show_fields(row)
    if unknown:
        remark(f"likewise: no row has the id {', '.join(repr(word) for word in unknown)}")
        raise typer.Exit(WRONG_DATA)


def delete(
    path: CollectionPath,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help=IDS_HELP)] = None,
    where: Where = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_output: Json = False,
) -> None:
    """Delete rows by their ids, or those that pass a filter; unknown ids are ignored."""
    import likewise as lw

    with lw.open(path) as collection:
        found = [row["id"] for row in find_rows(collection, ids)[0]] if ids else None
        if not yes and (found or where is not None):
            _ask(_question(collection, found, where))
        deleted = collection.delete(ids=found, where=where)
    if json_output:
        show_json({"deleted": deleted})
    else:
        remark(f"deleted {counted(deleted, 'row')}; their bytes go with: likewise compact {path}")


def _question(collection: Any, ids: list[Any] | None, where: str | None) -> str:
    if where is None:
        return f"Delete {counted(len(ids or []), 'row')} from {collection.name}?"
    passing = counted(collection.count(where=where), "row")
    if ids is None:
        return f"Delete {passing} from {collection.name}?"
    return f"Delete of {counted(len(ids), 'id')} those that are among {passing} passing the filter?"


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidArgument(f"{question} Nobody is there to answer; say --yes to go ahead")
    if not typer.confirm(question, err=True):
        remark("nothing was deleted")
        raise typer.Exit(UNEXPECTED)
