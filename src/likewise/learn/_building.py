"""All lists of a neighbour graph at once, by an index or by cells, and how good they are."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

import numpy as np

from likewise.index import Exact, Index, IndexPlan
from likewise.learn._cells import CELLS_FROM, PROJECTED, by_cells, cells_seconds
from likewise.learn._effort import scan_seconds
from likewise.learn._lists import share_found
from likewise.learn._searching import IntArray, Lists, without
from likewise.metrics import Metric
from likewise.results import SearchInfo
from likewise.vectors import Float32Array

#: Rows whose true neighbours are searched for, to say how many of them the lists hold.
ASKED = 256
#: Numbers compared, and queries begun, a second by an exact scan of many queries (one core).
COMPARED, BEGUN = 3e10, 1.5e4


class Built(NamedTuple):
    """The lists of all rows, and what is known of them.

    Attributes:
        lists: (n, k) ids, which are positions, and distances.
        recall: the share of the true neighbours in them; 1.0 when exact.
        info: how they were made.
    """

    lists: Lists
    recall: float
    info: SearchInfo


def built(index: Index, k: int, recall: float, seed: int, jobs: int) -> Built:
    """The ``min(k, rows - 1)`` neighbours of every living row of ``index``."""
    start = perf_counter()
    positions = living(index)
    count = len(positions)
    width = max(0, min(k, count - 1))
    if width == 0:
        none = Lists(np.empty((count, 0), np.int64), np.empty((count, 0)))
        return Built(none, 1.0, SearchInfo("exact", 1.0, 0, 0.0, count, "no row has a neighbour"))

    def true_lists(places: IntArray) -> Lists:
        asked = np.unique(places, return_inverse=True)
        found = searched(index, positions[asked[0]], width, exact=True)[0]
        ids = np.searchsorted(positions, found.ids)
        return Lists(ids[asked[1]], found.distances[asked[1]])

    if quick(index, count, recall):
        rows = rows_at(index, positions)
        cells = by_cells(rows, metric_of(index), width, recall, true_lists, seed=seed, jobs=jobs)
        if cells is not None:
            lists = Lists(positions[cells.lists.ids], cells.lists.distances)
            seconds = perf_counter() - start
            info = SearchInfo("cells", cells.recall, cells.scanned, seconds, count, cells.reason)
            return Built(lists, cells.recall, info)
    lists, info = searched(index, positions, width, recall)
    measured = 1.0
    if info.recall < 1.0:
        asked = np.sort(np.random.default_rng(seed).permutation(count)[:ASKED])
        unit = metric_of(index).unit
        truth = true_lists(asked).distances
        measured = share_found(truth, lists.distances[asked], unit=unit)
    seconds = perf_counter() - start
    info = SearchInfo(info.strategy, measured, info.scanned, seconds, count, info.reason)
    return Built(lists, measured, info)


def quick(index: Index, count: int, recall: float) -> bool:
    """Whether all lists are made by cells: they may err, and the index says but the metric."""
    may_err = recall < 1.0 and isinstance(index, Exact) and index.metric in PROJECTED
    return may_err and count >= CELLS_FROM


def changed(before: Built, lists: Lists, count: int, info: SearchInfo) -> Built:
    """``count`` of the lists were searched for anew, as ``info`` says; the others are as good."""
    share = count / max(1, len(lists.ids))
    recall = before.recall + share * (info.recall - before.recall)
    return Built(lists, recall, replace(before.info, recall=recall, matching=len(lists.ids)))


def metric_of(index: Index) -> Metric:
    """The metric, which may be in no registry."""
    return index._metric


def living(index: Index) -> IntArray:
    """(n,) the positions of the rows that were not deleted, ascending."""
    positions = index.positions
    return positions if len(index) == len(positions) else positions[index.alive]


def rows_at(index: Index, positions: IntArray) -> Float32Array:
    """The rows at ``positions`` (ascending), which ``index`` holds; a view where it is all."""
    held = index.positions
    if len(positions) == len(held):
        return index.rows
    return index.rows[np.searchsorted(held, positions)]


def searched(
    index: Index,
    positions: IntArray,
    width: int,
    recall: float | None = None,
    *,
    exact: bool = False,
) -> tuple[Lists, SearchInfo]:
    """The ``width`` neighbours of the rows at ``positions`` (ascending), themselves left out.

    ``width`` is below the number of rows that live.
    """
    found = index.search(rows_at(index, positions), k=width + 1, recall=recall, exact=exact)
    info = found.info
    if info is None:  # every index fills it
        info = SearchInfo("exact", 1.0, 0, 0.0, len(index))
    return without(Lists(found.ids, found.distances), positions), info


def plan(index: Index, n: int, dim: int, k: int, recall: float, jobs: int) -> IndexPlan:
    """Main memory and seconds that the index and the lists of ``n`` rows take."""
    own = index.plan(n, dim)
    width = max(0, min(k, n - 1))
    if not quick(index, n, recall):
        return IndexPlan(own.bytes + 48 * n * width, own.seconds + scan_seconds(n, dim) / jobs)
    most = n * (1200 + 64 * width)
    return IndexPlan(own.bytes + most, own.seconds + cells_seconds(n, dim) / jobs)
