"""Sums over all pairs of distances, which distance covariances are made of.

With ``a_ij = |x_i - x_j|`` and ``b_ij = |y_i - y_j|`` these are the row sums ``a_i.``, and the
sum of ``a_ij b_ij``: in O(n log n) for numbers and for classes, in O(n^2) for vectors.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.kernels.parameters import Float64Array

#: Rows of distances that are in memory at a time, for vectors.
BLOCK = 256
#: Up to so many numbers it is faster to look at all pairs than to sort.
DIRECT = 200


class Values:
    """n numbers, or n vectors (n, dim), with Euclidean distances."""

    def __init__(self, rows: Float64Array) -> None:
        self.rows = rows - rows.mean(axis=0)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def constant(self) -> bool:
        """Whether all rows are the same."""
        return bool((self.rows == self.rows[:1]).all())

    @property
    def single(self) -> bool:
        """Whether the rows are numbers."""
        return len(self.rows[0]) == 1

    @property
    def numbers(self) -> Float64Array:
        """The rows where they are numbers, (n,)."""
        return np.asarray(self.rows[:, 0])

    @cached_property
    def rank(self) -> npt.NDArray[np.intp]:
        """The place of each number in their order."""
        rank = np.empty(len(self), dtype=np.intp)
        rank[np.argsort(self.numbers, kind="stable")] = np.arange(len(self))
        return rank

    @cached_property
    def sums(self) -> Float64Array:
        """(n,) the sum of the distances of each row to all."""
        if self.single:
            return sums_of_numbers(self.numbers)
        return np.concatenate([self.distances(part).sum(axis=1) for part in blocks(len(self))])

    @cached_property
    def squares(self) -> float:
        """The sum of all squared distances."""
        total = self.rows.sum(axis=0)
        return float(2 * (len(self) * (self.rows**2).sum() - total @ total))

    def distances(self, part: slice) -> Float64Array:
        """The distances of some rows to all."""
        from scipy.spatial.distance import cdist

        return np.asarray(cdist(self.rows[part], self.rows))


class Labels:
    """n classes, 0, 1, ...; the distance of two of them is 1, of the same class 0."""

    def __init__(self, classes: npt.NDArray[np.intp]) -> None:
        self.classes = classes
        self.counts = np.bincount(classes)

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def constant(self) -> bool:
        """Whether there is one class only."""
        return len(self.counts) < 2

    @property
    def sums(self) -> Float64Array:
        """(n,) how many rows are of another class."""
        return np.asarray(len(self) - self.counts[self.classes], dtype=np.float64)

    @property
    def squares(self) -> float:
        """How many ordered pairs differ."""
        return float(self.sums.sum())


def product(x: Values, y: Values | Labels) -> float:
    """``sum_ij a_ij b_ij``."""
    if x is y:
        return x.squares
    if isinstance(y, Labels):
        return _by_class(x, y)
    if x.single and y.single and len(x) > DIRECT:
        return _of_numbers(x, y)
    parts = blocks(len(x))
    return float(sum(np.vdot(x.distances(part), y.distances(part)) for part in parts))


def sums_of_numbers(x: Float64Array) -> Float64Array:
    """``sum_j |x_i - x_j|`` by sorting, in O(n log n)."""
    n, order = len(x), np.argsort(x, kind="stable")
    sorted_ = x[order]
    before = np.cumsum(sorted_) - sorted_
    after = sorted_.sum() - before - sorted_
    places = np.arange(n)
    out = np.empty(n)
    out[order] = sorted_ * (2 * places - n + 1) - before + after
    return out


def _by_class(x: Values, y: Labels) -> float:
    within = 0.0
    for c in range(len(y.counts)):
        rows = np.flatnonzero(y.classes == c)
        if x.single:
            within += sums_of_numbers(x.numbers[rows]).sum()
        else:
            within += Values(x.rows[rows]).sums.sum() if len(rows) else 0.0
    return float(x.sums.sum() - within)


def _of_numbers(x: Values, y: Values) -> float:
    """``sum_ij |x_i - x_j| |y_i - y_j|`` in O(n log n).

    A pair counts ``(x_i - x_j)(y_i - y_j)`` with the sign that makes it positive: those that
    both coordinates order alike are counted twice, and once all pairs are taken away. Which
    rows are below a row in both is found bit by bit of the place in x, with the rows in the
    order of y: the way of a wavelet matrix.
    """
    n = len(x)
    order = np.argsort(y.numbers, kind="stable")
    place, u, v = x.rank[order], x.numbers[order], y.numbers[order]
    alike = 0.0
    for bit in range(max(n - 1, 1).bit_length() - 1, -1, -1):
        high = (place >> bit) & 1 == 1
        node = place >> (bit + 1)
        # Nodes lie together, each in the order of y; sums run from the begin of the node.
        begins = np.flatnonzero(np.diff(node, prepend=-1) != 0)
        start = np.repeat(begins, np.diff(begins, append=n))
        low = ~high
        at, start = np.flatnonzero(high), start[high]
        count, su, sv, suv = (_below(w * low, at, start) for w in (1.0, u, v, u * v))
        a, b = u[at], v[at]
        alike += float((a * b * count - a * sv - b * su + suv).sum())
        turn = np.concatenate([np.flatnonzero(low), at])
        place, u, v = place[turn], u[turn], v[turn]
    pairs = n * float(u @ v) - float(u.sum()) * float(v.sum())
    return 2 * (2 * alike - pairs)


def _below(
    weights: Float64Array, at: npt.NDArray[np.intp], start: npt.NDArray[np.intp]
) -> Float64Array:
    total = np.concatenate([np.zeros(1), np.cumsum(weights)])
    return np.asarray(total[at] - total[start])


def blocks(n: int) -> list[slice]:
    """n rows in blocks."""
    return [slice(i, min(i + BLOCK, n)) for i in range(0, n, BLOCK)]


def biased(x: Values, y: Values | Labels) -> float:
    """The mean of A_ij B_ij, doubly centred (the V-statistic), never negative."""
    if x.constant or y.constant:
        return 0.0
    n, a, b = len(x), x.sums, y.sums
    total = product(x, y) / n**2 - 2 * (a @ b) / n**3 + a.sum() * b.sum() / n**4
    return max(float(total), 0.0)


def unbiased(x: Any, y: Any) -> float:
    """The inner product of the U-centred matrices: unbiased, and negative by chance."""
    if x.constant or y.constant:
        return 0.0
    n, a, b = len(x), x.sums, y.sums
    whole = x.squares if x is y else product(x, y)
    total = whole - 2 * (a @ b) / (n - 2) + a.sum() * b.sum() / ((n - 1) * (n - 2))
    return float(total / (n * (n - 3)))
