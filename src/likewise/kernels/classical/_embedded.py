"""Features of an RBF of rows that are embedded first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from likewise.kernels._rows import FloatArray
from likewise.kernels.feature_maps import RandomFourier


class EmbeddedFeatures(RandomFourier):
    """Of ``exp(-|e(x) - e(y)|^2 / (2 length^2))``: random Fourier features of e(x).

    ``check`` makes rows of what is given, and ``embed`` vectors of the rows.
    """

    def __init__(
        self,
        n_features: int,
        seed: np.random.SeedSequence,
        length: float,
        check: Callable[[Any, str], Any],
        embed: Callable[[Any], FloatArray],
    ) -> None:
        def spectrum(rng: np.random.Generator, dim: int, count: int) -> FloatArray:
            return np.asarray(rng.standard_normal((dim, count)) / length)

        super().__init__(n_features, seed, spectrum)
        self._check, self._embed = check, embed

    def _as_rows(self, values: Any) -> Any:
        return self._check(values, "X")

    def _map(self, X: Any) -> FloatArray:
        return super()._map(self._embed(X))
