"""Rows in cells, each compared with the rows of the cells nearest to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._compiled.threads import in_threads
from likewise.learn import _compiled
from likewise.learn._kmeans import means_of, nearest_mean, to_means
from likewise.learn._projection import Projected
from likewise.learn._searching import Float64Array, IntArray, Lists
from likewise.vectors import Float32Array

#: Rows that ask at a time: they lie near each other, so that their cells are much the same.
ASKING = 1024


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look: ``cells`` asked by a row, by the first ``width`` directions; and how many
    ``promising`` rows are compared exactly."""

    cells: int
    width: int
    promising: int


@dataclass(frozen=True, slots=True)
class Cells:
    """Projected rows, those of a cell beside each other.

    Attributes:
        order: (n,) which row lies at each place. ends: (cells + 1,) where each cell begins.
        means: (cells, narrow) the middle of each cell.
        here: the projected rows, by place.
    """

    order: IntArray
    ends: IntArray
    means: Float32Array
    here: Projected

    @classmethod
    def of(
        cls, rows: Projected, count: int, narrow: int, rng: np.random.Generator, jobs: int
    ) -> Cells:
        """``count`` cells by the first ``narrow`` directions."""
        some = np.ascontiguousarray(rows.rows[:, :narrow])
        means = means_of(some, count, rng, jobs)
        cells = nearest_mean(some, means, jobs)
        order = np.argsort(cells, kind="stable")
        ends = np.searchsorted(cells[order], np.arange(len(means) + 1))
        held = rows.rows[order]
        asking = held if rows.queries is rows.rows else rows.queries[order]
        return cls(order, ends, means, Projected(held, asking, rows.rest[order]))

    def away(self, queries: Float32Array) -> Float32Array:
        """(b, cells) how far projected queries are from the cells, less a constant each."""
        return to_means(np.ascontiguousarray(queries[:, : self.means.shape[1]]), self.means)

    def pieces(self) -> list[tuple[int, int]]:
        """The cells in runs (first, stop) of about `ASKING` rows."""
        runs, first = [], 0
        for cell in range(len(self.means)):
            if self.ends[cell + 1] - self.ends[first] >= ASKING or cell + 1 == len(self.means):
                runs.append((first, cell + 1))
                first = cell + 1
        return runs


def search_cells(
    rows: Float32Array, cells: Cells, effort: Effort, keep: int, metric: str, jobs: int
) -> tuple[Lists, int]:
    """The nearest that each row finds in the cells that it asks.

    Returns:
        (n, keep) lists, by row; where fewer were found, id -1 at an infinite distance. And how
        many distances were computed, in full or by few directions.
    """
    lists = Lists(np.empty((len(rows), keep), np.int64), np.empty((len(rows), keep)))
    lengths = _lengths(rows, jobs) if metric == "cosine" else None
    here = np.ascontiguousarray(cells.here.rows[:, : effort.width])
    asking = here
    if cells.here.queries is not cells.here.rows:
        asking = np.ascontiguousarray(cells.here.queries[:, : effort.width])
    base = cells.here.base(effort.width)

    def work(run: tuple[int, int]) -> int:
        start, stop = int(cells.ends[run[0]]), int(cells.ends[run[1]])
        places, scanned = _promising(cells, run, effort, asking[start:stop], here, base)
        queries = cells.order[start:stop]
        ids = np.where(places < 0, -1, cells.order[places])
        # By id first: equal distances then stay in that order.
        ids.sort(axis=1)
        away = _exact(rows, queries, ids, metric, lengths)
        best = np.argsort(away, axis=1, kind="stable")[:, :keep]
        lists.ids[queries] = np.take_along_axis(ids, best, axis=1)
        lists.distances[queries] = np.take_along_axis(away, best, axis=1)
        return scanned + ids.size

    return lists, sum(in_threads(jobs, work, cells.pieces()))


def _promising(
    cells: Cells,
    run: tuple[int, int],
    effort: Effort,
    asking: Float32Array,
    here: Float32Array,
    base: Float32Array,
) -> tuple[IntArray, int]:
    """(b, promising) places of the smallest keys of the rows of a run of cells; -1 where none."""
    start, count = int(cells.ends[run[0]]), len(asking)
    take = _compiled.kernels().near.take
    keys = np.full((count, effort.promising), np.inf, np.float32)
    places = np.full((count, effort.promising), -1, np.int64)
    asked = _asked(cells, start, count, effort.cells)
    doubled = -2.0 * asking
    scanned = 0
    wanted = np.flatnonzero(asked.any(axis=0))
    own = (wanted >= run[0]) & (wanted < run[1])  # first, since what they find spares much
    for cell in (*wanted[own], *wanted[~own]):
        lines = np.flatnonzero(asked[:, cell])
        first, stop = int(cells.ends[cell]), int(cells.ends[cell + 1])
        if stop > first:
            products = doubled[lines] @ here[first:stop].T
            take(products, base[first:stop], first, start, lines, keys, places)
            scanned += products.size
    return places, scanned


def _asked(cells: Cells, start: int, count: int, probes: int) -> npt.NDArray[np.bool_]:
    """(b, cells) which cells each query asks: the nearest ones."""
    away = cells.away(cells.here.queries[start : start + count])
    asked = np.ones(away.shape, np.bool_)
    if probes < away.shape[1]:
        asked[:] = False
        nearest = np.argpartition(away, probes - 1, axis=1)[:, :probes]
        np.put_along_axis(asked, nearest, True, axis=1)
    return asked


def _exact(
    rows: Float32Array, queries: IntArray, ids: IntArray, metric: str, lengths: Any
) -> Float64Array:
    """(b, c) distances by the metric's formula; infinite where an id is -1."""
    away = np.empty(ids.shape)
    _compiled.kernels().near.compare(rows, queries, ids, metric in ("cosine", "dot"), away)
    if metric == "euclidean":
        return np.sqrt(away)
    if metric == "dot":
        return np.where(ids < 0, np.inf, -away)
    if metric == "cosine":
        away /= lengths[queries][:, None] * lengths[ids]
        return np.where(ids < 0, np.inf, np.clip(1.0 - away, 0.0, 2.0))
    return away


def _lengths(rows: Float32Array, jobs: int) -> Float64Array:
    every = np.arange(len(rows))
    squares = np.empty((len(rows), 1))

    def work(start: int) -> None:
        block = every[start : start + ASKING]
        compare = _compiled.kernels().near.compare
        compare(rows, block, block[:, None], True, squares[start : start + ASKING])

    in_threads(jobs, work, range(0, len(rows), ASKING))
    return np.sqrt(squares[:, 0])
