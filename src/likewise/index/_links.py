"""The state of a graph index: its net, which rows wait, and how well it finds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._among import Scanner
from likewise.index._compiled.values import SCANNED
from likewise.index._hops import Hopper
from likewise.index._loops import is_compiled
from likewise.index._net import Net
from likewise.index._protocol import Progress
from likewise.index._timing import scan_seconds, walk_seconds, with_exact
from likewise.index._trials import Trial, by_chance, curve_of, far_away
from likewise.index._walking import UNLIMITED, Ask, Walker, flat
from likewise.index._widen import Wanted, widen
from likewise.index.planner import SHALLOWEST, CostModel, longest_scan
from likewise.index.recall import RecallCurve, depths_for, measure
from likewise.index.scanning import PreparedRows, scan
from likewise.results import Row
from likewise.vectors import Float32Array

IdArray = npt.NDArray[np.int64]

#: Rows kept back to ask with, the share of all that they are at most, and the fewest that say
#: anything.
HELD_OUT, HELD_OUT_SHARE, FEWEST_QUERIES = 256, 1 / 8, 32
#: The list lengths measured.
EFFORTS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024)
#: The curve is measured again when this share of the graph is new.
STALE = 0.2
#: The stopping rule may cost a row for so many queries, divided by the effort: the more is
#: spent, the less may be lost.
HARMED = 0.16
#: What fewer queries than this did not need, others may: then no walk ends early.
FEWEST_FOR_STOPS = 128
#: Shares of the rows that pass, with which walks among them are measured; only where so many
#: rows pass: fewer are scanned sooner.
SHARES, FEWEST_TO_HOP = (1 / 2, 1 / 8, 1 / 32), 1 << 12
#: The list lengths of those walks, and how deep they are measured.
HOP_EFFORTS, HOP_DEPTH = (16, 32, 64, 128, 256, 512), 100
#: Queries asked one by one, for the time that one takes.
TIMED = 32


@dataclass(slots=True)
class Links:
    """A net over some of the rows, and what is known of it.

    Attributes:
        net: the graph.
        costs: the planner's constants.
        curve: measured recall, if it was measured.
        measured_at: rows in the graph when it was.
        clocked: whether searches are timed for ``costs``; not when those were given.
        visited: distances that the graph computes for a query, by effort: the mean of those
            asked when the curve was measured.
        stops: the stopping ratio by effort, from the same queries.
        usual: by depth, the distance of the true row at that depth beyond which a query is not
            like those; a product counts for a query of length 1.
        scanning: measured recall of filtered scans by codes, with filters of chance and filters
            that leave only rows far from the query: the worse at every depth. Its one effort
            is 1. None where it was not measured.
        hopping: the same of walks that meet only rows that pass, by the share of them.
    """

    net: Net
    costs: CostModel
    curve: RecallCurve | None = None
    measured_at: int = 0
    clocked: bool = True
    visited: dict[int, float] = field(default_factory=dict)
    stops: dict[int, float] = field(default_factory=dict)
    usual: dict[int, float] = field(default_factory=dict)
    scanning: RecallCurve | None = None
    hopping: dict[float, RecallCurve] = field(default_factory=dict)
    _walker: Walker | None = None
    _scanner: Scanner | None = None
    _hopper: Hopper | None = None

    @property
    def stale(self) -> bool:
        """Whether enough is new that the curve should be measured again."""
        return self.net.linked > (1 + STALE) * self.measured_at

    @property
    def waiting(self) -> IdArray:
        """Slots, ascending, that are not in the graph yet."""
        if self.net.linked == self.net.codes.count:
            return _NONE
        missing: IdArray = np.flatnonzero(~self.net.joined)
        return missing

    @property
    def beside(self) -> IdArray:
        """Slots, ascending, that the graph does not answer for: to be scanned."""
        if not len(self.net.stranded):
            return self.waiting
        return np.union1d(self.waiting, self.net.stranded)

    def insert(
        self, rows: Float32Array, order: IdArray, jobs: int, progress: Progress | None
    ) -> None:
        """Link the slots of ``order``, in that order. After Ctrl-C the rest still waits."""
        self.forget_walker()
        self.net.insert(rows, order, jobs, progress, self.net.codes.count)

    def forget_walker(self) -> None:
        """The net is about to change, or has."""
        self._walker = self._scanner = self._hopper = None

    def kept(self, keep: IdArray, jobs: int) -> Links:
        """The same of the slots ``keep`` (ascending) alone, renumbered; this stays as it is."""
        net = self.net.kept(keep, jobs)
        share = net.linked / max(1, self.net.linked)
        measured_at = round(share * self.measured_at)
        new = replace(self, net=net, measured_at=measured_at)
        new.forget_walker()
        return new

    def walker(self, prepared: PreparedRows) -> Walker:
        """For searches of the net as it is now."""
        walker = self._walker
        if walker is None:
            walker = self._walker = Walker(self.net, prepared.rows)
        return walker

    def scanner(self, prepared: PreparedRows) -> Scanner:
        """For filtered scans of the codes as they are now."""
        scanner = self._scanner
        if scanner is None:
            scanner = self._scanner = Scanner(self.net, prepared.rows)
        return scanner

    def hopper(self, prepared: PreparedRows) -> Hopper:
        """For walks of the net as it is now that meet only rows that pass."""
        hopper = self._hopper
        if hopper is None:
            hopper = self._hopper = Hopper(self.net, self.walker(prepared))
        return hopper

    @property
    def most_queries(self) -> int:
        """How many rows are asked with; few where each answer takes plain loops."""
        return HELD_OUT if is_compiled(self.net.codes.metric) else FEWEST_QUERIES

    def stop_at(self, effort: int) -> float:
        """The stopping ratio for a list of this length; 0, which is never, where unknown."""
        larger = [known for known in self.stops if known >= effort]
        return self.stops[min(larger)] if larger else 0.0

    def limit(self, k: int) -> float:
        """The `comparable` distance of a k-th row beyond which a query is a strange one.

        Strange is what is unlike the queries asked when the curve was measured.
        """
        depths = [depth for depth in self.usual if depth >= k]
        return self.usual[min(depths)] if depths else np.inf

    def comparable(
        self, queries: Float32Array, distances: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """(b,) a distance a query, such that the length of a query plays no part for dot."""
        if self.net.codes.metric.name != "dot":
            return distances
        wide = queries.astype(np.float64)
        lengths = np.sqrt(np.vecdot(wide, wide)).clip(np.finfo(np.float64).tiny)
        scaled: npt.NDArray[np.float64] = distances / lengths
        return scaled

    # -- measuring -----------------------------------------------------------------------

    def measure(
        self,
        prepared: PreparedRows,
        queries: IdArray,
        jobs: int,
        *,
        held_out: bool,
        asked_by_users: Float32Array | None = None,
    ) -> None:
        """Measure the stopping ratios, the curve, and the time of each effort unless given.

        ``queries`` are slots; with ``held_out`` they are not in the graph, else each is left
        out of its own answer. Where users' own queries are known, the curve is the worse of
        the two at every point.
        """
        codes = self.net.codes
        asked = prepared.rows[queries]
        queries, asked = queries[usable := codes.takes(asked)], asked[usable]
        if len(queries) == 0:
            return
        nobody = None if held_out else queries
        samples = [(asked, nobody)]
        if asked_by_users is not None:
            theirs = asked_by_users[codes.takes_queries(asked_by_users)]
            if len(theirs) >= FEWEST_QUERIES:
                samples.append((theirs, None))
        known = EFFORTS if is_compiled(codes.metric) else EFFORTS[::3]
        efforts = [e for e in known if e == known[0] or e <= self.net.linked]
        self.usual = {}
        self._measure_stops(prepared, [asked for asked, _ in samples], efforts, jobs)
        curves = [self._curve(prepared, asked, own, efforts, jobs) for asked, own in samples]
        self.curve = curves[0] if len(curves) == 1 else curves[0].worst(curves[1])
        self.measured_at = self.net.linked
        if is_compiled(codes.metric):
            others = np.setdiff1d(np.flatnonzero(self.net.joined), queries)
            found = [self._scan_curve(prepared, asked, others, jobs) for asked, _ in samples]
            self.scanning = found[0] if len(found) == 1 else found[0].worst(found[1])
            shares = [share for share in SHARES if share * len(others) >= FEWEST_TO_HOP]
            self.hopping = {
                share: self._hop_curve(prepared, asked, others, share, jobs) for share in shares
            }
        if self.clocked:
            self._measure_seconds(prepared, asked, efforts)

    def _measure_stops(
        self,
        prepared: PreparedRows,
        samples: list[Float32Array],
        efforts: list[int],
        jobs: int,
    ) -> None:
        self.stops = {}
        if len(samples[0]) < FEWEST_FOR_STOPS:
            return
        walker = self.walker(prepared)
        for effort in efforts:
            ask = Ask(min(SHALLOWEST, self.net.linked), effort)
            ratios = [walker.find(asked, ask, jobs, ratios=True).ratios for asked in samples]
            unharmed = 1 - HARMED / effort
            self.stops[effort] = max(float(np.quantile(some, unharmed)) for some in ratios)

    def _curve(
        self,
        prepared: PreparedRows,
        asked: Float32Array,
        own: IdArray | None,
        efforts: list[int],
        jobs: int,
    ) -> RecallCurve:
        extra = 0 if own is None else 1
        depths = depths_for(self.net.linked - extra)
        linked = np.flatnonzero(self.net.joined)
        truth = scan(prepared, asked, depths[-1] + extra, None, linked, n_jobs=jobs).rows
        self._note_usual(asked, truth if own is None else _without(truth, own), depths)
        walker = self.walker(prepared)

        def search(effort: int, depth: int) -> list[Row]:
            ask = Ask(depth + extra, effort, self.stop_at(effort))
            found = walker.find(asked, ask, jobs)
            if depth <= SHALLOWEST:
                self.visited[effort] = float(found.notes[:, SCANNED].mean())
            ids, distances, offsets = flat(found)
            rows = [
                Row(ids[start:stop], distances[start:stop])
                for start, stop in pairwise(offsets.tolist())
            ]
            return rows if own is None else _without(rows, own)

        return measure(search, truth if own is None else _without(truth, own), efforts, depths)

    def _scan_curve(
        self, prepared: PreparedRows, asked: Float32Array, slots: IdArray, jobs: int
    ) -> RecallCurve:
        scanner = self.scanner(prepared)

        def search(trial: Trial, effort: int, depth: int) -> list[Row]:
            rows, dim = prepared.rows.shape
            longest = longest_scan(depth, rows, len(trial.listed), dim)
            found = scanner.judged(trial.queries, trial.listed, depth, longest, jobs)
            pairs = zip(found.rows, trial.truth, strict=True)  # what is not enough is scanned
            return [truth if row is None else row for row, truth in pairs]

        curves = [
            curve_of(made(prepared, asked, slots, 0.5, jobs), [1], search)
            for made in (by_chance, far_away)
        ]
        return curves[0].worst(curves[1])

    def _hop_curve(
        self, prepared: PreparedRows, asked: Float32Array, slots: IdArray, share: float, jobs: int
    ) -> RecallCurve:
        hopper = self.hopper(prepared)

        def search(trial: Trial, effort: int, depth: int) -> list[Row]:
            mask = np.zeros(self.net.codes.count, dtype=np.bool_)
            mask[trial.listed] = True
            found = hopper.enough(trial.queries, Ask(depth, effort, mask=mask), 1.0, jobs)
            pairs = zip(found.rows, trial.truth, strict=True)  # what is not enough is scanned
            return [truth if row is None else row for row, truth in pairs]

        efforts = [effort for effort in HOP_EFFORTS if effort <= share * len(slots)]
        curves = [
            curve_of(made(prepared, asked, slots, share, jobs), efforts, search, HOP_DEPTH)
            for made in (by_chance, far_away)
        ]
        return curves[0].worst(curves[1])

    def _note_usual(self, asked: Float32Array, truth: list[Row], depths: tuple[int, ...]) -> None:
        for depth in depths:
            reach = np.array([row.distances[min(depth, len(row.distances)) - 1] for row in truth])
            reach = self.comparable(asked, reach)
            # As far beyond the farthest as that is from the middle: hardly ever one of them.
            limit = 2 * float(reach.max()) - float(np.median(reach))
            self.usual[depth] = max(limit, self.usual.get(depth, -np.inf))

    def _measure_seconds(
        self, prepared: PreparedRows, asked: Float32Array, efforts: list[int]
    ) -> None:
        walker, few = self.walker(prepared), asked[:TIMED]
        k = min(SHALLOWEST, self.net.linked)

        def walk(query: Float32Array, effort: int) -> None:
            walker.find(query, Ask(k, effort, self.stop_at(effort)))

        self.costs = self.costs.with_graph(walk_seconds(efforts, few, walk))
        if not is_compiled(self.net.codes.metric):
            return
        everything = np.ones(self.net.codes.count, dtype=np.bool_)
        wanted = Wanted(k, None, everything, None, 0.0, np.inf, 1.0, UNLIMITED)

        def widened(query: Float32Array, effort: int) -> None:
            widen(self, prepared, query, wanted, effort, 1)

        masked = walk_seconds(efforts, few, widened)
        scanned = scan_seconds(self.scanner(prepared), few, self.net.codes.count)
        hops = {share: self._hop_seconds(prepared, few, share) for share in self.hopping}
        costs = replace(self.costs, masked=masked, codes=scanned, hops=hops)
        self.costs = with_exact(costs, prepared, few)

    def _hop_seconds(
        self, prepared: PreparedRows, queries: Float32Array, share: float
    ) -> dict[int, float]:
        hopper, k = self.hopper(prepared), min(SHALLOWEST, self.net.linked)
        mask = np.random.default_rng(0).random(self.net.codes.count) < share

        def walk(query: Float32Array, effort: int) -> None:
            hopper.enough(query, Ask(k, effort, mask=mask), 1.0, 1)

        return walk_seconds(list(self.hopping[share].efforts), queries, walk)

    # -- files ---------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """What a file keeps beside the arrays of the net."""
        return {
            "net": self.net.to_dict(),
            "costs": self.costs.to_dict(),
            "clocked": self.clocked,
            "curve": None if self.curve is None else self.curve.to_dict(),
            "measured_at": self.measured_at,
            "visited": {str(effort): count for effort, count in self.visited.items()},
            "stops": {str(effort): ratio for effort, ratio in self.stops.items()},
            "usual": {str(depth): reach for depth, reach in self.usual.items()},
            "hopping": {str(share): curve.to_dict() for share, curve in self.hopping.items()},
            "scanning": None if self.scanning is None else self.scanning.to_dict(),
        }

    @classmethod
    def from_dict(cls, net: Net, values: dict[str, Any]) -> Links:
        """The inverse of `to_dict`."""
        return cls(
            net,
            CostModel.from_dict(values["costs"]),
            None if values["curve"] is None else RecallCurve.from_dict(values["curve"]),
            values["measured_at"],
            values["clocked"],
            {int(effort): count for effort, count in values["visited"].items()},
            {int(effort): ratio for effort, ratio in values["stops"].items()},
            {int(depth): reach for depth, reach in values["usual"].items()},
            None if values["scanning"] is None else RecallCurve.from_dict(values["scanning"]),
            {
                float(share): RecallCurve.from_dict(curve)
                for share, curve in values["hopping"].items()
            },
        )


_NONE = np.empty(0, dtype=np.int64)


def _without(rows: list[Row], own: IdArray) -> list[Row]:
    """Each query's own row left out of its answer."""
    kept = [row.ids != slot for row, slot in zip(rows, own.tolist(), strict=True)]
    return [Row(row.ids[k], row.distances[k]) for row, k in zip(rows, kept, strict=True)]
