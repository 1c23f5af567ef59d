"""The app: its commands, ``--version``, and how every ending becomes an exit code."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, TextIO

import typer

import likewise
from likewise.cli.commands import (
    collections,
    deciding,
    demo,
    evaluating,
    exchange,
    rows,
    searching,
    upkeep,
    warm,
)
from likewise.cli.failures import EXIT_CODES, INTERRUPTED, UNEXPECTED, report
from likewise.cli.output import forget_stdout
from likewise.errors import CacheWarning

GROUPS = (demo, collections, exchange, searching, deciding, evaluating, rows, upkeep, warm)

app = typer.Typer(
    name="likewise",
    help="Search that learns: keep texts and vectors, find what is alike.",
    epilog="Exit codes: " + "; ".join(f"{code} {what}" for code, what in EXIT_CODES.items()) + ".",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in GROUPS:
    group.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"likewise {likewise.__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Search that learns: keep texts and vectors, find what is alike."""


def run(args: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code; every failure is reported on stderr."""
    words = list(sys.argv[1:] if args is None else args)
    command = typer.main.get_command(app)
    with warnings.catch_warnings():
        warnings.simplefilter("always", CacheWarning)
        warnings.showwarning = _show_warning
        try:
            code = command.main(words, prog_name="likewise", standalone_mode=False)
            sys.stdout.flush()
        except KeyboardInterrupt:
            code = INTERRUPTED
        except BrokenPipeError:
            forget_stdout()
            return 0  # whoever read the output has had enough of it
        except Exception as error:
            if os.environ.get("LIKEWISE_TRACEBACK"):
                raise
            return report(error, as_json="--json" in words)
    if code == INTERRUPTED:
        print("likewise: interrupted; what was committed stays", file=sys.stderr)
    elif code not in (None, *EXIT_CODES):
        return UNEXPECTED
    return int(code or 0)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"likewise: warning: {message}", file=sys.stderr)
