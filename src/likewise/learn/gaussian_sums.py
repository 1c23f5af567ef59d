"""Sums of Gaussians at queries, in logarithms, and the width that predicts each row from others."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise._workers import map_on_cores
from likewise.errors import InvalidArgument
from likewise.learn._checks import Float64Array

#: Squared distances in memory at a time, a thread (32 MB).
VALUES = 1 << 22
#: The error of an exponent at which a matrix product is not good enough.
ROUGH = 1e-10


def log_sums(
    queries: Any, rows: Any, weights: Any, bandwidth: float, *, n_jobs: int = 1
) -> Float64Array:
    """``log sum_i w_i exp(-|x - x_i|^2 / (2 h^2))`` of each query x.

    Distances are those of a matrix product where that is as good, else of differences.

    Args:
        queries: (m, dim). rows: (n, dim). weights: (n,), at least 0, of positive sum.
        bandwidth: h, in the units of the rows. n_jobs: threads.

    Returns:
        (m,), finite unless a query is so far that the exponent itself is beyond float64.

    Cost: O(m n dim); 32 MB a thread.

    Example:
        >>> log_sums([[0.0]], [[0.0], [2.0]], [0.5, 0.5], 1.0).round(3).tolist()
        [-0.566]
    """
    queries, rows = (np.asarray(x, dtype=np.float64) for x in (queries, rows))
    with np.errstate(divide="ignore"):
        logs = np.log(np.asarray(weights, dtype=np.float64))

    def part(squares: Float64Array) -> Float64Array:
        return log_sum_exp(logs - squares / (2 * bandwidth**2))

    parts = _each(part, queries, rows, bandwidth, n_jobs)
    return np.concatenate([np.empty(0), *parts])


def log_sum_exp(values: Float64Array) -> Float64Array:
    """``log sum_j exp(v_ij)`` of each row; a row of minus infinities gives that."""
    peak = values.max(axis=1)
    finite = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(finite + np.log(np.exp(values - finite[:, None]).sum(axis=1)))


def left_out_bandwidth(rows: Any, weights: Any, *, n_jobs: int = 1) -> float:
    """The h of the largest likelihood of the rows, each by the others.

    The derivative of ``sum_j w_j log sum_{i != j} w_i N(x_j; x_i, h^2 I)`` by h is 0 where ``h^2``
    is the mean of ``|x_j - x_i|^2 / dim``, each pair weighted by its share in the density of x_j.
    That mean is above ``h^2`` at the root mean square distance to the nearest row, and below at
    that to the farthest; the root between them is found by Brent's method.

    Args:
        rows: (n, dim), two different ones at least. weights: (n,), positive. n_jobs: threads.

    Raises:
        InvalidArgument: every row has a copy, so that ever smaller widths are ever likelier.

    Cost: O(n^2 dim), about ten times.

    Source: R. Duin, "On the choice of smoothing parameters for Parzen estimators", 1976; the
    fixed point is a step of expectation maximisation.

    Example:
        >>> round(left_out_bandwidth([[0.0], [1.0], [2.0]], [1.0, 1.0, 1.0]), 3)
        1.245
    """
    from scipy.optimize import brentq

    rows = np.asarray(rows, dtype=np.float64)
    weights = np.asarray(weights, dtype=np.float64)
    copies = np.unique(rows + 0.0, axis=0, return_counts=True)[1]  # of sums, distances are not 0
    if copies.min() > 1:
        raise InvalidArgument(
            f"every row has a copy ({len(rows)} rows, {len(copies)} different), so that leaving "
            "one out says the smallest bandwidth is best; give each row once, with its count as "
            'sample_weight, or a number, or "scott"'
        )
    shares, logs, dim = weights / weights.sum(), np.log(weights), rows.shape[1]

    def mean_square(bandwidth: float) -> Float64Array:
        """Of each row to the others, by their shares; the least for 0, the largest for infinity."""

        def part(squares: Float64Array, start: int) -> Float64Array:
            own = np.arange(len(squares)), start + np.arange(len(squares))
            squares[own] = 0.0 if bandwidth == np.inf else np.inf
            if bandwidth in (0.0, np.inf):
                ends: Float64Array = squares.max(1) if bandwidth else squares.min(1)
                return ends
            exponents = logs - squares / (2 * bandwidth**2)
            exponents -= exponents.max(axis=1, keepdims=True)
            parts = np.exp(exponents)
            squares[own] = 0.0
            means: Float64Array = np.vecdot(parts, squares) / parts.sum(axis=1)
            return means

        scale = bandwidth if 0 < bandwidth < np.inf else _spread(rows)
        return np.concatenate(_each(part, rows, rows, scale, n_jobs, numbered=True))

    least = np.sqrt(shares @ mean_square(0.0) / dim)
    most = np.sqrt(shares @ mean_square(np.inf) / dim)
    if least == most:
        return float(least)

    def slope(log_width: float) -> float:
        width = float(np.exp(log_width))
        return float(shares @ mean_square(width) / (dim * width**2)) - 1.0

    low, high = np.log(least) - 1e-9, np.log(most) + 1e-9
    return float(np.exp(brentq(slope, low, high, xtol=1e-7)))


def scott(rows: Any, weights: Any) -> float:
    """``s m^(-1 / (dim + 4))``, with m the effective number of rows and s^2 the mean variance.

    ``m = (sum w)^2 / sum w^2``. 0 where all rows are the same.

    Source: D. Scott, "Multivariate density estimation", 1992.

    Example:
        >>> round(scott([[0.0], [1.0], [2.0]], [1.0, 1.0, 1.0]), 3)
        0.655
    """
    rows, weights = np.asarray(rows, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    effective = weights.sum() ** 2 / np.square(weights).sum()
    shares = weights / weights.sum()
    variance = shares @ np.square(rows - shares @ rows).mean(axis=1)
    return float(np.sqrt(variance) * effective ** (-1 / (rows.shape[1] + 4)))


def _spread(rows: Float64Array) -> float:
    return float(np.sqrt(np.square(rows - rows.mean(axis=0)).mean())) or 1.0


def _each(
    part: Any,
    queries: Float64Array,
    rows: Float64Array,
    scale: float,
    n_jobs: int,
    *,
    numbered: bool = False,
) -> list[Float64Array]:
    """``part`` of the squared distances of some queries to all rows, block by block."""
    centre = rows.mean(axis=0)
    moved, others = rows - centre, queries - centre
    lengths = np.vecdot(moved, moved)
    height = max(1, VALUES // max(1, len(rows)))

    def block(start: int) -> Float64Array:
        some = others[start : start + height]
        squares = _squares(some, moved, lengths, scale)
        found: Float64Array = part(squares, start) if numbered else part(squares)
        return found

    starts = range(0, len(queries), height)
    return list(map_on_cores(block, starts, backend="numpy", workers=n_jobs))


def _squares(
    some: Float64Array, rows: Float64Array, lengths: Float64Array, scale: float
) -> Float64Array:
    """(m, n) squared distances, so exact that exponents in units of ``scale`` are good."""
    own = np.vecdot(some, some)
    largest = max(float(own.max(initial=0.0)), float(lengths.max(initial=0.0)))
    if 4 * np.finfo(np.float64).eps * largest > ROUGH * scale**2:
        from scipy.spatial.distance import cdist

        return np.asarray(cdist(some, rows, "sqeuclidean"))
    squares = some @ rows.T
    squares *= -2
    squares += lengths
    squares += own[:, None]
    return np.maximum(squares, 0.0, out=squares)
