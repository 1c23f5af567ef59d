"""Scale mixtures: Student's t in closed form, samples against it, and what is refused."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from sklearn.utils.estimator_checks import check_estimator

from likewise.errors import InvalidArgument, InvalidType, NotFitted
from likewise.kernels import RBF
from likewise.kernels.machines import GaussianProcessRegressor, ScaleMixture
from likewise.kernels.machines._scales import InverseGamma, student_evidence

rng = np.random.default_rng(0)
X = rng.uniform(-2, 2, (40, 2))
y = 3 * np.sin(2 * X[:, 0]) + X[:, 1] + 0.2 * rng.standard_normal(40)
Q = rng.uniform(-3, 3, (15, 2))
KERNEL, NOISE, A, B = RBF(length=0.9), 0.03, 1.5, 2.5


def ours(**options):
    options = {"prior": (A, B), "optimizer": None, **options}
    return ScaleMixture(KERNEL, noise=NOISE, **options).fit(X, y)


def test_follows_scikit_learn():
    results = check_estimator(ScaleMixture(optimizer=None), on_skip=None)
    assert all(result["status"] in ("passed", "skipped") for result in results)


def test_evidence_and_density_are_those_of_scipy():
    C = KERNEL(X) + NOISE * np.eye(40)
    model = ours()
    joint = stats.multivariate_t(np.zeros(40), B / A * C, df=2 * A)
    assert model.log_marginal_likelihood_ == pytest.approx(joint.logpdf(y), rel=1e-9)
    # A density given the targets is a quotient of joint densities.
    for x, value in zip(Q[:4], (0.0, 1.0, -2.0, 30.0), strict=True):
        both = np.vstack([X, x])
        D = KERNEL(both) + NOISE * np.eye(41)
        longer = stats.multivariate_t(np.zeros(41), B / A * D, df=2 * A)
        expected = longer.logpdf(np.append(y, value)) - joint.logpdf(y)
        assert model.log_density([x], [value])[0] == pytest.approx(expected, abs=1e-7)


def test_mean_and_deviation_beside_the_gaussian_process():
    gaussian = GaussianProcessRegressor(KERNEL, noise=NOISE, optimizer=None).fit(X, y)
    mean, std = gaussian.predict(Q, return_std=True)
    got, spread = ours().predict(Q, return_std=True)
    fit = y @ np.linalg.solve(KERNEL(X) + NOISE * np.eye(40), y)
    factor = (2 * B + fit) / (2 * A + 40 - 2)  # t has nu / (nu - 2) times its scale as variance
    np.testing.assert_allclose(got, mean, atol=1e-10)
    np.testing.assert_allclose(spread, std * np.sqrt(factor), atol=1e-8)


def test_samples_of_the_scale_agree_with_the_closed_form():
    closed = ours()
    model = ours(prior=stats.invgamma(A, scale=B), n_samples=40_000)
    assert model.scales_.effective > 5_000
    assert model.log_marginal_likelihood_ == pytest.approx(
        closed.log_marginal_likelihood_, abs=0.03
    )
    for level in (0.5, 0.95):
        (a, b), (c, d) = model.interval(Q, level), closed.interval(Q, level)
        np.testing.assert_allclose(b - a, d - c, rtol=0.02)
    values = rng.standard_normal(15)
    np.testing.assert_allclose(
        model.log_density(Q, values), closed.log_density(Q, values), atol=0.05
    )
    assert model.scales_.mean() == pytest.approx(closed.scales_.mean(), rel=0.02)
    (_, std), (_, other) = (m.predict(Q, return_std=True) for m in (model, closed))
    np.testing.assert_allclose(std, other, rtol=0.02)


def test_another_prior_against_quadrature():
    prior = stats.lognorm(0.8, scale=2.0)
    model = ours(prior=prior, n_samples=40_000)
    C = KERNEL(X) + NOISE * np.eye(40)
    fit, determinant = y @ np.linalg.solve(C, y), np.linalg.slogdet(C)[1]
    most = -20 * np.log(2 * np.pi * fit / 40) - 20

    def integrand(s, power):
        log = -20 * np.log(2 * np.pi * s) - fit / (2 * s) - most
        return np.exp(log) * prior.pdf(s) * s**power

    total, moment = (quad(integrand, 0, 50 * fit / 40, args=(p,), limit=300)[0] for p in (0, 1))
    expected = np.log(total) + most - determinant / 2
    assert model.log_marginal_likelihood_ == pytest.approx(expected, abs=0.03)
    assert model.scales_.mean() == pytest.approx(moment / total, rel=0.02)


def test_derivatives_of_the_evidence_and_learning():
    prior, at = InverseGamma(A, B), np.append(KERNEL.theta, np.log(NOISE))
    _, slopes = student_evidence(KERNEL, X, y, NOISE, prior)
    for p, slope in enumerate(slopes):
        step = np.eye(len(at))[p] * 1e-5
        ends = [
            student_evidence(KERNEL.with_theta(x[:-1]), X, y, np.exp(x[-1]), prior)[0]
            for x in (at + step, at - step)
        ]
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-4)
    learnt = ours(optimizer="lbfgs")
    assert learnt.learning_.log_evidence > ours().log_marginal_likelihood_
    assert learnt.log_marginal_likelihood_ == pytest.approx(learnt.learning_.log_evidence)


@pytest.mark.parametrize("options", [{"n_landmarks": 40}, {"n_features": 400}], ids=str)
def test_other_methods(options):
    method = "nystrom" if "n_landmarks" in options else "features"
    exact, model = ours(), ours(method=method, **options)
    (a, b), (c, d) = model.interval(Q), exact.interval(Q)
    tolerance = 1e-3 if method == "nystrom" else 2.0
    assert np.abs(a - c).max() < tolerance
    assert np.abs(b - d).max() < tolerance


def test_what_is_refused():
    with pytest.raises(InvalidType, match="of an inverse gamma distribution"):
        ours(prior="wide")
    for options, words in [
        ({"prior": (0.0, 1.0)}, "a and b must be positive"),
        ({"prior": stats.norm()}, "scales are positive"),
        ({"prior": stats.gamma(2.0), "optimizer": "lbfgs"}, "pass optimizer=None"),
        ({"method": "cg"}, "no evidence"),
        ({"n_samples": 1}, "n_samples must be at least 10"),
    ]:
        with pytest.raises(InvalidArgument, match=words):
            ours(**options)
    with pytest.raises(InvalidArgument, match="noise must be positive"):
        ScaleMixture(noise=0.0).fit(X, y)
    with pytest.raises(InvalidArgument, match=r"level must be in \(0, 1\)"):
        ours().interval(Q, 1.0)
    with pytest.raises(NotFitted):
        ScaleMixture().interval(Q)
    short = ScaleMixture(KERNEL, prior=(0.2, 1.0), optimizer=None).fit(X[:1], y[:1])
    with pytest.raises(InvalidArgument, match=r"1\.4 degrees of freedom has no variance"):
        short.predict(Q, return_std=True)
