from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.utils.estimator_checks import parametrize_with_checks

from likewise.errors import InvalidArgument, InvalidType, UnknownArgument
from likewise.kernels import NNGP, resolve_activation
from likewise.kernels.wide import MultiLayerFeatures
from likewise.kernels.wide.multi_layer import orthogonal_normal


@parametrize_with_checks([MultiLayerFeatures((8, 4), random_state=0)])
def test_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("orthogonal", [False, True])
@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_products_tend_to_the_kernel(activation, orthogonal):
    X = np.random.default_rng(0).standard_normal((6, 5))
    variances = {"weight_variance": 1.7, "bias_variance": 0.2}
    exact, errors = NNGP(2, activation, **variances)(X), []
    for width in (32, 512):
        phi = [
            MultiLayerFeatures(
                (width, width), activation, orthogonal=orthogonal, random_state=s, **variances
            ).fit_transform(X)
            for s in range(4)
        ]
        assert phi[0].shape == (6, width + 1)
        errors.append(np.sqrt(np.mean([(p @ p.T - exact) ** 2 for p in phi])) / exact.max())
    assert errors[1] < 0.08
    assert errors[1] < errors[0] / 2  # the root of 16 is 4


def test_the_layers_are_as_written():
    X = np.random.default_rng(1).standard_normal((4, 3))
    model = MultiLayerFeatures(
        (5, 7), "gelu", weight_variance=2.0, bias_variance=0.5, random_state=3
    ).fit(X)
    gelu, h = resolve_activation("gelu").function, X
    for W, v in zip(model.weights_, model.biases_, strict=True):
        z = [[(2 / len(W)) ** 0.5 * W[:, j] @ row + 0.5**0.5 * v[j] for j in range(W.shape[1])]
             for row in h]  # fmt: skip
        h = gelu(np.array(z))
    np.testing.assert_allclose(model.transform(X)[:, :-1], h * (2 / 7) ** 0.5)
    np.testing.assert_allclose(model.transform(X)[:, -1], 0.5**0.5)
    again = MultiLayerFeatures(
        (5, 7), "gelu", weight_variance=2.0, bias_variance=0.5, random_state=3
    ).fit(X)
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    assert model.transform(X.astype(np.float32)).dtype == np.float32


def test_orthogonal_rows_are_normal_and_at_right_angles():
    rng = np.random.default_rng(0)
    W = orthogonal_normal(rng, 6, 15)
    G = W[:, :6].T @ W[:, :6]
    np.testing.assert_allclose(G - np.diag(np.diag(G)), 0, atol=1e-12)
    entries = np.concatenate([orthogonal_normal(rng, 4, 4).ravel()[:1] for _ in range(800)])
    assert kstest(entries, "norm").pvalue > 0.01


def test_wrong_arguments():
    X = np.ones((3, 2))
    for wrong, error, match in (
        ({"widths": ()}, InvalidArgument, "at least one hidden layer"),
        ({"widths": (3, 0)}, InvalidArgument, r"widths\[1\] must be at least 1"),
        ({"widths": 4}, InvalidType, "widths must be a sequence"),
        ({"activation": "rellu"}, InvalidArgument, "did you mean 'relu'"),
        ({"orthogonal": "yes"}, InvalidType, "orthogonal must be True or False"),
        ({"weight_variance": 0.0}, InvalidArgument, "weight_variance must be positive"),
        ({"bias_variance": -1.0}, InvalidArgument, "bias_variance must be at least 0"),
        ({"random_state": "a"}, InvalidType, "random_state must be an integer"),
    ):
        with pytest.raises(error, match=match):
            MultiLayerFeatures(**wrong).fit(X)
    with pytest.raises(UnknownArgument, match="did you mean 'random_state'"):
        MultiLayerFeatures(seed=1)
