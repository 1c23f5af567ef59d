from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, InvalidVector
from likewise.kernels import ConvNTK, HierarchicalNNGP, HierarchicalNTK, resolve_activation
from likewise.testing.kernel import KernelConformance


def tree(kernel, x, y):
    """(NNGP, NTK) by a recursion from the root down to the leaves."""
    activation, b = resolve_activation(kernel.activation), kernel.bias_variance
    w = kernel.weight_variance or activation.weight_variance

    def patch(row, p):
        part = row[p * kernel.patch : (p + 1) * kernel.patch]
        return part / np.sqrt(np.mean(part**2)) if kernel.normalize else part

    def node(layer, p):
        """Variances, covariance and tangent kernel before the activation."""
        if layer == 0:
            one, two = patch(x, p), patch(y, p)
            q, r, c = (w * np.mean(a * b_) + b for a, b_ in ((one, one), (two, two), (one, two)))
            return q, r, c, c
        children = kernel.fan_in[layer - 1]
        return above([node(layer - 1, p * children + i) for i in range(children)])

    def above(nodes):
        q = w * np.mean([activation.dual_at(n[0]) for n in nodes]) + b
        r = w * np.mean([activation.dual_at(n[1]) for n in nodes]) + b
        c = w * np.mean([activation.dual(*n[:3]) for n in nodes]) + b
        return q, r, c, c + w * np.mean([activation.derivative_dual(*n[:3]) * n[3] for n in nodes])

    left = len(x) // kernel.patch // int(np.prod(kernel.fan_in))
    return above([node(len(kernel.fan_in), p) for p in range(left)])[2:]


class TestHierarchicalNNGP(KernelConformance):
    tolerance = 1e-7  # at equal rows an angle near 0 loses half the digits

    def make(self):
        return HierarchicalNNGP(patch=2, fan_in=(2,))

    def variants(self):
        return [
            HierarchicalNNGP(2, (2, 2), "erf", bias_variance=0.2),
            HierarchicalNNGP(4, (), weight_variance=1.5),
            HierarchicalNNGP(1, [8], normalize=False),
        ]

    def rows(self, n, seed=0):
        return np.random.default_rng(seed).standard_normal((n, 8))

    def plain(self, kernel, x, y):
        return tree(kernel, x, y)[0]

    def test_parameters_come_and_go(self):
        super().test_parameters_come_and_go()
        assert HierarchicalNNGP(fan_in=(2, 3)) != HierarchicalNNGP(fan_in=(3, 2))


class TestHierarchicalNTK(TestHierarchicalNNGP):
    def make(self):
        return HierarchicalNTK(patch=2, fan_in=(2,))

    def variants(self):
        return [
            HierarchicalNTK(2, (2, 2), "erf", bias_variance=0.2),
            HierarchicalNTK(4, (), weight_variance=1.5),
            HierarchicalNTK(2, [4], normalize=False),
        ]

    def plain(self, kernel, x, y):
        return tree(kernel, x, y)[1]


def test_one_layer_is_a_convolution_of_pixels():
    X = np.random.default_rng(0).standard_normal((5, 12))
    one = HierarchicalNTK(patch=3, normalize=False, bias_variance=0.3)
    images = X.reshape(5, 2, 2, 3)
    np.testing.assert_allclose(one(X), ConvNTK(1, filter_size=1, bias_variance=0.3)(images))


def test_shared_weights_of_many_channels():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 8))
    X /= np.repeat(np.linalg.norm(X.reshape(4, 4, 2), axis=2), 2, axis=1)
    exact, mean = HierarchicalNNGP(patch=2, fan_in=(2,))(X), np.zeros((4, 4))
    for _ in range(10):
        # At length 1, not sqrt(2), of a patch: the fan-in of 2 leaves out the division.
        one = np.maximum(X.reshape(4, 4, 2) @ rng.standard_normal((2, 1000)) * 2**0.5, 0)
        two = one.reshape(4, 2, 2000) @ rng.standard_normal((2000, 1000)) * (2 / 2000) ** 0.5
        mean += 2 * np.einsum("ipc,jpc->ij", np.maximum(two, 0), np.maximum(two, 0)) / 2000 / 10
    np.testing.assert_allclose(mean, exact, atol=0.08)


def test_wrong_arguments_and_rows():
    with pytest.raises(DimensionMismatch, match=r"9 columns, which 2 x 2 = 4 \(patch and fan_in\)"):
        HierarchicalNNGP(2, (2,))(np.ones((2, 9)))
    zero = np.ones((3, 4))
    zero[1, 2:] = 0.0
    with pytest.raises(InvalidVector, match="patch 1 of row 1 is all zeros"):
        HierarchicalNNGP(2)(zero)
    assert np.isfinite(HierarchicalNNGP(2, normalize=False)(zero)).all()
    with pytest.raises(InvalidArgument, match=r"fan_in\[1\] must be at least 1; got 0"):
        HierarchicalNNGP(2, (2, 0))
    with pytest.raises(InvalidType, match="fan_in must be a sequence"):
        HierarchicalNNGP(2, 2)
    with pytest.raises(InvalidType, match="normalize must be"):
        HierarchicalNNGP(2, normalize=1.0)
    with pytest.raises(InvalidArgument, match="bias_variance must not be negative"):
        HierarchicalNNGP(2, bias_variance=-0.1)
