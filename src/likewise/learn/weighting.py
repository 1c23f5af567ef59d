"""Weights of neighbours: how much each of a list counts, by its distance or by a kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from likewise._arguments import check_number
from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels import Kernel
from likewise.learn._checks import Float64Array

#: The weights that have a name.
WEIGHTS = ("uniform", "distance", "softmax")
#: Larger weights are scaled down, so that their sum is finite.
LARGE = 1e150

#: A name of `WEIGHTS`, a kernel, or a function from distances (n, k) to weights (n, k).
Weights = str | Kernel | Callable[[Float64Array], Any]


def check_weights(weights: Any) -> Weights:
    """``weights`` if they are of a kind that `weigh` knows."""
    if isinstance(weights, str) and weights not in WEIGHTS:
        raise InvalidArgument(
            f"weights must be one of {', '.join(WEIGHTS)}, a kernel of likewise.kernels or a "
            f"function of distances; got {weights!r}"
        )
    if not (isinstance(weights, str) or callable(weights)) or isinstance(weights, type):
        raise InvalidType(
            f"weights must be one of {', '.join(WEIGHTS)}, a kernel (made, not its class) or a "
            f"function of distances; got {weights!r:.60}"
        )
    known: Weights = weights
    return known


def check_temperature(temperature: Any) -> float:
    """``temperature`` as a positive number."""
    number = check_number("temperature", temperature)
    if number <= 0:
        raise InvalidArgument(f"temperature must be positive; got {temperature!r}")
    return number


def weigh(measures: Any, weights: Weights = "uniform", temperature: float = 1.0) -> Float64Array:
    """The weights of neighbours; each list of them has a positive sum, which is not 1.

    - "uniform": all count 1.
    - "distance": ``1 / d``; where some neighbours are at distance 0, these alone count, 1 each.
    - "softmax": ``exp(-(d - d_nearest) / temperature)``: what a softmax of ``-d / temperature``
      gives, up to its sum.
    - a kernel: ``k(x, x_i)``, the weights of Nadaraya and Watson.
    - a function: what it gives for the distances.

    Where a kernel or a function gives 0 to a whole list (a query far from everything under a
    short kernel), all of it count 1.

    Args:
        measures: (..., k) distances, in the metric's units; for a kernel, its values.
        weights: as above. temperature: of "softmax", in the units of the distances.

    Returns:
        (..., k) numbers of at least 0.

    Raises:
        InvalidArgument: negative distances under "distance"; a kernel or a function that gives
            negative or infinite weights; a function that gives another shape.

    Cost: O(numbers).

    Source: E. Nadaraya, "On estimating regression", 1964; G. Watson, "Smooth regression
    analysis", 1964; softmax of distances: A. Wang and M. Sabuncu, "A flexible Nadaraya-Watson
    head can offer explainable and calibrated classification", TMLR 2023.

    Example:
        >>> weigh([[1.0, 2.0, 4.0]], "distance").tolist()
        [[1.0, 0.5, 0.25]]
        >>> weigh([[0.0, 0.0, 4.0]], "distance").tolist()
        [[1.0, 1.0, 0.0]]
        >>> weigh([[1.0, 2.0]], "softmax", temperature=0.5).round(3).tolist()
        [[1.0, 0.135]]
    """
    values = np.asarray(measures, dtype=np.float64)
    if isinstance(weights, str):
        return _NAMED[weights](values, temperature)
    given = values if isinstance(weights, Kernel) else _asked(weights, values)
    if not np.isfinite(given).all() or (given.size and given.min() < 0):
        worst = given[~np.isfinite(given) | (given < 0)][0]
        raise InvalidArgument(
            f"weights: {weights!r:.60} gives {worst}; weights of neighbours are finite and at "
            "least 0"
        )
    return _bounded(np.where(given.any(axis=-1, keepdims=True), given, 1.0))


def alone(measures: Float64Array, weights: Weights) -> Any:
    """(..., k) mask of neighbours beside which the others of the list count nothing."""
    if isinstance(weights, str):
        zero = np.isinf(_inverse(measures)) if weights == "distance" else True
        return np.broadcast_to(zero, measures.shape)
    return (measures if isinstance(weights, Kernel) else _asked(weights, measures)) > 0


def _uniform(distances: Float64Array, temperature: float) -> Float64Array:
    return np.ones_like(distances)


def _distance(distances: Float64Array, temperature: float) -> Float64Array:
    if distances.size and distances.min() < 0:
        raise InvalidArgument(
            'weights="distance" needs distances of at least 0, and this metric gives negative '
            'ones; use "softmax", or another metric'
        )
    inverse = _inverse(distances)
    infinite = np.isinf(inverse)
    return _bounded(np.where(infinite.any(axis=-1, keepdims=True), infinite, inverse))


def _softmax(distances: Float64Array, temperature: float) -> Float64Array:
    beyond = distances - distances.min(axis=-1, keepdims=True)
    with np.errstate(over="ignore"):
        weights: Float64Array = np.exp(-(beyond / temperature))
    return weights


_NAMED = {"uniform": _uniform, "distance": _distance, "softmax": _softmax}


def _inverse(distances: Float64Array) -> Float64Array:
    with np.errstate(divide="ignore", over="ignore"):
        inverse: Float64Array = 1.0 / distances
    return inverse


def _bounded(weights: Float64Array) -> Float64Array:
    """The same but for a factor a list, where a sum could overflow."""
    peak = weights.max(axis=-1, keepdims=True, initial=0.0)
    return weights / np.where(peak > LARGE, peak, 1.0)


def _asked(function: Callable[[Float64Array], Any], distances: Float64Array) -> Float64Array:
    given = np.asarray(function(distances), dtype=np.float64)
    if given.shape != distances.shape:
        raise InvalidArgument(
            f"weights: the function got distances of shape {distances.shape} and gave an array "
            f"of shape {given.shape}; one weight a distance is expected"
        )
    return given
