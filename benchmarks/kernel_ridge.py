"""Kernel ridge on many rows, planned by itself: memory, time and error beside scikit-learn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from benchmarks.processes import ROOT, ProcessFailed
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting

ROWS, EXACT_ROWS = 50_000, 4_000
TARGET = 4000.0  # megabytes


def run(setting: Setting) -> Outcome:
    """Every fit in a process of its own, one after the other."""
    rows, few = (1500, 300) if setting.quick else (ROWS, EXACT_ROWS)
    pairs = {"auto": ("ours", "nystroem", rows), "exact": ("ours-exact", "sklearn", few)}
    figures: list[Figure] = []
    plan = ""
    for done, (name, (mine, theirs, count)) in enumerate(pairs.items(), 1):
        if name == "exact" and not setting.peers:
            continue  # without the peer it says nothing
        ours = fitted(mine, count, setting.random_state)
        peer = fitted(theirs, count, setting.random_state) if setting.peers else None
        figures += compared(name, count, ours, peer)
        plan = plan or str(ours["plan"])
        setting.progress.step(done, len(pairs), f"{name}, {count:,} rows")
    return Outcome(
        figures,
        notes=(
            "A smooth function of three of eight inputs with noise, an RBF kernel, one fit each. "
            "The peer of auto is scikit-learn's Nystroem (as many random landmarks) with Ridge; "
            "that of exact its KernelRidge. Seconds are the processor's.",
            "Peak memory is of the whole process, libraries (near 200 MB) and data included. "
            "The plan of auto: " + "; ".join(line.strip() for line in plan.splitlines()),
        ),
    )


def compared(
    name: str, rows: int, ours: dict[str, Any], theirs: dict[str, Any] | None
) -> list[Figure]:
    """Memory, time and error of one pair."""
    peer = "scikit-learn" if theirs else ""
    what = f"kernel ridge, {name}, {rows:,} rows"
    target = TARGET if name == "auto" else None

    def of(key: str) -> float | None:
        return float(theirs[key]) if theirs else None

    return [
        Figure(f"{what}: peak memory", ours["megabytes"], "MB", peer, of("megabytes"), target),
        Figure(f"{what}: fit", ours["processor"], "s", peer, of("processor")),
        Figure(f"{what}: error on new rows", ours["error"], "rmse", peer, of("error")),
    ]


def fitted(whose: str, rows: int, seed: int) -> dict[str, Any]:
    """What a fresh process says of one fit."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "benchmarks._kernel_ridge_run", whose, str(rows), str(seed)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    if done.returncode:
        raise ProcessFailed(f"{whose}: {done.stderr.strip()[-2000:]}")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


BENCHMARK = Benchmark(
    "kernel_ridge", "What does kernel ridge on many rows take, planned by itself?", run
)
