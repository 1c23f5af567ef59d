"""The nearest of many by cheap keys, and the numbers that exact distances are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from likewise.index._compiled.jit import kernel

#: Keys looked at together: only where one of them is small enough is each looked at.
STRIDE = 32


@kernel(boundscheck=False, fastmath={"nnan", "nsz", "reassoc", "contract"})
def take(keys: Any, base: Any, first: int, own: int, lines: Any, values: Any, places: Any) -> None:
    """Keep the smallest of ``keys[i, j] + base[j]``, which stand for place ``first + j``.

    ``values`` and ``places`` (lines, c) are heaps with the largest key on top; query i has those
    in line ``lines[i]``, and its own place ``own + lines[i]`` is left out.
    """
    size = values.shape[1]
    for i in range(keys.shape[0]):
        line = lines[i]
        worst = values[line, 0]
        mine = own + line
        for start in range(0, keys.shape[1], STRIDE):
            stop = min(start + STRIDE, keys.shape[1])
            low = keys[i, start] + base[start]
            for j in range(start + 1, stop):
                key = keys[i, j] + base[j]
                low = key if key < low else low
            if low >= worst:
                continue
            for j in range(start, stop):
                key = keys[i, j] + base[j]
                if key >= worst or first + j == mine:
                    continue
                at = 0
                while True:
                    child = 2 * at + 1
                    if child >= size:
                        break
                    if child + 1 < size and values[line, child + 1] > values[line, child]:
                        child += 1
                    if values[line, child] <= key:
                        break
                    values[line, at] = values[line, child]
                    places[line, at] = places[line, child]
                    at = child
                values[line, at] = key
                places[line, at] = first + j
                worst = values[line, 0]


@kernel(boundscheck=False, fastmath={"nnan", "nsz", "reassoc", "contract"})
def compare(rows: Any, queries: Any, ids: Any, product: bool, out: Any) -> None:
    """Write the sum of squared differences, or of products, of rows ``queries[i]`` and ``ids[i]``.

    In float64; infinite where an id is negative.
    """
    for i in range(ids.shape[0]):
        query = queries[i]
        for j in range(ids.shape[1]):
            row = ids[i, j]
            total = 0.0
            if row < 0:
                total = np.inf
            elif product:
                for d in range(rows.shape[1]):
                    total += np.float64(rows[query, d]) * np.float64(rows[row, d])
            else:
                for d in range(rows.shape[1]):
                    gap = np.float64(rows[query, d]) - np.float64(rows[row, d])
                    total += gap * gap
            out[i, j] = total


def warm_up() -> list[Callable[[], Any]]:
    """One call of each, by the types of a graph being built."""
    return [_warm_take, _warm_compare]


def _warm_take() -> None:
    lines, values = np.zeros(1, np.int64), np.full((1, 2), np.inf, np.float32)
    base, places = np.zeros(3, np.float32), np.full((1, 2), -1, np.int64)
    take(np.zeros((1, 3), np.float32), base, 0, 0, lines, values, places)


def _warm_compare() -> None:
    rows, one = np.zeros((1, 2), np.float32), np.zeros(1, np.int64)
    out = np.empty((1, 1))
    for held in (rows, _read_only(rows)):
        compare(held, one, one[:, None], False, out)


def _read_only(rows: Any) -> Any:
    fixed = rows.copy()
    fixed.flags.writeable = False
    return fixed
