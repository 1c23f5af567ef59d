"""`Inverted` keeps the protocol and its recall contract, whatever its codes."""

import numpy as np
import pytest

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    UnknownArgument,
    UnknownMetric,
)
from likewise.index import CostModel, Exact, Hash, Inverted
from likewise.testing.index import IndexConformance, distances, recall_of

# A scan this dear makes codes pay even on little data.
DEAR = CostModel(call=0.0, streamed=1e-8, gathered=3e-8, value=1e-4)
CODES = ("flat", "scalar", "pq", "opq", "rabitq", "fastscan")


class TestInverted(IndexConformance):
    index = Inverted
    metrics = Inverted.metrics
    rows = 4000
    fixed = {"costs": DEAR}  # noqa: RUF012


def rows(count=4000, dim=16, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((12, dim)) * 2
    return (centres[rng.integers(0, 12, count)] + rng.standard_normal((count, dim))).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def inverted():
    return Inverted("euclidean", costs=DEAR).fit(rows())


@pytest.mark.parametrize("codes", CODES)
def test_every_code_keeps_its_promise_and_is_used(codes, tmp_path):
    X, Q = rows(), rows(100, seed=1)
    index = Inverted("euclidean", codes=codes, costs=DEAR).fit(X)
    found = index.search(Q, 10, recall=0.9)
    assert found.info.strategy == "inverted"
    assert found.info.scanned < 0.8 * len(Q) * len(X)
    assert recall_of(found, "euclidean", Q, X, np.ones(len(X), bool)) >= 0.88
    index.save(tmp_path / "file")
    again = Inverted.load(tmp_path / "file")
    assert again.codes == codes
    np.testing.assert_array_equal(again.search(Q, 10, recall=0.9).ids, found.ids)


@pytest.mark.parametrize("codes", CODES)
def test_the_same_bytes_whatever_the_threads(codes, tmp_path):
    X = rows(3000)
    for jobs in (1, 2):
        Inverted("cosine", codes=codes, costs=DEAR, n_jobs=jobs).fit(X).save(tmp_path / str(jobs))
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


@pytest.mark.parametrize("codes", CODES)
def test_compaction_keeps_the_codes_of_what_lives(codes):
    X, Q = rows(), rows(60, seed=1)
    index = Inverted("euclidean", codes=codes, costs=DEAR).fit(X)
    curve = index.curve
    gone = np.random.default_rng(5).permutation(len(X))[:1200]
    index.delete(gone)
    assert len(index.rows) == len(X) - 1200
    assert index.curve is curve, "the rows were coded anew"
    alive = np.ones(len(X), bool)
    alive[gone] = False
    found = index.search(Q, 10, recall=0.9)
    assert found.info.strategy == "inverted"
    assert alive[found.ids].all()
    assert recall_of(found, "euclidean", Q, X, alive) >= 0.88
    assert index.add(X[:400]).tolist() == list(range(len(X), len(X) + 400))
    np.testing.assert_array_equal(index.search(X[7], 1, where=[len(X) + 7]).ids, [[len(X) + 7]])


def test_a_filter_that_avoids_the_query_is_noticed(inverted):
    X = rows()
    for i in range(8):
        truth = distances("euclidean", X[i], X)
        mask = truth >= np.sort(truth)[2500]
        found = inverted.search(X[i], 10, where=mask)
        expected = np.flatnonzero(mask)[np.argsort(truth[mask], kind="stable")[:10]]
        assert found.info.strategy == "exact"
        assert found[0].ids.tolist() == expected.tolist()


def test_a_blind_filter_is_answered_inside_the_codes(inverted):
    X, Q = rows(), rows(60, seed=1)
    mask = np.random.default_rng(3).random(len(X)) < 0.5
    found = inverted.search(Q, 10, where=mask, recall=0.9)
    assert found.info.strategy == "inverted"
    assert recall_of(found, "euclidean", Q, X, mask) >= 0.88


def test_a_corpus_replaced_several_times_over():
    index = Inverted("euclidean", costs=DEAR).fit(rows(3000))
    held = np.arange(3000)
    for turn in range(1, 7):
        X = rows(3000, seed=10 + turn) + np.float32(3 * turn)  # and it drifts
        for start in range(0, 3000, 500):
            index.delete(held[start : start + 500])
            index.add(X[start : start + 500])
        held = index.positions[-3000:]
    assert len(index) == 3000
    assert len(index.rows) < 3900
    Q = rows(80, seed=50) + np.float32(18)
    found = index.search(Q, 10, recall=0.9)
    truth = Exact("euclidean").fit(X).search(Q, 10)
    assert np.mean(found.distances <= truth.distances[:, -1:] * (1 + 1e-9)) >= 0.87


def test_what_cannot_be_promised_is_scanned(inverted):
    for options in ({"recall": 1.0}, {"recall": 0.9999}, {"exact": True}, {"k": 3500}):
        found = inverted.search(rows(3, seed=1), **options)
        assert found.info.strategy == "exact"
        assert found.info.recall == 1.0
        assert "scanned" in found.info.reason


@pytest.mark.parametrize("metric", Inverted.metrics)
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_tiny_and_huge_rows(metric, scale):
    X, Q = rows(2500) * np.float32(scale), rows(30, seed=1) * np.float32(scale)
    found = Inverted(metric, costs=DEAR).fit(X).search(Q, 10)
    for query, row in zip(Q, found, strict=True):
        truth = distances(metric, query, X)
        np.testing.assert_allclose(row.distances, truth[row.ids], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("metric", ["euclidean", "dot"])
def test_huge_rows_added_later_and_huge_queries(metric):
    X = rows(2500)
    index = Inverted(metric, costs=DEAR).fit(X)
    huge = np.full((300, 16), 1e30) * (1 + np.arange(300)[:, None])
    index.add(huge[:1])
    assert index.search(huge[0], 1)[0].ids.tolist() == [2500]
    assert index.search(X[5], 1, where=np.arange(2500), exact=True)[0].distances.shape == (1,)
    index.add(huge[1:])
    assert len(index.search(X[:5], 10).ids) == 5


def test_bad_arguments():
    with pytest.raises(InvalidArgument, match=r"codes must be one of flat.*'int3'"):
        Inverted(codes="int3")
    with pytest.raises(InvalidType, match="costs"):
        Inverted(costs=3)
    with pytest.raises(UnknownMetric, match="manhattan"):
        Inverted("manhattan")


# -- queries from elsewhere --------------------------------------------------------------


@pytest.mark.parametrize("kind", [Inverted, Hash])
@pytest.mark.parametrize("metric", ["dot", "cosine"])
def test_queries_of_users_are_measured_too(kind, metric, tmp_path):
    """The curve is the worse of the two, and what it promises holds for both."""
    rng = np.random.default_rng(1)
    one, other = rng.standard_normal((2, 16)) * 4
    X, Q = rows() + np.float32(one), rows(400, seed=1) + np.float32(other)
    own = kind(metric, costs=DEAR).fit(X)
    told = kind(metric, costs=DEAR).fit(X, queries=Q[:300])
    assert told.curve.queries == own.curve.queries + 300
    usual = [curve.recall_at(curve.efforts[-1], 10) for curve in (own.curve, told.curve)]
    assert usual[1] <= usual[0] + 0.02
    found = told.search(Q[300:], 10, recall=0.9)
    assert recall_of(found, metric, Q[300:], X, np.ones(len(X), bool)) >= 0.88
    same = kind(metric, costs=DEAR).fit(X, queries=Q[:300])
    assert same.curve == told.curve
    few = kind(metric, costs=DEAR).fit(X, queries=Q[:31])
    assert few.curve == own.curve
    told.add(rows(3000, seed=2) + np.float32(one))
    assert told.curve.queries > 300  # measured again, with the same queries
    told.save(tmp_path / "file")
    assert kind.load(tmp_path / "file").curve == told.curve


def test_wrong_queries(inverted):
    X = rows()
    with pytest.raises(DimensionMismatch, match="queries"):
        inverted.fit(X, queries=X[:, :5])
    with pytest.raises(InvalidVector, match="queries: row 1 has NaN"):
        inverted.fit(X, queries=[X[0], X[0] * np.nan])
    assert len(inverted) == 4000
    with pytest.raises(UnknownArgument, match="did you mean 'queries'"):
        inverted.fit(X, query=X)
