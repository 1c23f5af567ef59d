from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.base import BaseEstimator
from sklearn.covariance import EmpiricalCovariance, LedoitWolf
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.random_projection import GaussianRandomProjection

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    MissingExtra,
)
from likewise.learn import MahalanobisOutliers
from likewise.testing.estimator import EstimatorConformance


def rows_of(n: int = 90, dim: int = 4, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dim)) @ np.random.default_rng(9).normal(size=(dim, dim)) + 5


class TestMahalanobisOutliers(EstimatorConformance):
    def make(self, **options: Any) -> Any:
        return MahalanobisOutliers(**options)


class TestReducedMahalanobisOutliers(EstimatorConformance):
    def make(self, **options: Any) -> Any:
        return MahalanobisOutliers("pca", residual=True, **options)


def test_the_distance_of_scikit_learn_and_scipy():
    X, new = rows_of(), rows_of(20, seed=1)
    plain = MahalanobisOutliers(shrinkage=None).fit(X)
    np.testing.assert_allclose(
        -plain.score_samples(new), EmpiricalCovariance().fit(X).mahalanobis(new)
    )
    inverse = np.linalg.inv(np.cov(X.T, bias=True))
    slow = [mahalanobis(x, X.mean(axis=0), inverse) ** 2 for x in new]
    np.testing.assert_allclose(-plain.score_samples(new), slow)
    shrunk = MahalanobisOutliers(standardize=False).fit(X)
    np.testing.assert_allclose(-shrunk.score_samples(new), LedoitWolf().fit(X).mahalanobis(new))
    np.testing.assert_array_equal(shrunk.score_samples(X), shrunk.training_scores_)
    fixed = MahalanobisOutliers(standardize=False, shrinkage=1.0).fit(X)
    scale = np.cov(X.T, bias=True).trace() / 4
    expected = ((new - X.mean(axis=0)) ** 2).sum(axis=1) / scale
    np.testing.assert_allclose(-fixed.score_samples(new), expected)


def test_means_of_classes_with_one_covariance_and_less_the_background():
    X, new = rows_of(), rows_of(20, seed=1)
    y = np.array(["a"] * 30 + ["b"] * 60)
    X[:30] += 7
    means = np.array([X[:30].mean(axis=0), X[30:].mean(axis=0)])
    centred = np.r_[X[:30] - means[0], X[30:] - means[1]]
    inverse = np.linalg.inv(centred.T @ centred / 90)
    least = [min(mahalanobis(x, m, inverse) ** 2 for m in means) for x in new]
    options = {"shrinkage": None, "by_class": True}
    detector = MahalanobisOutliers(**options).fit(X, y)
    np.testing.assert_allclose(-detector.score_samples(new), least)
    whole = EmpiricalCovariance().fit(X).mahalanobis(new)
    relative = MahalanobisOutliers(relative=True, **options).fit(X, y)
    np.testing.assert_allclose(-relative.score_samples(new), np.array(least) - whole)


def test_components_and_what_they_lose():
    X, new = rows_of(dim=6), rows_of(20, dim=6, seed=1)
    pca = PCA(2).fit(X)
    z = pca.transform(new)
    inside = (z**2 / (pca.transform(X) ** 2).mean(axis=0)).sum(axis=1)
    options = {"shrinkage": None, "standardize": False}
    for reduce in ({"reduce": "pca", "components": 2}, {"reduce": PCA(2)}):
        detector = MahalanobisOutliers(**reduce, **options).fit(X)
        np.testing.assert_allclose(-detector.score_samples(new), inside)
        whole = MahalanobisOutliers(**reduce, **options, residual=True).fit(X)
        lost = ((new - pca.inverse_transform(z)) ** 2).sum(axis=1)
        per_direction = pca.noise_variance_ * 89 / 90  # PCA divides by n - 1
        np.testing.assert_allclose(-whole.score_samples(new), inside + lost / per_direction)


def test_nothing_is_lost_by_as_many_components_as_numbers():
    X, new = rows_of(), rows_of(20, seed=1)
    plain = MahalanobisOutliers(shrinkage=None).fit(X)
    turned = MahalanobisOutliers("pca", 4, residual=True, shrinkage=None).fit(X)
    np.testing.assert_allclose(turned.score_samples(new), plain.score_samples(new))


def test_any_transformer_that_is_not_told_of_new_rows():
    class Recording:  # no estimator of scikit-learn
        seen = 0

        def fit(self, X):
            type(self).seen += len(X)
            return self

        def transform(self, X):
            return X[:, :2]

    X, new = rows_of(), rows_of(20, seed=1)
    detector = MahalanobisOutliers(Recording(), shrinkage=None).fit(X)
    narrow = MahalanobisOutliers(shrinkage=None).fit(X[:, :2])
    np.testing.assert_allclose(detector.score_samples(new), narrow.score_samples(new[:, :2]))
    assert Recording.seen == 90


def test_units_do_not_matter_when_standardized():
    X, new = rows_of(), rows_of(20, seed=1)
    units = np.array([1.0, 1000.0, 1e-3, 10.0])
    one = MahalanobisOutliers("pca", 2).fit(X).score_samples(new)
    two = MahalanobisOutliers("pca", 2).fit(X * units).score_samples(new * units)
    np.testing.assert_allclose(one, two)


def test_more_numbers_than_rows():
    """What each way sees: odd within the span of the rows, odd outside it, and in scale."""
    rng = np.random.default_rng(0)
    span = rng.normal(size=(10, 300))

    def drawn(n, inside=1.0, outside=0.3):
        return inside * rng.normal(size=(n, 10)) @ span + outside * rng.normal(size=(n, 300))

    X, normal = drawn(150), drawn(100)
    options: dict[str, Any] = {"standardize": False}
    ways = {
        "shrunk": MahalanobisOutliers(**options).fit(X),
        "pca": MahalanobisOutliers("pca", 10, **options).fit(X),
        "both": MahalanobisOutliers("pca", 10, residual=True, **options).fit(X),
    }

    def auroc(name, odd):
        scores = ways[name].score_samples(np.r_[normal, odd])
        return roc_auc_score(np.repeat([1, 0], 100), scores)

    within, off = drawn(100, inside=2.0), drawn(100, outside=0.45)
    assert auroc("pca", within) > 0.9
    assert auroc("pca", off) < 0.7
    assert auroc("both", off) > 0.99
    assert auroc("both", within) > 0.85
    assert auroc("shrunk", off) > 0.99


def test_constant_columns_and_equal_rows():
    X = np.c_[rows_of(), np.full(90, 0.1)]
    assert np.isfinite(MahalanobisOutliers().fit(X).score_samples(X)).all()
    with pytest.raises(InvalidArgument, match="of 5 numbers has rank 4"):
        MahalanobisOutliers(shrinkage=None).fit(X)
    with pytest.raises(InvalidArgument, match="all 9 are the same"):
        MahalanobisOutliers().fit(np.ones((9, 2)))


def test_by_direction():
    X = rows_of()
    detector = MahalanobisOutliers(normalise=True).fit(X)
    np.testing.assert_allclose(detector.score_samples(9 * X), detector.training_scores_)


def test_umap_is_named_with_its_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtra, match="pip install umap-learn"):
        MahalanobisOutliers("umap").fit(rows_of())


def test_umap_by_name_is_given_the_seed_and_the_size(monkeypatch):
    import types

    made: list[dict[str, Any]] = []

    def stand_in(**options):
        made.append(dict(options))
        del options["n_jobs"]
        return GaussianRandomProjection(**options)

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=stand_in))
    MahalanobisOutliers("umap", 3, random_state=5).fit(rows_of())
    MahalanobisOutliers("umap", random_state=None).fit(rows_of())
    assert made == [
        {"n_components": 3, "random_state": 5, "n_jobs": 1},
        {"n_components": 2, "random_state": None, "n_jobs": -1},
    ]


class Broken(BaseEstimator):
    def __init__(self, answer=np.nan):
        self.answer = answer

    def fit(self, X):
        return self

    def transform(self, X):
        return np.full((len(X), 1), self.answer) if np.ndim(self.answer) == 0 else self.answer


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"reduce": "tsne"}, InvalidArgument, 'reduce must be "pca", "umap"'),
        ({"reduce": np.eye(3)}, InvalidType, "have fit and transform"),
        ({"components": 2}, InvalidArgument, "give a transformer its own"),
        ({"reduce": "pca", "components": 5}, InvalidArgument, "at most 4"),
        ({"residual": True}, InvalidArgument, "needs a reduction with inverse_transform"),
        ({"relative": True}, InvalidArgument, "give by_class=True"),
        ({"by_class": True}, InvalidArgument, "requires y to be passed"),
        ({"shrinkage": "oas"}, InvalidArgument, 'must be "ledoit-wolf"'),
        ({"shrinkage": 1.5}, InvalidArgument, r"shrinkage must lie in \[0, 1\]"),
        ({"reduce": Broken()}, InvalidArgument, "gave NaN or infinity"),
        ({"reduce": Broken(np.zeros(3))}, DimensionMismatch, r"shape \(3,\) for 90 rows"),
    ],
)
def test_impossible_arguments(options, error, words):
    with pytest.raises(error, match=words):
        MahalanobisOutliers(**options).fit(rows_of())


def test_impossible_rows():
    with pytest.raises(InvalidVector, match="row 2 is zero"):
        MahalanobisOutliers(normalise=True).fit([[1.0], [2.0], [0.0]])
    with pytest.raises(InvalidArgument, match="n_samples = 1"):
        MahalanobisOutliers().fit([[1.0]])


@pytest.mark.parametrize("arguments", [{}, {"reduce": "pca"}, {"shrinkage": None}])
def test_rows_that_are_all_the_same_have_no_spread(arguments):
    with pytest.raises(InvalidArgument, match="rows that differ; all 20 are the same"):
        MahalanobisOutliers(**arguments).fit(np.full((20, 3), 0.3))


def test_what_pca_can_do_is_said():
    X = np.random.default_rng(0).normal(size=(40, 2)) @ np.ones((2, 5)) + np.arange(5)
    with pytest.raises(InvalidArgument, match='or reduce="pca" with components=1'):
        MahalanobisOutliers(reduce="pca", shrinkage=None).fit(X)
    MahalanobisOutliers(reduce="pca", components=1, shrinkage=None).fit(X)
