"""Windows beside filtering: the quick form runs, all ways find the truth, the rule is kept."""

import numpy as np
import pytest

from benchmarks.windows import K, Ordered, recall_of
from replications import _window_baselines as baselines
from replications import _window_factors as factors
from replications import _window_methods as ways
from replications import window_filters as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict

QUICK = Setting(True, DataFolder("none"), 0, Progress(lambda line: None))


@pytest.fixture(scope="module")
def outcome():
    return study.run(QUICK)


def test_the_quick_form_runs_and_finds_what_it_asks_for(outcome):
    summary, distances, _, settings = outcome.tables
    assert len(summary.rows) == len(factors.GROUPS) * len(factors.KINDS)
    column = {name: i for i, name in enumerate(distances.header)}
    for row in distances.rows:
        assert row[column[ways.PRE]] == row[column["rows"]]  # a scan takes every row
        assert row[column[ways.POST]]
        assert row[column[ways.PLANNER]]
    for row in settings.rows:
        recalls = [float(cell.split()[0]) for cell in row[2:] if cell]
        assert recalls
        assert min(recalls) >= ways.TARGET


def test_the_paper_s_methods_walk_in_the_quick_form(outcome):
    _, distances, *_ = outcome.tables
    column = {name: i for i, name in enumerate(distances.header)}
    wide = distances.rows[0]
    assert all(wide[column[name]] for name in study.FEW_METHODS)
    assert int(wide[column["super"]].replace(",", "")) < int(wide[column["rows"]].replace(",", ""))


def test_labels_against_the_query_are():
    random, against = study.sets(QUICK)
    for data, near in ((random, False), (against, True)):
        ordered = Ordered.of(data)
        asked = study._asked(data, ordered, 3, 0)
        own = np.searchsorted(ordered.numbers, data.own)
        inside = (own >= asked.starts) & (own < asked.stops)
        assert inside.any() != near
        everything = study._asked(data, ordered, 0, 0)
        assert (everything.stops - everything.starts == len(data.rows)).all()


class Scan:
    """In the place of a graph: the nearest of all rows, and so many distances."""

    def __init__(self, rows):
        self._rows = rows
        self.lengths = []

    def search(self, queries, length, *, effort):
        assert effort == length
        self.lengths.append(length)
        ids = np.argsort(-(queries @ self._rows.T), axis=1)[:, :length]
        info = type("Info", (), {"scanned": ids.size})
        return type("Found", (), {"ids": ids, "info": info})


@pytest.mark.parametrize("exponent", [0, 2, 4, 8, 11])
@pytest.mark.parametrize("factor", [1, 2])
def test_filtering_before_and_after_find_the_truth(exponent, factor):
    data = study.sets(QUICK)[1]
    ordered = Ordered.of(data)
    asked = study._asked(data, ordered, exponent, 0)
    before = baselines.PreFilter(data, ordered)
    graph = Scan(data.rows)
    after = baselines.PostFilter(data, ordered, graph, before)
    for search, setting in ((before.search, None), (after.search, factor)):
        ids, computed, _ = search(setting, asked)
        assert ids.shape == (len(data.queries), K)
        assert ((ids >= 0).sum(axis=1) == asked.count).all()
        assert recall_of(ids, data.queries, ordered, asked) == 1.0
        assert computed > 0
    assert max(graph.lengths) <= max(after._longest, baselines.FIRST * factor)


def test_post_filtering_counts_every_search():
    data = study.sets(QUICK)[0]
    ordered = Ordered.of(data)
    asked = study._asked(data, ordered, 0, 0)  # all rows: the first list is enough
    after = baselines.PostFilter(data, ordered, Scan(data.rows), baselines.PreFilter(data, ordered))
    assert after.search(1, asked)[1] == baselines.FIRST * len(data.queries)
    assert after.search(3, asked)[1] == (1 + 3) * baselines.FIRST * len(data.queries)


# -- the rule -----------------------------------------------------------------------


def one(name, seconds, computed, how="window", exponent=3):
    return ways.Measured(name, exponent, 16, 0.96, computed, seconds, how)


def made(tree, *, how="window"):
    """A study where the better baseline takes 100 s and 100 distances."""
    measured = [
        one(ways.PRE, 100.0, 900, "exact"),
        one(ways.POST, 300.0, 100, "graph"),
        one("tree", *tree, how),
        one("scan", 0.1, 1, "scan"),
    ]
    return factors.Study("made", {3: 500}, measured)


@pytest.mark.parametrize(
    ("trees", "verdict"),
    [
        ([(1.0, 10), (90.0, 90)], Verdict.REPRODUCED),
        ([(100 / 74, 1), (50.0, 50)], Verdict.PARTLY),
        ([(50.0, 50), (51.0, 50)], Verdict.NOT_REPRODUCED),
        ([(50.0, 50), (50.0, 51)], Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(trees, verdict):
    assert study.outcome([made(tree) for tree in trees]).verdict is verdict


@pytest.mark.parametrize(("computed", "how"), [(1, "scan"), (500, "window")])
def test_a_scan_in_place_of_a_walk_does_not_count_for_the_paper(computed, how):
    scanned = made((0.1, computed), how=how)
    assert scanned.one("tree", 3) is None
    assert study.outcome([scanned]).verdict is Verdict.NOT_REPRODUCED
    ours = factors.largest(scanned, factors.GROUPS["ours"], ways.BASELINES, "time")
    assert (ours.times, ours.method) == (1000.0, "scan")


def test_the_better_baseline_is_chosen_width_by_width_and_kind_by_kind():
    some = made((10.0, 10))
    times = factors.largest(some, ["tree"], ways.BASELINES, "time")
    counts = factors.largest(some, ["tree"], ways.BASELINES, "distances")
    assert (times.times, counts.times) == (10.0, 10.0)
    assert factors.largest(some, ["tree"], [ways.POST], "time").times == 30.0
    assert factors.largest(some, ["super"], ways.BASELINES, "time") is None
