import numpy as np
import pytest

from likewise.errors import InvalidType
from likewise.kernels import RBF
from likewise.kernels.machines import KernelRidge, PositivePart
from likewise.testing.kernel import KernelConformance
from tests.kernels.machines.test_ridge import Saddle

Z = np.random.default_rng(5).standard_normal((12, 4))


class TestPositivePart(KernelConformance):
    tolerance = 1e-8

    def make(self):
        return PositivePart(RBF(length=1.3), Z)

    def variants(self):
        return [PositivePart(2.0 * RBF(length=3.0), Z[:5])]

    def plain(self, kernel, x, y):
        values, U = np.linalg.eigh(kernel.kernel(kernel.rows))
        inverse = (U / np.where(values > 0, values, np.inf)) @ U.T
        left, right = kernel.kernel(x[None], kernel.rows), kernel.kernel(kernel.rows, y[None])
        return (left @ inverse @ right).item()


def test_what_is_negative_is_gone_and_a_machine_takes_it():
    k = Saddle()
    values, U = np.linalg.eigh(k(Z))
    clipped = (U * np.maximum(values, 0)) @ U.T
    part = PositivePart(k, Z)
    assert part.psd
    np.testing.assert_allclose(part(Z), clipped, atol=1e-9)
    model = KernelRidge(part, ridge=0.1).fit(Z, Z[:, 0])
    expected = clipped @ np.linalg.solve(clipped + 0.1 * np.eye(12), Z[:, 0])
    np.testing.assert_allclose(model.predict(Z), expected, atol=1e-9)


def test_follows_its_kernel():
    k = PositivePart(RBF(length=1.0), Z)
    before = k(Z)
    k.set_params(kernel__length=3.0)
    assert np.abs(k(Z) - before).max() > 0.1
    with pytest.raises(InvalidType):
        PositivePart("rbf", Z)
