"""What searches take on this machine, by the clock: the planner's constants for one graph."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from likewise.index._among import Scanner
from likewise.index.planner import SCAN_PARTS, CostModel, scan_length, scan_parts
from likewise.index.scanning import GATHER_SHARE, PreparedRows, scan
from likewise.vectors import Float32Array

#: Scans by codes that are timed: k, and the share of the rows that are listed.
SCANS = tuple((k, share) for k in (10, 100) for share in (1.0, 1 / 4, 1 / 16, 1 / 64))
#: Rows of the shortest scans.
FEWEST = 16
#: The longest scans are timed for so many queries.
FEW = 5


def walk_seconds(
    efforts: list[int], queries: Float32Array, search: Callable[[Float32Array, int], Any]
) -> dict[int, float]:
    """The usual time of one query at each effort."""
    seconds = [_usual(queries, partial(_swapped, search, effort)) for effort in efforts]
    # A larger effort is never cheaper; a busy machine may make it look so.
    return dict(zip(efforts, np.maximum.accumulate(seconds).tolist(), strict=True))


def scan_seconds(scanner: Scanner, queries: Float32Array, rows: int) -> dict[str, float]:
    """What the parts of a scan by codes take: those of `planner.SCAN_PARTS`."""
    from scipy.optimize import nnls

    parts, seconds = [], []
    rng = np.random.default_rng(0)
    for k, share in (*SCANS, (1, 0.0)):
        matching = max(FEWEST, int(share * rows))
        listed = np.sort(rng.permutation(rows)[:matching]).astype(np.int32)
        few, wanted = queries[: max(FEW, len(queries) // 2)], min(k, matching)

        def one(query: Float32Array, listed: Any = listed, k: int = wanted) -> None:
            scanner.find(query, listed, k, scan_length(k))

        seconds.append(_usual(few, one))
        parts.append(scan_parts(rows, matching, scan_length(wanted)))
    # Relative to what was measured, so that short scans count as much as long ones.
    weights = 1 / np.array(seconds)
    taken = nnls(np.array(parts) * weights[:, None], np.ones(len(parts)))[0]
    return dict(zip(SCAN_PARTS, taken.tolist(), strict=True))


def with_exact(costs: CostModel, prepared: PreparedRows, queries: Float32Array) -> CostModel:
    """The same with what exact scans of these rows take."""
    rows, dim = prepared.rows.shape
    some = np.linspace(0, rows - 1, min(rows, FEWEST)).astype(np.int64)
    many = np.flatnonzero(np.random.default_rng(0).random(rows) < GATHER_SHARE / 2)

    def taken(where: Any) -> float:
        few = queries if where is some else queries[:FEW]
        # The least: others may be at work, and a product of matrices waits for all of its threads.
        return min(_seconds(few, lambda q: scan(prepared, q, min(10, rows), None, where)))

    call = taken(some)
    gathered = max(0.0, taken(many) - call) / max(1, len(many) * dim)
    streamed = max(0.0, taken(None) - call) / (rows * dim)
    return replace(costs, call=call, gathered=gathered, streamed=streamed, value=0.0)


def _swapped(search: Callable[[Float32Array, int], Any], effort: int, query: Float32Array) -> None:
    search(query, effort)


def _usual(queries: Float32Array, search: Callable[[Float32Array], Any]) -> float:
    """The median time of a search with one query."""
    return float(np.median(_seconds(queries, search)))


def _seconds(queries: Float32Array, search: Callable[[Float32Array], Any]) -> list[float]:
    spent = []
    for i in range(len(queries)):
        start = time.perf_counter()
        search(queries[i : i + 1])
        spent.append(time.perf_counter() - start)
    return spent
