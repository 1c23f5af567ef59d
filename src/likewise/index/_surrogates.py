"""Cheap stand-ins that rank nearly as a metric does, with a bound on how far they err.

A stand-in is computed in float32 by one matrix product. For a product of two vectors of
``dim`` numbers, summed in any order, the rounding error is at most ``gamma |x| |q|`` with
``gamma = dim u / (1 - dim u)`` and ``u = 2^-24`` (N. J. Higham, Accuracy and Stability of
Numerical Algorithms, 2002, section 3.1). Whatever lies within that margin of the k-th
value is a candidate, and the candidates are ranked again by the exact formula: so the
stand-in saves time and never decides.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._formulas import FORMULAS
from likewise.index._rows import Float32Array, Float64Array, RowSummary
from likewise.metrics import Metric

#: Which rows a block holds: a range, or positions to gather.
RowIndex = slice | npt.NDArray[np.int64]

#: Squares and sums of squares of numbers within these bounds stay inside float32.
SMALLEST, LARGEST = 1e-15, 1e15
#: Rows are moved to their mean when that is this many times as far as they are spread.
FAR = 10.0
#: Numbers below this may be flushed to zero by the processor.
TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, slots=True)
class Terms:
    """One batch of queries, in the units of a stand-in.

    Attributes:
        vectors: (b, dim) what the rows are multiplied with.
        margin: (b,) a bound on the error of every value; infinite where there is none.
        steepness: (b,) the error per length of a row, for a closer look.
        scale: (b,) from a distance (or its square) to the stand-in's units.
        shift: (b,) taken off after scaling.
    """

    vectors: Float32Array
    margin: Float64Array
    steepness: Float64Array
    scale: Float64Array
    shift: Float64Array


class Surrogate(ABC):
    """The stand-in for one metric over one set of rows."""

    #: (n,) lengths of the rows in the stand-in's units, where lengths differ and matter.
    norms: Float32Array | None = None

    @abstractmethod
    def terms(self, queries: Float32Array) -> Terms:
        """The queries (b, dim) in the stand-in's units."""

    @abstractmethod
    def values(self, terms: Terms, block: RowIndex) -> npt.NDArray[Any]:
        """(b, rows in block) values, lower is nearer."""

    def limit(self, terms: Terms, query: int, distance: float) -> float:
        """The value that no row within ``distance`` of the query exceeds."""
        units = self._units(distance) * terms.scale[query] - terms.shift[query]
        return float(units + terms.margin[query])

    def limits(self, terms: Terms, distances: Float64Array) -> Float64Array:
        """(b,) the same for each query with a distance of its own."""
        limits: Float64Array = self._units(distances) * terms.scale - terms.shift + terms.margin
        return limits

    def _units(self, distance: Any) -> Any:
        return distance


def make_surrogate(metric: Metric, rows: Float32Array, summary: RowSummary | None) -> Surrogate:
    """The stand-in for ``metric``; the formula itself where no matrix product ranks alike."""
    if summary is None or metric.name not in FORMULAS:
        return ByFormula(metric, rows)
    if metric.unit:
        return ByCosine(rows, summary)
    return ByDot(rows, summary) if metric.surrogate == "dot" else BySquares(metric, rows, summary)


class ByFormula(Surrogate):
    """`Metric.pairwise` itself, for metrics without a matrix product."""

    def __init__(self, metric: Metric, rows: Float32Array) -> None:
        self._metric, self._rows = metric, rows

    def terms(self, queries: Float32Array) -> Terms:
        zero = np.zeros(len(queries))
        return Terms(queries, zero, zero, zero + 1.0, zero)

    def values(self, terms: Terms, block: RowIndex) -> npt.NDArray[Any]:
        return self._metric.pairwise(terms.vectors, self._rows[block])

    def limit(self, terms: Terms, query: int, distance: float) -> float:
        return distance + 1e-9 * abs(distance)  # float64 rounding, generously

    def limits(self, terms: Terms, distances: Float64Array) -> Float64Array:
        return distances + 1e-9 * np.abs(distances)


class ByCosine(Surrogate):
    """``-x.q / |x|`` with ``q`` at length one; the rows stay as they are."""

    def __init__(self, rows: Float32Array, summary: RowSummary) -> None:
        self._rows = rows
        with np.errstate(over="ignore", divide="ignore"):
            self._inverse: Float32Array | None = (1.0 / summary.norms).astype(np.float32)
        if len(rows) and (summary.norms.min() < SMALLEST or summary.norms.max() > LARGEST):
            self._rows = (rows / summary.norms[:, None]).astype(np.float32)
            self._inverse = None
        self._error = _gamma(rows.shape[1])

    def terms(self, queries: Float32Array) -> Terms:
        wide = queries.astype(np.float64)
        unit = wide / -np.sqrt(np.vecdot(wide, wide))[:, None]
        one = np.ones(len(queries))
        return Terms(unit.astype(np.float32), self._error * one, self._error * one, one, one)

    def values(self, terms: Terms, block: RowIndex) -> npt.NDArray[Any]:
        product = _product(terms.vectors, self._rows[block])
        if self._inverse is not None:
            product *= self._inverse[block]
        return product


class ByDot(Surrogate):
    """``-x.q``; rows out of float32's comfort are scaled by one power of two."""

    def __init__(self, rows: Float32Array, summary: RowSummary) -> None:
        self._scale = _power_of_two(summary.peak)
        self._rows = rows if self._scale == 1.0 else _scaled(rows, None, self._scale)
        self.norms = (summary.norms * self._scale).astype(np.float32)
        self._longest = float(self.norms.max(initial=0.0))
        self._error = _gamma(rows.shape[1])

    def terms(self, queries: Float32Array) -> Terms:
        wide = queries.astype(np.float64)
        peak = np.abs(wide).max(axis=1)
        scale = np.ldexp(1.0, -np.frexp(peak)[1])
        wide *= -scale[:, None]
        steep = self._error * np.sqrt(np.vecdot(wide, wide))
        margin = steep * self._longest + wide.shape[1] * TINY
        return Terms(
            wide.astype(np.float32), margin, steep, scale * self._scale, np.zeros(len(wide))
        )

    def values(self, terms: Terms, block: RowIndex) -> npt.NDArray[Any]:
        return _product(terms.vectors, self._rows[block])


class BySquares(Surrogate):
    """``|x|^2 / 2 - x.q``, half of ``|x - q|^2 - |q|^2``.

    Rows far from the origin are moved to their mean first (in float64), or the difference of
    two large numbers would leave nothing; a copy of the rows is kept for it.
    """

    def __init__(self, metric: Metric, rows: Float32Array, summary: RowSummary) -> None:
        self._squared = metric.name == "sqeuclidean"
        self._centre = _centre(summary)
        self._rows, norms, peak = rows, summary.norms, summary.peak
        if self._centre is not None:
            peak = max(
                (float(np.abs(rows[i : i + 4096] - self._centre).max()))
                for i in range(0, len(rows), 4096)
            )
        self._scale = _power_of_two(peak)
        if self._centre is not None or self._scale != 1.0:
            self._rows = _scaled(rows, self._centre, self._scale)
            norms = np.linalg.norm(self._rows, axis=1).astype(np.float64)
        self.norms = norms.astype(np.float32)
        self._half = (norms**2 / 2).astype(np.float32)
        self._longest = float(norms.max(initial=0.0)) * (1 + 1e-6)
        self._error = _gamma(rows.shape[1])

    def terms(self, queries: Float32Array) -> Terms:
        wide = queries.astype(np.float64)
        if self._centre is not None:
            wide -= self._centre
        wide *= -self._scale
        squared = np.vecdot(wide, wide)
        length = np.sqrt(squared)
        steep = self._error * (length + self._longest)
        margin = steep * self._longest + 2.0**-50 * squared + wide.shape[1] * TINY
        # Products that may leave float32 tell nothing: every row is then a candidate.
        margin[length * (1.0 + self._longest) > 1e36] = np.inf
        scale = np.full(len(wide), self._scale**2 / 2)
        with np.errstate(over="ignore"):
            return Terms(wide.astype(np.float32), margin, steep, scale, squared / 2)

    def values(self, terms: Terms, block: RowIndex) -> npt.NDArray[Any]:
        product = _product(terms.vectors, self._rows[block])
        product += self._half[block]
        return product

    def _units(self, distance: Any) -> Any:
        return distance if self._squared else distance * abs(distance)


def _product(vectors: Float32Array, rows: Float32Array) -> Float32Array:
    with np.errstate(over="ignore", invalid="ignore"):
        if len(vectors) == 1:
            line: Float32Array = rows @ vectors[0]
            return line[None, :]
        product: Float32Array = vectors @ rows.T
    return product


def _gamma(dim: int) -> float:
    # Some steps more than the product has: rounded inputs, the scaling and the final sum.
    steps = (dim + 16) * 2.0**-24
    return steps / (1 - steps) if steps < 0.5 else np.inf


def _centre(summary: RowSummary) -> Float64Array | None:
    count = len(summary.norms)
    if count < 2:
        return None
    mean = summary.total / count
    offset = float(mean @ mean)
    spread = max(0.0, float((summary.norms**2).mean()) - offset)
    return mean if offset > FAR**2 * spread else None


def _power_of_two(peak: float) -> float:
    if peak == 0.0 or SMALLEST <= peak <= LARGEST:
        return 1.0
    return float(np.ldexp(1.0, -int(np.frexp(peak)[1])))


def _scaled(rows: Float32Array, centre: Float64Array | None, scale: float) -> Float32Array:
    moved = np.empty(rows.shape, dtype=np.float32)
    for start in range(0, len(rows), 4096):
        block = rows[start : start + 4096].astype(np.float64)
        if centre is not None:
            block -= centre
        moved[start : start + 4096] = block * scale
    return moved
