"""The one way from rows to neighbours that every learner takes: ``index=`` and its answers."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_k
from likewise.errors import InvalidArgument, InvalidType
from likewise.index import Exact, Index
from likewise.learn._rounding import check_kept

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


def fitted_index(index: Any, rows: Any, *, n_jobs: int | None = None) -> Any:
    """A copy of ``index`` (`Exact` by euclidean distance where it is None) that holds ``rows``.

    A `NeighborGraph` must hold those rows already. It serves as it is: it is searched like an
    index, and its lists are there. Who then changes what is returned here does not change it.
    ``n_jobs`` are the threads of that `Exact`; an index that is given has its own.

    Raises:
        InvalidType: neither. InvalidArgument: a graph of other rows. NotFitted: of none.
        InvalidVector: rows that differ and would not in float32, which indexes keep.
    """
    check_kept(rows)
    if index is None:
        index = Exact("euclidean", n_jobs=n_jobs)
    elif n_jobs is not None:
        raise InvalidArgument(
            f"n_jobs are the threads of the default index; give them to yours: "
            f"{type(index).__name__}(..., n_jobs={n_jobs!r})"
        )
    if _is_graph(index):
        _check_same(index, rows)
        return index.lent()
    if not isinstance(index, Index):
        raise InvalidType(
            'index must be one of likewise.index, such as Graph("euclidean"), or a '
            f"fitted likewise.learn.NeighborGraph; got {index!r:.60}"
        )
    return copy.deepcopy(index).fit(rows)


def _is_graph(index: Any) -> bool:
    from likewise.learn.neighbor_graph import NeighborGraph

    return isinstance(index, NeighborGraph)


def _check_same(graph: Any, rows: Any) -> None:
    """Refuse a graph that holds other rows than these."""
    held, given = graph.rows, np.asarray(rows, dtype=np.float32)
    if held.shape != given.shape:
        raise InvalidArgument(
            f"the graph given as index= holds rows of shape {held.shape}; X has {given.shape}; "
            "make the graph of the same rows"
        )
    other = np.flatnonzero((held != given).any(axis=1))
    if len(other):
        raise InvalidArgument(
            f"the graph given as index= holds other rows than X: row {other[0]} differs, and "
            f"{len(other)} in all; make the graph of the same rows, in the same order"
        )


def nearest(index: Any, queries: Any, k: int, *, recall: float | None = None) -> Lists:
    """The ``min(k, rows)`` neighbours of each query.

    Cost: one search of the index, in one batch.
    """
    found = index.search(queries, k=min(check_k(k), len(index)), recall=recall)
    return Lists(found.ids, found.distances)


def leave_one_out(
    index: Any, k: int, *, recall: float | None = None, part: slice = slice(None)
) -> Lists:
    """The ``min(k, rows - 1)`` neighbours of each row of ``index``, itself left out.

    Lists are in order of position, for the rows that are not deleted, or a ``part`` of them. A
    row is left out by its id, not as the first of its list: copies of a row are its neighbours, at
    distance 0. The lists of a `NeighborGraph` are taken as they are, where they are long enough and
    its recall is not below ``recall``.

    Cost: one search of all rows, in one batch.
    """
    count = len(index)
    if count < 2:
        raise InvalidArgument(f"neighbours of a row need two rows at least; n_samples = {count}")
    wanted = min(check_k(k), count - 1)
    if _is_graph(index) and index.reaches(wanted) and (recall or 0.0) <= index.recall:
        held: Lists = index.upto(wanted)
        return Lists(held.ids[part], held.distances[part])
    own = live_positions(index)[part]
    rows = index.rows[part] if len(index.rows) == count else rows_at(index, own)
    ids, distances = nearest(index, rows, wanted + 1, recall=recall)
    return without(Lists(ids, distances), own)


def without(lists: Lists, own: IntArray) -> Lists:
    """Lists of ids a row shorter: ``own[i]`` is left out of list i, or its last id."""
    count, length = lists.ids.shape
    out = lists.ids == own[:, None]
    out[~out.any(axis=1), -1] = True  # many copies, or missed by an approximate search
    shape = (count, length - 1)
    return Lists(lists.ids[~out].reshape(shape), lists.distances[~out].reshape(shape))


def live_positions(index: Any) -> IntArray:
    """The positions of the rows that were not deleted, ascending."""
    positions: IntArray = index.positions
    return positions if len(positions) == len(index) else positions[index.alive]


def rows_at(index: Any, ids: IntArray) -> Any:
    """The rows of ``index`` at these positions, which it holds; of the shape of ``ids``, by row.

    Cost: the rows are copied.
    """
    positions = index.positions
    if len(positions) == index.next_position:  # none was ever taken out
        return index.rows[ids]
    return index.rows[np.searchsorted(positions, ids)]
