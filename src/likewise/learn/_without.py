"""What an answer would be were a row not there: of every row, and of a query's neighbours.

A query's answer changes only with the rows among its k neighbours: then the next one comes in. So
one search for k + 1 tells the answers of all the n models that were fitted without one row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from likewise.errors import InvalidArgument, OverLimit
from likewise.learn._checks import Float64Array, IntArray, check_learnt
from likewise.learn._neighbor_estimator import NeighborEstimator, blocks
from likewise.learn._searching import Lists, leave_one_out, live_positions, nearest, rows_at
from likewise.learn.weighting import weigh

#: Bytes for each pair of neighbours of a query, and the most that one query may take.
EACH, LIMIT = 32, 4_000_000_000


class Weighed(NamedTuple):
    """Lists of neighbours and their weights, both (..., k)."""

    ids: IntArray
    weights: Float64Array


def kept_places(width: int, k: int) -> IntArray:
    """(min(k, width), width - 1) the places of a list without its first, second, ... one.

    Example:
        >>> kept_places(3, 2).tolist()
        [[1, 2], [0, 2]]
    """
    others = np.arange(width - 1)
    return others + (others >= np.arange(min(k, width))[:, None])


def each_left_out(model: NeighborEstimator) -> Iterator[Weighed]:
    """The neighbours of each row of ``model``, itself left out: (rows, k), in blocks of rows.

    Cost: one search of all rows.
    """
    check_learnt(model, "index_")
    own, k = live_positions(model.index_), model._k_now()
    for part in blocks(len(own), k) or [slice(None)]:  # no rows: the search says so
        lists = leave_one_out(model.index_, k, recall=model.recall, part=part)
        rows = rows_at(model.index_, own[part])
        yield Weighed(lists.ids, _weighed(model, model._measures(rows, lists)))


def with_and_without(model: NeighborEstimator, X: Any) -> tuple[Weighed, Weighed]:
    """The neighbours (m, k) of queries, and (m, k, k) were each of them not there.

    With no more rows than k the latter are a row shorter.

    Cost: one search, and m k^2 numbers.
    """
    check_learnt(model, "index_")
    queries = model._rows(X, reset=False)
    if len(model.index_) < 2:
        raise InvalidArgument("leaving a row out needs two rows at least; n_samples = 1")
    k = model._k_now()
    if EACH * k * k > LIMIT:
        raise OverLimit(
            f"leaving out each of k = {k:,} neighbours takes {EACH * k * k / 1e9:,.0f} GB a query; "
            f"the limit is {LIMIT / 1e9:.0f} GB: give a smaller k than all rows, or leave rows out "
            "by folds"
        )
    lists = nearest(model.index_, queries, k + 1, recall=model.recall)
    measures = model._measures(queries, lists)
    kept = kept_places(lists.ids.shape[1], k)
    whole = Lists(lists.ids[:, :k], measures[:, :k])
    return (
        Weighed(whole.ids, _weighed(model, whole.distances)),
        Weighed(lists.ids[:, kept], _weighed(model, measures[:, kept])),
    )


def _weighed(model: NeighborEstimator, measures: Float64Array) -> Float64Array:
    return weigh(measures, model.weights_, model.temperature_ or 1.0)
