"""`EmpiricalNTK`, `ProjectedNTK` and `LabelledNTK` against gradients taken one by one."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    MissingExtra,
    OverLimit,
)
from likewise.kernels import RBF, EmpiricalNTK, LabelledNTK, LabelledRows, ProjectedNTK
from likewise.testing.kernel import KernelConformance


def mlp(seed=0, outputs=3, hidden=5, dtype=torch.float64):
    torch.manual_seed(seed)
    layers = torch.nn.Linear(4, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, outputs)
    return torch.nn.Sequential(*layers).to(dtype)


def plain_gradients(module, x, weights, chosen=None):
    """The gradient of each combination of outputs, by plain autograd, as (R, P)."""
    module.eval()
    named = dict(module.named_parameters())
    parameters = [named[name] for name in chosen or named]
    row = torch.as_tensor(np.asarray(x), dtype=parameters[0].dtype)[None]
    found = []
    for combination in np.atleast_2d(weights):
        value = (module(row).reshape(-1) * torch.as_tensor(combination)).sum()
        grads = torch.autograd.grad(value, parameters, allow_unused=True)
        flat = [
            torch.zeros(p.numel()) if g is None else g.reshape(-1)
            for g, p in zip(grads, parameters, strict=True)
        ]
        found.append(torch.cat(flat).numpy())
    return np.array(found)


def heads(kernel, outputs):
    if isinstance(kernel.kind, str):
        return {"trace": np.eye(outputs), "sum": np.ones((1, outputs)) / np.sqrt(outputs)}[
            kernel.kind
        ]
    return np.asarray(kernel.kind)


def plain(kernel, x, y, outputs=3):
    one, two = (plain_gradients(kernel.module, r, heads(kernel, outputs)) for r in (x, y))
    value = (one * two).sum()
    if kernel.normalise:
        value /= np.sqrt((one**2).sum() * (two**2).sum())
    return value


class TestEmpiricalNTK(KernelConformance):
    features = 3000

    def make(self):
        return EmpiricalNTK(mlp())

    def plain(self, kernel, x, y):
        return plain(kernel, x, y)


class TestProjectedNTK(KernelConformance):
    """The plain twin has the matrix of the projection, read off unit gradients."""

    def make(self):
        return ProjectedNTK(mlp(), n_features=40, random_state=3)

    def plain(self, kernel, x, y):
        S = projection(kernel)
        one, two = (S @ plain_gradients(kernel.module, r, heads(kernel, 3)).ravel() for r in (x, y))
        scale = np.linalg.norm(one) * np.linalg.norm(two) if kernel.normalise else 1
        return one @ two / scale


def projection(kernel):
    from likewise.kernels.networks._sketch import Sketch

    sketch = Sketch(kernel.sketch, kernel.n_features, np.random.SeedSequence(kernel.random_state))
    columns = []
    for head in range(len(heads(kernel, 3))):
        for place, parameter in enumerate(kernel.module.parameters()):
            out = np.zeros((parameter.numel(), kernel.n_features))
            sketch.add(out, np.eye(parameter.numel()), (head, place))
            columns.append(out)
    return np.concatenate(columns).T


class TestLabelledNTK(KernelConformance):
    features = 3000
    vectors = False

    def make(self):
        return LabelledNTK(mlp())

    def rows(self, n, seed=0):
        rng = np.random.default_rng(seed)
        return LabelledRows(rng.standard_normal((n, 4)), rng.integers(0, 3, n))

    def plain(self, kernel, x, y):
        one, two = (self.gradient(kernel, row) for row in (x, y))
        scale = np.linalg.norm(one) * np.linalg.norm(two) if kernel.normalise else 1
        return one @ two / scale

    def gradient(self, kernel, row):
        if kernel.residual == "sign":
            signs = np.full(3, -1.0)
            signs[row.y[0]] = 1.0
            return plain_gradients(kernel.module, row.X[0], signs / np.sqrt(3))[0]
        logits = kernel.module(torch.as_tensor(row.X))
        loss = torch.nn.functional.cross_entropy(logits, torch.as_tensor(row.y))
        grads = torch.autograd.grad(loss, list(kernel.module.parameters()))
        return torch.cat([g.reshape(-1) for g in grads]).numpy()


# -- values -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("test", "kernel"),
    [
        (TestEmpiricalNTK(), EmpiricalNTK(mlp(), "sum")),
        (TestEmpiricalNTK(), EmpiricalNTK(mlp(), normalise=True, memory_limit=500)),
        (TestEmpiricalNTK(), EmpiricalNTK(mlp(), [1.0, -1.0, 0.5])),
        (TestProjectedNTK(), ProjectedNTK(mlp(), "sum", n_features=7, normalise=True)),
        (TestProjectedNTK(), ProjectedNTK(mlp(), n_features=9, sketch="gaussian")),
        (TestLabelledNTK(), LabelledNTK(mlp(), "loss")),
        (TestLabelledNTK(), LabelledNTK(mlp(), normalise=True)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_variants_are_their_formula(test, kernel):
    X, Y, v = test.rows(4), test.rows(3, seed=1), np.arange(6.0).reshape(3, 2)
    plain = np.array([[test.plain(kernel, x, y) for y in Y] for x in X])
    np.testing.assert_allclose(kernel(X, Y), plain, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(kernel.operator(X, Y) @ v, plain @ v, rtol=1e-9)
    np.testing.assert_allclose(kernel.operator(X, Y).T @ v[[0, 1, 2, 0]], plain.T @ v[[0, 1, 2, 0]])
    np.testing.assert_allclose(kernel.diag(X), [test.plain(kernel, x, x) for x in X], rtol=1e-9)


@pytest.mark.parametrize("limit", [256e6, 20_000, 960])
def test_full_is_every_pair_of_outputs(limit):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((5, 4)), rng.standard_normal((3, 4))
    module = mlp()
    kernel = EmpiricalNTK(module, memory_limit=limit)
    one, two = (np.concatenate([plain_gradients(module, x, np.eye(3)) for x in Z]) for Z in (X, Y))
    np.testing.assert_allclose(kernel.full(X, Y), one @ two.T, rtol=1e-10)
    square = kernel.full(X)
    np.testing.assert_allclose(square, one @ one.T, rtol=1e-10)
    assert np.array_equal(square, square.T)
    # The other kinds are sums of its blocks.
    blocks = square.reshape(5, 3, 5, 3)
    np.testing.assert_allclose(np.einsum("icjc->ij", blocks), kernel(X), rtol=1e-10)
    mean = EmpiricalNTK(module, "sum")(X)
    np.testing.assert_allclose(blocks.sum(axis=(1, 3)) / 3, mean, rtol=1e-10)


@pytest.mark.parametrize("limit", [1e9, 40_000, 4_000, 900])
def test_any_memory_limit_gives_the_same(limit):
    X = np.random.default_rng(0).standard_normal((9, 4))
    module = mlp()
    whole, small = EmpiricalNTK(module), EmpiricalNTK(module, memory_limit=limit)
    np.testing.assert_allclose(small(X), whole(X), rtol=1e-12)
    np.testing.assert_allclose(small.diag(X), whole.diag(X), rtol=1e-12)
    phi, psi = whole.features(32, random_state=0), small.features(32, random_state=0)
    np.testing.assert_allclose(phi(X), psi(X), rtol=1e-10, atol=1e-12)


def test_never_more_gradients_than_the_limit(monkeypatch):
    from likewise.kernels.networks._network import Network

    largest, gradients = [0], Network.gradients

    def watched(self, rows, heads, names):
        found = gradients(self, rows, heads, names)
        largest[0] = max(largest[0], sum(g.numel() * g.itemsize for g in found.values()))
        return found

    monkeypatch.setattr(Network, "gradients", watched)
    X = np.random.default_rng(0).standard_normal((40, 4))
    kernel = EmpiricalNTK(mlp(hidden=50), memory_limit=30_000)
    kernel(X), kernel.full(X[:4]), kernel.features(10, random_state=0)(X), kernel.diag(X)
    assert 10_000 < largest[0] <= 30_000


def test_rows_of_any_shape_and_parts_of_the_module():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 2),
        torch.nn.ReLU(inplace=True),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 2),
    ).double()
    X = np.random.default_rng(0).standard_normal((4, 1, 3, 3))
    for chosen in (None, ["3"], ["0.bias", "3.weight"]):
        kernel = EmpiricalNTK(module, parameters=chosen)
        names = [
            n
            for n, _ in module.named_parameters()
            if chosen is None or any(n == c or n.startswith(c + ".") for c in chosen)
        ]
        G = np.array([plain_gradients(module, x, np.eye(2), names).ravel() for x in X])
        np.testing.assert_allclose(kernel(X), G @ G.T, rtol=1e-10)
        v = np.ones(4)
        np.testing.assert_allclose(kernel.operator(X) @ v, G @ (G.T @ v), rtol=1e-10)


def test_frozen_parameters_do_not_count_unless_named():
    module = mlp()
    module[0].requires_grad_(False)
    X = np.random.default_rng(0).standard_normal((3, 4))
    last = EmpiricalNTK(module, parameters=["2"])(X)
    assert np.array_equal(EmpiricalNTK(module)(X), last)
    module.requires_grad_(False)
    with pytest.raises(InvalidArgument, match="no parameter of the module requires a gradient"):
        EmpiricalNTK(module)
    assert np.array_equal(EmpiricalNTK(module, parameters=["2"])(X), last)


def test_tied_parameters_count_once():
    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.one = torch.nn.Linear(4, 4, bias=False)
            self.two = torch.nn.Linear(4, 4, bias=False)
            self.two.weight = self.one.weight

        def forward(self, x):
            return self.two(torch.tanh(self.one(x)))

    torch.manual_seed(0)
    module = Tied().double()
    X = np.random.default_rng(0).standard_normal((3, 4))
    G = np.array([plain_gradients(module, x, np.eye(4)).ravel() for x in X])
    np.testing.assert_allclose(EmpiricalNTK(module)(X), G @ G.T, rtol=1e-10)


def test_token_numbers():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Embedding(7, 3), torch.nn.Flatten(), torch.nn.Linear(6, 2)
    )
    X = np.array([[0, 1], [2, 6], [0, 1]])
    K = EmpiricalNTK(module, integers=True)(X)
    assert K[0, 2] == pytest.approx(K[0, 0])
    assert K[0, 1] < K[0, 0]
    with pytest.raises(DimensionMismatch, match="integers=True"):
        EmpiricalNTK(module)(X)
    with pytest.raises(InvalidArgument, match="no integers"):
        EmpiricalNTK(module, integers=True)(X + 0.5)


def test_tensors_and_precision():
    X = np.random.default_rng(0).standard_normal((6, 4))
    double = EmpiricalNTK(mlp())
    assert np.array_equal(double(torch.as_tensor(X)), double(X))
    tracked = torch.tensor(X, requires_grad=True)
    assert np.array_equal(double(tracked), double(X))
    single = EmpiricalNTK(mlp(dtype=torch.float32))
    assert double(X).dtype == np.float64
    assert single(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(single(X), double(X), rtol=1e-5)


def test_follows_the_module_and_leaves_it_alone():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2)
    ).double()
    module[2].eval()  # only dropout is in training mode
    modes = [part.training for part in module.modules()]
    state = {name: value.clone() for name, value in module.state_dict().items()}
    X = np.random.default_rng(0).standard_normal((5, 4))
    kernel = EmpiricalNTK(module)
    before = kernel(X)
    assert np.array_equal(before, kernel(X))  # no dropout
    with pytest.raises(DimensionMismatch):
        kernel(X[:, :2])
    assert [part.training for part in module.modules()] == modes
    assert all(value.equal(state[name]) for name, value in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())
    np.testing.assert_allclose(before, EmpiricalNTK(module.eval())(X), rtol=1e-12)
    with torch.no_grad():
        module[3].weight *= 2
    assert not np.allclose(before, kernel(X))


def test_labels_count_even_if_the_rows_are_the_same_array():
    X = np.random.default_rng(0).standard_normal((4, 4))
    kernel = LabelledNTK(mlp())
    one, two = LabelledRows(X, [0, 1, 2, 0]), LabelledRows(X, [1, 1, 0, 0])
    both = LabelledRows(np.concatenate([X, X]), np.concatenate([one.y, two.y]))
    np.testing.assert_allclose(kernel(one, two), kernel(both)[:4, 4:], rtol=1e-12)


def test_the_projection_depends_on_nothing_but_the_seed():
    X = np.random.default_rng(0).standard_normal((9, 4))
    phi = EmpiricalNTK(mlp()).features(16, random_state=5)
    np.testing.assert_allclose(phi(X[3:5]), phi(X)[3:5], rtol=1e-10)
    assert not np.allclose(phi(X), EmpiricalNTK(mlp()).features(16, random_state=6)(X))
    kernel = ProjectedNTK(mlp(), n_features=16, random_state=5, sketch="sparse")
    np.testing.assert_allclose(kernel.project(X), phi(X), rtol=1e-12)
    with pytest.raises(InvalidArgument, match=r"call kernel\.project"):
        kernel.features(3)


@pytest.mark.parametrize("kind", ["sparse", "rademacher", "gaussian"])
def test_inner_products_of_projections_have_the_known_spread(kind):
    from likewise.kernels.networks._sketch import BLOCK, Sketch

    rng = np.random.default_rng(0)
    v = rng.standard_normal((2, BLOCK + 50))
    v /= np.linalg.norm(v, axis=1)[:, None]
    v[1] = 0.6 * v[0] + 0.8 * v[1]
    k, products = 64, []
    for seed in range(60):
        out = np.zeros((2, k))
        Sketch(kind, k, np.random.SeedSequence(seed)).add(out, v, (0, 0))
        products.append(out[0] @ out[1])
    errors = np.array(products) - v[0] @ v[1]
    spread = np.sqrt((1 + 0.6**2) / k)
    assert abs(errors.mean()) < 4 * spread / np.sqrt(60)
    assert errors.std() == pytest.approx(spread, rel=0.35)


def test_composed_with_other_kernels():
    X = np.random.default_rng(0).standard_normal((5, 4))
    for own in (EmpiricalNTK(mlp(), "sum"), ProjectedNTK(mlp(), n_features=9)):
        both = RBF(length=2.0) + 0.5 * own
        np.testing.assert_allclose(both(X), RBF(length=2.0)(X) + 0.5 * own(X), rtol=1e-12)


# -- refusals -----------------------------------------------------------------------


class Writes(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, x):
        out = torch.zeros(len(x), 3)
        out[:, 0] = self.linear(x)[:, 0]
        return out


class Counts(Writes):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return self.linear(x)


class Branches(Writes):
    def forward(self, x):
        out = self.linear(x)
        return out * 2 if out.sum().item() > 0 else out


@pytest.mark.parametrize("kind", [Writes, Counts, Branches])
def test_modules_that_cannot_be_differentiated(kind):
    module, X = kind(), np.ones((2, 4))
    for call in (EmpiricalNTK(module), EmpiricalNTK(module).operator(X).matvec):
        with pytest.raises(InvalidArgument, match=r"cannot differentiate.*x = x \+ y"):
            call(X if call is not None and isinstance(call, EmpiricalNTK) else np.ones(2))
    if kind is Counts:
        assert module.calls == 0


class Shapeless(Writes):
    def forward(self, x):
        return self.linear(x).sum()


class Pair(Writes):
    def forward(self, x):
        return self.linear(x), x


@pytest.mark.parametrize("kind", [Shapeless, Pair])
def test_modules_that_give_no_row_a_row(kind):
    with pytest.raises(InvalidType, match="one tensor with a row for each row"):
        EmpiricalNTK(kind())(np.ones((2, 4)))


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (torch.nn.Flatten(), "has no parameters"),
        (torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.BatchNorm1d(2)), "'1'.*training mode"),
        (torch.nn.BatchNorm1d(2, track_running_stats=False).eval(), "GroupNorm"),
        (mlp(dtype=torch.float16), r"float16.*module.float\(\)"),
        (torch.nn.Sequential(mlp(), mlp(dtype=torch.float32)), "float32, float64"),
    ],
)
def test_modules_that_have_no_kernel(module, said):
    with pytest.raises(InvalidArgument, match=said):
        EmpiricalNTK(module)


def test_batch_norm_switched_to_training_later():
    module = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.BatchNorm1d(2)).eval()
    kernel = EmpiricalNTK(module)
    assert kernel(np.ones((2, 4))).shape == (2, 2)
    module.train()
    with pytest.raises(InvalidArgument, match=r"module.eval\(\)"):
        kernel(np.ones((2, 4)))


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"module": "net"}, InvalidType, "torch.nn.Module"),
        ({"kind": "full"}, InvalidArgument, r"\.full\(X\)"),
        ({"kind": "projected"}, InvalidArgument, "ProjectedNTK"),
        ({"kind": [[1.0]]}, InvalidArgument, "1-d array"),
        ({"kind": [0.0, 0.0, 0.0]}, InvalidArgument, "not all 0"),
        ({"kind": None}, InvalidArgument, "1-d array"),
        ({"kind": object()}, InvalidType, "array of numbers"),
        ({"sketch": "count"}, InvalidArgument, "rademacher, sparse"),
        ({"normalise": "yes"}, InvalidType, "normalise"),
        ({"memory_limit": 0}, InvalidArgument, "memory_limit"),
        ({"parameters": "0"}, InvalidType, "list of names"),
        ({"parameters": []}, InvalidArgument, "at least one"),
        ({"parameters": ["nine"]}, InvalidArgument, "no parameter or part 'nine'"),
    ],
)
def test_bad_arguments(arguments, error, said):
    with pytest.raises(error, match=said):
        EmpiricalNTK(**{"module": mlp(), **arguments})


def test_bad_rows():
    kernel, X = EmpiricalNTK(mlp()), np.ones((3, 4))
    with pytest.raises(DimensionMismatch, match="kind has 2 weights, the module 3 outputs"):
        EmpiricalNTK(mlp(), [1.0, 2.0])(X)
    with pytest.raises(OverLimit, match="9 times smaller"):
        kernel.full(X, memory_limit=100)
    with pytest.raises(InvalidArgument, match="at least one row"):
        kernel.full(X[:0])
    with pytest.raises(OverLimit, match=r"2 gradients by .0.weight.*raise it.*operator"):
        EmpiricalNTK(mlp(), memory_limit=200)(X)
    small = EmpiricalNTK(mlp(), memory_limit=100)
    for call in (small.diag, small.full, small.features(3)):
        with pytest.raises(OverLimit, match="the least that can be held"):
            call(X)
    module = mlp()
    with torch.no_grad():
        module[0].bias[0] = torch.nan
    with pytest.raises(InvalidVector, match="NaN or infinite"):
        EmpiricalNTK(module)(X)
    relu = torch.nn.Sequential(torch.nn.Linear(4, 2, bias=False), torch.nn.ReLU())
    with pytest.raises(InvalidVector, match="normalise=False"):
        EmpiricalNTK(relu, normalise=True)(np.zeros((2, 4)))


def test_bad_labels():
    kernel, X = LabelledNTK(mlp()), np.ones((2, 4))
    with pytest.raises(InvalidType, match=r"LabelledRows\(X, y\)"):
        kernel(X)
    with pytest.raises(InvalidArgument, match="3 outputs; there is a label 3"):
        kernel(LabelledRows(X, [0, 3]))
    with pytest.raises(InvalidArgument, match="from 0"):
        LabelledRows(X, [0, -1])
    with pytest.raises(InvalidType, match="integers"):
        LabelledRows(X, [0.0, 1.0])
    with pytest.raises(DimensionMismatch, match="each of 2 rows"):
        LabelledRows(X, [0, 1, 2])
    with pytest.raises(InvalidArgument, match="residual must be one of sign, loss"):
        LabelledNTK(mlp(), "signs")


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"likewise\[torch\]"):
        EmpiricalNTK(None)


def test_outputs_that_no_parameter_reaches():
    class Cut(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(3, 2)

        def forward(self, x):
            with torch.no_grad():
                return self.inner(x)

    with pytest.raises(InvalidArgument, match="no parameter reaches"):
        EmpiricalNTK(Cut())(np.ones((2, 3)))
