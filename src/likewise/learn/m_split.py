"""M-split neighbours: the nearest row of each of M random parts of the rows, and their mean."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from likewise._arguments import check_count, check_jobs, check_k, suggest_arguments
from likewise._workers import map_on_cores
from likewise.errors import InvalidArgument, InvalidType
from likewise.index import Index
from likewise.learn._checks import check_labels, check_learnt, check_rows
from likewise.learn._numbers import check_generator, check_numbers
from likewise.learn._rounding import as_kept
from likewise.learn._searching import fitted_index, nearest
from likewise.learn.neighbor_graph import NeighborGraph
from likewise.learn.voting import shares

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class PartLists(NamedTuple):
    """Neighbours of m queries in each of M parts.

    Attributes:
        ids: (m, M, k) places among all rows. distances: (m, M, k), ascending.
    """

    ids: IntArray
    distances: Float64Array


def split_rows(count: int, parts: int, rng: np.random.Generator) -> list[IntArray]:
    """``min(parts, count)`` random parts of ``count`` rows, which differ by one row at most."""
    order = rng.permutation(count).astype(np.int64)
    return [np.sort(part) for part in np.array_split(order, min(parts, count))]


def usual_kept(parts: int, k: int = 1) -> int:
    """How many parts a selection keeps: ``ceil((1 - exp(-k / 4)) M)``, 22 % of them for k = 1.

    Source: J. J. Ryu and Y.-H. Kim (see `MSplitNeighbors`).

    Example:
        >>> usual_kept(100), usual_kept(1)
        (23, 1)
    """
    return int(np.ceil(-np.expm1(-k / 4) * parts))


def nearest_parts(distances: Float64Array, kept: int) -> IntArray:
    """(m, kept) the parts whose k-th neighbour is nearest; equal ones by their number.

    Args:
        distances: (m, M) distance of the k-th neighbour in each part.
        kept: how many, from 1 to M.

    Example:
        >>> nearest_parts(np.array([[0.5, 0.2, 0.5, 0.9]]), 2).tolist()
        [[1, 0]]
    """
    return np.argsort(distances, axis=1, kind="stable")[:, :kept].astype(np.int64)


class _MSplit(BaseEstimator):  # type: ignore[misc]
    """The common part of both: the parts, their indexes, and who is asked."""

    @suggest_arguments
    def __init__(
        self,
        parts: int = 10,
        *,
        k: int = 1,
        aggregate: Literal["all", "nearest"] = "all",
        kept: int | None = None,
        index: Index | None = None,
        recall: float | None = None,
        random_state: int | None = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.parts = parts
        self.k = k
        self.aggregate = aggregate
        self.kept = kept
        self.index = index
        self.recall = recall
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _fit(self, rows: Float64Array) -> None:
        if isinstance(self.index, NeighborGraph):
            raise InvalidType(
                "index must be one of likewise.index, of which each part has its own; a "
                "NeighborGraph holds the lists of all rows: give an index of the kind of "
                "graph.index, or leave it None"
            )
        parts, k = check_count("parts", self.parts), check_k(self.k)
        check_jobs(self.n_jobs)
        self.part_rows_ = split_rows(len(rows), parts, check_generator(self.random_state))
        self.kept_ = self._kept(len(self.part_rows_), k)
        held = as_kept(rows)
        self.indexes_ = self._on_parts(
            lambda part: fitted_index(self.index, held[part]), self.part_rows_
        )

    def _kept(self, parts: int, k: int) -> int:
        if self.aggregate not in ("all", "nearest"):
            raise InvalidArgument(f'aggregate must be "all" or "nearest"; got {self.aggregate!r}')
        if self.aggregate == "all":
            if self.kept is not None:
                raise InvalidArgument(
                    f'kept={self.kept!r} belongs to aggregate="nearest"; with "all" every part '
                    "is asked"
                )
            return parts
        kept = usual_kept(parts, k) if self.kept is None else check_count("kept", self.kept)
        return min(kept, parts)

    def _on_parts(self, function: Any, items: Any) -> list[Any]:
        return list(map_on_cores(function, items, backend="numpy", workers=check_jobs(self.n_jobs)))

    def neighbors(self, X: Any) -> PartLists:
        """The ``min(k, rows of the smallest part)`` nearest rows of each query in every part."""
        check_learnt(self, "indexes_")
        rows = check_rows(self, X, reset=False)
        k = min(check_k(self.k), min(len(part) for part in self.part_rows_))
        found = self._on_parts(
            lambda index: nearest(index, rows, k, recall=self.recall), self.indexes_
        )
        ids = [part[lists.ids] for part, lists in zip(self.part_rows_, found, strict=True)]
        return PartLists(np.stack(ids, axis=1), np.stack([f.distances for f in found], axis=1))

    def voters(self, X: Any) -> IntArray:
        """(m, kept parts * k) the rows whose labels are averaged for each query: the evidence."""
        lists = self.neighbors(X)
        ids = lists.ids
        if self.kept_ < ids.shape[1]:
            chosen = nearest_parts(lists.distances[:, :, -1], self.kept_)
            ids = np.take_along_axis(ids, chosen[:, :, None], axis=1)
        return ids.reshape(len(ids), -1)


class MSplitNeighbors(ClassifierMixin, _MSplit):  # type: ignore[misc]
    """The vote of the nearest rows of M random parts, each part an index of its own.

    ``p_c(x) = mean over the parts kept, and the k neighbours in each, of 1[y = c]``. It behaves
    like a vote of some multiple of M k neighbours in all rows, from searches for k alone: M plays
    the part of k, so choose it as one would choose k. Each part can lie on a machine of its own.

    Args:
        parts: M, how many; cut to the number of rows.
        k: neighbours asked of each part; cut to the rows of the smallest one.
        aggregate: "all" parts are counted, or those whose k-th neighbour is "nearest". The
            latter repairs an M that is too large, and hurts where M is small.
        kept: how many parts "nearest" keeps; None is ``ceil((1 - exp(-k / 4)) M)``.
        index: any of `likewise.index`, copied for each part (None: `Exact` by euclidean
            distance). recall: of each search; None is the index's own.
        random_state: the seed of the parts. n_jobs: threads over the parts; None is 1, -1 all
            cores.

    Attributes:
        classes_: ascending. part_rows_: the rows of each part. indexes_: theirs. kept_: how many
        parts are counted.

    Raises:
        InvalidArgument: ``kept`` without ``aggregate="nearest"``; labels as in `check_labels`.

    Cost: M searches of n / M rows each, and O(M log M) to select.

    Source: X. Qiao, J. Duan and G. Cheng, "Rates of convergence for large-scale nearest neighbor
    classification", NeurIPS 2019; J. J. Ryu and Y.-H. Kim, "One-nearest-neighbor search is all
    you need for minimax optimal regression and classification", 2022.

    Example:
        >>> X, y = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]], list("aaabbb")
        >>> model = MSplitNeighbors(parts=3, aggregate="nearest", kept=1).fit(X, y)
        >>> model.predict([[0.3], [4.0]]).tolist(), model.voters([[0.3]]).tolist()
        (['a', 'b'], [[2]])
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Split the rows ``X`` (n, d) with labels ``y`` (n,), and index each part."""
        rows = check_rows(self, X, reset=True)
        self.classes_, self._places = check_labels(y, len(rows))
        self._fit(rows)
        return self

    def predict_proba(self, X: Any) -> Float64Array:
        """(m, classes) the share of votes of each class."""
        voters = self.voters(X)
        return shares(self._places[voters], np.ones(voters.shape), len(self.classes_))

    def predict(self, X: Any) -> Any:
        """(m,) the labels with most votes; equal ones go to the smaller label."""
        likeliest = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[likeliest]


class MSplitNeighborsRegressor(RegressorMixin, _MSplit):  # type: ignore[misc]
    """The mean of the nearest rows' numbers of M random parts, each part an index of its own.

    Arguments, attributes, cost and source are those of `MSplitNeighbors`.

    Raises:
        InvalidArgument: ``kept`` without ``aggregate="nearest"``; a missing number in ``y``.

    Example:
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
        >>> MSplitNeighborsRegressor(parts=4).fit(X, y).predict([[0.4]]).tolist()
        [1.5]
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Split the rows ``X`` (n, d) with numbers ``y`` (n,), and index each part."""
        rows = check_rows(self, X, reset=True)
        self._targets = check_numbers(y, len(rows))
        self._fit(rows)
        return self

    def predict(self, X: Any) -> Float64Array:
        """(m,) the mean over the parts kept."""
        voters = self.voters(X)
        return np.asarray(self._targets[voters].mean(axis=1))
