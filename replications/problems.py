"""Vectors to search in: rows, held-out queries, a category for every row; real and generated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from replications.data import FloatRows, Labels, ag_news, fashion_mnist, glove, sift
from replications.protocol import Setting

SPACE = 64


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows to insert, held-out queries, and a category for every row."""

    name: str
    rows: FloatRows
    queries: FloatRows
    categories: Labels
    real: bool


def manifolds(setting: Setting) -> Problem:
    """Flat pieces of 2 to 48 dimensions in 64, each its own category; of equal spread."""
    rng = np.random.default_rng([setting.random_state, 3])
    each, dimensions = (100, (2, 16, 48)) if setting.quick else (3_500, (2, 4, 8, 16, 32, 48))
    pieces = [
        rng.normal(size=(each, d)) @ frame(d, rng) * np.sqrt(SPACE / d) + 2 * rng.normal(size=SPACE)
        for d in dimensions
    ]
    points = np.concatenate(pieces).astype(np.float32)
    kinds = np.repeat(np.arange(len(dimensions)), each)
    name = f"generated: manifolds of {dimensions[0]}-{dimensions[-1]} dimensions in {SPACE}"
    return _held_out(name, points, kinds, 60 if setting.quick else 1_000, rng, real=False)


def fashion(setting: Setting) -> Problem:
    """The first 20,000 training pictures; queries from the test pictures."""
    rows, kinds = fashion_mnist(setting.data, "train")
    queries, _ = fashion_mnist(setting.data, "t10k")
    name = "Fashion-MNIST pixels, 10 kinds"
    return Problem(name, rows[:20_000], queries[:1_000], kinds[:20_000], real=True)


def news(setting: Setting) -> Problem:
    """6,600 news by the mean of their token vectors; 1,000 others ask."""
    rng = np.random.default_rng([setting.random_state, 4])
    rows, topics = ag_news(setting.data)
    return _held_out("AG News, mean token vectors, 4 topics", rows, topics, 1_000, rng, real=True)


def words(setting: Setting) -> Problem:
    """10,925 words by direction; 1,000 others ask."""
    rng = np.random.default_rng([setting.random_state, 5])
    rows = glove(setting.data)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    name = "GloVe words, unit length, 20 k-means cells"
    return _held_out(name, rows, _cells(rows, setting), 1_000, rng, real=True)


def descriptors(setting: Setting) -> Problem:
    """4,000 descriptors; 1,000 others ask."""
    rng = np.random.default_rng([setting.random_state, 6])
    rows = sift(setting.data)
    name = "SIFT descriptors, 20 k-means cells"
    return _held_out(name, rows, _cells(rows, setting), 1_000, rng, real=True)


def _held_out(
    name: str, points: FloatRows, kinds: Labels, queries: int, rng: np.random.Generator, real: bool
) -> Problem:
    order = rng.permutation(len(points))
    asked, kept = order[:queries], order[queries:]
    return Problem(name, points[kept], points[asked], kinds[kept], real)


def _cells(rows: FloatRows, setting: Setting) -> Labels:
    """Where there are no categories: 20 cells of k-means stand in for them."""
    from sklearn.cluster import KMeans

    cells = KMeans(20, n_init=1, random_state=setting.random_state).fit_predict(rows)
    return np.asarray(cells, dtype=np.int64)


def frame(dimension: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(dimension, 64) orthonormal rows in random directions."""
    columns: npt.NDArray[np.float64] = np.linalg.qr(rng.normal(size=(SPACE, dimension)))[0]
    return columns.T
