from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels.wide.activations import (
    ACTIVATIONS,
    Abs,
    Cosine,
    Erf,
    Exponential,
    Gaussian,
    LeakyReLU,
    Polynomial,
    Sine,
    Step,
    resolve_activation,
)

OTHERS = [
    LeakyReLU(0.3),
    Step(-0.5, 2.0),
    Erf(0.3, 2.0, 0.7),
    Sine(1.5, 0.4, 2.0),
    Exponential(-0.5),
    Gaussian(0.5),
    Polynomial((1.0, -0.5, 0.25, 0.0, 0.1)),
]
EVERY = [*ACTIVATIONS.values(), *OTHERS]
KINKED = [a for a in EVERY if isinstance(a, (LeakyReLU, Step)) or a.name == "elu"]
TANGENT = [a for a in EVERY if not isinstance(a, Step)]
TRIPLES = [(1.0, 1.0, 0.5), (0.7, 1.6, -0.8), (2.0, 0.3, 0.0), (1.0, 1.0, -0.95), (0.01, 1.2, 0.1)]


def plain(function, q, r, c, kinked):
    """E[s(u) s(v)] by integration over the radius and the angle of two independent normals.

    Kinks at zero are then at four angles, and the integrand is smooth between them.
    """
    rho = c / np.sqrt(q * r)
    tilt = np.arccos(np.clip(rho, -1, 1))
    edges = [0.0, np.pi / 2, np.pi, 3 * np.pi / 2, 2 * np.pi]
    if kinked:
        edges += [(tilt + np.pi / 2) % (2 * np.pi), (tilt + 3 * np.pi / 2) % (2 * np.pi)]
    nodes, weights = np.polynomial.legendre.leggauss(60)
    spans = list(pairwise(np.unique(edges)))
    angles = np.concatenate([(a + b) / 2 + (b - a) / 2 * nodes for a, b in spans])
    steps = np.concatenate([(b - a) / 2 * weights for a, b in spans])
    radii, at = np.concatenate([x * 2 + 2 * nodes for x in range(1, 14, 2)]), np.tile(weights, 7)
    radius = radii[:, None]
    u = np.sqrt(q) * radius * np.cos(angles)
    v = np.sqrt(r) * radius * np.cos(angles - tilt)
    density = radii * np.exp(-(radii**2) / 2) / (2 * np.pi) * 2 * at
    return density @ (function(u) * function(v)) @ steps


@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_the_dual_is_the_integral(activation):
    for q, r, c in TRIPLES:
        expected = plain(activation.function, q, r, c, activation in KINKED)
        assert activation.dual(q, r, c) == pytest.approx(expected, rel=1e-9, abs=1e-10)
        expected = plain(activation.function, q, q, q, activation in KINKED)
        assert activation.dual_at(q) == pytest.approx(expected, rel=1e-9)
        assert activation.dual(q, q, q) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("activation", TANGENT, ids=repr)
def test_the_dual_of_the_derivative_is_the_integral_and_the_slope(activation):
    for q, r, c in TRIPLES:
        value = activation.derivative_dual(q, r, c)
        expected = plain(activation.derivative, q, r, c, activation in KINKED)
        rel = 1e-6 if activation.name == "elu" else 1e-9  # whose derivative has a kink
        assert value == pytest.approx(expected, rel=rel, abs=1e-10)
        step = 1e-5
        slope = activation.dual(q, r, c + step) - activation.dual(q, r, c - step)
        assert value == pytest.approx(slope / (2 * step), rel=1e-6, abs=1e-8)
        expected = plain(activation.derivative, q, q, q, activation in KINKED)
        assert activation.derivative_dual_at(q) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("activation", TANGENT, ids=repr)
def test_the_derivative_is_the_slope(activation):
    u = np.array([-2.3, -0.4, 0.7, 1.9])
    slope = (activation.function(u + 1e-6) - activation.function(u - 1e-6)) / 2e-6
    np.testing.assert_allclose(activation.derivative(u), slope, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_simulation(activation):
    u, v = np.random.default_rng(0).multivariate_normal([0, 0], [[0.8, 0.3], [0.3, 0.5]], 10**5).T
    samples = activation.function(u) * activation.function(v)
    error = 5 * samples.std() / np.sqrt(len(samples))
    assert abs(samples.mean() - activation.dual(0.8, 0.5, 0.3)) < error


@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_arrays_broadcast_in_their_precision(activation):
    q, r = np.array([[0.5], [1.0]]), np.array([0.2, 1.0, 2.0])
    c = 0.6 * np.sqrt(q * r)
    both = activation.dual(q, r, c)
    assert both.shape == (2, 3)
    assert both.dtype == np.float64
    assert both[1, 2] == pytest.approx(activation.dual(1.0, 2.0, c[1, 2]), rel=1e-14)
    single = [x.astype(np.float32) for x in (q, r, c)]
    assert activation.dual(*single).dtype == np.float32
    np.testing.assert_allclose(activation.dual(*single), both, rtol=2e-5, atol=1e-6)
    assert activation.dual_at(single[1]).dtype == np.float32
    assert activation.function(single[1]).dtype == np.float32
    assert activation.derivative(single[1]).dtype == np.float32
    if activation in TANGENT:
        slopes = activation.derivative_dual(*single)
        assert slopes.dtype == np.float32
        assert slopes.shape == (2, 3)
        expected = activation.derivative_dual(q, r, c)
        np.testing.assert_allclose(slopes, expected, rtol=2e-5, atol=1e-6)
        assert activation.derivative_dual_at(single[1]).dtype == np.float32
        assert activation.derivative_dual(0.5, 0.5, np.zeros((2, 2))).shape == (2, 2)
        dual, slope = activation.dual_and_derivative(q, r, 0.1)
        np.testing.assert_array_equal(dual, activation.dual(q, r, 0.1))
        np.testing.assert_array_equal(slope, activation.derivative_dual(q, r, 0.1))
        assert dual.shape == slope.shape == (2, 3)
    assert activation.dual(0.5, 0.5, np.zeros((2, 2))).shape == (2, 2)


@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_covariances_at_and_beyond_their_bounds(activation):
    for c in (1.0, 1.0 + 1e-15, -1.0, -1.0 - 1e-15):
        value = activation.dual(1.0, 1.0, c)
        expected = plain(activation.function, 1.0, 1.0, np.clip(c, -1, 1), activation in KINKED)
        assert value == pytest.approx(expected, rel=1e-6, abs=1e-7)
    assert np.isfinite(activation.dual(0.0, 0.0, 0.0))
    if activation in TANGENT:
        assert np.isfinite(activation.derivative_dual(0.0, 1.0, 0.0))


def test_the_usual_variance_of_weights_keeps_variances():
    assert ACTIVATIONS["relu"].weight_variance == 2.0
    assert ACTIVATIONS["abs"].weight_variance == ACTIVATIONS["linear"].weight_variance == 1.0
    for activation in EVERY:
        assert activation.weight_variance * activation.dual_at(1.0) == pytest.approx(1.0)


def test_known_values():
    assert Sine(1.0, np.pi / 4, np.sqrt(2.0)).dual(1.0, 2.0, 0.3) == pytest.approx(
        np.exp(-(3.0 - 0.6) / 2)  # an RBF kernel
    )
    assert Cosine().dual(1.0, 2.0, 0.3) == pytest.approx(np.exp(-1.5) * np.cosh(0.3))
    assert Abs().dual(1.0, 1.0, 0.0) == pytest.approx(2 / np.pi)


@pytest.mark.parametrize("name", ["step", "sign"])
def test_what_jumps_has_no_tangent_kernel(name):
    with pytest.raises(InvalidArgument, match="jumps"):
        ACTIVATIONS[name].derivative_dual(1.0, 1.0, 0.5)
    with pytest.raises(InvalidArgument, match="use NNGP"):
        ACTIVATIONS[name].derivative_dual_at(1.0)


def test_names():
    assert resolve_activation("ReLU") is ACTIVATIONS["relu"]
    assert resolve_activation("leaky_relu") == LeakyReLU(0.01)
    with pytest.raises(InvalidArgument, match="did you mean 'relu'"):
        resolve_activation("rellu")
    with pytest.raises(InvalidArgument, match="There are relu"):
        resolve_activation("zzz")
    with pytest.raises(InvalidType, match="name, an Activation or a function"):
        resolve_activation(3)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: LeakyReLU("much"), InvalidType),
        (lambda: Step(1.0, 1.0), InvalidArgument),
        (lambda: Erf(rate=0.0), InvalidArgument),
        (lambda: Erf(scale=0.0), InvalidArgument),
        (lambda: Sine(frequency=-1.0), InvalidArgument),
        (lambda: Exponential(0.0), InvalidArgument),
        (lambda: Gaussian(-1.0), InvalidArgument),
        (lambda: Polynomial((1.0,)), InvalidArgument),
        (lambda: Polynomial("abc"), InvalidType),
        (lambda: Polynomial((0.0, np.inf)), InvalidArgument),
    ],
)
def test_impossible_parameters(make, error):
    with pytest.raises(error):
        make()
