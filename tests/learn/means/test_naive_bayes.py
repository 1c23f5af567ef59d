"""GaussianNaiveBayes: scikit-learn's values, any history to the last bit, what it refuses."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.naive_bayes import GaussianNB

from likewise.errors import InvalidArgument, InvalidType
from likewise.learn import GaussianNaiveBayes
from likewise.testing.estimator import EstimatorConformance
from tests.learn.means._histories import check_any_history, rows

X, y = rows()
Q = rows(9)[0]


class TestGaussianNaiveBayes(EstimatorConformance):
    def make(self, **options):
        return GaussianNaiveBayes(**options)


@pytest.mark.parametrize("smoothing", [1e-9, 0.1])
def test_equals_scikit_learn(smoothing):
    ours = GaussianNaiveBayes(smoothing=smoothing).fit(X, y)
    theirs = GaussianNB(var_smoothing=smoothing).fit(X, y)
    np.testing.assert_allclose(ours.means_, theirs.theta_, atol=1e-12)
    np.testing.assert_allclose(ours.variances_, theirs.var_, rtol=1e-12)
    np.testing.assert_allclose(ours.predict_proba(Q), theirs.predict_proba(Q), atol=1e-12)


def test_priors():
    weights = {"ash": 1.0, "birch": 2.0, "cedar": 3.0, "date": 4.0, "never": 9.0}
    ours = GaussianNaiveBayes(priors=weights).fit(X, y).predict_proba(Q)
    theirs = GaussianNB(priors=[0.1, 0.2, 0.3, 0.4]).fit(X, y).predict_proba(Q)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    ours = GaussianNaiveBayes(priors="uniform").fit(X, y).predict_proba(Q)
    np.testing.assert_allclose(ours, GaussianNB(priors=[0.25] * 4).fit(X, y).predict_proba(Q))


def test_shared_variances_by_the_formula():
    model = GaussianNaiveBayes(shared=True).fit(X, y)
    means = {c: X[y == c].mean(axis=0) for c in model.classes_}
    v = np.mean([(row - means[label]) ** 2 for row, label in zip(X, y, strict=True)], axis=0)
    v += 1e-9 * X.var(axis=0).max()
    np.testing.assert_allclose(model.variances_, [v] * 4)
    p = np.array(
        [norm.logpdf(Q, means[c], v**0.5).sum(1) + np.log(np.mean(y == c)) for c in model.classes_]
    ).T
    p = np.exp(p - p.max(axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict_proba(Q), p / p.sum(axis=1)[:, None], atol=1e-9)


@pytest.mark.parametrize("shared", [False, True])
def test_any_history_gives_the_same_bits(shared):
    check_any_history(lambda: GaussianNaiveBayes(shared))


def test_variances_far_from_zero_lose_nothing():
    rng = np.random.default_rng(0)
    small = rng.integers(-50, 50, (200, 3)) / 64.0
    model = GaussianNaiveBayes().fit(small + 2.0**40, np.arange(200) % 2)
    near = GaussianNaiveBayes().fit(small, np.arange(200) % 2)
    assert np.array_equal(model.variances_, near.variances_)


def test_rows_that_do_not_vary():
    model = GaussianNaiveBayes().fit([[1.0, 2.0]] * 3, [0, 1, 1])
    assert model.predict([[1.0, 2.0], [9.0, 9.0]]).tolist() == [1, 1]
    assert GaussianNaiveBayes().fit([[3.0]], ["one"]).predict([[4.0]]).tolist() == ["one"]


def test_impossible_arguments():
    with pytest.raises(InvalidArgument, match="smoothing must be positive"):
        GaussianNaiveBayes(smoothing=0.0).fit(X, y)
    with pytest.raises(InvalidType, match="shared must be True or False"):
        GaussianNaiveBayes("yes").fit(X, y)
    with pytest.raises(InvalidArgument, match="priors must be None"):
        GaussianNaiveBayes(priors=[0.5, 0.5]).fit(X, y)
    with pytest.raises(InvalidArgument, match="weight of 'ash' must be positive"):
        GaussianNaiveBayes(priors={"ash": -1.0}).fit(X, y)
    with pytest.raises(InvalidArgument, match="no weight for class 'birch'"):
        GaussianNaiveBayes(priors={"ash": 1.0}).fit(X, y).predict(Q)
