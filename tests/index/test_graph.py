"""`Graph` keeps the protocol and its recall contract."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from likewise.errors import DamagedFile, InvalidArgument, InvalidType
from likewise.index import CostModel, Exact, Graph, load
from likewise.index._compiled.values import METRIC_NUMBERS
from likewise.index._net import Net
from likewise.index._sampling import sample
from likewise.testing.index import IndexConformance, alike, distances, recall_of

# A scan this dear makes the planner walk through the graph even on little data.
DEAR = CostModel(call=0.0, streamed=1e-6, gathered=3e-6, graph={16: 1e-6, 1024: 6e-5})


class TestGraph(IndexConformance):
    index = Graph
    metrics = tuple(METRIC_NUMBERS)  # others have tests of their own
    fixed = {"costs": DEAR}  # noqa: RUF012


class TestGraphOfCodes(IndexConformance):
    index = Graph
    metrics = ("cosine",)
    fixed = {"costs": DEAR, "codes": "8-bit"}  # noqa: RUF012
    dim = 24


def rows(count=3000, dim=16, seed=0):
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


def recall(found, metric, Q, X):
    return recall_of(found, metric, Q, X, np.ones(len(X), dtype=bool))


@pytest.fixture(scope="module")
def graph():
    return Graph("euclidean", costs=DEAR).fit(rows())


# -- searching -------------------------------------------------------------------------------


def test_the_graph_is_walked_and_says_so(graph):
    found = graph.search(rows(50, seed=1), 10)
    assert found.info.strategy == "graph"
    assert "effort" in found.info.reason
    assert set(found.info.candidates) == {"exact", "graph"}
    assert found.info.scanned < 50 * 3000


def test_a_higher_target_finds_more(graph):
    X, Q = rows(), rows(200, seed=1)
    for target in (0.5, 0.9, 0.97):
        found = graph.search(Q, 10, recall=target)
        assert recall(found, "euclidean", Q, X) >= target - 0.01
        assert found.info.recall >= target


def test_what_cannot_be_promised_is_scanned(graph):
    for options in ({"recall": 1.0}, {"recall": 0.9999}, {"exact": True}, {"k": 2000}):
        found = graph.search(rows(3, seed=1), **options)
        assert found.info.strategy == "exact"
        assert found.info.recall == 1.0
        assert found.info.reason


def test_a_filter_far_from_the_query_ends_in_a_scan(graph):
    X = rows()
    for i in range(5):
        truth = distances("euclidean", X[i], X)
        mask = truth >= np.sort(truth)[-600]
        found = graph.search(X[i], 10, where=mask)
        assert found.info.strategy in ("scan", "exact")  # of codes, or of the rows
        assert "not long enough" in found.info.reason
        expected = np.flatnonzero(mask)[np.argsort(truth[mask], kind="stable")[:10]]
        assert found[0].ids.tolist() == expected.tolist()


def test_little_data_has_no_graph():
    graph = Graph().fit(rows(100))
    assert graph.curve is None
    assert graph.unreachable().tolist() == []
    assert graph.search(rows(1), 3).info.strategy == "exact"
    assert "no graph" in graph.search(rows(1), 3).info.reason


@pytest.mark.parametrize("codes", ["8-bit", "float32"])
def test_more_effort_finds_more_and_looks_at_more(codes):
    X, Q = rows(4000, 32), rows(100, 32, seed=1)
    index = Graph("euclidean", costs=DEAR, codes=codes).fit(X)
    answers = [index.search(Q, 10, effort=effort) for effort in (10, 40, 160, 640)]
    found = [recall(a, "euclidean", Q, X) for a in answers]
    looked = [a.info.scanned for a in answers]
    assert found == sorted(found)
    assert looked == sorted(looked)
    assert found[0] < 0.9 < found[1] + 0.3
    assert found[-1] >= 0.99
    for answer in answers:
        assert answer.info.strategy == "graph"
        assert "was asked for" in answer.info.reason


def test_a_budget_is_kept(graph):
    Q, net = rows(100, seed=1), graph._links.net
    beside = net.degree + len(net.entries)
    for budget in (100, 400, 3000):
        found = graph.search(Q, 10, budget=budget)
        assert found.info.scanned <= len(Q) * (budget + beside)
        assert all(len(row.ids) == 10 for row in found)
    least = graph.search(Q, 10, budget=1)
    assert all(len(row.ids) == 10 for row in least)
    assert least.info.strategy == "graph"
    assert least.info.scanned < 0.2 * len(Q) * len(graph)
    spent = [graph.search(Q, 10, effort=1000, budget=b).info.scanned for b in (200, 400, 10**6)]
    assert spent[0] < spent[1] < spent[2]


def test_effort_and_a_filter_are_never_short(graph):
    X, Q = rows(), rows(20, seed=1)
    mask = np.arange(len(X)) % 50 == 0
    for options in ({"effort": 1}, {"effort": 100}, {"budget": 1}, {"effort": 10**6}):
        for row in graph.search(Q, 20, where=mask, **options):
            assert len(row.ids) == 20
            assert mask[row.ids].all()


def test_effort_is_checked(graph):
    for options in ({"effort": 10, "recall": 0.9}, {"budget": 10, "exact": True}):
        with pytest.raises(InvalidArgument, match="one or the other"):
            graph.search(rows(1), 3, **options)
    for options in ({"effort": 0}, {"budget": -1}):
        with pytest.raises(InvalidArgument, match="at least 1"):
            graph.search(rows(1), 3, **options)


def test_stopping_early_looks_at_fewer_rows_at_the_same_recall():
    # A few directions matter, as in most data: easy queries and hard ones.
    rng = np.random.default_rng(0)
    spread = rng.standard_normal((8, 40)).astype(np.float32)
    X, Q = (rows(n, 8, seed=n) @ spread + 0.3 * rows(n, 40, seed=n + 1) for n in (6000, 300))
    index = Graph("euclidean", costs=DEAR).fit(X)
    early = {e: index.search(Q, 10, effort=e) for e in (64, 96, 128, 192)}
    stops, index._links.stops = index._links.stops, {}
    index._forget_plans()
    late = {e: index.search(Q, 10, effort=e) for e in early}
    index._links.stops = stops
    for effort, answer in early.items():
        assert recall(answer, "euclidean", Q, X) >= recall(late[effort], "euclidean", Q, X) - 0.003
        assert answer.info.scanned < late[effort].info.scanned
    assert sum(a.info.scanned for a in early.values()) < 0.9 * sum(
        a.info.scanned for a in late.values()
    )


def test_many_threads_with_all_kinds_of_questions(graph):
    X = rows()
    kinds = [
        {"k": 1},
        {"k": 30, "recall": 0.99},
        {"k": 10, "effort": 200},
        {"k": 10, "where": np.arange(len(X)) % 3 == 0},
        {"k": 5, "where": range(500, 2500), "effort": 64},
        {"k": None, "radius": 3.5},
    ]
    asked = [(rows(20, seed=i), kinds[i % len(kinds)]) for i in range(36)]
    expected = [graph.search(Q, **options) for Q, options in asked]
    several = Graph("euclidean", costs=DEAR, n_jobs=2).fit(X)
    for index in (graph, several):
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda one, i=index: i.search(one[0], **one[1]), asked))
        for one, other in zip(found, expected, strict=True):
            alike(one, other)


# -- queries unlike the rows -------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_queries_unlike_the_rows_get_the_recall_they_were_promised(metric):
    # Text and image vectors lie in two cones: queries in one of them, rows in the other.
    rng = np.random.default_rng(1)
    one, other = rng.standard_normal((2, 32)) * 4
    X, Q = (rows(4000, 32) + one).astype("f4"), (rows(100, 32, seed=1) + other).astype("f4")
    index = Graph(metric, costs=DEAR).fit(X)
    found = index.search(Q, 10, recall=0.95)
    assert recall(found, metric, Q, X) >= 0.94
    assert "queries=" in found.info.reason
    own = index.search(X[:200] + 0.1 * rows(200, 32, seed=2), 10, recall=0.95)
    assert own.info.strategy == "graph"
    told = Graph(metric, costs=DEAR).fit(X, queries=(rows(300, 32, seed=3) + other).astype("f4"))
    again = told.search(Q, 10, recall=0.9)
    assert again.info.strategy == "graph" or "cannot promise" in again.info.reason
    assert recall(again, metric, Q, X) >= 0.89


def test_one_strange_query_among_others(graph):
    X, Q = rows(), rows(20, seed=1)
    alone = graph.search(Q, 10)
    Q[7] += 50
    found = graph.search(Q, 10)
    assert found.info.strategy == "graph"
    assert "1 of 20 queries" in found.info.reason
    truth = Exact("euclidean").fit(X).search(Q[7], 10)
    np.testing.assert_array_equal(found[7].ids, truth[0].ids)
    np.testing.assert_array_equal(found[6].ids, alone[6].ids)
    assert graph.search(Q, 10, effort=64).info.reason.endswith("asked for")


# -- rows that come and go ---------------------------------------------------------------------


def test_added_rows_wait_then_join_and_the_curve_is_measured_again():
    X = rows(2000)
    graph = Graph("euclidean", costs=DEAR).fit(X[:1000])
    first = graph.curve
    graph.add(X[1000:1100])
    assert graph.curve is first
    found = graph.search(X[1050], 1)
    assert found[0].ids.tolist() == [1050]
    graph.add(X[1100:2000])
    assert graph.curve is not first
    assert not graph.stale
    assert graph.search(X[1500], 1)[0].ids.tolist() == [1500]


def test_the_curve_is_stale_until_enough_is_new():
    X = rows(4000)
    graph = Graph("euclidean", costs=DEAR).fit(X[:2000])
    graph._links.measured_at = 1000  # as if the curve were of half of them
    assert graph.stale
    graph.add(X[2000:2300])
    assert not graph.stale


def test_added_rows_unlike_all_others_find_each_other():
    new = rows(1100, dim=24, seed=1) + 20  # one call of these is linked, a hundred ask
    graph = Graph("euclidean", costs=DEAR).fit(rows(1000, dim=24))
    graph.add(new[:1000])
    X, everything = graph.rows, np.ones(2000, dtype=bool)
    found = graph.search(new[1000:], 10, effort=16)
    assert recall_of(found, "euclidean", new[1000:], X, everything) > 0.85


def test_a_fit_does_not_depend_on_the_order_of_the_rows():
    X, Q = rows(1500), rows(50, seed=1)
    order = np.argsort(X[:, 0])
    given, sorted_ = (Graph("euclidean", costs=DEAR).fit(some) for some in (X, X[order]))
    found, again = (index.search(Q, 10, effort=16) for index in (given, sorted_))
    assert np.array_equal(found.ids, order[again.ids])


def test_measure_on_demand(graph):
    assert Graph().fit(rows(20)).measure() is None
    held_out, own = graph.curve, graph.measure()
    assert own.queries == held_out.queries == 256
    assert own.recall_at(1024, 10) >= 0.99


def test_interrupted_fit_leaves_the_index_as_it_was():
    X = rows(2500)
    index = Graph("euclidean", costs=DEAR).fit(X)
    before = index.search(X[:5], 5)

    def interrupt(done, total):
        if done > 1000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.fit(rows(4000, seed=3), progress=interrupt)
    alike(index.search(X[:5], 5), before)


def interrupted_at(monkeypatch, calls):
    """Ctrl-C in the midst of the given batches."""
    insert, seen = Net._insert_batch, []

    def interrupted(self, rows, batch, jobs):
        seen.append(len(batch))
        insert(self, rows, batch, jobs)
        if len(seen) in calls:
            raise KeyboardInterrupt

    monkeypatch.setattr(Net, "_insert_batch", interrupted)


def all_found(index, X):
    assert len(index) == len(X)
    assert len(index.unreachable()) == 0
    expected = Exact("euclidean").fit(X).search(X[::50], 1).ids
    np.testing.assert_array_equal(index.search(X[::50], 1).ids, expected)


def test_interrupted_add_leaves_it_usable(monkeypatch):
    X = rows(2500)
    index = Graph("euclidean", costs=DEAR).fit(X[:1000])
    interrupted_at(monkeypatch, {1})
    with pytest.raises(KeyboardInterrupt):
        index.add(X[1000:])
    assert len(index._links.waiting)
    all_found(index, X)
    monkeypatch.undo()
    X = np.concatenate([X, rows(300, seed=4)])
    index.add(X[2500:])
    assert len(index._links.waiting) == 0
    all_found(index, X)


def test_interrupted_add_that_builds_anew(monkeypatch):
    X = rows(2000)
    for first in (100, 1000):  # the graph is the first; or too small for what comes
        index = Graph("euclidean", costs=DEAR).fit(X[:first])
        new = X[first:] if first == 100 else X[first:] * np.float32(1e17)
        everything = np.concatenate([X[:first], new])
        interrupted_at(monkeypatch, {3})
        with pytest.raises(KeyboardInterrupt):
            index.add(new)
        monkeypatch.undo()
        all_found(index, everything)
        index.add(rows(300, seed=5))
        all_found(index, np.concatenate([everything, rows(300, seed=5)]))


def test_interrupted_before_the_graph_knows_of_new_rows(monkeypatch):
    X = rows(1200)
    index = Graph("euclidean", costs=DEAR).fit(X[:1000])

    def interrupted(self, rows):
        raise KeyboardInterrupt

    monkeypatch.setattr("likewise.index._codes.Codes.append", interrupted)
    with pytest.raises(KeyboardInterrupt):
        index.add(X[1000:])
    monkeypatch.undo()
    assert index.search(X[1100], 1)[0].ids.tolist() == [1100]
    index.add(X[:300])
    assert index.search(X[5], 2)[0].ids.tolist() == [5, 1205]
    assert index.curve is not None


def test_progress_reaches_the_end():
    seen = []
    Graph().fit(rows(2500), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2500, 2500)
    assert len(seen) >= 3


@pytest.mark.parametrize("dim", [8, 40])
@pytest.mark.parametrize("away", [30.0, 1e4])
def test_a_far_cluster_that_comes_later_is_found(dim, away):
    shift = np.zeros(dim, dtype=np.float32)
    shift[0] = away
    X = rows(4000, dim)
    for piece in (300, 30):
        index = Graph("euclidean", costs=DEAR).fit(X)
        new = rows(300, dim, seed=1) + shift
        for start in range(0, len(new), piece):
            index.add(new[start : start + piece])
        Q, both = rows(100, dim, seed=2) + shift, np.concatenate([X, new])
        assert len(index.unreachable()) == 0
        found = index.search(Q, 10, recall=0.95)
        assert found.info.strategy == "graph"
        assert recall(found, "euclidean", Q, both) >= 0.94


def test_far_rows_that_come_a_few_at_a_time():
    X, shift = rows(3000, 8), np.full(8, 1e3, dtype=np.float32)
    index = Graph("euclidean", costs=DEAR).fit(X)
    for i in range(8):  # each time three of them, among many that are like the others
        new = np.concatenate([rows(3, 8, seed=50 + i) + shift, rows(300, 8, seed=90 + i)])
        index.add(new)
        X = np.concatenate([X, new])
    Q = rows(50, 8, seed=3) + shift
    assert recall(index.search(Q, 10, recall=0.95), "euclidean", Q, X) >= 0.94


@pytest.mark.parametrize("piece", [40, 400])
def test_a_corpus_replaced_ten_times_over(piece, tmp_path):
    count, dim = 800, 20
    mixing = rows(10, dim, seed=9)

    def some(n, seed):
        return rows(n, 10, seed=seed) @ mixing + 0.3 * rows(n, dim, seed=seed + 1)

    X = some(11 * count, 1)
    index = Graph("euclidean", costs=DEAR).fit(X[:count])
    for start in range(count, len(X), piece):
        index.add(X[start : start + piece])
        index.delete(range(index.next_position - count))
    last = X[-count:]
    fresh = Graph("euclidean", costs=DEAR).fit(last)
    Q = some(200, 777)
    ours, theirs = (
        recall(i.search(Q, 10, effort=48), "euclidean", Q, last) for i in (index, fresh)
    )
    assert ours >= theirs - 0.01
    assert recall(index.search(Q, 10, recall=0.95), "euclidean", Q, last) >= 0.94
    assert index.nbytes <= 1.2 * fresh.nbytes
    index.save(tmp_path / "index")
    fresh.save(tmp_path / "fresh")
    assert (tmp_path / "index").stat().st_size <= 1.2 * (tmp_path / "fresh").stat().st_size
    assert len(index.unreachable()) == 0


def test_few_are_left_and_none():
    X = rows(2000, 20)
    index = Graph("euclidean", costs=DEAR).fit(X)
    index.delete(range(600, 2000))
    assert index.curve is not None
    all_kept = index.search(X[:600:7], 1)
    assert all_kept.ids[:, 0].tolist() == list(range(0, 600, 7))
    index.delete(range(3, 2000))
    nearest = np.argsort(distances("euclidean", X[1000], X[:3]))
    assert index.search(X[1000], 10)[0].ids.tolist() == nearest.tolist()
    index.delete(range(3))
    assert len(index) == 0
    assert index.add(X[:700]).tolist() == list(range(2000, 2700))
    assert index.search(X[5], 1)[0].ids.tolist() == [2005]


# -- rows as nobody likes them -------------------------------------------------------------------


@pytest.mark.parametrize("dim", [8, 32])
def test_all_rows_equal(dim):
    index = Graph("euclidean", costs=DEAR).fit(np.ones((10_000, dim)))
    for options in ({"recall": 0.9}, {"effort": 20}):
        row = index.search(np.zeros(dim), 30, **options)[0]
        assert row.ids.tolist() == list(range(30))
        assert row.distances == pytest.approx(np.sqrt(dim))
    assert len(index.unreachable()) == 0


@pytest.mark.parametrize("dim", [8, 32])
@pytest.mark.parametrize("apart", [1.0, 1000.0])
def test_many_piles_of_equal_rows(dim, apart):
    centres = rows(60, dim) * np.float32(apart)
    X = np.concatenate([np.repeat(centres, 60, axis=0), rows(700, dim, seed=2)])
    X = X[np.random.default_rng(0).permutation(len(X))]
    index = Graph("euclidean", costs=DEAR).fit(X)
    assert len(index.unreachable()) == 0
    Q = np.concatenate([centres, rows(100, dim, seed=3)])
    for k in (1, 10, 100):
        assert recall(index.search(Q, k, recall=0.95), "euclidean", Q, X) >= 0.94
    for centre in centres[::7]:
        row = index.search(centre, 10, effort=64)[0]
        equal = np.flatnonzero((centre == X).all(axis=1))
        assert row.ids.tolist() == equal[:10].tolist()


def test_the_first_of_equal_rows_is_deleted():
    X = np.concatenate([np.repeat(rows(300, 20), 5, axis=0), rows(300, 20, seed=1)])
    index = Graph("euclidean", costs=DEAR).fit(X)
    firsts = np.arange(0, 1500, 5)
    index.delete(firsts[:50])  # too few to compact: they are masked
    assert len(index.rows) == len(X)
    assert index.search(X[0], 4, effort=40)[0].ids.tolist() == [1, 2, 3, 4]
    index.delete(firsts)
    assert len(index.rows) == 1500
    for group in (0, 60, 299):
        row = index.search(X[5 * group], 4, effort=40)[0]
        assert row.ids.tolist() == [5 * group + i for i in (1, 2, 3, 4)]
    index.add(X[:300])
    assert index.search(X[0], 9, effort=40)[0].ids.tolist() == [1, 2, 3, 4, *range(1800, 1805)]
    assert len(index.unreachable()) == 0


def test_rows_that_have_the_same_codes():
    centres = rows(30, 32)[np.random.default_rng(0).integers(0, 30, 3100)]
    both = centres + 1e-4 * rows(3100, 32, seed=1)
    X, Q = both[100:], both[:100]
    index = Graph("euclidean", costs=DEAR).fit(X)
    assert not index._links.net.codes.eight_bit
    found = index.search(Q, 10, recall=0.95)
    assert found.info.strategy == "graph"
    assert recall(found, "euclidean", Q, X) >= 0.94
    asked = Graph("euclidean", costs=DEAR, codes="8-bit").fit(X)
    assert asked._links.net.codes.eight_bit
    assert recall(asked.search(Q, 10, recall=0.95), "euclidean", Q, X) >= 0.94
    little = Graph("euclidean").plan(*X.shape).bytes
    tight = Graph("euclidean", costs=DEAR, memory_limit=little).fit(X)
    assert tight._links.net.codes.eight_bit
    assert recall(tight.search(Q, 10, recall=0.95), "euclidean", Q, X) >= 0.94


@pytest.mark.parametrize("size", [1e6, 1e18])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot"])
def test_one_huge_row_among_small_ones(metric, size):
    X, Q = rows(3000, 40), rows(100, 40, seed=1)
    X[17] = size
    found = Graph(metric, costs=DEAR).fit(X).search(Q, 10, recall=0.95)
    assert recall(found, metric, Q, X) >= 0.94
    if metric != "dot":  # whose distances the huge row makes meaningless in single precision
        assert found.info.strategy == "graph"


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot", "manhattan"])
@pytest.mark.parametrize("dim", [8, 40])
def test_norms_of_every_size(metric, dim):
    rng = np.random.default_rng(0)
    X, Q = (rows(n, dim, seed=n) * 10 ** rng.uniform(-6, 6, (n, 1)) for n in (2000, 100))
    found = Graph(metric, costs=DEAR).fit(X).search(Q, 10, recall=0.95)
    assert recall(found, metric, Q.astype("f4"), X.astype("f4")) >= 0.94


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot"])
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_tiny_and_huge_rows(metric, scale):
    X, Q = rows(1000) * np.float32(scale), rows(30, seed=1) * np.float32(scale)
    found = Graph(metric, costs=DEAR).fit(X).search(Q, 10)
    assert recall(found, metric, Q, X) >= 0.9
    for query, row in zip(Q, found, strict=True):
        truth = distances(metric, query, X)
        atol = 1e-12 * np.abs(truth).max()
        np.testing.assert_allclose(row.distances, truth[row.ids], rtol=1e-9, atol=atol)


def test_a_huge_row_added_later():
    X = rows(1000)
    graph = Graph("euclidean", costs=DEAR).fit(X)
    graph.add(np.full((1, 16), 1e30))
    assert graph.search(np.full(16, 1e30), 1)[0].ids.tolist() == [1000]
    assert graph.search(X[5], 1)[0].ids.tolist() == [5]


@pytest.mark.parametrize("dim", [1, 2, 32])
def test_rows_on_a_line(dim):
    rng, along = np.random.default_rng(0), rows(1, dim)
    for places in (rng.random((3100, 1)), np.exp(20 * rng.random((3100, 1)))):
        both = (places * along).astype(np.float32)
        X, Q = both[100:], both[:100]
        found = Graph("euclidean", costs=DEAR).fit(X).search(Q, 10, recall=0.95)
        assert recall(found, "euclidean", Q, X) >= 0.94


def test_zeros():
    for metric in ("euclidean", "dot", "manhattan", "hamming"):
        for dim in (4, 40):
            X = np.concatenate([np.zeros((600, dim), np.float32), rows(300, dim)])
            index = Graph(metric, costs=DEAR).fit(X)
            for query in (np.zeros(dim, np.float32), rows(1, dim, seed=1)[0]):
                found = index.search(query, 20, recall=0.95)
                assert recall(found, metric, query[None], X) >= 0.94
                assert len(found[0].ids) == 20


@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
@pytest.mark.parametrize("share", [0.3, 0.02])
def test_binary_rows_with_many_ties(metric, share):
    rng = np.random.default_rng(0)
    both = (rng.random((2100, 64)) < share).astype(np.float32)
    X, Q = both[100:], both[:100]
    index = Graph(metric, costs=DEAR).fit(X)
    assert recall(index.search(Q, 10, recall=0.95), metric, Q, X) >= 0.94
    assert len(index.unreachable()) == 0


@pytest.mark.parametrize(("count", "dim"), [(512, 8), (700, 4096), (700, 1024), (1500, 3)])
def test_noise_of_few_and_many_dimensions(count, dim):
    X, Q = rows(count, dim), rows(100, dim, seed=1)
    index = Graph("euclidean", costs=DEAR).fit(X)
    for target in (0.8, 0.95):
        assert recall(index.search(Q, 10, recall=target), "euclidean", Q, X) >= target - 0.02


def test_rows_that_come_in_order():
    # Sorted by cluster and added piece by piece, against all at once in no order.
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((30, 24)) * 3
    which = np.sort(rng.integers(0, 30, 6000))
    X = (centres[which] + rng.standard_normal((6000, 24))).astype(np.float32)
    Q = (centres[rng.integers(0, 30, 200)] + rng.standard_normal((200, 24))).astype(np.float32)
    at_once = Graph("euclidean", costs=DEAR).fit(X)
    streamed = Graph("euclidean", costs=DEAR).fit(X[:1000])
    for start in range(1000, 6000, 1000):
        streamed.add(X[start : start + 1000])
    one, other = (
        recall(i.search(Q, 10, effort=48), "euclidean", Q, X) for i in (at_once, streamed)
    )
    assert other >= one - 0.02
    assert recall(streamed.search(Q, 10, recall=0.95), "euclidean", Q, X) >= 0.94


# -- samples, arguments, files -------------------------------------------------------------------


def test_samples_do_not_depend_on_what_else_is_there():
    X = rows(1000)
    drawn = sample(X, np.arange(1000), 50, 0, None)
    moved = sample(X[::-1].copy(), np.arange(1000), 50, 0, None)
    assert set(999 - moved) == set(drawn)
    keys = np.arange(1000) * 7
    assert set(sample(X, np.arange(1000), 50, 0, keys)) != set(drawn)


def test_held_out_rows_are_few_among_those_that_differ(monkeypatch):
    # Else the graph that is measured is far smaller than the one that is searched.
    sizes = []
    measure = type(Graph("euclidean").fit(rows(600))._links).measure

    def noted(self, *arguments, **options):
        sizes.append(self.net.linked - len(self.net.twins))
        return measure(self, *arguments, **options)

    monkeypatch.setattr("likewise.index._links.Links.measure", noted)
    X = np.concatenate([np.ones((1000, 8), np.float32), rows(300, 8)])
    Graph("euclidean", costs=DEAR).fit(X)
    assert sizes[0] >= 0.85 * 301


def test_sample_keys_are_checked():
    with pytest.raises(InvalidArgument, match="sample_keys"):
        Graph().fit(rows(10), sample_keys=[1, 2])
    with pytest.raises(InvalidType, match="sample_keys"):
        Graph().fit(rows(2), sample_keys=["a", "b"])


def test_construction_is_checked():
    with pytest.raises(InvalidType, match="costs"):
        Graph(costs=3)
    with pytest.raises(InvalidArgument, match="codes must be one of"):
        Graph(codes="2-bit")
    with pytest.raises(InvalidArgument, match="8-bit"):
        Graph("hamming", codes="8-bit")
    with pytest.raises(InvalidArgument, match="degree"):
        Graph(degree=1)
    with pytest.raises(InvalidArgument, match="build_effort"):
        Graph(build_effort=3)


def test_one_seed_one_graph_however_many_threads():
    X = rows(3000, 20)
    one, two = (Graph("cosine", costs=DEAR, n_jobs=jobs).fit(X) for jobs in (1, 2))
    np.testing.assert_array_equal(one._links.net.links, two._links.net.links)
    keyed = Graph("cosine", costs=DEAR).fit(X, sample_keys=np.arange(3000))
    assert (keyed._links.net.links != one._links.net.links).any()


def test_load_by_registry(tmp_path, graph):
    graph.save(tmp_path / "graph")
    assert isinstance(load(tmp_path / "graph"), Graph)


@pytest.mark.parametrize("dim", [8, 24])
def test_links_that_lead_nowhere_are_harmless(tmp_path, dim):
    X = rows(2000, dim)
    index = Graph("euclidean", costs=DEAR).fit(X)
    links = index._links.net.links
    rng = np.random.default_rng(1)
    places = rng.integers(0, links.size, 400)
    links.reshape(-1)[places] = rng.choice([10**9, -7, 2**31 - 1, 2000], 400)
    index.save(tmp_path / "damaged")
    damaged = Graph.load(tmp_path / "damaged")
    for row in damaged.search(X[:20], 10, effort=64):
        assert len(np.unique(row.ids)) == 10
        assert (row.ids < 2000).all()
    with pytest.raises(DamagedFile, match="build it again"):
        damaged.add(rows(600, dim, seed=1))


def test_arrays_that_do_not_belong_together(tmp_path):
    for name in ("entries", "joined"):
        index = Graph("euclidean", costs=DEAR).fit(rows(600))
        net = index._links.net
        if name == "entries":
            net.entries = net.entries + 600
        else:
            index._links.net.to_arrays = lambda n=net: {
                **Net.to_arrays(n),
                "joined": n.joined[:-1],
            }
        index.save(tmp_path / name)
        with pytest.raises(DamagedFile, match="build it again"):
            Graph.load(tmp_path / name)


def test_bytes_are_what_was_planned():
    X = rows(3000, 100)
    for codes in ("8-bit", "float32"):
        index = Graph("euclidean", costs=DEAR, codes=codes).fit(X)
        planned = index.plan(*X.shape).bytes - X.nbytes
        assert 0.8 * planned <= index.nbytes <= planned
