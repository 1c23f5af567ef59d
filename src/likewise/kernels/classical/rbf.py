"""`RBF`: the Gaussian kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel
from likewise.kernels.classical._distances import by_length, squared_distances
from likewise.kernels.feature_maps import FeatureMap, RandomFourier
from likewise.kernels.parameters import Bounds


class RBF(Kernel):
    """``k(x, y) = exp(-|x - y|^2 / (2 length^2))``.

    Args:
        length: the distance over which the kernel falls, in the units of the rows; one number,
            or one a dimension. scikit-learn's ``gamma`` is ``1 / (2 length^2)``.
        bounds: of ``length`` when it is learnt; see `Kernel`.

    Features: random Fourier features with normal frequencies.

    Cost: one matrix product and an exponential an entry.

    Example:
        >>> RBF(length=2.0)([[0.0], [2.0]]).round(4).tolist()
        [[1.0, 0.6065], [0.6065, 1.0]]
    """

    name = "rbf"
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"length": (1e-5, 1e5)}

    @suggest_arguments
    def __init__(
        self, length: float | npt.ArrayLike = 1.0, *, bounds: Mapping[str, Bounds] | None = None
    ) -> None:
        self.length = length
        self.bounds = bounds
        self._check_parameters()

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        out = squared_distances(by_length(X, self.length), by_length(Y, self.length))
        out *= -0.5
        return np.exp(out, out=out)

    def _diagonal(self, X: FloatArray) -> FloatArray:
        return np.ones(len(X), dtype=X.dtype)

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        def spectrum(rng: np.random.Generator, dim: int, count: int) -> FloatArray:
            return by_length(rng.standard_normal((count, dim)), self.length).T

        return RandomFourier(n_features, seed, spectrum)
