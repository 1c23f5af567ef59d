"""``likewise check``, ``repair``, ``compact``, ``snapshot`` and ``restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from likewise.cli.options import CollectionPath, Json
from likewise.cli.output import counted, remark, show_fields, show_json, show_table
from likewise.cli.progress import Bar

WRONG_DATA = 3


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (check, repair, compact, snapshot, restore):
        app.command()(command)


def check(path: CollectionPath, json_output: Json = False) -> None:
    """Read everything and verify every checksum; exits with 3 when something is wrong."""
    import likewise as lw

    with lw.open(path, read_only=True) as collection:
        findings = [finding.to_dict() for finding in collection.check()]
    if json_output:
        show_json({"findings": findings})
    else:
        columns = ["severity", "code", "where", "message"]
        if findings:
            show_table(columns, [[f[name] for name in columns] for f in findings], wide="message")
        remark(f"{path}: {counted(len(findings), 'finding') if findings else 'all is well'}")
    if findings:
        raise typer.Exit(WRONG_DATA)


def repair(path: CollectionPath, json_output: Json = False) -> None:
    """Build all indexes and other derived files anew from the database."""
    import likewise as lw

    with lw.open(path) as collection, Bar("repair", quiet=json_output) as bar:
        report = collection.repair(progress=bar.steps)
    _show_report(report, json_output, f"repaired {path}")


def compact(path: CollectionPath, json_output: Json = False) -> None:
    """Free what deleted rows took, and erase their bytes."""
    import likewise as lw

    with lw.open(path) as collection, Bar("compact", quiet=json_output) as bar:
        report = collection.compact(progress=bar.steps)
    _show_report(report, json_output, f"compacted {path}")


def snapshot(
    path: CollectionPath,
    target: Annotated[Path, typer.Argument(help="The directory to write the snapshot to.")],
    json_output: Json = False,
) -> None:
    """Copy a collection as it is at this moment; others may go on writing to it."""
    import likewise as lw

    with lw.open(path, read_only=True) as collection:
        collection.snapshot(target)
    _show_report({"snapshot": str(target)}, json_output, f"wrote {target}")


def restore(
    source: Annotated[Path, typer.Argument(metavar="SNAPSHOT", help="The snapshot's directory.")],
    path: Annotated[Path, typer.Argument(help="The collection to make from it.")],
    json_output: Json = False,
) -> None:
    """Make a collection from a snapshot."""
    import likewise as lw

    with lw.restore(source, path) as collection:
        rows = len(collection)
    _show_report({"path": str(path), "rows": rows}, json_output, f"restored {path}")


def _show_report(report: Any, json_output: bool, done: str) -> None:
    fields = report.to_dict() if hasattr(report, "to_dict") else report or {}
    if json_output:
        show_json(fields)
        return
    show_fields(fields)
    remark(done)
