"""`RecallCurve`: how much of the truth a search finds, by the effort it spends.

Recall at depth K is the share of the true K nearest that the search lists among its first
K. It is measured with queries whose own rows are not in the index, averaged over them, and
carried with a one-sided 95 % lower bound, so that a promise is kept with some confidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.results import Row

Float64Array = npt.NDArray[np.float64]

#: Depths at which recall is measured, where there are rows enough.
DEPTHS = (1, 10, 30, 100, 300, 1000)
#: One-sided 95 % of the normal distribution.
Z = 1.6449
#: Misses of one query come together: the least correlation assumed between its hits.
CORRELATION = 0.1
#: Distances this close (relative to themselves, and near 0 to the others) count as equal.
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class RecallCurve:
    """A monotone curve from effort to recall, for several depths.

    Attributes:
        efforts: ascending, in the index's own unit (for a graph, the length of its list).
        depths: ascending.
        recall: (efforts, depths) mean recall; 0 where it was not measured.
        lower: (efforts, depths) lower confidence bound.
        queries: how many queries were asked.

    Example:
        >>> curve = RecallCurve((16, 64), (1, 10), [[0.9, 0.8], [0.99, 0.97]],
        ...                     [[0.85, 0.75], [0.98, 0.96]], 200)
        >>> curve.effort_for(0.95, k=5)
        (64, 0.97)
        >>> curve.effort_for(0.99, k=5) is None
        True
    """

    efforts: tuple[int, ...]
    depths: tuple[int, ...]
    recall: Sequence[Sequence[float]]
    lower: Sequence[Sequence[float]]
    queries: int

    def effort_for(self, recall: float, k: int) -> tuple[int, float] | None:
        """The least effort whose lower bound reaches ``recall`` at depth ``k``, and its recall.

        Between measured depths the next larger one speaks. None when no effort will do.

        Example:
            >>> curve = RecallCurve((16, 64), (1, 10), [[0.9, 0.8], [0.99, 0.97]],
            ...                     [[0.85, 0.75], [0.98, 0.96]], 200)
            >>> curve.effort_for(0.7, k=10)
            (16, 0.8)
        """
        column = self._column(k)
        if column is None:
            return None
        for row, effort in enumerate(self.efforts):
            if effort >= k and self.lower[row][column] >= recall:
                return effort, self.recall[row][column]
        return None

    def recall_at(self, effort: int, k: int) -> float:
        """Mean recall at depth ``k``; 0.0 where nothing was measured.

        Example:
            >>> curve = RecallCurve((16, 64), (1, 10), [[0.9, 0.8], [0.99, 0.97]],
            ...                     [[0.85, 0.75], [0.98, 0.96]], 200)
            >>> curve.recall_at(64, k=10), curve.recall_at(40, k=10), curve.recall_at(64, k=100)
            (0.97, 0.8, 0.0)
        """
        return self._at(self.recall, effort, k)

    def lower_at(self, effort: int, k: int) -> float:
        """Lower bound of the recall at depth ``k``; 0.0 where nothing was measured.

        Example:
            >>> curve = RecallCurve((16, 64), (1, 10), [[0.9, 0.8], [0.99, 0.97]],
            ...                     [[0.85, 0.75], [0.98, 0.96]], 200)
            >>> curve.lower_at(64, k=10)
            0.96
        """
        return self._at(self.lower, effort, k)

    def next_effort(self, effort: int) -> int | None:
        """The smallest measured effort of at least twice ``effort``, or the last one.

        Example:
            >>> curve = RecallCurve((16, 64), (1, 10), [[0.9, 0.8], [0.99, 0.97]],
            ...                     [[0.85, 0.75], [0.98, 0.96]], 200)
            >>> curve.next_effort(16), curve.next_effort(64)
            (64, None)
        """
        larger = [e for e in self.efforts if e > effort]
        return next((e for e in larger if e >= 2 * effort), larger[-1] if larger else None)

    def worst(self, other: RecallCurve) -> RecallCurve:
        """At each effort and depth the lower of two curves, so that a promise holds for both.

        Example:
            >>> curve = RecallCurve((16, 64), (1, 10), [[0.9, 0.8], [0.99, 0.97]],
            ...                     [[0.85, 0.75], [0.98, 0.96]], 200)
            >>> other = RecallCurve((16, 64), (1, 10), [[0.8, 0.9]] * 2, [[0.7, 0.8]] * 2, 50)
            >>> curve.worst(other).recall, curve.worst(other).queries
            ([[0.8, 0.8], [0.8, 0.9]], 250)
        """
        recall = np.minimum(self.recall, other.recall).tolist()
        lower = np.minimum(self.lower, other.lower).tolist()
        return RecallCurve(self.efforts, self.depths, recall, lower, self.queries + other.queries)

    def depth_of(self, k: int) -> int:
        """The measured depth that speaks for ``k``; ``k`` itself where none does.

        Example:
            >>> curve = RecallCurve((16, 64), (1, 10), [[0.9, 0.8], [0.99, 0.97]],
            ...                     [[0.85, 0.75], [0.98, 0.96]], 200)
            >>> curve.depth_of(5), curve.depth_of(50)
            (10, 50)
        """
        column = self._column(k)
        return k if column is None else self.depths[column]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON.

        Example:
            >>> curve = RecallCurve((16, 64), (1, 10), [[0.9, 0.8], [0.99, 0.97]],
            ...                     [[0.85, 0.75], [0.98, 0.96]], 200)
            >>> curve.to_dict()["efforts"]
            [16, 64]
        """
        return {
            "efforts": list(self.efforts),
            "depths": list(self.depths),
            "recall": [list(row) for row in self.recall],
            "lower": [list(row) for row in self.lower],
            "queries": self.queries,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RecallCurve:
        """The inverse of `to_dict`.

        Example:
            >>> curve = RecallCurve((16, 64), (1, 10), [[0.9, 0.8], [0.99, 0.97]],
            ...                     [[0.85, 0.75], [0.98, 0.96]], 200)
            >>> RecallCurve.from_dict(curve.to_dict()).efforts
            (16, 64)
        """
        return cls(
            tuple(values["efforts"]),
            tuple(values["depths"]),
            values["recall"],
            values["lower"],
            values["queries"],
        )

    def _column(self, k: int) -> int | None:
        return next((i for i, depth in enumerate(self.depths) if depth >= k), None)

    def _at(self, table: Sequence[Sequence[float]], effort: int, k: int) -> float:
        column = self._column(k)
        rows = [i for i, measured in enumerate(self.efforts) if measured <= effort]
        return table[rows[-1]][column] if column is not None and rows else 0.0


def depths_for(rows: int) -> tuple[int, ...]:
    """The depths worth measuring on an index of ``rows`` rows."""
    return tuple(depth for depth in DEPTHS if depth == 1 or 4 * depth <= rows)


def measure(
    search: Callable[[int, int], Sequence[Row]],
    truth: Sequence[Row],
    efforts: Sequence[int],
    depths: Sequence[int],
) -> RecallCurve:
    """Ask the same queries at every effort and compare with the truth.

    Args:
        search: from an effort and a depth to one `Row` a query, with exact distances, nearest
            first: the very search that is done for so many rows.
        truth: one `Row` a query, at least ``max(depths)`` long.
        efforts: ascending.
        depths: ascending.

    A row as near as the true K-th neighbour counts as found: ties are not failures.
    A curve that dips is levelled to what the larger efforts still reach.
    """
    shape = (len(efforts), len(depths))
    mean, lower = np.zeros(shape), np.zeros(shape)
    for row, effort in enumerate(efforts):
        for column, depth in enumerate(depths):
            answers = search(effort, depth)
            shares = [share_found(a, t, depth) for a, t in zip(answers, truth, strict=True)]
            mean[row, column] = np.mean(shares)
            lower[row, column] = lower_bound(np.array(shares), depth)
    mean = np.minimum.accumulate(mean[::-1], axis=0)[::-1]
    lower = np.minimum.accumulate(lower[::-1], axis=0)[::-1]
    return RecallCurve(tuple(efforts), tuple(depths), mean.tolist(), lower.tolist(), len(truth))


def share_found(answer: Row, truth: Row, depth: int) -> float:
    """Recall at ``depth`` of one answer; rows tied with the last true one are as good."""
    wanted = min(depth, len(truth.ids))
    if wanted == 0:
        return 1.0
    last = float(truth.distances[wanted - 1])
    # All distances may be tiny: what counts as 0 is measured by the largest of them.
    reach = last + TIE * max(abs(last), TIE * float(np.abs(truth.distances).max()))
    found = int(np.count_nonzero(answer.distances[:depth] <= reach))
    return min(found, wanted) / wanted


def lower_bound(shares: Float64Array, depth: int) -> float:
    """One-sided 95 % Wilson bound of the mean share.

    Every query brings ``depth`` hits, but hits of one query hang together, so they count for
    fewer: divided by the design effect, measured from the spread between the queries and
    never below ``1 + (depth - 1) / 10`` (E. B. Wilson, 1927; L. Kish, Survey Sampling, 1965).

    Example:
        >>> round(lower_bound(np.ones(200), 10), 4)
        0.9974
    """
    count, mean = len(shares), float(shares.mean())
    effect = 1 + (depth - 1) * CORRELATION
    if 0 < mean < 1 and count > 1:
        effect = max(effect, float(shares.var(ddof=1)) * depth / (mean * (1 - mean)))
    trials = count * depth / effect
    centre = mean + Z**2 / (2 * trials)
    spread = Z * np.sqrt(mean * (1 - mean) / trials + Z**2 / (4 * trials**2))
    return float(max(0.0, (centre - spread) / (1 + Z**2 / trials)))
