"""Weights of rows in the magnitude of a set, and what a new row adds: functions on arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.errors import DimensionMismatch, InvalidArgument, NotPositiveDefinite

Float64Array = npt.NDArray[np.float64]

#: Added to the diagonal, so that copies of a row share its weight and nothing is singular.
JITTER = 1e-8


class Growth(NamedTuple):
    """What each of m rows adds to a set.

    Attributes:
        weights: (m,) the weight of the row within the set and itself.
        gains: (m,) by how much it raises the magnitude: ``weight^2 s``, see `magnitude_growth`.
    """

    weights: Float64Array
    gains: Float64Array


def weighting_vector(Z: Any, *, jitter: float = JITTER) -> Float64Array:
    """The weights w with ``(Z + jitter I) w = 1``; their sum is the magnitude of the set.

    The magnitude is an effective number of rows: 1 where all are alike, n where all are far apart.
    Weights are large on boundaries and for isolated rows, and near 0 or negative inside.

    Args:
        Z: (n, n) similarities ``exp(-t distance)``, symmetric, 1 on the diagonal.

    Returns:
        (n,) weights.

    Raises:
        NotPositiveDefinite: the distances are not euclidean, Manhattan or such.

    Cost: n^3 / 3, and n^2 numbers.

    Source: E. Bunch et al., "Weighting vectors for machine learning: numerical harmonic analysis
    applied to boundary detection", 2021; T. Leinster, "The magnitude of metric spaces", 2013.

    Example:
        >>> far, near = np.exp(-50.0), np.exp(-0.01)
        >>> Z = np.array([[1, near, far], [near, 1, far], [far, far, 1]])
        >>> weighting_vector(Z).round(3).tolist()  # two that are alike share a weight of 1
        [0.502, 0.502, 1.0]
    """
    return np.asarray(cho_solve(factored(Z, jitter), np.ones(len(Z))))


def factored(Z: Any, jitter: float = JITTER) -> Float64Array:
    """The lower Cholesky factor of ``Z + jitter I``."""
    matrix = np.array(Z, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise DimensionMismatch(f"Z must be a square matrix; got shape {matrix.shape}")
    matrix.flat[:: len(matrix) + 1] += jitter
    try:
        return np.asarray(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        raise NotPositiveDefinite(
            "exp(-t distance) is not positive definite for these distances, so there are no such "
            "weights; use the euclidean or the Manhattan distance"
        ) from None


def cho_solve(factor: Float64Array, right: Float64Array) -> Float64Array:
    """``(L L^T)^-1 right``."""
    from scipy.linalg import cho_solve as solve

    solved: Float64Array = solve((factor, True), right)
    return solved


def magnitude_growth(
    similarities: Any, factor: Float64Array, weights: Float64Array, *, jitter: float = JITTER
) -> Growth:
    """What new rows add to a set whose matrix is factored.

    With v the similarities of a new row to those of the set, and ``u = Z^-1 v``,
    ``s = 1 - v u``: its weight is ``(1 - w v) / s``, and the magnitude grows by
    ``(1 - w v)^2 / s``, without solving for the larger set.

    Args:
        similarities: (m, n). factor: of `factored`. weights: (n,) of `weighting_vector`.

    Cost: n^2 a row.

    Example:
        >>> Z = np.eye(2)
        >>> L = factored(Z)
        >>> [float(a.round(3)[0]) for a in magnitude_growth([[0.5, 0.0]], L, weighting_vector(Z))]
        [0.667, 0.333]
    """
    from scipy.linalg import solve_triangular

    v = np.asarray(similarities, dtype=np.float64)
    half = solve_triangular(factor, v.T, lower=True)
    s = np.maximum(1 + jitter - (half * half).sum(axis=0), jitter)
    missing = 1 - v @ weights
    return Growth(missing / s, missing**2 / s)


def local_magnitude_growth(
    distances: Any, between: Any, t: float, *, jitter: float = JITTER
) -> Growth:
    """`magnitude_growth` of each row by its k nearest rows alone: a small system for each.

    ``Z^-1`` acts nearly locally, as a differential operator, so far rows hardly matter. The same
    formula serves fitted rows (their neighbours without them) and new ones.

    Args:
        distances: (m, k) to the neighbours of each row.
        between: (m, k, k) distances among these neighbours.
        t: the scale, in 1 / distance; positive.

    Raises:
        DimensionMismatch: shapes that do not fit. InvalidArgument: ``t`` is not positive.

    Cost: k^3 / 3 a row: linear in the rows.

    Source: E. Bunch et al., 2021, as `weighting_vector`.

    Example:
        >>> local_magnitude_growth([[1.0]], [[[0.0]]], t=1.0).weights.round(3).tolist()
        [0.731]
    """
    near = np.asarray(distances, dtype=np.float64)
    among = np.asarray(between, dtype=np.float64)
    if near.ndim != 2 or among.shape != (*near.shape, near.shape[1]):
        raise DimensionMismatch(
            f"distances (m, k) and between (m, k, k) expected; got {near.shape}, {among.shape}"
        )
    if not t > 0:
        raise InvalidArgument(f"t must be positive; got {t!r}")
    v = np.exp(-t * near)
    Z = np.exp(-t * among) + jitter * np.eye(near.shape[1])
    solved = np.linalg.solve(Z, np.stack([np.ones_like(v), v], axis=2))
    missing = 1 - (v * solved[:, :, 0]).sum(axis=1)
    s = np.maximum(1 + jitter - (v * solved[:, :, 1]).sum(axis=1), jitter)
    return Growth(missing / s, missing**2 / s)


def distances_among(neighbours: Any, rows: Any, metric: str = "euclidean") -> Float64Array:
    """Distances among the neighbours of each row.

    Args:
        neighbours: (m, k, dim) vectors. rows: (m, dim), whose neighbours they are.
        metric: "euclidean" or "manhattan".

    Returns:
        (m, k, k). Euclidean ones by inner products around the row, which errs by less than 1e-7 of
        its distance to the farther neighbour.

    Cost: k^2 dim a row; Manhattan distances need m k^2 dim numbers.

    Example:
        >>> distances_among([[[0.0, 0.0], [3.0, 4.0]]], [[1.0, 1.0]]).tolist()
        [[[0.0, 5.0], [5.0, 0.0]]]
    """
    offsets = np.asarray(neighbours, dtype=np.float64) - np.asarray(rows)[:, None]
    if metric == "manhattan":
        return np.asarray(np.abs(offsets[:, :, None] - offsets[:, None]).sum(axis=3))
    inner = offsets @ offsets.transpose(0, 2, 1)
    squares = np.einsum("mkk->mk", inner)
    between = np.sqrt(np.maximum(squares[:, :, None] + squares[:, None] - 2 * inner, 0))
    np.einsum("mkk->mk", between)[:] = 0
    return np.asarray(between)
