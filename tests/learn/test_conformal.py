"""Conformal sets and intervals: against n models fitted without a row, their coverage, refusals."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from likewise.errors import InvalidArgument, InvalidType, NotFitted
from likewise.index import Exact
from likewise.learn import (
    ConformalClassifier,
    ConformalRegressor,
    NeighborsClassifier,
    NeighborsRegressor,
)
from likewise.learn.conformal import (
    aps_scores,
    lac_scores,
    p_values,
    rows_for_coverage,
    split_bound,
    upper_rank,
)
from likewise.testing.estimator import EstimatorConformance


class TestClassifier(EstimatorConformance):
    answers = ("predict", "predict_proba", "p_values", "predict_set")

    def make(self, **options):
        return ConformalClassifier(**options)

    def _answers(self, learner, X):
        found = super()._answers(learner, X)
        found["predict_set"] = [label for labels in found["predict_set"] for label in labels]
        return found


class TestRegressor(EstimatorConformance):
    answers = ("predict", "predict_interval")

    def make(self, **options):
        return ConformalRegressor(**{"method": "split", "normalised": True, **options})


def clouds(n, seed, classes=3):
    rng = np.random.default_rng(seed)
    y = rng.choice(classes, n, p=[0.6, 0.3, 0.1])
    return rng.normal(size=(n, 3)) + 1.5 * np.eye(3)[y], np.array(["a", "b", "c"])[y]


def waves(n, seed):
    """Noise that is larger on the right."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 6, (n, 1))
    return X, np.sin(X[:, 0]) + (0.05 + 0.1 * X[:, 0]) * rng.standard_normal(n)


def plain_shares(X, y, q, k, gone=None):
    """Votes for q, with one row gone."""
    distance = ((X - q) ** 2).sum(axis=1)
    if gone is not None:
        distance[gone] = np.inf
    near = y[np.argsort(distance, kind="stable")[: min(k, len(X) - (gone is not None))]]
    return np.array([[np.mean(near == c) for c in "abc"]])


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize(("score", "function"), [("lac", lac_scores), ("aps", aps_scores)])
@pytest.mark.parametrize("k", [1, 4, 60])
def test_p_values_against_a_model_without_each_row(score, function, k, conditional):
    (X, y), (Q, _) = clouds(50, 0), clouds(6, 1)
    X, Q = X.round(), Q.round()  # copies and equal distances
    model = ConformalClassifier(
        NeighborsClassifier(k=k),
        nonconformity=score,
        class_conditional=conditional,
        randomised=True,
    ).fit(X, y)
    assert model.method_ == "jackknife+"
    u = 1 - np.random.default_rng(0).random((6, 1))
    own = [
        function(plain_shares(X, y, X[i], k, gone=i))[0, "abc".index(y[i])] for i in range(len(X))
    ]
    for q in range(6):
        for c in range(3):
            rows = [i for i in range(50) if not conditional or y[i] == "abc"[c]]
            there = [function(plain_shares(X, y, Q[q], k, gone=i))[0, c] for i in rows]
            above = sum(own[i] > s for i, s in zip(rows, there, strict=True))
            equal = sum(own[i] == s for i, s in zip(rows, there, strict=True))
            expected = (above + u[q, 0] * (equal + 1)) / (len(rows) + 1)
            assert model.p_values(Q)[q, c] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("k", [1, 3, 10, 60])
@pytest.mark.parametrize("coverage", [0.05, 0.5, 0.9])
def test_intervals_against_a_model_without_each_row(normalised, k, coverage):
    (X, y), (Q, _) = waves(40, 0), waves(5, 1)
    X, y, Q = ((8 * v).round() / 8 for v in (X, y, Q))  # with equal distances
    model = ConformalRegressor(NeighborsRegressor(k=k), normalised=normalised).fit(X, y)
    assert model.method_ == "jackknife+"

    def without(q, i):
        kept = [j for j in range(40) if j != i]
        near = np.argsort(np.abs(X[kept, 0] - q), kind="stable")[:k]
        heard = y[kept][near]
        return heard.mean(), heard.std() + 0.1 * y.std() if normalised else 1.0

    for q, (low, high) in zip(Q[:, 0], model.predict_interval(Q, coverage=coverage), strict=True):
        lows, highs = [], []
        for i in range(40):
            mean, spread = without(X[i, 0], i)
            score = abs(y[i] - mean) / spread
            mean, spread = without(q, i)
            lows.append(mean - score * spread)
            highs.append(mean + score * spread)
        rank = int(np.ceil(coverage * 41 - 1e-9))
        assert high == pytest.approx(sorted(highs)[rank - 1], abs=1e-12)
        assert low == pytest.approx(sorted(lows)[40 - rank], abs=1e-12)


@pytest.mark.parametrize("score", ["lac", "aps"])
def test_split_sets_by_hand(score):
    (X, y), (Q, _) = clouds(200, 0), clouds(20, 1)
    model = ConformalClassifier(
        LogisticRegression(), nonconformity=score, calibration=0.5, random_state=3
    ).fit(X, y)
    order = np.random.default_rng(3).permutation(200)
    held, learnt = np.sort(order[:100]), np.sort(order[100:])
    linear = LogisticRegression().fit(X[learnt], y[learnt])
    function = {"lac": lac_scores, "aps": aps_scores}[score]
    own = function(linear.predict_proba(X[held]))[range(100), ["abc".index(c) for c in y[held]]]
    bound = np.sort(own)[91 - 1]  # ceil(0.9 * 101)
    inside = function(linear.predict_proba(Q)) <= bound
    sets = model.predict_set(Q, coverage=0.9)
    assert [set(s.tolist()) for s in sets] == [set(np.array(list("abc"))[i]) for i in inside]
    for line, found in zip(linear.predict_proba(Q), sets, strict=True):
        places = ["abc".index(c) for c in found]
        assert (np.diff(line[places]) <= 0).all()  # the likeliest first
    np.testing.assert_allclose(model.predict_proba(Q), linear.predict_proba(Q))


def test_aps_scores_against_sums():
    rng = np.random.default_rng(0)
    P = rng.integers(0, 4, (5, 2, 7)) / 10  # with equal ones
    plain = [
        [[sum(x for x in line if x > p) + p / 2 for p in line] for line in table] for table in P
    ]
    np.testing.assert_allclose(aps_scores(P), plain, atol=1e-12)


@pytest.mark.parametrize("method", ["split", "jackknife+"])
@pytest.mark.parametrize("score", ["lac", "aps"])
def test_coverage_of_sets(score, method):
    """Exact with random ties, not less without them, on average over new rows and draws."""
    found, exact, least = [], [], []
    for seed in range(12):
        (X, y), (Q, truth) = clouds(200, seed), clouds(300, 100 + seed)
        for randomised, into in ((True, exact), (False, least)):
            model = ConformalClassifier(
                NeighborsClassifier(k=10), nonconformity=score, method=method, randomised=randomised
            ).fit(X, y)
            inside = model.p_values(Q) > 0.1
            into.append(inside[np.arange(300), np.searchsorted(model.classes_, truth)].mean())
            found.append(inside.sum(axis=1).mean())
    assert np.mean(exact) == pytest.approx(0.9, abs=0.02)
    assert np.mean(least) > 0.9
    assert 1 <= np.mean(found) < 2.5


def test_coverage_of_rare_classes():
    rare = {True: [], False: []}
    for seed in range(8):
        (X, y), (Q, truth) = clouds(400, seed), clouds(600, 100 + seed)
        for conditional, into in rare.items():
            model = ConformalClassifier(class_conditional=conditional, randomised=True).fit(X, y)
            places = np.searchsorted(model.classes_, truth)
            covered = model.p_values(Q)[np.arange(len(Q)), places] > 0.2
            into.append([covered[truth == c].mean() for c in "abc"])
    np.testing.assert_allclose(np.mean(rare[True], axis=0), 0.8, atol=0.04)
    assert np.mean(rare[False], axis=0)[2] < 0.7


@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        (None, {}),
        (None, {"normalised": True}),
        (None, {"method": "split"}),
        (LinearRegression(), {"calibration": 0.5}),
    ],
    ids=str,
)
def test_coverage_of_intervals(estimator, options):
    covered = []
    for seed in range(10):
        (X, y), (Q, truth) = waves(200, seed), waves(300, 100 + seed)
        model = ConformalRegressor(estimator, random_state=seed, **options).fit(X, y)
        low, high = model.predict_interval(Q, coverage=0.8).T
        covered.append(np.mean((low <= truth) & (truth <= high)))
    assert np.mean(covered) == pytest.approx(0.8, abs=0.03)


def test_normalised_intervals_are_wider_where_the_noise_is():
    X, y = waves(1_500, 0)
    Q = np.array([[0.5], [5.5]])
    plain, local = (
        np.diff(ConformalRegressor(normalised=n).fit(X, y).predict_interval(Q))[:, 0]
        for n in (False, True)
    )
    assert plain[0] == pytest.approx(plain[1], rel=0.05)
    assert local[1] > 2 * local[0]


def test_normalised_by_any_regressor_that_knows_its_spread():
    X, y = waves(80, 0)
    model = ConformalRegressor(GaussianProcessRegressor(alpha=0.1), normalised=True).fit(X, y)
    low, high = model.predict_interval([[3.0], [30.0]]).T
    assert high[1] - low[1] > high[0] - low[0]
    with pytest.raises(InvalidType, match="LinearRegression does not have"):
        ConformalRegressor(LinearRegression(), normalised=True).fit(X, y)


def test_numbers_that_are_all_the_same():
    for normalised in (False, True):
        model = ConformalRegressor(normalised=normalised).fit(np.arange(20.0)[:, None], [2.0] * 20)
        assert model.predict_interval([[3.0]]).tolist() == [[2.0, 2.0]]


def test_any_metric_and_a_split_that_misses_a_class():
    (X, y), (Q, _) = clouds(60, 0), clouds(5, 1)
    y = np.where(np.arange(60) == 7, "d", y)
    far = ConformalClassifier(NeighborsClassifier(k=5, index=Exact("manhattan"))).fit(X, y)
    assert far.p_values(Q).shape == (5, 4)
    split = ConformalClassifier(method="split", random_state=0)
    missed = [clone(split).set_params(random_state=s).fit(X, y) for s in range(12)]
    assert any(len(m.estimator_.classes_) == 3 for m in missed)
    assert all(m.predict_proba(Q).shape == (5, 4) for m in missed)


def test_blocks_of_queries_change_nothing(monkeypatch):
    (X, y), (Q, _) = clouds(80, 0), clouds(33, 1)
    sets = ConformalClassifier(randomised=True).fit(X, y)
    intervals = ConformalRegressor().fit(X, np.arange(80.0))
    whole = sets.p_values(Q), intervals.predict_interval(Q)
    monkeypatch.setattr("likewise.learn._conforming.BLOCK", 10)
    np.testing.assert_array_equal(sets.p_values(Q), whole[0])
    np.testing.assert_array_equal(intervals.predict_interval(Q), whole[1])


@pytest.mark.parametrize("coverage", [0.01, 0.3, 0.5, 0.8, 0.9, 0.95, 0.975, 0.99, 0.999])
def test_the_rows_needed_are_the_fewest_whose_rank_exists(coverage):
    n = rows_for_coverage(coverage)
    assert 1 <= upper_rank(n, coverage) <= n
    assert n == 1 or upper_rank(n - 1, coverage) > n - 1
    scores = np.random.default_rng(0).random(n)
    assert split_bound(scores, coverage) == sorted(scores)[upper_rank(n, coverage) - 1]


def test_p_values_are_uniform_with_random_ties():
    rng = np.random.default_rng(0)
    draws = [
        p_values(rng.integers(0, 3, 5), rng.integers(0, 3, 1), 1 - rng.random(1))[0]
        for _ in range(4_000)
    ]
    for a in (0.1, 0.37, 0.8):
        assert np.mean(np.array(draws) <= a) == pytest.approx(a, abs=0.03)


def test_too_few_rows_say_how_many_are_needed():
    X, y = clouds(60, 0)
    with pytest.raises(InvalidArgument, match="needs 99 calibration rows at least; there are 60"):
        ConformalClassifier().fit(X, y).predict_set(X, coverage=0.99)
    with pytest.raises(InvalidArgument, match=r"there are 15: .*larger share"):
        ConformalClassifier(method="split").fit(X, y).predict_set(X, coverage=0.95)
    model = ConformalClassifier(class_conditional=True).fit(X, y)
    count = int((y == "c").sum())
    with pytest.raises(InvalidArgument, match=f"of every class \\(here of 'c'\\).* are {count}:"):
        model.predict_set(X, coverage=0.95)
    for options in ({}, {"method": "split"}):
        model = ConformalRegressor(**options).fit(X, np.arange(60.0))
        with pytest.raises(InvalidArgument, match="needs 99 calibration rows"):
            model.predict_interval(X, coverage=0.99)
    # The coverage that it offers in place can be had.
    model = ConformalClassifier().fit(X[:8], y[:8])
    with pytest.raises(InvalidArgument, match=r"coverage of 0\.888 at most"):
        model.predict_set(X, coverage=0.889)
    assert len(model.predict_set(X, coverage=0.888)) == 60


class Nothing(BaseEstimator):
    """No estimator of anything."""


X, y = clouds(30, 0)


@pytest.mark.parametrize(
    ("kind", "estimator", "options", "error", "message"),
    [
        (ConformalClassifier, Nothing(), {}, InvalidType, "classifier with predict_proba"),
        (ConformalRegressor, Nothing(), {}, InvalidType, "must be a regressor"),
        (ConformalRegressor, LinearRegression, {}, InvalidType, "must be a regressor"),
        (ConformalClassifier, None, {"nonconformity": "raps"}, InvalidArgument, "one of lac, aps"),
        (ConformalRegressor, None, {"method": "cv"}, InvalidArgument, "auto, jackknife"),
        (
            ConformalRegressor,
            LinearRegression(),
            {"method": "jackknife+"},
            InvalidArgument,
            "would fit LinearRegression once a row",
        ),
        (ConformalClassifier, None, {"calibration": 0.5}, InvalidArgument, "belongs to method="),
        (
            ConformalClassifier,
            None,
            {"calibration": 1.5, "method": "split"},
            InvalidArgument,
            "calibration must lie between",
        ),
    ],
    ids=str,
)
def test_refusals(kind, estimator, options, error, message):
    with pytest.raises(error, match=message):
        kind(estimator, **options).fit(X, (y == "a").astype(int))


def test_refusals_of_labels_and_questions():
    with pytest.raises(InvalidArgument, match="only one class"):
        ConformalClassifier().fit(X, ["a"] * 30)
    with pytest.raises(InvalidArgument, match="row 2 is missing"):
        ConformalRegressor().fit(X, [0.0, 1.0, np.nan, *range(27)])
    for model, question in (
        (ConformalClassifier(), "predict_set"),
        (ConformalRegressor(), "predict_interval"),
    ):
        with pytest.raises(NotFitted, match="call fit first"):
            getattr(model, question)(X)
        fitted = model.fit(X, np.arange(30) % 2)
        with pytest.raises(InvalidArgument, match="coverage must lie between 0 and 1"):
            getattr(fitted, question)(X, coverage=1)
        with pytest.raises(InvalidType, match="has no argument 'coverge'"):
            getattr(fitted, question)(X, coverge=0.9)
