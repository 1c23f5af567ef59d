"""Explicit maps phi with phi(x).phi(y) near k(x, y), and those of sums and products."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray, as_rows, precision

if TYPE_CHECKING:
    from likewise.kernels.base import Kernel


class FeatureMap(ABC):
    """phi: rows to ``n_features`` numbers each, drawn once; made by `Kernel.features`.

    Call it on rows for an array (n, n_features). What is drawn depends on the seed and on the
    number of dimensions of the rows only.
    """

    #: Whether phi(x).phi(y) is k(x, y) itself, whatever ``n_features``.
    exact = False

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features

    def __call__(self, X: Any) -> FloatArray:
        """phi of n rows, as (n, n_features). Raises as the kernel does."""
        return self._map(self._as_rows(X))

    def _as_rows(self, values: Any) -> Any:
        return as_rows(values, "X")

    @abstractmethod
    def _map(self, X: Any) -> FloatArray:
        """phi of checked rows."""


class RandomFourier(FeatureMap):
    """Of a stationary kernel: ``sqrt(2/D) cos(w.x + b)``, w from the kernel's spectrum.

    Source: A. Rahimi and B. Recht, "Random features for large-scale kernel machines", NIPS 2007.
    """

    def __init__(self, n_features: int, seed: np.random.SeedSequence, spectrum: Any) -> None:
        super().__init__(n_features)
        self._seed, self._spectrum = seed, spectrum
        self._drawn: dict[int, tuple[FloatArray, FloatArray]] = {}

    def _map(self, X: FloatArray) -> FloatArray:
        frequencies, phases = self._at(X.shape[1])
        out = X @ frequencies.astype(X.dtype, copy=False)
        out += phases.astype(X.dtype, copy=False)
        np.cos(out, out=out)
        out *= np.sqrt(2.0 / self.n_features)
        return out

    def _at(self, dim: int) -> tuple[FloatArray, FloatArray]:
        if dim not in self._drawn:
            # A new generator each time: a map may meet rows of several widths in any order.
            rng = np.random.default_rng(self._seed)
            frequencies = self._spectrum(rng, dim, self.n_features)
            self._drawn[dim] = frequencies, rng.uniform(0.0, 2 * np.pi, self.n_features)
        return self._drawn[dim]


class ConstantFeatures(FeatureMap):
    """One column that is the root of the constant; the others are zero."""

    exact = True

    def __init__(self, value: float, n_features: int) -> None:
        super().__init__(n_features)
        self._value = value

    def _map(self, X: Any) -> FloatArray:
        out = np.zeros((len(X), self.n_features), dtype=precision(X))
        out[:, 0] = np.sqrt(self._value)
        return out


class ScaledFeatures(FeatureMap):
    """``sqrt(scale) phi(x)``."""

    def __init__(self, inner: FeatureMap, scale: float) -> None:
        super().__init__(inner.n_features)
        self._inner, self._factor = inner, np.sqrt(scale)
        self.exact = inner.exact

    def _as_rows(self, values: Any) -> Any:
        return self._inner._as_rows(values)

    def _map(self, X: Any) -> FloatArray:
        out = self._inner._map(X)
        out *= self._factor
        return out


class SumFeatures(FeatureMap):
    """The features of both summands side by side."""

    def __init__(self, left: FeatureMap, right: FeatureMap) -> None:
        super().__init__(left.n_features + right.n_features)
        self._left, self._right = left, right
        self.exact = left.exact and right.exact

    def _as_rows(self, values: Any) -> Any:
        decisive = self._right if isinstance(self._left, ConstantFeatures) else self._left
        return decisive._as_rows(values)

    def _map(self, X: Any) -> FloatArray:
        return np.concatenate([self._left._map(X), self._right._map(X)], axis=1)


class ProductFeatures(FeatureMap):
    """``(r_j.phi(x)) (s_j.psi(x)) / sqrt(D)`` with random signs r_j and s_j.

    Unbiased for the product of what both maps are near to, since the signs are independent.

    Source: N. Pham and R. Pagh, "Fast and scalable polynomial kernels via explicit feature
    maps", KDD 2013, with plain signs in place of sketches.
    """

    def __init__(self, left: FeatureMap, right: FeatureMap, seed: np.random.SeedSequence) -> None:
        super().__init__(left.n_features)
        self._left, self._right = left, right
        rng = np.random.default_rng(seed)
        D = self.n_features
        self._signs = [2.0 * rng.integers(0, 2, (f.n_features, D)) - 1 for f in (left, right)]

    def _as_rows(self, values: Any) -> Any:
        decisive = self._right if isinstance(self._left, ConstantFeatures) else self._left
        return decisive._as_rows(values)

    def _map(self, X: Any) -> FloatArray:
        one, two = self._left._map(X), self._right._map(X)
        out = one @ self._signs[0].astype(one.dtype)
        out *= two @ self._signs[1].astype(two.dtype)
        out /= np.sqrt(self.n_features)
        return out


def sum_of_features(
    left: Kernel, right: Kernel, n_features: int, seed: np.random.SeedSequence
) -> FeatureMap:
    """The map of ``left + right``: half the features each, one for a constant."""
    from likewise.kernels.composed import Constant

    if n_features < 2:
        raise InvalidArgument("n_features: a sum of kernels needs at least 2")
    one, two = seed.spawn(2)
    half = n_features // 2
    if isinstance(left, Constant) or isinstance(right, Constant):
        half = 1 if isinstance(left, Constant) else n_features - 1
    return SumFeatures(left._feature_map(half, one), right._feature_map(n_features - half, two))


def product_of_features(
    left: Kernel, right: Kernel, n_features: int, seed: np.random.SeedSequence
) -> FeatureMap:
    """The map of ``left * right``."""
    one, two, signs = seed.spawn(3)
    maps = left._feature_map(n_features, one), right._feature_map(n_features, two)
    return ProductFeatures(*maps, signs)
