from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.utils.estimator_checks import parametrize_with_checks

from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels.wide import FiniteWidthRegressor


@parametrize_with_checks([FiniteWidthRegressor((64,), n_samples=4, random_state=0)])
def test_scikit_learn(estimator, check):
    check(estimator)


def data(n=12):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 2))
    return X, np.sin(2 * X[:, 0]) + 0.1 * rng.standard_normal(n)


def test_it_is_a_mixture_of_gaussian_processes():
    X, y = data()
    Q = np.random.default_rng(1).standard_normal((5, 2))
    model = FiniteWidthRegressor((9, 7), "erf", noise=0.3, n_samples=6, bias_variance=0.2)
    model.set_params(random_state=4).fit(X, y)
    log, means, seconds = [], [], []
    for network in model.networks_:
        phi, psi = network.transform(X), network.transform(Q)
        K = phi @ phi.T + 0.3 * np.eye(len(X))
        log.append(multivariate_normal(np.zeros(len(X)), K).logpdf(y))
        mean = psi @ phi.T @ np.linalg.solve(K, y)
        cov = psi @ psi.T - psi @ phi.T @ np.linalg.solve(K, phi @ psi.T)
        means.append(mean)
        seconds.append(np.diag(cov) + 0.3 + mean**2)
    np.testing.assert_allclose(model.log_evidences_, log)
    weights = np.exp(log - np.max(log))
    weights /= weights.sum()
    np.testing.assert_allclose(model.weights_, weights)
    mean, std = model.predict(Q, return_std=True)
    np.testing.assert_allclose(mean, weights @ means)
    np.testing.assert_allclose(std**2, weights @ seconds - (weights @ means) ** 2)
    assert model.effective_samples_ == pytest.approx(1 / np.sum(weights**2))
    np.testing.assert_array_equal(model.predict(Q), mean)


def test_wide_networks_are_one_gaussian_process():
    X, y = data()
    narrow = FiniteWidthRegressor((4,), n_samples=20, noise=0.1, random_state=0).fit(X, y)
    wide = FiniteWidthRegressor((600,), n_samples=20, noise=0.1, random_state=0).fit(X, y)
    assert wide.effective_samples_ > 12 > narrow.effective_samples_


def test_wrong_arguments():
    X, y = data()
    for wrong, error, match in (
        ({"noise": 0.0}, InvalidArgument, "noise must be positive"),
        ({"n_samples": 0}, InvalidArgument, "n_samples must be at least 1"),
        ({"widths": ()}, InvalidArgument, "at least one hidden layer"),
        ({"random_state": 1.5}, InvalidType, "random_state must be an integer"),
    ):
        with pytest.raises(error, match=match):
            FiniteWidthRegressor(**wrong).fit(X, y)
