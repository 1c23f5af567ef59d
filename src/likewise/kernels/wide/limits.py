"""What infinitely wide networks become with infinite depth, by their activation."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial, sqrt
from typing import Any, NamedTuple

import numpy as np

from likewise.errors import InvalidArgument
from likewise.kernels.wide.activations import Activation, Polynomial, resolve_activation
from likewise.kernels.wide.singular_limit import optimal_squares

#: Squares of coefficients below this are taken for 0: quadratures are exact to some 1e-13.
ZERO = 1e-10


class LimitClass(NamedTuple):
    """What `limit_class` finds; the activation is taken with variance 1.

    Attributes:
        name: ``"majority"``: every query gets the commonest label. ``"nearest"``: that of its
            nearest row. ``"singular"``: votes are weighted by ``|x - y|^-alpha``. ``"linear"``:
            depth adds nothing to a linear layer.
        alpha: the exponent of a singular one, else None. Such a classifier is consistent where
            alpha is the dimension of the surface that rows lie on.
        mean: ``|E f(z)|`` with z standard normal.
        slope: ``|E f'(z)|``.
        stretch: ``E f'(z)^2``.
    """

    name: str
    alpha: float | None
    mean: float
    slope: float
    stretch: float


def limit_class(activation: str | Activation | Callable[..., Any]) -> LimitClass:
    """Which classifier fully connected networks tend to, as width and then depth grow.

    With f divided by the root of E f(z)^2, ``A = E f(z)``, ``A' = E f'(z)``, ``B' = E f'(z)^2``:

    - A is not 0: correlations of unlike rows all become the same: a majority vote;
    - A = A' = 0: unlike rows are forgotten, the nearest the slowest: 1-nearest neighbour;
    - A = 0 and A' is not: ``psi(x, y) ~ |x - y|^-alpha`` with ``alpha = -4 ln|A'| / ln B'``.

    Args:
        activation: a name, an `Activation`, or a function.

    Raises:
        InvalidArgument: the activation jumps, so that B' is infinite, or is 0 almost everywhere.

    Source: A. Radhakrishnan, M. Belkin and C. Uhler, "Wide and deep neural networks achieve
    consistency for classification", PNAS 2023.

    Example:
        >>> limit_class("relu").name, limit_class("cos").name, limit_class("erf").name
        ('majority', 'majority', 'singular')
        >>> limit_class(optimal_activation(3)).alpha.__round__(9)
        3.0
    """
    found = resolve_activation(activation)
    square = float(found.dual_at(1.0))
    if square <= 0:
        raise InvalidArgument(f"activation {found.name!r} is 0 almost everywhere: it has no limit")
    mean = float(found.dual(1.0, 1.0, 0.0)) / square
    slope = float(found.derivative_dual(1.0, 1.0, 0.0)) / square
    stretch = float(found.derivative_dual_at(1.0)) / square
    alpha = None
    if mean > ZERO:
        name = "majority"
    elif slope <= ZERO:
        name = "nearest"
    elif slope >= 1 - ZERO:
        name = "linear"
    else:
        name, alpha = "singular", float(-2 * np.log(slope) / np.log(stretch))
    return LimitClass(name, alpha, sqrt(max(mean, 0.0)), sqrt(max(slope, 0.0)), stretch)


def optimal_activation(dim: float) -> Polynomial:
    """The activation whose limit is `SingularLimit`: consistent for rows in ``dim`` dimensions.

    A sum of normalised Hermite polynomials with the squared coefficients of `optimal_squares`;
    its variance is 1, so give networks ``weight_variance=1`` and rows of mean square 1, that is,
    of length ``sqrt(columns)``.

    Raises:
        InvalidArgument: dim is neither 1 nor at least 2.

    Example:
        >>> [round(c, 4) for c in optimal_activation(2).coefficients]
        [0.0, -0.1589, 0.0, 0.2887]
    """
    weights = np.sqrt(optimal_squares(dim))
    weights /= [sqrt(factorial(k)) for k in range(len(weights))]
    powers = np.polynomial.hermite_e.herme2poly(weights)
    return Polynomial(tuple(float(c) for c in powers))
