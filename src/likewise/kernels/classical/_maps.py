"""Explicit maps of kernels of inner products: the rows themselves, and sketches of powers."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb, factorial, prod
from typing import Any

import numpy as np
from scipy import sparse

from likewise.errors import InvalidVector
from likewise.kernels._rows import FloatArray, as_rows
from likewise.kernels.feature_maps import FeatureMap


class LinearFeatures(FeatureMap):
    """The rows themselves, with zeros behind them; where they do not fit, random projections."""

    def __init__(self, n_features: int, seed: np.random.SeedSequence) -> None:
        super().__init__(n_features)
        self._seed = seed

    def _map(self, X: FloatArray) -> FloatArray:
        self.exact = X.shape[1] <= self.n_features
        if self.exact:
            return padded(X, self.n_features)
        signs = np.random.default_rng(self._seed).choice([-1.0, 1.0], (X.shape[1], self.n_features))
        signs /= np.sqrt(self.n_features)
        return X @ signs.astype(X.dtype)


class UnitFeatures(LinearFeatures):
    """`LinearFeatures` of rows of length 1."""

    def _as_rows(self, values: Any) -> Any:
        rows = as_rows(values, "X")
        refuse_zero_rows(rows, "X", "a direction")
        return rows

    def _map(self, X: FloatArray) -> FloatArray:
        return super()._map(unit_rows(X))


class PolynomialFeatures(FeatureMap):
    """Of ``(scale x.y + offset)^degree``: all monomials where they fit, else a TensorSketch.

    The sketch hashes each of ``degree`` copies of the row to ``n_features`` places with signs,
    and multiplies their polynomials by Fourier transforms; it is unbiased.

    Source: N. Pham and R. Pagh, "Fast and scalable polynomial kernels via explicit feature
    maps", KDD 2013.
    """

    def __init__(
        self,
        n_features: int,
        seed: np.random.SeedSequence,
        degree: int,
        scale: float,
        offset: float,
    ) -> None:
        super().__init__(n_features)
        self._seed, self._degree, self._scale, self._offset = seed, degree, scale, offset

    def _map(self, X: FloatArray) -> FloatArray:
        wide = X.shape[1] + (self._offset > 0)
        self.exact = comb(wide + self._degree - 1, self._degree) <= self.n_features
        row = X * X.dtype.type(np.sqrt(self._scale))
        if self._offset > 0:
            constant = np.full((len(X), 1), np.sqrt(self._offset), dtype=X.dtype)
            row = np.concatenate([row, constant], axis=1)
        return self._monomials(row) if self.exact else self._sketch(row)

    def _monomials(self, X: FloatArray) -> FloatArray:
        out = np.zeros((len(X), self.n_features), dtype=X.dtype)
        for at, (columns, weight) in enumerate(monomials(X.shape[1], self._degree)):
            np.prod(X[:, columns], axis=1, out=out[:, at])
            out[:, at] *= weight
        return out

    def _sketch(self, X: FloatArray) -> FloatArray:
        rng = np.random.default_rng(self._seed)
        dim, D = X.shape[1], self.n_features
        product: Any = 1.0
        for _ in range(self._degree):
            places, signs = rng.integers(D, size=dim), rng.choice([-1.0, 1.0], dim)
            hashing = sparse.csr_array((signs, (np.arange(dim), places)), shape=(dim, D))
            product = product * np.fft.rfft(X @ hashing, axis=1)
        return np.fft.irfft(product, n=D, axis=1).astype(X.dtype, copy=False)


@lru_cache(maxsize=8)
def monomials(dim: int, degree: int) -> list[tuple[list[int], float]]:
    """The columns that each monomial multiplies, and the root of how often it occurs."""
    found = []
    for columns in combinations_with_replacement(range(dim), degree):
        repeats = prod(factorial(columns.count(c)) for c in set(columns))
        found.append((list(columns), float(np.sqrt(factorial(degree) / repeats))))
    return found


class PowerFeatures(FeatureMap):
    """``sqrt(2/D) max(0, w.x)^order`` with normal w; a step for order 0.

    The mean of their inner products is the arc-cosine kernel; their spread grows fast with
    the order.
    """

    def __init__(self, n_features: int, seed: np.random.SeedSequence, order: int) -> None:
        super().__init__(n_features)
        self._seed, self._order = seed, order

    def _as_rows(self, values: Any) -> Any:
        rows = as_rows(values, "X")
        if self._order == 0:
            refuse_zero_rows(rows, "X", "an angle to others")
        return rows

    def _map(self, X: FloatArray) -> FloatArray:
        w = np.random.default_rng(self._seed).standard_normal((X.shape[1], self.n_features))
        out = X @ w.astype(X.dtype)
        if self._order == 0:
            out = (out > 0).astype(X.dtype)
        else:
            np.maximum(out, 0.0, out=out)
            out **= self._order
        out *= np.sqrt(2.0 / self.n_features)
        return out


def padded(X: FloatArray, width: int) -> FloatArray:
    """``X`` with columns of zeros up to ``width``."""
    out = np.zeros((len(X), width), dtype=X.dtype)
    out[:, : X.shape[1]] = X
    return out


def unit_rows(X: FloatArray) -> FloatArray:
    """Rows of length 1, of tiny and huge rows too; a row of zeros stays."""
    peak = np.abs(X).max(axis=1, keepdims=True)
    scaled = X / np.where(peak > 0, peak, 1)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    unit: FloatArray = scaled / np.where(lengths > 0, lengths, 1)
    return unit


def refuse_zero_rows(X: FloatArray, what: str, lacking: str) -> None:
    """Raise where a row has no direction."""
    zero = ~X.any(axis=1)
    if zero.any():
        raise InvalidVector(
            f"{what}: row {int(zero.argmax())} is a zero vector, which has not {lacking}; leave "
            "it out"
        )
