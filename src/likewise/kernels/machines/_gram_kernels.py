"""Kernels of Gram matrices: k(x, y) from the inner products of x and y alone, in torch.

`GRAM_KERNELS` is the registry, a plain dict from name to kernel: one joins by one line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from likewise.errors import MissingExtra

if TYPE_CHECKING:
    from torch import Tensor

#: Squared lengths below this count as this: the direction of a row of zeros is not defined.
LEAST = 1e-150


class GramKernel(NamedTuple):
    """A kernel as a function of a Gram matrix.

    Attributes:
        cross: from G (n, m), the squared lengths (n,) and (m,) of its rows and columns, and a
            length, the matrix (n, m).
        diagonal: from the squared lengths (n,), the values k(x, x), (n,).
        has_length: whether the length is used.
        weight: the input's Gram matrix is ``weight X X^T / d``.
    """

    cross: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    diagonal: Callable[[Tensor], Tensor]
    has_length: bool
    weight: float


def import_torch() -> Any:
    """torch, or the error with its install line."""
    try:
        import torch
    except ImportError:
        raise MissingExtra("DeepKernelMachine needs torch: pip install 'likewise[torch]'") from None
    return torch


def _arc_cosine(G: Tensor, rows: Tensor, columns: Tensor, length: Tensor) -> Tensor:
    """``2 E[relu(u) relu(v)]``, u and v normal with covariance G (Cho and Saul 2009, order 1)."""
    import torch

    scale = torch.sqrt(rows.clamp(min=LEAST)[:, None] * columns.clamp(min=LEAST))
    u = G / scale
    # The slope of arccos is infinite at 1, that of the whole is not: it is written out here, and
    # the derivative of what is returned is that of the last term alone.
    at = u.detach().clamp(-1.0, 1.0)
    angle = torch.arccos(at)
    value, slope = torch.sin(angle) + (torch.pi - angle) * at, torch.pi - angle
    return scale * (value + slope * (u - u.detach())) / torch.pi


def _rbf(G: Tensor, rows: Tensor, columns: Tensor, length: Tensor) -> Tensor:
    import torch

    squared = (rows[:, None] + columns - 2 * G).clamp(min=0.0)
    return torch.exp(-0.5 * squared / length**2)


def _linear(G: Tensor, rows: Tensor, columns: Tensor, length: Tensor) -> Tensor:
    return G


def _ones(squares: Tensor) -> Tensor:
    import torch

    return torch.ones_like(squares)


def _same(squares: Tensor) -> Tensor:
    return squares


#: By name: networks of ReLU, of sines of every frequency, and without an activation.
GRAM_KERNELS: dict[str, GramKernel] = {
    "arccosine": GramKernel(_arc_cosine, _same, has_length=False, weight=2.0),
    "rbf": GramKernel(_rbf, _ones, has_length=True, weight=1.0),
    "linear": GramKernel(_linear, _same, has_length=False, weight=1.0),
}
