"""The graph: time to build, and queries a second by recall, beside other graphs.

Only reported: our graph is faiss's with a recall curve and an exact ranking on top.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import likewise as lw
from benchmarks.data import Data, FloatRows, generate, true_neighbours
from benchmarks.peers.indexes import GRAPHS, installed_graphs
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import interleaved, median
from replications.protocol import Table

K = 10
EFFORTS = (16, 32, 64, 128, 256)
TARGETS = (0.80, 0.90, 0.95, 0.98)
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of one index, measured."""

    name: str
    label: str
    recall: float
    rate: float


def run(setting: Setting) -> Outcome:
    """Build each index once, then ask the same queries at every effort, in turn."""
    sizes, queries = ((2_000,), 20) if setting.quick else ((20_000, 100_000), 300)
    figures: list[Figure] = []
    tables: list[Table] = []
    for size in sizes:
        data = generate(size, setting.random_state)
        built, searches = _build(data, setting)
        points = _measure(data, searches, queries)
        figures += _build_figures(size, built) + rate_figures(size, points)
        tables.append(_table(size, points))
    return Outcome(
        figures,
        tables,
        (
            f"One query a call, one thread, k = {K}; efforts are list lengths for the peers, "
            "recall targets for us. Peers return ids and distances; ours are ranked again in "
            f"float64. Rates are medians of {ROUNDS} rounds in turn, {queries} queries at a "
            "stretch; recall is against the exact answer.",
            "Our time to build includes measuring the recall curve.",
        ),
    )


Search = Callable[[FloatRows], list[int]]


def _build(data: Data, setting: Setting) -> tuple[dict[str, float], dict[tuple[str, str], Search]]:
    """Seconds to build by name, and a search by name and label."""
    seconds: dict[str, float] = {}
    searches: dict[tuple[str, str], Search] = {}
    started = time.perf_counter()
    graph = lw.index.Graph("cosine").fit(data.vectors)
    seconds["Likewise"] = time.perf_counter() - started
    for target in TARGETS:
        searches["Likewise", f"recall={target:.2f}"] = lambda query, target=target: graph.search(
            query, K, recall=target
        )[0].ids.tolist()
    peers = installed_graphs() if setting.peers else {"faiss": GRAPHS["faiss"]}
    for i, (name, kind) in enumerate(peers.items()):
        peer = kind()
        started = time.perf_counter()
        peer.build(data.vectors)
        seconds[name] = time.perf_counter() - started
        setting.progress.step(i + 1, len(peers), f"built {name} of {len(data):,} rows")
        for effort in EFFORTS:
            searches[name, f"ef={effort}"] = _at(peer, effort)
    return seconds, searches


def _at(peer: object, effort: int) -> Search:
    def search(query: FloatRows) -> list[int]:
        peer.set_effort(effort)  # next to nothing beside a search
        return peer.search(query, K).tolist()

    return search


def _measure(data: Data, searches: dict[tuple[str, str], Search], queries: int) -> list[Point]:
    """All queries at one setting, then all at the next: so each finds its own caches warm."""
    truth = true_neighbours(data, queries, K)
    answers: dict[tuple[str, str], list[list[int]]] = {}

    def work(key: tuple[str, str]) -> Callable[[int], None]:
        def ask(_: int) -> None:
            answers[key] = [searches[key](query) for query in data.queries[:queries]]

        return ask

    seconds = interleaved({key: work(key) for key in searches}, ROUNDS, warm=1)
    return [
        Point(*key, _recall(truth, answers[key]), queries / median(seconds[key]))
        for key in searches
    ]


def _recall(truth: list[set[str]], answers: list[list[int]]) -> float:
    shares = [
        len(true & {f"doc{position}" for position in answer}) / len(true)
        for true, answer in zip(truth, answers, strict=True)
    ]
    return float(np.mean(shares))


def _build_figures(size: int, seconds: dict[str, float]) -> list[Figure]:
    return [
        Figure(f"build a graph of {size:,} rows", seconds["Likewise"], "s", name, theirs)
        for name, theirs in seconds.items()
        if name != "Likewise"
    ]


def rate_figures(size: int, points: list[Point]) -> list[Figure]:
    """Ours at recall=0.95 beside each peer's fastest setting that finds as much."""
    (ours,) = (p for p in points if p.label == "recall=0.95")
    figures = []
    for name in dict.fromkeys(p.name for p in points if p.name != "Likewise"):
        equal = [p for p in points if p.name == name and p.recall >= min(ours.recall, 0.999)]
        best = max(equal, key=lambda p: p.rate, default=None)
        note = f"recall {ours.recall:.3f}; theirs "
        note += f"{best.recall:.3f} at {best.label}" if best else "never that high"
        theirs = best.rate if best else None
        what = f"queries a second, {size:,} rows, equal recall"
        figures.append(Figure(what, ours.rate, "1/s", name, theirs, higher=True, note=note))
    return figures


def _table(size: int, points: list[Point]) -> Table:
    rows = [(p.name, p.label, f"{p.recall:.3f}", f"{p.rate:,.0f}") for p in points]
    return Table(f"{size:,} rows", ("index", "setting", "recall", "queries/s"), rows)


BENCHMARK = Benchmark("recall_speed", "How fast are graphs, at which recall?", run)
