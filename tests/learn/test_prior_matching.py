from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from likewise.errors import InvalidArgument, InvalidType, NotConverged, UnknownArgument
from likewise.learn import PriorMatcher, estimate_prior, match_prior, matching_weights
from likewise.testing.estimator import EstimatorConformance


def probabilities(rows, classes, sure, seed=0):
    scores = sure * np.random.default_rng(seed).standard_normal((rows, classes))
    scores += np.arange(classes)
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def sinkhorn(P, prior, steps):
    """The plain way: rows and columns made right in turn."""
    weights = np.ones(P.shape[1])
    for _ in range(steps):
        Q = P * weights
        Q /= Q.sum(axis=1, keepdims=True)
        weights = weights * prior / Q.mean(axis=0)
    return Q


class TestPriorMatcher(EstimatorConformance):
    def make(self, **options):
        return PriorMatcher(input="scores", **options)


@pytest.mark.parametrize(("rows", "classes", "sure"), [(7, 2, 1.0), (40, 5, 2.0), (30, 8, 0.3)])
def test_is_what_sinkhorn_comes_to(rows, classes, sure):
    P = probabilities(rows, classes, sure)
    prior = np.arange(1, classes + 1) / np.arange(1, classes + 1).sum()
    for shares in (None, prior):
        wanted = sinkhorn(P, np.full(classes, 1 / classes) if shares is None else shares, 3_000)
        np.testing.assert_allclose(match_prior(P, shares), wanted, atol=1e-7)


@pytest.mark.parametrize("sure", [1.0, 30.0, 1000.0])
def test_the_mean_is_the_prior_however_sure_the_rows_are(sure):
    scores = sure * np.random.default_rng(1).standard_normal((120, 20)) + sure * np.arange(20)
    matched = PriorMatcher(input="scores").fit_transform(scores)
    np.testing.assert_allclose(matched.mean(axis=0), 1 / 20, atol=1e-8)
    np.testing.assert_allclose(matched.sum(axis=1), 1)


def test_weights_are_for_rows_that_come_later():
    P = probabilities(60, 4, 1.0)
    weights = matching_weights(P)
    new = probabilities(5, 4, 1.0, seed=2)
    wanted = new * weights / (new * weights).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(PriorMatcher().fit(P).transform(new), wanted)
    assert weights.sum() == pytest.approx(1)


def test_a_lean_of_the_scores_is_taken_away_whole():
    rng = np.random.default_rng(3)
    y = np.repeat(np.arange(3), 200)
    scores = 4 * np.eye(3)[y] + rng.standard_normal((600, 3))
    leaning = scores + np.array([0.0, 3.0, -2.0])
    one, two = (PriorMatcher(input="scores").fit(s) for s in (scores, leaning))
    np.testing.assert_allclose(one.transform(scores), two.transform(leaning), atol=1e-8)
    assert (two.predict(leaning) == y).mean() > 0.97 > 0.9 > (leaning.argmax(axis=1) == y).mean()


def test_a_class_without_a_share_is_never_answered():
    matched = match_prior(probabilities(50, 3, 1.0), [0.5, 0.0, 0.5])
    np.testing.assert_allclose(matched.mean(axis=0), [0.5, 0, 0.5], atol=1e-8)
    assert (matched[:, 1] == 0).all()


def test_estimated_shares_are_the_most_likely():
    P, before = probabilities(80, 3, 2.0), np.array([0.5, 0.3, 0.2])

    def unlikely(free):
        shares = np.exp(np.append(free, 0.0))
        return -np.log(P / before @ (shares / shares.sum())).mean()

    best = min((minimize(unlikely, s) for s in np.eye(2)), key=lambda found: found.fun)
    shares = np.exp(np.append(best.x, 0.0))
    found = estimate_prior(P, before, tol=1e-10)
    np.testing.assert_allclose(found, shares / shares.sum(), atol=2e-3)
    assert unlikely(np.log(found[:2] / found[2])) <= best.fun + 1e-8


def test_estimated_shares_are_those_of_the_rows():
    rng = np.random.default_rng(4)
    y = rng.choice(3, 4_000, p=[0.7, 0.2, 0.1])
    x = rng.standard_normal(4_000) + 2.0 * y
    odds = np.exp(-0.5 * (x[:, None] - 2.0 * np.arange(3)) ** 2)  # trained on equal shares
    P = odds / odds.sum(axis=1, keepdims=True)
    shares = estimate_prior(P)
    np.testing.assert_allclose(shares, [0.7, 0.2, 0.1], atol=0.03)
    matcher = PriorMatcher("estimate").fit(P)
    np.testing.assert_allclose(matcher.prior_, shares)
    np.testing.assert_allclose(matcher.transform(P).mean(axis=0), shares, atol=1e-4)
    assert (matcher.predict(P) == y).mean() > (P.argmax(axis=1) == y).mean()


def test_equal_probabilities_go_to_the_smaller_label():
    P = [[0.5, 0.5], [0.5, 0.5]]
    assert PriorMatcher(classes=["b", "a"]).fit(P).predict(P).tolist() == ["a", "a"]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: match_prior([0.5, 0.5]), InvalidArgument, "must have rows and columns"),
        (lambda: match_prior([["a", "b"]]), InvalidType, "table of numbers"),
        (lambda: match_prior([[0.5, np.nan]]), InvalidArgument, "row 0, column 1 is nan"),
        (lambda: match_prior([[1.5, -0.5]]), InvalidArgument, "softmax"),
        (lambda: match_prior([[0.5, 0.4]]), InvalidArgument, "row 0 sums to 0.9"),
        (lambda: match_prior([[0.5, 0.5]], [1.0]), InvalidArgument, "2 shares"),
        (lambda: match_prior([[0.5, 0.5]], "even"), InvalidArgument, "2 shares"),
        (lambda: match_prior([[0.5, 0.5]], [0.5, 0.6]), InvalidArgument, "sums to 1.1"),
        (lambda: match_prior([[1.0, 0.0]]), InvalidArgument, "class 1 has probability 0"),
        (lambda: match_prior([[0, 1], [0.5, 0.5]], [1, 0]), InvalidArgument, "row 0 gives all"),
        (lambda: match_prior([[1, 0], [1, 0], [0.5, 0.5]]), NotConverged, "Zeros among"),
        (lambda: estimate_prior([[0.5, 0.5]], [1.0, 0.0]), InvalidArgument, "class 1 has the"),
        (lambda: estimate_prior([[0.6, 0.4], [0.3, 0.7]], max_iter=1), NotConverged, "may still"),
        (lambda: match_prior([[0.5, 0.5]], priors=1), UnknownArgument, "did you mean 'prior'"),
        (lambda: PriorMatcher("even").fit([[0.5, 0.5]]), InvalidArgument, '"uniform"'),
        (lambda: PriorMatcher(train_prior=[1]).fit([[0.5, 0.5]]), InvalidArgument, "leave it out"),
        (lambda: PriorMatcher(temperature=2).fit([[0.5, 0.5]]), InvalidArgument, "leave it out"),
        (lambda: PriorMatcher(temperature=0).fit([[0.5, 0.5]]), InvalidArgument, "positive"),
        (lambda: PriorMatcher(input="logits").fit([[0.5, 0.5]]), InvalidArgument, '"scores"'),
        (lambda: PriorMatcher(classes="ab").fit([[0.5, 0.5]]), InvalidArgument, "different"),
    ],
)
def test_impossible_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()
