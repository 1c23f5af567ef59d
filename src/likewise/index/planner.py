"""The planner: exact when that is cheaper, else the graph at the effort the target needs.

Costs are those of one query on its own, so that a query gets the same answer alone and in
a batch.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from likewise.index.recall import RecallCurve
from likewise.index.scanning import GATHER_SHARE
from likewise.metrics import Metric, resolve

#: Distances a graph search computes for each place of its list, where no timing is known.
VISITED = 20
#: The Python around a graph query, as a share of that around a scan (measured).
GRAPH_CALLS = 0.3
#: A filtered list is made this much longer than the share of matching rows alone suggests.
SLACK = 1.3
#: Where fewer of a list's rows fail the filter on average, lists begin as short as without one.
FEW_MISSED = 0.1


@dataclass(frozen=True, slots=True)
class CostModel:
    """Seconds, measured by the clock or given.

    Attributes:
        call: fixed cost of one scanned query.
        streamed: per number of the rows, read in order.
        gathered: per number of the rows, fetched here and there.
        value: per row, to pick the best of the values.
        graph: seconds of one graph query by effort; empty: estimated from ``gathered``.

    Example:
        >>> costs = CostModel(call=0.0, streamed=1e-9, value=0.0)
        >>> costs.exact_seconds(rows=1000, matching=1000, dim=100)
        0.0001
    """

    call: float = 5e-5
    streamed: float = 2e-10
    gathered: float = 8e-10
    value: float = 3e-9
    graph: dict[int, float] = field(default_factory=dict)

    def exact_seconds(self, rows: int, matching: int, dim: int) -> float:
        """One exact query over ``matching`` of ``rows`` rows.

        Example:
            >>> costs = CostModel(call=0.0, streamed=1e-9, gathered=4e-9, value=0.0)
            >>> costs.exact_seconds(rows=1000, matching=1000, dim=100)
            0.0001
            >>> round(costs.exact_seconds(rows=1000, matching=10, dim=100), 9)
            4e-06
        """
        if matching < GATHER_SHARE * rows:
            return self.call + matching * (dim * self.gathered + self.value)
        return self.call + rows * (dim * self.streamed + self.value)

    def graph_seconds(self, effort: int, dim: int) -> float:
        """One graph query of this effort; between measured efforts, on a straight line.

        Example:
            >>> costs = CostModel(call=0.0, streamed=1e-9, value=0.0, graph={10: 1e-5, 30: 3e-5})
            >>> round(costs.graph_seconds(20, dim=100), 6)
            2e-05
        """
        if not self.graph:
            return GRAPH_CALLS * self.call + effort * VISITED * (dim * self.gathered / 2 + 2e-8)
        efforts = sorted(self.graph)
        seconds = [self.graph[e] for e in efforts]
        if effort > efforts[-1]:
            return GRAPH_CALLS * self.call + seconds[-1] * effort / efforts[-1]
        return GRAPH_CALLS * self.call + float(np.interp(effort, efforts, seconds))

    def with_graph(self, seconds: dict[int, float]) -> CostModel:
        """The same with measured graph timings.

        Example:
            >>> CostModel().with_graph({16: 1e-4}).graph
            {16: 0.0001}
        """
        return replace(self, graph=dict(seconds))

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON.

        Example:
            >>> costs = CostModel(call=0.0, streamed=1e-9, value=0.0, graph={10: 1e-5, 30: 3e-5})
            >>> costs.to_dict()["graph"]
            {'10': 1e-05, '30': 3e-05}
        """
        return {
            "call": self.call,
            "streamed": self.streamed,
            "gathered": self.gathered,
            "value": self.value,
            "graph": {str(effort): seconds for effort, seconds in self.graph.items()},
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CostModel:
        """The inverse of `to_dict`.

        Example:
            >>> costs = CostModel(call=0.0, streamed=1e-9, value=0.0, graph={10: 1e-5, 30: 3e-5})
            >>> CostModel.from_dict(costs.to_dict()) == costs
            True
        """
        graph = {int(effort): seconds for effort, seconds in values["graph"].items()}
        return cls(**{**values, "graph": graph})

    @classmethod
    def measure(
        cls, dim: int, metric: str | Metric = "cosine", *, random_state: int = 0
    ) -> CostModel:
        """Time this machine on rows of ``dim`` numbers; well under 0.2 s, at most 40 MB.

        Args:
            dim: numbers a row.
            metric: the one that will be searched by.
            random_state: seeds the rows; the timings differ from run to run all the same.

        Example:
            >>> costs = CostModel.measure(64, "euclidean")
            >>> 0 < costs.streamed <= costs.gathered
            True
        """
        resolved = resolve(metric)
        rng = np.random.default_rng(random_state)
        # More than a processor's cache holds, or reading would look too cheap.
        numbers = 1 << (20 if resolved.surrogate is None else 23)
        rows = np.resize(rng.random(1 << 16, dtype=np.float32), (max(64, numbers // dim), dim))
        query = rows[0].copy()

        def compare(some: Any) -> Any:
            if resolved.surrogate is None:
                return resolved.pairwise(query[None, :], some)[0]
            return some @ query

        some = rng.permutation(len(rows))[: max(16, len(rows) // 8)]
        values = compare(rows)
        streamed = _fastest(lambda: compare(rows)) / rows.size
        gathered = _fastest(lambda: compare(rows[some])) / (len(some) * dim)
        kth = min(9, len(values) - 1)
        value = _fastest(lambda: np.partition(values, kth)) / len(values)
        return cls(streamed=streamed, gathered=max(gathered, streamed), value=value)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do and what it should cost.

    Attributes:
        strategy: ``exact`` or ``graph``.
        effort: how hard the graph is searched; 0 when exact.
        estimated_seconds: for one query.
        estimated_recall: 1.0 when exact.
        reason: a sentence for people.
        candidates: estimated seconds of each strategy weighed.

    Example:
        >>> plan = choose(CostModel(), None, rows=9, matching=9, dim=8, k=5, recall=0.95)
        >>> plan.strategy, plan.effort, plan.estimated_recall
        ('exact', 0, 1.0)
    """

    strategy: str
    effort: int
    estimated_seconds: float
    estimated_recall: float
    reason: str
    candidates: dict[str, float]


def choose(
    costs: CostModel,
    curve: RecallCurve | None,
    *,
    rows: int,
    matching: int,
    dim: int,
    k: int | None,
    recall: float,
    exact: bool = False,
) -> Plan:
    """Choose for one query that wants ``k`` of ``matching`` among ``rows`` rows.

    ``k`` is None for a radius alone; the graph then starts short and widens.

    Example:
        >>> choose(CostModel(), None, rows=200, matching=200, dim=8, k=5, recall=0.95).reason
        'there is no graph: all 200 rows are scanned'
    """
    scan = costs.exact_seconds(rows, matching, dim)
    candidates = {"exact": scan}
    what = f"all {rows:,} rows" if matching == rows else f"{matching:,} of {rows:,} rows"

    def exactly(reason: str) -> Plan:
        return Plan("exact", 0, scan, 1.0, reason, candidates)

    if exact:
        return exactly(f"an exact answer was asked for: {what} are scanned")
    if curve is None:
        return exactly(f"there is no graph: {what} are scanned")
    depth = list_length(k, rows, matching)
    found = curve.effort_for(recall, depth)
    if found is None:
        return exactly(
            f"the graph cannot promise recall {recall:g} at depth {depth:,}: {what} are scanned"
        )
    effort, estimate = found
    seconds = candidates["graph"] = costs.graph_seconds(effort, dim)
    if scan <= seconds:
        return exactly(f"scanning {what} is cheaper than the graph at effort {effort}")
    reason = (
        f"the graph at effort {effort} promises recall {recall:g} and is "
        f"{scan / seconds:.1f} times cheaper than scanning {what}"
    )
    return Plan("graph", effort, seconds, estimate, reason, candidates)


def list_length(k: int | None, rows: int, matching: int) -> int:
    """How long an unfiltered list should be to hold ``k`` matching rows."""
    wanted = min(10 if k is None else k, matching)
    if wanted * (rows - matching) <= FEW_MISSED * matching:
        return wanted
    return min(rows, math.ceil(SLACK * wanted * rows / matching) + 8)


def _fastest(work: Any, repeats: int = 5) -> float:
    best = math.inf
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best
