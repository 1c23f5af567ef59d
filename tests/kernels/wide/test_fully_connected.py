from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidType, UnknownArgument
from likewise.kernels import NNGP, NTK
from likewise.kernels.wide.activations import ACTIVATIONS, LeakyReLU, Polynomial
from likewise.testing.kernel import KernelConformance


def plain(kernel, x, y):
    """S_l and T_l of one pair, by the formulas of the docstrings."""
    activation = ACTIVATIONS.get(kernel.activation, kernel.activation)
    w = activation.weight_variance if kernel.weight_variance is None else kernel.weight_variance
    b = kernel.bias_variance
    q, r, s = (w * np.dot(*pair) / len(x) + b for pair in ((x, x), (y, y), (x, y)))
    t = s
    same = np.array_equal(x, y)
    for layer in range(1, kernel.depth + 1):
        branch = kernel.residual if kernel.residual and layer < kernel.depth else None
        a, keep = (1.0, 0.0) if branch is None else (branch**2, 1.0)
        slope = activation.derivative_dual_at(q) if same else activation.derivative_dual(q, r, s)
        dual = activation.dual_at(q) if same else activation.dual(q, r, s)
        new = a * (w * dual + b)
        t = keep * t + new + a * w * slope * t
        s = keep * s + new
        q, r = (keep * v + a * (w * activation.dual_at(v) + b) for v in (q, r))
    return s if isinstance(kernel, NNGP) else t


class WideConformance(KernelConformance):
    tolerance = 1e-9

    def plain(self, kernel, x, y):
        return plain(kernel, x, y)


class TestNNGP(WideConformance):
    features = 1000
    features_error = 0.1

    def make(self):
        return NNGP(depth=2)

    def variants(self):
        return [
            NNGP(depth=1, activation="erf", weight_variance=1.5, bias_variance=0.3),
            NNGP(
                depth=2, activation="tanh", bias_variance=0.1, bounds={"bias_variance": (0.01, 1)}
            ),
        ]


class TestNTK(WideConformance):
    features = 1500
    features_error = 0.16

    def make(self):
        return NTK(depth=2)

    def variants(self):
        return [NTK(depth=1, activation=LeakyReLU(0.2), bias_variance=0.2)]


class TestResidual(WideConformance):
    def make(self):
        return NTK(depth=4, residual=0.5)

    def variants(self):
        return [
            NNGP(depth=3, activation="gelu", residual=0.7, bias_variance=0.2),
            NTK(depth=3, activation="sin", residual=1.0, weight_variance=1.1),
        ]


def rows(n=12, dim=5, seed=0):
    return np.random.default_rng(seed).standard_normal((n, dim))


@pytest.mark.parametrize(
    "activation", [a for a in ACTIVATIONS if a not in ("exp", "cube", "square")]
)
def test_every_activation_makes_kernels(activation):
    X = rows(30)
    K = NNGP(2, activation)(X)
    assert np.linalg.eigvalsh(K)[0] > -1e-9 * np.abs(K).max()
    if activation in ("step", "sign"):
        with pytest.raises(InvalidArgument, match="jumps"):
            NTK(2, activation)(X)
    else:
        T = NTK(2, activation)(X)
        assert np.linalg.eigvalsh(T - K)[0] > -1e-9 * np.abs(T).max()
        np.testing.assert_allclose(T[0, 1], plain(NTK(2, activation), X[0], X[1]), rtol=1e-9)


def test_depth_is_the_number_of_hidden_layers():
    X = rows()
    linear = NNGP(depth=7, activation="linear")(X)  # whose variance of weights is 1
    np.testing.assert_allclose(linear, X @ X.T / 5, atol=1e-12)
    np.testing.assert_allclose(NTK(depth=7, activation="linear")(X), 8 * X @ X.T / 5, atol=1e-12)


def test_the_kernel_of_wide_random_networks():
    X, width = rows(5), 1500
    rng = np.random.default_rng(1)
    for activation in (ACTIVATIONS["relu"], ACTIVATIONS["erf"]):
        kernel = NNGP(2, activation, weight_variance=1.7, bias_variance=0.4)
        z = np.sqrt(1.7 / 5) * X @ rng.standard_normal((5, width))
        z += np.sqrt(0.4) * rng.standard_normal(width)
        h = activation.function(z)
        z = np.sqrt(1.7 / width) * h @ rng.standard_normal((width, width))
        z += np.sqrt(0.4) * rng.standard_normal(width)
        h = activation.function(z)
        found = 1.7 * h @ h.T / width + 0.4
        K = kernel(X)
        assert np.linalg.norm(found - K) / np.linalg.norm(K) < 5 / np.sqrt(width)


def test_the_tangent_kernel_of_a_wide_random_network():
    X, width = rows(4), 1500
    rng = np.random.default_rng(2)
    W, v = rng.standard_normal((5, width)), rng.standard_normal((width, width))
    out = rng.standard_normal(width)
    w, b = 1.6, 0.3
    biases = np.sqrt(b) * rng.standard_normal((2, width))
    erf = ACTIVATIONS["erf"]
    u1 = np.sqrt(w / 5) * X @ W + biases[0]
    h1 = erf.function(u1)
    u2 = np.sqrt(w / width) * h1 @ v + biases[1]
    h2 = erf.function(u2)
    # Gradients by hand: of the last weights, the second and the first, and of all biases.
    back2 = np.sqrt(w / width) * out * erf.derivative(u2)
    back1 = np.sqrt(w / width) * (back2 @ v.T) * erf.derivative(u1)
    found = w * h2 @ h2.T / width + b
    found += (w * h1 @ h1.T / width + b) * (back2 @ back2.T)
    found += (w * X @ X.T / 5 + b) * (back1 @ back1.T)
    K = NTK(2, "erf", weight_variance=w, bias_variance=b)(X)
    assert np.linalg.norm(found - K) / np.linalg.norm(K) < 6 / np.sqrt(width)


def test_rows_that_are_alike_or_zero_or_large():
    X = rows(20)
    X[10:] = X[:10] * np.array([[1.0], [1 + 1e-12], [-1.0], [2.0], [1e3]] * 2)
    X[3] = 0
    for kernel in (NNGP(6), NTK(6), NTK(3, bias_variance=0.1), NTK(3, "erf"), NTK(40)):
        K = kernel(X)
        assert np.isfinite(K).all()
        roots = np.sqrt(np.diag(K))
        assert (np.abs(K) <= roots[:, None] * roots * (1 + 1e-12)).all()
        assert np.linalg.eigvalsh(K)[0] > -1e-9 * K.max()
    K = NTK(6)(X)
    assert (K[3] == 0).all()
    assert K[0, 10] == pytest.approx(K[0, 0], rel=1e-6)
    off = [i for i in range(20) if i not in (8, 18)]
    np.testing.assert_allclose(K[off, 18], 2 * K[off, 8], rtol=1e-6)


def test_relu_kernels_are_homogeneous():
    X = rows(6)
    for kernel in (NNGP(4), NTK(4), NTK(4, residual=0.3)):
        np.testing.assert_allclose(kernel(3 * X, 2 * X), 6 * kernel(X, X.copy()), rtol=1e-6)


def test_float32_rows_lose_nothing_inside():
    X = rows(60, 3).astype(np.float32)
    X[30:] = X[:30] + np.float32(1e-4)
    K = NTK(8)(X)
    assert K.dtype == np.float32
    exact = NTK(8)(X.astype(np.float64))
    np.testing.assert_array_equal(K, exact.astype(np.float32))
    assert np.linalg.eigvalsh(K.astype(np.float64))[0] > -1e-6 * K.max()


def test_biases_are_learnt_when_there_are_any():
    assert [h.name for h in NTK().hyperparameters()] == ["weight_variance"]
    with_bias = NTK(bias_variance=0.5)
    assert [h.name for h in with_bias.hyperparameters()] == ["weight_variance", "bias_variance"]
    np.testing.assert_allclose(np.exp(with_bias.theta), [2.0, 0.5])
    fixed = NTK(bias_variance=0.5, bounds={"bias_variance": "fixed"})
    assert [h.name for h in fixed.hyperparameters()] == ["weight_variance"]
    with pytest.raises(InvalidArgument, match="no 'bias_variance' to be learnt"):
        NTK(bounds={"bias_variance": (0.1, 1.0)})


def test_a_function_is_an_activation():
    X = rows(6)
    assert np.array_equal(NTK(2, np.tanh)(X), NTK(2, "tanh")(X))
    assert NTK(2, np.tanh) == NTK(2, np.tanh)
    assert repr(NTK(2, "tanh")) == "NTK(depth=2, activation='tanh')"


def test_variances_that_explode_are_refused():
    with pytest.raises(InvalidArgument, match=r"variance of row 1 is beyond all numbers after"):
        NNGP(6, "exp")([[0.1, 0.1], [5.0, 5.0]])
    with pytest.raises(InvalidArgument, match="take fewer layers"):
        NTK(12, Polynomial((0, 0, 0, 1.0)))([[9.0, 9.0], [5.0, 5.0]])
    with pytest.raises(InvalidArgument, match=r"E\[s\(u\)\^2\] is infinite"):
        NNGP(2, lambda u: np.exp(u * u))([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"depth": 0}, InvalidArgument, "depth"),
        ({"depth": 1.5}, InvalidType, "depth"),
        ({"activation": "rellu"}, InvalidArgument, "did you mean"),
        ({"activation": 3}, InvalidType, "activation"),
        ({"weight_variance": -1.0}, InvalidArgument, "weight_variance must be positive"),
        ({"bias_variance": -1.0}, InvalidArgument, "must not be negative"),
        ({"residual": 0.0}, InvalidArgument, "residual must be positive"),
        ({"residual": "yes"}, InvalidType, "residual"),
        ({"layers": 3}, UnknownArgument, r"NTK\(\) has no argument 'layers'"),
    ],
)
def test_impossible_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        NTK(**arguments)


def test_features_need_room_and_slopes():
    X = rows(4)
    with pytest.raises(InvalidArgument, match="at least 4"):
        NTK(1, bias_variance=0.5).features(1)
    assert NTK(1).features(4, random_state=0)(X.astype(np.float32)).dtype == np.float32
    with pytest.raises(InvalidArgument, match="no explicit feature map"):
        NNGP(2, residual=0.5).features(10)
