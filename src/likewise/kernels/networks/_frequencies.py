"""Functions of a number as sums of waves: ``f(z) = Re sum_k t_k exp(i kappa_k z)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_number
from likewise.errors import InvalidArgument, InvalidType

Float64Array = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]
Activation = Callable[[Any], Any]
#: m frequencies and their weights, from a generator.
Draw = Callable[[int, np.random.Generator], tuple[Float64Array, ComplexArray]]

#: Points at which a function is read to find its waves.
POINTS = 4096


def _erf(z: Any) -> Any:
    from scipy.special import erf

    return erf(z)


def _gelu(z: Any) -> Any:
    from scipy.special import ndtr

    return z * ndtr(z)


#: What `LayerFeatures` knows by name.
ACTIVATIONS: dict[str, Activation] = {
    "sin": np.sin,
    "cos": np.cos,
    "gaussian": lambda z: np.exp(-(z**2) / 2),
    "tanh": np.tanh,
    "erf": _erf,
    "relu": lambda z: np.maximum(z, 0),
    "gelu": _gelu,
}


def _single(weight: complex) -> Draw:
    def draw(m: int, rng: np.random.Generator) -> tuple[Float64Array, ComplexArray]:
        return np.ones(m), np.full(m, weight)

    return draw


def _gaussian(m: int, rng: np.random.Generator) -> tuple[Float64Array, ComplexArray]:
    from scipy.special import ndtri

    # exp(-z^2/2) is the mean of cos(kappa z) for normal kappa. One draw in each of m equal parts.
    kappa = np.abs(ndtri((np.arange(m) + rng.uniform(size=m)) / m))
    return np.where(np.isfinite(kappa), kappa, 0.0), np.ones(m, dtype=np.complex128)


WAVES: dict[str, Draw] = {"sin": _single(-1j), "cos": _single(1.0), "gaussian": _gaussian}


def frequencies_of(activation: Any, reach: Any, count: int) -> Draw:
    """How frequencies of ``activation`` are drawn."""
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            raise InvalidArgument(
                f"activation must be one of {', '.join(ACTIVATIONS)}, or a function; "
                f"got {activation!r}"
            )
        if activation in WAVES:
            if reach is not None:
                raise InvalidArgument(
                    f"{activation!r} is exact wherever it is asked; leave reach away"
                )
            return WAVES[activation]
    elif not callable(activation):
        raise InvalidType(f"activation must be a name or a function; got {activation!r:.60}")
    if reach is None:
        raise InvalidArgument(
            "activation is written as waves within a reach; give reach=, the largest |w.x + b|"
        )
    if check_number("reach", reach) <= 0:
        raise InvalidArgument(f"reach must be positive; got {reach!r}")
    function = ACTIVATIONS[activation] if isinstance(activation, str) else activation
    return _series(*waves(function, float(reach), count))


def waves(function: Activation, reach: float, count: int) -> tuple[Float64Array, ComplexArray]:
    """kappa_k and t_k of ``count`` waves and a constant, near ``function`` within ``reach``.

    The function is continued by its mirror image at both ends of the reach. That is continuous
    and has the period ``4 reach``, so that its waves get small quickly.
    """
    step = 4 * reach / POINTS
    places = -reach + step * np.arange(POINTS)
    inside = np.where(places > reach, 2 * reach - places, places)
    values = np.asarray(function(inside), dtype=np.float64)
    if values.shape != inside.shape or not np.isfinite(values).all():
        raise InvalidArgument(
            "activation must give a finite number for each number of an array within the reach"
        )
    kappa = np.pi / (2 * reach) * np.arange(min(count, POINTS // 2 - 1) + 1)
    parts = np.fft.rfft(values)[: len(kappa)] / POINTS * np.exp(1j * kappa * reach)
    parts[1:] *= 2  # a wave and its conjugate
    return kappa.astype(np.float64), parts


def _series(kappa: Float64Array, parts: ComplexArray) -> Draw:
    sizes = np.abs(parts)
    total = sizes.sum()
    if not total:
        raise InvalidArgument("activation is 0 within the reach")

    def draw(m: int, rng: np.random.Generator) -> tuple[Float64Array, ComplexArray]:
        # Each wave as often as it weighs, evenly: at m equal steps from one random start.
        at = (np.arange(m) + rng.uniform()) / m * total
        chosen = np.minimum(np.searchsorted(np.cumsum(sizes), at), len(sizes) - 1)
        return kappa[chosen], total * parts[chosen] / sizes[chosen]

    return draw
