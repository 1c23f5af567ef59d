"""Gaussian rows from data: the mean and the spread of a row's chunks, sentences or tokens."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidVector
from likewise.vectors import Gaussians, as_dense, as_gaussians

#: Vectors summed at a time.
BLOCK = 1 << 16


@suggest_arguments
def gaussians_of(
    vectors: Any, offsets: Any, *, prior: float = 4.0, floor: float | None = None
) -> Gaussians:
    """One Gaussian a bag of vectors: its mean, and its variance along every dimension.

    ``variance = (sum (x - mean)^2 + prior pooled) / (n + prior)``, where n is how many vectors the
    bag has and ``pooled`` is the variance within bags, over all of them: few vectors say little of
    their spread, so short bags lean on the others.

    Args:
        vectors: (total, dim) all vectors, bag after bag.
        offsets: (bags + 1,) integers: bag i is ``vectors[offsets[i]:offsets[i + 1]]``; every bag
            has at least one vector.
        prior: how many vectors the pooled variance counts for, at least 0.
        floor: the smallest variance; None refuses one that is 0.

    Returns:
        `Gaussians`, for `likewise.index.Gaussian`.

    Raises:
        InvalidArgument: offsets that do not ascend from 0 to the number of vectors, an empty bag, a
            negative prior, a floor not above 0.
        InvalidVector: a variance is 0 and there is no floor.

    Cost: O(total dim).

    Example:
        >>> rows = gaussians_of([[0, 1], [2, 1], [5, 0], [5, 4]], [0, 2, 4], prior=2)
        >>> rows.means.tolist(), rows.variances.tolist()
        ([[1.0, 1.0], [5.0, 2.0]], [[1.0, 2.0], [0.5, 4.0]])
    """
    rows = as_dense(vectors, what="vectors")
    starts = _checked(offsets, len(rows))
    weight = check_number("prior", prior)
    if weight < 0:
        raise InvalidArgument(f"prior must be at least 0; got {prior}")
    if floor is not None and check_number("floor", floor) <= 0:
        raise InvalidArgument(f"floor must be above 0; got {floor}")
    counts = np.diff(starts)[:, None].astype(np.float64)
    means, squares = np.empty((2, len(counts), rows.shape[1]))
    # Whole bags, about BLOCK vectors at a time: in float64 all would take a lot of memory.
    cuts = np.unique(np.searchsorted(starts, np.arange(0, len(rows), BLOCK)))
    for first, last in pairwise([*cuts[cuts < len(counts)].tolist(), len(counts)]):
        wide = rows[starts[first] : starts[last]].astype(np.float64)
        inside, sizes = starts[first:last] - starts[first], counts[first:last]
        means[first:last] = np.add.reduceat(wide, inside, axis=0) / sizes
        wide -= np.repeat(means[first:last], sizes[:, 0].astype(np.int64), axis=0)
        squares[first:last] = np.add.reduceat(wide**2, inside, axis=0)
    spare = max(1, len(rows) - len(counts))
    variances = (squares + weight * squares.sum(axis=0) / spare) / np.maximum(counts + weight, 1.0)
    if floor is not None:
        variances = np.maximum(variances, floor)
    bad = np.argwhere(variances.astype(np.float32) <= 0)
    if len(bad):
        bag, column = bad[0].tolist()
        raise InvalidVector(
            f"bag {bag} has no spread in dimension {column}, and needs one above 0; give floor= "
            "the smallest variance that you trust, or a prior above 0"
        )
    return as_gaussians(means, variances, what="bags")


def _checked(offsets: Any, total: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    given = np.asarray(offsets)
    if given.ndim != 1 or given.dtype.kind not in "iu" or len(given) < 2:
        raise InvalidArgument(
            f"offsets must be (bags + 1,) integers for at least one bag; got {given.dtype} of "
            f"shape {given.shape}"
        )
    starts = given.astype(np.int64)
    if starts[0] != 0 or starts[-1] != total or (np.diff(starts) < 0).any():
        raise InvalidArgument(
            f"offsets must ascend from 0 to the {total} vectors; got {starts[0]} to {starts[-1]}"
        )
    empty = np.flatnonzero(np.diff(starts) == 0)
    if len(empty):
        raise InvalidArgument(f"bag {empty[0]} has no vectors; leave it out")
    return starts
