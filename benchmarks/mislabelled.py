"""Rows of public data sets whose labels were made wrong, for benchmarks that find them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.data import FloatRows
from benchmarks.labelled import LABELLED
from replications.data import DataFolder, Labels

#: Every set by its title: what it is called in `LABELLED`, and the metric that suits it.
SETS = {
    "CLINC150 (MiniLM)": ("clinc150", "cosine"),
    "20 newsgroups (MiniLM)": ("newsgroups", "cosine"),
    "Fashion-MNIST (pixels)": ("fashion-mnist", "euclidean"),
    "letter": ("letter", "euclidean"),
}


@dataclass(frozen=True, slots=True)
class ClassRows:
    """Rows and their classes.

    Attributes:
        name: for tables. X: (n, dim) float32. y: (n,) classes 0, 1, ...
        metric: that suits the rows.
    """

    name: str
    X: FloatRows
    y: Labels
    metric: str


def class_rows(name: str, rows: int, data: DataFolder) -> ClassRows:
    """``rows`` of the train part of a set of `SETS`, drawn at random; always the same ones."""
    key, metric = SETS[name]
    known = LABELLED[key](data)
    order = np.random.default_rng(0).permutation(len(known.rows))[:rows]
    codes = np.unique(known.labels, return_inverse=True)[1].astype(np.int64)
    return ClassRows(name, np.asarray(known.rows[order], np.float32), codes[order], metric)


def generated(rows: int, seed: int) -> ClassRows:
    """Clouds of five classes, for a run in a hurry."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 5, rows)
    X = rng.normal(size=(5, 8))[y] * 2 + rng.normal(size=(rows, 8))
    return ClassRows("generated", X.astype(np.float32), y, "euclidean")


def flipped(y: Labels, share: float, kind: str, seed: int) -> tuple[Labels, npt.NDArray[np.bool_]]:
    """Labels with a share of them wrong, and which.

    ``uniform``: another class, all alike. ``by class``: each class is mistaken for one other,
    the next one.
    """
    rng = np.random.default_rng(seed)
    classes, count = int(y.max()) + 1, len(y)
    wrong = np.zeros(count, dtype=np.bool_)
    wrong[rng.choice(count, round(share * count), replace=False)] = True
    step = rng.integers(1, classes, count) if kind == "uniform" else np.ones(count, dtype=np.int64)
    return np.where(wrong, (y + step) % classes, y), wrong
