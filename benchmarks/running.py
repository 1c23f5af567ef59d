"""One benchmark in a process of its own: what it leaves in memory stands in nobody's way."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from benchmarks.protocol import Setting
from benchmarks.registry import BENCHMARKS
from benchmarks.report import Run
from replications.protocol import Progress


def run_apart(name: str, setting: Setting) -> Run:
    """Run the benchmark in a fresh process and wait for it."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(run_here, name, setting).result()


def run_here(name: str, setting: Setting) -> Run:
    """Run the benchmark in this process."""
    started = time.perf_counter()
    outcome = BENCHMARKS[name].run(replace(setting, progress=Progress()))
    return Run(name, BENCHMARKS[name].question, outcome, time.perf_counter() - started)
