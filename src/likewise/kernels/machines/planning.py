"""`MachinePlan`: what each way to fit a kernel machine takes, and which one it will be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from likewise.errors import OverLimit
from likewise.kernels._rows import FloatArray
from likewise.kernels.machines._gradients import ConjugateGradients
from likewise.kernels.machines._local import Local
from likewise.kernels.machines._mapped import Features, Nystrom
from likewise.kernels.machines._solver import Exact, Problem, Solver

#: Every method by its name, the most exact first: the order in which "auto" prefers them.
METHODS: dict[str, type[Solver]] = {
    solver.name: solver for solver in (Exact, ConjugateGradients, Nystrom, Features, Local)
}
#: "auto" takes on no method of more operations than this (about a minute on two cores).
MOST_OPERATIONS = 1e12
TOO_LONG = 'too long for "auto"'
#: Operations that a kernel entry counts as, beside two a number of the rows.
ENTRY = 50
#: Where the size of main memory cannot be read.
USUAL_MEMORY = 8e9


@dataclass(frozen=True, slots=True)
class Candidate:
    """One method: its memory, an estimate of its seconds, and why it is not taken, if so."""

    method: str
    bytes: float
    seconds: float
    operations: float
    settings: str = ""
    against: str = ""


@dataclass(frozen=True, slots=True)
class MachinePlan:
    """What fitting takes, by every method.

    Attributes:
        rows, numbers, outputs: the size of the problem; ``numbers`` in a row, 0 if no vectors.
        memory_limit: bytes.
        candidates: every method, the most exact first.
        method: the one that is taken; "" where none can be.

    ``str(plan)`` is a table. The choice depends on counted bytes and operations only, never on
    the clock; the seconds are an estimate from one timed tile and one timed product.
    """

    rows: int
    numbers: int
    outputs: int
    memory_limit: float
    candidates: tuple[Candidate, ...]
    method: str

    @property
    def chosen(self) -> Candidate:
        """The candidate that is taken."""
        return next(c for c in self.candidates if c.method == self.method)

    def __str__(self) -> str:
        lines = [
            f"{self.rows:,} rows of {self.numbers:,} numbers, outputs: {self.outputs:,}; "
            f"memory_limit = {megabytes(self.memory_limit)} MB"
        ]
        for c in self.candidates:
            remark = "taken" if c.method == self.method else c.against
            words = "; ".join(part for part in (c.settings, remark) if part)
            size = f"{c.bytes / 1e6:>11,.0f} MB {c.seconds:>9,.1f} s"
            lines.append(f"  {c.method:<9}{size}  {words}".rstrip())
        return "\n".join(lines)

    def check(self) -> None:
        """Raise `OverLimit`, with the whole plan, where no method is taken."""
        if not self.method:
            fitting = [c.method for c in self.candidates if not c.against]
            slow = [c.method for c in self.candidates if c.against == TOO_LONG]
            who = "the method asked for does not fit" if fitting else "no method fits"
            other = f"name another method: {', '.join(fitting or slow)}" if fitting or slow else ""
            remedy = other or "ask for fewer landmarks or features"
            raise OverLimit(f"{who}; raise memory_limit, or {remedy}; the plan:\n{self}")


def make_plan(
    problem: Problem,
    rows: Any,
    method: str,
    memory_limit: float | None,
    refused: Mapping[str, str],
) -> MachinePlan:
    """The plan for a checked problem.

    Args:
        rows: some of them are evaluated to time the kernel.
        method: "auto", or the only one that may be taken.
        memory_limit: bytes; None is half of main memory.
        refused: methods that this estimator cannot use, and why.
    """
    limit = usual_limit() if memory_limit is None else memory_limit
    entry, rate = seconds_an_entry(problem, rows), operations_a_second()
    candidates, taken = [], ""
    for name, solver in METHODS.items():
        cost = solver.cost(problem)
        size = cost.bytes + 8.0 * problem.rows * problem.numbers
        work = cost.entries * (ENTRY + 2 * problem.numbers) + cost.operations
        seconds = cost.entries * entry / problem.workers + cost.operations / rate
        against = refused.get(name, "") or solver.refusal(problem)
        if not against:
            against = _against(size, work, limit, method)
            if method in (name, "auto"):
                taken = taken or ("" if against else name)
        candidates.append(Candidate(name, size, seconds, work, cost.settings, against))
    return MachinePlan(
        problem.rows, problem.numbers, problem.outputs, limit, tuple(candidates), taken
    )


def _against(size: float, work: float, limit: float, method: str) -> str:
    if size > limit:
        return "over memory_limit"
    if method == "auto" and work > MOST_OPERATIONS:
        return TOO_LONG
    return ""


def megabytes(size: float) -> str:
    """In whole ones where there are any."""
    return f"{size / 1e6:,.0f}" if size >= 1e6 else f"{size / 1e6:.2g}"


def usual_limit() -> float:
    """Half of the machine's main memory, in bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2
    except (AttributeError, ValueError, OSError):
        return USUAL_MEMORY / 2


def seconds_an_entry(problem: Problem, rows: Any) -> float:
    """Of one kernel entry, by one tile."""
    some: FloatArray = rows[: problem.kernel._tile(rows)]
    if not len(some):
        return 0.0
    started = perf_counter()
    problem.kernel._entries(some, some)
    return (perf_counter() - started) / len(some) ** 2


def operations_a_second(size: int = 384) -> float:
    """Multiplications with additions a second, by one product of matrices."""
    A = np.ones((size, size))
    started = perf_counter()
    A @ A
    return size**3 / max(perf_counter() - started, 1e-9)
