"""One index of each family on the same rows: build, size, recall, speed; which to use when.

Each is asked for recall 0.95. An index that answers by a scan, since that is cheaper or since
it cannot promise the recall, is shown with that strategy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import likewise as lw
from benchmarks.data import Data, FloatRows, generate
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import interleaved, median
from likewise.index.base import Index
from replications.protocol import Table

K, TARGET, METRIC = 10, 0.95, "cosine"
SIZES, DIMENSIONS = (10_000, 100_000), (4, 96, 384)
ROUNDS = 3

#: By name, in the order of the table.
FAMILIES: dict[str, Callable[[], Index]] = {
    "Exact": lambda: lw.index.Exact(METRIC),
    "Tree": lambda: lw.index.Tree(METRIC),
    "Graph": lambda: lw.index.Graph(METRIC),
    "Inverted fastscan": lambda: lw.index.Inverted(METRIC),
    "Inverted scalar": lambda: lw.index.Inverted(METRIC, codes="scalar"),
    "Inverted rabitq": lambda: lw.index.Inverted(METRIC, codes="rabitq"),
    "Inverted pq": lambda: lw.index.Inverted(METRIC, codes="pq"),
    "Inverted opq": lambda: lw.index.Inverted(METRIC, codes="opq"),
    "Inverted flat": lambda: lw.index.Inverted(METRIC, codes="flat"),
    "Hash itq": lambda: lw.index.Hash(METRIC, codes="itq"),
    "Hash hyperplanes": lambda: lw.index.Hash(METRIC, codes="hyperplanes"),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One family on one set of rows."""

    rows: int
    dim: int
    name: str
    strategy: str
    seconds: float
    megabytes: float
    recall: float
    single: float
    batch: float

    def cells(self) -> tuple[str, ...]:
        """As a line of the table."""
        return (
            f"{self.rows:,}",
            str(self.dim),
            self.name,
            self.strategy,
            f"{self.seconds:.1f}",
            f"{self.megabytes:.1f}",
            f"{self.recall:.3f}",
            f"{self.single:,.0f}",
            f"{self.batch:,.0f}",
        )


HEADER = (
    "rows", "numbers a row", "index", "strategy", "build, s", "beside the rows, MB", "recall",
    "queries/s, one a call", "queries/s, in batches",
)  # fmt: skip


def run(setting: Setting) -> Outcome:
    """Every family on every set of rows."""
    sizes, dimensions = ((2_500,), (4, 32)) if setting.quick else (SIZES, DIMENSIONS)
    queries = 20 if setting.quick else 200
    sets = [(rows, dim) for rows in sizes for dim in dimensions]
    measured: list[Measured] = []
    for done, (rows, dim) in enumerate(sets, 1):
        data = generate(rows, setting.random_state, dim)
        measured += _measure(data, queries, setting)
        setting.progress.step(done, len(sets), f"{rows:,} rows of {dim} numbers")
    return Outcome(
        _figures(measured),
        [Table("Families of indexes", HEADER, [line.cells() for line in measured])],
        (
            f"{METRIC}, k = {K}, recall={TARGET} asked for, generated rows shaped like sentence "
            f"vectors, {queries} queries held out; medians of {ROUNDS} rounds in turn.",
            "Beside the rows: the file that `save(include_rows=False)` writes; for Tree, whose "
            "file holds no tree, what `plan` says.",
            "Strategy exact: a scan was cheaper, or the index could not promise the recall.",
        ),
    )


def _measure(data: Data, queries: int, setting: Setting) -> list[Measured]:
    asked = data.queries[:queries]
    indexes: dict[str, Index] = {}
    seconds: dict[str, float] = {}
    for name, make in FAMILIES.items():
        started = time.perf_counter()
        indexes[name] = make().fit(data.vectors)
        seconds[name] = time.perf_counter() - started
    truth = indexes["Exact"].search(asked, K, exact=True).distances
    works = {("one", name): _one_by_one(index, asked) for name, index in indexes.items()}
    works |= {("all", name): _at_once(index, asked) for name, index in indexes.items()}
    timed = interleaved(works, ROUNDS, warm=1)
    lines = []
    for name, index in indexes.items():
        found = index.search(asked, K, recall=TARGET)
        near = found.distances <= truth[:, -1:] * (1 + 1e-9) + 1e-12
        lines.append(
            Measured(
                len(data),
                index.dim,
                name,
                "" if found.info is None else found.info.strategy,
                seconds[name],
                _megabytes(index, setting.workspace.fresh("family.index")),
                float(near.mean()),
                queries / median(timed["one", name]),
                queries / median(timed["all", name]),
            )
        )
    return lines


def _one_by_one(index: Index, asked: FloatRows) -> Callable[[int], None]:
    def ask(_: int) -> None:
        for query in asked:
            index.search(query, K, recall=TARGET)

    return ask


def _at_once(index: Index, asked: FloatRows) -> Callable[[int], None]:
    return lambda _: np.asarray(index.search(asked, K, recall=TARGET).flat_ids)


def _megabytes(index: Index, path: Path) -> float:
    if isinstance(index, lw.index.Tree):
        return (index.plan(len(index), index.dim).bytes - index.rows.nbytes) / 1e6
    index.save(path, include_rows=False)
    size = path.stat().st_size / 1e6
    path.unlink()
    return size


def _figures(measured: list[Measured]) -> list[Figure]:
    """Each family's speed in batches, beside the scan."""
    scans = {(m.rows, m.dim): m for m in measured if m.name == "Exact"}
    return [
        Figure(
            f"{m.name}: queries a second in batches, {m.rows:,} rows of {m.dim}",
            m.batch,
            "1/s",
            "Exact",
            scans[m.rows, m.dim].batch,
            higher=True,
            note=f"recall {m.recall:.3f} ({m.strategy}), built in {m.seconds:.1f} s",
        )
        for m in measured
        if m.name != "Exact"
    ]


BENCHMARK = Benchmark("index_families", "Which family of index is the best for which rows?", run)
