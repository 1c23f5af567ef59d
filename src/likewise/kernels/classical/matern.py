"""`Matern`: radial kernels of any smoothness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray
from likewise.kernels.classical._radial import Radial
from likewise.kernels.parameters import Bounds

#: From here on the kernel is the RBF to about 1%, and Bessel functions leave the range of floats.
LARGEST_NU = 100.0
#: Up to here no power leaves the range of floats; above, logarithms are added.
DIRECT_NU = 20.0


class Matern(Radial):
    """``k(x, y) = 2^(1 - nu) / Gamma(nu) u^nu K_nu(u)``, ``u = sqrt(2 nu) |x - y| / length``.

    Functions drawn from it are differentiable ceil(nu) - 1 times. ``nu=0.5`` is
    ``exp(-|x - y| / length)``, the Laplace kernel of the Euclidean distance.

    Args:
        nu: smoothness, in (0, 100]; not learnt. 0.5, 1.5 and 2.5 are computed by their short
            closed forms, others by Bessel functions, some thirty times slower. The limit of
            large nu is `RBF`.
        length: as of `RBF`. bounds: see `Kernel`.

    Features: random Fourier features with frequencies of Student's t with 2 nu degrees.

    Raises:
        InvalidArgument: ``nu`` outside its range.

    Source: M. L. Stein, "Interpolation of Spatial Data", 1999.

    Example:
        >>> Matern(nu=1.5)([[0.0], [1.0]]).round(4).tolist()
        [[1.0, 0.4834], [0.4834, 1.0]]
    """

    name = "matern"
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"length": (1e-5, 1e5)}

    @suggest_arguments
    def __init__(
        self,
        nu: float = 1.5,
        length: float | npt.ArrayLike = 1.0,
        *,
        bounds: Mapping[str, Bounds] | None = None,
    ) -> None:
        self.nu = nu
        self.length = length
        self.bounds = bounds
        self._check_parameters()

    def _check_parameters(self) -> None:
        if not 0 < check_number("nu", self.nu) <= LARGEST_NU:
            raise InvalidArgument(
                f"nu must be in (0, {LARGEST_NU:g}]; got {self.nu!r}; a larger one is RBF(length)"
            )
        super()._check_parameters()

    def _of(self, s: FloatArray) -> FloatArray:
        s *= 2.0 * float(self.nu)
        return matern(np.sqrt(s, out=s), float(self.nu))

    def _slope(self, s: FloatArray) -> FloatArray:
        nu = float(self.nu)
        u = np.sqrt(2.0 * nu * s)
        if nu == 1.5:
            return np.asarray(3.0 * np.exp(-u))
        if nu > 1:
            return np.asarray(nu / (nu - 1) * matern(u, nu - 1))
        # d/du u^nu K_nu(u) = -u^nu K_(nu-1)(u), which grows without bound towards 0.
        from scipy.special import gamma, kve

        u[u == 0] = np.inf
        with np.errstate(invalid="ignore"):
            steep = u ** (nu - 1) * kve(1 - nu, u) * np.exp(-u)
        return np.asarray(nu * 2.0 ** (2 - nu) / gamma(nu) * np.nan_to_num(steep))

    def _frequencies(self, rng: np.random.Generator, dim: int, count: int) -> FloatArray:
        normal = rng.standard_normal((count, dim))
        degrees = 2.0 * float(self.nu)
        return normal / np.sqrt(rng.chisquare(degrees, (count, 1)) / degrees)


def matern(u: FloatArray, nu: float) -> FloatArray:
    """``2^(1 - nu) / Gamma(nu) u^nu K_nu(u)``, 1 at 0, of the precision of ``u``."""
    if nu in (0.5, 1.5, 2.5):
        factor = {0.5: 1.0, 1.5: 1.0 + u, 2.5: 1.0 + u + u * u / 3.0}[nu]
        return np.asarray(factor * np.exp(-u))
    from scipy.special import gamma, gammaln, kv, kve

    wide = u.astype(np.float64, copy=False)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if nu <= DIRECT_NU:
            out = 2 ** (1 - nu) / gamma(nu) * wide**nu * kv(nu, wide)
        else:
            logs = (1 - nu) * np.log(2) - gammaln(nu) + nu * np.log(wide)
            out = np.exp(logs + np.log(kve(nu, wide)) - wide)
    # K_nu is beyond floats for small u; then the power series is exact after its first terms.
    beyond = ~np.isfinite(out)
    if beyond.any():
        q = np.minimum(wide[beyond], 1.0) ** 2 / 4
        series = 1.0 - q / (nu - 1) * (1 - q / (2 * (nu - 2))) if nu > 2 else 1.0
        out[beyond] = np.where(wide[beyond] < 1, series, 0.0)
    kernel: FloatArray = np.minimum(out, 1.0).astype(u.dtype, copy=False)
    return kernel
