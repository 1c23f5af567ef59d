"""The figures of `graph_search`: ours beside hnswlib's, and beside the best of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.building import Built
from benchmarks.curves import Point, engines, of, rate_at
from benchmarks.peers.engines import HNSWLIB, OURS
from benchmarks.protocol import Figure
from replications.protocol import Table

RECALLS = (0.95, 0.99)
#: What we aim at, in multiples of hnswlib's figure. From so many numbers a row up, and below.
WIDE, NARROW = 384, 100
WIDE_RATE, NARROW_RATE, SINGLE_RATE, PLAIN_RATE = 3.0, 1.5, 2.5, 1.0
BUILD_TIME, MEMORY = 0.7, 0.5


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was measured on one set.

    Attributes:
        name, title, dim: of the set.
        built: by engine.
        points: of all engines, as they are used.
        resident: megabytes a fresh process grew by, by engine.
        kernels: points of ours and hnswlib's where Likewise used other kernels, by their name.
    """

    name: str
    title: str
    dim: int
    built: Mapping[str, Built]
    points: Sequence[Point]
    resident: Mapping[str, float] = field(default_factory=dict)
    kernels: Mapping[str, Sequence[Point]] = field(default_factory=dict)


def figures(measured: Measured) -> list[Figure]:
    """Every figure of one set."""
    return [*_rates(measured), *_switched_off(measured), *_size_and_time(measured)]


def _rates(measured: Measured) -> Iterator[Figure]:
    points, name = measured.points, measured.name
    for recall in RECALLS:
        what = f"{name}: queries a second at recall {recall}"
        yield _rate(f"{what}, batches", points, recall, "batch", HNSWLIB, _aim(measured.dim))
        if other := fastest_other(points, recall):
            yield _rate(f"{what}, batches", points, recall, "batch", other, 1.0)
        single = f"{what}, one a call"
        yield _rate(single, points, recall, "single", HNSWLIB, SINGLE_RATE)


def _aim(dim: int) -> float | None:
    """How many times hnswlib's rate we aim at; nothing is said of what lies between."""
    return WIDE_RATE if dim >= WIDE else NARROW_RATE if dim < NARROW else None


def fastest_other(points: Sequence[Point], recall: float) -> str | None:
    """Of all but ourselves and hnswlib, the fastest in batches; None when none finds so much."""
    rates = {
        name: rate_at(of(points, name), recall)
        for name in engines(points)
        if name not in (OURS, HNSWLIB)
    }
    able = {name: rate for name, rate in rates.items() if rate is not None}
    return max(able, key=lambda name: able[name]) if able else None


def _rate(
    what: str, points: Sequence[Point], recall: float, rate: str, peer: str, times: float | None
) -> Figure:
    ours, theirs = (rate_at(of(points, name), recall, rate) for name in (OURS, peer))
    target = times * theirs if times and theirs else None
    return Figure(what, ours, "1/s", peer, theirs, target, higher=True, note=_reach(points, recall))


def _reach(points: Sequence[Point], recall: float) -> str:
    """What must be known where a curve does not cross ``recall``."""
    recalls = [point.recall for point in of(points, OURS)]
    if not recalls or max(recalls) < recall:
        return "never found so much"
    return f"our least effort finds {min(recalls):.3f}" if min(recalls) > recall else ""


def _switched_off(measured: Measured) -> Iterator[Figure]:
    for kernels, points in measured.kernels.items():
        for recall in RECALLS:
            what = f"{measured.name}: queries a second at recall {recall}, kernels {kernels}"
            yield _rate(what, points, recall, "batch", HNSWLIB, PLAIN_RATE)


def _size_and_time(measured: Measured) -> Iterator[Figure]:
    built, name = measured.built, measured.name
    ours, theirs = built.get(OURS), built.get(HNSWLIB)
    if ours is None:
        return
    note = "" if theirs is None or theirs.now else "theirs in an earlier run"
    seconds = theirs.seconds if theirs else None
    target = BUILD_TIME * seconds if seconds else None
    yield Figure(
        f"{name}: build with two threads", ours.seconds, "s", HNSWLIB, seconds, target, note=note
    )
    size = theirs.megabytes if theirs else None
    target = MEMORY * size if size and measured.dim >= NARROW else None
    note = "ours beside the mapped originals"
    yield Figure(f"{name}: index", ours.megabytes, "MB", HNSWLIB, size, target, note=note)


HEADER = (
    "engine",
    "build, s",
    "index, MB",
    "process, MB",
    *(f"{how} at {recall}" for how in ("batches", "one a call") for recall in RECALLS),
)


def detail(measured: Measured) -> Table:
    """One line an engine, queries a second as whole numbers."""
    rows = []
    for name, built in measured.built.items():
        points = of(measured.points, name)
        rates = [rate_at(points, r, how) for how in ("batch", "single") for r in RECALLS]
        resident = measured.resident.get(name)
        rows.append(
            (
                name,
                f"{built.seconds:,.1f}" + ("" if built.now else " (earlier)"),
                f"{built.megabytes:,.1f}",
                "—" if resident is None else f"{resident:,.0f}",
                *("—" if rate is None else f"{rate:,.0f}" for rate in rates),
            )
        )
    return Table(measured.title, HEADER, rows)
