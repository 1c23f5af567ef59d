"""The protocol of every index: public methods check, private hooks compute.

A new index fills in six hooks (``_fit``, ``_add``, ``_search``, ``_plan`` and the two of
its file; a seventh, ``_compact``, has a default) and joins `likewise.index.INDEXES` by one
line; the conformance class in `likewise.testing` then says whether it keeps its word.

Users speak of positions, which are never used again. Hooks speak of slots, where the rows
lie: dense, in order of position (see `_slots`). This file translates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import (
    check_count,
    check_jobs,
    suggest_arguments,
)
from likewise._arrays import ArrayFile, open_arrays, save_arrays
from likewise.errors import (
    InvalidArgument,
    NotFitted,
    OverLimit,
    UnknownMetric,
)
from likewise.index._asking import (
    DEFAULT_RECALL,
    neighbours,
    nothing,
    read_positions,
    read_request,
    refuse_other_file,
)
from likewise.index._protocol import Answer, Flat, IndexPlan, Progress, Request
from likewise.index._rows import GrowingRows
from likewise.index._slots import BoolArray, IdArray, Slots
from likewise.metrics import Metric, names, resolve
from likewise.results import Neighbours
from likewise.vectors import Float32Array, as_dense

__all__ = [
    "DEFAULT_RECALL",
    "FILE_FORMAT",
    "Answer",
    "Flat",
    "IdArray",
    "Index",
    "IndexPlan",
    "Progress",
    "Request",
    "nothing",
]

#: The version of the files that indexes write.
FILE_FORMAT = 4


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
        self._slots = Slots(0)

    # -- what is in it ---------------------------------------------------------------

    @property
    def metric(self) -> str:
        """The canonical name of the metric."""
        return self._metric.name

    @property
    def dim(self) -> int:
        """Numbers in a row."""
        return self._held().dim

    @property
    def rows(self) -> Float32Array:
        """(kept, dim) the rows kept, in order of position; do not write to it.

        A deleted row is among them until the index is next compacted; `positions` tells which
        row is which.
        """
        return self._held().array

    @property
    def positions(self) -> IdArray:
        """(kept,) the position of each row of `rows`, ascending; do not write to it.

        Example:
            >>> from likewise.index import Exact
            >>> index = Exact("euclidean").fit(np.arange(1000)[:, None])
            >>> index.delete(range(500))
            500
            >>> len(index.rows), index.positions[:3].tolist(), index.next_position
            (500, [500, 501, 502], 1000)
        """
        self._held()
        return self._slots.positions

    @property
    def next_position(self) -> int:
        """The position of the row added next: as many were given out, and a mask has as many."""
        return self._slots.next_position

    @property
    def alive(self) -> BoolArray:
        """(kept,) mask of the rows of `rows` that were not deleted; do not write to it."""
        return self._slots.alive

    def _held(self) -> GrowingRows:
        if self._rows is None:
            raise NotFitted(f"{type(self).__name__} holds nothing yet; call fit(X) first")
        return self._rows

    def __len__(self) -> int:
        """Rows that are there (added and not deleted)."""
        return self._slots.count - self._slots.deleted

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
        self._slots = Slots(len(rows))
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
        held = self._held()
        rows = as_dense(X, dim=held.dim, metric=self._metric, what="X")
        self._refuse_over_limit(len(held) + len(rows), held.dim)
        before, positions = len(held), self._slots.grow(len(rows))
        try:
            if len(rows):
                self._add(rows)
        except BaseException:
            if len(held) == before:  # else the rows are in, and only their indexing was cut off
                self._slots.take_back(len(rows))
            raise
        return positions

    def delete(self, ids: Any) -> int:
        """Take out the rows at these positions; returns how many were there.

        A position is never used again. Unknown ones are ignored.

        Cost: O(ids), since rows are only masked. Once more than an eighth of the rows kept (and
        more than 64) is dead, the index is compacted: its memory and its file shrink to the rows
        that live, for the price of moving them and what the index itself needs. The rows of a
        memory-mapped file are then copied to main memory.

        Raises:
            InvalidType: ``ids`` are no integers.

        Example:
            >>> from likewise.index import Exact
            >>> index = Exact("euclidean").fit([[0, 0], [3, 4]])
            >>> index.delete([1, 99]), len(index), index.search([3, 4], k=5)[0].ids.tolist()
            (1, 1, [0])
        """
        gone = self._slots.delete(read_positions(ids))
        if self._slots.overfull:
            self._drop_dead()
        return gone

    def _drop_dead(self) -> None:
        """Move the slots that live together; on failure all is as it was, and rows are masked."""
        rows, slots = self._held(), self._slots
        keep = np.flatnonzero(slots.alive)
        self._rows, self._slots = rows.kept(keep), slots.compacted(keep)
        try:
            self._compact(keep)
        except BaseException:
            self._rows, self._slots = rows, slots
            raise

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
            where: rows to consider: a mask (`next_position`,), an array of positions, or a
                ``range`` of them (a ``slice`` too), which costs nothing to make. Deleted rows
                never match.

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
        start = perf_counter()
        queries = as_dense(Q, dim=self._held().dim, metric=self._metric, what="Q")
        return self._found(queries, self._request(k, radius, recall, exact, where), start)

    def _found(self, queries: Float32Array, request: Request, start: float) -> Neighbours:
        """The answer to a checked request; ``start`` is when the call began."""
        matching = request.selection.count
        if matching and len(queries):
            answer = self._search(queries, request)
        else:
            answer = nothing(len(queries))
        return self._neighbours(answer, matching, start)

    def _neighbours(self, answer: Answer, matching: int, start: float) -> Neighbours:
        """What a hook answered, as the caller gets it."""
        return neighbours(answer, matching, self._slots, start)

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
        arrays = {**self._slots.to_arrays(), **arrays}
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
            rows: the rows, for a file that was saved without them: what `Index.rows` was then.

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
        refuse_other_file(path, header, cls.name, FILE_FORMAT)
        index = cls(
            header["metric"],
            random_state=header["random_state"],
            n_jobs=n_jobs,
            memory_limit=memory_limit,
        )
        held = GrowingRows(_saved_rows(path, file, rows))
        index._slots = Slots.from_arrays(file.arrays, len(held))
        index._restore(held, file.arrays, header["state"])
        return index

    # -- hooks -----------------------------------------------------------------------

    @abstractmethod
    def _fit(self, rows: GrowingRows, progress: Progress | None) -> None:
        """Take ``rows`` as the new ``self._rows`` and index them; on failure, change nothing."""

    @abstractmethod
    def _add(self, rows: Float32Array) -> None:
        """Append to ``self._rows`` and index; ``self._slots`` has grown already."""

    @abstractmethod
    def _search(self, queries: Float32Array, request: Request) -> Answer:
        """Answer at least one query over at least one matching row, in slots."""

    def _compact(self, keep: IdArray) -> None:
        """Forget all slots but ``keep`` (ascending), which become 0, 1, ... in that order.

        ``self._rows`` and ``self._slots`` hold what is kept already. On failure, change nothing:
        they are put back. Fits the rows anew, unless an index knows something quicker.
        """
        self._fit(self._held(), None)

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
        return read_request(k, radius, recall, exact, where, self._slots)


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
