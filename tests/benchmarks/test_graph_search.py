"""What `graph_search` computes from what it measured, and how it measures."""

import json
import os
import threading

import numpy as np
import pytest

from benchmarks import apart, graph_search, vectors
from benchmarks._graph_figures import Measured, detail, fastest_other, figures
from benchmarks.building import Built, build, keep_rows
from benchmarks.curves import Point, curve, engines, of, rate_at
from benchmarks.peers.engines import HNSWLIB, OURS
from benchmarks.plots import Picture, can_draw, draw, read_points, spread_out, write_points
from benchmarks.protocol import Progress, Setting
from benchmarks.sweep import Trial, recall_of, sweep, tried, worthwhile
from benchmarks.texts import texts
from benchmarks.threads import one_core
from benchmarks.workspace import Workspace
from likewise.errors import InvalidArgument
from replications.data import DataFolder, MissingData


def points(name, *triples):
    return [Point(name, str(i), *triple) for i, triple in enumerate(triples)]


OURS_MEASURED = points(OURS, (0.90, 30_000, 900), (0.96, 20_000, 800), (0.995, 8_000, 600))
THEIRS = points(HNSWLIB, (0.85, 16_000, 700), (0.95, 5_000, 500), (0.99, 2_000, 100))


# -- curves -------------------------------------------------------------------------


def test_between_two_points_the_logarithm_of_the_rate_is_linear():
    two = points("x", (0.9, 10_000, 1), (0.98, 100, 1))
    assert rate_at(two, 0.94) == pytest.approx(1_000)
    assert rate_at(two, 0.96) == pytest.approx(10**2.5)


def test_a_rate_is_not_guessed_beyond_what_was_measured():
    some = points("x", (0.93, 500, 1), (0.97, 400, 1))
    assert rate_at(some, 0.99) is None
    assert rate_at(some, 0.97) == pytest.approx(400)
    assert rate_at(some, 0.80) == pytest.approx(500)
    assert rate_at([], 0.9) is None


def test_points_that_are_beaten_in_both_bend_no_curve():
    some = points("x", (0.90, 100, 1), (0.95, 300, 2), (0.94, 200, 3), (0.99, 50, 1))
    assert curve(some, "batch") == [(0.95, 300), (0.99, 50)]
    assert curve(some, "single") == [(0.94, 3), (0.95, 2), (0.99, 1)]


def test_points_are_sorted_by_engine():
    both = OURS_MEASURED + THEIRS
    assert engines(both) == [OURS, HNSWLIB]
    assert of(both, HNSWLIB) == THEIRS


# -- figures ------------------------------------------------------------------------


def measured(dim=384, **changes):
    built = {
        OURS: Built(OURS, None, 6.0, 40.0),
        HNSWLIB: Built(HNSWLIB, None, 10.0, 160.0, now=False),
    }
    others = points("slow", (0.99, 700, 70)) + points("fast", (0.99, 900, 10))
    values = {"points": OURS_MEASURED + THEIRS + others, "built": built, **changes}
    return Measured("set", "a set", dim, **values)


def test_targets_are_multiples_of_hnswlib_in_the_same_run():
    found = {(f.what, f.peer): f for f in figures(measured())}
    batch = found["set: queries a second at recall 0.95, batches", HNSWLIB]
    assert batch.theirs == pytest.approx(5_000)
    assert batch.target == pytest.approx(15_000)
    assert batch.ours == pytest.approx(rate_at(OURS_MEASURED, 0.95))
    assert batch.met
    single = found["set: queries a second at recall 0.99, one a call", HNSWLIB]
    assert single.target == pytest.approx(250)
    other = found["set: queries a second at recall 0.99, batches", "fast"]
    assert other.target == other.theirs == pytest.approx(900)
    time = found["set: build with two threads", HNSWLIB]
    assert (time.target, time.ratio) == (pytest.approx(7), pytest.approx(10 / 6))
    assert "earlier" in time.note
    size = found["set: index", HNSWLIB]
    assert (size.target, size.met) == (80, True)


@pytest.mark.parametrize(("dim", "times"), [(784, 3.0), (128, None), (96, 1.5)])
def test_aims_depend_on_the_dimension(dim, times):
    found = figures(measured(dim))
    assert found[0].target == (None if times is None else pytest.approx(times * 5_000))
    assert (found[-1].target is None) == (dim < 100)


def test_where_a_curve_does_not_cross_the_recall_it_is_said():
    above = points(OURS, (0.97, 9_000, 1))
    found = {f.what: f for f in figures(measured(points=above + THEIRS))}
    early = found["set: queries a second at recall 0.95, batches"]
    late = found["set: queries a second at recall 0.99, batches"]
    assert early.ours == pytest.approx(9_000)
    assert "finds 0.970" in early.note
    assert late.ours is None
    assert "never" in late.note


def test_other_kernels_are_held_against_hnswlib_in_their_own_run():
    plain = points(OURS, (0.99, 2_500, 0)) + points(HNSWLIB, (0.99, 2_100, 0))
    found = [f for f in figures(measured(kernels={"plain": plain})) if "plain" in f.what]
    assert [(f.ours, f.theirs, f.met) for f in found] == [
        (pytest.approx(2_500), pytest.approx(2_100), True)
    ] * 2


def test_the_fastest_other_is_neither_of_the_two_and_must_find_enough():
    some = measured().points
    assert fastest_other(some, 0.95) == "fast"
    assert fastest_other(some, 0.999) is None


def test_the_table_has_a_line_an_engine():
    table = detail(measured(resident={OURS: 55.4}))
    ours, theirs = table.rows
    assert ours[:4] == (OURS, "6.0", "40.0", "55")
    assert theirs[:4] == (HNSWLIB, "10.0 (earlier)", "160.0", "—")
    assert theirs[4:] == ("5,000", "2,000", "500", "100")
    assert len(ours) == len(table.header)


# -- measuring ----------------------------------------------------------------------


class Stepwise:
    """An engine whose recall is its effort, in per cent."""

    efforts = (40, 70, 90, 100, 100.0, 60)

    def __init__(self, truth):
        self.truth, self.asked, self.effort = truth, [], None

    def set_effort(self, effort):
        self.effort = effort

    def search(self, queries, k):
        self.asked.append(self.effort)
        found = self.truth[: len(queries)].copy()
        found[:, int(self.effort / 10) :] = -1
        return found.astype(np.uint64)

    def search_one(self, query, k):
        return self.search(query[None], k)[0]


@pytest.fixture(scope="module")
def small():
    return vectors.quick_sets()[0]


def test_an_engine_searches_no_harder_than_is_enough(small):
    engine = Stepwise(small.truth)
    trials = tried(engine, small)
    assert [trial.recall for trial in trials] == pytest.approx([0.4, 0.7, 0.9, 1.0, 1.0])
    assert 60 not in engine.asked  # it comes after all was found, twice
    assert all(trial.rate > 0 for trial in trials)


def test_efforts_that_find_little_or_are_beaten_are_not_timed():
    little, beaten, close, fast, sure = trials = [
        Trial(1, 0.5, 9_000),
        Trial(2, 0.8, 1_000),
        Trial(3, 0.85, 1_800),
        Trial(4, 0.9, 2_000),
        Trial(5, 0.99, 500),
    ]
    assert worthwhile(trials) == [close, fast, sure]
    assert worthwhile([little]) == []
    assert worthwhile([beaten, sure]) == [beaten, sure]


def test_a_sweep_measures_recall_and_both_rates(small):
    found = sweep({"steps": Stepwise(small.truth)}, small, rounds=2)
    assert {p.engine for p in found} == {"steps"}
    assert all(p.batch > 0 and p.single > 0 for p in found)
    assert max(p.recall for p in found) == 1
    assert {p.single for p in sweep({"s": Stepwise(small.truth)}, small, singles=False)} == {0.0}


def test_recall_counts_each_true_neighbour_once():
    truth = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    found = np.array([[4, 3, 9, 9], [5, 5, 5, 5]], dtype=np.uint32)
    assert recall_of(found, truth) == pytest.approx(3 / 8)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_one_core_holds_for_threads_that_were_there_before():
    seen, go, ready = [], threading.Event(), threading.Event()

    def work():
        ready.set()
        go.wait()
        seen.append(os.sched_getaffinity(0))

    before = os.sched_getaffinity(0)
    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    with one_core() as held:
        go.set()
        thread.join()
        assert held
        assert len(os.sched_getaffinity(0)) == 1
    assert [len(cores) for cores in seen] == [1]
    assert os.sched_getaffinity(0) == before


def test_a_fresh_process_measures_memory_and_other_kernels(small, tmp_path, monkeypatch):
    monkeypatch.delenv(apart.KERNELS, raising=False)
    workspace = Workspace(tmp_path)
    built, rows = build(OURS, small, 1, workspace), keep_rows(small, workspace)
    assert 0 <= apart.resident(built, small, rows) < 500
    found = apart.with_kernels("plain", [built], small, rows, 1)
    assert {p.engine for p in found} == {OURS}
    assert max(p.recall for p in found) > 0.95
    assert apart.KERNELS not in os.environ


def test_kernels_that_the_processor_lacks_are_left_out(small, tmp_path, monkeypatch):
    def run(kernels, pair, data, rows, rounds):
        if kernels == "avx2":
            raise InvalidArgument("it lacks avx2")
        return pair

    monkeypatch.setattr(apart, "with_kernels", run)
    found = dict(graph_search._other_kernels([1, 2], small, tmp_path, 1))
    assert found == {"plain": [1, 2]}


# -- sets ---------------------------------------------------------------------------


def test_true_neighbours_are_those_of_the_plain_formula():
    rng = np.random.default_rng(0)
    rows, queries = (rng.standard_normal((n, 5)).astype(np.float32) for n in (400, 300))
    rows[7] = rows[3]  # equal ones by position
    found = vectors.nearest(rows, queries, 4)
    gaps = rows[None].astype(np.float64) - queries[:, None]
    expected = np.argsort((gaps**2).sum(2), axis=1, kind="stable")[:, :4]
    np.testing.assert_array_equal(found, expected)


def test_the_truth_is_kept_and_belongs_to_its_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("LIKEWISE_BENCH_CACHE", str(tmp_path / "cache"))
    rows = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)
    first = vectors.prepared("a", "A", "cosine", rows, rows[:5])
    (kept,) = (tmp_path / "cache").iterdir()
    np.save(kept, first.truth[:, ::-1])  # so that reading it is seen
    again = vectors.prepared("a", "A", "cosine", rows, rows[:5])
    np.testing.assert_array_equal(again.truth, first.truth[:, ::-1])
    other = vectors.prepared("a", "A", "cosine", rows[::-1], rows[:5])
    np.testing.assert_array_equal(other.truth, 59 - first.truth)
    np.testing.assert_allclose(np.linalg.norm(first.rows, axis=1), 1, rtol=1e-6)
    assert str(first) == "A, 60 by 4 cosine"
    assert not first.rows.flags.writeable


def test_queries_are_held_out():
    made = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
    held = vectors._held_out("h", "H", "euclidean", made, 50, keep=False)
    assert (len(held.rows), len(held.queries)) == (150, 50)
    both = {row.tobytes() for row in np.concatenate([held.rows, held.queries])}
    assert both == {row.tobytes() for row in made}


def test_texts_are_different_ones_and_always_the_same(tmp_path):
    write_texts(tmp_path)
    found = texts(DataFolder(tmp_path), 5)
    assert len(set(found)) == 5
    assert found == texts(DataFolder(tmp_path), 5)
    assert "The first film. It has a story" in found
    with pytest.raises(ValueError, match=r"at least 6 texts; the files hold 5"):
        texts(DataFolder(tmp_path), 6)
    (tmp_path / "clinc150/data_full.json").unlink()
    with pytest.raises(MissingData, match="clinc150"):
        texts(DataFolder(tmp_path), 5)


def write_texts(root):
    import gzip

    lines = {
        "wikipedia_movies/wikipedia_movies.jsonl.gz": {
            "title": "The first film",
            "text": "It has a story",
        },
        "newsgroups20/newsgroups20.jsonl.gz": {"subject": "A long question", "text": None},
        "reuters21578/reuters21578.jsonl.gz": {"title": None, "text": "Shares rose by a point"},
    }
    for name, row in lines.items():
        (root / name).parent.mkdir()
        with gzip.open(root / name, "wt", encoding="utf-8") as file:
            file.write(2 * f"{json.dumps(row)}\n")
    (root / "ag_news_test").mkdir()
    (root / "ag_news_test/test.csv").write_text('1,"News of today","Much happened"\n')
    (root / "clinc150").mkdir()
    pairs = {"train": [["what is on my list", "list"], ["too short", "x"]]}
    (root / "clinc150/data_full.json").write_text(json.dumps(pairs))


def test_a_set_without_its_data_is_left_out_and_said(tmp_path, monkeypatch):
    monkeypatch.setenv("LIKEWISE_DATA", str(tmp_path))
    monkeypatch.setattr(graph_search, "PLOTS", tmp_path / "plots")
    progress = Progress(lambda line: None)
    setting = Setting(False, Workspace(tmp_path), sets=("glove", "sift"), progress=progress)
    outcome = graph_search.run(setting)
    assert not outcome.figures
    assert [note for note in outcome.notes if note.startswith("glove was not measured")]
    with pytest.raises(ValueError, match="no set 'nothing'; there are fashion-mnist"):
        graph_search.run(Setting(False, Workspace(tmp_path), sets=("nothing",)))


# -- pictures -----------------------------------------------------------------------


def test_points_are_read_as_they_were_written(tmp_path):
    pictures = [Picture("a", "A", OURS_MEASURED), Picture("b", "B", THEIRS)]
    write_points(pictures, tmp_path / "deep" / "points.json")
    assert read_points(tmp_path / "deep" / "points.json") == pictures


def test_labels_are_moved_apart_and_no_further_than_need_be():
    np.testing.assert_allclose(spread_out([0.1, 0.5, 0.9], 0.1), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(spread_out([0.5, 0.5, 0.5], 0.1), [0.4, 0.5, 0.6])
    moved = spread_out(np.sort(np.random.default_rng(0).random(9)), 0.08)
    assert (np.diff(moved) >= 0.08 - 1e-9).all()
    assert len(spread_out([])) == 0


def test_a_picture_names_every_engine_and_the_same_points_give_the_same_bytes(tmp_path):
    if not can_draw():
        pytest.skip("matplotlib is not installed")
    picture = Picture("some", "A set", OURS_MEASURED + THEIRS)
    svg, png = draw(picture, tmp_path)
    text = svg.read_text(encoding="utf-8")
    for words in ("A set", f">{OURS}<", f">{HNSWLIB}<", "0.95", "queries a second"):
        assert words in text
    assert png.read_bytes().startswith(b"\x89PNG")
    assert png.stat().st_size < 60_000
    assert [path.read_bytes() for path in draw(picture, tmp_path / "again")] == [
        svg.read_bytes(),
        png.read_bytes(),
    ]


def test_a_run_of_one_set_leaves_the_points_of_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(graph_search, "can_draw", lambda: False)
    setting = Setting(True, Workspace(tmp_path))
    write_points([Picture("old", "O", THEIRS), Picture("set", "S", THEIRS)], points_of(tmp_path))
    notes = graph_search._draw([measured()], setting)
    assert "matplotlib" in notes[0]
    assert [p.name for p in read_points(points_of(tmp_path))] == ["old", "set"]
    assert len(read_points(points_of(tmp_path))[1].points) == len(measured().points)


def points_of(root):
    return root / "plots" / graph_search.POINTS
