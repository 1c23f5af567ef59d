"""Insertion order and HNSW: the quick form runs, the orders are what they say."""

import numpy as np
import pytest

from replications import _insertion_order_figures as figures
from replications import hnsw_insertion_order as study
from replications._insertion_orders import ORDERS, hnsw_recall, insertion, true_radius
from replications.data import DataFolder
from replications.problems import manifolds
from replications.protocol import Progress, Setting, Verdict


@pytest.fixture
def quick(tmp_path):
    return Setting(True, DataFolder(tmp_path / "none"), 0, Progress(lambda line: None))


def test_the_quick_form_runs_and_sees_recall_fall(quick):
    outcome = study.run(quick)
    assert outcome.verdict in set(Verdict)
    by_dimension = outcome.tables[0].rows
    recalls = [float(row[2].split()[0]) for row in by_dimension]
    assert recalls[0] > recalls[-1]
    assert [row[0] for row in outcome.tables[2].rows] == list(ORDERS)


def test_the_same_seed_gives_the_same_figures(quick):
    assert study.run(quick).tables == study.run(quick).tables


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_has_every_row_once(order):
    rng = np.random.default_rng(0)
    dimension, kinds = rng.random(50), rng.integers(0, 4, size=50)
    found = insertion(order, dimension, kinds, seed=3)
    assert sorted(found) == list(range(50))
    if order == "LID rising":
        assert (np.diff(dimension[found]) >= 0).all()
    if order == "LID falling":
        assert (np.diff(dimension[found]) <= 0).all()
    if order == "by category":
        assert (np.diff(kinds[found]) != 0).sum() == 3


def test_full_effort_finds_everything(quick):
    problem = manifolds(quick)
    order = np.random.default_rng(1).permutation(len(problem.rows))
    nearest = true_radius(problem)
    recalls = hnsw_recall(problem, nearest, order, (16, 128), (10, 400), seed=0)
    assert recalls[1] == pytest.approx(1.0, abs=0.005)
    assert recalls[0] <= recalls[1]


def curve(problem, order, means):
    spread = np.array([-0.01, 0.0, 0.01])[:, None]
    return figures.Curve(problem, (8, 40), order, np.array([means]) + spread)


@pytest.mark.parametrize(
    ("by_dimension", "rising", "verdict"),
    [
        ([0.99, 0.8, 0.5], 0.70, Verdict.REPRODUCED),
        ([0.99, 0.8, 0.5], 0.85, Verdict.PARTLY),
        ([0.80, 0.8, 0.8], 0.70, Verdict.PARTLY),
        ([0.70, 0.8, 0.9], 0.899, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(quick, by_dimension, rising, verdict):
    problem = manifolds(quick)
    recalls = {
        dimension: (1.0, np.full((3, 1), recall))
        for dimension, recall in zip((2, 8, 32), by_dimension, strict=True)
    }
    curves = [curve(problem, order, [rising if order == "LID rising" else 0.9]) for order in ORDERS]
    shifts = list(figures.shifts_of(curves, (10,)))
    assert study._outcome(recalls, curves, shifts, (10,)).verdict is verdict
