"""Probabilities from neighbours and from a linear model, and what they say of labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from likewise.errors import InvalidArgument
from likewise.learn import (
    disagreement,
    label_issues,
    label_probabilities,
    linear_probabilities,
    self_confidence,
)
from likewise.learn.health import linear
from likewise.learn.health.label_quality import neighbour_weights


def lists(seed, n=30, k=5, classes=3):
    rng = np.random.default_rng(seed)
    ids = np.array([rng.choice(np.delete(np.arange(n), i), k, replace=False) for i in range(n)])
    return ids, np.sort(rng.random((n, k)), axis=1), rng.integers(-1, classes, n)


def slow_probabilities(ids, distances, codes, classes):
    known = [code for code in codes if code >= 0]
    out = np.zeros((len(ids), classes))
    for i, (near, away) in enumerate(zip(ids, distances, strict=True)):
        votes = [known.count(c) / len(known) for c in range(classes)]
        for j, d in zip(near, away, strict=True):
            if codes[j] >= 0:
                votes[codes[j]] += np.exp(-2 * (d / np.mean(away)) ** 2)
        out[i] = np.array(votes) / sum(votes)
    return out


@pytest.mark.parametrize("seed", range(3))
def test_probabilities_are_weighted_votes(seed):
    ids, distances, codes = lists(seed)
    found = label_probabilities(ids, distances, codes, 3)
    np.testing.assert_allclose(found, slow_probabilities(ids, distances, codes, 3), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_weights_of_copies_and_of_inner_products():
    assert neighbour_weights(np.zeros((1, 3))).tolist() == [[1.0, 1.0, 1.0]]
    np.testing.assert_allclose(
        neighbour_weights(np.array([[-5.0, -4.0, -2.0]])),
        neighbour_weights(np.array([[0.0, 1.0, 3.0]])),
    )


def test_a_row_without_labelled_neighbours_has_the_shares_of_all():
    ids, codes = np.array([[3], [3], [3], [0]]), np.array([0, 0, 1, -1])
    found = label_probabilities(ids, np.ones((4, 1)), codes, 2)
    np.testing.assert_allclose(found[0], [2 / 3, 1 / 3])


def test_disagreement_and_self_confidence():
    ids, distances, codes = lists(9)
    p = label_probabilities(ids, distances, codes, 3)
    share, own = disagreement(ids, codes), self_confidence(p, codes)
    for i, code in enumerate(codes):
        votes = [codes[j] for j in ids[i] if codes[j] >= 0]
        other = sum(vote != code for vote in votes)
        assert share[i] == (other / len(votes) if code >= 0 and votes else 0.0)
        assert own[i] == (p[i, code] if code >= 0 else 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_issues_by_the_rule_row_by_row(seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(4), 60)
    codes = np.where(rng.random(60) < 0.6, p.argmax(axis=1), rng.integers(-1, 4, 60))
    issues = label_issues(p, codes)
    threshold = [p[codes == c, c].mean() for c in range(4)]
    for i, code in enumerate(codes):
        if code < 0:
            assert (issues.scores[i], issues.flagged[i]) == (0.0, False)
            continue
        other = max((c for c in range(4) if c != code), key=lambda c: p[i, c])
        assert issues.suggested[i] == other
        assert issues.scores[i] == pytest.approx(p[i, other] / (p[i, other] + p[i, code]))
        wrong = p[i, other] > p[i, code] and p[i, other] >= threshold[other]
        assert issues.flagged[i] == (wrong and p[i, code] < threshold[code])
    assert 0 < issues.flagged.sum() < 60


def test_one_class_has_no_issues():
    with pytest.raises(InvalidArgument, match="one class only"):
        label_issues(np.ones((3, 1)), np.zeros(3, dtype=int))


@pytest.mark.parametrize("shape", [(25, 4), (12, 30), (20, 20)])
@pytest.mark.parametrize("ridge", [0.01, 3.0])
def test_leaving_out_in_closed_form_is_refitting(shape, ridge):
    rng = np.random.default_rng(shape[1])
    X, Y = rng.normal(size=shape), np.eye(3)[rng.integers(0, 3, shape[0])]
    mean = Y.mean(axis=0)
    values, turned, _ = linear._turned(X - X.mean(axis=0))
    found = linear._left_out(turned, values, turned.T @ (Y - mean), ridge, mean, Y)
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        refitted = Ridge(ridge).fit(X[rest], Y[rest]).predict(X[i : i + 1])[0]
        np.testing.assert_allclose(found[i], refitted, atol=1e-8)


@pytest.mark.parametrize("dim", [3, 80])
def test_a_row_without_a_label_is_predicted_and_teaches_nothing(dim):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = rng.normal(size=(60, dim)) + 4.0 * y[:, None]
    codes = np.where(np.arange(60) < 50, y, -1)
    found = linear_probabilities(X, codes, 2)
    np.testing.assert_allclose(found[:50], linear_probabilities(X[:50], y[:50], 2), atol=1e-9)
    assert (found.argmax(axis=1) == y).mean() > 0.95
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_rows_that_are_all_equal_leave_the_shares():
    found = linear_probabilities(np.ones((6, 2)), np.array([0, 0, 1, 1, 0, 1]), 2)
    assert np.isfinite(found).all()
    assert found[0, 1] > found[0, 0], "left out, two of five are of its class"


def test_too_few_labels_for_a_linear_model():
    with pytest.raises(InvalidArgument, match="3 labelled rows; got 2"):
        linear_probabilities(np.eye(4), np.array([0, 1, -1, -1]), 2)
