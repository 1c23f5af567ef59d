"""`NeighborOutliers`: a row is as odd as its k-th neighbour is far."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_k, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument
from likewise.index import Index
from likewise.learn._checks import check_labels, check_rows
from likewise.learn._searching import IntArray, fitted_index, leave_one_out
from likewise.learn._unit import directions
from likewise.learn.neighbor_graph import NeighborGraph
from likewise.learn.outliers._detector import Detector
from likewise.learn.outliers._fitted_rows import RowLookup, other_neighbours

Float64Array = npt.NDArray[np.float64]
AGGREGATES = ("kth", "mean")


def neighbor_distance(distances: Any, aggregate: Literal["kth", "mean"] = "kth") -> Float64Array:
    """How far the neighbours of each row are: the last of them, or all on average.

    Args:
        distances: (m, k) of the nearest rows, nearest first.
        aggregate: "kth" (Ramaswamy, Rastogi and Shim, SIGMOD 2000) or "mean" (Angiulli and Pizzuti,
            PKDD 2002).

    Returns:
        (m,) higher is more of an outlier.

    Raises:
        InvalidArgument, DimensionMismatch: another aggregate, or no neighbours.

    Example:
        >>> neighbor_distance([[1.0, 2.0], [3.0, 5.0]], "mean").tolist()
        [1.5, 4.0]
    """
    given = np.asarray(distances, dtype=np.float64)
    if given.ndim != 2 or not given.shape[1]:
        raise DimensionMismatch(f"distances must be (m, k) with k >= 1; got shape {given.shape}")
    if aggregate not in AGGREGATES:
        raise InvalidArgument(
            f"aggregate must be {' or '.join(map(repr, AGGREGATES))}; got {aggregate!r:.60}"
        )
    return np.asarray(given[:, -1] if aggregate == "kth" else given.mean(axis=1))


class NeighborOutliers(Detector):
    """Outliers by the distance to the k-th neighbour; the score is minus that distance.

    Args:
        index: any of `likewise.index`; it is copied. None is ``Exact("euclidean")``.
        k: how many neighbours, at most n - 1. 5 finds single odd rows; for out-of-distribution
            features of a network Sun et al. take 50 for 50,000 rows, and 1,000 for 10^6.
        aggregate: "kth", or "mean" of the k distances.
        normalise: divide rows by their lengths first, as Sun et al. do: lengths tell more of the
            network's confidence than of its domain, and a long row is far from all.
        by_class: the k-th neighbour within each class of ``y``, and the least of these distances.
            A small class is not swamped by a large one beside it. A class of fewer rows has so
            many neighbours.
        contamination: the share of fitted rows taken for outliers, in (0, 0.5].
        recall: handed to the search.

    Attributes:
        training_scores_, offset_: see `Detector`. index_: the index with the rows.
        classes_: (with ``by_class``) the classes, ascending.

    Raises:
        InvalidArgument, InvalidType: an impossible argument, or no labels with ``by_class``.
        InvalidVector: NaN, infinity, or a zero row to normalise.

    Cost: one search of all rows (with ``by_class`` one among each class); a query, one search.

    Source: S. Ramaswamy, R. Rastogi and K. Shim, "Efficient algorithms for mining outliers from
    large data sets", SIGMOD 2000; Y. Sun et al., "Out-of-distribution detection with deep nearest
    neighbors", ICML 2022.

    Example:
        >>> from likewise.learn import NeighborOutliers
        >>> detector = NeighborOutliers(k=2, contamination=0.2)
        >>> detector.fit_predict([[0.0], [1.0], [2.0], [3.0], [50.0]]).tolist()
        [1, 1, 1, 1, -1]
        >>> detector.score_samples([[1.5], [50.0]]).tolist()
        [-0.5, -48.0]
    """

    @suggest_arguments
    def __init__(
        self,
        index: Index | None = None,
        k: int = 5,
        *,
        aggregate: Literal["kth", "mean"] = "kth",
        normalise: bool = False,
        by_class: bool = False,
        contamination: float = 0.05,
        recall: float | None = None,
    ) -> None:
        self.index = index
        self.k = k
        self.aggregate = aggregate
        self.normalise = normalise
        self.by_class = by_class
        self.contamination = contamination
        self.recall = recall

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the rows ``X``; ``y`` (n,) is used with ``by_class`` only."""
        check_k(self.k)
        self._check_contamination()
        neighbor_distance(np.zeros((0, 1)), self.aggregate)
        rows = self._placed(check_rows(self, X, reset=True))
        if self.by_class:
            self.classes_, self._labels = check_labels(y, len(rows))
        self.index_ = self._indexed(rows)
        self._lookup = RowLookup(self.index_.rows)
        if not self.by_class:
            lists = leave_one_out(self.index_, self.k, recall=self.recall)
            return self._keep(-neighbor_distance(lists.distances, self.aggregate))
        if len(rows) < 2:
            raise InvalidArgument(f"a row needs another to be near; n_samples = {len(rows)}")
        return self._keep(-self._by_class(rows, np.arange(len(rows))))

    def _indexed(self, rows: Float64Array) -> Any:
        try:
            return fitted_index(self.index, rows)
        except InvalidArgument as error:
            if not (self.normalise and isinstance(self.index, NeighborGraph)):
                raise
            raise InvalidArgument(
                f"{error}. With normalise=True the rows compared are those of X divided by their "
                "lengths: make the graph of such rows, and fit them with normalise=False"
            ) from None

    def _placed(self, rows: Float64Array) -> Float64Array:
        return directions(rows) if self.normalise else rows

    def _scores(self, rows: Float64Array) -> Float64Array:
        placed = self._placed(rows)
        if self.by_class:
            return -self._by_class(placed, self._lookup.places(placed))
        own = self._lookup.places(placed)
        lists = other_neighbours(self.index_, own, placed, self.k, recall=self.recall)
        return -neighbor_distance(lists.distances, self.aggregate)

    def _by_class(self, rows: Float64Array, own: IntArray) -> Float64Array:
        """The least distance over the classes; ``own`` is the fitted row each is, or -1."""
        least = np.full(len(rows), np.inf)
        for label in range(len(self.classes_)):
            members = np.flatnonzero(self._labels == label)
            found = self.index_.search(
                rows, k=min(self.k + 1, len(members)), recall=self.recall, where=members
            )
            away = np.where(found.ids == own[:, None], np.inf, found.distances)
            away.sort(axis=1)
            is_member = (own >= 0) & (self._labels[own] == label)
            for mask, others in ((is_member, len(members) - 1), (~is_member, len(members))):
                if mask.any() and others:
                    lists = away[mask, : min(self.k, others)]
                    least[mask] = np.minimum(least[mask], neighbor_distance(lists, self.aggregate))
        return least
