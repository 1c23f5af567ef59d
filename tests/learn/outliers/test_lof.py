from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor as Theirs

from likewise.errors import InvalidArgument, InvalidType, NotFitted
from likewise.index import Exact, Graph
from likewise.learn import LocalOutlierFactor
from likewise.learn.outliers.lof import reachability_density
from likewise.testing.estimator import EstimatorConformance


def clouds(n: int = 200, dim: int = 3, seed: int = 0) -> Any:
    """Rows that float32 holds, of two densities, with a few far off."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, dim)) * np.where(np.arange(n) % 2, 1.0, 0.1)[:, None]
    rows[:5] += 8.0
    return rows.astype(np.float32).astype(np.float64)


class TestLocalOutlierFactor(EstimatorConformance):
    def make(self, **options: Any) -> Any:
        return LocalOutlierFactor(**options)


@pytest.mark.parametrize(("metric", "theirs"), [("euclidean", None), ("manhattan", "manhattan")])
def test_equal_to_scikit_learns(metric, theirs):
    X, new = clouds(), clouds(60, seed=1)
    for k in (1, 7, 20):
        ours = LocalOutlierFactor(Exact(metric), k=k).fit(X)
        other = Theirs(k, metric=theirs or "minkowski")
        assert np.array_equal(other.fit_predict(X), ours.predict(X))
        np.testing.assert_allclose(ours.training_scores_, other.negative_outlier_factor_)
        novel = Theirs(k, metric=theirs or "minkowski", novelty=True).fit(X)
        np.testing.assert_allclose(ours.score_samples(new), novel.score_samples(new))
        assert ours.offset_ == novel.offset_


def test_the_formula_row_by_row():
    X, k = clouds(40), 4
    away = np.linalg.norm(X[:, None] - X[None], axis=2)
    np.fill_diagonal(away, np.inf)
    near = np.argsort(away, axis=1, kind="stable")[:, :k]
    density = np.empty(40)
    for i in range(40):
        reach = [max(away[i, j], away[j, near[j, -1]]) for j in near[i]]
        density[i] = 1 / np.mean(reach)
    factor = [np.mean([density[j] / density[i] for j in near[i]]) for i in range(40)]
    np.testing.assert_allclose(LocalOutlierFactor(k=k).fit(X).training_scores_, -np.array(factor))


def test_fitted_rows_score_as_in_training_and_a_share_is_a_share():
    X = clouds()
    detector = LocalOutlierFactor(k=10, contamination=0.1)
    signs = detector.fit_predict(X)
    assert (signs == -1).sum() == 20
    np.testing.assert_array_equal(detector.score_samples(X), detector.training_scores_)
    np.testing.assert_array_equal(detector.predict(X), signs)


def test_more_neighbours_than_rows_are_cut():
    X = clouds(12)
    most = LocalOutlierFactor(k=11).fit(X).training_scores_
    np.testing.assert_array_equal(LocalOutlierFactor(k=500).fit(X).training_scores_, most)


def test_copies_have_a_density():
    X = np.repeat([[0.0], [1.0], [2.0]], 5, axis=0)
    scores = LocalOutlierFactor(k=3).fit(X).score_samples([[0.0], [0.5]])
    assert np.isfinite(scores).all()
    assert scores[0] == pytest.approx(-1.0)
    assert scores[1] < -1e6, "beside rows with as many copies as neighbours"


def test_any_index_is_searched():
    X, new = clouds(), clouds(60, seed=1)
    index = Graph("euclidean")
    exact, graph = LocalOutlierFactor().fit(X), LocalOutlierFactor(index, recall=1.0).fit(X)
    assert isinstance(graph.index_, Graph)
    np.testing.assert_allclose(graph.score_samples(new), exact.score_samples(new))
    with pytest.raises(NotFitted):
        index.search(new)  # it was copied


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"k": 0}, InvalidArgument, "k must be a positive integer"),
        ({"contamination": 0.7}, InvalidArgument, r"must lie in \(0, 0.5\]; got 0.7"),
        ({"contamination": "few"}, InvalidArgument, r"a share in \(0, 0.5\] or \"auto\""),
        ({"contamination": True}, InvalidType, "contamination must be a number"),
        ({"index": "graph"}, InvalidType, "index must be one of likewise.index"),
        ({"recall": 2.0}, InvalidArgument, "recall must be in"),
    ],
)
def test_impossible_arguments(options, error, words):
    with pytest.raises(error, match=words):
        LocalOutlierFactor(**options).fit(clouds(20))


def test_one_row_has_no_neighbours():
    with pytest.raises(InvalidArgument, match="n_samples = 1"):
        LocalOutlierFactor().fit([[1.0, 2.0]])


def test_negative_distances_are_refused():
    X = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(InvalidArgument, match=r"at least 0; got -.* the metric dot"):
        LocalOutlierFactor(Exact("dot"), k=3).fit(X)
    with pytest.raises(InvalidArgument, match="at least 0"):
        reachability_density([[0]], [[-1.0]], radii=np.array([3.0]))
