"""Outcomes as Markdown, with the machine, the versions, the date, the time and the seed."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version

from replications.protocol import Outcome, Replication, Table

PACKAGES = ("likewise", "numpy", "scipy", "faiss-cpu", "scikit-learn", "numba", "torch")


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run: what, what came out, how long it took, from which seed."""

    replication: Replication
    outcome: Outcome
    seconds: float
    random_state: int


def report(runs: Sequence[Run], day: date | None = None) -> str:
    """The whole of ``REPLICATIONS.md``."""
    summary = Table(
        "",
        ("replication", "paper", "verdict"),
        [
            (
                f"[{run.replication.name}](#{run.replication.name})",
                f"{run.replication.paper.authors}, {run.replication.paper.year}",
                f"**{run.outcome.verdict}**",
            )
            for run in runs
        ],
    )
    head = (
        "# Replications",
        "Published claims beside our own measurements. Written by `python -m replications --all`; "
        "not edited by hand. Rules were fixed before measuring, or the notes say what was changed.",
        f"Machine: {machine()}. {versions()}. {(day or date.today()).isoformat()}.",
        markdown_table(summary),
    )
    return "\n\n".join([*head, *(section(run) for run in runs)]) + "\n"


def section(run: Run) -> str:
    """One replication as Markdown."""
    replication, outcome = run.replication, run.outcome
    parts = [
        f"## {replication.name}",
        f"{replication.paper}.",
        markdown_table(
            Table(
                "",
                ("", ""),
                [
                    ("claim", replication.claim),
                    ("measured", outcome.measured),
                    ("rule", replication.rule),
                    ("verdict", f"**{outcome.verdict}**: {outcome.reason}"),
                    ("run", f"{run.seconds:.0f} s, seed {run.random_state}"),
                ],
            )
        ),
    ]
    parts += [markdown_table(table) for table in outcome.tables]
    parts += ["\n".join(f"- {note}" for note in outcome.notes)] if outcome.notes else []
    return "\n\n".join(parts)


def renewed(text: str, run: Run, names: Sequence[str]) -> str:
    """``text``, a report, with the section of ``run`` in it new; the others stay as they were.

    ``names`` are all replications in the order of the report. A section of another day or
    machine than the head's says so itself.
    """
    head, *old = re.split(r"\n+(?=## )", text.rstrip("\n"))
    sections = {part.split("\n", 1)[0].removeprefix("## "): part for part in old}
    lines = {line.split("]")[0].removeprefix("| ["): line for line in head.splitlines()}
    name, mine = run.replication.name, report([run]).rstrip("\n")
    own_head, sections[name] = re.split(r"\n+(?=## )", mine)
    *_, measured_on, own_table = own_head.split("\n\n")
    lines[name] = own_table.splitlines()[-1]
    if measured_on not in head:
        sections[name] += f"\n\n{measured_on}"
    top = "\n".join([line for line in head.splitlines() if not line.startswith("| [")])
    known = [name for name in names if name in sections]
    return (
        "\n\n".join(["\n".join([top, *(lines[n] for n in known)]), *(sections[n] for n in known)])
        + "\n"
    )


def machine() -> str:
    """Processor, cores and system, as far as the system tells."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def versions(packages: Sequence[str] = PACKAGES) -> str:
    """Python and the packages that a measurement may depend on, as far as they are there."""
    found = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown processor"


def markdown_table(table: Table) -> str:
    """A table, under its title if it has one."""
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    body = "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )
    return f"**{table.title}**\n\n{body}" if table.title else body
