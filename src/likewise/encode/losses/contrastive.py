"""InfoNCE: the answer among other documents, by a softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from likewise.encode.losses._checks import check_mask, check_scores, check_temperature

if TYPE_CHECKING:
    import torch


def contrastive(
    scores: torch.Tensor, mask: torch.Tensor | None = None, *, temperature: float = 1.0
) -> torch.Tensor:
    """-1/n sum_i log( exp(s_i0 / t) / sum_c exp(s_ic / t) ), over the c that the mask allows.

    The other documents are hard negatives and the documents of other queries of the batch. One
    that answers the query too must be hidden by the mask, or it is pushed away.

    Args:
        scores: (n, c) tensor; column 0 is the document that answers.
        mask: (n, c) booleans, False for what does not count; None counts all.
        temperature: t.

    Returns:
        A scalar tensor of at least 0.

    Raises:
        InvalidArgument: wrong shapes, a mask that hides the answer, a temperature not above 0.

    Source: van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive
    Coding", 2018; with in-batch and hard negatives Formal, Piwowarski and Clinchant, SIGIR 2021.

    Example:
        >>> import torch
        >>> round(contrastive(torch.tensor([[1.0, 1.0]])).item(), 4)  # ln 2
        0.6931
    """
    check_scores(scores)
    check_mask(mask, scores)
    check_temperature(temperature)
    logits = scores / temperature
    if mask is not None:
        logits = logits.masked_fill(~mask, -float("inf"))
    return -logits.log_softmax(dim=1)[:, 0].mean()
