"""Scans by codes: rows in order or listed, compared with a query and kept if they are near."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.bits import key_of, packed
from likewise.index._compiled.jit import kernel
from likewise.index._compiled.space import ask_ahead, keys_of
from likewise.index._compiled.walk import put

#: Rows compared at a time.
BLOCK = 64


@kernel(boundscheck=False)
def scan_range(
    space: Any,
    query: Any,
    low: Any,
    high: Any,
    mask: Any,
    pool: Any,
    size: Any,
    length: Any,
    near: Any,
    keys: Any,
) -> Any:
    """Take the nearest rows from ``low`` up to ``high`` into the pool; gives its size.

    Args:
        space, query: the rows as codes, and the query among them.
        low, high: which rows.
        mask: (n,) bool, rows that may be taken; or (0,) for all.
        pool: (at least ``length``,) uint64, its first ``size`` entries sorted.
        size, length: entries there are, and may be.
        near, keys: (at least `BLOCK`,) int32 and float32, overwritten.
    """
    row = low
    while row < high:
        count: Any = 0
        if mask.shape[0] == 0:
            count = min(BLOCK, high - row)
            for t in range(count):
                near[t] = row + t
            row += count
        else:
            while row < high and count < BLOCK:
                near[count] = row
                count += np.int64(mask[row])
                row += 1
        keys_of(space, near, count, query, keys)
        size = take(pool, size, length, near, keys, count)
    return size


@kernel(boundscheck=False)
def scan_listed(
    space: Any,
    query: Any,
    listed: Any,
    low: Any,
    high: Any,
    mask: Any,
    pool: Any,
    size: Any,
    length: Any,
    near: Any,
    keys: Any,
) -> Any:
    """The same for the rows ``listed[low:high]``."""
    ahead = min(low + BLOCK, high)
    for place in range(low, ahead):
        ask_ahead(space, np.int64(listed[place]))
    place = low
    while place < high:
        count: Any = 0
        while place < high and count < BLOCK:
            near[count] = listed[place]
            count += np.int64(mask.shape[0] == 0 or mask[listed[place]])
            place += 1
        # Rows here and there would be waited for: the next ones come while these are compared.
        while ahead < min(place + BLOCK, high):
            ask_ahead(space, np.int64(listed[ahead]))
            ahead += 1
        keys_of(space, near, count, query, keys)
        size = take(pool, size, length, near, keys, count)
    return size


@kernel(boundscheck=False)
def take(pool: Any, size: Any, length: Any, near: Any, keys: Any, count: Any) -> Any:
    """Put the ``count`` rows that were compared into the pool where they are near enough."""
    worst = key_of(pool[size - 1]) if size == length else np.float32(np.inf)
    for t in range(count):
        if keys[t] > worst:  # most rows of a scan are far off: one comparison each
            continue
        entry = packed(keys[t], near[t])
        if size == length and entry >= pool[size - 1]:
            continue
        put(pool, size, length, entry)
        size = min(size + 1, length)
        if size == length:
            worst = key_of(pool[size - 1])
    return size
