"""Positions stay, slots move: what `delete` and compaction leave, and how `where` is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise._arrays import open_arrays, save_arrays
from likewise.errors import DamagedFile, InvalidFilter
from likewise.index import Exact, IndexPlan, load
from likewise.index._selection import select
from likewise.index._slots import FEWEST_DEAD, Slots
from likewise.index.base import Answer, Flat, Index


def rows(count: int, dim: int = 6, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


class Recording(Index):
    """Answers with the first matching slots, and notes what the hooks are told."""

    name = "recording"

    def _fit(self, rows: Any, progress: Any) -> None:
        self._rows, self.kept = rows, []
        self.fail = False

    def _add(self, rows: Any) -> None:
        if self.fail:
            raise MemoryError
        self._rows.extend(rows)

    def _compact(self, keep: Any) -> None:
        assert len(self._rows) == len(keep) == self._slots.count
        if self.fail:
            raise KeyboardInterrupt
        self.kept.append(keep)

    def _search(self, queries: Any, request: Any) -> Answer:
        self.asked = request.selection
        matching = np.arange(request.selection.size)
        if request.selection.where is not None:
            matching = np.flatnonzero(request.selection.mask())
        ids = np.tile(matching[: request.k], len(queries))
        offsets = np.arange(len(queries) + 1) * len(matching[: request.k])
        return Answer(Flat(ids, np.zeros(len(ids)), offsets), "first", 1.0, 1, "by order")

    def _plan(self, n: int, dim: int) -> IndexPlan:
        return IndexPlan(4 * n * dim, 0.0)

    def _state(self) -> Any:
        return {}, {}

    def _restore(self, rows: Any, arrays: Any, state: Any) -> None:
        self._fit(rows, None)


# -- against the obvious ---------------------------------------------------------------


class Plain:
    """Every position ever given out, and whether it lives."""

    def __init__(self) -> None:
        self.lives: list[bool] = []

    def matching(self, where: Any) -> list[int]:
        wanted = np.zeros(len(self.lives), dtype=bool)
        wanted[slice(None) if where is None else where] = True
        return np.flatnonzero(wanted & np.array(self.lives, dtype=bool)).tolist()


changes = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 300)),
        st.tuples(st.just("some"), st.integers(0, 2**32 - 1)),
        st.tuples(st.just("range"), st.integers(0, 400)),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(changes, st.integers(0, 2**32 - 1))
def test_whatever_comes_and_goes(steps: list[tuple[str, int]], seed: int) -> None:
    rng, slots, plain = np.random.default_rng(seed), Slots(100), Plain()
    plain.lives = [True] * 100
    for kind, number in steps:
        ever = len(plain.lives)
        if kind == "add":
            assert slots.grow(number).tolist() == list(range(ever, ever + number))
            plain.lives += [True] * number
        else:
            gone = rng.integers(-3, ever + 3, number % 200) if kind == "some" else np.arange(number)
            known = {int(i) for i in gone if 0 <= i < ever and plain.lives[i]}
            assert slots.delete(gone) == len(known)
            for position in known:
                plain.lives[position] = False
        if slots.overfull:
            slots = slots.compacted(np.flatnonzero(slots.alive))
        check_against(slots, plain, rng)
        again = Slots.from_arrays(slots.to_arrays(), slots.count)
        check_against(again, plain, rng)


def check_against(slots: Slots, plain: Plain, rng: np.random.Generator) -> None:
    ever = len(plain.lives)
    assert slots.next_position == ever
    assert slots.count - slots.deleted == sum(plain.lives)
    assert slots.deleted <= max(FEWEST_DEAD, slots.count / 8)
    first, stop = sorted(rng.integers(0, ever + 1, 2).tolist())
    mask = rng.random(ever) < 0.5
    for where in (
        None,
        mask if ever else None,
        rng.permutation(np.flatnonzero(mask)),
        range(first, stop),
        slice(first, stop),
        range(first, stop, 3),
        slice(None, stop, 2),
    ):
        selection = select(where, slots)
        found = selection.mask()
        found = np.arange(slots.count) if found is None else np.flatnonzero(found)
        expected = plain.matching(where if not isinstance(where, range) else list(where))
        assert slots.to_positions(found).tolist() == expected
        assert selection.count == len(expected)
        assert selection.size == slots.count
        if selection.span is not None:
            low, high = selection.span
            alive = np.ones(high - low, bool) if selection.alive is None else selection.alive
            inside = low + np.flatnonzero(alive[low:high] if selection.alive is not None else alive)
            assert inside.tolist() == found.tolist()


# -- compaction ------------------------------------------------------------------------


def test_an_eighth_and_more_than_a_few_are_dead_before_anything_moves() -> None:
    index = Recording("euclidean").fit(rows(800))
    index.delete(range(100))
    assert index.kept == []
    assert len(index.rows) == 800
    index.delete([799])
    (keep,) = index.kept
    assert keep.tolist() == list(range(100, 799))
    assert index.rows.shape == (699, 6)
    assert index.positions.tolist() == list(range(100, 799))
    np.testing.assert_array_equal(index.rows, rows(800)[100:799])
    small = Recording("euclidean").fit(rows(70))
    small.delete(range(FEWEST_DEAD))
    assert small.kept == []


def test_hooks_speak_of_slots_and_users_of_positions() -> None:
    index = Recording("euclidean").fit(rows(800))
    index.delete(range(0, 800, 2))
    assert index.add(rows(2)).tolist() == [800, 801]
    assert index.next_position == 802
    found = index.search(rows(2), 3, where=range(10, 100))
    assert found.ids.tolist() == [[11, 13, 15]] * 2
    assert index.asked.span == (5, 50)
    assert index.asked.alive is None
    index.delete([13])
    assert index.search(rows(1), 3, where=range(10, 100)).ids.tolist() == [[11, 15, 17]]
    assert index.asked.span == (5, 50)
    assert not index.asked.alive[6]
    assert index.search(rows(1), 5, where=[0, 1, 801]).ids.tolist() == [[1, 801]]
    everything = index.search(rows(1), 5, where=slice(None))
    assert everything.info.matching == len(index) == 401


def test_what_fails_changes_nothing() -> None:
    index = Recording("euclidean").fit(rows(800))
    index.fail = True
    with pytest.raises(KeyboardInterrupt):
        index.delete(range(400))
    assert len(index) == 400
    assert index.rows.shape == (800, 6)
    assert index.search(rows(1), 2).ids.tolist() == [[400, 401]]
    with pytest.raises(MemoryError):
        index.add(rows(5))
    assert (len(index), index.next_position) == (400, 800)
    index.fail = False
    index.delete([400])
    assert index.rows.shape == (399, 6)


def test_memory_shrinks_and_mapped_rows_are_copied_then(tmp_path: Any) -> None:
    X = rows(1000)
    Exact("euclidean").fit(X).save(tmp_path / "x")
    index = Exact.load(tmp_path / "x")
    index.delete(range(100))
    assert not index.rows.flags.writeable
    index.delete(range(900))
    assert index.rows.shape == (100, 6)
    assert index._rows._buffer.nbytes == 100 * 6 * 4
    assert len(index._prepared.summary.norms) == 100
    assert index.search(X[950], 1)[0].ids.tolist() == [950]
    np.testing.assert_array_equal(Exact.load(tmp_path / "x").rows, X)


def test_a_huge_row_does_no_harm_once_it_is_compacted_away() -> None:
    X = rows(1000)
    X[:200] *= 1e30
    index = Exact("euclidean").fit(X)
    index.delete(range(200))
    assert index._prepared.summary.peak < 10


def test_positions_are_saved_in_few_bytes(tmp_path: Any) -> None:
    index = Exact("euclidean").fit(rows(2000))
    index.delete(range(0, 2000, 2))
    index.delete(range(100, 600))
    index.save(tmp_path / "x")
    arrays = open_arrays(tmp_path / "x").arrays
    assert arrays["steps"].dtype == np.uint16
    again = load(tmp_path / "x")
    np.testing.assert_array_equal(again.positions, index.positions)
    assert again.next_position == 2000
    assert again.add(rows(1)).tolist() == [2000]
    index.delete(range(2000))
    index.save(tmp_path / "none")
    again = load(tmp_path / "none")
    assert (len(again), again.next_position) == (0, 2000)
    assert again.add(rows(1)).tolist() == [2000]


@pytest.mark.parametrize("name", ["alive", "steps", "ends"])
def test_arrays_that_do_not_belong_together(tmp_path: Any, name: str) -> None:
    index = Exact("euclidean").fit(rows(400))
    index.delete(range(200))
    index.save(tmp_path / "x")
    content = open_arrays(tmp_path / "x")
    arrays = dict(content.arrays)
    arrays[name] = arrays[name][:-1] if name != "ends" else np.array([9000, 400])
    save_arrays(tmp_path / "y", arrays, content.attributes)
    with pytest.raises(DamagedFile, match="200 rows"):
        load(tmp_path / "y")


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (range(-1, 5), "position -1"),
        (range(390, 401), "position 400"),
        (np.ones(200, bool), "given out 400 positions"),
        ([400], "position 400"),
        (range(401, 390, -3), "position 401"),
    ],
)
def test_where_that_names_what_never_was(where: Any, words: str) -> None:
    index = Exact("euclidean").fit(rows(400))
    index.delete(range(200))
    with pytest.raises(InvalidFilter, match=words):
        index.search(rows(1), 3, where=where)


def test_empty_ranges_match_nothing() -> None:
    index = Exact("euclidean").fit(rows(400))
    for where in (range(0), range(500, 500), range(7, 3), slice(9000, None)):
        assert index.search(rows(1), 3, where=where).info.matching == 0
