"""`Polynomial` activations, exactly, by their Hermite coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, sqrt

import numpy as np

from likewise._arguments import check_number
from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels._rows import FloatArray
from likewise.kernels.wide._activation import Activation


@dataclass(frozen=True)
class Polynomial(Activation):
    """``sum_j coefficients[j] u^j``.

    With p_j the coefficients, ``dual = sum_k b_k(q) b_k(r) c^k``, where ``b_k(q)``, a polynomial
    in q, is ``sum_i p_(k+2i) (k+2i)! q^i / (2^i i! sqrt(k!))``.

    Args:
        coefficients: of u^0, u^1, ...; at least one after the first is not 0.

    Example:
        >>> square = Polynomial((0.0, 0.0, 1.0))
        >>> float(square.dual(1.0, 2.0, 0.5))  # q r + 2 c^2
        2.5
    """

    name = "polynomial"
    coefficients: tuple[float, ...] = (0.0, 1.0)

    def __post_init__(self) -> None:
        given = self.coefficients
        if isinstance(given, (str, bytes)) or not isinstance(given, (tuple, list, np.ndarray)):
            raise InvalidType(f"coefficients must be a sequence of numbers; got {given!r:.60}")
        for at, value in enumerate(given):
            check_number(f"coefficients[{at}]", value)
        if not any(given[1:]):
            raise InvalidArgument(
                f"coefficients: one after the first must not be 0; got {given!r:.60}"
            )
        # A tuple, so that two of them can be compared.
        object.__setattr__(self, "coefficients", tuple(float(value) for value in given))

    def _function(self, u: FloatArray) -> FloatArray:
        return _horner(self.coefficients, u)

    def _derivative(self, u: FloatArray) -> FloatArray:
        return _horner([j * p for j, p in enumerate(self.coefficients)][1:], u)

    def _scaled(self, k: int, q: FloatArray) -> FloatArray:
        """``b_k(q)``."""
        top = len(self.coefficients)
        terms = [
            self.coefficients[j] * factorial(j) / (2**i * factorial(i) * sqrt(factorial(k)))
            for i, j in enumerate(range(k, top, 2))
        ]
        return _horner(terms, q)

    def _dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        top = len(self.coefficients) - 1
        out = self._scaled(top, q) * self._scaled(top, r)
        for k in range(top - 1, -1, -1):
            out = out * c + self._scaled(k, q) * self._scaled(k, r)
        return out

    def _derivative_dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        top = len(self.coefficients) - 1
        out = top * self._scaled(top, q) * self._scaled(top, r) + 0 * c
        for k in range(top - 1, 0, -1):
            out = out * c + k * self._scaled(k, q) * self._scaled(k, r)
        return out


def _horner(coefficients: tuple[float, ...] | list[float], u: FloatArray) -> FloatArray:
    out = np.zeros_like(u)
    for value in reversed(coefficients):
        out = out * u + u.dtype.type(value)
    return out
