from __future__ import annotations

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import DBSCAN
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor

from likewise._arrays import save_arrays, verify_arrays
from likewise.errors import (
    DamagedFile,
    DimensionMismatch,
    InvalidArgument,
    InvalidFile,
    InvalidType,
    InvalidVector,
    NotFitted,
    OverLimit,
    UnknownArgument,
)
from likewise.index import Exact, Gaussian, Graph, Tree, Window
from likewise.learn import NeighborGraph, _building, _cells, _effort
from likewise.learn._cell_search import Effort
from likewise.learn._searching import Lists, fitted_index, leave_one_out, nearest
from likewise.metrics import METRICS, Metric, names, resolve


def clouds(count, dim=6, seed=0):
    """Rows in a few clouds, some of them equal, none of them zero."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((count, dim)) + rng.integers(0, 5, count)[:, None]
    X[rng.integers(0, count, count // 8)] = X[rng.integers(0, count, count // 8)]
    return X.astype(np.float32)


def twin(X, k, metric):
    """Neighbours of every row, by sorting all distances."""
    away = resolve(metric).pairwise(X, X)
    np.fill_diagonal(away, np.inf)
    order = np.argsort(away, axis=1, kind="stable")[:, : min(k, len(X) - 1)]
    return order, np.take_along_axis(away, order, axis=1)


def sound(graph):
    """What is true of every graph: sorted lists of other, living, different rows, rightly far."""
    ids, distances, positions = graph.ids, graph.distances, graph.positions
    assert ids.shape == distances.shape == (len(graph), max(0, min(graph.k, len(graph) - 1)))
    assert np.isin(ids, positions).all()
    assert (ids != positions[:, None]).all()
    assert (np.diff(np.sort(ids, axis=1), axis=1) > 0).all()
    assert (np.diff(distances, axis=1) >= 0).all()
    away = resolve(graph.metric).pairwise(graph.rows, graph.rows)
    places = graph.places(ids)
    np.testing.assert_allclose(np.take_along_axis(away, places, 1), distances, atol=1e-9)


def same(one, two):
    """Equal to the last bit, rows being numbered by place."""
    np.testing.assert_array_equal(one.places(one.ids), two.places(two.ids))
    np.testing.assert_array_equal(one.distances, two.distances)


@pytest.fixture
def few_are_many(monkeypatch):
    """Cells for some hundred rows."""
    monkeypatch.setattr(_building, "CELLS_FROM", 500)


# -- exact lists ------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", names())
def test_lists_are_those_of_the_sorted_distances(metric):
    X = clouds(60)
    ids, distances = twin(X, 7, metric)
    graph = NeighborGraph(k=7, index=Exact(metric)).fit(X)
    sound(graph)
    np.testing.assert_allclose(graph.distances, distances, atol=1e-12)
    assert graph.recall == graph.info.recall == 1.0
    assert graph.info.strategy == "exact"
    if metric in ("manhattan", "chebyshev", "hamming", "jaccard"):  # by the twin's own sums
        np.testing.assert_array_equal(graph.ids, ids)


def test_a_row_is_left_out_by_its_position_and_its_copies_stay():
    graph = NeighborGraph(k=2).fit(np.ones((5, 3)))
    assert graph.ids.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1]]
    assert (graph.distances == 0).all()


def test_few_rows_and_more_neighbours_than_there_are():
    graph = NeighborGraph(k=3).fit(np.empty((0, 2)))
    assert graph.ids.shape == (0, 0)
    for count in range(1, 7):
        graph.add([[float(count), 0.0]])
        assert graph.ids.shape == (count, min(3, count - 1))
        same(graph, NeighborGraph(k=3).fit(graph.rows))
    for count in range(5, -1, -1):
        assert graph.delete([graph.positions[0]]) == 1
        assert graph.ids.shape == (count, max(0, min(3, count - 1)))
        same(graph, NeighborGraph(k=3).fit(graph.rows))


def index_of(metric):
    return None if metric is None else Exact(metric)


@pytest.mark.parametrize("metric", [None, "cosine", "dot", "manhattan", "jaccard"])
def test_any_history_ends_as_a_graph_built_anew(metric):
    rng = np.random.default_rng(5)
    pool = clouds(400, dim=4, seed=6)
    pool[rng.integers(0, 400, 80)] = pool[rng.integers(0, 400, 80)]
    graph = NeighborGraph(k=5, index=index_of(metric)).fit(pool[:30])
    used = 30
    for _ in range(40):
        if rng.random() < 0.5:
            new = int(rng.integers(0, 9))
            positions = graph.add(pool[used : used + new])
            assert len(positions) == new
            used += new
        else:
            asked = rng.integers(-2, graph.index.next_position + 2, int(rng.integers(0, 9)))
            there = np.intersect1d(asked, graph.positions)
            assert graph.delete(asked) == len(there)
        same(graph, NeighborGraph(k=5, index=index_of(metric)).fit(graph.rows))
    sound(graph)
    assert graph.recall == 1.0


def test_rows_that_lie_masked_and_rows_that_were_moved_together():
    X = clouds(500, dim=4, seed=9)
    graph = NeighborGraph(k=5).fit(X[:300])
    for gone, new in ((60, 10), (90, 10), (3, 50), (120, 0), (1, 100)):
        graph.delete(np.random.default_rng(gone).permutation(graph.positions)[:gone])
        graph.add(X[300 : 300 + new])
        same(graph, NeighborGraph(k=5).fit(graph.rows))
    assert graph.index.next_position > len(graph.index.rows)


def test_a_metric_that_is_not_symmetric_is_asked_from_the_side_of_the_row():
    def pairwise(X, Y):
        gap = np.asarray(Y, np.float64)[None] - np.asarray(X, np.float64)[:, None]
        return np.where(gap > 0, gap, -3 * gap).sum(axis=2)

    uphill = Metric(
        "uphill", "", "", pairwise, METRICS["euclidean"].score, METRICS["euclidean"].from_score
    )
    X = clouds(60, dim=2, seed=3)
    graph = NeighborGraph(k=4, index=Exact(uphill)).fit(X[:40])
    graph.add(X[40:])
    graph.delete(range(0, 60, 5))
    same(graph, NeighborGraph(k=4, index=Exact(uphill)).fit(graph.rows))


# -- other indexes ----------------------------------------------------------------------------


def test_an_exact_index_of_another_kind_is_exact():
    X = clouds(300, dim=3)
    graph = NeighborGraph(k=5, index=Tree("euclidean")).fit(X)
    same(graph, NeighborGraph(k=5).fit(X))
    assert graph.recall == 1.0


def test_an_approximate_index_is_asked_and_its_recall_is_measured():
    X = np.random.default_rng(1).standard_normal((900, 20)).astype(np.float32)
    graph = NeighborGraph(k=10, index=Graph("cosine"), recall=0.9).fit(X)
    sound(graph)
    truth = NeighborGraph(k=10, index=Exact("cosine")).fit(X)
    found = np.mean([np.isin(a, b).mean() for a, b in zip(graph.ids, truth.ids, strict=True)])
    assert graph.recall == pytest.approx(found, abs=0.03)
    graph.add(X[:40] + 0.01)
    graph.delete(range(100, 140))
    sound(graph)
    truth = NeighborGraph(k=10, index=Exact("cosine")).fit(graph.rows)
    ids = graph.places(graph.ids)
    found = np.mean([np.isin(a, b).mean() for a, b in zip(ids, truth.ids, strict=True)])
    assert found > 0.85
    assert 0.85 < graph.recall <= 1


# -- cells ------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine", "dot"])
def test_cells_find_what_was_asked_for_and_know_how_much(metric, few_are_many):
    X = clouds(1500, dim=24, seed=2) * np.float32(0.5)
    graph = NeighborGraph(k=8, index=Exact(metric), recall=0.9).fit(X)
    assert graph.info.strategy == "cells"
    sound(graph)
    distances = twin(X, 8, metric)[1]
    found = (graph.distances <= distances[:, -1:] + 1e-9).mean()
    assert graph.recall >= 0.9
    assert graph.recall == pytest.approx(found, abs=0.02)


def test_cells_give_the_same_bytes_with_any_number_of_threads(few_are_many):
    X = clouds(1500, dim=24, seed=2)
    graphs = [NeighborGraph(k=8, random_state=3, n_jobs=jobs).fit(X) for jobs in (1, 2, 2)]
    assert graphs[0].info.strategy == "cells"
    for other in graphs[1:]:
        same(graphs[0], other)
        assert other.recall == graphs[0].recall


def test_cells_of_rows_far_off_tiny_or_huge(few_are_many):
    X = clouds(900, dim=8, seed=4).astype(np.float64)
    for scale, shift in ((1e-18, 0.0), (1e18, 0.0), (1.0, 1e4)):
        graph = NeighborGraph(k=5).fit(X * scale + shift)
        assert graph.info.strategy == "cells"
        exact = NeighborGraph(k=5, recall=1.0).fit(X * scale + shift)
        assert (graph.distances <= exact.distances[:, -1:] * (1 + 1e-9)).mean() > 0.93


def test_cells_of_many_equal_rows(few_are_many):
    X = np.repeat(clouds(4, dim=5, seed=1), 200, axis=0)
    graph = NeighborGraph(k=6).fit(X)
    sound(graph)
    assert (graph.distances == 0).all()
    assert graph.recall == 1.0


def test_recall_1_compares_all_rows(few_are_many):
    X = clouds(700)
    graph = NeighborGraph(k=5, recall=1.0).fit(X)
    assert graph.info.strategy == "exact"
    np.testing.assert_array_equal(graph.distances, NeighborGraph(k=5, recall=1).fit(X).distances)


def test_too_little_effort_is_noticed_and_more_is_spent(few_are_many, monkeypatch):
    X = clouds(1500, dim=24, seed=2)
    start = Effort(cells=1, width=16, promising=10)
    monkeypatch.setattr(_cells, "choose", lambda *_: start)
    graph = NeighborGraph(k=8, recall=0.9).fit(X)
    assert graph.recall >= 0.9
    assert "asks 1 of" not in graph.info.reason
    assert np.isfinite(graph.distances).all()


def test_rows_without_structure_are_all_compared(few_are_many, monkeypatch):
    monkeypatch.setattr(_effort, "SCAN_QUERY", 0.0)  # as it is with very many rows
    X = np.random.default_rng(0).standard_normal((600, 100))
    graph = NeighborGraph(k=8, recall=0.99).fit(X)
    assert (graph.info.strategy, graph.recall) == ("exact", 1.0)


def test_cells_are_changed_and_made_anew_when_much_changes(few_are_many):
    X = clouds(1200, dim=16, seed=8)
    graph = NeighborGraph(k=5).fit(X[:1000])
    graph.add(X[1000:1010])
    assert graph.delete([3, 4, 5]) == 3
    sound(graph)
    assert 0.9 < graph.recall <= 1
    graph.add(X[1010:])
    sound(graph)
    same(graph, NeighborGraph(k=5).fit(graph.rows))


# -- as others take it ------------------------------------------------------------------------


def test_scikit_learn_takes_the_matrix_as_precomputed():
    X = clouds(120, dim=4)
    y = np.arange(120) % 3
    matrix = NeighborGraph(k=20).fit(X).to_csr()
    wide = X.astype(np.float64)
    theirs = LocalOutlierFactor(8).fit(wide).negative_outlier_factor_
    ours = LocalOutlierFactor(8, metric="precomputed").fit(matrix).negative_outlier_factor_
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    theirs = DBSCAN(eps=0.9, min_samples=4).fit_predict(wide)
    ours = DBSCAN(eps=0.9, min_samples=4, metric="precomputed").fit_predict(
        NeighborGraph(k=119).fit(X).to_csr()
    )
    np.testing.assert_array_equal(ours, theirs)
    theirs = KNeighborsClassifier(1).fit(wide, y).predict(wide)
    ours = KNeighborsClassifier(1, metric="precomputed").fit(matrix, y).predict(matrix)
    first = np.unique(X, axis=0, return_index=True)[1]  # where rows are equal any may come first
    np.testing.assert_array_equal(ours[first], y[first])
    assert (ours == theirs).mean() > 0.8


def test_the_matrix_without_the_rows_themselves_and_after_deletions():
    X = clouds(50)
    graph = NeighborGraph(k=4).fit(X)
    graph.delete(range(10))
    matrix = graph.to_csr(include_self=False)
    assert matrix.shape == (40, 40)
    assert matrix.nnz == 160
    np.testing.assert_array_equal(matrix.indices.reshape(40, 4), graph.ids - 10)
    np.testing.assert_array_equal(matrix.data.reshape(40, 4), graph.distances)


def test_learners_take_the_lists_of_a_graph_of_the_same_rows():
    X = clouds(80)
    graph = NeighborGraph(k=6, index=Exact("manhattan")).fit(X)
    held = fitted_index(graph, X.astype(np.float64))
    plain = fitted_index(Exact("manhattan"), X)
    assert len(held) == len(plain) == 80
    for k in (3, 6, 9, 100):
        for one, two in zip(leave_one_out(held, k), leave_one_out(plain, k), strict=True):
            np.testing.assert_array_equal(one, two)
    for one, two in zip(nearest(held, X[:7], 4), nearest(plain, X[:7], 4), strict=True):
        np.testing.assert_array_equal(one, two)
    assert np.shares_memory(leave_one_out(held, 6).distances, graph.distances)


def test_after_deletions_learners_see_places():
    X = clouds(80)
    graph = NeighborGraph(k=6).fit(X)
    graph.delete(range(0, 80, 4))
    left = np.delete(X, range(0, 80, 4), axis=0)
    held, plain = fitted_index(graph, left), fitted_index(None, left)
    for k in (6, 9):
        for one, two in zip(leave_one_out(held, k), leave_one_out(plain, k), strict=True):
            np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(nearest(held, X[:9], 4).ids, nearest(plain, X[:9], 4).ids)


def test_a_graph_that_errs_more_than_is_asked_is_searched_instead():
    X = clouds(80)
    graph = NeighborGraph(k=6).fit(X)
    lists = Lists(graph.ids[:, ::-1].copy(), graph.distances)
    graph._built = graph._built._replace(lists=lists, recall=0.5)
    assert leave_one_out(graph, 6).ids.tolist() == lists.ids.tolist()
    exact = leave_one_out(fitted_index(None, X), 6).ids.tolist()
    assert leave_one_out(graph, 6, recall=0.9).ids.tolist() == exact


def test_who_was_lent_a_graph_changes_his_own_alone():
    X = clouds(80)
    graph = NeighborGraph(k=6).fit(X)
    before = graph.ids.copy()
    held = fitted_index(graph, X)
    assert held.index is graph.index, "no copy before somebody changes something"
    held.add(X[:5] + 0.5)
    assert (len(held), len(graph)) == (85, 80)
    np.testing.assert_array_equal(graph.ids, before)
    other = fitted_index(graph, X)
    graph.delete(range(10))
    assert (len(other), len(graph)) == (80, 70)
    np.testing.assert_array_equal(other.ids, before)
    same(held, NeighborGraph(k=6).fit(held.rows))


def test_scikit_learn_clones_an_estimator_with_the_graph_itself():
    graph = NeighborGraph(k=3).fit(clouds(20))
    assert clone(graph) is graph


def test_a_copy_is_the_same():
    graph = NeighborGraph(k=3).fit(clouds(40))
    other = copy.deepcopy(graph)
    other.add(clouds(10, seed=3))
    same(graph, NeighborGraph(k=3).fit(clouds(40)))


# -- kept -------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [None, Exact("cosine"), Tree("euclidean")])
def test_what_is_saved_comes_back_and_can_be_changed(index, tmp_path):
    X = clouds(90, dim=4)
    graph = NeighborGraph(k=4, index=index).fit(X[:80])
    graph.delete([5, 7])
    graph.save(tmp_path / "graph")
    verify_arrays(tmp_path / "graph")
    other = NeighborGraph.load(tmp_path / "graph")
    same(graph, other)
    assert (other.recall, other.info, other.k) == (graph.recall, graph.info, 4)
    for each in (graph, other):
        each.add(X[80:])
        each.delete([0, 1])
    same(graph, other)
    np.testing.assert_array_equal(graph.positions, other.positions)
    assert other.fit(X).metric == graph.metric


def test_another_file_and_a_damaged_one(tmp_path):
    save_arrays(tmp_path / "other", {"x": np.arange(3)})
    with pytest.raises(InvalidFile, match="holds no neighbour graph"):
        NeighborGraph.load(tmp_path / "other")
    NeighborGraph(k=2).fit(clouds(20)).save(tmp_path / "graph")
    whole = (tmp_path / "graph").read_bytes()
    (tmp_path / "graph").write_bytes(whole[:-100])
    with pytest.raises(DamagedFile):
        NeighborGraph.load(tmp_path / "graph")


def test_what_is_cut_off_is_made_anew(monkeypatch):
    X = clouds(60)
    graph = NeighborGraph(k=4).fit(X[:50])

    def fail(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("likewise.learn.neighbor_graph.searched", fail)
        with pytest.raises(KeyboardInterrupt):
            graph.add(X[50:])
    assert len(graph) == 60
    same(graph, NeighborGraph(k=4).fit(X))
    with monkeypatch.context() as patch:
        patch.setattr("likewise.learn.neighbor_graph.searched", fail)
        with pytest.raises(KeyboardInterrupt):
            graph.delete([3])
    same(graph, NeighborGraph(k=4).fit(np.delete(X, 3, axis=0)))


# -- refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"k": 0}, InvalidArgument, "k must be a positive integer"),
        ({"k": 2.5}, InvalidType, "k must be a positive integer"),
        ({"recall": 1.5}, InvalidArgument, "recall must be in"),
        ({"index": "graph"}, InvalidType, "index must be one of likewise.index"),
        ({"index": Gaussian()}, InvalidType, "takes vectors and nothing else"),
        ({"index": Window()}, InvalidType, "takes vectors and nothing else"),
        ({"random_state": -1}, InvalidArgument, "random_state"),
        ({"n_jobs": 0}, InvalidArgument, "n_jobs"),
        ({"memory_limit": 0}, InvalidArgument, "memory_limit"),
        ({"n_neighbors": 5}, UnknownArgument, "did you mean 'k'"),
    ],
)
def test_impossible_arguments(options, error, said):
    with pytest.raises(error, match=said):
        NeighborGraph(**options)


def test_impossible_rows_leave_all_as_it_was():
    X = clouds(30)
    graph = NeighborGraph(k=3).fit(X)
    before = graph.ids.copy()
    spoilt = X.copy()
    spoilt[4, 1] = np.nan
    for change in (graph.fit, graph.add):
        with pytest.raises(InvalidVector, match="4"):
            change(spoilt)
        with pytest.raises(InvalidArgument):
            change(X[None])
    with pytest.raises(DimensionMismatch):
        graph.add(X[:, :2])
    with pytest.raises(InvalidType):
        graph.delete(["a"])
    with pytest.raises(InvalidVector):
        NeighborGraph(index=Exact("cosine")).fit(np.zeros((3, 2)))
    np.testing.assert_array_equal(graph.ids, before)
    assert len(graph) == 30


def test_nothing_is_there_before_fit():
    graph = NeighborGraph()
    for ask in (lambda: graph.ids, lambda: len(graph), lambda: graph.add([[1.0]]), graph.to_csr):
        with pytest.raises(NotFitted, match="call fit"):
            ask()
    with pytest.raises(NotFitted):
        fitted_index(graph, clouds(3))
    assert repr(graph) == "NeighborGraph(k=15, not fitted)"


def test_longer_lists_than_there_are():
    graph = NeighborGraph(k=3).fit(clouds(30))
    assert graph.upto(2).ids.shape == (30, 2)
    with pytest.raises(InvalidArgument, match="holds 3 neighbours of each row; got k = 4"):
        graph.upto(4)


def test_other_rows_than_those_of_the_graph():
    X = clouds(30)
    graph = NeighborGraph(k=3).fit(X)
    with pytest.raises(InvalidArgument, match=r"holds rows of shape \(30, 6\)"):
        fitted_index(graph, X[:20])
    other = X.copy()
    other[7, 2] += 1
    with pytest.raises(InvalidArgument, match="row 7 differs"):
        fitted_index(graph, other)


def test_dot_has_no_distance_to_oneself():
    graph = NeighborGraph(k=3, index=Exact("dot")).fit(clouds(30))
    with pytest.raises(InvalidArgument, match="include_self=False"):
        graph.to_csr()
    assert graph.to_csr(include_self=False).nnz == 90


def test_more_memory_than_allowed():
    X = clouds(100)
    needed = NeighborGraph(k=5).plan(100, 6).bytes
    graph = NeighborGraph(k=5, memory_limit=needed).fit(X)
    with pytest.raises(OverLimit, match="raise memory_limit"):
        graph.add(X)
    assert len(graph) == 100
    with pytest.raises(OverLimit):
        NeighborGraph(k=5, memory_limit=needed - 1).fit(X)
    assert NeighborGraph(k=5).plan(60_000, 784).seconds > 0
