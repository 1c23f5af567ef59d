"""The planner: the cheapest of an exact scan, a scan by codes, and the graph.

The graph is searched at the effort that the target needs. What cannot promise the target is not
weighed.

Costs are those of one query on its own, so that a query gets the same answer alone and in
a batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
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
#: More than k rows are ranked exactly, since codes swap near ones: half as many, or so many.
FEWEST_SPARE = 6
#: Fewer rows than this tell nothing of how well more were found.
SHALLOWEST = 10
#: Where no walks among the rows that pass were measured.
NO_CURVES: Mapping[float, RecallCurve] = MappingProxyType({})
#: The parts of a scan by codes: the call; each row; more for each that stands alone; each that is
#: ranked exactly; and each step by which one moves in the list.
SCAN_PARTS = ("call", "row", "apart", "ranked", "moved")
#: A list of this part of the rows is the longest that is worth ranking.
RANKED_SHARE = 8
#: A list that is not enough is made so many times longer.
LONGER = 4


@dataclass(frozen=True, slots=True)
class CostModel:
    """Seconds, measured by the clock or given.

    Attributes:
        call: fixed cost of one scanned query.
        streamed: per number of the rows, read in order.
        gathered: per number of the rows, fetched here and there.
        value: per row, to pick the best of the values.
        graph: seconds of one graph query by effort; empty: estimated from ``gathered``.
        masked: the same with a filter, where no walk ends early; empty: as without.
        hops: the same by the share that passes and effort, for walks that meet only rows that
            pass; empty: they are not weighed.
        codes: seconds of the parts of a filtered scan by codes, as `SCAN_PARTS` names them;
            empty: estimated from ``gathered``.

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
    masked: dict[int, float] = field(default_factory=dict)
    hops: dict[float, dict[int, float]] = field(default_factory=dict)
    codes: dict[str, float] = field(default_factory=dict)

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

    def graph_seconds(self, effort: int, dim: int, *, filtered: bool = False) -> float:
        """One graph query of this effort; between measured efforts, on a straight line.

        Example:
            >>> costs = CostModel(call=0.0, streamed=1e-9, value=0.0, graph={10: 1e-5, 30: 3e-5})
            >>> round(costs.graph_seconds(20, dim=100), 6)
            2e-05
        """
        graph = self.masked if filtered and self.masked else self.graph
        if not graph:
            return GRAPH_CALLS * self.call + effort * VISITED * (dim * self.gathered / 2 + 2e-8)
        return GRAPH_CALLS * self.call + _between(graph, effort)

    def codes_seconds(
        self, rows: int, matching: int, dim: int, k: int, *, length: int | None = None
    ) -> float:
        """One filtered scan by codes, for the k nearest of ``matching`` among ``rows`` rows.

        ``length`` is that of the list that is ranked exactly; None is the usual one for k.

        Example:
            >>> costs = CostModel(call=0.0, codes={"call": 1e-5, "row": 5e-9})
            >>> round(costs.codes_seconds(10_000, 2_000, 100, 10), 8)
            2e-05
        """
        parts = scan_parts(rows, matching, scan_length(k) if length is None else length)
        if self.codes:
            measured = [self.codes.get(name, 0.0) for name in SCAN_PARTS]
        else:  # codes are a quarter of a row
            measured = [0.0, dim * self.gathered / 4, 0.0, 4 * dim * self.gathered, 0.0]
        taken = math.fsum(part * each for part, each in zip(parts, measured, strict=True))
        return GRAPH_CALLS * self.call + taken

    def hops_seconds(self, share: float, effort: int) -> float:
        """One walk of this effort that meets only the rows that pass, at a share of `hops`.

        Example:
            >>> costs = CostModel(call=0.0, hops={0.5: {16: 1e-5, 64: 4e-5}})
            >>> costs.hops_seconds(0.5, 64)
            4e-05
        """
        return GRAPH_CALLS * self.call + _between(self.hops[share], effort)

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
            "graph": _written(self.graph),
            "masked": _written(self.masked),
            "hops": {str(share): _written(each) for share, each in self.hops.items()},
            "codes": dict(self.codes),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CostModel:
        """The inverse of `to_dict`.

        Example:
            >>> costs = CostModel(call=0.0, streamed=1e-9, value=0.0, graph={10: 1e-5, 30: 3e-5})
            >>> CostModel.from_dict(costs.to_dict()) == costs
            True
        """
        walks = {name: _read(values[name]) for name in ("graph", "masked")}
        hops = {float(share): _read(each) for share, each in values["hops"].items()}
        return cls(**{**values, **walks, "hops": hops})

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


def _between(seconds: dict[int, float], effort: int) -> float:
    """The seconds of an effort, on a straight line between those that are known."""
    efforts = sorted(seconds)
    known = [seconds[e] for e in efforts]
    if effort > efforts[-1]:
        return known[-1] * effort / efforts[-1]
    return float(np.interp(effort, efforts, known))


def _written(seconds: dict[int, float]) -> dict[str, float]:
    return {str(effort): each for effort, each in seconds.items()}


def _read(seconds: dict[str, float]) -> dict[int, float]:
    return {int(effort): each for effort, each in seconds.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do and what it should cost.

    Attributes:
        strategy: ``exact``, ``scan`` (by codes), ``graph``, or ``two-hop`` (through the graph
            too, but meeting only rows that pass).
        effort: how hard the graph is searched; 0 for scans.
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
    scanning: RecallCurve | None = None,
    hopping: Mapping[float, RecallCurve] = NO_CURVES,
) -> Plan:
    """Choose for one query that wants ``k`` of ``matching`` among ``rows`` rows.

    ``k`` is None for a radius alone; the graph then starts short and widens. ``scanning`` is the
    recall of filtered scans by codes, at its one effort; None where there are none. ``hopping`` is
    that of walks that meet only rows that pass, by the share of them.

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
    best = None
    if matching < rows and scanning is not None and k is not None:
        estimate, lower = scan_recall(scanning, k, matching)
        if lower >= recall:
            coded = candidates["scan"] = costs.codes_seconds(rows, matching, dim, k)
            reason = (
                f"scanning the codes of {what} promises recall {recall:g} and is "
                f"{scan / coded:.1f} times cheaper than scanning the rows"
            )
            best = Plan("scan", 0, coded, estimate, reason, candidates)
    depth = list_length(k, rows, matching)
    found = curve.effort_for(recall, depth)
    why = f"the graph cannot promise recall {recall:g} at depth {depth:,}"
    if found is not None:
        effort, estimate = found
        seconds = costs.graph_seconds(effort, dim, filtered=matching < rows)
        candidates["graph"] = seconds
        why = f"scanning {what} is cheaper than the graph at effort {effort}"
        if best is None or seconds < best.estimated_seconds:
            reason = (
                f"the graph at effort {effort} promises recall {recall:g} and is "
                f"{scan / seconds:.1f} times cheaper than scanning {what}"
            )
            best = Plan("graph", effort, seconds, estimate, reason, candidates)
    shares = [each for each in hopping if each in costs.hops and each * rows <= matching < rows]
    share = max(shares, default=None)
    found = hopping[share].effort_for(recall, k) if share is not None and k is not None else None
    if share is not None and found is not None:
        effort, estimate = found
        seconds = candidates["two-hop"] = costs.hops_seconds(share, effort)
        if best is None or seconds < best.estimated_seconds:
            reason = (
                f"the graph among {what} that match, at effort {effort}, promises recall "
                f"{recall:g} and is {scan / seconds:.1f} times cheaper than scanning them"
            )
            best = Plan("two-hop", effort, seconds, estimate, reason, candidates)
    if best is None:
        return exactly(f"{why}: {what} are scanned")
    if scan <= best.estimated_seconds:
        cheaper = f"scanning {what} is cheaper than their codes or the graph"
        return exactly(why if best.strategy == "graph" else cheaper)
    return best


def list_length(k: int | None, rows: int, matching: int) -> int:
    """How long an unfiltered list should be to hold ``k`` matching rows."""
    wanted = min(10 if k is None else k, matching)
    if wanted * (rows - matching) <= FEW_MISSED * matching:
        return wanted
    return min(rows, math.ceil(SLACK * wanted * rows / matching) + 8)


def scan_length(k: int) -> int:
    """How many of the rows that a scan by codes finds are ranked exactly, for k of them."""
    k = max(k, SHALLOWEST)
    return 2 * (k + max(FEWEST_SPARE, k // 2)) + FEWEST_SPARE


def scan_parts(rows: int, matching: int, length: int) -> tuple[float, ...]:
    """How much of each of `SCAN_PARTS` a filtered scan by codes with such a list has."""
    length = min(length, matching)
    # A list takes in one row for each time that the rows seen have grown by its length.
    taken = length * math.log1p(matching / length)
    return 1, matching, matching * (1 - matching / rows), length, length * taken


def longest_scan(k: int, rows: int, matching: int, dim: int, costs: CostModel | None = None) -> int:
    """The longest list of a scan by codes that is cheaper than an exact scan.

    Without ``costs`` it is judged by its share of the rows alone.
    """
    length = scan_length(k)
    while LONGER * length <= matching // RANKED_SHARE:
        longer = LONGER * length
        if costs is not None and costs.exact_seconds(rows, matching, dim) < (
            costs.codes_seconds(rows, matching, dim, k, length=longer)
        ):
            break
        length = longer
    return length


def scan_recall(scanning: RecallCurve | None, k: int, matching: int) -> tuple[float, float]:
    """The recall of a scan by codes for ``k`` of ``matching`` rows, and its lower bound."""
    k = min(k, matching)
    if scan_length(k) >= matching:
        return 1.0, 1.0  # the list holds them all, and is ranked as a whole
    if scanning is None:
        return 0.0, 0.0
    return scanning.recall_at(1, k), scanning.lower_at(1, k)


def _fastest(work: Any, repeats: int = 5) -> float:
    best = math.inf
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best
