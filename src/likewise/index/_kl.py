"""KL(q || d) of diagonal Gaussians: the formula, and as an inner product in 2 dim + 1 numbers.

With means m, variances s and the sum over dimensions,

    KL(q || d) = 1/2 sum( s_q/s_d + (m_q - m_d)^2/s_d - 1 + ln s_d - ln s_q )
               = c(q) - q*.d*
    q* = (1, s_q + m_q^2, m_q),   c(q) = -1/2 sum( 1 + ln s_q )
    d* = (-1/2 sum( m_d^2/s_d + ln s_d ), -1/(2 s_d), m_d/s_d)

so that the largest inner product is the smallest divergence (H. Zamani and M. Bendersky,
"Multivariate representation learning for information retrieval", SIGIR 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likewise.metrics import FloatArray, Metric
from likewise.vectors import Float32Array, Gaussians

Float64Array = npt.NDArray[np.float64]

#: Numbers compared at a time.
BLOCK = 1 << 22
#: A number of d* counts as spread by this share of its size at least.
LEAST_SPREAD = 0.01


def divergences(Q: FloatArray, X: FloatArray) -> Float64Array:
    """(m, n) KL(q || d) in nats, of packed rows (m, 2 dim) and (n, 2 dim). Cost O(m n dim)."""
    q, d = (np.atleast_2d(np.asarray(A, dtype=np.float64)) for A in (Q, X))
    dim = q.shape[1] // 2
    found = np.empty((len(q), len(d)))
    height = max(1, BLOCK // dim)
    for start in range(0, len(d), height):
        means, variances = np.split(d[start : start + height], [dim], axis=1)
        logs = np.log(variances)
        for line, row in zip(found, q, strict=True):
            mean, variance = row[:dim], row[dim:]
            # ratio - 1 - ln ratio is 0 where both are the same; written so that it stays above.
            terms = np.expm1(np.log(variance) - logs) - (np.log(variance) - logs)
            terms += (mean - means) ** 2 / variances
            line[start : start + height] = 0.5 * terms.sum(axis=1)
    return found


#: The divergence as a metric of packed rows; it is not in the registry, where any vector is a row.
KL = Metric(
    "kl",
    "KL(q || d) of diagonal Gaussians",
    "1 / (1 + distance)",
    divergences,
    lambda distance: 1.0 / (1.0 + distance),
    lambda score: np.inf if score <= 0 else 1.0 / score - 1.0,
)


@dataclass(frozen=True, slots=True)
class KLMap:
    """The map to 2 dim + 1 numbers, after a shift and a scale of every dimension.

    A divergence does not change when both Gaussians are shifted and scaled alike; numbers near 1
    lose the least when they are rounded to float32. ``level`` is taken off the first number of
    every d*, which moves all inner products by the same. Numbers of d* are divided by ``weights``
    and those of q* multiplied, so that both spread alike in every direction: without it one large
    number hides the others from codes and from links.

    Attributes:
        shift, scale: (dim,) what is subtracted from means, and what they are divided by after.
        level: see above.
        weights: (2 dim + 1,) see above.

    Example:
        >>> from likewise.vectors import as_gaussians
        >>> rows = as_gaussians([[0, 0], [3, 4]], [[1, 1], [1, 4]])
        >>> kl = KLMap.plain(2)
        >>> q, d = kl.queries(rows), kl.rows(rows)
        >>> truth = divergences(rows.packed(), rows.packed())
        >>> bool(np.abs(kl.constants(rows)[:, None] - q @ d.T - truth).max() < 1e-5)
        True
    """

    shift: Float64Array
    scale: Float64Array
    level: float
    weights: Float64Array

    @classmethod
    def plain(cls, dim: int) -> KLMap:
        """The map as it is published.

        Example:
            >>> KLMap.plain(1).level
            0.0
        """
        return cls(np.zeros(dim), np.ones(dim), 0.0, np.ones(2 * dim + 1))

    @classmethod
    def over(cls, rows: Gaussians) -> KLMap:
        """The map that suits ``rows``, and queries like them.

        Example:
            >>> from likewise.vectors import as_gaussians
            >>> KLMap.over(as_gaussians([[1], [3]], [[4], [4]])).scale.tolist()
            [2.0]
        """
        if len(rows) == 0:
            return cls.plain(rows.dim)
        shift = rows.means.mean(axis=0, dtype=np.float64)
        # The middle variance on a scale of ratios, so that 1 / variance is near 1.
        scale = np.exp(0.5 * np.log(rows.variances.astype(np.float64)).mean(axis=0))
        means, variances = standardised(rows, shift, scale)
        first = _first(means, variances)
        level = float(np.median(first))
        d = _beside(first - level, -0.5 / variances, means / variances)
        q = _beside(np.ones(len(rows)), variances + means**2, means)
        sizes = [np.sqrt((side**2).mean(axis=0)) for side in (d, q)]
        # What hardly differs from row to row must not be blown up to the size of the others.
        spread = np.maximum(d.std(axis=0), LEAST_SPREAD * sizes[0])
        weights = np.sqrt(np.where(spread > 0, spread, 1.0) / np.where(sizes[1] > 0, sizes[1], 1.0))
        return cls(shift, scale, level, weights)

    def queries(self, q: Gaussians) -> Float32Array:
        """(n, 2 dim + 1) q* of the rows."""
        means, variances = standardised(q, self.shift, self.scale)
        return _narrow(self.weights * _beside(np.ones(len(q)), variances + means**2, means))

    def rows(self, d: Gaussians) -> Float32Array:
        """(n, 2 dim + 1) d* of the rows."""
        means, variances = standardised(d, self.shift, self.scale)
        first = _first(means, variances) - self.level
        return _narrow(_beside(first, -0.5 / variances, means / variances) / self.weights)

    def constants(self, q: Gaussians) -> Float64Array:
        """(n,) c(q): what an inner product is subtracted from to give the divergence."""
        _, variances = standardised(q, self.shift, self.scale)
        constants: Float64Array = -0.5 * (1.0 + np.log(variances)).sum(axis=1) - self.level
        return constants


def _first(means: Float64Array, variances: Float64Array) -> Float64Array:
    """The first number of d*, of every row."""
    total: Float64Array = -0.5 * (means**2 / variances + np.log(variances)).sum(axis=1)
    return total


def _beside(first: Float64Array, *parts: Float64Array) -> Float64Array:
    return np.concatenate([first[:, None], *parts], axis=1)


def _narrow(wide: Float64Array) -> Float32Array:
    """In float32; what is beyond it becomes infinite, for the caller to see."""
    with np.errstate(over="ignore"):
        return wide.astype(np.float32)


def standardised(
    rows: Gaussians, shift: Float64Array, scale: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Means and variances in float64 after the shift and the scale."""
    means = (rows.means.astype(np.float64) - shift) / scale
    return means, rows.variances.astype(np.float64) / scale**2
