"""`Radial`: kernels that are a function of the distance in units of ``length``."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel
from likewise.kernels.classical._distances import by_length, squared_distances
from likewise.kernels.feature_maps import FeatureMap, RandomFourier
from likewise.kernels.parameters import Float64Array


class Radial(Kernel):
    """``k(x, y) = f(s)`` with ``s = sum_d (x_d - y_d)^2 / length_d^2`` and ``f(0) = 1``.

    A subclass has an argument ``length``, and gives `_of`, `_slope` and `_frequencies`.
    """

    length: float | npt.ArrayLike
    #: k(x, y) depends on x - y alone.
    stationary: ClassVar[bool] = True

    @abstractmethod
    def _of(self, s: FloatArray) -> FloatArray:
        """f(s); it may write into ``s``."""

    @abstractmethod
    def _slope(self, s: FloatArray) -> FloatArray:
        """``-2 f'(s)``; any finite number at 0 where f has no slope there."""

    @abstractmethod
    def _frequencies(self, rng: np.random.Generator, dim: int, count: int) -> FloatArray:
        """(count, dim) draws from the spectrum at length 1."""

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        return self._of(self._squares(X, Y))

    def _squares(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        return squared_distances(by_length(X, self.length), by_length(Y, self.length))

    def _diagonal(self, X: FloatArray) -> FloatArray:
        return np.ones(len(X), dtype=X.dtype)

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        def spectrum(rng: np.random.Generator, dim: int, count: int) -> FloatArray:
            return by_length(self._frequencies(rng, dim, count), self.length).T

        return RandomFourier(n_features, seed, spectrum)

    def gradient(self, X: Any) -> Float64Array:
        """The derivatives of ``k(X)`` by each number of `theta`, in closed form.

        By the logarithm of a length they are ``-2 f'(s)`` times its part of s.
        """
        rows = self._as_rows(X, "X").astype(np.float64, copy=False)
        s = self._squares(rows, rows)
        np.fill_diagonal(s, 0.0)
        parts: list[FloatArray] = []
        for h in self.hyperparameters():
            if h.name == "length":
                shares = self._shares(rows, s, len(h.value))
                shares *= self._slope(s.copy())[:, :, None]
                parts.append(shares)
            else:
                parts.append(self._derivative(h.name, s.copy())[:, :, None])
        if not parts:
            return np.empty((*s.shape, 0))
        return np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2))

    def _shares(self, X: FloatArray, s: FloatArray, lengths: int) -> FloatArray:
        """(n, n, lengths): the part of s that each length has."""
        if lengths == 1:
            return s[:, :, None].copy()
        scaled = by_length(X, self.length)
        out: FloatArray = scaled[:, None, :] - scaled
        out *= out
        return out

    def _derivative(self, name: str, s: FloatArray) -> FloatArray:
        """The derivative by the logarithm of another hyper-parameter."""
        raise NotImplementedError(name)
