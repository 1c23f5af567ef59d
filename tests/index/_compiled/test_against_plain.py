"""Every kernel does what its plain twin does, on the same rows and links, to the last bit."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.index import _plain
from likewise.index._among import Scanner
from likewise.index._codes import read_only
from likewise.index._compiled import kernels
from likewise.index._compiled.values import Diversity, Space
from likewise.index._hops import Hopper
from likewise.index._plain import keys as plain_keys
from likewise.index._plain import link as plain_link
from likewise.index._plain import walk as plain_walk
from likewise.index._walking import Ask, Walker
from likewise.metrics import resolve
from tests.index._compiled.spaces import (
    KINDS,
    make_codes,
    make_net,
    make_rows,
    plain_loops,
)

#: No multiples of a line of 64 bytes among the middle ones.
DIMENSIONS = (1, 2, 7, 17, 63, 64, 65, 100, 129, 200, 4096)
EUCLIDEAN = resolve("euclidean")


@pytest.fixture(scope="module")
def compiled():
    """The kernels, and ways to call those that only kernels call."""
    import numba

    made = kernels()
    space = made.space

    @numba.njit
    def keys_of_query(codes, placing, raw, ids, keys):
        query = space.place_query(codes, placing, raw, space.buffer_of(codes.codes))
        space.keys_of(codes, ids, len(ids), query, keys)
        return query.base

    @numba.njit
    def keys_of_row(codes, row, ids, keys):
        query = space.row_as_query(codes, row, space.buffer_of(codes.codes))
        space.keys_of(codes, ids, len(ids), query, keys)
        return query.base

    # The functions above find what is chosen by type through the module's own names.
    return SimpleNamespace(**vars(made), keys_of_query=keys_of_query, keys_of_row=keys_of_row)


def bits(array):
    return np.asarray(array, dtype=np.float32).view(np.uint32)


# -- keys --------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", DIMENSIONS)
@pytest.mark.parametrize(("metric", "codes"), KINDS)
def test_keys(compiled, metric, codes, dim):
    rows = make_rows(codes, 23, dim, seed=dim) + (metric == "cosine")
    coded, raw = make_codes(metric, codes, rows), make_rows(codes, 1, dim, seed=1)[0] + 1
    space, placing = coded.walked(), coded.placing()
    ids = np.random.default_rng(2).permutation(23)[:21].astype(np.int32)
    keys, resolved = np.empty(21, np.float32), resolve(metric)
    base = compiled.keys_of_query(space, placing, raw, ids, keys)
    query = plain_keys.place_query(space, placing, raw)
    expected = plain_keys.keys_of(space, ids, query, resolved)
    np.testing.assert_array_equal(bits(keys), bits(expected))
    assert bits(base) == bits(query.base)
    if coded.halves:
        space = coded.space()  # by which links are chosen
    base = compiled.keys_of_row(space, 3, ids, keys)
    query = plain_keys.row_as_query(space, 3)
    np.testing.assert_array_equal(bits(keys), bits(plain_keys.keys_of(space, ids, query, resolved)))
    assert bits(base) == bits(query.base)


@pytest.mark.parametrize("dim", [5, 100, 4096])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot"])
def test_keys_rank_as_the_metric_does(metric, dim):
    rows = make_rows("8-bit", 200, dim)
    coded, resolved = make_codes(metric, "8-bit", rows), resolve(metric)
    raw = make_rows("8-bit", 1, dim, seed=1)[0]
    query = plain_keys.place_query(coded.space(), coded.placing(), raw)
    keys = plain_keys.keys_of(coded.space(), np.arange(200), query, resolved)
    order = resolved.pairwise(raw[None, :], rows)[0].argsort()
    assert len(set(keys.argsort()[:20]) & set(order[:20])) >= 18


@pytest.mark.parametrize("fill", [0, 1, 128, 255])
def test_the_largest_codes_do_not_overflow(compiled, fill):
    codes, ones = np.full((6, 4096), fill, np.uint8), np.ones((6, 2), np.float32)
    codes[1], codes[2] = 0, 255
    space = Space(read_only(codes), read_only(ones), 0)
    ids, keys = np.arange(6, dtype=np.int32), np.empty(6, np.float32)
    for row in range(3):
        compiled.keys_of_row(space, row, ids, keys)
        query = plain_keys.row_as_query(space, row)
        assert (
            bits(keys).tolist() == bits(plain_keys.keys_of(space, ids, query, EUCLIDEAN)).tolist()
        )
        exact = 1 - 2 * (codes - np.int64(128)) @ (codes[row] - np.int64(128))
        np.testing.assert_allclose(keys, exact, rtol=1e-6)


# -- pools -------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.floats(width=32, allow_nan=False) | st.sampled_from([0.0, -0.0]),
            st.integers(0, 2**31 - 1),
        ),
        min_size=2,
        max_size=20,
    )
)
@settings(max_examples=50, deadline=None)
def test_entries_of_a_pool_are_ordered_as_their_keys(pairs):
    made = kernels().walk  # which has them from a module of its own
    keys = np.array([key for key, _ in pairs], dtype=np.float32)
    ids = [id_ for _, id_ in pairs]
    entries = plain_walk.packed(keys, ids)
    assert entries == [int(made.packed(key, id_)) for key, id_ in zip(keys, ids, strict=True)]
    for entry, key, id_ in zip(entries, keys, ids, strict=True):
        flagged = np.uint64(entry | plain_walk.EXPANDED)
        assert bits(plain_walk.key_of(entry)) == bits(key) == bits(made.key_of(flagged))
        assert plain_walk.id_of(int(flagged)) == id_ == made.id_of(flagged)
    order = sorted(range(len(keys)), key=lambda i: (keys[i], not np.signbit(keys[i]), ids[i]))
    assert sorted(entries) == [entries[i] for i in order]


# -- links -------------------------------------------------------------------------------


@pytest.mark.parametrize(("metric", "codes"), KINDS)
@pytest.mark.parametrize("most", [3, 12])
def test_prune(compiled, metric, codes, most):
    rows = make_rows(codes, 80, 20)
    space, resolved = make_codes(metric, codes, rows).space(), resolve(metric)
    query = plain_keys.row_as_query(space, 0)
    keys = plain_keys.keys_of(space, np.arange(1, 80), query, resolved)
    order = np.argsort(keys, kind="stable")
    candidates, apart = (order + 1).astype(np.int32), keys[order] + query.base
    for strict, loose, fewest in ((1.05, 1.2, 2), (1.2, 2.0, 8), (1.0, 1.0, 16)):
        diversity = Diversity(strict, loose, fewest)
        chosen = np.empty(most, np.int32)
        code = np.zeros(space.codes.shape[1], np.float32 if codes == "float32" else np.int8)
        count = compiled.link.prune(
            space, candidates.copy(), apart, 79, diversity, most, code, chosen
        )
        expected = plain_link.prune(space, candidates.tolist(), apart, diversity, most, resolved)
        assert chosen[:count].tolist() == expected
        assert 0 < count <= most


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: "-".join(kind))
def both(request):
    """The same rows linked by kernels and by plain loops; a third of them are equal to others."""
    metric, codes = request.param
    rows = make_rows(codes, 210, 19) + (metric == "cosine")
    rows[::3] = rows[np.arange(0, 210, 3) % 30 + 1]
    coded = make_codes(metric, codes, rows)
    compiled = make_net(coded, rows)
    with plain_loops():
        plain = make_net(coded, rows)
    return rows, compiled, plain


def same_net(one, other):
    np.testing.assert_array_equal(one.links, other.links)
    for name in ("entries", "stranded", "joined"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.twins.slots, other.twins.slots)
    np.testing.assert_array_equal(one.twins.reps, other.twins.reps)


def test_insert_and_join(both):
    _, compiled, plain = both
    assert (compiled.links[:, -1] >= 0).any(), "no row is full: little is tested"
    assert len(compiled.twins) > 30
    same_net(compiled, plain)


def test_mend(both):
    rows, compiled, plain = both
    keep = np.flatnonzero(np.random.default_rng(5).random(len(rows)) < 0.6)
    kept = compiled.kept(keep, 1)
    with plain_loops():
        same_net(kept, plain.kept(keep, 1))
    assert kept.links.max() < len(keep)


ASKS = {
    "plain": Ask(5, 20),
    "one": Ask(1, 1),
    "wide": Ask(40, 60),
    "radius": Ask(5, 30, radius=1.0),
    "all within": Ask(None, 40, radius=1.0),
    "filtered": Ask(5, 40, mask=np.random.default_rng(3).random(210) < 0.3),
    "spanned": Ask(5, 40, span=(20, 90)),
    "stopped": Ask(10, 60, stop=1.1),
    "budget": Ask(10, 60, budget=30),
    "everything": Ask(7, 50, 1.5, 2.0, np.random.default_rng(4).random(210) < 0.7, (10, 200), 90),
}


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_search(both, ask):
    rows, net, _ = both
    codes = net.codes.name
    queries = np.concatenate([make_rows(codes, 12, 19, seed=8) + 1, rows[:6]])
    metric = net.codes.metric
    if ask.radius is not None:
        typical = np.quantile(metric.pairwise(queries, rows), 0.05 * ask.radius)
        ask = Ask(ask.k, ask.effort, ask.stop, float(typical), ask.mask, ask.span, ask.budget)
    found = Walker(net, rows).find(queries, ask, ratios=True)
    with plain_loops():
        expected = Walker(net, rows).find(queries, ask, ratios=True)
    np.testing.assert_array_equal(found.notes, expected.notes)
    np.testing.assert_array_equal(bits(found.ratios), bits(expected.ratios))
    assert found.notes[:, 0].max() > 0
    for t, count in enumerate(found.notes[:, 0]):
        np.testing.assert_array_equal(found.ids[t, :count], expected.ids[t, :count])
        np.testing.assert_allclose(
            found.distances[t, :count], expected.distances[t, :count], rtol=1e-12, atol=1e-12
        )


def test_queries_too_large_for_the_space_have_no_answer(both):
    rows, net, _ = both
    huge = np.full((1, 19), 1e30, np.float32)
    found = Walker(net, rows).find(huge, Ask(3, 10))
    with plain_loops():
        expected = Walker(net, rows).find(huge, Ask(3, 10))
    np.testing.assert_array_equal(found.notes, expected.notes)


LISTED = {
    "some": np.flatnonzero(np.random.default_rng(6).random(210) < 0.4).astype(np.int32),
    "few": np.array([3, 7, 200], np.int32),
    "all": np.arange(210, dtype=np.int32),
}


@pytest.mark.parametrize("radius", [None, 0.03])
@pytest.mark.parametrize(("k", "length"), [(1, 1), (5, 12), (12, 30)])
@pytest.mark.parametrize("listed", LISTED.values(), ids=LISTED)
def test_scan_among(both, listed, k, length, radius):
    rows, net, _ = both
    codes, metric = net.codes.name, net.codes.metric
    queries = np.concatenate([make_rows(codes, 12, 19, seed=8) + 1, rows[:6]])
    queries[3] = 1e30 if net.codes.placement is not None else queries[3]
    if radius is not None:
        radius = float(np.quantile(metric.pairwise(queries[:3], rows), radius))
    k = min(k, len(listed))
    found = Scanner(net, rows).find(queries, listed, k, length, radius=radius)
    with plain_loops():
        expected = Scanner(net, rows).find(queries, listed, k, length, radius=radius)
    np.testing.assert_array_equal(found.notes, expected.notes)
    assert found.notes[:, 0].max() > 0
    for t, count in enumerate(found.notes[:, 0].clip(0)):
        np.testing.assert_array_equal(found.ids[t, :count], expected.ids[t, :count])
        np.testing.assert_allclose(
            found.distances[t, :count], expected.distances[t, :count], rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("share", [0.8, 0.3, 0.05])
@pytest.mark.parametrize("enough", [2, 9, 40])
def test_walk_among(both, share, enough, monkeypatch):
    rows, net, _ = both
    codes, metric = net.codes.name, net.codes.metric
    monkeypatch.setattr("likewise.index._hops.ENOUGH", enough)
    queries = np.concatenate([make_rows(codes, 12, 19, seed=8) + 1, rows[:6]])
    for ask in (Ask(5, 20), Ask(1, 1), Ask(10, 60, stop=1.1), Ask(10, 60, budget=30)):
        ask.mask = np.random.default_rng(7).random(210) < share
        found = Hopper(net, Walker(net, rows)).find(queries, ask)
        with plain_loops():
            expected = Hopper(net, Walker(net, rows)).find(queries, ask)
        np.testing.assert_array_equal(found.notes, expected.notes)
        assert found.notes[:, 0].max() > 0
        for t, count in enumerate(found.notes[:, 0]):
            np.testing.assert_array_equal(found.ids[t, :count], expected.ids[t, :count])
            assert ask.mask[found.ids[t, :count]].all()
            exact = metric.pairwise(queries[t : t + 1], rows[found.ids[t, :count]])[0]
            np.testing.assert_allclose(found.distances[t, :count], exact, rtol=1e-6, atol=1e-6)


# -- reaching ----------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**32),
    count=st.integers(2, 60),
    degree=st.integers(1, 5),
    full=st.floats(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_reach_and_connect(seed, count, degree, full):
    rng = np.random.default_rng(seed)
    links = np.full((count, degree), -1, np.int32)
    for row in range(count):
        others = np.delete(np.arange(count), row)
        held = min(len(others), degree if rng.random() < full else int(rng.integers(degree)))
        links[row, :held] = rng.permutation(others)[:held]
    starts = read_only(rng.integers(0, count, 2).astype(np.int32))
    results = []
    for made in (kernels().reach, _plain.functions(EUCLIDEAN).reach):
        changed, parents = links.copy(), np.full(count, -1, np.int32)
        queue = np.zeros(count, np.int32)
        reached = made.reach(read_only(changed), starts, parents, queue)
        lost = read_only(np.flatnonzero(parents < 0).astype(np.int32))
        before = parents.copy()
        connected = made.connect(changed, lost, parents, queue)
        results.append((reached, before.tolist(), connected, changed.tolist(), parents.tolist()))
    assert results[0] == results[1]
    reached, before, connected, changed, parents = results[0]
    assert reached == sum(parent >= 0 for parent in before)
    assert connected <= sum(parents[row] >= 0 for row in range(count) if before[row] < 0)
    seen, open_ = set(starts.tolist()), starts.tolist()
    while open_:
        new = {other for other in changed[open_.pop()] if other >= 0} - seen
        seen |= new
        open_ += new
    assert seen == {row for row in range(count) if parents[row] >= 0}, "a path was broken"
