"""Activations that bend or jump at zero: their duals are angles (Cho and Saul)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likewise._arguments import check_number
from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray
from likewise.kernels.wide._activation import Activation, correlation

TURN = 2 * np.pi


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """``u`` above zero and ``slope u`` below: ReLU with slope 0, abs with slope -1.

    With theta the angle of u and v, and a the slope::

        dual            = (1 + a^2) c / 2 + (1 - a)^2 (sqrt(q r - c^2) - c theta) / (2 pi)
        derivative_dual = (1 + a^2) / 2 - (1 - a)^2 theta / (2 pi)

    Source: Y. Cho and L. Saul, "Kernel methods for deep learning", NIPS 2009.

    Example:
        >>> leaky = LeakyReLU(slope=0.1)
        >>> leaky.function([-2.0, 2.0]).tolist(), float(leaky.dual_at(1.0))
        ([-0.2, 2.0], 0.505)
    """

    name = "leaky_relu"
    slope: float = 0.01

    def __post_init__(self) -> None:
        check_number("slope", self.slope)

    def _function(self, u: FloatArray) -> FloatArray:
        bent: FloatArray = np.where(u > 0, u, self.slope * u).astype(u.dtype, copy=False)
        return bent

    def _derivative(self, u: FloatArray) -> FloatArray:
        above = np.heaviside(u, 0.5)
        steps: FloatArray = above + u.dtype.type(self.slope) * (1 - above)
        return steps

    @property
    def squares(self) -> float:
        """``(1 + a^2) / 2``, which is E[s(z)^2] and E[s'(z)^2]."""
        return (1 + self.slope**2) / 2

    @property
    def bend(self) -> float:
        """``(1 - a)^2 / (2 pi)``."""
        return float((1 - self.slope) ** 2 / TURN)

    def _dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        return self._both(q, r, c)[0]

    def _derivative_dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        return self._slopes(correlation(q, r, c))

    def _both(self, q: FloatArray, r: FloatArray, c: FloatArray) -> tuple[FloatArray, FloatArray]:
        # With rho the correlation, dual = sqrt(q r) ((1 - a)^2 sqrt(1 - rho^2) / (2 pi) + rho
        # derivative_dual). In place, since memory is what takes time here.
        rho = correlation(q, r, c)
        slopes = self._slopes(rho)
        dual = np.multiply(rho, rho, out=np.empty_like(rho))
        np.subtract(1, dual, out=dual)
        np.sqrt(dual, out=dual)
        dual *= self.bend
        rho *= slopes
        dual += rho
        dual *= np.sqrt(q)
        dual *= np.sqrt(r)
        return dual, slopes

    def _slopes(self, rho: FloatArray) -> FloatArray:
        slopes = np.arccos(rho, out=np.empty_like(rho))
        slopes *= -self.bend
        slopes += self.squares
        return slopes

    def _dual_at(self, q: FloatArray) -> FloatArray:
        return q * q.dtype.type(self.squares)

    def _derivative_dual_at(self, q: FloatArray) -> FloatArray:
        return np.full_like(q, self.squares)


@dataclass(frozen=True)
class ReLU(LeakyReLU):
    """``max(u, 0)``."""

    name = "relu"
    slope: float = 0.0


@dataclass(frozen=True)
class Abs(LeakyReLU):
    """``|u|``."""

    name = "abs"
    slope: float = -1.0


@dataclass(frozen=True)
class Step(Activation):
    """``high`` above zero and ``low`` below: the step with (0, 1), the sign with (-1, 1).

    ``dual = ((low + high)^2 + (high - low)^2 (1 - 2 theta / pi)) / 4``. It jumps, so that
    E[s'(u)^2] is infinite, and there is no tangent kernel.

    Example:
        >>> float(Step().dual(1.0, 1.0, 0.5).round(6))
        0.333333
    """

    name = "step"
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if check_number("low", self.low) == check_number("high", self.high):
            raise InvalidArgument(f"low and high must differ; both are {self.low:g}")

    def _function(self, u: FloatArray) -> FloatArray:
        above = np.heaviside(u, 0.5)
        jumped: FloatArray = u.dtype.type(self.high) * above + u.dtype.type(self.low) * (1 - above)
        return jumped

    def _derivative(self, u: FloatArray) -> FloatArray:
        return np.zeros_like(u)

    def _dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        angle = np.arccos(correlation(q, r, c))
        gap = (self.high - self.low) ** 2
        angle *= -gap / TURN
        angle += (gap + (self.low + self.high) ** 2) / 4
        return angle

    def _derivative_dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        raise InvalidArgument(
            f"activation {self.name!r} jumps, so that E[s'(u)^2] is infinite and the network has "
            "no tangent kernel; use NNGP, or an activation without jumps such as 'erf'"
        )

    def _dual_at(self, q: FloatArray) -> FloatArray:
        return np.full_like(q, (self.low**2 + self.high**2) / 2)

    def _derivative_dual_at(self, q: FloatArray) -> FloatArray:
        return self._derivative_dual(q, q, q)


@dataclass(frozen=True)
class Sign(Step):
    """-1 below zero and 1 above."""

    name = "sign"
    low: float = -1.0
