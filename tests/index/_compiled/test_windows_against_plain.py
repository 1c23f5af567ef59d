"""Parts and windows: the kernels do what their plain twins do, and their links what is promised."""

from __future__ import annotations

from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from likewise.index import CostModel, _part_links
from likewise.index._ordered import Ordered
from likewise.index._part_links import link_parts, part_sizes
from likewise.index._passing import Passing
from likewise.index._windows import METHODS, WindowAsk, Windows
from tests.index._compiled.spaces import KINDS, make_codes, make_net, make_rows, plain_loops

COUNT, LATE, DIM = 150, 20, 19
#: Parts of 4-bit codes are linked by their 8-bit ones.
LINKED = [kind for kind in KINDS if kind[1] != "4-bit"]
#: Small, so that there are many parts and plain loops take no time.
SMALL = {"SMALLEST_PART": 16, "CANDIDATES": 12, "PIECE": 40, "FEW": 8}


def ignored(done):
    """Progress that nobody looks at."""


def bits(array):
    return np.asarray(array, dtype=np.float32).view(np.uint32)


def equal_ones(rows):
    """The same rows; a third of them are equal to others."""
    rows[::3] = rows[np.arange(0, len(rows), 3) % 20 + 1]
    return rows


def linked(codes, rows, diversity, *, branching=2, overlap=True, jobs=1):
    with mock.patch.multiple(_part_links, **SMALL):
        return link_parts(
            codes,
            rows,
            diversity,
            branching=branching,
            overlap=overlap,
            jobs=jobs,
            told=ignored,
        )


def make_windows(kind):
    """Windows of rows in a mixed order, some of them late."""
    metric, codes = kind
    rows = equal_ones(make_rows(codes, COUNT + LATE, DIM) + (metric == "cosine"))
    ordered = Ordered(np.random.default_rng(3).permutation(COUNT))
    in_order = np.ascontiguousarray(rows[ordered.order])
    coded = make_codes(metric, codes, in_order)
    net = make_net(coded, in_order)
    parts = linked(coded, in_order, net.diversity)
    windows = Windows(net, COUNT, parts, CostModel(), clocked=False)
    windows.append(rows[COUNT:])
    ordered.add(np.arange(LATE) * (COUNT // LATE))
    windows.bind(rows, ordered)
    return SimpleNamespace(rows=rows, ordered=ordered, windows=windows, in_order=in_order)


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def made(request):
    return make_windows(request.param)


@pytest.fixture(scope="module", params=LINKED, ids="-".join)
def both(request):
    """The same rows linked by kernels and by plain loops."""
    metric, codes = request.param
    rows = equal_ones(make_rows(codes, COUNT, DIM) + (metric == "cosine"))
    coded = make_codes(metric, codes, rows)
    diversity = make_net(coded, rows).diversity
    compiled = linked(coded, rows, diversity)
    with plain_loops():
        plain = linked(coded, rows, diversity)
    return SimpleNamespace(
        rows=rows, codes=coded, diversity=diversity, compiled=compiled, plain=plain
    )


# -- links of parts ----------------------------------------------------------------------


def test_parts_are_linked_as_their_twin_links_them(both):
    assert both.compiled.sizes.tolist() == [128, 64, 32, 16]
    assert (both.compiled.links[..., -1] >= 0).any(), "no row is full: little is tested"
    np.testing.assert_array_equal(both.compiled.links, both.plain.links)
    np.testing.assert_array_equal(both.compiled.overlapping, both.plain.overlapping)


def levels_of(parts):
    """Links (n, few) of each level, and the number of the part of every row."""
    places = np.arange(len(parts.links))
    for level, size in enumerate(parts.sizes.tolist()):
        yield parts.links[:, level], places // size
        if parts.overlapping.size:
            yield parts.overlapping[:, level], (places + size // 2) // size


@pytest.mark.parametrize("branching", [2, 3, 4])
def test_links_stay_in_their_part_and_lead_to_no_row_twice(both, branching):
    overlap = branching % 2 == 0
    parts = linked(both.codes, both.rows, both.diversity, branching=branching, overlap=overlap)
    assert len(parts.sizes) >= 2
    assert parts.overlapping.size == parts.links.size * overlap
    for links, part in levels_of(parts):
        for row, listed in enumerate(links.tolist()):
            held = [other for other in listed if other >= 0]
            assert listed == held + [-1] * (len(listed) - len(held)), "a gap among the links"
            assert row not in held
            assert len(set(held)) == len(held)
            assert all(part[other] == part[row] for other in held)
            assert held or (part == part[row]).sum() == 1, "a row knows nobody of its part"


def test_equal_rows_are_a_ring_in_every_part(both):
    rings = 0
    for links, part in levels_of(both.compiled):
        for number in np.unique(part).tolist():
            members = np.flatnonzero(part == number)
            groups = np.unique(both.rows[members], axis=0, return_inverse=True)[1].reshape(-1)
            for group in np.unique(groups).tolist():
                ring = members[groups == group]
                if len(ring) > 1:
                    rings += 1
                    following = np.roll(ring, -1)
                    assert (links[ring] == following[:, None]).any(axis=1).all()
    assert rings > 50


def test_equal_rows_all_are_linked():
    rows = np.ones((COUNT, DIM), dtype=np.float32)
    coded = make_codes("euclidean", "8-bit", rows)
    parts = linked(coded, rows, make_net(coded, rows).diversity)
    for links, part in levels_of(parts):
        for number in np.unique(part).tolist():
            members = np.flatnonzero(part == number)
            reached, last = {int(members[0])}, [int(members[0])]
            while last:
                new = {o for o in links[last.pop()].tolist() if o >= 0} - reached
                reached |= new
                last += new
            assert reached == set(members.tolist())


def test_any_number_of_threads_links_alike(both):
    three = linked(both.codes, both.rows, both.diversity, jobs=3)
    np.testing.assert_array_equal(three.links, both.compiled.links)
    np.testing.assert_array_equal(three.overlapping, both.compiled.overlapping)


def test_progress_counts_every_row_of_every_level(both):
    told = []
    with mock.patch.multiple(_part_links, **SMALL):
        parts = link_parts(
            both.codes,
            both.rows,
            both.diversity,
            branching=2,
            overlap=True,
            jobs=1,
            told=told.append,
        )
    assert told == sorted(told)
    assert told[-1] == 2 * len(parts.sizes) * COUNT


@pytest.mark.parametrize(
    ("rows", "branching", "sizes"),
    [(0, 2, []), (16, 2, []), (17, 2, [16]), (33, 2, [32, 16]), (300, 4, [256, 64, 16])],
)
def test_sizes_of_parts(monkeypatch, rows, branching, sizes):
    monkeypatch.setattr(_part_links, "SMALLEST_PART", 16)
    assert part_sizes(rows, branching) == sizes


# -- windows -----------------------------------------------------------------------------

#: From and up to which place; whole parts, parts of them, few rows, none and all.
PLACES = [
    *((0, 0), (60, 60), (COUNT, COUNT), (7, 8), (31, 33), (0, 5), (145, 150), (16, 32)),
    *((15, 49), (64, 128), (40, 110), (3, 140), (1, COUNT), (0, COUNT - 1), (0, COUNT)),
]
HALF = np.random.default_rng(4).random(COUNT + LATE) < 0.5
FEW = np.arange(COUNT + LATE) % 29 == 0
ASKS = {
    "plain": (5, 20, 0.0, None),
    "one": (1, 1, 0.0, None),
    "long": (40, 60, 0.0, None),
    "stopped": (10, 30, 1.1, None),
    "half": (5, 30, 0.0, HALF),
    "few": (3, 8, 0.0, FEW),
}


def spans():
    """A window a query, among the ordered rows and the late ones."""
    late = [(i % 3, LATE - i) if i % 2 else (i, i) for i in range(len(PLACES))]
    return np.array([(*place, *other) for place, other in zip(PLACES, late, strict=True)])


def passing(mask, made):
    """A mask by place as a search takes it."""
    if mask is None:
        return None
    by_slot = np.empty_like(mask)
    by_slot[made.ordered.slots()] = mask
    return Passing.of(by_slot, made.ordered)


def queries_for(made):
    codes = made.windows.codes.name
    return np.concatenate(
        [make_rows(codes, len(PLACES) - 4, DIM, seed=8) + 1, made.rows[[3, 9, 80, 160]]]
    )


def plainly(made, queries, windows, ask):
    """What the plain loops find."""
    with plain_loops():
        made.windows.bind(made.rows, made.ordered)
        found = made.windows.find(queries, windows, ask, ratios=True)
    made.windows.bind(made.rows, made.ordered)
    return found


@pytest.mark.parametrize("method", METHODS)
def test_windows_are_searched_as_their_twin_searches_them(made, method):
    queries, windows = queries_for(made), spans()
    for name, (k, length, stop, mask) in ASKS.items():
        ask = WindowAsk(method, k, length, stop, passing(mask, made))
        found = made.windows.find(queries, windows, ask, ratios=True)
        expected = plainly(made, queries, windows, ask)
        np.testing.assert_array_equal(found.notes, expected.notes, name)
        np.testing.assert_array_equal(bits(found.ratios), bits(expected.ratios), name)
        assert found.notes[:, 0].max() > 0
        for t, count in enumerate(found.notes[:, 0]):
            np.testing.assert_array_equal(found.ids[t, :count], expected.ids[t, :count], name)
            np.testing.assert_allclose(
                found.distances[t, :count], expected.distances[t, :count], rtol=1e-12, atol=1e-12
            )


@pytest.mark.parametrize("mask", [None, HALF], ids=["all", "half"])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_found_lies_in_the_window_and_passes(made, method, mask):
    windows, ordered = spans(), made.ordered
    slots = ordered.slots()
    ask = WindowAsk(method, 10, 200, 0.0, passing(mask, made))
    found = made.windows.find(queries_for(made), windows, ask)
    wanted = []
    for t, (low, high, first, last) in enumerate(windows.tolist()):
        places = np.append(np.arange(low, high), ordered.late[first:last])
        places = places if mask is None else places[mask[places]]
        ids = found.ids[t, : found.notes[t, 0]]
        assert set(ids.tolist()) <= set(slots[places].tolist())
        assert len(np.unique(ids)) == len(ids) <= min(10, len(places))
        wanted.append(min(10, len(places)))
    if method == "scan":
        assert found.notes[:, 0].tolist() == wanted
    # Few rows of a part may not be reached; such answers the index completes by a scan.
    assert found.notes[:, 0].sum() >= 0.95 * sum(wanted)


def test_a_scan_with_a_list_for_all_is_exact(made):
    metric, queries, windows = made.windows.codes.metric, queries_for(made), spans()
    ask = WindowAsk("scan", 200, 400)
    found = made.windows.find(queries, windows, ask)
    slots = made.ordered.slots()
    for t, (low, high, first, last) in enumerate(windows.tolist()):
        inside = slots[np.append(np.arange(low, high), made.ordered.late[first:last])]
        apart = np.sort(metric.pairwise(queries[t : t + 1], made.rows[inside])[0])
        assert found.notes[t, 0] == len(inside)
        np.testing.assert_allclose(found.distances[t, : len(inside)], apart, rtol=1e-6, atol=1e-6)


def test_several_threads_find_the_same(made):
    queries = np.tile(queries_for(made), (5, 1))
    windows = np.tile(spans(), (5, 1))
    ask = WindowAsk("parts", 5, 20)
    one = made.windows.find(queries, windows, ask)
    three = made.windows.find(queries, windows, ask, 3)
    np.testing.assert_array_equal(one.notes, three.notes)
    filled = np.arange(one.ids.shape[1]) < one.notes[:, :1]
    np.testing.assert_array_equal(one.ids[filled], three.ids[filled])


def test_queries_that_have_no_place_have_no_answer(made):
    huge = np.full((1, DIM), 1e30, np.float32)
    everything, ask = np.array([[0, COUNT, 0, LATE]]), WindowAsk("parts", 5, 20)
    found = made.windows.find(huge, everything, ask)
    expected = plainly(made, huge, everything, ask)
    np.testing.assert_array_equal(found.notes, expected.notes)
