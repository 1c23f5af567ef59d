"""`MahalanobisOutliers`: far from the mean, in units of the spread there."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.learn._checks import check_labels, check_rows
from likewise.learn._unit import directions
from likewise.learn.outliers._detector import Detector
from likewise.learn.outliers._reducing import Reduction

Float64Array = npt.NDArray[np.float64]


def whitening(covariance: Any) -> Float64Array:
    """W with ``W W^T`` the inverse of a covariance, by its eigenvectors.

    Raises:
        InvalidArgument: it is singular; the message says its rank.

    Example:
        >>> W = whitening([[4.0, 0.0], [0.0, 1.0]])
        >>> (W @ W.T).round(3).tolist()
        [[0.25, 0.0], [0.0, 1.0]]
    """
    matrix = np.asarray(covariance, dtype=np.float64)
    values, vectors = np.linalg.eigh(matrix)
    least = max(values[-1], 0.0) * len(values) * np.finfo(np.float64).eps
    rank = int((values > least).sum())
    if rank < len(values):
        raise InvalidArgument(
            f"the covariance of {len(values)} numbers has rank {rank}, so no distance to its mean "
            'is defined; use shrinkage="ledoit-wolf", or leave out constant columns'
            + (f', or reduce="pca" with components={rank}' if rank else " (here all are)")
        )
    return np.asarray(vectors / np.sqrt(values))


def squared_mahalanobis(rows: Any, means: Any, W: Float64Array) -> Float64Array:
    """``(x - mu)^T S^-1 (x - mu)`` of m rows and c means, with ``S^-1 = W W^T``.

    Returns:
        (m, c).

    Cost: (m + c) dim^2 and m c dim.

    Example:
        >>> squared_mahalanobis([[2.0, 0.0]], [[0.0, 0.0]], whitening([[4, 0], [0, 1]])).tolist()
        [[1.0]]
    """
    centres = np.asarray(means, dtype=np.float64)
    middle = centres.mean(axis=0)  # whitened from there, so that no digits are lost far away
    white = (np.asarray(rows, dtype=np.float64) - middle) @ W
    found = np.empty((len(white), len(centres)))
    for c, centre in enumerate((centres - middle) @ W):
        found[:, c] = ((white - centre) ** 2).sum(axis=1)
    return found


class MahalanobisOutliers(Detector):
    """Outliers by squared Mahalanobis distance, after a reduction; the score is minus it.

    ``d^2 = (z - mu)^T S^-1 (z - mu)`` of the reduced rows z. With ``by_class`` the least over the
    means of the classes, with one covariance S of all around their own means (Lee et al.).

    Args:
        reduce: None, "pca", "umap" (needs ``pip install umap-learn``), or any transformer with
            fit and transform, which is cloned. It is fitted on the rows of `fit` alone. UMAP puts
            new rows among the fitted ones, so far outliers can look normal.
        components: of "pca" (None: a fifth of the rows, at most 256) and "umap" (None: 2).
        standardize: divide each number by its standard deviation first.
        normalise: divide each row by its length, before that (Mahalanobis++, 2025).
        shrinkage: of the covariance to a multiple of I: "ledoit-wolf" chooses, a number in [0, 1]
            says how far, None takes it as it is and refuses a singular one.
        by_class: with the labels ``y``, see above.
        relative: less the squared distance to one Gaussian of all rows (Ren et al.), for rows that
            are near the domain; needs ``by_class``.
        residual: add the squared norm of what the reduction lost, over its mean variance, as in
            probabilistic PCA: PCA keeps where rows vary, and outliers may stand where they do not.
        contamination: the share of fitted rows taken for outliers, in (0, 0.5].
        random_state: the seed of the reduction.

    Attributes:
        means_: (classes or 1, components). reduction_: how rows are reduced.
        training_scores_, offset_: see `Detector`; fitted rows took part in mean and covariance.
        classes_: (with ``by_class``) the classes, ascending.

    Raises:
        InvalidArgument, InvalidType, InvalidVector: an impossible argument, a singular covariance,
            or NaN. MissingExtra: UMAP is not installed.

    Cost: the reduction's; n r^2 for r components, and r^2 a query.

    Source: K. Lee et al., "A simple unified framework for detecting out-of-distribution samples",
    NeurIPS 2018; J. Ren et al., "A simple fix to Mahalanobis distance", 2021; M. Woodland et al.,
    "Dimensionality reduction and nearest neighbors for improving out-of-distribution detection in
    medical image segmentation", 2024.

    Example:
        >>> from likewise.learn import MahalanobisOutliers
        >>> X = np.random.default_rng(0).normal(size=(100, 2)) * [1.0, 10.0]
        >>> MahalanobisOutliers().fit(X).predict([[0.0, 20.0], [20.0, 0.0]]).tolist()
        [1, -1]
    """

    @suggest_arguments
    def __init__(
        self,
        reduce: Any = None,
        components: int | None = None,
        *,
        standardize: bool = True,
        normalise: bool = False,
        shrinkage: Literal["ledoit-wolf"] | float | None = "ledoit-wolf",
        by_class: bool = False,
        relative: bool = False,
        residual: bool = False,
        contamination: float = 0.05,
        random_state: int | None = 0,
    ) -> None:
        self.reduce = reduce
        self.components = components
        self.standardize = standardize
        self.normalise = normalise
        self.shrinkage = shrinkage
        self.by_class = by_class
        self.relative = relative
        self.residual = residual
        self.contamination = contamination
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn mean and spread of the rows ``X``; ``y`` (n,) is used with ``by_class`` only."""
        self._check_contamination()
        if self.relative and not self.by_class:
            raise InvalidArgument("relative=True compares with the classes: give by_class=True")
        rows = check_rows(self, X, reset=True)
        if len(rows) < 2:
            raise InvalidArgument(f"a spread needs two rows at least; n_samples = {len(rows)}")
        if not (rows != rows[0]).any():
            raise InvalidArgument(
                f"a spread needs rows that differ; all {len(rows)} are the same, and any other is "
                "an outlier"
            )
        places = np.zeros(len(rows), dtype=np.int64)
        if self.by_class:
            self.classes_, places = check_labels(y, len(rows))
        rows = directions(rows) if self.normalise else rows
        spread = rows.std(axis=0) if self.standardize else np.ones(rows.shape[1])
        # Constant columns come out as rounding: they are left as they are.
        self._spread = np.where(spread > 1e-12 * np.abs(rows).max(axis=0), spread, 1.0)
        rows = rows / self._spread
        self.reduction_ = Reduction(
            self.reduce, self.components, self.random_state, rows, self.residual
        )
        reduced = self.reduction_(rows)
        members = places == np.arange(places.max() + 1)[:, None]
        self.means_ = members / members.sum(axis=1, keepdims=True) @ reduced
        self._whitening = whitening(self._covariance(reduced - self.means_[places]))
        if self.relative:
            self._mean = reduced.mean(axis=0)
            self._background = whitening(self._covariance(reduced - self._mean))
        return self._keep(self._reduced_scores(rows, reduced))

    def _scores(self, rows: Float64Array) -> Float64Array:
        placed = (directions(rows) if self.normalise else rows) / self._spread
        return self._reduced_scores(placed, self.reduction_(placed))

    def _reduced_scores(self, rows: Float64Array, reduced: Float64Array) -> Float64Array:
        every = squared_mahalanobis(reduced, self.means_, self._whitening)
        away: Float64Array = every.min(axis=1)
        if self.relative:
            away -= squared_mahalanobis(reduced, self._mean[None], self._background)[:, 0]
        if self.residual:
            away += self.reduction_.lost(rows, reduced)
        return -away

    def _covariance(self, centred: Float64Array) -> Float64Array:
        from sklearn.covariance import ledoit_wolf, shrunk_covariance

        if isinstance(self.shrinkage, str):
            if self.shrinkage != "ledoit-wolf":
                raise InvalidArgument(
                    f'shrinkage must be "ledoit-wolf", a number or None; got {self.shrinkage!r:.60}'
                )
            found: Float64Array = ledoit_wolf(centred, assume_centered=True)[0]
            return found
        empirical: Float64Array = centred.T @ centred / len(centred)
        if self.shrinkage is None:
            return empirical
        share = check_number("shrinkage", self.shrinkage)
        if not 0 <= share <= 1:
            raise InvalidArgument(f"shrinkage must lie in [0, 1]; got {share:g}")
        shrunk: Float64Array = shrunk_covariance(empirical, share)
        return shrunk
