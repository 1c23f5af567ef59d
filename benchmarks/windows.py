"""Windows to ask for, of every width, and what is true in them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.attributed import AttributedSet
from benchmarks.vectors import kept
from benchmarks.workspace import Workspace

K = 10
#: Widths are 2^0 ... 2^-16 of the rows.
NARROWEST = 16
#: More than k candidates in float32 are ranked again in float64.
SPARE = 40
#: Rows this near to the last true neighbour (squared distance) are as near as it.
TIE = 1e-9

RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

Positions = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """One window for each query, all of one width.

    Attributes:
        exponent: the width is 2^-exponent of the rows.
        size: rows in a window, were no two numbers equal.
        lows, highs: (m,) the bounds, both inclusive.
        starts, stops: (m,) the rows in the window, as positions in the order of the number.
        farthest: (m,) squared distance of the last of the true neighbours.
        count: (m,) how many there are, min(k, rows in the window).
    """

    exponent: int
    size: int
    lows: Numbers
    highs: Numbers
    starts: Positions
    stops: Positions
    farthest: Numbers
    count: Positions

    def __len__(self) -> int:
        return len(self.lows)


@dataclass(frozen=True, slots=True)
class Ordered:
    """A set in the order of its number.

    Attributes:
        order: (n,) positions of the rows.
        place: (n,) the inverse.
        rows: (n, dim) float32.
        numbers: (n,) rising.
    """

    order: Positions
    place: Positions
    rows: npt.NDArray[np.float32]
    numbers: Numbers

    @classmethod
    def of(cls, data: AttributedSet) -> Ordered:
        """Equal numbers in the order of the rows."""
        order = np.argsort(data.attribute, kind="stable")
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        return cls(order, place, np.ascontiguousarray(data.rows[order]), data.attribute[order])

    def span(self, lows: Numbers, highs: Numbers) -> tuple[Positions, Positions]:
        """From and up to which position the windows go."""
        starts = np.searchsorted(self.numbers, lows, side="left")
        return starts, np.maximum(starts, np.searchsorted(self.numbers, highs, side="right"))


def width(exponent: int) -> str:
    """2^-exponent, for readers."""
    return "2⁻" + str(exponent).translate(RAISED) if exponent else "1"


def exponents(rows: int) -> list[int]:
    """The widths at which a window holds a row."""
    return [e for e in range(NARROWEST + 1) if rows >> e >= 1]


def asked(
    data: AttributedSet, ordered: Ordered, workspace: Workspace, random_state: int
) -> Iterator[Asked]:
    """Windows of every width, widest first; the true neighbours are kept in the workspace."""
    for exponent in exponents(len(data.rows)):
        size = max(1, round(len(data.rows) / 2**exponent))
        rng = np.random.default_rng([random_state, exponent])
        first = placed(data, ordered, size, rng)
        lows, highs = ordered.numbers[first], ordered.numbers[first + size - 1]
        starts, stops = ordered.span(lows, highs)
        count = np.minimum(stops - starts, K)
        key = f"{_check_sum(data.rows, data.queries, starts, stops):08x}"
        path = workspace.root / f"{data.name}-window-{exponent}-{key}.npy"
        far = kept(path, lambda: farthest(ordered.rows, data.queries, starts, stops))  # noqa: B023
        yield Asked(exponent, size, lows, highs, starts, stops, far, count)


def _check_sum(*arrays: npt.NDArray[Any]) -> int:
    found = 0
    for array in arrays:
        found = zlib.crc32(np.ascontiguousarray(array), found)
    return found


def placed(data: AttributedSet, ordered: Ordered, size: int, rng: np.random.Generator) -> Positions:
    """(m,) the first position of the window of each query, drawn at random.

    Where rows unlike the query are asked for, it is drawn among the places at least half as far
    from the number of the query, in rows between, as the farthest place there is.
    """
    last = len(ordered.numbers) - size
    if data.ask == "anywhere":
        return rng.integers(0, last + 1, len(data.queries))
    own = np.searchsorted(ordered.numbers, data.own)
    gap = np.maximum(np.maximum(own - size, last - own), 0) // 2
    below = np.maximum(own - size - gap + 1, 0)  # so many places to the left, from 0 on
    above = np.maximum(last - (own + gap) + 1, 0)  # and to the right, up to the last
    drawn = rng.integers(0, np.maximum(below + above, 1))
    return np.clip(np.where(drawn < below, drawn, last - (drawn - below)), 0, last)


def farthest(
    rows: npt.NDArray[np.float32],
    queries: npt.NDArray[np.float32],
    starts: Positions,
    stops: Positions,
) -> Numbers:
    """Squared distance of each query to the last of its min(k, rows) nearest in its slice.

    Every distance is computed in float32; the best `SPARE` more than k again in float64. Over
    rows of unit length this is the order of the cosine too.
    """
    squares = np.einsum("ij,ij->i", rows, rows)
    found = np.empty(len(queries))
    for i, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        near = np.arange(start, stop)
        if len(near) > K + SPARE:
            rough = squares[start:stop] - 2 * (rows[start:stop] @ queries[i])
            near = start + np.argpartition(rough, K + SPARE)[: K + SPARE]
        true = gaps(rows[near], queries[i])
        found[i] = np.partition(true, min(K, len(near)) - 1)[min(K, len(near)) - 1]
    return found


def gaps(rows: npt.NDArray[np.float32], queries: npt.NDArray[np.float32]) -> Numbers:
    """Squared distances in float64 along the last axis."""
    difference = rows.astype(np.float64) - queries.astype(np.float64)
    squared: Numbers = np.einsum("...j,...j->...", difference, difference)
    return squared


def recall_of(
    found: npt.NDArray[Any],
    queries: npt.NDArray[np.float32],
    ordered: Ordered,
    windows: Asked,
    some: slice = slice(None),
) -> float:
    """The share of the true neighbours that were found, over ``some`` of the queries.

    ``found`` (queries, k) are positions of rows, -1 where there are no more. A row counts once,
    if it is in the window and no farther than the last true neighbour.
    """
    found = np.sort(np.asarray(found).astype(np.int64), axis=1)
    counts = np.ones_like(found, dtype=bool)
    counts[:, 1:] = found[:, 1:] != found[:, :-1]
    place = ordered.place[np.maximum(found, 0)]
    starts, stops = windows.starts[some, None], windows.stops[some, None]
    counts &= (found >= 0) & (place >= starts) & (place < stops)
    near = gaps(ordered.rows[place], queries[some, None])
    counts &= near <= windows.farthest[some, None] + TIE
    hits = np.minimum(counts.sum(axis=1), windows.count[some])
    return float(hits.sum() / windows.count[some].sum())
