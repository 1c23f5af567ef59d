"""`Exact` keeps the protocol, and is exact where float32 is not."""

import numpy as np
import pytest

from likewise.index import Exact, prepare, scan
from likewise.metrics import names, resolve
from likewise.testing.index import IndexConformance, distances, same

RANKED = ("cosine", "euclidean", "sqeuclidean", "dot")


class TestExact(IndexConformance):
    index = Exact
    recall = 0.99
    slack = 0.0


@pytest.mark.parametrize("metric", names())
@pytest.mark.parametrize("offset", [1e2, 1e4, 1e6])
def test_far_from_the_origin(metric, offset):
    X = (np.random.default_rng(0).standard_normal((800, 16)) + offset).astype(np.float32)
    index = Exact(metric).fit(X)
    for query, row in zip(X[:10], index.search(X[:10], 7), strict=True):
        truth = distances(metric, query, X)
        np.testing.assert_allclose(row.distances, np.sort(truth)[:7], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("metric", RANKED)
@pytest.mark.parametrize("scales", [(1e-30,), (1e30,), (1e-30, 1, 1e30), (1, 1e18), (1e-44, 1)])
def test_tiny_and_huge_rows_and_queries(metric, scales):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((600, 8)) * np.resize(scales, 600)[:, None]
    X = X.astype(np.float32)
    X = X[X.any(axis=1)]
    index = Exact(metric).fit(X)
    for scale in (1e-30, 1.0, 1e30):
        Q = (rng.standard_normal((4, 8)) * scale).astype(np.float32)
        for query, row in zip(Q, index.search(Q, 5), strict=True):
            truth = distances(metric, query, X)
            np.testing.assert_allclose(row.distances, np.sort(truth)[:5], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("metric", RANKED)
def test_rows_that_float32_cannot_tell_apart(metric):
    # One long row, steps of one unit in the last place, and products that cancel.
    rng = np.random.default_rng(2)
    base = rng.standard_normal(64).astype(np.float32)
    X = np.repeat(base[None, :], 500, axis=0)
    rows, columns = np.arange(500), rng.integers(0, 64, 500)
    X[rows, columns] = np.nextafter(X[rows, columns], np.float32(9))
    X[0] *= 1e6
    index = Exact(metric).fit(X)
    for query in (base, -base, X[7]):
        row = index.search(query, 20)[0]
        truth = distances(metric, query, X)
        np.testing.assert_allclose(row.distances, np.sort(truth)[:20], rtol=1e-9, atol=1e-14)


def test_blocks_change_nothing(monkeypatch):
    X = np.random.default_rng(3).standard_normal((500, 6)).astype(np.float32)
    mask = np.random.default_rng(4).random(500) < 0.4
    for metric in names():
        prepared = prepare(X, resolve(metric))
        whole = scan(prepared, X[:70], 9, None, mask)
        with monkeypatch.context() as patch:
            patch.setattr("likewise.index.scanning.VALUES", 64 * 13)
            patch.setattr("likewise.index.scanning.GATHERED", 6 * 11)
            patch.setattr("likewise.index.scanning.PENDING", 5)
            patch.setattr("likewise.index._formulas.WIDENED", 6 * 4)
            for where in (mask, np.flatnonzero(mask)):
                small = scan(prepared, X[:70], 9, None, where)
                for one, two in zip(whole.rows, small.rows, strict=True):
                    np.testing.assert_array_equal(one.ids, two.ids)


def test_few_positions_are_gathered_and_counted():
    X = np.random.default_rng(5).standard_normal((1000, 4)).astype(np.float32)
    prepared = prepare(X, resolve("euclidean"))
    assert scan(prepared, X[:1], 3, None, np.array([5, 500, 999])).scanned == 3
    assert scan(prepared, X[:1], 3, None, np.arange(100, 200)).scanned == 100
    assert scan(prepared, X[:2], 3).scanned == 2000


def test_equal_rows_come_by_position_wherever_they_lie():
    rng = np.random.default_rng(6)
    for dim in (3, 7, 16, 33):
        X = np.repeat(rng.standard_normal((5, dim)), 61, axis=0).astype(np.float32)
        X = X[rng.permutation(len(X))]
        for metric in names():
            row = Exact(metric).fit(X).search(X[100] + np.float32(0.1), 200)[0]
            same(row.ids, row.distances, distances(metric, X[100] + np.float32(0.1), X), 200)


def test_memory_mapped_rows_are_not_copied(tmp_path):
    X = np.random.default_rng(7).standard_normal((50, 4)).astype(np.float32)
    np.save(tmp_path / "rows.npy", X)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    index = Exact("cosine").fit(mapped)
    assert np.shares_memory(index.rows, mapped)
    index.add(X[:1])
    assert index.search(X[0], 2)[0].ids.tolist() == [0, 50]
