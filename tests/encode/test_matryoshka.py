"""The nested loss is the sum it says it is, and teaches the first numbers the most."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from likewise.encode.matryoshka import matryoshka, nested_heads
from likewise.errors import InvalidArgument, UnknownArgument

DIMS = (2, 4, 8, 16, 32)


def test_it_is_the_weighted_sum():
    torch.manual_seed(0)
    a, b = torch.randn(7, 6), torch.randn(7, 6)

    def loss(x, y):
        return (x * y).sum().square()

    expected = sum(c * loss(a[:, :m], b[:, :m]) for m, c in ((2, 0.5), (6, 3.0)))
    found = matryoshka(loss, a, b, dims=(6, 2), weights=(0.5, 3.0))
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    unit = matryoshka(lambda x: x.square().sum(), a, dims=(2, 6), unit=True)
    assert unit.item() == pytest.approx(14.0, rel=1e-6)


def test_the_slope_is_that_of_the_sum():
    torch.manual_seed(0)
    z = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x: matryoshka(lambda p: p.exp().sum(), x, dims=(1, 3, 5), unit=True), (z,)
    )


@pytest.mark.parametrize("tied", [False, True])
def test_heads_are_the_matrix_products(tied):
    torch.manual_seed(0)
    heads, z = nested_heads(5, 3, (2, 5), tied=tied), torch.randn(4, 5)
    assert len(list(heads.parameters())) == (2 if tied else 4)
    for m, logits in heads(z).items():
        i = 0 if tied or m == 2 else 1
        weight, bias = heads.matrices[i].detach().numpy(), heads.biases[i].detach().numpy()
        by_hand = z[:, :m].numpy() @ weight[:, :m].T + bias
        np.testing.assert_allclose(logits.detach().numpy(), by_hand, rtol=1e-5, atol=1e-6)
    again = nested_heads(5, 3, (2, 5), tied=tied)
    for one, two in zip(heads.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one, two)


def trained(dims, tied=False):
    """1-nearest-neighbour accuracy by prefix of a small encoder of digits."""
    X, y = load_digits(return_X_y=True)
    X, y = torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y)
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32))
    heads = nested_heads(32, 10, dims, tied=tied)
    parts = [*encoder.parameters(), *heads.parameters()]
    optimiser = torch.optim.Adam(parts, lr=5e-3)
    for _ in range(120):
        optimiser.zero_grad()
        losses = [
            torch.nn.functional.cross_entropy(x, y[:1200])
            for x in heads(encoder(X[:1200])).values()
        ]
        (sum(losses) / len(losses)).backward()
        optimiser.step()
    with torch.no_grad():
        Z = encoder(X)
    found = {}
    for m in DIMS:
        near = torch.cdist(Z[1200:, :m], Z[:1200, :m]).argmin(dim=1)
        found[m] = float((y[:1200][near] == y[1200:]).float().mean())
    return found


def test_it_teaches_short_prefixes():
    plain, nested, tied = trained((32,)), trained(DIMS), trained(DIMS, tied=True)
    for taught in (nested, tied):
        assert taught[4] > plain[4] + 0.05
        assert taught[32] > plain[32] - 0.04
    assert nested[8] > 0.85


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dims": (4, 7)}, "dims=7 is beyond the vectors, which have 6"),
        ({"dims": (0, 4)}, "dims must be at least 1"),
        ({"dims": ()}, "at least one length"),
        ({"dims": (2, 4), "weights": (1.0,)}, "weights must be one number"),
        ({"dims": (2, 4), "weights": (1.0, -1.0)}, "weights must be one number"),
    ],
)
def test_errors(options, words):
    with pytest.raises(InvalidArgument, match=words):
        matryoshka(lambda x: x.sum(), torch.ones(3, 6), **options)


def test_other_errors():
    with pytest.raises(InvalidArgument, match="of one dim"):
        matryoshka(lambda x, y: x.sum(), torch.ones(3, 6), torch.ones(3, 5), dims=(2,))
    with pytest.raises(InvalidArgument, match="of one dim"):
        matryoshka(lambda: None, dims=(2,))
    with pytest.raises(UnknownArgument, match="did you mean"):
        matryoshka(lambda x: x.sum(), torch.ones(3, 6), dims=(2,), weight=(1,))
    with pytest.raises(InvalidArgument, match="beyond the vectors"):
        nested_heads(4, 3, (5,))
    with pytest.raises(InvalidArgument, match="beyond the vectors, which have 3"):
        nested_heads(4, 3, (4,))(torch.ones(2, 3))
