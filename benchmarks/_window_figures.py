"""The figures of `window_search`: ours beside the best of the others, width by width."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.building import Built
from benchmarks.peers.windows import ENGINES, FAMILY, OURS, POST, PRE
from benchmarks.protocol import Figure
from benchmarks.window_sweep import RECALL, Timed, at, geometric, regret
from benchmarks.windows import K, width
from replications.protocol import Table

#: What we aim at, in multiples of the best single peer's figure, and of the plain graph's.
OVERALL, BUILD_TIME, MEMORY = 3.0, 4.0, 3.0
#: In windows of so few rows a call may take so many seconds more than the best of the others.
SMALL, ALLOWED = 100, 20e-6
#: How much slower than the best of our own methods, found afterwards, the planner may be.
REGRET = 1.3
#: By how much the paper is faster than filtering before or after, at most.
PAPER = 75


@dataclass(frozen=True, slots=True)
class Size:
    """What one of our indexes takes: seconds to build, megabytes without the originals."""

    seconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was measured on one set.

    Attributes:
        name, title: of the set.
        sizes: rows in a window, by exponent (the width is 2^-exponent of the rows).
        built: by engine.
        timed: all engines at all efforts, in windows of all widths.
        window, graph: what ours takes, and the plain graph; None where it was not built.
    """

    name: str
    title: str
    sizes: Mapping[int, int]
    built: Mapping[str, Built]
    timed: Sequence[Timed]
    window: Size | None = None
    graph: Size | None = None

    @property
    def peers(self) -> list[str]:
        """Everybody but ourselves."""
        return [name for name in self.built if ENGINES[name].family != FAMILY]

    def rate(self, engine: str, exponent: int) -> float | None:
        """Queries a second at 95 %."""
        timed = at(self.timed, engine, exponent)
        return None if timed is None else timed.rate

    def best(self, engines: Sequence[str], exponent: int) -> tuple[str, float] | None:
        """The fastest of some engines, and its rate; None when none finds 95 %."""
        rates = [(rate, name) for name in engines if (rate := self.rate(name, exponent))]
        return (max(rates)[1], max(rates)[0]) if rates else None


def figures(measured: Measured) -> list[Figure]:
    """Every figure of one set."""
    return [
        *_widths(measured),
        *_overall(measured),
        *_hardest(measured),
        *_promised(measured),
        *_regrets(measured),
        *_size_and_time(measured),
    ]


def _widths(measured: Measured) -> Iterator[Figure]:
    for exponent, size in measured.sizes.items():
        peer, theirs = measured.best(measured.peers, exponent) or ("", None)
        allowed = ALLOWED if size <= SMALL else 0.0
        target = 1 / (1 / theirs + allowed) if theirs else None
        yield Figure(
            f"{measured.name}: queries a second in windows of {width(exponent)}, {size:,} rows",
            measured.rate(OURS, exponent),
            "1/s",
            peer,
            theirs,
            target,
            higher=True,
            note="20 µs a call allowed" if allowed and target else "",
        )


def _overall(measured: Measured) -> Iterator[Figure]:
    means = {name: mean for name in measured.peers if (mean := _mean(measured, [name]))}
    ours = _mean(measured, [OURS])
    what = f"{measured.name}: queries a second, geometric mean over all widths"
    if means:
        best = max(means, key=lambda name: means[name])
        target = OVERALL * means[best]
        note = "the best single peer"
        yield Figure(what, ours, "1/s", best, means[best], target, higher=True, note=note)
    for family in sorted({ENGINES[name].family for name in measured.peers} - {""}):
        members = [name for name in measured.peers if ENGINES[name].family == family]
        if mean := _mean(measured, members):
            peer, note = f"{family}, all methods", "the best of its methods at each width"
            yield Figure(what, ours, "1/s", peer, mean, higher=True, note=note)


def _mean(measured: Measured, engines: Sequence[str]) -> float | None:
    """Of the best of some engines at each width; None unless it answers at every one."""
    best = [measured.best(engines, exponent) for exponent in measured.sizes]
    rates = [pair[1] for pair in best if pair is not None]
    return geometric(rates) if len(rates) == len(best) else None


def _hardest(measured: Measured) -> Iterator[Figure]:
    """Where the better of filtering before and after is slowest."""
    filters = [name for name in measured.peers if name in PRE + POST]
    best = {e: pair for e in measured.sizes if (pair := measured.best(filters, e))}
    if not any(name in POST for name in filters) or not best:
        return
    hardest = min(best, key=lambda exponent: best[exponent][1])
    peer, theirs = best[hardest]
    note = f"the paper says up to {PAPER} times"
    papers = [name for name in measured.peers if ENGINES[name].family == "paper"]
    if pair := measured.best([name for name in papers if name not in PRE + POST], hardest):
        note += f"; its code here {pair[1] / theirs:.1f} ({pair[0]})"
    what = f"{measured.name}: where filtering before or after is slowest, {width(hardest)}"
    ours = measured.rate(OURS, hardest)
    yield Figure(what, ours, "1/s", peer, theirs, higher=True, note=note)


def _promised(measured: Measured) -> Iterator[Figure]:
    """The least that we find where 95 % is asked for."""
    asked = [found for e in measured.sizes if (found := at(measured.timed, OURS, e, asked=True))]
    if asked:
        least = min(asked, key=lambda timed: timed.recall)
        what = f"{measured.name}: recall where {RECALL} is asked, least over all widths"
        note = f"at {width(least.exponent)}"
        yield Figure(what, least.recall, "", target=RECALL, higher=True, note=note)


def _regrets(measured: Measured) -> Iterator[Figure]:
    """How much faster the best of our methods was than the one that was chosen."""
    found = {e: r for e in measured.sizes if (r := regret(measured.timed, e))}
    if not found:
        return
    worst = max(found, key=lambda exponent: found[exponent])
    what = f"{measured.name}: time over that of our best method in hindsight"
    mean = geometric(list(found.values()))
    yield Figure(f"{what}, geometric mean over all widths", mean, "", target=REGRET)
    beyond = sum(value > REGRET for value in found.values())
    note = f"at {width(worst)}; above {REGRET} at {beyond} of {len(found)} widths"
    yield Figure(f"{what}, worst", found[worst], "", target=REGRET, note=note)


def _size_and_time(measured: Measured) -> Iterator[Figure]:
    window, graph = measured.window, measured.graph
    if window is None or graph is None:
        return
    what, peer = f"{measured.name}: build with two threads", "the plain graph"
    target = BUILD_TIME * graph.seconds
    yield Figure(what, window.seconds, "s", peer, graph.seconds, target)
    target = MEMORY * graph.megabytes
    note = "saved, without the originals"
    what = f"{measured.name}: index"
    yield Figure(what, window.megabytes, "MB", peer, graph.megabytes, target, note=note)


def details(measured: Measured) -> list[Table]:
    """Queries a second of everybody at every width, and what it takes to build."""
    names = list(measured.built)
    rows = [
        (
            width(exponent),
            f"{size:,}",
            *(_cell(measured.rate(name, exponent)) for name in names),
            _recall(at(measured.timed, OURS, exponent, asked=True)),
        )
        for exponent, size in measured.sizes.items()
    ]
    header = ("width", "rows", *names, "ours, asked for 0.95")
    built = [
        (name, f"{b.seconds:,.1f}" + ("" if b.now else " (earlier)"), f"{b.megabytes:,.1f}")
        for name, b in measured.built.items()
    ]
    return [
        Table(f"{measured.title}: queries a second at recall@{K} {RECALL}", header, rows),
        Table(f"{measured.title}: built", ("engine", "seconds", "MB"), built),
    ]


def _cell(rate: float | None) -> str:
    return "—" if rate is None else f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def _recall(timed: Timed | None) -> str:
    return "—" if timed is None else f"{timed.rate:,.0f} at {timed.recall:.3f}"
