"""The recall curve and the planner's choices."""

import numpy as np
import pytest

from likewise.errors import InvalidFile
from likewise.index import CostModel, RecallCurve, choose, load
from likewise.index.recall import lower_bound, measure, share_found
from likewise.results import Row

CURVE = RecallCurve(
    (16, 64, 256), (1, 10, 100), [[0.9, 0.8, 0], [0.97, 0.96, 0], [1, 0.99, 0.98]],
    [[0.88, 0.75, 0], [0.96, 0.94, 0], [0.99, 0.98, 0.97]], 200,
)  # fmt: skip


def line(*distances):
    return Row(np.arange(len(distances)), np.array(distances, dtype=float))


def test_curve_is_levelled_to_be_monotone():
    truth = [line(1, 2, 3, 4)] * 40
    answers = {1: line(1, 9, 9, 9), 2: line(1, 2, 3, 9), 4: line(1, 2, 9, 9), 8: line(1, 2, 3, 4)}
    curve = measure(lambda effort, depth: [answers[effort]] * 40, truth, [1, 2, 4, 8], [1, 4])
    assert [row[1] for row in curve.recall] == [0.25, 0.5, 0.5, 1.0]
    assert (np.diff(curve.lower, axis=0) >= 0).all()
    assert (np.array(curve.lower) <= np.array(curve.recall)).all()


def test_ties_are_not_failures():
    truth = Row(np.array([1, 2]), np.array([0.5, 0.7]))
    assert share_found(Row(np.array([1, 9]), np.array([0.5, 0.7])), truth, 2) == 1.0
    assert share_found(Row(np.array([1, 9]), np.array([0.5, 0.7001])), truth, 2) == 0.5


def test_lower_bound_covers():
    # Of many experiments with correlated hits, about 95 % have their bound below the truth.
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        chance = rng.beta(9, 1, 200)
        covered += lower_bound(rng.binomial(10, chance) / 10, 10) <= 0.9
    assert covered / 400 >= 0.92


def test_effort_for_and_back():
    assert CURVE.effort_for(0.9, 10) == (64, 0.96)
    assert CURVE.effort_for(0.95, 2) == (256, 0.99)
    assert CURVE.effort_for(0.9, 11) == (256, 0.98)
    assert CURVE.effort_for(0.9, 101) is None
    assert CURVE.effort_for(1.0, 1) is None
    assert CURVE.recall_at(100, 10) == 0.96
    assert CURVE.recall_at(4, 10) == 0.0
    assert RecallCurve.from_dict(CURVE.to_dict()) == CURVE
    assert [CURVE.next_effort(e) for e in (16, 100, 256)] == [64, 256, None]


COSTS = CostModel(graph={16: 1e-4, 256: 1e-3})


@pytest.mark.parametrize(
    ("rows", "matching", "options", "strategy"),
    [
        (1_000_000, 1_000_000, {}, "graph"),
        (1_000_000, 500_000, {}, "graph"),
        (1_000_000, 50, {}, "exact"),
        (1_000, 1_000, {}, "exact"),
        (1_000_000, 1_000_000, {"exact": True}, "exact"),
        (1_000_000, 1_000_000, {"recall": 0.999}, "exact"),
        (1_000_000, 1_000_000, {"k": 500}, "exact"),
    ],
)
def test_choice(rows, matching, options, strategy):
    asked = {"k": 10, "recall": 0.95, **options}
    plan = choose(COSTS, CURVE, rows=rows, matching=matching, dim=384, **asked)
    assert plan.strategy == strategy
    assert plan.estimated_seconds == plan.candidates[strategy]
    assert plan.reason


def test_costs_are_measured_quickly_and_kept():
    for metric in ("cosine", "manhattan"):
        costs = CostModel.measure(64, metric)
        assert 0 < costs.streamed <= costs.gathered < 1e-5
        assert CostModel.from_dict(costs.with_graph({16: 0.5}).to_dict()).graph == {16: 0.5}


def test_load_refuses_an_unknown_kind(tmp_path):
    from likewise._arrays import save_arrays

    save_arrays(tmp_path / "file", {}, {"index": "trie"})
    with pytest.raises(InvalidFile, match="exact, graph"):
        load(tmp_path / "file")
