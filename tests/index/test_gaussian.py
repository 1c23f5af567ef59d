"""`Gaussian`: the divergence, its inner product, and an index that keeps the protocol."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidFile,
    InvalidType,
    InvalidVector,
    NotFitted,
    OverLimit,
    UnknownArgument,
    UnknownMetric,
)
from likewise.index import CostModel, Exact, Gaussian, Graph, Inverted, load
from likewise.index._kl import KL, KLMap, divergences
from likewise.vectors import Gaussians, as_gaussians

DIM = 6
CHEAP = CostModel(call=0.0, streamed=1e-8, gathered=3e-8, value=1e-4)


def rows(count=1200, dim=DIM, seed=0, spread=1.0, shift=0.0):
    """Gaussian rows; ``spread`` is the standard deviation of the logarithm of variances."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((8, dim)) * 2
    means = centres[rng.integers(0, 8, count)] + rng.standard_normal((count, dim)) + shift
    return as_gaussians(means, np.exp(spread * rng.standard_normal((count, dim))))


def taken(given, some):
    return Gaussians(given.means[some], given.variances[some])


# -- the formula and the map -----------------------------------------------------------


def test_the_formula_is_the_integral():
    q, d = as_gaussians([[0.3, -1]], [[0.5, 2]]), as_gaussians([[1, 0.5]], [[1.5, 0.7]])
    total = 0.0
    for i in range(2):
        a = norm(q.means[0, i], q.variances[0, i] ** 0.5)
        b = norm(d.means[0, i], d.variances[0, i] ** 0.5)
        grid = np.linspace(a.ppf(1e-12), a.ppf(1 - 1e-12), 20001)
        total += np.trapezoid(a.pdf(grid) * (a.logpdf(grid) - b.logpdf(grid)), grid)
    assert divergences(q.packed(), d.packed())[0, 0] == pytest.approx(total, rel=1e-6)


def test_the_formula_is_the_mean_of_log_ratios():
    q, d = rows(1), rows(1, seed=1)
    a = multivariate_normal(q.means[0], np.diag(q.variances[0]))
    b = multivariate_normal(d.means[0], np.diag(d.variances[0]))
    drawn = a.rvs(200_000, random_state=0)
    ratios = a.logpdf(drawn) - b.logpdf(drawn)
    error = ratios.std() / len(drawn) ** 0.5
    assert abs(divergences(q.packed(), d.packed())[0, 0] - ratios.mean()) < 5 * error


def test_it_is_not_symmetric_never_negative_and_zero_for_equals():
    X = rows(200, spread=3.0).packed()
    table = divergences(X, X)
    assert table.min() >= 0
    assert np.abs(np.diag(table)).max() == 0
    assert np.abs(table - table.T).max() > 1


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("scales", [1.0, 1e3])
def test_the_inner_product_is_the_divergence(spread, scales):
    """To 1e-5 in float32, dimensions of very different size included."""
    size = np.float32(scales) ** np.linspace(-1, 1, DIM)
    Q, X = (
        as_gaussians(g.means * size, g.variances * size**2)
        for g in (rows(50, seed=1, spread=spread), rows(400, spread=spread))
    )
    mapped = KLMap.over(X)
    q, d = mapped.queries(Q), mapped.rows(X)
    assert q.dtype == d.dtype == np.float32
    assert q.shape[1] == 2 * DIM + 1
    product = mapped.constants(Q)[:, None] - q.astype(np.float64) @ d.T.astype(np.float64)
    truth = divergences(Q.packed(), X.packed())
    # What cancels is as large as the terms, so the error is relative to these.
    terms = np.abs(q) @ np.abs(d).T + np.abs(mapped.constants(Q))[:, None]
    assert (np.abs(product - truth) / terms).max() < 1e-6
    well = truth > 0.01 * terms
    assert (np.abs(product - truth) / truth)[well].max() < 1e-5


def test_equal_variances_rank_by_distance():
    X, Q = rows(1500), rows(20, seed=1)
    same_width = np.float32([0.3, 2, 1, 5, 0.7, 1]) * np.ones_like(X.means)
    X, Q = Gaussians(X.means, same_width), Gaussians(Q.means, same_width[:20])
    assert np.abs(KLMap.over(X).rows(X)).max() < 1e3
    index = Gaussian(index=Graph("dot", costs=CHEAP)).fit(X)
    exact = index.search(Q, k=10, exact=True)
    scaled = [g.means / np.sqrt(g.variances) for g in (Q, X)]
    truth = Exact("sqeuclidean").fit(scaled[1]).search(scaled[0], 10)
    np.testing.assert_array_equal(exact.ids, truth.ids)
    np.testing.assert_allclose(exact.distances, truth.distances / 2, rtol=1e-5)
    found = index.search(Q, k=10, recall=0.9)
    assert np.mean(found.distances <= exact.distances[:, -1:] * (1 + 1e-9)) >= 0.87


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_walks_are_taken_where_scans_are_dear(spread):
    """Weights of the mapped numbers let a graph find nearly all of the truth."""
    dear = CostModel(call=0.0, streamed=1e-6, gathered=1e-6, value=1e-4)
    X = rows(2500, spread=spread)
    index = Gaussian(index=Graph("dot", costs=dear)).fit(X)
    assert index.search(rows(20, seed=1, spread=spread), k=10, recall=0.9).info.strategy == "graph"


def test_the_map_as_published_ranks_the_same():
    Q, X = rows(5, seed=1), rows(300)
    plain, suited = KLMap.plain(DIM), KLMap.over(X)
    for mapped in (plain, suited):
        found = mapped.constants(Q)[:, None] - mapped.queries(Q) @ mapped.rows(X).T
        np.testing.assert_allclose(found, divergences(Q.packed(), X.packed()), rtol=1e-3, atol=1e-3)


# -- the index --------------------------------------------------------------------------


def same(found, Q, X, k, alive=None):
    truth = divergences(Q.packed(), X.packed())
    for row, line in zip(found, truth, strict=True):
        if alive is not None:
            line = np.where(alive, line, np.inf)
        expected = np.lexsort((np.arange(len(line)), line))[:k]
        np.testing.assert_array_equal(row.ids, expected)
        np.testing.assert_allclose(row.distances, line[expected], rtol=1e-12)


INNER = {
    "graph": lambda: Graph("dot", costs=CHEAP),
    "exact": lambda: Exact("dot"),
    "inverted": lambda: Inverted("dot", costs=CHEAP),
}


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("spread", [0.3, 2.0])
def test_agrees_with_the_formula(inner, spread, tmp_path):
    X, Q = rows(2500, spread=spread), rows(40, seed=1, spread=spread)
    index = Gaussian(index=INNER[inner]()).fit(X)
    assert (index.curve is None) == (inner == "exact")
    same(index.search(Q, k=10, exact=True), Q, X, 10)
    found = index.search(Q, k=10, recall=0.9)
    truth = np.sort(divergences(Q.packed(), X.packed()), axis=1)[:, 9]
    assert np.mean(found.distances <= truth[:, None] * (1 + 1e-9)) >= 0.87
    if inner == "exact":
        same(found, Q, X, 10)
    index.save(tmp_path / "file")
    again = load(tmp_path / "file")
    assert repr(again) == repr(index)
    np.testing.assert_array_equal(again.search(Q, k=10, recall=0.9).ids, found.ids)
    assert again.add(taken(Q, [0])).tolist() == [len(X)]


def test_a_random_history():
    rng = np.random.default_rng(4)
    index, held, alive = Gaussian(index=Exact("dot")), rows(300), np.ones(300, bool)
    index.fit(held)
    for step in range(25):
        if rng.random() < 0.5:
            more = rows(int(rng.integers(1, 40)), seed=10 + step)
            first = len(alive)
            assert index.add(more).tolist() == list(range(first, first + len(more)))
            held = Gaussians(
                np.concatenate([held.means, more.means]),
                np.concatenate([held.variances, more.variances]),
            )
            alive = np.concatenate([alive, np.ones(len(more), bool)])
        else:
            gone = rng.integers(0, len(alive), 40)
            assert index.delete(gone) == np.count_nonzero(alive[np.unique(gone)])
            alive[gone] = False
        Q = rows(3, seed=100 + step)
        assert len(index) == alive.sum()
        same(index.search(Q, k=5), Q, held, 5, alive)
        mask = rng.random(len(alive)) < 0.3
        same(index.search(Q, k=5, where=mask), Q, held, min(5, (mask & alive).sum()), mask & alive)
    assert len(index.rows) < len(alive)


def test_radius():
    X, Q = rows(), rows(10, seed=1)
    index = Gaussian(index=Exact("dot")).fit(X)
    truth = divergences(Q.packed(), X.packed())
    for i, line in enumerate(truth):
        reach = float(np.sort(line)[30:32].mean())
        for exact in (True, False):
            row = index.search(taken(Q, [i]), k=None, radius=reach, exact=exact)[0]
            assert set(row.ids) == set(np.flatnonzero(line <= reach))
            few = index.search(taken(Q, [i]), k=4, radius=reach, exact=exact)[0]
            assert few.ids.tolist() == np.argsort(line)[:4].tolist()


def test_few_rows_none_and_one():
    X = rows(9)
    index = Gaussian().fit(X)
    assert index.search(X.means[2], k=20, variances=X.variances[2]).ids.shape == (1, 9)
    assert index.search(X.means[2], k=1, variances=X.variances[2]).ids.tolist() == [[2]]
    empty = Gaussian().fit(np.empty((0, 3)), np.empty((0, 3)))
    assert empty.search(np.ones(3), variances=np.ones(3)).ids.shape == (1, 0)
    assert empty.dim == 3
    assert empty.add(np.eye(3), np.ones((3, 3))).tolist() == [0, 1, 2]


def test_the_wide_row_and_the_narrow_one():
    """A sure query goes to the sure row on its spot; off the spot the wide row is nearer."""
    index = Gaussian().fit([[0, 0], [0, 0]], [[0.1, 0.1], [9, 9]])
    assert index.search([0, 0], 2, variances=[0.1, 0.1])[0].ids.tolist() == [0, 1]
    assert index.search([2, 2], 2, variances=[0.1, 0.1])[0].ids.tolist() == [1, 0]


def test_threads_give_the_same():
    X = rows()
    index = Gaussian(index=Graph("dot", costs=CHEAP)).fit(X)
    batches = [rows(20, seed=seed) for seed in range(6)]
    expected = [index.search(Q, k=5).ids for Q in batches]
    with ThreadPoolExecutor(3) as pool:
        for found, ids in zip(
            pool.map(lambda Q: index.search(Q, k=5).ids, batches), expected, strict=True
        ):
            np.testing.assert_array_equal(found, ids)


def test_the_gaussians_of_an_index():
    X = rows(20)
    index = Gaussian().fit(X)
    assert index.gaussians == X
    assert index.metric == "kl"
    assert KL.from_score(float(KL.score(np.array(3.0)))) == pytest.approx(3.0)


# -- errors -----------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_a_variance_not_above_zero(bad):
    X, index = rows(5), Gaussian().fit(rows(5))
    variances = X.variances.copy()
    variances[3, 2] = bad
    for call in (index.fit, index.add, index.search):
        with pytest.raises(InvalidVector, match=r"row 3 has variance .* in dimension 2"):
            call(X.means, variances=variances)
    assert len(index) == 5


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite(bad):
    index = Gaussian().fit(rows(5))
    for part in range(2):
        given = [np.ones((2, DIM)), np.ones((2, DIM))]
        given[part][1, 4] = bad
        for call in (index.fit, index.add, index.search):
            with pytest.raises(InvalidVector, match=r"row 1 has .* in dimension 4"):
                call(given[0], variances=given[1])


def test_shapes_that_differ():
    index = Gaussian().fit(rows(5))
    with pytest.raises(DimensionMismatch, match="one a number of the mean"):
        index.search(np.ones((2, DIM)), variances=np.ones((2, DIM - 1)))
    with pytest.raises(DimensionMismatch, match="2 means and 3 variances"):
        index.fit(np.ones((2, DIM)), np.ones((3, DIM)))
    with pytest.raises(DimensionMismatch, match=f"rows hold {DIM} numbers"):
        index.search(np.ones((2, 3)), variances=np.ones((2, 3)))


def test_other_errors(tmp_path):
    X, index = rows(5), Gaussian().fit(rows(5))
    with pytest.raises(InvalidType, match="no variances"):
        index.search(X.means)
    with pytest.raises(InvalidArgument, match="leave variances out"):
        index.search(X, variances=X.variances)
    with pytest.raises(NotFitted):
        Gaussian().search(X)
    with pytest.raises(UnknownMetric, match="kl"):
        Gaussian("cosine")
    with pytest.raises(InvalidArgument, match="metric dot"):
        Gaussian(index=Exact("euclidean"))
    with pytest.raises(InvalidArgument, match="not be fitted"):
        Gaussian(index=Exact("dot").fit(np.ones((1, 3))))
    with pytest.raises(InvalidType, match="index must be"):
        Gaussian(index="graph")
    with pytest.raises(UnknownArgument, match="did you mean 'k'"):
        index.search(X, top_k=3)
    with pytest.raises(InvalidVector, match="beyond 32-bit"):
        index.add(np.full((1, DIM), 1e30), np.full((1, DIM), 1e-30))
    plan = Gaussian().plan(5, DIM)
    with pytest.raises(OverLimit):
        Gaussian(memory_limit=plan.bytes - 1).fit(X)
    index.save(tmp_path / "file")
    with pytest.raises(InvalidFile):
        Exact.load(tmp_path / "file")
    assert len(index) == 5
