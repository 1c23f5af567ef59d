"""How densely rows lie around a query, and which of them make it so."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_number
from likewise.errors import InvalidArgument, UnknownMetric
from likewise.learn._unit import directions
from likewise.learn.density import BANDWIDTHS
from likewise.learn.gaussian_sums import log_sums
from likewise.store.batch import Id
from likewise.store.deciding.live_rows import LiveRows, ids_of

Float64Array = npt.NDArray[np.float64]

#: The rows that add most, which an answer names.
NAMED = 10
#: Metrics whose distances Gaussians are of: for cosine, of the rows at length 1.
METRICS = ("cosine", "euclidean", "sqeuclidean")


class Part(NamedTuple):
    """A row, its distance, and its part of the density: those of all rows add up to 1."""

    id: Id
    distance: float
    part: float


@dataclass(frozen=True, slots=True)
class DensityAnswer:
    """The density at a query.

    Attributes:
        log_density: its logarithm. bandwidth: of the Gaussians.
        rows: how many rows it is of. evidence: the rows that add most, nearest first.
    """

    log_density: float
    bandwidth: float
    rows: int
    evidence: tuple[Part, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Gaussians:
    """Rows as centres of Gaussians of one width.

    Attributes:
        numbers: (n,) row numbers. centres: (n, dim), at length 1 where ``unit``.
        bandwidth: in the units of the centres.
    """

    numbers: npt.NDArray[np.int64]
    centres: Float64Array
    unit: bool
    bandwidth: float

    def log_densities(self, queries: Any) -> Float64Array:
        """(m,) ``log (1/n) sum_i N(x; x_i, h^2 I)``."""
        rows = scaled(queries, self.unit)
        count, dim = self.centres.shape
        sums = log_sums(rows, self.centres, np.ones(count), self.bandwidth)
        spread = np.log(self.bandwidth) + 0.5 * np.log(2 * np.pi)
        return np.asarray(sums - np.log(count) - dim * spread)

    def nearest(self, query: Any) -> tuple[npt.NDArray[np.int64], Float64Array, Float64Array]:
        """The rows that add most to the density: their places, distances and parts."""
        row = scaled(query[None], self.unit)
        away = np.linalg.norm(self.centres - row, axis=1)
        first = np.argsort(away, kind="stable")[:NAMED]
        total = log_sums(row, self.centres, np.ones(len(self.centres)), self.bandwidth)[0]
        exponents = -(away[first] ** 2) / (2 * self.bandwidth**2)
        return first, away[first], np.exp(exponents - total)


def gaussians_of(rows: LiveRows, metric: str, bandwidth: Any) -> Gaussians:
    """Of these rows.

    Raises:
        UnknownMetric: a field of another metric than `METRICS`.
        InvalidArgument: a bandwidth that is not positive, or none can be computed: fewer than two
            rows that differ.
    """
    if metric not in METRICS:
        raise UnknownMetric(
            f"density() sums Gaussians of euclidean distances; the field has {metric!r}, and not "
            f"one of {', '.join(METRICS)}"
        )
    unit = metric == "cosine"
    centres = scaled(rows.vectors, unit)
    return Gaussians(rows.numbers, centres, unit, _width(bandwidth, centres))


def answers(field: Gaussians, queries: Any, connection: sqlite3.Connection) -> list[DensityAnswer]:
    """Of each query."""
    found = []
    for query, value in zip(queries, field.log_densities(queries).tolist(), strict=True):
        first, away, parts = field.nearest(query)
        ids = ids_of(connection, field.numbers[first])
        evidence = tuple(
            Part(id_, float(d), float(p)) for id_, d, p in zip(ids, away, parts, strict=True)
        )
        found.append(DensityAnswer(value, field.bandwidth, len(field.numbers), evidence))
    return found


def scaled(vectors: Any, unit: bool) -> Float64Array:
    """In float64; at length 1 where ``unit``."""
    rows: Float64Array = np.asarray(vectors, dtype=np.float64)
    return directions(rows) if unit else rows


def _width(bandwidth: Any, centres: Float64Array) -> float:
    if not isinstance(bandwidth, str):
        width = check_number("bandwidth", bandwidth)
        if width <= 0:
            raise InvalidArgument(f"bandwidth must be positive; got {bandwidth!r}")
        if not len(centres):
            raise InvalidArgument("there are no rows, and no density")
        return width
    if bandwidth not in BANDWIDTHS:
        raise InvalidArgument(
            f"bandwidth must be a positive number or one of {', '.join(BANDWIDTHS)}; "
            f"got {bandwidth!r:.60}"
        )
    if len(centres) < 2 or not (centres != centres[0]).any():
        raise InvalidArgument(
            f"bandwidth={bandwidth!r} needs two rows at least that differ; there are "
            f"{len(centres)}; give a number"
        )
    return float(BANDWIDTHS[bandwidth](centres, np.ones(len(centres))))
