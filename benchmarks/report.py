"""Figures as a Markdown table and as JSON, with the machine and the versions."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.protocol import Figure, Outcome
from benchmarks.threads import pinned
from replications.protocol import Table
from replications.report import machine, markdown_table, versions

PACKAGES = (
    "numpy",
    "numba",
    "faiss-cpu",
    "lancedb",
    "chromadb",
    "hnswlib",
    "usearch",
    "scalable-vs",
    "pynndescent",
)
HEADER = ("measured", "Likewise", "beside", "theirs", "ratio", "target", "met", "remarks")


@dataclass(frozen=True, slots=True)
class Run:
    """One finished benchmark: what, what came out, how long it took."""

    name: str
    question: str
    outcome: Outcome
    seconds: float


def report(runs: Sequence[Run], *, quick: bool, day: date | None = None) -> str:
    """Everything as Markdown: the table of all figures, then the notes and details of each."""
    warning = "The quick form: its figures say nothing." if quick else ""
    figures = [figure for run in runs for figure in run.outcome.figures]
    parts = [warning, setup(day), figures_table(figures), *(section(run) for run in runs)]
    return "\n\n".join(part for part in parts if part) + "\n"


def setup(day: date | None = None) -> str:
    """Where and with what it was measured."""
    return (
        f"Machine: {machine()}; {pinned()} thread(s) each. {versions(PACKAGES)}, likewise at "
        f"{_commit()}. {(day or date.today()).isoformat()}."
    )


def figures_table(figures: Sequence[Figure]) -> str:
    """One line a figure; a ratio above 1 says how many times better we are."""
    rows = [
        (
            figure.what,
            _number(figure.ours, figure.unit),
            figure.peer or "—",
            _number(figure.theirs, figure.unit) if figure.peer else "—",
            "—" if figure.ratio is None else f"{figure.ratio:.2f}",
            _target(figure),
            {None: "—", True: "yes", False: "**no**"}[figure.met],
            figure.note,
        )
        for figure in figures
    ]
    return markdown_table(Table("", HEADER, rows))


def section(run: Run) -> str:
    """The notes and the tables of detail of one benchmark."""
    parts = [f"## {run.name}", f"{run.question} ({run.seconds:.0f} s)"]
    parts += ["\n".join(f"- {note}" for note in run.outcome.notes)]
    return "\n\n".join(parts + [markdown_table(table) for table in run.outcome.tables])


def as_json(runs: Sequence[Run], *, quick: bool) -> dict[str, Any]:
    """Everything as plain values."""
    return {
        "quick": quick,
        "setup": setup(),
        "runs": [
            {
                "name": run.name,
                "seconds": run.seconds,
                "figures": [figure.to_dict() for figure in run.outcome.figures],
                "tables": [asdict(table) for table in run.outcome.tables],
                "notes": list(run.outcome.notes),
            }
            for run in runs
        ],
    }


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "not measured"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}"


def _target(figure: Figure) -> str:
    if figure.target is None:
        return "—"
    return f"{'≥' if figure.higher else '≤'} {_number(figure.target, figure.unit)}"


def _commit() -> str:
    """The commit of this checkout, with a plus when something is not committed."""
    root = Path(__file__).resolve().parents[1]
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "an unknown commit"
    return said.stdout.strip()
