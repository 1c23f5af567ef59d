"""Rows in cells around means, the cells in such an order that neighbours lie near each other."""

from __future__ import annotations

import numpy as np

from likewise.index._compiled.threads import in_threads
from likewise.learn._searching import IntArray
from likewise.vectors import Float32Array

#: Rows a cell that the means are learned from, rounds of learning, and rows worked on at a time.
LEARNED, ROUNDS, BLOCK = 64, 6, 4096


def means_of(rows: Float32Array, count: int, rng: np.random.Generator, jobs: int) -> Float32Array:
    """(count, dim) means by k-means (S. Lloyd, 1982) on a sample, in a chain of near ones.

    Cost: O(sample count dim) a round, and O(count^2) for the chain.
    """
    sample = rows[np.sort(rng.permutation(len(rows))[: count * LEARNED])]
    means = sample[np.sort(rng.permutation(len(sample))[:count])]
    for _ in range(ROUNDS):
        cells = nearest_mean(sample, means, jobs)
        order = np.argsort(cells, kind="stable")
        held, first = np.unique(cells[order], return_index=True)
        sums = np.add.reduceat(sample[order].astype(np.float64), first, axis=0)
        sizes = np.diff(np.append(first, len(order)))
        means[held] = sums / sizes[:, None]  # one that lost all its rows stays where it was
    return means[_chain(means)]


def nearest_mean(rows: Float32Array, means: Float32Array, jobs: int) -> IntArray:
    """(n,) the mean nearest to each row. Cost: O(n means dim), a matrix product."""
    cells = np.empty(len(rows), np.int64)

    def work(start: int) -> None:
        block = slice(start, start + BLOCK)
        cells[block] = to_means(rows[block], means).argmin(axis=1)

    in_threads(jobs, work, range(0, len(rows), BLOCK))
    return cells


def to_means(rows: Float32Array, means: Float32Array) -> Float32Array:
    """(n, means) squared distances, less what is the same for a row."""
    away: Float32Array = rows @ (-2.0 * means.T)
    away += np.vecdot(means, means)
    return away


def _chain(means: Float32Array) -> IntArray:
    """An order in which each mean is followed by the nearest that has not had its turn."""
    left = np.vecdot(means, means).astype(np.float64)
    chain = np.zeros(len(means), np.int64)
    for place in range(1, len(means)):
        last = chain[place - 1]
        left[last] = np.inf
        chain[place] = np.argmin(left - 2.0 * (means @ means[last]))
    return chain
