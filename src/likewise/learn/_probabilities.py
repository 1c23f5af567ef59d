"""Class probabilities as arrays: checked, and turned to decisions with one rule for ties."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument, InvalidType

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: How far the probabilities of a row may be from a sum of 1: those of float32 models err by this.
SUM_TOLERANCE = 1e-3


def as_table(name: str, values: Any) -> Float64Array:
    """``values`` as a table of finite float64 numbers with a row and a column at least."""
    try:
        table = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(f"{name} must be a table of numbers; got {values!r:.60}") from None
    if table.ndim != 2 or 0 in table.shape:
        raise InvalidArgument(f"{name} must have rows and columns; its shape is {table.shape}")
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0].tolist()
        raise InvalidArgument(
            f"{name} must hold finite numbers; row {row}, column {column} is {table[row, column]}"
        )
    return table


def check_probabilities(values: Any, name: str = "probabilities") -> Float64Array:
    """(n, classes) in float64; the sum of each row, nearly 1 as given, is 1.

    Raises:
        InvalidArgument: a negative number, a row whose sum is not 1, NaN. InvalidType: no table.
    """
    table = as_table(name, values)
    if (table < 0).any():
        row, column = np.argwhere(table < 0)[0].tolist()
        raise InvalidArgument(
            f"{name} must not be negative; row {row}, column {column} is {table[row, column]:g}; "
            "scores become probabilities by softmax"
        )
    sums = table.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1.0) > SUM_TOLERANCE)
    if len(wrong):
        raise InvalidArgument(
            f"{name} must sum to 1 in each row; row {wrong[0]} sums to {sums[wrong[0]]:g}"
        )
    return np.asarray(table / sums[:, None])


def softmax(scores: Float64Array) -> Float64Array:
    """``exp(s_k) / sum_j exp(s_j)`` along the rows."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def sharpened(P: Float64Array, temperature: float) -> Float64Array:
    """``p_k^(1/T)`` of each row, made to sum to 1 again."""
    if temperature == 1.0:
        return P
    # The largest first becomes 1: powers of small numbers must not all vanish.
    powers = (P / P.max(axis=1, keepdims=True)) ** (1.0 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
