from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidType, InvalidVector
from likewise.kernels import NNGP, NTK, FiniteWidth, resolve_activation
from likewise.kernels.wide._fourth_moments import fourth_moments
from likewise.kernels.wide.activations import LeakyReLU

X = np.array([[0.6, 0.8, 1.0], [1.0, -0.2, 0.3]])


def entries(kernels):
    """The three different entries of (M, 2, 2)."""
    return kernels[:, [0, 0, 1], [0, 1, 1]]


@pytest.mark.parametrize(("activation", "b"), [("relu", 0.0), ("erf", 0.1), ("gelu", 0.2)])
def test_first_order_is_what_simulation_finds(activation, b):
    network = FiniteWidth((120, 60), activation, weight_variance=2.0, bias_variance=b)
    found = network.moments(X)
    drawn = entries(network.sample_kernels(X, 12_000, random_state=0))
    limit = NNGP(2, activation, weight_variance=2.0, bias_variance=b)(X)
    np.testing.assert_allclose(found.limit, limit[[0, 0, 1], [0, 1, 1]])
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert (np.abs(drawn.mean(axis=0) - found.mean) < 4 * error).all()
    np.testing.assert_allclose(np.cov(drawn.T), found.covariance, rtol=0.1)
    one = network.moments(X[:1])
    np.testing.assert_allclose(one.mean, found.mean[:1])
    np.testing.assert_allclose(one.covariance[0, 0], found.covariance[0, 0])


def test_the_mean_moves_where_layers_are_not_homogeneous():
    network = FiniteWidth((20,) * 3, "erf", weight_variance=2.0)
    drawn = network.sample_kernels(X[:1], 40_000, random_state=1)[:, 0, 0]
    found = network.moments(X[:1])
    shift, error = found.mean[0] - found.limit[0], drawn.std() / 200
    assert abs(shift) > 8 * error
    assert drawn.mean() - found.limit[0] == pytest.approx(shift, rel=0.35)


def test_known_kurtosis():
    # ReLU: exactly 3 (prod (1 + 5 / n) - 1), to first order 15 sum 1 / n.
    network = FiniteWidth((64, 128, 32))
    first = network.excess_kurtosis(X[0])
    assert first == pytest.approx(15 * (1 / 64 + 1 / 128 + 1 / 32))
    drawn = network.sample_kernels(X[:1], 40_000, random_state=0)[:, 0, 0]
    exact = 3 * (np.prod(1 + 5 / np.array([64, 128, 32])) - 1)
    assert 3 * drawn.var() / drawn.mean() ** 2 == pytest.approx(exact, rel=0.05)
    assert FiniteWidth((64, 64), "linear").excess_kurtosis(X[0]) == pytest.approx(2 * 3 * 2 / 64)


def test_tangent_variance():
    for slope in (0.0, 0.5, 1.0):
        network = FiniteWidth((160, 80), LeakyReLU(slope), weight_variance=2 / (1 + slope**2))
        drawn = network.sample_kernels(X[:1], 8_000, tangent=True, random_state=0)[:, 0, 0]
        relative = drawn.var() / drawn.mean() ** 2
        assert relative == pytest.approx(network.tangent_variance(), rel=0.1)


def explicit(network, rng):
    """Kernel and tangent kernel of one network with all its weights."""
    w, b = network.weight_variance, network.bias_variance
    widths = [X.shape[1], *network.widths, 1]
    W = [rng.standard_normal(shape) for shape in zip(widths[1:], widths, strict=False)]
    h, hidden, before = X.T, [X.T], []
    for layer in W[:-1]:
        bias = np.sqrt(b) * rng.standard_normal((len(layer), 1))
        before.append(np.sqrt(w / layer.shape[1]) * layer @ h + bias)
        h = network.activation.function(before[-1])
        hidden.append(h)
    delta, total = np.ones((1, 2)), 0.0
    for level in reversed(range(len(W))):
        own = w * hidden[level].T @ hidden[level] / len(hidden[level]) + b
        total = total + own * (delta.T @ delta)
        if level:
            back = np.sqrt(w / W[level].shape[1]) * W[level].T @ delta
            delta = network.activation.derivative(before[level - 1]) * back
    return w * h.T @ h / len(h) + b, total


@pytest.mark.parametrize("widths", [(6, 4), (1, 3)])  # one unit: singular for two rows
def test_layers_without_weights_are_networks(widths):
    network = FiniteWidth(widths, "gelu", bias_variance=0.3, weight_variance=1.5)
    rng = np.random.default_rng(0)
    plain = [explicit(network, rng) for _ in range(6000)]
    for tangent in (False, True):
        drawn = entries(network.sample_kernels(X, 6000, tangent=tangent, random_state=1))
        direct = entries(np.array([both[tangent] for both in plain]))
        for one, two in ((drawn, direct), (np.log(drawn[:, ::2]), np.log(direct[:, ::2]))):
            spread = np.hypot(one.std(axis=0), two.std(axis=0)) / np.sqrt(len(one))
            assert (np.abs(one.mean(axis=0) - two.mean(axis=0)) < 4.5 * spread).all()
        np.testing.assert_allclose(
            np.log(drawn[:, ::2]).std(axis=0), np.log(direct[:, ::2]).std(axis=0), rtol=0.08
        )


def test_wide_networks_have_the_kernels_of_the_limit():
    network = FiniteWidth((2000, 2000), "relu", bias_variance=0.1)
    for tangent, limit in ((False, NNGP), (True, NTK)):
        mean = network.sample_kernels(X, 20, tangent=tangent, random_state=0).mean(axis=0)
        exact = limit(2, bias_variance=0.1)(X)
        np.testing.assert_allclose(mean, exact, rtol=0.05)


def test_draws_repeat_and_come_in_parts(monkeypatch):
    network = FiniteWidth((5, 5))
    one = network.sample_kernels(X, 7, random_state=3)
    np.testing.assert_array_equal(one, network.sample_kernels(X, 7, random_state=3))
    assert one.shape == (7, 2, 2)
    assert len(np.unique(one[:, 0, 0])) == 7


def test_fourth_moments_are_exact():
    relu = resolve_activation("relu").function
    np.testing.assert_allclose(fourth_moments(relu, 1.0, 1.0, 0.0)[[0, 2, 4]], [1.5, 0.25, 1.5])
    q, r, c = 1.3, 0.7, -0.4
    square = fourth_moments(lambda u: u, q, r, c)
    expected = [3 * q * q, 3 * q * c, q * r + 2 * c * c, 3 * r * c, 3 * r * r]
    np.testing.assert_allclose(square, expected, rtol=1e-12)
    near = fourth_moments(resolve_activation("gelu").function, q, r, c)
    u = np.random.default_rng(0).multivariate_normal([0, 0], [[q, c], [c, r]], 200_000)
    one, two = resolve_activation("gelu").function(u).T
    assert near[1] == pytest.approx(np.mean(one**3 * two), abs=0.02)


def test_wrong_rows_and_arguments():
    network = FiniteWidth((8, 8))
    with pytest.raises(InvalidVector, match="of one row or two; got 3"):
        network.moments(np.eye(3))
    with pytest.raises(InvalidVector, match="a correlation of 1 in a layer"):
        network.moments([[1.0, 2.0], [2.0, 4.0]])
    with pytest.raises(InvalidVector, match="the kurtosis is of one row; got 2"):
        network.excess_kurtosis(X)
    with pytest.raises(InvalidArgument, match="known for ReLU and leaky ReLU"):
        FiniteWidth((8,), "erf").tangent_variance()
    with pytest.raises(InvalidArgument, match="without biases"):
        FiniteWidth((8,), bias_variance=0.1).tangent_variance()
    with pytest.raises(InvalidArgument, match="n_samples must be at least 1"):
        network.sample_kernels(X, 0)
    with pytest.raises(InvalidType, match="random_state must be an integer"):
        network.sample_kernels(X, 2, random_state="one")
    with pytest.raises(InvalidArgument, match="at least one hidden layer"):
        FiniteWidth(())
