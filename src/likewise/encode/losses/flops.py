"""FLOPS: the multiplications that scoring takes on average, as a penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from likewise.encode.losses._checks import check_rows

if TYPE_CHECKING:
    import torch


def flops(rows: torch.Tensor) -> torch.Tensor:
    """sum_j ( 1/n sum_i |w_ij| )^2, for n rows of term weights.

    A smooth stand-in for the number of postings that two such rows share: where terms were
    independent, and each as likely as its mean weight. Beside `l1` it presses harder on terms
    that many rows have, so that postings even out. The mean is squared, not the squares
    averaged: it depends on the rows of a batch together, and takes all of them at once.

    Args:
        rows: (n, dim) tensor.

    Returns:
        A scalar tensor of at least 0.

    Raises:
        InvalidArgument: not (n, dim), or no row.

    Source: Paria, Yeh, Yen, Xu, Ravikumar and Póczos, "Minimizing FLOPs to Learn Efficient
    Sparse Representations", ICLR 2020.

    Example:
        >>> import torch
        >>> flops(torch.tensor([[1.0, 0.0], [1.0, 2.0]])).item()
        2.0
    """
    check_rows(rows)
    return rows.abs().mean(dim=0).square().sum()
