"""Random networks drawn layer by layer for a few rows, without their weights."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from likewise.kernels.parameters import Float64Array
from likewise.kernels.wide.activations import Activation

#: Eigenvalues below this, relative to the largest, are rounding.
ROUNDING = 1e-12


class Network(Protocol):
    """What is drawn of it."""

    widths: list[int]
    activation: Activation
    weight_variance: float
    bias_variance: float


def sample_layers(
    network: Network, rows: Float64Array, count: int, rng: np.random.Generator, *, tangent: bool
) -> Float64Array:
    """``count`` random kernels of the output, (count, n, n), or tangent kernels.

    Forwards, with K_l the mean products of layer l, the units of the next are normal with
    covariance K_l. Backwards, the weights W of a layer with inputs A (units, n), known to have
    made Y = W A / sqrt(units), send delta back as

        W^T delta = B K^+ Y^T delta + (I - B K^+ B^T) N,   B = A / sqrt(units), K = B^T B,

    N normal with the covariance of the deltas: what is known, and what is still free.
    """
    w, b, n = network.weight_variance, network.bias_variance, len(rows)
    K = np.broadcast_to(rows @ rows.T / rows.shape[1], (count, n, n))
    kernels, made, inputs, before = [K], [], [], []
    for width in network.widths:
        Y = rng.standard_normal((count, width, n)) @ _root(K)
        Z = np.sqrt(w) * Y
        if b:
            Z += np.sqrt(b) * rng.standard_normal((count, width, 1))
        A = np.asarray(network.activation.function(Z), np.float64) / np.sqrt(width)
        K = np.swapaxes(A, 1, 2) @ A
        kernels.append(K)
        made.append(Y)
        inputs.append(A)
        before.append(Z)
    out: Float64Array = w * K + b
    if not tangent:
        return out
    # The output is one unit, made as all others; its own delta is 1 for every row.
    made.append(rng.standard_normal((count, 1, n)) @ _root(K))
    delta = np.ones((count, 1, n))
    for layer in reversed(range(len(network.widths))):
        width, B, K = network.widths[layer], inputs[layer], kernels[layer + 1]
        covariance = np.swapaxes(delta, 1, 2) @ delta
        inverse = _inverse(K)
        known = inverse @ np.swapaxes(made[layer + 1], 1, 2) @ delta
        free = rng.standard_normal((count, width, n)) @ _root(covariance)
        known -= inverse @ (np.swapaxes(B, 1, 2) @ free)
        back = B @ known + free
        slopes = np.asarray(network.activation.derivative(before[layer]), np.float64)
        delta = slopes * back * np.sqrt(w / width)
        out = out + (w * kernels[layer] + b) * (np.swapaxes(delta, 1, 2) @ delta)
    return out


def _root(K: Float64Array) -> Float64Array:
    """R with R^T R = K, which may be singular."""
    values, vectors = np.linalg.eigh(K)
    root: Float64Array = np.sqrt(np.maximum(values, 0))[..., None] * np.swapaxes(vectors, -1, -2)
    return root


def _inverse(K: Float64Array) -> Float64Array:
    """The pseudo-inverse."""
    values, vectors = np.linalg.eigh(K)
    kept = values > ROUNDING * values[..., -1:]
    turned = np.where(kept, 1 / np.where(kept, values, 1), 0)[..., None]
    inverse: Float64Array = vectors @ (turned * np.swapaxes(vectors, -1, -2))
    return inverse
