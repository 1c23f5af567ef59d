"""NNGP and NTK of fully connected networks beside neural-tangents, all cores each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.tangents import NeuralTangents
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import interleaved, median
from likewise.kernels import NNGP, NTK, Kernel
from replications.protocol import Table

ROWS, DIM, DEPTH, ROUNDS = 5_000, 100, 3, 3
#: Rows whose values are compared, in float64.
COMPARED = 300
ACTIVATIONS = ("relu", "erf", "gelu")
KERNELS: dict[str, type[Kernel]] = {"nngp": NNGP, "ntk": NTK}


def run(setting: Setting) -> Outcome:
    """Seconds of whole kernel matrices, taken in turn, and how far values differ."""
    n, rounds = (200, 1) if setting.quick else (ROWS, ROUNDS)
    rng = np.random.default_rng(setting.random_state)
    X = rng.standard_normal((n, DIM)).astype(np.float32)
    peer = NeuralTangents() if setting.peers and NeuralTangents.available() else None
    figures, rows = [], []
    try:
        with tempfile.TemporaryDirectory() as folder:
            np.save(Path(folder) / "rows.npy", X)
            np.save(Path(folder) / "few.npy", X[:COMPARED].astype(np.float64))
            cases = [(a, name) for a in ACTIVATIONS for name in KERNELS]
            for done, (activation, name) in enumerate(cases, 1):
                seconds, apart = _measure(Path(folder), X, activation, name, peer, rounds)
                figures.append(_figure(n, activation, name, seconds))
                rows.append(_row(activation, name, seconds, apart, n))
                setting.progress.step(done, len(cases), f"{name} of {activation}")
    finally:
        if peer is not None:
            peer.close()
    header = ("activation", "kernel", "Likewise, s", "neural-tangents, s", "times faster",
              "ns an entry", "largest difference")  # fmt: skip
    notes = (
        f"{n:,} rows of {DIM} normal numbers in float32, {DEPTH} hidden layers, weight variance 2, "
        f"bias variance 0.01; medians of {rounds} rounds in turn, all cores each; the compilation "
        "by jax is not counted.",
        "Likewise computes in float64 and only the half above the diagonal; neural-tangents in "
        f"float32. Differences are of {COMPARED} rows in float64, relative to the largest entry.",
    )
    return Outcome(figures, [Table("Kernels of infinitely wide networks", header, rows)], notes)


def _measure(
    folder: Path, X: Any, activation: str, name: str, peer: NeuralTangents | None, rounds: int
) -> tuple[dict[str, float], float | None]:
    kernel = KERNELS[name](depth=DEPTH, activation=activation, weight_variance=2.0,
                           bias_variance=0.1**2)  # type: ignore[call-arg]  # fmt: skip
    works: dict[str, Callable[[int], object]] = {"Likewise": lambda _: kernel(X, n_jobs=-1)}
    apart = None
    if peer is not None:
        saved = folder / "kernel.npy"
        peer.kernel(folder / "few.npy", activation, DEPTH, name, saved)
        theirs, ours = np.load(saved), kernel(X[:COMPARED].astype(np.float64))
        apart = float(np.abs(theirs - ours).max() / np.abs(ours).max())
        rows = folder / "rows.npy"
        works["neural-tangents"] = lambda _: peer.kernel(rows, activation, DEPTH, name, None)
    seconds = interleaved(works, rounds, warm=1)
    return {who: median(found) for who, found in seconds.items()}, apart


def _figure(n: int, activation: str, name: str, seconds: dict[str, float]) -> Figure:
    theirs = seconds.get("neural-tangents")
    return Figure(
        f"{name} of {activation}, {n:,} rows",
        seconds["Likewise"],
        "s",
        "neural-tangents",
        theirs,
        theirs,
        note="at least as fast is aimed at",
    )


def _row(
    activation: str, name: str, seconds: dict[str, float], apart: float | None, n: int
) -> list[str]:
    ours, theirs = seconds["Likewise"], seconds.get("neural-tangents")
    return [
        activation,
        name,
        f"{ours:.2f}",
        "" if theirs is None else f"{theirs:.2f}",
        "" if theirs is None else f"{theirs / ours:.1f}",
        f"{ours / n**2 * 1e9:.1f}",
        "" if apart is None else f"{apart:.1e}",
    ]


BENCHMARK = Benchmark(
    "ntk", "How fast are kernels of infinitely wide networks beside neural-tangents?", run
)
