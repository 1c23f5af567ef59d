"""``likewise demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.options import Json, Where


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    queries: Annotated[
        list[str] | None, typer.Argument(metavar="QUESTION", help="Questions of your own.")
    ] = None,
    path: Annotated[
        Path | None, typer.Option("--path", help="Where to keep the demo's collection.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All docstrings that are installed, not a few thousand.")
    ] = False,
    where: Where = None,
    json_output: Json = False,
) -> None:
    """Search your own Python by meaning: the docstrings that are installed on this machine."""
    from likewise.cli.demo import run_demo

    run_demo(path, everything=everything, queries=queries, where=where, json_output=json_output)
