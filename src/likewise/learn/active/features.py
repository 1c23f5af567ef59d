"""Features in which rows are compared: themselves, a kernel's, or those of a network.

Each turns a fitted model and rows into (n, p) numbers whose inner products are the kernel. The
registry `FEATURES` is what ``features=`` of `ActiveLearner` takes by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels import Kernel
from likewise.kernels._rows import FloatArray, as_rows

if TYPE_CHECKING:
    import torch

#: Of a fitted model, and n rows: (n, p).
Features = Callable[[Any, Any], Any]
#: Features of a kernel that is given as such.
N_FEATURES = 512
BATCH = 4096


def rows_themselves(model: Any, X: Any) -> FloatArray:
    """The rows: the linear kernel of what came. The model is not looked at.

    Example:
        >>> rows_themselves(None, [[1, 2]]).tolist()
        [[1.0, 2.0]]
    """
    return as_rows(X)


def of_kernel(kernel: Kernel, n_features: int = N_FEATURES, random_state: int = 0) -> Features:
    """Random (or exact) features of any kernel that has them, drawn once.

    Raises:
        What `Kernel.features` raises, where the kernel has none.

    Example:
        >>> from likewise.kernels import RBF
        >>> of_kernel(RBF(), 64)(None, np.zeros((3, 2))).shape
        (3, 64)
    """
    phi = kernel.features(n_features, random_state)
    return lambda model, X: phi(X)


@suggest_arguments
def last_layer_features(module: torch.nn.Module, X: Any, *, bias: bool = True) -> FloatArray:
    """What the last `torch.nn.Linear` of a module is given, as (n, width), 1 added for its bias.

    The inner product is the tangent kernel of that layer alone. The module is called in evaluation
    mode and left as it was.

    Args:
        module: any with a linear layer that is called once. X: n rows that it takes.
        bias: whether a column of 1 is added.

    Raises:
        InvalidType: no module. InvalidArgument: no linear layer, or one that is not called once.

    Cost: one pass forward.

    Example:
        >>> import torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
        >>> last_layer_features(net, [[1.0, 0.0, 2.0]]).shape
        (1, 9)
    """
    from likewise.kernels.networks._network import import_torch

    torch = import_torch()
    layer = _last_linear(torch, module)
    rows = np.asarray(X)
    seen: list[Any] = []
    training = {part: part.training for part in module.modules()}
    handle = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        module.eval()
        with torch.no_grad():
            for start in range(0, len(rows), BATCH):
                part = torch.as_tensor(rows[start : start + BATCH])
                module(part.to(layer.weight.device, layer.weight.dtype))
    finally:
        handle.remove()
        for part, was in training.items():
            part.training = was
    if len(seen) != -(-len(rows) // BATCH) or any(s.ndim != 2 for s in seen):
        raise InvalidArgument(
            "the last torch.nn.Linear must be called once, on one vector a row; take the features "
            "from the module yourself, and give them to suggest"
        )
    found: FloatArray = torch.cat(seen).double().cpu().numpy()
    return np.hstack([found, np.ones((len(found), 1))]) if bias else found


def _last_linear(torch: Any, module: Any) -> Any:
    if not isinstance(module, torch.nn.Module):
        raise InvalidType(f"module must be a torch.nn.Module; got {module!r:.60}")
    layers = [part for part in module.modules() if isinstance(part, torch.nn.Linear)]
    if not layers:
        raise InvalidArgument(
            f"{type(module).__name__} has no torch.nn.Linear, so no last layer; give the features "
            "to suggest yourself"
        )
    return layers[-1]


def _last_layer(model: Any, X: Any) -> FloatArray:
    """`last_layer_features` of the model's module."""
    return last_layer_features(module_of(model), X)


def _gradients(model: Any, X: Any) -> FloatArray:
    """`gradient_features` of the model's module: 512 of the sketched tangent kernel."""
    from likewise.kernels.networks import gradient_features

    return gradient_features(module_of(model), X, N_FEATURES)


#: Features by name.
FEATURES: dict[str, Features] = {
    "rows": rows_themselves,
    "last_layer": _last_layer,
    "gradients": _gradients,
}


def module_of(model: Any) -> Any:
    """The torch module of a model: itself, or its attribute ``module_``."""
    module = getattr(model, "module_", model)
    if not hasattr(module, "named_parameters"):
        raise InvalidType(
            f"{type(model).__name__} is no torch.nn.Module and has none as its attribute module_; "
            'say features="rows", or give a function of (model, X)'
        )
    return module


def as_features(features: Any) -> Features:
    """What ``features=`` names: a name of `FEATURES`, a kernel, or a function of (model, X).

    Raises:
        InvalidArgument: an unknown name. InvalidType: something else.
    """
    if isinstance(features, Kernel):
        return of_kernel(features)
    if isinstance(features, str):
        if features not in FEATURES:
            raise InvalidArgument(
                f"features must be one of {', '.join(FEATURES)}, a kernel, or a function of "
                f"(model, X); got {features!r:.60}"
            )
        return FEATURES[features]
    if not callable(features):
        raise InvalidType(
            f"features must be a name, a kernel, or a function of (model, X); got {features!r:.60}"
        )
    found: Features = features
    return found
