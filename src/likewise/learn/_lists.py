"""Lists of neighbours that change: joined with others, entered by new rows, judged by the truth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likewise.index import PreparedRows, prepare
from likewise.index._compiled.threads import in_threads
from likewise.index._formulas import exact_distances
from likewise.learn._searching import Float64Array, IntArray, Lists
from likewise.metrics import Metric
from likewise.vectors import Float32Array

#: New rows compared with rows at a time, and rows they are compared with.
NEW, OLD = 256, 8192
#: Distances that differ by less are one: sums in another order end in other last digits.
ROUNDING, UNIT_ROUNDING = 1e-9, 1e-12


def joined(one: Lists, two: Lists, k: int) -> Lists:
    """The k nearest of two lists a row, equal distances by id; an id of both counts once.

    What is not there has an infinite distance; each row must have k that are.
    """
    ids = np.concatenate([one.ids, two.ids], axis=1)
    distances = np.concatenate([one.distances, two.distances], axis=1)
    order = np.argsort(ids, axis=1, kind="stable")
    ids = np.take_along_axis(ids, order, axis=1)
    distances = np.take_along_axis(distances, order, axis=1)
    distances[:, 1:][ids[:, 1:] == ids[:, :-1]] = np.inf
    best = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return Lists(np.take_along_axis(ids, best, axis=1), np.take_along_axis(distances, best, axis=1))


def padded(rows: IntArray, ids: IntArray, distances: Float64Array) -> tuple[IntArray, Lists]:
    """Pairs (row, id, distance) as one list a row, filled up by id -1 and infinite distance.

    Returns:
        the (m,) different rows, ascending, and their lists, by id.
    """
    order = np.lexsort((ids, rows))
    rows, ids, distances = rows[order], ids[order], distances[order]
    different, first, counts = np.unique(rows, return_index=True, return_counts=True)
    shape = (len(different), int(counts.max(initial=0)))
    lists = Lists(np.full(shape, -1, np.int64), np.full(shape, np.inf))
    line = np.repeat(np.arange(len(different)), counts)
    column = np.arange(len(rows)) - np.repeat(first, counts)
    lists.ids[line, column], lists.distances[line, column] = ids, distances
    return different, lists


def entering(
    metric: Metric, old: Float32Array, reach: Float64Array, new: Float32Array
) -> tuple[IntArray, IntArray, Float64Array]:
    """The pairs of an old and a new row that are nearer than the old row's farthest neighbour.

    Args:
        old: (n, dim) rows. reach: (n,) the distance of the last neighbour of each.
        new: (m, dim) rows.

    Returns:
        places among ``old``, places among ``new``, and the distances from old to new.

    Cost: O(n m dim), a matrix product where the metric has one.
    """
    pairs = []
    for first in range(0, len(new), NEW):
        batch = prepare(new[first : first + NEW], metric)
        for start in range(0, len(old), OLD):
            block, limits = old[start : start + OLD], reach[start : start + OLD]
            near = _may_enter(batch, block, limits)
            for row in np.flatnonzero(near.any(axis=1)):
                # From the old row's side, as its search would: not every metric is symmetric.
                places = np.flatnonzero(near[row])
                away = exact_distances(metric, batch.rows[places], block[row])
                nearer = away < limits[row]
                places, away = places[nearer], away[nearer]
                pairs.append((np.full(len(places), start + row), first + places, away))
    if not pairs:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    rows, entered, distances = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return rows, entered, distances


def _may_enter(
    batch: PreparedRows, block: Float32Array, reach: Float64Array
) -> npt.NDArray[np.bool_]:
    """(block, batch) whether the distance may be within ``reach``, by the bound of a stand-in."""
    terms = batch.surrogate.terms(block)
    values = batch.surrogate.values(terms, slice(0, len(batch.rows)))
    with np.errstate(invalid="ignore"):  # a deleted row's reach beside a bound that is infinite
        limits = batch.surrogate.limits(terms, reach)
    near: npt.NDArray[np.bool_] = values <= limits[:, None]
    return near


def heard(found: Lists, k: int, jobs: int = 1) -> Lists:
    """The k nearest of what each row found itself and what others found of it.

    A distance is the same from both sides. ``found`` may be longer than k, and then tells more
    rows; entries of id -1 at an infinite distance are nothing.

    Cost: O(n k).
    """
    lists = Lists(found.ids[:, :k].copy(), found.distances[:, :k].copy())
    reach = lists.distances[:, -1].copy()

    def told(start: int) -> tuple[IntArray, IntArray, Float64Array]:
        ids, distances = found.ids[start : start + OLD], found.distances[start : start + OLD]
        finder, column = np.nonzero(distances < reach[ids])
        row, away = ids[finder, column], distances[finder, column]
        finder += start
        new = ~(lists.ids[row] == finder[:, None]).any(axis=1)
        return row[new], finder[new], away[new]

    parts = in_threads(jobs, told, range(0, len(found.ids), OLD))
    rows, entering = padded(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    if len(rows):
        some = joined(Lists(lists.ids[rows], lists.distances[rows]), entering, k)
        lists.ids[rows], lists.distances[rows] = some
    return lists


def share_found(truth: Float64Array, found: Float64Array, *, unit: bool) -> float:
    """The share of the true neighbours that lists hold, equal ones being as good.

    Args:
        truth, found: (rows, k) distances. unit: whether only directions count, so that a distance
            of 0 is rounded to about 1e-16.
    """
    if truth.size == 0:
        return 1.0
    farthest = truth[:, -1:]
    slack = ROUNDING * np.abs(farthest) + (UNIT_ROUNDING if unit else 0.0)
    return float((found <= farthest + slack).mean())
