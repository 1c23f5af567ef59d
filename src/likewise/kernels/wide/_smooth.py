"""Smooth activations whose duals have a closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likewise._arguments import check_number
from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray
from likewise.kernels.wide._activation import Activation

TURN = 2 * np.pi


def _positive(name: str, value: float) -> None:
    if check_number(name, value) <= 0:
        raise InvalidArgument(f"{name} must be positive; got {value!r}")


def _nonzero(name: str, value: float) -> None:
    if check_number(name, value) == 0:
        raise InvalidArgument(f"{name} must not be 0")


@dataclass(frozen=True)
class Erf(Activation):
    """``shift + scale erf(rate u)``; with (1/2, 1/2, sqrt(1/2)) the normal distribution function.

    With w = 2 rate^2 and D = (1 + w q)(1 + w r) - w^2 c^2::

        dual            = shift^2 + (2 scale^2 / pi) arcsin(w c / sqrt((1 + w q)(1 + w r)))
        derivative_dual = 2 scale^2 w / (pi sqrt(D))

    Source: C. Williams, "Computing with infinite networks", NIPS 1996.

    Example:
        >>> float(Erf().dual(0.5, 0.5, 0.25).round(6))  # arcsin(1/4) 2 / pi
        0.160861
    """

    name = "erf"
    shift: float = 0.0
    scale: float = 1.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        check_number("shift", self.shift)
        _nonzero("scale", self.scale)
        _positive("rate", self.rate)

    def _function(self, u: FloatArray) -> FloatArray:
        from scipy.special import erf

        out: FloatArray = erf(u * u.dtype.type(self.rate)) * self.scale
        out += self.shift
        return out

    def _derivative(self, u: FloatArray) -> FloatArray:
        out: FloatArray = np.exp(-((self.rate * u) ** 2)) * (2 * self.scale * self.rate)
        out /= np.sqrt(np.pi)
        return out

    def _parts(self, q: FloatArray, r: FloatArray, c: FloatArray) -> tuple[FloatArray, FloatArray]:
        w = float(2 * self.rate**2)
        wc = w * c
        both = (1 + w * q) * (1 + w * r)
        return wc, np.sqrt(both - wc * wc)

    def _dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        wc, root = self._parts(q, r, c)
        return self._from_angle(np.arctan(wc / root))

    def _derivative_dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        return self._slopes(self._parts(q, r, c)[1])

    def _both(self, q: FloatArray, r: FloatArray, c: FloatArray) -> tuple[FloatArray, FloatArray]:
        wc, root = self._parts(q, r, c)
        return self._from_angle(np.arctan(wc / root)), self._slopes(root)

    def _from_angle(self, angle: FloatArray) -> FloatArray:
        # Of the arc tangent, which keeps the digits that the arc sine loses near 1.
        angle *= 2 * self.scale**2 / np.pi
        angle += self.shift**2
        return angle

    def _slopes(self, root: FloatArray) -> FloatArray:
        slopes: FloatArray = (4 * (self.scale * self.rate) ** 2 / np.pi) / root
        return slopes


@dataclass(frozen=True)
class Probit(Erf):
    """The normal distribution function Phi(u): a sigmoid with a closed form."""

    name = "probit"
    shift: float = 0.5
    scale: float = 0.5
    rate: float = float(np.sqrt(0.5))


@dataclass(frozen=True)
class GELU(Activation):
    """``u Phi(u)``, with Phi the normal distribution function.

    With D = (1 + q)(1 + r) - c^2, F = E[Phi(u) Phi(v)] and A = (1 - q r) / ((1 + q)(1 + r))::

        dual            = c F + (c^2 A + q r) / (2 pi sqrt(D))
        derivative_dual = F + c / (2 pi sqrt(D)) (1 + 2 A + (c^2 A + q r) / D)

    by Stein's identity, twice; the second is the first's derivative by c.

    Example:
        >>> float(GELU().dual_at(1.0).round(6))
        0.425221
    """

    name = "gelu"

    def _function(self, u: FloatArray) -> FloatArray:
        from scipy.special import ndtr

        out: FloatArray = u * ndtr(u)
        return out

    def _derivative(self, u: FloatArray) -> FloatArray:
        from scipy.special import ndtr

        out: FloatArray = ndtr(u) + u * np.exp(-(u**2) / 2) / u.dtype.type(np.sqrt(TURN))
        return out

    def _dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        root, _, F = self._parts(q, r, c)
        out: FloatArray = self._top(q, r, c) / (TURN * root)
        out += c * F
        return out

    def _derivative_dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        return self._both(q, r, c)[1]

    def _both(self, q: FloatArray, r: FloatArray, c: FloatArray) -> tuple[FloatArray, FloatArray]:
        root, A, F = self._parts(q, r, c)
        over = 1 / (TURN * root)
        top = self._top(q, r, c)
        dual = top * over
        dual += c * F
        top /= root
        top /= root
        top += 1 + 2 * A
        top *= over
        top *= c
        top += F
        return dual, top

    @staticmethod
    def _top(q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        qr = q * r
        out: FloatArray = c * c * ((1 - qr) / ((1 + q) * (1 + r)))
        out += qr
        return out

    @staticmethod
    def _parts(
        q: FloatArray, r: FloatArray, c: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """sqrt(D), A and F."""
        both = (1 + q) * (1 + r)
        root: FloatArray = np.sqrt(both - c * c)
        with np.errstate(divide="ignore"):  # of huge variances the root may round to 0
            F: FloatArray = np.arctan(c / root)
        F /= TURN
        F += 0.25
        return root, (1 - q * r) / both, F


@dataclass(frozen=True)
class Sine(Activation):
    """``amplitude sin(frequency u + phase)``; the cosine with phase pi / 2.

    With f the frequency, and amplitude 1::

        dual = (exp(-f^2 (q + r - 2 c) / 2) - cos(2 phase) exp(-f^2 (q + r + 2 c) / 2)) / 2
        derivative_dual = f^2 (the same with a plus)

    With amplitude sqrt(2) and phase pi / 4 the dual is an RBF kernel.

    Example:
        >>> float(Sine().dual(1.0, 1.0, 0.5).round(6))  # exp(-1) sinh(1/2)
        0.1917
    """

    name = "sin"
    frequency: float = 1.0
    phase: float = 0.0
    amplitude: float = 1.0

    def __post_init__(self) -> None:
        _positive("frequency", self.frequency)
        check_number("phase", self.phase)
        _nonzero("amplitude", self.amplitude)

    def _function(self, u: FloatArray) -> FloatArray:
        out: FloatArray = np.sin(self.frequency * u + self.phase) * self.amplitude
        return out

    def _derivative(self, u: FloatArray) -> FloatArray:
        factor = self.amplitude * self.frequency
        out: FloatArray = np.cos(self.frequency * u + self.phase) * factor
        return out

    def _waves(self, q: FloatArray, r: FloatArray, c: FloatArray) -> tuple[FloatArray, FloatArray]:
        half, mirror = self.frequency**2 / 2, float(np.cos(2 * self.phase))
        total = q + r
        apart: FloatArray = np.exp(np.minimum(2 * c - total, 0) * half)
        across: FloatArray = np.exp(np.minimum(-2 * c - total, 0) * half) * mirror
        return apart, across

    def _dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        apart, across = self._waves(q, r, c)
        out: FloatArray = (apart - across) * (self.amplitude**2 / 2)
        return out

    def _derivative_dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        apart, across = self._waves(q, r, c)
        out: FloatArray = (apart + across) * ((self.amplitude * self.frequency) ** 2 / 2)
        return out


@dataclass(frozen=True)
class Cosine(Sine):
    """``cos(u)``."""

    name = "cos"
    phase: float = float(np.pi / 2)


@dataclass(frozen=True)
class Exponential(Activation):
    """``exp(rate u)``; ``dual = exp(rate^2 (q + r + 2 c) / 2)``, its derivative rate^2 times it.

    Example:
        >>> float(Exponential().dual_at(1.0).round(6))  # e^2
        7.389056
    """

    name = "exp"
    rate: float = 1.0

    def __post_init__(self) -> None:
        _nonzero("rate", self.rate)

    def _function(self, u: FloatArray) -> FloatArray:
        out: FloatArray = np.exp(self.rate * u)
        return out

    def _derivative(self, u: FloatArray) -> FloatArray:
        out: FloatArray = self.rate * np.exp(self.rate * u)
        return out

    def _dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        out: FloatArray = np.exp((self.rate**2 / 2) * (q + r + 2 * c))
        return out

    def _derivative_dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        out: FloatArray = self.rate**2 * self._dual(q, r, c)
        return out


@dataclass(frozen=True)
class Gaussian(Activation):
    """``exp(-rate u^2)``. With w = 2 rate and D = (1 + w q)(1 + w r) - w^2 c^2::

        dual = D^(-1/2)        derivative_dual = w^2 c D^(-3/2)

    Example:
        >>> float(Gaussian(rate=0.5).dual_at(1.0).round(6))  # 1 / sqrt(3)
        0.57735
    """

    name = "gaussian"
    rate: float = 1.0

    def __post_init__(self) -> None:
        _positive("rate", self.rate)

    def _function(self, u: FloatArray) -> FloatArray:
        out: FloatArray = np.exp(-self.rate * u**2)
        return out

    def _derivative(self, u: FloatArray) -> FloatArray:
        out: FloatArray = -2 * self.rate * u * np.exp(-self.rate * u**2)
        return out

    def _determinant(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        w = float(2 * self.rate)
        out: FloatArray = (1 + w * q) * (1 + w * r) - (w * c) ** 2
        return out

    def _dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        out: FloatArray = 1 / np.sqrt(self._determinant(q, r, c))
        return out

    def _derivative_dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        out: FloatArray = (4 * self.rate**2) * c * self._determinant(q, r, c) ** -1.5
        return out
