"""Factors of windows over filtering before and after, and the tables that show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.windows import width
from replications._window_methods import (
    BASELINES,
    METHODS,
    OURS,
    PAPER,
    PLANNER,
    POST,
    PRE,
    WALKS,
    Measured,
)
from replications.protocol import Table

#: What is compared, and what it is for readers.
KINDS: Mapping[str, Callable[[Measured], float]] = {
    "time": lambda one: one.seconds,
    "distances": lambda one: one.computed,
}
#: What methods are gathered under.
GROUPS = {"tree": ("tree",), "the paper's four": PAPER, "ours": (*OURS, PLANNER)}
#: Baselines, and the better of both at each width.
AGAINST = {f"over {PRE}": (PRE,), f"over {POST}": (POST,), "over the better": BASELINES}


@dataclass(frozen=True, slots=True)
class Study:
    """All that was measured on one set; ``sizes`` are rows of a window, by exponent."""

    title: str
    sizes: Mapping[int, int]
    measured: Sequence[Measured]

    def one(self, name: str, exponent: int) -> Measured | None:
        """A method at a width; None where it found too little, or scanned in place of a walk."""
        for one in self.measured:
            if (one.name, one.exponent) == (name, exponent):
                scanned = one.how != "window" or one.computed == self.sizes[exponent]
                return None if name in WALKS and scanned else one
        return None


@dataclass(frozen=True, slots=True)
class Factor:
    """``times`` as fast as a baseline, by ``method``, in windows of width 2^-exponent."""

    times: float
    method: str
    exponent: int

    def __str__(self) -> str:
        times = f"{self.times:.1f}" if self.times < 100 else f"{self.times:,.0f}"
        return f"{times} ({self.method}, {width(self.exponent)})"


def largest(
    study: Study, methods: Sequence[str], baselines: Sequence[str], kind: str
) -> Factor | None:
    """The largest factor of any of the methods over the best of the baselines, over all widths."""
    found = [
        Factor(theirs[0] / ours[0], ours[1], exponent)
        for exponent in study.sizes
        if (ours := _least(study, methods, exponent, kind))
        and (theirs := _least(study, baselines, exponent, kind))
    ]
    return max(found, key=lambda factor: factor.times, default=None)


def _least(
    study: Study, names: Sequence[str], exponent: int, kind: str
) -> tuple[float, str] | None:
    cost = KINDS[kind]
    costs = [(cost(one), name) for name in names if (one := study.one(name, exponent))]
    return min(costs, default=None)


def summary_table(studies: Sequence[Study]) -> Table:
    """The largest factors, a line for each set, group and kind."""
    return Table(
        "The largest factor, by which method, at which width",
        ("set", "methods", "of", *AGAINST),
        [
            (
                study.title,
                group,
                kind,
                *(str(largest(study, names, against, kind) or "") for against in AGAINST.values()),
            )
            for study in studies
            for group, names in GROUPS.items()
            for kind in KINDS
        ],
    )


def tables(study: Study) -> Iterator[Table]:
    """Distances and microseconds of every method, and what they were set to, by width."""
    kinds: dict[str, Callable[[Measured], str]] = {
        "distances a query": lambda one: f"{one.computed:,.0f}",
        "microseconds a query": lambda one: f"{one.seconds * 1e6:,.0f}",
        "recall@10, and the setting it took": _setting,
    }
    for what, said in kinds.items():
        yield Table(
            f"{study.title}: {what}",
            ("width", "rows", *METHODS),
            [
                (
                    width(exponent),
                    f"{rows:,}",
                    *(
                        "" if not (one := study.one(name, exponent)) else said(one)
                        for name in METHODS
                    ),
                )
                for exponent, rows in study.sizes.items()
            ],
        )


def _setting(one: Measured) -> str:
    if one.name == PRE or one.how == "scan":
        return f"{one.recall:.3f}"
    sign = {POST: "x", PLANNER: ">="}.get(one.name, "")
    return f"{one.recall:.3f} {sign}{one.setting}"
