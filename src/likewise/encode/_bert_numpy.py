"""The forward pass of a BERT sentence encoder in numpy: no torch to import for one question.

Sequences are packed one after another, shortest first, without padding: the linear layers see
one long matrix, attention sees each run of equally long sequences as one block. So what a text
becomes does not depend on the texts beside it. `_bert_torch.py` is the same in torch.

Source: Devlin, Chang, Lee and Toutanova, "BERT", NAACL 2019; Reimers and Gurevych,
"Sentence-BERT", EMNLP 2019 (the mean over tokens).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

# erf(x) = x P(x^2) / Q(x^2) for |x| <= 4, fitted by reweighted least squares; off by 2e-8 at
# most, which is less than float32 rounds. Beyond 4 it is 1 to 2e-8.
ERF_P = (
    1.1283789765974908,
    0.19624648093071548,
    0.053467136035949867,
    0.004003532355865585,
    0.0002880376980374027,
    1.974835523139378e-06,
)
ERF_Q = (
    1.0,
    0.5072500758918203,
    0.11647538172472834,
    0.015444200132648266,
    0.0012163299386239097,
    3.748072063091391e-05,
)
ERF_EDGE = 4.0
ROWS_AT_ONCE = 16  # rows of 1,536 numbers: the passes of gelu stay in the fast cache


class Run(NamedTuple):
    """Equally long sequences that lie side by side: tokens ``start:stop``."""

    start: int
    stop: int
    sequences: int
    length: int


class Packed(NamedTuple):
    """Sequences one after another: token ids, the position of each, and the runs."""

    ids: IntArray
    positions: IntArray
    runs: list[Run]


def pack(sequences: Sequence[Sequence[int]]) -> Packed:
    """Sequences, already sorted by length, as one row of tokens."""
    runs, start = [], 0
    for length, group in groupby(len(sequence) for sequence in sequences):
        count = sum(1 for _ in group)
        runs.append(Run(start, start + count * length, count, length))
        start = runs[-1].stop
    ids = np.concatenate([np.asarray(sequence, dtype=np.int64) for sequence in sequences])
    positions = np.concatenate([np.tile(np.arange(run.length), run.sequences) for run in runs])
    return Packed(ids, positions, runs)


class NumpyBert:
    """Token ids to unit vectors, in numpy.

    Args:
        weights: arrays by their names in the model file.
        layers, heads: of the model.
    """

    def __init__(self, weights: Mapping[str, Float32Array], layers: int, heads: int) -> None:
        self.weights = weights
        self.layers = layers
        self.heads = heads

    def __call__(self, packed: Packed) -> Float32Array:
        """(sequences, dim) rows of length one."""
        x = self.tokens(packed)
        means = np.concatenate([_blocks(x, run).mean(axis=1) for run in packed.runs])
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32)

    def tokens(self, packed: Packed) -> Float32Array:
        """(tokens, dim) what the last layer makes of each token, of any length."""
        x = embed(self.weights, packed)
        x = self._normalise(x, "embeddings.LayerNorm")
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}"
            attended = self._attention(x, f"{name}.attention.self", packed.runs)
            attended = self._linear(attended, f"{name}.attention.output.dense")
            attended += x
            x = self._normalise(attended, f"{name}.attention.output.LayerNorm")
            inner = gelu(self._linear(x, f"{name}.intermediate.dense"))
            inner = self._linear(inner, f"{name}.output.dense")
            inner += x
            x = self._normalise(inner, f"{name}.output.LayerNorm")
        return x

    def _linear(self, x: Float32Array, name: str) -> Float32Array:
        y: Float32Array = x @ self.weights[f"{name}.weight"].T
        y += self.weights[f"{name}.bias"]
        return y

    def _normalise(self, x: Float32Array, name: str) -> Float32Array:
        x -= x.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", x, x)[:, None] / np.float32(x.shape[1])
        x /= np.sqrt(variance + np.float32(1e-12))
        x *= self.weights[f"{name}.weight"]
        x += self.weights[f"{name}.bias"]
        return x

    def _attention(self, x: Float32Array, name: str, runs: list[Run]) -> Float32Array:
        query, key, value = (
            self._linear(x, f"{name}.{part}") for part in ("query", "key", "value")
        )
        width = x.shape[1] // self.heads
        query /= np.float32(np.sqrt(width))
        attended = np.empty_like(x)
        for run in runs:
            q, k, v = (
                _blocks(part, run)
                .reshape(run.sequences, run.length, self.heads, width)
                .transpose(0, 2, 1, 3)
                for part in (query, key, value)
            )
            mixed = softmax(q @ k.transpose(0, 1, 3, 2)) @ v
            attended[run.start : run.stop] = mixed.transpose(0, 2, 1, 3).reshape(-1, x.shape[1])
        return attended


def embed(weights: Mapping[str, Float32Array], packed: Packed) -> Float32Array:
    """(tokens, dim) sums of word, position and segment vectors; reads the rows it needs."""
    x: Float32Array = weights["embeddings.word_embeddings.weight"][packed.ids]
    x += weights["embeddings.position_embeddings.weight"][packed.positions]
    x += weights["embeddings.token_type_embeddings.weight"][0]
    return x


def softmax(scores: Float32Array) -> Float32Array:
    """Over the last axis, in place."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


def gelu(x: Float32Array) -> Float32Array:
    """``x (1 + erf(x / sqrt 2)) / 2`` in place, a few rows at a time."""
    for start in range(0, len(x), ROWS_AT_ONCE):
        part = x[start : start + ROWS_AT_ONCE]
        factor = erf(part * np.float32(np.sqrt(0.5)))
        factor += np.float32(1.0)
        factor *= np.float32(0.5)
        part *= factor
    return x


def erf(x: Float32Array) -> Float32Array:
    """The error function in float32, off by a few units in the last place of 1."""
    x = np.clip(x, np.float32(-ERF_EDGE), np.float32(ERF_EDGE))
    square = x * x
    x *= _polynomial(square, ERF_P)
    x /= _polynomial(square, ERF_Q)
    return x


def _polynomial(t: Float32Array, coefficients: Sequence[float]) -> Float32Array:
    total = np.full_like(t, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total *= t
        total += np.float32(coefficient)
    return total


def _blocks(x: Float32Array, run: Run) -> Float32Array:
    return x[run.start : run.stop].reshape(run.sequences, run.length, -1)


def chunks(lengths: Sequence[int], tokens: int) -> Iterator[slice]:
    """Slices of at most ``tokens`` tokens each, or of one sequence that has more."""
    start = total = 0
    for i, length in enumerate(lengths):
        if total + length > tokens and i > start:
            yield slice(start, i)
            start, total = i, 0
        total += length
    if start < len(lengths):
        yield slice(start, len(lengths))
