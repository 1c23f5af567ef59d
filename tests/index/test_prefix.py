"""`Prefix` keeps the protocol and its recall contract, whatever proposes."""

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidType, UnknownArgument, UnknownMetric
from likewise.index import CostModel, Exact, Graph, Prefix, load
from likewise.index._prefix_cut import Cut
from likewise.testing.index import IndexConformance, recall_of

# A scan this dear makes prefixes pay even on little data.
DEAR = CostModel(call=0.0, streamed=1e-8, gathered=3e-8, value=1e-4)
STAGES = {
    "scan": {},
    "pq": {"codes": "pq", "code_bytes": 8},
    "opq": {"codes": "opq", "code_bytes": 4},
    "cells": {"stage": "cells", "coarse_dims": 6},
    "cells-pq": {"stage": "cells", "codes": "pq", "code_bytes": 8},
    "graph": {"stage": "graph"},
}


class TestPrefix(IndexConformance):
    index = Prefix
    metrics = Prefix.metrics
    rows = 4000
    fixed = {"costs": DEAR}  # noqa: RUF012


class TestPrefixCells(IndexConformance):
    index = Prefix
    metrics = ("cosine", "dot")
    rows = 3000
    fixed = {"costs": DEAR, "stage": "cells", "codes": "pq"}  # noqa: RUF012


def rows(count=4000, dim=24, seed=0):
    """Rows of falling variance along hidden directions."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(np.random.default_rng(99).standard_normal((dim, dim)))[0]
    spread = np.arange(1, dim + 1) ** -1.0
    return ((rng.standard_normal((count, dim)) * spread) @ turn + 0.2).astype(np.float32)


def kept(index, Q, X, metric="euclidean", **options):
    found = index.search(Q, 10, **options)
    return found, recall_of(found, metric, Q, X, np.ones(len(X), bool))


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("metric", Prefix.metrics)
def test_every_stage_keeps_its_promise_and_is_used(stage, metric, tmp_path):
    X, Q = rows(), rows(100, seed=1)
    index = Prefix(metric, dims=(8, 16), costs=DEAR, **STAGES[stage]).fit(X)
    found, recall = kept(index, Q, X, metric, recall=0.9)
    assert found.info.strategy == "prefix"
    assert "PCA" in found.info.reason
    assert recall >= 0.88
    given, measured = kept(index, Q, X, metric, dims=16, rerank=200)
    assert abs(given.info.recall - measured) < 0.06
    index.save(tmp_path / "file")
    again = load(tmp_path / "file")
    assert repr(again) == repr(index)
    for options in ({"recall": 0.9}, {"dims": 8, "rerank": 40}):
        one, two = index.search(Q, 10, **options), again.search(Q, 10, **options)
        np.testing.assert_array_equal(one.flat_ids, two.flat_ids)


@pytest.mark.parametrize("stage", STAGES)
def test_rows_come_and_go(stage):
    X, Q = rows(), rows(60, seed=1)
    index = Prefix("euclidean", dims=16, costs=DEAR, **STAGES[stage]).fit(X)
    gone = np.random.default_rng(5).permutation(len(X))[:1500]
    index.delete(gone)
    assert len(index.rows) < 3000
    more = rows(900, seed=2)
    new = index.add(more)
    everything = np.concatenate([X, more])
    alive = np.ones(len(everything), bool)
    alive[gone] = False
    for options in ({"recall": 0.9}, {"dims": 16, "rerank": 300}):
        found = index.search(Q, 10, **options)
        assert alive[found.ids].all()
        assert recall_of(found, "euclidean", Q, everything, alive) >= 0.85
        mask = alive & (np.random.default_rng(3).random(len(alive)) < 0.1)
        found = index.search(Q, 10, where=mask, **options)
        assert mask[found.ids].all()
        assert recall_of(found, "euclidean", Q, everything, mask) >= 0.85
    assert index.search(more[7], 1, dims=16)[0].ids.tolist() == [new[7]]


@pytest.mark.parametrize("stage", STAGES)
def test_the_same_bytes_whatever_the_threads(stage, tmp_path):
    X, Q = rows(3000), rows(50, seed=1)
    for jobs in (1, 2):
        index = Prefix(dims=16, costs=DEAR, n_jobs=jobs, **STAGES[stage]).fit(X)
        index.save(tmp_path / str(jobs))
        ids = index.search(Q, 10, dims=16).ids
        one = [index.search(q, 10, dims=16)[0].ids for q in Q]
        np.testing.assert_array_equal(ids, one)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_a_scan_by_dims_is_what_the_paper_says():
    X, Q = rows(3000), rows(20, seed=1)
    for metric in ("cosine", "euclidean"):
        index = Prefix(metric, dims=5, rotation=None).fit(X)
        found = index.search(Q, 10, dims=5, rerank=10)
        by_prefix = Exact(metric).fit(X[:, :5]).search(Q[:, :5], 10)
        np.testing.assert_array_equal(np.sort(found.ids), np.sort(by_prefix.ids))
        truth = Exact(metric).fit(X)
        for query, row in zip(Q, found, strict=True):
            exact = truth.search(query, 10, where=row.ids)[0]
            np.testing.assert_array_equal(row.ids, exact.ids)


def test_all_dims_find_all():
    X, Q = rows(3000), rows(20, seed=1)
    for metric in Prefix.metrics:
        found = Prefix(metric, dims=24).fit(X).search(Q, 10, dims=24, rerank=30)
        np.testing.assert_array_equal(found.ids, Exact(metric).fit(X).search(Q, 10).ids)
        assert found.info.recall == 1.0


def test_cells_of_one_prefix_and_distances_of_another():
    X, Q = rows(), rows(50, seed=1)
    for coarse, fine in ((4, 16), (16, 4)):
        index = Prefix("euclidean", dims=fine, stage="cells", coarse_dims=coarse).fit(X)
        few = index.search(Q, 10, dims=fine, effort=2)
        many = index.search(Q, 10, dims=fine, effort=60)
        assert few.info.scanned < many.info.scanned
        assert few.info.recall < many.info.recall


def test_too_few_proposals_are_answered_by_a_scan():
    X = rows()
    index = Prefix("euclidean", dims=8, stage="cells").fit(X)
    found = index.search(X[:3], 500, dims=8, effort=1, rerank=500)
    assert found.counts.tolist() == [500] * 3
    assert "scanned" in found.info.reason
    truth = Exact("euclidean").fit(X).search(X[:3], 500)
    np.testing.assert_array_equal(found.ids, truth.ids)


def test_few_rows_are_scanned_and_the_argument_is_checked_all_the_same():
    X = rows(100)
    index = Prefix("euclidean", dims=8).fit(X)
    assert index.search(X[:2], 5, dims=8).info.strategy == "exact"
    with pytest.raises(InvalidArgument, match="lengths that are kept, 8; got 9"):
        index.search(X[:2], 5, dims=9)


def test_a_radius_limits_what_dims_found():
    X = rows()
    index = Prefix("euclidean", dims=16).fit(X)
    row = index.search(X[0], 50, dims=16, radius=0.5)[0]
    assert len(row.ids) < 50
    assert (row.distances <= 0.5).all()


def test_prefixes_of_a_cut_are_lifted_under_dot():
    turned = np.array([[3.0, 4.0, 1.0], [1.0, 0.0, 2.0]], np.float32)
    placed = Cut("dot", 2, reach=6.0).rows(turned)
    np.testing.assert_allclose((placed**2).sum(axis=1), 36.0, rtol=1e-6)
    assert Cut("cosine", 1, 0.0).rows(np.zeros((1, 3), np.float32)).tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dims": 0}, "dims must be at least 1"),
        ({"dims": []}, "at least one length"),
        ({"rotation": "random"}, "rotation must be"),
        ({"stage": "tree"}, "stage must be one of"),
        ({"codes": "zip"}, "codes must be one of"),
        ({"coarse_dims": 4}, "coarse_dims= is for stage 'cells'"),
        ({"code_bytes": 4}, "code_bytes= is for codes"),
        ({"dims": 4, "codes": "pq", "code_bytes": 8}, "at most dims"),
        ({"stage": "graph", "codes": "pq"}, "codes of its own"),
    ],
)
def test_bad_construction(options, words):
    with pytest.raises(InvalidArgument, match=words):
        Prefix(**options)


def test_bad_types_and_names():
    with pytest.raises(InvalidType, match="dims"):
        Prefix(dims="many")
    with pytest.raises(InvalidType, match="dims"):
        Prefix(dims=2.5)
    with pytest.raises(UnknownMetric, match="Prefix"):
        Prefix("manhattan")
    with pytest.raises(UnknownArgument, match="did you mean"):
        Prefix(dim=4)


@pytest.mark.parametrize("options", [{"dims": 25}, {"coarse_dims": 25, "stage": "cells"}])
def test_a_prefix_longer_than_the_vector_is_refused(options):
    with pytest.raises(InvalidArgument, match=r"=25 is beyond the vectors, which have 24"):
        Prefix(**options).fit(rows(10))
    with pytest.raises(InvalidArgument, match="more than the 2 numbers"):
        Prefix(codes="pq", code_bytes=9, dims=None).fit(rows(10, 8)[:, :2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dims": 25}, "beyond the vectors"),
        ({"dims": 7}, "lengths that are kept, 8, 16; got 7"),
        ({"dims": 8, "rerank": 4}, "rerank must be at least k"),
        ({"rerank": 40}, "give dims="),
        ({"effort": 4}, "give dims="),
        ({"dims": 8, "effort": 4}, "a scan has none"),
        ({"dims": 8, "exact": True}, "one or the other"),
        ({"dims": 8, "recall": 0.9}, "one or the other"),
        ({"dims": 8, "k": None, "radius": 1.0}, "one or the other"),
    ],
)
def test_bad_searches(options, words):
    index = Prefix(dims=(8, 16)).fit(rows(50))
    with pytest.raises(InvalidArgument, match=words):
        index.search(rows(1), **options)


def test_the_graph_stage_is_a_graph_of_prefixes():
    X = rows()
    index = Prefix("euclidean", dims=8, stage="graph", rotation=None, costs=DEAR).fit(X)
    walked = index.search(X[:20], 5, dims=8, rerank=64)
    alone = Graph("euclidean", costs=CostModel()).fit(X[:, :8]).search(X[:20, :8], 64, effort=64)
    shared = [len(set(a) & set(b.ids)) for a, b in zip(walked.ids, alone, strict=True)]
    assert np.mean(shared) >= 4.5
