from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, InvalidVector
from likewise.kernels import NNGP, NTK
from likewise.kernels.wide.activations import resolve_activation
from likewise.kernels.wide.conv import ConvNNGP, ConvNTK
from likewise.testing.kernel import KernelConformance


def formula(kernel, x, y):
    """The recursion, entry by entry: (NNGP, NTK) of two images."""
    b, activation, size = (
        kernel.bias_variance,
        resolve_activation(kernel.activation),
        kernel.filter_size,
    )
    w = kernel.weight_variance or activation.weight_variance
    branch = 1.0 if kernel.residual is None else kernel.residual**2

    def places(layer):
        lost = (size - 1) * layer if kernel.padding == "valid" else 0
        return itertools.product(range(x.shape[0] - lost), range(x.shape[1] - lost))

    def shifted(p, o, layer):
        """The position of the layer below that offset ``o`` of the patch at ``p`` looks at."""
        reach = 0 if kernel.padding == "valid" else size // 2
        q = p[0] + o[0] - reach, p[1] + o[1] - reach
        if kernel.padding == "circular":
            return q[0] % x.shape[0], q[1] % x.shape[1]
        return q if 0 <= q[0] < x.shape[0] and 0 <= q[1] < x.shape[1] else None

    def patches(of, layer, p, q):
        """The mean over a patch of a covariance in the layer below."""
        total = 0.0
        for o in itertools.product(range(size), repeat=2):
            one, two = shifted(p, o, layer), shifted(q, o, layer)
            if one is not None and two is not None:
                total += of(one, two)
        return total / size**2

    @cache
    def after(layer, which, p, q):
        """Covariance of activations of hidden layer ``layer``; of pixels at 0."""
        one, two = (x, y) if which == "xy" else (x, x) if which == "xx" else (y, y)
        if layer == 0:
            return float(one[p] @ two[q] / x.shape[2])
        here = before(layer, which, p, q)
        if which == "xy":
            return float(
                activation.dual(before(layer, "xx", p, p), before(layer, "yy", q, q), here)
            )
        assert p == q
        return float(activation.dual_at(here))

    @cache
    def before(layer, which, p, q):
        mean = patches(lambda r, s: after(layer - 1, which, r, s), layer, p, q)
        if kernel.residual and layer > 1:
            return before(layer - 1, which, p, q) + branch * (w * mean + b)
        return w * mean + b

    def slope(layer, p, q):
        return float(
            activation.derivative_dual(
                before(layer, "xx", p, p), before(layer, "yy", q, q), before(layer, "xy", p, q)
            )
        )

    @cache
    def tangent(layer, p, q):
        own = w * patches(lambda r, s: after(layer - 1, "xy", r, s), layer, p, q) + b
        if layer == 1:
            return own
        mean = patches(lambda r, s: slope(layer - 1, r, s) * tangent(layer - 1, r, s), layer, p, q)
        if kernel.residual:
            return tangent(layer - 1, p, q) + branch * (own + w * mean)
        return own + w * mean

    last = list(places(kernel.depth))
    pairs = [(p, q) for p in last for q in last if kernel.pooling or p == q]
    nngp = w * np.mean([after(kernel.depth, "xy", p, q) for p, q in pairs]) + b
    L = kernel.depth
    return nngp, nngp + w * np.mean([slope(L, p, q) * tangent(L, p, q) for p, q in pairs])


class TestConvNNGP(KernelConformance):
    tolerance = 1e-7  # at equal images an angle near 0 loses half the digits

    def make(self):
        return ConvNNGP(depth=2)

    def variants(self):
        return [
            ConvNNGP(1, "erf", filter_size=2, padding="valid", pooling="average"),
            ConvNNGP(depth=3, filter_size=5, residual=0.7, bias_variance=0.1),
        ]

    def rows(self, n, seed=0):
        return np.random.default_rng(seed).standard_normal((n, 2, 3, 2))

    def plain(self, kernel, x, y):
        return formula(kernel, x, y)[0]

    def test_bad_rows(self):
        k, X = self.make(), self.rows(3)
        wrong = X.copy()
        wrong[1, 0, 2, 1] = np.nan
        with pytest.raises(InvalidVector, match="row 1 has NaN"):
            k(wrong)
        with pytest.raises(DimensionMismatch, match="height, width, channels"):
            k(X[0])
        with pytest.raises(DimensionMismatch):
            k(X, X[:, :1])
        for bad in ("text", 3.0, None):
            with pytest.raises(InvalidType):
                k(bad)


class TestConvNTK(TestConvNNGP):
    tolerance = 1e-7

    def make(self):
        return ConvNTK(depth=2)

    def variants(self):
        return [
            ConvNTK(depth=2, pooling="average", bias_variance=0.1),
            ConvNTK(3, "erf", padding="circular", weight_variance=1.5, residual=0.7),
        ]

    def plain(self, kernel, x, y):
        return formula(kernel, x, y)[1]


def random_network(X, depth, channels, rng):
    """Activations of the last hidden layer of a finite network, (n, positions, channels)."""
    at, (n, high, wide, _) = X, X.shape
    for _ in range(depth):
        padded = np.pad(at, ((0, 0), (1, 1), (1, 1), (0, 0)))
        patches = np.stack(
            [padded[:, i : i + high, j : j + wide] for i in range(3) for j in range(3)], axis=-1
        ).reshape(n, high, wide, -1)
        weights = rng.standard_normal((patches.shape[-1], channels))
        at = np.maximum(patches @ weights * (2 / len(weights)) ** 0.5, 0)
    return at.reshape(n, high * wide, channels)


@pytest.mark.parametrize("pooling", [None, "average"])
def test_the_limit_of_random_networks(pooling):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 4, 4, 2))
    exact, errors = ConvNNGP(depth=2, pooling=pooling)(X), []
    for channels in (16, 256):
        mean = np.zeros((4, 4))
        for _ in range(10):
            h = random_network(X, 2, channels, rng)
            h = h.mean(axis=1, keepdims=True) if pooling else h
            mean += 2.0 * np.einsum("ipc,jpc->ij", h, h) / (h.shape[1] * h.shape[2]) / 10
        errors.append(np.abs(mean - exact).max() / exact.max())
    assert errors[1] < 0.06
    assert errors[1] < errors[0]


@pytest.mark.parametrize(("conv", "dense"), [(ConvNNGP, NNGP), (ConvNTK, NTK)])
def test_one_position_is_fully_connected(conv, dense):
    X = np.random.default_rng(0).standard_normal((5, 3))
    for arguments in ({}, {"residual": 0.5, "bias_variance": 0.2}, {"activation": "gelu"}):
        same = conv(depth=3, filter_size=1, **arguments)(X[:, None, None, :])
        np.testing.assert_allclose(same, dense(depth=3, **arguments)(X), rtol=1e-10)


def test_valid_layers_shrink():
    X = np.random.default_rng(0).standard_normal((2, 4, 5, 1))
    kernel = ConvNTK(2, "erf", filter_size=2, padding="valid", pooling="average")
    exact = [[formula(kernel, x, y)[1] for y in X] for x in X]
    np.testing.assert_allclose(kernel(X, X + 0.0), exact, rtol=1e-6)


def test_pooling_does_not_see_where_something_is():
    image = np.zeros((1, 5, 5, 2))
    image[0, 1:3, 1:3] = np.random.default_rng(0).standard_normal((2, 2, 2))
    moved = np.roll(image, (1, 2), axis=(1, 2))
    other = np.random.default_rng(1).standard_normal((1, 5, 5, 2))
    pooled = ConvNTK(depth=2, padding="circular", pooling="average")
    np.testing.assert_allclose(pooled(image, other), pooled(moved, other))
    plain = pooled.copy(pooling=None)
    assert abs(plain(image, other) - plain(moved, other)) > 1e-3


def test_the_plan_counts_pairs_of_positions():
    X = np.zeros((3, 5, 4, 2))
    for pooling, positions in ((None, 20), ("average", 400)):
        for timed in (False, True):
            plan = ConvNNGP(pooling=pooling).plan(X, timed=timed)
            assert plan.positions == positions
            assert f"{positions:,} pairs of positions an entry" in str(plan)


def test_wrong_arguments():
    for wrong, match in (
        ({"padding": "reflect"}, "padding must be one of same, valid, circular"),
        ({"filter_size": 2}, "must be odd"),
        ({"pooling": "max"}, 'pooling must be None or "average"'),
        ({"residual": 0.0}, "residual must be positive, or None"),
        ({"residual": 0.5, "padding": "valid"}, "residual adds layers of equal shape"),
        ({"bias_variance": -1.0}, "bias_variance must not be negative"),
        ({"activation": "rellu"}, "did you mean 'relu'"),
        ({"depth": 0}, "depth must be at least 1"),
    ):
        with pytest.raises(InvalidArgument, match=match):
            ConvNNGP(**wrong)
    with pytest.raises(InvalidArgument, match="weight_variance must be positive, or None"):
        ConvNNGP(weight_variance=0.0)
    with pytest.raises(DimensionMismatch, match="filter_size = 3 does not fit 2 x 2"):
        ConvNNGP(depth=2, padding="valid")(np.zeros((1, 4, 4, 1)))
