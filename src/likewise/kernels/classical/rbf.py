"""`RBF`: the Gaussian kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.kernels._rows import FloatArray
from likewise.kernels.classical._radial import Radial
from likewise.kernels.parameters import Bounds


class RBF(Radial):
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

    def _of(self, s: FloatArray) -> FloatArray:
        s *= -0.5
        return np.exp(s, out=s)

    def _slope(self, s: FloatArray) -> FloatArray:
        return self._of(s)

    def _frequencies(self, rng: np.random.Generator, dim: int, count: int) -> FloatArray:
        return rng.standard_normal((count, dim))
