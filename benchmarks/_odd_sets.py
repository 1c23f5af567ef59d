"""Rows of which it is known which are odd: texts out of scope, and the sets of ADBench."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.vectors import cache_folder, kept
from replications.data import DataFolder, FloatRows

Float = npt.NDArray[np.float64]
MOST_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class OddSet:
    """Rows to fit on with their classes, and rows to judge, 1 for odd ones."""

    title: str
    rows: Float
    labels: npt.NDArray[Any]
    judged: Float
    odd: npt.NDArray[np.int64]


def out_of_scope(data: DataFolder) -> OddSet:
    """CLINC150: fitted on 15,000 queries of 150 intents; 4,500 new ones, and 1,000 of none."""
    read = json.loads(data.file("clinc150/data_full.json").read_text(encoding="utf-8"))
    parts = {
        split: _encoded(f"clinc150-{split}", [text for text, _ in read[split]])
        for split in ("train", "test", "oos_test")
    }
    labels = np.array([intent for _, intent in read["train"]])
    judged = np.concatenate([parts["test"], parts["oos_test"]])
    odd = np.repeat([0, 1], [len(parts["test"]), len(parts["oos_test"])])
    return OddSet("CLINC150", parts["train"].astype(np.float64), labels, judged, odd)


def _encoded(name: str, texts: list[str]) -> FloatRows:
    """MiniLM vectors of the texts, kept under this name."""

    def encode() -> FloatRows:
        from likewise.encode import get_encoder

        return np.asarray(get_encoder("minilm").encode(texts))

    return np.asarray(kept(cache_folder() / f"{name}-minilm.npy", encode))


def adbench(data: DataFolder, seed: int) -> Iterator[tuple[str, Float, npt.NDArray[np.int64]]]:
    """Name, standardized rows and which are odd; at most 5,000 rows of a set, drawn at random."""
    for path in sorted((data.root / "adbench").glob("*.npz")):
        with np.load(path) as file:
            X, y = np.asarray(file["X"], np.float64), np.asarray(file["y"]).astype(np.int64)
        drawn = np.sort(np.random.default_rng(seed).permutation(len(X))[:MOST_ROWS])
        yield path.stem.split("_", 1)[-1], standardized(X[drawn]), y[drawn]


def standardized(X: Float) -> Float:
    spread = X.std(axis=0)
    scaled: Float = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return scaled


def generated(seed: int, n: int = 200) -> OddSet:
    """Two clouds, and as many rows again of which a fifth lie elsewhere."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    odd = (np.arange(n) % 5 == 0).astype(np.int64)
    rows = rng.normal(size=(n, 6)) + 5 * labels[:, None]
    judged = (
        rng.normal(size=(n, 6)) + 5 * labels[:, None] + 4 * odd[:, None] * [1, -1, 1, -1, 1, -1]
    )
    return OddSet("generated", rows, labels, judged, odd)
