"""`RationalQuadratic`: RBF kernels of many lengths in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.kernels._rows import FloatArray
from likewise.kernels.classical._radial import Radial
from likewise.kernels.parameters import Bounds


class RationalQuadratic(Radial):
    """``k(x, y) = (1 + |x - y|^2 / (2 alpha length^2))^(-alpha)``.

    A mixture of `RBF` kernels whose inverse squared lengths are gamma distributed with shape
    ``alpha``; a large ``alpha`` is nearly the RBF.

    Args:
        alpha: positive. length: as of `RBF`. bounds: see `Kernel`.

    Features: random Fourier features whose frequencies are normal, times the root of a gamma
    variable.

    Example:
        >>> RationalQuadratic(alpha=1.0)([[0.0], [2.0]]).round(4).tolist()
        [[1.0, 0.3333], [0.3333, 1.0]]
    """

    name = "rational_quadratic"
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"alpha": (1e-5, 1e5), "length": (1e-5, 1e5)}

    @suggest_arguments
    def __init__(
        self,
        alpha: float = 1.0,
        length: float | npt.ArrayLike = 1.0,
        *,
        bounds: Mapping[str, Bounds] | None = None,
    ) -> None:
        self.alpha = alpha
        self.length = length
        self.bounds = bounds
        self._check_parameters()

    def _of(self, s: FloatArray) -> FloatArray:
        return self._power(s, float(self.alpha))

    def _slope(self, s: FloatArray) -> FloatArray:
        return self._power(s, float(self.alpha) + 1.0)

    def _power(self, s: FloatArray, power: float) -> FloatArray:
        s /= 2.0 * float(self.alpha)
        np.log1p(s, out=s)
        s *= -power
        return np.exp(s, out=s)

    def _derivative(self, name: str, s: FloatArray) -> FloatArray:
        half, alpha = s / 2.0, float(self.alpha)
        grown = 1.0 + half / alpha
        return np.asarray(self._of(s) * (half / grown - alpha * np.log(grown)))

    def _frequencies(self, rng: np.random.Generator, dim: int, count: int) -> FloatArray:
        normal = rng.standard_normal((count, dim))
        alpha = float(self.alpha)
        return normal * np.sqrt(rng.gamma(alpha, 1.0 / alpha, (count, 1)))
