"""The command line: a door without logic of its own."""

from __future__ import annotations

from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code.

    Args:
        args: the words after ``likewise``; those of the process when None.
    """
    from likewise.cli.app import run

    raise SystemExit(run(args))
