"""The exact scan: the k nearest of rows that may lie in a mapped file, for any metric.

A float32 matrix product proposes, the float64 formula decides (see `_surrogates` for the
bound that makes this exact). `Exact` is this function behind the index protocol; a store
calls it on its own arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.index._formulas import FORMULAS, exact_distances
from likewise.index._rows import Float32Array, GrowingRows, RowSummary, summarise
from likewise.index._selection import is_mask
from likewise.index._surrogates import ByFormula, RowIndex, Surrogate, Terms, make_surrogate
from likewise.metrics import Metric
from likewise.results import Row

BoolArray = npt.NDArray[np.bool_]
IdArray = npt.NDArray[np.int64]

#: Queries are taken this many at a time.
BATCH = 64
#: Values in flight at a time (16 MB of float32), and numbers gathered at a time (32 MB).
VALUES, GATHERED = 1 << 22, 1 << 23
#: Below this share of the rows it is cheaper to gather those that pass than to multiply all:
#: a gathered number costs about three times a streamed one (read, write, read again).
GATHER_SHARE = 0.3
FLOAT32_MAX = 3.4e38
#: Candidates are ranked exactly as soon as a query has this many more than it needs.
PENDING = 1 << 14


@dataclass(frozen=True, slots=True)
class PreparedRows:
    """Rows and what a scan needs to know of them.

    Attributes:
        rows: (n, dim) float32, as given; possibly memory-mapped.
        metric: the metric to rank by.
        summary: lengths, sum and peak of the rows, for metrics with a matrix product.
        surrogate: the float32 stand-in for the metric.

    Example:
        >>> from likewise.metrics import resolve
        >>> prepare(np.eye(2, dtype=np.float32), resolve("euclidean")).summary.norms.tolist()
        [1.0, 1.0]
    """

    rows: Float32Array
    metric: Metric
    summary: RowSummary | None
    surrogate: Surrogate


class Scan(NamedTuple):
    """One `Row` a query, and how many distances were computed for all of them.

    Example:
        >>> Scan([Row(np.array([0]), np.array([0.5]))], scanned=10).scanned
        10
    """

    rows: list[Row]
    scanned: int


def prepare(rows: Float32Array, metric: Metric, known: RowSummary | None = None) -> PreparedRows:
    """Make ``rows`` (n, dim) ready to be scanned; they are not copied.

    Only rows very far from the origin, or with numbers beyond 1e15 or all below 1e-15, get a
    float32 copy that is moved or scaled. ``known`` is the summary of the first rows, from an
    earlier `prepare`: those are not read again. Cost: one pass over the other rows.

    Example:
        >>> from likewise.metrics import resolve
        >>> rows = np.array([[1, 0], [0, 1], [3, 4]], dtype=np.float32)
        >>> found = scan(prepare(rows, resolve("euclidean")), rows[:1], k=2)
        >>> found.rows[0].ids.tolist(), found.rows[0].distances.round(3).tolist()
        ([0, 1], [0.0, 1.414])
    """
    summary = summarise(rows, known) if metric.name in FORMULAS else None
    return PreparedRows(rows, metric, summary, make_surrogate(metric, rows, summary))


def extended(held: GrowingRows, rows: Float32Array, prepared: PreparedRows) -> PreparedRows:
    """`prepare` once ``rows`` (m, dim) are appended to ``held``, which ``prepared`` is of.

    What is cut off or fails leaves ``held`` as it was: rows that nobody prepared would be missed.

    Example:
        >>> from likewise.metrics import resolve
        >>> held = GrowingRows(np.eye(2, dtype=np.float32))
        >>> both = extended(held, held.array[:1], prepare(held.array, resolve("euclidean")))
        >>> len(both.rows), len(held)
        (3, 3)
    """
    before = len(held)
    try:
        held.extend(rows)
        return prepare(held.array, prepared.metric, prepared.summary)
    except BaseException:
        held.cut(before)
        raise


def scan(
    prepared: PreparedRows,
    queries: Float32Array,
    k: int | None,
    radius: float | None = None,
    where: BoolArray | IdArray | None = None,
    *,
    n_jobs: int = 1,
) -> Scan:
    """The exact neighbours of each query, nearest first, equal distances by position.

    Args:
        prepared: the rows, from `prepare`.
        queries: (b, dim) float32, checked by the caller.
        k: how many at most; None for all within ``radius``.
        radius: keep distances up to this, inclusive.
        where: (n,) mask of the rows that count, or their positions, ascending.
        n_jobs: query batches worked on at once; the answer does not depend on it.

    Returns:
        `Scan`: never fewer than ``min(k, rows that count)`` without a radius. Distances are
        those of ``metric.pairwise`` in float64, up to float64 rounding.

    Cost O(b n dim); at most about 50 MB a job beside the answer.

    Example:
        >>> from likewise.metrics import resolve
        >>> rows = np.eye(3, dtype=np.float32)
        >>> found = scan(prepare(rows, resolve("euclidean")), rows[:1], k=3, where=np.array([1, 2]))
        >>> found.rows[0].ids.tolist(), found.scanned
        ([1, 2], 2)
    """
    starts = range(0, len(queries), BATCH)
    batches = [queries[start : start + BATCH] for start in starts]
    if n_jobs == 1 or len(batches) < 2:
        parts = [_scan_batch(prepared, batch, k, radius, where) for batch in batches]
    else:
        with ThreadPoolExecutor(n_jobs) as pool:
            tasks = [pool.submit(_scan_batch, prepared, b, k, radius, where) for b in batches]
            parts = [task.result() for task in tasks]
    return Scan([row for part in parts for row in part.rows], sum(p.scanned for p in parts))


def _scan_batch(
    prepared: PreparedRows,
    queries: Float32Array,
    k: int | None,
    radius: float | None,
    where: BoolArray | IdArray | None,
) -> Scan:
    surrogate = prepared.surrogate
    terms = surrogate.terms(queries)
    searches = [
        _Search(prepared, query, surrogate, terms, i, k, radius) for i, query in enumerate(queries)
    ]
    rows, dim = prepared.rows.shape
    width = max(1, VALUES // len(queries))
    if isinstance(surrogate, ByFormula):
        width = max(1, min(width // 2, GATHERED // dim))
    scanned = 0
    for block, mask in _blocks(rows, where, width, max(1, min(width, GATHERED // dim))):
        values = surrogate.values(terms, block)
        scanned += values.size
        for search, line in zip(searches, values, strict=True):
            search.take(line, block, mask)
    return Scan([search.finish() for search in searches], scanned)


class _Search:
    """One query on its way through the blocks: candidates, and the best k ranked so far."""

    def __init__(
        self,
        prepared: PreparedRows,
        query: Float32Array,
        surrogate: Surrogate,
        terms: Terms,
        i: int,
        k: int | None,
        radius: float | None,
    ) -> None:
        self._prepared, self._query, self._surrogate = prepared, query, surrogate
        self._terms, self._i, self._k, self._radius = terms, i, k, radius
        self._limit = np.inf if radius is None else surrogate.limit(terms, i, radius)
        self._pending: list[IdArray] = []
        self._waiting = 0
        self._best: Row | None = None

    def take(self, values: npt.NDArray[Any], block: RowIndex, mask: BoolArray | None) -> None:
        """Keep those of the block that may be among the nearest."""
        local = self._candidates(values, block, mask)
        if isinstance(block, slice):
            positions = local + block.start if block.start else local
        else:
            positions = block[local]
        self._pending.append(positions)
        self._waiting += len(positions)
        if self._waiting > PENDING + 2 * (self._k or 0):
            self._settle()

    def _candidates(
        self, values: npt.NDArray[Any], block: RowIndex, mask: BoolArray | None
    ) -> IdArray:
        margin = float(self._terms.margin[self._i])
        passing = len(values) if mask is None else int(np.count_nonzero(mask))
        if not np.isfinite(margin):
            return np.arange(len(values)) if mask is None else np.flatnonzero(mask)
        if mask is not None and passing < len(values):
            values = np.where(mask, values, np.asarray(np.inf, dtype=values.dtype))
        limit, k = self._limit, self._k
        if k is not None and k < passing:
            kth = float(np.partition(values, k - 1)[k - 1])
            limit = min(limit, kth + 2 * margin + 1e-9 * abs(kth))
        if limit == np.inf or (limit > FLOAT32_MAX and values.dtype == np.float32):
            return np.arange(len(values)) if mask is None else np.flatnonzero(mask)
        if values.dtype == np.float32:  # a radius far below every value
            limit = max(limit, -FLOAT32_MAX)
        # One step up, since the comparison is made in the precision of the values.
        local = np.flatnonzero(values <= np.nextafter(values.dtype.type(limit), np.inf))
        if k is not None and len(local) > 4 * k + 256 and self._surrogate.norms is not None:
            return self._closer_look(values, block, local, k)
        return local

    def _closer_look(
        self, values: npt.NDArray[Any], block: RowIndex, local: IdArray, k: int
    ) -> IdArray:
        """With each row's own margin, where one long row made the common one useless."""
        norms = self._surrogate.norms
        if norms is None:
            return local
        floor = len(self._query) * 2.0**-126 + 2.0**-50 * float(self._terms.shift[self._i])
        own = norms[block][local].astype(np.float64)
        own = own * float(self._terms.steepness[self._i]) + floor
        near = values[local].astype(np.float64)
        limit = np.partition(near + own, k - 1)[k - 1]
        kept: IdArray = local[near - own <= limit]
        return kept

    def _settle(self) -> None:
        """Rank what is pending by the exact formula, and cut to the best k."""
        pending = self._pending
        ids = pending[0] if len(pending) == 1 else np.concatenate([*pending, _NO_IDS])
        distances = exact_distances(self._prepared.metric, self._prepared.rows[ids], self._query)
        if self._best is not None:
            ids = np.concatenate([self._best.ids, ids])
            distances = np.concatenate([self._best.distances, distances])
        self._best = best_of(ids, distances, self._k, self._radius)
        self._pending, self._waiting = [], 0
        if self._k is not None and len(self._best.ids) == self._k:
            reach = self._surrogate.limit(self._terms, self._i, float(self._best.distances[-1]))
            self._limit = min(self._limit, reach)

    def finish(self) -> Row:
        """The neighbours, nearest first."""
        if self._pending or self._best is None:
            self._settle()
        return self._best if self._best is not None else Row(_NO_IDS, np.empty(0))


_NO_IDS = np.empty(0, dtype=np.int64)


def best_of(
    ids: IdArray, distances: npt.NDArray[np.float64], k: int | None, radius: float | None
) -> Row:
    """The nearest ``k`` within ``radius``, ascending by distance, then by id."""
    if radius is not None:
        inside = distances <= radius
        ids, distances = ids[inside], distances[inside]
    if k is not None and len(ids) > 4 * k:
        near = distances <= np.partition(distances, k - 1)[k - 1]
        ids, distances = ids[near], distances[near]
    order = np.lexsort((ids, distances))[:k]
    return Row(ids[order], distances[order])


def _blocks(
    rows: int, where: BoolArray | IdArray | None, width: int, gathered: int
) -> Iterator[tuple[RowIndex, BoolArray | None]]:
    """The rows that count, as ranges (with a mask where some are left out) or positions."""
    if where is None:
        yield from ((slice(i, min(i + width, rows)), None) for i in range(0, rows, width))
        return
    if is_mask(where):
        if np.count_nonzero(where) >= GATHER_SHARE * rows:
            yield from _masked(where, 0, width)
            return
        positions: IdArray = np.flatnonzero(where)
    else:
        positions = where.astype(np.int64, copy=False)
    if len(positions) == 0:
        return
    first, span = int(positions[0]), int(positions[-1] - positions[0]) + 1
    if len(positions) < GATHER_SHARE * span:
        for start in range(0, len(positions), gathered):
            yield positions[start : start + gathered], None
        return
    mask = np.zeros(span, dtype=np.bool_)
    mask[positions - first] = True
    yield from _masked(mask, first, width)


def _masked(mask: BoolArray, first: int, width: int) -> Iterator[tuple[RowIndex, BoolArray | None]]:
    for start in range(0, len(mask), width):
        part = mask[start : start + width]
        if part.any():
            block = slice(first + start, first + start + len(part))
            yield block, None if part.all() else part
