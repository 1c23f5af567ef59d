"""Margin-MSE: the student's margins are to be the teacher's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from likewise.encode.losses._checks import check_like, check_mask, check_scores

if TYPE_CHECKING:
    import torch


def margin_mse(
    scores: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean over i and c >= 1 of ( (s_i0 - s_ic) - (t_i0 - t_ic) )^2, where the mask allows c.

    Only margins are learned, so that teacher and student may score on other levels; their
    scale is learned too, so a teacher of cosines wants a factor.

    Args:
        scores: (n, c) tensor of the student; column 0 is the document that answers.
        teacher: (n, c) tensor of the teacher, for the same documents.
        mask: (n, c) booleans, False for what does not count; None counts all.

    Returns:
        A scalar tensor of at least 0; 0 where the mask leaves no margin.

    Raises:
        InvalidArgument: shapes that differ, a mask that hides the answer.

    Source: Hofstätter, Althammer, Schröder, Sertkan and Hanbury, "Improving Efficient Neural
    Ranking Models with Cross-Architecture Knowledge Distillation", 2020.

    Example:
        >>> import torch
        >>> margin_mse(torch.tensor([[3.0, 1.0]]), torch.tensor([[9.0, 8.0]])).item()
        1.0
    """
    check_scores(scores)
    check_like("teacher", teacher, scores)
    check_mask(mask, scores)
    margins = scores[:, :1] - scores[:, 1:]
    wanted = teacher[:, :1] - teacher[:, 1:]
    errors = margins - wanted
    if mask is None:
        return errors.square().mean()
    counted = mask[:, 1:]
    # What the mask hides may be anything, NaN too: replaced before the square, or its
    # gradient would be NaN times 0.
    squares = errors.masked_fill(~counted, 0).square()
    return squares.sum() / counted.sum().clamp(min=1)
