"""Exact sums and products: against fractions, and the one rounding at the end."""

import math
from fractions import Fraction

import numpy as np
import pytest

from likewise.learn.means import _limbs as limbs

RNG = np.random.default_rng(0)
WIDE = RNG.normal(size=(300, 5)) * 10.0 ** RNG.integers(-30, 30, (300, 5))
EXTREME = np.array([5e-324, -2.3e-310, 1e-300, 0.0, -0.1, 3.0, 2.0**53 - 1, np.finfo(float).max])


@pytest.mark.parametrize("x", [WIDE, EXTREME, -EXTREME, np.zeros((2, 3)), np.empty((0, 4))])
def test_a_number_is_its_digits(x):
    number = limbs.exact(x)
    assert np.array_equal(limbs.rounded(number), x)
    assert (np.abs(number.digits + 0.5) < limbs.HALF).all()


def test_digits_are_those_of_the_number_whatever_made_it():
    a, b = limbs.exact(WIDE), limbs.exact(WIDE[::-1].copy())
    back = limbs.plus(limbs.plus(a, b), b, -1)
    assert back.low == a.low
    assert np.array_equal(back.digits, a.digits)
    assert len(limbs.plus(a, a, -1).digits) == 0


def test_sums_are_rounded_once():
    x = np.concatenate([WIDE, -WIDE * (1 + 2**-50), EXTREME[:-1].repeat(5).reshape(-1, 5)])
    found = limbs.rounded(limbs.total(limbs.exact(x)))
    assert found.tolist() == [math.fsum(column) for column in x.T]


def test_products_by_fractions():
    x, z = WIDE[:40, :3] * 2.0**-40, RNG.normal(size=(40, 3))
    gram = limbs.rounded(limbs.gram(x))
    for i in range(3):
        for j in range(3):
            terms = [Fraction(a) * Fraction(b) for a, b in zip(x[:, i], x[:, j], strict=True)]
            assert gram[i, j] == float(sum(terms))
    both = limbs.times(limbs.exact(x), limbs.exact(z))
    assert np.array_equal(limbs.rounded(both), x * z)
    less = limbs.plus(limbs.multiple(both, 7), both, -1)
    expected = [float(6 * Fraction(a) * Fraction(b)) for a, b in zip(x.flat, z.flat, strict=True)]
    assert limbs.rounded(less).ravel().tolist() == expected


def test_shapes_are_broadcast():
    x, z = WIDE[:4, :1], WIDE[0]
    product, both = limbs.exact(x), limbs.exact(z)
    assert np.array_equal(limbs.rounded(limbs.times(product, both)), x * z)
    assert np.array_equal(limbs.rounded(limbs.times(both, product)), x * z)
    assert np.array_equal(limbs.rounded(limbs.plus(both, product, -1)), z - x)


def test_ties_go_to_even_and_what_lies_far_below_breaks_them():
    half = limbs.exact(np.array([1.0, 1.0, 1 + 2.0**-52, -1.0]))
    tiny = limbs.exact(np.array([2.0**-53, 2.0**-53, 2.0**-53, -(2.0**-53)]))
    dust = limbs.exact(np.array([0.0, 2.0**-1000, -(2.0**-1000), -(2.0**-1000)]))
    found = limbs.rounded(limbs.plus(limbs.plus(half, tiny), dust))
    assert found.tolist() == [1.0, 1 + 2.0**-52, 1 + 2.0**-52, -1 - 2.0**-52]
    assert np.isinf(limbs.rounded(limbs.multiple(limbs.exact([1e308]), 2))).all()


def test_many_rows_are_summed_in_blocks(monkeypatch):
    monkeypatch.setattr(limbs, "BLOCK", 7)
    parts = limbs.gram(WIDE)
    monkeypatch.setattr(limbs, "BLOCK", 1000)
    whole = limbs.gram(WIDE)
    assert np.array_equal(parts.digits, whole.digits)


def test_the_largest_digits_do_not_overflow_a_block():
    x = np.full((limbs.BLOCK, 2), 2.0**42 - 1)
    expected = float(limbs.BLOCK * (2**42 - 1) ** 2)
    assert (limbs.rounded(limbs.gram(x)) == expected).all()
