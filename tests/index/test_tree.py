"""`Tree` keeps the protocol, and is exact whichever way it goes."""

import copy
import pickle

import numpy as np
import pytest

from likewise.errors import InvalidType, UnknownMetric
from likewise.index import CostModel, Exact, Tree
from likewise.testing.index import IndexConformance, alike

# A scan this dear makes the tree pay even on little data.
DEAR = CostModel(call=0.0, streamed=1e-6, gathered=1e-9, value=1e-4)


class TestTree(IndexConformance):
    index = Tree
    metrics = Tree.metrics
    fixed = {"costs": DEAR}  # noqa: RUF012
    recall = 1.0
    slack = 0.0


@pytest.mark.parametrize("metric", Tree.metrics)
@pytest.mark.parametrize("dim", [1, 2, 8, 20])
def test_the_same_rows_as_exact_among_many_ties(metric, dim):
    rng = np.random.default_rng(dim)
    X = rng.integers(1, 4, (2000, dim)).astype(np.float32)
    Q = rng.integers(1, 4, (30, dim)).astype(np.float32)
    tree, exact = Tree(metric, costs=DEAR).fit(X), Exact(metric).fit(X)
    mask = rng.random(2000) < 0.3
    options = [
        {"k": 7},
        {"k": 7, "where": mask},
        {"k": 40, "radius": 1.0},
        {"k": None, "radius": 0.5},
    ]
    for given in options:
        alike(tree.search(Q, **given), exact.search(Q, **given))


@pytest.mark.parametrize("metric", Tree.metrics)
def test_few_dimensions_use_the_tree(metric):
    rng = np.random.default_rng(0)
    X, Q = rng.standard_normal((4000, 3)), rng.standard_normal((20, 3))
    tree = Tree(metric, costs=DEAR).fit(X)
    for given in ({"k": 5}, {"k": None, "radius": 0.01}):
        found = tree.search(Q, **given)
        assert found.info.strategy == "tree"
        assert found.info.scanned < 20 * 1000
        alike(found, Exact(metric).fit(X).search(Q, **given))


def test_many_dimensions_are_scanned():
    X = np.random.default_rng(0).standard_normal((3000, 200))
    found = Tree("euclidean").fit(X).search(X[:5], 5)
    assert found.info.strategy == "exact"
    assert "cheaper" in found.info.reason


def test_added_rows_wait_then_join():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 2))
    tree = Tree("euclidean", costs=DEAR).fit(X[:2000])
    tree.add(X[2000:2100])
    assert tree._planted == 2000
    alike(tree.search(X[::100], 5), Exact("euclidean").fit(X[:2100]).search(X[::100], 5))
    tree.add(X[2100:])
    assert tree._planted == 3000
    alike(tree.search(X[::100], 5), Exact("euclidean").fit(X).search(X[::100], 5))


def test_a_filter_far_from_the_query_is_never_short():
    rng = np.random.default_rng(0)
    X = rng.random((5000, 2)).astype(np.float32)
    where = np.flatnonzero(X[:, 0] > 0.9)
    tree, query = Tree("euclidean", costs=DEAR).fit(X), np.zeros(2)
    alike(
        tree.search(query, 10, where=where),
        Exact("euclidean").fit(X).search(query, 10, where=where),
    )


def test_bad_arguments():
    with pytest.raises(UnknownMetric, match=r"triangle inequality; use Exact"):
        Tree("ip")
    with pytest.raises(UnknownMetric, match="hamming"):
        Tree("hamming")
    with pytest.raises(InvalidType, match="costs"):
        Tree(costs=1)


def test_a_copy_and_a_pickle_answer_the_same():
    rows = np.random.default_rng(0).standard_normal((300, 3))
    tree = Tree("euclidean").fit(rows)
    for other in (copy.deepcopy(tree), pickle.loads(pickle.dumps(tree))):
        assert other.search(rows[:9], k=4).ids.tolist() == tree.search(rows[:9], k=4).ids.tolist()
