"""Neighbours mixed with a linear head: by the formula, by loops, at both ends; and refusals."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from likewise.errors import InvalidArgument, InvalidType
from likewise.index import Exact
from likewise.learn import InterpolatedNeighbors, log_loss
from likewise.learn._left_out import class_folds, left_out
from likewise.learn.calibrators import fit_temperature
from likewise.learn.interpolated import (
    SLACKS,
    TEMPERATURES,
    WEIGHTS,
    chosen_votes,
    mixing_weight,
    softmax_weights,
)
from likewise.testing.estimator import EstimatorConformance


class TestConformance(EstimatorConformance):
    def make(self, **options):
        return InterpolatedNeighbors(**{"folds": 2, "weight": 0.4, **options})


def clouds(n, seed=0):
    """Three overlapping clouds, one of two parts, so that no line is right."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    middle = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.5]])[y]
    middle[(y == 2) & (rng.random(n) < 0.5)] *= -1
    return middle + 0.9 * rng.normal(size=(n, 2)), np.array(["a", "b", "c"])[y]


X, y = clouds(150)
Q, truth = clouds(600, 1)


def votes(rows, labels, q, k, temperature, gone=None):
    """One query, in plain words."""
    squares = ((rows - q) ** 2).sum(axis=1)
    if gone is not None:
        squares[gone] = np.inf
    near = np.argsort(squares, kind="stable")[:k]
    weights = np.exp(-squares[near] / temperature)
    return np.array([weights[labels[near] == c].sum() / weights.sum() for c in "abc"])


@pytest.mark.parametrize(("k", "temperature"), [(1, 1.0), (7, 0.5), (7, np.inf)])
@pytest.mark.parametrize("weight", [0, 0.3, 1])
def test_the_formula(k, temperature, weight):
    model = InterpolatedNeighbors(k=k, temperature=temperature, weight=weight).fit(X, y)
    assert (model.k_, model.temperature_, model.weight_) == (k, temperature, weight)
    own = np.array([votes(X, y, X[i], k, temperature, gone=i) for i in range(150)])
    near = fit_temperature(own, y, classes=list("abc"))
    asked = np.array([votes(X, y, q, k, temperature) for q in Q[:20]])
    places = np.searchsorted(model.classes_, y)
    head = LogisticRegression(max_iter=1_000)
    fitted, found = left_out(head, X, places, model.classes_, folds=5, rng=np.random.default_rng(0))
    linear = fit_temperature(found, places)
    expected = weight * near.predict(asked) + (1 - weight) * linear.predict(
        fitted.predict_proba(Q[:20])
    )
    np.testing.assert_allclose(model.predict_proba(Q[:20]), expected, atol=1e-5)


def test_votes_are_chosen_by_the_loss_of_every_pair():
    rng = np.random.default_rng(0)
    agree = rng.random((60, 9)) < np.linspace(0.9, 0.3, 9)
    measures = np.sort(rng.random((60, 9)), axis=1)
    best = None
    for temperature in (0.05, 0.3, np.inf):
        for k in (1, 2, 4, 8):
            for slack in SLACKS:
                total = 0.0
                for a, m in zip(agree, measures, strict=True):
                    w = np.exp(-m[:k] / temperature)
                    total -= np.log((1 - slack) * w[a[:k]].sum() / w.sum() + slack / 4)
                if best is None or total / 60 < best[2] - 1e-12:
                    best = (k, temperature, total / 60)
    found = chosen_votes(agree, measures, 4, [1, 2, 4, 8], [0.05, 0.3, np.inf])
    assert found == pytest.approx(best)


def test_the_weight_is_that_of_the_least_loss():
    rng = np.random.default_rng(0)
    near, linear = rng.dirichlet(np.ones(3), 40), rng.dirichlet(np.ones(3), 40)
    places = rng.integers(0, 3, 40)
    losses = [log_loss(a * near + (1 - a) * linear, places) for a in WEIGHTS]
    assert mixing_weight(near, linear, places) == WEIGHTS[np.argmin(losses)]
    assert {0.0, 1.0} <= set(WEIGHTS)
    # Sure and right, or sure and wrong: the other part alone, at both ends.
    true = np.eye(3)[places]
    assert mixing_weight(true, np.roll(true, 1, axis=1), places) == 1.0
    assert mixing_weight(np.roll(true, 1, axis=1), true, places) == 0.0
    assert mixing_weight(near, near, places) == 0.0  # equal: the smaller


def test_weights_do_not_overflow():
    assert softmax_weights(np.array([[1e9, 1e9, 2e9]]), 1e-3).tolist() == [[1, 1, 0]]


def test_what_is_chosen_is_chosen_left_out():
    model = InterpolatedNeighbors().fit(X, y)
    found = Exact("euclidean").fit(X).search(X, k=65)
    squares = found.distances[:, 1:] ** 2
    scale = np.median(squares[:, -1] - squares[:, 0])
    agree = y[found.ids[:, 1:]] == y[:, None]
    ks, temperatures = [1, 2, 4, 8, 16, 32, 64], [t * scale for t in TEMPERATURES]
    best = chosen_votes(agree, squares, 3, ks, temperatures)
    assert (model.k_, model.temperature_) == pytest.approx(best[:2])
    places = np.searchsorted(model.classes_, y)
    rng = np.random.default_rng(0)
    head = LogisticRegression(max_iter=1_000)
    linear = left_out(head, X, places, model.classes_, folds=5, rng=rng).probabilities
    near = np.array([votes(X, y, X[i], best.k, best.temperature, gone=i) for i in range(150)])
    kept = {"near": np.empty((150, 3)), "linear": np.empty((150, 3))}
    for part in class_folds(places, 2, rng):
        rest = np.setdiff1d(np.arange(150), part)
        for name, raw in (("near", near), ("linear", linear)):
            kept[name][part] = fit_temperature(raw[rest], places[rest]).predict(raw[part])
    assert model.weight_ == mixing_weight(kept["near"], kept["linear"], places)


def test_the_mix_is_no_worse_than_its_parts():
    losses = {
        weight: log_loss(
            InterpolatedNeighbors(weight=weight).fit(X, y).predict_proba(Q),
            truth,
            classes=list("abc"),
        )
        for weight in (None, 0, 1)
    }
    assert losses[None] < min(losses[0], losses[1]) + 0.01
    assert losses[None] < losses[0] - 0.05


def test_a_line_alone_where_neighbours_know_nothing():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 40))
    rows[:, 1:] *= 30  # noise that distances are made of
    model = InterpolatedNeighbors().fit(rows, rows[:, 0] > 0)
    assert model.weight_ == 0
    assert model.score(rows, rows[:, 0] > 0) > 0.9


def test_takes_any_head_and_any_metric():
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    model = InterpolatedNeighbors(tree, index=Exact("cosine"), k=5, temperature=0.1)
    assert model.fit(X, y).linear_.get_depth() == 2
    found = Exact("cosine").fit(X).search(X[:3], k=6)
    weights = np.exp(-found.distances / 0.1)
    measures = model._measures(found)
    np.testing.assert_allclose(softmax_weights(measures, 0.1), weights / weights[:, :1], rtol=1e-12)


def test_more_neighbours_than_rows():
    model = InterpolatedNeighbors(k=500, folds=2).fit(X[:9], y[:9])
    assert model.k_ == 8
    assert InterpolatedNeighbors(folds=2).fit(X[:9], y[:9]).k_ <= 8


@pytest.mark.parametrize(
    ("options", "labels", "error", "message"),
    [
        ({"k": 0}, y, InvalidArgument, "k must be a positive integer"),
        ({"temperature": 0}, y, InvalidArgument, "temperature must be positive"),
        ({"temperature": "hot"}, y, InvalidType, "temperature must be a number"),
        ({"weight": 1.5}, y, InvalidArgument, "weight must lie from 0 to 1"),
        ({"folds": 1}, y, InvalidArgument, "folds must be at least 2"),
        ({"linear": LogisticRegression}, y, InvalidType, "classifier with predict_proba"),
        ({"index": "graph"}, y, InvalidType, "index must be one of"),
        ({}, ["a"] * 150, InvalidArgument, "only one class"),
    ],
    ids=str,
)
def test_refusals(options, labels, error, message):
    with pytest.raises(error, match=message):
        InterpolatedNeighbors(**options).fit(X, labels)
