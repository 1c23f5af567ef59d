from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneOut
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from likewise.errors import InvalidArgument, InvalidType, UnknownArgument
from likewise.learn import (
    LabelMetricClassifier,
    frechet_labels,
    metric_temperature,
    tree_distances,
)
from likewise.testing.estimator import EstimatorConformance

LEAVES = list(itertools.product("ab", "ab", "ab"))


class TestLabelMetricClassifier(EstimatorConformance):
    def make(self, **options):
        return LabelMetricClassifier(**options)


def line(count=3):
    return np.abs(np.subtract.outer(np.arange(float(count)), np.arange(float(count))))


def slowly(P, D):
    """The answer label by label, and how many are as good, in exact arithmetic."""
    from fractions import Fraction

    answers, ties = [], []
    for row in P:
        means = [
            sum(Fraction(p) * Fraction(D[k][y]) ** 2 for k, p in enumerate(row))
            for y in range(len(D[0]))
        ]
        answers.append(means.index(min(means)))
        ties.append(means.count(min(means)))
    return answers, ties


def test_is_the_least_mean_of_squares_in_exact_arithmetic():
    rng = np.random.default_rng(0)
    P = rng.integers(0, 5, (60, 4)) + np.eye(4)[rng.integers(0, 4, 60)]
    P = P / 2.0 ** np.ceil(np.log2(P.sum(axis=1, keepdims=True)))  # no rounding in the sums
    P[:, 0] += 1 - P.sum(axis=1)
    D = rng.integers(0, 4, (4, 7)).astype(float)
    places, ties = frechet_labels(P, D, return_ties=True)
    answers, equal = slowly(P, D)
    assert places.tolist() == answers
    assert ties.tolist() == equal
    assert max(equal) > 1


def test_sums_that_differ_by_rounding_alone_are_ties():
    P = np.random.default_rng(1).dirichlet(np.ones(300), 50)
    D = np.random.default_rng(2).random((300, 3))
    for order in (np.arange(300), np.random.default_rng(3).permutation(300)):
        twice = np.hstack([D, D])[order]
        places, ties = frechet_labels(P[:, order], twice, return_ties=True)
        assert (places < 3).all()
        assert (ties == 2).all()


def test_without_a_metric_it_is_the_most_probable_class():
    P = np.random.default_rng(4).dirichlet(np.ones(5), 40)
    assert np.array_equal(frechet_labels(P, 1 - np.eye(5)), P.argmax(axis=1))
    rng = np.random.default_rng(5)
    X, y = (
        rng.standard_normal((90, 2)) + np.eye(3)[:, :2].repeat(30, axis=0),
        np.repeat(["u", "v", "w"], 30),
    )
    ours, theirs = LabelMetricClassifier(GaussianNB()).fit(X, y), GaussianNB().fit(X, y)
    assert np.array_equal(ours.predict(X), theirs.predict(X))


def test_unknown_leaves_of_a_tree():
    halves = [[0.5, 0.5]]
    # Deep leaves are known, and two near the root are not: these are between, and tie.
    leaves = [("a", "x", "p"), ("b", "x", "p"), ("c",), ("d",)]
    places, ties = frechet_labels(halves, tree_distances(leaves)[:2], return_ties=True)
    assert (places.tolist(), ties.tolist()) == ([2], [2]), "16 is less than 36 / 2"
    # Their fork wins where it is a label.
    nodes = [(), *leaves]
    assert frechet_labels(halves, tree_distances(nodes)[1:3]).tolist() == [0]
    # All of one depth: a known leaf is at least as good.
    D, known = tree_distances(LEAVES), [0, 3, 5]
    P = np.random.default_rng(10).dirichlet(np.ones(3), 500)
    assert set(frechet_labels(P, D[known])) <= set(known)


def test_tree_distances_are_those_of_walks():
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import shortest_path

    paths = [(), ("a",), ("a", "x"), ("a", "y", "p"), ("b", "x"), ("b", "x", "q", "r"), ("c",)]
    nodes = sorted({path[:i] for path in paths for i in range(len(path) + 1)})
    edges = [(nodes.index(node[:-1]), nodes.index(node)) for node in nodes if node]
    up, down = np.array(edges).T
    graph = coo_matrix((np.ones(len(edges)), (up, down)), shape=(len(nodes), len(nodes)))
    walks = shortest_path(graph, directed=False)
    at = [nodes.index(path) for path in paths]
    np.testing.assert_array_equal(tree_distances(paths), walks[np.ix_(at, at)])


def test_classes_never_seen_are_answered():
    rng = np.random.default_rng(6)
    y = rng.integers(0, 5, 500)
    X = rng.standard_normal((500, 1)) * 0.3 + y[:, None]
    ends = (y == 0) | (y == 4)
    model = LabelMetricClassifier(distances=line(5), labels=list("abcde"))
    model.fit(X[ends], np.array(list("abcde"))[y[ends]])
    found = np.searchsorted(model.classes_, model.predict(X))
    plain = np.array([0, 4])[LogisticRegression().fit(X[ends], y[ends] > 0).predict(X).astype(int)]
    assert model.seen_.tolist() == [True, False, False, False, True]
    assert set(found) == {0, 1, 2, 3, 4}
    assert ((found - y) ** 2).mean() < 0.6 * ((plain - y) ** 2).mean()
    assert (model.ties(X) == 1).all()
    assert model.decision_function(X).argmax(axis=1).tolist() == found.tolist()


def test_labels_may_come_in_any_order():
    rng = np.random.default_rng(7)
    X, y = rng.standard_normal((60, 2)), np.array(list("abc"))[rng.integers(0, 3, 60)]
    order = [2, 0, 1]
    one = LabelMetricClassifier(distances=line(), labels=list("abc")).fit(X, y)
    two = LabelMetricClassifier(
        distances=line()[np.ix_(order, order)], labels=[list("abc")[i] for i in order]
    ).fit(X, y)
    assert np.array_equal(one.predict(X), two.predict(X))
    assert np.array_equal(one.distances_, two.distances_)


def test_the_temperature_is_the_best_of_those_tried():
    rng = np.random.default_rng(8)
    y = rng.integers(0, 6, 200)
    P = 0.3 * np.eye(6)[y] + 0.7 * rng.dirichlet(np.ones(6), 200)
    tried = [0.2, 0.5, 1.0, 2.0]
    losses = []
    for T in tried:
        powers = P ** (1 / T)
        found = frechet_labels(powers / powers.sum(axis=1, keepdims=True), line(6))
        losses.append(((found - y) ** 2).mean())
    best = metric_temperature(P, line(6), y, temperatures=tried)
    assert best == tried[int(np.argmin(losses))] != 1.0
    assert metric_temperature(np.eye(6)[y], line(6), y) == 1.0, "all are as good: nearest to 1"


def test_the_temperature_by_rows_left_out():
    rng = np.random.default_rng(9)
    y = rng.integers(0, 3, 40)
    X = rng.standard_normal((40, 2)) + y[:, None]
    left_out = np.zeros((40, 3))
    for i in range(40):
        rest = np.arange(40) != i
        left_out[i] = GaussianNB().fit(X[rest], y[rest]).predict_proba(X[i : i + 1])[0]
    model = LabelMetricClassifier(GaussianNB(), line(), temperature="cv", cv=LeaveOneOut())
    assert model.fit(X, y).temperature_ == metric_temperature(left_out, line(), y)
    dealt = [
        LabelMetricClassifier(GaussianNB(), line(), temperature="cv", random_state=s).fit(X, y)
        for s in (0, 0)
    ]
    assert dealt[0].temperature_ == dealt[1].temperature_


def test_the_temperature_by_classes_left_out():
    rng = np.random.default_rng(11)
    y = rng.integers(0, 4, 80)
    X = rng.standard_normal((80, 2)) + y[:, None]
    model = LabelMetricClassifier(GaussianNB(), line(4), temperature="classes", cv=9).fit(X, y)
    P = np.zeros((80, 4))
    for c in range(4):  # no more folds than classes: each is left out alone
        rest = [i for i in range(4) if i != c]
        trained = GaussianNB().fit(X[y != c], y[y != c])
        P[np.ix_(y == c, rest)] = trained.predict_proba(X[y == c])
    assert model.temperature_ == metric_temperature(P, line(4), y)


X, Y = np.arange(6.0)[:, None], np.array([0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: frechet_labels([[0.5, 0.5]], [[0.0, 1.0]]), InvalidArgument, "a row a class"),
        (lambda: frechet_labels([[0.5, 0.5]], [[0, -1], [1, 0]]), InvalidArgument, "negative"),
        (lambda: frechet_labels([[0.5, 0.2]], line(2)), InvalidArgument, "sum to 1"),
        (lambda: metric_temperature([[1, 0]], line(2), [0.5]), InvalidArgument, "1 integers"),
        (lambda: metric_temperature([[1, 0]], line(2), [2]), InvalidArgument, "from 0 to 1"),
        (lambda: metric_temperature([[1, 0]], line()[:2], [0]), InvalidArgument, "among all 3"),
        (
            lambda: metric_temperature([[1, 0]], line(2), [0], temperatures=[0.0]),
            InvalidArgument,
            "positive",
        ),
        (lambda: tree_distances([]), InvalidArgument, "got none"),
        (lambda: tree_distances(["ab", "ab"]), InvalidArgument, "two labels"),
        (lambda: frechet_labels([[1.0]], [[0.0]], ties=True), UnknownArgument, "return_ties"),
        (lambda: LabelMetricClassifier(LinearSVC()).fit(X, Y), InvalidType, "predict_proba"),
        (lambda: LabelMetricClassifier(temperature=0.0).fit(X, Y), InvalidArgument, "positive"),
        (lambda: LabelMetricClassifier(temperature="loo").fit(X, Y), InvalidArgument, '"cv"'),
        (
            lambda: LabelMetricClassifier(temperature="classes", cv=LeaveOneOut()).fit(X, Y),
            InvalidType,
            "cv must be",
        ),
        (lambda: LabelMetricClassifier(temperature="cv", cv=1).fit(X, Y), InvalidArgument, "2"),
        (lambda: LabelMetricClassifier(labels=[0, 1]).fit(X, Y), InvalidArgument, "label 2, which"),
        (lambda: LabelMetricClassifier().fit(X, [3] * 6), InvalidArgument, "only one class, 3"),
        (lambda: LabelMetricClassifier(labels=[0, 0]).fit(X, Y), InvalidArgument, "different"),
        (
            lambda: LabelMetricClassifier(distances=line(2)).fit(X, Y),
            InvalidArgument,
            r"must be \(3, 3\)",
        ),
        (
            lambda: LabelMetricClassifier(distances=line() + np.eye(3)).fit(X, Y),
            InvalidArgument,
            "itself",
        ),
        (
            lambda: LabelMetricClassifier(distances=np.triu(line())).fit(X, Y),
            InvalidArgument,
            "symmetric",
        ),
        (lambda: LabelMetricClassifier(distances=-line()).fit(X, Y), InvalidArgument, "positive"),
        (
            lambda: LabelMetricClassifier(temperature="cv", cv=2).fit(X[:2], [0, 1]),
            InvalidArgument,
            "no fold",
        ),
    ],
)
def test_impossible_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()
