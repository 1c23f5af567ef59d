"""Self-distillation: the filter against fits repeated one by one, and the weight against a scan."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from likewise.errors import InvalidArgument, InvalidType, NotPositiveDefinite, OverLimit
from likewise.kernels import RBF
from likewise.kernels.machines import (
    KernelRidge,
    SelfDistilledRidge,
    distilled_filter,
    optimal_weight,
)
from tests.kernels.machines.test_ridge import Saddle

rng = np.random.default_rng(0)
X = rng.uniform(-2, 2, (60, 2))
Y = np.column_stack([np.sin(2 * X[:, 0]), X[:, 1]]) + 0.3 * rng.standard_normal((60, 2))
Q = rng.uniform(-2, 2, (20, 2))
KERNEL, RIDGE = RBF(length=0.8), 0.2


def repeated(weights):
    """Students of students, each fitted anew."""
    model = KernelRidge(KERNEL, RIDGE).fit(X, Y)
    for w in weights:
        model = KernelRidge(KERNEL, RIDGE).fit(X, w * Y + (1 - w) * model.predict(X))
    return model


def test_follows_scikit_learn():
    results = check_estimator(SelfDistilledRidge(), on_skip=None)
    assert all(result["status"] in ("passed", "skipped") for result in results)


@pytest.mark.parametrize("weights", [[], [0.0], [0.3], [0.2, 0.7, 1.3, -0.4]], ids=str)
def test_the_closed_form_is_the_repetition(weights):
    model = SelfDistilledRidge(KERNEL, RIDGE, steps=len(weights), weight=weights).fit(X, Y)
    np.testing.assert_allclose(model.predict(Q), repeated(weights).predict(Q), atol=1e-10)
    np.testing.assert_allclose(model.contributions(Q).sum(axis=1), model.predict(Q), atol=1e-10)
    values, U = np.linalg.eigh(KERNEL(X))
    fit = (U * distilled_filter(values, RIDGE, weights)) @ U.T @ Y
    np.testing.assert_allclose(model.predict(X), fit, atol=1e-10)


def test_for_ever_is_a_larger_ridge():
    for w in (0.2, 0.5, 1.0):
        often = SelfDistilledRidge(KERNEL, RIDGE, steps=300, weight=w).fit(X, Y)
        larger = KernelRidge(KERNEL, RIDGE / w).fit(X, Y)
        np.testing.assert_allclose(often.predict(Q), larger.predict(Q), atol=1e-10)


@pytest.mark.parametrize("clip", [True, False])
def test_the_optimal_weight_is_the_best_of_a_scan(clip):
    model = SelfDistilledRidge(KERNEL, RIDGE, steps=2, clip=clip, random_state=3).fit(X, Y)
    count = int(np.ceil(0.25 * 60))
    order = np.random.default_rng(3).permutation(60)
    some, left = np.sort(order[count:]), np.sort(order[:count])
    teacher, weights = KernelRidge(KERNEL, RIDGE).fit(X[some], Y[some]), []
    learnt = Y[some]
    for _ in range(2):
        answers = KernelRidge(KERNEL, RIDGE).fit(X[some], learnt).predict(X[some])

        def error(w, answers=answers):
            mixed = w * Y[some] + (1 - w) * answers
            student = KernelRidge(KERNEL, RIDGE).fit(X[some], mixed)
            return np.sum((student.predict(X[left]) - Y[left]) ** 2)

        # Three points tell a parabola, and where its bottom is.
        e = [error(w) for w in (0.0, 0.5, 1.0)]
        w = (3 * e[0] - 4 * e[1] + e[2]) / (4 * (e[0] - 2 * e[1] + e[2]))
        w = min(max(w, 0.0), 1.0) if clip else w
        weights.append(w)
        learnt = w * Y[some] + (1 - w) * answers
    np.testing.assert_allclose(model.weights_, weights, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(model.predict(Q), repeated(weights).predict(Q), atol=1e-5)
    assert teacher.predict(Q).shape == (20, 2)


def test_a_weight_that_does_not_matter():
    assert optimal_weight(np.ones(3), np.ones(3), np.ones(3)) == 1.0


def test_what_is_refused():
    for options, words in [
        ({"ridge": 0.0}, "ridge must be positive"),
        ({"steps": -1}, "steps must be at least 0"),
        ({"held_out": 1.0}, r"held_out must be in \(0, 1\)"),
        ({"weight": "best"}, "one a step"),
        ({"steps": 2, "weight": [0.1]}, "2 steps need as many weights"),
        ({"weight": np.nan}, "weight must be finite"),
    ]:
        with pytest.raises(InvalidArgument, match=words):
            SelfDistilledRidge(**options).fit(X, Y)
    with pytest.raises(InvalidType, match="one a step"):
        SelfDistilledRidge(weight=object()).fit(X, Y)
    with pytest.raises(NotPositiveDefinite, match="take ridge >="):
        SelfDistilledRidge(Saddle(), 0.1, weight=0.5).fit(X, Y)
    with pytest.raises(OverLimit):
        SelfDistilledRidge(memory_limit=1e5).fit(X, Y)
