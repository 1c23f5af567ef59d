from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from scipy.stats import gaussian_kde, multivariate_normal
from sklearn.neighbors import KernelDensity

from likewise.errors import InvalidArgument, InvalidType, NotFitted, UnknownMetric
from likewise.index import Exact, Tree
from likewise.learn import Density
from likewise.learn.gaussian_sums import left_out_bandwidth, log_sums, scott
from likewise.testing.estimator import EstimatorConformance


class TestDensity(EstimatorConformance):
    takes_jobs = True

    def make(self, **options):
        return Density(**options)


class TestNearby(EstimatorConformance):
    def make(self, **options):
        return Density(1.0, k=5, **options)


def plain(query, X, weights, h):
    """The sum, term by term."""
    cov = h**2 * np.eye(X.shape[1])
    terms = [w * multivariate_normal(x, cov).pdf(query) for x, w in zip(X, weights, strict=True)]
    return np.log(sum(terms) / sum(weights))


def test_it_is_the_sum_of_gaussians():
    rng = np.random.default_rng(0)
    X, Q, weights = rng.normal(size=(30, 3)), rng.normal(size=(5, 3)), rng.random(30)
    model = Density(0.7).fit(X, sample_weight=weights)
    expected = [plain(query, X, weights, 0.7) for query in Q]
    np.testing.assert_allclose(model.score_samples(Q), expected)
    assert model.score(Q) == pytest.approx(sum(expected))


def test_scikit_learn_and_scipy_say_the_same():
    rng = np.random.default_rng(1)
    X, Q = rng.normal(size=(200, 4)), 3 * rng.normal(size=(40, 4))
    squares = np.square(Q[:, None] - X).sum(axis=2)
    for width in (0.05, 0.5, 5.0):
        ours = Density(width).fit(X).score_samples(Q)
        constant = np.log(200) + 4 * np.log(width) + 2 * np.log(2 * np.pi)
        np.testing.assert_allclose(ours, logsumexp(-squares / (2 * width**2), 1) - constant)
        # Among the rows: scikit-learn's tree loses digits, or all of them, farther out.
        theirs = KernelDensity(bandwidth=width, rtol=1e-12, atol=0).fit(X).score_samples(X)
        np.testing.assert_allclose(Density(width).fit(X).score_samples(X), theirs, rtol=1e-7)
    weights = rng.random(200)
    line = gaussian_kde(X[:, 0], weights=weights)
    model = Density().fit(X[:, :1], sample_weight=weights)
    # scipy takes the unbiased variance.
    unbiased = 1 / (1 - np.square(weights).sum() / weights.sum() ** 2)
    assert model.bandwidth_ * np.sqrt(unbiased) == pytest.approx(np.sqrt(line.covariance[0, 0]))
    same = Density(float(np.sqrt(line.covariance[0, 0]))).fit(X[:, :1], sample_weight=weights)
    np.testing.assert_allclose(same.score_samples(Q[:, :1]), line.logpdf(Q[:, 0]))


def test_its_integral_is_one():
    model = Density("scott").fit(np.random.default_rng(2).normal(size=(50, 1)) * 4 + 7)
    grid = np.linspace(-40, 60, 20_001)
    assert np.trapezoid(np.exp(model.score_samples(grid[:, None])), grid) == pytest.approx(1.0)


def test_small_widths_far_from_the_origin_keep_their_digits():
    """A matrix product would cancel here: seconds since 1970, in steps of milliseconds."""
    base = 1.7e9
    X = base + np.random.default_rng(3).random((300, 1))
    X[::2] -= 5e8
    Q = X[:20] + 1e-4
    width = 1e-3
    away = (Q[:, None, 0] - X[None, :, 0]) / width
    expected = np.log(np.exp(-0.5 * away**2).sum(axis=1) / (300 * width * np.sqrt(2 * np.pi)))
    np.testing.assert_allclose(Density(width).fit(X).score_samples(Q), expected, rtol=1e-10)


def test_far_queries_have_small_logarithms_and_no_infinities():
    model = Density(1e-3).fit([[0.0], [1.0]])
    assert model.score_samples([[1e6]])[0] == pytest.approx(-0.5 * (1e6 - 1) ** 2 * 1e6, rel=1e-6)


def test_the_left_out_bandwidth_is_the_likeliest():
    rng = np.random.default_rng(4)
    for dim in (1, 3):
        X, weights = rng.standard_t(4, size=(60, dim)), rng.integers(1, 4, size=60).astype(float)

        def unlikely(log_width, X=X, weights=weights):
            total = 0.0
            for i in range(60):
                left = np.delete(np.arange(60), i)
                model = Density(float(np.exp(log_width))).fit(X[left], sample_weight=weights[left])
                total -= weights[i] * model.score_samples(X[i : i + 1])[0]
            return total

        width = Density("loo").fit(X, sample_weight=weights).bandwidth_
        near = (np.log(width) - 0.3, np.log(width) + 0.3)
        best = minimize_scalar(unlikely, bounds=near, method="bounded", options={"xatol": 1e-5})
        assert np.log(width) == pytest.approx(best.x, abs=1e-4)


def test_blocks_and_threads_change_nothing(monkeypatch):
    rng = np.random.default_rng(5)
    X, Q, weights = rng.normal(size=(70, 3)), rng.normal(size=(33, 3)), rng.random(70)
    whole = log_sums(Q, X, weights, 0.4), left_out_bandwidth(X, weights)
    monkeypatch.setattr("likewise.learn.gaussian_sums.VALUES", 300)
    np.testing.assert_allclose(log_sums(Q, X, weights, 0.4, n_jobs=2), whole[0], rtol=1e-12)
    assert left_out_bandwidth(X, weights, n_jobs=2) == pytest.approx(whole[1])
    assert log_sums(Q[:0], X, weights, 0.4).shape == (0,)


@pytest.mark.parametrize("bandwidth", ["scott", "loo", 0.5])
@pytest.mark.parametrize("k", [None, 6])
def test_any_history_equals_a_model_fitted_anew(bandwidth, k):
    rng = np.random.default_rng(6)
    X, Q, weights = rng.normal(size=(300, 2)), rng.normal(size=(9, 2)), rng.random(300)
    index = None if k is None else Tree("euclidean")
    model = Density(bandwidth, k=k, index=index).fit(X[:20], sample_weight=weights[:20])
    held, end = set(range(20)), 20
    for step in range(16):
        if rng.random() < 0.6:
            count = int(rng.integers(1, 18))
            model.partial_fit(X[end : end + count], sample_weight=weights[end : end + count])
            assert model.ids_.tolist() == list(range(end, end + count))
            held |= set(range(end, end + count))
            end += count
        else:
            gone = rng.choice(sorted(held), size=len(held) // 3)
            assert model.forget([*gone, *gone, -1, 9999]) == len(np.unique(gone))
            held -= set(gone.tolist())
        if step % 3 == 2:
            now = sorted(held)
            rebuilt = Density(bandwidth, k=k).fit(X[now], sample_weight=weights[now])
            assert model.bandwidth_ == rebuilt.bandwidth_
            np.testing.assert_array_equal(model.score_samples(Q), rebuilt.score_samples(Q))


def test_the_truth_lies_between_the_bounds():
    rng = np.random.default_rng(7)
    X, Q, weights = rng.normal(size=(100, 2)), 2 * rng.normal(size=(30, 2)), rng.random(100)
    exact = Density(0.3).fit(X, sample_weight=weights)
    truth = exact.score_samples(Q)
    last = np.full(30, np.inf)
    for k in (1, 10, 50, 99):
        near = Density(0.3, k=k).fit(X, sample_weight=weights)
        lower, upper = near.bounds(Q)
        assert np.array_equal(lower, near.score_samples(Q))
        assert (lower <= truth + 1e-12).all()
        assert (truth <= upper + 1e-12).all()
        assert ((upper - lower) <= last).all()
        last = upper - lower
    for every in (Density(0.3, k=500).fit(X, sample_weight=weights), exact):
        lower, upper = every.bounds(Q)
        np.testing.assert_allclose(lower, truth, rtol=1e-12)
        assert np.array_equal(lower, upper)


def test_a_row_of_weight_0_is_not_there():
    X = np.array([[0.0], [1.0], [50.0]])
    for bandwidth in ("scott", "loo", 2.0):
        with_it = Density(bandwidth).fit(X, sample_weight=[1.0, 2.0, 0.0])
        without = Density(bandwidth).fit(X[:2], sample_weight=[1.0, 2.0])
        assert np.array_equal(with_it.score_samples(X), without.score_samples(X))


def test_scott_of_equal_weights_is_the_textbook():
    X = np.random.default_rng(8).normal(size=(64, 3)) * [1.0, 2.0, 3.0]
    assert scott(X, np.ones(64)) == pytest.approx(np.sqrt(X.var(axis=0).mean()) * 64 ** (-1 / 7))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bandwidth": "silver"}, InvalidArgument, "one of scott, loo"),
        ({"bandwidth": 0.0}, InvalidArgument, "bandwidth must be positive"),
        ({"bandwidth": None}, InvalidType, "bandwidth must be a number"),
        ({"k": 0}, InvalidArgument, "k must be a positive integer"),
        ({"index": Exact("l2")}, InvalidArgument, "index= is for sums over neighbours"),
        ({"recall": 0.9}, InvalidArgument, "recall= is for sums over neighbours"),
        ({"k": 3, "index": Exact("cosine")}, UnknownMetric, "Density is euclidean"),
    ],
)
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        Density(**options).fit([[1.0], [2.0]])


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([1.0], InvalidArgument, "X has 2 rows"),
        ([1.0, -1.0], InvalidArgument, "finite and at least 0"),
        ([1.0, np.nan], InvalidArgument, "finite and at least 0"),
        ([0.0, 0.0], InvalidArgument, "every sample_weight is zero"),
        (["a", "b"], InvalidType, "must be numbers"),
    ],
)
def test_wrong_weights(weights, error, message):
    with pytest.raises(error, match=message):
        Density(1.0).fit([[1.0], [2.0]], sample_weight=weights)


def test_rows_without_a_width():
    for bandwidth in ("scott", "loo"):
        with pytest.raises(InvalidArgument, match="two rows at least that differ"):
            Density(bandwidth).fit([[1.0], [1.0]])
    with pytest.raises(InvalidArgument, match="every row has a copy"):
        Density("loo").fit([[1.0], [1.0], [4.0], [4.0]])
    assert Density("loo").fit([[1.0], [4.0]]).bandwidth_ == 3.0


def test_everything_forgotten():
    model = Density(1.0).fit([[1.0], [2.0]])
    assert model.forget([0, 1]) == 2
    with pytest.raises(InvalidArgument, match="every row was forgotten"):
        model.score_samples([[1.0]])
    assert model.partial_fit([[0.0]]).score_samples([[0.0]])[0] == pytest.approx(-0.9189385)
    with pytest.raises(NotFitted, match="call fit first"):
        Density().forget([0])


def test_copies_of_every_row_are_named_though_their_distances_are_rounded():
    X = np.random.default_rng(0).normal(size=(20, 2)) + 1e3
    with pytest.raises(InvalidArgument, match=r"every row has a copy \(60 rows, 20 different\)"):
        Density("loo").fit(np.repeat(X, 3, axis=0))
    Density("loo").fit(X, sample_weight=np.full(20, 3.0))
