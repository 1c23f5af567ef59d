"""`CrossEncoder`: CUR where it is exact, budgets that are kept, and scorers that fail."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import (
    InvalidArgument,
    InvalidFile,
    InvalidFilter,
    InvalidType,
    NotFitted,
    ScoringFailed,
    UnknownArgument,
)
from likewise.index import CrossEncoder, Exact
from likewise.index._cur import approximate

RANK = 5


def low_rank(items=300, queries=60, noise=0.0, seed=0):
    """(items, queries, score function): tanh of a product of hidden vectors, and noise."""
    rng = np.random.default_rng(seed)
    left, right = rng.normal(size=(queries, RANK)), rng.normal(size=(items, RANK))
    matrix = left @ right.T / RANK + noise * rng.normal(size=(queries, items))

    def score(query, some):
        return matrix[query, some]

    return matrix, score


def everything(matrix, query, k, allowed=None):
    """The slow twin: every item scored."""
    allowed = range(matrix.shape[1]) if allowed is None else allowed
    return sorted(allowed, key=lambda item: (-matrix[query, item], item))[:k]


# -- CUR -------------------------------------------------------------------------------


def test_of_low_rank_the_approximation_is_exact():
    matrix, _ = low_rank()
    rng = np.random.default_rng(1)
    anchors = rng.permutation(300)[:20]
    for shrinkage in (0, 1e-12):
        told = approximate(matrix[:40].astype(np.float32), anchors, matrix[50, anchors], shrinkage)
        assert told == pytest.approx(matrix[50], abs=1e-3)


def test_without_shrinkage_it_is_the_formula_of_the_paper():
    rng = np.random.default_rng(2)
    known, anchors = rng.normal(size=(12, 40)).astype(np.float32), np.arange(7)
    scores = rng.normal(size=7)
    expected = scores @ np.linalg.pinv(known[:, anchors].astype(np.float64)) @ known
    assert approximate(known, anchors, scores, 0) == pytest.approx(expected)


def test_with_shrinkage_it_is_ridge_regression():
    rng = np.random.default_rng(3)
    known, anchors = rng.normal(size=(12, 40)).astype(np.float32), np.arange(7)
    scores, means = rng.normal(size=7), known.mean(axis=0, dtype=np.float64)
    columns = (known - means)[:, anchors]
    alpha = 0.3 * np.linalg.svd(columns, compute_uv=False)[0] ** 2
    gram = columns @ columns.T + alpha * np.eye(12)  # the normal equations
    w = np.linalg.solve(gram, columns @ (scores - means[anchors]))
    expected = means + w @ (known - means)
    assert approximate(known, anchors, scores, 0.3) == pytest.approx(expected, abs=1e-6)


def test_near_as_many_anchors_as_queries_it_stays_stable():
    matrix, _ = low_rank(queries=101, noise=0.05)
    anchors = np.random.default_rng(4).permutation(300)[:100]
    known, scores = matrix[:100].astype(np.float32), matrix[100, anchors]
    error, wild = (
        np.abs(approximate(known, anchors, scores, s) - matrix[100]).mean() for s in (0.01, 0)
    )
    assert error < 0.2 < wild


# -- searches --------------------------------------------------------------------------


def test_a_budget_for_all_is_exact():
    matrix, score = low_rank(80, noise=1.0)
    index = CrossEncoder(score, budget=80).fit(range(80), range(10))
    found = index.search(range(20, 25), k=7)
    for row, query in zip(found, range(20, 25), strict=True):
        assert row.ids.tolist() == everything(matrix, query, 7)
        assert np.array_equal(row.distances, -matrix[query, row.ids])
    assert (found.info.strategy, found.info.recall, found.info.scanned) == ("exact", 1.0, 400)


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_of_low_rank_a_small_budget_finds_all(rounds):
    matrix, score = low_rank()
    index = CrossEncoder(score, budget=40, anchors=25, rounds=rounds).fit(range(300), range(40))
    found = index.search(range(40, 60), k=10)
    assert found.ids.tolist() == [everything(matrix, query, 10) for query in range(40, 60)]
    assert found.info.recall == 1.0


def test_rounds_and_candidates_help_where_ranks_are_high():
    matrix, score = low_rank(1000, 140, noise=0.15, seed=5)
    asked = range(100, 140)

    def share(candidates=None, **options):
        index = CrossEncoder(score, budget=100, **options).fit(range(1000), scores=matrix[:100])
        found = index.search(asked, k=10, candidates=candidates)
        hits = [
            len(set(row.ids.tolist()) & set(everything(matrix, query, 10)))
            for row, query in zip(found, asked, strict=True)
        ]
        return np.mean(hits) / 10, found.info.recall

    once, promised = share(rounds=1)
    adaptive, promised_adaptive = share(rounds=5)
    given, _ = share([everything(matrix, query, 30) for query in asked], rounds=5)
    assert given > adaptive >= once - 0.02
    assert promised == pytest.approx(once, abs=0.2)
    assert promised_adaptive == pytest.approx(adaptive, abs=0.2)  # by 16 queries


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 30),
    st.integers(1, 8),
    st.integers(1, 5),
    st.lists(st.integers(0, 59), unique=True),
    st.integers(0, 5),
)
def test_every_answer_keeps_its_word(budget, k, rounds, where, seed):
    matrix, score = low_rank(60, 20, noise=0.5, seed=seed)
    calls = []

    def counted(query, some):
        calls.append((query, tuple(some)))
        return score(query, some)

    anchors = max(1, budget // 2)
    index = CrossEncoder(counted, budget=budget, rounds=min(rounds, anchors), random_state=seed)
    index.fit(range(60), scores=matrix[:10])
    if k > budget and len(where) > budget:
        with pytest.raises(InvalidArgument, match="more than the budget"):
            index.search([15], k, where=where)
        return
    found = index.search([15, 16], k, where=where)
    for row, query in zip(found, (15, 16), strict=True):
        scored = [item for asked, some in calls if asked == query for item in some]
        assert len(scored) == len(set(scored)) == min(budget, len(where))
        assert set(scored) <= set(where)
        assert row.ids.tolist() == everything(matrix, query, k, scored)
        assert len(row.ids) == min(k, len(where))
        assert np.array_equal(row.distances, -matrix[query, row.ids])
    assert found.info.scanned == 2 * min(budget, len(where))
    assert found.info.matching == len(where)
    again = index.search([15, 16], k, where=where)
    assert np.array_equal(again.flat_ids, found.flat_ids)


def test_objects_of_any_kind_and_candidates_of_an_index():
    words = ["kitten", "cat", "mitten", "car", "cart", "kite"] * 10

    def overlap(query, some):
        return [len(set(query) & set(word)) / len(set(query) | set(word)) for word in some]

    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 4))
    near = Exact("euclidean").fit(vectors).search(vectors[:2], k=5)
    index = CrossEncoder(overlap, budget=20).fit(words, ["kitchen", "cat", "mite"])
    found = index.search(["kit", "cat"], k=3, candidates=near)
    assert [words[row.ids[0]] for row in found][1] == "cat"
    assert found.info.scanned == 40
    assert len(index.search([], k=3)) == 0
    assert repr(index).endswith("60 items, 3 anchor queries)")
    empty = CrossEncoder(overlap).fit([], ["a", "b"])
    assert empty.search(["a"], k=3)[0].ids.tolist() == []


def test_fit_scores_each_pair_once_and_says_how_far_it_is():
    matrix, score = low_rank(30, 12)
    steps, calls = [], []

    def counted(query, some):
        calls.append(len(some))
        return score(query, some)

    index = CrossEncoder(counted, budget=10)
    index.fit(range(30), range(12), progress=lambda *step: steps.append(step))
    assert sum(calls) == CrossEncoder.plan(30, 12).calls == 360
    assert steps == [(i, 12) for i in range(1, 13)]
    other = CrossEncoder(score, budget=10).fit(range(30), scores=matrix)
    assert np.array_equal(index.search([3], 5).ids, other.search([3], 5).ids)


def test_what_was_scored_survives(tmp_path):
    _, score = low_rank(50, 20)
    index = CrossEncoder(score, budget=20, rounds=2, random_state=3).fit(range(50), range(10))
    index.save(tmp_path / "x.index")
    again = CrossEncoder.load(tmp_path / "x.index", score, range(50))
    assert np.array_equal(again.search([15], 5).ids, index.search([15], 5).ids)
    assert repr(again) == repr(index)
    with pytest.raises(InvalidArgument, match="49 items"):
        CrossEncoder.load(tmp_path / "x.index", score, range(49))
    Exact().fit(np.eye(3)).save(tmp_path / "other.index")
    with pytest.raises(InvalidFile, match="expected an index 'cross_encoder'"):
        CrossEncoder.load(tmp_path / "other.index", score, range(50))


# -- scorers that fail -----------------------------------------------------------------


def failing(how, item=7):
    """A scorer of 50 numbers that fails for one of them."""

    def score(query, some):
        if item in some and query == "bad":
            if how == "raise":
                raise RuntimeError("no connection")
            if how == "short":
                return np.zeros(len(some) - 1)
            if how == "words":
                return ["near"] * len(some)
            return [np.nan if i == item else 1.0 for i in some]
        return np.arange(len(some), dtype=float)

    return score


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raise", r"raised RuntimeError\('no connection'\) for query 1 and item 7;"),
        ("nan", "gave nan for query 1 and item 7; every score must be a finite number"),
        ("short", r"for query 1 and items .* gave an array of shape \(49,\), not \(50,\)"),
        ("words", "for query 1 and items 0, 1, 2, 3, 4 and 45 more it gave .'near'"),
    ],
)
def test_a_scorer_that_fails_stops_the_search(how, words):
    index = CrossEncoder(failing(how), budget=50).fit(range(50), ["good", "better"])
    with pytest.raises(ScoringFailed, match=words) as failed:
        index.search(["good", "bad", "good"], k=3)
    # Of the first query and the second, and eight more to find the item; the third never came.
    spent = 108 if how == "raise" else 100
    assert failed.value.spent == spent
    assert f"{spent} scores were spent" in str(failed.value)
    assert failed.value.item == (7 if how in ("raise", "nan") else None)
    assert failed.value.code == "scoring_failed"


def test_a_scorer_that_fails_for_many_items_at_once_alone():
    def score(query, some):
        if len(some) > 5:
            raise MemoryError("too many")
        return np.zeros(len(some))

    index = CrossEncoder(score, budget=10, anchors=8, rounds=1).fit(range(50), scores=np.eye(50))
    with pytest.raises(ScoringFailed, match=r"query 0 and items .* and 3 more") as failed:
        index.search(["any"], 2)
    assert (failed.value.item, failed.value.spent) == (None, 16)
    assert isinstance(failed.value.__cause__, MemoryError)


def test_a_fit_that_fails_leaves_the_index_as_it_was():
    index = CrossEncoder(failing("nan"), budget=10).fit(range(50), ["good", "good"])
    before = index.search(["good"], 3).ids.tolist()
    with pytest.raises(ScoringFailed, match="anchor query 1 and item 7") as failed:
        index.fit(range(50), ["good", "bad"])
    assert failed.value.spent == 100
    assert index.search(["good"], 3).ids.tolist() == before


# -- errors ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"budget": 1}, InvalidArgument, "budget must be at least 2"),
        ({"budget": 10, "anchors": 11}, InvalidArgument, "out of the budget of 10"),
        ({"budget": 10, "rounds": 6}, InvalidArgument, "rounds=6 need an anchor each"),
        ({"rounds": 0}, InvalidArgument, "rounds must be at least 1"),
        ({"shrinkage": -1}, InvalidArgument, "shrinkage must be at least 0"),
        ({"seed": 1}, UnknownArgument, "did you mean 'random_state'"),
        ({"score_fn": 3}, InvalidType, "score_fn must be a function"),
    ],
)
def test_wrong_options(options, error, words):
    with pytest.raises(error, match=words):
        CrossEncoder(**{"score_fn": failing("nan")} | options)


def test_wrong_calls():
    index = CrossEncoder(failing("nan"), budget=10)
    with pytest.raises(NotFitted, match="call fit"):
        index.search(["good"])
    for data, error, words in [
        ({}, InvalidArgument, "anchor_queries= or scores=, and not both"),
        ({"scores": np.ones((2, 3)), "anchor_queries": [1]}, InvalidArgument, "and not both"),
        ({"scores": np.ones((2, 3))}, InvalidArgument, r"50 items\); got the shape \(2, 3\)"),
        ({"scores": np.ones((1, 50))}, InvalidArgument, "2 anchor queries at least"),
        ({"scores": np.full((2, 50), np.nan)}, InvalidArgument, "scores must be finite"),
        ({"scores": "none"}, InvalidType, "scores must be an array of numbers"),
        ({"anchor_queries": "good"}, InvalidType, "anchor_queries must be a list"),
    ]:
        with pytest.raises(error, match=words):
            index.fit(range(50), **data)
    with pytest.raises(InvalidType, match="items must be a list"):
        index.fit(5, scores=[[1]])
    index.fit(range(50), ["good", "good"])
    with pytest.raises(InvalidType, match="queries must be a list or an array of them"):
        index.search("good")
    with pytest.raises(InvalidArgument, match="k=11 asks for more than the budget of 10"):
        index.search(["good"], 11)
    with pytest.raises(InvalidFilter, match="where has position 50"):
        index.search(["good"], 3, where=[50])
    with pytest.raises(InvalidArgument, match="got 2 for 1 queries"):
        index.search(["good"], 3, candidates=[[1], [2]])
    with pytest.raises(InvalidArgument, match="candidates of query 0: there are 50 items"):
        index.search(["good"], 3, candidates=[[50]])
    with pytest.raises(InvalidType, match="candidates of query 0 must be positions"):
        index.search(["good"], 3, candidates=[["a"]])
    with pytest.raises(UnknownArgument, match="did you mean 'k'"):
        index.search(["good"], top_k=3)
