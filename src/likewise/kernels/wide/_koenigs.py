"""Koenigs' function of a map of correlations: what infinitely many layers make of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
#: Below this, divided by 1 + |c|, psi is xi + c xi^2 to the last digits.
SMALL = 1e-7
#: So many layers bring any pair of unequal float64 rows to correlations that are small.
ENOUGH = 100_000


class Logarithm(NamedTuple):
    """Numbers too large or small for floats: ``sign exp(log)``."""

    log: Float64Array
    sign: Float64Array


class Koenigs:
    """``psi(xi) = lim f^L(xi) / f'(0)^L`` for ``f(xi) = sum_k squares[k] xi^k``.

    ``squares`` are not negative, add up to 1, begin with 0 and have 0 < squares[1] < 1: then
    f(1) = 1 is repelling and f(0) = 0 attracting. psi solves ``psi(f(xi)) = f'(0) psi(xi)``, and
    is ``xi + c xi^2 + ...`` at 0 with ``c = squares[2] / (f'(0) - f'(0)^2)``, by comparing
    coefficients.
    """

    def __init__(self, squares: Float64Array) -> None:
        self.squares = squares
        self.slope = float(squares[1])
        self._bend = float(squares[2]) / (self.slope - self.slope**2)
        # 1 - f(1 - d) = d sum_j tails[j] (1 - d)^j, which has all its digits for small d.
        self._tails = np.cumsum(squares[::-1])[::-1][1:]
        self._odd = not squares[::2].any()

    def layer(self, xi: Float64Array) -> Float64Array:
        """f(xi)."""
        return _horner(self.squares, xi)

    def layer_from_one(self, gap: Float64Array) -> Float64Array:
        """``1 - f(1 - gap)``."""
        return gap * _horner(self._tails, 1.0 - gap)

    def after(self, gap: Float64Array, depth: int | None) -> Logarithm:
        """``f^depth(1 - gap) / f'(0)^depth``, or psi(1 - gap) where ``depth`` is None.

        Args:
            gap: 1 - xi in [0, 2]. The answer at 0 without a depth is infinite.
        """
        shape, gap = gap.shape, gap.ravel()
        last = ENOUGH if depth is None else depth
        sign = np.ones(len(gap))
        if self._odd:
            sign[gap > 1] = -1.0
            gap = np.minimum(gap, 2.0 - gap)
        steps, xi = self._descend(gap, last)
        # What is small by now takes its remaining layers at once, by psi and its inverse.
        with np.errstate(under="ignore"):
            rest = 0.0 if depth is None else self.slope ** (depth - steps)
            value = xi + self._bend * xi * xi
            linear = np.abs(xi) <= self._small
            value = np.where(linear, value - self._bend * rest * value * value, xi)
        with np.errstate(divide="ignore"):
            log = np.log(np.abs(value)) - steps * np.log(self.slope)
        if depth is None:
            log[gap == 0] = np.inf
        sign *= np.sign(value)
        return Logarithm(log.reshape(shape), sign.reshape(shape))

    @property
    def _small(self) -> float:
        return SMALL / (1.0 + abs(self._bend))

    def _descend(self, gap: Float64Array, last: int) -> tuple[Float64Array, Float64Array]:
        """Layers taken until xi is small, ``last`` at most, and xi then."""
        steps, xi = np.zeros(len(gap)), 1.0 - gap
        near = np.flatnonzero((gap < 0.5) & (gap > 0))
        apart = gap[near]
        layer = 0
        while len(near) and layer < last:
            apart = self.layer_from_one(apart)
            layer += 1
            steps[near], xi[near] = layer, 1.0 - apart
            stay = apart < 0.5
            near, apart = near[stay], apart[stay]
        far = np.flatnonzero((np.abs(xi) > self._small) & (gap > 0) & (steps < last))
        at, done = xi[far], steps[far]
        while len(far):
            at = self.layer(at)
            done += 1
            xi[far], steps[far] = at, done
            stay = (np.abs(at) > self._small) & (done < last)
            far, at, done = far[stay], at[stay], done[stay]
        steps[gap == 0] = last  # the two rows are one, at every depth
        return steps, xi


def _horner(coefficients: Float64Array, x: Float64Array) -> Float64Array:
    out = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        out *= x
        out += coefficient
    return out
