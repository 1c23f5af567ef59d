"""The forward pass of `_bert_numpy.py` in torch, a quarter faster once torch is imported.

The same packing without padding, and the same weights: torch sees the mapped arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from likewise.encode._bert_numpy import Float32Array, Packed, Run, embed

if TYPE_CHECKING:
    import torch


class TorchBert:
    """Token ids to unit vectors, in torch; see `NumpyBert`."""

    def __init__(self, weights: Mapping[str, Float32Array], layers: int, heads: int) -> None:
        import torch

        self.arrays = weights
        self.layers = layers
        self.heads = heads
        self.weights = {
            name: torch.from_numpy(array)
            for name, array in weights.items()
            if not name.startswith("embeddings.word")
        }

    def __call__(self, packed: Packed) -> Float32Array:
        """(sequences, dim) rows of length one."""
        import torch

        with torch.inference_mode():
            x = self._forward(torch.from_numpy(embed(self.arrays, packed)), packed.runs)
            means = torch.cat(
                [
                    x[r.start : r.stop].view(r.sequences, r.length, -1).mean(dim=1)
                    for r in packed.runs
                ]
            )
            unit = torch.nn.functional.normalize(means, dim=1)
        return np.asarray(unit.numpy(), dtype=np.float32)

    def tokens(self, packed: Packed) -> Float32Array:
        """(tokens, dim) what the last layer makes of each token, of any length."""
        import torch

        with torch.inference_mode():
            x = self._forward(torch.from_numpy(embed(self.arrays, packed)), packed.runs)
        return np.asarray(x.numpy(), dtype=np.float32)

    def _forward(self, x: torch.Tensor, runs: list[Run]) -> torch.Tensor:
        from torch.nn.functional import gelu

        x = self._normalise(x, "embeddings.LayerNorm")
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}"
            attended = self._attention(x, f"{name}.attention.self", runs)
            attended = self._linear(attended, f"{name}.attention.output.dense")
            x = self._normalise(attended.add_(x), f"{name}.attention.output.LayerNorm")
            inner = gelu(self._linear(x, f"{name}.intermediate.dense"))
            inner = self._linear(inner, f"{name}.output.dense")
            x = self._normalise(inner.add_(x), f"{name}.output.LayerNorm")
        return x

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        from torch.nn.functional import linear

        return linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _normalise(self, x: torch.Tensor, name: str) -> torch.Tensor:
        from torch.nn.functional import layer_norm

        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return layer_norm(x, weight.shape, weight, bias, eps=1e-12)

    def _attention(self, x: torch.Tensor, name: str, runs: list[Run]) -> torch.Tensor:
        import torch
        from torch.nn.functional import scaled_dot_product_attention

        parts = [self._linear(x, f"{name}.{part}") for part in ("query", "key", "value")]
        attended = torch.empty_like(x)
        for run in runs:
            query, key, value = (
                part[run.start : run.stop]
                .view(run.sequences, run.length, self.heads, -1)
                .transpose(1, 2)
                for part in parts
            )
            mixed = scaled_dot_product_attention(query, key, value)
            attended[run.start : run.stop] = mixed.transpose(1, 2).reshape(-1, x.shape[1])
        return attended
