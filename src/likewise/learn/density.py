"""`Density`: how many rows are near, as the logarithm of a sum of Gaussians."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin

from likewise._arguments import check_jobs, check_k, check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType, UnknownMetric
from likewise.index import Index
from likewise.index._asking import read_positions
from likewise.learn._checks import Float64Array, check_learnt, check_rows
from likewise.learn._searching import fitted_index, nearest
from likewise.learn.gaussian_sums import left_out_bandwidth, log_sum_exp, log_sums, scott

#: Bandwidths that are computed of the rows.
BANDWIDTHS = {"scott": scott, "loo": left_out_bandwidth}


class Bounds(NamedTuple):
    """Between which two numbers each log-density lies: two arrays (m,)."""

    lower: Float64Array
    upper: Float64Array


class Density(DensityMixin, BaseEstimator):  # type: ignore[misc]
    """The density of rows, ``f(x) = sum_i w_i N(x; x_i, h^2 I) / sum_i w_i``, in logarithms.

    It is a density: its integral over all x is 1. Sums are taken over all rows, in float64; or,
    with ``k``, over the k nearest of each query, found through an index, and `bounds` says how
    much the others can add.

    Args:
        bandwidth: h, in the units of the rows; "scott" (see `gaussian_sums.scott`), or "loo", the
            most likely one when each row is left out of its own density. Both are computed anew
            when rows have come or gone.
        k: how many neighbours are summed over; None is all rows.
        index: of `likewise.index`, euclidean, for ``k``; None is `Exact`.
        recall: handed to the index.
        n_jobs: threads; None is 1, -1 all cores.

    Attributes:
        bandwidth_: the h in use. ids_: (m,) the ids of the rows of the last `fit` or
        `partial_fit`, for `forget`.

    Raises:
        InvalidArgument: a bandwidth that is not positive; rows that are all the same, of which
            none can be computed; weights that are negative or all 0. UnknownMetric: the metric
            of the index is not euclidean.

    Cost: `score_samples` O(n dim) a query, or a search with ``k``. "scott" O(n dim), "loo"
    O(n^2 dim) about ten times.

    Source: E. Parzen, "On estimation of a probability density function and mode", 1962.

    Example:
        >>> model = Density(bandwidth=1.0).fit([[0.0], [2.0]])
        >>> model.score_samples([[0.0], [1.0], [9.0]]).round(3).tolist()
        [-1.485, -1.419, -26.112]
        >>> model.forget([1]), model.score_samples([[0.0]]).round(3).tolist()
        (1, [-0.919])
    """

    _bandwidth: float | None

    @suggest_arguments
    def __init__(
        self,
        bandwidth: Any = "scott",
        *,
        k: int | None = None,
        index: Index | None = None,
        recall: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.k = k
        self.index = index
        self.recall = recall
        self.n_jobs = n_jobs

    @suggest_arguments
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Take the rows ``X`` (n, dim).

        Args:
            y: not used; scikit-learn's tools pass it. sample_weight: (n,) how much each counts, at
                least 0; None is 1 each. A row of weight 0 is as if it were not there.
        """
        self._check_arguments()
        rows = check_rows(self, X, reset=True)
        weights = _check_weights(sample_weight, len(rows))
        self.index_ = None if self.k is None else self._indexed(rows)
        self._rows, self._weights, self._alive = rows, weights, np.ones(len(rows), dtype=np.bool_)
        self.ids_ = np.arange(len(rows))
        self._changed()
        self.bandwidth_  # noqa: B018  what cannot be computed is said here
        return self

    @suggest_arguments
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Add rows; see `fit`. Cost: the bytes of the rows, and that of adding to the index."""
        if not hasattr(self, "_rows"):
            return self.fit(X, y, sample_weight)
        rows = check_rows(self, X, reset=False)
        weights = _check_weights(sample_weight, len(rows))
        before = len(self._rows)
        if self.index_ is not None:
            self.index_.add(rows)
        self._rows = np.concatenate([self._rows, rows])
        self._weights = np.concatenate([self._weights, weights])
        self._alive = np.concatenate([self._alive, np.ones(len(rows), dtype=np.bool_)])
        self.ids_ = np.arange(before, len(self._rows))
        self._changed()
        return self

    def forget(self, ids: Any) -> int:
        """Take out rows by their ids (see ``ids_``); returns how many were there.

        Afterwards every answer is that of a model that never had them. Ids that are unknown, or
        gone already, are ignored.
        """
        check_learnt(self, "_rows")
        wanted = np.unique(read_positions(ids))
        wanted = wanted[(wanted >= 0) & (wanted < len(self._rows))]
        gone = wanted[self._alive[wanted]]
        if self.index_ is not None:
            self.index_.delete(gone)
        self._alive[gone] = False
        self._rows[gone], self._weights[gone] = 0.0, 0.0  # what was forgotten is not kept
        self._changed()
        return len(gone)

    @property
    def bandwidth_(self) -> float:
        """The h in use, in the units of the rows."""
        check_learnt(self, "_rows")
        if self._bandwidth is None:
            self._bandwidth = self._computed()
        return self._bandwidth

    def score_samples(self, X: Any) -> Float64Array:
        """(m,) the logarithm of the density at the rows ``X`` (m, dim)."""
        check_learnt(self, "_rows")
        queries = check_rows(self, X, reset=False)
        if self.index_ is not None:
            return self._near(queries).lower
        rows, weights = self._held()
        sums = log_sums(queries, rows, weights, self.bandwidth_, n_jobs=check_jobs(self.n_jobs))
        return sums + self._normaliser(weights)

    def score(self, X: Any, y: Any = None) -> float:
        """The log-likelihood of the rows ``X``: the sum of their log-densities."""
        return float(self.score_samples(X).sum())

    def bounds(self, X: Any) -> Bounds:
        """Between which numbers the log-density of each row of ``X`` over all rows lies.

        With ``k`` and an exact index, the rows that are not summed over are no nearer than the
        k-th neighbour: they add at most their weight times its Gaussian. The lower bound is that
        of `score_samples`. Without ``k`` both are the same.

        Example:
            >>> rows = np.arange(20.0)[:, None]
            >>> near = Density(bandwidth=1.0, k=5).fit(rows).bounds([[9.0]])
            >>> exact = Density(bandwidth=1.0).fit(rows).score_samples([[9.0]])
            >>> bool(near.lower[0] < exact[0] < near.upper[0])
            True
        """
        check_learnt(self, "_rows")
        if self.index_ is None:
            exact = self.score_samples(X)
            return Bounds(exact, exact)
        return self._near(check_rows(self, X, reset=False))

    # -- within ------------------------------------------------------------------------

    def _near(self, queries: Float64Array) -> Bounds:
        """Over the k nearest, with distances of the rows as they were given."""
        _, weights = self._held()
        index: Any = self.index_
        ids = nearest(index, queries, check_k(self.k), recall=self.recall).ids
        squares = np.empty(ids.shape)
        for i, query in enumerate(queries):
            away = self._rows[ids[i]] - query
            squares[i] = np.vecdot(away, away)
        with np.errstate(divide="ignore"):
            logs = np.log(self._weights)
            rest = np.log(np.maximum(weights.sum() - self._weights[ids].sum(axis=1), 0.0))
        exponents = -squares / (2 * self.bandwidth_**2)
        near = log_sum_exp(logs[ids] + exponents)
        if ids.shape[1] == len(index):
            rest[:] = -np.inf
        far = log_sum_exp(np.stack([near, rest + exponents.min(axis=1)], axis=1))
        normaliser = self._normaliser(weights)
        return Bounds(near + normaliser, far + normaliser)

    def _normaliser(self, weights: Float64Array) -> float:
        dim = self._rows.shape[1]
        return float(
            -np.log(weights.sum()) - dim * (np.log(self.bandwidth_) + 0.5 * np.log(2 * np.pi))
        )

    def _held(self) -> tuple[Float64Array, Float64Array]:
        """Rows that are there and count, and their weights."""
        counts = self._alive & (self._weights > 0)
        if not counts.any():
            raise InvalidArgument(
                "every row was forgotten, or has the weight 0; call fit or partial_fit first"
            )
        if counts.all():
            return self._rows, self._weights
        return self._rows[counts], self._weights[counts]

    def _changed(self) -> None:
        given = not isinstance(self.bandwidth, str)
        self._bandwidth = float(self.bandwidth) if given else None

    def _computed(self) -> float:
        rows, weights = self._held()
        if not (rows != rows[0]).any():
            raise InvalidArgument(
                f"bandwidth={self.bandwidth!r} needs two rows at least that differ; "
                f"n_samples = {len(rows)}; give a number"
            )
        if self.bandwidth == "loo":
            return left_out_bandwidth(rows, weights, n_jobs=check_jobs(self.n_jobs))
        return scott(rows, weights)

    def _check_arguments(self) -> None:
        if isinstance(self.bandwidth, str):
            if self.bandwidth not in BANDWIDTHS:
                raise InvalidArgument(
                    f"bandwidth must be a positive number or one of {', '.join(BANDWIDTHS)}; "
                    f"got {self.bandwidth!r:.60}"
                )
        elif check_number("bandwidth", self.bandwidth) <= 0:
            raise InvalidArgument(f"bandwidth must be positive; got {self.bandwidth!r}")
        check_jobs(self.n_jobs)
        if self.k is not None:
            check_k(self.k)
        elif self.index is not None or self.recall is not None:
            name = "index" if self.index is not None else "recall"
            raise InvalidArgument(f"{name}= is for sums over neighbours; give k= too")

    def _indexed(self, rows: Float64Array) -> Index:
        jobs = self.n_jobs if self.index is None else None
        index: Index = fitted_index(self.index, rows, n_jobs=jobs)
        if index.metric not in ("euclidean", "sqeuclidean"):
            raise UnknownMetric(f"Density is euclidean; the index has {index.metric!r}")
        return index


def _check_weights(weights: Any, count: int) -> Float64Array:
    if weights is None:
        return np.ones(count)
    try:
        given = np.array(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType("sample_weight must be numbers") from None
    if given.shape != (count,):
        raise InvalidArgument(f"sample_weight has shape {given.shape}; X has {count} rows")
    if not np.isfinite(given).all() or given.min(initial=0.0) < 0:
        raise InvalidArgument("sample_weight must be finite and at least 0")
    if not given.any():
        raise InvalidArgument("every sample_weight is zero; give one row more at least")
    return given
