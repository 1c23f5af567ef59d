"""The one way from rows to neighbours that every learner takes: ``index=`` and its answers."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_k
from likewise.errors import InvalidArgument, InvalidType
from likewise.index import Exact, Index

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Lists(NamedTuple):
    """Neighbours of n rows or queries, as many each, nearest first.

    Attributes:
        ids: (n, k) places of the neighbours among the rows that were fitted.
        distances: (n, k), ascending, by the index's metric.
    """

    ids: IntArray
    distances: Float64Array


def fitted_index(index: Any, rows: Any, *, n_jobs: int | None = None) -> Index:
    """A copy of ``index`` (`Exact` by euclidean distance where it is None) that holds ``rows``.

    ``n_jobs`` are the threads of that `Exact`; an index that is given has its own.
    """
    if index is None:
        index = Exact("euclidean", n_jobs=n_jobs)
    elif n_jobs is not None:
        raise InvalidArgument(
            f"n_jobs are the threads of the default index; give them to yours: "
            f"{type(index).__name__}(..., n_jobs={n_jobs!r})"
        )
    if not isinstance(index, Index):
        raise InvalidType(
            f'index must be one of likewise.index, such as Graph("euclidean"); got {index!r:.60}'
        )
    return copy.deepcopy(index).fit(rows)


def nearest(index: Index, queries: Any, k: int, *, recall: float | None = None) -> Lists:
    """The ``min(k, rows)`` neighbours of each query.

    Cost: one search of the index, in one batch.
    """
    found = index.search(queries, k=min(check_k(k), len(index)), recall=recall)
    return Lists(found.ids, found.distances)


def leave_one_out(index: Index, k: int, *, recall: float | None = None) -> Lists:
    """The ``min(k, rows - 1)`` neighbours of each row of ``index``, itself left out.

    Lists are in order of position, for the rows that are not deleted. A row is left out by its
    id, not as the first of its list: copies of a row are its neighbours, at distance 0.

    Cost: one search of all rows, in one batch.
    """
    count = len(index)
    if count < 2:
        raise InvalidArgument(f"neighbours of a row need two rows at least; n_samples = {count}")
    rows, positions = index.rows, index.positions
    if len(rows) != count:
        alive = index.alive
        rows, positions = rows[alive], positions[alive]
    wanted = min(check_k(k), count - 1)
    ids, distances = nearest(index, rows, wanted + 1, recall=recall)
    return without(Lists(ids, distances), positions)


def without(lists: Lists, own: IntArray) -> Lists:
    """Lists of ids a row shorter: ``own[i]`` is left out of list i, or its last id."""
    count, length = lists.ids.shape
    out = lists.ids == own[:, None]
    out[~out.any(axis=1), -1] = True  # many copies, or missed by an approximate search
    shape = (count, length - 1)
    return Lists(lists.ids[~out].reshape(shape), lists.distances[~out].reshape(shape))


def rows_at(index: Index, ids: IntArray) -> Any:
    """The rows of ``index`` at these positions, which it holds; of the shape of ``ids``, by row.

    Cost: the rows are copied.
    """
    positions = index.positions
    if len(positions) == index.next_position:  # none was ever taken out
        return index.rows[ids]
    return index.rows[np.searchsorted(positions, ids)]
