"""Weights of tokens in queries that ask no model: checked, or counted from texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument, InvalidType

Float32Array = npt.NDArray[np.float32]


def check_query_weights(
    weights: Any, dim: int, token_id: Callable[[str], int | None]
) -> Float32Array:
    """``weights`` as (dim,) float32 of its own memory, each finite and at least 0.

    Raises:
        InvalidArgument: a wrong shape, an unknown token, a weight below 0 or not finite.
        InvalidType: not numbers.
    """
    if isinstance(weights, Mapping):
        weights = _from_mapping(weights, dim, token_id)
    try:
        found = np.array(weights, dtype=np.float32)
    except (TypeError, ValueError):
        raise InvalidType(
            f"query_weights must be {dim} numbers or a mapping of token to weight; "
            f"got {weights!r:.60}"
        ) from None
    if found.shape != (dim,):
        raise InvalidArgument(
            f"query_weights must have shape ({dim},), a weight for each token; got {found.shape}"
        )
    bad = ~(np.isfinite(found) & (found >= 0))
    if bad.any():
        token = int(bad.argmax())
        raise InvalidArgument(
            f"query_weights must be finite and at least 0; token {token} has {found[token]}"
        )
    return found


def inverse_document_frequency(ids: Sequence[Sequence[int]], dim: int) -> Float32Array:
    """ln(1 + (n - n_j + 1/2) / (n_j + 1/2)) of each token, as BM25 has it; ``ids`` a text."""
    holding = np.zeros(dim, dtype=np.int64)
    for text in ids:
        holding[list(set(text))] += 1
    return np.log1p((len(ids) - holding + 0.5) / (holding + 0.5)).astype(np.float32)


def _from_mapping(
    weights: Mapping[str, Any], dim: int, token_id: Callable[[str], int | None]
) -> list[Any]:
    found: list[Any] = [1.0] * dim
    for token, weight in weights.items():
        column = token_id(token)
        if column is None:
            raise InvalidArgument(
                f"query_weights: {token!r} is no token of the tokenizer; expected tokens as "
                "tokenizer.tokenize gives them, such as 'play' and '##ing'"
            )
        found[column] = weight
    return found
