"""`gradient_features`: from a module and rows to one short vector of its gradients a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.kernels._rows import FloatArray
from likewise.kernels.networks.projected import ProjectedNTK

if TYPE_CHECKING:
    import torch


@suggest_arguments
def gradient_features(
    module: torch.nn.Module,
    X: Any,
    n_features: int = 512,
    *,
    kind: str | npt.ArrayLike = "sum",
    sketch: str = "sparse",
    random_state: int = 0,
    normalise: bool = False,
    parameters: Sequence[str] | None = None,
    integers: bool = False,
    memory_limit: float = 256e6,
) -> FloatArray:
    """Projected gradients of a module at n rows, as (n, n_features).

    Inner products of them are near the empirical tangent kernel, so what works on vectors (an
    index, k-means, a choice of what to label next) sees rows as the network does. The same
    arguments make the same projection, so rows may come in several calls.

    Args:
        module, kind, sketch, normalise, parameters, integers, memory_limit: as for `EmpiricalNTK`.
        X: n rows of any shape that the module takes. n_features: numbers a row.
        random_state: the seed of the projection.

    Raises:
        What `EmpiricalNTK` raises.

    Cost: R passes backward a row, R the outputs for ``kind="trace"``, else 1.

    Example:
        >>> import torch
        >>> gradient_features(torch.nn.Linear(3, 2), [[1.0, 0.0, 2.0]], n_features=8).shape
        (1, 8)
    """
    kernel = ProjectedNTK(
        module,
        kind,
        n_features=n_features,
        random_state=random_state,
        normalise=normalise,
        sketch=sketch,
        parameters=parameters,
        integers=integers,
        memory_limit=memory_limit,
    )
    return kernel.project(X)
