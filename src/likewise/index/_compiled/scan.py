"""Scans by codes: rows in order or listed, compared with a query and kept if they are near."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.bits import key_of, packed
from likewise.index._compiled.jit import kernel
from likewise.index._compiled.space import ask_ahead, by_codes, finer_query, keys_in_line, keys_of
from likewise.index._compiled.walk import put

#: Rows here and there that are compared at a time, and rows in line.
BLOCK, CHUNK = 64, 512
#: What enters a list moves others; where there are so many rows for each of the list, those that
#: cannot be among the nearest are left out first.
MANY = 3
#: Halvings of the range of keys, to find which.
HALVINGS = 12


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
        near, keys: (at least `CHUNK`,) int32 and float32, overwritten.
    """
    row = low
    count: Any = 0
    while row < high and mask.shape[0] == 0:
        count = min(CHUNK, high - row)
        keys_in_line(space, row, count, query, near, keys)
        worst = np.float32(np.inf)
        if size == length:
            worst = key_of(pool[size - 1])
        elif size == 0 and count > MANY * length:
            worst = _bound(keys, count, length)
        size = _take_in_line(pool, size, length, row, keys, count, worst)
        row += count
    while row < high:
        count = 0
        while row < high and count < CHUNK:
            near[count] = row
            count += np.int64(mask[row])
            row += 1
        keys_of(space, near, count, query, keys)
        size = take(pool, size, length, near, keys, count)
    return size


@kernel(boundscheck=False, fastmath={"nnan", "nsz"})
def _bound(keys: Any, count: Any, wanted: Any) -> Any:
    """A key that at least ``wanted`` of them do not exceed, and hardly more."""
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for t in range(count):
        low, high = min(low, keys[t]), max(high, keys[t])
    for _ in range(HALVINGS):
        middle = np.float32(0.5) * (low + high)
        below = 0
        for t in range(count):
            below += keys[t] <= middle
        if below < wanted:
            low = middle
            continue
        high = middle
        if 2 * below <= 3 * wanted:
            break
    return high


@kernel(boundscheck=False)
def _take_in_line(
    pool: Any, size: Any, length: Any, first: Any, keys: Any, count: Any, worst: Any
) -> Any:
    """`take` of the rows from ``first`` on; those with keys beyond ``worst`` are too far."""
    for t in range(count):
        if keys[t] > worst:  # most rows of a scan are far off: one comparison each
            continue
        entry = packed(keys[t], first + t)
        if size == length and entry >= pool[size - 1]:
            continue
        put(pool, size, length, entry)
        size = min(size + 1, length)
        if size == length:
            worst = key_of(pool[size - 1])
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


def scan_finely(
    space: Any,
    fine: Any,
    query: Any,
    low: Any,
    high: Any,
    mask: Any,
    pool: Any,
    length: Any,
    near: Any,
    keys: Any,
) -> Any:
    """`scan_range` by the finer codes of a space that has 4-bit ones; no other is given here."""
    raise NotImplementedError


def _by_finer(
    space: Any,
    fine: Any,
    query: Any,
    low: Any,
    high: Any,
    mask: Any,
    pool: Any,
    length: Any,
    near: Any,
    keys: Any,
) -> Any:
    finer = finer_query(query)
    return scan_range(fine, finer, low, high, mask, pool, 0, length, near, keys)


def _by_none(
    space: Any,
    fine: Any,
    query: Any,
    low: Any,
    high: Any,
    mask: Any,
    pool: Any,
    length: Any,
    near: Any,
    keys: Any,
) -> Any:
    return 0


by_codes(scan_finely, _by_none, _by_finer, _by_none)
