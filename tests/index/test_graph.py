"""`Graph` keeps the protocol and its recall contract."""

import numpy as np
import pytest

from likewise.errors import DamagedFile, InvalidArgument, InvalidType, UnknownMetric
from likewise.index import CostModel, Exact, Graph, load
from likewise.index._hnsw import Hnsw
from likewise.index._links import sample
from likewise.testing.index import IndexConformance, distances, recall_of

# A scan this dear makes the planner walk through the graph even on little data.
DEAR = CostModel(call=0.0, streamed=1e-6, gathered=3e-6, graph={16: 1e-6, 1024: 6e-5})


class TestGraph(IndexConformance):
    index = Graph
    metrics = Graph.metrics
    fixed = {"costs": DEAR}  # noqa: RUF012


def rows(count=3000, dim=16, seed=0):
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


@pytest.fixture(scope="module")
def graph():
    return Graph("euclidean", costs=DEAR).fit(rows())


def test_the_graph_is_walked_and_says_so(graph):
    found = graph.search(rows(50, seed=1), 10)
    assert found.info.strategy == "graph"
    assert "effort" in found.info.reason
    assert set(found.info.candidates) == {"exact", "graph"}
    assert found.info.scanned < 50 * 3000


def test_a_higher_target_finds_more(graph):
    X, Q = rows(), rows(200, seed=1)
    everything = np.ones(len(X), dtype=bool)
    for target in (0.5, 0.9, 0.97):
        found = graph.search(Q, 10, recall=target)
        assert recall_of(found, "euclidean", Q, X, everything) >= target - 0.01
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
        assert found.info.strategy == "exact"
        assert "not long enough" in found.info.reason
        expected = np.flatnonzero(mask)[np.argsort(truth[mask], kind="stable")[:10]]
        assert found[0].ids.tolist() == expected.tolist()


def test_little_data_has_no_graph():
    graph = Graph().fit(rows(100))
    assert graph.curve is None
    assert graph.search(rows(1), 3).info.strategy == "exact"
    assert "no graph" in graph.search(rows(1), 3).info.reason


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


def test_measure_on_demand(graph):
    assert Graph().fit(rows(20)).measure() is None
    held_out, own = graph.curve, graph.measure()
    assert own.queries == held_out.queries == 256
    assert own.recall_at(1024, 10) >= 0.99


def test_interrupted_fit_leaves_the_index_as_it_was(graph):
    X = rows(2500)
    index = Graph("euclidean", costs=DEAR).fit(X)
    before = index.search(X[:5], 5)

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.fit(rows(4000, seed=3), progress=interrupt)
    np.testing.assert_array_equal(index.search(X[:5], 5).ids, before.ids)


def test_interrupted_add_leaves_it_usable(monkeypatch):
    X = rows(2500)
    index = Graph("euclidean", costs=DEAR).fit(X[:1000])
    insert = type(index._links.hnsw).insert
    calls = []

    def interrupted(self, chunk):
        calls.append(len(chunk))
        insert(self, chunk)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(type(index._links.hnsw), "insert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        index.add(X[1000:])
    assert len(index) == 2500
    expected = Exact("euclidean").fit(X).search(X[::50], 1).ids
    np.testing.assert_array_equal(index.search(X[::50], 1).ids, expected)


def test_progress_reaches_the_end():
    seen = []
    Graph().fit(rows(2500), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2500, 2500)
    assert len(seen) >= 3


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot"])
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_tiny_and_huge_rows(metric, scale):
    X, Q = rows(1000) * np.float32(scale), rows(30, seed=1) * np.float32(scale)
    found = Graph(metric, costs=DEAR).fit(X).search(Q, 10)
    assert recall_of(found, metric, Q / scale, X / scale, np.ones(1000, bool)) >= 0.9 or (
        metric != "cosine"
    )
    for query, row in zip(Q, found, strict=True):
        np.testing.assert_allclose(
            row.distances, distances(metric, query, X)[row.ids], rtol=1e-9, atol=1e-15
        )


def test_a_huge_row_added_later():
    X = rows(1000)
    graph = Graph("euclidean", costs=DEAR).fit(X)
    graph.add(np.full((1, 16), 1e30))
    assert graph.search(np.full(16, 1e30), 1)[0].ids.tolist() == [1000]
    assert graph.search(X[5], 1)[0].ids.tolist() == [5]


def test_samples_do_not_depend_on_what_else_is_there():
    X = rows(1000)
    drawn = sample(X, np.arange(1000), 50, 0, None)
    moved = sample(X[::-1].copy(), np.arange(1000), 50, 0, None)
    assert set(999 - moved) == set(drawn)
    keys = np.arange(1000) * 7
    assert set(sample(X, np.arange(1000), 50, 0, keys)) != set(drawn)


def test_sample_keys_are_checked():
    with pytest.raises(InvalidArgument, match="sample_keys"):
        Graph().fit(rows(10), sample_keys=[1, 2])
    with pytest.raises(InvalidType, match="sample_keys"):
        Graph().fit(rows(2), sample_keys=["a", "b"])
    with pytest.raises(InvalidType, match="costs"):
        Graph(costs=3)


def test_metrics_it_cannot_use():
    with pytest.raises(UnknownMetric, match=r"hamming.*Exact takes every"):
        Graph("hamming")


def test_load_by_registry(tmp_path, graph):
    graph.save(tmp_path / "graph")
    assert isinstance(load(tmp_path / "graph"), Graph)


def test_rows_that_no_path_leads_to_are_found_all_the_same():
    # Piles of equal rows far apart are what strands rows in such a graph.
    rng = np.random.default_rng(0)
    piles = np.repeat(rng.standard_normal((12, 8)) * 1000, 100, axis=0).astype(np.float32)
    rows = np.concatenate([piles, rng.standard_normal((300, 8)).astype(np.float32)])
    graph = Graph("euclidean").fit(rows)
    assert len(graph._links.find_stranded()) > 0, "the case is not tested any more"
    assert len(graph.unreachable()) == 0
    for i in range(0, len(rows), 37):
        assert graph.search(rows[i], k=1).distances[0, 0] == 0.0


def test_flipped_bytes_are_refused_or_harmless():
    # faiss checks the links when it reads them (since 1.15): a wild one would end the process.
    rows = np.random.default_rng(0).standard_normal((2000, 8)).astype(np.float32)
    data = Graph("euclidean").fit(rows)._links.hnsw.to_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(40):
        damaged = data.copy()
        damaged[rng.integers(len(damaged), size=3)] ^= 0xFF
        try:
            Hnsw.from_bytes(damaged, "euclidean", 0, 1.0).nearest(rows[:20], 64, 10, 1)
        except DamagedFile:
            refused += 1
    assert refused > 0
