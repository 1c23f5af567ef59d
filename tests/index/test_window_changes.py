"""Rows that come and go in a `Window`, its file, and what interrupts leave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likewise._arrays import open_arrays, save_arrays
from likewise.errors import DamagedFile, InvalidArgument
from likewise.index import CostModel, Window, _codes
from likewise.index import window as window_module
from likewise.index._net import Net
from tests.index.windows import WALKS, distances, inside, make_rows, recall_of, small_parts

COUNT = 900
X = make_rows(COUNT)
NUMBERS = np.random.default_rng(1).integers(0, 300, COUNT)
Q = make_rows(20, seed=5)


@pytest.fixture(autouse=True)
def parts():
    with small_parts():
        yield


def build(count=COUNT, **options):
    return Window("euclidean", **{"costs": WALKS, **options}).fit(
        X[:count], attribute=NUMBERS[:count]
    )


def agrees(index, rows, numbers, alive, recall=0.93):
    """Windows hold what they should, exactly, and searches find it."""
    for window in ((None, None), (50, 250), (100, 103), (250, None)):
        masks = inside(numbers, window) & alive
        for options in ({}, {"exact": True}):
            found = index.search(Q, 10, window=window, **options)
            assert found.info.matching == masks.sum()
            least = 1.0 if options else recall
            assert recall_of(found, "euclidean", Q, rows, masks, 10) >= least


ALL = np.ones(COUNT, dtype=np.bool_)

# -- adding and deleting -----------------------------------------------------------------


def test_rows_that_come_late_are_found(monkeypatch):
    monkeypatch.setattr(window_module, "FEWEST_LATE", 150)
    index = build(600)
    for first, stop in ((600, 601), (601, 740), (740, 900)):
        new = index.add(X[first:stop], attribute=NUMBERS[first:stop])
        assert new.tolist() == list(range(first, stop))
        np.testing.assert_array_equal(index.attribute, NUMBERS[:stop])
        agrees(index, X[:stop], NUMBERS[:stop], ALL[:stop])
        late = stop - index._ordered.ordered
        assert late == (stop - 600 if stop <= 740 else 0), "linked anew too early or too late"
    fresh = build()
    np.testing.assert_array_equal(index._windows.parts.links, fresh._windows.parts.links)


def test_late_rows_with_filters(monkeypatch):
    index = build(700)
    index.add(X[700:], attribute=NUMBERS[700:])
    for share in (0.5, 0.02):
        mask = np.random.default_rng(2).random(COUNT) < share
        found = index.search(Q, 10, window=(50, 250), where=mask)
        assert found.info.matching == (mask & inside(NUMBERS, (50, 250))).sum()
        passing = mask & inside(NUMBERS, (50, 250))
        assert recall_of(found, "euclidean", Q, X, passing, 10) >= 0.93


def test_a_mask_kept_from_the_last_call_is_that_of_this_one():
    index, held = build(), np.arange(COUNT) % 2 == 0

    def found():
        """Rows of all windows that pass, by a view that cannot be written to and by a copy."""
        answers = [index.search(Q, 5, where=mask) for mask in (view, held.copy(), view)]
        for answer in answers:
            np.testing.assert_array_equal(answer.ids, answers[0].ids)
        return answers[0].info.matching

    view = held.view()
    view.flags.writeable = False
    assert found() == 450
    held[:] = np.arange(COUNT) < 100
    assert found() == 100
    held = held.copy()
    view = held
    held.flags.writeable = False
    assert found() == 100
    index.delete([0])
    assert found() == 99
    index.delete(np.arange(1, 90))
    index.delete(np.arange(500, 800))
    assert found() == 10


def test_few_rows_become_many():
    index = build(10)
    assert index.codes == "none"
    for first, stop in ((10, 300), (300, 511), (511, 520), (520, 900)):
        index.add(X[first:stop], attribute=NUMBERS[first:stop])
        agrees(index, X[:stop], NUMBERS[:stop], ALL[:stop])
    assert index.codes != "none"


def test_deleted_rows_are_gone():
    index, alive = build(), ALL.copy()
    for gone in ([3], np.arange(100, 150), np.arange(200, 400), np.arange(860, 900)):
        index.delete(gone)
        alive[gone] = False
        agrees(index, X, NUMBERS, alive)
    index.add(X[:30], attribute=NUMBERS[:30])
    index.delete(np.arange(0, 900, 2))
    alive[::2] = False
    rows, numbers = np.concatenate([X, X[:30]]), np.concatenate([NUMBERS, NUMBERS[:30]])
    agrees(index, rows, numbers, np.concatenate([alive, np.ones(30, bool)]))
    index.delete(np.arange(930))
    assert len(index.search(Q, 5, window=(0, 300))[0].ids) == 0
    assert index.add(X[:2], attribute=[1, 2]).tolist() == [930, 931]
    assert index.search(Q, 5, window=(2, None)).ids.tolist() == [[931]] * len(Q)


def test_keys_given_to_fit_do_not_outlive_it():
    index = Window("euclidean", costs=WALKS)
    index.fit(X[:800], attribute=NUMBERS[:800], sample_keys=np.arange(800))
    index.delete(np.arange(300))
    index.add(X[800:], attribute=NUMBERS[800:])
    index.delete(np.arange(300, 600))
    agrees(index, X, NUMBERS, np.arange(COUNT) >= 600)


@pytest.mark.parametrize("scale", [1e-6, 1e12])
def test_late_rows_of_another_size(scale):
    odd = X[:60] * np.float32(scale)
    index = build(600)
    index.add(odd, attribute=NUMBERS[:60])
    rows, numbers = np.concatenate([X[:600], odd]), np.concatenate([NUMBERS[:600], NUMBERS[:60]])
    agrees(index, rows, numbers, np.ones(660, bool))
    found = index.search(odd[:5], 1, window=(0, 300), exact=True)
    assert found.distances.max() <= 1e-6 * scale


# -- interrupts --------------------------------------------------------------------------


class Stop(Exception):
    """Raised by a progress."""


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_fit_that_is_cut_off_changes_nothing(share):
    index = build(600, codes="8-bit")
    before = index.search(Q, 10, window=(50, 250))

    def progress(done, whole):
        if done >= share * whole:
            raise Stop

    with pytest.raises(Stop):
        index.fit(make_rows(800, seed=9), progress=progress)
    assert len(index) == 600
    np.testing.assert_array_equal(index.search(Q, 10, window=(50, 250)).ids, before.ids)
    assert index.add(X[600:610], attribute=NUMBERS[600:610])[0] == 600
    agrees(index, X[:610], NUMBERS[:610], ALL[:610])


def test_progress_goes_up_to_the_end():
    told = []
    Window("euclidean", costs=WALKS, overlap=True).fit(
        X, attribute=NUMBERS, progress=lambda *both: told.append(both)
    )
    done = [rows for rows, _ in told]
    assert done == sorted(done)
    assert told[-1][0] == told[-1][1]
    assert len({whole for _, whole in told}) == 1


CUTS = [
    (_codes.Codes, "takes"),
    (_codes.Codes, "append"),
    (Net, "insert"),
    (window_module, "link_parts"),
    (window_module.Windows, "measure"),
]


@pytest.mark.parametrize("late", [10_000, 10], ids=["late", "linked anew"])
@pytest.mark.parametrize(("owner", "name"), CUTS, ids=[name for _, name in CUTS])
def test_an_add_that_is_cut_off_loses_no_row(monkeypatch, owner, name, late):
    monkeypatch.setattr(window_module, "FEWEST_LATE", late)
    monkeypatch.setattr(window_module, "LATE_SHARE", 0.0)
    index = build(600)

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupted)
        if name in (("takes", "append") if late > 10 else [other for _, other in CUTS[1:]]):
            with pytest.raises(KeyboardInterrupt):
                index.add(X[600:640], attribute=NUMBERS[600:640])
        else:
            index.add(X[600:640], attribute=NUMBERS[600:640])
    assert (len(index), len(index.rows), len(index.attribute)) == (640, 640, 640)
    agrees(index, X[:640], NUMBERS[:640], ALL[:640])
    assert index.add(X[640:700], attribute=NUMBERS[640:700])[0] == 640
    agrees(index, X[:700], NUMBERS[:700], ALL[:700])


def test_a_deletion_that_is_cut_off_is_done(monkeypatch):
    index = build(700)
    index.add(X[700:], attribute=NUMBERS[700:])

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(window_module, "link_parts", interrupted)
        with pytest.raises(KeyboardInterrupt):
            index.delete(np.arange(300))
    agrees(index, X, NUMBERS, np.arange(COUNT) >= 300)
    index.delete([300])
    agrees(index, X, NUMBERS, np.arange(COUNT) > 300)


def test_a_refused_add_changes_nothing():
    index = build(600)
    for rows, numbers in ((X[:2], [1]), (X[:2, :5], [1, 2]), (np.full((2, 12), np.nan), [1, 2])):
        with pytest.raises(InvalidArgument if len(numbers) == 1 else ValueError):
            index.add(rows, attribute=numbers)
    assert (len(index), index.next_position, len(index.attribute)) == (600, 600, 600)


# -- memory ------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"overlap": True}, {"codes": "float32"}, {"degree": 8}])
def test_the_plan_covers_what_is_held(options):
    index = build(**options)
    planned = index.plan(COUNT, X.shape[1]).bytes
    assert X.nbytes + index.nbytes <= planned <= 3 * (X.nbytes + index.nbytes)


def test_more_parts_are_planned_for():
    made = (Window(branching=4), Window(), Window(overlap=True))
    plans = [index.plan(10**6, 100) for index in made]
    assert plans[0].bytes < plans[1].bytes < plans[2].bytes
    assert plans[0].seconds < plans[1].seconds < plans[2].seconds


# -- files -------------------------------------------------------------------------------

KINDS = {
    "whole": NUMBERS,
    "real": np.where(np.arange(COUNT) % 40 == 0, np.nan, NUMBERS / 7),
    "dates": np.datetime64("2020-01-01", "us") + NUMBERS.astype("m8[D]"),
    "none": None,
}


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_with_late_rows(tmp_path, kind):
    numbers = KINDS[kind]
    some = (None, None) if numbers is None else (numbers[:700], numbers[700:])
    index = Window("euclidean", costs=WALKS, overlap=True).fit(X[:700], attribute=some[0])
    index.add(X[700:], attribute=some[1])
    index.delete([5, 705])
    index.save(tmp_path / "index")
    index.save(tmp_path / "bare", include_rows=False)
    middle = np.arange(COUNT) if numbers is None else numbers
    low, high = middle[100], middle[200]
    window = (min(low, high), max(low, high))
    for again in (
        Window.load(tmp_path / "index", n_jobs=2),
        Window.load(tmp_path / "bare", rows=index.rows),
    ):
        assert again.attribute.dtype == index.attribute.dtype
        np.testing.assert_array_equal(again.attribute, index.attribute)
        for options in ({"window": window}, {}, {"window": (window[0], None), "method": "super"}):
            found, expected = (i.search(Q, 10, **options) for i in (again, index))
            np.testing.assert_array_equal(found.flat_ids, expected.flat_ids)
            assert found.info.matching == expected.info.matching
            assert found.info.strategy == expected.info.strategy
        again.save(tmp_path / "again")
        given = None if numbers is None else numbers[:3]
        assert again.add(X[:3], attribute=given).tolist() == [900, 901, 902]
        again.delete(np.arange(400))
        assert len(again.search(Q[0], 1000)[0].ids) == len(again)
        with pytest.raises(InvalidArgument, match="attribute"):
            again.add(X[:3], attribute=None if given is not None else [1, 2, 3])
    index = Window.load(tmp_path / "index")
    index.save(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "index").read_bytes()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "index"
    with small_parts():
        index = build(700, overlap=True)
        index.add(X[700:], attribute=NUMBERS[700:])
        index.save(path)
    return path


def damaged(saved, folder, name, change):
    """A copy of the file, whose array ``name`` is what ``change`` makes of it, loaded."""
    file = open_arrays(saved)
    arrays = {key: array.copy() for key, array in file.arrays.items()}
    arrays[name] = change(arrays[name])
    save_arrays(folder / "damaged", arrays, file.attributes)
    return Window.load(folder / "damaged")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("order", lambda a: a[::-1]),
        ("order", lambda a: np.append(a, a[:300])),
        ("order", lambda a: a[:-1]),
        ("attribute", lambda a: a[:-1]),
        ("attribute", lambda a: a.astype(np.float64)),
        ("attribute", lambda a: -a),
        ("part_sizes", lambda a: a * 0),
        ("part_sizes", lambda a: -a),
        ("part_sizes", lambda a: a[::-1]),
        ("part_sizes", lambda a: a * 0 + 128),
        ("part_sizes", lambda a: a * 2**40),
        ("part_sizes", lambda a: a + np.arange(len(a))),
        ("part_sizes", lambda a: a[:-1]),
        ("part_links", lambda a: a[:-1]),
        ("part_links", lambda a: a[:, :-1]),
        ("part_links", lambda a: a.reshape(len(a), -1)),
        ("overlapping_links", lambda a: a[:-1]),
        ("codes", lambda a: a[:-1]),
        ("links", lambda a: a + 10**6),
        ("links", lambda a: a[:-1]),
        ("twin_slots", lambda a: np.append(a, a.dtype.type(10**6))),
    ],
)
def test_damaged_files_are_refused(saved, tmp_path, name, change):
    with pytest.raises(DamagedFile, match="build"):
        damaged(saved, tmp_path, name, change)


@pytest.mark.parametrize("name", ["part_links", "overlapping_links"])
def test_links_of_parts_that_lead_anywhere_are_harmless(saved, tmp_path, name):
    rng = np.random.default_rng(3)
    for low, high in ((-1, COUNT), (-(2**31), 2**31)):

        def change(array, low=low, high=high):
            return rng.integers(low, high, array.shape).astype(np.int32)

        index = damaged(saved, tmp_path, name, change)
        for method in (None, "tree", "super"):
            found = index.search(Q, 10, window=(50, 250), method=method)
            recall_of(found, "euclidean", Q, X, inside(NUMBERS, (50, 250)), 10)
        index.delete(np.arange(300))
        agrees(index, X, NUMBERS, np.arange(COUNT) >= 300)


def test_one_bit_in_a_file_of_dates(tmp_path):
    index = Window("euclidean").fit(X[:50], attribute=KINDS["dates"][:50])
    index.save(tmp_path / "index")
    with pytest.raises(DamagedFile):
        damaged(tmp_path / "index", tmp_path, "attribute", lambda a: a.astype(np.int32))


# -- any history -------------------------------------------------------------------------

POOL = make_rows(1600, 6, seed=11)
STEPS = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 150), st.integers(0, 2**16)),
    st.tuples(st.just("delete"), st.integers(1, 200), st.integers(0, 2**16)),
    st.tuples(st.just("search"), st.integers(1, 40), st.integers(0, 2**16)),
)


def searched(index, rows, numbers, alive, k, seed):
    """One search of windows drawn by chance, against a list of all rows."""
    rng = np.random.default_rng(seed)
    queries = POOL[rng.integers(0, len(POOL), 3)] + np.float32(0.01)
    lows, highs = rng.integers(-5, 55, 3), rng.integers(-5, 55, 3)
    inclusive = ("both", "left", "right", "neither")[seed % 4]
    mask = rng.random(len(rows)) < rng.choice([0.05, 0.5, 1.0])
    exact = bool(seed % 3 == 0)
    found = index.search(
        queries, k, window=(lows, highs), inclusive=inclusive, where=mask, exact=exact
    )
    for query, row, low, high in zip(queries, found, lows, highs, strict=True):
        passing = inside(numbers, (low, high), inclusive) & mask & alive
        assert len(row.ids) == len(np.unique(row.ids)) == min(k, passing.sum())
        assert passing[row.ids].all()
        truth = distances("euclidean", query, rows)
        np.testing.assert_allclose(row.distances, truth[row.ids], rtol=1e-6, atol=1e-6)
        if exact:
            nearest = np.sort(truth[passing])[:k]
            np.testing.assert_allclose(row.distances, nearest, rtol=1e-6, atol=1e-6)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=st.sampled_from([0, 3, 400, 530]), steps=st.lists(STEPS, min_size=2, max_size=6))
def test_any_history(first, steps):
    rng = np.random.default_rng(first)
    numbers = rng.integers(0, 50, first)
    rows, alive = POOL[:first], np.ones(first, bool)
    costs = CostModel(call=0.0, streamed=1e-6, gathered=3e-6, graph={16: 1e-6, 1024: 6e-5})
    index = Window("euclidean", costs=costs, build_effort=24, degree=8)
    index.fit(rows, attribute=numbers)
    for name, count, seed in [*steps, ("search", 7, 0), ("search", 7, 1)]:
        rng = np.random.default_rng(seed)
        if name == "add":
            new, given_numbers = POOL[rng.integers(0, len(POOL), count)], rng.integers(0, 50, count)
            positions = index.add(new, attribute=given_numbers)
            assert positions.tolist() == list(range(len(rows), len(rows) + count))
            rows, numbers = np.concatenate([rows, new]), np.concatenate([numbers, given_numbers])
            alive = np.concatenate([alive, np.ones(count, bool)])
        elif name == "delete" and len(rows):
            gone = rng.integers(0, len(rows), count)
            assert index.delete(gone) == alive[np.unique(gone)].sum()
            alive[gone] = False
        elif name == "search" and len(rows):
            searched(index, rows, numbers, alive, count, seed)
        assert len(index) == alive.sum()
