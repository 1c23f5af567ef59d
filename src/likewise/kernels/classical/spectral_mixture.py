"""`SpectralMixture`: waves of several frequencies, each over a length of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel
from likewise.kernels.feature_maps import FeatureMap, RandomFourier
from likewise.kernels.parameters import Bounds, Float64Array


class SpectralMixture(Kernel):
    """``prod_d sum_q w_q exp(-t_d^2 / (2 l_q^2)) cos(2 pi f_q t_d)`` with ``t = x - y``.

    The spectrum of each dimension is a mixture of Gaussians at the frequencies.

    Args:
        frequencies: f, periods per unit of a coordinate; positive, one a component.
        lengths: l, over which a wave keeps its phase: a number, or one a component.
        weights: w, the variances: a number, or one a component.
        bounds: of those that are learnt; see `Kernel`.

    Raises:
        InvalidArgument: lengths or weights of another number than the frequencies.

    Features: random Fourier features.

    Cost: a cosine and an exponential for each entry, dimension and component.

    Source: A. Wilson and R. Adams, "Gaussian process kernels for pattern discovery and
    extrapolation", ICML 2013.

    Example:
        >>> wave = SpectralMixture(frequencies=[1.0], lengths=[50.0])
        >>> wave([[0.0]], [[0.5], [1.0]]).round(2).tolist()  # half a period, a period
        [[-1.0, 1.0]]
    """

    name = "spectral_mixture"
    temporaries = 5
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {
        "frequencies": (1e-5, 1e5),
        "lengths": (1e-5, 1e5),
        "weights": (1e-10, 1e10),
    }

    @suggest_arguments
    def __init__(
        self,
        frequencies: float | npt.ArrayLike = 1.0,
        lengths: float | npt.ArrayLike = 1.0,
        weights: float | npt.ArrayLike = 1.0,
        *,
        bounds: Mapping[str, Bounds] | None = None,
    ) -> None:
        self.frequencies = frequencies
        self.lengths = lengths
        self.weights = weights
        self.bounds = bounds
        self._check_parameters()

    def _check_parameters(self) -> None:
        super()._check_parameters()
        count = np.size(self.frequencies)
        for name in ("lengths", "weights"):
            size = np.size(getattr(self, name))
            if np.ndim(getattr(self, name)) and size != count:
                raise InvalidArgument(
                    f"{name} must be a number or one a frequency; there are {count} frequencies, "
                    f"{size} {name}"
                )

    def _components(self) -> tuple[Float64Array, Float64Array, Float64Array]:
        f = np.atleast_1d(np.asarray(self.frequencies, dtype=np.float64))
        scales, w = (np.broadcast_to(v, f.shape) for v in (self.lengths, self.weights))
        return f, np.asarray(scales, dtype=np.float64), np.asarray(w, dtype=np.float64)

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        out = np.ones((len(X), len(Y)), dtype=X.dtype)
        for d in range(X.shape[1]):
            t = X[:, d, None] - Y[None, :, d]
            total = np.zeros_like(out)
            for f, length, w in zip(*self._components(), strict=True):
                part = np.exp(-0.5 * (t / X.dtype.type(length)) ** 2)
                part *= np.cos(X.dtype.type(2 * np.pi * f) * t)
                part *= X.dtype.type(w)
                total += part
            out *= total
        return out

    def _diagonal(self, X: FloatArray) -> FloatArray:
        total = X.dtype.type(self._components()[2].sum())
        return np.full(len(X), total ** X.shape[1], dtype=X.dtype)

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        f, lengths, w = self._components()

        def spectrum(rng: np.random.Generator, dim: int, count: int) -> FloatArray:
            part = rng.choice(len(f), (dim, count), p=w / w.sum())
            side = rng.choice([-2 * np.pi, 2 * np.pi], (dim, count))
            return np.asarray(side * f[part] + rng.standard_normal((dim, count)) / lengths[part])

        return _Waves(n_features, seed, spectrum, float(w.sum()))


class _Waves(RandomFourier):
    """Random Fourier features of a kernel whose variance is ``total`` in each dimension."""

    def __init__(
        self, n_features: int, seed: np.random.SeedSequence, spectrum: Any, total: float
    ) -> None:
        super().__init__(n_features, seed, spectrum)
        self._total = total

    def _map(self, X: FloatArray) -> FloatArray:
        out = super()._map(X)
        out *= np.sqrt(self._total ** X.shape[1])
        return out


def wave_derivatives(
    t: Float64Array, frequencies: Float64Array, lengths: Float64Array, order: int
) -> list[Float64Array]:
    """The derivatives by t of ``exp(-t^2 / (2 l^2)) cos(2 pi f t)``, of orders 0 to ``order``.

    They are real parts of ``g^(n+1) = p g^(n) - n / l^2 g^(n-1)`` with
    ``g = exp(-t^2 / (2 l^2) + 2 pi i f t)`` and ``p = 2 pi i f - t / l^2``.

    Args:
        t: any shape. frequencies, lengths: (q,).

    Returns:
        An array (q, *t.shape) an order.
    """
    wide = (len(frequencies), *[1] * t.ndim)
    w, a = 2 * np.pi * frequencies.reshape(wide), lengths.reshape(wide) ** -2.0
    p = 1j * w - a * t
    before, now = np.zeros_like(p), np.exp(-0.5 * a * t**2 + 1j * w * t)
    out = [now.real.copy()]
    for n in range(order):
        before, now = now, p * now - n * a * before
        out.append(now.real.copy())
    return out
