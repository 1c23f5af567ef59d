"""Labelled vectors of four public data sets, and labels of them made wrong."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.data import FloatRows
from benchmarks.vectors import cache_folder, kept
from replications.data import DataFolder, Labels, fashion_mnist

#: Characters of a post that are encoded, and how many posts.
KEPT, POSTS = 400, 8000


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Rows and their classes.

    Attributes:
        name: for tables. X: (n, dim) float32. y: (n,) classes 0, 1, ...
        metric: that suits the rows.
    """

    name: str
    X: FloatRows
    y: Labels
    metric: str


def labelled(name: str, rows: int, data: DataFolder) -> LabelledSet:
    """``rows`` of a set of `SETS`, drawn at random; always the same ones."""
    X, y, metric = SETS[name](data)
    order = np.random.default_rng(0).permutation(len(X))[:rows]
    return LabelledSet(name, np.asarray(X[order], np.float32), y[order], metric)


def generated(rows: int, seed: int) -> LabelledSet:
    """Clouds of five classes, for a run in a hurry."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 5, rows)
    X = rng.normal(size=(5, 8))[y] * 2 + rng.normal(size=(rows, 8))
    return LabelledSet("generated", X.astype(np.float32), y, "euclidean")


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


def _clinc150(data: DataFolder) -> tuple[Any, Labels, str]:
    with open(data.file("clinc150/data_full.json"), encoding="utf-8") as file:
        pairs = json.load(file)["train"]
    return _encoded("clinc150-train", [text for text, _ in pairs], [kind for _, kind in pairs])


def _newsgroups(data: DataFolder) -> tuple[Any, Labels, str]:
    texts, groups = [], []
    with gzip.open(data.file("newsgroups20/newsgroups20.jsonl.gz"), "rt", encoding="utf-8") as file:
        for line, _ in zip(file, range(POSTS), strict=False):
            post = json.loads(line)
            texts.append(f"{post['subject'] or ''}. {post['text'] or ''}"[:KEPT])
            groups.append(post["group"])
    return _encoded(f"newsgroups-{POSTS}", texts, groups)


def _letter(data: DataFolder) -> tuple[Any, Labels, str]:
    path = data.file("letter_recognition/letter_recognition.csv")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    X = np.array([row[1:] for row in rows], dtype=np.float32)
    return X, _codes([row[0] for row in rows]), "euclidean"


def _fashion_mnist(data: DataFolder) -> tuple[Any, Labels, str]:
    return (*fashion_mnist(data, "train"), "euclidean")


def _encoded(name: str, texts: list[str], labels: list[str]) -> tuple[Any, Labels, str]:
    """MiniLM vectors of the texts; encoding them takes minutes, so they are kept."""

    def encode() -> FloatRows:
        from likewise.encode import get_encoder

        return np.asarray(get_encoder("minilm").encode(texts))

    return kept(cache_folder() / f"{name}-minilm.npy", encode), _codes(labels), "cosine"


def _codes(labels: list[str]) -> Labels:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


#: Every set, and what reads it.
SETS: dict[str, Callable[[DataFolder], tuple[Any, Labels, str]]] = {
    "CLINC150 (MiniLM)": _clinc150,
    "20 newsgroups (MiniLM)": _newsgroups,
    "Fashion-MNIST (pixels)": _fashion_mnist,
    "letter": _letter,
}
