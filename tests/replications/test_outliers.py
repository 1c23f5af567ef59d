"""Outliers: the quick forms run without data, and the verdicts follow the rules."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from replications import _held_out_classes as pieces
from replications import knn_ood, ood_dimension_reduction, sage, weighting_vectors
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def quick(tmp_path) -> Setting:
    return Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))


@pytest.mark.parametrize(
    "name", ["knn_ood", "ood_dimension_reduction", "weighting_vectors", "sage"]
)
def test_the_quick_form_runs_without_data(name, tmp_path):
    if name == "sage":
        pytest.importorskip("torch")
    outcome = importlib.import_module(f"replications.{name}").run(quick(tmp_path))
    assert isinstance(outcome.verdict, Verdict)
    assert outcome.notes
    for table in outcome.tables:
        assert all(len(row) == len(table.header) for row in table.rows)


def test_features_and_logits_are_those_of_the_network():
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), np.arange(60) % 3
    with pytest.warns(ConvergenceWarning):
        network = MLPClassifier((8, 4), max_iter=5, random_state=0).fit(X, y)
    features, logits = pieces.passed(network, X)
    power = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(power / power.sum(axis=1, keepdims=True), network.predict_proba(X))
    assert features.shape == (60, 4)


def test_measures():
    known, odd = np.arange(100.0), np.array([94.0, 95.0, 200.0, 300.0])
    assert pieces.false_positives(known, odd) == 0.25
    assert pieces.auroc(np.array([0.0, 1.0]), np.array([0.5, 2.0])) == 0.75
    assert pieces.digits(3).shape == (3, 784)


@pytest.mark.parametrize(
    ("ours", "raw", "verdict"),
    [
        (0.2, 0.3, Verdict.REPRODUCED),
        (0.2, 0.1, Verdict.PARTLY),
        (0.6, 0.9, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_on_neighbours(ours, raw, verdict):
    passing = {knn_ood.OURS: ours, knn_ood.RAW: raw, knn_ood.GAUSSIAN: 0.5}
    found = {n: {part: [(0.9, x)] for part in ("near", "far")} for n, x in passing.items()}
    assert knn_ood.judged(found, 1, 100).verdict is verdict


@pytest.mark.parametrize(
    ("pca", "knn", "verdict"),
    [
        (0.8, 0.8, Verdict.REPRODUCED),
        (0.62, 0.8, Verdict.PARTLY),
        (0.6, 0.5, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_on_reductions(pca, knn, verdict):
    study = ood_dimension_reduction
    areas = {study.RAW: [(0.6, 0.6)], study.PCA: [(pca, pca)], study.KNN: [(knn, knn)]}
    outcome = study.judged(areas, dict.fromkeys(areas, 1.0), 1, 100, 10)
    assert outcome.verdict is verdict
    assert "UMAP was not installed" in outcome.notes[-1]


def test_a_pseudo_inverse_measures_within_the_span_alone():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10, 30))
    way = ood_dimension_reduction.Inverted().fit(X)
    centred = (X - X.mean(axis=0)) / X.std(axis=0)
    inverse = np.linalg.pinv(centred.T @ centred / 10)
    new = rng.normal(size=(4, 30))
    scaled = (new - X.mean(axis=0)) / X.std(axis=0)
    expected = np.einsum("ij,jk,ik->i", scaled, inverse, scaled)
    np.testing.assert_allclose(-way.score_samples(new), expected)


@pytest.mark.parametrize(
    ("edge", "ours", "rank", "slope", "verdict"),
    [
        (0.95, 0.8, 0.95, 1.1, Verdict.REPRODUCED),
        (0.8, 0.8, 0.95, 1.1, Verdict.PARTLY),
        (0.95, 0.5, 0.95, 2.0, Verdict.PARTLY),
        (0.8, 0.5, 0.5, 1.1, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_on_weights(edge, ours, rank, slope, verdict):
    study = weighting_vectors
    areas = {study.EXACT: [ours], study.LOCAL: [ours], "other": [0.81]}
    outcome = study.judged(["set"], areas, [rank], {"disc": (edge,) * 3}, slope, [1.0, 2.0])
    assert outcome.verdict is verdict


@pytest.mark.parametrize(
    ("ours", "kept", "grades", "verdict"),
    [
        (0.9, 0.9, [0, 1, 2], Verdict.REPRODUCED),
        (0.9, 0.9, [0, 2, 1], Verdict.PARTLY),
        (0.7, 0.9, [0, 1, 2], Verdict.PARTLY),
        (0.9, 0.7, [0, 1, 2], Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_on_the_ensemble(ours, kept, grades, verdict):
    areas = {sage.SAGE: [ours], **{part: [0.85] for part in sage.PARTS}, sage.FOREST: [0.8]}
    shares = {way: [(0.7, kept, 0.2)] for way in areas}
    outcome = sage.judged(areas, {"noise": [grades]}, shares, [0.05], 1)
    assert outcome.verdict is verdict


def test_filtering_keeps_the_least_odd():
    right = np.array([True, False, True, True, False])
    whole, few, errors = sage.filtered(np.array([0.1, 0.9, 0.2, 0.3, 0.8]), right)
    assert (whole, few) == (0.6, 1.0)
    assert errors == pytest.approx(np.mean([0, 0, 0, 1 / 4, 2 / 5]))


def test_every_step_deforms_more():
    from sklearn.datasets import load_digits

    images = load_digits().images[:50]
    for deform in sage.DEFORMATIONS.values():
        rng = np.random.default_rng(0)
        moved = [np.abs(deform(images, s, rng) - images).mean() for s in (1, 3, 5)]
        assert 0 < moved[0] < moved[1] < moved[2]
