"""`clusters`: k-means, plainly."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from likewise.learn.active._candidates import Candidates, Float64Array, IntArray
from likewise.learn.active._nearest import TILE, squared_distances
from likewise.learn.active.kmeans_plus_plus import kmeans_plus_plus

#: Steps at most.
STEPS = 30


def clusters(rows: Float64Array, count: int, rng: np.random.Generator) -> IntArray:
    """(n,) the cluster of each row: Lloyd's steps from one k-means++ seeding, until none moves.

    A cluster that loses all its rows stays empty. Sums are taken in the order of rows, so that
    threads do not change the last digit (scikit-learn's may).

    Cost: n count p multiplications a step, 30 steps at most.
    """
    rows = rows - rows.mean(axis=0)
    seeds = kmeans_plus_plus(Candidates(len(rows), rows, rng=rng), min(count, len(rows)))
    centres = rows[seeds]
    labels = _nearest(rows, centres)
    for _ in range(STEPS):
        members = sparse.csr_array(
            (np.ones(len(rows)), labels, np.arange(len(rows) + 1)), shape=(len(rows), len(centres))
        )
        sizes = np.bincount(labels, minlength=len(centres))
        means = (members.T @ rows) / np.maximum(sizes, 1)[:, None]
        centres = np.where(sizes[:, None] > 0, means, centres)
        moved = _nearest(rows, centres)
        if np.array_equal(moved, labels):
            break
        labels = moved
    return labels


def _nearest(rows: Float64Array, centres: Float64Array) -> IntArray:
    squares = np.vecdot(centres, centres)
    parts = [rows[start : start + TILE] for start in range(0, len(rows), TILE)]
    found = [
        np.argmin(squared_distances(part, np.vecdot(part, part), centres, squares), axis=1)
        for part in parts
    ]
    labels: IntArray = np.concatenate(found)
    return labels
