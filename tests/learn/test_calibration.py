"""Measures and calibrators against scikit-learn, plain loops and plain searches."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss as sklearn_log_loss

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType
from likewise.learn.calibration import expected_calibration_error, log_loss, reliability_curve
from likewise.learn.calibrators import (
    CALIBRATIONS,
    Temperature,
    _loss,
    fit_isotonic,
    fit_temperature,
)


def bold(n=4_000, classes=4, sharpness=3.0, seed=0):
    """Labels drawn from honest probabilities, and those probabilities made too bold."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.ones(classes), n)
    labels = np.array([rng.choice(classes, p=p) for p in honest])
    raised = honest**sharpness
    return honest, raised / raised.sum(axis=1, keepdims=True), labels


def votes(n=3_000, classes=5, k=6, seed=1):
    """Shares of few votes: many are 0."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.full(classes, 0.4), n)
    labels = np.array([rng.choice(classes, p=p) for p in honest])
    return np.array([rng.multinomial(k, p) for p in honest]) / k, labels


def plain_error(P, labels, bins):
    total = 0.0
    for b in range(bins):
        inside = [i for i, p in enumerate(P) if b / bins < max(p) <= (b + 1) / bins]
        if inside:
            confidence = np.mean([max(P[i]) for i in inside])
            accuracy = np.mean([np.argmax(P[i]) == labels[i] for i in inside])
            total += len(inside) / len(P) * abs(accuracy - confidence)
    return total


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_measures_against_scikit_learn_and_a_loop(bins):
    _, P, labels = bold(300)
    assert expected_calibration_error(P, labels, bins=bins) == pytest.approx(
        plain_error(P, labels, bins), abs=1e-12
    )
    assert log_loss(P, labels) == pytest.approx(sklearn_log_loss(labels, P), abs=1e-12)
    names = np.array(["d", "a", "c", "b"])  # in any order
    assert log_loss(P, names[labels], classes=names) == log_loss(P, labels)


def test_honest_probabilities_have_little_error_and_bold_ones_much():
    honest, P, labels = bold()
    assert expected_calibration_error(honest, labels) < 0.03
    assert expected_calibration_error(P, labels) > 0.15
    curve = reliability_curve(P, labels, bins=10)
    assert curve.rows.sum() == 4_000
    assert (curve.accuracy[curve.confidence > 0.6] < curve.confidence[curve.confidence > 0.6]).all()


def test_a_sure_error_counts_as_the_least_number():
    assert log_loss([[1.0, 0.0]], [1]) == pytest.approx(52 * np.log(2))


def test_the_temperature_that_was_put_in_comes_out():
    honest, P, labels = bold(sharpness=3.0)
    found = fit_temperature(P, labels)
    assert found.floor == 0.0
    assert found.temperature == pytest.approx(3.0, rel=0.08)
    assert log_loss(found.predict(P), labels) < log_loss(P, labels) - 0.2
    np.testing.assert_allclose(Temperature(3.0).predict(P), honest, atol=1e-12)


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("made", [bold(400)[1:], votes(400)], ids=["bold", "votes"])
def test_the_loss_has_its_gradient_and_the_fit_its_minimum(made, uneven):
    P, labels = made
    prior = tuple(np.arange(1.0, P.shape[1] + 1) / np.arange(P.shape[1] + 1).sum())
    prior = prior if uneven else None
    scale = np.array(prior) * P.shape[1] if uneven else np.ones(P.shape[1])
    few = 2 if (P == 0).any() else 1
    n = len(P)

    def plain(at):
        """The formula, row by row."""
        floor = np.exp(at[1]) if few > 1 else 0.0
        total = 0.0
        for p, y in zip(P, labels, strict=True):
            q = scale * ((p + floor * scale) / scale) ** np.exp(at[0])
            q = q / q.sum()
            total += -np.log(q[y]) - (scale * np.log(q)).mean() / n
        return total / (n + 1)

    for at in (np.array([0.3, -2.0])[:few], np.array([-1.0, -6.0])[:few]):
        loss, gradient = _loss(at, P, labels, prior)
        assert loss == pytest.approx(plain(at), rel=1e-12)
        for i in range(few):
            step = np.eye(few)[i] * 1e-5
            slope = (plain(at + step) - plain(at - step)) / 2e-5
            assert gradient[i] == pytest.approx(slope, rel=1e-5, abs=1e-8)
    found = fit_temperature(P, labels, prior=prior)
    best = _loss(np.log([1 / found.temperature, found.floor][:few]), P, labels, prior)[0]
    powers, floors = np.linspace(-3, 3, 31), np.linspace(-12, 1, 27)
    grid = [np.array([p, f])[:few] for p in powers for f in (floors if few > 1 else [0.0])]
    assert best <= min(_loss(at, P, labels, prior)[0] for at in grid) + 1e-9


def test_zeros_of_a_vote_become_possible_and_the_order_stays():
    P, labels = votes()
    assert log_loss(P, labels) > 3  # some true classes had no vote
    found = fit_temperature(P, labels)
    Q = found.predict(P)
    assert found.floor > 0
    assert (Q > 0).all()
    np.testing.assert_allclose(Q.sum(axis=1), 1)
    assert log_loss(Q, labels) < 1.2
    assert expected_calibration_error(Q, labels) < 0.03 < expected_calibration_error(P, labels)
    assert (Q.argmax(axis=1) == P.argmax(axis=1)).all()


def test_votes_that_tell_nothing_become_the_prior():
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 3_000, p=[0.7, 0.2, 0.1])
    P = rng.multinomial(8, [0.7, 0.2, 0.1], 3_000) / 8
    Q = fit_temperature(P, labels, prior=np.bincount(labels)).predict(P)
    assert np.abs(Q - [0.7, 0.2, 0.1]).max() < 0.05
    even = fit_temperature(P, labels).predict(P)
    assert log_loss(Q, labels) < log_loss(even, labels) - 0.02
    with pytest.raises(InvalidArgument, match="prior must be positive"):
        fit_temperature(P, labels, prior=[1, 1, 0])
    with pytest.raises(DimensionMismatch, match="there are 3 classes"):
        fit_temperature(P, labels, prior=[1, 1])
    with pytest.raises(DimensionMismatch, match="fitted to 3 classes"):
        fit_temperature(P, labels, prior=[1, 1, 1]).predict([[0.5, 0.5]])


def test_answers_without_an_error_do_not_make_errors_impossible():
    P = np.array([[1.0, 0.0], [0.0, 1.0]] * 50)
    labels = [0, 1] * 50
    for fit in CALIBRATIONS.values():
        Q = fit(P, labels).predict(P)
        wrong = Q[np.arange(100), [1, 0] * 50]
        assert (wrong > 1e-4).all()
        assert (wrong < 0.02).all()


def test_isotonic_against_scikit_learn():
    P, labels = votes(600)
    found = fit_isotonic(P, labels)
    raw = np.column_stack(
        [
            IsotonicRegression(y_min=0, y_max=1).fit(P[:, c], labels == c).predict(P[:, c])
            for c in range(5)
        ]
    )
    raw /= raw.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.predict(P), (600 * raw + 0.2) / 601, atol=1e-9)


def test_isotonic_of_two_classes_is_one_line():
    rng = np.random.default_rng(2)
    p = rng.random(500)
    P, labels = np.column_stack([1 - p, p]), (rng.random(500) < p**2).astype(int)
    Q = fit_isotonic(P, labels).predict(P)
    assert (np.diff(Q[np.argsort(p), 1]) >= -1e-12).all()
    assert log_loss(Q, labels) < log_loss(P, labels)


def test_isotonic_where_no_step_answers():
    # Class 0 and 1 are never right where both are at most a half.
    P = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]] * 2)
    found = fit_isotonic(P, [0, 1, 2, 2] * 2)
    np.testing.assert_allclose(found.predict(P).sum(axis=1), 1)


GOOD = [[0.5, 0.5], [0.2, 0.8]]


@pytest.mark.parametrize(
    "question",
    [log_loss, reliability_curve, expected_calibration_error, fit_temperature, fit_isotonic],
)
@pytest.mark.parametrize(
    ("P", "labels", "error", "message"),
    [
        ([["a", "b"]], [0], InvalidType, "must be a table of numbers"),
        ([0.5, 0.5], [0, 1], InvalidArgument, r"rows and columns; its shape is \(2,\)"),
        (np.empty((0, 2)), [], InvalidArgument, "rows and columns"),
        ([[0.5, 0.5], [np.nan, 1.0]], [0, 1], InvalidArgument, "row 1, column 0 is nan"),
        ([[0.5, 0.4]], [0], InvalidArgument, "row 0 sums to 0.9"),
        ([[-0.5, 1.5]], [0], InvalidArgument, "must not be negative"),
        (GOOD, [0], InvalidArgument, r"labels must be \(2,\)"),
        (GOOD, [0, 2], InvalidArgument, "row 1 holds 2, which is none of the 2 classes"),
        (GOOD, ["a", "b"], InvalidArgument, "row 0 holds 'a'"),
    ],
)
def test_refusals(question, P, labels, error, message):
    with pytest.raises(error, match=message):
        question(P, labels)


def test_refusals_of_classes_and_bins():
    with pytest.raises(InvalidArgument, match="2 columns, classes are 3"):
        log_loss(GOOD, [0, 1], classes=[0, 1, 2])
    with pytest.raises(InvalidArgument, match="bins must be at least 1"):
        reliability_curve(GOOD, [0, 1], bins=0)
    with pytest.raises(DimensionMismatch, match="fitted to 2 classes"):
        fit_isotonic(GOOD, [0, 1]).predict([[0.2, 0.3, 0.5]])
