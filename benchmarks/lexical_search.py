"""BM25 beside bm25s, rank_bm25 and tantivy: index time, queries a second, quality, updates."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.peers.lexical import Lexical, installed
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import interleaved, least
from likewise.index import _postings
from replications.bm25_variants import Collection, generated, ndcg, read
from replications.data import DataFolder
from replications.protocol import Table

K, ROUNDS, SINGLES = 10, 25, 100
#: Engines that share a batch of queries among threads.
THREADED = ("Likewise", "bm25s")
ROWS, WORDS, LENGTH = 200_000, 120_000, 25
#: Engines that take too long: not asked on many texts, and on few only so many queries.
SLOW, FEW = ("rank_bm25",), 10
#: Lucene's published nDCG@10 on SciFact lies within this range, by variant.
PUBLISHED = (0.665, 0.69)


@dataclass(slots=True)
class Measured:
    """One engine on one collection: seconds to index, a search, one of a batch, a change; MB."""

    engine: str
    collection: str
    index: float
    single: float = 0.0
    batch: float = 0.0
    two: float | None = None
    addition: float = 0.0
    deletion: float = 0.0
    memory: float = 0.0
    ndcg: float | None = None
    cells: list[str] = field(default_factory=list)


HEADER = (
    "collection",
    "engine",
    "index, s",
    "queries/s, one a call",
    "queries/s, in batches",
    "queries/s, in batches, two threads",
    "one more text found, ms",
    "one text gone, ms",
    "memory, MB",
    "nDCG@10",
)


def run(setting: Setting) -> Outcome:
    """Every engine on real texts and on many generated ones."""
    _postings.warm()
    small = generated(0) if setting.quick else read(DataFolder.find(), "scifact")
    many = many_texts(500 if setting.quick else ROWS, setting.random_state)
    measured: list[Measured] = []
    for done, collection in enumerate((small, many), 1):
        engines = [
            engine for engine in installed(setting.peers)
            if collection is small or engine.name not in SLOW
        ]  # fmt: skip
        measured += measure(engines, collection)
        setting.progress.step(done, 2, f"{collection.name}: {len(collection.texts):,} texts")
    notes = (
        f"k = {K}, k1 1.2, b 0.75, one thread unless two are named; the best of {ROUNDS} rounds in "
        "turn; queries are cut into words before the clock. bm25s searches by its numba backend.",
        f"SciFact: 300 test queries. Generated: {ROWS:,} texts of about {LENGTH} words drawn from "
        f"{WORDS:,} by Zipf's law, 300 queries of 2 to 7 words of a text.",
        "bm25s and rank_bm25 can neither add nor delete: they index all texts anew.",
        "Memory is what the process grew by while the texts were indexed, the engine's own copy of "
        "the texts included where it keeps one.",
    )
    table = Table("Lexical search", HEADER, [_cells(line) for line in measured])
    return Outcome(_figures(measured), [table], notes)


def many_texts(count: int, seed: int) -> Collection:
    """Texts of words drawn by Zipf's law, and queries of some words of a text."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, WORDS + 1) ** 1.05
    bounds = np.cumsum(share / share.sum())
    lengths = np.maximum(3, rng.gamma(3, LENGTH / 3, count).astype(int))
    drawn = np.minimum(np.searchsorted(bounds, rng.random(lengths.sum())), WORDS - 1)
    words = np.array([f"w{i:x}" for i in range(WORDS)])[drawn].tolist()
    ends = np.cumsum(lengths).tolist()
    texts = [" ".join(words[end - n : end]) for end, n in zip(ends, lengths.tolist(), strict=True)]
    queries = {}
    for number in range(300):
        of_text = texts[int(rng.integers(count))].split()
        size = min(len(of_text), int(rng.integers(2, 8)))
        queries[str(number)] = " ".join(rng.choice(of_text, size, replace=False).tolist())
    return Collection("generated", [str(i) for i in range(count)], texts, queries, {})


def measure(engines: list[type[Lexical]], collection: Collection) -> list[Measured]:
    """Each engine on the same texts and queries; searches in turn."""
    asked = list(collection.qrels) or list(collection.queries)
    queries = [collection.queries[query] for query in asked]
    made, prepared, lines = {}, {}, {}
    for kind in engines:
        engine, before = kind(), _resident()
        started = time.perf_counter()
        engine.fit(collection.texts)
        line = Measured(engine.name, collection.name, time.perf_counter() - started)
        line.memory = _resident() - before
        lines[engine.name] = line
        made[engine.name], prepared[engine.name] = engine, engine.prepare(queries)
    works: dict[tuple[str, str], Callable[[int], object]] = {}
    asked_of: dict[str, list[object]] = {}
    for name, engine in made.items():
        asked_of[name] = prepared[name][: FEW if name in SLOW else None]
        works["one", name] = _one_by_one(engine, asked_of[name][:SINGLES])
        works["all", name] = _at_once(engine, asked_of[name])
        if name in THREADED:
            works["two", name] = _at_once(engine, asked_of[name], threads=2)
    seconds = interleaved(works, ROUNDS, warm=1)
    for name, line in lines.items():
        line.single = least(seconds["one", name]) / min(SINGLES, len(asked_of[name]))
        line.batch = least(seconds["all", name]) / len(asked_of[name])
        if name in THREADED:
            line.two = least(seconds["two", name]) / len(asked_of[name])
        if collection.qrels:
            ranked = [np.array(row) for row in made[name].search_all(prepared[name], K)]
            line.ndcg = float(ndcg(ranked, collection).mean())
        started = time.perf_counter()
        made[name].add("one more text")
        made[name].search(made[name].prepare(["text"])[0], K)
        line.addition = time.perf_counter() - started
        started = time.perf_counter()
        made[name].drop()
        made[name].search(made[name].prepare(["text"])[0], K)
        line.deletion = time.perf_counter() - started
    return list(lines.values())


def _one_by_one(engine: Lexical, queries: list[object]) -> Callable[[int], object]:
    return lambda _: [engine.search(query, K) for query in queries]


def _at_once(engine: Lexical, queries: list[object], threads: int = 1) -> Callable[[int], object]:
    return lambda _: engine.search_all(queries, K, threads)


def _resident() -> float:
    """Megabytes of main memory that this process has now; 0 where the system does not tell."""
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _cells(line: Measured) -> list[str]:
    return [
        line.collection,
        line.engine,
        f"{line.index:.2f}",
        f"{1 / line.single:,.0f}",
        f"{1 / line.batch:,.0f}",
        "" if line.two is None else f"{1 / line.two:,.0f}",
        f"{line.addition * 1e3:,.1f}",
        f"{line.deletion * 1e3:,.1f}",
        f"{line.memory:,.0f}" if line.memory else "",
        "" if line.ndcg is None else f"{line.ndcg:.4f}",
    ]


def _figures(measured: list[Measured]) -> list[Figure]:
    figures = []
    for name in dict.fromkeys(line.collection for line in measured):
        lines = {line.engine: line for line in measured if line.collection == name}
        ours, theirs = lines["Likewise"], lines.get("bm25s")
        for what, mine, other in (
            ("in batches", ours.batch, theirs and theirs.batch),
            ("one a call", ours.single, theirs and theirs.single),
            ("in batches, two threads", ours.two, theirs and theirs.two),
        ):
            if mine is None:
                continue
            rate = None if not other else 1 / other
            figures.append(
                Figure(
                    f"{name}: queries a second, {what}",
                    1 / mine,
                    "1/s",
                    "bm25s",
                    rate,
                    rate,
                    higher=True,
                )
            )
        index = theirs.index if theirs else None
        figures.append(
            Figure(
                f"{name}: seconds to index",
                ours.index,
                "s",
                "bm25s",
                index,
                index and 2 * index,
                note="at most twice the time of bm25s is aimed at",
            )
        )
        if ours.ndcg is not None:
            figures.append(
                Figure(
                    f"{name}: nDCG@10",
                    ours.ndcg,
                    "",
                    "bm25s",
                    theirs.ndcg if theirs else None,
                    PUBLISHED[0] - 0.01,
                    higher=True,
                    note=f"Lucene's published figures are {PUBLISHED[0]} to {PUBLISHED[1]}",
                )
            )
    return figures


BENCHMARK = Benchmark("lexical_search", "How does BM25 here stand beside other libraries?", run)
