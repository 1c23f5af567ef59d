"""Gaussian processes: the formulas, scikit-learn's values, every method, and what is refused."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor as SklearnGaussianProcess
from sklearn.gaussian_process.kernels import RBF as SklearnRBF
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel
from sklearn.utils.estimator_checks import check_estimator

from likewise.errors import (
    InvalidArgument,
    InvalidType,
    NotFitted,
    NotPositiveDefinite,
    OverLimit,
)
from likewise.kernels import RBF
from likewise.kernels.machines import GaussianProcessRegressor
from likewise.kernels.machines._marginal import log_evidence
from tests.kernels.machines.test_ridge import Saddle, Words

rng = np.random.default_rng(0)
X = rng.uniform(-2, 2, (120, 2))
y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 + 0.1 * rng.standard_normal(120)
Q = rng.uniform(-2, 2, (25, 2))
KERNEL = 1.7 * RBF(length=0.8)
NOISE = 0.02


def theirs(**options):
    kernel = ConstantKernel(1.7) * SklearnRBF(0.8)
    return SklearnGaussianProcess(kernel, alpha=NOISE, optimizer=None, **options)


def ours(**options):
    return GaussianProcessRegressor(KERNEL, noise=NOISE, optimizer=None, **options)


def test_follows_scikit_learn():
    results = check_estimator(GaussianProcessRegressor(learn_rows=40), on_skip=None)
    assert all(result["status"] in ("passed", "skipped") for result in results)


@pytest.mark.parametrize("normalize_y", [False, True])
@pytest.mark.parametrize("outputs", [1, 2])
def test_equals_scikit_learn(normalize_y, outputs):
    Y = y if outputs == 1 else np.column_stack([y, 3 * X[:, 0] + 1])
    a, b = theirs(normalize_y=normalize_y).fit(X, Y), ours(normalize_y=normalize_y).fit(X, Y)
    (mean_a, std_a), (mean_b, std_b) = (m.predict(Q, return_std=True) for m in (a, b))
    np.testing.assert_allclose(mean_b, mean_a, atol=1e-8)
    np.testing.assert_allclose(std_b, std_a, atol=1e-8)
    cov_a, cov_b = (m.predict(Q, return_cov=True)[1] for m in (a, b))
    np.testing.assert_allclose(cov_b, cov_a, atol=1e-8)
    if not normalize_y:
        assert b.log_marginal_likelihood_ == pytest.approx(a.log_marginal_likelihood_value_)
    assert b.sample_y(Q, 3).shape == a.sample_y(Q, 3).shape
    sums = b.contributions(Q).sum(axis=1) + (b.offset_ if outputs > 1 else b.offset_[0])
    np.testing.assert_allclose(sums, mean_b, atol=1e-7)


def test_learns_what_scikit_learn_learns():
    kernel = ConstantKernel(1.0) * SklearnRBF([1.0, 1.0]) + WhiteKernel(0.01)
    a = SklearnGaussianProcess(kernel).fit(X, y)
    b = GaussianProcessRegressor(1.0 * RBF(length=[1.0, 1.0]), noise=0.01).fit(X, y)
    assert b.log_marginal_likelihood_ == pytest.approx(a.log_marginal_likelihood_value_, abs=1e-3)
    learnt = np.append(b.kernel_.theta, np.log(b.noise_))
    np.testing.assert_allclose(learnt, a.kernel_.theta, atol=0.02)
    assert b.learning_.converged
    assert (b.learning_.rows, b.learning_.starts) == (120, 1)


def test_derivatives_of_the_evidence():
    Y = np.column_stack([y, X[:, 0]])[:30]
    _, slopes = log_evidence(KERNEL, X[:30], Y, NOISE)
    at = np.append(KERNEL.theta, np.log(NOISE))
    for p in range(len(at)):
        step = np.eye(len(at))[p] * 1e-5
        ends = [
            log_evidence(KERNEL.with_theta(x[:-1]), X[:30], Y, np.exp(x[-1]))[0]
            for x in (at + step, at - step)
        ]
        assert slopes[p] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-3)


def test_learning_can_be_held_and_started_again():
    held = GaussianProcessRegressor(KERNEL, noise=NOISE, noise_bounds="fixed").fit(X, y)
    assert held.noise_ == NOISE
    assert held.kernel_ != KERNEL
    fixed = RBF(length=0.8, bounds={"length": "fixed"})
    only = GaussianProcessRegressor(fixed, noise=1.0).fit(X, y)
    assert only.kernel_ == fixed
    assert only.noise_ < 0.5
    none = GaussianProcessRegressor(fixed, noise_bounds="fixed").fit(X, y)
    assert (none.learning_, none.noise_) == (None, 0.01)
    far = RBF(length=50.0, bounds={"length": (0.05, 60.0)})
    once = GaussianProcessRegressor(far, noise=3.0).fit(X, y)
    often = GaussianProcessRegressor(far, noise=3.0, n_restarts=3).fit(X, y)
    assert often.learning_.starts == 4
    assert often.log_marginal_likelihood_ >= once.log_marginal_likelihood_ - 1e-6
    again = GaussianProcessRegressor(far, noise=3.0, n_restarts=3).fit(X, y)
    assert np.array_equal(again.predict(Q), often.predict(Q))
    part = GaussianProcessRegressor(learn_rows=40).fit(X, y)
    assert part.learning_.rows == 40
    assert abs(part.score(X, y) - 1) < 0.05


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({"method": "cg", "tol": 1e-10}, 1e-6),
        ({"method": "nystrom", "n_landmarks": 120}, 1e-4),
        ({"method": "nystrom", "n_landmarks": 80}, 0.05),
        ({"method": "local", "k": 120}, 1e-8),
        ({"method": "local", "k": 70}, 0.1),
        ({"method": "features", "n_features": 1500}, 0.5),
    ],
    ids=str,
)
def test_every_method_against_exact(options, tolerance):
    exact, model = ours(method="exact").fit(X, y), ours(**options).fit(X, y)
    (mean, std), (mean_0, std_0) = (m.predict(Q, return_std=True) for m in (model, exact))
    assert np.abs(mean - mean_0).max() < tolerance
    assert np.abs(std - std_0).max() < tolerance
    if model.method_ == "local":
        with pytest.raises(InvalidArgument, match="knows no covariance"):
            model.sample_y(Q)
    else:
        cov, cov_0 = (m.predict(Q, return_cov=True)[1] for m in (model, exact))
        assert np.abs(cov - cov_0).max() < tolerance
        np.testing.assert_allclose(np.sqrt(np.diag(cov)), std, atol=1e-5)
    if model.method_ in ("cg", "local"):
        assert model.log_marginal_likelihood_ is None


@pytest.mark.parametrize(
    "options",
    [{"method": "features", "n_features": 50}, {"method": "nystrom", "n_landmarks": 30}],
    ids=str,
)
def test_evidence_through_a_map_is_that_of_its_kernel(options):
    model = ours(**options).fit(X, y)
    P = model.solver_.psi(X)
    C = P @ P.T + NOISE * np.eye(len(X))
    expected = -0.5 * (y @ np.linalg.solve(C, y) + np.linalg.slogdet(2 * np.pi * C)[1])
    assert model.log_marginal_likelihood_ == pytest.approx(expected, rel=1e-6)
    K = model.solver_.psi(Q) @ P.T
    V = model.solver_.psi(Q) @ model.solver_.psi(Q).T - K @ np.linalg.solve(C, K.T)
    if options["method"] == "nystrom":
        V += KERNEL(Q) - model.solver_.psi(Q) @ model.solver_.psi(Q).T
    np.testing.assert_allclose(model.predict(Q, return_cov=True)[1], V, atol=1e-6)


def test_samples_have_the_mean_and_the_covariance():
    model = ours().fit(X, y)
    draws = model.sample_y(Q[:4], 40_000, random_state=1)
    mean, cov = model.predict(Q[:4], return_cov=True)
    deviation = np.sqrt(np.diag(cov))
    assert np.all(np.abs(draws.mean(axis=1) - mean) < 5 * deviation / np.sqrt(40_000))
    scaled = (np.cov(draws) - cov) / np.outer(deviation, deviation)
    assert np.abs(scaled).max() < 5 * np.sqrt(2 / 40_000)


def test_words_too():
    model = GaussianProcessRegressor(1.0 * Words(), noise=0.1).fit(["ab", "bc", "abcd"], [0, 1, 2])
    mean, std = model.predict(["abc"], return_std=True)
    assert mean.shape == std.shape == (1,)


def test_what_is_refused():
    with pytest.raises(NotPositiveDefinite, match="does not lift it above 0; take noise >="):
        GaussianProcessRegressor(Saddle()).fit(X, y)
    with pytest.raises(OverLimit, match="no method fits"):
        ours(memory_limit=1e4).fit(X, y)
    with pytest.raises(OverLimit, match="take a smaller learn_rows"):
        GaussianProcessRegressor(KERNEL, memory_limit=4e7).fit(np.tile(X, (10, 1)), np.tile(y, 10))
    with pytest.raises(NotFitted):
        ours().predict(Q)
    for options, words in [
        ({"noise": 0.0}, "noise must be positive"),
        ({"noise_bounds": (2.0, 1.0)}, "0 < low < high"),
        ({"optimizer": "adam"}, 'optimizer must be "lbfgs"'),
        ({"n_restarts": -1}, "n_restarts must be at least 0"),
        ({"learn_rows": 1}, "learn_rows must be at least 2"),
    ]:
        with pytest.raises(InvalidArgument, match=words):
            GaussianProcessRegressor(**options).fit(X, y)
    with pytest.raises(InvalidType, match=r"noise_bounds must be \(low, high\)"):
        GaussianProcessRegressor(noise_bounds=3).fit(X, y)
    with pytest.raises(InvalidArgument, match="ask for one of them"):
        ours().fit(X, y).predict(Q, return_std=True, return_cov=True)
