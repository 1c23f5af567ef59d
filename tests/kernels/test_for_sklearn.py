from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process import kernels as gp
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels import KERNELS, RBF, Cosine, Linear, Matern, Polynomial
from likewise.kernels.for_sklearn import SklearnKernel

rng = np.random.default_rng(0)
X = rng.standard_normal((40, 2))
y = (np.hypot(*X.T) > 1.1).astype(int)
# Rows must lie on a sphere for the one left out, and its own values there are infinite.
VECTORS = {
    name: made()
    for name, made in KERNELS.items()
    if made().takes_vectors and name != "singular_limit"
}


@pytest.mark.parametrize("name", VECTORS)
def test_every_kernel_as_it_is_in_machines_of_scikit_learn(name):
    kernel = VECTORS[name]
    by_svc = SVC(kernel=kernel).fit(X, y)
    at_once = SVC(kernel="precomputed").fit(kernel(X), y)
    assert np.array_equal(by_svc.predict(X), at_once.predict(kernel(X)))
    slow = KernelRidge(kernel=kernel, alpha=1.0).fit(X[:8], y[:8])
    quick = KernelRidge(kernel=kernel.for_sklearn(), alpha=1.0).fit(X[:8], y[:8])
    np.testing.assert_allclose(slow.predict(X), quick.predict(X), rtol=1e-6, atol=1e-9)


def test_a_gaussian_process_learns_as_with_kernels_of_scikit_learn():
    z = np.sin(2 * X[:, 0]) + 0.1 * rng.standard_normal(len(X))
    ours = (2.0 * RBF(length=[0.3, 1.0])).for_sklearn() + gp.WhiteKernel(0.1)
    theirs = gp.ConstantKernel(2.0) * gp.RBF([0.3, 1.0]) + gp.WhiteKernel(0.1)
    one = GaussianProcessRegressor(ours, n_restarts_optimizer=0).fit(X, z)
    two = GaussianProcessRegressor(theirs, n_restarts_optimizer=0).fit(X, z)
    assert one.log_marginal_likelihood_value_ == pytest.approx(
        two.log_marginal_likelihood_value_, abs=1e-3
    )
    np.testing.assert_allclose(one.kernel_.theta[:2], two.kernel_.theta[:2], atol=0.02)
    assert one.kernel_.theta[1] != ours.theta[1], "the length was not learnt"
    mean, deviation = one.predict(X, return_std=True)
    np.testing.assert_allclose(mean, two.predict(X), atol=0.01)
    assert np.all(deviation > 0)


def test_a_classifier_learns_its_length():
    model = GaussianProcessClassifier(Matern(nu=2.5, length=0.1).for_sklearn()).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.kernel_.kernel.length > 0.2


def test_composes_with_kernels_of_scikit_learn():
    k = RBF(length=0.7).for_sklearn()
    for made, plain in (
        (k + gp.RBF(2.0), gp.RBF(0.7) + gp.RBF(2.0)),
        (k * 3.0, gp.RBF(0.7) * 3.0),
        (k**2, gp.RBF(0.7) ** 2),
    ):
        np.testing.assert_allclose(made(X), plain(X), atol=1e-12)
        np.testing.assert_allclose(made.theta, plain.theta)
        np.testing.assert_allclose(made.bounds, plain.bounds)
        K, G = made(X, eval_gradient=True)
        np.testing.assert_allclose(G, plain(X, eval_gradient=True)[1], atol=1e-10)
        np.testing.assert_allclose(K, plain(X), atol=1e-12)
        moved = made.clone_with_theta(made.theta + 0.3)
        np.testing.assert_allclose(moved.theta, made.theta + 0.3)
        assert k.kernel.length == 0.7


def test_what_scikit_learn_asks_of_a_kernel():
    k = SklearnKernel(RBF(length=[0.5, 2.0], bounds={"length": (0.1, 10.0)}))
    assert k.n_dims == 2
    assert [h.name for h in k.hyperparameters] == ["kernel__length"]
    np.testing.assert_allclose(k.bounds, np.log([[0.1, 10.0]] * 2))
    np.testing.assert_allclose(k.diag(X), np.ones(len(X)))
    assert clone(k) == k
    assert clone(k) is not k
    assert clone(k) != RBF().for_sklearn()
    assert pickle.loads(pickle.dumps(k)) == k
    assert repr(k).startswith("SklearnKernel(RBF(")
    k.set_params(kernel__length=3.0)
    assert k.kernel.length == 3.0
    assert k.get_params()["kernel__length"] == 3.0
    k.theta = np.log([5.0])
    assert k.kernel.length == pytest.approx(5.0)
    fixed = RBF(bounds={"length": "fixed"}).for_sklearn()
    assert fixed.n_dims == 0
    assert fixed(X, eval_gradient=True)[1].shape == (40, 40, 0)


@pytest.mark.parametrize(
    ("kernel", "stationary"),
    [(RBF(), True), (2.0 * Matern() + 1.0, True), (Polynomial(), False), (RBF() * Linear(), False)],
    ids=str,
)
def test_stationary(kernel, stationary):
    assert kernel.for_sklearn().is_stationary() is stationary


def test_search_over_hyper_parameters():
    for kernel, name in ((RBF(), "kernel__length"), (Cosine() + RBF(), "kernel__right__length")):
        search = GridSearchCV(SVC(kernel=kernel), {name: [1e-3, 0.5, 100.0]}, cv=3).fit(X, y)
        assert search.best_params_ == {name: 0.5}
    ridge = KernelRidge(kernel=RBF().for_sklearn(), alpha=0.1)
    grid = {"kernel__kernel__length": [1e-3, 0.5, 100.0]}
    assert GridSearchCV(ridge, grid, cv=3).fit(X, y).best_params_ == {"kernel__kernel__length": 0.5}


def test_errors():
    with pytest.raises(InvalidType, match="must be a kernel"):
        SklearnKernel("rbf")
    with pytest.raises(InvalidArgument, match="leave Y out"):
        RBF().for_sklearn()(X, X, eval_gradient=True)
