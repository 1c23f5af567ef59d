"""`MultiVector`: rows of several vectors each, nearest by Chamfer similarity (MaxSim)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Self

import numpy as np

from likewise._arguments import check_count, check_jobs, suggest_arguments
from likewise._arrays import open_arrays, save_arrays
from likewise.errors import (
    InvalidArgument,
    InvalidType,
    NotFitted,
    OverLimit,
    UnknownMetric,
)
from likewise.index._asking import (
    neighbours,
    nothing,
    read_positions,
    read_request,
    refuse_other_file,
)
from likewise.index._bag_recall import ASKED, PIECE, BagCurves
from likewise.index._bag_search import BagSearch
from likewise.index._bag_store import BLOCK, STORAGES, BagStore, bytes_of
from likewise.index._proposing_bags import BagProposer
from likewise.index._protocol import IndexPlan, Request
from likewise.index._slots import IdArray, Slots
from likewise.index.base import Index
from likewise.index.exact import Exact
from likewise.index.muvera import FixedDimensional
from likewise.index.recall import RecallCurve
from likewise.metrics import Metric, resolve
from likewise.results import Neighbours
from likewise.vectors import Bags, as_bags, unit_rows

#: The version of the file.
FILE_FORMAT = 1
#: Fewer bags than this are all ranked: it is quick, and too few would be left to measure with.
SMALLEST = 512
#: The curve is measured again when so large a share of the bags came after it was.
STALE = 0.5
#: Numbers multiplied and added a second by one core, and vectors compared with all to measure,
#: for `plan`.
SPEED, MEASURED = 1e10, ASKED * PIECE
#: In a file the names of the arrays of a `BagStore` begin with this.
BAGS = "bags/"


class MultiVector:
    """The nearest rows where each is a bag of vectors (late interaction, as in ColBERT).

    A query is a bag Q of m vectors, a row a bag P. Their Chamfer similarity, also called MaxSim,
    is ``sum over q in Q of max over p in P of <q, p>``. The distance is its mean over the query,
    turned so that lower is nearer, which ranks alike:

    - ``cosine``: ``1 - mean over q of max over p of cos(q, p)``, in [0, 2];
    - ``dot``: ``- mean over q of max over p of <q, p>``.

    With one vector a bag these are the metrics of the same name. They are not symmetric: all of
    the query must be met, not all of the row.

    A search compares every bag (``exact``), or lets one vector a bag (MUVERA, see
    `FixedDimensional`) propose bags, found by any index of inner products, and ranks those by
    the formula itself (``muvera``). How many proposals a wanted recall needs is measured at
    `fit` (`curve`): pieces of some bags are asked, each left out of its own answer, and the
    ``queries`` given. Real queries may be harder than pieces of documents: give some.

    Args:
        metric: "cosine" (vectors are kept at length one) or "dot".
        encoding: how bags become one vector; None lets nothing propose: every search is exact.
        index: an index with metric "dot" for those vectors, taken over and fitted here; None is
            `Exact`.
        storage: how bags are kept to be compared: "float32"; "8-bit", a quarter of it; "4-bit",
            an eighth.
        originals: whether the float32 vectors are kept beside the codes. With them, codes and a
            bound on what they leave out only rule bags out, and ranks and distances are those of
            the originals, which may lie in a read-only mapped file. Without them, ranks and
            distances are the exact ones of the vectors that the codes stand for.
        random_state: the seed of what is drawn; the same one gives the same index.
        n_jobs: threads for a batch of queries (None is 1, -1 all cores); answers stay the same.
        memory_limit: bytes that `plan` may reach; beyond, `fit` and `add` raise.

    Raises:
        UnknownMetric: another metric, or an ``index`` that has another than dot.
        InvalidArgument, InvalidType: what else is wrong is named.

    Cost: an exact search O(vectors of all rows, times vectors of the query, times dim); with
    proposals O(search in ``index``) and so much for each bag proposed. `fit` encodes all bags
    (see `FixedDimensional`) and compares about a thousand vectors with all.

    Source: O. Khattab and M. Zaharia, "ColBERT", SIGIR 2020 (the similarity); L. Dhulipala and
    others, "MUVERA", NeurIPS 2024 (the proposals).

    Example:
        >>> index = MultiVector("dot").fit([[[1, 0], [0, 1]], [[3, 0]], [[0, 2], [1, 1]]])
        >>> found = index.search([[1, 0], [0, 1]], k=2)
        >>> found.ids.tolist(), found.distances.tolist(), found.info.strategy
        ([[1, 2]], [[-1.5, -1.5]], 'exact')
    """

    #: The name in files.
    name: ClassVar[str] = "multivector"
    #: Canonical names of the metrics it takes.
    metrics: ClassVar[tuple[str, ...]] = ("cosine", "dot")

    @suggest_arguments
    def __init__(
        self,
        metric: str | Metric = "cosine",
        *,
        encoding: FixedDimensional | None = FixedDimensional(),  # noqa: B008
        index: Index | None = None,
        storage: str = "float32",
        originals: bool = True,
        random_state: int = 0,
        n_jobs: int | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self._metric = resolve(metric)
        if self._metric.name not in self.metrics:
            raise UnknownMetric(
                f"MultiVector takes the metrics {', '.join(self.metrics)}; "
                f"got {self._metric.name!r}"
            )
        if encoding is not None and not isinstance(encoding, FixedDimensional):
            raise InvalidType(f"encoding must be a FixedDimensional or None; got {encoding!r}")
        if index is not None and encoding is None:
            raise InvalidArgument("index= finds what encoding= makes of bags: give an encoding too")
        if index is not None and not isinstance(index, Index):
            raise InvalidType(f"index must be an index such as Graph('dot'); got {index!r}")
        if index is not None and index.metric != "dot":
            raise UnknownMetric(
                f"index must have the metric dot, by which encodings are compared; got "
                f"{index.metric!r}"
            )
        if storage not in STORAGES:
            raise InvalidArgument(f"storage must be one of {', '.join(STORAGES)}; got {storage!r}")
        if not isinstance(originals, bool):
            raise InvalidType(f"originals must be True or False; got {originals!r}")
        if not originals and storage == "float32":
            raise InvalidArgument(
                "originals=False keeps codes only: give storage='8-bit' or '4-bit'"
            )
        self.encoding, self.storage, self.originals = encoding, storage, originals
        self.random_state = check_count("random_state", random_state, minimum=0)
        self.n_jobs, self._jobs = n_jobs, check_jobs(n_jobs)
        self.memory_limit = (
            None if memory_limit is None else check_count("memory_limit", memory_limit)
        )
        self._given_index = index
        self._store: BagStore | None = None
        self._slots = Slots(0)
        self._proposer: BagProposer | None = None
        self._curves: BagCurves | None = None
        self._asked: Bags | None = None

    # -- what is in it ---------------------------------------------------------------

    @property
    def metric(self) -> str:
        """The canonical name of the metric."""
        return self._metric.name

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self._held().dim

    @property
    def rows(self) -> Bags:
        """The bags kept, in order of position, deleted ones among them until they are dropped.

        Of length one under cosine; without originals what the codes stand for.
        """
        return self._held().bags

    @property
    def positions(self) -> IdArray:
        """(kept,) the position of each bag of `rows`, ascending."""
        self._held()
        return self._slots.positions

    @property
    def next_position(self) -> int:
        """The position of the bag added next; a mask for ``where`` has as many entries."""
        return self._slots.next_position

    @property
    def curve(self) -> RecallCurve | None:
        """The measured recall by bags ranked; None where nothing proposes."""
        return None if self._curves is None else self._curves.near

    @property
    def nbytes(self) -> int:
        """Bytes of all that is kept: vectors, codes, encodings."""
        held = 0 if self._store is None else self._store.nbytes
        return held + (0 if self._proposer is None else self._proposer.nbytes)

    def __len__(self) -> int:
        """Bags that are there (added and not deleted)."""
        return self._slots.count - self._slots.deleted

    def __repr__(self) -> str:
        return f"MultiVector(metric={self.metric!r}, {len(self)} bags)"

    def _held(self) -> BagStore:
        if self._store is None:
            raise NotFitted("MultiVector holds nothing yet; call fit(X) first")
        return self._store

    # -- changing it -----------------------------------------------------------------

    @suggest_arguments
    def fit(self, X: Any, *, queries: Any = None) -> Self:
        """Forget everything and take the bags of ``X``; there may be none.

        Args:
            X: a list of (m, dim) arrays, m >= 1, or `Bags`. Copied, unless `Bags` of read-only
                vectors under dot.
            queries: bags that users have asked, to measure recall with too; fewer than 32 say
                too little and are left out.

        Raises:
            InvalidVector, DimensionMismatch, InvalidType: not bags (see `as_bags`). The index
                is as it was.
            OverLimit: `plan` says more than ``memory_limit``. The index is as it was.

        Cost: see the class; ask `plan`.

        Example:
            >>> len(MultiVector().fit([np.eye(3), [[1, 2, 3]]]))
            2
        """
        bags = self._checked(X, "X", None)
        given = None if queries is None else self._checked(queries, "queries", bags.dim)
        self._refuse_over_limit(len(bags), bags.dim, len(bags.vectors))
        store = BagStore.of(bags, self.storage, self.originals)
        slots = Slots(len(bags))
        proposer, curves = self._built(store, slots, bags, given)
        self._store, self._slots, self._asked = store, slots, given
        self._proposer, self._curves = proposer, curves
        return self

    @suggest_arguments
    def add(self, X: Any) -> IdArray:
        """Append the bags of ``X`` and return their positions.

        Raises:
            NotFitted: before `fit`; otherwise as `fit`. The index is then as it was.

        Cost: O(their vectors); when half the bags came after recall was measured, it is again.

        Example:
            >>> MultiVector().fit([np.eye(3)]).add([[[1, 2, 3]]]).tolist()
            [1]
        """
        held = self._held()
        bags = self._checked(X, "X", held.dim)
        vectors = int(held.offsets[-1]) + len(bags.vectors)
        self._refuse_over_limit(len(held) + len(bags), held.dim, vectors)
        if len(bags) == 0:
            return np.empty(0, dtype=np.int64)
        before = len(held)
        held.extend(bags)
        positions = self._slots.grow(len(bags))
        try:
            self._propose_new(bags, positions)
        except BaseException:
            held.cut(before)
            self._slots.take_back(len(bags))
            raise
        return positions

    def _propose_new(self, bags: Bags, positions: IdArray) -> None:
        store, slots, proposer = self._held(), self._slots, self._proposer
        if proposer is None:
            self._proposer, self._curves = self._built(store, slots, store.bags, self._asked)
            return
        proposer.add(bags, positions)
        if self._curves is None or len(self) > (1 + STALE) * self._curves.rows:
            self._curves = proposer.measured(store, slots, self._asked, self.random_state)

    def _built(
        self, store: BagStore, slots: Slots, bags: Bags, asked: Bags | None
    ) -> tuple[BagProposer | None, BagCurves | None]:
        alive = np.flatnonzero(slots.alive)
        if self.encoding is None or len(alive) < SMALLEST:
            return None, None
        template = self._template
        living = bags if len(alive) == len(bags) else bags.take(alive)
        proposer = BagProposer.fitted(self.encoding, template, living, slots.positions[alive])
        return proposer, proposer.measured(store, slots, asked, self.random_state)

    def delete(self, ids: Any) -> int:
        """Take out the bags at these positions; returns how many were there.

        A position is never used again. Unknown ones are ignored. Bags are masked; once more than
        an eighth of those kept (and more than 64) is dead, their memory is given back.

        Raises:
            InvalidType: ``ids`` are no integers.

        Cost: O(ids), and now and then moving the bags that live.

        Example:
            >>> index = MultiVector().fit([np.eye(3), [[1, 2, 3]]])
            >>> index.delete([1, 99]), len(index)
            (1, 1)
        """
        positions = read_positions(ids)
        gone = self._slots.delete(positions)
        if self._proposer is not None:
            self._proposer.delete(positions)
        if self._slots.overfull:
            keep = np.flatnonzero(self._slots.alive)
            store = self._held().kept(keep)
            self._store, self._slots = store, self._slots.compacted(keep)
        return gone

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
        effort: int | None = None,
    ) -> Neighbours:
        """The nearest bags of each query.

        Args:
            Q: a list of (m, dim) arrays, or `Bags`; one 2-d array or list of vectors is one query.
            k: how many; None, with ``radius``, for all within it.
            radius: no farther than this distance (inclusive).
            recall: the share of the true neighbours to aim at, in (0, 1]; None is 0.95.
            exact: find the true neighbours whatever it costs.
            where: bags to consider: a mask (`next_position`,), an array of positions, or a
                ``range`` or ``slice`` of them. Deleted ones never match.
            effort: how many proposals to rank (at least k), instead of as many as ``recall``
                needs. ``info.recall`` is what was measured for it, 0.0 where nothing was.

        Returns:
            `Neighbours`, nearest first, equal distances by position: never fewer than
            ``min(k, bags that match)`` a query without a radius. ``info.scanned`` counts the
            bags compared.

        Raises:
            NotFitted, InvalidVector, DimensionMismatch, InvalidArgument, InvalidType,
            UnknownArgument: what is wrong is named; nothing is ignored.

        Cost: see the class.

        Example:
            >>> index = MultiVector().fit([np.eye(3), [[1, 2, 3]]])
            >>> index.search([[0, 0, 1]], k=1).ids.tolist()
            [[0]]
            >>> [row.ids.tolist() for row in index.search([np.eye(3), [[1, 1, 1]]], where=[1])]
            [[1], [1]]
        """
        start = perf_counter()
        queries = self._checked(Q, "Q", self._held().dim)
        request = self._request(k, radius, recall, exact, where, effort)
        matching = request.selection.count
        if matching and len(queries):
            held, slots, curves = self._held(), self._slots, self._curves
            asking = BagSearch(held, slots, self._metric, self._proposer, curves, self._jobs)
            answer = asking.answer(queries, request)
        else:
            answer = nothing(len(queries))
        return neighbours(answer, matching, self._slots, start)

    @suggest_arguments
    def plan(self, n: int, dim: int, *, vectors: int) -> IndexPlan:
        """Main memory and time that ``n`` bags of ``vectors`` vectors in all will take to `fit`.

        Raises:
            InvalidType, InvalidArgument: no integers, or fewer vectors than bags.

        Example:
            >>> MultiVector(encoding=None, storage="8-bit", originals=False).plan(
            ...     1000, 384, vectors=100_000).bytes
            38832008
        """
        n = check_count("n", n, minimum=0)
        return self._plan(n, check_count("dim", dim), check_count("vectors", vectors, minimum=n))

    def _plan(self, n: int, dim: int, vectors: int) -> IndexPlan:
        kept = bytes_of(self.storage, self.originals, dim, vectors, n)
        seconds = vectors * dim / 1e8
        if self.encoding is None or n < SMALLEST:
            return IndexPlan(kept, seconds)
        encoding, width = self.encoding, self.encoding.width(dim)
        inner = self._template.plan(n, width)
        columns = encoding.repetitions * (encoding.k_sim + (encoding.d_proj or 0)) + MEASURED
        seconds += inner.seconds + vectors * dim * columns / SPEED
        return IndexPlan(kept + inner.bytes + 8 * n, seconds)

    # -- keeping it ------------------------------------------------------------------

    @suggest_arguments
    def save(self, path: str | Path) -> None:
        """Write the index to one file, atomically.

        Raises:
            NotFitted: there is nothing to save.
            OSError: the disk refuses; a file that was there is as it was.

        Cost: the bytes, written and synced once.

        Example:
            >>> MultiVector().fit([np.eye(3), [[1, 2, 3]]]).save("bags.index")
            >>> MultiVector.load("bags.index")
            MultiVector(metric='cosine', 2 bags)
        """
        store = self._held()
        arrays = {f"{BAGS}{name}": array for name, array in store.to_arrays().items()}
        arrays |= self._slots.to_arrays()
        attributes: dict[str, Any] = {
            "index": self.name,
            "format": FILE_FORMAT,
            "metric": self.metric,
            "random_state": self.random_state,
            "storage": self.storage,
            "originals": self.originals,
            "dim": store.dim,
            "encoding": None if self.encoding is None else self.encoding.to_dict(),
            "curves": None if self._curves is None else self._curves.to_dict(),
            "proposer": None,
        }
        if self._proposer is not None:
            more, attributes["proposer"] = self._proposer.to_arrays()
            arrays |= more
        if self._asked is not None:
            arrays |= {"asked": self._asked.vectors, "asked offsets": self._asked.offsets}
        save_arrays(Path(path), arrays, attributes)

    @classmethod
    @suggest_arguments
    def load(
        cls, path: str | Path, *, n_jobs: int | None = None, memory_limit: int | None = None
    ) -> Self:
        """The index in ``path``; its arrays stay memory-mapped.

        An ``index`` given to the constructor is there again once it has proposed something;
        before that (fewer than 512 bags) `Exact` takes its place.

        Raises:
            InvalidFile: it holds another kind of index, or has another format.
            DamagedFile: cut short or overwritten.

        Cost: the header is read and checked; vectors are read when they are searched.

        Example:
            >>> MultiVector().fit([np.eye(3), [[1, 2, 3]]]).save("bags.index")
            >>> MultiVector.load("bags.index").search([[0, 0, 1]], k=1).ids.tolist()
            [[0]]
        """
        file = open_arrays(Path(path))
        header, arrays = file.attributes, file.arrays
        refuse_other_file(path, header, cls.name, FILE_FORMAT)
        encoding = header["encoding"]
        index = cls(
            header["metric"],
            encoding=None if encoding is None else FixedDimensional(**encoding),
            storage=header["storage"],
            originals=header["originals"],
            random_state=header["random_state"],
            n_jobs=n_jobs,
            memory_limit=memory_limit,
        )
        stored = {n.removeprefix(BAGS): array for n, array in arrays.items() if n.startswith(BAGS)}
        store = BagStore(header["storage"], header["originals"], header["dim"], stored)
        index._slots = Slots.from_arrays(arrays, len(store))
        if header["proposer"] is not None:
            index._proposer = BagProposer.from_arrays(arrays, header["proposer"], n_jobs)
            index._curves = BagCurves.from_dict(header["curves"])
            index._given_index = index._proposer.index
        if "asked" in arrays:
            index._asked = Bags(arrays["asked"], arrays["asked offsets"])
        index._store = store
        return index

    # -- checks ----------------------------------------------------------------------

    @property
    def _template(self) -> Index:
        if self._given_index is not None:
            return self._given_index
        return Exact("dot", random_state=self.random_state, n_jobs=self.n_jobs)

    def _checked(self, values: Any, what: str, dim: int | None) -> Bags:
        bags = as_bags(values, dim=dim, metric=self._metric, what=what)
        if self._metric.unit and len(bags):
            vectors = np.empty_like(bags.vectors)
            for start in range(0, len(vectors), BLOCK):  # in float64, which is large
                vectors[start : start + BLOCK] = unit_rows(bags.vectors[start : start + BLOCK])
            vectors.flags.writeable = False  # nobody else has them: no second copy
            return Bags(vectors, bags.offsets)
        return bags

    def _refuse_over_limit(self, n: int, dim: int, vectors: int) -> None:
        if self.memory_limit is None:
            return
        plan = self._plan(n, dim, vectors)
        if plan.bytes > self.memory_limit:
            raise OverLimit(
                f"MultiVector of {n:,} bags with {vectors:,} vectors of {dim} numbers takes "
                f"{plan}; the limit is {self.memory_limit / 1e6:,.1f} MB; raise memory_limit, "
                "keep fewer bags or vectors, or take storage='8-bit' with originals=False"
            )

    def _request(
        self, k: Any, radius: Any, recall: Any, exact: Any, where: Any, effort: Any
    ) -> Request:
        request = read_request(k, radius, recall, exact, where, self._slots, what="bags")
        if effort is None:
            return request
        if exact or recall is not None or k is None:
            raise InvalidArgument(
                "effort= says how hard to search for k bags, recall= and exact= how much to "
                "find: give one or the other"
            )
        return replace(request, effort=check_count("effort", effort))
