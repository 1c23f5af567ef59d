"""Activations by name, for infinitely wide layers."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels.wide._activation import Activation
from likewise.kernels.wide._bent import Abs, LeakyReLU, ReLU, Sign, Step
from likewise.kernels.wide._polynomial import Polynomial
from likewise.kernels.wide._smooth import GELU, Cosine, Erf, Exponential, Gaussian, Probit, Sine

__all__ = [
    "ACTIVATIONS",
    "GELU",
    "Abs",
    "Activation",
    "Cosine",
    "Erf",
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
}


def resolve_activation(activation: str | Activation | Callable[..., Any]) -> Activation:
    """The activation of that name (see `ACTIVATIONS`), or ``activation`` itself.

    Raises:
        InvalidArgument: no such name. InvalidType: neither a name nor an activation.

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
    raise InvalidType(
        f"activation must be a name, an Activation or a function; got {activation!r:.60}"
    )
