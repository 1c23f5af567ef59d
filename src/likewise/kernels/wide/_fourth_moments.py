"""Means of functions of two Gaussians, by polar coordinates: exact for kinks at zero."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from likewise.kernels._rows import FloatArray
from likewise.kernels.parameters import Float64Array

#: Nodes of angle between two directions in which one of the Gaussians changes its sign.
ANGLES = 40
#: Nodes of radius, and the largest, beyond which there is less than 1e-16 of the mass.
RADII, FARTHEST = 80, 9.5


@cache
def _radii() -> tuple[Float64Array, Float64Array]:
    """Nodes and weights for the density ``r exp(-r^2 / 2)``."""
    nodes, weights = np.polynomial.legendre.leggauss(RADII)
    r = FARTHEST * (nodes + 1) / 2
    return r, weights * FARTHEST / 2 * r * np.exp(-(r**2) / 2)


def fourth_moments(
    function: Callable[[Float64Array], FloatArray], q: float, r: float, c: float
) -> Float64Array:
    """``E[s(u)^(4-k) s(v)^k]`` for k = 0 to 4; variances q and r, covariance c.

    To rounding where s is smooth but for a kink or jump at zero. Cost: 12,800 values of s, twice.
    """
    u = np.array([np.sqrt(q), 0.0])
    v = np.array([c / u[0], np.sqrt(max(r - c * c / q, 0.0))])
    # u is 0 at right angles to its direction, and v to its own.
    turns = np.sort(np.mod([np.pi / 2, np.arctan2(v[1], v[0]) + np.pi / 2], np.pi))
    edges = np.concatenate([turns, turns + np.pi, turns[:1] + 2 * np.pi])
    nodes, weights = np.polynomial.legendre.leggauss(ANGLES)
    half = np.diff(edges)[:, None] / 2
    angle = (edges[:-1, None] + half * (nodes + 1)).ravel()
    share = (half * weights).ravel() / (2 * np.pi)
    radius, mass = _radii()
    z = np.stack([np.cos(angle), np.sin(angle)])
    one = np.asarray(function((u @ z)[:, None] * radius), np.float64)
    two = np.asarray(function((v @ z)[:, None] * radius), np.float64)
    return np.array([share @ (one ** (4 - k) * two**k) @ mass for k in range(5)])
