"""KL divergence: the student's ranking as a distribution is to be the teacher's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from likewise.encode.losses._checks import (
    check_like,
    check_mask,
    check_scores,
    check_temperature,
)

if TYPE_CHECKING:
    import torch


def kl(
    scores: torch.Tensor,
    teacher: torch.Tensor,
    mask: torch.Tensor | None = None,
    *,
    temperature: float = 1.0,
) -> torch.Tensor:
    """1/n sum_i sum_c p_ic log(p_ic / q_ic), p = softmax(t_i / T), q = softmax(s_i / T).

    Args:
        scores: (n, c) tensor s of the student; column 0 is the document that answers.
        teacher: (n, c) tensor t of the teacher, for the same documents.
        mask: (n, c) booleans, False for what does not count; None counts all.
        temperature: T, for both.

    Returns:
        A scalar tensor of at least 0.

    Raises:
        InvalidArgument: shapes that differ, a mask that hides the answer, a temperature not
            above 0.

    Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015; for
    SPLADE, Lassance and Clinchant, SIGIR 2022.

    Example:
        >>> import torch
        >>> kl(torch.tensor([[5.0, 1.0]]), torch.tensor([[4.0, 0.0]])).item()
        0.0
    """
    check_scores(scores)
    check_like("teacher", teacher, scores)
    check_mask(mask, scores)
    check_temperature(temperature)
    student, wanted = scores / temperature, teacher / temperature
    if mask is not None:
        student = student.masked_fill(~mask, -float("inf"))
        wanted = wanted.masked_fill(~mask, -float("inf"))
    log_p, log_q = wanted.log_softmax(dim=1), student.log_softmax(dim=1)
    apart = log_p - log_q
    if mask is not None:  # minus infinity less minus infinity, where both are hidden
        apart = apart.masked_fill(~mask, 0)
    return (log_p.exp() * apart).sum(dim=1).mean()
