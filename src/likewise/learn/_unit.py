"""Rows divided by their lengths, of any size that float64 holds."""

from __future__ import annotations

import numpy as np

from likewise.errors import InvalidVector
from likewise.learn._checks import Float64Array


def halved(values: Float64Array) -> Float64Array:
    """(n,) sums along rows, by halves: the same bits whatever rows come with a row.

    BLAS and numpy's sums may add in another order when there are other rows beside it.
    """
    while values.shape[1] > 1:
        half = (values.shape[1] + 1) // 2
        rest = values.shape[1] - half
        folded = values[:, :half].copy()
        folded[:, :rest] += values[:, half:]
        values = folded
    return values[:, 0]


def unit(rows: Float64Array) -> Float64Array:
    """Rows of length 1, but zeros as they are; each by itself alone, to the last bit."""
    if not rows.size:
        return rows
    largest = np.abs(rows).max(axis=1, initial=0.0)
    # By a power of two, which rounds nothing; squares of tiny or huge numbers leave float64.
    exponent = np.where(largest > 0, np.frexp(largest)[1], 0)[:, None]
    scaled = np.ldexp(rows, -exponent)
    length = np.sqrt(halved(scaled * scaled))
    return np.asarray(scaled / np.where(length > 0, length, 1.0)[:, None])


def directions(rows: Float64Array) -> Float64Array:
    """Rows of length 1, as `unit`.

    Raises:
        InvalidVector: a row is zero.
    """
    zero = np.flatnonzero(~rows.any(axis=1))
    if len(zero):
        raise InvalidVector(f"row {zero[0]} is zero and has no direction; leave it out")
    return unit(rows)
