"""Layers as inner products: means against the layer itself, errors against their known fall."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import check_estimator

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    NotFitted,
    OverLimit,
)
from likewise.kernels.networks import (
    BundledClassifier,
    BundledRegressor,
    LayerFeatures,
    NetworkFeatures,
)
from likewise.kernels.networks._frequencies import ACTIVATIONS, waves

rng = np.random.default_rng(0)
X = rng.uniform(-0.5, 0.5, (6, 4))
W, b = rng.uniform(-0.5, 0.5, (5, 4)), rng.uniform(-1, 1, 5)


def plain_features(layer, x, w, bias):
    """One pair by the formula, feature by feature."""
    total = 0.0
    for j, kappa in enumerate(layer._kappa):
        g = layer._of_rows[j] / (np.sqrt(kappa) * layer._balance) if kappa else 0 * x
        r, s = np.sqrt(kappa) * layer._balance, np.sqrt(kappa) / layer._balance
        phi = np.exp(r * (g @ x) - r**2 * (x @ x) / 2)
        psi = layer._weights[j] * np.exp(1j * (kappa * bias + s * (g @ w)) + s**2 * (w @ w) / 2)
        total += phi * psi.real / layer.n_features
    return total


@pytest.mark.parametrize("activation", ["sin", "gaussian", "tanh"])
def test_features_are_the_formula(activation):
    reach = {"tanh": 3.0}.get(activation)
    layer = LayerFeatures(4, activation, n_features=50, reach=reach, balance=1.3)
    found = layer.of_rows(X) @ layer.of_weights(W, b)
    plain = [[plain_features(layer, x, w, c) for w, c in zip(W, b, strict=True)] for x in X]
    np.testing.assert_allclose(found, plain, rtol=1e-10)


@pytest.mark.parametrize("orthogonal", [True, False])
@pytest.mark.parametrize("activation", ["sin", "cos", "gaussian"])
def test_unbiased_and_nearer_with_the_root_of_features(activation, orthogonal):
    errors = {}
    for m in (100, 1600):
        found = []
        for seed in range(20):
            layer = LayerFeatures(
                4, activation, m, orthogonal=orthogonal, random_state=seed, balance=1.1
            )
            found.append(layer.of_rows(X) @ layer.of_weights(W, b) - layer.exact(X, W, b))
        errors[m] = np.sqrt(np.mean(np.square(found)))
        assert abs(np.mean(found)) < 4 * errors[m] / np.sqrt(20)
    assert 2.5 < errors[100] / errors[1600] < 6.5  # 4 = sqrt(16)


@pytest.mark.parametrize("activation", ["tanh", "erf", "relu", "gelu"])
def test_other_activations_are_near_a_sum_of_waves(activation):
    f, z = ACTIVATIONS[activation], np.linspace(-1.5, 1.5, 101)
    off = []
    for count in (2, 12):
        kappa, parts = waves(f, 2.0, count)
        near = np.real(parts * np.exp(1j * np.outer(z, kappa))).sum(axis=1)
        off.append(np.abs(near - f(z)).max())
    assert off[1] < 0.08
    assert off[1] < off[0]
    layer = LayerFeatures(4, activation, 20_000, reach=2.0, n_frequencies=3)
    kappa, parts = waves(f, 2.0, 3)
    z = X @ W.T + b
    target = np.real(np.exp(1j * z[..., None] * kappa) @ parts)
    assert np.abs(layer.of_rows(X) @ layer.of_weights(W, b) - target).max() < 0.15


def test_a_bundle_comes_near_the_network():
    V, c = rng.uniform(-0.4, 0.4, (3, 5)), rng.uniform(-1, 1, 3)
    exact = np.sin(np.sin(X @ W.T + b) @ V.T + c)
    errors = {}
    for m in (60, 960):
        bundles = [NetworkFeatures(4, depth=2, n_features=m, random_state=s) for s in range(3)]
        found = [B.of_rows(X) @ B.of_weights([W, V], [b, c]) - exact for B in bundles]
        errors[m] = np.sqrt(np.mean(np.square(found)))
    assert errors[960] < 0.2
    assert errors[960] < errors[60] / 1.8


def test_one_layer_is_its_own_bundle():
    bundle = NetworkFeatures(4, "cos", depth=1, n_features=30)
    layer = bundle.layers[0]
    assert np.array_equal(bundle.of_rows(X), layer.of_rows(X))
    assert np.array_equal(bundle.of_weights([W], [b]), layer.of_weights(W, b))


def test_the_seed_decides():
    one, two, other = (LayerFeatures(4, n_features=9, random_state=s).of_rows(X) for s in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.allclose(one, other)
    assert LayerFeatures(4).of_rows(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("n_features", [20, 200])
def test_ridge_in_closed_form(n_features):
    rows = rng.standard_normal((60, 4))
    y = np.column_stack([np.sin(rows[:, 0]), rows[:, 1] ** 2])
    model = BundledRegressor(n_features=n_features, ridge=0.1).fit(rows, y)
    phi = model._phi(rows)
    theirs = Ridge(alpha=0.1).fit(phi, y)
    np.testing.assert_allclose(model.predict(rows), theirs.predict(phi), atol=1e-7)
    assert model.predict(rows[:2]).shape == (2, 2)
    labels = np.array(["a", "b", "c"])[rows[:, :3].argmax(axis=1)]
    classifier = BundledClassifier(n_features=n_features, depth=2).fit(rows, labels)
    assert classifier.decision_function(rows).shape == (60, 3)
    assert classifier.score(rows, labels) > 0.8


@pytest.mark.parametrize(
    "estimator", [BundledRegressor(n_features=64), BundledClassifier(n_features=64)], ids=repr
)
def test_follows_scikit_learn(estimator):
    results = check_estimator(estimator, on_skip=None)
    assert all(result["status"] in ("passed", "skipped") for result in results)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"activation": "swish"}, InvalidArgument, "sin, cos"),
        ({"activation": 3}, InvalidType, "a name or a function"),
        ({"activation": "relu"}, InvalidArgument, "reach="),
        ({"activation": "relu", "reach": -1.0}, InvalidArgument, "reach must be positive"),
        ({"activation": "sin", "reach": 1.0}, InvalidArgument, "leave reach away"),
        ({"activation": np.log, "reach": 1.0}, InvalidArgument, "finite number"),
        ({"activation": np.zeros_like, "reach": 1.0}, InvalidArgument, "is 0 within"),
        ({"balance": 0}, InvalidArgument, "balance"),
        ({"n_features": 0}, InvalidArgument, "n_features"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bad_arguments(arguments, error, said):
    with pytest.raises(error, match=said):
        LayerFeatures(4, **arguments)


def test_bad_rows_and_weights():
    layer = LayerFeatures(4)
    with pytest.raises(DimensionMismatch, match="this layer takes 4"):
        layer.of_rows(X[:, :2])
    with pytest.raises(OverLimit, match="length is about 1"):
        layer.of_weights(1e3 * W)
    with pytest.raises(DimensionMismatch, match="expected 5 numbers"):
        layer.of_weights(W, [1.0])
    with pytest.raises(InvalidType, match="expected numbers"):
        layer.of_weights(W, ["a"] * 5)
    bundle = NetworkFeatures(4, depth=2)
    with pytest.raises(InvalidArgument, match="weights and biases of 2 layers"):
        bundle.of_weights([W])
    with pytest.raises(DimensionMismatch, match="the one before gives 5"):
        bundle.of_weights([W, W])
    with pytest.raises(InvalidArgument, match="one number or 2"):
        NetworkFeatures(4, depth=2, n_features=[1, 2, 3])
    with pytest.raises(InvalidArgument, match="ridge must be positive"):
        BundledRegressor(ridge=0).fit(X, b[:1].repeat(6))
    with pytest.raises(InvalidArgument, match="one class only"):
        BundledClassifier().fit(X, [1] * 6)
    with pytest.raises(NotFitted, match=r"fit\(X, y\)"):
        BundledClassifier().predict(X)
    with pytest.raises(InvalidVector):
        BundledClassifier().fit(X * np.nan, [1, 2] * 3)
