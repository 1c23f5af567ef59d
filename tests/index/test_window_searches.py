"""What a search in a window finds: recall, filters, radius, methods; never short."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidFilter, InvalidType, UnknownArgument
from likewise.index import CostModel, Window
from likewise.index._windows import Windows
from tests.index.windows import WALKS, distances, inside, make_rows, recall_of, small_parts

COUNT = 1500
X = make_rows(COUNT)
#: Some numbers come often, some rows have none.
YEARS = np.random.default_rng(1).integers(1900, 2000, COUNT).astype(np.float64)
YEARS[::50] = np.nan
#: The number says where a row lies: neighbours of a query are in some windows, or in none.
ALONG = X[:, 0] + X[:, 1]
Q = make_rows(40, seed=5)


def build(numbers, **options):
    with small_parts():
        return Window("euclidean", costs=WALKS, **options).fit(X, attribute=numbers)


@pytest.fixture(scope="module")
def years():
    return build(YEARS)


@pytest.fixture(scope="module")
def along():
    return build(ALONG)


@pytest.fixture(scope="module")
def overlapping():
    return build(ALONG, overlap=True, branching=4)


def checked(index, numbers, window, k=10, mask=None, **options):
    """The recall of a search, whose answers are otherwise right."""
    masks = inside(numbers, window) & (True if mask is None else mask)
    where = {} if mask is None else {"where": mask}
    found = index.search(Q, k, window=window, **where, **options)
    assert found.info.matching == masks.sum()
    return recall_of(found, "euclidean", Q, X, masks, k), found.info


def quantiles(numbers, low, high):
    return tuple(np.nanquantile(numbers, [low, high]).tolist())


# -- every width -------------------------------------------------------------------------

SHARES = [(0, 1), (0.1, 0.9), (0.4, 0.6), (0.7, 1), (0.5, 0.51), (0.3, 0.302), (0.2, 0.2)]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("k", [1, 10, 100])
def test_windows_of_every_width(years, along, share, k):
    for index, numbers in ((years, YEARS), (along, ALONG)):
        found, info = checked(index, numbers, quantiles(numbers, *share), k)
        assert found >= 0.93
        assert info.recall >= 0.95 or info.strategy == "exact"


def test_wide_windows_are_walked_and_narrow_ones_are_not(along):
    wide, narrow = (checked(along, ALONG, quantiles(ALONG, *s))[1] for s in (SHARES[1], SHARES[4]))
    assert wide.strategy == "window"
    assert wide.scanned < 0.6 * len(Q) * wide.matching
    assert narrow.strategy in ("scan", "exact")


def test_queries_whose_neighbours_are_outside(along):
    """Windows that hold none of the rows around a query, alone and with a filter."""
    high = X[np.quantile(ALONG, 0.9) < ALONG][:40]
    window = (None, float(np.quantile(ALONG, 0.7)))
    for mask in (np.ones(COUNT, bool), np.arange(COUNT) % 2 == 0, X[:, 2] < np.median(X[:, 2])):
        found = along.search(high, 10, window=window, where=mask)
        assert found.info.strategy == "window"
        passing = inside(ALONG, window) & mask
        assert found.info.matching == passing.sum()
        assert recall_of(found, "euclidean", high, X, passing, 10) >= 0.93


def test_exact_is_exact(along):
    found, info = checked(along, ALONG, quantiles(ALONG, 0.2, 0.9), exact=True)
    assert (found, info.strategy, info.recall) == (1.0, "exact", 1.0)
    assert checked(along, ALONG, quantiles(ALONG, 0.2, 0.9), recall=1.0)[0] == 1.0


def test_effort_is_how_hard_a_walk_looks(along):
    window = quantiles(ALONG, 0.1, 0.9)
    little, much = (along.search(Q, 10, window=window, effort=e).info for e in (12, 120))
    assert little.strategy == much.strategy == "window"
    assert little.scanned < much.scanned
    assert little.recall <= much.recall


def test_an_empty_or_inverted_window_has_nothing(along):
    for window in ((1e6, None), (None, -1e6), (1.0, -1.0)):
        found = along.search(Q, 5, window=window)
        assert found.ids.shape == (len(Q), 0)
        assert found.info.matching == 0


def test_queries_far_from_all_rows(along):
    far = Q * np.float32(1e3)
    window = quantiles(ALONG, 0.1, 0.9)
    found = along.search(far, 5, window=window)
    assert recall_of(found, "euclidean", far, X, inside(ALONG, window), 5) >= 0.9


# -- filters -----------------------------------------------------------------------------


rng = np.random.default_rng(2)
near = distances("euclidean", Q[0], X)
MASKS = {
    "half": rng.random(COUNT) < 0.5,
    "sparse": rng.random(COUNT) < 0.03,
    "correlated": np.quantile(ALONG, 0.6) < ALONG,
    "far from a query": near > np.quantile(near, 0.8),
    "near a query": near < np.quantile(near, 0.1),
    "one": np.arange(COUNT) == 77,
    "none": np.zeros(COUNT, dtype=np.bool_),
    "all": np.ones(COUNT, dtype=np.bool_),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_filters_together_with_windows(years, along, mask):
    for index, numbers in ((years, YEARS), (along, ALONG)):
        for share in ((0, 1), (0.1, 0.8), (0.5, 0.52)):
            found, _ = checked(index, numbers, quantiles(numbers, *share), mask=mask)
            assert found >= 0.93, share


def test_filters_without_a_window(years):
    for name, mask in MASKS.items():
        found = years.search(Q, 10, where=mask)
        assert found.info.matching == mask.sum()
        assert recall_of(found, "euclidean", Q, X, mask, 10) >= 0.93, name


def test_the_rows_of_a_filter_in_every_form(along):
    window = quantiles(ALONG, 0.2, 0.9)
    mask = np.zeros(COUNT, dtype=np.bool_)
    mask[300:900] = True
    answers = [
        along.search(Q, 10, window=window, where=where)
        for where in (mask, np.flatnonzero(mask)[::-1], range(300, 900), slice(300, 900))
    ]
    for other in answers[1:]:
        np.testing.assert_array_equal(other.ids, answers[0].ids)
        assert other.info.matching == answers[0].info.matching


def test_one_window_a_query_with_a_filter(years):
    rng = np.random.default_rng(3)
    mask = rng.random(COUNT) < 0.4
    lows = rng.integers(1890, 2010, len(Q))
    highs = lows + rng.integers(-5, 120, len(Q))
    found = years.search(Q, 10, window=(lows, highs), where=mask)
    every = np.array([inside(YEARS, pair) & mask for pair in zip(lows, highs, strict=True)])
    assert recall_of(found, "euclidean", Q, X, every, 10) >= 0.93
    assert found.info.matching == every.sum(axis=1).min()


# -- radius ------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [(0.1, 0.9), (0.5, 0.52), (0.9, 0.1)])
def test_radius(along, share):
    window = quantiles(ALONG, *share)
    mask = inside(ALONG, window)
    radius = float(np.quantile(distances("euclidean", Q[0], X), 0.1))
    everything = along.search(Q, None, radius=radius, window=window)
    few = along.search(Q, 4, radius=radius, window=window, exact=True)
    some = along.search(Q, 4, radius=radius, window=window)
    for query, all_of_them, first, found in zip(Q, everything, few, some, strict=True):
        truth = distances("euclidean", query, X)
        within = np.flatnonzero(mask & (truth <= radius))
        assert set(all_of_them.ids.tolist()) == set(within.tolist())
        nearest = np.sort(truth[within])[:4]
        np.testing.assert_allclose(first.distances, nearest, rtol=1e-6, atol=1e-6)
        assert set(found.ids.tolist()) <= set(within.tolist())
        assert len(found.ids) == min(4, len(within))


# -- methods -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["scan", "parts", "postfilter", "tree", "three-split", "super"])
def test_every_method_finds_enough(overlapping, method):
    for share in ((0, 1), (0.1, 0.9), (0.3, 0.45), (0.5, 0.51)):
        window = quantiles(ALONG, *share)
        found, info = checked(overlapping, ALONG, window, method=method)
        assert found >= 0.93, share
        if share == (0.1, 0.9):
            assert info.strategy == ("scan" if method == "scan" else "window")
    mask = np.random.default_rng(6).random(COUNT) < 0.3
    assert (
        checked(overlapping, ALONG, quantiles(ALONG, 0.1, 0.9), mask=mask, method=method)[0] > 0.9
    )


def test_methods_of_an_index_without_parts_are_scans():
    index = Window("euclidean", costs=CostModel()).fit(X[:600])
    for method in ("parts", "postfilter", "tree", "three-split"):
        for options in ({}, {"effort": 24}):
            found = index.search(Q, 10, method=method, window=(0, 599), **options)
            assert recall_of(found, "euclidean", Q, X[:600], np.ones(600, bool), 10) >= 0.95
    few = Window("euclidean").fit(X[:100])
    assert few.search(Q, 3, method="tree").info.strategy == "exact"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"method": "best"}, InvalidArgument, "scan, parts, postfilter, tree, three-split, super"),
        ({"method": 3}, InvalidArgument, "got 3"),
        ({"method": "super"}, InvalidArgument, "overlap=True"),
        ({"method": "tree", "exact": True}, InvalidArgument, "no choice"),
        ({"method": "tree", "recall": 1}, InvalidArgument, "no choice"),
        ({"method": "tree", "k": None, "radius": 1.0}, InvalidArgument, "no choice"),
        ({"method": "scan", "effort": 9}, InvalidArgument, "a scan has none"),
        ({"effort": 9, "k": None, "radius": 1.0}, InvalidArgument, "a scan has none"),
        ({"effort": 9, "recall": 0.9}, InvalidArgument, "one or the other"),
        ({"effort": 9, "exact": True}, InvalidArgument, "one or the other"),
        ({"effort": 0}, InvalidArgument, "effort"),
        ({"effort": "much"}, InvalidType, "effort"),
        ({"range": (1, 2)}, UnknownArgument, "range"),
        ({"where": np.ones(3, bool)}, InvalidFilter, "mask"),
    ],
)
def test_what_cannot_be_asked(along, options, error, words):
    with pytest.raises(error, match=words):
        along.search(Q[:1], **options)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"branching": 1}, InvalidArgument, "branching"),
        ({"branching": 2.5}, InvalidType, "branching"),
        ({"branching": 3, "overlap": True}, InvalidArgument, "even"),
        ({"overlap": 1}, InvalidType, "overlap"),
        ({"codes": "2-bit"}, InvalidArgument, "codes must be one of"),
        ({"costs": 3.0}, InvalidType, "CostModel"),
        ({"degree": 1}, InvalidArgument, "degree"),
        ({"build_effort": 4}, InvalidArgument, "build_effort"),
        ({"metric": "manhattan", "codes": "8-bit"}, InvalidArgument, "manhattan"),
    ],
)
def test_what_cannot_be_made(options, error, words):
    with pytest.raises(error, match=words):
        Window(**options)


# -- sameness ----------------------------------------------------------------------------


def test_a_batch_is_one_by_one(along):
    rng = np.random.default_rng(7)
    lows = rng.choice(ALONG, len(Q))
    highs = lows + rng.random(len(Q)) * 4
    mask = rng.random(COUNT) < 0.5
    for options in ({}, {"where": mask}, {"radius": 3.0}):
        batch = along.search(Q, 10, window=(lows, highs), **options)
        for query, row, low, high in zip(Q, batch, lows, highs, strict=True):
            single = along.search(query, 10, window=(low, high), **options)[0]
            np.testing.assert_array_equal(row.ids, single.ids)
            np.testing.assert_array_equal(row.distances, single.distances)


def test_any_number_of_threads_makes_and_finds_the_same(tmp_path, along):
    other = build(ALONG, n_jobs=3)
    along.save(tmp_path / "one")
    other.save(tmp_path / "three")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "three").read_bytes()
    queries = np.tile(Q, (3, 1))
    one, three = (i.search(queries, 5, window=(-1.0, 2.0)) for i in (along, other))
    np.testing.assert_array_equal(one.ids, three.ids)


def test_equal_distances_come_by_position():
    rows = np.repeat(make_rows(30, seed=8), 30, axis=0)
    with small_parts():
        index = Window("euclidean", costs=WALKS).fit(rows, attribute=np.arange(900)[::-1])
    found = index.search(rows[::30], 5, window=(100, 899))
    for row in found:
        ties = np.flatnonzero(np.diff(row.distances) == 0)
        assert (row.ids[ties] < row.ids[ties + 1]).all()


def test_windows_of_a_few_rows_are_scanned_once():
    """What holds fewer rows than a list does was compared whole: no second scan."""
    rng = np.random.default_rng(0)
    X, Q = rng.standard_normal((1500, 20)), rng.standard_normal((20, 20))
    index = Window("euclidean", costs=CostModel()).fit(X, attribute=np.arange(1500))
    for size in (1, 9, 10, 15, 24):
        info = index.search(Q, 10, window=(100, 99 + size)).info
        assert (info.strategy, info.scanned) == ("scan", 20 * size)


def test_windows_of_all_rows_are_measured_with_rows_that_are_not_linked_yet():
    """A row finds its own neighbours too easily: links lead from them to it."""
    asked = []

    def spy(self, prepared, ordered, held_out, **options):
        asked.append((held_out, self.net.joined[held_out].any(), self.net.linked))
        return measure_whole(self, prepared, ordered, held_out, **options)

    measure_whole = Windows.measure_whole
    with mock.patch.object(Windows, "measure_whole", spy):
        index = build(ALONG)
    ((held_out, joined, linked),) = asked
    assert len(held_out) == 64
    assert not joined
    assert linked <= COUNT - 64
    assert index._windows.net.joined.all()
    truth = index.search(Q, 10, exact=True)
    for effort in (16, 32, 64):
        found = index.search(Q, 10, method="parts", effort=effort)
        same = [np.isin(row.ids, true.ids).mean() for row, true in zip(found, truth, strict=True)]
        assert abs(np.mean(same) - index.curve.recall_at(effort, 10)) < 0.08
