"""Where to evaluate a function so that its integrals against Gaussians are exact to rounding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from likewise.kernels._rows import FloatArray
from likewise.kernels.parameters import Float64Array

#: Nodes of a panel; a Gauss-Legendre rule of so many is exact to degree 2 NODES - 1.
NODES = 20
#: A panel is halved at most so often where the function bends or jumps.
HALVINGS = 44
#: Halvings of one panel stop when so many are open: the function is noise at every scale.
MOST_PANELS = 4096
#: A panel is resolved when its last Legendre coefficients are so small beside its first,
RESOLVED = 1e-12
#: or, times the root of the density, beside the largest of all panels.
NEGLIGIBLE = 1e-15


@dataclass(frozen=True, slots=True)
class Samples:
    """A function at ``nodes``, with weights of integration and the derivative.

    Arrays (panels, NODES), flattened; panels in ascending order.
    """

    nodes: Float64Array
    weights: Float64Array
    values: Float64Array
    slopes: Float64Array


def sample(
    function: Callable[[Float64Array], FloatArray], edges: Float64Array, deviation: float
) -> Samples:
    """``function`` between ``edges``, in panels that are halved until it is resolved in each.

    A kink or jump ends between two edges 2^-44 of a panel apart, where it does no harm.
    ``deviation`` is that of the widest density it is to be integrated against.
    """
    rule, floor = _rule(), 0.0
    left, right = edges[:-1], edges[1:]
    done: list[tuple[Float64Array, Float64Array, Float64Array]] = []
    for halving in range(HALVINGS + 1):
        middle, half = (left + right) / 2, (right - left) / 2
        values = np.asarray(function(middle[:, None] + half[:, None] * rule.nodes), np.float64)
        parts = values @ rule.to_legendre.T
        size = np.abs(parts).max(axis=1)
        root = np.exp(-((middle / deviation) ** 2) / 4)
        floor = max(floor, NEGLIGIBLE * float(np.nanmax(size * root, initial=0.0)))
        last = np.abs(parts[:, -3:]).max(axis=1)
        resolved = (last <= RESOLVED * size) | (last * root <= floor) | ~np.isfinite(size)
        if halving == HALVINGS or 2 * (~resolved).sum() > MOST_PANELS:
            resolved[:] = True
        done.append((middle[resolved], half[resolved], values[resolved]))
        if resolved.all():
            break
        open_ = ~resolved
        left, middle, right = left[open_], middle[open_], right[open_]
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    middle, half, values = (np.concatenate(part) for part in zip(*done, strict=True))
    order = np.argsort(middle)
    middle, half, values = middle[order], half[order, None], values[order]
    return Samples(
        nodes=(middle[:, None] + half * rule.nodes).ravel(),
        weights=(half * rule.weights).ravel(),
        values=values.ravel(),
        slopes=(values @ rule.differentiate.T / half).ravel(),
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    nodes: Float64Array
    weights: Float64Array
    to_legendre: Float64Array
    differentiate: Float64Array


@cache
def _rule() -> _Rule:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    degrees = np.arange(NODES)
    at = np.polynomial.legendre.legvander(nodes, NODES - 1)
    to_legendre = (at * weights[:, None]).T * (degrees[:, None] + 0.5)
    one_each = np.polynomial.legendre.legder(np.eye(NODES))
    slopes: Float64Array = np.polynomial.legendre.legval(nodes, one_each).astype(np.float64)
    return _Rule(nodes, weights, to_legendre, slopes.T @ to_legendre)
