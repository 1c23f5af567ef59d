"""`ActiveLearner` against plain lists, and `simulate_labelling` against a loop by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from likewise.errors import (
    DuplicateId,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    NotFitted,
    UnknownArgument,
)
from likewise.kernels import RBF
from likewise.learn import ActiveLearner, LabellingCurves, simulate_labelling, suggest

X = np.random.default_rng(0).normal(size=(30, 2))
Y = X[:, 0] - 2 * X[:, 1]


class Counts(BaseEstimator):
    """Counts fits, and remembers what it was fitted on."""

    fits = 0

    def fit(self, X, y):
        assert not hasattr(self, "seen"), "a model that was fitted before"
        type(self).fits += 1
        self.seen = X.copy(), np.copy(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=6))
@settings(max_examples=12, deadline=None)
def test_any_history_is_that_of_two_lists(history):
    learner, ids, labels = ActiveLearner(X, Ridge()), [], []
    for count, asked in history:
        pool = [i for i in range(30) if i not in ids]
        if count > len(pool):
            with pytest.raises(InvalidArgument):
                learner.ask(count)
            continue
        told = learner.ask(count).tolist() if asked else pool[-count:]
        assert set(told) <= set(pool)
        assert learner.ask(count).tolist() == learner.ask(count).tolist()
        learner.tell(told, Y[told])
        ids, labels = ids + told, labels + Y[told].tolist()
        assert learner.labelled.tolist() == ids
        assert learner.y.tolist() == labels
        assert learner.pool.tolist() == [i for i in range(30) if i not in ids]
        plain = Ridge().fit(X[ids], labels)
        np.testing.assert_allclose(learner.model.predict(X), plain.predict(X))


def test_the_model_is_made_anew_once_a_round_and_only_when_needed():
    Counts.fits, template = 0, Counts()
    learner = ActiveLearner(X, template)
    learner.tell([3, 1], [1.0, 2.0])
    learner.ask(2)
    assert Counts.fits == 0, "rows need no model"
    first = learner.model
    assert learner.model is first
    assert np.array_equal(first.seen[0], X[[3, 1]])
    learner.tell([0], [5.0])
    assert learner.model.seen[1].tolist() == [1.0, 2.0, 5.0]
    assert Counts.fits == 2
    assert not hasattr(template, "seen")


def test_ask_is_suggest_on_features_of_the_pool_and_the_labelled():
    kernel = RBF(length=0.5)
    learner = ActiveLearner(
        X, Ridge(), features=kernel, transform="posterior", selection="max_diag"
    )
    learner.tell([4, 9, 2], Y[[4, 9, 2]])
    phi = kernel.features(512, 0)
    pool = learner.pool
    expected = suggest(
        phi(X[pool]),
        5,
        features_labelled=phi(X[[4, 9, 2]]),
        transform="posterior",
        selection="max_diag",
    )
    assert np.array_equal(learner.ask(5), pool[expected])


def test_features_of_the_fitted_model():
    def distance(model, rows):
        return np.abs(model.predict(rows))[:, None]

    learner = ActiveLearner(X, Ridge(), features=distance, selection="max_diag", mode="p")
    first = learner.ask(4)
    assert len(set(first.tolist())) == 4, "before the first label it is chance"
    learner.tell(first, Y[first])
    pool = learner.pool
    order = np.argsort(-np.abs(learner.model.predict(X[pool])), kind="stable")
    assert learner.ask(3).tolist() == pool[order[:3]].tolist()


def test_uncertainty_by_the_model():
    y = np.where(Y > 0, "plus", "minus")
    learner = ActiveLearner(X, LogisticRegression(), selection="margin")
    ids = [int(np.argmax(Y)), int(np.argmin(Y))]
    learner.tell(ids, y[ids])
    pool = learner.pool
    p = learner.model.predict_proba(X[pool])
    assert learner.ask(1)[0] == pool[np.argmin(np.abs(p[:, 0] - p[:, 1]))]
    assert learner.y.tolist() == ["plus", "minus"]


class OneClass(Counts):
    """What a model of one class would say."""

    def predict_proba(self, X):
        return np.ones((len(X), 1))


def test_uncertainty_where_only_one_class_was_seen():
    learner = ActiveLearner(X, OneClass(), selection="entropy")
    learner.tell([0, 1], ["a", "a"])
    with pytest.raises(InvalidArgument, match="one class only"):
        learner.ask(1)


def test_an_empty_pool_and_copies_of_labelled_rows():
    rows = np.ones((4, 2))
    for how in ({}, {"selection": "random"}, {"selection": "margin"}):
        learner = ActiveLearner(rows, LogisticRegression(), **how)
        learner.tell([0, 1], ["a", "b"])
        assert sorted(learner.ask(2).tolist()) == [2, 3]
        learner.tell([2, 3], ["a", "b"])
        with pytest.raises(InvalidArgument, match=r"empty|0 rows"):
            learner.ask(1)


def test_rounds_and_seeds_are_drawn_apart():
    learner = ActiveLearner(X, Ridge(), selection="random")
    first = learner.ask(10)
    other = ActiveLearner(X, Ridge(), selection="random", random_state=1).ask(10)
    assert not np.array_equal(first, other)
    later = ActiveLearner(np.concatenate([X, X[:1]]), Ridge(), selection="random")
    later.tell([30], [0.0])
    assert len(later.pool) == len(learner.pool)
    assert not np.array_equal(first, later.ask(10))


def test_a_selection_of_ones_own_that_has_no_hash():
    class Last:
        __hash__ = None

        def __call__(self, candidates, n):
            return np.arange(candidates.count)[-n:]

    learner = ActiveLearner(X, Ridge(), selection=Last())
    assert learner.ask(2).tolist() == [28, 29]


def test_pictures_with_features_of_ones_own():
    pictures = np.random.default_rng(0).normal(size=(9, 4, 4))
    flat = lambda model, rows: rows.reshape(len(rows), -1)  # noqa: E731
    learner = ActiveLearner(pictures, Counts(), features=flat, selection="k_center")
    learner.tell([0], [1.0])
    assert len(learner.ask(3)) == 3


def told(ids, y):
    learner = ActiveLearner(X, Ridge())
    learner.tell([5], [1.0])
    try:
        learner.tell(ids, y)
    finally:
        assert learner.labelled.tolist() == [5], "all are taken, or none"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: told([5], [2.0]), DuplicateId, "row 5 is labelled already"),
        (lambda: told([3, 3], [2.0, 2.0]), DuplicateId, "row 3"),
        (lambda: told([1, 30], [2.0, 2.0]), InvalidArgument, "rows 0 to 29"),
        (lambda: told([-1], [2.0]), InvalidArgument, "id -1"),
        (lambda: told([1.0], [2.0]), InvalidType, "integers"),
        (lambda: told(3, [2.0]), InvalidType, "ids"),
        (lambda: told([1, 2], [2.0]), InvalidArgument, "2 ids came with 1 labels"),
        (lambda: told([1], [np.nan]), InvalidArgument, "label 0 is missing"),
        (lambda: told([1], [None]), InvalidArgument, "label 0 is missing"),
        (lambda: told([1], 2.0), InvalidType, "list"),
        (lambda: told([1], ["a"]), InvalidType, "labels of one kind"),
        (lambda: told([1, 2], ["a", np.nan]), InvalidArgument, "label 1 is missing"),
        (lambda: ActiveLearner(X, Ridge()).model, NotFitted, "no row is labelled"),
        (lambda: ActiveLearner(X[:0], Ridge()), InvalidArgument, "empty"),
        (lambda: ActiveLearner(X * np.nan, Ridge()), InvalidVector, "NaN"),
        (lambda: ActiveLearner(X, "ridge"), InvalidType, "fit and predict"),
        (lambda: ActiveLearner(X, Ridge(), selection="margin"), InvalidType, "predict_proba"),
        (lambda: ActiveLearner(X, Ridge(), selection="best"), InvalidArgument, "lcmd"),
        (lambda: ActiveLearner(X, Ridge(), transform="pca"), InvalidArgument, "posterior"),
        (
            lambda: ActiveLearner(X, Ridge(), selection="random", transform="scale"),
            InvalidArgument,
            "leave transform out",
        ),
        (lambda: ActiveLearner(X, Ridge(), features="pixels"), InvalidArgument, "gradients"),
        (lambda: ActiveLearner(X, Ridge(), mode="q").ask(1), InvalidArgument, "mode"),
        (lambda: ActiveLearner(X, Ridge(), random_state=-1), InvalidArgument, "random_state"),
        (lambda: ActiveLearner(X, Ridge(), kernel=3), UnknownArgument, "kernel"),
        (lambda: ActiveLearner(X, Ridge()).ask(31), InvalidArgument, "30 rows"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()


# -- simulation -----------------------------------------------------------------------------

HOW = {"initial": 4, "batch": 3, "rounds": 3, "test": 0.3}


def test_simulation_is_the_loop_by_hand():
    found = simulate_labelling(X, Y, KNeighborsRegressor(1), selection="k_center", seeds=[7], **HOW)
    order = np.random.default_rng([7, 236]).permutation(30)
    test, rest = order[:9], order[9:]
    ids, expected = list(rest[:4]), []
    for step in range(4):
        if step:
            pool = [i for i in rest if i not in ids]
            chosen = suggest(X[np.sort(pool)], 3, features_labelled=X[ids], selection="k_center")
            # The learner's pool is in the order of `rest`; distances have no ties here.
            ids += [np.sort(pool)[i] for i in chosen]
        predicted = KNeighborsRegressor(1).fit(X[ids], Y[ids]).predict(X[test])
        expected.append(np.sqrt(((predicted - Y[test]) ** 2).mean()))
    assert found.labelled.tolist() == [4, 7, 10, 13]
    np.testing.assert_allclose(found.errors, [expected])


def test_selections_are_compared_on_the_same_splits_starts_and_models():
    tree = DecisionTreeRegressor(max_features=1)  # which has a random_state
    one = simulate_labelling(X, Y, tree, selection="random", seeds=[0, 1], **HOW)
    two = simulate_labelling(X, Y, tree, selection="lcmd", seeds=[0, 1], **HOW)
    assert np.array_equal(one.errors[:, 0], two.errors[:, 0])
    assert not np.array_equal(one.errors, two.errors)
    assert one.errors[0, 0] != one.errors[1, 0]
    again = simulate_labelling(X, Y, tree, selection="random", seeds=[1], **HOW)
    assert np.array_equal(again.errors[0], one.errors[1])


def test_area_by_hand():
    curves = LabellingCurves(np.array([10, 20, 30]), np.array([[4.0, 2.0, 1.0]]), (0,))
    assert curves.area().tolist() == [(3.0 + 1.5) / 2]
    logs = np.log([4.0, 2.0, 1.0])
    assert curves.area(log=True)[0] == pytest.approx((logs[0] / 2 + logs[1] + logs[2] / 2) / 2)
    assert curves.mean().tolist() == [4.0, 2.0, 1.0]
    assert LabellingCurves(np.array([5]), np.array([[3.0], [4.0]]), (0, 1)).area().tolist() == [
        3,
        4,
    ]
    with pytest.raises(InvalidArgument, match="log=False"):
        LabellingCurves(np.array([1, 2]), np.array([[1.0, 0.0]]), (0,)).area(log=True)


def test_an_error_of_ones_own_and_of_classes():
    y = np.where(Y > 0, "plus", "minus")
    options = {"selection": "entropy", "seeds": [0], "initial": 8, "batch": 3, "rounds": 2}
    found = simulate_labelling(X, y, LogisticRegression(), error="error_rate", **options)
    own = simulate_labelling(
        X, y, LogisticRegression(), error=lambda y, f: 1 - (y == f).mean(), **options
    )
    np.testing.assert_allclose(found.errors, own.errors)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"initial": 22}, InvalidArgument, "at most 0 rounds"),
        ({"rounds": 9}, InvalidArgument, "more than the 21 rows"),
        ({"rounds": -1}, InvalidArgument, "rounds"),
        ({"batch": 0}, InvalidArgument, "batch"),
        ({"test": 0.0}, InvalidArgument, "leaves none"),
        ({"test": 1.0}, InvalidArgument, "leaves none"),
        ({"error": "mse"}, InvalidArgument, "rmse"),
        ({"error": 3}, InvalidType, "a name or a function"),
        ({"seeds": []}, InvalidArgument, "seeds is empty"),
        ({"seeds": [-1]}, InvalidArgument, "seeds"),
        ({"n_rounds": 3}, UnknownArgument, "rounds"),
    ],
)
def test_impossible_simulations(options, error, words):
    with pytest.raises(error, match=words):
        simulate_labelling(X, Y, Ridge(), **{**HOW, **options})


def test_another_number_of_labels():
    with pytest.raises(InvalidArgument, match="30 rows"):
        simulate_labelling(X, Y[:-1], Ridge(), **HOW)
