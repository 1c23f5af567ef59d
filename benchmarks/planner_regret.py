"""The planner's choice beside every strategy forced, known afterwards."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

import likewise as lw
from benchmarks.data import Data, generate
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import interleaved, median
from likewise.index import CostModel
from replications.protocol import Table

Mask = npt.NDArray[np.bool_]

RECALL = 0.95
DEPTHS = (1, 10, 100)
SHARES = (0.5, 0.2, 0.1, 0.03, 0.01, 0.001)
#: How the rows that pass are chosen: by chance, the nearest to the query, the farthest from it.
KINDS = ("chance", "near", "far")
SIZES = ((1_000, 384), (20_000, 96), (100_000, 384))
QUICK_SIZES = ((1_000, 32), (2_500, 32))
TARGET = 1.3  # times the best strategy, for nine cells of ten
DEAR = {"call": 0.0, "streamed": 1.0, "gathered": 1.0, "value": 1.0}
#: Constants by which one strategy looks far cheaper than all others.
FORCING: dict[str, Callable[[CostModel], CostModel]] = {
    "scan": lambda _: CostModel(**DEAR, graph={16: 1.0}, codes={"row": 1e-9}),
    "graph": lambda _: CostModel(**DEAR, graph={16: 1e-9}, codes={"row": 1.0}),
    "two-hop": lambda costs: CostModel(
        **DEAR,
        graph={16: 1.0},
        codes={"row": 1.0},
        hops={share: {16: 1e-9} for share in costs.hops},
    ),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One question, answered by all strategies that can promise it; seconds a query.

    ``choice`` is what the planner took, ``chosen`` what that took it, all told.
    """

    rows: int
    kind: str
    share: float
    k: int
    seconds: dict[str, float]
    choice: str
    chosen: float

    @property
    def regret(self) -> float:
        """What the choice costs, in units of the best one; 1 is perfect."""
        return self.chosen / min(self.chosen, *self.seconds.values())


def run(setting: Setting) -> Outcome:
    """Ask every cell of the grid in all ways, in turn."""
    sizes, repetitions = (QUICK_SIZES, 2) if setting.quick else (SIZES, 40)
    cells: list[Cell] = []
    for number, (size, dim) in enumerate(sizes):
        data = generate(size, setting.random_state, dim)
        graph = lw.index.Graph("cosine").fit(data.vectors)
        cells += grid(data, graph, repetitions)
        setting.progress.step(number + 1, len(sizes), f"{size:,} rows")
    return Outcome(
        _figures(cells),
        [_table(cells)],
        (
            f"{len(cells)} cells: rows, the share of rows that pass a mask, how they were chosen "
            f"(by chance, or the nearest or the farthest of each query), and k, at "
            f"recall={RECALL}. A strategy was forced by making all others look dear; — where it "
            "cannot promise the recall. What a walk does not answer is scanned, and counted.",
        ),
    )


def _figures(cells: list[Cell]) -> list[Figure]:
    regrets = np.array([cell.regret for cell in cells])
    worst = max(cells, key=lambda cell: cell.regret)
    where = f"{worst.rows:,} rows, {worst.kind}, share {worst.share:g}, k = {worst.k}"
    high = float(np.quantile(regrets, 0.9))
    return [
        Figure("planner: chosen / best, median", float(np.median(regrets)), "times"),
        Figure("planner: chosen / best, 90 % of cells below", high, "times", target=TARGET),
        Figure(
            "planner: chosen / best, worst cell",
            float(regrets.max()),
            "times",
            note=f"{where}: {worst.choice}",
        ),
        Figure(
            f"planner: cells within {TARGET} of the best",
            100 * float(np.mean(regrets <= TARGET)),
            "%",
            higher=True,
        ),
    ]


def grid(data: Data, graph: lw.index.Graph, repetitions: int) -> list[Cell]:
    """Every cell for one graph; the whole without a mask too."""
    cells = []
    for k in DEPTHS:
        everything: list[Mask | None] = [None] * (repetitions + 3)
        cells.append(_cell(data, graph, everything, "all", 1.0, k))
    for kind in KINDS:
        for share in SHARES:
            masks = [passing(kind, share, data, query) for query in data.queries[: repetitions + 3]]
            for k in DEPTHS:
                if share * len(data) >= max(k, 10):
                    cells.append(_cell(data, graph, [*masks], kind, share, k))
    return cells


def passing(kind: str, share: float, data: Data, query: npt.NDArray[np.float32]) -> Mask:
    """A mask of a share of the rows; for "near" and "far" it hangs on the query."""
    count = max(1, round(share * len(data)))
    if kind == "chance":
        return data.prices < np.sort(data.prices)[count - 1 : count + 1].mean()
    order = np.argsort(data.vectors @ query)
    mask = np.zeros(len(data), dtype=np.bool_)
    mask[order[-count:] if kind == "near" else order[:count]] = True
    return mask


def _cell(
    data: Data,
    graph: lw.index.Graph,
    masks: list[Mask | None],
    kind: str,
    share: float,
    k: int,
) -> Cell:
    first = data.queries[0]
    planned = graph.search(first, k, where=masks[0], recall=RECALL).info
    choice = min(planned.candidates, key=planned.candidates.__getitem__)
    ways = {name: forced(graph, name) for name in planned.candidates if name in FORCING}

    def asks(index: lw.index.Graph, *, exact: bool = False) -> Callable[[int], object]:
        recall = None if exact else RECALL
        return lambda i: index.search(
            data.queries[i], k, where=masks[i], recall=recall, exact=exact
        )

    works = {"planner": asks(graph), "exact": asks(graph, exact=True)}
    works |= {name: asks(way) for name, way in ways.items()}
    taken = {name: median(each) for name, each in interleaved(works, len(masks) - 3).items()}
    return Cell(len(data), kind, share, k, taken, choice, taken.pop("planner"))


def forced(graph: lw.index.Graph, strategy: str) -> lw.index.Graph:
    """The same graph for a planner who thinks that all but one strategy take for ever."""
    other = copy.copy(graph)
    costs = FORCING[strategy](graph.costs)
    other._links = replace(graph._links, costs=costs)  # there is no public way to force it
    other._forget_plans()
    return other


def _table(cells: list[Cell]) -> Table:
    strategies = ("exact", *FORCING)

    def shown(cell: Cell, name: str) -> str:
        return f"{1e3 * cell.seconds[name]:.3f}" if name in cell.seconds else "—"

    rows = [
        (
            f"{cell.rows:,}",
            cell.kind,
            f"{cell.share:g}",
            f"{cell.k}",
            *(shown(cell, name) for name in strategies),
            cell.choice,
            f"{1e3 * cell.chosen:.3f}",
            f"{cell.regret:.2f}",
        )
        for cell in cells
    ]
    named = (f"{name}, ms" for name in strategies)
    header = ("rows", "passing", "share", "k", *named, "chosen", "it took, ms", "chosen / best")
    return Table("Every cell", header, rows)


BENCHMARK = Benchmark("planner_regret", "How much does the planner lose?", run)
