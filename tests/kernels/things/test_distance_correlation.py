from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.utils.estimator_checks import parametrize_with_checks

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    UnknownArgument,
)
from likewise.kernels import (
    DistanceCorrelationSelector,
    distance_correlation,
    distance_correlation_test,
    distance_covariance,
    partial_distance_correlation,
    unbiased_distance_correlation,
    unbiased_distance_covariance,
)
from likewise.kernels.things import _distance_sums
from likewise.kernels.things._distance_sums import Labels, Values, product, unbiased

rng = np.random.default_rng(0)


# -- the matrices themselves: slow, obvious twins ---------------------------------------


def distances(x):
    x = np.asarray(x, dtype=float)
    x = x[:, None] if x.ndim == 1 else x
    return cdist(x, x)


def centred(a):
    return a - a.mean(axis=0) - a.mean(axis=1)[:, None] + a.mean()


def u_centred(a):
    n = len(a)
    row = a.sum(axis=0)
    out = a - row / (n - 2) - row[:, None] / (n - 2) + a.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(out, 0.0)
    return out


def plain_v(x, y):
    return np.sqrt(np.mean(centred(distances(x)) * centred(distances(y))))


def inner(a, b):
    n = len(a)
    return np.sum(a * b) / (n * (n - 3))


def plain_u(x, y):
    return inner(u_centred(distances(x)), u_centred(distances(y)))


def pairs():
    n = 37
    x = rng.standard_normal(n)
    ties = np.round(rng.standard_normal(n))
    many = rng.standard_normal((n, 3))
    yield x, x**2 + rng.standard_normal(n)
    yield x + 1e6, ties
    yield ties, np.round(ties + rng.standard_normal(n))
    yield x, many
    yield many + x[:, None], rng.standard_normal((n, 2))


@pytest.mark.parametrize(("x", "y"), list(pairs()))
def test_is_what_the_centred_matrices_say(x, y, monkeypatch):
    monkeypatch.setattr(_distance_sums, "BLOCK", 10)
    monkeypatch.setattr(_distance_sums, "DIRECT", 0)
    close = {"rel": 1e-6, "abs": 1e-9} if np.max(x) > 1e5 else {"rel": 1e-9, "abs": 1e-12}
    assert distance_covariance(x, y) == pytest.approx(plain_v(x, y), **close)
    scale = np.sqrt(plain_v(x, x) * plain_v(y, y))
    assert distance_correlation(x, y) == pytest.approx(plain_v(x, y) / scale, **close)
    assert unbiased_distance_covariance(x, y) == pytest.approx(plain_u(x, y), **close)
    scale = np.sqrt(plain_u(x, x) * plain_u(y, y))
    assert unbiased_distance_correlation(x, y) == pytest.approx(plain_u(x, y) / scale, **close)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 9, 64, 65])
def test_sums_of_any_number_of_numbers(n, monkeypatch):
    monkeypatch.setattr(_distance_sums, "DIRECT", 0)
    for x, y in (rng.standard_normal((2, n)), rng.integers(0, 3, (2, n)).astype(float)):
        a, b = Values(x[:, None]), Values(y[:, None])
        np.testing.assert_allclose(a.sums, distances(x).sum(axis=1), atol=1e-12)
        assert product(a, b) == pytest.approx(np.sum(distances(x) * distances(y)), abs=1e-9)
        assert a.squares == pytest.approx(np.sum(distances(x) ** 2), abs=1e-9)


def test_classes_are_a_distance_of_0_or_1():
    classes = rng.integers(0, 4, 41)
    differ = (classes[:, None] != classes).astype(float)
    for x in (rng.standard_normal((41, 1)), rng.standard_normal((41, 3))):
        a, b = Values(x), Labels(classes)
        assert product(a, b) == pytest.approx(np.sum(distances(x) * differ))
        expected = inner(u_centred(distances(x)), u_centred(differ))
        assert unbiased(a, b) == pytest.approx(expected)
    assert unbiased(b, b) == pytest.approx(inner(u_centred(differ), u_centred(differ)))


def test_partial_correlation_is_that_of_the_projections():
    z = rng.standard_normal((40, 2))
    x, y = z[:, 0] + rng.standard_normal(40), np.abs(z[:, 1]) + rng.standard_normal(40)
    a, b, c = (u_centred(distances(v)) for v in (x, y, z))
    p, q = (m - inner(m, c) / inner(c, c) * c for m in (a, b))
    expected = inner(p, q) / np.sqrt(inner(p, p) * inner(q, q))
    assert partial_distance_correlation(x, y, z) == pytest.approx(expected)
    assert partial_distance_correlation(x, y, x) == 0.0


# -- what they are for ------------------------------------------------------------------


def test_unbiased_under_independence_where_the_first_one_tends_to_1():
    draws = [rng.standard_normal((2, 20, 100)) for _ in range(300)]
    found = [unbiased_distance_correlation(x, y) for x, y in draws]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(distance_correlation(x, y) for x, y in draws) > 0.8


def test_affine_maps_and_extremes():
    x = rng.standard_normal((30, 2))
    turn = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    assert distance_correlation(x, 3 * x @ turn + 1) == pytest.approx(1.0)
    assert unbiased_distance_correlation(x, 3 * x @ turn + 1) == pytest.approx(1.0)
    constant = np.full(30, 0.1)
    for function in (distance_correlation, distance_covariance, unbiased_distance_correlation):
        assert function(x, constant) == 0.0


@pytest.mark.parametrize(
    ("method", "dim", "low", "high"), [("chi2", 1, 0.01, 0.06), ("t", 40, 0.02, 0.08)]
)
def test_tests_keep_their_level_and_see_dependence(method, dim, low, high):
    draws = rng.standard_normal((500, 2, 25, dim))
    p = np.array([distance_correlation_test(x, y, method=method).pvalue for x, y in draws])
    assert low < np.mean(p < 0.05) < high
    x = rng.standard_normal((60, dim))
    assert distance_correlation_test(x, np.abs(x) + x, method=method).pvalue < 1e-3
    assert distance_correlation_test(x, x, method=method).pvalue < 1e-10


def test_the_t_statistic():
    x, y = rng.standard_normal((2, 20, 3))
    found = distance_correlation_test(x, y, method="t")
    v, R = 20 * 17 / 2, unbiased_distance_correlation(x, y)
    assert found.statistic == pytest.approx(np.sqrt(v - 1) * R / np.sqrt(1 - R * R))


def test_errors():
    x = rng.standard_normal(10)
    with pytest.raises(DimensionMismatch, match="X has 10 rows, Y has 9"):
        distance_correlation(x, x[:9])
    with pytest.raises(DimensionMismatch, match="Z has 9"):
        partial_distance_correlation(x, x, x[:9])
    with pytest.raises(InvalidArgument, match="at least 4 rows"):
        unbiased_distance_correlation(x[:3], x[:3])
    with pytest.raises(InvalidVector, match="Y: row 1 has NaN"):
        distance_covariance(x[:2], [1.0, np.nan])
    with pytest.raises(InvalidType):
        distance_covariance(["a", "b"], [1.0, 2.0])
    with pytest.raises(InvalidArgument, match="method must be"):
        distance_correlation_test(x, x, method="f")
    with pytest.raises(UnknownArgument, match="method"):
        distance_correlation_test(x, x, methd="t")


# -- the selector -----------------------------------------------------------------------


@parametrize_with_checks([DistanceCorrelationSelector()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_steps_are_projections_of_the_matrices():
    X = rng.standard_normal((50, 6))
    X[:, 4] = X[:, 0] + 0.1 * rng.standard_normal(50)
    y = X[:, 0] ** 2 + X[:, 1] + 0.5 * np.abs(X[:, 2])
    model = DistanceCorrelationSelector(4, screen=None).fit(X, y)
    rest = u_centred(distances(y))
    left = [u_centred(distances(x)) for x in X.T]
    for step, score in zip(model.order_, model.partial_scores_, strict=True):
        by_matrix = [
            inner(a, rest) / np.sqrt(inner(a, a) * inner(rest, rest)) if a is not None else -2.0
            for a in left
        ]
        assert step == np.argmax(by_matrix)
        assert score == pytest.approx(by_matrix[step])
        direction = left[step] / np.sqrt(inner(left[step], left[step]))
        left[step] = None
        left = [a if a is None else a - inner(a, direction) * direction for a in left]
        rest = rest - inner(rest, direction) * direction


def test_copies_bring_nothing():
    X = rng.standard_normal((200, 8))
    y = np.sin(3 * X[:, 2]) + 0.7 * np.abs(X[:, 5])
    X[:, 6] = X[:, 7] = -2 * X[:, 2]
    by_partial = DistanceCorrelationSelector(2).fit(X, y)
    assert sorted(by_partial.order_) == [2, 5]
    by_score = DistanceCorrelationSelector(3, partial=False).fit(X, y)
    assert sorted(by_score.order_) == [2, 6, 7]
    everything = DistanceCorrelationSelector(8, screen=None).fit(X, y)
    assert sorted(everything.order_) == list(range(8)), "copies come last, and none twice"
    assert (everything.partial_scores_[-2:] == 0).all()
    assert everything.transform(X).shape == (200, 8)


@pytest.mark.parametrize("make", [lambda c: c, lambda c: np.array(["a", "b", "c"])[c]])
def test_classes_and_numbers(make):
    X = rng.standard_normal((150, 30))
    classes = np.digitize(np.abs(X[:, 4]), [0.4, 1.0])
    model = DistanceCorrelationSelector(1).fit(X, make(classes))
    assert model.order_.tolist() == [4]
    same = DistanceCorrelationSelector(1, target="numbers").fit(X, np.eye(3)[classes])
    np.testing.assert_allclose(same.scores_, model.scores_, atol=1e-12)


def test_screening_keeps_what_is_asked_for():
    X = rng.standard_normal((60, 100))
    y = X[:, 0] + X[:, 1]
    assert set(DistanceCorrelationSelector(40).fit(X, y).order_[:2]) == {0, 1}
    narrow = DistanceCorrelationSelector(3, screen=3).fit(X, y)
    assert sorted(narrow.order_) == sorted(np.argsort(-narrow.scores_)[:3])


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"n_features_to_select": 9}, "X has 4 feature"),
        ({"n_features_to_select": 0}, "at least 1"),
        ({"n_features_to_select": 3, "screen": 2}, "screen is 2"),
        ({"screen": "most"}, "screen must be"),
        ({"target": "text"}, "target must be"),
    ],
)
def test_errors_of_the_selector(arguments, match):
    X = rng.standard_normal((20, 4))
    with pytest.raises(InvalidArgument, match=match):
        DistanceCorrelationSelector(**arguments).fit(X, X[:, 0])


def test_wrong_targets():
    X = rng.standard_normal((20, 4))
    with pytest.raises(InvalidArgument, match="in all 20 rows"):
        DistanceCorrelationSelector().fit(X, np.zeros(20))
    with pytest.raises(InvalidArgument, match="one class a row"):
        DistanceCorrelationSelector().fit(X, np.ones((20, 2), dtype=int))
    with pytest.raises(InvalidType, match="expected numbers"):
        DistanceCorrelationSelector(target="numbers").fit(X, np.array(["a", "b"] * 10))
