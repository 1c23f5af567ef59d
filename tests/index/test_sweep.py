"""`sweep` measures what it says, and a budget takes the best that is within it."""

import itertools

import numpy as np
import pytest

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, UnknownArgument
from likewise.index import Exact, Measured, Sweep, sweep
from likewise.index.sweep import default_settings

rng = np.random.default_rng(0)
TURN = np.linalg.qr(rng.standard_normal((16, 16)))[0]
X = ((rng.standard_normal((3000, 16)) / np.arange(1, 17)) @ TURN).astype(np.float32)
SETTINGS = [
    {"dims": (4, 8)},
    {"dims": 8, "stage": "cells", "coarse_dims": 4},
    {"dims": 8, "codes": "opq", "code_bytes": 4},
]


@pytest.fixture(scope="module")
def found():
    return sweep(X, metric="euclidean", settings=SETTINGS, rerank=[10, 60])


def test_every_way_is_there_once(found):
    ways = [(w.options.get("stage", "scan"), *w.search.values()) for w in found.ways]
    assert len(ways) == len(found.ways) == 2 * 2 + 2 * 4 + 2
    assert [w.bytes for w in found.ways][:4] == [16.0, 16.0, 32.0, 32.0]
    assert found.ways[-1].bytes == 4.0
    assert all(0 < w.recall <= 1 and w.seconds > 0 for w in found.ways)


def test_the_recall_is_what_a_search_finds():
    Q = X[:60] + 0.01
    one = sweep(X[60:], Q, metric="euclidean", settings=[{"dims": 4}], rerank=[30]).ways[0]
    index = one.make("euclidean").fit(X[60:])
    truth = Exact("euclidean").fit(X[60:]).search(Q, 10).ids
    ids = index.search(Q, 10, **one.search).ids
    shared = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(ids, truth, strict=True)])
    assert one.recall == pytest.approx(shared)


def test_rows_that_ask_are_not_searched():
    whole = sweep(X, metric="euclidean", settings=[{"dims": 16}], rerank=[10]).ways[0]
    assert whole.recall == 1.0
    assert whole.search == {"dims": 16, "rerank": 10}


def test_the_front_and_the_budget_against_all_pairs(found):
    for cost in ("bytes", "seconds"):
        front = found.front(cost)
        for a, b in itertools.pairwise(front):
            assert getattr(a, cost) < getattr(b, cost)
            assert a.recall < b.recall
        for way in found.ways:
            price = getattr(way, cost)
            assert any(getattr(f, cost) <= price and f.recall >= way.recall for f in front)
            best = found.for_budget(**{cost: price})
            assert getattr(best, cost) <= price
            assert best.recall == max(w.recall for w in found.ways if getattr(w, cost) <= price)
    both = found.for_budget(bytes=16, seconds=1e9)
    assert both.bytes <= 16


def test_default_settings_fit_any_row():
    for dim in (1, 2, 5, 24, 384):
        for setting in default_settings(dim):
            assert setting["dims"]
            assert max(setting["dims"]) <= dim
            assert setting.get("code_bytes", 1) <= min(setting["dims"])
            assert setting.get("coarse_dims", 0) < min(setting["dims"])


def test_default_settings_try_other_lengths_for_cells_than_in_them():
    X = np.random.default_rng(0).standard_normal((3000, 4)) / np.arange(1, 5)
    cells = [s for s in default_settings(4) if "coarse_dims" in s]
    assert [s["coarse_dims"] for s in cells] == [1, 1]
    found = sweep(X, X[:5], metric="euclidean", settings=cells, rerank=[20])
    assert {(w.options["coarse_dims"], w.search["dims"]) for w in found.ways} == {(1, 2)}
    assert {w.options.get("codes", "flat") for w in found.ways} == {"flat", "opq"}


def test_errors(found):
    with pytest.raises(InvalidArgument, match=r"none of 14 ways is within 1 bytes; .* 4 bytes"):
        found.for_budget(bytes=1)
    with pytest.raises(InvalidArgument, match="bytes= or seconds="):
        found.for_budget()
    with pytest.raises(UnknownArgument, match="did you mean"):
        found.for_budget(byte=3)
    with pytest.raises(InvalidArgument, match="cost must be"):
        found.front("recall")
    with pytest.raises(InvalidArgument, match="none of 0 ways"):
        Sweep([]).for_budget(bytes=3)
    with pytest.raises(InvalidArgument, match="too few for prefixes"):
        sweep(X[:500], settings=[{"dims": 4}])
    with pytest.raises(InvalidArgument, match="too few to hold some out"):
        sweep(X[:2])
    with pytest.raises(InvalidArgument, match="at least k"):
        sweep(X, settings=[{"dims": 4}], rerank=[3])
    with pytest.raises(InvalidArgument, match="must not be empty"):
        sweep(X, settings=[])
    with pytest.raises(InvalidArgument, match="at least one row"):
        sweep(X, X[:0])
    with pytest.raises(DimensionMismatch):
        sweep(X, X[:3, :4])
    with pytest.raises(InvalidArgument, match="beyond the vectors"):
        sweep(X, settings=[{"dims": 17}])
    with pytest.raises(InvalidType, match="k must be"):
        sweep(X, k=2.5)
    assert Measured({"dims": 3}, {"dims": 3}, 1.0, 0.1, 12.0, 10).make().metric == "cosine"
