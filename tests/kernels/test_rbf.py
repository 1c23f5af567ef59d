from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF as SklearnRBF

from likewise.errors import DimensionMismatch
from likewise.kernels import RBF
from likewise.testing.kernel import KernelConformance


class TestRBF(KernelConformance):
    features = 4000

    def make(self):
        return RBF(length=1.3)

    def variants(self):
        return [RBF(length=[0.5, 1.0, 2.0, 4.0]), RBF(bounds={"length": (0.1, 10.0)})]

    def plain(self, kernel, x, y):
        scaled = (x - y) / np.asarray(kernel.length)
        return np.exp(-0.5 * np.sum(scaled**2))


def test_equals_scikit_learn():
    X = np.random.default_rng(0).standard_normal((30, 3)) + 1e4  # far from 0: digits are lost
    np.testing.assert_allclose(RBF(length=0.7)(X), SklearnRBF(0.7)(X), atol=1e-9)


def test_lengths_of_another_number_of_dimensions():
    with pytest.raises(DimensionMismatch, match="length has 3 numbers, rows have 2"):
        RBF(length=[1.0, 2.0, 3.0])([[1.0, 2.0]])
