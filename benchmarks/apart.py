"""What must be measured in a fresh process: memory, and kernels of another kind."""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.building import WARMING, Built, load, map_rows, warm
from benchmarks.curves import Point
from benchmarks.memory import resident_megabytes
from benchmarks.peers.engines import ENGINES
from benchmarks.sweep import BATCH, sweep
from benchmarks.threads import one_core
from benchmarks.vectors import K, VectorSet

#: Which compiled loops Likewise is to use; read when it is loaded.
KERNELS = "LIKEWISE_KERNELS"
T = TypeVar("T")


def resident(built: Built, data: VectorSet, rows: Path) -> float:
    """Megabytes by which a fresh process grows when it loads an index and searches a batch.

    What is compiled has been compiled before; what was mapped and touched is counted, the
    originals too where an engine reads them.
    """
    return _fresh(_resident, built, _bare(data), rows)


def with_kernels(
    kernels: str, builts: Sequence[Built], data: VectorSet, rows: Path, rounds: int
) -> list[Point]:
    """The same indexes swept again in a process in which Likewise uses these ``kernels``.

    Raises:
        InvalidArgument: this processor cannot run them.
    """
    with _environment(KERNELS, kernels):
        return _fresh(_sweep, list(builts), _bare(data), rows, rounds)


def _resident(built: Built, data: VectorSet, path: Path) -> float:
    importlib.import_module(ENGINES[built.engine].package)
    rows = map_rows(path)
    trial = ENGINES[built.engine](data.metric)
    warm(trial, np.array(rows[:WARMING]), 1)
    trial.set_effort(trial.efforts[0])
    trial.search(data.queries[:10], K)
    del trial
    gc.collect()
    before = resident_megabytes()
    engine = load(built, data, rows)
    engine.set_effort(engine.efforts[len(engine.efforts) // 2])
    engine.search(data.queries[:BATCH], K)
    return resident_megabytes() - before


def _sweep(builts: Sequence[Built], data: VectorSet, path: Path, rounds: int) -> list[Point]:
    rows = map_rows(path)
    for built in builts:  # compiled and loaded, so that nobody answers without its kernels
        warm(ENGINES[built.engine](data.metric), np.array(rows[:WARMING]), 1)
    engines = {built.engine: load(built, data, rows) for built in builts}
    with one_core():
        return sweep(engines, data, rounds=rounds, singles=False)


def _bare(data: VectorSet) -> VectorSet:
    """Without its rows, which a process maps and need not be sent."""
    return replace(data, rows=data.rows[:0])


def _fresh(work: Callable[..., T], *arguments: object) -> T:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(work, *arguments).result()


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
