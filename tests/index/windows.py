"""What tests of `Window` share: small parts, so that walks happen, and the slow answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

from likewise.index import CostModel, _part_links, _windows
from likewise.metrics import resolve

#: A machine on which a window is walked through rather than scanned.
WALKS = CostModel(call=0.0, streamed=1e-6, gathered=3e-6, graph={16: 1e-6, 1024: 6e-5})


@contextmanager
def small_parts(rows: int = 128) -> Iterator[None]:
    """Indexes fitted inside have parts from so few rows on, and measure few efforts."""
    with (
        mock.patch.object(_part_links, "SMALLEST_PART", rows),
        mock.patch.object(_windows, "EFFORTS", (16, 32, 64, 128)),
        mock.patch.object(_windows, "QUERIES", 64),
    ):
        yield


def make_rows(count: int, dim: int = 12, seed: int = 0) -> Any:
    """(count, dim) rows around a few centres, some of them equal."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((6, dim)) * 2
    rows = centres[rng.integers(0, 6, count)] + rng.standard_normal((count, dim))
    rows[-(count // 20) :] = rows[: count // 20] if count >= 20 else rows[count:]
    return rows.astype(np.float32)


def inside(numbers: Any, window: Any, inclusive: str = "both") -> Any:
    """(n,) which numbers lie in the window, by Python's own comparisons, one by one."""
    low, high = (side.item() if isinstance(side, np.generic) else side for side in window)
    with_low, with_high = inclusive in ("both", "left"), inclusive in ("both", "right")

    def holds(number: Any) -> bool:
        if number is None or number != number:
            return False
        above = low is None or number > low or (with_low and number == low)
        return above and (high is None or number < high or (with_high and number == high))

    return np.array([holds(number) for number in np.asarray(numbers).tolist()], dtype=np.bool_)


def distances(metric: str, query: Any, rows: Any) -> Any:
    """(n,) float64."""
    made = resolve(metric).pairwise(query[None].astype(np.float64), rows.astype(np.float64))
    return np.asarray(made)[0]


def recall_of(found: Any, metric: str, queries: Any, rows: Any, masks: Any, k: int) -> float:
    """The mean share of the true neighbours; checks that no answer is short or wrong.

    ``masks`` (b, n) or (n,) says which rows may be found.
    """
    masks = np.broadcast_to(masks, (len(queries), len(rows)))
    shares = []
    for query, row, mask in zip(queries, found, masks, strict=True):
        truth = np.where(mask, distances(metric, query, rows), np.inf)
        wanted = min(k, int(mask.sum()))
        assert len(row.ids) == len(np.unique(row.ids)) == wanted, "short, or one twice"
        assert mask[row.ids].all(), "a row that may not be found"
        np.testing.assert_allclose(row.distances, truth[row.ids], rtol=1e-6, atol=1e-6)
        assert (np.diff(row.distances) >= 0).all()
        if wanted:
            kth = np.partition(truth, wanted - 1)[wanted - 1]
            shares.append(np.mean(row.distances <= kth + 1e-9 * (1 + abs(kth))))
    return float(np.mean(shares)) if shares else 1.0
