"""Match probabilities: by samples, by the exact distribution, and by a trained model."""

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad, quad
from scipy.special import expit
from scipy.stats import norm

from likewise.encode.hedged import ambiguity, match_probability, match_probability_exact
from likewise.encode.hedged_loss import hedged_loss
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, UnknownArgument
from likewise.vectors import as_gaussians

SLOPE = {"scale": 1.7, "offset": 2.0}


def rows(n, dim, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    return as_gaussians(
        rng.standard_normal((n, dim)), np.exp(spread * rng.standard_normal((n, dim)))
    )


@pytest.mark.parametrize("dim", [1, 2, 3, 8])
def test_samples_agree_with_the_exact_distribution(dim):
    one, two = rows(12, dim, 0), rows(12, dim, 1)
    exact = match_probability_exact(one, two, **SLOPE)
    found = match_probability(one, two, samples=40_000, **SLOPE)
    assert np.abs(found - exact).max() < 5 * 0.5 / 40_000**0.5
    assert ((exact > 0) & (exact < expit(2.0))).all()


def test_one_dimension_by_quadrature():
    one, two = as_gaussians([[0.3]], [[0.5]]), as_gaussians([[1.0]], [[0.2]])
    density = norm(-0.7, 0.7**0.5).pdf
    truth = quad(lambda z: expit(2 - 1.7 * abs(z)) * density(z), -8, 8, points=[0])[0]
    assert match_probability_exact(one, two, **SLOPE)[0] == pytest.approx(truth, rel=1e-6)


def test_two_dimensions_by_quadrature():
    one, two = as_gaussians([[0.3, 0]], [[0.5, 1.0]]), as_gaussians([[1.0, 0.5]], [[0.2, 1.5]])
    a, b = norm(-0.7, 0.7**0.5).pdf, norm(-0.5, 2.5**0.5).pdf
    truth = dblquad(
        lambda y, x: expit(2 - 1.7 * np.hypot(x, y)) * a(x) * b(y), -6, 5, -11, 10, epsabs=1e-7
    )[0]
    assert match_probability_exact(one, two, **SLOPE)[0] == pytest.approx(truth, rel=1e-5)


def test_sure_rows_are_points():
    one, two = as_gaussians([[0, 0]], [[1e-12] * 2]), as_gaussians([[0.6, 0.8]], [[1e-12] * 2])
    assert match_probability(one, two, **SLOPE)[0] == pytest.approx(expit(0.3), rel=1e-5)


def test_a_row_of_more_variance_is_less_sure_of_itself():
    spreads = np.array([[0.01], [0.1], [1.0], [10.0]]) * np.ones(3)
    found = ambiguity(as_gaussians(np.zeros((4, 3)), spreads), samples=4000, **SLOPE)
    assert (np.diff(found) > 0.02).all()
    assert found[0] > 1 - expit(2.0)


def test_the_seed_decides_and_other_rows_do_not():
    one, two = rows(6, 3, 0), rows(6, 3, 1)
    found = match_probability(one, two, random_state=5, **SLOPE)
    np.testing.assert_array_equal(found, match_probability(one, two, random_state=5, **SLOPE))
    assert (found != match_probability(one, two, random_state=6, **SLOPE)).any()
    alone = match_probability(
        as_gaussians(one.means[2:3], one.variances[2:3]),
        as_gaussians(two.means[2:3], two.variances[2:3]),
        random_state=5,
        **SLOPE,
    )
    assert alone[0] == pytest.approx(found[2], rel=1e-12)


def test_errors():
    X = rows(3, 2, 0)
    with pytest.raises(InvalidArgument, match="scale must be above 0"):
        match_probability(X, X, scale=0, offset=1)
    with pytest.raises(InvalidArgument, match="samples"):
        match_probability(X, X, samples=1, **SLOPE)
    with pytest.raises(InvalidArgument, match="offset must be finite"):
        match_probability(X, X, scale=1, offset=np.nan)
    with pytest.raises(DimensionMismatch, match="one shape"):
        match_probability(X, rows(3, 4, 0), **SLOPE)
    with pytest.raises(InvalidType, match="as_gaussians"):
        match_probability(X.means, X, **SLOPE)
    with pytest.raises(UnknownArgument, match="did you mean 'random_state'"):
        match_probability(X, X, seed=3, **SLOPE)
    far = as_gaussians([[0, 0]], [[1, 1]]), as_gaussians([[90, 0]], [[1, 1]])
    with pytest.raises(InvalidArgument, match="use match_probability"):
        match_probability_exact(*far, **SLOPE)


# -- training --------------------------------------------------------------------------


def test_the_loss_is_the_formula():
    torch.manual_seed(0)
    means, logs = torch.randn(5, 3), torch.randn(5, 3)
    pairs, match = torch.tensor([[0, 1], [2, 2], [4, 3]]), torch.tensor([True, True, False])
    found = hedged_loss(means, logs, pairs, match, samples=300, beta=0.1, **SLOPE).item()
    given = as_gaussians(means.numpy(), logs.exp().numpy())
    ends = [as_gaussians(given.means[r], given.variances[r]) for r in pairs.T.numpy()]
    p = match_probability_exact(*ends, **SLOPE)
    truth = -np.log(np.where(match.numpy(), p, 1 - p)).mean()
    m, s = given.means.astype(float), given.variances.astype(float)
    truth += 0.1 * 0.5 * (s + m**2 - 1 - np.log(s)).sum(axis=1).mean()
    assert found == pytest.approx(truth, rel=0.03)


def test_the_slope_is_that_of_the_loss():
    torch.manual_seed(0)
    means = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    logs = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    slope = torch.tensor([0.7, 0.2], dtype=torch.float64, requires_grad=True)
    pairs, match = torch.tensor([[0, 1], [2, 3]]), torch.tensor([True, False])

    def loss(m, v, s):
        return hedged_loss(m, v, pairs, match, scale=s[0].exp(), offset=s[1], beta=0.1)

    assert torch.autograd.gradcheck(loss, (means, logs, slope))


def test_training_spreads_what_is_ambiguous():
    """Two clear kinds, and rows that may be of either: these get the larger variance."""
    rng = np.random.default_rng(0)
    kind = np.arange(300) % 2
    hidden = rng.random(300) < 0.4
    seen = np.where(hidden, 0.0, np.where(kind == 1, 1.0, -1.0))
    X = torch.tensor(np.stack([seen, hidden], axis=1), dtype=torch.float32)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 4))
    slope = torch.nn.Parameter(torch.tensor([1.0, 3.0]))
    optimiser = torch.optim.Adam([*model.parameters(), slope], lr=0.02)
    first = last = 0.0
    for step in range(150):
        pairs = torch.tensor(rng.integers(0, 300, (128, 2)))
        match = torch.tensor(kind[pairs[:, 0].numpy()] == kind[pairs[:, 1].numpy()])
        out = model(X)
        logs = out[:, 2:] - 2
        scale = torch.nn.functional.softplus(slope[0])
        loss = hedged_loss(
            out[:, :2], logs, pairs, match, scale=scale, offset=slope[1], random_state=step
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        last = loss.item()
        first = first or last
    assert last < first
    with torch.no_grad():
        out = model(X).numpy()
    learned = as_gaussians(out[:, :2], np.exp(out[:, 2:] - 2))
    unsure = ambiguity(learned, scale=scale.item(), offset=slope[1].item())
    assert unsure[hidden].mean() > unsure[~hidden].mean() + 0.2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"log_variances": torch.zeros(4, 3)}, r"both be \(n, dim\)"),
        ({"pairs": torch.zeros(2, 3).long()}, r"pairs must be \(p, 2\)"),
        ({"match": torch.tensor([True])}, r"pairs must be \(p, 2\)"),
        ({"match": torch.tensor([1, 0])}, "booleans"),
        ({"pairs": torch.tensor([[0, 4], [1, 2]])}, "rows 0 to 3"),
        ({"scale": 0.0}, "scale must be above 0"),
        ({"beta": -1.0}, "beta must be at least 0"),
    ],
)
def test_loss_errors(changes, words):
    given = {
        "means": torch.zeros(4, 2),
        "log_variances": torch.zeros(4, 2),
        "pairs": torch.tensor([[0, 1], [2, 3]]),
        "match": torch.tensor([True, False]),
        "scale": 1.0,
        "offset": 0.0,
    }
    with pytest.raises(InvalidArgument, match=words):
        hedged_loss(**{**given, **changes})
