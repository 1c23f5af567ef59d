"""The loops of `likewise.learn._compiled` in numpy: slow and obvious, to be compared with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likewise.learn._searching import Float64Array, IntArray
from likewise.vectors import Float32Array


def take(
    keys: Float32Array,
    base: Float32Array,
    first: int,
    own: int,
    lines: IntArray,
    values: Float32Array,
    places: IntArray,
) -> None:
    """As the kernel, but that lines come out sorted."""
    size = values.shape[1]
    for i, line in enumerate(lines.tolist()):
        here = first + np.arange(keys.shape[1])
        other = here != own + line
        key = np.concatenate([values[line], (keys[i] + base)[other]])
        place = np.concatenate([places[line], here[other]])
        best = np.argsort(key, kind="stable")[:size]
        values[line], places[line] = key[best], place[best]


def compare(
    rows: Float32Array,
    queries: IntArray,
    ids: IntArray,
    product: bool,
    out: Float64Array,
) -> None:
    """As the kernel."""
    wide: npt.NDArray[np.float64] = rows.astype(np.float64)
    mine, others = wide[queries][:, None, :], wide[np.maximum(ids, 0)]
    numbers = (mine * others).sum(axis=2) if product else ((mine - others) ** 2).sum(axis=2)
    out[:] = np.where(ids < 0, np.inf, numbers)
