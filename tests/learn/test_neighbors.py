from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from likewise.errors import InvalidArgument, InvalidType, InvalidVector, NotFitted
from likewise.index import CostModel, Exact, Graph, Tree
from likewise.kernels import RBF, Laplace, Linear
from likewise.learn import (
    NeighborGraph,
    NeighborsClassifier,
    NeighborsRegressor,
    _neighbor_estimator,
    _searching,
)
from likewise.testing.estimator import EstimatorConformance
from tests.learn.lists import vote

HALF = np.float64(0.5)


def epanechnikov(distances):
    return np.maximum(0.0, 1.0 - (distances / 2.0) ** 2)


WEIGHTS = ("uniform", "distance", "softmax", RBF(length=0.7), epanechnikov)


class TestClassifier(EstimatorConformance):
    takes_jobs = True

    def make(self, **options):
        return NeighborsClassifier(**options)


class TestRegressor(EstimatorConformance):
    takes_jobs = True

    def make(self, **options):
        return NeighborsRegressor(**options)


def rows(count, dim=2, seed=0):
    """Rows on a coarse grid: equal distances, and distances of 0, are common."""
    return np.random.default_rng(seed).integers(0, 5, size=(count, dim)) * HALF


# -- votes ----------------------------------------------------------------------------


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda w: getattr(w, "__name__", str(w)))
@pytest.mark.parametrize("k", [1, 4, None])
def test_the_vote_is_that_of_plain_python(weights, k):
    X, Q = rows(40), rows(12, seed=1) + 0.25
    Q[:4] = X[:4]
    y = np.random.default_rng(2).choice(["oak", "ash", "elm"], 40)
    temperature = 0.3 if weights == "softmax" else None
    model = NeighborsClassifier(k=k, weights=weights, temperature=temperature).fit(X, y)
    labels, probabilities = model.predict_both(Q)
    assert np.array_equal(labels, model.predict(Q))
    assert np.array_equal(probabilities, model.predict_proba(Q))
    for query, label, parts in zip(Q, labels, probabilities, strict=True):
        winner, shares = vote(X, y, query, k or 40, weights, temperature or 1.0)
        assert label == winner
        np.testing.assert_allclose(parts, [shares[c] for c in model.classes_], atol=1e-12)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_classifier_and_regressor_agree_with_scikit_learn(weights):
    rng = np.random.default_rng(3)
    X, Q = rng.normal(size=(200, 5)).astype(np.float32), rng.normal(size=(60, 5)).astype(np.float32)
    Q[:10] = X[:10]
    y, numbers = rng.integers(4, size=200), rng.normal(size=(200, 3))
    theirs = KNeighborsClassifier(7, weights=weights, algorithm="brute").fit(X, y)
    ours = NeighborsClassifier(k=7, weights=weights).fit(X, y)
    assert np.array_equal(ours.predict(Q[10:]), theirs.predict(Q[10:]))
    np.testing.assert_allclose(ours.predict_proba(Q[10:]), theirs.predict_proba(Q[10:]), rtol=1e-5)
    assert np.array_equal(ours.predict(Q[:10]), y[:10]) or weights == "uniform"
    theirs = KNeighborsRegressor(7, weights=weights, algorithm="kd_tree").fit(X, numbers)
    ours = NeighborsRegressor(k=7, weights=weights).fit(X, numbers)
    np.testing.assert_allclose(ours.predict(Q), theirs.predict(Q), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(
        NeighborsRegressor(k=7, weights=weights).fit(X, numbers[:, 1]).predict(Q),
        theirs.predict(Q)[:, 1],
        rtol=1e-6,
        atol=1e-7,
    )


def test_ties_go_to_the_smaller_label():
    X, y = [[0.0], [2.0], [1.0], [3.0]], ["b", "a", "b", "a"]
    assert NeighborsClassifier(k=2).fit(X, y).predict([[1.5]]).tolist() == ["a"]
    assert NeighborsClassifier(k=4).fit(X, y).predict([[0.0]]).tolist() == ["a"]


def test_nadaraya_watson_over_all_rows_is_the_sum_of_the_kernel():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(50, 3)).astype(np.float32).astype(float)
    Q, y = rng.normal(size=(9, 3)), rng.integers(3, size=50)
    for kernel in (RBF(length=0.8), Laplace(length=1.5)):
        K = kernel(Q, X)
        sums = np.stack([K[:, y == c].sum(axis=1) for c in range(3)], axis=1)
        model = NeighborsClassifier(k=None, weights=kernel).fit(X, y)
        np.testing.assert_allclose(model.predict_proba(Q), sums / K.sum(axis=1, keepdims=True))
        target = rng.normal(size=50)
        means = NeighborsRegressor(k=None, weights=kernel).fit(X, target).predict(Q)
        np.testing.assert_allclose(means, K @ target / K.sum(axis=1))


def test_softmax_of_distances_is_that_of_scipy():
    from scipy.special import softmax

    rng = np.random.default_rng(5)
    X, Q = rng.normal(size=(30, 2)).astype(np.float32), rng.normal(size=(7, 2)).astype(np.float32)
    y = rng.integers(2, size=30)
    distances = np.linalg.norm(Q[:, None].astype(float) - X, axis=2)
    model = NeighborsClassifier(k=None, weights="softmax", temperature=0.2).fit(X, y)
    expected = softmax(-distances / 0.2, axis=1)[:, y == 1].sum(axis=1)
    np.testing.assert_allclose(model.predict_proba(Q)[:, 1], expected)
    # A temperature so low that every term but the nearest would vanish is no trouble.
    cold = NeighborsClassifier(k=None, weights="softmax", temperature=1e-300).fit(X, y)
    nearest = NeighborsClassifier(k=1).fit(X, y)
    assert np.array_equal(cold.predict_proba(Q + 100), nearest.predict_proba(Q + 100))


def test_a_query_far_from_everything_under_a_short_kernel_counts_all_alike():
    model = NeighborsClassifier(k=4, weights=RBF(length=0.01)).fit(
        [[0.0], [1.0], [2.0], [3.0]], [0, 1, 1, 1]
    )
    assert model.predict_proba([[50.0], [0.0]]).tolist() == [[0.25, 0.75], [1.0, 0.0]]


@pytest.mark.parametrize("label", [True, 7, 2.0, "x"])
def test_labels_of_any_kind(label):
    other = {bool: False, int: -3, float: 0.0, str: "y"}[type(label)]
    model = NeighborsClassifier(k=1).fit([[0.0], [5.0]], [label, other])
    assert model.predict([[0.1], [4.9]]).tolist() == [label, other]
    as_objects = np.array([label, other], dtype=object)
    assert NeighborsClassifier(k=1).fit([[0.0], [5.0]], as_objects).predict([[0.1]])[0] == label


def test_one_class_and_more_neighbours_than_rows():
    model = NeighborsClassifier(k=50).fit([[0.0], [1.0]], ["only", "only"])
    assert model.predict([[9.0]]).tolist() == ["only"]
    assert model.predict_proba([[9.0]]).tolist() == [[1.0]]
    assert model.explain([[9.0]])[0].evidence.flip is None
    assert NeighborsRegressor(k=50).fit([[0.0], [1.0]], [1.0, 2.0]).predict([[9.0]]) == [1.5]


def test_blocks_change_nothing(monkeypatch):
    X, Q = rows(60), rows(30, seed=1)
    y = np.arange(60) % 3
    whole = NeighborsClassifier(weights="distance").fit(X, y)
    expected = whole.predict_proba(Q), whole.predict(Q)
    monkeypatch.setattr("likewise.learn._neighbor_estimator.NUMBERS", 20)
    assert np.array_equal(whole.predict_proba(Q), expected[0])
    assert np.array_equal(whole.predict(Q), expected[1])
    assert NeighborsRegressor().fit(X, X).predict(Q).shape == (30, 2)


# -- rows that come and go ------------------------------------------------------------


def same_as(model, rebuilt, Q):
    assert np.array_equal(model.classes_, rebuilt.classes_)
    assert np.array_equal(model.predict(Q), rebuilt.predict(Q))
    assert np.array_equal(model.predict_proba(Q), rebuilt.predict_proba(Q))
    assert model.loo_scores_ == rebuilt.loo_scores_


@pytest.mark.parametrize(
    "options",
    [
        {"k": 3, "weights": "distance"},
        {"k": 4, "weights": RBF(length=0.6)},
        {"k": [1, 2, 4], "weights": ["uniform", "softmax"], "temperature": [0.2, 1.0]},
        {"k": 3, "index": Tree("euclidean")},
    ],
    ids=["distance", "kernel", "choices", "tree"],
)
def test_any_history_equals_a_model_fitted_anew(options):
    rng = np.random.default_rng(6)
    X, Q = rows(400, seed=7), rows(15, seed=8) + 0.2
    y = np.array(["a", "b", "c", "d", "ee"])[rng.integers(5, size=400)]
    numbers = rng.normal(size=(400, 2))
    model, means = NeighborsClassifier(**options), NeighborsRegressor(**options)
    model.fit(X[:10], y[:10])
    means.fit(X[:10], numbers[:10])
    held, end = dict(zip(range(10), range(10), strict=True)), 10
    for step in range(24):
        if rng.random() < 0.5 and end < 380:
            count = int(rng.integers(1, 30))
            model.partial_fit(X[end : end + count], y[end : end + count])
            means.partial_fit(X[end : end + count], numbers[end : end + count])
            assert np.array_equal(model.ids_, means.ids_)
            held.update(zip(model.ids_.tolist(), range(end, end + count), strict=True))
            end += count
        else:
            gone = rng.choice(list(held), size=int(rng.integers(1, max(2, len(held) // 2))))
            wanted = [*gone.tolist(), *gone.tolist(), 10_000]
            assert model.forget(wanted) == means.forget(wanted) == len(np.unique(gone))
            held = {id_: place for id_, place in held.items() if id_ not in gone}
        if step % 4 == 3 and len(held) > 2:
            now = list(held.values())
            same_as(model, NeighborsClassifier(**options).fit(X[now], y[now]), Q)
            rebuilt = NeighborsRegressor(**options).fit(X[now], numbers[now])
            assert np.array_equal(means.predict(Q), rebuilt.predict(Q))


def test_no_forgotten_row_votes_in_a_graph():
    rng = np.random.default_rng(9)
    X = rng.normal(size=(1200, 8)).astype(np.float32)
    y = np.where(np.arange(1200) % 3 == 0, "gone", "here")
    model = NeighborsClassifier(Graph("euclidean", costs=CostModel()), k=10).fit(X, y)
    assert "gone" in model.predict(X[:300])
    model.forget(np.flatnonzero(y == "gone"))
    assert model.classes_.tolist() == ["here"]
    assert set(model.predict(X[:300])) == {"here"}
    answers = model.explain(X[:5])
    assert all((y[answer.evidence.ids] == "here").all() for answer in answers)


def test_a_graph_of_neighbours_serves_as_an_index():
    rng = np.random.default_rng(15)
    X, y, Q = rng.normal(size=(150, 3)), rng.integers(3, size=150), rng.normal(size=(12, 3))
    graph = NeighborGraph(k=8).fit(X)
    model, plain = NeighborsClassifier(graph, k=[1, 3, 5]), NeighborsClassifier(k=[1, 3, 5])
    for learner in (model, plain):
        learner.fit(X, y)
    same_as(model, plain, Q)
    for learner in (model, plain):
        learner.partial_fit(Q[:5], y[:5])
        learner.forget([1, 2, 3, 151])
    same_as(model, plain, Q)
    assert len(graph) == 150


def test_classes_that_are_declared_stay():
    model = NeighborsClassifier(k=1).partial_fit([[0.0]], ["b"], classes=["a", "b", "z"])
    assert model.predict_proba([[0.0]]).tolist() == [[0.0, 1.0, 0.0]]
    model.partial_fit([[5.0]], ["m"])
    assert model.classes_.tolist() == ["a", "b", "m", "z"]
    assert model.forget([0, 1]) == 2
    assert model.classes_.tolist() == ["a", "b", "z"]
    assert model.partial_fit([[1.0]], ["z"]).predict([[0.0]]).tolist() == ["z"]
    assert model.ids_.tolist() == [2]


def test_a_refused_batch_changes_nothing():
    model = NeighborsClassifier(k=1).fit([[0.0], [5.0]], ["a", "b"])
    with pytest.raises(InvalidType, match="a string, the new ones a number"):
        model.partial_fit([[1.0]], [3])
    with pytest.raises(InvalidType, match="a string, the new ones a number"):
        model.partial_fit([[1.0]], ["a"], classes=[3])
    with pytest.raises(InvalidVector):
        model.partial_fit([[np.nan]], ["a"])
    with pytest.raises(InvalidVector, match="2 features"):
        model.partial_fit([[1.0, 2.0]], ["a"])
    assert len(model.index_) == 2
    assert model.classes_.tolist() == ["a", "b"]


def test_everything_forgotten():
    for model in (NeighborsClassifier(k=1), NeighborsRegressor(k=1)):
        model.fit([[0.0], [5.0]], [1, 2])
        assert model.forget([0, 1]) == 2
        with pytest.raises(InvalidArgument, match="every row was forgotten"):
            model.predict([[0.0]])
        assert model.partial_fit([[5.0]], [4]).predict([[0.0]]).tolist() == [4]


# -- choices --------------------------------------------------------------------------


def left_out(X, y, k, weights, temperature):
    """Each row predicted by a model of the others, fitted anew: label and probability."""
    labels, parts = [], []
    for i in range(len(X)):
        others = np.delete(np.arange(len(X)), i)
        model = NeighborsClassifier(k=k, weights=weights, temperature=temperature)
        model.fit(X[others], y[others])
        labels.append(model.predict(X[i : i + 1])[0])
        among = np.flatnonzero(model.classes_ == y[i])
        parts.append(model.predict_proba(X[i : i + 1])[0, among[0]] if len(among) else 0.0)
    return np.array(labels), np.array(parts)


@pytest.mark.parametrize("scoring", ["accuracy", "log_likelihood"])
def test_choices_are_scored_as_by_refitting_without_each_row(scoring):
    X, rng = rows(16, seed=10), np.random.default_rng(11)
    y = rng.integers(3, size=16) + 5
    model = NeighborsClassifier(
        k=[1, 6],
        weights=["uniform", "distance", "softmax", RBF(length=0.5)],
        temperature=[0.1, 1.0],
        scoring=scoring,
    ).fit(X, y)
    assert len(model.loo_scores_) == 2 * 5
    for trial in model.loo_scores_:
        labels, parts = left_out(X, y, trial.k, trial.weights, trial.temperature)
        expected = (labels == y).mean()
        if scoring == "log_likelihood":
            expected = np.log(np.maximum(parts, 1e-12)).mean()
        assert trial.score == pytest.approx(expected)
    best = max(model.loo_scores_, key=lambda trial: trial.score)
    assert (model.k_, model.weights_, model.temperature_) == best[:3]
    plain = NeighborsClassifier(k=best.k, weights=best.weights, temperature=best.temperature)
    assert np.array_equal(model.predict_proba(X + 0.1), plain.fit(X, y).predict_proba(X + 0.1))


def test_a_regressor_is_chosen_by_r_squared():
    from sklearn.metrics import r2_score

    X, rng = rows(24, seed=12), np.random.default_rng(13)
    Y = np.stack([X[:, 0] + 0.1 * rng.normal(size=24), rng.normal(size=24)], axis=1)
    model = NeighborsRegressor(k=[2, 5], weights=["uniform", "distance"]).fit(X, Y)
    for trial in model.loo_scores_:
        predicted = np.empty_like(Y)
        for i in range(24):
            others = np.delete(np.arange(24), i)
            one = NeighborsRegressor(k=trial.k, weights=trial.weights).fit(X[others], Y[others])
            predicted[i] = one.predict(X[i : i + 1])[0]
        assert trial.score == pytest.approx(r2_score(Y, predicted))


def test_copies_of_a_row_are_its_neighbours_and_itself_is_not():
    X = np.repeat(np.arange(5.0), 2)[:, None]
    y = np.arange(10) % 2  # each row has one copy, of the other label
    model = NeighborsClassifier(k=[1, 2]).fit(X, y)
    assert model.loo_scores_[0].score == 0.0


def test_loo_chooses_all_three():
    rng = np.random.default_rng(14)
    X = rng.normal(size=(120, 2))
    y = (X[:, 0] + 0.8 * rng.normal(size=120) > 0).astype(int)
    model = NeighborsClassifier(
        k="loo", weights="loo", temperature="loo", scoring="log_likelihood"
    ).fit(X, y)
    assert len(model.loo_scores_) == 12 * (2 + 9)
    assert model.k_ > 5, "labels are noisy: many neighbours are better than few"
    few = NeighborsClassifier(k="loo").fit(X[:6], y[:6])
    assert [trial.k for trial in few.loo_scores_] == [1, 2, 3, 5]


# -- bad input ------------------------------------------------------------------------

X4, Y4 = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"k": 0}, InvalidArgument, "k must be a positive integer"),
        ({"k": 2.5}, InvalidType, "k must be a positive integer"),
        ({"k": []}, InvalidArgument, "k: no choices"),
        ({"weights": "gaussian"}, InvalidArgument, "uniform, distance, softmax"),
        ({"weights": RBF}, InvalidType, "made, not its class"),
        ({"weights": 3}, InvalidType, "weights must be one of"),
        ({"weights": Linear()}, InvalidArgument, "finite and at least 0"),
        ({"weights": lambda d: d[:, :1]}, InvalidArgument, "one weight a distance"),
        ({"weights": lambda d: -d}, InvalidArgument, "finite and at least 0"),
        ({"temperature": 0.5}, InvalidArgument, 'is of weights="softmax"'),
        ({"weights": "softmax", "temperature": 0}, InvalidArgument, "must be positive"),
        ({"weights": "softmax", "temperature": "hot"}, InvalidType, "temperature must be a number"),
        ({"weights": "distance", "index": Exact("dot")}, InvalidArgument, "negative"),
        ({"index": "graph"}, InvalidType, "one of likewise.index"),
        ({"index": Exact("l2"), "n_jobs": 2}, InvalidArgument, "give them to yours"),
        ({"recall": 2.0}, InvalidArgument, "recall must be in"),
    ],
)
@pytest.mark.parametrize("kind", [NeighborsClassifier, NeighborsRegressor])
def test_a_wrong_argument(kind, options, error, message):
    with pytest.raises(error, match=message):
        kind(**options).fit(X4, Y4).predict([[-1.0], [1.0]])


def test_wrong_scoring():
    with pytest.raises(InvalidArgument, match="accuracy, log_likelihood"):
        NeighborsClassifier(scoring="auc").fit(X4, Y4)


def test_choices_of_one_row():
    with pytest.raises(InvalidArgument, match="n_samples = 1"):
        NeighborsClassifier(k=[1, 2]).fit([[0.0]], [1])


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([1.0, np.nan, 2.0, 2.0], InvalidArgument, "label of row 1 is missing"),
        (np.array(["a", None, "b", "b"], object), InvalidArgument, "label of row 1 is missing"),
        (np.array(["a", 1, "b", "b"], object), InvalidType, "labels of one kind"),
        ([0, 1], InvalidArgument, "y has 2 labels, X has 4 rows"),
        ([[1, 0], [0, 1], [1, 1], [0, 0]], InvalidType, "one label a row"),
        ([0.5, 1.0, 2.0, 2.0], InvalidArgument, "continuous"),
        ([b"a", b"b", b"b", b"b"], InvalidType, "bytes"),
    ],
)
def test_wrong_labels(y, error, message):
    with pytest.raises(error, match=message):
        NeighborsClassifier().fit(X4, y)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (None, InvalidArgument, "requires y"),
        (["a", "b", "c", "d"], InvalidType, "y must be numbers"),
        ([1j, 2.0, 3.0, 4.0], InvalidType, "y must be numbers; got complex128"),
        (np.arange(4).astype("M8[D]"), InvalidType, "y must be numbers; got datetime64"),
        (np.arange(4).astype("m8[s]"), InvalidType, "y must be numbers; got timedelta64"),
        ([1.0, np.nan, 2.0, 2.0], InvalidArgument, "row 1 is missing"),
        ([1.0, 2.0], InvalidArgument, "y has 2 rows, X has 4 rows"),
        (np.zeros((4, 2, 2)), InvalidVector, r"got shape \(4, 2, 2\)"),
    ],
)
def test_wrong_numbers(y, error, message):
    with pytest.raises(error, match=message):
        NeighborsRegressor().fit(X4, y)


def test_another_number_of_outputs():
    model = NeighborsRegressor().fit(X4, np.zeros((4, 2)))
    with pytest.raises(InvalidArgument, match=r"\(n, 2\) numbers expected"):
        model.partial_fit(X4, Y4)


def test_before_fit():
    for model in (NeighborsClassifier(), NeighborsRegressor()):
        assert not hasattr(model, "k_")
        for ask in (lambda m: m.predict(X4), lambda m: m.forget([0]), lambda m: m.explain(X4)):
            with pytest.raises(NotFitted, match="call fit first"):
                ask(model)


@pytest.mark.parametrize("index", [None, NeighborGraph(50)])
@pytest.mark.parametrize("make", [NeighborsClassifier, NeighborsRegressor])
def test_choices_among_all_rows_are_made_in_blocks(monkeypatch, make, index):
    X = rows(50, seed=20)
    y = (X[:, 0] > 0) * 1
    options = {"weights": ["distance", "softmax", RBF(length=0.5)], "temperature": "loo"}
    held = None if index is None else index.fit(X)
    fitted = [make(held, k=[3, None], **options).fit(X, y)]
    asked = []
    search = _searching.nearest
    monkeypatch.setattr(_neighbor_estimator, "NUMBERS", 7 * 49)
    monkeypatch.setattr(
        _searching, "nearest", lambda i, Q, *a, **o: asked.append(len(Q)) or search(i, Q, *a, **o)
    )
    fitted.append(make(held, k=[3, None], **options).fit(X, y))
    assert max(asked, default=7) <= 7
    whole, parts = (np.array([t.score for t in model.loo_scores_]) for model in fitted)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
    for model in fitted:
        model.forget([0, 1])
    whole, parts = (np.array([t.score for t in model.loo_scores_]) for model in fitted)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
