from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidType, UnknownArgument
from likewise.kernels.wide.activations import ACTIVATIONS, Expanded, resolve_activation
from likewise.kernels.wide.hermite import hermite_coefficients

SMOOTH = ["gelu", "erf", "sin", "square", "gaussian", "exp"]
KINKED = ["relu", "leaky_relu", "abs"]
TRIPLES = [(1.0, 1.0, 0.5), (0.7, 1.6, -0.8), (2.0, 0.3, 0.0), (1.0, 1.0, 0.999), (0.1, 3.0, -0.2)]


def expanded(name):
    """As though nothing but the function were known."""
    return Expanded(ACTIVATIONS[name].function, name=name)


@pytest.mark.parametrize("name", SMOOTH + KINKED)
def test_the_expansion_is_the_closed_form(name):
    closed, series = ACTIVATIONS[name], expanded(name)
    for q, r, c in TRIPLES:
        size = np.sqrt(closed.dual_at(q) * closed.dual_at(r))
        error = np.sqrt(series.dual_error(q) * series.dual_error(r)) + 1e-12
        assert abs(series.dual(q, r, c) - closed.dual(q, r, c)) <= error * size
        assert series.dual_at(q) == pytest.approx(closed.dual_at(q), rel=1e-12)
        assert series.dual(q, q, q) == pytest.approx(closed.dual_at(q), rel=1e-11)
        slopes = closed.derivative_dual_at(q)
        assert series.derivative_dual_at(q) == pytest.approx(slopes, rel=1e-10)
        assert series.derivative_dual(q, q, q) == pytest.approx(slopes, rel=1e-10)
        if name in SMOOTH or abs(c) < 0.9:
            expected = closed.derivative_dual(q, r, c)
            found = series.derivative_dual(q, r, c)
            size = np.sqrt(slopes * closed.derivative_dual_at(r))
            assert abs(found - expected) <= 1e-10 * size


def test_its_error_is_told():
    assert all(expanded(name).dual_error(1.5) < 1e-12 for name in SMOOTH)
    assert 1e-6 < expanded("relu").dual_error(1.5) < 1e-4
    assert 1e-3 < expanded("sign").dual_error(1.5) < 0.1


def test_a_kink_away_from_zero():
    def hard_tanh(u):
        return np.clip(u, -1.0, 1.0)

    found = Expanded(hard_tanh)
    q = r = 1.3
    u = np.random.default_rng(0).standard_normal((2, 10**6)) * np.sqrt(q)
    for rho in (0.3, -0.7):
        v = rho * u[0] + np.sqrt(1 - rho**2) * u[1]
        samples = hard_tanh(u[0]) * hard_tanh(v)
        error = 5 * samples.std() / 1e3
        assert abs(found.dual(q, r, rho * q) - samples.mean()) < error
        inside = (np.abs(u[0]) < 1) & (np.abs(v) < 1)
        assert abs(found.derivative_dual(q, r, rho * q) - inside.mean()) < 5 * inside.std() / 1e3
    inside = math.erf(1 / np.sqrt(2 * q))
    assert found.derivative_dual_at(q) == pytest.approx(inside, rel=1e-10)


def test_matrices_are_positive_semi_definite():
    X = np.random.default_rng(0).standard_normal((120, 3))
    X[60:] = X[:60] + 1e-6  # near copies
    gram, squares = X @ X.T, (X * X).sum(axis=1)
    for activation in (expanded("relu"), expanded("sign"), ACTIVATIONS["tanh"]):
        K = activation.dual(squares[:, None], squares, gram)
        assert np.linalg.eigvalsh(K)[0] > -1e-11 * len(K) * K.max()
        np.testing.assert_allclose(np.diag(K), activation.dual_at(squares), rtol=1e-9)


def test_one_variance_or_many_give_the_same():
    tanh = ACTIVATIONS["tanh"]
    c = np.linspace(-0.9, 0.9, 5)
    whole = tanh.dual(np.ones(5), np.full(5, 2.0), c)
    assert np.array_equal(whole, tanh.dual(1.0, 2.0, c))
    assert np.array_equal(
        tanh.derivative_dual(np.ones(5), np.full(5, 2.0), c), tanh.derivative_dual(1.0, 2.0, c)
    )
    assert tanh.dual_at(np.ones((2, 3))).shape == (2, 3)
    assert tanh.dual(0.0, 1.0, 0.0) == pytest.approx(0.0, abs=1e-6)
    assert tanh.dual(np.empty((0, 1)), np.ones(3), np.empty((0, 3))).shape == (0, 3)
    q = np.array([[0.3], [5.0]])  # of different octaves
    assert tanh.dual(q, q.T, 0.2 * np.sqrt(q * q.T))[0, 1] == pytest.approx(
        float(tanh.dual(0.3, 5.0, 0.2 * np.sqrt(1.5))), rel=1e-12
    )


def test_derivatives():
    u = np.array([-2.0, -0.3, 0.0, 1.7])
    for name in ("tanh", "sigmoid", "softplus", "silu"):
        activation = ACTIVATIONS[name]
        slope = (activation.function(u + 1e-6) - activation.function(u - 1e-6)) / 2e-6
        np.testing.assert_allclose(activation.derivative(u), slope, atol=1e-8)
    assert ACTIVATIONS["elu"].function(np.array([-1.0])) == pytest.approx(np.exp(-1) - 1)
    given = Expanded(np.sin, np.cos)
    np.testing.assert_array_equal(given.derivative(u), np.cos(u))


def test_a_function_resolves_to_its_expansion():
    found = resolve_activation(np.tanh)
    assert found == ACTIVATIONS["tanh"]
    assert hash(found) == hash(ACTIVATIONS["tanh"])
    assert found != Expanded(np.sin)
    assert found != "tanh"
    assert repr(found) == "Expanded(tanh)"
    found.dual(1.0, 1.0, 0.5)
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert again.dual(1.0, 1.0, 0.5) == found.dual(1.0, 1.0, 0.5)


def test_a_function_that_cannot_be_hashed():
    class Odd:
        __hash__ = None

        def __call__(self, u):
            return np.sin(u)

    assert resolve_activation(Odd()).dual(1.0, 1.0, 0.5) == pytest.approx(
        float(ACTIVATIONS["sin"].dual(1.0, 1.0, 0.5)), rel=1e-12
    )


def test_functions_without_a_dual_are_refused():
    with pytest.raises(InvalidArgument, match=r"E\[s\(u\)\^2\] is infinite"):
        Expanded(lambda u: np.exp(u * u)).dual(1.0, 1.0, 0.5)
    with pytest.raises(InvalidArgument, match="gives NaN"):
        Expanded(np.log).dual(1.0, 1.0, 0.5)
    with pytest.raises(InvalidArgument, match="turns too fast"):
        Expanded(lambda u: np.sin(60 * u)).dual_at(1.0)
    jumps = expanded("sign")
    assert jumps.dual(1.0, 1.0, 0.5) == pytest.approx(1 / 3, abs=1e-9)
    with pytest.raises(InvalidArgument, match="jumps or is too steep"):
        jumps.derivative_dual(1.0, 1.0, 0.5)
    with pytest.raises(InvalidArgument, match="no tangent kernel"):
        jumps.derivative_dual_at(1.0)


@pytest.mark.parametrize(
    "endless",
    [
        lambda u: np.sqrt(np.abs(u)),
        lambda u: np.sqrt(np.maximum(u, 0)),
        lambda u: np.sign(u) * np.sqrt(np.abs(u)),
        lambda u: np.abs(u) ** 0.4,
        lambda u: np.sqrt(np.abs(u - 1)),
    ],
)
def test_slopes_whose_squares_have_no_mean_are_refused(endless):
    bent = Expanded(endless, name="bent")
    assert np.isfinite(bent.dual(1.0, 1.0, 0.5))
    with pytest.raises(InvalidArgument, match="no tangent kernel"):
        bent.derivative_dual_at(1.0)


@pytest.mark.parametrize("rate", [7.0, 10.0, 15.0, 25.0, 50.0])
def test_steep_but_smooth_functions_are_answered(rate):
    steep = Expanded(lambda u: np.tanh(rate * u), name="steep")
    z = np.linspace(-12, 12, 400_001)
    slopes = (rate / np.cosh(np.minimum(np.abs(rate * z), 300.0)) ** 2) ** 2
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    assert steep.derivative_dual_at(1.0) == pytest.approx(np.trapezoid(slopes * density, z), 1e-6)


def test_what_is_no_function_of_arrays_is_refused():
    with pytest.raises(InvalidType, match=r"np\.vectorize"):
        resolve_activation(math.tanh)
    with pytest.raises(InvalidType, match="gave shape"):
        Expanded(np.sum)
    with pytest.raises(InvalidType, match="gave shape"):
        Expanded(lambda u: u.astype(str))
    with pytest.raises(InvalidType, match="derivative"):
        Expanded(np.tanh, 3)


def test_hermite_coefficients():
    found = hermite_coefficients("relu", 6)
    expected = [1 / np.sqrt(2 * np.pi), 0.5, 1 / np.sqrt(4 * np.pi), 0, -1 / np.sqrt(48 * np.pi), 0]
    np.testing.assert_allclose(found, expected, atol=1e-14)
    sine = hermite_coefficients(np.sin, 30, variance=0.7)
    k = np.arange(30)
    exact = np.exp(-0.35) * 0.7 ** (k / 2) / np.sqrt([float(math.factorial(i)) for i in k])
    exact *= np.sin(k * np.pi / 2)
    np.testing.assert_allclose(sine, exact, atol=1e-13)
    gelu = hermite_coefficients("gelu", 80, variance=1.3)
    assert gelu @ (gelu * 0.4 ** np.arange(80)) == pytest.approx(
        float(ACTIVATIONS["gelu"].dual(1.3, 1.3, 0.4 * 1.3)), abs=1e-14
    )
    far = hermite_coefficients(np.ones_like, 250)  # high terms stay finite
    np.testing.assert_allclose(far, np.eye(250)[0], atol=1e-12)


def test_hermite_coefficients_of_bad_arguments():
    with pytest.raises(InvalidArgument, match="variance must be positive"):
        hermite_coefficients("relu", variance=0.0)
    with pytest.raises(InvalidArgument, match="terms"):
        hermite_coefficients("relu", 0)
    with pytest.raises(UnknownArgument):
        hermite_coefficients("relu", degree=3)
    with pytest.raises(InvalidArgument, match="infinite"):
        hermite_coefficients(lambda u: np.exp(u * u), 3)
