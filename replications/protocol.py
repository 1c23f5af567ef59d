"""What a replication is, what it is given, and what it hands back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from replications.data import DataFolder


class Verdict(StrEnum):
    """The three answers there are."""

    REPRODUCED = "reproduced"
    PARTLY = "partly"
    NOT_REPRODUCED = "not reproduced"


@dataclass(frozen=True, slots=True)
class Paper:
    """Where a claim was published."""

    authors: str
    year: int
    title: str
    venue: str

    def __str__(self) -> str:
        return f"{self.authors} ({self.year}), “{self.title}”, {self.venue}"


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers to show: ``rows`` of cells under ``header``."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured.

    Attributes:
        verdict: by the rule that the replication states before it measures.
        reason: why this verdict, in numbers.
        measured: our figure beside the claim, in a sentence.
        tables: the measurements themselves.
        notes: what differs from the paper, and what a reader must know.
    """

    verdict: Verdict
    reason: str
    measured: str
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()


@dataclass(slots=True)
class Progress:
    """Says how far a run is and about how long it still takes."""

    say: Callable[[str], None] = print
    started: float = field(default_factory=time.perf_counter)

    def step(self, done: int, total: int, what: str) -> None:
        """``done`` of ``total`` steps of roughly equal length are over; the last was ``what``."""
        spent = time.perf_counter() - self.started
        left = spent / done * (total - done)
        self.say(f"  [{done}/{total}] {spent:4.0f} s, about {left:.0f} s left: {what}")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run is given.

    Attributes:
        quick: a form of a few seconds on generated data, to see that it runs; its figures
            say nothing about the claim, and it must not touch ``data``.
        data: the folder of real data.
        random_state: the seed of everything that is drawn.
        progress: tells the reader how far the run is.
    """

    quick: bool
    data: DataFolder
    random_state: int = 0
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True, slots=True)
class Replication:
    """One published method or finding.

    Attributes:
        name: the name of its file, used on the command line.
        paper: where the claim was made.
        claim: the claim with its figure.
        rule: when it counts as reproduced, partly, or not; fixed before measuring, or the notes
            say what was changed.
        needs: files of the data folder that the full form reads.
        run: measures.
    """

    name: str
    paper: Paper
    claim: str
    rule: str
    needs: Sequence[str]
    run: Callable[[Setting], Outcome]
