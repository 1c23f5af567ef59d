"""Features of rows, kernels and networks are those of their kernels."""

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels import NTK, RBF, EmpiricalNTK, Linear
from likewise.kernels.networks import gradient_features
from likewise.learn.active import FEATURES, last_layer_features, of_kernel
from likewise.learn.active.features import as_features

torch = pytest.importorskip("torch")


def module(outputs=1):
    torch.manual_seed(0)
    layers = torch.nn.Linear(3, 16), torch.nn.Dropout(0.5), torch.nn.ReLU()
    return torch.nn.Sequential(*layers, torch.nn.Linear(16, outputs)).double()


X = np.random.default_rng(0).normal(size=(12, 3))


def test_last_layer_is_the_tangent_kernel_of_that_layer():
    net = module()
    found = last_layer_features(net, X)
    exact = EmpiricalNTK(net, kind="sum", parameters=["3.weight", "3.bias"])(X)
    np.testing.assert_allclose(found @ found.T, exact, rtol=1e-10)
    assert found.shape == (12, 17)
    assert np.array_equal(last_layer_features(net, X, bias=False), found[:, :-1])


def test_the_module_is_left_as_it_was():
    net = module().train()
    net[1].eval()
    first = last_layer_features(net, X)
    assert [part.training for part in net] == [True, False, True, True]
    assert not net[3]._forward_pre_hooks
    assert np.array_equal(first, last_layer_features(net, X)), "dropout is off"


def test_more_rows_than_a_batch():
    net, rows = module(), np.random.default_rng(1).normal(size=(5000, 3))
    found = last_layer_features(net, rows)
    assert np.allclose(found[4990:], last_layer_features(net, rows[4990:]))


def test_features_by_name_are_of_the_model_or_its_module():
    class Model:
        module_ = module()

    for model in (Model(), Model.module_):
        given = FEATURES["last_layer"](model, X)
        assert np.array_equal(given, last_layer_features(Model.module_, X))
        given = FEATURES["gradients"](model, X)
        assert np.array_equal(given, gradient_features(Model.module_, X, 512))
    assert np.array_equal(FEATURES["rows"](None, X), X)


def test_features_of_a_kernel():
    assert np.array_equal(as_features(RBF())(None, X), RBF().features(512, 0)(X))
    phi = of_kernel(Linear(), 5)(None, X)
    np.testing.assert_allclose(phi @ phi.T, Linear()(X), atol=1e-10)
    near = of_kernel(NTK(depth=1), 4000)(None, X)
    assert np.abs(near @ near.T - NTK(depth=1)(X)).max() < 0.2 * NTK(depth=1).diag(X).max()


class Twice(torch.nn.Module):
    """Calls its last layer on several vectors a row."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, x):
        return self.layer(x) + self.layer(2 * x)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: last_layer_features(np.eye(2), X), InvalidType, "torch.nn.Module"),
        (lambda: last_layer_features(torch.nn.ReLU(), X), InvalidArgument, "no torch.nn.Linear"),
        (lambda: last_layer_features(Twice(), X), InvalidArgument, "called once"),
        (lambda: FEATURES["gradients"](object(), X), InvalidType, "module_"),
        (lambda: as_features("pixels"), InvalidArgument, "last_layer"),
        (lambda: as_features(3), InvalidType, "a name, a kernel"),
    ],
)
def test_impossible_features(call, error, words):
    with pytest.raises(error, match=words):
        call()
