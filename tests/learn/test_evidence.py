from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from likewise.errors import InvalidArgument
from likewise.index import Exact
from likewise.kernels import RBF
from likewise.learn import NeighborsClassifier, NeighborsRegressor
from likewise.learn.evidence import influence_on_average, influence_on_shares
from likewise.learn.flipping import smallest_flip
from tests.learn.lists import vote
from tests.learn.test_neighbors import WEIGHTS


def smallest_by_trying(X, y, query, k, weights, temperature):
    """Every set of rows in order of size: the size of the first that flips, or None."""
    first = vote(X, y, query, k, weights, temperature)[0]
    for size in range(1, len(X)):
        for gone in combinations(range(len(X)), size):
            left = np.delete(np.arange(len(X)), gone)
            if vote(X[left], y[left], query, k, weights, temperature)[0] != first:
                return size
    return None


NAMED = {"ids": lambda w: getattr(w, "__name__", str(w))}


@pytest.mark.parametrize("weights", [*WEIGHTS, RBF(length=0.02)], **NAMED)
def test_no_smaller_set_flips_the_answer(weights):
    rng = np.random.default_rng(0)
    for draw in range(24):
        X = rng.integers(0, 4, size=(8, 1)) * 0.75
        if isinstance(weights, RBF):  # whose matrix rounds equal entries as it likes: no ties
            X = rng.normal(size=(8, 1)).astype(np.float32)
        y = rng.integers(3 if draw % 2 else 2, size=8)
        query, k = rng.integers(0, 4, size=1) * 0.75 * (1 if draw % 3 else 2), 1 + draw % 8
        temperature = 0.5 if weights == "softmax" else None
        model = NeighborsClassifier(k=k, weights=weights, temperature=temperature).fit(X, y)
        (answer,) = model.explain(query[None])
        size = smallest_by_trying(X, y, query, k, weights, temperature or 1.0)
        flip = answer.evidence.flip
        assert (flip is None) == (size is None)
        if flip is None:
            assert answer.evidence.withstands == 8
            continue
        assert len(flip.ids) == size == answer.evidence.withstands + 1
        assert model.forget(flip.ids) == size
        assert model.predict(query[None])[0] == flip.value != answer.value


def test_of_a_list_that_ends_it_is_said_what_it_withstands():
    labels = [0, 0, 0, 0, 0, 1, 1]
    distances = np.arange(1.0, 8.0)
    whole = smallest_flip(labels, distances, 2)
    assert whole.places.tolist() == [0, 1, 2, 3, 4]
    assert whole.winner == 1
    for end in range(3, 7):
        found = smallest_flip(labels[:end], distances[:end], 2)
        assert found == (None, None, end - 2)
    assert smallest_flip(labels[:3], distances[:3], 2, everything=True) == (None, None, 3)
    assert smallest_flip(labels[:2], distances[:2], 3) == (None, None, 0)


def test_the_depth_limits_what_is_looked_at():
    X, y = np.arange(40.0)[:, None], np.repeat(["a", "b"], 20)
    model = NeighborsClassifier(k=3).fit(X, y)
    (deep,) = model.explain([[0.0]])
    assert deep.evidence.flip.ids.tolist() == list(range(19))
    assert deep.evidence.withstands == 18
    (short,) = model.explain([[0.0]], depth=10)
    assert short.evidence.flip is None
    assert short.evidence.withstands == 10
    assert model.explain([[0.0]], depth=0)[0].evidence.withstands == 0
    with pytest.raises(InvalidArgument, match="depth must be at least 0"):
        model.explain([[0.0]], depth=-1)


def test_answers_are_those_of_predict_and_made_of_their_evidence():
    rng = np.random.default_rng(1)
    X, Q = rng.normal(size=(80, 3)), rng.normal(size=(10, 3))
    y = rng.choice(["x", "yy", "z"], 80)
    model = NeighborsClassifier(k=7, weights=RBF(length=0.5)).fit(X, y)
    labels, probabilities = model.predict_both(Q)
    for answer, label, parts in zip(model.explain(Q), labels, probabilities, strict=True):
        evidence = answer.evidence
        assert answer.value == label
        assert type(answer.value) is str
        assert answer.probability == parts.max()
        assert evidence.weights.sum() == pytest.approx(1)
        assert evidence.weights[evidence.labels == label].sum() == pytest.approx(parts.max())
        assert np.array_equal(y[evidence.ids], evidence.labels)
        assert (np.diff(evidence.distances) >= 0).all()


class Hasty(Exact):
    """Sees every other row alone, unless it is asked for many: a very approximate index."""

    def search(self, Q, k=10, **options):
        return super().search(Q, k, where=range(0, len(self), 2) if k <= 5 else None, **options)


def test_an_approximate_index_explains_the_answer_that_it_gave():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(300, 4)), rng.integers(3, size=300)
    model = NeighborsClassifier(Hasty("euclidean"), k=5).fit(X, y)
    answers = model.explain(X[:40] + 0.1)
    assert [answer.value for answer in answers] == model.predict(X[:40] + 0.1).tolist()
    for answer in answers:
        assert (answer.evidence.ids % 2 == 0).all()
        flip = answer.evidence.flip
        assert len(np.unique(flip.ids)) == answer.evidence.withstands + 1


@pytest.mark.parametrize("weights", ["softmax", RBF(length=0.8)], ids=str)
def test_influence_is_that_of_a_model_fitted_without_the_row(weights):
    """Over all rows nobody moves up, and the closed form is the whole truth."""
    rng = np.random.default_rng(3)
    X, Q, y = rng.normal(size=(12, 2)), rng.normal(size=(4, 2)), rng.integers(2, size=12)
    model = NeighborsClassifier(k=None, weights=weights).fit(X, y)
    for query, answer in zip(Q, model.explain(Q), strict=True):
        among = list(model.classes_).index(answer.value)
        for id_, influence in zip(answer.evidence.ids, answer.evidence.influence, strict=True):
            others = np.delete(np.arange(12), id_)
            without = NeighborsClassifier(k=None, weights=weights).fit(X[others], y[others])
            p = without.predict_proba(query[None])[0, among]
            assert influence == pytest.approx(np.log(answer.probability) - np.log(p))


def test_influence_is_the_closed_form_of_the_paper():
    rng = np.random.default_rng(4)
    weights = rng.random((5, 6))
    weights /= weights.sum(axis=1, keepdims=True)
    agrees = rng.random((5, 6)) < 0.5
    agrees[:, :2] = True
    p = np.where(agrees, weights, 0).sum(axis=1, keepdims=True)
    without = (p - weights * agrees) / (1 - weights)
    np.testing.assert_allclose(influence_on_shares(weights, agrees), np.log(p / without))


def test_influence_at_its_ends_is_never_nan():
    assert influence_on_shares([1.0], [True]).tolist() == [np.inf]
    assert influence_on_shares([1.0, 1.0], [True, False]).tolist() == [np.inf, -np.log(2)]
    assert influence_on_shares([1.0, 0.0], [True, False]).tolist() == [np.inf, 0.0]
    assert influence_on_shares([1.0, 0.0], [False, True]).tolist() == [0.0, 0.0]
    assert influence_on_shares([1.0, 2.0], [False, False]).tolist() == [0.0, 0.0]
    # One neighbour with nearly all weight: 1 - w would be 0.
    tiny = influence_on_shares([1.0, 1e-30, 2e-30], [True, True, False])
    np.testing.assert_allclose(tiny[0], np.log(3))
    assert influence_on_average([2.0], [[5.0]]).tolist() == [[0.0]]


def test_what_a_neighbour_adds_to_a_number():
    rng = np.random.default_rng(5)
    X, Y = rng.normal(size=(20, 2)), rng.normal(size=(20, 2))
    single = NeighborsRegressor(k=4, weights="distance").fit(X, Y[:, 0])
    double = NeighborsRegressor(k=4, weights="distance").fit(X, Y)
    one, two = single.explain(X + 0.1), double.explain(X + 0.1)
    assert [a.value for a in one] == single.predict(X + 0.1).tolist()
    assert np.array_equal([a.value for a in two], double.predict(X + 0.1))
    for answer, both in zip(one, two, strict=True):
        evidence = answer.evidence
        for i in range(4):
            left = np.delete(np.arange(4), i)
            rest = np.average(Y[evidence.ids[left], 0], weights=evidence.weights[left])
            assert evidence.influence[i] == pytest.approx(answer.value - rest)
        np.testing.assert_allclose(both.evidence.influence[:, 0], evidence.influence)
        assert answer.probability is None
        assert evidence.flip is None
