"""Sums, products and multiples as kernels in their own right."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels import RBF, Constant, Scaled
from likewise.testing.kernel import KernelConformance


def gaussian(length, x, y):
    return np.exp(-0.5 * np.sum((x - y) ** 2) / length**2)


class TestSum(KernelConformance):
    features = 4000

    def make(self):
        return RBF(length=0.8) + RBF(length=2.0)

    def plain(self, kernel, x, y):
        return gaussian(0.8, x, y) + gaussian(2.0, x, y)


class TestSumWithConstant(KernelConformance):
    features = 4000

    def make(self):
        return 0.5 + RBF(length=0.8)

    def plain(self, kernel, x, y):
        return 0.5 + gaussian(0.8, x, y)


class TestProduct(KernelConformance):
    features = 2000

    def make(self):
        return RBF(length=0.8) * RBF(length=2.0)

    def plain(self, kernel, x, y):
        return gaussian(0.8, x, y) * gaussian(2.0, x, y)


class TestScaled(KernelConformance):
    features = 4000

    def make(self):
        return Scaled(RBF(length=0.8), 3.0)

    def plain(self, kernel, x, y):
        return 3.0 * gaussian(0.8, x, y)


class TestConstant(KernelConformance):
    features = 40

    def make(self):
        return Constant(2.0)

    def plain(self, kernel, x, y):
        return 2.0


def test_theta_of_parts_is_end_to_end():
    k = 2.0 * RBF(length=3.0) + RBF(length=0.5, bounds={"length": "fixed"})
    assert [h.name for h in k.hyperparameters()] == ["left__scale", "left__kernel__length"]
    np.testing.assert_allclose(np.exp(k.theta), [2.0, 3.0])
    moved = k.with_theta(np.log([4.0, 6.0]))
    assert (moved.left.scale, moved.left.kernel.length, moved.right.length) == (4.0, 6.0, 0.5)
    with pytest.raises(InvalidArgument, match="expected 2 numbers"):
        k.with_theta([0.0])


def test_set_params_reaches_into_parts_or_changes_nothing():
    k = RBF(length=1.0) + RBF(length=2.0)
    assert k.set_params(left__length=5.0) is k
    assert k.left.length == 5.0
    with pytest.raises(InvalidArgument):
        k.set_params(left__length=-5.0)
    assert k.left.length == 5.0


@pytest.mark.parametrize(
    ("bounds", "error"),
    [
        ({"length": (2.0, 1.0)}, InvalidArgument),
        ({"length": (0.0, 1.0)}, InvalidArgument),
        ({"length": 3}, InvalidType),
        ({"gamma": (0.1, 1.0)}, InvalidArgument),
        (3, InvalidType),
    ],
)
def test_impossible_bounds(bounds, error):
    with pytest.raises(error):
        RBF(bounds=bounds)
