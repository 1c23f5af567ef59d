"""Orders in which rows are inserted, HNSW built in one of them, and recall with ties counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from replications.data import FloatRows, Labels
from replications.problems import Problem

K = 10
ORDERS = ("LID falling", "LID rising", "random", "by category")


def insertion(
    order: str, dimension: npt.NDArray[np.float64], categories: Labels, seed: int
) -> npt.NDArray[np.int64]:
    """The rows in the order they are to be inserted; ties and categories are shuffled."""
    shuffled = np.random.default_rng([seed, 1]).permutation(len(dimension))
    if order == "random":
        return shuffled
    if order == "by category":
        turn = np.random.default_rng([seed, 2]).permutation(int(categories.max()) + 1)
        return shuffled[np.argsort(turn[categories[shuffled]], kind="stable")]
    key = dimension if order == "LID rising" else -dimension
    return shuffled[np.argsort(key[shuffled], kind="stable")]


def hnsw_recall(
    problem: Problem,
    nearest: npt.NDArray[np.float64],
    order: npt.NDArray[np.int64],
    graph: tuple[int, int],
    efforts: tuple[int, ...],
    seed: int,
) -> list[float]:
    """Build the graph row by row in ``order``; recall@10 at every effort."""
    import faiss

    faiss.omp_set_num_threads(1)
    rows = problem.rows[order]
    index = faiss.IndexHNSWFlat(rows.shape[1], graph[0])
    index.hnsw.efConstruction = graph[1]
    index.hnsw.rng = faiss.RandomGenerator(seed + 1)  # draws the levels
    # One call a row: within a call faiss sorts rows by level and shuffles them.
    for i in range(len(rows)):
        index.add(rows[i : i + 1])
    recalls = []
    for effort in efforts:
        index.hnsw.efSearch = effort
        _, ids = index.search(problem.queries, K)
        recalls.append(share_found(rows, problem.queries, ids, nearest))
    return recalls


def share_found(
    rows: FloatRows, queries: FloatRows, ids: Any, nearest: npt.NDArray[np.float64]
) -> float:
    """The share of answers no farther than the true tenth neighbour, so ties do no harm."""
    found = rows[np.maximum(ids, 0)].astype(np.float64)
    distances = np.sqrt(np.square(found - queries[:, None, :]).sum(axis=2))
    right = (distances <= nearest[:, None] * (1 + 1e-9)) & (ids >= 0)
    return float(right.mean())


def true_radius(problem: Problem) -> npt.NDArray[np.float64]:
    """(queries,) the distance of the tenth nearest row, in float64."""
    from likewise.metrics import resolve

    blocks = [
        np.partition(resolve("euclidean").pairwise(part, problem.rows), K - 1, axis=1)[:, K - 1]
        for part in np.array_split(problem.queries, 20)
    ]
    return np.concatenate(blocks)
