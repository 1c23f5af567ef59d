"""Gaussian process classification: scikit-learn's values, every form, and what is refused."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit
from sklearn.gaussian_process import GaussianProcessClassifier as SklearnClassifier
from sklearn.gaussian_process.kernels import RBF as SklearnRBF
from sklearn.gaussian_process.kernels import ConstantKernel
from sklearn.utils.estimator_checks import check_estimator

from likewise.errors import InvalidArgument, NotFitted, NotPositiveDefinite, UnknownArgument
from likewise.kernels import RBF
from likewise.kernels.machines import GaussianProcessClassifier
from likewise.kernels.machines._laplace import evidence_slopes, find_mode
from likewise.kernels.machines.gp_classifier import averaged
from tests.kernels.machines.test_ridge import Saddle, Words

rng = np.random.default_rng(0)
X = rng.uniform(-2, 2, (120, 2))
noisy = X + 0.3 * rng.standard_normal(X.shape)
y = np.where(noisy[:, 0] * noisy[:, 1] > 0, "in", "out")
three = np.digitize(noisy[:, 0], [-0.7, 0.7])
Q = rng.uniform(-2, 2, (25, 2))
KERNEL = 4.0 * RBF(length=1.1)


def ours(**options):
    return GaussianProcessClassifier(KERNEL, optimizer=None, **options)


def test_follows_scikit_learn():
    results = check_estimator(GaussianProcessClassifier(optimizer=None), on_skip=None)
    assert all(result["status"] in ("passed", "skipped") for result in results)


def test_equals_scikit_learn():
    kernel = ConstantKernel(4.0) * SklearnRBF(1.1)
    for labels in (y, three):
        theirs = SklearnClassifier(kernel, optimizer=None).fit(X, labels)
        model = ours().fit(X, labels)
        # Theirs averages by an approximation that is right to about 1e-3.
        np.testing.assert_allclose(model.predict_proba(Q), theirs.predict_proba(Q), atol=3e-3)
        np.testing.assert_array_equal(model.predict(Q), theirs.predict(Q))
    theirs, model = SklearnClassifier(kernel, optimizer=None).fit(X, y), ours().fit(X, y)
    assert model.log_marginal_likelihood_ == pytest.approx(theirs.log_marginal_likelihood_value_)
    theirs, model = SklearnClassifier(kernel).fit(X, y), GaussianProcessClassifier(KERNEL).fit(X, y)
    np.testing.assert_allclose(model.kernel_.theta, theirs.kernel_.theta, atol=0.02)
    assert model.learning_.converged


def test_derivatives_of_the_evidence():
    signs = np.where(y == "in", 1.0, -1.0)
    mode = find_mode(KERNEL(X), signs, KERNEL)
    slopes = evidence_slopes(KERNEL(X), signs, mode, KERNEL.gradient(X))
    for p, slope in enumerate(slopes):
        step = np.eye(len(slopes))[p] * 1e-4
        moved = [KERNEL.with_theta(KERNEL.theta + s) for s in (step, -step)]
        above, below = (find_mode(k(X), signs, k).log_evidence for k in moved)
        assert slope == pytest.approx((above - below) / 2e-4, rel=1e-3, abs=1e-4)


def test_the_mode_is_where_the_slope_is_zero():
    signs = np.where(y == "in", 1.0, -1.0)
    mode = find_mode(KERNEL(X), signs, KERNEL)
    np.testing.assert_allclose(mode.a, (signs + 1) / 2 - expit(mode.f), atol=1e-5)


@pytest.mark.parametrize("labels", [y, three], ids=["two", "three"])
@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({"method": "nystrom", "n_landmarks": 120}, 1e-4),
        ({"method": "nystrom", "n_landmarks": 60}, 0.02),
        ({"method": "local", "k": 120}, 1e-7),
        ({"method": "local", "k": 60}, 0.15),
        ({"method": "features", "n_features": 800}, 0.15),
    ],
    ids=str,
)
def test_every_method_against_exact(options, tolerance, labels):
    exact, model = ours(method="exact").fit(X, labels), ours(**options).fit(X, labels)
    assert np.abs(model.predict_proba(Q) - exact.predict_proba(Q)).max() < tolerance
    sums = model.contributions(Q).sum(axis=1)
    np.testing.assert_allclose(sums, model.latent(Q)[0], atol=1e-4)
    if options == {"method": "nystrom", "n_landmarks": 120}:
        assert model.log_marginal_likelihood_ == pytest.approx(exact.log_marginal_likelihood_)
    if model.method_ == "local":
        assert model.log_marginal_likelihood_ is None


def test_averages_of_the_sigmoid():
    for mean in (-3.0, 0.1, 2.0, 30.0):
        for deviation in (0.0, 0.01, 0.9, 1.1, 7.0, 80.0):
            if deviation:
                expected = quad(
                    lambda z, m=mean, s=deviation: expit(m + s * z) * np.exp(-z * z / 2),
                    -12,
                    12,
                    points=[-mean / deviation] if abs(mean) < 12 * deviation else None,
                    limit=400,
                )[0] / np.sqrt(2 * np.pi)
            else:
                expected = expit(mean)
            got = averaged(np.array([[mean]]), np.array([[deviation**2]]))[0, 0]
            assert got == pytest.approx(expected, abs=1e-7)


def test_words_too():
    words, labels = ["ab", "abc", "xy", "xyz"], ["a", "a", "x", "x"]
    model = GaussianProcessClassifier(1.0 * Words(), method="exact").fit(words, labels)
    assert model.predict(["bc", "yz"]).tolist() == ["a", "x"]


def test_what_is_refused():
    with pytest.raises(NotPositiveDefinite, match=r"Saddle.*about -.*which cannot be here; clip"):
        GaussianProcessClassifier(Saddle(), optimizer=None).fit(10 * X, y)
    with pytest.raises(InvalidArgument, match="not learnt by conjugate gradients"):
        ours(method="cg").fit(X, y)
    with pytest.raises(UnknownArgument):
        GaussianProcessClassifier(noise=0.1)
    with pytest.raises(NotFitted):
        ours().predict_proba(X)
    with pytest.raises(InvalidArgument, match="only one class"):
        ours().fit(X, np.zeros(len(X)))
