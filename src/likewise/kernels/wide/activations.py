"""Activations by name, for infinitely wide layers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import numpy as np

from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels._rows import FloatArray
from likewise.kernels.wide._activation import Activation
from likewise.kernels.wide._bent import Abs, LeakyReLU, ReLU, Sign, Step
from likewise.kernels.wide._polynomial import Polynomial
from likewise.kernels.wide._smooth import GELU, Cosine, Erf, Exponential, Gaussian, Probit, Sine
from likewise.kernels.wide.expanded import Expanded

__all__ = [
    "ACTIVATIONS",
    "GELU",
    "Abs",
    "Activation",
    "Cosine",
    "Erf",
    "Expanded",
    "Exponential",
    "Gaussian",
    "LeakyReLU",
    "Polynomial",
    "Probit",
    "ReLU",
    "Sign",
    "Sine",
    "Step",
    "resolve_activation",
]


def _sigmoid(u: FloatArray) -> FloatArray:
    out: FloatArray = np.exp(-np.logaddexp(0.0, -u))
    return out


def _softplus(u: FloatArray) -> FloatArray:
    out: FloatArray = np.logaddexp(0.0, u)
    return out


def _silu(u: FloatArray) -> FloatArray:
    return u * _sigmoid(u)


def _elu(u: FloatArray) -> FloatArray:
    out: FloatArray = np.where(u > 0, u, np.expm1(np.minimum(u, 0.0)))
    return out


def _elu_slope(u: FloatArray) -> FloatArray:
    out: FloatArray = np.exp(np.minimum(u, 0.0))
    return out


#: Every activation that has a name, by it.
ACTIVATIONS: dict[str, Activation] = {
    **{
        activation.name: activation
        for activation in (
            ReLU(),
            LeakyReLU(),
            Abs(),
            Step(),
            Sign(),
            Erf(),
            Probit(),
            GELU(),
            Sine(),
            Cosine(),
            Exponential(),
            Gaussian(),
        )
    },
    "linear": Polynomial((0.0, 1.0)),
    "square": Polynomial((0.0, 0.0, 1.0)),
    "cube": Polynomial((0.0, 0.0, 0.0, 1.0)),
    "tanh": Expanded(np.tanh),
    "sigmoid": Expanded(_sigmoid, name="sigmoid"),
    "softplus": Expanded(_softplus, _sigmoid, name="softplus"),
    "silu": Expanded(_silu, name="silu"),
    "elu": Expanded(_elu, _elu_slope, name="elu"),
}


def resolve_activation(activation: str | Activation | Callable[..., Any]) -> Activation:
    """The activation of that name, or ``activation`` itself, or `Expanded` of a function.

    Raises:
        InvalidArgument: no such name in `ACTIVATIONS`. InvalidType: neither a name nor an
        activation nor a function of arrays.

    Example:
        >>> resolve_activation("relu").name
        'relu'
        >>> float(resolve_activation(LeakyReLU(0.2)).dual_at(1.0))
        0.52
    """
    if isinstance(activation, Activation):
        return activation
    if isinstance(activation, str):
        found = ACTIVATIONS.get(activation.lower())
        if found is None:
            close = get_close_matches(activation.lower(), ACTIVATIONS, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise InvalidArgument(
                f"no activation {activation!r}; {hint}There are {', '.join(ACTIVATIONS)}"
            )
        return found
    if callable(activation):
        return (_expanded if isinstance(activation, Hashable) else Expanded)(activation)
    raise InvalidType(
        f"activation must be a name, an Activation or a function; got {activation!r:.60}"
    )


@lru_cache(maxsize=64)
def _expanded(function: Callable[..., Any]) -> Expanded:
    # Kept, so that copies of a kernel share its tables.
    return Expanded(function)
