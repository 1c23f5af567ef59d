"""NearestMean: scikit-learn's values, any history to the last bit, and what it refuses."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestCentroid

from likewise.errors import InvalidArgument, InvalidType, InvalidVector, NotFitted
from likewise.learn import NearestMean
from likewise.testing.estimator import EstimatorConformance
from tests.learn.means._histories import check_any_history, rows

X, y = rows()
Q = rows(9)[0]


class TestNearestMean(EstimatorConformance):
    def make(self, **options):
        return NearestMean(**options)


@pytest.mark.parametrize("shrinkage", [None, 0.0, 0.4, 3.0, 1e6])
def test_equals_scikit_learn(shrinkage):
    ours = NearestMean(shrinkage=shrinkage).fit(X, y)
    theirs = NearestCentroid(shrink_threshold=shrinkage or None).fit(X, y)
    np.testing.assert_allclose(ours.means_, theirs.centroids_, atol=1e-12 * np.abs(X).max())
    assert ours.predict(Q).tolist() == theirs.predict(Q).tolist()
    np.testing.assert_allclose(ours.distances(Q), cdist(Q, theirs.centroids_))


def test_probabilities_by_the_formula():
    model = NearestMean().fit(X, y)
    means = np.array([X[y == c].mean(axis=0) for c in model.classes_])
    within = sum(((X[y == c] - m) ** 2).sum() for c, m in zip(model.classes_, means, strict=True))
    assert model.temperature_ == pytest.approx(within / (5 * (len(X) - 4)))
    p = np.exp(-(cdist(Q, means) ** 2) / (2 * model.temperature_))
    np.testing.assert_allclose(model.predict_proba(Q), p / p.sum(axis=1, keepdims=True))
    cold = NearestMean(temperature=3.0).fit(X, y).predict_proba(Q)
    p = np.exp(-(cdist(Q, means) ** 2 - cdist(Q, means).min(axis=1)[:, None] ** 2) / 6)
    np.testing.assert_allclose(cold, p / p.sum(axis=1, keepdims=True))


def test_cosine_normalises_before_and_after():
    model = NearestMean("cosine").fit(X, y)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    means = np.array([unit[y == c].mean(axis=0) for c in model.classes_])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(model.means_, means)
    np.testing.assert_allclose(model.distances(Q), cdist(Q, means, "cosine"), atol=1e-12)
    assert np.array_equal(model.predict(Q * 1e-200), model.predict(Q))


def test_opposite_rows_have_no_direction():
    model = NearestMean("cosine").fit([[1.0, 0.0], [-1.0, 0.0], [1.0, 1.0]], [0, 0, 1])
    assert model.distances([[3.0, 3.0], [-2.0, 0.0]])[:, 0].tolist() == [1.0, 1.0]
    assert model.predict([[-1.0, -1.0], [1.0, 1.0]]).tolist() == [0, 1]


@pytest.mark.parametrize("options", [{}, {"metric": "cosine"}, {"shrinkage": 0.3}], ids=str)
def test_any_history_gives_the_same_bits(options):
    check_any_history(lambda: NearestMean(**options))


def test_equals_go_to_the_smaller_label_and_one_row_is_enough():
    assert NearestMean().fit([[0.0], [2.0]], [7, 3]).predict([[1.0]]).tolist() == [3]
    one = NearestMean().fit([[1.0, 2.0]], ["only"])
    assert one.predict_proba([[5.0, 5.0]]).tolist() == [[1.0]]


def test_a_class_whose_last_row_goes_is_gone():
    model = NearestMean().fit(X, y)
    model.forget(X[y == "birch"], y[y == "birch"])
    assert model.classes_.tolist() == ["ash", "cedar", "date"]
    model.forget(X[y != "birch"], y[y != "birch"])
    with pytest.raises(NotFitted, match="all rows were forgotten"):
        model.predict(X)
    assert model.partial_fit(X, y).means_.tobytes() == NearestMean().fit(X, y).means_.tobytes()


def test_a_batch_may_have_as_many_classes_as_rows():
    model = NearestMean().partial_fit(np.eye(40), np.arange(40))
    assert model.predict(np.eye(40)).tolist() == list(range(40))


def test_what_was_never_learnt_is_not_forgotten():
    model = NearestMean().fit(X, y)
    before = model.means_.tobytes()
    ash = y == "ash"
    with pytest.raises(InvalidArgument, match="0 were learnt"):
        model.forget(X[:1], ["yew"])
    with pytest.raises(InvalidArgument, match="rows of class 'ash' are to be forgotten"):
        model.forget(np.vstack([X[ash], X[ash]]), np.append(y[ash], y[ash]))
    with pytest.raises(InvalidArgument, match="never learnt"):
        model.forget(X[ash] + 1e-9, y[ash])
    with pytest.raises(InvalidArgument, match="never learnt"):
        model.forget(X[ash][:1] + 1e9, y[ash][:1])
    assert model.means_.tobytes() == before
    assert model.counts_.sum() == len(X)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metric": "manhattan"}, 'metric must be "euclidean" or "cosine"'),
        ({"shrinkage": -1.0}, "shrinkage must be at least 0"),
        ({"temperature": 0.0}, "temperature must be positive"),
    ],
    ids=str,
)
def test_impossible_arguments(options, words):
    with pytest.raises(InvalidArgument, match=words):
        NearestMean(**options).fit(X, y)


def test_what_is_summed_cannot_be_changed_between():
    model = NearestMean().fit(X, y).set_params(metric="cosine")
    for ask in (model.predict, lambda Z: model.forget(Z, y), lambda Z: model.partial_fit(Z, y)):
        with pytest.raises(InvalidArgument, match="metric was 'euclidean' when rows were learnt"):
            ask(X)
    assert (
        model.fit(X, y).predict(X).tolist() == NearestMean("cosine").fit(X, y).predict(X).tolist()
    )
    shrunk = NearestMean().fit(X, y).set_params(shrinkage=0.5)
    assert shrunk.means_.tobytes() == NearestMean(shrinkage=0.5).fit(X, y).means_.tobytes()


def test_bad_labels_and_rows():
    with pytest.raises(InvalidVector, match="row 1 is zero"):
        NearestMean("cosine").fit([[1.0], [0.0]], [0, 1])
    with pytest.raises(InvalidArgument, match="more rows than classes; there are 2 rows of 2"):
        NearestMean(shrinkage=1.0).fit([[1.0], [0.0]], [0, 1]).predict([[1.0]])
    with pytest.raises(InvalidArgument, match="label 'yew' is not among classes"):
        NearestMean().partial_fit(X[:1], ["yew"], classes=["ash", "elm"])
    with pytest.raises(InvalidType, match="the known ones hold a string, the new ones a number"):
        NearestMean().fit(X, y).partial_fit(X[:1], [3])
    with pytest.raises(InvalidArgument, match="the label of row 1 is missing"):
        NearestMean().fit(X[:2], [1.0, np.nan])
    with pytest.raises(InvalidType, match="row 0 holds a number, row 1 a str"):
        NearestMean().fit(X[:2], np.array([1, "a"], dtype=object))
    with pytest.raises(NotFitted, match="call fit"):
        NearestMean().forget(X, y)
    with pytest.raises(InvalidArgument, match="beyond float64"):
        NearestMean().fit([[1e300], [-1e300]], [0, 0]).predict([[1.0]])
