"""Insertion order and our graph: the quick form runs, a fit has no order, the rule is kept."""

import numpy as np
import pytest

from replications import graph_insertion_order as study
from replications._insertion_orders import ORDERS
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = DataFolder(tmp_path_factory.mktemp("data") / "none")
    return study.run(Setting(True, folder, 0, Progress(lambda line: None)))


def test_the_quick_form_runs_and_finds_what_it_asks_for(outcome):
    spreads, recalls, promises = outcome.tables
    assert [row[1] for row in spreads.rows[: len(study.WAYS)]] == list(study.WAYS)
    assert {row[1] for row in recalls.rows} == set(ORDERS)
    assert all(float(row[2]) > 0.8 for row in recalls.rows)
    assert all(float(row[2]) > 0.9 for row in promises.rows)


def test_a_fit_does_not_see_the_order(outcome):
    spreads, _, _ = outcome.tables
    fits = [row for row in spreads.rows if row[1] == "Graph, fit"]
    # Rows at equal distances in 8-bit codes are told apart by their place: hardly ever.
    assert len(fits) == len(study.HNSW_EFFORTS)
    assert max(float(row[4].partition(" ")[0]) for row in fits) <= 0.5


def measured(low, way="Graph, add"):
    """Recalls where one order of one way finds ``low``, and all others 0.9 at every effort."""
    problem = study._crowd(Setting(True, DataFolder("none"), 0))
    recalls = {}
    for each in study.WAYS:
        efforts = study.HNSW_EFFORTS if each == "HNSW" else study.GRAPH_EFFORTS
        recalls[each] = np.full((len(ORDERS), 3, len(efforts)), 0.9)
    recalls[way][1] = low
    recalls[way][1, 0] += 0.002  # one seed differs a little
    return study.Measured(problem, recalls)


@pytest.mark.parametrize(
    ("low", "way", "verdict"),
    [
        (0.70, "Graph, add", Verdict.REPRODUCED),
        (0.70, "Graph, fit", Verdict.REPRODUCED),
        (0.85, "Graph, add", Verdict.PARTLY),
        (0.895, "Graph, add", Verdict.NOT_REPRODUCED),
        (0.70, "HNSW", Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(low, way, verdict):
    assert study.verdict(study.spreads(measured(low, way))) is verdict


def test_the_spread_is_that_of_the_orders_seed_by_seed():
    spread = study.spreads(measured(0.8))[study.WAYS.index("Graph, add")]
    assert spread.mean == pytest.approx((0.098 + 0.1 + 0.1) / 3)
    assert (spread.best, spread.worst) == ("LID falling", "LID rising")
