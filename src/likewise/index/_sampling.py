"""Rows drawn by what they are, not by where they stand: samples that outlive deletions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IdArray = npt.NDArray[np.int64]


def sample(
    rows: npt.NDArray[np.float32],
    positions: IdArray,
    count: int,
    seed: int,
    keys: IdArray | None = None,
) -> IdArray:
    """``count`` of ``positions``, ascending, drawn by a hash of the key or of the row itself.

    ``keys`` (n,) are integers by position. Deleting a row and never having had it give the
    same sample. Cost: one pass over the rows.
    """
    chosen: IdArray = np.sort(shuffled(rows, positions, seed, keys)[:count])
    return chosen


def shuffled(
    rows: npt.NDArray[np.float32],
    positions: IdArray,
    seed: int,
    keys: IdArray | None = None,
) -> IdArray:
    """``positions`` in an order that depends on what the rows are, not on where they stand."""
    hashed = row_hashes(rows, positions) if keys is None else keys[positions].astype(np.uint64)
    if keys is None:  # equal rows are drawn one by one, not all or none
        hashed = hashed ^ _mix(_occurrence(hashed))
    mixed = _mix(hashed ^ _mix(np.array([seed], dtype=np.uint64)))
    order: IdArray = positions[np.lexsort((positions, mixed))]
    return order


def row_hashes(rows: npt.NDArray[np.float32], positions: IdArray) -> npt.NDArray[np.uint64]:
    """A number for each of the rows at ``positions``, the same for equal rows."""
    hashed = np.empty(len(positions), dtype=np.uint64)
    odd = np.random.default_rng(7).integers(0, 2**63, rows.shape[1], dtype=np.uint64) * 2 + 1
    for start in range(0, len(positions), 4096):
        block = rows[positions[start : start + 4096]].view(np.uint32).astype(np.uint64)
        hashed[start : start + 4096] = (block * odd).sum(axis=1, dtype=np.uint64)
    return hashed


def _occurrence(hashed: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """For each row how many equal ones come before it."""
    order = np.argsort(hashed, kind="stable")
    first = np.r_[True, np.diff(hashed[order]) != 0]
    starts = np.flatnonzero(first)
    place = np.arange(len(hashed)) - starts[np.cumsum(first) - 1]
    counts = np.empty(len(hashed), dtype=np.uint64)
    counts[order] = place
    return counts


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    # The finaliser of SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
