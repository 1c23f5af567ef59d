"""Covariances of a field and of what a linear differential operator makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.kernels.classical.spectral_mixture import wave_derivatives
from likewise.kernels.machines._linear import Float64Array

#: The terms of an operator: how often to derive by each coordinate, and the coefficient.
Terms = dict[tuple[int, ...], float]


class Axis(NamedTuple):
    """One coordinate: its distinct values, and which of them each observation has."""

    values: Float64Array
    place: npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Observed:
    """Points at which a field was observed, after an operator or as it is.

    Attributes:
        axes: by coordinate. parts: slices of the points, and the operator of each.
    """

    axes: list[Axis]
    parts: list[tuple[slice, Terms]]

    @classmethod
    def of(cls, blocks: list[tuple[Float64Array, Terms]]) -> Observed:
        points, parts, at = np.vstack([rows for rows, _ in blocks]), [], 0
        for rows, terms in blocks:
            parts.append((slice(at, at + len(rows)), terms))
            at += len(rows)
        axes = [Axis(*np.unique(column, return_inverse=True)) for column in points.T]
        return cls(axes, parts)

    def __len__(self) -> int:
        return len(self.axes[0].place)


class Waves:
    """Derivatives of each wave on each axis; they are made once, for the distinct values alone.

    Cost: on each axis 8 bytes for each wave, order and pair of distinct values.
    """

    def __init__(
        self, rows: Observed, columns: Observed, frequencies: Float64Array, lengths: Float64Array
    ) -> None:
        self.rows, self.columns = rows, columns
        self.tables = []
        for d, (one, two) in enumerate(zip(rows.axes, columns.axes, strict=True)):
            highest = sum(
                max(orders[d] for _, terms in side.parts for orders in terms)
                for side in (rows, columns)
            )
            t = one.values[:, None] - two.values[None]
            # (waves, orders, values, values): mixing and contracting are products of matrices.
            tables = wave_derivatives(t, frequencies, lengths, highest)
            self.tables.append(np.stack(tables, axis=1))

    def covariance(self, weights: list[Float64Array]) -> Float64Array:
        """(rows, columns): of the observations, with these weights of the waves by axis."""
        mixed = [np.tensordot(w, T, 1) for w, T in zip(weights, self.tables, strict=True)]
        out = np.zeros((len(self.rows), len(self.columns)))
        for a, b, orders, coefficient in self._terms():
            product = [self._spread(mixed[d][o], d, a, b) for d, o in enumerate(orders)]
            out[a, b] += coefficient * prod(product[1:], start=product[0])
        return out

    def contracted(self, A: Float64Array, weights: list[Float64Array], axis: int) -> Float64Array:
        """``sum_ij A_ij dC_ij / dw_q`` for each weight of an axis, (q,).

        What the other axes contribute is summed over equal values of this one, and waves meet
        only the small matrix that remains.
        """
        mixed = [np.tensordot(w, T, 1) for w, T in zip(weights, self.tables, strict=True)]
        table, (one, two) = self.tables[axis], (self.rows.axes[axis], self.columns.axes[axis])
        sums = np.zeros(table.shape[1:])
        for a, b, orders, coefficient in self._terms():
            part = coefficient * A[a, b]
            for d, o in enumerate(orders):
                if d != axis:
                    part = part * self._spread(mixed[d][o], d, a, b)
            where = one.place[a][:, None] * len(two.values) + two.place[b][None]
            flat = np.bincount(where.ravel(), part.ravel(), sums[0].size)
            sums[orders[axis]] += flat.reshape(sums[0].shape)
        return np.asarray(table.reshape(len(table), -1) @ sums.ravel())

    def _spread(self, table: Float64Array, d: int, a: slice, b: slice) -> Float64Array:
        places = np.ix_(self.rows.axes[d].place[a], self.columns.axes[d].place[b])
        return np.asarray(table[places])

    def _terms(self) -> list[tuple[slice, slice, tuple[int, ...], float]]:
        """Pairs of parts and of terms: the orders on each axis together, and the coefficient.

        Each derivation by the second argument of ``k(x - y)`` turns the sign.
        """
        return [
            (a, b, tuple(map(sum, zip(s, t, strict=True))), c * e * (-1) ** sum(t))
            for a, left in self.rows.parts
            for b, right in self.columns.parts
            for s, c in left.items()
            for t, e in right.items()
        ]
