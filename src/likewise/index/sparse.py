"""`Sparse`: rows of weighted terms, found by the terms they share with a query. Exact, always.

An inverted index: for each term the rows that have it, with their weights. It ranks by inner
product (learned sparse vectors) or by a variant of BM25 (counts of words).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Self

import numpy as np

from likewise._arguments import (
    check_count,
    check_jobs,
    check_k,
    check_number,
    suggest_arguments,
)
from likewise._arrays import open_arrays, save_arrays
from likewise.errors import (
    InvalidArgument,
    InvalidFile,
    InvalidType,
    NotFitted,
    OverLimit,
)
from likewise.index._columns import Columns
from likewise.index._inverted_rows import InvertedRows
from likewise.index._postings_search import Ranked, rank
from likewise.index._protocol import IndexPlan, Progress
from likewise.index._scoring import K1, B, Scoring
from likewise.index._selection import select
from likewise.index._slots import IdArray, Slots
from likewise.index._statistics import Statistics
from likewise.results import Neighbours, SearchInfo

#: The version of the files written here.
SPARSE_FORMAT = 1


class Sparse:
    """The best rows by the terms they share with a query, for learned sparse vectors and BM25.

    Speaks the words of `likewise.index.Index` without being one: its rows have no dimensions and
    no metric. A row is a mapping from term to weight, or a row of a scipy sparse matrix, whose
    columns are the terms. The distance is minus the score. **Only rows that share a term with the
    query are found**: an answer has ``min(k, such rows)`` of them, and none when no row has any
    of its terms.

    Every answer is exact, and `add` and `delete` count at once: after any history, scores are to
    the last bit those of an index fitted with the rows that remain.

    Args:
        weighting: ``"dot"`` (the score is the inner product), or a variant of BM25 over counts:
            ``"lucene"``, ``"robertson"``, ``"atire"``, ``"bm25l"``, ``"bm25+"``; the formulas are
            in `likewise.index._weightings` and on the page on lexical search.
        k1: how slowly a repeated term stops to count, at least 0.
        b: how much long rows are held back, in [0, 1].
        delta: what a term counts at least in long rows; for ``"bm25l"`` (0.5 when None) and
            ``"bm25+"`` (1.0).
        n_jobs: threads for a batch of queries (None is 1, -1 all cores); answers stay the same.
        memory_limit: bytes that `plan` may reach; beyond, `fit` and `add` raise.

    Raises:
        InvalidArgument: an unknown weighting, a constant out of its range, or one that the
            weighting does not have.

    Cost: 13 bytes a posting (a term of a row). A search reads the postings of rare terms of the
    query and, for what they find, looks up common ones: blocks of postings whose best possible
    score is too low are skipped (Turtle and Flood, 1995; Ding and Suel, SIGIR 2011).

    Example:
        >>> texts = [{"cat": 1, "mat": 1}, {"dog": 2}, {"cat": 2, "dog": 1}]
        >>> index = Sparse("lucene").fit(texts)
        >>> found = index.search({"cat": 1, "fish": 1}, k=5)[0]
        >>> found.ids.tolist(), found.distances.round(3).tolist()
        ([2, 0], [-0.272, -0.227])
        >>> index.delete([2]), index.search({"cat": 1}, k=5)[0].ids.tolist()
        (1, [0])
    """

    name: ClassVar[str] = "sparse"

    @suggest_arguments
    def __init__(
        self,
        weighting: str = "dot",
        *,
        k1: float = K1,
        b: float = B,
        delta: float | None = None,
        n_jobs: int | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self._scoring = Scoring.checked(weighting, k1, b, delta)
        self.n_jobs = n_jobs
        self._jobs = check_jobs(n_jobs)
        self.memory_limit = (
            None if memory_limit is None else check_count("memory_limit", memory_limit)
        )
        self._columns = Columns()
        self._inverted: InvertedRows | None = None
        self._slots = Slots(0)

    # -- what is in it -----------------------------------------------------------------

    @property
    def weighting(self) -> str:
        """The name of the weighting."""
        return self._scoring.weighting.name

    @property
    def k1(self) -> float:
        """How slowly a repeated term stops to count."""
        return self._scoring.k1

    @property
    def b(self) -> float:
        """How much long rows are held back."""
        return self._scoring.b

    @property
    def delta(self) -> float:
        """What a term counts at least in long rows."""
        return self._scoring.delta

    @property
    def statistics(self) -> Statistics:
        """Rows, their total length and the frequency of each term, as they are now.

        Sums of those of several indexes make them score alike: see `search`. Total length is 0
        under ``"dot"``.
        """
        return self._held().statistics(self._columns, len(self))

    @property
    def positions(self) -> IdArray:
        """(kept,) the position of each row kept, ascending; do not write to it."""
        self._held()
        return self._slots.positions

    @property
    def next_position(self) -> int:
        """The position of the row added next: as many were given out, and a mask has as many."""
        return self._slots.next_position

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays, in memory or mapped; the strings of terms come on top."""
        return self._held().nbytes

    def _held(self) -> InvertedRows:
        if self._inverted is None:
            raise NotFitted("Sparse holds nothing yet; call fit(X) first")
        return self._inverted

    def __len__(self) -> int:
        """Rows that are there (added and not deleted)."""
        return self._slots.count - self._slots.deleted

    def __repr__(self) -> str:
        return f"Sparse({self.weighting!r}, {len(self)} rows)"

    # -- changing it -------------------------------------------------------------------

    @suggest_arguments
    def fit(self, X: Any, *, progress: Progress | None = None) -> Self:
        """Forget everything and take the rows of ``X``; there may be none.

        Args:
            X: mappings from term (all str, or all int) to weight, or a scipy sparse matrix
                (n, terms), whose duplicates are summed. Weights are kept as float32; under BM25
                they are counts. A row without terms counts as a row and is never found.
            progress: called with (rows done, rows in all) now and then.

        Raises:
            InvalidVector: a weight that is negative or not finite, or no count under BM25; the
                message names row and term. The index is as it was.
            InvalidType: no such rows. DimensionMismatch: too many columns.
            OverLimit: `plan` says more than ``memory_limit``.

        Cost: about 0.1 microseconds a posting, and for mappings 0.3 more.

        Example:
            >>> Sparse().fit([{"cat": 0.7}, {"cat": 0.2, "mat": 1.1}])
            Sparse('dot', 2 rows)
        """
        columns = Columns(X.shape[1] if hasattr(X, "tocsr") and len(X.shape) == 2 else None)
        rows = columns.rows(X, whole=self._scoring.counts)
        self._refuse_over_limit(len(rows), len(rows.columns))
        inverted = InvertedRows(self._scoring.counts).grown(rows, np.empty(0, dtype=np.bool_))
        columns.learn(rows)
        self._columns, self._inverted, self._slots = columns, inverted, Slots(len(rows))
        if progress is not None:
            progress(len(rows), len(rows))
        return self

    @suggest_arguments
    def add(self, X: Any) -> IdArray:
        """Append the rows of ``X`` and return their (m,) positions; found from here on.

        Terms that are new to an index of mappings get their place; a matrix must have the columns
        it was fitted with.

        Raises:
            NotFitted: before `fit`; DimensionMismatch: other columns; otherwise as `fit`. The
            index is then as it was.

        Cost: that of `fit` for a small multiple of the new rows, since parts of the index join
        as it grows.

        Example:
            >>> index = Sparse().fit([{"cat": 0.7}])
            >>> index.add([{"mat": 1.1}, {"cat": 0.2}]).tolist()
            [1, 2]
        """
        held = self._held()
        rows = self._columns.rows(X, whole=self._scoring.counts)
        self._refuse_over_limit(self._slots.count + len(rows), held.postings + len(rows.columns))
        inverted = held.grown(rows, self._slots.alive)
        self._columns.learn(rows)
        self._inverted = inverted
        return self._slots.grow(len(rows))

    def delete(self, ids: Any) -> int:
        """Take out the rows at these positions; returns how many were there.

        A position is never used again. Unknown ones are ignored. Frequencies and lengths follow
        at once; the postings go when parts join, and when an eighth of the rows is dead. Terms
        that no row has any more are then forgotten.

        Raises:
            InvalidType: ``ids`` are no integers.

        Cost: O(terms of these rows).

        Example:
            >>> index = Sparse().fit([{"cat": 0.7}, {"cat": 0.2}])
            >>> index.delete([0, 7]), len(index)
            (1, 1)
        """
        given = np.atleast_1d(np.asarray(ids))
        if given.size and (given.dtype.kind not in "iu" or given.ndim != 1):
            raise InvalidType(f"ids must be integers; got an array of {given.dtype}, {given.shape}")
        held, slots = self._held(), self._slots
        found = slots.to_slots(np.unique(given.astype(np.int64)))
        found = found[slots.alive[found]]
        self._inverted = held.forgetting(found)
        gone = slots.delete(given.astype(np.int64))
        if slots.overfull:
            self._drop_dead()
        return gone

    def _drop_dead(self) -> None:
        keep = np.flatnonzero(self._slots.alive)
        inverted, columns = self._held().compacted(self._slots.alive, self._columns)
        self._inverted, self._columns = inverted, columns
        self._slots = self._slots.compacted(keep)

    # -- asking it ---------------------------------------------------------------------

    @suggest_arguments
    def search(
        self,
        Q: Any,
        k: int | None = 10,
        *,
        where: Any = None,
        radius: float | None = None,
        statistics: Statistics | None = None,
    ) -> Neighbours:
        """The best rows of each query, among those that share a term with it.

        Args:
            Q: as ``X`` of `fit`; one mapping is one query. Terms that no row has are ignored.
                Under BM25 the weights are the counts of the terms in the query.
            k: how many; None, with ``radius``, for all within it.
            where: rows to consider: a mask (`next_position`,), an array of positions, or a range
                of them. Deleted rows never match.
            radius: no distance above this, so no score below ``-radius``.
            statistics: rows, lengths and frequencies to score by (BM25 only), such as the sum of
                those of all indexes that together hold a collection; this index's rows must be
                among them. None: its own.

        Returns:
            `Neighbours`: distances are minus the scores, ascending, equal ones by position; as
            many as ``min(k, rows that share a term and pass)`` without a radius. In ``info``,
            ``scanned`` counts the postings that were scored.

        Raises:
            NotFitted, InvalidVector, InvalidType, DimensionMismatch, InvalidFilter,
            UnknownArgument: what is wrong is named; nothing is ignored.
            InvalidArgument: also statistics that lack rows of this index, or under ``"dot"``.

        Cost: at most that of all postings of the query's terms, some nanoseconds each; a small
        part of it for few k in many rows. The first searches of a process are done in numpy,
        some ten times slower, while kernels load behind them.

        Example:
            >>> index = Sparse().fit([{"cat": 0.5}, {"cat": 0.25, "mat": 1.0}])
            >>> index.search([{"cat": 2.0}, {"dog": 1.0}], k=5).counts.tolist()
            [2, 0]
            >>> index.search({"cat": 1.0, "mat": 1.0}, k=1).distances.tolist()
            [[-1.25]]
        """
        start = perf_counter()
        held = self._held()
        if k is None and radius is None:
            raise InvalidArgument("k=None asks for all rows within a radius; give radius= too")
        most = None if k is None else check_k(k)
        limit = None if radius is None else check_number("radius", radius)
        selection = select(where, self._slots)
        queries = self._columns.queries(Q, whole=self._scoring.counts)
        weights, formula = self._scoring.ready(queries, held, self._columns, len(self), statistics)
        found = rank(
            held.parts, formula, queries, weights, selection.mask(), most, limit, self._jobs
        )
        return self._neighbours(found, selection.count, start)

    def _neighbours(self, found: Ranked, matching: int, start: float) -> Neighbours:
        info = SearchInfo(
            "postings",
            1.0,
            found.scored,
            perf_counter() - start,
            matching,
            "rows that share a term are ranked exactly",
        )
        ids = self._slots.to_positions(found.slots)
        return Neighbours(ids, -found.scores, found.offsets, info)

    def plan(self, n: int, postings: int) -> IndexPlan:
        """Main memory and time that ``n`` rows with so many terms in all will take to `fit`.

        Raises:
            InvalidType, InvalidArgument: no integers, or below 0.

        Example:
            >>> Sparse("lucene").plan(1_000_000, 50_000_000).bytes
            670000000
        """
        n, postings = check_count("n", n, minimum=0), check_count("postings", postings, minimum=0)
        # Row, weight and column of each posting, and a block's share; a row's place and length.
        return IndexPlan(bytes=13 * postings + 20 * n, seconds=4e-7 * postings)

    def _refuse_over_limit(self, n: int, postings: int) -> None:
        if self.memory_limit is None:
            return
        plan = self.plan(n, postings)
        if plan.bytes > self.memory_limit:
            raise OverLimit(
                f"Sparse of {n:,} rows with {postings:,} terms takes {plan}; the limit is "
                f"{self.memory_limit / 1e6:,.1f} MB; raise memory_limit or keep fewer rows"
            )

    # -- keeping it --------------------------------------------------------------------

    @suggest_arguments
    def save(self, path: str | Path) -> None:
        """Write the index to one file, atomically and with checksums.

        Raises:
            NotFitted: there is nothing to save.
            OSError: the disk refuses; a file that was there is as it was.

        Cost: the bytes, written and synced once.

        Example:
            >>> Sparse().fit([{"cat": 0.5}, {"mat": 1.0}]).save("two.index")
            >>> Sparse.load("two.index").search({"mat": 1.0}).ids.tolist()
            [[1]]
        """
        held = self._held()
        arrays = {**self._slots.to_arrays(), **self._columns.to_arrays(), **held.to_arrays()}
        header = {
            "index": self.name,
            "format": SPARSE_FORMAT,
            "scoring": self._scoring.to_dict(),
            "width": self._columns.width,
            "counts": [part.count for part in held.parts],
            "total_length": held.total_length,
        }
        save_arrays(Path(path), arrays, header)

    @classmethod
    @suggest_arguments
    def load(
        cls, path: str | Path, *, n_jobs: int | None = None, memory_limit: int | None = None
    ) -> Self:
        """The index in ``path``; its arrays stay memory-mapped.

        Raises:
            InvalidFile: it holds another kind of index, or has another format.
            DamagedFile: cut short or overwritten.

        Cost: the header is read and checked; terms are read at the first search.

        Example:
            >>> Sparse("lucene").fit([{"cat": 1}]).save("one.index")
            >>> Sparse.load("one.index")
            Sparse('lucene', 1 rows)
        """
        file = open_arrays(Path(path))
        header: Mapping[str, Any] = file.attributes
        if header.get("index") != cls.name or header.get("format") != SPARSE_FORMAT:
            raise InvalidFile(
                f"{path}: expected an index {cls.name!r} of format {SPARSE_FORMAT}; got "
                f"{header.get('index')!r} of format {header.get('format')!r}; load it with "
                "likewise.index.load, or build it again"
            )
        index = cls(n_jobs=n_jobs, memory_limit=memory_limit)
        index._scoring = Scoring.checked(**header["scoring"])
        index._columns = Columns.from_arrays(file.arrays, header["width"])
        index._inverted = InvertedRows.from_arrays(
            file.arrays, header["counts"], header["total_length"], index._scoring.counts
        )
        index._slots = Slots.from_arrays(file.arrays, sum(header["counts"]))
        return index


__all__ = ["SPARSE_FORMAT", "Sparse"]
