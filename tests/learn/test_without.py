"""Answers without a row against models that are fitted without it, for every kind of weights."""

import numpy as np
import pytest

from likewise.errors import InvalidArgument, NotFitted, OverLimit
from likewise.index import Exact
from likewise.kernels import RBF
from likewise.learn import (
    CalibratedClassifier,
    ConformalClassifier,
    ConformalRegressor,
    InterpolatedNeighbors,
    NeighborGraph,
    NeighborsClassifier,
    NeighborsRegressor,
    _neighbor_estimator,
    _without,
)

rng = np.random.default_rng(0)
X, Q = rng.integers(0, 5, (24, 2)).astype(float), rng.integers(0, 5, (4, 2)) + 0.5
y, Y = rng.choice(list("abc"), 24), rng.normal(size=(24, 2))
WEIGHTS = [
    {},
    {"weights": "distance"},
    {"weights": "softmax", "temperature": 0.7},
    {"weights": RBF(length=0.3)},
    {"index": Exact("manhattan"), "weights": lambda d: 1 / (1 + d)},
]


VOTE = NeighborsClassifier(k=5)


def gone(i):
    return np.arange(24) != i


@pytest.mark.parametrize("options", WEIGHTS, ids=lambda options: "-".join(options) or "usual")
@pytest.mark.parametrize("k", [1, 5, 24, 40, None])
def test_against_models_without_a_row(k, options):
    vote = NeighborsClassifier(k=k, **options).fit(X, y)
    mean = NeighborsRegressor(k=k, **options).fit(X, Y)
    left, (means, deviations) = vote.leave_one_out_proba(), mean.leave_one_out_means()
    whole, ids, shares = vote.without_each_proba(Q)
    plain, same, (fewer, spreads) = mean.without_each_means(Q)
    np.testing.assert_allclose(whole, vote.predict_proba(Q), atol=1e-12)
    for ours, theirs in zip(plain, mean.predict(Q, return_std=True), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    assert ids.tolist() == same.tolist()
    assert ids.shape == (4, min(k or 24, 24))
    for i in range(24):
        other = NeighborsClassifier(k=k, **options).fit(X[gone(i)], y[gone(i)])
        np.testing.assert_allclose(left[i], other.predict_proba(X[[i]])[0], atol=1e-12)
        numbers = NeighborsRegressor(k=k, **options).fit(X[gone(i)], Y[gone(i)])
        expected = numbers.predict(X[[i]], return_std=True)
        np.testing.assert_allclose([means[i], deviations[i]], np.array(expected)[:, 0], atol=1e-12)
        asked = np.array(numbers.predict(Q, return_std=True))
        for q in range(4):
            if i not in ids[q]:  # no neighbour: nothing changes
                np.testing.assert_allclose(asked[0, q], plain[0][q], atol=1e-12)
                continue
            j = ids[q].tolist().index(i)
            np.testing.assert_allclose(shares[q, j], other.predict_proba(Q)[q], atol=1e-12)
            np.testing.assert_allclose([fewer[q, j], spreads[q, j]], asked[:, q], atol=1e-12)


def test_the_deviation_is_that_of_the_neighbours():
    model = NeighborsRegressor(k=2, weights=lambda d: 1 + 0 * d).fit(
        [[0.0], [1.0], [9.0]], [1, 4, 9]
    )
    mean, deviation = model.predict([[0.2]], return_std=True)
    assert (mean.tolist(), deviation.tolist()) == ([2.5], [1.5])


def test_rows_that_were_forgotten_are_not_left_out_again():
    model = NeighborsClassifier(k=3).fit(X, y)
    model.forget([0, 7])
    kept = np.setdiff1d(np.arange(24), [0, 7])
    fresh = NeighborsClassifier(k=3).fit(X[kept], y[kept])
    np.testing.assert_array_equal(model.leave_one_out_proba(), fresh.leave_one_out_proba())
    (whole, ids, fewer), (same, places, less) = (m.without_each_proba(Q) for m in (model, fresh))
    np.testing.assert_array_equal(whole, same)
    np.testing.assert_array_equal(fewer, less)
    assert ids.tolist() == kept[places].tolist()


def test_where_all_rows_are_neighbours_a_split_is_made():
    many = np.repeat(X, 3, axis=0)
    for model in (
        ConformalClassifier(NeighborsClassifier(k=None, weights="softmax")),
        ConformalRegressor(NeighborsRegressor(k=None, weights="softmax")),
    ):
        assert model.fit(many, np.arange(72) % 2).method_ == "split"
        with pytest.raises(InvalidArgument, match="some, not all rows"):
            model.set_params(method="jackknife+").fit(many, np.arange(72) % 2)


def test_refusals():
    for model in (NeighborsClassifier(), NeighborsRegressor()):
        kind = "proba" if isinstance(model, NeighborsClassifier) else "means"
        with pytest.raises(NotFitted):
            getattr(model, f"leave_one_out_{kind}")()
        with pytest.raises(NotFitted):
            getattr(model, f"without_each_{kind}")(Q)
        model.fit([[0.0, 0.0]], [1])
        with pytest.raises(InvalidArgument, match="two rows"):
            getattr(model, f"leave_one_out_{kind}")()
        with pytest.raises(InvalidArgument, match="two rows"):
            getattr(model, f"without_each_{kind}")(Q)


def test_a_graph_of_the_rows_serves_all():
    graph = NeighborGraph(k=8).fit(X)
    for with_graph, without in (
        (CalibratedClassifier(NeighborsClassifier(graph, k=5)), CalibratedClassifier(VOTE)),
        (InterpolatedNeighbors(index=graph, k=5), InterpolatedNeighbors(k=5)),
    ):
        np.testing.assert_array_equal(
            with_graph.fit(X, y).predict_proba(Q), without.fit(X, y).predict_proba(Q)
        )
    sets, plain = (
        ConformalClassifier(NeighborsClassifier(index, k=5)).fit(X, y) for index in (graph, None)
    )
    assert sets.method_ == "jackknife+"
    np.testing.assert_array_equal(sets.p_values(Q), plain.p_values(Q))


def test_rows_left_out_of_all_rows_come_in_blocks(monkeypatch):
    X = np.random.default_rng(0).normal(size=(40, 2))
    vote = NeighborsClassifier(k=None, weights="distance").fit(X, X[:, 0] > 0)
    mean = NeighborsRegressor(k=None, weights="distance").fit(X, X[:, 0])
    whole = vote.leave_one_out_proba(), *mean.leave_one_out_means()
    monkeypatch.setattr(_neighbor_estimator, "NUMBERS", 3 * 40)
    parts = vote.leave_one_out_proba(), *mean.leave_one_out_means()
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12)


def test_more_pairs_of_neighbours_than_fit_are_refused(monkeypatch):
    X = np.random.default_rng(0).normal(size=(40, 2))
    model = NeighborsRegressor(k=None).fit(X, X[:, 0])
    monkeypatch.setattr(_without, "LIMIT", 32 * 39**2)
    with pytest.raises(OverLimit, match=r"k = 40 neighbours takes .* GB a query; .* smaller k"):
        model.without_each_means(X[:1])
