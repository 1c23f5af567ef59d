"""Matryoshka training: one loss on every prefix, so that the first numbers tell the most.

A. Kusupati and others, "Matryoshka representation learning", NeurIPS 2022. Needs torch (extra
``text``), which is imported where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument, MissingExtra

if TYPE_CHECKING:
    import torch

INSTALL = "pip install 'likewise[text]'"


@suggest_arguments
def matryoshka(
    loss: Callable[..., torch.Tensor],
    *vectors: torch.Tensor,
    dims: Sequence[int],
    weights: Sequence[float] | None = None,
    unit: bool = False,
) -> torch.Tensor:
    """``sum_m c_m loss(z[:, :m])`` over the prefix lengths m; any loss of vectors will do.

    A sum over lengths is larger than a plain loss: divide the learning rate or the weights by how
    many lengths there are when the two are compared. What couples the numbers of a vector after
    the encoder (batch normalisation, dropout) belongs before it.

    Args:
        loss: from tensors (n, m), one for each of ``vectors``, to a scalar. It is called once a
            length, with the shortest first.
        vectors: (n, dim) tensors, such as those of queries and of documents; all cut alike.
        dims: the lengths m; often halves: 8, 16, 32, ..., dim.
        weights: c_m, one a length; None is 1 for each.
        unit: bring every prefix to length one, for losses of cosines.

    Returns:
        A scalar tensor that can be differentiated.

    Raises:
        InvalidArgument: no vectors or no dims; a length below 1 or beyond the vectors; weights
        that are negative or not one a length; vectors that are not (n, dim) of one dim.

    Cost: one ``loss`` a length; the encoder runs once.

    Example:
        >>> import torch
        >>> z = torch.tensor([[1.0, 2.0, 2.0]])
        >>> matryoshka(lambda x: x.square().sum(), z, dims=(1, 3)).item()  # 1 + 9
        10.0
    """
    lengths = check_lengths(dims, _width(vectors))
    scale = _weights(weights, len(lengths))
    parts = [
        c * loss(*(_prefix(z, m, unit) for z in vectors))
        for m, c in zip(lengths, scale, strict=True)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


@suggest_arguments
def nested_heads(
    dim: int, classes: int, dims: Sequence[int], *, tied: bool = False, random_state: int = 0
) -> Any:
    """A ``torch.nn.Module`` from (n, dim) vectors to the logits of each prefix: {m: (n, classes)}.

    ``logits_m = z[:, :m] W_m' + b_m`` (MRL), or with ``tied`` ``z[:, :m] W[:, :m]' + b`` with one W
    and one b for all lengths (MRL-E), which takes the memory of a single head.

    Args:
        dim, classes: numbers of a vector; kinds to tell apart.
        dims: the lengths m, within 1 and ``dim``.
        tied: one matrix for all lengths.
        random_state: the seed of the first weights, uniform within 1 / sqrt(m) of 0 as torch's own.

    Raises:
        InvalidArgument: a length below 1 or beyond ``dim``. MissingExtra: torch is not installed.

    Example:
        >>> import torch
        >>> logits = nested_heads(8, 3, (2, 8), tied=True)(torch.ones(5, 8))
        >>> {m: tuple(x.shape) for m, x in logits.items()}
        {2: (5, 3), 8: (5, 3)}
        >>> total = sum(torch.nn.functional.cross_entropy(x, torch.zeros(5).long())
        ...             for x in logits.values())
    """
    library = import_torch()
    width, kinds = check_count("dim", dim), check_count("classes", classes, minimum=2)
    lengths = check_lengths(dims, width)
    generator = library.Generator().manual_seed(
        check_count("random_state", random_state, minimum=0)
    )

    def parameter(*shape: int, within: float) -> Any:
        drawn = library.rand(*shape, generator=generator)
        return library.nn.Parameter((2 * drawn - 1) * within)

    class NestedHeads(library.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            matrices = (width,) if tied else lengths
            bounds = [1 / math.sqrt(m) for m in matrices]
            self.matrices = library.nn.ParameterList(
                [parameter(kinds, m, within=b) for m, b in zip(matrices, bounds, strict=True)]
            )
            self.biases = library.nn.ParameterList([parameter(kinds, within=b) for b in bounds])

        def forward(self, vectors: torch.Tensor) -> dict[int, torch.Tensor]:
            check_lengths(lengths, _width((vectors,)))
            logits = {}
            for place, m in enumerate(lengths):
                i = 0 if tied else place
                logits[m] = vectors[:, :m] @ self.matrices[i][:, :m].T + self.biases[i]
            return logits

    return NestedHeads()


def check_lengths(dims: Any, width: int) -> tuple[int, ...]:
    """``dims`` as ascending lengths within 1 and ``width``, each once."""
    lengths = tuple(sorted({check_count("dims", m) for m in dims}))
    if not lengths:
        raise InvalidArgument("dims must name at least one length; got none")
    if lengths[-1] > width:
        raise InvalidArgument(
            f"dims={lengths[-1]} is beyond the vectors, which have {width} numbers; "
            f"give at most {width}"
        )
    return lengths


def import_torch() -> Any:
    """torch, or the error with its install line."""
    try:
        import torch
    except ImportError:
        raise MissingExtra(f"training needs torch: {INSTALL}") from None
    return torch


def _width(vectors: Sequence[torch.Tensor]) -> int:
    shapes = [tuple(z.shape) for z in vectors]
    if not shapes or any(len(s) != 2 for s in shapes) or len({s[1] for s in shapes}) != 1:
        raise InvalidArgument(f"vectors must be tensors (n, dim) of one dim; got shapes {shapes}")
    return int(shapes[0][1])


def _weights(weights: Sequence[float] | None, count: int) -> list[float]:
    if weights is None:
        return [1.0] * count
    checked = [check_number("weights", c) for c in weights]
    if len(checked) != count or min(checked) < 0:
        raise InvalidArgument(
            f"weights must be one number of at least 0 for each of the {count} dims; got {weights}"
        )
    return checked


def _prefix(z: torch.Tensor, m: int, unit: bool) -> torch.Tensor:
    prefix = z[:, :m]
    return prefix / prefix.norm(dim=1, keepdim=True).clamp_min(1e-12) if unit else prefix
