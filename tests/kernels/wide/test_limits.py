from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import InvalidArgument
from likewise.kernels.wide.activations import GELU, LeakyReLU, Polynomial, resolve_activation
from likewise.kernels.wide.limits import limit_class, optimal_activation
from likewise.kernels.wide.singular_limit import SingularLimit, optimal_squares


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        ("relu", "majority"),
        (LeakyReLU(0.3), "majority"),
        (GELU(), "majority"),
        ("cos", "majority"),
        ("erf", "singular"),
        ("sin", "singular"),
        (Polynomial((0.0, 1.0)), "linear"),
        (Polynomial((-1.0, 0.0, 1.0)), "nearest"),  # the second Hermite polynomial
        (Polynomial((0.0, -3.0, 0.0, 1.0)), "nearest"),  # the third
    ],
)
def test_the_taxonomy(activation, name):
    assert limit_class(activation).name == name


@pytest.mark.parametrize("name", ["relu", "erf", "gelu"])
def test_the_numbers_are_means_over_normal_inputs(name):
    activation = resolve_activation(name)
    z, w = np.polynomial.hermite_e.hermegauss(200)
    w = w / w.sum()
    root = np.sqrt(w @ activation.function(z) ** 2)
    found = limit_class(name)
    close = {"abs": 5e-3}  # a kink is not for Gauss-Hermite
    assert found.mean == pytest.approx(abs(w @ activation.function(z)) / root, **close)
    assert found.slope == pytest.approx(abs(w @ activation.derivative(z)) / root, **close)
    assert found.stretch == pytest.approx(w @ activation.derivative(z) ** 2 / root**2, **close)


@pytest.mark.parametrize("dim", [1, 2, 3, 5.5, 10])
def test_optimal_activations(dim):
    activation = optimal_activation(dim)
    xi = np.linspace(-1, 1, 9)
    squares = optimal_squares(dim)
    np.testing.assert_allclose(
        activation.dual(1.0, 1.0, xi), np.polyval(squares[::-1], xi), atol=1e-12
    )
    found = limit_class(activation)
    assert found.name == "singular"
    assert found.alpha == pytest.approx(dim)
    assert found.stretch == pytest.approx(4 if dim == 1 else 2)


def test_deep_networks_tend_to_the_singular_limit():
    angles = np.array([0.0, 0.05, 0.2, 0.5, 1.1])
    circle = np.c_[np.cos(angles), np.sin(angles)]
    kernel, activation, xi = SingularLimit(2), optimal_activation(2), circle @ circle.T
    apart = ~np.eye(5, dtype=bool)
    nngp, ntk, sums = xi, xi, []
    for layer in range(1, 401):
        slope = activation.derivative_dual(1.0, 1.0, np.clip(nngp, -1, 1))
        nngp = activation.dual(1.0, 1.0, np.clip(nngp, -1, 1))
        ntk = nngp + slope * ntk
        if layer in (200, 400):
            sums.append(ntk[apart] / optimal_squares(2)[1] ** layer)
    limit = kernel(circle)[apart]
    np.testing.assert_allclose(nngp[apart] / optimal_squares(2)[1] ** 400, limit, rtol=1e-8)
    # The tangent kernel adds up layers, of which the first are unlike the limit.
    np.testing.assert_allclose((sums[1] - sums[0]) / 200, limit, rtol=1e-8)


def test_what_has_no_limit():
    with pytest.raises(InvalidArgument, match="jumps"):
        limit_class("sign")
    with pytest.raises(InvalidArgument, match="dim must be 1, or from 2"):
        optimal_activation(0.5)
