"""What a benchmark is, what it is given, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.workspace import Workspace
from replications.protocol import Progress, Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, beside a peer's from the same run.

    Attributes:
        what: what was measured.
        ours: our figure; None when it could not be measured (the note says why).
        unit: such as ``ms`` or ``rows/s``.
        peer: the peer or bare baseline it stands beside; empty when there is none.
        theirs: the peer's figure; None when the peer is not installed.
        target: what we aim at, in the same unit.
        higher: whether a higher figure is the better one.
        note: recall, spread, what a reader must know.
    """

    what: str
    ours: float | None
    unit: str
    peer: str = ""
    theirs: float | None = None
    target: float | None = None
    higher: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer we are; below 1, how much worse."""
        if not self.ours or not self.theirs:
            return None
        return self.ours / self.theirs if self.higher else self.theirs / self.ours

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None or self.ours is None:
            return None
        return self.ours >= self.target if self.higher else self.ours <= self.target

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {**asdict(self), "ratio": self.ratio, "met": self.met}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run hands back: figures with ratios, tables of detail, notes for the reader."""

    figures: Sequence[Figure]
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run is given.

    Attributes:
        quick: a form of seconds, to see that it runs; its figures say nothing.
        peers: whether peers are asked too.
        minutes: how long the memory benchmark goes on.
        random_state: the seed of everything drawn.
        workspace: where collections are built.
        sets, engines: what `graph_search` and `window_search` measure, by name; all when empty.
        progress: tells the reader how far the run is.
    """

    quick: bool
    workspace: Workspace
    peers: bool = True
    minutes: float = 60.0
    random_state: int = 0
    sets: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark: its name (that of its file), what it asks, and how it is measured."""

    name: str
    question: str
    run: Callable[[Setting], Outcome]
