from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    MissingExtra,
)
from likewise.learn import SageOutliers, conformal_p_values
from likewise.learn.outliers._autoencoder import learned
from likewise.learn.outliers.sage import mean_log_p
from likewise.testing.estimator import EstimatorConformance

pytest.importorskip("torch")

SMALL: dict[str, Any] = {"hidden": 16, "latent": 4, "epochs": 30}


def clouds(n: int = 300, seed: int = 0) -> Any:
    """Three classes near a plane within eight numbers."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    plane = np.random.default_rng(7).normal(size=(2, 8))
    centres = np.array([[0.0, 4.0], [4.0, -2.0], [-4.0, -2.0]])
    rows = (centres[y] + rng.normal(size=(n, 2))) @ plane + 0.1 * rng.normal(size=(n, 8))
    return rows, y


class TestSageOutliers(EstimatorConformance):
    def make(self, **options: Any) -> Any:
        return SageOutliers(**{"epochs": 1, "hidden": 4, "latent": 2, **options})


@pytest.fixture(scope="module")
def fitted() -> SageOutliers:
    return SageOutliers(**SMALL).fit(*clouds())


def test_the_score_is_the_mean_logarithm_of_p_values(fitted):
    new, _ = clouds(40, seed=1)
    oddities = fitted.oddities(new)
    null = fitted._parts_null
    assert oddities.shape == (40, 3)
    slow = np.empty((40, 3))
    for i in range(40):
        for c in range(3):
            slow[i, c] = (1 + (null[:, c] >= oddities[i, c]).sum()) / (len(null) + 1)
    np.testing.assert_allclose(fitted.score_samples(new), np.log(slow).mean(axis=1))


def test_the_parts_by_their_formulas(fitted):
    new, _ = clouds(10, seed=1)
    X, _ = clouds()
    found = fitted.oddities(new)
    order = np.random.default_rng(0).permutation(300)
    training = np.sort(order[90:])
    network, mean, spread = fitted.network_, X[training].mean(axis=0), X[training].std(axis=0)

    def relu_stack(rows, layers):
        (W, b), (V, c) = layers
        return np.maximum(rows @ W + b, 0) @ V + c

    Z, z = (relu_stack((rows - mean) / spread, network.encoder) for rows in (X[training], new))
    scale = Z.std(axis=0)
    away = np.sort(np.linalg.norm((z[:, None] - Z[None]) / scale, axis=2), axis=1)
    np.testing.assert_allclose(found[:, 0], away[:, :10].mean(axis=1), rtol=1e-4)
    back = relu_stack(z, network.decoder)
    np.testing.assert_allclose(
        found[:, 1], (((new - mean) / spread - back) ** 2).mean(axis=1), rtol=1e-6
    )
    (W, b), *_ = network.head
    power = np.exp(z @ W + b)
    unsure = 1 - (power / power.sum(axis=1, keepdims=True)).max(axis=1)
    np.testing.assert_allclose(found[:, 2], unsure, rtol=1e-6, atol=1e-9)


def test_each_part_sees_its_own_kind_of_oddity(fitted):
    normal, _ = clouds(150, seed=1)
    rng = np.random.default_rng(2)
    plane = np.random.default_rng(7).normal(size=(2, 8))
    odd = {
        1: normal + rng.normal(size=(150, 8)) * 1.5,  # off the plane
        2: rng.normal(size=(150, 2)) * 0.3 @ plane,  # between the classes
    }
    for part, rows in odd.items():
        oddities = fitted.oddities(np.r_[normal, rows])
        labels = np.repeat([0, 1], 150)
        assert roc_auc_score(labels, oddities[:, part]) > 0.9
        assert roc_auc_score(-labels, fitted.score_samples(np.r_[normal, rows])) > 0.9


def test_p_values_need_no_more_rows_and_are_valid(fitted):
    assert len(fitted.null_) == 45
    p = fitted.p_values(clouds(2000, seed=3)[0])
    for level in (0.1, 0.3, 0.5):
        assert (p <= level).mean() <= level + 4 * np.sqrt(level * (1 - level) / 46)
    expected = conformal_p_values(fitted.null_, fitted.score_samples(clouds(20, seed=4)[0]))
    np.testing.assert_array_equal(fitted.p_values(clouds(20, seed=4)[0]), expected)
    assert (fitted.null_ < fitted.offset_).mean() <= 0.05 + 1 / 45
    again = SageOutliers(**SMALL).fit(*clouds()).calibrate(clouds(50, seed=5)[0])
    assert len(again.null_) == 50


def test_numbers_have_a_predicted_variance():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(800, 2))
    y = X[:, 0] + rng.normal(size=800) * np.where(X[:, 1] > 0, 1.0, 0.05)
    detector = SageOutliers(**SMALL).fit(X, y)
    assert detector.task_ == "numbers"
    new = rng.uniform(-1, 1, size=(300, 2))
    spread = detector.oddities(new)[:, 2]
    assert roc_auc_score(new[:, 1] > 0, spread) > 0.95


@pytest.mark.parametrize("y", [None, ["all"] * 300])
def test_without_labels_two_parts_are_left(y):
    X, _ = clouds()
    detector = SageOutliers(epochs=2, hidden=8).fit(X, y)
    assert detector.task_ is None
    assert detector.oddities(X).shape == (300, 2)


def test_training_lowers_both_losses():
    X, y = clouds()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    options = {"latent": 2, "hidden": 16, "task_weight": 1.0, "random_state": 0}
    errors, hits = [], []
    for epochs in (1, 40):
        network = learned(X, y, 3, epochs=epochs, **options)
        latents = network.latents(X)
        errors.append(((network.decoded(latents) - X) ** 2).mean())
        hits.append((network.outputs(latents).argmax(axis=1) == y).mean())
    assert errors[1] < 0.3 * errors[0]
    assert hits[1] > 0.95


def test_seeds(fitted):
    X, y = clouds()
    assert np.array_equal(SageOutliers(**SMALL).fit(X, y).null_, fitted.null_)
    other = SageOutliers(**{**SMALL, "epochs": 2}, random_state=1).fit(X, y)
    assert not np.array_equal(other.null_, fitted.null_)


@pytest.mark.parametrize(
    ("options", "y", "error", "words"),
    [
        ({"latent": 0}, None, InvalidArgument, "latent must be at least 1"),
        ({"epochs": 1.5}, None, InvalidType, "epochs must be an integer"),
        ({"task_weight": -1}, None, InvalidArgument, "task_weight must not be negative"),
        ({"holdout": 1}, None, InvalidArgument, "holdout must lie between"),
        ({"level": 0}, None, InvalidArgument, "level must lie between"),
        ({"holdout": 0.999}, None, InvalidArgument, "n_samples = 300"),
        ({}, [1.0] * 299 + [np.nan], InvalidArgument, "got 300, 299 of them finite"),
        ({}, [1.0] * 9, InvalidArgument, "y must hold 300 finite numbers"),
        ({}, ["a"] * 9, InvalidArgument, "y has 9 labels, X has 300 rows"),
    ],
)
def test_impossible_arguments(options, y, error, words):
    with pytest.raises(error, match=words):
        SageOutliers(**options).fit(clouds()[0], y)


def test_other_errors(monkeypatch, fitted):
    with pytest.raises(DimensionMismatch, match=r"got \(3, 2\), \(3, 1\)"):
        mean_log_p(np.ones((3, 2)), np.ones((3, 1)))
    with pytest.raises(InvalidVector):
        fitted.oddities(np.full((1, 8), np.nan))
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match="likewise\\[torch\\]"):
        SageOutliers().fit(clouds()[0])
