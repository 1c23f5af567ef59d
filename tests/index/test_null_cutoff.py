"""`NullCutoff`: its formula, what it promises where chance rules, and what it refuses."""

import json
import math

import numpy as np
import pytest

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    NotFitted,
    UnknownArgument,
    UnknownMetric,
)
from likewise.index import Exact, NullCutoff
from likewise.metrics import resolve


def rows_of(n=1000, dim=24, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)


def by_hand(sample, query, metric, distances, rows):
    """The formula of the class, row by row."""
    null = sorted(resolve(metric).pairwise(query[None], sample)[0].tolist())
    turn, worst, out = null[int(0.05 * len(null))], 0.0, 0
    below = [turn - d for d in null if d < turn]
    half = len(below) // 2
    mean = (sum(below[half:]) + half * below[half]) / (len(below) - half)
    for place, depth in enumerate(below, 1):
        worst = max(worst, len(below) * math.exp(-depth / mean) / place)
        out += worst <= 0.001
    null = null[out:]
    inside = int(0.05 * len(null))
    turn = null[inside]
    mean = sum(turn - d for d in null[:inside]) / inside
    worst, found = 0.0, []
    for place, distance in enumerate(distances, 1):
        if distance < turn:
            p = inside / len(null) * math.exp(-(turn - distance) / mean)
        else:
            p = max(inside, sum(d <= distance for d in null)) / len(null)
        worst = max(worst, rows * p / place)
        found.append(1 - min(1.0, worst))
    return found


@pytest.mark.parametrize("planted", [0, 3])
@pytest.mark.parametrize("metric", ["cosine", "euclidean", "dot", "manhattan"])
def test_a_probability_is_its_formula(metric, planted):
    sample, query = rows_of(300), rows_of(1, seed=1)[0]
    sample[:planted] = query + 0.01 * sample[:planted]
    cutoff = NullCutoff().fit(sample, metric=metric)
    null = np.sort(resolve(metric).pairwise(query[None], sample)[0])
    distances = np.sort(np.concatenate([null[[0, 1, 7, 40, 290]], null[0] - [0.1, 0.5, 2.0]]))
    expected = by_hand(sample, query, metric, distances.tolist(), 5000)
    found = cutoff.probability(query, distances, rows=5000)
    assert found == pytest.approx(expected, abs=1e-9)
    assert (np.diff(found) <= 0).all()
    assert np.array_equal(cutoff.keeps(query, distances, rows=5000), found >= 0.9)
    batch = cutoff.probability(np.stack([query, query]), np.stack([distances] * 2), rows=5000)
    assert np.array_equal(batch, np.stack([found, found]))


def test_a_probability_does_not_depend_on_how_many_are_asked_for():
    X, Q = rows_of(2000), rows_of(5, seed=2)
    cutoff = NullCutoff().fit(X[:500])
    found = Exact().fit(X).search(Q, k=50)
    whole = cutoff.probability(Q, found.distances, rows=2000)
    assert np.array_equal(cutoff.probability(Q, found.distances[:, :7], rows=2000), whole[:, :7])


def test_where_only_chance_rules_little_is_kept():
    X, Q = rows_of(4000), rows_of(200, seed=3)
    cutoff = NullCutoff(level=0.1).fit(X[:1000])
    found = Exact().fit(X[1000:]).search(Q, k=10)
    kept = cutoff.keeps(Q, found.distances, rows=3000)
    # Under the rule, queries that keep anything are as rare as the level; the tail is estimated.
    assert kept.any(axis=1).mean() < 0.15


def test_p_values_of_rows_by_chance_are_even():
    X, Q = rows_of(6000), rows_of(60, seed=4)
    cutoff = NullCutoff().fit(X[:1000])
    p = np.concatenate(
        [cutoff.p_value(q, resolve("cosine").pairwise(q[None], X[1000:])[0]) for q in Q]
    )
    for level in (0.2, 0.05, 0.01):
        assert (p <= level).mean() == pytest.approx(level, rel=0.3)
    assert (p <= 0.001).mean() <= 0.001  # cosines of a normal cloud fall faster than the tail


def test_what_is_planted_is_kept():
    X, Q = rows_of(3000, dim=48), rows_of(20, dim=48, seed=5)
    near = Q[:, None, :] + 0.5 * np.random.default_rng(6).normal(size=(20, 4, 48))
    index = Exact().fit(np.concatenate([X, near.reshape(-1, 48)]))
    found = index.search(Q, k=20)
    kept = NullCutoff().fit(X[:1000]).keeps(Q, found.distances, rows=3080)
    planted = (found.ids - 3000) // 4 == np.arange(20)[:, None]
    assert (kept & planted).sum() >= 0.95 * planted.sum()
    assert (kept & ~planted).sum() <= 0.1 * kept.sum()


def test_equal_rows_in_the_sample_say_nothing_of_nearer_ones():
    cutoff = NullCutoff().fit(np.tile([[1.0, 0.0]], (200, 1)))
    assert cutoff.p_value([0.0, 1.0], [1.0, 0.5]).tolist() == [1.0, 0.0]


def test_the_state_is_plain():
    cutoff = NullCutoff(0.2).fit(rows_of(120), metric="l2")
    again = NullCutoff.from_dict(json.loads(json.dumps(cutoff.to_dict())))
    assert (again.level, again.metric, again.threshold) == (0.2, "euclidean", 0.8)
    assert again.to_dict() == cutoff.to_dict()
    query = rows_of(1, seed=7)[0]
    assert np.array_equal(again.p_value(query, [3.0, 4.0]), cutoff.p_value(query, [3.0, 4.0]))
    assert (repr(again), repr(NullCutoff())) == (
        "NullCutoff(level=0.2, 120 rows)",
        "NullCutoff(level=0.1, not fitted)",
    )


def test_what_is_refused():
    for level, error in ((0, InvalidArgument), (1, InvalidArgument), ("low", InvalidType)):
        with pytest.raises(error, match="level must"):
            NullCutoff(level)
    with pytest.raises(UnknownArgument):
        NullCutoff(alpha=0.1)
    with pytest.raises(InvalidArgument, match=r"100 rows at least, .* got 99"):
        NullCutoff().fit(rows_of(99))
    with pytest.raises(UnknownMetric):
        NullCutoff().fit(rows_of(100), metric="nearness")
    with pytest.raises(InvalidVector):
        NullCutoff().fit(np.zeros((100, 3)))
    for call in (lambda: NullCutoff().p_value([1], [1]), lambda: NullCutoff().to_dict()):
        with pytest.raises(NotFitted, match="call fit"):
            call()
    with pytest.raises(InvalidArgument, match=r"takes what NullCutoff.to_dict"):
        NullCutoff.from_dict({"kind": "cosine_adapter"})
    cutoff, query = NullCutoff().fit(rows_of(100)), rows_of(1, seed=1)[0]
    with pytest.raises(DimensionMismatch, match="rows hold 24 numbers"):
        cutoff.p_value([1, 2], [0.5])
    with pytest.raises(DimensionMismatch, match="a row a query"):
        cutoff.p_value(np.stack([query, query]), [0.5])
    with pytest.raises(InvalidType, match="distances must be numbers"):
        cutoff.p_value(query, ["near"])
    with pytest.raises(InvalidArgument, match="NaN"):
        cutoff.p_value(query, [np.nan])
    with pytest.raises(InvalidArgument, match="nearest first"):
        cutoff.probability(query, [0.5, 0.4], rows=10)
    with pytest.raises(InvalidArgument, match="rows must be at least 1"):
        cutoff.probability(query, [0.5], rows=0)
