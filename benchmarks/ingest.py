"""Durable ingest in batches of 1,000, and single upserts, beside stores and bare SQLite."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from benchmarks.data import Data, generate
from benchmarks.peers import BARE, STORES, Store, installed
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import WARM, interleaved, spread, undisturbed

BATCH = 1_000
TARGET = 15_000.0  # rows a second
SHARE = 1 / 3  # of what bare SQLite does with single upserts


def run(setting: Setting) -> Outcome:
    """Each store takes the same rows into a fresh folder, in turn, several times."""
    batches, rounds, singles = (2, 1, 10) if setting.quick else (20, 3, 200)
    data = generate(batches * BATCH, setting.random_state)
    stores = {BARE.name: BARE, **(installed(STORES) if setting.peers else _ours())}
    seconds = {name: np.empty((rounds, batches)) for name in stores}
    for r in range(rounds):
        for i, (name, store) in enumerate(stores.items()):
            path = setting.workspace.fresh(f"ingest-{name}")
            seconds[name][r] = _batches(store, path, data, batches)
            setting.progress.step(r * len(stores) + i + 1, rounds * len(stores), name)
    # What does not sync leaves its writing to whoever syncs next: apart from those who do.
    syncing = {name: stores[name] for name in (BARE.name, "Likewise")}
    others = {name: store for name, store in stores.items() if name != BARE.name}
    bare = _singles(syncing, setting, data, singles)
    figures = [*_batch_figures(seconds), *_single_figures(bare, SHARE)]
    if len(others) > 1:
        figures += _single_figures(_singles(others, setting, data, singles), None)
    return Outcome(
        figures,
        notes=(
            f"{batches} batches of {BATCH:,} rows of {data.vectors.shape[1]} numbers with three "
            f"metadata values into an empty store, {rounds} rounds in turn; the rate is the best "
            "round's, acknowledged rows over time. Indexing comes afterwards in ours and in "
            "LanceDB, and within in Chroma.",
            "Likewise, bare SQLite and Chroma sync to disk before they acknowledge a batch; "
            "LanceDB does not (counted at the system's fsync and fdatasync: none in five "
            "batches), so a power cut may cost it rows. Rows are made beforehand: dicts for us "
            "and SQLite, what the peer likes best for the others.",
            "Single upserts come after everything is indexed, first beside SQLite, then beside "
            "the others; their rate is of the lower quartile of the times, since the disk is not "
            "ours alone.",
        ),
    )


def _ours() -> dict[str, type[Store]]:
    return {"Likewise": STORES["Likewise"]}


def _batches(store: type[Store], path: Path, data: Data, batches: int) -> list[float]:
    opened = store(path)
    seconds = []
    for number in range(batches):
        batch = opened.prepare(data, number * BATCH, (number + 1) * BATCH)
        started = time.perf_counter()
        opened.add(batch)
        seconds.append(time.perf_counter() - started)
    opened.close()
    return seconds


def _singles(
    stores: dict[str, type[Store]], setting: Setting, data: Data, count: int
) -> dict[str, np.ndarray]:
    """Upserts of one row each into the stores that the last round left, in turn."""
    opened = {
        name: store(setting.workspace.root / f"ingest-{name}") for name, store in stores.items()
    }
    for store in opened.values():
        store.finish()  # nobody indexes in the background meanwhile
    step = len(data) // (count + WARM)
    prepared = {
        name: [store.prepare(data, i * step, i * step + 1) for i in range(count + WARM)]
        for name, store in opened.items()
    }
    works = {name: (lambda i, name=name: opened[name].upsert(prepared[name][i])) for name in opened}
    seconds = interleaved(works, count)
    for store in opened.values():
        store.close()
    return seconds


def _batch_figures(seconds: dict[str, np.ndarray]) -> list[Figure]:
    rates = {name: BATCH * s.shape[1] / s.sum(axis=1) for name, s in seconds.items()}
    ours = float(rates["Likewise"].max())
    rounds = ", ".join(f"{rate:,.0f}" for rate in rates["Likewise"])
    return [
        Figure(
            "ingest in batches of 1,000",
            ours,
            "rows/s",
            name,
            float(rates[name].max()),
            TARGET,
            higher=True,
            note=f"rounds {rounds}",
        )
        for name in rates
        if name != "Likewise"
    ]


def _single_figures(seconds: dict[str, np.ndarray], share: float | None) -> list[Figure]:
    """Ours beside each other's; the target is a ``share`` of theirs."""
    ours = 1 / undisturbed(seconds["Likewise"])
    rates = {name: 1 / undisturbed(taken) for name, taken in seconds.items() if name != "Likewise"}
    return [
        Figure(
            "single upserts",
            ours,
            "rows/s",
            name,
            theirs,
            None if share is None else theirs * share,
            higher=True,
            note=f"{spread(seconds['Likewise'], 1e3)} ms each, theirs {spread(seconds[name], 1e3)}",
        )
        for name, theirs in rates.items()
    ]


BENCHMARK = Benchmark("ingest", "How fast are rows on disk?", run)
