"""The recall curve and the planner's choices."""

import numpy as np
import pytest

from likewise.errors import InvalidFile
from likewise.index import CostModel, RecallCurve, choose, load
from likewise.index.planner import longest_scan
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


SCANNING = RecallCurve((1,), (1, 10, 100), [[1, 0.99, 0.98]], [[0.96, 0.97, 0.96]], 128)
HOPPING = {
    share: RecallCurve((16, 64), (10, 100), [[0.9, 0], [0.99, 0.97]], [[0.8, 0], [0.97, 0.96]], 128)
    for share in (0.5, 0.125)
}
#: A row of codes takes 5 ns, a row 80 to 320.
FILTERED = CostModel(
    call=0.0,
    graph={16: 1e-5, 256: 2e-4},
    masked={16: 5e-5, 256: 1.1e-3},
    hops={0.5: {16: 1e-4, 64: 3e-4}, 0.125: {16: 2e-4, 64: 6e-4}},
    codes={"row": 5e-9},
)


@pytest.mark.parametrize(
    ("matching", "options", "strategy", "seconds"),
    [
        (1_000_000, {}, "graph", 4.8e-5),  # without a filter walks end early
        (995_000, {}, "graph", 2.6e-4),
        (900_000, {"k": 1}, "graph", 2.6e-4),
        (900_000, {}, "two-hop", 3e-4),  # a list of all rows would have to be longer
        (700_000, {}, "two-hop", 3e-4),
        (500_000, {}, "two-hop", 3e-4),
        (499_999, {}, "two-hop", 6e-4),  # the thinner share speaks
        (125_000, {}, "two-hop", 6e-4),
        (124_999, {}, "scan", 6.25e-4),  # thinner than any that was measured
        (100_000, {}, "scan", 5e-4),
        (20, {}, "scan", 1e-7),
        (20, {"recall": 0.999}, "scan", 1e-7),  # the list holds them all
        (50_000, {"recall": 0.999}, "exact", None),
        (100_000, {"k": 500}, "exact", None),  # not measured so deep
        (100_000, {"k": None}, "exact", None),
        (100_000, {"exact": True}, "exact", None),
    ],
)
def test_choice_with_a_filter(matching, options, strategy, seconds):
    asked = {"k": 10, "recall": 0.94, **options}
    plan = choose(
        FILTERED,
        CURVE,
        rows=1_000_000,
        matching=matching,
        dim=384,
        scanning=SCANNING,
        hopping=HOPPING,
        **asked,
    )
    assert plan.strategy == strategy
    assert plan.estimated_seconds == plan.candidates[strategy] == min(plan.candidates.values())
    if seconds is not None:
        assert plan.estimated_seconds == pytest.approx(seconds, rel=0.01)
    assert f"{matching:,}" in plan.reason


def test_what_was_not_measured_is_not_weighed():
    asked = {"rows": 1_000_000, "matching": 500_000, "dim": 384, "k": 10, "recall": 0.94}
    assert set(choose(FILTERED, CURVE, **asked).candidates) == {"exact", "graph"}
    bare = CostModel(graph={16: 1e-5})  # no time is known for walks that look past rows
    weighed = choose(bare, CURVE, scanning=SCANNING, hopping=HOPPING, **asked).candidates
    assert set(weighed) == {"exact", "graph", "scan"}
    assert weighed["scan"] < weighed["exact"]  # codes are shorter than rows


def test_lists_of_scans_grow_while_that_is_cheaper():
    assert longest_scan(10, 10**6, 10**6, 96) == 38 * 4**5
    assert longest_scan(10, 10**6, 1_000, 96) == 38
    dear = CostModel(codes={"row": 5e-9, "moved": 1e-9})
    assert 38 <= longest_scan(10, 10**6, 10**5, 96, dear) < longest_scan(10, 10**6, 10**5, 96)


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
