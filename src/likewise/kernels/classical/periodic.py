"""`Periodic`: rows that come back to themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel
from likewise.kernels.classical._distances import by_length, squared_distances
from likewise.kernels.classical._embedded import EmbeddedFeatures
from likewise.kernels.feature_maps import FeatureMap
from likewise.kernels.parameters import Bounds


class Periodic(Kernel):
    """``k(x, y) = exp(-2 sum_d sin^2(pi (x_d - y_d) / period_d) / length_d^2)``.

    Each dimension is wound around a circle, and the rows are compared there by an `RBF`. In one
    dimension it is scikit-learn's ``ExpSineSquared``; in several that one puts the Euclidean
    distance in the sine and is then not positive semi-definite, while this one always is.

    Args:
        length: how far along the circle the kernel falls; one number, or one a dimension.
        period: after which rows are the same; one number, or one a dimension.
        bounds: see `Kernel`.

    Features: random Fourier features of the rows on their circles.

    Source: D. J. C. MacKay, "Introduction to Gaussian processes", 1998.

    Example:
        >>> Periodic(period=7.0)([[1.0], [8.0], [4.5]]).round(4).tolist()
        [[1.0, 1.0, 0.1353], [1.0, 1.0, 0.1353], [0.1353, 0.1353, 1.0]]
    """

    name = "periodic"
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"length": (1e-5, 1e5), "period": (1e-5, 1e5)}
    stationary: ClassVar[bool] = True

    @suggest_arguments
    def __init__(
        self,
        length: float | npt.ArrayLike = 1.0,
        period: float | npt.ArrayLike = 1.0,
        *,
        bounds: Mapping[str, Bounds] | None = None,
    ) -> None:
        self.length = length
        self.period = period
        self.bounds = bounds
        self._check_parameters()

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        out = squared_distances(self._wound(X), self._wound(Y))
        out *= -0.5
        return np.exp(out, out=out)

    def _wound(self, X: FloatArray) -> FloatArray:
        """Rows on their circles; the squared distance there is ``4 sin^2(...) / length^2``."""
        turns = by_length(X, self.period, "period")
        angles = 2 * np.pi * (turns - np.round(turns))
        on = [by_length(f(angles), self.length) for f in (np.cos, np.sin)]
        return np.concatenate(on, axis=1).astype(X.dtype, copy=False)

    def _diagonal(self, X: FloatArray) -> FloatArray:
        return np.ones(len(X), dtype=X.dtype)

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        fixed = self.copy()  # the map stays as it is when this kernel is changed
        return EmbeddedFeatures(n_features, seed, 1.0, fixed._as_rows, fixed._wound)
