"""A graph takes any metric: plain loops serve those that no kernel was written for."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from likewise import metrics
from likewise.errors import InvalidArgument
from likewise.index import CostModel, Graph
from likewise.metrics import Metric

DEAR = CostModel(call=0.0, streamed=1e-6, gathered=3e-6, graph={16: 1e-6, 1024: 6e-5})


def bray_curtis(X, Y):
    return cdist(np.asarray(X, dtype=np.float64), np.asarray(Y, dtype=np.float64), "braycurtis")


METRIC = Metric(
    "bray_curtis",
    "sum |x - y| / sum |x + y|",
    "1 - distance",
    bray_curtis,
    lambda distance: 1.0 - distance,
    lambda score: 1.0 - score,
)


FAST = {"costs": DEAR, "build_effort": 24, "degree": 10}


def rows(count, seed=0):
    return np.random.default_rng(seed).random((count, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def graph():
    return Graph(METRIC, **FAST).fit(rows(700))


def nearest(queries, among, k):
    return bray_curtis(queries, among).argsort(axis=1, kind="stable")[:, :k]


def share(found, expected):
    pairs = zip(found.ids, expected, strict=True)
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in pairs])


def test_it_is_walked_and_finds_what_it_promises(graph):
    queries = rows(60, seed=1)
    found = graph.search(queries, 5)
    assert found.info.strategy == "graph"
    assert found.info.scanned < 60 * 700
    assert share(found, nearest(queries, rows(700), 5)) >= 0.94
    np.testing.assert_allclose(
        found.distances[3], bray_curtis(queries[3:4], rows(700))[0, found.ids[3]], rtol=1e-12
    )
    assert len(graph.unreachable()) == 0


def test_filters_radius_and_effort(graph):
    X, queries = rows(700), rows(20, seed=2)
    mask = np.arange(700) % 3 == 0
    found = graph.search(queries, 5, where=mask)
    assert mask[found.ids].all()
    assert share(found, np.flatnonzero(mask)[nearest(queries, X[mask], 5)]) >= 0.94
    within = graph.search(queries, None, radius=0.08)
    truth = bray_curtis(queries, X) <= 0.08
    assert sum(len(row.ids) for row in within) >= 0.94 * truth.sum()
    assert graph.search(queries, 5, effort=100).info.strategy == "graph"


def test_rows_come_and_go():
    X = rows(700)
    graph = Graph(METRIC, **FAST).fit(X[:560])
    graph.add(X[560:])
    graph.delete(np.arange(0, 700, 4))
    queries, left = rows(20, seed=3), np.setdiff1d(np.arange(700), np.arange(0, 700, 4))
    found = graph.search(queries, 5, recall=0.9)
    assert share(found, left[nearest(queries, X[left], 5)]) >= 0.9
    assert len(graph.unreachable()) == 0


def test_it_is_saved_and_loaded(graph, tmp_path, monkeypatch):
    monkeypatch.setitem(metrics.METRICS, METRIC.name, METRIC)
    graph.save(tmp_path / "graph")
    loaded = Graph.load(tmp_path / "graph")
    queries = rows(9, seed=4)
    np.testing.assert_array_equal(loaded.search(queries, 5).ids, graph.search(queries, 5).ids)


def test_any_number_of_threads_makes_the_same_graph(graph, tmp_path):
    graph.save(tmp_path / "one")
    Graph(METRIC, n_jobs=3, **FAST).fit(rows(700)).save(tmp_path / "three")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "three").read_bytes()


def test_the_plan_says_that_it_is_slow():
    assert Graph(METRIC).plan(10_000, 6).seconds > 20 * Graph("manhattan").plan(10_000, 6).seconds


def test_eight_bit_codes_are_refused():
    with pytest.raises(InvalidArgument, match="bray_curtis"):
        Graph(METRIC, codes="8-bit")


def test_no_kernel_is_loaded_for_it():
    program = (
        "import sys\n"
        "from tests.index.test_metrics_without_kernels import FAST, METRIC, rows\n"
        "from likewise.index import Graph\n"
        "graph = Graph(METRIC, **FAST).fit(rows(520))\n"
        "print(graph.search(rows(1), 3).info.strategy, 'numba' in sys.modules)\n"
    )
    environment = {"PYTHONPATH": ":".join(["src", ".", *sys.path])}
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    assert found.stdout.split() == ["graph", "False"]
