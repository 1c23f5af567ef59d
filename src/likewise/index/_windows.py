"""The state of a window index: codes, links of all kinds, and how well and fast they find."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._codes import Codes, aligned_copy, read_only
from likewise.index._compiled import in_threads
from likewise.index._compiled.values import (
    BY_ONE,
    BY_OVERLAP,
    BY_PARTS,
    BY_SCAN,
    BY_THREE,
    BY_TREE,
    METRIC_NUMBERS,
    NOT_COMPILED,
    Effort,
    Found,
)
from likewise.index._links import EFFORTS, FEWEST_FOR_STOPS, HARMED
from likewise.index._loops import is_compiled, loops
from likewise.index._net import Net, Scratch
from likewise.index._ordered import IdArray, Ordered, PlaceArray
from likewise.index._part_links import PartLinks
from likewise.index._passing import Passing
from likewise.index._walking import PIECE, UNLIMITED, ranked
from likewise.index.planner import FEWEST_SPARE, SHALLOWEST, CostModel
from likewise.index.recall import RecallCurve, depths_for, measure
from likewise.index.scanning import PreparedRows, scan
from likewise.metrics import Metric
from likewise.results import Row
from likewise.vectors import Float32Array

#: Ways to search a window, by the names that `Window.search` takes. The first two are what is
#: chosen from; the others are those of the paper.
METHODS = {
    "scan": BY_SCAN,
    "parts": BY_PARTS,
    "postfilter": BY_ONE,
    "tree": BY_TREE,
    "three-split": BY_THREE,
    "super": BY_OVERLAP,
}
#: Queries asked at each width, in so many windows; fewer where answers take plain loops.
QUERIES, PLACES, FEW_QUERIES = 256, 8, 32
#: The longest list measured: scans of what asks for more are as quick.
LONGEST = 256
#: Below this many rows a window is always scanned.
NARROWEST = 256
#: Once the cheapest walk costs so many times a scan, narrower windows are not measured.
HOPELESS = 2.0
#: So many more than k rows of a scan are ranked exactly, or half as many more.
SPARE = 14
#: How far beyond a row, measured by a near one, a query is put that is in no graph.
BEYOND = 0.5
#: Times a timing is repeated, and that of a scan is taken up again; the best counts.
REPEATS, TURNS = 3, 4


@dataclass(slots=True)
class Measured:
    """What is known of one way to walk, by octave: windows of n, n / 2, n / 4, ... rows.

    Attributes:
        curves: recall by effort.
        stops: the stopping ratio by effort; 0 is never.
        seconds: of one query, by effort.
    """

    curves: list[RecallCurve] = field(default_factory=list)
    stops: list[dict[int, float]] = field(default_factory=list)
    seconds: list[dict[int, float]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "curves": [curve.to_dict() for curve in self.curves],
            "stops": [{str(e): ratio for e, ratio in some.items()} for some in self.stops],
            "seconds": [{str(e): spent for e, spent in some.items()} for some in self.seconds],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Measured:
        """The inverse."""
        return cls(
            [RecallCurve.from_dict(curve) for curve in values["curves"]],
            [{int(e): ratio for e, ratio in some.items()} for some in values["stops"]],
            [{int(e): spent for e, spent in some.items()} for some in values["seconds"]],
        )


@dataclass(frozen=True, slots=True)
class WindowAsk:
    """What is asked for every query of a call of the kernel.

    Attributes:
        method: of `METHODS`.
        k: rows wanted.
        length: of the list.
        stop: the stopping ratio; 0 never.
        passing: rows that may be found; None is all.
        width: how many of the list are ranked exactly; None is somewhat more than k.
    """

    method: str
    k: int
    length: int
    stop: float = 0.0
    passing: Passing | None = None
    width: int | None = None


def scan_width(k: int) -> int:
    """How many rows of a scan are ranked exactly, so that the last third is hardly ever needed."""
    return k + max(SPARE, k // 2)


def scan_length(k: int, codes: str = "4-bit") -> int:
    """The list of a scan by ``codes`` that finds k rows: codes swap near ones."""
    return 2 * scan_width(k) + FEWEST_SPARE if codes == "4-bit" else scan_width(k)


class Windows:
    """Codes, links and measurements of the ordered rows, and codes of the late ones.

    Args:
        net: over the ordered rows, in order; its codes may hold late rows after them.
        ordered: how many rows are in order.
        parts: links within parts.
        costs: the planner's constants.
        clocked: whether searches are timed for them.
    """

    def __init__(
        self, net: Net, ordered: int, parts: PartLinks, costs: CostModel, *, clocked: bool
    ) -> None:
        self.net, self.parts, self.costs, self.clocked = net, parts, costs, clocked
        self.measured: dict[str, Measured] = {}
        self.scan_curve: RecallCurve | None = None
        self.scan_call, self.scan_row = 0.0, 0.0
        self._whole = read_only(_with_twins(net)[:ordered])
        self._scratch = Scratch(net.codes.count)
        self._graph: tuple[Any, ...] = ()

    @property
    def codes(self) -> Codes:
        """The codes of all rows."""
        return self.net.codes

    @property
    def nbytes(self) -> int:
        """Bytes of codes and links."""
        return self.codes.nbytes + self._whole.nbytes + self.parts.nbytes

    def append(self, rows: Float32Array) -> None:
        """Code rows that come late."""
        self.codes.append(rows)
        self._scratch = Scratch(self.codes.count)

    def bind(self, rows: Float32Array, ordered: Ordered) -> None:
        """Say which rows there are, and where each lies; to be said again after any change.

        Args:
            rows: (slots, dim) the originals.
            ordered: the slot of every place.
        """
        self._graph = (
            *self.codes.walked(),
            *self.codes.fine()[:2],
            *self.codes.placing(),
            self._whole,
            read_only(self.parts.links),
            read_only(self.parts.sizes),
            read_only(self.parts.overlapping),
            read_only(rows),
            read_only(ordered.slots() if len(ordered.late) else ordered.order),
            read_only(ordered.late),
        )
        self._search = loops(self.codes.metric).window.search_windows

    # -- searching -----------------------------------------------------------------------

    def find(
        self,
        queries: Float32Array,
        windows: IdArray,
        ask: WindowAsk,
        jobs: int = 1,
        *,
        ratios: bool = False,
    ) -> Found:
        """The answers, a line a query: ids are slots.

        Args:
            queries: (b, dim).
            windows: (1 or b, 4), of `Ordered.windows`.
            ask: what is asked.
            jobs: threads for a batch.
            ratios: whether stopping ratios are asked for.
        """
        count, width = len(queries), ask.width or ranked(ask.k, ask.length)
        found = Found(
            np.empty((count, width), np.int64),
            np.empty((count, width), np.float64),
            np.empty((count, 3), np.int64),
            np.ones(count, np.float32) if ratios else _NO_RATIOS,
        )
        graph, mask = self._graph, _NO_MASK
        if ask.passing is not None:
            mask, listed = ask.passing.mask, ask.passing.listed
            if ask.method == "scan" and listed is not None:
                # Those that pass, in order, in the place of late rows.
                graph, mask = (*graph[:-1], listed), _NO_MASK
                spans = np.searchsorted(listed, windows[:, :2])
                windows = np.concatenate([np.zeros_like(spans), spans], axis=1)
        settings = self._settings(ask, width)
        queries = read_only(np.require(queries, requirements=("C", "A")))
        if len(windows) != count:
            windows = np.repeat(windows, count, axis=0)
        windows = read_only(np.ascontiguousarray(windows))

        def piece(some: slice) -> None:
            visited = self._scratch.take()
            part = [array[some] for array in found]  # an empty one stays empty
            self._search(*graph, mask, queries[some], windows[some], *settings, *visited, *part)
            self._scratch.give(visited)

        if jobs == 1 or count < 2 * PIECE:
            piece(slice(0, count))
            return found
        edges = np.linspace(0, count, min(4 * jobs, count // PIECE) + 1).astype(int).tolist()
        in_threads(jobs, piece, [slice(*edge) for edge in pairwise(edges)])
        return found

    def _settings(self, ask: WindowAsk, width: int) -> tuple[Any, ...]:
        metric = METRIC_NUMBERS.get(self.codes.metric.name, NOT_COMPILED)
        depth = min(max(ask.k, SHALLOWEST), ask.length)
        sorted_ = 2 * width + FEWEST_SPARE
        return (
            METHODS[ask.method],
            *Effort(ask.length, float(ask.stop), depth, UNLIMITED),
            *(metric, ask.k, width, sorted_, np.inf),
        )

    # -- measuring -----------------------------------------------------------------------

    def measure(
        self,
        prepared: PreparedRows,
        ordered: Ordered,
        method: str,
        *,
        seed: int,
        jobs: int,
        asked_by_users: Float32Array | None = None,
        whole: Measured | None = None,
    ) -> None:
        """Measure recall, stopping ratios and seconds of a method, octave by octave.

        ``whole`` is what `measure_whole` gave, to be taken for windows of all rows.
        """
        self.bind(prepared.rows, ordered)
        scale = _Scale(self, prepared, ordered, seed, jobs, asked_by_users)
        if self.scan_curve is None:
            self.scan_curve = scale.curve(0, "scan", {}, (1,))
            self._time_scan(scale)
        if method == "scan":
            return
        found, efforts = Measured(), self._efforts()
        octave = 0
        while ordered.ordered >> octave >= NARROWEST:
            if octave == 0 and whole is not None:
                found.stops, found.curves = list(whole.stops), list(whole.curves)
                stops = found.stops[0]
            else:
                stops = scale.stops(octave, method, efforts) if method == "parts" else {}
                found.stops.append(stops)
                found.curves.append(scale.curve(octave, method, stops, efforts))
            found.seconds.append(self._time_walks(scale, octave, method, stops, efforts))
            least = min(found.seconds[-1].values())
            width = ordered.ordered >> octave
            octave += 1
            if method == "parts" and least > HOPELESS * self.scan_seconds(width):
                break
        self.measured[method] = found

    def measure_whole(
        self,
        prepared: PreparedRows,
        ordered: Ordered,
        held_out: IdArray,
        *,
        seed: int,
        jobs: int,
        asked_by_users: Float32Array | None = None,
    ) -> Measured:
        """What walks among all rows find for the rows at places that are not linked yet.

        In narrower windows a query's nearest rows are seldom inside, so that queries beside rows
        are found about as hard as new ones. Among all rows they are found too easily.
        """
        self.bind(prepared.rows, ordered)
        scale = _Scale(self, prepared, ordered, seed, jobs, asked_by_users, held_out)
        efforts = self._efforts()
        stops = scale.stops(0, "parts", efforts)
        return Measured([scale.curve(0, "parts", stops, efforts)], [stops])

    def _efforts(self) -> list[int]:
        efforts = [e for e in EFFORTS if e <= LONGEST]
        return efforts if is_compiled(self.codes.metric) else efforts[::3]

    def scan_length(self, k: int) -> int:
        """The list of a scan that finds k rows."""
        return scan_length(k, self.codes.name)

    def scan_ask(self, k: int, passing: Passing | None = None, times: int = 1) -> WindowAsk:
        """What a scan for k rows asks; lists may be so many times as long."""
        length = times * self.scan_length(k)
        return WindowAsk("scan", k, length, 0.0, passing, times * scan_width(k))

    def scan_seconds(self, rows: Any) -> Any:
        """A scan by codes of so many rows."""
        return self.scan_call + rows * self.scan_row

    def _time_scan(self, scale: _Scale) -> None:
        dim = self.codes.dim
        if not self.clocked:
            costs = self.costs
            self.scan_call = costs.call / 8
            self.scan_row = dim * costs.streamed / 2 + costs.value / 2
            return
        few, many = min(512, scale.rows), min(16_384, scale.rows)
        ask = self.scan_ask(SHALLOWEST)
        # In turn, so that a machine that is busy for a moment does not mislead about the slope.
        turns = [[scale.time(rows, ask) for rows in (few, many)] for _ in range(TURNS)]
        short, long = np.min(turns, axis=0).tolist()
        self.scan_row = max(long - short, 1e-12) / max(1, many - few)
        self.scan_call = max(short - few * self.scan_row, 1e-7)

    def _time_walks(
        self, scale: _Scale, octave: int, method: str, stops: dict[int, float], efforts: list[int]
    ) -> dict[int, float]:
        if not self.clocked:
            dim = self.codes.dim
            return {effort: self.costs.graph_seconds(effort, dim) for effort in efforts}
        width = scale.rows >> octave
        spent = [
            scale.time(width, WindowAsk(method, SHALLOWEST, effort, stops.get(effort, 0.0)))
            for effort in efforts
        ]
        # A larger effort is never cheaper; a busy machine may make it look so.
        levelled = np.maximum.accumulate(spent).tolist()
        return dict(zip(efforts, levelled, strict=True))

    # -- files ---------------------------------------------------------------------------

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file keeps."""
        return {**self.net.to_arrays(), **self.parts.to_arrays()}

    def to_dict(self) -> dict[str, Any]:
        """The rest of it, as plain values."""
        curve = self.scan_curve
        return {
            "net": self.net.to_dict(),
            "costs": self.costs.to_dict(),
            "clocked": self.clocked,
            "measured": {name: some.to_dict() for name, some in self.measured.items()},
            "scan": [None if curve is None else curve.to_dict(), self.scan_call, self.scan_row],
        }

    @classmethod
    def from_arrays(
        cls,
        codes: Codes,
        arrays: Mapping[str, npt.NDArray[Any]],
        values: dict[str, Any],
        ordered: int,
    ) -> Windows:
        """The inverse."""
        net = Net.from_arrays(codes, arrays, values["net"])
        net.refuse_wild_links()
        parts = PartLinks.from_arrays(arrays, ordered)
        costs = CostModel.from_dict(values["costs"])
        new = cls(net, ordered, parts, costs, clocked=values["clocked"])
        new.measured = {name: Measured.from_dict(m) for name, m in values["measured"].items()}
        curve, new.scan_call, new.scan_row = values["scan"]
        new.scan_curve = None if curve is None else RecallCurve.from_dict(curve)
        return new


def queries_for(metric: Metric) -> int:
    """How many queries are asked at each width."""
    return QUERIES if is_compiled(metric) else FEW_QUERIES


class _Scale:
    """Queries, windows of every width, and their true neighbours: what a method is held against."""

    def __init__(
        self,
        windows: Windows,
        prepared: PreparedRows,
        ordered: Ordered,
        seed: int,
        jobs: int,
        asked_by_users: Float32Array | None,
        held_out: IdArray | None = None,
    ) -> None:
        self._windows, self._prepared, self._ordered = windows, prepared, ordered
        self._jobs, self.rows = jobs, ordered.ordered
        self._rng = np.random.default_rng([seed, self.rows])
        self._absent: IdArray | None = None
        if held_out is None:
            count = min(queries_for(windows.codes.metric), self.rows)
            own = np.sort(self._rng.choice(self.rows, count, replace=False))
            self.own = ordered.order[own].astype(np.int64)
            self.queries = self._beyond(self.own)
        else:
            self.own = self._absent = ordered.order[held_out].astype(np.int64)
            self.queries, count = np.array(prepared.rows[self.own]), len(held_out)
        if asked_by_users is not None and len(asked_by_users) >= FEW_QUERIES:
            some = self._rng.choice(len(asked_by_users), count // 2)
            self.queries[: count // 2] = asked_by_users[some]
            self.own[: count // 2] = -1  # those are no row's
        usable = windows.codes.takes_queries(self.queries)
        self.queries, self.own = self.queries[usable], self.own[usable]
        self._known: dict[int, tuple[IdArray, list[Row]]] = {}

    def _beyond(self, own: IdArray) -> Float32Array:
        """Points half as far beyond rows as one of the near ones lies before: in no graph.

        The rows themselves would flatter, since their links lead to their neighbours.
        """
        rows = self._prepared.rows
        asked = np.array(rows[own])
        if self._windows.codes.metric.name in ("hamming", "jaccard"):
            return asked  # what lies between sets is none
        near = scan(self._prepared, asked, 10, n_jobs=self._jobs).rows
        chosen = np.array([row.ids[min(len(row.ids) - 1, 1 + i % 9)] for i, row in enumerate(near)])
        with np.errstate(over="ignore", invalid="ignore"):
            moved = asked + (asked - rows[chosen]) * np.float32(BEYOND)
        usable = np.isfinite(moved).all(axis=1) & moved.any(axis=1)
        return np.where(usable[:, None], moved, asked)

    def truth(self, octave: int) -> tuple[IdArray, list[Row]]:
        """(q, 4) windows of that octave, and the true neighbours in them."""
        if octave not in self._known:
            width = self.rows >> octave
            places = np.sort(self._rng.integers(0, self.rows - width + 1, PLACES))
            starts = places[np.arange(len(self.queries)) % PLACES]
            found: list[Row] = [_NOTHING] * len(self.queries)
            depth = max(self.depths(octave)) + 1
            for start in np.unique(starts).tolist():
                mine = np.flatnonzero(starts == start)
                slots = np.sort(self._ordered.order[start : start + width]).astype(np.int64)
                if self._absent is not None:
                    slots = np.setdiff1d(slots, self._absent)
                where = None if len(slots) == len(self._prepared.rows) else slots
                some = scan(
                    self._prepared, self.queries[mine], depth, None, where, n_jobs=self._jobs
                ).rows
                for i, row in zip(mine.tolist(), some, strict=True):
                    found[i] = row
            late = np.zeros_like(starts)
            spans = np.stack([starts, starts + width, late, late], axis=1)
            self._known[octave] = spans, self._others(found)
        return self._known[octave]

    def depths(self, octave: int) -> tuple[int, ...]:
        """The depths worth measuring there."""
        return tuple(depth for depth in depths_for((self.rows >> octave) - 1) if depth <= 100)

    def curve(self, octave: int, method: str, stops: dict[int, float], efforts: Any) -> RecallCurve:
        """Recall by effort; of a scan, by one effort that stands for all."""
        spans, truth = self.truth(octave)

        def search(effort: int, depth: int) -> list[Row]:
            length = (
                self._windows.scan_length(depth + 1) if method == "scan" else max(effort, depth + 1)
            )
            ask = WindowAsk(method, depth + 1, length, stops.get(effort, 0.0))
            found = self._find(spans, ask)
            counts = found.notes[:, 0].clip(0)
            rows = [
                Row(ids[:count], apart[:count])
                for ids, apart, count in zip(found.ids, found.distances, counts, strict=True)
            ]
            return self._others(rows)

        return measure(search, truth, efforts, self.depths(octave))

    def stops(self, octave: int, method: str, efforts: list[int]) -> dict[int, float]:
        """The stopping ratio that harms so few of the queries."""
        if len(self.queries) < FEWEST_FOR_STOPS:
            return {}
        spans, _ = self.truth(octave)
        found = {}
        for effort in efforts:
            ratios = self._find(spans, WindowAsk(method, SHALLOWEST, effort), ratios=True).ratios
            found[effort] = float(np.quantile(ratios, 1 - HARMED / effort))
        return found

    def time(self, width: int, ask: WindowAsk) -> float:
        """Seconds of one query, among others, in a window of ``width`` rows."""
        starts = self._rng.integers(0, self.rows - width + 1, len(self.queries))
        late = np.zeros_like(starts)
        spans = np.stack([starts, starts + width, late, late], axis=1)
        spent = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            self._find(spans, ask, jobs=1)
            spent.append(time.perf_counter() - began)
        return min(spent) / len(self.queries)

    def _find(
        self, spans: IdArray, ask: WindowAsk, *, ratios: bool = False, jobs: int | None = None
    ) -> Found:
        return self._windows.find(
            self.queries,
            spans,
            ask,
            self._jobs if jobs is None else jobs,
            ratios=ratios,
        )

    def _others(self, rows: list[Row]) -> list[Row]:
        """Each query's own row left out of its answer, and those that are not linked."""
        if self._absent is not None:
            kept = [~np.isin(row.ids, self._absent) for row in rows]
        else:
            kept = [row.ids != slot for row, slot in zip(rows, self.own.tolist(), strict=True)]
        return [Row(row.ids[k], row.distances[k]) for row, k in zip(rows, kept, strict=True)]


def _with_twins(net: Net) -> PlaceArray:
    """The links of the net, and links between equal rows, of which it has only one.

    The last link of the one gives way to the first of the others where there is no room.
    """
    twins = net.twins
    if not len(twins):
        return net.links
    links = aligned_copy(net.links)
    links[twins.slots] = links[twins.reps]
    groups, first = np.unique(twins.reps, return_index=True)
    for rep, start, stop in zip(
        groups.tolist(), first.tolist(), [*first[1:].tolist(), len(twins)], strict=True
    ):
        members = np.append(rep, twins.slots[start:stop])
        free = (links[members] >= 0).sum(axis=1).clip(max=links.shape[1] - 1)
        links[members, free] = np.roll(members, -1)
    return links


_NO_MASK = read_only(np.empty(0, dtype=np.bool_))
_NO_RATIOS = np.empty(0, dtype=np.float32)
_NOTHING = Row(np.empty(0, dtype=np.int64), np.empty(0))
