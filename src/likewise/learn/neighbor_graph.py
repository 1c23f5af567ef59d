"""`NeighborGraph`: the nearest neighbours of every row, made once, used by all, kept up to date."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Self

import numpy as np

from likewise._arguments import check_count, check_jobs, check_k, check_recall, suggest_arguments
from likewise._arrays import open_arrays, save_arrays
from likewise.errors import InvalidArgument, InvalidFile, InvalidType, NotFitted, OverLimit
from likewise.index import INDEXES, Exact, Gaussian, Index, IndexPlan, Window
from likewise.index._asking import read_positions
from likewise.index._nested import packed, unpacked
from likewise.learn._building import (
    Built,
    built,
    changed,
    living,
    metric_of,
    plan,
    quick,
    rows_at,
    searched,
)
from likewise.learn._lists import entering, joined, padded
from likewise.learn._rounding import check_kept
from likewise.learn._searching import Float64Array, IntArray, Lists
from likewise.results import Neighbours, SearchInfo
from likewise.vectors import Float32Array, as_dense

#: The version of the files that are written.
FILE_FORMAT = 1
#: When a larger share of the rows changes, building all lists anew is quicker, where that is quick.
MUCH_CHANGED = 0.05


class NeighborGraph:
    """The k nearest neighbours of every row, itself left out, as two arrays that stay true.

    A row is left out of its own list by its position; rows that are equal to it are its
    neighbours, at distance 0. Lists are nearest first, equal distances by position. `add` and
    `delete` change only the lists that a new row enters or a deleted one leaves; where all
    searches are exact, the lists are those of a graph built anew, to the last bit.

    With no index, or with `likewise.index.Exact`, whose metric is then taken, few rows are compared
    with all others, and many by cells: rows are projected on their leading directions
    and put into k-means cells; each is compared with those of the cells nearest to it by its
    projection, the most promising by the metric itself, and what one row finds the other hears
    of. How many cells and how many promising ones it takes for ``recall`` is measured on rows
    drawn by chance, whose true neighbours are searched for. Any other index is asked itself.

    Args:
        k: neighbours of a row; all others when there are not so many.
        index: one of `likewise.index`, not fitted, which is copied; None is
            ``Exact("euclidean")``.
        recall: the share of the true neighbours to aim at, in (0, 1]; 1 is exact.
        random_state: the seed of what is drawn.
        n_jobs: threads (None is 1, -1 all cores), also those of an index that names none; the same
            seed gives the same lists with any number of them.
        memory_limit: bytes that `plan` may reach; beyond, `fit` and `add` raise.

    Cost: exact, O(n^2 dim). By cells, O(n dim) for the comparisons and about O(n^1.5) for the
    cells: 60,000 rows of 784 numbers take some seconds.

    Source: cells as in H. Jegou, M. Douze and C. Schmid, "Product quantization for nearest
    neighbor search", TPAMI 2011 (the inverted file).

    Example:
        >>> graph = NeighborGraph(k=2).fit([[0.0], [1.0], [3.0], [7.0]])
        >>> graph.ids.tolist(), graph.recall
        ([[1, 2], [0, 2], [1, 0], [2, 1]], 1.0)
        >>> graph.add([[6.0]]).tolist(), graph.ids[3].tolist()
        ([4], [4, 2])
    """

    @suggest_arguments
    def __init__(
        self,
        k: int = 15,
        index: Index | None = None,
        *,
        recall: float = 0.95,
        random_state: int = 0,
        n_jobs: int | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self.k = check_k(k)
        if index is not None and (
            not isinstance(index, Index) or isinstance(index, (Gaussian, Window))
        ):
            raise InvalidType(
                "index must be one of likewise.index that takes vectors and nothing else, such as "
                f'Graph("euclidean"); got {index!r:.60}'
            )
        self._given = index
        self._wanted = check_recall(recall)
        self.random_state = check_count("random_state", random_state, minimum=0)
        self.n_jobs, self._jobs = n_jobs, check_jobs(n_jobs)
        self.memory_limit = (
            None if memory_limit is None else check_count("memory_limit", memory_limit)
        )
        self._index: Index | None = None
        self._built: Built | None = None
        self._shared = False

    def __repr__(self) -> str:
        held = "not fitted" if self._index is None else f"{len(self)} rows, {self.metric}"
        return f"NeighborGraph(k={self.k}, {held})"

    def __sklearn_clone__(self) -> Self:
        # What is fitted is what an estimator is given it for.
        return self

    # -- what is in it ---------------------------------------------------------------------

    @property
    def index(self) -> Index:
        """The fitted index: ask it for neighbours of other rows, but do not change it."""
        if self._index is None:
            raise NotFitted("NeighborGraph holds nothing yet; call fit(X) first")
        return self._index

    @property
    def metric(self) -> str:
        """The canonical name of the metric."""
        return self.index.metric

    @property
    def positions(self) -> IntArray:
        """(n,) the positions of the rows that live, ascending: row i of `ids` is of row i here."""
        return living(self.index)

    @property
    def rows(self) -> Float32Array:
        """(n, dim) the rows that live, in order of position; do not write to it.

        Cost: none when nothing was deleted lately; else a copy.
        """
        return rows_at(self.index, living(self.index))

    @property
    def next_position(self) -> int:
        """The position of the row added next: as many were given out."""
        return self.index.next_position

    @property
    def ids(self) -> IntArray:
        """(n, min(k, n - 1)) positions of the neighbours of each row; do not write to it."""
        return self._now.lists.ids

    @property
    def distances(self) -> Float64Array:
        """(n, min(k, n - 1)) their distances, ascending; do not write to it."""
        return self._now.lists.distances

    @property
    def recall(self) -> float:
        """The share of the true neighbours in the lists: 1.0 when exact, else an estimate.

        It is measured on up to 256 rows drawn by chance when all lists are made. Lists that change
        afterwards count with the recall that their search states.
        """
        return self._now.recall

    @property
    def info(self) -> SearchInfo:
        """How all lists were last made: strategy, distances computed, seconds, and why so."""
        return self._now.info

    def __len__(self) -> int:
        """Rows that live."""
        return len(self.index)

    @property
    def _now(self) -> Built:
        """The lists, made anew where a change was cut off."""
        return self._make() if self._built is None else self._built

    def _make(self) -> Built:
        self._built = built(self.index, self.k, self._wanted, self.random_state, self._jobs)
        return self._built

    # -- changing it -----------------------------------------------------------------------

    @suggest_arguments
    def fit(self, X: Any) -> Self:
        """Forget everything, index the rows of ``X`` (n, dim), and find their neighbours.

        Raises:
            InvalidVector, DimensionMismatch, InvalidType: ``X`` is not rows of numbers, or has
                a zero row under cosine, or rows that differ and would not in float32.
            OverLimit: `plan` says more than ``memory_limit``. The graph is then as it was.

        Example:
            >>> NeighborGraph(k=1).fit([[0.0], [1.0], [3.0]]).distances.tolist()
            [[1.0], [1.0], [2.0]]
        """
        index = self._unfitted()
        check_kept(X)
        rows = as_dense(X, metric=metric_of(index), what="X")
        self._refuse_over_limit(*rows.shape)
        index.fit(rows)
        made = built(index, self.k, self._wanted, self.random_state, self._jobs)
        self._index, self._built, self._shared = index, made, False
        return self

    @suggest_arguments
    def add(self, X: Any) -> IntArray:
        """Append the rows of ``X`` (m, dim), with their lists; returns their (m,) positions.

        They enter the lists of the rows that they are near to.

        Raises:
            NotFitted: before `fit`; otherwise as `fit`.

        Cost: a search of m rows, and a comparison of m rows with all, O(n m dim).

        Example:
            >>> graph = NeighborGraph(k=1).fit([[0.0], [1.0], [3.0]])
            >>> graph.add([[2.5]]).tolist(), graph.ids.tolist()
            ([3], [[1], [0], [3], [2]])
        """
        before, index = self._now, self._owned()
        new = as_dense(X, dim=index.dim, metric=metric_of(index), what="X")
        self._refuse_over_limit(len(self) + len(new), index.dim)
        if not len(new):
            return index.add(new)
        held = self.positions
        self._built = None  # what is cut off is made anew
        positions = index.add(new)
        if len(held) <= self.k or self._better_anew(len(new), len(self)):
            self._make()
        else:
            self._built = self._entered(before, held, positions)
        return positions

    def delete(self, ids: Any) -> int:
        """Take out the rows at these positions; returns how many were there.

        Lists that lose a neighbour are searched for again. Unknown positions are ignored.

        Raises:
            NotFitted: before `fit`. InvalidType: ``ids`` are no integers.

        Cost: a search of about k rows for each that goes.

        Example:
            >>> graph = NeighborGraph(k=1).fit([[0.0], [1.0], [3.0]])
            >>> graph.delete([1, 99]), graph.positions.tolist(), graph.ids.tolist()
            (1, [0, 2], [[2], [0]])
        """
        before, index = self._now, self._owned()
        positions = self.positions
        stay = ~np.isin(positions, read_positions(ids))
        if stay.all():
            return 0
        self._built = None
        gone = index.delete(ids)
        lists = Lists(before.lists.ids[stay], before.lists.distances[stay])
        lost = np.isin(lists.ids, positions[~stay])
        some = np.flatnonzero(lost.any(axis=1))
        if len(index) <= self.k or self._better_anew(len(some), len(index)):
            self._make()
        else:
            lists.distances[lost] = np.inf
            self._built = self._refilled(before, lists, some)
        return gone

    def _entered(self, before: Built, held: IntArray, positions: IntArray) -> Built:
        """The lists with those of the rows at ``positions``, which are new beside ``held``."""
        index, lists = self.index, before.lists
        width = lists.ids.shape[1]
        own, info = searched(index, positions, width, self._wanted)
        # Deleted rows are compared too, which is quicker than to leave them out, and enter nothing.
        slots = np.searchsorted(index.positions, held)
        reach = np.full(len(index.rows) - len(positions), -np.inf)
        reach[slots] = lists.distances[:, -1]
        new = index.rows[len(reach) :]
        slot, place, distances = entering(metric_of(index), index.rows[: len(reach)], reach, new)
        rows, more = padded(np.searchsorted(slots, slot), positions[place], distances)
        entered = Lists(
            np.concatenate([lists.ids, own.ids]), np.concatenate([lists.distances, own.distances])
        )
        some = joined(Lists(lists.ids[rows], lists.distances[rows]), more, width)
        entered.ids[rows], entered.distances[rows] = some
        return changed(before, entered, len(positions), info)

    def _refilled(self, before: Built, lists: Lists, some: IntArray) -> Built:
        """The lists, those of the rows at places ``some`` searched for again."""
        if not len(some):
            return changed(before, lists, 0, before.info)
        width = lists.ids.shape[1]
        found, info = searched(self.index, self.positions[some], width, self._wanted)
        kept = Lists(lists.ids[some], lists.distances[some])
        lists.ids[some], lists.distances[some] = joined(found, kept, width)
        return changed(before, lists, len(some), info)

    # -- asking it -------------------------------------------------------------------------

    def upto(self, k: int) -> Lists:
        """The first ``min(k, n - 1)`` neighbours of each row.

        Raises:
            InvalidArgument: the lists are shorter than that.

        Cost: none; the arrays are views.

        Example:
            >>> NeighborGraph(k=2).fit([[0.0], [1.0], [3.0]]).upto(1).ids.tolist()
            [[1], [0], [1]]
        """
        if not self.reaches(check_k(k)):
            raise InvalidArgument(
                f"the graph holds {self.k} neighbours of each row; got k = {k}; "
                f"make one with NeighborGraph(k={k})"
            )
        lists = self._now.lists
        return Lists(lists.ids[:, :k], lists.distances[:, :k])

    def reaches(self, k: int) -> bool:
        """Whether the lists hold ``min(k, n - 1)`` neighbours.

        Example:
            >>> graph = NeighborGraph(k=2).fit([[0.0], [1.0], [3.0]])
            >>> graph.reaches(2), graph.reaches(9), NeighborGraph(k=1).fit(graph.rows).reaches(2)
            (True, True, False)
        """
        return k <= self.k or len(self) - 1 <= self.k

    def places(self, positions: IntArray) -> IntArray:
        """Which of the rows that live lie at these positions: their lines in `rows` and `ids`.

        All of ``positions`` must live.

        Example:
            >>> graph = NeighborGraph(k=1).fit([[0.0], [1.0], [3.0]])
            >>> graph.delete([0]), graph.places(graph.ids).tolist()
            (1, [[1], [0]])
        """
        held = self.positions
        if len(held) == self.index.next_position:  # all of them, each its own place
            return positions
        found: IntArray = np.searchsorted(held, positions)
        return found

    def search(self, Q: Any, k: int | None = 10, **options: Any) -> Neighbours:
        """The nearest rows of each query: `Index.search` of `index`.

        Example:
            >>> NeighborGraph(k=1).fit([[0.0], [1.0], [3.0]]).search([[2.5]], k=1).ids.tolist()
            [[2]]
        """
        return self.index.search(Q, k, **options)

    def to_csr(self, *, include_self: bool = True) -> Any:
        """The distances as scikit-learn takes them with ``metric="precomputed"``.

        Args:
            include_self: begin each row with itself, at distance 0, as its
                ``KNeighborsTransformer`` does. Estimators that are fitted and asked with the same
                matrix (``DBSCAN``, ``LocalOutlierFactor``, ``KNeighborsClassifier``) want it so.

        Returns:
            (n, n) ``scipy.sparse.csr_matrix`` by place among the rows that live, each row sorted
            by distance; zeros are stored.

        Raises:
            InvalidArgument: ``include_self`` with the metric dot, by which a row is not at
                distance 0 from itself.

        Cost: O(n k).

        Example:
            >>> matrix = NeighborGraph(k=1).fit([[0.0], [1.0], [3.0]]).to_csr()
            >>> matrix.indices.tolist(), matrix.data.tolist()
            ([0, 1, 1, 0, 2, 1], [0.0, 1.0, 0.0, 1.0, 0.0, 2.0])
        """
        places = self.places(self.ids)
        return sorted_csr(places, self.distances, self.metric, include_self=include_self)

    def plan(self, n: int, dim: int) -> IndexPlan:
        """Main memory and seconds that ``n`` rows of ``dim`` numbers take to `fit`.

        Example:
            >>> NeighborGraph(k=15).plan(1000, 10).bytes
            776000
        """
        rows, numbers = check_count("n", n, minimum=0), check_count("dim", dim)
        return plan(self._unfitted(), rows, numbers, self.k, self._wanted, self._jobs)

    # -- keeping it ------------------------------------------------------------------------

    @suggest_arguments
    def save(self, path: str | Path) -> None:
        """Write the graph and its index to one file, atomically (see `likewise._arrays`).

        Raises:
            NotFitted: there is nothing to save. OSError: the disk refuses.

        Cost: the bytes, written and synced once.

        Example:
            >>> NeighborGraph(k=1).fit([[0.0], [1.0], [3.0]]).save("three.neighbours")
            >>> NeighborGraph.load("three.neighbours").ids.tolist()
            [[1], [0], [1]]
        """
        arrays, header = packed(self.index, "index.")
        now = self._now
        header = {
            "neighbours": FILE_FORMAT,
            "kind": self.index.name,
            "index": header,
            "k": self.k,
            "wanted": self._wanted,
            "random_state": self.random_state,
            "recall": now.recall,
            "info": now.info.to_dict(),
        }
        lists = {"ids": now.lists.ids, "distances": now.lists.distances}
        save_arrays(Path(path), {**lists, **arrays}, header)

    @classmethod
    @suggest_arguments
    def load(
        cls, path: str | Path, *, n_jobs: int | None = None, memory_limit: int | None = None
    ) -> Self:
        """The graph in ``path``; its arrays stay memory-mapped.

        What is fitted anew afterwards has an index of the same kind and metric, with its defaults.

        Raises:
            InvalidFile: it holds no graph, or one of another format. DamagedFile: cut short or
                overwritten.

        Cost: the header is read and checked; the rest when it is asked for.
        """
        file = open_arrays(Path(path))
        header = file.attributes
        if header.get("neighbours") != FILE_FORMAT or header.get("kind") not in INDEXES:
            raise InvalidFile(
                f"{path} holds no neighbour graph of format {FILE_FORMAT}; make it anew"
            )
        graph = cls(
            header["k"],
            recall=header["wanted"],
            random_state=header["random_state"],
            n_jobs=n_jobs,
            memory_limit=memory_limit,
        )
        kind = INDEXES[header["kind"]]
        graph._index = unpacked(kind, "index.", file.arrays, header["index"], n_jobs)
        lists = Lists(file.arrays["ids"], file.arrays["distances"])
        graph._built = Built(lists, header["recall"], SearchInfo(**header["info"]))
        return graph

    # -- within ----------------------------------------------------------------------------

    def lent(self) -> Self:
        """The same graph for somebody else, who may change his without changing this one.

        His positions count from 0 without gaps; where rows were deleted his index is made anew.
        """
        other = copy.copy(self)
        if len(self) == self.next_position:
            self._shared = other._shared = True
            return other
        lists = Lists(self.places(self.ids), self.distances)
        other._built = self._now._replace(lists=lists)
        other._index, other._shared = self._unfitted().fit(self.rows), False
        return other

    def _owned(self) -> Index:
        """The index, for oneself alone, to be changed."""
        if self._shared:
            self._index, self._shared = copy.deepcopy(self.index), False
        return self.index

    def _unfitted(self) -> Index:
        if self._given is not None:
            index = copy.deepcopy(self._given)
            if index.n_jobs is None:
                index.n_jobs, index._jobs = self.n_jobs, self._jobs
            return index
        if self._index is not None:  # one that was loaded says which index it is
            return type(self._index)(
                self._index.metric, random_state=self.random_state, n_jobs=self.n_jobs
            )
        return Exact("euclidean", n_jobs=self.n_jobs)

    def _better_anew(self, changes: int, count: int) -> bool:
        return changes > MUCH_CHANGED * count and quick(self.index, count, self._wanted)

    def _refuse_over_limit(self, n: int, dim: int) -> None:
        if self.memory_limit is None:
            return
        needed = self.plan(n, dim)
        if needed.bytes > self.memory_limit:
            raise OverLimit(
                f"a graph of {n:,} rows of {dim} numbers with k = {self.k} takes {needed}; the "
                f"limit is {self.memory_limit / 1e6:,.1f} MB; raise memory_limit or take fewer rows"
            )


def sorted_csr(
    places: IntArray, distances: Float64Array, metric: str, *, include_self: bool
) -> Any:
    """Lists of neighbours as a sparse matrix: see `NeighborGraph.to_csr`.

    Args:
        places: (n, k) which of the n rows the neighbours are. distances: (n, k), ascending.
        metric: the canonical name of theirs.
    """
    from scipy.sparse import csr_matrix

    if include_self and metric == "dot":
        raise InvalidArgument(
            "a row is not at distance 0 from itself by dot; use include_self=False"
        )
    count = len(places)
    if include_self:
        places = np.concatenate([np.arange(count)[:, None], places], axis=1)
        distances = np.concatenate([np.zeros((count, 1)), distances], axis=1)
    ends = np.arange(count + 1) * places.shape[1]
    return csr_matrix((distances.ravel(), places.ravel(), ends), shape=(count, count))
