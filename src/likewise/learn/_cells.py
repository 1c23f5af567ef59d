"""All lists at once by cells: rows are compared with those of near cells, and few of them exactly.

1. Rows are projected (`_projection`) and put into k-means cells by their first directions.
2. Some rows drawn by chance have their true neighbours searched for. They say in how many cells
   one must look, by how many directions, and how many of the most promising rows must be compared
   exactly (`_effort`).
3. Every row asks so many cells; the metric itself, in float64, ranks what is promising.
4. A row hears of those that found it: what only one of two saw, both have.
5. Other rows drawn by chance tell how many true neighbours the lists hold. Where it is too few,
   3 and 4 are done again with half as much effort more; where that costs as much, all is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from likewise.learn._cell_search import Cells, search_cells
from likewise.learn._effort import choose, harder, scan_seconds
from likewise.learn._lists import heard, share_found
from likewise.learn._projection import projected
from likewise.learn._searching import IntArray, Lists
from likewise.metrics import Metric
from likewise.vectors import Float32Array

#: Fewer rows are compared with all others: it is as quick.
CELLS_FROM = 4096
#: The metrics that a projection ranks for.
PROJECTED = ("cosine", "euclidean", "sqeuclidean", "dot")
#: Directions at most, those that cells are made by, and rows in a cell.
WIDTH, CELL_WIDTH, CELL_ROWS = 128, 32, 256
#: Rows whose neighbours are searched for: to choose the effort, and to judge the lists.
CHOOSING, JUDGING = 96, 256
#: Seconds of one core for a row, for each of its numbers, and for each row that makes cells.
A_ROW, A_NUMBER, A_CELL = 2.5e-5, 8e-9, 8e-12


class ByCells(NamedTuple):
    """(n, k) lists of places, the share of true neighbours in them, and what it took."""

    lists: Lists
    recall: float
    scanned: int
    reason: str


def by_cells(
    rows: Float32Array,
    metric: Metric,
    k: int,
    recall: float,
    true_lists: Callable[[IntArray], Lists],
    *,
    seed: int,
    jobs: int,
) -> ByCells | None:
    """The k neighbours of each row; None where comparing each with all is as cheap.

    Args:
        rows: (n, dim). metric: one of `PROJECTED`. k: below n. recall: below 1.
        true_lists: the k true neighbours of the rows at these places.
        seed: of all that is drawn. jobs: threads.
    """
    # Products are computed by one thread each, so that their sums do not depend on the threads.
    with threadpool_limits(limits=1, user_api="blas"):
        return _by_cells(rows, metric, k, recall, true_lists, np.random.default_rng(seed), jobs)


def cells_seconds(count: int, dim: int) -> float:
    """About what lists of ``count`` rows take by cells, by one core."""
    asked = (CHOOSING + JUDGING) / count * scan_seconds(count, dim)
    return asked + count * (A_ROW + dim * A_NUMBER + count * A_CELL)


def _by_cells(
    rows: Float32Array,
    metric: Metric,
    k: int,
    recall: float,
    true_lists: Callable[[IntArray], Lists],
    rng: np.random.Generator,
    jobs: int,
) -> ByCells | None:
    count, dim = rows.shape
    drawn = rng.permutation(count)[: CHOOSING + JUDGING]
    truth = true_lists(drawn)
    onto = projected(rows, metric.name, WIDTH, rng, jobs)
    cells = Cells.of(onto, max(1, count // CELL_ROWS), CELL_WIDTH, rng, jobs)
    del onto  # the cells have their own
    place = np.empty(count, np.int64)
    place[cells.order] = np.arange(count)
    some, theirs = place[drawn[:CHOOSING]], place[truth.ids[:CHOOSING]]
    effort = choose(cells, some, theirs, recall, dim, jobs)
    scanned = 0
    while effort is not None:
        keep = min(2 * k, effort.promising)
        found, compared = search_cells(rows, cells, effort, keep, metric.name, jobs)
        lists, scanned = heard(found, k, jobs), scanned + compared
        few = np.flatnonzero(~np.isfinite(lists.distances[:, -1]))
        if len(few):
            lists.ids[few], lists.distances[few] = true_lists(few)
        measured = share_found(
            truth.distances[CHOOSING:],
            lists.distances[drawn[CHOOSING:]],
            unit=metric.unit,
        )
        if measured >= recall:
            reason = (
                f"each row asks {effort.cells} of {len(cells.means)} cells by {effort.width} "
                f"numbers, and compares {effort.promising} rows"
            )
            return ByCells(lists, measured, scanned, reason)
        effort = harder(effort, cells, dim)
    return None
