"""Shapley values and wrong labels by neighbours: the quick forms run, the rules are kept."""

from dataclasses import replace

import numpy as np
import pytest

from replications import knn_shapley, neighbour_label_errors
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict

QUICK = Setting(True, DataFolder("none"), 0, Progress(lambda line: None))


def test_shapley_in_a_hurry():
    outcome = knn_shapley.run(QUICK)
    assert "from the mean over all orders" in outcome.reason
    for _, error, bound, _ in outcome.tables[0].rows:
        assert float(error) <= float(bound) * 1.1  # rounded


def test_random_orders_come_near_the_closed_form():
    rng = np.random.default_rng(0)
    ids = np.array([rng.permutation(12) for _ in range(3)])
    y, t = rng.integers(0, 2, 12), rng.integers(0, 2, 3)
    sampled = knn_shapley.by_random_orders(ids, y, t, 500, rng)
    exact = knn_shapley.neighbour_shapley(ids, y, t, k=knn_shapley.K).values
    assert np.abs(sampled - exact).max() < 0.04


def test_the_rule_of_values():
    good = knn_shapley.Figures(1e-16, 1.1, 500.0, 0.7, 0.1, [])
    for change, verdict in [
        ({}, Verdict.REPRODUCED),
        ({"growth": 1.5}, Verdict.PARTLY),
        ({"times": 50.0}, Verdict.PARTLY),
        ({"found": 0.4}, Verdict.PARTLY),
        ({"found": 0.4, "times": 50.0}, Verdict.NOT_REPRODUCED),
        ({"apart": 1e-3}, Verdict.NOT_REPRODUCED),
    ]:
        assert knn_shapley.judged(replace(good, **change)).verdict is verdict


def test_label_errors_in_a_hurry():
    outcome = neighbour_label_errors.run(QUICK)
    (row,) = outcome.tables[0].rows
    assert all(0.3 < float(cell) <= 1 for cell in row[1:])


def test_confident_learning_by_hand():
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.95, 0.05], [0.3, 0.7]])
    labels = np.array([0, 0, 1, 1, 1])
    # Thresholds are .75 and .5167: rows 0 and 3 reach the first, 2 and 4 the second.
    assert neighbour_label_errors.confident(p, labels).tolist() == [False] * 3 + [True, False]


def test_f1_and_votes():
    assert neighbour_label_errors.f1(np.array([1, 1, 0], bool), np.array([1, 0, 1], bool)) == 0.5
    ids, labels = np.array([[1, 2], [2, 3], [1, 3], [1, 2]]), np.array([0, 1, 1, 1])
    votes = neighbour_label_errors.by_votes(ids, labels, 2)
    assert votes.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("votes", "verdict"),
    [
        ((0.9, 0.9, 0.9), Verdict.REPRODUCED),
        ((0.9, 0.9, 0.4), Verdict.PARTLY),
        ((0.1, 0.1, 0.4), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_rule_of_votes(votes, verdict):
    lines = [neighbour_label_errors.Line("one", value, 0.5, 0.5, 0.5) for value in votes]
    assert neighbour_label_errors.judged(lines).verdict is verdict
