"""RanPAC: ridge by its plain formula, features of a row alone, any history to the last bit."""

import numpy as np
import pytest

from likewise.errors import InvalidArgument
from likewise.learn import RanPAC
from likewise.learn._unit import unit
from likewise.testing.estimator import EstimatorConformance
from tests.learn.means._histories import history, rows

X, y = rows()
Q = rows(9)[0]


class TestRanPAC(EstimatorConformance):
    def make(self, **options):
        return RanPAC(**{"n_features": 200, **options})


def plain(model):
    """Ridge on the features, as the formula says, with W as it is drawn."""
    W = np.random.default_rng([0, 5]).standard_normal((5, model.n_features))
    H, asked = (np.maximum(unit(rows) @ np.rint(W * 256) / 256, 0) for rows in (X, Q))
    G = H.T @ H
    strength = model.ridge * np.trace(G) / len(G)
    C = H.T @ (y[:, None] == model.classes_)
    return asked @ np.linalg.solve(G + strength * np.eye(len(G)), C)


def test_ridge_by_the_plain_formula():
    model = RanPAC(80, ridge=0.05).fit(X, y)
    np.testing.assert_allclose(model.decision_function(Q), plain(model), atol=1e-4)
    assert (model.predict(Q) == model.classes_[np.argmax(plain(model), axis=1)]).all()


def test_the_features_of_a_row_do_not_depend_on_others():
    model = RanPAC(50).fit(X, y)
    alone = np.vstack([model._prepared(row[None]) for row in X])
    assert np.array_equal(alone, model._prepared(X))
    assert np.array_equal(alone, model._prepared(np.asfortranarray(X)))
    assert (alone.max(axis=1) < 1).all()
    assert np.array_equal(unit(X)[7:8], unit(X[7:8]))


def test_any_history_gives_the_same_bits():
    whole = RanPAC(60).fit(X, y)
    for seed in (1, 2):
        other = history(RanPAC(60), X, y, seed)
        assert other.weights_.tobytes() == whole.weights_.tobytes()
        assert other.classes_.tolist() == whole.classes_.tolist()


def test_two_classes_and_zeros():
    model = RanPAC(60).fit(X, y == "ash")
    assert model.decision_function(Q).shape == (60,)
    assert ((model.decision_function(Q) > 0) == model.predict(Q)).all()
    assert RanPAC(5).fit(np.zeros((2, 3)), [1, 0]).predict([[1.0, 0.0, 0.0]]).tolist() == [0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_features": 0}, "n_features must be at least 1"),
        ({"ridge": 0.0}, "ridge must be positive"),
        ({"random_state": -1}, "random_state must be at least 0"),
    ],
    ids=str,
)
def test_impossible_arguments(options, words):
    with pytest.raises(InvalidArgument, match=words):
        RanPAC(**options).fit(X, y)
