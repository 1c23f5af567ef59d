"""Hermite coefficients of any activation, and duals from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray
from likewise.kernels.parameters import Float64Array
from likewise.kernels.wide._activation import Activation
from likewise.kernels.wide._panels import Samples, sample

#: Standard deviations to integrate over: first so many, then as far as the density goes.
REACHES = (13.0, 20.0, 37.0)
#: The share of E[s^2] that may lie in the outermost tenth: coefficients feel its root.
OUTSIDE = 1e-26


@suggest_arguments
def hermite_coefficients(
    activation: str | Activation | Callable[..., Any], terms: int = 20, *, variance: float = 1.0
) -> Float64Array:
    """``a_k = E[s(sqrt(variance) z) h_k(z)]`` for k below ``terms``, z standard normal.

    h_k are the Hermite polynomials of probabilists, normalised: E[h_j(z) h_k(z)] is 1 for j = k
    and 0 otherwise. So ``s(u) = sum_k a_k h_k(u)``, and ``E[s(u) s(v)] = sum_k a_k^2 rho^k`` for
    standard normal u and v of correlation rho.

    Args:
        activation: a name, an `Activation` or a function of arrays. terms: how many.
        variance: of the argument.

    Returns:
        (terms,), right to about 1e-12.

    Raises:
        InvalidArgument: E[s^2] is infinite, or the function gives NaN.

    Cost: some thousand evaluations of the function, and ``terms`` times as many operations.

    Example:
        >>> hermite_coefficients("square", 4).round(6) + 0.0  # u^2 = 1 + sqrt(2) h_2(u)
        array([1.      , 0.      , 1.414214, 0.      ])
        >>> hermite_coefficients("relu", 3).round(4).tolist()
        [0.3989, 0.5, 0.2821]
    """
    from likewise.kernels.wide.activations import resolve_activation

    found = resolve_activation(activation)
    count = check_count("terms", terms)
    if check_number("variance", variance) <= 0:
        raise InvalidArgument(f"variance must be positive; got {variance!r}")
    scale = np.sqrt(float(variance))
    samples = gaussian_samples(found.function, scale, scale, found.name)
    found_there: Float64Array = coefficients(samples, np.array([scale]), count)[0]
    return found_there


def gaussian_samples(
    function: Callable[..., FloatArray], least: float, largest: float, name: str
) -> Samples:
    """Samples to integrate against normal densities with deviations ``least`` to ``largest``.

    Raises:
        InvalidArgument: the function gives NaN, or its square has no expectation.
    """
    for reach in REACHES:
        steps = int(np.ceil(reach * largest / (least / 2)))
        edges = np.linspace(-reach * largest, reach * largest, 2 * steps + 1)
        with np.errstate(all="ignore"):
            found = sample(function, edges, largest)
            z = found.nodes / largest
            mass = (np.nan_to_num(found.values, nan=np.inf) * np.exp(-(z**2) / 4)) ** 2
            total = float(mass @ found.weights)
            outer = float(mass[np.abs(z) > 0.9 * reach] @ found.weights[np.abs(z) > 0.9 * reach])
        if np.isnan(found.values[np.abs(z) < REACHES[0]]).any():
            raise InvalidArgument(
                f"activation {name!r} gives NaN for arguments that a variance of "
                f"{largest**2:.4g} makes likely, so that it has no dual"
            )
        if np.isfinite(total) and outer <= OUTSIDE * total:
            return found
    raise InvalidArgument(
        f"activation {name!r} has no dual at variances near {largest**2:.4g}: E[s(u)^2] is "
        "infinite or too large; scale the rows or weight_variance down, or take an activation "
        "that grows less fast than exp(u^2)"
    )


def coefficients(samples: Samples, scales: Float64Array, terms: int) -> Float64Array:
    """(len(scales), terms): ``E[s(scale z) h_k(z)]``, which is what `hermite_coefficients` says."""
    z = samples.nodes / scales[:, None]
    root = np.exp(-(z**2) / 4) / (2 * np.pi) ** 0.25
    weighed = samples.values * samples.weights / scales[:, None] * root
    out = np.empty((len(scales), terms))
    # h_k times the root of the density stays below 1; h_k itself would overflow.
    before, now = np.zeros_like(z), root
    for k in range(terms):
        out[:, k] = np.vecdot(weighed, now)
        before, now = now, (z * now - np.sqrt(k) * before) / np.sqrt(k + 1)
    return out


def second_moments(samples: Samples, scales: Float64Array, values: Float64Array) -> Float64Array:
    """``E[values(scale z)^2]`` of values at the nodes of ``samples``."""
    z = samples.nodes / scales[:, None]
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    moments: Float64Array = density @ (samples.weights * values**2) / scales
    return moments
