"""`Proposing`: indexes that propose rows by short codes and rank them by the exact formula.

Which proposals to ask for is read from a curve measured at `fit` (see `_calibration`).
Filters and deletions are honoured while proposing. How deep an answer lies among all rows,
which is what the curve speaks of, is known where there is no filter; elsewhere it is
estimated from a sample of the rows, so a filter that avoids the query's neighbourhood is
noticed, and asks for more effort or ends in a scan.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidType
from likewise.index._answering import Found, Wanted, affordable, answer, seconds
from likewise.index._calibration import Calibration
from likewise.index._coded import Coded, Measure, absorb, build, compact
from likewise.index._depths import Witnesses
from likewise.index._placing import PLACED, Placement
from likewise.index._proposer import IdArray, Proposer
from likewise.index._rows import Float32Array, GrowingRows
from likewise.index.base import Answer, Index, Progress, Request
from likewise.index.exact import summary_arrays, summary_from
from likewise.index.planner import CostModel
from likewise.index.recall import RecallCurve
from likewise.index.scanning import PreparedRows, Scan, best_of, extended, prepare, scan
from likewise.metrics import Metric
from likewise.results import Row
from likewise.vectors import as_dense

#: Fewer rows than this are scanned: that is as fast, and too few would be left to measure with.
SMALLEST = 2048
#: Added rows wait, and are scanned, until there are more than this.
WAITING = 256
#: Queries proposed for at once: from 20 on faiss rounds otherwise than for one.
BLOCK = 16


class Proposing(Index):
    """Codes propose, the exact formula decides; a subclass brings the codes.

    It fills in ``_train``, ``_reload``, ``_plan`` and ``_multiple`` (of which the width of
    placed rows must be one).
    """

    metrics: ClassVar[tuple[str, ...]] = PLACED

    _prepared: PreparedRows
    _coded: Coded | None
    _costs: CostModel

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
        self._costs = costs or CostModel()
        self._coded = None
        self._asked: Any = None

    @suggest_arguments
    def fit(self, X: Any, *, progress: Progress | None = None, queries: Any = None) -> Self:
        """As `Index.fit`.

        Args:
            X, progress: as there.
            queries: (m, dim) queries that users have asked, to measure recall with too: rows may
                be found more easily than what comes from elsewhere, above all by ``dot``. Fewer
                than 32 say too little and are left out. A file does not keep them.

        Raises:
            InvalidVector, DimensionMismatch: ``queries`` are not such as `search` takes.
                Otherwise as `Index.fit`.

        Cost: as of the class, and two scans a query.

        Example:
            >>> from likewise.index import Inverted
            >>> rng = np.random.default_rng(0)
            >>> X, Q = rng.standard_normal((3000, 8)), rng.standard_normal((50, 8))
            >>> Inverted("dot").fit(X, queries=Q).curve.queries
            306
        """
        before, self._asked = self._asked, queries
        try:
            return super().fit(X, progress=progress)
        except BaseException:
            self._asked = before
            raise

    @property
    def curve(self) -> RecallCurve | None:
        """The measured recall; None while there are too few rows for codes.

        An effort is what a query at depth 10 reads, in numbers of 4 bytes.
        """
        return None if self._coded is None else self._coded.calibration.curve

    @property
    def costs(self) -> CostModel:
        """The planner's constants in use."""
        return self._costs

    # -- hooks of a subclass ---------------------------------------------------------

    @property
    @abstractmethod
    def _multiple(self) -> int:
        """The width of placed rows is a multiple of this."""

    @abstractmethod
    def _train(self, placement: Placement, prepared: PreparedRows, ids: IdArray) -> Proposer:
        """Learn codes from rows ``ids``; the proposer holds none yet."""

    @abstractmethod
    def _reload(
        self, placement: Placement, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]
    ) -> Proposer:
        """A proposer back from its ``state``."""

    def _options(self) -> dict[str, Any]:
        """The subclass's own arguments, for a file."""
        return {}

    def _take_options(self, options: dict[str, Any]) -> None:
        """The inverse of ``_options``."""

    # -- hooks of the protocol -------------------------------------------------------

    def _fit(self, rows: GrowingRows, progress: Progress | None) -> None:
        if self._asked is not None:
            self._asked = as_dense(self._asked, dim=rows.dim, metric=self._metric, what="queries")
        prepared = prepare(rows.array, self._metric)
        costs = self._costs_for(prepared)
        coded = self._built(prepared, costs, progress)
        self._rows, self._prepared, self._coded, self._costs = rows, prepared, coded, costs

    def _add(self, rows: Float32Array) -> None:
        held = self._held()
        first = len(held.array)
        self._prepared = extended(held, rows, self._prepared)
        coded = self._coded
        if coded is not None:
            coded.waiting = np.concatenate([coded.waiting, np.arange(first, len(held.array))])
        self._absorb()

    def _absorb(self) -> None:
        """Code what waits, when it is enough; train anew when most rows are new."""
        coded, prepared = self._coded, self._prepared
        if coded is None:
            if len(prepared.rows) >= SMALLEST:
                costs = self._costs_for(prepared)
                self._coded, self._costs = self._built(prepared, costs, None), costs
            return
        if len(coded.waiting) <= WAITING:
            return
        new = coded.since_training + len(coded.waiting)
        outside = np.count_nonzero(~coded.placement.takes(prepared.rows[coded.waiting]))
        if new >= coded.trained_on or outside > WAITING // 2:
            self._coded = self._built(prepared, self._costs, None)
        else:
            absorb(coded, prepared, self._measure(self._costs))

    def _compact(self, keep: IdArray) -> None:
        prepared = prepare(self._held().array, self._metric)
        coded = self._coded
        if coded is not None:
            if 2 * len(keep) < coded.trained_on or len(keep) < SMALLEST:
                coded = self._built(prepared, self._costs, None)
            else:
                coded = compact(coded, prepared, keep, self._measure(self._costs))
        self._prepared, self._coded = prepared, coded

    def _built(
        self, prepared: PreparedRows, costs: CostModel, progress: Progress | None
    ) -> Coded | None:
        if len(prepared.rows) < SMALLEST:
            return None
        return build(prepared, self._multiple, self._train, self._measure(costs), progress)

    def _measure(self, costs: CostModel) -> Measure:
        clocked = self._given_costs is None
        return Measure(self.random_state, costs, clocked, self._jobs, self._asked)

    def _costs_for(self, prepared: PreparedRows) -> CostModel:
        if self._given_costs is not None:
            return self._given_costs
        if len(prepared.rows) < SMALLEST:
            return CostModel()
        return CostModel.measure(prepared.rows.shape[1], self._metric)

    # -- search ----------------------------------------------------------------------

    def _search(self, queries: Float32Array, request: Request) -> Answer:
        selection, dim = request.selection, queries.shape[1]
        budget = self._costs.exact_seconds(selection.size, selection.count, dim)
        candidates = {"exact": budget}
        what = f"{selection.count:,} of {selection.size:,} rows"
        coded = self._coded
        if coded is None:
            return self._exactly(queries, request, candidates, f"there are no codes: {what}")
        if request.exact or request.recall == 1.0:
            reason = f"an exact answer was asked for: {what}"
            return self._exactly(queries, request, candidates, reason)
        beside = coded.waiting
        mask = selection.mask()
        if mask is not None and len(beside):
            beside = beside[mask[beside]]
        wanted = self._wanted(coded, request, mask, selection.count - len(beside), budget)
        if wanted is None:
            return self._exactly(
                queries, request, candidates, f"no row that matches is coded: {what}"
            )
        refusal = self._weigh(coded, wanted, candidates, dim)
        if refusal is not None:
            return self._exactly(queries, request, candidates, f"{refusal}: {what}")
        found = self._ask(coded, queries, wanted)
        return self._finished(queries, request, found, beside, candidates)

    def _wanted(
        self, coded: Coded, request: Request, mask: Any, matching: int, budget: float
    ) -> Wanted | None:
        if matching == 0:
            return None
        held = len(self._prepared.rows) - len(coded.waiting)
        return Wanted(
            None if request.k is None else min(request.k, matching),
            request.radius,
            mask,
            matching,
            held,
            request.recall,
            budget,
        )

    def _weigh(
        self, coded: Coded, wanted: Wanted, candidates: dict[str, float], dim: int
    ) -> str | None:
        """Why a scan is better, for all queries alike; None when it is not."""
        if wanted.radius is not None:
            return None  # every query has its own depth
        column = coded.calibration.column(wanted.depth)
        step = None if column is None else coded.calibration.least(wanted.recall, column)
        if column is None or step is None:
            depth = "any depth" if wanted.k is None else f"depth {wanted.depth:,.0f}"
            return f"the codes cannot promise recall {wanted.recall:g} at {depth}"
        taken = affordable(coded, wanted, column, self._costs, dim, first=True)
        count = coded.calibration.steps[step].counts[column] if taken is None else taken[1]
        candidates[self.name] = seconds(coded, step, count, self._costs, dim)
        return None if taken is not None else "a scan is cheaper than the codes"

    def _ask(self, coded: Coded, queries: Float32Array, wanted: Wanted) -> Found:
        blocks = [queries[start : start + BLOCK] for start in range(0, len(queries), BLOCK)]

        def one(block: Float32Array) -> Found:
            return answer(coded, self._prepared, block, wanted, self._costs)

        if self._jobs == 1 or len(blocks) == 1:
            parts = [one(block) for block in blocks]
        else:
            with ThreadPoolExecutor(self._jobs) as pool:
                parts = list(pool.map(one, blocks))
        return Found(
            [row for part in parts for row in part.rows],
            [recall for part in parts for recall in part.recalls],
            sum(part.scanned for part in parts),
            set().union(*(part.efforts for part in parts)),
        )

    def _finished(
        self,
        queries: Float32Array,
        request: Request,
        found: Found,
        beside: IdArray,
        candidates: dict[str, float],
    ) -> Answer:
        """With the rows that wait, and a scan for the queries that the codes did not satisfy."""
        missing = [i for i, row in enumerate(found.rows) if row is None]
        if len(beside) and len(missing) < len(queries):
            tail = self._scan(queries, request, beside)
            found.scanned += tail.scanned
            for i, extra in enumerate(tail.rows):
                row = found.rows[i]
                found.rows[i] = None if row is None else _joined(row, extra, request.k)
        if missing:
            rest = self._scan(queries[missing], request, request.selection.where)
            found.scanned += rest.scanned
            for i, row in zip(missing, rest.rows, strict=True):
                found.rows[i], found.recalls[i] = row, 1.0
        rows = [row for row in found.rows if row is not None]
        reason = f"the codes promise recall {request.recall:g} at effort {_span(found.efforts)}"
        if missing:
            reason = (
                f"for {len(missing)} of {len(queries)} queries the codes could not promise "
                f"recall {request.recall:g} more cheaply than a scan of the rows that match"
            )
        strategy = "exact" if len(missing) == len(queries) else self.name
        recall = float(np.mean(found.recalls))
        return Answer(rows, strategy, recall, found.scanned, reason, candidates)

    def _exactly(
        self, queries: Float32Array, request: Request, candidates: dict[str, float], reason: str
    ) -> Answer:
        found = self._scan(queries, request, request.selection.where)
        reason = f"{reason} are scanned"
        return Answer(found.rows, "exact", 1.0, found.scanned, reason, candidates)

    def _scan(self, queries: Float32Array, request: Request, where: Any) -> Scan:
        return scan(self._prepared, queries, request.k, request.radius, where, n_jobs=self._jobs)

    # -- files -----------------------------------------------------------------------

    def _state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        arrays = summary_arrays(self._prepared.summary)
        state: dict[str, Any] = {
            "options": self._options(),
            "costs": self._costs.to_dict(),
            "clocked": self._given_costs is None,
            "coded": None,
        }
        coded = self._coded
        if coded is not None:
            codes, plain = coded.proposer.state()
            arrays |= {"waiting": coded.waiting, "witnesses": coded.calibration.witnesses}
            arrays |= {f"codes/{name}": array for name, array in codes.items()}
            state["coded"] = {
                "placement": coded.placement.to_dict(),
                "calibration": coded.calibration.to_dict(),
                "proposer": plain,
                "counts": [coded.trained_on, coded.since_training, coded.since_measuring],
            }
        return arrays, state

    def _restore(
        self, rows: GrowingRows, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]
    ) -> None:
        self._prepared = prepare(rows.array, self._metric, summary_from(arrays))
        self._rows = rows
        self._take_options(state["options"])
        self._costs = CostModel.from_dict(state["costs"])
        self._given_costs = None if state["clocked"] else self._costs
        kept = state["coded"]
        self._coded = None if kept is None else self._restored(arrays, kept)

    def _restored(self, arrays: Mapping[str, npt.NDArray[Any]], kept: dict[str, Any]) -> Coded:
        placement = Placement(**kept["placement"])
        codes = {
            name.removeprefix("codes/"): array
            for name, array in arrays.items()
            if name.startswith("codes/")
        }
        chosen = np.array(arrays["witnesses"])
        return Coded(
            placement,
            self._reload(placement, codes, kept["proposer"]),
            np.array(arrays["waiting"]),
            Calibration.from_dict(kept["calibration"], chosen),
            Witnesses(self._prepared, placement, chosen, len(self._prepared.rows)),
            *kept["counts"],
        )


def _joined(row: Row, extra: Row, k: int | None) -> Row:
    ids = np.concatenate([row.ids, extra.ids])
    return best_of(ids, np.concatenate([row.distances, extra.distances]), k, None)


def _span(efforts: set[int]) -> str:
    low, high = min(efforts, default=0), max(efforts, default=0)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
