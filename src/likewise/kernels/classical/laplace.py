"""`Laplace`: the exponential of the Manhattan distance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel
from likewise.kernels.classical._distances import by_length, manhattan_distances
from likewise.kernels.feature_maps import FeatureMap, RandomFourier
from likewise.kernels.parameters import Bounds, Float64Array


class Laplace(Kernel):
    """``k(x, y) = exp(-sum_d |x_d - y_d| / length_d)``.

    This is scikit-learn's ``laplacian_kernel`` with ``gamma = 1 / length``. With the Euclidean
    distance in place of the Manhattan one it is ``Matern(nu=0.5)``.

    Args:
        length: the distance over which the kernel falls, in the units of the rows; one number,
            or one a dimension. bounds: see `Kernel`.

    Features: random Fourier features with Cauchy frequencies, one a dimension.

    Cost: dim subtractions and an exponential an entry; no matrix product serves here.

    Example:
        >>> Laplace(length=2.0)([[0.0, 0.0], [1.0, 1.0]]).round(4).tolist()
        [[1.0, 0.3679], [0.3679, 1.0]]
    """

    name = "laplace"
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"length": (1e-5, 1e5)}
    stationary: ClassVar[bool] = True

    @suggest_arguments
    def __init__(
        self, length: float | npt.ArrayLike = 1.0, *, bounds: Mapping[str, Bounds] | None = None
    ) -> None:
        self.length = length
        self.bounds = bounds
        self._check_parameters()

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        out = manhattan_distances(by_length(X, self.length), by_length(Y, self.length))
        np.negative(out, out=out)
        return np.exp(out, out=out)

    def _diagonal(self, X: FloatArray) -> FloatArray:
        return np.ones(len(X), dtype=X.dtype)

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        def spectrum(rng: np.random.Generator, dim: int, count: int) -> FloatArray:
            return by_length(rng.standard_cauchy((count, dim)), self.length).T

        return RandomFourier(n_features, seed, spectrum)

    def gradient(self, X: Any) -> Float64Array:
        """The derivatives of ``k(X)`` by the logarithm of each length, in closed form."""
        rows = self._as_rows(X, "X").astype(np.float64, copy=False)
        scaled = by_length(rows, self.length)
        whole = manhattan_distances(scaled, scaled)
        if not self.hyperparameters():
            return np.empty((*whole.shape, 0))
        if np.ndim(self.length) == 0 or len(np.atleast_1d(self.length)) == 1:
            parts = [whole]
        else:
            parts = [np.abs(np.subtract.outer(column, column)) for column in scaled.T]
        return np.asarray(np.stack(parts, axis=-1) * np.exp(-whole)[:, :, None], dtype=np.float64)
