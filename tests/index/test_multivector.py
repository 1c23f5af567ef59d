"""`MultiVector` keeps the protocol, however bags are kept, and finds by proposals."""

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidType, UnknownArgument, UnknownMetric
from likewise.index import Exact, FixedDimensional, Graph, MultiVector
from likewise.index._bag_store import BagStore, coded, decoded
from likewise.index._chamfer import chamfer
from likewise.testing.multivector import MultiVectorConformance, formula
from likewise.vectors import Bags, as_bags

SMALL = FixedDimensional(repetitions=6, k_sim=3, d_proj=None)


class TestProposals(MultiVectorConformance):
    def make(self, metric, **options):
        return MultiVector(metric, encoding=SMALL, **options)

    def test_proposals_are_used(self, fitted):
        found = fitted.search(self.data(5, seed=1), 1, recall=0.5)
        assert found.info.strategy == "muvera"
        assert found.info.scanned < 5 * self.bags / 2
        exact = fitted.search(self.data(5, seed=1), 1, exact=True)
        assert exact.info.strategy == "exact"
        assert exact.info.scanned == 5 * self.bags

    def test_effort_is_how_many_are_ranked(self, fitted):
        found = fitted.search(self.data(7, seed=1), 5, effort=40)
        assert found.info.scanned == 7 * 40
        assert found.info.recall == fitted.curve.recall_at(40, 5)
        everything = fitted.search(self.data(7, seed=1), 5, effort=self.bags)
        assert (everything.info.strategy, everything.info.recall) == ("exact", 1.0)

    def test_effort_with_a_filter_promises_no_more_than_was_measured(self, fitted):
        mask = np.arange(self.bags) % 2 == 0
        found = fitted.search(self.data(7, seed=1), 5, effort=100, where=mask)
        assert found.info.scanned == 700
        assert found.info.recall <= fitted.curve.recall_at(200, 5)
        few = fitted.search(self.data(7, seed=1), 1, effort=2, where=np.arange(4))
        assert (few.info.strategy, few.info.recall) == ("muvera", 0.0)

    def test_a_few_rows_that_fail_do_not_call_for_a_scan(self, fitted):
        """Even where they are the nearest of all."""
        shares = []
        for query in self.data(40, seed=1):
            nearest = fitted.search(query, 3, exact=True).ids[0]
            mask = np.ones(self.bags, dtype=bool)
            mask[nearest] = False
            found = fitted.search(query, 5, recall=0.7, where=mask)
            assert found.info.strategy == "muvera"
            assert 0.7 <= found.info.recall < 1
            truth = fitted.search(query, 5, exact=True, where=mask)
            shares.append(len(set(found.ids[0]) & set(truth.ids[0])) / 5)
        assert np.mean(shares) >= 0.7


class TestExact(MultiVectorConformance):
    bags = 200

    def make(self, metric, **options):
        return MultiVector(metric, encoding=None, **options)


class TestCodesBesideOriginals(MultiVectorConformance):
    """Codes rule out, originals decide: distances are those of the originals."""

    bags = 200

    def make(self, metric, **options):
        return MultiVector(metric, encoding=None, storage="4-bit", **options)


class TestCodesAlone(MultiVectorConformance):
    lossy = 0.15

    def make(self, metric, **options):
        options = {"encoding": SMALL, "storage": "8-bit", "originals": False, **options}
        return MultiVector(metric, **options)


def bags_of(count, size=6, dim=8, seed=0):
    rng = np.random.default_rng(seed)
    return as_bags(list(rng.standard_normal((count, size, dim))))


# -- the similarity -----------------------------------------------------------------


def test_one_vector_a_bag_is_the_metric_itself():
    rng = np.random.default_rng(0)
    X, Q = rng.standard_normal((60, 5)), rng.standard_normal((4, 5))
    for metric in ("cosine", "dot"):
        index = MultiVector(metric).fit(list(X[:, None, :]))
        found = index.search(list(Q[:, None, :]), 10)
        truth = Exact(metric).fit(X).search(Q, 10)
        np.testing.assert_array_equal(found.ids, truth.ids)
        np.testing.assert_allclose(found.distances, truth.distances, atol=1e-6)


def test_the_query_must_be_met_and_not_the_row():
    index = MultiVector("cosine").fit([np.eye(3), [[1, 0, 0]]])
    assert index.search([[1, 0, 0]], 2)[0].distances.tolist() == [0.0, 0.0]
    assert index.search(np.eye(3), 2)[0].distances == pytest.approx([0.0, 2 / 3])


def test_chamfer_is_the_sum_of_the_largest():
    rng = np.random.default_rng(1)
    Q, P = rng.standard_normal((4, 3)), rng.standard_normal((5, 3))
    slow = sum(max(sum(a * b for a, b in zip(q, p, strict=True)) for p in P) for q in Q)
    assert chamfer(Q, P) == pytest.approx(slow, rel=1e-12)
    assert -formula("dot", Q, as_bags([P]))[0] * 4 == pytest.approx(slow, rel=1e-5)


@pytest.mark.parametrize("scale", [1e-25, 1e-18, 1.0, 1e18, 1e25])
def test_tiny_and_huge_vectors_rank_as_others_do(scale):
    X, Q = bags_of(40), bags_of(3, seed=1)
    index = MultiVector("dot").fit(Bags(X.vectors * np.float32(scale), X.offsets))
    usual = MultiVector("dot").fit(X).search(Q, 10)
    found = index.search(Bags(Q.vectors * np.float32(scale), Q.offsets), 10)
    np.testing.assert_array_equal(found.ids, usual.ids)


def test_equal_bags_come_in_order_of_position():
    X = bags_of(1)
    index = MultiVector("cosine", storage="8-bit").fit(X.take(np.zeros(50, dtype=int)))
    assert index.search(X[0], 20)[0].ids.tolist() == list(range(20))


# -- storage ------------------------------------------------------------------------


@pytest.mark.parametrize("storage", ["8-bit", "4-bit"])
@pytest.mark.parametrize("dim", [1, 7, 8])
def test_codes_stand_for_the_nearest_multiple_of_the_step(storage, dim):
    rng = np.random.default_rng(dim)
    vectors = rng.standard_normal((50, dim)).astype(np.float32)
    vectors[7] = 0
    codes, steps = coded(vectors, storage)
    most = 127 if storage == "8-bit" else 7
    back = decoded(codes, steps, storage, dim)
    np.testing.assert_allclose(
        np.linalg.norm(back, axis=1), np.linalg.norm(vectors, axis=1), rtol=1e-6
    )
    step = np.abs(vectors).max(axis=1, keepdims=True) / most
    step[7] = 1
    np.testing.assert_allclose(back, steps[:, None] * np.rint(vectors / step), rtol=1e-6, atol=1e-7)
    assert codes.nbytes == 50 * (dim if storage == "8-bit" else (dim + 1) // 2)


def test_codes_alone_take_a_quarter_or_an_eighth():
    X = bags_of(100, size=10, dim=64)
    sizes = [
        MultiVector(encoding=None, storage=storage, originals=False).fit(X).nbytes
        for storage in ("8-bit", "4-bit")
    ]
    whole = MultiVector(encoding=None).fit(X).nbytes
    assert sizes[0] < 0.29 * whole
    assert sizes[1] < 0.17 * whole


def test_without_originals_distances_are_those_of_what_codes_stand_for():
    X, Q = bags_of(80), bags_of(5, seed=1)
    index = MultiVector("dot", storage="4-bit", originals=False).fit(X)
    for query, row in zip(Q, index.search(Q, 80), strict=True):
        coarse = formula("dot", query, index.rows)
        np.testing.assert_allclose(row.distances, coarse[row.ids], atol=1e-6)
    assert np.abs(index.rows.vectors - X.vectors).max() > 0.01


def test_read_only_bags_are_used_where_they_lie():
    X = bags_of(20)
    X.vectors.flags.writeable = False
    index = MultiVector("dot").fit(X)
    assert np.shares_memory(index.rows.vectors, X.vectors)


def test_a_failed_add_leaves_all_as_it_was(monkeypatch):
    X = bags_of(600)
    index = MultiVector("cosine", encoding=SMALL).fit(X)
    before = index.search(X[:5], 5)

    def fail(self, bags):
        raise MemoryError

    monkeypatch.setattr(FixedDimensional, "documents", fail)
    with pytest.raises(MemoryError):
        index.add(bags_of(3, seed=1))
    monkeypatch.undo()
    assert (len(index), len(index.rows), index.next_position) == (600, 600, 600)
    np.testing.assert_array_equal(index.search(X[:5], 5).flat_ids, before.flat_ids)
    assert index.add(bags_of(3, seed=1)).tolist() == [600, 601, 602]
    monkeypatch.setattr(BagStore, "extend", fail)
    with pytest.raises(MemoryError):
        index.add(bags_of(3, seed=1))
    assert (len(index), index.next_position) == (603, 603)


# -- proposals ----------------------------------------------------------------------


def test_any_index_of_inner_products_proposes(tmp_path):
    X, Q = bags_of(700), bags_of(10, seed=1)
    index = MultiVector("cosine", encoding=SMALL, index=Graph("dot", random_state=3)).fit(X)
    found, true = index.search(Q, 5, effort=200), index.search(Q, 5, exact=True)
    assert found.info.strategy == "muvera"
    assert np.mean([len(set(a.ids) & set(b.ids)) for a, b in zip(found, true, strict=True)]) > 4
    index.save(tmp_path / "graph")
    again = MultiVector.load(tmp_path / "graph")
    np.testing.assert_array_equal(again.search(Q, 5, effort=200).ids, found.ids)


def test_proposals_begin_when_there_are_enough_bags():
    index = MultiVector("cosine", encoding=SMALL).fit(bags_of(500))
    index.delete(range(60))
    assert index.curve is None
    index.add(bags_of(120, seed=1))
    assert index.curve is not None
    found = index.search(bags_of(3, seed=2), 5, effort=30)
    assert found.info.strategy == "muvera"
    assert found.flat_ids.min() >= 60


def test_the_curve_is_measured_again_when_half_is_new():
    index = MultiVector("cosine", encoding=SMALL).fit(bags_of(520))
    first = index.curve
    index.add(bags_of(100, seed=1))
    assert index.curve is first
    index.add(bags_of(200, seed=2))
    assert index.curve is not first


def test_queries_given_are_measured_with():
    X = bags_of(520)
    plain = MultiVector("cosine", encoding=SMALL).fit(X)
    asked = MultiVector("cosine", encoding=SMALL).fit(X, queries=bags_of(50, seed=1))
    few = MultiVector("cosine", encoding=SMALL).fit(X, queries=bags_of(9, seed=1))
    assert asked.curve.queries == plain.curve.queries + 50
    assert few.curve.queries == plain.curve.queries


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"encoding": "muvera"}, InvalidType, "FixedDimensional"),
        ({"index": Exact("cosine")}, UnknownMetric, "dot"),
        ({"index": "graph"}, InvalidType, "Graph"),
        ({"index": Exact("dot"), "encoding": None}, InvalidArgument, "encoding"),
        ({"storage": "2-bit"}, InvalidArgument, "float32, 8-bit, 4-bit"),
        ({"originals": False}, InvalidArgument, "8-bit"),
        ({"originals": 1, "storage": "8-bit"}, InvalidType, "originals"),
        ({"seed": 1}, UnknownArgument, "random_state"),
        ({"n_jobs": 0}, InvalidArgument, "n_jobs"),
    ],
)
def test_what_cannot_be_made_says_why(options, error, words):
    with pytest.raises(error, match=words):
        MultiVector("cosine", **options)


def test_fewer_vectors_than_bags_cannot_be_planned():
    with pytest.raises(InvalidArgument, match="vectors"):
        MultiVector().plan(10, 4, vectors=9)


def test_margins_hold_what_float32_and_codes_leave_out():
    # Bags whose codes are equal while the originals differ: only the margin keeps them apart.
    base = np.ones((1, 4), dtype=np.float32)
    X = [base + np.array([[0, 0, 0, 1e-4 * i]]) for i in range(200)]
    index = MultiVector("dot", encoding=None, storage="4-bit").fit(X)
    assert index.search([[0, 0, 0, 1]], 3)[0].ids.tolist() == [199, 198, 197]
