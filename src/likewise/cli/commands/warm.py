"""``likewise warm``."""

from __future__ import annotations

from dataclasses import replace

import typer

from likewise.cli.options import Json
from likewise.cli.output import counted, remark, show_fields, show_json
from likewise.cli.progress import Bar


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(warm)


def warm(json_output: Json = False) -> None:
    """Compile the search kernels for this machine ahead of the first graph; takes about a minute.

    They are kept in the folder that LIKEWISE_CACHE names, or else in this user's cache folder.
    """
    from likewise import index
    from likewise.learn import _compiled as learners

    with Bar("compile search kernels", quiet=json_output) as bar:
        report = index.warm(progress=bar.steps)
        more = learners.warm(progress=bar.steps)
    report = replace(
        report,
        compiled=report.compiled + more.compiled,
        seconds=round(report.seconds + more.seconds, 3),
        problem=report.problem or more.problem,
    )
    if json_output:
        show_json(report.to_dict())
        return
    show_fields(report.to_dict())
    if report.problem:
        remark(f"warning: {report.problem}")
    elif report.compiled:
        remark(f"compiled {counted(report.compiled, 'kernel')} in {report.seconds:.1f} s")
    else:
        remark("the kernels were compiled before; nothing to do")
