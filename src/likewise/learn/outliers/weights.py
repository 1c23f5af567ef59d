"""`MagnitudeOutliers`: isolated rows and those on boundaries, by their weight in the magnitude."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, check_k, check_number, suggest_arguments
from likewise.errors import InvalidArgument, OverLimit, UnknownMetric
from likewise.index import Index
from likewise.learn._checks import check_learnt, check_rows
from likewise.learn._searching import Lists, fitted_index, leave_one_out
from likewise.learn.outliers._detector import Detector
from likewise.learn.outliers._fitted_rows import RowLookup, other_neighbours
from likewise.learn.outliers.magnitude import (
    Growth,
    cho_solve,
    distances_among,
    factored,
    local_magnitude_growth,
    magnitude_growth,
)
from likewise.metrics import resolve

Float64Array = npt.NDArray[np.float64]

#: Distances whose exp(-t d) is positive definite for every t.
METRICS = ("euclidean", "manhattan")
#: Numbers that a piece of the work holds at once.
NUMBERS_AT_ONCE = 4_000_000
#: Rows that the scale is chosen by.
SCALE_ROWS = 500
#: Halvings of twelve decades: t is found to one part in a thousand.
STEPS = 15


class MagnitudeOutliers(Detector):
    """Outliers by their weight in the magnitude of the set; the score is minus the weight.

    With ``Z_ij = exp(-t |x_i - x_j|)`` the weights solve ``Z w = 1``. An isolated row has a weight
    of 1, rows on a boundary have large ones, and rows inside small or negative ones; a few rows
    that lie together far from all others share a weight, and so mask each other.

    Args:
        index: any of `likewise.index` by the metric "euclidean" or "manhattan"; it is copied. None
            is ``Exact("euclidean")``.
        k: of "local": how many neighbours a row is weighed among, at most n - 1. Of more than k
            copies of a row each weighs 1 / (k + 1).
        t: the scale, in 1 / distance. None chooses it so that the fitted rows count as ``share``.
        share: the weight of a row on average (the magnitude over n), in (0, 1), when ``t`` is
            chosen; rows that are copies of others count once.
        method: "local" solves a system of k neighbours for each row; "exact" one of all rows.
        memory_limit: bytes that "exact" may take; None is no limit.
        contamination: the share of fitted rows taken for outliers, in (0, 0.5].
        recall: handed to the search.

    Attributes:
        t_: the scale used. weights_: (n,) of the fitted rows. gains_: (n,) by how much each raises
            the magnitude of the others.
        training_scores_, offset_: see `Detector`. index_: the index with the rows.

    Raises:
        UnknownMetric: another metric. InvalidArgument, InvalidType, InvalidVector: an impossible
            argument, or NaN. OverLimit: past ``memory_limit``.

    Cost: local: one search of all rows and k^3 / 3 each, linear in n beside the search; a query
    the same. Exact: 4 n^3 / 3 and 48 n^2 bytes; a query n^2.

    Source: E. Bunch et al., "Weighting vectors for machine learning: numerical harmonic analysis
    applied to boundary detection", 2021.

    Example:
        >>> from likewise.learn import MagnitudeOutliers
        >>> detector = MagnitudeOutliers(t=1.0).fit([[0.0], [0.1], [0.2], [0.3], [9.0]])
        >>> detector.weights_.round(2).tolist()
        [0.52, 0.05, 0.05, 0.52, 1.0]
    """

    @suggest_arguments
    def __init__(
        self,
        index: Index | None = None,
        k: int = 20,
        *,
        t: float | None = None,
        share: float = 0.5,
        method: Literal["local", "exact"] = "local",
        memory_limit: int | None = None,
        contamination: float = 0.05,
        recall: float | None = None,
    ) -> None:
        self.index = index
        self.k = k
        self.t = t
        self.share = share
        self.method = method
        self.memory_limit = memory_limit
        self.contamination = contamination
        self.recall = recall

    def fit(self, X: Any, y: Any = None) -> Self:
        """Weigh the rows ``X``; ``y`` is not used (scikit-learn passes it)."""
        self._check()
        self.index_ = fitted_index(self.index, check_rows(self, X, reset=True))
        if self.index_.metric not in METRICS:
            raise UnknownMetric(
                "weights need a distance whose exp(-t d) is positive definite: "
                f"{' or '.join(METRICS)}; the index has {self.index_.metric!r}"
            )
        self._lookup = RowLookup(self.index_.rows)
        lists = leave_one_out(self.index_, self.k, recall=self.recall)
        self.t_ = self._scale(lists) if self.t is None else float(self.t)
        exact = self.method == "exact"
        found = self._fit_exact() if exact else self._local(self.index_.rows, lists)
        self.weights_, self.gains_ = found.weights, found.gains
        return self._keep(-self.weights_)

    @property
    def _rows(self) -> Float64Array:
        return np.asarray(self.index_.rows, dtype=np.float64)

    def _check(self) -> None:
        check_k(self.k)
        self._check_contamination()
        if self.method not in ("local", "exact"):
            raise InvalidArgument(f'method must be "local" or "exact"; got {self.method!r:.60}')
        if self.t is not None and check_number("t", self.t) <= 0:
            raise InvalidArgument(f"t must be positive; got {self.t!r}")
        if not 0 < check_number("share", self.share) < 1:
            raise InvalidArgument(f"share must lie between 0 and 1; got {self.share!r}")
        if self.memory_limit is not None:
            check_count("memory_limit", self.memory_limit)

    @suggest_arguments
    def growth(self, X: Any) -> Growth:
        """(m,) weights of rows beside the fitted ones, and (m,) gains in magnitude by each alone.

        Each row is taken by itself: the others of ``X`` have no part in it.
        """
        check_learnt(self)
        return self._growth(check_rows(self, X, reset=False))

    def _scores(self, rows: Float64Array) -> Float64Array:
        return -self._growth(rows).weights

    def _growth(self, rows: Float64Array) -> Growth:
        placed = rows.astype(np.float32).astype(np.float64)  # as the index keeps its rows
        if self.method == "local":
            own = self._lookup.places(placed)
            lists = other_neighbours(self.index_, own, placed, self.k, recall=self.recall)
            return self._local(placed, lists)
        found = magnitude_growth(self._similarities(placed), self._factor, self.weights_)
        own = self._lookup.places(placed)
        return Growth(
            np.where(own >= 0, self.weights_[own], found.weights),
            np.where(own >= 0, self.gains_[own], found.gains),
        )

    def _fit_exact(self) -> Growth:
        count = len(self.index_)
        needed = 48 * count * count  # six matrices at the worst moment
        if self.memory_limit is not None and needed > self.memory_limit:
            raise OverLimit(
                f"exact weights of {count:,} rows take {needed:,} bytes, memory_limit is "
                f'{self.memory_limit:,}; use method="local"'
            )
        Z = self._similarities(self._rows)
        self._factor = factored((Z + Z.T) / 2)
        weights = cho_solve(self._factor, np.ones(count))
        inverse = cho_solve(self._factor, np.eye(count))
        # Without row i the magnitude is less by w_i^2 / (Z^-1)_ii.
        return Growth(weights, weights**2 / np.diagonal(inverse))

    def _similarities(self, rows: Float64Array) -> Float64Array:
        away = resolve(self.index_.metric).pairwise(rows, self._rows)
        return np.asarray(np.exp(-self.t_ * away))

    def _local(self, rows: Any, lists: Lists, t: float | None = None) -> Growth:
        """A piece at a time, of so many rows that their neighbours fit into memory."""
        ids, distances = lists
        known, metric = self.index_.rows, self.index_.metric
        k, dim = ids.shape[1], rows.shape[1]
        step = max(1, NUMBERS_AT_ONCE // (k * k * (dim if metric == "manhattan" else 4) + k * dim))
        pieces = [
            local_magnitude_growth(
                distances[i : i + step],
                distances_among(known[ids[i : i + step]], rows[i : i + step], metric),
                self.t_ if t is None else t,
            )
            for i in range(0, len(rows), step)
        ]
        return Growth(*(np.concatenate(parts) for parts in zip(*pieces, strict=True)))

    def _scale(self, lists: Lists) -> float:
        """The t at which a sample of the fitted rows weighs ``share`` on average, locally."""
        chosen = np.unique(np.linspace(0, len(lists.ids) - 1, SCALE_ROWS).astype(int))
        some = Lists(lists.ids[chosen], lists.distances[chosen])
        rows = self.index_.rows[chosen]
        typical = some.distances[some.distances > 0]
        if not len(typical):
            return 1.0  # all rows are copies of one
        most = (1 / (1 + (some.distances == 0).sum(axis=1))).mean()  # copies share a weight
        low, high = -6.0, 6.0  # powers of ten, in units of the median distance
        unit = float(np.median(typical))
        for _ in range(STEPS):
            middle = (low + high) / 2
            weighed = self._local(rows, some, 10**middle / unit).weights.mean()
            low, high = (middle, high) if weighed < self.share * most else (low, middle)
        return float(10 ** ((low + high) / 2) / unit)
