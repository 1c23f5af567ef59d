"""`Tree`: the true nearest rows in few dimensions, without looking at most of them."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidType, UnknownMetric
from likewise.index._branches import LEAF, PROBES, TREE_METRICS, Branches
from likewise.index._formulas import exact_distances
from likewise.index._rows import Float32Array, GrowingRows
from likewise.index._sampling import sample
from likewise.index.base import Answer, Index, IndexPlan, Progress, Request
from likewise.index.exact import summary_arrays, summary_from
from likewise.index.planner import CostModel
from likewise.index.scanning import PreparedRows, Scan, best_of, extended, prepare, scan
from likewise.metrics import Metric, resolve
from likewise.results import Row

IdArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

#: Fewer rows than this are scanned.
SMALLEST = 256
#: Added rows wait, and are scanned, until there are so many, or this share of those in the tree.
WAITING, SHARE = 256, 0.25
#: Rows asked for beyond k, so that equal distances are seen whole.
SPARE = 4
#: A list of the nearest that a filter emptied is made so many times longer; beyond this share of
#: the rows a scan is cheaper.
WIDER, WIDEST = 4, 0.1
#: Queries handed to a thread at a time.
BLOCK = 32
#: Seconds a row takes on its way into the tree, for each halving, and a number of it (measured).
SORTED, COPIED = 6e-8, 4e-9
#: Seconds of Python and of scikit-learn around a query, and around a distance (measured).
AROUND, AROUND_ROW = 6e-5, 1.5e-8


class Tree(Index):
    """The true nearest rows, by a tree that rules out most others; for up to a dozen dimensions.

    Up to 16 dimensions it is a k-d tree, above it a ball tree, from scikit-learn; what it
    proposes is ranked by the exact float64 formula, equal distances by position. ``recall`` is
    always 1. At `fit` a few rows are asked to see how many the tree looks at: where that is most
    of them, as it must be in many dimensions, the rows are scanned, and ``info`` says so.

    Added rows wait in a list that is scanned, until there are a quarter as many as in the tree.

    Args:
        metric: cosine, euclidean, sqeuclidean, manhattan or chebyshev. A raw inner product
            obeys no triangle inequality, so dot is for `Exact`, `Graph`, `Inverted` and `Hash`.
        random_state, n_jobs, memory_limit: as in `Index`; nothing here is drawn but the few
            rows that are asked.
        costs: the planner's constants; None measures them by the clock. The answers are the same.

    Raises:
        UnknownMetric: another metric.

    Cost: `fit` O(n log n dim); `search` O(log n) in few dimensions, O(n) in many. Memory: 12
    bytes a number and about 40 bytes a row. A file holds no tree: it is planted again, at the
    first search after `load`.

    Source: J. L. Bentley, "Multidimensional binary search trees used for associative
    searching", CACM 1975; S. M. Omohundro, "Five balltree construction algorithms", 1989.

    Example:
        >>> rows = np.random.default_rng(0).random((2000, 2))
        >>> found = Tree("euclidean").fit(rows).search(rows[:2], k=3)
        >>> found.ids[:, 0].tolist(), found.info.recall
        ([0, 1], 1.0)
    """

    name = "tree"
    metrics: ClassVar[tuple[str, ...]] = tuple(TREE_METRICS)

    _prepared: PreparedRows
    _branches: Branches | None
    #: The first so many slots are in the tree, and the rows that it looks at for a query.
    _planted: int
    _looked_at: float

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
        if resolve(metric).name == "dot":
            raise UnknownMetric(
                f"Tree takes the metrics {', '.join(self.metrics)}; got 'dot', which obeys no "
                "triangle inequality; use Exact, Graph, Inverted or Hash"
            )
        super().__init__(
            metric, random_state=random_state, n_jobs=n_jobs, memory_limit=memory_limit
        )
        if costs is not None and not isinstance(costs, CostModel):
            raise InvalidType(f"costs must be a CostModel or None; got {type(costs).__name__}")
        self._given_costs = costs
        self._costs = costs or CostModel()
        self._branches, self._planted, self._looked_at = None, 0, 0.0
        self._planting = threading.Lock()

    # -- hooks -----------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        # A lock can be neither copied nor pickled, and a copy wants one of its own.
        return {name: value for name, value in vars(self).items() if name != "_planting"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._planting = threading.Lock()

    def _fit(self, rows: GrowingRows, progress: Progress | None) -> None:
        prepared = prepare(rows.array, self._metric)
        costs = self._costs
        if self._given_costs is None and len(rows.array) >= SMALLEST:
            costs = CostModel.measure(rows.array.shape[1], self._metric)
        branches = self._plant(rows.array) if len(rows.array) >= SMALLEST else None
        looked_at = 0.0 if branches is None else self._look(branches, rows.array)
        self._rows, self._prepared, self._costs = rows, prepared, costs
        self._branches, self._looked_at = branches, looked_at
        self._planted = 0 if branches is None else len(branches)
        if progress is not None:
            progress(len(rows.array), len(rows.array))

    def _add(self, rows: Float32Array) -> None:
        held = self._held()
        self._prepared = extended(held, rows, self._prepared)
        waiting = len(held.array) - self._planted
        if waiting > max(WAITING, SHARE * self._planted):
            self._fit(held, None)

    def _plant(self, rows: Float32Array) -> Branches:
        return Branches(rows, self.metric)

    def _look(self, branches: Branches, rows: Float32Array) -> float:
        chosen = sample(rows, np.arange(len(rows)), PROBES, self.random_state)
        return branches.looked_at(rows[chosen], 10 + SPARE)

    def _tree(self) -> Branches:
        """The tree; after `load` it is planted when it is first needed."""
        with self._planting:
            if self._branches is None:
                self._branches = self._plant(self._prepared.rows[: self._planted])
            return self._branches

    # -- search ----------------------------------------------------------------------

    def _search(self, queries: Float32Array, request: Request) -> Answer:
        selection, dim = request.selection, queries.shape[1]
        scanned = self._costs.exact_seconds(selection.size, selection.count, dim)
        climbed = self._climbing_seconds(request, dim)
        candidates = {"exact": scanned}
        what = f"{selection.count:,} of {selection.size:,} rows"
        if self._planted:
            candidates["tree"] = climbed
        if not self._planted or request.exact or scanned <= climbed:
            reason = "scanning is cheaper than the tree"
            if not self._planted:
                reason = "there is no tree"
            elif request.exact:
                reason = "a scan was asked for"
            found = self._scan(queries, request, selection.where)
            return Answer(
                found.rows, "exact", 1.0, found.scanned, f"{reason}: {what} are scanned", candidates
            )
        rows, count = self._climb(queries, request)
        reason = f"the tree rules out most of {what}"
        return Answer(rows, "tree", 1.0, count, reason, candidates)

    def _climbing_seconds(self, request: Request, dim: int) -> float:
        share = request.selection.share
        looked_at = self._looked_at * max(1.0, (request.k or 10) / 10) / max(share, 1e-9)
        looked_at = min(looked_at, float(self._planted) / max(share, 1e-9))
        return AROUND + looked_at * (dim * self._costs.gathered + AROUND_ROW)

    def _climb(self, queries: Float32Array, request: Request) -> tuple[list[Row], int]:
        mask = request.selection.mask()
        blocks = [queries[start : start + BLOCK] for start in range(0, len(queries), BLOCK)]

        def one(block: Float32Array) -> tuple[list[Row], int]:
            if request.k is None:
                return self._inside(block, request, mask)
            return self._nearest(block, request, request.k, mask)

        if self._jobs == 1 or len(blocks) == 1:
            parts = [one(block) for block in blocks]
        else:
            with ThreadPoolExecutor(self._jobs) as pool:
                parts = list(pool.map(one, blocks))
        rows, count = [row for part in parts for row in part[0]], sum(part[1] for part in parts)
        beside = np.arange(self._planted, len(self._prepared.rows))
        if mask is not None:
            beside = beside[mask[beside]]
        if len(beside):
            tail = self._scan(queries, request, beside)
            count += tail.scanned
            rows = [_joined(r, t, request.k) for r, t in zip(rows, tail.rows, strict=True)]
        return rows, count

    def _nearest(
        self, queries: Float32Array, request: Request, k: int, mask: Mask | None
    ) -> tuple[list[Row], int]:
        """The nearest of the rows in the tree: by lists that grow until they are surely enough."""
        planted = self._planted
        matching = planted if mask is None else int(np.count_nonzero(mask[:planted]))
        k = min(k, matching)
        nobody = Row(np.empty(0, dtype=np.int64), np.empty(0))
        rows: list[Row] = [nobody] * len(queries)
        if matching == 0:
            return rows, 0
        tree, done = self._tree(), 0
        count = k + SPARE if mask is None else math.ceil(1.2 * k * planted / matching) + SPARE
        open_ = np.arange(len(queries))
        while len(open_) and count < max(WIDEST * planted, k + SPARE + 1):
            distances, places = tree.nearest(queries[open_], min(count, planted))
            done += places.size
            left = []
            for query, far, ids in zip(open_, distances, places, strict=True):
                passing = np.arange(len(ids)) if mask is None else np.flatnonzero(mask[ids])
                enough = len(passing) >= k and tree.beyond(far[passing[k - 1]]) < far[-1]
                if enough or len(ids) == planted:
                    rows[query] = self._ranked(queries[query], ids[passing], request)
                else:
                    left.append(query)
            open_ = np.array(left, dtype=np.int64)
            count *= WIDER
        if len(open_):
            where = np.arange(planted) if mask is None else np.flatnonzero(mask[:planted])
            rest = self._scan(queries[open_], request, where)
            done += rest.scanned
            for query, row in zip(open_, rest.rows, strict=True):
                rows[query] = row
        return rows, done

    def _inside(
        self, queries: Float32Array, request: Request, mask: Mask | None
    ) -> tuple[list[Row], int]:
        """All rows of the tree within the radius."""
        tree = self._tree()
        reach = tree.reach_of(0.0 if request.radius is None else request.radius)
        if reach < 0:
            nobody = Row(np.empty(0, dtype=np.int64), np.empty(0))
            return [nobody] * len(queries), 0
        rows, count = [], 0
        for query, ids in zip(
            queries, tree.within(queries, np.full(len(queries), reach)), strict=True
        ):
            kept = ids if mask is None else ids[mask[ids]]
            count += len(ids)
            rows.append(self._ranked(query, kept.astype(np.int64), request))
        return rows, count

    def _ranked(self, query: Float32Array, ids: IdArray, request: Request) -> Row:
        distances = exact_distances(self._metric, self._prepared.rows[ids], query)
        return best_of(ids, distances, request.k, request.radius)

    def _scan(self, queries: Float32Array, request: Request, where: Any) -> Scan:
        return scan(self._prepared, queries, request.k, request.radius, where, n_jobs=self._jobs)

    # -- what it takes, and files ----------------------------------------------------

    def _plan(self, n: int, dim: int) -> IndexPlan:
        nodes = 4 * max(1, n // LEAF) * (16 * dim + 32)
        halvings = max(1.0, math.log2(max(2, n) / LEAF))
        seconds = n * (halvings * SORTED + dim * COPIED) + 1e-3
        return IndexPlan(n * (12 * dim + 24) + nodes, seconds)

    def _state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        state = {
            "planted": self._planted,
            "looked_at": self._looked_at,
            "costs": self._costs.to_dict(),
            "clocked": self._given_costs is None,
        }
        return summary_arrays(self._prepared.summary), state

    def _restore(
        self, rows: GrowingRows, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]
    ) -> None:
        self._prepared = prepare(rows.array, self._metric, summary_from(arrays))
        self._rows = rows
        self._costs = CostModel.from_dict(state["costs"])
        self._given_costs = None if state["clocked"] else self._costs
        self._planted, self._looked_at = state["planted"], state["looked_at"]


def _joined(row: Row, extra: Row, k: int | None) -> Row:
    ids = np.concatenate([row.ids, extra.ids])
    return best_of(ids, np.concatenate([row.distances, extra.distances]), k, None)
