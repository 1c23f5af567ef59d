"""How much effort finds how much: measured on rows that are not yet among the codes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.index._placing import Placement
from likewise.index._proposer import IdArray, Proposer
from likewise.index._reranking import distances_to, rerank
from likewise.index._rows import Float32Array
from likewise.index.planner import CostModel
from likewise.index.recall import TIE, RecallCurve, depths_for, lower_bound
from likewise.index.scanning import PreparedRows, scan
from likewise.results import Row

IntArray = npt.NDArray[np.int64]

#: The Python around a query takes so many times that around a scan (measured).
CALLS = 4
#: Lists of proposals are tried in steps of this factor.
STEP = 1.25
#: Rows that tell how deep an answer lies.
SAMPLE = 512
#: Queries asked for timing.
TIMED = 8


class Step(NamedTuple):
    """One level of effort: what the codes look at, and how many rows are ranked exactly, for
    each of the depths."""

    probe: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured.

    Attributes:
        steps: ascending by cost; the efforts of ``curve`` belong to them one by one.
        curve: recall by effort; an effort is what a query reads at depth 10, in numbers.
        seconds: (steps,) of one query on its own.
        witnesses: rows by which the depth of an answer is judged.
        rows: how many the codes held.
    """

    steps: tuple[Step, ...]
    curve: RecallCurve
    seconds: tuple[float, ...]
    witnesses: IdArray
    rows: int

    def column(self, depth: float) -> int | None:
        """Which measured depth speaks for ``depth``."""
        return next((i for i, known in enumerate(self.curve.depths) if known >= depth), None)

    def least(self, recall: float, column: int) -> int | None:
        """The cheapest step whose lower bound reaches ``recall``."""
        bounds = [line[column] for line in self.curve.lower]
        return next((i for i, bound in enumerate(bounds) if bound >= recall), None)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON; the witnesses are kept as an array."""
        return {
            "steps": [[step.probe, list(step.counts)] for step in self.steps],
            "curve": self.curve.to_dict(),
            "seconds": list(self.seconds),
            "rows": self.rows,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any], witnesses: IdArray) -> Calibration:
        """The inverse of `to_dict`."""
        steps = tuple(Step(probe, tuple(counts)) for probe, counts in values["steps"])
        curve = RecallCurve.from_dict(values["curve"])
        return cls(steps, curve, tuple(values["seconds"]), witnesses, values["rows"])


def calibrate(
    proposer: Proposer,
    prepared: PreparedRows,
    placement: Placement,
    coded: IdArray,
    asked: Float32Array,
    witnesses: IdArray,
    costs: CostModel,
    *,
    clocked: bool,
    given: Float32Array | None = None,
) -> Calibration:
    """Ask ``asked`` (rows not among ``coded``, the rows that have codes) at every effort.

    Where users' own queries are ``given``, the curve is the worse of the two at every point.

    Cost: one exact scan a query, and as many proposals as there are probes.
    """
    depths = tuple(d for d in depths_for(len(coded)) if d <= max(100, len(coded) // 100))
    samples = [slice(len(asked))]
    if given is not None:
        samples.append(slice(len(asked), None))
        asked = np.concatenate([asked, given])
    truth = scan(prepared, asked, depths[-1], None, coded).rows
    most = min(len(coded), max(512, 6 * depths[-1]))
    placed = placement.queries(asked)
    ranks = {
        probe: _ranks(prepared, asked, proposer.propose(placed, probe, most, None), truth)
        for probe in proposer.probes()
    }
    levels = _levels(ranks[proposer.probes()[-1]], depths, proposer.losses)
    steps = _frontier(proposer, ranks, levels, depths, prepared.rows.shape[1])
    efforts = tuple(_effort(proposer, step, depths, prepared.rows.shape[1]) for step in steps)
    curves = []
    for part in samples:
        own = {probe: table[part] for probe, table in ranks.items()}
        mean, lower = _recalls(own, steps, depths)
        curves.append(RecallCurve(efforts, depths, mean, lower, len(asked[part])))
    curve = curves[0] if len(curves) == 1 else curves[0].worst(curves[1])
    estimates = [_estimate(costs, effort) for effort in efforts]
    if clocked:
        estimates = [_clock(proposer, prepared, asked, placed, step, depths) for step in steps]
    seconds = np.maximum.accumulate(estimates).tolist()
    return Calibration(tuple(steps), curve, tuple(seconds), witnesses, len(coded))


def _ranks(
    prepared: PreparedRows, asked: Float32Array, proposed: IdArray, truth: list[Row]
) -> IntArray:
    """(b, count) how many true neighbours are nearer than each proposal; many for none.

    A proposal as near as the true d-th counts as found at depth d, whichever of equal rows it
    is; distances are computed only for queries with ties.
    """
    never = np.iinfo(np.int64).max
    ranks = np.full(proposed.shape, never)
    for i, (ids, true) in enumerate(zip(proposed, truth, strict=True)):
        size = np.abs(true.distances)
        reach = true.distances + TIE * np.maximum(size, TIE * size.max())
        if (true.distances[1:] <= reach[:-1]).any():
            distances = distances_to(prepared, asked[i : i + 1], ids[None, :])[0]
            places = np.searchsorted(reach, distances)
            ranks[i] = np.where(places < len(reach), places, never)
            continue
        order = np.argsort(true.ids)
        places = np.minimum(np.searchsorted(true.ids[order], ids), len(order) - 1)
        found = true.ids[order][places] == ids
        ranks[i, found] = order[places[found]]
    return ranks


def _share(ranks: IntArray, depth: int, count: int) -> npt.NDArray[np.float64]:
    """(b,) recall at ``depth`` when the first ``count`` proposals are ranked exactly."""
    found = np.count_nonzero(ranks[:, :count] < depth, axis=1)
    share: npt.NDArray[np.float64] = np.minimum(found, depth) / depth
    return share


def _levels(
    ranks: IntArray, depths: tuple[int, ...], losses: tuple[float, ...]
) -> list[tuple[int, ...]]:
    """For each loss, how many proposals a depth needs so that no more is lost to their order."""
    most = ranks.shape[1]
    columns = []
    for depth in depths:
        tried = sorted({*_ladder(depth, most), most})
        shares = [_share(ranks, depth, count).mean() for count in tried]
        columns.append(
            [
                next(c for c, s in zip(tried, shares, strict=True) if s >= shares[-1] - loss)
                for loss in losses
            ]
        )
    return list(zip(*columns, strict=True))


def _ladder(depth: int, most: int) -> list[int]:
    count = float(min(most, depth + max(2, depth // 8)))
    ladder = []
    while count < most:
        ladder.append(math.ceil(count))
        count *= STEP
    return ladder


def _frontier(
    proposer: Proposer,
    ranks: dict[int, IntArray],
    levels: list[tuple[int, ...]],
    depths: tuple[int, ...],
    dim: int,
) -> list[Step]:
    """The steps that no cheaper one beats at depth 10, ascending by cost."""
    depth, column = _usual(depths)
    every = {Step(probe, counts) for probe in ranks for counts in levels}
    best, frontier, last = -1.0, [], 0
    for step in sorted(every, key=lambda s: (_effort(proposer, s, depths, dim), s)):
        share = float(_share(ranks[step.probe], depth, step.counts[column]).mean())
        effort = _effort(proposer, step, depths, dim)
        if share > best and effort > last:
            best, last = share, effort
            frontier.append(step)
    # The last step does all there is to do, for depths that need more than depth 10.
    final = Step(max(ranks), levels[-1])
    if _effort(proposer, final, depths, dim) > last:
        frontier.append(final)
    return frontier


def _recalls(
    ranks: dict[int, IntArray], steps: list[Step], depths: tuple[int, ...]
) -> tuple[list[list[float]], list[list[float]]]:
    """(steps, depths) mean recall and lower bound; what dips is levelled to what follows."""
    mean, lower = np.zeros((2, len(steps), len(depths)))
    for row, step in enumerate(steps):
        for column, depth in enumerate(depths):
            shares = _share(ranks[step.probe], depth, step.counts[column])
            mean[row, column], lower[row, column] = shares.mean(), lower_bound(shares, depth)
    level = [np.minimum.accumulate(t[::-1], axis=0)[::-1].tolist() for t in (mean, lower)]
    return level[0], level[1]


def _usual(depths: tuple[int, ...]) -> tuple[int, int]:
    column = min(1, len(depths) - 1)
    return depths[column], column


def _effort(proposer: Proposer, step: Step, depths: tuple[int, ...], dim: int) -> int:
    """What one query reads, in numbers; fetching a row here and there counts four times."""
    return math.ceil(proposer.read(step.probe) + 4 * dim * step.counts[_usual(depths)[1]])


def _estimate(costs: CostModel, effort: int) -> float:
    return CALLS * costs.call + effort * costs.streamed


def _clock(
    proposer: Proposer,
    prepared: PreparedRows,
    asked: Float32Array,
    placed: Float32Array,
    step: Step,
    depths: tuple[int, ...],
) -> float:
    """Seconds of one query on its own: the middle of a few."""
    depth, column = _usual(depths)
    spent = []
    for i in range(min(TIMED, len(asked))):
        start = time.perf_counter()
        ids = proposer.propose(placed[i : i + 1], step.probe, step.counts[column], None)
        rerank(prepared, asked[i : i + 1], ids, depth)
        spent.append(time.perf_counter() - start)
    return float(np.median(spent)) + CALLS * 1e-5
