"""`Graph`: nearly all of the true nearest rows, in a small part of the time of a scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.index._hnsw import FAISS_METRICS, LINKS, Hnsw
from likewise.index._links import FEWEST_QUERIES, HELD_OUT, IdArray, Links, new_links, sample
from likewise.index._rows import Float32Array, GrowingRows
from likewise.index._widen import Found, Wanted, widen
from likewise.index.base import Answer, Index, IndexPlan, Progress, Request
from likewise.index.exact import summary_arrays, summary_from
from likewise.index.planner import CostModel, Plan, choose
from likewise.index.recall import RecallCurve
from likewise.index.scanning import PreparedRows, best_of, prepare, scan
from likewise.metrics import Metric
from likewise.results import Row
from likewise.vectors import as_dense

#: Fewer rows than this are scanned; a graph would not be faster.
SMALLEST_GRAPH = 512
#: Added rows wait, and are scanned, until there are this many.
WAITING = 256
#: Seconds to insert one row: a part a row, and a part a number (measured, one core).
INSERT_ROW, INSERT_NUMBER = 1e-4, 1.5e-6


class Graph(Index):
    """A navigable small-world graph that knows its own recall.

    The graph is HNSW (Yu. A. Malkov and D. A. Yashunin, 2018) from faiss, over float32 rows;
    what it proposes is ranked again by the exact float64 formula. At `fit` some 256 rows are
    kept back, the graph of the others is asked for their neighbours, and the recall is kept as
    a curve (`curve`); then they are inserted. A search takes the least effort that the curve
    promises to be enough for ``recall``, or scans exactly when that is cheaper or the promise
    cannot be made; ``info`` says which and why. Filters and deletions are honoured inside.

    Rows that are added wait in a short list that is scanned, and join the graph a few hundred
    at a time; when a fifth of the graph is new, they first serve to measure the curve again.
    An interrupted `fit` leaves the index as it was; an interrupted `add` leaves it usable, with
    the rest of the rows still waiting.

    Args:
        metric: cosine, euclidean, sqeuclidean, dot, manhattan or chebyshev.
        random_state, n_jobs, memory_limit: as in `Index`. One thread builds, whatever
            ``n_jobs`` is, so that a seed gives one graph.
        costs: the planner's constants. None measures them by the clock, which may choose
            another strategy on another day; given, the same calls give the same answers.

    Cost: `fit` O(n log n dim), about 0.7 ms a row of 384 numbers; `search` O(log n dim) times
    the effort. Memory: twice the rows (8 bytes a number) and about 160 bytes a row.

    Example:
        >>> rows = np.random.default_rng(0).standard_normal((600, 8))
        >>> found = Graph("euclidean").fit(rows).search(rows[:2], k=3, exact=True)
        >>> found.ids[:, 0].tolist(), found.info.strategy
        ([0, 1], 'exact')
    """

    name = "graph"
    metrics: ClassVar[tuple[str, ...]] = tuple(FAISS_METRICS)

    _prepared: PreparedRows
    _links: Links

    @suggest_arguments
    def __init__(
        self,
        metric: str | Metric = "cosine",
        *,
        random_state: int = 0,
        n_jobs: int | None = None,
        memory_limit: int | None = None,
        costs: CostModel | None = None,
    ) -> None:
        super().__init__(
            metric, random_state=random_state, n_jobs=n_jobs, memory_limit=memory_limit
        )
        if costs is not None and not isinstance(costs, CostModel):
            raise InvalidType(f"costs must be a CostModel or None; got {type(costs).__name__}")
        self._given_costs = costs
        self._keys: IdArray | None = None
        self._asked: Float32Array | None = None

    @suggest_arguments
    def fit(
        self,
        X: Any,
        *,
        progress: Progress | None = None,
        sample_keys: Any = None,
        queries: Any = None,
    ) -> Self:
        """As `Index.fit`.

        Args:
            X, progress: as there.
            sample_keys: (n,) integers, such as hashes of ids, by whose hash the rows kept back
                are drawn; None draws by the rows themselves.
            queries: (m, dim) queries that users have asked, to measure recall with too; fewer
                than 32 say too little and are left out.

        Raises:
            InvalidType, InvalidArgument: ``sample_keys`` are no integers, or not one a row;
                otherwise as `Index.fit`.

        Cost: about 0.7 milliseconds a row of 384 numbers.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> len(Graph("euclidean").fit(rows, sample_keys=np.arange(600)))
            600
        """
        before, self._keys = self._keys, None
        try:
            if sample_keys is not None:
                self._keys = _checked_keys(sample_keys, len(X))
            if queries is not None:
                self._asked = as_dense(queries, metric=self._metric, what="queries")
            return super().fit(X, progress=progress)
        except BaseException:
            self._keys = before
            raise
        finally:
            self._asked = None

    @property
    def curve(self) -> RecallCurve | None:
        """The measured recall; None while there are too few rows for a graph."""
        return self._links.curve

    @property
    def costs(self) -> CostModel:
        """The planner's constants in use."""
        return self._links.costs

    @property
    def stale(self) -> bool:
        """Whether more than a fifth of the graph came after the curve was measured."""
        return self._links.curve is not None and self._links.stale

    def unreachable(self) -> IdArray:
        """Positions that neither a path in the graph nor a scan leads to; empty when sound.

        Cost: one walk over the links.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> Graph("euclidean").fit(rows).unreachable().tolist()
            []
        """
        return np.setdiff1d(self._links.find_stranded(), self._links.beside)

    def measure(self) -> RecallCurve | None:
        """Measure the curve now, and return it.

        The queries are rows still waiting where there are some dozens; otherwise rows of the
        graph, each left out of its own answer, which flatters the graph a little.

        Cost: some 256 exact searches, and as many in the graph at each effort.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> curve = Graph("euclidean").fit(rows).measure()
            >>> 0 < curve.recall_at(64, k=10) <= 1
            True
        """
        links = self._links
        if len(links.order) == 0:
            return None
        held_out = len(links.waiting) >= FEWEST_QUERIES
        queries = self._sample(links.waiting if held_out else np.sort(links.order), HELD_OUT)
        links.measure(self._prepared, queries, self._jobs, held_out=held_out)
        return links.curve

    # -- hooks -----------------------------------------------------------------------

    def _fit(self, rows: GrowingRows, progress: Progress | None) -> None:
        prepared = prepare(rows.array, self._metric)
        links = self._new_links(prepared)
        if len(rows.array) >= SMALLEST_GRAPH:
            self._absorb(links, prepared, progress)
        self._rows, self._prepared, self._links = rows, prepared, links

    def _add(self, rows: Float32Array) -> None:
        held = self._rows
        if held is None:
            return
        first = len(held.array)
        held.extend(rows)
        self._keys = None  # keys for the new rows are not known; draw by the rows
        self._prepared = prepare(held.array, self._metric, self._prepared.summary)
        links = self._links
        links.waiting = np.concatenate([links.waiting, np.arange(first, len(held.array))])
        if len(held.array) < SMALLEST_GRAPH:
            return
        if len(links.order) == 0 or not links.hnsw.takes(rows).all():
            links = self._new_links(self._prepared)
            self._absorb(links, self._prepared, None)
            self._links = links
        elif len(links.waiting) > WAITING:
            self._absorb(links, self._prepared, None)

    def _new_links(self, prepared: PreparedRows) -> Links:
        given = self._given_costs
        if given is not None:
            costs = given
        elif len(prepared.rows) < SMALLEST_GRAPH:
            costs = CostModel()
        else:
            costs = CostModel.measure(prepared.rows.shape[1], self._metric)
        return new_links(prepared, self.random_state, costs, clocked=given is None)

    def _absorb(self, links: Links, prepared: PreparedRows, progress: Progress | None) -> None:
        """Link all that waits; where the curve is due, some rows are asked with first."""
        waiting = links.waiting
        after = len(links.order) + len(waiting)
        queries = np.empty(0, dtype=np.int64)
        if after > 1.2 * links.measured_at and len(waiting) >= 2 * FEWEST_QUERIES:
            count = min(HELD_OUT, len(waiting) // 2)
            queries = sample(prepared.rows, waiting, count, self.random_state, self._keys)
        links.insert(prepared.rows, np.setdiff1d(waiting, queries, assume_unique=True), progress)
        if len(queries):
            links.measure(prepared, queries, self._jobs, held_out=True, asked_by_users=self._asked)
            links.insert(prepared.rows, queries, progress)

    def _sample(self, positions: IdArray, count: int) -> IdArray:
        return sample(self._prepared.rows, positions, count, self.random_state, self._keys)

    def _search(self, queries: Float32Array, request: Request) -> Answer:
        links, selection = self._links, request.selection
        plan = choose(
            links.costs,
            links.curve,
            rows=selection.size,
            matching=selection.count,
            dim=queries.shape[1],
            k=request.k,
            recall=request.recall,
            exact=request.exact or request.recall == 1.0,
        )
        if plan.strategy == "exact":
            found = self._scan(queries, request, selection.where)
            return Answer(found.rows, "exact", 1.0, found.scanned, plan.reason, plan.candidates)
        return self._walk(queries, request, plan)

    def _walk(self, queries: Float32Array, request: Request, plan: Plan) -> Answer:
        """Through the graph, with a scan for the rows that wait and the queries not satisfied."""
        links, mask = self._links, request.selection.mask()
        beside = links.beside if mask is None else links.beside[mask[links.beside]]
        linked = request.selection.count - len(beside)
        if linked == 0:
            tail = self._scan(queries, request, beside)
            return Answer(tail.rows, "exact", 1.0, tail.scanned, "only rows beside the graph match")
        wanted = Wanted(
            k=None if request.k is None else min(request.k, linked),
            radius=request.radius,
            mask=mask,
            recall=request.recall,
            budget=plan.candidates["exact"],
        )
        found = widen(links, self._prepared, queries, wanted, plan.effort, self._jobs)
        if len(beside):
            tail = self._scan(queries, request, beside)
            found.scanned += tail.scanned
            for i, (row, extra) in enumerate(zip(found.rows, tail.rows, strict=True)):
                found.rows[i] = None if row is None else _joined(row, extra, request.k)
        return self._finished(queries, request, plan, found)

    def _finished(
        self, queries: Float32Array, request: Request, plan: Plan, found: Found
    ) -> Answer:
        missing = [i for i, row in enumerate(found.rows) if row is None]
        if missing:
            rest = self._scan(queries[missing], request, request.selection.where)
            found.scanned += rest.scanned
            for i, row in zip(missing, rest.rows, strict=True):
                found.rows[i], found.recalls[i] = row, 1.0
        rows = [row for row in found.rows if row is not None]
        reason = plan.reason
        if missing:
            reason = (
                f"for {len(missing)} of {len(queries)} queries the graph's list was not long "
                "enough for the filter or radius: matching rows are scanned"
            )
        strategy = "exact" if len(missing) == len(queries) else "graph"
        recall = float(np.mean(found.recalls))
        return Answer(rows, strategy, recall, found.scanned, reason, plan.candidates)

    def _scan(self, queries: Float32Array, request: Request, where: Any) -> Any:
        return scan(self._prepared, queries, request.k, request.radius, where, n_jobs=self._jobs)

    def _plan(self, n: int, dim: int) -> IndexPlan:
        per_row = 8 * dim + 8 * LINKS + 32
        return IndexPlan(n * per_row, n * (INSERT_ROW + dim * INSERT_NUMBER))

    def _state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        links = self._links
        arrays = {
            **summary_arrays(self._prepared.summary),
            "order": links.order,
            "waiting": links.waiting,
            "stranded": links.stranded,
            "graph": links.hnsw.to_bytes(),
        }
        if self._keys is not None:
            arrays["keys"] = self._keys
        state = {
            "scale": links.hnsw.scale,
            "costs": links.costs.to_dict(),
            "clocked": links.clocked,
            "curve": None if links.curve is None else links.curve.to_dict(),
            "measured_at": links.measured_at,
            "visited": {str(effort): count for effort, count in links.visited.items()},
        }
        return arrays, state

    def _restore(
        self, rows: GrowingRows, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]
    ) -> None:
        self._prepared = prepare(rows.array, self._metric, summary_from(arrays))
        self._rows = rows
        self._keys = arrays.get("keys")
        self._links = Links(
            Hnsw.from_bytes(arrays["graph"], self.metric, self.random_state, state["scale"]),
            arrays["waiting"],
            CostModel.from_dict(state["costs"]),
            arrays["order"],
            None if state["curve"] is None else RecallCurve.from_dict(state["curve"]),
            state["measured_at"],
            state["clocked"],
            {int(effort): count for effort, count in state["visited"].items()},
            arrays["stranded"],
        )
        self._given_costs = None if state["clocked"] else self._links.costs


def _joined(row: Row, extra: Row, k: int | None) -> Row:
    ids = np.concatenate([row.ids, extra.ids])
    return best_of(ids, np.concatenate([row.distances, extra.distances]), k, None)


def _checked_keys(keys: Any, rows: int) -> IdArray:
    given = np.asarray(keys)
    if given.dtype.kind not in "iu":
        raise InvalidType(f"sample_keys must be integers; got {given.dtype}")
    if given.shape != (rows,):
        raise InvalidArgument(f"sample_keys must be one a row ({rows},); got {given.shape}")
    return given.astype(np.int64)
