"""The figures of `hnsw_insertion_order`: curves of recall, shifts between orders, tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from replications.problems import SPACE, Problem
from replications.protocol import Table

ASKED_SHIFT = 0.12
Recalls = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """(seeds, efforts) recall@10 of one insertion order of one problem in one graph."""

    problem: Problem
    graph: tuple[int, int]
    order: str
    recalls: Recalls


@dataclass(frozen=True, slots=True)
class Shift:
    """The widest gap between two orders at one effort, and the spread it must exceed."""

    problem: Problem
    graph: tuple[int, int]
    effort: int
    best: str
    worst: str
    gap: float
    spread: float

    @property
    def sure(self) -> bool:
        """Whether the gap exceeds twice the standard deviation of the difference over seeds."""
        return self.gap > 2 * self.spread


def grouped(curves: Sequence[Curve]) -> Iterator[list[Curve]]:
    """The curves of one problem and one graph together; they stand next to each other."""
    for _, group in groupby(curves, key=lambda curve: (curve.problem.name, curve.graph)):
        yield list(group)


def shifts_of(group: list[Curve], efforts: tuple[int, ...]) -> Iterator[Shift]:
    """The widest gap of a group at every effort."""
    for column, effort in enumerate(efforts):
        means = [curve.recalls[:, column].mean() for curve in group]
        best, worst = group[int(np.argmax(means))], group[int(np.argmin(means))]
        spread = np.hypot(best.recalls[:, column].std(ddof=1), worst.recalls[:, column].std(ddof=1))
        gap = float(max(means) - min(means))
        yield Shift(
            group[0].problem, group[0].graph, effort, best.order, worst.order, gap, float(spread)
        )


def trend(by_dimension: dict[int, tuple[float, Recalls]]) -> float:
    """The rank correlation of dimension and recall at the lowest effort; 0 when it is level."""
    from scipy.stats import spearmanr

    lowest = [float(recalls[:, 0].mean()) for _, recalls in by_dimension.values()]
    if len(set(lowest)) == 1:
        return 0.0
    return float(spearmanr(list(by_dimension), lowest).statistic)


def measured(
    by_dimension: dict[int, tuple[float, Recalls]], efforts: tuple[int, ...], widest: Shift | None
) -> str:
    """What came out, in a sentence."""
    first, *_, last = by_dimension
    ends = [by_dimension[d][1][:, 0].mean() for d in (first, last)]
    part = (
        f"recall@10 at ef {efforts[0]} goes from {ends[0]:.3f} ({first} dimensions) to "
        f"{ends[1]:.3f} ({last}); "
    )
    if widest is None:
        return part + "no order differs from another by more than two standard deviations"
    return part + (
        f"the order of insertion moves it by up to {100 * widest.gap:.1f} points "
        f"({widest.problem.name}, M {widest.graph[0]}, ef {widest.effort}: {widest.best} above "
        f"{widest.worst})"
    )


def reason(trend: float, widest: Shift | None) -> str:
    """The two figures that the verdict rests on, beside those asked."""
    rank = f"rank correlation of dimension and recall {trend:.2f} (asked: at most -0.9)"
    if widest is None:
        return f"{rank}; no sure shift by order"
    return (
        f"{rank}; widest sure shift by order {100 * widest.gap:.1f} points, standard deviation "
        f"{100 * widest.spread:.1f} (asked: {100 * ASKED_SHIFT:.0f} points on real vectors)"
    )


def dimension_table(
    by_dimension: dict[int, tuple[float, Recalls]],
    efforts: tuple[int, ...],
    graph: tuple[int, int],
) -> Table:
    """Recall by dimension, with what the diagnostic reads."""
    m, construction = graph
    return Table(
        f"Recall@10 by intrinsic dimension: Gaussians in {SPACE} dimensions, random order, "
        f"M {m}, efConstruction {construction}, mean ± standard deviation over seeds",
        ("dimension", "median LID", *(f"ef {e}" for e in efforts)),
        [
            (str(dimension), f"{lid:.1f}", *_cells_of(recalls))
            for dimension, (lid, recalls) in by_dimension.items()
        ],
    )


def summary_table(shifts: list[Shift]) -> Table:
    """One line a set and graph."""
    rows = []
    for start in {(s.problem.name, s.graph): None for s in shifts}:
        ours = [s for s in shifts if (s.problem.name, s.graph) == start]
        widest = max(ours, key=lambda s: s.gap)
        rows.append(
            (
                start[0],
                f"{start[1][0]}, {start[1][1]}",
                str(widest.effort),
                widest.best,
                widest.worst,
                f"{100 * widest.gap:.1f}",
                "yes" if widest.sure else "no",
            )
        )
    return Table(
        "The widest shift by order on each set",
        ("vectors", "M, efC", "at ef", "best order", "worst order", "points", "beyond 2 sd"),
        rows,
    )


def order_table(group: list[Curve], efforts: tuple[int, ...]) -> Table:
    """The whole curves of one set and graph."""
    problem, (m, construction) = group[0].problem, group[0].graph
    size = f"{len(problem.rows):,} rows, {problem.rows.shape[1]} dimensions"
    return Table(
        f"{problem.name} ({size}); M {m}, efConstruction {construction}",
        ("order", *(f"ef {e}" for e in efforts)),
        [(curve.order, *_cells_of(curve.recalls)) for curve in group],
    )


def _cells_of(recalls: Recalls) -> list[str]:
    means, spreads = recalls.mean(axis=0), recalls.std(axis=0, ddof=1)
    return [f"{m:.3f} ± {s:.3f}" for m, s in zip(means, spreads, strict=True)]


def notes(shifts: list[Shift]) -> list[str]:
    """What a reader must know beside the numbers."""
    sure = [s for s in shifts if s.sure]
    falling = sum(s.best == "LID falling" for s in sure)
    rising = sum(s.worst == "LID rising" for s in sure)
    category = sum(s.worst == "by category" for s in sure)
    return [
        f"Of {len(shifts)} settings (vectors, graph, ef), {len(sure)} show a shift beyond two "
        f"standard deviations; there falling LID is best in {falling}, rising LID worst in "
        f"{rising}, category by category worst in {category}.",
        "The paper used vectors of current text and image models and the defaults of vector "
        "databases; here they are pixels, mean token vectors, word vectors and descriptors, "
        "smaller sets, one implementation (faiss), one thread.",
        "Rows are added one call each: faiss sorts the rows of a call by level and shuffles "
        "them, so adding all at once has no order to study.",
        "A seed draws the levels and shuffles what an order leaves open. The orders by LID are "
        "otherwise fixed, so their spread is that of the levels alone.",
    ]
