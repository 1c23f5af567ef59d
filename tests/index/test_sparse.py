"""`Sparse` against slow formulas, through random histories, with every error."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import (
    DamagedFile,
    DimensionMismatch,
    InvalidArgument,
    InvalidFile,
    InvalidFilter,
    InvalidType,
    InvalidVector,
    NotFitted,
    OverLimit,
    UnknownArgument,
)
from likewise.index import Exact, Sparse, Statistics, is_current, load
from likewise.index._postings import plain

WEIGHTINGS = ("dot", "lucene", "robertson", "atire", "bm25l", "bm25+")
BM25 = WEIGHTINGS[1:]
WORDS = [f"w{i}" for i in range(30)]


def idf(weighting, n, d):
    return {
        "lucene": math.log(1 + (n - d + 0.5) / (d + 0.5)),
        "robertson": max(0.0, math.log((n - d + 0.5) / (d + 0.5))),
        "atire": math.log(n / d),
        "bm25l": math.log((n + 1) / (d + 0.5)),
        "bm25+": math.log((n + 1) / d),
    }[weighting]


def saturated(weighting, f, norm, k1, delta):
    if weighting in ("lucene", "robertson"):
        return f / (f + k1 * norm)
    if weighting == "atire":
        return (k1 + 1) * f / (f + k1 * norm)
    if weighting == "bm25l":
        return (k1 + 1) * (f / norm + delta) / (k1 + f / norm + delta)
    return (k1 + 1) * f / (f + k1 * norm) + delta


def score(weighting, query, row, rows, k1=1.2, b=0.75, delta=None):
    """The papers' formulas, one row and one query, over a list of mappings; None: no match."""
    shared = [term for term in sorted(query) if term in row]
    if not shared:
        return None
    if weighting == "dot":
        return sum(np.float64(np.float32(query[t])) * np.float32(row[t]) for t in shared)
    delta = {"bm25l": 0.5, "bm25+": 1.0}.get(weighting, 0.0) if delta is None else delta
    mean = sum(sum(r.values()) for r in rows) / len(rows)
    norm = 1 - b + b * sum(row.values()) / mean
    total = 0.0
    for term in shared:
        d = sum(term in r for r in rows)
        part = saturated(weighting, row[term], norm, k1, delta)
        total += query[term] * idf(weighting, len(rows), d) * part
    return total


def truth(weighting, query, rows, k, **constants):
    found = [(score(weighting, query, row, rows, **constants), i) for i, row in enumerate(rows)]
    ranked = sorted((-s, i) for s, i in found if s is not None)
    return ranked[:k]


def generated(weighting, n, seed=0, words=WORDS):
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, len(words) + 1)
    rows = []
    for _ in range(n):
        size = min(int(rng.integers(0, 9)), len(words))
        terms = rng.choice(words, size, replace=False, p=share / share.sum()).tolist()
        if weighting == "dot":
            rows.append({t: float(rng.exponential() + 0.01) for t in terms})
        else:
            rows.append({t: int(rng.integers(1, 5)) for t in terms})
    return rows


def same(a, b):
    """To the last bit."""
    assert a.offsets.tolist() == b.offsets.tolist()
    assert a.flat_ids.tolist() == b.flat_ids.tolist()
    assert a.flat_distances.tolist() == b.flat_distances.tolist()


@pytest.fixture(params=["plain", "compiled"])
def loops(request, monkeypatch):
    """Each way to score."""
    from likewise.index import _postings

    if request.param == "plain":
        monkeypatch.setattr(_postings, "searcher", lambda: plain.search)
    else:
        _postings.warm()
    return request.param


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_scores_are_those_of_the_formula(weighting, loops):
    rows, queries = generated(weighting, 80), generated(weighting, 20, seed=1)
    index = Sparse(weighting).fit(rows)
    for query, row in zip(queries, index.search(queries, 15), strict=True):
        expected = truth(weighting, query, rows, 15)
        np.testing.assert_allclose(row.distances, [d for d, _ in expected], rtol=1e-12)
        by_id = {i: d for d, i in truth(weighting, query, rows, None)}
        np.testing.assert_allclose(row.distances, [by_id[i] for i in row.ids], rtol=1e-12)


@pytest.mark.parametrize("weighting", BM25)
def test_constants_are_used(weighting):
    rows, query = generated(weighting, 50), {"w0": 1, "w3": 2}
    constants = {"k1": 0.9, "b": 0.4}
    if weighting in ("bm25l", "bm25+"):
        constants["delta"] = 0.25
    found = Sparse(weighting, **constants).fit(rows).search(query, 5)[0]
    expected = truth(weighting, query, rows, 5, **constants)
    np.testing.assert_allclose(found.distances, [d for d, _ in expected], rtol=1e-12)
    assert Sparse(weighting, k1=0, b=0).fit(rows).search(query, 5).counts.tolist() == [5]
    assert Sparse(weighting, k1=0.9).k1 == 0.9


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("seed", range(6))
def test_the_kernel_agrees_with_its_twin_to_the_last_bit(weighting, seed, monkeypatch):
    from likewise.index import _postings

    _postings.warm()
    rng = np.random.default_rng(seed)
    n, terms = int(rng.integers(1, 20_000)), int(rng.integers(2, 150))
    X, Q = (sp.random(m, terms, d, "csr", rng=rng) for m, d in ((n, 0.1), (12, 0.1)))
    for matrix, power in ((X, 3), (Q, 1)):
        values = rng.exponential(size=matrix.nnz) if weighting == "dot" else rng.random(matrix.nnz)
        matrix.data = values + 0.1 if weighting == "dot" else np.ceil(values**power * 6)
    index = Sparse(weighting).fit(X[: n // 2])
    index.add(X[n // 2 :])
    index.delete(rng.integers(0, n, n // 10))
    for k in (1, 10, 500):
        for where in (None, rng.random(n) < 0.3, rng.random(n) < 0.01):
            for radius in (None, -0.5):
                options = {"k": k, "where": where, "radius": radius}
                compiled = index.search(Q, **options)
                with monkeypatch.context() as context:
                    context.setattr(_postings, "searcher", lambda: plain.search)
                    same(compiled, index.search(Q, **options))
    assert _postings._library.late() == []


def test_most_postings_are_left_out_where_few_matter():
    from likewise.index import _postings

    _postings.warm()
    rng = np.random.default_rng(0)
    common = sp.csr_array(np.ones((30_000, 1)))
    rare = sp.random(30_000, 1, 0.01, "csr", rng=rng)
    rare.data[:] = 1
    index = Sparse("lucene").fit(sp.hstack([common, rare], format="csr"))
    found = index.search({0: 1, 1: 1}, 10)
    assert found.info.scanned < 10_000
    assert found.info.strategy == "postings"
    assert found.info.recall == 1.0


@given(st.integers(0, 2**32 - 1), st.sampled_from(WEIGHTINGS))
@settings(max_examples=25, deadline=None)
def test_any_history_scores_as_a_fresh_fit(seed, weighting):
    rng = np.random.default_rng(seed)
    queries = generated(weighting, 6, seed=1)
    living = dict(enumerate(generated(weighting, int(rng.integers(0, 60)), seed)))
    index = Sparse(weighting).fit(list(living.values()))
    for step in range(int(rng.integers(1, 8))):
        if rng.random() < 0.5:
            words = WORDS + [f"{step} {i}" for i in range(5)]
            rows = generated(weighting, int(rng.integers(0, 400)), seed + step, words)
            living |= dict(zip(index.add(rows).tolist(), rows, strict=True))
        elif living:
            gone = rng.choice(list(living), int(rng.integers(0, len(living))), replace=False)
            assert index.delete(gone) == len(gone)
            for position in gone.tolist():
                del living[position]
    fresh = Sparse(weighting).fit(list(living.values()))
    positions = np.array(list(living), dtype=np.int64)
    a, b = index.search(queries, 20), fresh.search(queries, 20)
    assert a.flat_ids.tolist() == positions[b.flat_ids].tolist()
    assert a.flat_distances.tolist() == b.flat_distances.tolist()
    assert len(index) == len(living)
    mine, theirs = index.statistics, fresh.statistics
    assert (mine.rows, mine.total_length) == (theirs.rows, theirs.total_length)
    assert dict(mine.frequencies) == dict(theirs.frequencies)


@pytest.mark.parametrize("weighting", BM25)
def test_indexes_with_common_statistics_score_as_one(weighting):
    rows, queries = generated(weighting, 300), generated(weighting, 10, seed=1)
    whole = Sparse(weighting).fit(rows)
    parts = [Sparse(weighting).fit(rows[:200]), Sparse(weighting).fit(rows[200:])]
    common = parts[0].statistics + parts[1].statistics
    assert dict(common.frequencies) == dict(whole.statistics.frequencies)
    assert len(common.frequencies) == len(whole.statistics.frequencies)
    for query in queries:
        apart = []
        for part, first in zip(parts, (0, 200), strict=True):
            (row,) = part.search(query, 10, statistics=common)
            pairs = zip(row.distances.tolist(), (row.ids + first).tolist(), strict=True)
            apart += pairs
        (row,) = whole.search(query, 10)
        expected = list(zip(row.distances.tolist(), row.ids.tolist(), strict=True))
        assert sorted(apart)[:10] == expected


def test_statistics_stay_what_they_were():
    index = Sparse("lucene").fit([{"a": 1}, {"a": 2, "b": 1}])
    before = index.statistics
    index.add([{"c": 3}])
    index.delete([0])
    assert (before.rows, before.total_length, dict(before.frequencies)) == (2, 4, {"a": 2, "b": 1})
    assert dict(index.statistics.frequencies) == {"a": 1, "b": 1, "c": 1}
    assert before.mean_length == 2
    assert Statistics(0, 0, {}).mean_length == 1


def test_only_rows_that_share_a_term_are_found():
    for weighting in WEIGHTINGS:
        index = Sparse(weighting).fit([{"a": 1}, {}, {"a": 2, "b": 1}, {"c": 1}])
        found = index.search([{"a": 1}, {"zebra": 1}, {}, {"a": 0, "c": 1}], 10)
        assert found.counts.tolist() == [2, 0, 0, 1]
        assert sorted(found[0].ids.tolist()) == [0, 2]


def test_a_term_of_every_row_still_finds_them():
    # Its idf is 0: the rows match, with score 0.
    index = Sparse("atire").fit([{"a": 1}, {"a": 2}])
    found = index.search({"a": 1})[0]
    assert found.ids.tolist() == [0, 1]
    assert found.distances.tolist() == [0, 0]


def test_equal_scores_come_by_position():
    index = Sparse().fit([{"a": 1.0}] * 10_000)
    assert index.search({"a": 2.0}, 4).ids.tolist() == [[0, 1, 2, 3]]
    assert index.search({"a": 2.0}, 2, where=range(500, 900)).ids.tolist() == [[500, 501]]


def test_terms_of_no_weight_and_equal_scores_over_several_windows(loops):
    # "all" is in every row, with an idf of 0; "a" and "b" score alike and share few rows.
    rows = [{"all": 1} for _ in range(9_000)]
    for row, term in [(i, "ab"[i // 30 % 2]) for i in range(0, 9_000, 30)]:
        rows[row][term] = 1
    index = Sparse("atire", b=0).fit(rows)
    having = [row for row in range(9_000) if len(rows[row]) == 2]
    found = index.search({"all": 1, "a": 1, "b": 1}, len(having) + 3)[0]
    low = [row for row in range(9_000) if len(rows[row]) == 1][:3]
    a, b = (next(r for r in rows if term in r) for term in "ab")
    assert index.statistics.frequency("a") == index.statistics.frequency("b")
    assert a != b
    assert found.ids.tolist() == having + low
    assert found.distances[-3:].tolist() == [0, 0, 0]
    assert len(set(found.distances[:-3].tolist())) == 1
    assert index.search({"all": 1, "a": 1, "b": 1}, 7)[0].ids.tolist() == having[:7]


def test_all_within_a_radius(loops):
    rows, query = generated("dot", 200), {"w0": 1.0, "w1": 0.5}
    index = Sparse().fit(rows)
    expected = [(d, i) for d, i in truth("dot", query, rows, None) if d <= -0.7]
    row = index.search(query, k=None, radius=-0.7)[0]
    assert row.ids.tolist() == [i for _, i in expected]
    exactly = row.distances[3]
    assert len(index.search(query, k=None, radius=exactly)[0].ids) >= 4
    assert len(index.search(query, k=2, radius=-0.7)[0].ids) == 2


def test_filters_and_deletions(loops):
    rows, queries = generated("lucene", 300), generated("lucene", 10, seed=1)
    index = Sparse("lucene").fit(rows)
    mask = np.random.default_rng(0).random(300) < 0.2
    index.delete([5, 7])
    mask[[5, 7]] = True
    everything = index.search(queries, 300)
    for where in (mask, np.flatnonzero(mask & ~np.isin(np.arange(300), [5, 7]))):
        found = index.search(queries, 8, where=where)
        assert found.info.matching == mask.sum() - 2
        for all_, some in zip(everything, found, strict=True):
            keep = mask[all_.ids]
            assert some.ids.tolist() == all_.ids[keep][:8].tolist()
            assert some.distances.tolist() == all_.distances[keep][:8].tolist()
    with pytest.raises(InvalidFilter, match="300"):
        index.search(queries, where=mask[:10])


def test_threads_change_nothing():
    rows, queries = generated("lucene", 2000), generated("lucene", 100, seed=1)
    same(
        Sparse("lucene").fit(rows).search(queries, 10),
        Sparse("lucene", n_jobs=3).fit(rows).search(queries, 10),
    )


@pytest.mark.parametrize("kind", ["words", "numbers", "matrix", "nothing"])
def test_saved_and_loaded(kind, tmp_path):
    rows, query = generated("lucene", 700), {"w0": 1, "w1": 2}
    if kind == "numbers":
        rows = [{int(t[1:]) * 10**9: c for t, c in row.items()} for row in rows]
        query = {0: 1, 10**9: 2}
    if kind == "matrix":
        rows, query = sp.random(700, 9, 0.5, "csr", rng=np.random.default_rng(0)), {0: 1, 1: 2}
        rows.data = np.ceil(rows.data * 3)
    if kind == "nothing":
        rows = []
    index = Sparse("bm25l", k1=0.9, b=0.3, delta=0.7).fit(rows)
    index.add(rows[:5])
    index.delete([0, 3])
    path = tmp_path / "sparse.index"
    index.save(path)
    for again in (Sparse.load(path), load(path)):
        same(index.search(query, 20), again.search(query, 20))
        assert (again.k1, again.b, again.delta) == (0.9, 0.3, 0.7)
        assert len(again) == len(index)
        assert again.next_position == index.next_position
        assert again.nbytes == index.nbytes
        again.delete([1])
        again.add(rows[:2])
    assert is_current(path)
    with pytest.raises(InvalidFile, match="sparse"):
        Exact.load(path)
    Exact("l2").fit([[0.0, 1.0]]).save(tmp_path / "other")
    with pytest.raises(InvalidFile, match="exact"):
        Sparse.load(tmp_path / "other")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DamagedFile):
        Sparse.load(path)


def test_dropped_rows_leave_nothing_behind():
    index = Sparse("lucene").fit([{f"only {i}": 1, "all": 1} for i in range(500)])
    size = index.nbytes
    index.delete(range(400))
    assert index.nbytes < size / 3
    assert len(index._columns.numbers) <= 1 + 100 + 64
    assert index.positions[0] >= 336
    assert index.search({"all": 1}, 3).ids.tolist() == [[400, 401, 402]]


def test_matrices_sum_their_duplicates_and_mappings_take_column_numbers():
    twice = sp.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 3))
    index = Sparse().fit(twice)
    assert index.search({1: 1.0}).distances.tolist() == [[-3.0]]
    index.add([{2: 4.0}])
    assert index.search(sp.csr_array([[0.0, 0.0, 1.0]])).ids.tolist() == [[1]]
    assert index.search({7: 1.0}).counts.tolist() == [0]
    with pytest.raises(DimensionMismatch, match="row 0 has term 3; there are columns 0 to 2"):
        index.add([{3: 1.0}])
    with pytest.raises(DimensionMismatch, match="3 terms"):
        index.add(sp.csr_array((1, 5)))
    with pytest.raises(InvalidType, match="column numbers"):
        index.search({"a": 1.0})


BAD = [
    (lambda: Sparse("tfidf"), InvalidArgument, "one of dot, lucene"),
    (lambda: Sparse("lucene", k1=-1), InvalidArgument, "k1"),
    (lambda: Sparse("lucene", b=1.5), InvalidArgument, r"b must be in \[0, 1\]"),
    (lambda: Sparse("lucene", delta=1), InvalidArgument, "bm25l, bm25\\+"),
    (lambda: Sparse("bm25l", delta=-1), InvalidArgument, "delta"),
    (lambda: Sparse(threads=2), UnknownArgument, "n_jobs"),
    (lambda: Sparse().search({"a": 1}), NotFitted, "fit"),
    (lambda: Sparse().add([{"a": 1}]), NotFitted, "fit"),
    (lambda: Sparse().fit([{"a": 1}, {"b": -1}]), InvalidVector, "row 1 has weight -1 .* 'b'"),
    (lambda: Sparse().fit([{"a": math.nan}]), InvalidVector, "row 0 has weight NaN"),
    (lambda: Sparse().fit([{"a": 1e39}]), InvalidVector, "1e\\+39"),
    (lambda: Sparse().fit([{"a": 10**400}]), InvalidVector, "infinity"),
    (lambda: Sparse().fit(sp.csr_array([[0.0, -1.0]])), InvalidVector, "row 0 .* term 1"),
    (lambda: Sparse("lucene").fit([{"a": 0.5}]), InvalidVector, "counts"),
    (lambda: Sparse("lucene").fit([{"a": 1 << 25}]), InvalidVector, "16,777,216"),
    (lambda: Sparse().fit([{"a": "1"}]), InvalidType, "number as its weight"),
    (lambda: Sparse().fit([{"a": True}]), InvalidType, "number as its weight"),
    (lambda: Sparse().fit([{1.5: 1}]), InvalidType, "str or int"),
    (lambda: Sparse().fit([{"a": 1, 2: 1}]), InvalidType, "all str or all int"),
    (lambda: Sparse().fit([["a"]]), InvalidType, "must map terms"),
    (lambda: Sparse().fit(np.ones((2, 2))), InvalidType, "csr_array"),
    (lambda: Sparse().fit(7), InvalidType, "scipy sparse matrix"),
    (lambda: Sparse(memory_limit=10).fit([{"a": 1}]), OverLimit, "memory_limit"),
    (lambda: fitted().add([{1: 1}]), InvalidType, "type str"),
    (lambda: fitted().add(sp.csr_array((1, 2))), InvalidType, "no terms"),
    (lambda: fitted().search({"a": -1}), InvalidVector, "Q: row 0"),
    (lambda: fitted().search({"a": 1}, 0), InvalidArgument, "k must"),
    (lambda: fitted().search({"a": 1}, None), InvalidArgument, "radius"),
    (lambda: fitted().search({"a": 1}, top_k=3), UnknownArgument, "'k'"),
    (lambda: fitted().search({"a": 1}, radius=math.nan), InvalidArgument, "finite"),
    (lambda: fitted().delete(["a"]), InvalidType, "integers"),
    (lambda: fitted().search({"a": 1}, statistics=3), InvalidType, "Statistics"),
    (lambda: fitted("dot").search({"a": 1}, statistics=SOME), InvalidArgument, "dot"),
    (lambda: fitted().search({"a": 1}, statistics=SOME), InvalidArgument, "1 rows.* has 2"),
    (lambda: fitted().search({"a": 1}, statistics=FEW), InvalidArgument, "0 rows with .* has 1"),
    (lambda: Statistics(-1, 0, {}), InvalidArgument, "from 0"),
    (lambda: SOME + Statistics(1, 1, np.ones(2, dtype=np.int64)), InvalidType, "no sum"),
    (lambda: COLUMNS(2) + COLUMNS(3), DimensionMismatch, "2 columns and of 3"),
]
SOME, FEW = Statistics(1, 1, {"a": 1}), Statistics(9, 9, {"b": 3})


def COLUMNS(n):
    return Statistics(1, 1, np.ones(n, dtype=np.int64))


def fitted(weighting="lucene"):
    return Sparse(weighting).fit([{"a": 1}, {"b": 1}])


@pytest.mark.parametrize(("call", "error", "words"), BAD)
def test_errors_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_what_fails_changes_nothing():
    index = fitted()
    for rows in ([{"c": 1}, {"d": -1}], [{"c": 1}, 3]):
        with pytest.raises((InvalidVector, InvalidType)):
            index.add(rows)
    assert len(index) == index.next_position == 2
    assert dict(index.statistics.frequencies) == {"a": 1, "b": 1}
    index.add([{"d": 1}])
    assert index.search({"d": 1}).ids.tolist() == [[2]]


def test_plan_is_near_the_truth():
    rows = generated("lucene", 3000)
    index = Sparse("lucene").fit(rows)
    planned = index.plan(len(rows), sum(map(len, rows)))
    assert index.nbytes * 0.8 < planned.bytes < index.nbytes * 1.3
    assert planned.seconds > 0
