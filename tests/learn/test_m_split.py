"""M-split neighbours against plain loops over the parts, and everything they refuse."""

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidType
from likewise.index import Exact, Graph
from likewise.learn import MSplitNeighbors, MSplitNeighborsRegressor, NeighborGraph
from likewise.learn.m_split import nearest_parts, split_rows, usual_kept
from likewise.testing.estimator import EstimatorConformance


class TestClassifier(EstimatorConformance):
    takes_jobs = True

    def make(self, **options):
        return MSplitNeighbors(**{"parts": 5, "aggregate": "nearest", **options})


class TestRegressor(EstimatorConformance):
    takes_jobs = True

    def make(self, **options):
        return MSplitNeighborsRegressor(**options)


def data(seed=0, n=83):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 6, (n, 3)).astype(float)  # with many equal distances
    return X, rng.integers(0, 3, n), rng.integers(0, 6, (9, 3)) + rng.choice([0.0, 0.5], (9, 1))


def plain(model, X, y, Q, kept):
    """One query at a time, one part at a time."""
    answers = []
    for q in Q:
        heard = []
        for part in model.part_rows_:
            distances = np.sqrt(((X[part] - q) ** 2).sum(axis=1))
            order = np.argsort(distances, kind="stable")[: model.k]
            heard.append((distances[order[-1]], y[part[order]]))
        heard.sort(key=lambda line: line[0])
        answers.append(np.concatenate([labels for _, labels in heard[:kept]]))
    return np.array(answers)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(("aggregate", "kept"), [("all", None), ("nearest", None), ("nearest", 2)])
def test_against_a_loop_over_parts(k, aggregate, kept):
    X, y, Q = data()
    options = {"parts": 7, "k": k, "aggregate": aggregate, "kept": kept}
    model = MSplitNeighbors(**options).fit(X, y)
    counted = {"all": 7, "nearest": kept or usual_kept(7, k)}[aggregate]
    votes = plain(model, X, y, Q, counted)
    assert votes.shape == (9, counted * k)
    expected = np.array([[np.mean(line == c) for c in range(3)] for line in votes])
    np.testing.assert_allclose(model.predict_proba(Q), expected, atol=1e-15)
    assert model.predict(Q).tolist() == expected.argmax(axis=1).tolist()
    numbers = MSplitNeighborsRegressor(**options).fit(X, y * 1.5)
    np.testing.assert_allclose(numbers.predict(Q), (votes * 1.5).mean(axis=1))


@pytest.mark.parametrize(("count", "parts"), [(10, 3), (4, 9), (7, 7), (5, 1)])
def test_parts_are_a_partition(count, parts):
    found = split_rows(count, parts, np.random.default_rng(3))
    assert len(found) == min(count, parts)
    assert sorted(np.concatenate(found).tolist()) == list(range(count))
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_parts_are_drawn_at_random():
    X, y, _ = data()
    one, two = (MSplitNeighbors(random_state=s).fit(X, y).part_rows_ for s in (0, 1))
    assert any(a.tolist() != b.tolist() for a, b in zip(one, two, strict=True))
    # Sorted labels are in every part, which they would not be if parts were cut in order.
    model = MSplitNeighbors(parts=4).fit(X, np.sort(y))
    assert all(set(np.sort(y)[part]) == {0, 1, 2} for part in model.part_rows_)


def test_one_part_is_k_neighbours_and_as_many_parts_as_rows_is_the_mean():
    X, y, Q = data()
    one = MSplitNeighborsRegressor(parts=1, k=4).fit(X, y)
    ids = Exact("euclidean").fit(X).search(Q, k=4).ids
    np.testing.assert_allclose(one.predict(Q), y[ids].mean(axis=1))
    # Each row a part: the nearest parts are the nearest rows.
    each = MSplitNeighborsRegressor(parts=500, aggregate="nearest", kept=4).fit(X, y)
    ranked = np.sort(((X[None] - Q[:, None]) ** 2).sum(axis=2), axis=1)[:, :4]
    found = ((X[each.voters(Q)] - Q[:, None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(found, ranked)
    every = MSplitNeighborsRegressor(parts=500, k=9).fit(X, y)
    np.testing.assert_allclose(every.predict(Q), y.mean())


def test_equal_distances_go_to_the_first_part_even_where_all_are_kept():
    assert nearest_parts(np.array([[2.0, 1.0, 1.0]]), 3).tolist() == [[1, 2, 0]]


def test_takes_any_index():
    X, y, Q = data()
    plain_ = MSplitNeighbors(parts=3).fit(X, y)
    graph = MSplitNeighbors(parts=3, index=Graph("euclidean"), recall=1.0).fit(X, y)
    np.testing.assert_array_equal(
        plain_.neighbors(Q).distances.round(9), graph.neighbors(Q).distances.round(9)
    )


def test_one_class_is_always_answered():
    model = MSplitNeighbors(parts=2).fit([[0.0], [1.0], [2.0]], ["a"] * 3)
    assert model.predict([[9.0]]).tolist() == ["a"]


X, y, Q = data()


@pytest.mark.parametrize(
    ("options", "labels", "error", "message"),
    [
        ({"parts": 0}, y, InvalidArgument, "parts must be at least 1"),
        ({"k": 0}, y, InvalidArgument, "k must be a positive integer"),
        ({"aggregate": "far"}, y, InvalidArgument, '"all" or "nearest"'),
        ({"kept": 3}, y, InvalidArgument, 'belongs to aggregate="nearest"'),
        ({"aggregate": "nearest", "kept": 0}, y, InvalidArgument, "kept must be at least 1"),
        ({"index": "graph"}, y, InvalidType, "index must be one of"),
        ({"random_state": -1}, y, InvalidArgument, "random_state must be at least 0"),
        ({}, y[:-1], InvalidArgument, "82 (labels|rows), X has 83 rows"),
        ({}, None, InvalidArgument, "requires y"),
        ({}, np.where(y == 2, np.nan, y), InvalidArgument, "row [0-9]+ is missing"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [MSplitNeighbors, MSplitNeighborsRegressor])
def test_refusals(kind, options, labels, error, message):
    with pytest.raises(error, match=message):
        kind(**options).fit(X, labels)


def test_a_regressor_wants_one_number_a_row():
    with pytest.raises(InvalidType, match="must be numbers"):
        MSplitNeighborsRegressor().fit(X, ["a"] * len(X))
    with pytest.raises(InvalidType, match="one number a row"):
        MSplitNeighborsRegressor().fit(X, np.column_stack([y, y]))


def test_a_graph_of_all_rows_is_refused_by_type():
    X = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(InvalidType, match=r"lists of all rows: give an index .* graph\.index"):
        MSplitNeighbors(3, index=NeighborGraph(5).fit(X)).fit(X, X[:, 0] > 0)
