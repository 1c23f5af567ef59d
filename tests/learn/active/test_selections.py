"""Each selection against its slow twin, and what holds for all of them."""

import threading
import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from likewise.errors import InvalidArgument, InvalidType
from likewise.learn.active import (
    SELECTIONS,
    UNCERTAINTIES,
    Candidates,
    bait,
    k_center,
    kmeans_plus_plus,
    lcmd,
    max_det,
    max_diag,
    suggest,
    typicality,
)
from likewise.learn.active._clusters import clusters
from likewise.learn.active._nearest import Nearest

OF_FEATURES = [name for name in SELECTIONS if name not in UNCERTAINTIES]
CASES = [(seed, labelled) for seed in range(4) for labelled in (0, 1, 7)]


def case(seed, labelled, n=40, p=3, copies=True):
    """Clumped rows, and centres."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, p)) + 4.0 * rng.integers(0, 3, size=(n, 1))
    if copies:
        rows[5] = rows[6]
    centres = rng.normal(size=(labelled, p)) if labelled else None
    return Candidates(n, rows, centres=centres, rng=np.random.default_rng(seed))


def away(x, centres):
    return np.array([((x - c) ** 2).sum() for c in centres])


# -- the slow twins -------------------------------------------------------------------------


def centres_of(c):
    return [] if c.centres is None else list(c.centres)


def largest(c):
    return max(range(c.count), key=lambda i: ((c.rows[i] ** 2).sum(), -i))


def slow_lcmd(c, n):
    centres, chosen = centres_of(c), []
    while len(chosen) < n:
        if not centres:
            pick = largest(c)
        else:
            owner = [int(np.argmin(away(x, centres))) for x in c.rows]
            weight = [
                sum(away(x, centres).min() for x, o in zip(c.rows, owner, strict=True) if o == j)
                for j in range(len(centres))
            ]
            heaviest = int(np.argmax(weight))
            members = [i for i in range(c.count) if owner[i] == heaviest and i not in chosen]
            pick = max(members, key=lambda i: (away(c.rows[i], centres).min(), -i))
        chosen.append(pick)
        centres.append(c.rows[pick])
    return chosen


def slow_k_center(c, n):
    centres, chosen = centres_of(c), []
    while len(chosen) < n:
        free = [i for i in range(c.count) if i not in chosen]
        pick = max(free, key=lambda i: away(c.rows[i], centres).min()) if centres else largest(c)
        chosen.append(pick)
        centres.append(c.rows[pick])
    return chosen


def slow_max_det(c, n, noise):
    chosen = []
    while len(chosen) < n:
        free = [i for i in range(c.count) if i not in chosen]

        def volume(i):
            rows = np.array([*centres_of(c), *c.rows[[*chosen, i]]])
            return np.linalg.slogdet(rows @ rows.T + noise * np.eye(len(rows)))[1]

        chosen.append(max(free, key=volume))
    return chosen


def left_variance(c, chosen, noise):
    """Posterior variance of all rows, summed, with a new inverse each time."""
    everything = np.array([*c.rows, *centres_of(c)])
    known = np.array([*centres_of(c), *c.rows[chosen]])
    inverse = np.linalg.inv(known @ known.T + noise * np.eye(len(known)))
    cross = everything @ known.T
    return (everything**2).sum() - np.trace(cross @ inverse @ cross.T)


def slow_bait(c, n, noise, overselect):
    chosen = []
    while len(chosen) < min(c.count, overselect * n):
        free = [i for i in range(c.count) if i not in chosen]
        chosen.append(min(free, key=lambda i: left_variance(c, [*chosen, i], noise)))
    while len(chosen) > n:
        chosen.remove(
            min(chosen, key=lambda i: left_variance(c, [j for j in chosen if j != i], noise))
        )
    return chosen


def slow_typicality(c, n, k, most, least):
    rows = np.array([*c.rows, *centres_of(c)])
    count = min(len(rows) - c.count + n, most)
    labels = clusters(rows, count, np.random.default_rng(0))
    covered = [sum(labels[i] == j for i in range(c.count, len(rows))) for j in range(count)]
    chosen = []
    while len(chosen) < n:
        sizes = [int((labels == j).sum()) for j in range(count)]
        free = [
            [i for i in range(c.count) if labels[i] == j and i not in chosen] for j in range(count)
        ]
        with_free = [j for j in range(count) if free[j]]
        best = min(with_free, key=lambda j: (sizes[j] < least, covered[j], -sizes[j]))

        def typical(i):
            inside = [j for j in np.flatnonzero(labels == labels[i]) if j != i]
            near = np.sort(np.sqrt(away(rows[i], rows[inside])))[:k] if inside else [0.0]
            return np.mean(near)

        chosen.append(min(free[best], key=typical))
        covered[best] += 1
    return chosen


@pytest.mark.parametrize(("seed", "labelled"), CASES)
def test_centres_against_their_twins(seed, labelled):
    c = case(seed, labelled)
    assert lcmd(c, 12).tolist() == slow_lcmd(c, 12)
    assert k_center(c, 12).tolist() == slow_k_center(c, 12)


@pytest.mark.parametrize(("seed", "labelled"), CASES)
def test_variances_against_their_twins(seed, labelled):
    c = case(seed, labelled, n=25, copies=False)  # of a tie rounding decides
    order = sorted(range(25), key=lambda i: -(c.rows[i] ** 2).sum())
    assert max_diag(c, 5).tolist() == order[:5]
    assert max_det(c, 6, noise=0.3).tolist() == slow_max_det(c, 6, 0.3)
    for times in (1, 2):
        found = bait(c, 5, noise=0.3, overselect=times).tolist()
        assert found == slow_bait(c, 5, 0.3, times)


@pytest.mark.parametrize(("seed", "labelled"), CASES)
def test_typicality_against_its_twin(seed, labelled):
    c = case(seed, labelled)
    c = Candidates(c.count, c.rows, c.centres, rng=np.random.default_rng(0))
    assert typicality(c, 6, k=4, max_clusters=8, min_size=3).tolist() == slow_typicality(
        c, 6, 4, 8, 3
    )


def test_more_typical_rows_than_clusters():
    rows = np.arange(12.0)[:, None]
    found = typicality(Candidates(12, rows), 12, max_clusters=2)
    assert sorted(found.tolist()) == list(range(12))


def test_bait_spares_more_variance_than_chance_and_giving_back_does_not_hurt_much():
    c = case(0, 5, n=60, p=8)
    ours = left_variance(c, bait(c, 6, noise=0.01), 0.01)
    drawn = [left_variance(c, c.rng.choice(60, 6, replace=False), 0.01) for _ in range(20)]
    assert ours < min(drawn)


def test_kmeans_plus_plus_draws_by_squared_distance():
    rows, centres = np.array([[1.0], [2.0], [3.0], [0.0]]), np.zeros((1, 1))
    counts = np.zeros(4)
    for seed in range(3000):
        c = Candidates(4, rows, centres, rng=np.random.default_rng(seed))
        counts[kmeans_plus_plus(c, 1)[0]] += 1
    expected = np.array([1, 4, 9, 0]) / 14
    assert np.abs(counts / 3000 - expected).max() < 4 * np.sqrt(0.25 / 3000)
    assert counts[3] == 0


def test_kmeans_plus_plus_begins_anywhere_and_ends_with_copies():
    firsts = [
        kmeans_plus_plus(Candidates(3, np.eye(3), rng=np.random.default_rng(s)), 1)[0]
        for s in range(40)
    ]
    assert set(firsts) == {0, 1, 2}
    assert sorted(kmeans_plus_plus(Candidates(4, np.ones((4, 2))), 4)) == [0, 1, 2, 3]


def test_clusters_are_those_of_scikit_learn_from_the_same_seeds():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(200, 4)) + 5.0 * rng.integers(0, 4, size=(200, 1))
    seeds = kmeans_plus_plus(Candidates(200, rows, rng=np.random.default_rng(1)), 6)
    theirs = KMeans(6, init=rows[seeds], n_init=1, tol=0.0).fit(rows)
    assert np.array_equal(clusters(rows, 6, np.random.default_rng(1)), theirs.labels_)


# -- distances ------------------------------------------------------------------------------


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 5), st.sampled_from([0, 1, 2**30])
)
@settings(max_examples=60, deadline=None)
def test_nearest_is_the_plain_pairwise_distance_anywhere_in_space(seed, n, p, far):
    rng = np.random.default_rng(seed)
    rows = rng.integers(-3, 4, size=(n, p)).astype(float) + far
    centres = rng.integers(-3, 4, size=(3, p)).astype(float) + far
    near = Nearest(Candidates(n, rows, centres))
    plain = np.array([away(x, centres) for x in rows])
    np.testing.assert_allclose(near.squared, plain.min(axis=1), atol=1e-6)
    assert (near.squared >= 0).all()
    copies = (plain == 0).any(axis=1)
    assert (near.squared[copies] == 0).all(), "a copy is at distance 0, not at a rounding error"
    assert near.squared[~copies].min(initial=1.0) > 0.5
    near.take(0)
    assert near.squared[0] == 0
    assert near.owner[0] in (3, *np.flatnonzero(plain[0] == 0))


def test_more_rows_and_centres_than_a_tile():
    rng = np.random.default_rng(0)
    rows, centres = rng.normal(size=(2500, 2)), rng.normal(size=(1500, 2))
    near = Nearest(Candidates(2500, rows, centres))
    plain = ((rows[:, None] - centres) ** 2).sum(axis=2)
    assert np.array_equal(near.owner, plain.argmin(axis=1))
    np.testing.assert_allclose(near.squared, plain.min(axis=1), atol=1e-12)


# -- what holds for all ---------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_FEATURES)
@pytest.mark.parametrize("labelled", [0, 6])
def test_ids_are_different_rows_and_the_same_again_with_any_threads(name, labelled):
    rng = np.random.default_rng(5)
    pool = rng.normal(size=(90, 6))
    pool[10:20] = pool[0]  # copies
    known = rng.normal(size=(labelled, 6)) if labelled else None
    options = {"features_labelled": known, "selection": name, "random_state": 3}
    found = suggest(pool, 90, **options)
    assert sorted(found.tolist()) == list(range(90))
    assert found.dtype == np.int64
    short = suggest(pool, 15, **options)
    assert len(set(short.tolist())) == 15
    with threadpool_limits(limits=2):
        assert np.array_equal(suggest(pool, 15, **options), short)
    others = []
    worker = threading.Thread(target=lambda: others.append(suggest(pool, 15, **options)))
    worker.start()
    worker.join()
    assert np.array_equal(others[0], short)


@pytest.mark.parametrize("name", ["kmeans++", "random"])
def test_another_seed_another_batch(name):
    pool = np.random.default_rng(0).normal(size=(200, 3))
    batches = {tuple(suggest(pool, 10, selection=name, random_state=s)) for s in range(4)}
    assert len(batches) == 4


@pytest.mark.parametrize("name", [n for n in OF_FEATURES if n not in ("max_diag", "random")])
def test_labelled_rows_keep_their_neighbourhood_out_in_mode_tp_only(name):
    rng = np.random.default_rng(1)
    one, other = np.array([30.0, 0.0]), np.array([0.0, 20.0])
    pool = np.concatenate([one + rng.normal(size=(30, 2)), other + rng.normal(size=(20, 2))])
    known = one + rng.normal(size=(3, 2))
    options = {"features_labelled": known, "selection": name}
    assert suggest(pool, 1, **options)[0] >= 30
    if name not in ("kmeans++",):  # which begins by chance
        assert suggest(pool, 1, mode="p", **options)[0] < 30


@pytest.mark.parametrize("name", [*OF_FEATURES])
def test_nothing_is_as_large_as_all_pairs(name):
    pool = np.random.default_rng(0).normal(size=(8000, 4))
    suggest(pool[:50], 5, selection=name)  # what is imported does not count
    tracemalloc.start()
    try:
        suggest(pool, 20, features_labelled=pool[:100] + 0.5, selection=name)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50e6, "all pairs are 512 MB"


@pytest.mark.parametrize("name", OF_FEATURES)
def test_rows_of_zeros(name):
    assert sorted(suggest(np.zeros((6, 2)), 4, selection=name).tolist())[0] >= 0


def test_a_selection_of_ones_own_and_options():
    def last(candidates, n):
        return np.arange(candidates.count)[-n:]

    assert suggest(np.eye(4), 2, selection=last).tolist() == [2, 3]
    pool = np.random.default_rng(0).normal(size=(30, 3))
    one = suggest(pool, 4, selection=partial(bait, noise=10.0, overselect=3))
    assert one.tolist() == bait(Candidates(30, pool), 4, noise=10.0, overselect=3).tolist()


# -- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda c: max_det(c, 1, noise=0.0), InvalidArgument),
        (lambda c: max_det(c, 1, noise="small"), InvalidType),
        (lambda c: bait(c, 1, noise=-1), InvalidArgument),
        (lambda c: bait(c, 1, overselect=0), InvalidArgument),
        (lambda c: typicality(c, 1, k=0), InvalidArgument),
        (lambda c: typicality(c, 1, max_clusters=0), InvalidArgument),
        (lambda c: typicality(c, 1, min_size=1.5), InvalidType),
        (lambda c: max_det(c, 1, sigma=1.0), InvalidType),
        (lambda c: lcmd(Candidates(3), 1), InvalidArgument),
    ],
)
def test_impossible_options(call, error):
    with pytest.raises(error):
        call(Candidates(3, np.eye(3)))
