"""L1: the mean sum of a row's weights, as a penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from likewise.encode.losses._checks import check_rows

if TYPE_CHECKING:
    import torch


def l1(rows: torch.Tensor) -> torch.Tensor:
    """1/n sum_i sum_j |w_ij|, for n rows of term weights.

    It makes each row short by itself, whatever terms the others have: what counts for queries,
    whose time grows with their own terms.

    Args:
        rows: (n, dim) tensor.

    Returns:
        A scalar tensor of at least 0.

    Raises:
        InvalidArgument: not (n, dim), or no row.

    Source: for queries, Lassance and Clinchant, "An Efficiency Study for SPLADE Models",
    SIGIR 2022.

    Example:
        >>> import torch
        >>> l1(torch.tensor([[1.0, 0.0], [1.0, 2.0]])).item()
        2.0
    """
    check_rows(rows)
    return rows.abs().sum(dim=1).mean()
