"""The values that the kernels of postings take; made without numba, so that all may import them.

Arrays that a kernel only reads are read-only, for which the kernels are compiled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

#: Postings of a block, of which the largest weight and the shortest row are kept.
BLOCK = 64
#: A term that at least one row in so many has gets a bitmap, in which rows are looked up quicker.
DENSE = 16
#: Rows that are scored together: their sums stay in the processor's nearest caches.
WINDOW = 8192


class Postings(NamedTuple):
    """Postings of consecutive rows by term: the term at place t owns ``starts[t]:starts[t + 1]``.

    Attributes:
        starts: (terms + 1,) int64.
        rows: (postings,) int32, ascending within a term.
        weights: (postings,) float32.
        lengths: (rows,) int32, the sum of each row's counts; empty for inner products.
        blocks: (terms + 1,) int64: the term owns these blocks of `BLOCK` postings, the last of
            them shorter.
        peaks: (blocks,) float32, the largest weight of each.
        shortest: (blocks,) int32, the least of the lengths of its rows; empty as lengths are.
        lasts: (blocks,) int32, its last row.
        bitmaps: (terms,) int64, where the bitmap of a term that many rows have begins in the next
            two; -1 for the others.
        bits: uint64, one bit a row: whether it has the term.
        before: int32, for each word of ``bits`` the postings of the term before its rows.
    """

    starts: Any
    rows: Any
    weights: Any
    lengths: Any
    blocks: Any
    peaks: Any
    shortest: Any
    lasts: Any
    bitmaps: Any
    bits: Any
    before: Any


class Formula(NamedTuple):
    """What a posting adds: ``w x``, or with counts, as in `likewise.index._weightings`::

    B = fixed + slope * length
    w (scale (x + low B) / (x + high B) + plus)
    """

    counts: bool
    scale: float
    low: float
    high: float
    plus: float
    fixed: float
    slope: float


class Asked(NamedTuple):
    """Queries: query q owns ``offsets[q]:offsets[q + 1]`` of ``places`` and ``weights``.

    Attributes:
        offsets: (queries + 1,) int64.
        places: int64, the places of its terms among the postings.
        weights: float64, the weight of each in the query, times its idf.
    """

    offsets: Any
    places: Any
    weights: Any


class Best(NamedTuple):
    """The best rows so far: a heap a query, the worst of them first.

    Attributes:
        scores, rows: (queries, k) float64 and int64.
        found: (queries,) int64: how many there are.
    """

    scores: Any
    rows: Any
    found: Any


#: What a search knows of a term of a query:
#:
#: - ``place``, ``weight``: as in `Asked`;
#: - ``at``, ``end``: its postings in the window; ``stop``: where all of them end;
#: - ``bound``: the most that it adds to a row there;
#: - ``rank``: its place among the terms by their bounds, the least first; ``rest``: the sum of the
#:   bounds of those before.
Term = np.dtype(
    [(name, np.int64) for name in ("place", "at", "end", "stop", "rank")]
    + [(name, np.float64) for name in ("weight", "bound", "rest")]
)


def best(queries: int, k: int) -> Best:
    """Nothing found yet."""
    return Best(
        np.empty((queries, k), dtype=np.float64),
        np.empty((queries, k), dtype=np.int64),
        np.zeros(queries, dtype=np.int64),
    )


def memory() -> Any:
    """What one thread adds up with: the sums of a window, which are 0 between searches, and what
    the postings of a term add there."""
    return np.zeros((2, WINDOW + BLOCK), dtype=np.float64)
