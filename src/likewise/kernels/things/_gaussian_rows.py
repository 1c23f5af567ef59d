"""Rows that are Gaussians: means with variances, or with full covariance matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise.errors import DimensionMismatch, InvalidType, InvalidVector
from likewise.kernels._rows import as_rows
from likewise.kernels.parameters import Float64Array
from likewise.vectors import Gaussians


@dataclass(frozen=True, slots=True)
class GaussianRows:
    """n checked Gaussians.

    Attributes:
        means: (n, dim).
        spreads: (n, dim) variances, or (n, dim, dim) covariances.
    """

    means: Float64Array
    spreads: Float64Array

    def __len__(self) -> int:
        return len(self.means)

    def __getitem__(self, at: Any) -> GaussianRows:
        if isinstance(at, (int, np.integer)):
            if not -len(self) <= at < len(self):  # which ends iteration
                raise IndexError(f"row {at} of {len(self)}")
            at = [int(at)]
        return GaussianRows(self.means[at], self.spreads[at])

    @property
    def dim(self) -> int:
        """Numbers in a mean."""
        return int(self.means.shape[1])

    @property
    def full(self) -> bool:
        """Whether spreads are covariances."""
        return self.spreads.ndim == 3


def as_gaussian_rows(values: Any, what: str = "X") -> GaussianRows:
    """``values`` as checked Gaussians.

    Args:
        values: `likewise.vectors.Gaussians`; or a pair (means, spreads) of arrays: means
            (n, dim), and variances (n, dim) or symmetric covariances (n, dim, dim).

    Raises:
        InvalidType: something else. DimensionMismatch: shapes that do not fit. InvalidVector:
        NaN, infinity, a variance that is not above 0, or a covariance that is not symmetric and
        positive definite, with its row.

    Example:
        >>> rows = as_gaussian_rows(([[0, 0], [1, 1]], [np.eye(2), 2 * np.eye(2)]))
        >>> len(rows), rows.dim, rows.full
        (2, 2, True)
    """
    if isinstance(values, GaussianRows):
        return values
    if isinstance(values, Gaussians):
        values = values.means, values.variances
    if not isinstance(values, (tuple, list)) or len(values) != 2:
        raise InvalidType(
            f"{what}: expected likewise.vectors.Gaussians, or a pair (means, variances) or "
            f"(means, covariances); got {values!r:.60} of type {type(values).__name__}"
        )
    means = as_rows(values[0], f"{what}, means").astype(np.float64, copy=False)
    ndim = 3 if np.ndim(values[1]) == 3 else 2
    spreads = as_rows(values[1], f"{what}, spreads", ndim=ndim).astype(np.float64, copy=False)
    expected = means.shape if ndim == 2 else (*means.shape, means.shape[1])
    if spreads.shape != expected:
        raise DimensionMismatch(
            f"{what}: means {means.shape} need variances of the same shape, or covariances "
            f"{(*means.shape, means.shape[1])}; got {spreads.shape}"
        )
    _check_variances(spreads, what) if ndim == 2 else _check_covariances(spreads, what)
    return GaussianRows(means, spreads)


def check_alike(X: GaussianRows, Y: GaussianRows) -> None:
    """Refuse rows of other dimensions, and variances beside covariances."""
    if X.spreads.shape[1:] != Y.spreads.shape[1:]:
        raise DimensionMismatch(
            f"rows of X have spreads {X.spreads.shape[1:]}, rows of Y {Y.spreads.shape[1:]}; both "
            "must be of one dimension, and have variances or have covariances"
        )


def _check_variances(variances: Float64Array, what: str) -> None:
    bad = variances <= 0
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise InvalidVector(
            f"{what}: row {row} has variance {variances[row, column]:g} in dimension {column}; "
            "every variance must be above 0"
        )


def _check_covariances(covariances: Float64Array, what: str) -> None:
    if not len(covariances):
        return
    other = covariances.transpose(0, 2, 1)
    largest = np.abs(covariances).max(axis=(1, 2))
    skew = np.abs(covariances - other).max(axis=(1, 2)) > 1e-8 * largest
    if skew.any():
        raise InvalidVector(
            f"{what}: the covariance of row {int(skew.argmax())} is not symmetric; give (S + S.T) "
            "/ 2"
        )
    least = np.linalg.eigvalsh(covariances)[:, 0]
    bad = least <= 1e-13 * largest
    if bad.any():
        row = int(bad.argmax())
        raise InvalidVector(
            f"{what}: the covariance of row {row} has eigenvalue {least[row]:.3g}, and must be "
            "positive definite; add to its diagonal the smallest variance that you trust"
        )
