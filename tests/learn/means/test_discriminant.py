"""Linear and quadratic discriminants: scikit-learn's values, any history to the last bit."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.covariance import OAS
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis as SklearnLinear
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis as SklearnQuadratic

from likewise.errors import InvalidArgument, InvalidType, NotPositiveDefinite
from likewise.learn import LinearDiscriminant, QuadraticDiscriminant
from likewise.testing.estimator import EstimatorConformance
from tests.learn.means._histories import check_any_history, rows

X, y = rows(count=120)
X = X / X.std(axis=0) + np.array([5.0, 0.0, 0.0, 0.0, -3.0])
Q = X[::3] + np.random.default_rng(3).normal(size=(40, 5))


class TestLinearDiscriminant(EstimatorConformance):
    def make(self, **options):
        return LinearDiscriminant(**options)


class TestQuadraticDiscriminant(EstimatorConformance):
    def make(self, **options):
        return QuadraticDiscriminant(**options)


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_linear_equals_scikit_learn(shrinkage):
    ours = LinearDiscriminant(shrinkage).fit(X, y)
    theirs = SklearnLinear("lsqr", shrinkage=shrinkage, store_covariance=True).fit(X, y)
    np.testing.assert_allclose(ours.covariance_, theirs.covariance_, atol=1e-13)
    np.testing.assert_allclose(ours.predict_proba(Q), theirs.predict_proba(Q), atol=1e-12)


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_quadratic_equals_scikit_learn(shrinkage):
    ours = QuadraticDiscriminant(shrinkage).fit(X, y)
    theirs = SklearnQuadratic(solver="eigen", shrinkage=shrinkage).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(Q), theirs.predict_proba(Q), atol=1e-12)


def test_oas_equals_scikit_learn():
    ours = QuadraticDiscriminant().fit(X, y)
    theirs = SklearnQuadratic(
        solver="eigen", covariance_estimator=OAS(), store_covariance=True
    ).fit(X, y)
    np.testing.assert_allclose(ours.covariances_, theirs.covariance_, atol=1e-13)
    np.testing.assert_allclose(ours.predict_proba(Q), theirs.predict_proba(Q), atol=1e-12)
    away = X - np.array([X[y == label].mean(axis=0) for label in y])
    shared = OAS(assume_centered=True).fit(away).covariance_
    model = LinearDiscriminant().fit(X, y)
    np.testing.assert_allclose(model.covariance_, shared, atol=1e-13)
    apart = cdist(Q, model.means_, "mahalanobis", VI=np.linalg.inv(shared))
    np.testing.assert_allclose(model.distances(Q), apart)


def test_pooling_goes_from_quadratic_to_linear():
    linear = LinearDiscriminant(0.2).fit(X, y)
    pooled = QuadraticDiscriminant(0.2, pooling=1.0).fit(X, y)
    np.testing.assert_allclose(pooled.covariances_, [linear.covariance_] * 4, atol=1e-13)
    np.testing.assert_allclose(pooled.predict_proba(Q), linear.predict_proba(Q), atol=1e-12)
    half = QuadraticDiscriminant(0.0, pooling=0.5).fit(X, y)
    own = QuadraticDiscriminant(0.0).fit(X, y).covariances_
    shared = LinearDiscriminant(0.0).fit(X, y).covariance_
    np.testing.assert_allclose(half.covariances_, (own + shared) / 2, atol=1e-13)


def test_normalised_covariances_are_correlations_without_determinants():
    model = QuadraticDiscriminant(0.0, normalise=True, priors="uniform").fit(X, y)
    correlations = [np.corrcoef(X[y == label].T) for label in model.classes_]
    np.testing.assert_allclose(model.covariances_, correlations, atol=1e-12)
    away = [
        cdist(Q, [mean], "mahalanobis", VI=np.linalg.inv(R))[:, 0]
        for mean, R in zip(model.means_, correlations, strict=True)
    ]
    np.testing.assert_allclose(model.distances(Q), np.transpose(away))
    assert (model.predict(Q) == model.classes_[np.argmin(away, axis=0)]).all()


@pytest.mark.parametrize(
    "make",
    [LinearDiscriminant, QuadraticDiscriminant, lambda: QuadraticDiscriminant(normalise=True)],
)
def test_any_history_gives_the_same_bits(make):
    check_any_history(make, *rows(count=60), seeds=(1, 2))


def test_rows_far_from_zero_lose_nothing():
    small = np.rint(X * 64) / 64
    for model in (LinearDiscriminant(), QuadraticDiscriminant()):
        far = model.fit(small + 2.0**36, y).predict_proba(Q + 2.0**36)
        near = model.fit(small, y).predict_proba(Q)
        np.testing.assert_allclose(far, near, atol=1e-4)  # Q + 2^36 itself is rounded at 2^-17
    assert LinearDiscriminant().fit(small + 2.0**36, y).covariance_ == pytest.approx(
        LinearDiscriminant().fit(small, y).covariance_, rel=1e-12, abs=1e-14
    )


def test_few_rows():
    for make in (LinearDiscriminant, QuadraticDiscriminant):
        one = make().fit([[0.0, 0.0], [4.0, 0.0]], [3, 1])
        assert one.predict([[1.0, 9.0], [2.0, 0.0], [3.0, 0.0]]).tolist() == [3, 1, 1]
    lonely = QuadraticDiscriminant().fit(np.vstack([X, [[9.0] * 5]]), np.append(y, "zoo"))
    mixed = np.mean([np.trace(c) for c in QuadraticDiscriminant(0.0).fit(X, y).covariances_])
    assert np.array_equal(lonely.covariances_[-1], np.eye(5) * lonely.covariances_[-1][0, 0])
    assert lonely.covariances_[-1][0, 0] == pytest.approx(mixed / 5, rel=0.1)


def test_what_is_singular_is_refused_with_the_remedy():
    flat = np.column_stack([X, X[:, 0]])
    for make in (LinearDiscriminant, QuadraticDiscriminant):
        with pytest.raises(NotPositiveDefinite, match=r'singular: too few rows.*shrinkage="oas"'):
            make(0.0).fit(flat, y).predict(flat)
        assert make().fit(flat, y).score(flat, y) > 0.3


def test_what_was_never_learnt_is_not_forgotten():
    for make in (LinearDiscriminant, QuadraticDiscriminant):
        model = make().fit(X, y)
        before = model.predict_proba(Q).tobytes()
        with pytest.raises(InvalidArgument, match="never learnt"):
            model.forget(X[:1] + 1e9, y[:1])
        ash = y == "ash"
        with pytest.raises(InvalidArgument, match="never learnt"):
            model.forget(X[ash] + 1e-9, y[ash])
        assert model.predict_proba(Q).tobytes() == before


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (LinearDiscriminant, {"shrinkage": "auto"}, 'a number from 0 to 1 or "oas"'),
        (LinearDiscriminant, {"shrinkage": 1.5}, "from 0 to 1; got 1.5"),
        (QuadraticDiscriminant, {"pooling": -0.1}, "pooling must be from 0 to 1"),
        (QuadraticDiscriminant, {"priors": "even"}, "priors must be None"),
    ],
    ids=str,
)
def test_impossible_arguments(make, options, words):
    with pytest.raises(InvalidArgument, match=words):
        make(**options).fit(X, y)
    with pytest.raises(InvalidType, match="normalise must be True or False"):
        QuadraticDiscriminant(normalise="yes").fit(X, y)
