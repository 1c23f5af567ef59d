"""What `window_search` asks, how it measures, and what it computes from that."""

import numpy as np
import pytest

from benchmarks import window_search, windows
from benchmarks._window_figures import Measured, Size, details, figures
from benchmarks.attributed import correlated, quick_sets
from benchmarks.building import Built
from benchmarks.peers.windows import BARE, ENGINES, FAMILY, OURS, chosen
from benchmarks.peers.windows.base import filled
from benchmarks.plots import can_draw
from benchmarks.protocol import Progress, Setting
from benchmarks.window_plots import WindowPicture, draw, read_pictures, write_pictures
from benchmarks.window_sweep import Timed, at, ready, sweep
from benchmarks.windows import K, Ordered, asked, exponents, farthest, placed, recall_of, width
from benchmarks.workspace import Workspace

SCAN, TREE = "exact scan", "paper: tree"


@pytest.fixture(scope="module")
def small():
    return quick_sets()[0]


@pytest.fixture(scope="module")
def ordered(small):
    return Ordered.of(small)


@pytest.fixture(scope="module")
def every(small, ordered, tmp_path_factory):
    return list(asked(small, ordered, Workspace(tmp_path_factory.mktemp("windows")), 0))


# -- windows ------------------------------------------------------------------------


def test_every_width_that_holds_a_row_is_asked_widest_first(every, small):
    assert [one.exponent for one in every] == list(range(12))
    assert exponents(1) == [0]
    assert exponents(10**6) == list(range(17))
    assert [width(e) for e in (0, 3, 16)] == ["1", "2⁻³", "2⁻¹⁶"]
    assert (every[0].lows == small.attribute.min()).all()
    assert (every[0].highs == small.attribute.max()).all()


def test_a_window_holds_all_rows_with_a_number_in_it(every, small):
    for one in every:
        inside = (small.attribute >= one.lows[:, None]) & (small.attribute <= one.highs[:, None])
        np.testing.assert_array_equal(one.stops - one.starts, inside.sum(axis=1))
        assert (one.stops - one.starts >= one.size).all()
        np.testing.assert_array_equal(one.count, np.minimum(inside.sum(axis=1), K))
    assert (every[-1].stops - every[-1].starts > 1).any()  # numbers are equal here


def test_windows_elsewhere_are_far_from_the_number_of_the_query():
    data = correlated(1_100, 4, 0, ask="elsewhere")
    data = type(data)(**{**{f: getattr(data, f) for f in data.__slots__}, "own": data.own[:50]})
    ordered, rng = Ordered.of(data), np.random.default_rng(0)
    own = np.searchsorted(ordered.numbers, data.own)
    rows = len(ordered.numbers)
    seen = set()
    for size in (1, 20, rows // 2, rows):
        first = placed(data, ordered, size, rng)[: len(own)]
        gap = np.maximum(np.maximum(first - own, own - first - size), 0)
        most = np.maximum(np.maximum(own - size, rows - size - own), 0)
        assert ((first >= 0) & (first + size <= rows)).all()
        assert (gap >= most // 2).all()
        seen.update(np.sign(first - own).tolist())
    assert {-1, 1} <= seen


def test_the_last_true_neighbour_is_that_of_the_plain_formula(small, ordered):
    starts, stops = np.array([0, 10, 500]), np.array([2_900, 17, 560])
    found = farthest(ordered.rows, small.queries[:3], starts, stops)
    for i in range(3):
        rows = ordered.rows[starts[i] : stops[i]].astype(np.float64)
        true = np.sort(((rows - small.queries[i].astype(np.float64)) ** 2).sum(axis=1))
        assert found[i] == pytest.approx(true[min(K, len(true)) - 1], abs=1e-12)


def test_a_row_counts_once_if_it_is_near_and_in_the_window(every, small, ordered):
    one = every[2]
    spans = zip(one.starts, one.stops, small.queries, strict=True)
    true = []
    for start, stop, query in spans:
        order = np.argsort(windows.gaps(ordered.rows[start:stop], query))[:K]
        true.append(ordered.order[start + order])
    true = np.array(true)
    assert recall_of(true, small.queries, ordered, one) == 1
    assert recall_of(true[:5], small.queries[:5], ordered, one, slice(0, 5)) == 1
    some = true.copy()
    some[:, 4] = some[:, 0]  # twice
    some[:, 5] = -1
    some[:, 6:8] = ordered.order[one.starts - 1][:, None]  # outside
    assert recall_of(some, small.queries, ordered, one) == pytest.approx(0.6)


def test_rows_as_near_as_the_last_neighbour_count_for_it(small, tmp_path):
    twice = type(small)(
        **{
            **{f: getattr(small, f) for f in small.__slots__},
            "rows": np.repeat(small.rows[:40], 2, axis=0),
            "attribute": np.zeros(80),
        }
    )
    ordered = Ordered.of(twice)
    one = next(asked(twice, ordered, Workspace(tmp_path), 0))
    near = np.argsort(-(small.queries @ small.rows[:40].T), axis=1)[:, :5]
    both = np.concatenate([2 * near, 2 * near + 1], axis=1)
    assert recall_of(both, twice.queries, ordered, one) == 1


def test_the_truth_is_kept_and_belongs_to_its_windows(small, ordered, tmp_path):
    workspace = Workspace(tmp_path)
    first = next(asked(small, ordered, workspace, 0))
    (kept,) = tmp_path.iterdir()
    np.save(kept, first.farthest + 1)  # so that reading it is seen
    again = next(asked(small, ordered, workspace, 0))
    np.testing.assert_array_equal(again.farthest, first.farthest + 1)


# -- engines ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_finds_the_truth_in_windows_of_every_width(name, small, ordered, every, tmp_path):
    if name not in chosen([name]):
        pytest.skip(f"{ENGINES[name].package} is not installed")
    engine, built = ready(name, small, ordered, Workspace(tmp_path), 1)
    assert built.now
    efforts = [ladder[-1] for ladder in engine.ladders]
    for one in every[::3]:
        if not engine.able(int((one.stops - one.starts).min())):
            continue
        best = []
        for effort in efforts:
            engine.set_effort(effort)
            found = engine.search(small.queries, one.lows, one.highs, K)
            assert found.shape == (len(small.queries), K)
            best.append(recall_of(found, small.queries, ordered, one))
            numbers = small.attribute[np.maximum(found, 0)]
            inside = (numbers >= one.lows[:, None]) & (numbers <= one.highs[:, None])
            assert (inside | (found <= 0)).all()  # some fill up with 0
        # One method of ours alone need not be of use in every window.
        assert max(best) > (0.95 if name == OURS or ENGINES[name].family != FAMILY else 0.5)


def test_the_two_ways_to_scan_agree_and_miss_nothing(small, ordered, every, tmp_path):
    engine, _ = ready(SCAN, small, ordered, Workspace(tmp_path), 1)
    for one in every:
        answers = []
        for (effort,) in engine.ladders:
            engine.set_effort(effort)
            answers.append(np.sort(engine.search(small.queries, one.lows, one.highs, K)))
            assert recall_of(answers[-1], small.queries, ordered, one) == 1
            assert ((answers[-1] >= 0).sum(axis=1) == one.count).all()
        assert (answers[0] == answers[1]).mean() > 0.99


def test_engines_are_chosen_by_name_or_by_what_is_installed(monkeypatch):
    assert chosen(peers=False) == list(BARE) == [OURS, SCAN]
    with pytest.raises(ValueError, match=r"no engine 'nothing'; .*, exact scan"):
        chosen(["nothing"])
    monkeypatch.setattr("benchmarks.peers.windows.find_spec", lambda package: package == "numpy")
    assert chosen() == [SCAN]


def test_rows_of_unequal_length_are_filled_up():
    found = filled([np.array([3, 1]), [], np.array([2], dtype=np.uint64)], 2)
    np.testing.assert_array_equal(found, [[3, 1], [-1, -1], [2, -1]])


# -- measuring ----------------------------------------------------------------------


class Stepwise:
    """An engine whose recall is its effort, in tenths, over two ladders."""

    ladders = ((2, 9, 10, 11), (10,))

    def __init__(self, small, ordered, truth):
        self.data, self.ordered, self.truth, self.asked = small, ordered, truth, []

    def able(self, matching):
        return matching > 1

    def set_effort(self, effort):
        self.effort = effort

    def search(self, queries, lows, highs, k):
        self.asked.append(self.effort)
        found = self.truth[: len(queries)].copy()
        found[:, min(self.effort, k) :] = -1
        return found


@pytest.fixture
def stepwise(small, ordered, every, tmp_path):
    scan, _ = ready(SCAN, small, ordered, Workspace(tmp_path), 1)
    scan.set_effort("alone")
    truth = scan.search(small.queries, every[2].lows, every[2].highs, K)
    return Stepwise(small, ordered, truth)


def test_a_ladder_is_climbed_until_it_finds_enough(stepwise, every):
    found = sweep({"steps": stepwise}, every[2], rounds=2)
    assert [one.effort for one in found] == ["2", "9", "10", "10"]
    assert [one.recall for one in found] == pytest.approx([0.2, 0.9, 1, 1])
    assert 11 not in stepwise.asked
    assert all(one.rate > 0 and one.exponent == 2 for one in found)
    best = at(found, "steps", 2)
    assert best.chosen
    assert best.recall == 1
    assert at(found, "steps", 3) is None


@pytest.mark.parametrize(("found", "best"), [((10, 10), "0.7"), ((9, 10), "0.97")])
def test_ours_is_always_timed_as_it_is_asked_by_default(stepwise, every, found, best):
    stepwise.ladders = ((0.7, 0.95, 0.97),)
    lengths = dict(zip((0.7, 0.95, 0.97), (found[0], found[0], found[1]), strict=True))
    stepwise.set_effort = lambda effort: setattr(stepwise, "effort", lengths[effort])
    timed = sweep({OURS: stepwise}, every[2], rounds=1)
    asked = at(timed, OURS, 2, asked=True)
    assert (asked.effort, asked.recall) == ("0.95", pytest.approx(found[0] / K))
    # Equally good ones are chosen by their rate, which is chance here.
    chosen = at(timed, OURS, 2).effort
    assert chosen == best or (chosen == "0.95" and asked.recall == 1)


def test_no_harder_effort_is_tried_once_patience_is_spent(stepwise, every, monkeypatch):
    monkeypatch.setattr("benchmarks.window_sweep.PATIENCE", 0.0)
    found = sweep({"steps": stepwise}, every[2], rounds=1)
    assert [one.effort for one in found] == ["2"]
    assert at(found, "steps", 2) is None


def test_a_slow_engine_is_asked_fewer_queries(stepwise, every, monkeypatch):
    monkeypatch.setattr("benchmarks.window_sweep.SECONDS", 0.0)
    found = sweep({"steps": stepwise}, every[2], rounds=1)
    assert {one.queries for one in found} == {5}
    assert at(found, "steps", 2).recall == 1


def test_who_cannot_answer_is_not_asked(stepwise, every, monkeypatch):
    monkeypatch.setattr(stepwise, "able", lambda matching: False)
    assert sweep({"steps": stepwise}, every[2], rounds=1) == []


# -- figures ------------------------------------------------------------------------


def timed(engine, exponent, rate, recall=0.96, **changes):
    return Timed(engine, exponent, "1", recall, rate, 50, **{"chosen": True, **changes})


@pytest.fixture
def measured():
    built = {name: Built(name, None, 1.0, 2.0) for name in (OURS, SCAN, "post-filtering", TREE)}
    rates = {OURS: (900, 800, 40_000), SCAN: (10, 40, 90_000), "post-filtering": (300, 8, 2)}
    every = [timed(name, e, rate) for name, some in rates.items() for e, rate in enumerate(some)]
    every += [timed(TREE, 0, 100), timed(TREE, 1, 100), timed(TREE, 2, 50, 0.5, chosen=False)]
    every += [timed(OURS, 0, 700, 0.94, chosen=False, asked=True)]
    sizes = {0: 4_000, 1: 2_000, 2: 10}
    return Measured("set", "a set", sizes, built, every, Size(9, 5), Size(2, 2))


def test_ours_stands_beside_the_best_at_each_width(measured):
    wide, middle, narrow = figures(measured)[:3]
    assert (wide.peer, wide.target, wide.met) == ("post-filtering", 300, True)
    assert (middle.peer, middle.ratio) == (TREE, 8)
    assert (narrow.peer, narrow.theirs) == (SCAN, 90_000)
    assert narrow.target == pytest.approx(1 / (1 / 90_000 + 20e-6))
    assert narrow.met
    assert "2⁻²" in narrow.what
    assert "20 µs" in narrow.note


def test_the_best_single_peer_answers_at_every_width(measured):
    single, family = (f for f in figures(measured) if "a second, geometric" in f.what), None
    single, *family = single
    assert single.peer == SCAN  # the tree never finds 95 % in the narrowest
    assert single.theirs == pytest.approx((10 * 40 * 90_000) ** (1 / 3))
    assert single.target == pytest.approx(3 * single.theirs)
    assert family == []


def test_the_hardest_width_is_where_filters_are_slowest(measured):
    (hard,) = (f for f in figures(measured) if "slowest" in f.what)
    assert (hard.peer, hard.ours, hard.theirs) == (SCAN, 800, 40)
    assert "up to 75" in hard.note
    assert "2.5 (paper: tree)" in hard.note


def test_what_was_promised_and_what_it_takes_is_told(measured):
    promise, mean, worst, seconds, size = figures(measured)[-5:]
    assert mean.ours == worst.ours == pytest.approx(900 / 700)
    assert "above 1.3 at 0 of 1" in worst.note
    assert (promise.ours, promise.met) == (0.94, False)
    assert (seconds.target, seconds.met) == (8, False)
    assert (size.target, size.met) == (6, True)


def test_the_table_has_a_line_a_width(measured):
    rates, built = details(measured)
    assert rates.rows[0] == ("1", "4,000", "900", "10", "300", "100", "700 at 0.940")
    assert rates.rows[2] == ("2⁻²", "10", "40,000", "90,000", "2", "—", "—")
    assert built.rows[0] == (OURS, "1.0", "2.0")


# -- the run ------------------------------------------------------------------------


def test_a_set_without_its_data_is_left_out_and_said(tmp_path, monkeypatch):
    monkeypatch.setenv("LIKEWISE_DATA", str(tmp_path))
    monkeypatch.setattr(window_search, "PLOTS", tmp_path / "plots")
    setting = Setting(False, Workspace(tmp_path), sets=("glove",), progress=Progress(print))
    outcome = window_search.run(setting)
    assert not outcome.figures
    assert [note for note in outcome.notes if note.startswith("glove was not measured")]
    with pytest.raises(ValueError, match="no set 'nothing'; there are products"):
        window_search.run(Setting(False, Workspace(tmp_path), sets=("nothing",)))


def test_pictures_are_read_as_they_were_written(measured, tmp_path):
    pictures = [WindowPicture("a", "A", measured.sizes, measured.timed)]
    write_pictures(pictures, tmp_path / "deep" / "points.json")
    assert read_pictures(tmp_path / "deep" / "points.json") == pictures


def test_pictures_name_every_engine(measured, tmp_path):
    if not can_draw():
        pytest.skip("matplotlib is not installed")
    picture = WindowPicture("some", "A set", measured.sizes, measured.timed)
    paths = draw(picture, tmp_path)
    assert [path.name for path in paths] == [
        f"{kind}-some.{ending}"
        for kind in ("windows", "window-curves")
        for ending in ("svg", "png")
    ]
    for path in paths[::2]:
        text = path.read_text(encoding="utf-8")
        for words in ("A set", f">{OURS}<", f">{SCAN}<", f">{TREE}<", "queries a second"):
            assert words in text
