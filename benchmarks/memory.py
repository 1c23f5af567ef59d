"""Resident memory through a mixed load of searches, upserts, deletions and seals."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import likewise as lw
from benchmarks.data import FIRST_YEAR, YEARS, Data, generate
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import Seconds
from replications.protocol import Table

#: Part of the time that is not judged: caches fill, the allocator settles.
SETTLING = 0.25
TARGET = 5.0  # per cent an hour
SEAL_EVERY, SAMPLE_EVERY = 200, 20  # steps
FEWEST = 4  # samples


def run(setting: Setting) -> Outcome:
    """Work on one collection until the time is up; the number of rows stays the same."""
    rows = 2_000 if setting.quick else 20_000
    minutes = 0.03 if setting.quick else setting.minutes
    data = generate(2 * rows, setting.random_state)
    path = setting.workspace.fresh("memory.likewise")
    with lw.create(path, dim=data.vectors.shape[1]) as collection:
        collection.add(data.rows(0, rows))
        collection.index_field("year")
        collection.seal()
        samples, steps = _work(collection, data, rows, minutes, setting)
        if len(collection) != rows:
            raise RuntimeError(f"{len(collection)} rows are left of {rows}")
    times, resident = samples[:, 0], samples[:, 1]
    late = times >= SETTLING * times[-1]
    growth, level = slope(times[late] / 3600, resident[late]), float(np.median(resident[late]))
    return Outcome(
        [
            Figure(
                "memory: growth under mixed load",
                100 * growth / level,
                "% an hour",
                target=TARGET,
                note=f"{growth:+.1f} MB an hour at {level:.0f} MB, after the first quarter of "
                f"{minutes:g} min; {steps} steps, {rows:,} rows",
            )
        ],
        [_table(samples)],
        (
            "Each step searches ten times (half with a filter), replaces ten rows, deletes ten "
            f"and adds ten; every {SEAL_EVERY} steps all is sealed. The slope is the median of "
            "the slopes between all pairs of samples (Theil and Sen), so that a peak while a "
            "graph is built does not tilt it. Resident memory counts mapped files too.",
        ),
    )


def _work(
    collection: lw.Collection, data: Data, rows: int, minutes: float, setting: Setting
) -> tuple[Seconds, int]:
    """Do steps until the time is up; returns (seconds, megabytes) now and then, and the steps."""
    rng = np.random.default_rng(setting.random_state)
    given = data.rows()
    present, absent = np.arange(rows), np.arange(rows, 2 * rows)
    samples: list[tuple[float, float]] = []
    steps, started = 0, time.perf_counter()
    # On a busy machine the quick form may be over before there is anything to compare.
    while (spent := time.perf_counter() - started) < 60 * minutes or len(samples) < FEWEST:
        if steps % SAMPLE_EVERY == 0:
            samples.append((spent, resident_megabytes()))
        _search(collection, data, rng)
        _change(collection, given, present, absent, rng)
        steps += 1
        if steps % SEAL_EVERY == 0:
            collection.seal()
    return np.array([*samples, (spent, resident_megabytes())]), steps


def _search(collection: lw.Collection, data: Data, rng: np.random.Generator) -> None:
    for query in data.queries[rng.integers(len(data.queries), size=10)]:
        where = f"year >= {FIRST_YEAR + rng.integers(YEARS)}" if rng.random() < 0.5 else None
        collection.search(query, 10, where=where)


def _change(
    collection: lw.Collection,
    given: list[dict[str, Any]],
    present: npt.NDArray[np.int64],
    absent: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> None:
    """Replace ten rows, delete ten, add ten others; ``present`` and ``absent`` swap them."""
    collection.upsert([given[i] for i in rng.choice(present, 10, replace=False)])
    gone = rng.choice(len(present), 10, replace=False)
    collection.delete([given[i]["id"] for i in present[gone]])
    come = rng.choice(len(absent), 10, replace=False)
    collection.add([given[i] for i in absent[come]])
    present[gone], absent[come] = absent[come], present[gone]


def resident_megabytes() -> float:
    """Resident memory of this process now."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        import resource

        return int(statm.read_text().split()[1]) * resource.getpagesize() / 1e6
    import psutil

    return float(psutil.Process().memory_info().rss / 1e6)


def slope(hours: Seconds, megabytes: Seconds) -> float:
    """Theil and Sen: the median of the slopes of all pairs, in megabytes an hour."""
    some = np.unique(np.linspace(0, len(hours) - 1, min(len(hours), 400)).astype(int))
    x, y = hours[some], megabytes[some]
    first, second = np.triu_indices(len(some), 1)
    return float(np.median((y[second] - y[first]) / (x[second] - x[first])))


def _table(samples: Seconds) -> Table:
    picked = np.unique(np.linspace(0, len(samples) - 1, 17).astype(int))
    rows = [(f"{samples[i, 0] / 60:.1f}", f"{samples[i, 1]:.0f}") for i in picked]
    return Table("Resident memory", ("minutes", "MB"), rows)


BENCHMARK = Benchmark("memory", "Is memory flat under a mixed load?", run)
