"""Pointwise local intrinsic dimension: along how many directions the data spread at a point.

The number of rows within distance r of a point grows like r to the power of the dimension,
so the dimension can be read from how fast the distances to the nearest neighbours grow.
Where it is high, distances hardly differ and every index finds it harder to be right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument, InvalidVector, UnknownMetric
from likewise.metrics import Metric, resolve
from likewise.vectors import Float32Array, as_dense, unit_rows

Float64Array = npt.NDArray[np.float64]

# Distances that grow with the square of a length: the estimate in them is half the dimension.
_SQUARED = ("cosine", "sqeuclidean")
# A metric may be negative, or have only a few values, and then no ball grows like a power.
_USABLE = ("cosine", "euclidean", "sqeuclidean", "manhattan", "chebyshev")
# The cosine of two equal directions misses 1 by a few roundings in float64.
_SAME_DIRECTION = 1e-12
_BLOCK_BYTES = 64 * 2**20


@suggest_arguments
def local_intrinsic_dimension(
    X: Any, k: int = 100, metric: str | Metric = "euclidean", queries: Any = None
) -> Float64Array:
    """The local intrinsic dimension at each point, by maximum likelihood.

    For the distances ``r_1 <= ... <= r_k`` to the k nearest rows that differ from the point,

        ``dimension = -1 / mean(log(r_i / r_k))``.

    Rows at distance zero (copies of the point) carry no information and are dropped from
    the k; without ``queries`` the point itself is never counted. Under ``cosine`` and
    ``sqeuclidean``, which grow with the square of a length, the estimate is doubled, so that
    the answer is the dimension of the surface and not half of it.

    Args:
        X: (n, dim) vectors.
        k: how many neighbours, at least 2; all of them where there are fewer. More lowers the
            variance (the standard error is about ``dimension / sqrt(k)``) and looks less locally.
            The expected value is ``k / (k - 2)`` times the truth on locally uniform data, and
            too low once the k neighbours reach the border of the data, as they do from about
            10 dimensions on: then it ranks points rather than measures them.
        metric: cosine, euclidean, sqeuclidean, manhattan or chebyshev.
        queries: (m, dim) points to estimate at; the rows of ``X`` when None.

    Returns:
        (m,) float64, without a unit, never NaN: 0 where fewer than two of the k neighbours
        differ from the point, infinity where all are equally far.

    Raises:
        InvalidArgument: ``k`` below 2, or fewer than two neighbours to measure.
        InvalidType: ``k`` is no integer, or ``X`` no numbers.
        InvalidVector: NaN, infinity, or zero under cosine; `DimensionMismatch` for rows of
            different lengths.
        UnknownMetric: a metric without balls that grow like a power of their radius.

    Cost: all distances, O(m n dim) time, and 64 MiB beside a float64 copy of ``X``.

    Source: Levina and Bickel (2004), "Maximum likelihood estimation of intrinsic dimension",
    NeurIPS; Amsaleg et al. (2015), "Estimating local intrinsic dimensionality", KDD.

    Example:
        A sheet rolled up in ten dimensions has two.

        >>> rng = np.random.default_rng(0)
        >>> sheet = rng.random((500, 2)) @ rng.normal(size=(2, 10))
        >>> round(float(np.median(local_intrinsic_dimension(sheet, k=50))))
        2
    """
    wanted = check_count("k", k, minimum=2)
    chosen = _usable_metric(metric)
    rows = as_dense(X, metric=chosen, what="X")
    points = (
        rows
        if queries is None
        else as_dense(
            queries, dim=rows.shape[1], metric=chosen, what="queries", expects="the rows of X"
        )
    )
    others = len(rows) - (queries is None)
    if others < 2:
        raise InvalidArgument(
            f"X has {len(rows)} rows, which leaves {max(others, 0)} neighbours for a point; "
            "a dimension needs at least 2"
        )
    distances = _nearest_distances(rows, points, min(wanted, others), chosen, queries is None)
    if chosen.unit:
        distances[distances <= _SAME_DIRECTION] = 0.0
    return dimension_from_distances(distances) * (2.0 if chosen.name in _SQUARED else 1.0)


def dimension_from_distances(distances: Any) -> Float64Array:
    """The estimate of `local_intrinsic_dimension` from distances that are there already.

    Args:
        distances: (m, k) distances of m points to their k nearest neighbours, in any order,
            the point itself left out. Zeros are dropped.

    Returns:
        (m,) float64: ``-1 / mean(log(r_i / r_max))`` over the positive distances of a row;
        0 where fewer than two are positive, infinity where all positive ones are equal.

    Raises:
        InvalidVector: a negative distance, NaN or infinity, or not two-dimensional.

    Cost: O(m k).

    Example:
        >>> dimension_from_distances([[1.0, np.exp(1.0)], [0.0, 0.0]]).tolist()
        [2.0, 0.0]
    """
    radii = np.array(distances, dtype=np.float64)
    if radii.ndim != 2:
        raise InvalidVector(f"distances must be (points, neighbours); got shape {radii.shape}")
    wrong = ~(np.isfinite(radii) & (radii >= 0))
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise InvalidVector(
            f"distances: row {row} has {radii[row, column]} in column {column}; "
            "every distance must be finite and at least 0"
        )
    positive = radii > 0
    used = positive.sum(axis=1)
    farthest = radii.max(axis=1, initial=0.0, keepdims=True)
    # Copies of the point get the ratio 1, whose logarithm adds nothing to the sum.
    ratios = np.divide(radii, farthest, out=np.ones_like(radii), where=positive)
    growth = -np.log(np.maximum(ratios, np.finfo(np.float64).tiny)).sum(axis=1)
    dimension = np.full(len(radii), np.inf)
    np.divide(used, growth, out=dimension, where=growth > 0)
    dimension[used < 2] = 0.0
    return dimension


def _usable_metric(metric: str | Metric) -> Metric:
    chosen = resolve(metric)
    if chosen.name not in _USABLE:
        raise UnknownMetric(
            f"an intrinsic dimension cannot be read from {chosen.name} distances; "
            f"use one of {', '.join(_USABLE)}"
        )
    return chosen


def _nearest_distances(
    rows: Float32Array, points: Float32Array, k: int, metric: Metric, skip_self: bool
) -> Float64Array:
    """(m, k) smallest distances, block by block, in no order within a row."""
    nearest = np.empty((len(points), k))
    block = max(1, _BLOCK_BYTES // (16 * len(rows)))
    rank = _ranking(rows, metric)
    for start in range(0, len(points), block):
        some = points[start : start + block]
        ranks = rank(some)
        if skip_self:
            own = np.arange(len(some))
            ranks[own, start + own] = np.inf
        ids = ranks.argpartition(k - 1, axis=1)[:, :k]
        for i, found in enumerate(ids):  # a product ranks well and subtracts badly: measure again
            nearest[start + i] = metric.pairwise(some[i : i + 1], rows[found])[0]
    return nearest


def _ranking(rows: Float32Array, metric: Metric) -> Callable[[Float32Array], Float64Array]:
    """What orders rows as ``metric`` does: one matrix product where there is one."""
    if metric.surrogate is None:
        return lambda points: metric.pairwise(points, rows)
    if metric.unit:
        units = unit_rows(rows).astype(np.float64)
        return lambda points: -(unit_rows(points).astype(np.float64) @ units.T)
    centre = rows.mean(axis=0, dtype=np.float64)
    centred = rows - centre
    half_squares = np.einsum("nd,nd->n", centred, centred) / 2
    return lambda points: half_squares - (points - centre) @ centred.T
