"""Kernels of Gaussian rows: `WassersteinRBF` and `ProbabilityProduct`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.kernels.base import Kernel
from likewise.kernels.classical._embedded import EmbeddedFeatures
from likewise.kernels.feature_maps import FeatureMap
from likewise.kernels.parameters import Bounds, Float64Array
from likewise.kernels.things._gaussian_rows import GaussianRows, as_gaussian_rows, check_alike
from likewise.kernels.things.gaussian_distances import (
    log_determinants,
    wasserstein_squared,
    with_covariance,
)


class _OfGaussians(Kernel):
    """A kernel whose rows are Gaussians."""

    @property
    def takes_vectors(self) -> bool:
        return False

    def _as_rows(self, values: Any, what: str) -> GaussianRows:
        return as_gaussian_rows(values, what)

    def _check_alike(self, X: GaussianRows, Y: GaussianRows) -> None:
        check_alike(X, Y)

    def _tile(self, rows: GaussianRows) -> int:
        return 64 if rows.full else 256


class WassersteinRBF(_OfGaussians):
    """``k(p, q) = exp(-W2(p, q)^2 / (2 length^2))`` of Gaussians p and q.

    With variances W2 is the Euclidean distance of means and standard deviations side by side,
    and the kernel is positive semi-definite. With full covariances it is not in general: see
    `SlicedWasserstein`, or `ProbabilityProduct`.

    Args:
        length: the distance over which the kernel falls, in the units of the means.
        covariance: ``"diagonal"`` (rows have variances) or ``"full"`` (covariances, declared
            not to be positive semi-definite).
        bounds: of ``length`` when it is learnt; see `Kernel`.

    Rows: `likewise.vectors.Gaussians`, or a pair of arrays (means, variances or covariances).

    Features: with variances, those of `RBF`.

    Raises:
        InvalidArgument: rows of the other kind than ``covariance`` says.

    Cost: O(dim) an entry with variances, O(dim^3) with covariances.

    Example:
        >>> rows = [[0.0, 0.0], [3.0, 0.0]], [[1.0, 1.0], [25.0, 1.0]]
        >>> WassersteinRBF(length=5.0)(rows).round(4).tolist()
        [[1.0, 0.6065], [0.6065, 1.0]]
    """

    name = "wasserstein_rbf"
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"length": (1e-5, 1e5)}

    @suggest_arguments
    def __init__(
        self,
        length: float = 1.0,
        *,
        covariance: str = "diagonal",
        bounds: Mapping[str, Bounds] | None = None,
    ) -> None:
        self.length = length
        self.covariance = covariance
        self.bounds = bounds
        self._check_parameters()

    def _check_parameters(self) -> None:
        check_number("length", self.length)  # one number: W2 has no dimensions to weigh
        if self.covariance not in ("diagonal", "full"):
            raise InvalidArgument(
                f"covariance must be 'diagonal' or 'full'; got {self.covariance!r}"
            )
        super()._check_parameters()

    @property
    def psd(self) -> bool:
        return self.covariance == "diagonal"

    def _as_rows(self, values: Any, what: str) -> GaussianRows:
        rows = super()._as_rows(values, what)
        if rows.full != (self.covariance == "full"):
            has = "covariances" if rows.full else "variances"
            raise InvalidArgument(
                f"{what}: rows have {has}; this kernel was made with covariance={self.covariance!r}"
            )
        return rows

    def _entries(self, X: GaussianRows, Y: GaussianRows) -> Float64Array:
        out = wasserstein_squared(X, Y)
        out *= -0.5 / float(self.length) ** 2
        return np.exp(out, out=out)

    def _diagonal(self, X: GaussianRows) -> Float64Array:
        return np.ones(len(X))

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        if self.covariance == "full":
            return super()._feature_map(n_features, seed)
        fixed = self.copy()  # the map stays as it is when this kernel is changed
        length = float(self.length)
        return EmbeddedFeatures(n_features, seed, length, fixed._as_rows, side_by_side)


def side_by_side(rows: GaussianRows) -> Float64Array:
    """(n, 2 dim): means, and standard deviations behind them."""
    return np.concatenate([rows.means, np.sqrt(rows.spreads)], axis=1)


class ProbabilityProduct(_OfGaussians):
    """``k(p, q) = integral p(z)^power q(z)^power dz`` of Gaussians p and q.

    ``power=0.5`` is the Bhattacharyya kernel, exp(-D) with the Bhattacharyya distance D, and 1 of
    a row with itself. ``power=1`` is the expected likelihood, N(m1 - m2; 0, S1 + S2). Positive
    semi-definite for variances and covariances: it is an inner product of functions.

    Args:
        power: positive; not learnt.
        normalised: divide by the root of k(p, p) k(q, q), so that the diagonal is 1. Without
            it the values of the expected likelihood go by the size of densities, which vanish
            or explode in many dimensions.

    Rows: as of `WassersteinRBF`, of either kind.

    Cost: O(dim) an entry with variances, O(dim^3) with covariances.

    Source: T. Jebara, R. Kondor and A. Howard, "Probability product kernels", JMLR, 2004.

    Example:
        >>> rows = [[0.0], [2.0]], [[1.0], [1.0]]
        >>> ProbabilityProduct(power=0.5)(rows).round(4).tolist()
        [[1.0, 0.6065], [0.6065, 1.0]]
        >>> ProbabilityProduct(power=1, normalised=False)(rows).round(4).tolist()
        [[0.2821, 0.1038], [0.1038, 0.2821]]
    """

    name = "probability_product"

    @suggest_arguments
    def __init__(self, power: float = 0.5, *, normalised: bool = True) -> None:
        self.power = power
        self.normalised = normalised
        self._check_parameters()

    def _check_parameters(self) -> None:
        if check_number("power", self.power) <= 0:
            raise InvalidArgument(f"power must be positive; got {self.power!r}")
        super()._check_parameters()

    def _entries(self, X: GaussianRows, Y: GaussianRows) -> Float64Array:
        # A power of a density is a multiple of another Gaussian's: p^r = c N(m, S / r) with
        # ln c = (dim ln 2 pi + ln |S|) (1 - r) / 2 - dim ln(r) / 2.
        r = float(self.power)
        own, other = log_determinants(X), log_determinants(Y)
        out = np.add.outer(own, other)
        out *= (1 - r) / 2
        for i in range(len(X)):
            S = (X.spreads[i] + Y.spreads) / r
            quadratic, log = with_covariance(X.means[i] - Y.means, S)
            out[i] -= (quadratic + log) / 2
        out += X.dim * self._constant()
        if self.normalised:
            out -= (self._own(X.dim, own)[:, None] + self._own(Y.dim, other)) / 2
        return np.exp(out, out=out)

    def _diagonal(self, X: GaussianRows) -> Float64Array:
        if self.normalised:
            return np.ones(len(X))
        return np.asarray(np.exp(self._own(X.dim, log_determinants(X))))

    def _own(self, dim: int, logs: Float64Array) -> Float64Array:
        """ln k(x, x) by ln |S|: the sum of both is 2 S."""
        r = float(self.power)
        return np.asarray(logs * (0.5 - r) + dim * (self._constant() - np.log(2 / r) / 2))

    def _constant(self) -> float:
        """What ln k has for each dimension, whatever the rows."""
        r = float(self.power)
        return float((0.5 - r) * np.log(2 * np.pi) - np.log(r))
