"""What the benchmarks compute from what they measured."""

import numpy as np
import pytest

import likewise as lw
from benchmarks.data import generate
from benchmarks.filtered_search import first_year
from benchmarks.memory import resident_megabytes, slope
from benchmarks.peers import BARE, STORES, Likewise, installed
from benchmarks.planner_regret import Cell, forced, passing
from benchmarks.timing import quietest, undisturbed


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_filters_let_through_the_share_they_say(share):
    data = generate(20_000, 0, dim=8)
    assert data.mask(first_year(share), "en").mean() == pytest.approx(share, rel=0.2)
    assert first_year(1.0) is None


def test_the_slope_is_that_of_the_line_and_no_peak_tilts_it():
    hours = np.linspace(0, 2, 50)
    megabytes = 100 + 3 * hours
    megabytes[[5, 20, 21]] += 500
    assert slope(hours, megabytes) == pytest.approx(3, abs=0.2)


def test_resident_memory_grows_with_what_is_kept():
    before = resident_megabytes()
    kept = np.ones(5_000_000)
    assert 20 < resident_megabytes() - before < 80
    assert kept.all()


def test_regret_is_against_the_best_one():
    seconds = {"exact": 2.0, "graph": 1.0, "scan": 4.0}
    assert Cell(1000, "chance", 0.5, 10, seconds, "exact", chosen=2.0).regret == 2
    assert Cell(1000, "chance", 0.5, 10, seconds, "graph", chosen=0.9).regret == 1
    assert Cell(1000, "chance", 0.5, 10, {"exact": 2.0}, "exact", chosen=3.0).regret == 1.5


@pytest.mark.parametrize("kind", ["chance", "near", "far"])
def test_masks_pass_their_share(kind):
    data = generate(1_000, 0, dim=16)
    mask = passing(kind, 0.1, data, data.queries[0])
    alike = data.vectors @ data.queries[0]
    assert mask.sum() == 100
    if kind != "chance":
        assert (alike[mask].mean() > alike[~mask].mean()) == (kind == "near")


def test_a_forced_planner_takes_one_strategy():
    data = generate(1_000, 0, dim=16)
    graph = lw.index.Graph("cosine", costs=lw.index.CostModel(graph={16: 1.0})).fit(data.vectors)
    query = data.queries[0]
    assert graph.search(query, 5).info.strategy == "exact"
    assert forced(graph, "graph").search(query, 5).info.strategy == "graph"
    half = np.arange(1_000) % 2 == 0
    assert forced(graph, "scan").search(query, 5, where=half).info.strategy == "scan"
    assert graph.search(query, 5).info.strategy == "exact"


def test_our_store_answers_as_the_protocol_says(tmp_path):
    data = generate(600, 0)
    store = Likewise(tmp_path / "rows.likewise")
    store.add(store.prepare(data, 0, 600))
    store.upsert(store.prepare(data, 10, 12))
    store.finish()
    found = store.search(data.vectors[10], 5, 1925, str(data.languages[10]))
    assert found[0] == "doc10"
    assert {str(data.languages[int(id_[3:])]) for id_ in found} == {str(data.languages[10])}
    assert len(store.collection) == 600
    store.close()


def test_the_bare_store_keeps_each_row_once(tmp_path):
    data = generate(20, 0)
    store = BARE(tmp_path)
    store.add(store.prepare(data, 0, 20))
    store.upsert(store.prepare(data, 3, 5))
    store.close()
    import sqlite3

    connection = sqlite3.connect(tmp_path / "rows.sqlite")
    rows = connection.execute("SELECT id, vector FROM rows").fetchall()
    connection.close()
    assert dict(rows) == {f"doc{i}": data.vectors[i].tobytes() for i in range(20)}
    with pytest.raises(NotImplementedError, match="bare SQLite"):
        store.search(data.queries[0], 1, None, None)


def test_what_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr("benchmarks.peers.find_spec", lambda package: package == "likewise")
    assert list(installed(STORES)) == ["Likewise"]


def test_the_quietest_of_the_rounds_counts_for_each_query():
    taken = np.array([3.0, 5.0, 1.0, 9.0, 2.0, 4.0])  # three rounds of two queries
    assert quietest(taken, 3).tolist() == [1.0, 4.0]


def test_half_of_the_syncs_may_meet_others():
    alone, met = np.full(45, 0.001), np.full(55, 0.01)
    assert undisturbed(np.concatenate([alone, met])) == pytest.approx(0.001)
