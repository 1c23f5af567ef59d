"""How hard rows must look in cells for a recall: by the true neighbours of some of them."""

from __future__ import annotations

import numpy as np

from likewise.index._compiled.threads import in_threads
from likewise.learn._cell_search import Cells, Effort
from likewise.learn._searching import IntArray

#: Numbers of directions that are tried.
WIDTHS = (32, 64, 128)
#: Rows looked at together.
BLOCK = 16
#: Seconds of one core: for a key and each of its numbers, for an exact comparison and each of
#: its numbers; for a number in an exact scan of all rows by many queries, and for each query.
KEY, KEY_NUMBER, PAIR, PAIR_NUMBER = 1.2e-9, 3e-11, 6e-8, 4e-10
SCAN_NUMBER, SCAN_QUERY, SCAN_ROW = 3e-11, 6e-5, 5e-10


def choose(
    cells: Cells, asked: IntArray, truth: IntArray, recall: float, dim: int, jobs: int
) -> Effort | None:
    """The cheapest effort that is enough; None where comparing all rows is as cheap.

    Args:
        cells: of all rows. asked: (s,) places of rows. truth: (s, k) places of their neighbours.
        recall: the share of them to be found. dim: numbers in a row.
        jobs: threads.
    """
    count, k = len(cells.order), truth.shape[1]
    cell = np.searchsorted(cells.ends, truth, side="right") - 1
    depths = _depths(cells, asked, cell)
    best, least = None, scan_seconds(count, dim)
    for width in sorted({min(width, cells.here.rows.shape[1]) for width in WIDTHS}):
        ranks = _ranks(cells, asked, truth, width, jobs)
        for promising in _steps(k + 2, min(count, 32 * k)):
            found = np.where(ranks < promising, depths, len(cells.means))
            probes = int(np.sort(found, axis=None)[int(np.ceil(recall * found.size)) - 1]) + 1
            if probes > len(cells.means):
                continue
            effort = Effort(probes, width, promising)
            seconds = count * row_seconds(effort, count / len(cells.means), dim)
            if seconds < least:
                best, least = effort, seconds
    return best


def row_seconds(effort: Effort, cell_rows: float, dim: int) -> float:
    """What a row takes, by one core."""
    keys = effort.cells * cell_rows * (KEY + effort.width * KEY_NUMBER)
    return keys + effort.promising * (PAIR + dim * PAIR_NUMBER)


def scan_seconds(count: int, dim: int) -> float:
    """What comparing all of ``count`` rows with each other takes, by one core."""
    return count * (SCAN_QUERY + count * (SCAN_ROW + dim * SCAN_NUMBER))


def harder(effort: Effort, cells: Cells, dim: int) -> Effort | None:
    """Half as much effort again; None where that takes as long as comparing all rows."""
    count = len(cells.order)
    more = Effort(
        min(-(-3 * effort.cells // 2), len(cells.means)),
        effort.width,
        min(-(-3 * effort.promising // 2), count),
    )
    seconds = count * row_seconds(more, count / len(cells.means), dim)
    return None if more == effort or seconds >= scan_seconds(count, dim) else more


def _steps(least: int, most: int) -> list[int]:
    """Whole numbers from one to the other, each about a quarter more than the last."""
    steps = [least]
    while steps[-1] < most:
        steps.append(min(most, max(steps[-1] + 1, steps[-1] * 5 // 4)))
    return steps


def _depths(cells: Cells, asked: IntArray, cell: IntArray) -> IntArray:
    """(s, k) how many cells are nearer to each row than that of each of its neighbours."""
    away = cells.away(cells.here.queries[asked])
    found: IntArray = (away[:, None, :] < np.take_along_axis(away, cell, axis=1)[..., None]).sum(2)
    return found


def _ranks(cells: Cells, asked: IntArray, truth: IntArray, width: int, jobs: int) -> IntArray:
    """(s, k) how many rows have a smaller key than each neighbour."""
    here, base = cells.here.rows[:, :width], cells.here.base(width)
    ranks = np.empty(truth.shape, np.int64)

    def work(start: int) -> None:
        block = slice(start, start + BLOCK)
        keys = (-2.0 * cells.here.queries[asked[block], :width]) @ here.T
        keys += base
        lines = np.arange(len(keys))
        keys[lines, asked[block]] = np.inf
        found = keys[lines[:, None], truth[block]]
        keys.sort(axis=1)
        for line, numbers in enumerate(found):
            ranks[start + line] = np.searchsorted(keys[line], numbers)

    in_threads(jobs, work, range(0, len(asked), BLOCK))
    return ranks
