"""Kernels of infinitely wide convolutional networks beside neural-tangents, all cores each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.tangents import NeuralTangents
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import interleaved, median
from likewise.kernels import ConvNTK
from replications.protocol import Table

SIDE, CHANNELS, DEPTH, ROUNDS = 32, 3, 4, 3
#: Images without pooling and with it, where each pair of positions counts.
IMAGES = {None: 48, "average": 4}


def run(setting: Setting) -> Outcome:
    """Seconds of NTK matrices of images, taken in turn, and how far values differ."""
    rng = np.random.default_rng(setting.random_state)
    side, rounds = (8, 1) if setting.quick else (SIDE, ROUNDS)
    peer = NeuralTangents() if setting.peers and NeuralTangents.available() else None
    figures, rows = [], []
    try:
        with tempfile.TemporaryDirectory() as folder:
            for done, (pooling, n) in enumerate(IMAGES.items(), 1):
                X = rng.standard_normal((n, side, side, CHANNELS))
                file = Path(folder) / f"images{done}.npy"
                np.save(file, X)
                seconds, apart = _measure(file, X, pooling, peer, rounds)
                ours, theirs = seconds["Likewise"], seconds.get("neural-tangents")
                what = f"{'average pooling' if pooling else 'no pooling'}, {n} images"
                figures.append(Figure(what, ours, "s", "neural-tangents", theirs))
                rows.append([
                    what,
                    f"{ours:.3f}",
                    "" if theirs is None else f"{theirs:.3f}",
                    "" if theirs is None else f"{theirs / ours:.2f}",
                    "" if apart is None else f"{apart:.1e}",
                ])  # fmt: skip
                setting.progress.step(done, len(IMAGES), what)
    finally:
        if peer is not None:
            peer.close()
    header = ("NTK", "Likewise, s", "neural-tangents, s", "times faster", "largest difference")
    notes = (
        f"{side} x {side} pixels of {CHANNELS} normal numbers in float64, {DEPTH} convolutions of "
        f"3 x 3, ReLU, weight variance 2, bias variance 0.01; medians of {rounds} rounds in turn, "
        "all cores each; the compilation by jax is not counted. Differences are relative to the "
        "largest entry.",
    )
    return Outcome(figures, [Table("Convolutional tangent kernels", header, rows)], notes)


def _measure(
    file: Path, X: Any, pooling: str | None, peer: NeuralTangents | None, rounds: int
) -> tuple[dict[str, float], float | None]:
    kernel = ConvNTK(DEPTH, pooling=pooling, weight_variance=2.0, bias_variance=0.1**2)
    works: dict[str, Callable[[int], object]] = {"Likewise": lambda _: kernel(X, n_jobs=-1)}
    apart = None
    if peer is not None:
        saved = file.with_suffix(".kernel.npy")
        images = "pooled" if pooling else "flat"
        peer.kernel(file, "relu", DEPTH, "ntk", saved, images=images)
        theirs, ours = np.load(saved), kernel(X)
        apart = float(np.abs(theirs - ours).max() / np.abs(ours).max())
        works["neural-tangents"] = lambda _: peer.kernel(
            file, "relu", DEPTH, "ntk", None, images=images
        )
    seconds = interleaved(works, rounds, warm=1)
    return {who: median(found) for who, found in seconds.items()}, apart


BENCHMARK = Benchmark(
    "convolutions", "How fast are convolutional kernels beside neural-tangents?", run
)
