"""Covariance matrices that can be inverted: shrunken towards round ones, and their factors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from likewise._arguments import check_number
from likewise.errors import InvalidArgument, NotPositiveDefinite
from likewise.learn.means._limbs import Float64Array


class Factor(NamedTuple):
    """``lower lower^T`` is the covariance; ``log_determinant`` is its own."""

    lower: Float64Array
    log_determinant: float

    def whiten(self, rows: Float64Array) -> Float64Array:
        """Rows whose squared euclidean distances are squared Mahalanobis distances."""
        return np.ascontiguousarray(solve_triangular(self.lower, rows.T, lower=True).T)


def check_shrinkage(shrinkage: Any) -> None:
    """Refuse what `shrunken_covariance` cannot use."""
    if isinstance(shrinkage, str):
        if shrinkage != "oas":
            raise InvalidArgument(
                f'shrinkage must be a number from 0 to 1 or "oas"; got {shrinkage!r:.60}'
            )
    elif not 0 <= check_number("shrinkage", shrinkage) <= 1:
        raise InvalidArgument(f"shrinkage must be from 0 to 1; got {shrinkage!r}")


def oas(covariance: Float64Array, count: int) -> float:
    """The share of shrinkage that errs least for Gaussian rows (oracle approximating shrinkage).

    It needs the covariance of ``count`` rows alone, so that running sums are enough; Ledoit and
    Wolf's needs fourth powers of the distances from means that are not known yet.

    Source: Y. Chen et al., "Shrinkage algorithms for MMSE covariance estimation", IEEE Transactions
    on Signal Processing 2010 (as scikit-learn's OAS computes it).
    """
    width = len(covariance)
    alpha, mu = float(np.square(covariance).mean()), float(np.trace(covariance)) / width
    below = (count + 1) * (alpha - mu**2 / width)
    return 1.0 if below <= 0 else min((alpha + mu**2) / below, 1.0)


def shrunken_covariance(
    covariance: Float64Array, shrinkage: float | str, count: int, usual: float = 1.0
) -> Float64Array:
    """``(1 - s) covariance + s m I`` with m the mean variance.

    Args:
        shrinkage: s, or "oas". count: rows it is of.
        usual: m where nothing varies; s is then 1.
    """
    m = float(np.trace(covariance)) / len(covariance)
    if m <= 0:
        return usual * np.eye(len(covariance))
    s = oas(covariance, count) if isinstance(shrinkage, str) else float(shrinkage)
    found = (1 - s) * covariance
    found[np.diag_indices(len(found))] += s * m
    return np.asarray(found)


def factored(covariance: Float64Array, what: str) -> Factor:
    """The factor by Cholesky.

    Raises:
        NotPositiveDefinite: it is singular, up to rounding.
    """
    try:
        lower = cholesky(covariance, lower=True)
        pivots = np.square(np.diag(lower))
        singular = pivots.min() <= 4 * len(pivots) * np.finfo(float).eps * pivots.max()
    except LinAlgError:
        singular = True
    if singular:
        raise NotPositiveDefinite(
            f"{what} is singular: too few rows, or features that depend on each other; "
            'use shrinkage="oas", or a shrinkage above 0'
        )
    return Factor(lower, 2 * float(np.log(np.diag(lower)).sum()))
