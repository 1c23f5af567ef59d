"""A supervised autoencoder: learned with torch, asked with numpy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likewise.errors import MissingExtra
from likewise.kernels.machines._deep_learning import one_thread

if TYPE_CHECKING:
    from torch import Tensor

Float64Array = npt.NDArray[np.float64]
Layers = list[tuple[Any, Any]]

BATCH, RATE = 64, 3e-3
#: Bounds of the logarithm of a predicted variance.
LEAST, MOST = -8.0, 8.0


@dataclass(frozen=True, slots=True)
class Network:
    """Three stacks of layers ``relu(x W + b)``, the last of each without the relu.

    Attributes:
        encoder: rows to latents. decoder: latents to rows. head: latents to what ``y`` is told
        by, classes or the mean and the logarithm of the variance of a number; empty without ``y``.
    """

    encoder: Layers
    decoder: Layers
    head: Layers

    def latents(self, rows: Float64Array) -> Float64Array:
        """(m, latent)."""
        return _forward(rows, self.encoder)

    def decoded(self, latents: Float64Array) -> Float64Array:
        """(m, dim)."""
        return _forward(latents, self.decoder)

    def outputs(self, latents: Float64Array) -> Float64Array:
        """(m, outputs)."""
        return _forward(latents, self.head)


def _forward(rows: Float64Array, layers: Layers) -> Float64Array:
    for place, (W, b) in enumerate(layers):
        rows = rows @ W + b
        if place + 1 < len(layers):
            rows = np.maximum(rows, 0.0)
    return rows


def learned(
    rows: Float64Array,
    targets: Any,
    outputs: int,
    *,
    latent: int,
    hidden: int,
    epochs: int,
    task_weight: float,
    random_state: int | None,
) -> Network:
    """The network with the least mean squared error plus ``task_weight`` times the task's loss.

    Args:
        rows: (n, dim), standardized.
        targets: (n,) numbers of classes (int64), standardized numbers (float64), or None.
        outputs: how many classes; 0 for numbers or None.

    The task's loss is the cross-entropy of classes, or half the negative log-likelihood of a
    normal distribution with the predicted mean and variance. Adam with shuffled batches.

    Raises:
        MissingExtra: torch is not installed.
    """
    torch = _import_torch()
    rng = np.random.default_rng(random_state)
    dim = rows.shape[1]
    width = 0 if targets is None else outputs or 2
    sizes = {"encoder": [dim, hidden, latent], "decoder": [latent, hidden, dim]}
    sizes["head"] = [latent, width] if width else []
    with one_thread():
        stacks = {name: _drawn(rng, stack) for name, stack in sizes.items()}
        flat = [part for stack in stacks.values() for layer in stack for part in layer]
        adam = torch.optim.Adam(flat, lr=RATE)
        X = torch.from_numpy(rows.astype(np.float32))
        T = None if targets is None else torch.from_numpy(np.asarray(targets))
        for _ in range(epochs):
            order = torch.from_numpy(rng.permutation(len(rows)))
            for batch in torch.split(order, BATCH):
                part = None if T is None else T[batch]
                adam.zero_grad()
                loss: Any = _loss(X[batch], part, stacks, task_weight)
                loss.backward()
                adam.step()
    plain: dict[str, Layers] = {
        name: [(W.detach().double().numpy(), b.detach().double().numpy()) for W, b in stack]
        for name, stack in stacks.items()
    }
    return Network(**plain)


def _drawn(rng: np.random.Generator, sizes: list[int]) -> list[tuple[Tensor, Tensor]]:
    """Weights of variance 2 / inputs (He et al. 2015), biases of zero."""
    import torch

    layers = []
    for inputs, outputs in pairwise(sizes):
        W = rng.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs)
        W32 = torch.from_numpy(W.astype(np.float32))
        layers.append((W32.requires_grad_(), torch.zeros(outputs, requires_grad=True)))
    return layers


def _loss(X: Tensor, T: Any, stacks: dict[str, Any], task_weight: float) -> Tensor:
    from torch.nn import functional

    def forward(rows: Tensor, layers: Any) -> Tensor:
        for place, (W, b) in enumerate(layers):
            rows = rows @ W + b
            if place + 1 < len(layers):
                rows = functional.relu(rows)
        return rows

    latents = forward(X, stacks["encoder"])
    loss: Tensor = ((forward(latents, stacks["decoder"]) - X) ** 2).mean()
    if T is None:
        return loss
    found = forward(latents, stacks["head"])
    if not T.is_floating_point():
        task = functional.cross_entropy(found, T)
    else:
        spread = found[:, 1].clamp(LEAST, MOST)
        away = T.to(found.dtype) - found[:, 0]
        task = 0.5 * (spread + away**2 * (-spread).exp()).mean()
    return loss + task_weight * task


def _import_torch() -> Any:
    try:
        import torch
    except ImportError:
        raise MissingExtra("SageOutliers needs torch: pip install 'likewise[torch]'") from None
    return torch
