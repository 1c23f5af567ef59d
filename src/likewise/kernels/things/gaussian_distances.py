"""Distances between Gaussians in closed form: Wasserstein, KL, Jeffreys, Bhattacharyya, Fisher.

Every one takes rows with variances and, but for Fisher's, with full covariances.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import numpy as np

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument
from likewise.kernels.parameters import Float64Array
from likewise.kernels.things._gaussian_rows import GaussianRows, as_gaussian_rows, check_alike


@suggest_arguments
def gaussian_distances(X: Any, Y: Any = None, *, measure: str = "wasserstein") -> Float64Array:
    """Distances of all pairs of Gaussians.

    With means m, covariances S, d = m1 - m2 and M = (S1 + S2) / 2, the measures are

    - ``wasserstein``: W2, whose square is
      ``|d|^2 + tr(S1 + S2 - 2 (S1^(1/2) S2 S1^(1/2))^(1/2))``; a metric;
    - ``kl``: ``(tr(S2^-1 S1) + d.S2^-1 d - dim + ln(|S2| / |S1|)) / 2``, of X from Y, in nats;
      not symmetric;
    - ``jeffreys``: KL both ways added;
    - ``bhattacharyya``: ``d.M^-1 d / 8 + ln(|M| / sqrt(|S1| |S2|)) / 2``;
    - ``hellinger``: ``sqrt(1 - exp(-bhattacharyya))``; a metric, in [0, 1];
    - ``fisher``: the length of the shortest way by Fisher's information, for variances only,
      where every dimension is a hyperbolic half-plane; a metric.

    Args:
        X, Y: `likewise.vectors.Gaussians`, or pairs (means, variances) or (means, covariances)
            with arrays (n, dim) and (n, dim) or (n, dim, dim). None is X.
        measure: a name of the list.

    Returns:
        (n, m).

    Raises:
        InvalidArgument: an unknown measure, or ``fisher`` of covariances. And as for rows.

    Cost: O(dim) a pair of rows with variances; O(dim^3) of rows with covariances.

    Source: for W2 D. C. Dowson and B. V. Landau, Journal of Multivariate Analysis, 1982; for
    Fisher's S. I. R. Costa, S. A. Santos and J. E. Strapasson, Discrete Applied Mathematics,
    2015.

    Example:
        >>> near, wide = ([[0.0, 0.0]], [[1.0, 1.0]]), ([[3.0, 4.0]], [[4.0, 1.0]])
        >>> gaussian_distances(near, wide).round(4).tolist()
        [[5.099]]
        >>> gaussian_distances(near, wide, measure="kl").round(4).tolist()
        [[9.4431]]
    """
    rows = as_gaussian_rows(X, "X")
    other = rows if Y is None else as_gaussian_rows(Y, "Y")
    check_alike(rows, other)
    if measure not in MEASURES:
        close = get_close_matches(str(measure), MEASURES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it is one of {', '.join(MEASURES)}"
        raise InvalidArgument(f"measure {measure!r} is unknown; {hint}")
    return MEASURES[measure](rows, other)


def wasserstein_squared(X: GaussianRows, Y: GaussianRows) -> Float64Array:
    """W2 squared, (n, m)."""
    out = _squared(X.means, Y.means)
    if not X.full:
        return out + _squared(np.sqrt(X.spreads), np.sqrt(Y.spreads))
    roots = _roots(X.spreads)
    trace = np.trace(X.spreads, axis1=1, axis2=2)[:, None] + np.trace(Y.spreads, axis1=1, axis2=2)
    for i, root in enumerate(roots):
        # Symmetric, so that its eigenvalues are real; those of S1 S2 are the same.
        values = np.linalg.eigvalsh(root @ Y.spreads @ root)
        trace[i] -= 2 * np.sqrt(np.maximum(values, 0.0)).sum(axis=-1)
    return np.asarray(out + np.maximum(trace, 0.0))


def kl(X: GaussianRows, Y: GaussianRows) -> Float64Array:
    """KL(X || Y), (n, m)."""
    inverse = np.asarray(np.linalg.inv(Y.spreads) if Y.full else 1.0 / Y.spreads, np.float64)
    if Y.full:
        trace = np.einsum("jab,iba->ij", inverse, X.spreads, optimize=True)
    else:
        trace = X.spreads @ inverse.T
    logs = log_determinants(Y) - log_determinants(X)[:, None]
    out = (trace + _mahalanobis(X, Y, inverse) - X.dim + logs) / 2
    return np.asarray(np.maximum(out, 0.0))


def jeffreys(X: GaussianRows, Y: GaussianRows) -> Float64Array:
    """KL both ways."""
    return kl(X, Y) + kl(Y, X).T


def bhattacharyya(X: GaussianRows, Y: GaussianRows) -> Float64Array:
    """-ln of the integral of the root of both densities."""
    out = np.empty((len(X), len(Y)))
    logs = log_determinants(X), log_determinants(Y)
    for i in range(len(X)):
        quadratic, log = with_covariance(X.means[i] - Y.means, (X.spreads[i] + Y.spreads) / 2)
        out[i] = quadratic / 8 + (log - (logs[0][i] + logs[1]) / 2) / 2
    return np.maximum(out, 0.0)


def hellinger(X: GaussianRows, Y: GaussianRows) -> Float64Array:
    """The Hellinger distance."""
    return np.sqrt(-np.expm1(-bhattacharyya(X, Y)))


def fisher(X: GaussianRows, Y: GaussianRows) -> Float64Array:
    """The Fisher-Rao distance of independent normal numbers."""
    if X.full:
        raise InvalidArgument(
            "measure 'fisher' has a closed form for variances only; give variances, or use "
            "'wasserstein' or 'hellinger'"
        )
    out = np.zeros((len(X), len(Y)))
    for c in range(X.dim):
        s, t = np.sqrt(X.spreads[:, c])[:, None], np.sqrt(Y.spreads[:, c])
        squared = np.subtract.outer(X.means[:, c], Y.means[:, c]) ** 2 / 2 + (s - t) ** 2
        # arccosh(1 + z) without the loss of digits at small z.
        out += 2 * (2 * np.arcsinh(np.sqrt(squared / (4 * s * t)))) ** 2
    return np.sqrt(out)


#: What `gaussian_distances` knows, by name.
MEASURES: dict[str, Callable[[GaussianRows, GaussianRows], Float64Array]] = {
    "wasserstein": lambda X, Y: np.sqrt(wasserstein_squared(X, Y)),
    "kl": kl,
    "jeffreys": jeffreys,
    "bhattacharyya": bhattacharyya,
    "hellinger": hellinger,
    "fisher": fisher,
}


def with_covariance(d: Float64Array, S: Float64Array) -> tuple[Float64Array, Float64Array]:
    """``d.S^-1 d`` and ``ln |S|`` of m differences (m, dim) and spreads of either kind."""
    if S.ndim == 2:
        return (d * d / S).sum(axis=1), np.log(S).sum(axis=1)
    L = np.linalg.cholesky(S)
    solved = np.linalg.solve(L, d[:, :, None])[:, :, 0]
    logs = 2 * np.log(np.diagonal(L, axis1=1, axis2=2)).sum(axis=1)
    return np.vecdot(solved, solved), logs


def log_determinants(X: GaussianRows) -> Float64Array:
    """ln |S| of each row."""
    if X.full:
        return np.asarray(np.linalg.slogdet(X.spreads)[1])
    return np.asarray(np.log(X.spreads).sum(axis=1))


def _mahalanobis(X: GaussianRows, Y: GaussianRows, inverse: Float64Array) -> Float64Array:
    out = np.empty((len(X), len(Y)))
    for i in range(len(X)):
        d = X.means[i] - Y.means
        weighed = np.einsum("ja,jab->jb", d, inverse) if Y.full else d * inverse
        out[i] = np.vecdot(weighed, d)
    return out


def _squared(a: Float64Array, b: Float64Array) -> Float64Array:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(a, b, "sqeuclidean"))


def _roots(S: Float64Array) -> Float64Array:
    values, vectors = np.linalg.eigh(S)
    return np.asarray((vectors * np.sqrt(values)[:, None, :]) @ vectors.transpose(0, 2, 1))
