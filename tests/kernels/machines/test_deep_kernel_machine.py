"""Deep kernel machines: both objectives beside plain twins, limits, and what is refused."""

import pickle
import sys

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import multivariate_normal
from sklearn.utils.estimator_checks import check_estimator

from likewise.errors import (
    InvalidArgument,
    InvalidType,
    InvalidVector,
    MissingExtra,
    NotFitted,
    NotPositiveDefinite,
    OverLimit,
    UnknownArgument,
)
from likewise.kernels.machines import DeepKernelMachine

torch = pytest.importorskip("torch")

from likewise.kernels.machines import _deep  # noqa: E402
from likewise.kernels.machines._deep import (  # noqa: E402
    Deep,
    Parameters,
    full_objective,
    sparse_objective,
)
from likewise.kernels.machines._gram_kernels import GRAM_KERNELS  # noqa: E402

rng = np.random.default_rng(0)
X = rng.standard_normal((24, 3))
Y = np.column_stack([np.sin(2 * X[:, 0]), X[:, 1] * X[:, 2]])
Y += 0.1 * rng.standard_normal(Y.shape)
Q = rng.standard_normal((7, 3))
BIAS, NOISE, AMPLITUDE = 0.05, 0.2, 1.3
LENGTHS = np.array([0.9, 1.1, 0.8])
FIXED = {
    "learn_hyperparameters": False,
    "learn_inducing": False,
    "normalize_y": False,
    "noise": NOISE,
    "amplitude": AMPLITUDE,
    "bias_variance": BIAS,
    "jitter": 1e-12,
}


def plain(name, G, length=1.0):
    """The kernel of a whole Gram matrix, in numpy, and its bias."""
    q = np.diag(G)
    if name == "linear":
        return G + BIAS
    if name == "rbf":
        return np.exp(-(q[:, None] + q - 2 * G) / (2 * length**2)) + BIAS
    scale = np.sqrt(np.outer(q, q))
    angle = np.arccos(np.clip(G / scale, -1, 1))
    return scale * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi + BIAS


def plain_input(name, A):
    return (2.0 if name == "arccosine" else 1.0) * A @ A.T / A.shape[1] + BIAS


def parameters(inducing, depth=2, seed=0, finite=True):
    """Parameters with random V, far from those of the start."""
    draw = np.random.default_rng(seed)
    factors = []
    for _ in range(depth):
        V = np.tril(draw.standard_normal((len(inducing), len(inducing))) * 0.2, -1)
        V += np.diag(np.exp(0.3 * draw.standard_normal(len(inducing))))
        factors.append(torch.from_numpy(V) if finite else None)
    return Parameters(
        torch.from_numpy(inducing.copy()),
        tuple(factors),
        torch.from_numpy(LENGTHS[: depth + 1].copy()),
        torch.tensor(AMPLITUDE, dtype=torch.float64),
        torch.tensor(NOISE, dtype=torch.float64),
    )


def machine(name, nus=(1.5, 0.7)):
    return Deep(GRAM_KERNELS[name], nus, BIAS, 1e-13)


def divergence(G, K):
    """KL(N(0, G) || N(0, K)), as it is written."""
    ratio = np.linalg.solve(K, G)
    return 0.5 * (np.trace(ratio) - np.linalg.slogdet(ratio)[1] - len(G))


@pytest.mark.parametrize("name", ["rbf", "arccosine"])
def test_the_full_objective_is_what_is_written(name):
    p, nus = parameters(X), (1.5, 0.7)
    G, expected = plain_input(name, X), 0.0
    for V, nu, length in zip(p.factors, nus, LENGTHS, strict=False):
        K = plain(name, G, length)
        root = np.linalg.cholesky(K) @ V.numpy()
        G = root @ root.T
        expected -= nu * divergence(G, K)
    C = AMPLITUDE * plain(name, G, LENGTHS[-1]) + NOISE * np.eye(len(X))
    expected += sum(multivariate_normal(np.zeros(len(X)), C).logpdf(y) for y in Y.T)
    got = full_objective(machine(name), p, torch.from_numpy(Y))
    assert float(got) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("name", ["rbf", "arccosine"])
def test_the_sparse_objective_at_all_rows_is_the_full_one(name):
    p, targets = parameters(X), torch.from_numpy(Y)
    full = full_objective(machine(name), p, targets)
    sparse = sparse_objective(machine(name), p, torch.from_numpy(X), targets)
    assert float(sparse) == pytest.approx(float(full), abs=1e-8)
    # And with fewer it is not.
    fewer = sparse_objective(machine(name), parameters(X[:5]), torch.from_numpy(X), targets)
    assert abs(float(fewer) - float(full)) > 0.1


@pytest.mark.parametrize("name", ["rbf", "arccosine"])
def test_the_sparse_objective_and_its_predictions_are_what_is_written(name):
    """The Gram matrices of all rows, whole, by the conditional formulas and plain inverses."""
    count, Z = 6, X[:6]
    p, deep = parameters(Z), machine(name)
    everything = np.vstack([Z, X, Q])
    inner, rest = slice(0, count), slice(count, None)
    G, expected = plain_input(name, everything), 0.0
    for V, nu, length in zip(p.factors, deep.nus, LENGTHS, strict=False):
        K = plain(name, G, length)
        root = np.linalg.cholesky(K[inner, inner]) @ V.numpy()
        A = K[rest, inner] @ np.linalg.inv(K[inner, inner])
        ii = root @ root.T
        expected -= nu * divergence(ii, K[inner, inner])
        tt = K[rest, rest] - A @ K[inner, rest] + A @ ii @ A.T
        G = np.block([[ii, (A @ ii).T], [A @ ii, tt]])
    K = AMPLITUDE * plain(name, G, LENGTHS[-1])
    train, new = slice(count, count + len(X)), slice(count + len(X), None)
    low = K[:, inner] @ np.linalg.solve(K[inner, inner], K[inner])
    C = low[train, train] + NOISE * np.eye(len(X))
    expected += sum(multivariate_normal(np.zeros(len(X)), C).logpdf(y) for y in Y.T)
    expected -= 2 * np.trace((K - low)[train, train]) / (2 * NOISE)
    got = sparse_objective(deep, p, torch.from_numpy(X), torch.from_numpy(Y))
    assert float(got) == pytest.approx(expected, rel=1e-7)

    model = DeepKernelMachine(name, nu=deep.nus, **FIXED)
    model.scale_, model.offset_, model._single = np.ones(2), np.zeros(2), False
    model.n_features_in_ = 3
    model._keep(deep, p, torch.from_numpy(X), torch.from_numpy(Y))
    mean, std = model.predict(Q, return_std=True)
    solved = np.linalg.solve(C, low[train, new])
    np.testing.assert_allclose(mean, solved.T @ Y, atol=1e-7)
    variance = K[new, new] - low[new, train] @ solved
    np.testing.assert_allclose(std[:, 0], np.sqrt(np.diag(variance)), atol=1e-6)


def test_blocks_of_rows_change_nothing(monkeypatch):
    p, deep = parameters(X[:6]), machine("rbf")
    p = p._replace(inducing=p.inducing.requires_grad_())
    found = []
    for together in (1024, 7):
        monkeypatch.setattr(_deep, "TOGETHER", together)
        value = sparse_objective(deep, p, torch.from_numpy(X), torch.from_numpy(Y))
        found.append((float(value.detach()), torch.autograd.grad(value, p.inducing)[0].numpy()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-12)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", sorted(GRAM_KERNELS))
def test_slopes_are_those_of_differences(name):
    vector = torch.from_numpy(np.random.default_rng(1).standard_normal((5, 3))).requires_grad_()
    length = torch.tensor(0.8, dtype=torch.float64)

    def cross(A):
        G = A @ A.T
        return GRAM_KERNELS[name].cross(G, G.diagonal(), G.diagonal(), length)

    assert torch.autograd.gradcheck(cross, (vector,), atol=1e-5)


def test_the_arc_cosine_is_the_mean_over_units():
    u, v = np.random.default_rng(0).multivariate_normal([0, 0], [[1.0, 0.6], [0.6, 2.0]], 400_000).T
    G = torch.tensor([[1.0, 0.6], [0.6, 2.0]], dtype=torch.float64)
    got = GRAM_KERNELS["arccosine"].cross(G, G.diagonal(), G.diagonal(), G[0, 0])
    expected = 2 * np.mean(np.maximum(u, 0) * np.maximum(v, 0))
    assert float(got[0, 1]) == pytest.approx(expected, rel=0.02)
    np.testing.assert_allclose(got.diagonal(), [1.0, 2.0])


@pytest.mark.parametrize("name", ["rbf", "arccosine"])
def test_an_infinite_nu_is_the_process_of_the_wide_network(name):
    both = np.vstack([X, Q])
    G = plain_input(name, both)
    for _ in range(3):
        G = plain(name, G)
    K, n = AMPLITUDE * G, len(X)
    C = K[:n, :n] + NOISE * np.eye(n)
    model = DeepKernelMachine(name, 2, np.inf, n_inducing=None, **FIXED).fit(X, Y)
    evidence = sum(multivariate_normal(np.zeros(n), C).logpdf(y) for y in Y.T)
    assert model.objective_ == pytest.approx(evidence, rel=1e-9)
    assert np.isnan(model.divergences_).all()
    mean, std = model.predict(Q, return_std=True)
    np.testing.assert_allclose(mean, K[n:, :n] @ np.linalg.solve(C, Y), atol=1e-8)
    variance = K[n:, n:] - K[n:, :n] @ np.linalg.solve(C, K[:n, n:])
    np.testing.assert_allclose(std[:, 1], np.sqrt(np.diag(variance)), atol=1e-8)


def test_a_growing_nu_comes_near_it():
    far = []
    limit = DeepKernelMachine("rbf", 1, np.inf, n_inducing=None, **FIXED).fit(X, Y)
    for nu in (1e2, 1e4):
        options = {"n_inducing": None, "tol": 1e-12, **FIXED}
        model = DeepKernelMachine("rbf", 1, nu, **options).fit(X, Y)
        assert model.objective_ > limit.objective_
        far.append(np.abs(model.grams_ - limit.grams_).max())
    assert far[1] < 2e-2 * far[0]  # it falls as 1 / nu
    assert far[0] > 1e-4


def test_one_linear_layer_has_a_closed_solution():
    """For orthogonal rows K = I, and every eigenvalue of G is the root of a cubic."""
    n, nu = 8, 3.0
    rows = np.linalg.qr(np.random.default_rng(2).standard_normal((n, n)))[0] * np.sqrt(n)
    y = np.random.default_rng(3).standard_normal(n) * 2
    options = {**FIXED, "bias_variance": 0.0, "amplitude": 1.0, "tol": 1e-15, "max_iter": 500}
    model = DeepKernelMachine("linear", 1, nu, n_inducing=None, **options).fit(rows, y)

    def slope(g, square):  # twice the derivative of the objective by an eigenvalue
        return -1 / (g + NOISE) + square / (g + NOISE) ** 2 - nu + nu / g

    along, beside = (brentq(slope, 1e-6, 1e3, args=(s,), xtol=1e-14) for s in (y @ y, 0.0))
    unit = y / np.linalg.norm(y)
    expected = beside * np.eye(n) + (along - beside) * np.outer(unit, unit)
    np.testing.assert_allclose(model.grams_[0], expected, atol=1e-5)
    assert along > 1 > beside  # what the target needs grows, all else shrinks


def test_the_objective_never_falls_and_features_are_learnt():
    draw = np.random.default_rng(4)
    rows = draw.standard_normal((150, 6))
    truth = np.sin(2 * rows[:, 0])
    y = truth + 0.1 * draw.standard_normal(150)
    new = draw.standard_normal((200, 6))
    off = {}
    for nu in (1.0, np.inf):
        model = DeepKernelMachine("rbf", 1, nu, n_inducing=25, max_iter=60).fit(rows, y)
        assert model.sparse_
        assert (np.diff(model.objectives_) >= 0).all()
        assert model.objective_ > model.objectives_[0] + 10
        assert model.n_iter_ == len(model.objectives_) - 1
        off[nu] = np.sqrt(np.mean((model.predict(new) - np.sin(2 * new[:, 0])) ** 2))
    assert off[1.0] < 0.5 * off[np.inf]


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads():
    found, before = [], torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        model = DeepKernelMachine("rbf", 1, n_inducing=8, max_iter=6).fit(X, Y)
        found.append(np.stack(model.predict(Q, return_std=True)).tobytes())
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert found[0] == found[1]
    other = DeepKernelMachine("rbf", 1, n_inducing=8, max_iter=6, random_state=5).fit(X, Y)
    assert np.stack(other.predict(Q, return_std=True)).tobytes() != found[0]
    kept = pickle.loads(pickle.dumps(other))
    np.testing.assert_array_equal(kept.predict(Q), other.predict(Q))


def test_units_of_the_targets():
    options = {"n_inducing": 8, "max_iter": 15}
    model = DeepKernelMachine("rbf", 1, **options).fit(X, Y[:, 0])
    moved = DeepKernelMachine("rbf", 1, **options).fit(X, 10 * Y[:, 0] + 3)
    (a, b), (c, d) = (m.predict(Q, return_std=True) for m in (model, moved))
    assert a.shape == b.shape == (7,)
    np.testing.assert_allclose(c, 10 * a + 3, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(d, 10 * b, rtol=1e-5, atol=1e-5)
    assert moved.noise_ == pytest.approx(100 * model.noise_, rel=1e-5)


@pytest.mark.parametrize("name", sorted(GRAM_KERNELS))
def test_rows_of_zeros_and_equal_rows(name):
    rows = np.vstack([np.zeros((2, 3)), X[:10], X[:3]])
    for count in (4, None):
        model = DeepKernelMachine(name, 2, n_inducing=count, max_iter=4)
        mean, std = model.fit(rows, rows.sum(axis=1)).predict(rows, return_std=True)
        assert np.isfinite(mean).all()
        assert np.isfinite(std).all()
        assert model.n_iter_ > 0


def test_no_hidden_layer_is_a_sparse_process():
    model = DeepKernelMachine("rbf", 0, n_inducing=24, **FIXED).fit(X, Y[:, 0])
    K = AMPLITUDE * plain("rbf", plain_input("rbf", np.vstack([X, Q])))
    expected = K[24:, :24] @ np.linalg.solve(K[:24, :24] + NOISE * np.eye(24), Y[:, 0])
    np.testing.assert_allclose(model.predict(Q), expected, atol=1e-8)
    assert model.grams_.shape == (0, 24, 24)
    # A later change of an argument is for the next fit.
    np.testing.assert_array_equal(model.set_params(kernel="linear").predict(Q), model.predict(Q))
    np.testing.assert_allclose(model.predict(Q), expected, atol=1e-8)


def test_follows_scikit_learn():
    estimator = DeepKernelMachine("rbf", 1, n_inducing=10, max_iter=3)
    results = check_estimator(estimator, on_skip=None)
    assert all(result["status"] in ("passed", "skipped") for result in results)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kernel": "tanh"}, "kernel must be arccosine, rbf, linear"),
        ({"kernel": None}, "kernel must be arccosine, rbf, linear"),
        ({"depth": -1}, "depth"),
        ({"nu": 0.0}, "nu must be positive in every layer"),
        ({"nu": [1.0]}, "expected one number, or depth = 2; got 1"),
        ({"nu": "much"}, "nu must be a positive number, or one a layer"),
        ({"n_inducing": 0}, "n_inducing must be at least 1"),
        ({"max_iter": 0}, "max_iter must be at least 1"),
        ({"random_state": -1}, "random_state"),
        ({"noise": 0.0}, "noise must be positive"),
        ({"length": -1.0}, "length must be positive"),
        ({"bias_variance": -0.1}, "bias_variance must not be negative"),
        ({"memory_limit": 0}, "memory_limit must be positive"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be(options, words):
    with pytest.raises(InvalidArgument, match=words):
        DeepKernelMachine(**options).fit(X, Y)


def test_other_errors(monkeypatch):
    with pytest.raises(UnknownArgument, match="did you mean"):
        DeepKernelMachine(n_inducin=3)
    with pytest.raises(InvalidType):
        DeepKernelMachine(noise="low").fit(X, Y)
    with pytest.raises(NotFitted, match="call fit"):
        DeepKernelMachine().predict(Q)
    with pytest.raises(InvalidVector):
        DeepKernelMachine().fit(np.full((3, 2), np.nan), [1, 2, 3])
    with pytest.raises(InvalidArgument, match="X has 24 rows"):
        DeepKernelMachine().fit(X, Y[:3])
    with pytest.raises(OverLimit, match="take a smaller n_inducing"):
        DeepKernelMachine(memory_limit=1e4).fit(X, Y)
    twice = np.repeat(X[:4], 6, axis=0)
    with pytest.raises(NotPositiveDefinite, match="take a larger one, such as 1e-08"):
        DeepKernelMachine("rbf", 1, jitter=1e-30).fit(twice, Y)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"pip install 'likewise\[torch\]'"):
        DeepKernelMachine().fit(X, Y)
