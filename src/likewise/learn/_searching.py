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


def fitted_index(index: Any, rows: Any) -> Index:
    """A copy of ``index`` (`Exact` by euclidean distance where it is None) that holds ``rows``."""
    if index is None:
        index = Exact("euclidean")
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

    A row is left out by its id, not as the first of its list: copies of a row are its neighbours,
    at distance 0. The index must have no deleted rows.

    Cost: one search of all rows, in one batch.
    """
    count = len(index)
    if count < 2:
        raise InvalidArgument(f"neighbours of a row need two rows at least; n_samples = {count}")
    if len(index.rows) != count:
        raise InvalidArgument("rows were deleted from the index; fit it anew")
    wanted = min(check_k(k), count - 1)
    ids, distances = nearest(index, index.rows, wanted + 1, recall=recall)
    own = ids == np.arange(count)[:, None]
    own[~own.any(axis=1), -1] = True  # many copies, or missed by an approximate search
    return Lists(ids[~own].reshape(count, wanted), distances[~own].reshape(count, wanted))
