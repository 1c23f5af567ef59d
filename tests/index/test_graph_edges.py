"""Arguments at their bounds, arrays in odd layouts, and memory: no kernel meets them raw."""

import numpy as np
import pytest

from likewise.errors import DimensionMismatch
from likewise.index import CostModel, Graph, _compiled, _widen
from likewise.testing.index import alike

# A scan this dear makes the planner walk through the graph even on little data.
DEAR = CostModel(call=0.0, streamed=1e-6, gathered=3e-6, graph={16: 1e-6, 1024: 6e-5})
BEYOND = (2**63, 2**70)


def rows(count=1500, dim=24, seed=0):
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


@pytest.fixture(scope="module")
def graph():
    return Graph("euclidean", costs=DEAR).fit(rows())


def test_queries_to_measure_with_have_the_dimension_of_the_rows():
    index = Graph("euclidean", costs=DEAR).fit(rows(600))
    with pytest.raises(DimensionMismatch, match=r"queries: .*24"):
        index.fit(rows(), queries=rows(64, dim=400))
    assert len(index) == 600


@pytest.mark.parametrize("number", BEYOND)
def test_numbers_beyond_the_processors(graph, number):
    Q = rows(3, seed=1)
    assert graph.search(Q, number, effort=40).ids.shape == (3, 1500)
    alike(graph.search(Q, 5, budget=number), graph.search(Q, 5, budget=2**40))
    assert graph.search(Q, 5, effort=number).ids.shape == (3, 5)


def unaligned(X):
    shifted = np.frombuffer(bytearray(X.nbytes + 1), np.uint8)[1:].view(np.float32)
    shifted = shifted.reshape(X.shape)
    shifted[:] = X
    return shifted


@pytest.mark.parametrize(
    "laid", [np.asfortranarray, lambda X: np.repeat(X, 2, 1)[:, ::2], unaligned]
)
def test_read_only_rows_in_any_layout(graph, tmp_path, laid):
    graph.search(rows(3, seed=1), 5, effort=40)
    X, before = laid(rows()), _compiled.late()
    X.flags.writeable = False
    graph.save(tmp_path / "bare", include_rows=False)
    again = Graph.load(tmp_path / "bare", rows=X)
    for index in (again, Graph("euclidean", costs=DEAR).fit(X)):
        alike(
            index.search(rows(3, seed=1), 5, effort=40), graph.search(rows(3, seed=1), 5, effort=40)
        )
    assert _compiled.late() == before


def test_masks_in_any_layout(graph):
    passing = np.random.default_rng(2).random(1500) < 0.5
    before = _compiled.late()
    found = graph.search(rows(3, seed=1), 5, effort=80, where=np.repeat(passing, 2)[::2])
    alike(found, graph.search(rows(3, seed=1), 5, effort=80, where=passing))
    assert found.info.strategy == "graph"
    assert _compiled.late() == before


def test_many_queries_for_a_radius_around_many_equal_rows(monkeypatch):
    X = np.concatenate([rows(), np.repeat(rows(1), 1000, axis=0)])
    index, Q = Graph("euclidean", costs=DEAR).fit(X), rows(100, seed=3)
    Q[::10] = X[0]
    found = index.search(Q, None, radius=3.0, effort=32)
    monkeypatch.setattr(_widen, "BLOCK", 5000)  # two queries at a time
    again = index.search(Q, None, radius=3.0, effort=32)
    alike(found, again)
    assert found.info.scanned == again.info.scanned
    assert all(len(found[i].ids) > 1000 for i in range(0, 100, 10))


def test_walks_end_early_beside_waiting_rows_too():
    index, Q = Graph("euclidean", costs=DEAR).fit(rows(3000, 8)), rows(50, 8, seed=1)
    before = index.search(Q, 10, effort=128).info.scanned
    index.add(rows(5, 8, seed=2))
    assert index.search(Q, 10, effort=128).info.scanned == before + 5 * len(Q)
