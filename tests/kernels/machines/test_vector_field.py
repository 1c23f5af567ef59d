"""Vector fields: a plain Laplacian and a plain process, gauge, the sphere, what is refused."""

import numpy as np
import pytest
from scipy import stats
from sklearn.utils.estimator_checks import check_estimator

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    NotFitted,
    UnknownArgument,
)
from likewise.index import Exact, Graph
from likewise.kernels.machines import VectorFieldRegressor, _bundle
from likewise.kernels.machines._spectral import Moments, Spectrum, log_evidence, posterior

rng = np.random.default_rng(0)


def sphere(n):
    """Points spread evenly, and a tangent field on them that turns and flows."""
    i = np.arange(n) + 0.5
    height, turn = 1 - 2 * i / n, np.pi * (1 + 5**0.5) * i
    X = np.column_stack([np.cos(turn), np.sin(turn), np.zeros(n)])
    X *= np.sqrt(1 - height**2)[:, None]
    X[:, 2] = height
    flow = np.array([0.0, 1.0, 1.0]) - X * (X[:, 1] + X[:, 2])[:, None]
    return X, np.cross([1.0, 2.0, 0.5], X) + flow * (1 + 2 * X[:, :1])


X, F = sphere(400)
SOME = np.sort(rng.permutation(400)[:120])
REST = np.setdiff1d(np.arange(400), SOME)
Y = F[SOME] + 0.1 * rng.standard_normal((120, 3))


def fitted(**options):
    return VectorFieldRegressor(**options).fit(X[SOME], Y, nodes=X)


def error(model):
    return np.linalg.norm(model.predict(X[REST]) - F[REST]) / np.linalg.norm(F[REST])


def test_follows_scikit_learn():
    model = VectorFieldRegressor(field="scalar", n_eigenpairs=150, optimizer=None)
    results = check_estimator(model, on_skip=None)
    assert all(result["status"] in ("passed", "skipped") for result in results)


def test_laplacian_is_the_double_loop():
    points = rng.standard_normal((30, 3))
    near = _bundle.nearest(Exact("euclidean").fit(points), points, points, 6)
    frames = _bundle.tangent_frames(points, near.ids, 2)
    edges = _bundle.graph_edges(near.ids)
    blocks = _bundle.transports(frames[edges.left], frames[edges.right])
    L = _bundle.laplacian(30, edges, blocks).toarray()
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    closest = np.argsort(distances, axis=1)[:, :6]
    expected = np.zeros((60, 60))
    for i in range(30):
        for j in range(30):
            if i == j or (j not in closest[i] and i not in closest[j]):
                continue
            U, _, Vt = np.linalg.svd(frames[i].T @ frames[j])
            expected[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = -U @ Vt
            expected[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] += np.eye(2)
    np.testing.assert_allclose(L, expected, atol=1e-10)
    assert np.linalg.eigvalsh(L)[0] > -1e-10
    dense = _bundle.lowest(_bundle.laplacian(30, edges, blocks), 8, 0)
    np.testing.assert_allclose(dense[0], np.linalg.eigvalsh(expected)[:8], atol=1e-10)


def test_sparse_eigenpairs_are_those_of_the_dense_method(monkeypatch):
    sparse = fitted(n_eigenpairs=20).bundle_
    monkeypatch.setattr(_bundle, "DENSE", 10_000)
    np.testing.assert_allclose(fitted(n_eigenpairs=20).bundle_.values, sparse.values, atol=1e-8)


def test_the_sphere_has_its_spectrum():
    # Of the connection Laplacian on the unit sphere: l (l + 1) - 1, each 2 (2 l + 1) times.
    vectors = fitted(n_eigenpairs=16).eigenvalues_
    np.testing.assert_allclose(vectors[:6], 1.0, rtol=0.2)
    np.testing.assert_allclose(vectors[6:], 5.0, rtol=0.2)
    numbers = fitted(field="scalar", n_eigenpairs=9).eigenvalues_  # l (l + 1), 2 l + 1 times
    np.testing.assert_allclose(numbers[:4], [0, 2, 2, 2], atol=0.4)
    np.testing.assert_allclose(numbers[4:], 6.0, rtol=0.2)


@pytest.mark.parametrize("kernel", ["matern", "heat"])
def test_evidence_and_posterior_are_those_of_the_plain_process(kernel):
    Phi, targets = rng.standard_normal((12, 5)), rng.standard_normal((12, 2))
    spectrum = Spectrum(kernel, np.array([0.0, 0.5, 1.0, 2.0, 3.0]), 1.5, 2, 40)
    moments, at = Moments.of(Phi, targets), np.array([0.8, 1.7, 0.3])
    variances, _ = spectrum.variances(at[0], at[1])
    assert variances.sum() == pytest.approx(1.7 * 40)
    low = 3.0 / 0.8**2 + spectrum.values
    falls = low**-2.5 if kernel == "matern" else np.exp(-spectrum.values * 0.32)
    np.testing.assert_allclose(variances / variances[0], falls / falls[0])
    K = Phi * variances @ Phi.T + 0.3 * np.eye(12)
    value, slopes = log_evidence(moments, spectrum, *at)
    expected = stats.multivariate_normal(np.zeros(12), K).logpdf(targets.T).sum()
    assert value == pytest.approx(expected)
    for p, slope in enumerate(slopes):
        step = np.exp(1e-5 * np.eye(3)[p])
        ends = [log_evidence(moments, spectrum, *x)[0] for x in (at * step, at / step)]
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)
    got = posterior(moments, variances, 0.3)
    gain = variances[:, None] * Phi.T @ np.linalg.inv(K)
    np.testing.assert_allclose(got.mean, gain @ targets, atol=1e-10)
    np.testing.assert_allclose(
        got.covariance, np.diag(variances) - gain @ Phi * variances, atol=1e-10
    )


def test_observed_alone_against_the_plain_process():
    model = fitted(optimizer=None, length=1.0, variance=2.0, noise=0.05, n_eigenpairs=60)
    bundle = model.bundle_
    order = np.array([np.flatnonzero((bundle.nodes == x).all(axis=1))[0] for x in X])
    T, U = bundle.frames[order], bundle.vectors[order].reshape(800, 60)
    S = (3.0 + bundle.values) ** -2.5
    K = U * (2.0 * 800 * S / S.sum()) @ U.T
    seen = np.concatenate([[2 * i, 2 * i + 1] for i in SOME])
    y = np.einsum("nai,na->ni", T[SOME], Y).ravel()
    inverse = np.linalg.inv(K[np.ix_(seen, seen)] + 0.05 * np.eye(240))
    mean = (K[:, seen] @ inverse @ y).reshape(400, 2)
    left = K - K[:, seen] @ inverse @ K[seen]
    spread = [T[i] @ left[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] @ T[i].T for i in range(400)]
    got, std = model.predict(X, return_std=True)
    np.testing.assert_allclose(got, np.einsum("nai,ni->na", T, mean), atol=1e-8)
    np.testing.assert_allclose(std**2, [np.diag(s) for s in spread], atol=1e-8)
    assert model.learning_ is None
    assert model.log_marginal_likelihood_ < fitted(n_eigenpairs=60).log_marginal_likelihood_


def test_frames_do_not_matter(monkeypatch):
    between = X[:10] + 0.02
    options = {"optimizer": None, "length": 1.0, "noise": 0.05, "n_eigenpairs": 48}
    model = fitted(**options)
    there = model.predict(between, return_std=True)
    plain, turns = _bundle.tangent_frames, np.random.default_rng(1)

    def turned(nodes, near, dim):
        rotations = [np.linalg.qr(turns.standard_normal((dim, dim)))[0] for _ in near]
        return plain(nodes, near, dim) @ np.array(rotations)

    monkeypatch.setattr(_bundle, "tangent_frames", turned)
    other = fitted(**options)
    assert np.abs(other.bundle_.frames - model.bundle_.frames).max() > 0.5
    for got, expected in zip(other.predict(between, return_std=True), there, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_fills_in_the_sphere():
    # Two thirds were not observed; noise is about a tenth of the field.
    model = fitted()
    assert error(model) < 0.12
    assert error(fitted(kernel="heat", n_eigenpairs=48, index=Graph("euclidean"))) < 0.12
    alone = VectorFieldRegressor(n_eigenpairs=60).fit(X[SOME], Y)  # no others to go by
    assert error(alone) < 0.25
    there = model.predict(X)
    np.testing.assert_array_equal(fitted().predict(X), there)
    normal = np.einsum("na,na->n", there, X)  # the frames are off by a little
    assert np.linalg.norm(normal) < 0.05 * np.linalg.norm(there)


def test_between_points_values_are_continuous_and_linear():
    grid = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), -1).reshape(-1, 2)
    index = Exact("euclidean").fit(grid)
    near = _bundle.nearest(index, grid, np.array([[3.3, 3.6], [2.0, 5.0]]), 9)
    weights = _bundle.interpolation(near, beyond=True)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert weights[0, -1] == 0.0
    np.testing.assert_array_equal(weights[1], np.eye(9)[0])
    offsets = grid[near.ids] - np.array([[3.3, 3.6], [2.0, 5.0]])[:, None]
    linear = np.einsum("mk,mkd->md", _bundle.linear_weights(weights, offsets), offsets)
    plain = np.einsum("mk,mkd->md", weights, offsets)
    assert np.abs(linear).max() < 0.05 * np.abs(plain).max()
    whole = _bundle.interpolation(_bundle.nearest(index, grid, grid[:1] + 0.1, 99), beyond=False)
    assert whole.shape == (1, 64)
    assert (whole > 0).all()


def test_what_is_refused():
    with pytest.raises(DimensionMismatch, match='use field="scalar"'):
        VectorFieldRegressor().fit(X[SOME], Y[:, 0])
    for options, words in [
        ({"kernel": "rbf"}, "kernel must be one of 'matern', 'heat'"),
        ({"field": "both"}, "field must be one of"),
        ({"optimizer": "adam"}, "optimizer must be one of"),
        ({"noise": 0.0}, "noise must be positive"),
        ({"length": -1.0}, "length must be positive"),
        ({"nu": 0.0}, "nu must be positive"),
        ({"k": 0}, "k must be a positive integer"),
        ({"dim": 4}, "dim = 4 is more than the 3 numbers"),
        ({"n_eigenpairs": 0}, "n_eigenpairs must be at least 1"),
    ]:
        with pytest.raises(InvalidArgument, match=words):
            fitted(**options)
    with pytest.raises(InvalidType, match=r"index must be one of likewise\.index"):
        fitted(index="graph")
    with pytest.raises(UnknownArgument, match="did you mean 'length'"):
        VectorFieldRegressor(lenght=1.0)
    with pytest.raises(InvalidArgument, match="y has 5 values, X has 120 rows"):
        VectorFieldRegressor().fit(X[SOME], Y[:5])
    with pytest.raises(InvalidArgument, match="row 3 is NaN"):
        VectorFieldRegressor().fit(X[SOME], np.where(np.arange(120)[:, None] == 3, np.nan, Y))
    with pytest.raises(InvalidArgument, match="a graph needs two"):
        VectorFieldRegressor().fit(X[:1].repeat(3, axis=0), F[:3])
    with pytest.raises(InvalidVector, match="NaN"):
        VectorFieldRegressor().fit(X[SOME] * np.nan, Y)
    with pytest.raises(InvalidVector, match="features"):
        VectorFieldRegressor().fit(X[SOME], Y, nodes=X[:, :2])
    with pytest.raises(NotFitted):
        VectorFieldRegressor().predict(X)
