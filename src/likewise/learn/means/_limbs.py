"""Sums and products of float64 numbers without any rounding, as arrays of digits.

A number is ``sum_l digits[l] 2^(21 (low + l))`` with whole digits from -2^20 to 2^20 - 1: a fixed
point number as long as it needs to be. Every finite float64 is one, and so is every sum and every
product of them. A sum that is not rounded does not depend on the order of its terms.

Products of many rows go through BLAS: a matrix of digits holds small whole numbers, which float64
multiplies and adds exactly as long as the sums stay below 2^53 (K. Ozaki et al., "Error-free
transformations of matrix multiplication", Numerical Algorithms 2012).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BITS = 21
HALF = 1 << (BITS - 1)
#: Rows whose products of digits (below 2^42 before they are balanced) are summed at a time.
BLOCK = 1 << 11


class Limbs(NamedTuple):
    """An array of exact numbers.

    Attributes:
        digits: (l, ...) the lowest first, balanced: from -2^20 to 2^20 - 1.
        low: the place of the first digit: it counts ``2^(21 low)``.
    """

    digits: IntArray
    low: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.digits.shape[1:]


def zeros(shape: tuple[int, ...]) -> Limbs:
    """Zero everywhere, with no digit."""
    return Limbs(np.zeros((0, *shape), dtype=np.int64), 0)


def slices(x: Float64Array) -> Iterator[tuple[int, Float64Array]]:
    """The digits of x, highest first, as (place, whole numbers); none of nothing but 0.

    Cost: some three passes over ``x`` a slice. Numbers of like size have three or four in
    float64, two or three in float32, one where they are small whole numbers.
    """
    rest = np.array(x, dtype=np.float64)
    while (largest := float(np.abs(rest).max(initial=0.0))) > 0:
        place = (int(np.frexp(largest)[1]) - 1) // BITS  # all are below 2^(21 (place + 1))
        digits = np.trunc(np.ldexp(rest, -BITS * place))
        rest -= np.ldexp(digits, BITS * place)
        yield place, digits


def exact(x: Any) -> Limbs:
    """The numbers of ``x``, which must be finite."""
    array = np.asarray(x, dtype=np.float64)
    return assembled(slices(array), array.shape)


def assembled(parts: Any, shape: tuple[int, ...]) -> Limbs:
    """The sum of (place, whole numbers of less than 2^62 together)."""
    listed = list(parts)
    if not listed:
        return zeros(shape)
    low = min(place for place, _ in listed)
    digits = np.zeros((max(place for place, _ in listed) - low + 1, *shape), dtype=np.int64)
    for place, values in listed:
        digits[place - low] += np.asarray(values).astype(np.int64)
    return carried(digits, low)


def carried(digits: IntArray, low: int) -> Limbs:
    """Balanced digits of the same number; ``digits`` is used up."""
    carry: Any = 0
    for digit in digits:
        digit += carry
        carry = (digit + HALF) >> BITS
        digit -= carry << BITS
    more = []
    while np.any(carry):
        digit = carry
        carry = (digit + HALF) >> BITS
        more.append(digit - (carry << BITS))
    if more:
        digits = np.concatenate([digits, np.stack(more)])
    return trimmed(digits, low)


def trimmed(digits: IntArray, low: int) -> Limbs:
    """Without places at either end that hold nothing but 0."""
    used = np.flatnonzero(digits.any(axis=tuple(range(1, digits.ndim))))
    if not len(used):
        return zeros(digits.shape[1:])
    return Limbs(digits[used[0] : used[-1] + 1], low + int(used[0]))


def plus(a: Limbs, b: Limbs, sign: int = 1) -> Limbs:
    """``a + sign b``; shapes are broadcast."""
    shape = np.broadcast_shapes(a.shape, b.shape)
    ends = [(n.low, n.low + len(n.digits)) for n in (a, b) if len(n.digits)]
    if not ends:
        return zeros(shape)
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    digits = np.zeros((high - low, *shape), dtype=np.int64)
    for number, factor in ((a, 1), (b, sign)):
        digits[number.low - low :][: len(number.digits)] += factor * _ranked(number, len(shape))
    return carried(digits, low)


def plus_at(a: Limbs, where: IntArray, b: Limbs, sign: int = 1) -> Limbs:
    """``a[where] += sign b``; no place comes twice in ``where``."""
    wide = np.zeros((len(b.digits), *a.shape), dtype=np.int64)
    wide[:, where] = b.digits
    return plus(a, Limbs(wide, b.low), sign)


def times(a: Limbs, b: Limbs) -> Limbs:
    """``a b``, number by number; shapes are broadcast."""
    shape = np.broadcast_shapes(a.shape, b.shape)
    if not len(a.digits) or not len(b.digits):
        return zeros(shape)
    digits = np.zeros((len(a.digits) + len(b.digits) - 1, *shape), dtype=np.int64)
    those = _ranked(b, len(shape))
    for i, digit in enumerate(_ranked(a, len(shape))):
        digits[i : i + len(those)] += digit * those
    return carried(digits, a.low + b.low)


def _ranked(a: Limbs, rank: int) -> IntArray:
    """The digits with axes of length 1 after the first, as broadcasting adds them before all."""
    return a.digits.reshape(len(a.digits), *(1,) * (rank - len(a.shape)), *a.shape)


def multiple(a: Limbs, counts: Any) -> Limbs:
    """``counts a`` for whole numbers of less than 2^42."""
    return carried(np.asarray(counts, dtype=np.int64) * a.digits, a.low)


def total(a: Limbs) -> Limbs:
    """The sum over the first axis, of less than 2^42 numbers."""
    return carried(a.digits.sum(axis=1), a.low)


def picked(a: Limbs, key: Any) -> Limbs:
    """``a[key]``."""
    key = key if isinstance(key, tuple) else (key,)
    return Limbs(a.digits[(slice(None), *key)], a.low)


def gram(rows: Float64Array) -> Limbs:
    """``rows^T rows``, of any number of rows.

    Cost: that of BLAS times s (s + 1) / 2 for s slices.
    """
    width = rows.shape[1]
    whole = zeros((width, width))
    for start in range(0, len(rows), BLOCK):
        parts = list(slices(rows[start : start + BLOCK]))
        whole = plus(whole, assembled(_products(parts), (width, width)))
    return whole


def _products(parts: list[tuple[int, Float64Array]]) -> Iterator[tuple[int, Float64Array]]:
    for i, (place, one) in enumerate(parts):
        yield 2 * place, one.T @ one
        for other, two in parts[i + 1 :]:
            product = one.T @ two
            yield place + other, product
            yield place + other, product.T


def rounded(a: Limbs) -> Float64Array:
    """The nearest float64 of each number (ties to even), infinity beyond their range."""
    if not len(a.digits):
        return np.zeros(a.shape)
    sign = np.zeros(a.shape, dtype=np.int64)
    for digit in a.digits:
        sign = np.where(digit, np.sign(digit), sign)
    # Of the size, plain digits from 0 to 2^21 - 1, over four places that are empty.
    digits = np.concatenate([np.zeros((4, *a.shape), dtype=np.int64), sign * a.digits])
    carry: Any = 0
    for digit in digits:
        digit += carry
        carry = digit >> BITS
        digit -= carry << BITS
    top = (len(digits) - 1 - np.argmax(digits[::-1] != 0, axis=0))[None]
    top = np.maximum(top, 4)
    below = np.logical_or.accumulate(digits != 0, axis=0)
    d = [np.take_along_axis(digits, top - i, axis=0)[0] for i in range(4)]
    sticky = np.take_along_axis(below, top - 4, axis=0)[0]
    # Two numbers that float64 holds; the one rounding is that of their sum. All that lies lower
    # than four digits only decides whether the sum is more than half a unit.
    head = ((d[0] << BITS) + d[1]).astype(np.float64)
    tail = ((((d[2] << BITS) + d[3]) << 1) + sticky).astype(np.float64)
    exponent = BITS * (a.low + top[0] - 4 - 3) - 1
    with np.errstate(over="ignore", under="ignore"):
        value = np.ldexp(np.ldexp(head, 2 * BITS + 1) + tail, exponent)
    return np.asarray(sign * value)
