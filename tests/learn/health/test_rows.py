"""Copies, rare and ambiguous rows, numbers that do not fit, and classes apart."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.index import Exact
from likewise.learn import (
    ambiguity,
    copy_radius,
    duplicate_clusters,
    rarity,
    separability,
    target_issues,
)
from likewise.learn._searching import leave_one_out
from likewise.learn.health.duplicates import nearest_law


def distances(X, k=8):
    return leave_one_out(Exact("euclidean").fit(X), k).distances


# -- copies -------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 2, 8])
@pytest.mark.parametrize("law", ["uniform", "normal"])
def test_where_there_are_no_copies_few_are_found(dim, law):
    found = 0
    for seed in range(10):
        X = getattr(np.random.default_rng([seed, dim]), law)(size=(300, dim))
        near = distances(X)[:, 0]
        found += int((near <= copy_radius(near[:, None])).sum() > 0)
    assert found <= 3, f"a table in {found} of 10"


@pytest.mark.parametrize("share", [0.01, 0.2, 0.45, 1.0])
@pytest.mark.parametrize("dim", [4, 64])
def test_planted_copies_are_found(share, dim):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, dim))
    count = int(share * 400)
    copies = X[:count] + 1e-3 * rng.normal(size=(count, dim))
    near = distances(np.concatenate([X, copies]))
    within = near[:, 0] <= copy_radius(near)
    planted = np.r_[np.arange(count), np.arange(400, 400 + count)]
    assert within[planted].all()
    assert within.sum() <= 1.1 * len(planted) + 2


def test_rows_on_a_grid_are_no_copies_and_equal_rows_are():
    grid = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), -1).reshape(-1, 2)
    assert copy_radius(distances(grid)) < 1.0
    twice = distances(np.concatenate([grid, grid[:5]]))
    assert copy_radius(twice) < 1.0
    assert nearest_law(twice).usual == pytest.approx(2**0.5)


def test_tables_that_say_nothing_of_chance():
    assert copy_radius(np.zeros((9, 3))) == 0.0
    assert nearest_law(np.zeros((9, 3))).scale == 0.0
    assert nearest_law(np.zeros((50, 3))) == (0.0, 0.0, 0.0)
    few = nearest_law(np.array([[1.0], [1.0], [2.0]]))
    assert (few.scale, few.usual, copy_radius(np.array([[1.0], [9.0]]))) == (0.0, 1.0, 9e-12)


def test_copies_in_a_small_table_are_found_in_spite_of_rounding():
    X = np.random.default_rng(0).normal(size=(8, 5))
    X[5] = X[2]
    lists = leave_one_out(Exact("cosine").fit(X), 4)
    clusters, _ = duplicate_clusters(*lists, copy_radius(lists.distances))
    assert np.flatnonzero(clusters == 0).tolist() == [2, 5]


def test_a_smaller_level_never_finds_more():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 5))
    X = np.concatenate([X, X[:20] + rng.uniform(0, 0.4, (20, 1)) * rng.normal(size=(20, 5))])
    radii = [copy_radius(distances(X), level) for level in (0.5, 0.05, 1e-3, 1e-9)]
    assert radii == sorted(radii, reverse=True)
    assert radii[0] > radii[-1]


@pytest.mark.parametrize("seed", range(4))
def test_clusters_are_what_chains_join(seed):
    rng = np.random.default_rng(seed)
    X = rng.random((40, 2))
    lists = leave_one_out(Exact("euclidean").fit(X), 6)
    clusters, count = duplicate_clusters(*lists, 0.1)
    parts = [{i} for i in range(40)]
    for i in range(40):
        for j, d in zip(lists.ids[i], lists.distances[i], strict=True):
            if d <= 0.1:
                joined = parts[i] | parts[j]
                for row in joined:
                    parts[row] = joined
    several = list(dict.fromkeys(tuple(sorted(part)) for part in parts if len(part) > 1))
    assert count == len(several)
    for number, rows in enumerate(several):
        assert np.flatnonzero(clusters == number).tolist() == list(rows)
    assert (clusters >= 0).sum() == sum(map(len, several))


def test_more_copies_than_neighbours_are_one_cluster():
    X = np.concatenate([np.zeros((30, 2)), np.random.default_rng(0).normal(size=(30, 2)) + 9])
    clusters, count = duplicate_clusters(*leave_one_out(Exact("euclidean").fit(X), 3), 0.0)
    assert (count, (clusters[:30] == 0).all(), (clusters[30:] == -1).all()) == (1, True, True)


# -- rare and ambiguous ---------------------------------------------------------------


def test_rarity_by_its_formula():
    away = np.sort(np.random.default_rng(0).random((50, 4)) + 0.5, axis=1)
    away[7] *= 30
    found = rarity(away)
    logs = np.log(away.mean(axis=1))
    spread = np.median(np.abs(logs - np.median(logs)))
    limit = 3.5 * 1.4826 * max(spread, 0.05)
    # The median of distances is between two rows; its logarithm is not the mean of theirs.
    np.testing.assert_array_equal(found.flagged, logs - np.median(logs) > limit)
    assert np.flatnonzero(found.flagged).tolist() == [7]
    assert found.scores[7] == 0.98
    assert found.scores.argsort().tolist() == logs.argsort().tolist()


def test_rarity_where_rows_are_equal():
    away = np.zeros((6, 2))
    assert not rarity(away).flagged.any()
    away[3] = 5.0
    assert np.isfinite(rarity(away).times).all()


def test_ambiguity_is_the_second_by_the_first():
    p = np.random.default_rng(0).dirichlet(np.ones(5), 30)
    slow = [sorted(row)[-2] / sorted(row)[-1] for row in p]
    np.testing.assert_allclose(ambiguity(p), slow)


# -- numbers --------------------------------------------------------------------------


def slow_targets(ids, values, known):
    n = len(ids)
    centre, residual = np.zeros(n), np.zeros(n)
    voted = np.zeros(n, bool)
    for i in range(n):
        near = [values[j] for j in ids[i] if known[j]]
        centre[i] = np.median(near) if near else 0.0
        voted[i] = bool(known[i] and near)
        residual[i] = abs(values[i] - centre[i]) if voted[i] else 0.0
    z = np.zeros(n)
    for i in range(n):
        near = [residual[j] for j in ids[i] if voted[j]]
        local = np.median(near) if near else 0.0
        usual = 1.4826 * (local + np.median(residual[voted])) / 2
        z[i] = residual[i] / usual
    return centre, z


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("k", [1, 4, 5])
def test_numbers_by_the_formula(gaps, k):
    rng = np.random.default_rng(k)
    ids = np.array([rng.choice(np.delete(np.arange(40), i), k, replace=False) for i in range(40)])
    values, known = rng.normal(size=40), rng.random(40) < (0.6 if gaps else 2)
    found, (centre, z) = target_issues(ids, values, known), slow_targets(ids, values, known)
    np.testing.assert_allclose(found.suggested, centre)
    np.testing.assert_allclose(found.z, z)
    np.testing.assert_allclose(found.scores, z / (1 + z))
    np.testing.assert_array_equal(found.flagged, z > 3.5)
    assert not found.scores[~known].any()


def test_planted_numbers_are_found_where_noise_differs():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (500, 2))
    noise = np.where(X[:, 0] > 0, 0.5, 0.02)
    y = X.sum(axis=1) + noise * rng.normal(size=500)
    wrong = rng.choice(500, 15, replace=False)
    y[wrong] += 5.0 * rng.choice([-1, 1], 15)
    lists = leave_one_out(Exact("euclidean").fit(X), 15)
    found = target_issues(lists.ids, y, np.ones(500, bool))
    assert np.isin(np.argsort(-found.scores)[:15], wrong).all()
    assert found.flagged[wrong].all()


def test_a_constant_target_and_one_that_is_not():
    ids = np.array([[1, 2], [0, 2], [0, 1], [0, 1]])
    found = target_issues(ids, np.array([2.0, 2.0, 2.0, 3.0]), np.ones(4, bool))
    assert found.flagged.tolist() == [False, False, False, True]
    assert found.scores.tolist() == [0.0, 0.0, 0.0, 1.0]


# -- classes --------------------------------------------------------------------------


def test_overlap_and_recall_row_by_row():
    rng = np.random.default_rng(0)
    ids = np.array([rng.choice(np.delete(np.arange(50), i), 6, replace=False) for i in range(50)])
    codes, p = rng.integers(-1, 3, 50), rng.dirichlet(np.ones(3), 50)
    found = separability(ids, codes, p)
    for a in range(3):
        lines = []
        for i in np.flatnonzero(codes == a):
            votes = [codes[j] for j in ids[i] if codes[j] >= 0]
            if votes:
                lines.append([votes.count(c) / len(votes) for c in range(3)])
        np.testing.assert_allclose(found.overlap[a], np.mean(lines, axis=0))
        own = codes == a
        assert found.recall[a] == pytest.approx((p[own].argmax(axis=1) == a).mean())
        assert found.expected[a] == pytest.approx((own.sum() - 1) / ((codes >= 0).sum() - 1))
    known = codes >= 0
    assert found.accuracy == pytest.approx((p[known].argmax(axis=1) == codes[known]).mean())
    np.testing.assert_allclose(found.same, np.diag(found.overlap))
