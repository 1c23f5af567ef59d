from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from likewise.errors import InvalidArgument, InvalidType, UnknownArgument
from likewise.index import Graph
from likewise.learn import (
    NeighborsPropensityClassifier,
    PropensityClassifier,
    propensity_em,
    propensity_risk,
    propensity_weights,
)
from likewise.learn.propensity import least_risk
from likewise.testing.estimator import EstimatorConformance


class TestPropensityClassifier(EstimatorConformance):
    def make(self, **options):
        return PropensityClassifier(**{"n_init": 1, "tol": 1e-3} | options)


class TestNeighborsPropensityClassifier(EstimatorConformance):
    def make(self, **options):
        return NeighborsPropensityClassifier(**options)


def world(seed, rows=1000):
    """Rows, which are positive, how probably labelled (by the last two columns), and labels."""
    rng = np.random.default_rng(seed)
    positive = rng.random(rows) < 0.4
    X = rng.standard_normal((rows, 5))
    X[:, :3] += 1.2 * positive[:, None]
    e = 0.15 + 0.7 / (1 + np.exp(-3 * (X[:, 3] - X[:, 4])))
    return X, positive, e, positive & (rng.random(rows) < e)


# -- weights and risk ---------------------------------------------------------------


def test_the_weighted_risk_is_on_average_the_one_with_all_labels():
    rng = np.random.default_rng(0)
    f, e = rng.random(6), rng.uniform(0.1, 1.0, 6)
    positive = np.array([1, 0, 1, 1, 0, 0], dtype=bool)
    mean = 0.0
    for code in range(2**6):  # every way in which rows may come to be labelled
        labelled = (code >> np.arange(6) & 1).astype(bool)
        chance = np.prod(np.where(positive, np.where(labelled, e, 1 - e), ~labelled))
        if labelled.any() and chance:
            mean += chance * propensity_risk(f, labelled, e, nonnegative=False)
        elif chance:
            mean += chance * np.mean(-np.log1p(-f))
    assert mean == pytest.approx(np.mean(-np.log(np.where(positive, f, 1 - f))))


def test_small_propensities_are_raised_and_the_risk_of_negatives_is_cut_at_zero():
    assert propensity_weights([True, False], 0.001).positive.tolist() == [20.0, 0.0]
    assert propensity_weights([True, False], 0.001, least=0.01).positive[0] == 100.0
    f, labelled = [0.999, 0.001], [True, False]
    cut, whole = (propensity_risk(f, labelled, 0.1, nonnegative=n) for n in (True, False))
    assert whole < 0 < cut == pytest.approx(-np.log(0.999) * 10 / 2)


def test_the_fit_by_risk_is_the_one_that_a_minimiser_finds():
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.standard_normal(60), np.ones(60)])
    labelled = (X[:, 0] > 0.3) & (rng.random(60) < 0.8)

    for e in (0.8, 0.35):
        weights = propensity_weights(labelled, e)
        seen = {}

        def risks(b, weights):
            f = np.clip(1 / (1 + np.exp(-X @ b)), 1e-6, 1 - 1e-6)
            return np.mean(weights.positive * -np.log(f)), np.mean(weights.negative * -np.log1p(-f))

        def fit(given, seen=seen):
            def height(b):
                return sum(risks(b, given)) + 0.01 * b @ b

            seen["b"] = minimize(height, np.zeros(2), tol=1e-10).x
            return 1 / (1 + np.exp(-X @ seen["b"]))

        def cut(b, weights=weights):
            up, down = risks(b, weights)
            return up + max(0.0, down) + 0.01 * b @ b

        factor = least_risk(fit, weights)
        wanted = min(
            (minimize(cut, s, method="Nelder-Mead") for s in ([0, 0], [3, 0], seen["b"])),
            key=lambda m: m.fun,
        )
        assert (factor < 1) == (e == 0.35)
        assert cut(seen["b"]) == pytest.approx(wanted.fun, abs=1e-3)


# -- EM -----------------------------------------------------------------------------


def cells(rows, seed):
    """A world of cells, where both fits are means: one group for f, another for e."""
    rng = np.random.default_rng(seed)
    group, place = rng.integers(0, 3, rows), rng.integers(0, 2, rows)
    positive = rng.random(rows) < np.array([0.99, 0.5, 0.02])[group]
    return group, place, positive & (rng.random(rows) < np.array([0.3, 0.8])[place])


def means_by(group, values, weights):
    count = np.bincount(group, weights)
    return (np.bincount(group, weights * values) / count)[group]


def climb(group, place, labelled, rounds):
    return propensity_em(
        labelled,
        lambda q: means_by(group, q, np.ones(len(q))),
        lambda q: means_by(place, labelled.astype(float), q),
        np.full(len(labelled), 0.5),
        tol=0.0,
        max_iter=rounds,
    )


def test_em_round_by_round_is_the_plain_one():
    group, place, labelled = cells(300, 2)
    f, e = [0.5] * 300, [0.0] * 300
    q = [1.0 if s else 0.5 for s in labelled]
    for step in range(4):
        if step:
            q = [
                1.0 if s else f[i] * (1 - e[i]) / (1 - f[i] * e[i]) for i, s in enumerate(labelled)
            ]
            f = [np.mean([q[j] for j in range(300) if group[j] == group[i]]) for i in range(300)]
        e = []
        for i in range(300):
            those = [j for j in range(300) if place[j] == place[i]]
            e.append(sum(q[j] * labelled[j] for j in those) / sum(q[j] for j in those))
    found = climb(group, place, labelled, 3)
    np.testing.assert_allclose(found.propensity, e)
    likelihood = np.where(labelled, np.log(np.multiply(f, e)), np.log1p(-np.multiply(f, e)))
    assert found.log_likelihood == pytest.approx(likelihood.mean())
    assert found.rounds == 3
    assert not found.converged


def test_em_climbs_to_the_most_likely():
    group, place, labelled = cells(4_000, 3)
    heights = [climb(group, place, labelled, r).log_likelihood for r in (1, 2, 5, 20, 100, 2_000)]
    assert heights == sorted(heights)

    def unlikely(free):
        f, e = (1 / (1 + np.exp(-free[i:j])) for i, j in ((0, 3), (3, 5)))
        both = np.clip(f[group] * e[place], 1e-12, 1 - 1e-12)
        return -np.where(labelled, np.log(both), np.log1p(-both)).mean()

    best = min(minimize(unlikely, s).fun for s in np.random.default_rng(4).normal(size=(4, 5)))
    assert heights[-1] == pytest.approx(-best, abs=1e-5)


# -- the classifiers ----------------------------------------------------------------


def test_what_each_knowledge_of_the_propensity_is_worth():
    found = {}
    for seed in range(1):
        X, positive, e, labelled = world(seed)
        Q, truth, *_ = world(seed + 50)
        models = {
            "scar": PropensityClassifier(n_init=1).fit(X, labelled),
            "true": PropensityClassifier(propensity="known").fit(X, labelled, propensity=e),
            "em": PropensityClassifier(propensity="em", propensity_columns=[3, 4], n_init=1).fit(
                X, labelled
            ),
            "nn": NeighborsPropensityClassifier(propensity="known").fit(X, labelled, e),
            "nn risk": NeighborsPropensityClassifier(propensity="known", method="risk").fit(
                X, labelled, e
            ),
            "risk": PropensityClassifier(propensity="known", method="risk").fit(X, labelled, e),
            "naive": LogisticRegression().fit(X, labelled),
        }
        for name, model in models.items():
            found.setdefault(name, []).append(f1_score(truth, model.predict(Q)))
        em = models["em"]
        np.testing.assert_allclose(em.predict_propensity(X), em.propensity_)
        for name, error in (("scar", 0.35), ("em", 0.1)):
            assert np.abs(models[name].propensity_ - e)[positive].mean() < error
        assert em.prior_ == pytest.approx(0.4, abs=0.06)
        assert em.converged_
    mean = {name: np.mean(values) for name, values in found.items()}
    assert mean["true"] > mean["scar"] > mean["naive"] + 0.1
    assert min(mean[name] for name in ("em", "nn", "nn risk", "risk")) > mean["scar"] + 0.02
    assert abs(mean["em"] - mean["true"]) < 0.03


def test_a_constant_propensity_learnt_and_known():
    rng = np.random.default_rng(5)
    positive = rng.random(1_000) < 0.5
    X = rng.standard_normal((1_000, 2)) + 2.5 * positive[:, None]
    labelled = positive & (rng.random(1_000) < 0.25)
    learnt = PropensityClassifier(n_init=1).fit(X, labelled)
    assert learnt.propensity_[0] == pytest.approx(0.25, abs=0.05)
    assert np.array_equal(learnt.predict_propensity(X), learnt.propensity_)
    known = PropensityClassifier(propensity=0.25).fit(X, labelled)
    assert (known.predict(X) == learnt.predict(X)).mean() > 0.99
    assert known.prior_ == pytest.approx(0.5, abs=0.05)


def test_any_classifier_that_takes_weights():
    X, positive, e, labelled = world(6)
    model = PropensityClassifier(GaussianNB(), "known").fit(X, labelled, propensity=e)
    assert f1_score(positive, model.predict(X)) > f1_score(
        positive, GaussianNB().fit(X, labelled).predict(X)
    )
    assert isinstance(model.estimator_, GaussianNB)


def test_neighbours_by_risk_are_the_plain_sum():
    X, _, e, labelled = world(7, 80)
    model = NeighborsPropensityClassifier(k=9, propensity="known", method="risk")
    found = model.fit(X, labelled, e).predict_proba(X[:20])[:, 1]
    for row, got in zip(X[:20], found, strict=True):
        near = np.argsort(((X - row) ** 2).sum(axis=1))[:9]
        assert got == pytest.approx(min(1.0, sum(1 / e[i] for i in near if labelled[i]) / 9))


def test_neighbours_of_any_index_and_more_of_them_than_rows():
    X, _, _, labelled = world(8, 200)
    one = NeighborsPropensityClassifier(k=10).fit(X, labelled)
    two = NeighborsPropensityClassifier(Graph("euclidean"), k=10, recall=1.0).fit(X, labelled)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X))
    model = NeighborsPropensityClassifier(k=500, propensity=1.0).fit(X, labelled)
    np.testing.assert_allclose(model.predict_proba(X[:3])[:, 1], labelled.mean())


def test_the_positive_label_may_be_named_and_columns_too():
    X, _, _, labelled = world(9, 150)
    y = np.where(labelled, "spam", "unknown")
    model = PropensityClassifier(propensity=0.5, positive="spam").fit(X, y)
    plain = PropensityClassifier(propensity=0.5).fit(X, labelled)
    assert model.classes_.tolist() == ["unknown", "spam"]
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert np.array_equal(model.predict(X) == "spam", plain.predict(X))
    table = pd.DataFrame(X, columns=list("abcde"))
    options = {"propensity": "em", "n_init": 1}
    named = PropensityClassifier(propensity_columns=["d", "e"], **options).fit(table, labelled)
    placed = PropensityClassifier(propensity_columns=[3, 4], **options).fit(X, labelled)
    np.testing.assert_allclose(named.propensity_, placed.propensity_, rtol=1e-6)


class Strict(LogisticRegression):
    """Refuses negative weights, as many do."""

    def fit(self, X, y, sample_weight=None):
        if sample_weight.min() < 0:
            raise ValueError("no negative weights")
        return super().fit(X, y, sample_weight)


def test_a_classifier_that_refuses_negative_weights():
    X, _, _, labelled = world(11, 100)
    PropensityClassifier(Strict(), 0.5).fit(X, labelled)
    with pytest.raises(InvalidArgument, match=r"Strict.*no negative weights.*likelihood"):
        PropensityClassifier(Strict(), 0.5, method="risk").fit(X, labelled)


def test_em_that_is_cut_short_says_so():
    X, _, _, labelled = world(10, 200)
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        PropensityClassifier(max_iter=2, n_init=1).fit(X, labelled)


X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 0])
PC, NPC = PropensityClassifier, NeighborsPropensityClassifier


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: propensity_weights([1, 0], 0.5), InvalidArgument, "booleans"),
        (lambda: propensity_weights([True, True], 0.5), InvalidArgument, "all of 2"),
        (lambda: propensity_weights([False], 0.5), InvalidArgument, "none of 1"),
        (lambda: propensity_weights([True, False], 0.0), InvalidArgument, "row 0 is 0"),
        (lambda: propensity_weights([True, False], [1, np.nan]), InvalidArgument, "row 1 is nan"),
        (lambda: propensity_weights([True, False], [1.0]), InvalidArgument, "2 numbers"),
        (lambda: propensity_weights([True, False], "scar"), InvalidArgument, "row 0 is nan"),
        (lambda: propensity_weights([True, False], 1, least=0), InvalidArgument, "least"),
        (lambda: propensity_risk([2, 0], [True, False], 1), InvalidArgument, r"in \[0, 1\]"),
        (lambda: propensity_risk([1, 0], [True, False], 1, clip=1), UnknownArgument, "least"),
        (lambda: PC().fit(X, [1] * 6), InvalidArgument, "got 1 class: "),
        (lambda: PC().fit(X, [0, 1, 2] * 2), InvalidArgument, "got 3 classes"),
        (lambda: PC(positive=2).fit(X, Y), InvalidArgument, r"\[0, 1\]; got 2"),
        (lambda: PC(propensity="sar").fit(X, Y), InvalidArgument, '"known" or a number'),
        (lambda: PC(propensity=1.5).fit(X, Y), InvalidArgument, "is 1.5"),
        (lambda: PC(propensity="known").fit(X, Y), InvalidArgument, "one a row"),
        (lambda: PC(propensity="em").fit(X, Y), InvalidArgument, "needs propensity_columns"),
        (lambda: PC(propensity_columns=[0]).fit(X, Y), InvalidArgument, "leave it out"),
        (
            lambda: PC(propensity="em", propensity_columns=["a"]).fit(X, Y),
            InvalidArgument,
            "no column 'a'",
        ),
        (
            lambda: PC(propensity="em", propensity_columns=[]).fit(X, Y),
            InvalidArgument,
            "names none",
        ),
        (lambda: PC(method="nnpu").fit(X, Y), InvalidArgument, '"risk"'),
        (lambda: PC(least=2).fit(X, Y), InvalidArgument, "least"),
        (lambda: PC(n_init=0).fit(X, Y), InvalidArgument, "n_init"),
        (lambda: PC(KNeighborsClassifier()).fit(X, Y), InvalidType, "sample_weight"),
        (lambda: PC(SVC()).fit(X, Y), InvalidType, "SVC has not"),
        (
            lambda: PC(propensity="known").fit(X, Y, [0.5] * 6).predict_propensity(X),
            InvalidArgument,
            "rows of fit alone",
        ),
        (lambda: NPC(propensity="em").fit(X, Y), InvalidArgument, "PropensityClassifier can"),
        (lambda: NPC(propensity="known").fit(X, Y), InvalidArgument, "one a row"),
        (lambda: NPC(method="nnpu").fit(X, Y), InvalidArgument, '"risk"'),
        (lambda: NPC(k=0).fit(X, Y), InvalidArgument, "k must"),
        (lambda: PC().fit(X, Y, propensities=1), UnknownArgument, "mean 'propensity'"),
    ],
)
def test_impossible_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_propensities_given_where_they_are_not_asked_for():
    with pytest.raises(InvalidArgument, match='propensity="known"'):
        PC(propensity=0.5).fit(X, Y, propensity=[0.5] * 6)
    with pytest.raises(InvalidArgument, match='propensity="known"'):
        NPC(propensity=0.5).fit(X, Y, propensity=[0.5] * 6)
