"""`LocalOutlierFactor`: how much sparser a row lies than its neighbours do."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_k, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.index import Index
from likewise.learn._checks import check_rows
from likewise.learn._searching import fitted_index, leave_one_out
from likewise.learn.outliers._detector import Detector
from likewise.learn.outliers._fitted_rows import RowLookup, other_neighbours

Float64Array = npt.NDArray[np.float64]

#: Added to mean distances, so that copies of a row have a density; the value of scikit-learn.
LEAST = 1e-10


def reachability_density(ids: Any, distances: Any, radii: Any) -> Float64Array:
    """``1 / mean over neighbours j of max(distance to j, radius of j)``.

    Args:
        ids: (m, k) neighbours among n rows. distances: (m, k).
        radii: (n,) the distance of each of the n rows to the k-th neighbour of its own.

    Returns:
        (m,) densities; at most 1e10, that of a row with k copies.

    Raises:
        InvalidArgument: a distance below 0, as of the metric dot.

    Example:
        >>> reachability_density([[0, 1]], [[1.0, 4.0]], radii=np.array([3.0, 2.0])).round(3)
        array([0.286])
    """
    least = np.min(distances, initial=0.0)
    if least < 0:
        raise InvalidArgument(
            f"densities need distances of at least 0; got {least:.3g}, as the metric dot gives; "
            "use an index by another metric, such as euclidean or cosine, or score by distance: "
            "NeighborOutliers (of a collection: method='distance')"
        )
    reach = np.maximum(distances, np.asarray(radii, dtype=np.float64)[np.asarray(ids)])
    return np.asarray(1.0 / (reach.mean(axis=1) + LEAST))


def local_outlier_factor(ids: Any, densities: Any, own: Any) -> Float64Array:
    """``mean over neighbours j of (density of j / own density)``: 1 within an even cloud.

    Args:
        ids: (m, k) neighbours among n rows. densities: (n,) of these rows.
        own: (m,) densities of those who ask. Both by `reachability_density`.

    Returns:
        (m,) factors; higher is more of an outlier.

    Source: M. Breunig et al., "LOF: identifying density-based local outliers", SIGMOD 2000.

    Example:
        >>> local_outlier_factor([[0, 1]], np.array([2.0, 4.0]), own=np.array([1.0]))
        array([3.])
    """
    known = np.asarray(densities, dtype=np.float64)
    asking = np.asarray(own, dtype=np.float64)
    return np.asarray((known[np.asarray(ids)] / asking[:, None]).mean(axis=1))


class LocalOutlierFactor(Detector):
    """Outliers by density relative to that of their neighbours; the score is minus the factor.

    With ``reach(i, j) = max(d(i, j), distance of j to its k-th neighbour)`` and
    ``density(i) = 1 / mean_j reach(i, j)`` over the k neighbours j of i, the factor of i is
    ``mean_j density(j) / density(i)``. The neighbours of a fitted row leave it out. Equal to
    scikit-learn's ``negative_outlier_factor_`` for fitted rows, and to its ``score_samples`` with
    ``novelty=True`` for others: one class gives both.

    Args:
        index: any of `likewise.index`; it is copied. None is ``Exact("euclidean")``.
        k: how many neighbours, at most n - 1.
        contamination: "auto" takes factors above 1.5 for outliers; a share in (0, 0.5] takes so
            many of the fitted rows.
        recall: handed to the search.

    Attributes:
        densities_: (n,) of the fitted rows. radii_: (n,) distances to their k-th neighbours.
        training_scores_, offset_: see `Detector`. index_: the index with the rows.

    Raises:
        InvalidArgument, InvalidType, InvalidVector: an impossible argument, NaN, or distances
        below 0 (of the metric dot).

    Cost: one search of all rows; a query, one search.

    Source: M. Breunig et al., "LOF: identifying density-based local outliers", SIGMOD 2000.

    Example:
        >>> from likewise.learn import LocalOutlierFactor
        >>> detector = LocalOutlierFactor(k=2).fit([[0.0], [1.0], [2.0], [3.0], [50.0]])
        >>> detector.predict([[1.5], [30.0], [50.0]]).tolist()
        [1, -1, -1]
    """

    _automatic: ClassVar[float | None] = -1.5

    @suggest_arguments
    def __init__(
        self,
        index: Index | None = None,
        k: int = 20,
        *,
        contamination: float | Literal["auto"] = "auto",
        recall: float | None = None,
    ) -> None:
        self.index = index
        self.k = k
        self.contamination = contamination
        self.recall = recall

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the densities of the rows ``X``; ``y`` is not used (scikit-learn passes it)."""
        check_k(self.k)
        self._check_contamination()
        self.index_ = fitted_index(self.index, check_rows(self, X, reset=True))
        ids, distances = leave_one_out(self.index_, self.k, recall=self.recall)
        self.radii_ = distances[:, -1].astype(np.float64)
        self.densities_ = reachability_density(ids, distances, self.radii_)
        self._lookup = RowLookup(self.index_.rows)
        return self._keep(-local_outlier_factor(ids, self.densities_, self.densities_))

    def _scores(self, rows: Float64Array) -> Float64Array:
        own = self._lookup.places(rows)
        ids, distances = other_neighbours(self.index_, own, rows, self.k, recall=self.recall)
        asking = reachability_density(ids, distances, self.radii_)
        return -local_outlier_factor(ids, self.densities_, asking)
