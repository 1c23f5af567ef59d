"""The protocol of every index: public methods check, private hooks compute.

A new index fills in five hooks (``_fit``, ``_add``, ``_search``, ``_plan`` and the two of
its file) and joins `likewise.index.INDEXES` by one line; the conformance class in
`likewise.testing` then says whether it keeps its word.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import (
    check_count,
    check_jobs,
    check_k,
    check_number,
    check_recall,
    suggest_arguments,
)
from likewise._arrays import ArrayFile, open_arrays, save_arrays
from likewise.errors import (
    InvalidArgument,
    InvalidFile,
    InvalidType,
    NotFitted,
    OverLimit,
    UnknownMetric,
)
from likewise.index._rows import GrowingRows
from likewise.index._selection import Selection, select
from likewise.metrics import Metric, names, resolve
from likewise.results import Neighbours, Row, SearchInfo
from likewise.vectors import Float32Array, as_dense

#: The recall aimed at when none is asked for.
DEFAULT_RECALL = 0.95
#: The version of the files that indexes write.
FILE_FORMAT = 1

IdArray = npt.NDArray[np.int64]
#: Called with (rows done, rows in all) during long work.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """What an index of a given size will take: main memory, and seconds to build.

    Example:
        >>> str(IndexPlan(bytes=2_000_000, seconds=1.25))
        '2.0 MB and about 1.2 s'
    """

    bytes: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.bytes / 1e6:,.1f} MB and about {self.seconds:,.1f} s"


@dataclass(frozen=True, slots=True)
class Request:
    """One checked search, as the hooks see it: ``k`` or ``radius`` may be None, not both."""

    k: int | None
    radius: float | None
    recall: float
    exact: bool
    selection: Selection


@dataclass(frozen=True, slots=True)
class Answer:
    """What a hook gives back: one `Row` a query, and the parts of `SearchInfo` it knows."""

    rows: list[Row]
    strategy: str
    recall: float
    scanned: int
    reason: str
    candidates: dict[str, float] = field(default_factory=dict)


class Index(ABC):
    """The k most similar rows of an array. Ids are positions: 0 for the first row ever added.

    Searches may run in several threads at once; `fit`, `add` and `delete` need the index to
    themselves.

    Args:
        metric: a name or synonym from `likewise.metrics`, or a `Metric`.
        random_state: the seed of everything random; the same one gives the same index.
        n_jobs: threads for a batch of queries (None is 1, -1 all cores); answers stay the same.
        memory_limit: bytes that `plan` may reach; beyond, `fit` and `add` raise.

    Raises:
        UnknownMetric: not in the registry, or not one of this index's.

    Example:
        >>> from likewise.index import Exact
        >>> index = Exact("l2").fit([[0, 0], [3, 4]])
        >>> index.metric, index.dim, len(index)
        ('euclidean', 2, 2)
    """

    #: The name in the registry and in files.
    name: ClassVar[str]
    #: Canonical names of the metrics it takes; None is every one.
    metrics: ClassVar[tuple[str, ...] | None] = None

    @suggest_arguments
    def __init__(
        self,
        metric: str | Metric = "cosine",
        *,
        random_state: int = 0,
        n_jobs: int | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self._metric = resolve(metric)
        if self.metrics is not None and self._metric.name not in self.metrics:
            raise UnknownMetric(
                f"{type(self).__name__} takes the metrics {', '.join(self.metrics)}; "
                f"got {self._metric.name!r}; Exact takes every metric ({', '.join(names())})"
            )
        self.random_state = check_count("random_state", random_state, minimum=0)
        self.n_jobs = n_jobs
        self._jobs = check_jobs(n_jobs)
        self.memory_limit = (
            None if memory_limit is None else check_count("memory_limit", memory_limit)
        )
        self._rows: GrowingRows | None = None
        self._alive = np.ones(0, dtype=np.bool_)
        self._deleted = 0

    # -- what is in it ---------------------------------------------------------------

    @property
    def metric(self) -> str:
        """The canonical name of the metric."""
        return self._metric.name

    @property
    def dim(self) -> int:
        """Numbers in a row."""
        return int(self.rows.shape[1])

    @property
    def rows(self) -> Float32Array:
        """(positions, dim) the rows, deleted ones included; do not write to it."""
        if self._rows is None:
            raise NotFitted(f"{type(self).__name__} holds nothing yet; call fit(X) first")
        return self._rows.array

    def __len__(self) -> int:
        """Rows that are there (added and not deleted)."""
        return len(self._alive) - self._deleted

    def __repr__(self) -> str:
        return f"{type(self).__name__}(metric={self.metric!r}, {len(self)} rows)"

    # -- changing it -----------------------------------------------------------------

    @suggest_arguments
    def fit(self, X: Any, *, progress: Progress | None = None) -> Self:
        """Forget everything and take the rows of ``X`` (n, dim); n may be 0.

        Args:
            X: finite numbers, kept as float32; copied, unless float32 and read-only.
            progress: called with (rows done, rows in all) now and then.

        Raises:
            InvalidVector, DimensionMismatch, InvalidType: ``X`` is not rows of numbers, or has
                a zero row under cosine. The index is as it was.
            OverLimit: `plan` says more than ``memory_limit``. The index is as it was.

        Cost: the index's own; ask `plan`.

        Example:
            >>> from likewise.index import Exact
            >>> len(Exact("euclidean").fit([[0, 0], [3, 4]]))
            2
        """
        rows = as_dense(X, metric=self._metric, what="X")
        self._refuse_over_limit(*rows.shape)
        self._fit(GrowingRows(rows), progress)
        self._alive = np.ones(len(rows), dtype=np.bool_)
        self._deleted = 0
        return self

    @suggest_arguments
    def add(self, X: Any) -> IdArray:
        """Append the rows of ``X`` (m, dim) and return their (m,) positions.

        Raises:
            NotFitted: before `fit`; otherwise as `fit`. The index is then as it was.

        Cost: the index's own.

        Example:
            >>> from likewise.index import Exact
            >>> index = Exact("euclidean").fit([[0, 0], [3, 4]])
            >>> index.add([[6, 8]]).tolist()
            [2]
        """
        held = len(self.rows)
        rows = as_dense(X, dim=self.dim, metric=self._metric, what="X")
        self._refuse_over_limit(held + len(rows), self.dim)
        self._alive = np.concatenate([self._alive, np.ones(len(rows), dtype=np.bool_)])
        if len(rows):
            self._add(rows)
        return np.arange(held, held + len(rows))

    def delete(self, ids: Any) -> int:
        """Take out the rows at these positions; returns how many were there. Cost O(ids).

        A position is never used again. Unknown ones are ignored.

        Raises:
            InvalidType: ``ids`` are no integers.

        Example:
            >>> from likewise.index import Exact
            >>> index = Exact("euclidean").fit([[0, 0], [3, 4]])
            >>> index.delete([1, 99]), len(index), index.search([3, 4], k=5)[0].ids.tolist()
            (1, 1, [0])
        """
        given = np.atleast_1d(np.asarray(ids))
        if given.size and (given.dtype.kind not in "iu" or given.ndim != 1):
            raise InvalidType(f"ids must be integers; got an array of {given.dtype}, {given.shape}")
        known = given[(given >= 0) & (given < len(self._alive))].astype(np.int64)
        known = np.unique(known)
        known = known[self._alive[known]]
        self._alive[known] = False
        self._deleted += len(known)
        return len(known)

    # -- asking it -------------------------------------------------------------------

    @suggest_arguments
    def search(
        self,
        Q: Any,
        k: int | None = 10,
        *,
        radius: float | None = None,
        recall: float | None = None,
        exact: bool = False,
        where: Any = None,
    ) -> Neighbours:
        """The nearest rows of each query.

        Args:
            Q: (queries, dim), or one query (dim,).
            k: how many; None, with ``radius``, for all within it.
            radius: no farther than this distance (inclusive).
            recall: the share of the true neighbours to aim at, in (0, 1]; None is 0.95.
            exact: find the true neighbours whatever it costs.
            where: rows to consider: a mask (positions,), or an array of positions.

        Returns:
            `Neighbours`, nearest first, equal distances by position: never fewer than
            ``min(k, rows that match)`` a query without a radius. ``info`` is filled.

        Raises:
            NotFitted, InvalidVector, DimensionMismatch, InvalidArgument, InvalidType,
            UnknownArgument: what is wrong is named; nothing is ignored.

        Cost: the index's own; ``info.scanned`` counts the distances.

        Example:
            >>> from likewise.index import Exact
            >>> index = Exact("euclidean").fit([[0, 0], [3, 4]])
            >>> index.search([3, 3], k=1).ids.tolist()
            [[1]]
            >>> index.search([3, 3], k=2, where=[0])[0].distances.round(3).tolist()
            [4.243]
        """
        start = time.perf_counter()
        queries = as_dense(Q, dim=self.dim, metric=self._metric, what="Q")
        request = self._request(k, radius, recall, exact, where)
        if len(queries) == 0 or request.selection.count == 0:
            empty = Row(np.empty(0, dtype=np.int64), np.empty(0))
            reason = "there is no query" if len(queries) == 0 else "no row can match"
            answer = Answer([empty] * len(queries), "exact", 1.0, 0, reason)
        else:
            answer = self._search(queries, request)
        info = SearchInfo(
            strategy=answer.strategy,
            recall=answer.recall,
            scanned=answer.scanned,
            seconds=time.perf_counter() - start,
            matching=request.selection.count,
            reason=answer.reason,
            candidates=answer.candidates,
        )
        return Neighbours.from_rows(answer.rows, info)

    def plan(self, n: int, dim: int) -> IndexPlan:
        """Main memory and time that ``n`` rows of ``dim`` numbers will take to `fit`.

        Raises:
            InvalidType, InvalidArgument: no integers, or below 0 rows or 1 number.

        Example:
            >>> from likewise.index import Exact
            >>> Exact().plan(1_000_000, 384).bytes
            1552000000
        """
        return self._plan(check_count("n", n, minimum=0), check_count("dim", dim))

    # -- keeping it ------------------------------------------------------------------

    @suggest_arguments
    def save(self, path: str | Path, *, include_rows: bool = True) -> None:
        """Write the index to one file, atomically (see `likewise._arrays`).

        ``include_rows=False`` leaves the rows out, for a caller who keeps them elsewhere.

        Raises:
            NotFitted: there is nothing to save.
            OSError: the disk refuses; a file that was there is as it was.

        Cost: the bytes, written and synced once.

        Example:
            >>> from likewise.index import Exact
            >>> index = Exact("euclidean").fit([[0, 0], [3, 4]])
            >>> index.save("two.index")
            >>> Exact.load("two.index").search([3, 3], k=1).ids.tolist()
            [[1]]
        """
        rows = self.rows
        arrays, attributes = self._state()
        arrays = {"alive": self._alive, **arrays}
        if include_rows:
            arrays = {"rows": rows, **arrays}
        header = {
            "index": self.name,
            "format": FILE_FORMAT,
            "metric": self.metric,
            "random_state": self.random_state,
            "shape": list(rows.shape),
        }
        save_arrays(Path(path), arrays, {**header, "state": attributes})

    @classmethod
    @suggest_arguments
    def load(
        cls,
        path: str | Path,
        *,
        rows: Float32Array | None = None,
        n_jobs: int | None = None,
        memory_limit: int | None = None,
    ) -> Self:
        """The index in ``path``; its arrays stay memory-mapped.

        Args:
            path: a file from `save`.
            rows: the rows, for a file that was saved without them: the same, in the same order.

        Raises:
            InvalidFile: it holds another kind of index, or has another format.
            InvalidArgument: ``rows`` are missing, or not of the shape that was saved.
            DamagedFile: cut short or overwritten.

        Cost: the header is read and checked; rows are read when they are searched.

        Example:
            >>> from likewise.index import Exact
            >>> index = Exact("euclidean").fit([[0, 0], [3, 4]])
            >>> index.save("bare.index", include_rows=False)
            >>> Exact.load("bare.index", rows=index.rows)
            Exact(metric='euclidean', 2 rows)
        """
        file = open_arrays(Path(path))
        header = file.attributes
        if header.get("index") != cls.name or header.get("format") != FILE_FORMAT:
            raise InvalidFile(
                f"{path}: expected an index {cls.name!r} of format {FILE_FORMAT}; got "
                f"{header.get('index')!r} of format {header.get('format')!r}; load it with "
                "likewise.index.load, or build it again"
            )
        index = cls(
            header["metric"],
            random_state=header["random_state"],
            n_jobs=n_jobs,
            memory_limit=memory_limit,
        )
        index._alive = file.arrays["alive"].copy()
        index._deleted = int(len(index._alive) - np.count_nonzero(index._alive))
        index._restore(GrowingRows(_saved_rows(path, file, rows)), file.arrays, header["state"])
        return index

    # -- hooks -----------------------------------------------------------------------

    @abstractmethod
    def _fit(self, rows: GrowingRows, progress: Progress | None) -> None:
        """Take ``rows`` as the new ``self._rows`` and index them; on failure, change nothing."""

    @abstractmethod
    def _add(self, rows: Float32Array) -> None:
        """Append to ``self._rows`` and index; ``self._alive`` has grown already."""

    @abstractmethod
    def _search(self, queries: Float32Array, request: Request) -> Answer:
        """Answer at least one query over at least one matching row."""

    @abstractmethod
    def _plan(self, n: int, dim: int) -> IndexPlan:
        """The estimate behind `plan`."""

    @abstractmethod
    def _state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Arrays and plain values that a file must keep beside the rows."""

    @abstractmethod
    def _restore(
        self, rows: GrowingRows, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]
    ) -> None:
        """The inverse of ``_state``; ``arrays`` are read-only and memory-mapped."""

    # -- checks ----------------------------------------------------------------------

    def _refuse_over_limit(self, n: int, dim: int) -> None:
        if self.memory_limit is None:
            return
        plan = self._plan(n, dim)
        if plan.bytes > self.memory_limit:
            raise OverLimit(
                f"{type(self).__name__} of {n:,} rows of {dim} numbers takes {plan}; the limit is "
                f"{self.memory_limit / 1e6:,.1f} MB; raise memory_limit or keep fewer rows"
            )

    def _request(self, k: Any, radius: Any, recall: Any, exact: Any, where: Any) -> Request:
        if k is None and radius is None:
            raise InvalidArgument("k=None asks for all rows within a radius; give radius= too")
        if not isinstance(exact, (bool, np.bool_)):
            raise InvalidType(f"exact must be True or False; got {exact!r}")
        return Request(
            k=None if k is None else check_k(k),
            radius=None if radius is None else check_number("radius", radius),
            recall=DEFAULT_RECALL if recall is None else check_recall(recall),
            exact=bool(exact),
            selection=select(where, self._alive, self._deleted),
        )


def _saved_rows(path: str | Path, file: ArrayFile, given: Float32Array | None) -> Float32Array:
    shape = tuple(file.attributes["shape"])
    rows: Float32Array | None = file.arrays.get("rows") if given is None else given
    if rows is None:
        raise InvalidArgument(f"{path} was saved without its rows; give them as rows=")
    if rows.shape != shape or rows.dtype != np.float32:
        raise InvalidArgument(
            f"{path}: expected rows of shape {shape} in float32; got {rows.shape} in {rows.dtype}"
        )
    return rows
