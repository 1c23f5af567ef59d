"""Shapley values in closed form, beside all orders in which rows can be added."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidType, UnknownArgument
from likewise.index import Exact
from likewise.learn import knn_shapley, neighbour_shapley
from likewise.learn._searching import leave_one_out
from likewise.learn.health import shapley


def utility(some, order, codes, label, k):
    """The share of the k nearest of ``some`` that have the label."""
    near = [row for row in order if row in some][:k]
    return sum(codes[row] == label for row in near) / k


def by_permutations(order, codes, label, k):
    """What each row adds, over all orders in which the rows in ``order`` may come."""
    values = np.zeros(len(codes))
    orders = list(permutations(order))
    for players in orders:
        before = 0.0
        for place, row in enumerate(players):
            after = utility(set(players[: place + 1]), order, codes, label, k)
            values[row] += after - before
            before = after
    return values / len(orders)


@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_it_is_the_mean_over_all_orders(k):
    rng = np.random.default_rng(k)
    codes = rng.integers(0, 3, 6)
    ids = np.array([rng.permutation(6) for _ in range(4)])
    targets = np.array([0, 1, 2, 3])  # of a class that no row has, too
    found = neighbour_shapley(ids, codes, targets, k=k)
    slow = [by_permutations(list(row), codes, t, k) for row, t in zip(ids, targets, strict=True)]
    np.testing.assert_allclose(found.values, np.mean(slow, axis=0), atol=1e-12)
    assert found.bound == 0.0


def test_each_row_left_out_and_rows_without_a_label():
    rng = np.random.default_rng(7)
    X, codes = rng.normal(size=(7, 2)), np.array([0, 1, -1, 1, 0, 0, -1])
    ids = leave_one_out(Exact("euclidean").fit(X), 6).ids
    slow = np.zeros(7)
    for i in np.flatnonzero(codes >= 0):
        order = [int(row) for row in ids[i] if codes[row] >= 0]
        slow += by_permutations(order, codes, codes[i], 2) / 5
    np.testing.assert_allclose(neighbour_shapley(ids, codes, k=2).values, slow, atol=1e-12)
    labels = [None if code < 0 else f"class {code}" for code in codes]
    np.testing.assert_allclose(knn_shapley(X, labels, k=2), slow, atol=1e-12)


@pytest.mark.parametrize("m", [5, 9, 20, 39, 40])
@pytest.mark.parametrize("gaps", [False, True])
def test_a_cut_list_is_within_its_bound(m, gaps):
    for seed in range(20):
        rng = np.random.default_rng([seed, m])
        codes = rng.integers(-1 if gaps else 0, 3, 40)
        ids = np.array([rng.permutation(40) for _ in range(3)])
        targets = np.array([0, 1, 2])
        exact = neighbour_shapley(ids, codes, targets, k=5).values
        cut = neighbour_shapley(ids[:, :m], codes, targets, k=5)
        assert np.abs(cut.values - exact).max() <= cut.bound + 1e-12
        assert cut.bound <= (1 / 5 if gaps else 1 / m) + 1e-12
        assert (cut.bound == 0.0) == (m == 40) or gaps


def test_values_sum_to_what_all_rows_reach_together():
    rng = np.random.default_rng(3)
    X, y, Q, t = rng.normal(size=(50, 3)), rng.integers(0, 2, 50), rng.normal(size=(20, 3)), None
    t = rng.integers(0, 2, 20)
    near = Exact("euclidean").fit(X).search(Q, k=5).ids
    assert knn_shapley(X, y, (Q, t)).sum() == pytest.approx((y[near] == t[:, None]).mean())


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(30, 3)), rng.integers(0, 2, 30)
    Q, t = rng.normal(size=(11, 3)), rng.integers(0, 2, 11).astype(float)
    t[4] = np.nan
    whole = knn_shapley(X, y), knn_shapley(X, y, (Q, t))
    ids = leave_one_out(Exact("euclidean").fit(X), 9).ids
    cut = neighbour_shapley(ids, y)
    monkeypatch.setattr(shapley, "BLOCK", 60)
    np.testing.assert_allclose(knn_shapley(X, y), whole[0], atol=1e-12)
    np.testing.assert_allclose(knn_shapley(X, y, (Q, t)), whole[1], atol=1e-12)
    again = neighbour_shapley(ids, y)
    np.testing.assert_allclose(again.values, cut.values, atol=1e-12)
    assert again.bound == pytest.approx(cut.bound)


def test_copies_are_left_out_by_their_place():
    X, y = np.zeros((4, 2)), np.array([0, 0, 1, 1])
    values = knn_shapley(X, y, k=1)
    slow = sum(by_permutations([row for row in range(4) if row != i], y, y[i], 1) for i in range(4))
    np.testing.assert_allclose(values, slow / 4, atol=1e-12)


def test_wrong_labels_have_the_lowest_values():
    rng = np.random.default_rng(5)
    y = np.arange(200) % 2
    X = rng.normal(size=(200, 4)) + 3.0 * y[:, None]
    wrong = rng.choice(200, 20, replace=False)
    y[wrong] = 1 - y[wrong]
    assert np.isin(np.argsort(knn_shapley(X, y))[:20], wrong).mean() >= 0.9


def test_nothing_to_value():
    none = np.array([-1, -1])
    assert neighbour_shapley(np.array([[1], [0]]), none).values.tolist() == [0.0, 0.0]
    assert neighbour_shapley(np.zeros((2, 0), int), np.array([0, 1])).values.tolist() == [0.0, 0.0]


def test_bad_calls():
    X = np.eye(3)
    with pytest.raises(InvalidArgument, match="one class only, 'a'"):
        knn_shapley(X, ["a", "a", None])
    with pytest.raises(InvalidArgument, match="k must be"):
        knn_shapley(X, [0, 1, 1], k=0)
    with pytest.raises(InvalidArgument, match="y has 2 labels, X has 3 rows"):
        knn_shapley(X, [0, 1])
    with pytest.raises(InvalidType, match="index must be one of"):
        knn_shapley(X, [0, 1, 1], index="euclidean")
    with pytest.raises(UnknownArgument, match="did you mean 'k'"):
        knn_shapley(X, [0, 1, 1], n_neighbors=3)
    with pytest.raises(InvalidArgument, match="no row has a label"):
        knn_shapley(X, [0, 1, 1], (X, [None] * 3))
