"""Rows on their leading directions, where a product of few numbers ranks nearly as a metric does.

A row x, centred, is a projection p and a rest of length r. Two rows lie ``|p - p'|^2`` apart and
something between ``(r - r')^2`` and ``(r + r')^2``; half of ``r^2 + r'^2`` is added for it: the
rests of near rows are neither equal nor unrelated. So ``|p'|^2 + r'^2 / 2 - 2 p.p'`` ranks the
rows for a query, one matrix product for many of both.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from likewise.index._compiled.threads import in_threads
from likewise.index._placing import Placement
from likewise.index._rows import RowSummary
from likewise.learn._searching import Float64Array
from likewise.vectors import Float32Array

#: Rows that the directions are found from, rows projected at a time, directions more than asked.
SEEN, BLOCK, MORE = 4096, 2048, 16


class Projected(NamedTuple):
    """Rows on ``width`` directions, those that tell most first.

    Attributes:
        rows: (n, width). queries: (n, width) the same rows as queries: other ones for dot alone.
        rest: (n,) half of what is left of the squared length.
    """

    rows: Float32Array
    queries: Float32Array
    rest: Float32Array

    def base(self, width: int) -> Float32Array:
        """(n,) what is added to -2 times the product of the first ``width`` numbers."""
        narrow = self.rows[:, :width]
        lengths = np.vecdot(narrow, narrow)
        rest = self.rest + (np.vecdot(self.rows, self.rows) - lengths) / 2
        base: Float32Array = lengths + rest
        return base


def projected(
    rows: Float32Array, metric: str, width: int, rng: np.random.Generator, jobs: int
) -> Projected:
    """``rows`` on their leading directions, at most ``width``.

    Cost: O(n dim width), and O(dim width) of a sample for the directions.
    """
    place = _placement(rows, metric)
    sample = np.sort(rng.permutation(len(rows))[:SEEN])
    seen = place.rows(rows[sample])
    mean = seen.mean(axis=0, dtype=np.float64).astype(np.float32)
    basis = leading_directions(seen - mean, min(width, place.width), rng)
    shape = (len(rows), basis.shape[1])
    found, rest = np.empty(shape, np.float32), np.empty(len(rows), np.float32)
    asking = np.empty(shape, np.float32) if metric == "dot" else found

    def work(start: int) -> None:
        block = slice(start, start + BLOCK)
        centred = place.rows(rows[block]) - mean
        found[block] = here = centred @ basis
        rest[block] = np.maximum(np.vecdot(centred, centred) - np.vecdot(here, here), 0.0) / 2
        if metric == "dot":
            asking[block] = (place.queries(rows[block]) - mean) @ basis

    in_threads(jobs, work, range(0, len(rows), BLOCK))
    return Projected(found, asking, rest)


def leading_directions(centred: Float32Array, width: int, rng: np.random.Generator) -> Float32Array:
    """(dim, width) orthonormal directions of the largest variance, nearly; the largest first.

    By subspace iteration (N. Halko, P.-G. Martinsson and J. Tropp, "Finding structure with
    randomness", SIAM Review 2011): two steps are enough to rank by. Cost: O(rows dim width).
    """
    dim = centred.shape[1]
    some = min(dim, width + MORE)
    basis = rng.standard_normal((dim, some)).astype(np.float32)
    for _ in range(2 if some < dim else 1):
        basis = np.linalg.qr(centred.T @ (centred @ basis))[0]
    seen: Float64Array = (centred @ basis).astype(np.float64)
    turn = np.linalg.eigh(seen.T @ seen)[1][:, ::-1][:, :width]
    directions: Float32Array = basis @ turn.astype(np.float32)
    return directions


def _placement(rows: Float32Array, metric: str) -> Placement:
    peak = float(max(rows.max(), -rows.min()))
    lengths = np.zeros(1)
    if metric == "dot":
        wide = (rows[i : i + BLOCK].astype(np.float64) for i in range(0, len(rows), BLOCK))
        lengths = np.array([np.sqrt(np.vecdot(block, block)).max() for block in wide])
    return Placement.over(metric, rows.shape[1], RowSummary(lengths, lengths, peak), 1)
