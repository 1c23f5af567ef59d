"""Calibrated classifiers: left out by loops, better kept, silent where unsure; and refusals."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression

from likewise.errors import InvalidArgument, InvalidType, NotFitted
from likewise.index import Exact
from likewise.learn import CalibratedClassifier, expected_calibration_error, log_loss
from likewise.learn._left_out import class_folds, left_out, probabilities_for
from likewise.learn._without import NeighborMean, NeighborVote
from likewise.testing.estimator import EstimatorConformance


class TestVote(EstimatorConformance):
    def make(self, **options):
        return CalibratedClassifier(**options)


class TestByFolds(EstimatorConformance):
    def make(self, **options):
        return CalibratedClassifier(method="isotonic", folds=2, **options)


def clouds(n=600, seed=0, classes=3):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    X = rng.normal(size=(n, 4)) + 1.6 * np.eye(4)[y]
    return X, np.array(["red", "green", "blue", "white"])[y]


X, y = clouds()
Q, truth = clouds(2_000, seed=1)


@pytest.mark.parametrize("k", [1, 4, 100])
def test_the_default_vote_and_mean_against_loops(k):
    few, numbers = X[:30], np.arange(30.0) ** 2
    vote = NeighborVote(k, index=Exact("euclidean")).fit(few, y[:30])
    mean = NeighborMean(k).fit(few, numbers)

    def plain(query, kept):
        """Neighbours among the rows ``kept``."""
        distance = ((few[kept] - query) ** 2).sum(axis=1)
        return np.array(kept)[np.argsort(distance, kind="stable")[:k]]

    def answers(query, kept):
        near = plain(query, kept)
        share = [np.mean(y[near] == label) for label in vote.classes_]
        return share, numbers[near].mean(), numbers[near].std()

    everyone = list(range(30))
    left = [answers(few[i], everyone[:i] + everyone[i + 1 :]) for i in everyone]
    np.testing.assert_allclose(vote.leave_one_out_proba(), [a[0] for a in left])
    np.testing.assert_allclose(mean.leave_one_out_means()[0], [a[1] for a in left])
    np.testing.assert_allclose(mean.leave_one_out_means()[1], [a[2] for a in left])
    ids, shares = vote.without_each_proba(Q[:5])
    same, means, deviations = mean.without_each_means(Q[:5])
    assert ids.shape == (5, min(k, 30))
    for i in range(5):
        assert ids[i].tolist() == same[i].tolist() == plain(Q[i], everyone).tolist()
        for j, gone in enumerate(ids[i]):
            expected = answers(Q[i], [row for row in everyone if row != gone])
            np.testing.assert_allclose(shares[i, j], expected[0])
            np.testing.assert_allclose([means[i, j], deviations[i, j]], expected[1:])
    np.testing.assert_allclose(vote.predict_proba(Q[:5])[0], answers(Q[0], everyone)[0])
    np.testing.assert_allclose(
        mean.predict(Q[:5], return_std=True)[1][0], answers(Q[0], everyone)[2]
    )


def test_without_each_needs_a_row_to_leave_out():
    with pytest.raises(InvalidArgument, match="two rows"):
        NeighborMean(2).fit([[0.0]], [1.0]).without_each_means([[0.0]])


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
@pytest.mark.parametrize(
    "estimator",
    [None, NeighborVote(3, index=Exact("manhattan")), LogisticRegression(C=1e6)],
    ids=["vote", "manhattan", "linear"],
)
def test_probabilities_are_better_after_it(estimator, method):
    model = CalibratedClassifier(estimator, method).fit(X, y)
    raw = clone(NeighborVote() if estimator is None else estimator).fit(X, y).predict_proba(Q)
    found = model.predict_proba(Q)
    options = {"labels": truth, "classes": model.classes_}
    assert model.classes_.tolist() == ["blue", "green", "red"]
    assert expected_calibration_error(found, **options) < 0.06
    if not isinstance(estimator, LogisticRegression):
        assert log_loss(found, **options) < log_loss(raw, **options) - 0.1
        assert expected_calibration_error(found, **options) < expected_calibration_error(
            raw, **options
        )
    if method == "temperature":
        assert model.predict(Q).tolist() == model.classes_[raw.argmax(axis=1)].tolist()
    # The rows themselves, left out, are like new rows.
    own = log_loss(model.left_out_proba_, y, classes=model.classes_)
    assert own == pytest.approx(log_loss(found, **options), abs=0.1)


def test_folds_against_a_loop():
    places = np.unique(y, return_inverse=True)[1]
    rng = np.random.default_rng
    model, classes = LogisticRegression(), np.unique(y)
    fitted, found = left_out(model, X, places, classes, folds=3, rng=rng(5))
    parts = class_folds(places, 3, rng(5))
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(y)))
    for part in parts:
        assert abs(np.bincount(places[part]) - np.bincount(places) / 3).max() < 1
        rest = [i for i in range(len(y)) if i not in set(part.tolist())]
        expected = LogisticRegression().fit(X[rest], y[rest]).predict_proba(X[part])
        np.testing.assert_allclose(found[part], expected, atol=1e-8)
    np.testing.assert_array_equal(fitted.predict(Q), LogisticRegression().fit(X, y).predict(Q))
    # A vote is left out by folds too, where folds are asked for.
    by_folds = CalibratedClassifier(folds=2).fit(X, y)
    one_by_one = CalibratedClassifier().fit(X, y)
    assert by_folds.calibrator_ != one_by_one.calibrator_


def test_a_class_of_one_row_has_a_column_of_zeros_where_it_is_not_met():
    labels = np.array(["a"] * 5 + ["b"] * 5 + ["c"])
    rows = np.arange(11.0)[:, None]
    places = np.unique(labels, return_inverse=True)[1]
    found = left_out(
        LogisticRegression(), rows, places, np.unique(labels), folds=3, rng=np.random.default_rng(0)
    ).probabilities
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found[10, 2] == 0
    # Two rows, two classes: nothing to learn from one row alone.
    two = left_out(
        LogisticRegression(),
        rows[:2],
        places[[0, 5]],
        np.unique(labels),
        folds=2,
        rng=np.random.default_rng(0),
    ).probabilities
    assert sorted(two.argmax(axis=1).tolist()) == [0, 1]
    model = LogisticRegression().fit(rows[:10], labels[:10])
    assert probabilities_for(model, rows, np.unique(labels))[:, 2].tolist() == [0.0] * 11


def test_abstains_where_it_is_not_sure():
    model = CalibratedClassifier().fit(X, y)
    sure = model.predict_proba(Q).max(axis=1)
    for cost in (0.2, 0.5):
        answers = model.predict_or_abstain(Q, cost=cost)
        assert [a is None for a in answers] == (sure < 1 - cost).tolist()
        given = sure >= 1 - cost
        assert answers[given].tolist() == model.predict(Q)[given].tolist()
    plain = np.mean(model.predict(Q) != truth)
    answers = model.predict_or_abstain(Q, error=0.2)
    given = np.array([a is not None for a in answers])
    assert np.mean(answers[given] != truth[given]) <= 0.2 < plain
    assert 0.2 < given.mean() < 0.9
    assert type(answers[given][0]) is str


def test_abstention_asks_one_question():
    model = CalibratedClassifier().fit(X, y)
    for options in ({}, {"error": 0.1, "cost": 0.1}):
        with pytest.raises(InvalidArgument, match="one of them"):
            model.predict_or_abstain(Q, **options)
    with pytest.raises(InvalidArgument, match="belongs to error="):
        model.predict_or_abstain(Q, cost=0.1, certainty=0.9)
    with pytest.raises(InvalidArgument, match="cost must lie between"):
        model.predict_or_abstain(Q, cost=1)
    with pytest.raises(InvalidArgument, match="602 rows without an error are needed"):
        model.predict_or_abstain(Q, error=0.01)
    with pytest.raises(NotFitted, match="call fit first"):
        CalibratedClassifier().predict_or_abstain(Q, cost=0.1)


class Unsure(ClassifierMixin, BaseEstimator):
    """No probabilities."""


@pytest.mark.parametrize(
    ("estimator", "options", "labels", "error", "message"),
    [
        (Unsure(), {}, y, InvalidType, "classifier with predict_proba"),
        (LogisticRegression, {}, y, InvalidType, "classifier with predict_proba"),
        (None, {"method": "platt"}, y, InvalidArgument, "one of temperature, isotonic"),
        (None, {"folds": 1}, y, InvalidArgument, "folds must be at least 2"),
        (None, {}, ["a"] * len(X), InvalidArgument, "only one class, 'a'"),
        (None, {}, [None, *y[1:]], InvalidArgument, "row 0 is missing"),
        (None, {}, [3, *y[1:]], InvalidType, "labels of one kind"),
        (NeighborVote(0), {}, y, InvalidArgument, "k must be a positive integer"),
    ],
    ids=str,
)
def test_refusals(estimator, options, labels, error, message):
    with pytest.raises(error, match=message):
        CalibratedClassifier(estimator, **options).fit(
            X, np.array(labels, dtype=object) if isinstance(labels, list) else labels
        )
