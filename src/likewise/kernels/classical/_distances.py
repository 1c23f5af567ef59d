"""Distances between rows, by one matrix product, as radial kernels need them."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.errors import DimensionMismatch
from likewise.kernels._rows import FloatArray


def by_length(X: FloatArray, length: Any, name: str = "length") -> FloatArray:
    """Rows in units of ``length``, which is one number or one a dimension."""
    scale = np.asarray(length, dtype=X.dtype)
    if scale.ndim and scale.shape != (X.shape[1],):
        raise DimensionMismatch(
            f"{name} has {scale.size} numbers, rows have {X.shape[1]} dimensions"
        )
    divided: FloatArray = X / scale
    return divided


def squared_distances(X: FloatArray, Y: FloatArray) -> FloatArray:
    """``|x_i - y_j|^2``, never negative.

    ``x.x + y.y - 2 x.y`` loses the digits of what x and y have in common, so the rows are
    moved first to have their middle at 0.
    """
    middle = Y.mean(axis=0)
    X, Y = X - middle, Y - middle
    out = X @ Y.T
    out *= -2.0
    out += np.vecdot(X, X)[:, None]
    out += np.vecdot(Y, Y)
    return np.maximum(out, 0.0, out=out)


def manhattan_distances(X: FloatArray, Y: FloatArray) -> FloatArray:
    """``sum_d |x_id - y_jd|``, of the precision of X."""
    from scipy.spatial.distance import cdist

    distances: FloatArray = cdist(X, Y, "cityblock").astype(X.dtype, copy=False)
    return distances
