"""The planner's choice beside the better of exact and graph, known afterwards."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import numpy as np

import likewise as lw
from benchmarks.data import Data, generate
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import interleaved, median
from likewise.index import CostModel
from replications.protocol import Table

RECALL = 0.95
DEPTHS = (1, 10, 100)
SELECTIVITIES = (1.0, 0.5, 0.1, 0.01, 0.001)
TARGET = 1.2  # times the better of the two, for nine cells of ten


@dataclass(frozen=True, slots=True)
class Cell:
    """One question, answered by both strategies; seconds a query, the planner's choice."""

    rows: int
    share: float
    k: int
    exact: float
    graph: float | None
    choice: str

    @property
    def regret(self) -> float:
        """What the choice costs, in units of the better one; 1 is perfect."""
        graph = math.inf if self.graph is None else self.graph
        chosen = self.exact if self.choice == "exact" else graph
        return chosen / min(self.exact, graph)


def run(setting: Setting) -> Outcome:
    """Ask every cell of the grid both ways, in turn."""
    sizes, repetitions = ((1_000, 3_000), 5) if setting.quick else ((1_000, 10_000, 100_000), 40)
    cells: list[Cell] = []
    for number, size in enumerate(sizes):
        data = generate(size, setting.random_state)
        graph = lw.index.Graph("cosine").fit(data.vectors)
        cells += _cells(data, graph, repetitions)
        setting.progress.step(number + 1, len(sizes), f"{size:,} rows")
    regrets = np.array([cell.regret for cell in cells])
    worst = max(cells, key=lambda cell: cell.regret)
    high, most = float(np.quantile(regrets, 0.9)), float(regrets.max())
    figures = [
        Figure("planner: chosen / better, median", float(np.median(regrets)), "times"),
        Figure("planner: chosen / better, 90 % of cells below", high, "times", target=TARGET),
        Figure(
            "planner: chosen / better, worst cell",
            most,
            "times",
            note=f"{worst.rows:,} rows, share {worst.share:g}, k = {worst.k}: {worst.choice}",
        ),
        Figure(
            "planner: cells where the better one was chosen",
            100 * float(np.mean(regrets == 1)),
            "%",
            higher=True,
        ),
    ]
    return Outcome(
        figures,
        [_table(cells)],
        (
            f"{len(cells)} cells: rows, the share of rows that pass a mask, and k, at "
            f"recall={RECALL}. The graph was forced by making scans look dear; where its curve "
            "cannot promise the recall there is no graph to choose (—).",
        ),
    )


def _cells(data: Data, graph: lw.index.Graph, repetitions: int) -> list[Cell]:
    walker = forced(graph)
    cells = []
    for share in SELECTIVITIES:
        mask = None if share == 1 else data.prices < share
        matching = len(data) if mask is None else int(mask.sum())
        for k in DEPTHS:
            if matching >= max(k, 10):
                cells.append(_cell(data, graph, walker, mask, share, k, repetitions))
    return cells


def _cell(
    data: Data,
    graph: lw.index.Graph,
    forced: lw.index.Graph,
    mask: np.ndarray | None,
    share: float,
    k: int,
    repetitions: int,
) -> Cell:
    chosen, walked = set(), []

    def exact(i: int) -> None:
        graph.search(data.queries[i], k, where=mask, exact=True)

    def walk(i: int) -> None:
        found = forced.search(data.queries[i], k, where=mask, recall=RECALL)
        walked.append(found.info.strategy == "graph")

    for query in data.queries[:repetitions]:
        chosen.add(graph.search(query, k, where=mask, recall=RECALL).info.strategy)
    seconds = interleaved({"exact": exact, "graph": walk}, repetitions)
    # A walk that ends in a scan after all costs both; only a promise that is never made is none.
    possible = any(walked)
    choice = "graph" if "graph" in chosen else "exact"
    taken = median(seconds["graph"]) if possible else None
    return Cell(len(data), share, k, median(seconds["exact"]), taken, choice)


def forced(graph: lw.index.Graph) -> lw.index.Graph:
    """The same graph for a planner who thinks that a scan takes for ever."""
    other = copy.copy(graph)
    dear = CostModel(call=0.0, streamed=1.0, gathered=1.0, value=1.0, graph={16: 1e-9})
    other._links = replace(graph._links, costs=dear)  # there is no public way to force it
    other._forget_plans()
    return other


def _table(cells: list[Cell]) -> Table:
    rows = [
        (
            f"{cell.rows:,}",
            f"{cell.share:g}",
            f"{cell.k}",
            f"{1e3 * cell.exact:.3f}",
            "—" if cell.graph is None else f"{1e3 * cell.graph:.3f}",
            cell.choice,
            f"{cell.regret:.2f}",
        )
        for cell in cells
    ]
    header = ("rows", "share", "k", "exact, ms", "graph, ms", "chosen", "chosen / better")
    return Table("Every cell", header, rows)


BENCHMARK = Benchmark("planner_regret", "How much does the planner lose?", run)
