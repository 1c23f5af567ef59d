from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, UnknownArgument
from likewise.learn import ScoreStream, benjamini_hochberg, conformal_p_values

SCORES = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES)
def test_p_values_count_those_that_are_not_above(null, scores):
    slow = [(1 + sum(n <= s for n in null)) / (len(null) + 1) for s in scores]
    assert conformal_p_values(null, scores).tolist() == slow


def test_p_values_are_valid_and_with_chance_uniform():
    rng = np.random.default_rng(0)
    worlds = rng.integers(0, 6, (3000, 10)).astype(float)  # many ties
    plain = np.array([conformal_p_values(w[1:], w[:1])[0] for w in worlds])
    broken = np.array(
        [conformal_p_values(w[1:], w[:1], random_state=i)[0] for i, w in enumerate(worlds)]
    )
    error = 4 * 0.5 / np.sqrt(3000)
    for level in (0.1, 0.3, 0.5, 0.8):
        assert (plain <= level).mean() <= level + error
        assert abs((broken <= level).mean() - level) <= error


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=15), st.floats(0.01, 0.99))
def test_benjamini_hochberg_is_the_rule_as_written(p, level):
    ordered = sorted(p)
    passed = [i for i in range(1, len(p) + 1) if ordered[i - 1] <= level * i / len(p)]
    limit = ordered[passed[-1] - 1] if passed else -1.0
    assert benjamini_hochberg(p, level).tolist() == [value <= limit for value in p]


def test_benjamini_hochberg_is_that_of_scipy():
    from scipy.stats import false_discovery_control

    p = np.random.default_rng(1).random(200) ** 3
    assert np.array_equal(benjamini_hochberg(p, 0.2), false_discovery_control(p) <= 0.2)


def test_the_false_discovery_rate_of_conformal_p_values_is_kept():
    rng = np.random.default_rng(2)
    shares, power = [], []
    for _ in range(300):
        null, normal = rng.normal(size=200), rng.normal(size=45)
        odd = rng.normal(-4.0, size=5)
        found = benjamini_hochberg(conformal_p_values(null, np.r_[normal, odd]), 0.2)
        shares.append(found[:45].sum() / max(1, found.sum()))
        power.append(found[45:].mean())
    assert np.mean(shares) <= 0.2
    assert np.mean(power) > 0.5


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES, st.one_of(st.none(), st.integers(1, 5)))
def test_a_stream_counts_the_latest_scores(first, later, window):
    stream = ScoreStream(window).partial_fit(first)
    kept = list(first)
    for score in later:
        latest = kept if window is None else kept[-window:]
        assert len(stream) == len(latest)
        assert stream.p_values([score])[0] == conformal_p_values(latest, [score])[0]
        below, equal = sum(n < score for n in latest), sum(n == score for n in latest)
        p = stream.update([score])[0]
        assert below / (len(latest) + 1) < p <= (below + 1 + equal) / (len(latest) + 1)
        kept.append(score)


def test_p_values_of_a_stream_are_uniform_and_independent():
    p = ScoreStream(random_state=3).update(np.random.default_rng(3).normal(size=4000))
    counts = np.bincount((p * 10).astype(int).clip(max=9), minlength=10)
    assert ((counts - 400) ** 2 / 400).sum() < 30  # chi-square of 9 degrees: 1 in 2,000
    assert abs(np.corrcoef(p[:-1], p[1:])[0, 1]) < 4 / np.sqrt(4000)


def test_a_window_follows_drift_and_all_of_the_past_does_not():
    rng = np.random.default_rng(4)
    before, after = rng.normal(size=500), rng.normal(-3.0, size=500)
    late = {w: ScoreStream(w).partial_fit(before).update(after)[-200:] for w in (None, 100)}
    assert np.median(late[None]) < 0.3
    assert 0.4 < np.median(late[100]) < 0.6


def test_a_stream_in_pieces_is_the_stream_at_once():
    scores = np.random.default_rng(5).normal(size=50)
    whole, parts = ScoreStream(20), ScoreStream(20)
    pieces = [parts.update(scores[a:b]) for a, b in pairwise((0, 7, 7, 30, 50))]
    assert np.array_equal(whole.update(scores), np.concatenate(pieces))
    assert repr(parts) == "ScoreStream(window=20, 20 scores)"


def test_infinite_scores_have_their_place():
    assert conformal_p_values([0.0, 1.0], [-np.inf, np.inf]).tolist() == [1 / 3, 1.0]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: conformal_p_values([], [1.0]), InvalidArgument, "at least one held-out row"),
        (lambda: conformal_p_values([np.nan], [1.0]), InvalidArgument, "null holds NaN at place 0"),
        (lambda: conformal_p_values([1.0], [[1.0]]), DimensionMismatch, "got shape \\(1, 1\\)"),
        (lambda: conformal_p_values(["a"], [1.0]), InvalidType, "null must be numbers"),
        (lambda: benjamini_hochberg([0.5, 1.5]), InvalidArgument, "got 0.5 to 1.5"),
        (lambda: benjamini_hochberg([0.5], 1.0), InvalidArgument, "level must lie between"),
        (lambda: ScoreStream(0), InvalidArgument, "window must be at least 1"),
        (lambda: ScoreStream(windows=3), UnknownArgument, "did you mean 'window'"),
        (lambda: ScoreStream().p_values([1.0]), InvalidArgument, "holds no scores"),
    ],
)
def test_impossible_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()
