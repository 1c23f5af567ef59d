"""Chamfer similarity of bags, and the nearest bags by it: float32 proposes, float64 decides."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from likewise.index._bag_store import BagStore
from likewise.index.muvera import blocks
from likewise.index.scanning import best_of
from likewise.metrics import Metric
from likewise.results import Row
from likewise.vectors import Bags, Float32Array

IdArray = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

#: Vectors of rows compared at a time, and of queries.
BLOCK, ASKED = 1 << 13, 256
#: Fewer vectors than this are rather copied beside others than compared alone.
COPIED = 64
#: Products beyond this are not trusted to float32, and smaller ones than the floor vanish in it.
LARGEST, FLOOR = 1e37, 2.0**-126


def chamfer(query: Float32Array, row: Float32Array) -> float:
    """``sum over q of max over p of <q, p>``, in float64.

    Args:
        query, row: (m, dim) and (l, dim).

    Example:
        >>> chamfer(np.eye(2), np.array([[3.0, 0.0], [1.0, 1.0]]))
        4.0
    """
    products = query.astype(np.float64) @ row.astype(np.float64).T
    return float(products.max(axis=1).sum())


def distance(metric: Metric, query: Float32Array, row: Float32Array) -> float:
    """The mean over the query's vectors of the distance to the nearest vector of the row.

    For dot ``-Chamfer / m``; for cosine (vectors of length one) ``1 - Chamfer / m``.
    """
    mean = chamfer(query, row) / len(query)
    return float(np.clip(1.0 - mean, 0.0, 2.0)) if metric.unit else -mean


def approximate(store: BagStore, queries: Bags, slots: IdArray) -> Float32Array:
    """(queries, slots) means of the largest products, in float32, of what `compared` gives."""
    found = np.empty((len(queries), len(slots)), dtype=np.float32)
    counts = queries.counts[:, None].astype(np.float32)
    for start, stop in _parts(store, slots):
        rows = store.compared(slots[start:stop])
        for first, last in blocks(queries.offsets, ASKED):
            begins = queries.offsets[first : last + 1]
            asked = queries.vectors[begins[0] : begins[-1]]
            with np.errstate(over="ignore", invalid="ignore"):
                products = asked @ rows.vectors.T
                nearest = np.maximum.reduceat(products, rows.offsets[:-1], axis=1)
                sums = np.add.reduceat(nearest, begins[:-1] - begins[0], axis=0)
            found[first:last, start:stop] = sums / counts[first:last]
    return found


def _parts(store: BagStore, slots: IdArray) -> Iterator[tuple[int, int]]:
    """``slots`` a few at a time: neighbours in memory where bags are large, for no copy is made."""
    sizes = np.concatenate([[0], np.cumsum(np.diff(store.offsets)[slots])])
    runs = np.concatenate([[0], np.flatnonzero(np.diff(slots) != 1) + 1, [len(slots)]])
    if sizes[-1] < COPIED * (len(runs) - 1):
        yield from blocks(sizes, BLOCK)
        return
    for first, last in pairwise(runs.tolist()):
        for start, stop in blocks(sizes[first : last + 1], BLOCK):
            yield first + start, first + stop


def nearest(
    store: BagStore,
    metric: Metric,
    query: Float32Array,
    slots: IdArray,
    values: Float32Array,
    k: int | None,
    radius: float | None,
) -> Row:
    """The nearest of ``slots``, by the exact formula, equal ones by slot.

    Args:
        query: (m, dim).
        values: (slots,) from `approximate`; they rule out what is surely farther.
    """
    kept = slots[_possible(store, metric, query, slots, values, k, radius)]
    distances = np.array([distance(metric, query, store.ranked(slot)) for slot in kept.tolist()])
    return best_of(kept, distances.astype(np.float64), k, radius)


def _possible(
    store: BagStore,
    metric: Metric,
    query: Float32Array,
    slots: IdArray,
    values: Float32Array,
    k: int | None,
    radius: float | None,
) -> IdArray:
    """Which of ``slots`` may be among the nearest: those whose bounds reach the k-th."""
    everything = np.arange(len(slots))
    if k is not None and k >= len(slots) and radius is None:
        return everything
    lengths = np.linalg.norm(query.astype(np.float64), axis=1)
    longest = store.lengths[slots]
    if float(lengths.max()) * float(longest.max(initial=0.0)) * len(query) > LARGEST:
        return everything
    # Rounding of a dot product and of a mean in float32, and what the codes leave out.
    rounding = (query.shape[1] + len(query) + 8) * 2.0**-23
    left_out = store.errors[slots] if store.originals else 0.0
    margin = float(lengths.mean()) * (longest * rounding + left_out) + query.shape[1] * FLOOR
    far = -values.astype(np.float64)
    limit = np.inf
    if radius is not None:
        limit = radius - 1.0 if metric.unit else radius
        limit += 1e-12 * (1 + abs(limit))
    if k is not None and k < len(slots):
        limit = min(limit, float(np.partition(far + margin, k - 1)[k - 1]))
    return np.flatnonzero(far - margin <= limit)
