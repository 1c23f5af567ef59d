"""The values that kernels take, as named tuples; made without numba, so that all may import them.

Arrays that a kernel only reads are read-only, for which the kernels are compiled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

#: Kinds of spaces. Only `SQUARED` and `PRODUCT` can have 8-bit codes; `CUSTOM` is no kernel's, but
#: that of `likewise.index._plain` for any metric.
SQUARED, MANHATTAN, CHEBYSHEV, HAMMING, JACCARD, CUSTOM, PRODUCT = range(7)
#: Metrics that are compiled, by the numbers that kernels know them by.
METRIC_NUMBERS = {
    "cosine": 0,
    "euclidean": 1,
    "sqeuclidean": 2,
    "dot": 3,
    "manhattan": 4,
    "chebyshev": 5,
    "hamming": 6,
    "jaccard": 7,
}
#: The number of all others.
NOT_COMPILED = -1
#: Rows where a walk begins: the best of the entries.
STARTS = 2
#: New neighbours that one row considers at once; more than come together in practice.
CROWD = 4096
#: An equal row is looked for among so many of the nearest.
ALIKE = 8
#: How far from a lost row's neighbour one is looked for that has room.
STEPS = 64
#: No distance budget.
ENDLESS = 1 << 62
#: The largest whole number in an 8-bit code, and what is added to make it positive.
LARGEST_CODE, CODE_OFFSET = 127, 128


class Space(NamedTuple):
    """The coded rows.

    Attributes:
        codes: (n, stride) uint8 or float32; the stride is filled up with what adds nothing.
        terms: (n, 2) float32, the scale and the bias of each row of 8-bit or 4-bit codes; else
            (0, 2).
        kind: of `SQUARED`, ...
    """

    codes: Any
    terms: Any
    kind: int


class Placing(NamedTuple):
    """How queries come into the space.

    Attributes:
        mean: (dim,) float32, taken off (8-bit codes).
        factor: a power of two that brings the numbers into float32's comfort.
        unit: 1 where only directions count, else 0.
        reach: the length that queries are given where products are compared, else 0.
    """

    mean: Any
    factor: float
    unit: int
    reach: float


class Query(NamedTuple):
    """One query, or one row in the place of a query.

    Attributes:
        code: (stride,) int8 or float32.
        steep: what a dot product is multiplied by, beside the row's scale.
        shift: what is taken off the dot product.
        base: what makes a key a distance.
    """

    code: Any
    steep: Any
    shift: Any
    base: Any


class Entries(NamedTuple):
    """Rows spread over the whole space, of which a walk begins at the nearest.

    Attributes:
        space: their codes, gathered, so that comparing with all of them is one fast scan.
        ids: (entries,) int32, which rows they are.
        places: (entries,) int32, 0, 1, 2, ...
    """

    space: Any
    ids: Any
    places: Any


class Parts(NamedTuple):
    """Rows in the order of a number, cut into ever smaller parts, and a window of them.

    Attributes:
        whole: (n, degree) int32, links among all rows, -1 after the last.
        links: (n, levels, few) int32, links of every row within its part, coarse parts first.
        sizes: (levels,) int64, rows a part: multiples of each other, the largest first.
        half: 1 where every part begins half a part earlier than a multiple of its size, else 0.
        low, high: the window, from ``low`` up to ``high`` (not included).
        first: levels from this one on are looked at; 0 is the whole, 1 the coarsest parts.
    """

    whole: Any
    links: Any
    sizes: Any
    half: Any
    low: Any
    high: Any
    first: Any


class Passing(NamedTuple):
    """The rows that pass a filter, and links that lead from one to another past those that fail.

    Attributes:
        links: (n, degree) int32, links among all rows, -1 after the last.
        mask: (n,) bool, the rows that pass.
        enough: with so many neighbours at hand no further row that fails is looked past.
    """

    links: Any
    mask: Any
    enough: Any


class Visited(NamedTuple):
    """What one walk after the other has seen.

    Attributes:
        marks: (n,) uint8, the number of the last walk that saw a row.
        walk: (1,) int64, the number of the walk, from 1 to 255; then the marks are cleared.
    """

    marks: Any
    walk: Any


class Effort(NamedTuple):
    """How far a walk goes.

    Attributes:
        pool: the length of the list of the nearest rows.
        stop: end when the next row is farther than this many times the k-th; 0 is never.
        depth: that k.
        budget: end before expanding a row once so many distances are computed.
    """

    pool: int
    stop: float
    depth: int
    budget: int


class Diversity(NamedTuple):
    """Which neighbours are diverse enough.

    Attributes:
        strict: a candidate is left out when it is so many times nearer to a chosen one (in
            the space's own units, so squared for squared distances).
        loose: the same, for rows that would have fewer than ``fewest`` neighbours.
        fewest: that number.
    """

    strict: float
    loose: float
    fewest: int


class Wanted(NamedTuple):
    """What is asked of every query of a batch.

    Attributes:
        metric: of `METRIC_NUMBERS`, or `NOT_COMPILED`.
        k: rows wanted; 0 is all within the radius.
        ranked: rows of the pool, passing the filter, that are ranked exactly.
        sorted: rows of the pool that are sorted by their 8-bit codes first, where a walk
            compared 4-bit ones.
        radius: the largest distance; infinite is none.
        low, high: rows from ``low`` up to ``high`` (not included) may be found;
        beyond: and those from ``beyond`` on.
    """

    metric: int
    k: int
    ranked: int
    sorted: int
    radius: float
    low: int
    high: int
    beyond: int


class Found(NamedTuple):
    """Where the answers go, a line a query.

    Attributes:
        ids, distances: (queries, width) int64 and float64, nearest first.
        notes: (queries, 3) int64: how many there are (`COUNT`), -1 for a query that is not
            finite, or too large or without direction in this space; how long a list without
            the filter had to be for them (`DEPTH`), 0 where the pool was too short to tell;
            and distances computed (`SCANNED`).
        ratios: (queries,) float32, the stopping ratio that would have lost nothing; or (0,).
    """

    ids: Any
    distances: Any
    notes: Any
    ratios: Any


#: The columns of `Found.notes`.
COUNT, DEPTH, SCANNED = range(3)
#: In the place of `DEPTH` where rows are scanned by codes: how many of the answer the last third
#: of the list had. Where those are many, more may lie beyond the list.
LATE = DEPTH
#: In its place where a walk meets only rows that pass: how many entries, whether they pass or not,
#: are nearer than the k-th of its list. Where those are many, the filter fails what is near.
NEARER = DEPTH
#: Queries with larger numbers, after scaling, have no place in a space of squared distances.
LARGEST = 1e15
#: The largest finite float32.
FLOAT_MAX = 3.4028234663852886e38
#: Windows of at most so many rows are scanned by 8-bit codes also where there are 4-bit ones.
SHORT = 512
#: Rows where a walk within a part or a window begins.
PART_STARTS = 24
#: With so many neighbours at hand no finer part is asked for more.
ENOUGH = 32
#: Rows spread over those that pass a filter, where a walk among them also begins.
SPREAD = 8
#: How a window is searched: every row of it; along the links within the window that all parts
#: give; in the smallest part that holds it; in the largest parts within it; in these and, at both
#: ends, in the smallest that hold the rest; and in the smallest part of those that overlap.
BY_SCAN, BY_PARTS, BY_ONE, BY_TREE, BY_THREE, BY_OVERLAP = range(6)
