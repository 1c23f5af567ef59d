"""One block of queries against codes: propose, rank exactly, judge whether that was enough."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from likewise.index._coded import Coded
from likewise.index._proposer import BoolArray
from likewise.index._reranking import rerank
from likewise.index._rows import Float32Array
from likewise.index.planner import CostModel
from likewise.index.scanning import PreparedRows
from likewise.results import Row

Float64Array = npt.NDArray[np.float64]

#: An answer that fills its depth to more than this share may have been cut off.
FULL = 0.9


@dataclass(frozen=True, slots=True)
class Wanted:
    """What every query of a call wants of the codes.

    Attributes:
        k: how many; None for all within ``radius``.
        radius: no farther than this, or None.
        mask: the rows that count; None for all.
        matching: how many of those have a code.
        coded: how many rows have a code.
        recall: the share of the true neighbours to find.
        budget: seconds from which on a scan is cheaper.
    """

    k: int | None
    radius: float | None
    mask: BoolArray | None
    matching: int
    coded: int
    recall: float
    budget: float

    @property
    def depth(self) -> float:
        """How many of all rows lie as near as the k-th that matches, if chance decides."""
        return math.inf if self.k is None else self.k * self.coded / self.matching


@dataclass(slots=True)
class Found:
    """One `Row` a query, None where the codes were not enough; the estimates; the work."""

    rows: list[Row | None]
    recalls: list[float]
    scanned: int = 0
    efforts: set[int] = field(default_factory=set)


def answer(
    coded: Coded, prepared: PreparedRows, queries: Float32Array, wanted: Wanted, costs: CostModel
) -> Found:
    """Ask at the least effort for the depth each query needs, and deeper where it was not."""
    found = Found([None] * len(queries), [0.0] * len(queries))
    placed = coded.placement.queries(queries)
    columns = _columns(coded, queries, wanted)
    first = True
    while any(column is not None for column in columns):
        for column in sorted({c for c in columns if c is not None}):
            group = [i for i, c in enumerate(columns) if c == column]
            step = affordable(coded, wanted, column, costs, prepared.rows.shape[1], first=first)
            if step is None:
                columns = [None if c == column else c for c in columns]
                continue
            rows = _ask(coded, prepared, queries[group], placed[group], wanted, step, found)
            deeper = _judge(coded, prepared, placed[group], rows, wanted, column, first=first)
            for i, row, then in zip(group, rows, deeper, strict=True):
                columns[i] = None if then == column else then
                if then == column:
                    found.rows[i] = row
                    found.recalls[i] = coded.calibration.curve.recall[step[0]][column]
        first = False
    return found


def affordable(
    coded: Coded, wanted: Wanted, column: int, costs: CostModel, dim: int, *, first: bool
) -> tuple[int, int] | None:
    """The step for a depth and how many rows it ranks; None where a scan does better."""
    calibration = coded.calibration
    step = calibration.least(wanted.recall, column)
    if step is None:
        return None
    # A place in a list of proposals grows with the rows there are.
    grown = max(1.0, wanted.coded / calibration.rows)
    count = math.ceil(grown * _count(coded, wanted, step, column, first=first))
    count = min(count, wanted.matching)
    if seconds(coded, step, count, costs, dim) >= wanted.budget:
        return None
    return step, count


def seconds(coded: Coded, step: int, count: int, costs: CostModel, dim: int) -> float:
    """One query on its own at this step, ranking ``count`` rows."""
    calibration = coded.calibration
    usual = calibration.steps[step].counts[min(1, len(calibration.curve.depths) - 1)]
    more = max(0, count - usual) * dim * costs.gathered
    return calibration.seconds[step] + more


def _count(coded: Coded, wanted: Wanted, step: int, column: int, *, first: bool) -> int:
    counts = coded.calibration.steps[step].counts
    if wanted.mask is None or wanted.k is None or not first:
        return counts[column]
    # Of the proposals that all rows would need, those that pass; where all near rows pass, as
    # many as k needs.
    passing = counts[column] * wanted.matching / wanted.coded
    alone = coded.calibration.column(wanted.k)
    needed = math.ceil(passing + 3 * math.sqrt(passing) + 8)
    return max(needed, counts[column if alone is None else alone])


def _columns(coded: Coded, queries: Float32Array, wanted: Wanted) -> list[int | None]:
    """The depth at which each query is first asked, as a column of the curve."""
    depths = np.full(len(queries), wanted.depth)
    if wanted.radius is not None:
        witnesses = coded.witnesses
        inside = witnesses.within(queries, wanted.radius)
        if len(witnesses) < wanted.coded:
            inside += 2 * np.sqrt(inside) + 1  # it is a sample
        depths = np.minimum(depths, np.maximum(1, inside / FULL * witnesses.each))
    depths[~coded.placement.takes_queries(queries)] = np.inf
    return [coded.calibration.column(float(depth)) for depth in depths]


def _ask(
    coded: Coded,
    prepared: PreparedRows,
    queries: Float32Array,
    placed: Float32Array,
    wanted: Wanted,
    step: tuple[int, int],
    found: Found,
) -> list[Row]:
    effort, count = step
    probe = coded.calibration.steps[effort].probe
    proposed = coded.proposer.propose(placed, probe, count, wanted.mask)
    found.scanned += len(queries) * coded.proposer.compared(probe)
    found.scanned += int(np.count_nonzero(proposed >= 0))
    found.efforts.add(coded.calibration.curve.efforts[effort])
    return rerank(prepared, queries, proposed, wanted.k, wanted.radius)


def _judge(
    coded: Coded,
    prepared: PreparedRows,
    placed: Float32Array,
    rows: list[Row],
    wanted: Wanted,
    column: int,
    *,
    first: bool,
) -> list[int | None]:
    """For each answer the column it must be asked at: ``column`` itself where it is enough,
    None where no column will do."""
    depths = coded.calibration.curve.depths
    deeper = column + 1 if column + 1 < len(depths) else None
    verdict: list[int | None] = [deeper] * len(rows)
    whole = [i for i, row in enumerate(rows) if len(row.ids) == wanted.k]
    if wanted.radius is not None:
        for i, row in enumerate(rows):
            filled = len(row.ids) == wanted.k and wanted.k <= depths[column]
            if filled or wanted.mask is not None or len(row.ids) <= FULL * depths[column]:
                verdict[i] = column
        return verdict
    if wanted.mask is None:
        for i in whole:
            verdict[i] = column
        return verdict
    if not whole:
        return verdict
    last = np.array([rows[i].ids[-1] for i in whole])
    nearer = coded.witnesses.nearer(placed[whole], prepared.rows[last])
    allowed = depths[column] / coded.witnesses.each
    if first:
        allowed = max(allowed, _by_chance(wanted, coded.witnesses.each))
    for i, seen in zip(whole, nearer, strict=True):
        verdict[i] = column
        if seen > allowed:
            then = coded.calibration.column(float(seen) * coded.witnesses.each)
            verdict[i] = None if then is None else max(then, column + 1)
    return verdict


def _by_chance(wanted: Wanted, each: float) -> float:
    """How many witnesses may lie nearer than the k-th match when the filter is blind to place."""
    expected = wanted.depth / each
    k = 1 if wanted.k is None else wanted.k
    return expected + 2 * math.sqrt(expected + expected**2 / k) + 1
