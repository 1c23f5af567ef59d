"""`ArcCosine`: what infinitely many random units max(0, w.x)^n have in common."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from likewise._arguments import check_count, suggest_arguments
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel
from likewise.kernels.classical._maps import PowerFeatures, refuse_zero_rows, unit_rows
from likewise.kernels.feature_maps import FeatureMap


class ArcCosine(Kernel):
    """``k(x, y) = 2 E[max(0, w.x)^n max(0, w.y)^n] = |x|^n |y|^n J_n(angle) / pi``, w normal.

    Args:
        order: n = 0, 1, 2, ...; 0 is a step in place of the power (the kernel is
            1 - angle / pi), 1 is ReLU, 2 its square.

    Features: the random units themselves. The higher the order, the more of them it takes.

    Raises:
        InvalidVector: under order 0 a row of zeros, which has no angle; under others all its
            entries are 0.

    Cost: one matrix product and 5 order operations an entry, in float64 whatever the rows are:
    an angle near 0 costs half of the digits.

    Source: Y. Cho and L. K. Saul, "Kernel methods for deep learning", NIPS 2009. They define
    J_n by n derivatives; here ``J_0 = pi - angle``, ``J_1 = sin + cos J_0`` and
    ``J_(n+1) = (2n + 1) cos J_n + n^2 sin^2 J_(n-1)``, which follow from
    ``(1 - c^2) g' = c g + 1`` for ``g(c) = (pi - angle) / sin``, ``c = cos``.

    Example:
        >>> ArcCosine(order=1)([[1.0, 0.0], [0.0, 2.0]]).round(4).tolist()
        [[1.0, 0.6366], [0.6366, 4.0]]
    """

    name = "arc_cosine"
    temporaries = 6

    @suggest_arguments
    def __init__(self, order: int = 1) -> None:
        self.order = order
        self._check_parameters()

    def _check_parameters(self) -> None:
        check_count("order", self.order, minimum=0)
        super()._check_parameters()

    def _as_rows(self, values: Any, what: str) -> FloatArray:
        rows: FloatArray = super()._as_rows(values, what)
        if self.order == 0:
            refuse_zero_rows(rows, what, "an angle to others")
        return rows

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        wide = X.astype(np.float64, copy=False), Y.astype(np.float64, copy=False)
        cosines = unit_rows(wide[0]) @ unit_rows(wide[1]).T
        out = angular(cosines, int(self.order)) / np.pi
        if self.order:
            lengths = [np.linalg.norm(rows, axis=1) ** int(self.order) for rows in wide]
            out *= lengths[0][:, None] * lengths[1]
        return out.astype(X.dtype, copy=False)

    def _diagonal(self, X: FloatArray) -> FloatArray:
        n = int(self.order)
        squares = np.vecdot(X, X, dtype=np.float64)
        return np.asarray(squares**n * prod(range(1, 2 * n, 2))).astype(X.dtype)

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        return PowerFeatures(n_features, seed, int(self.order))


def angular(cosines: FloatArray, order: int) -> FloatArray:
    """J_order of the angles with these cosines; clips what rounding took beyond 1.

    Example:
        >>> angular(np.array([1.0, 0.0, -1.0]), 2).round(4).tolist()
        [9.4248, 1.5708, 0.0]
    """
    c = np.clip(cosines, -1.0, 1.0)
    square = (1.0 - c) * (1.0 + c)
    before = np.pi - np.arccos(c)
    if order == 0:
        return np.asarray(before)
    now = np.sqrt(square) + c * before
    for n in range(1, order):
        now, before = (2 * n + 1) * c * now + n * n * square * before, now
    return np.asarray(now)
