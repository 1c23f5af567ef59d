"""Losses: their numpy twins, their gradients, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.encode.losses import DISTILLATION, LOSSES, REGULARISERS, quadratic_ramp
from likewise.errors import InvalidArgument, InvalidType

torch = pytest.importorskip("torch")


# -- the twins: loops over single numbers ----------------------------------------------


def plain_flops(rows):
    n, dim = rows.shape
    return sum((sum(abs(rows[i, j]) for i in range(n)) / n) ** 2 for j in range(dim))


def plain_l1(rows):
    return sum(abs(value) for row in rows for value in row) / len(rows)


def plain_contrastive(scores, mask, temperature=1.0):
    total = 0.0
    for row, allowed in zip(scores, mask, strict=True):
        below = sum(np.exp(row[c] / temperature) for c in range(len(row)) if allowed[c])
        total -= np.log(np.exp(row[0] / temperature) / below)
    return total / len(scores)


def plain_margin_mse(scores, teacher, mask):
    errors = [
        ((s[0] - s[c]) - (t[0] - t[c])) ** 2
        for s, t, allowed in zip(scores, teacher, mask, strict=True)
        for c in range(1, len(s))
        if allowed[c]
    ]
    return sum(errors) / max(1, len(errors))


def plain_kl(scores, teacher, mask, temperature=1.0):
    total = 0.0
    for s, t, allowed in zip(scores, teacher, mask, strict=True):
        columns = [c for c in range(len(s)) if allowed[c]]
        q = np.exp([s[c] / temperature for c in columns])
        p = np.exp([t[c] / temperature for c in columns])
        p, q = p / p.sum(), q / q.sum()
        total += sum(p[i] * np.log(p[i] / q[i]) for i in range(len(columns)))
    return total / len(scores)


TWINS = {
    "flops": plain_flops,
    "l1": plain_l1,
    "contrastive": plain_contrastive,
    "margin_mse": plain_margin_mse,
    "kl": plain_kl,
}


def draw(seed, shape=(5, 4)):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.7
    mask[:, 0] = True
    return rng.normal(size=shape) * 2, rng.normal(size=shape) * 2, mask


def arguments(name, scores, teacher, mask):
    """What the loss ``name`` is called with, mask included."""
    return (scores, teacher, mask) if name in DISTILLATION else (scores, mask)


@pytest.mark.parametrize("name", REGULARISERS)
@pytest.mark.parametrize("seed", range(5))
def test_a_regulariser_is_its_formula(name, seed):
    rows, _, _ = draw(seed)
    found = REGULARISERS[name](torch.tensor(rows)).item()
    assert found == pytest.approx(TWINS[name](rows), rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("seed", range(5))
def test_a_loss_is_its_formula(name, seed):
    given = arguments(name, *draw(seed))
    found = LOSSES[name](*map(torch.tensor, given)).item()
    assert found == pytest.approx(TWINS[name](*given), rel=1e-10)
    everything = np.ones_like(given[-1])
    unmasked = LOSSES[name](*map(torch.tensor, given[:-1])).item()
    assert unmasked == pytest.approx(TWINS[name](*given[:-1], everything), rel=1e-10)


@pytest.mark.parametrize("name", ["contrastive", "kl"])
def test_temperature_divides_all_scores(name):
    given = arguments(name, *draw(3))
    found = LOSSES[name](*map(torch.tensor, given), temperature=2.5).item()
    assert found == pytest.approx(TWINS[name](*given, 2.5), rel=1e-10)


@pytest.mark.parametrize("name", [*REGULARISERS, *LOSSES])
def test_gradients_are_those_of_the_formula(name):
    scores, teacher, mask = (torch.tensor(part) for part in draw(11))
    scores.requires_grad_()
    if name in REGULARISERS:
        assert torch.autograd.gradcheck(REGULARISERS[name], (scores,))
        return
    rest = arguments(name, scores, teacher, mask)[1:]
    assert torch.autograd.gradcheck(lambda s: LOSSES[name](s, *rest), (scores,))


@pytest.mark.parametrize("name", LOSSES)
def test_what_the_mask_hides_is_not_felt(name):
    scores, teacher, mask = draw(2)
    wild_scores, wild_teacher = scores.copy(), teacher.copy()
    wild_scores[~mask], wild_teacher[~mask] = 1e4, np.nan
    results = []
    for s, t in ((scores, teacher), (wild_scores, wild_teacher)):
        leaf = torch.tensor(s, requires_grad=True)
        found = LOSSES[name](*arguments(name, leaf, torch.tensor(t), torch.tensor(mask)))
        found.backward()
        results.append((found.item(), leaf.grad.numpy()))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-12)
    assert (results[0][1][~mask] == 0).all()


def test_a_margin_without_another_document_costs_nothing():
    mask = torch.tensor([[True, False]])
    one = torch.tensor([[1.0, 2.0]])
    assert LOSSES["margin_mse"](one, one + 1, mask).item() == 0


def test_flops_presses_on_shared_terms_and_l1_does_not():
    shared = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    spread = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert REGULARISERS["flops"](shared) > REGULARISERS["flops"](spread)
    assert REGULARISERS["l1"](shared) == REGULARISERS["l1"](spread)


def test_agrees_with_sentence_transformers():
    losses = pytest.importorskip("sentence_transformers.sparse_encoder.losses")
    rows = torch.tensor(np.abs(draw(0, (6, 9))[0]))
    theirs = losses.FlopsLoss(model=None).compute_loss_from_embeddings(rows)
    assert REGULARISERS["flops"](rows).item() == pytest.approx(theirs.item(), rel=1e-12)


def test_the_ramp():
    found = [quadratic_ramp(step, 10) for step in range(15)]
    assert found == [min(1, step / 10) ** 2 for step in range(15)]
    assert quadratic_ramp(0, 0) == 1.0


@pytest.mark.parametrize(
    ("step", "steps", "error"),
    [(-1, 3, InvalidArgument), (1, -3, InvalidArgument), (0.5, 3, InvalidType)],
)
def test_a_ramp_needs_counts(step, steps, error):
    with pytest.raises(error, match=r"must be (at least 0|an integer)"):
        quadratic_ramp(step, steps)


@pytest.mark.parametrize("name", REGULARISERS)
@pytest.mark.parametrize("shape", [(3,), (0, 3), (1, 2, 3)])
def test_rows_must_be_rows(name, shape):
    with pytest.raises(InvalidArgument, match=r"\(n, dim\) with at least one row"):
        REGULARISERS[name](torch.zeros(shape))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", [(3,), (0, 3), (3, 1)])
def test_scores_need_an_answer_and_another(name, shape):
    zeros = torch.zeros(shape)
    with pytest.raises(InvalidArgument, match="answer in column 0"):
        LOSSES[name](*((zeros, zeros) if name in DISTILLATION else (zeros,)))


@pytest.mark.parametrize("name", DISTILLATION)
def test_the_teacher_scores_the_same_documents(name):
    with pytest.raises(InvalidArgument, match=r"teacher must have the shape of scores, \(2, 3\)"):
        LOSSES[name](torch.zeros(2, 3), torch.zeros(2, 2))


@pytest.mark.parametrize("name", LOSSES)
def test_masks_are_looked_at(name):
    scores = torch.zeros(2, 3)
    before = (scores, scores) if name in DISTILLATION else (scores,)
    with pytest.raises(InvalidArgument, match="mask must have the shape"):
        LOSSES[name](*before, torch.ones(2, 2, dtype=torch.bool))
    with pytest.raises(InvalidArgument, match="mask must hold booleans"):
        LOSSES[name](*before, torch.ones(2, 3))
    hidden = torch.tensor([[True, True, True], [False, True, True]])
    with pytest.raises(InvalidArgument, match="hides column 0 of row 1"):
        LOSSES[name](*before, hidden)


@pytest.mark.parametrize("name", ["contrastive", "kl"])
@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_temperature_is_above_zero(name, temperature):
    scores = torch.zeros(2, 3)
    before = (scores, scores) if name in DISTILLATION else (scores,)
    with pytest.raises(InvalidArgument, match="temperature must be above 0"):
        LOSSES[name](*before, temperature=temperature)
