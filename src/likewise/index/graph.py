"""`Graph`: nearly all of the true nearest rows, in a small part of the time of a scan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from time import perf_counter
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.index import _compiled
from likewise.index._codes import CODES, Codes
from likewise.index._compiled.values import COUNT, SCANNED
from likewise.index._compiled.values import Found as Walked
from likewise.index._links import (
    FEWEST_QUERIES,
    HELD_OUT_SHARE,
    IdArray,
    Links,
)
from likewise.index._loops import at_hand, is_compiled
from likewise.index._net import FEW_LINKS, MANY_LINKS, SHORT_ROWS, Net
from likewise.index._protocol import Answer, IndexPlan, Partial, Progress, Request
from likewise.index._rows import GrowingRows
from likewise.index._sampling import row_hashes, sample, shuffled
from likewise.index._walking import UNLIMITED, Ask, Quick, flat
from likewise.index._widen import Wanted, widen
from likewise.index.base import DEFAULT_RECALL, Index
from likewise.index.exact import summary_arrays, summary_from
from likewise.index.planner import (
    NO_CURVES,
    SHALLOWEST,
    CostModel,
    Plan,
    choose,
    longest_scan,
    scan_recall,
)
from likewise.index.recall import RecallCurve
from likewise.index.scanning import PreparedRows, best_of, extended, prepare, scan
from likewise.metrics import Metric
from likewise.results import Neighbours, Row, SearchInfo
from likewise.vectors import Float32Array, as_dense

#: Fewer rows than this are scanned; a graph would not be faster.
SMALLEST_GRAPH = 512
#: Added rows wait, and are scanned, until there are this many.
WAITING = 256
#: What is taken where codes do not tell rows apart.
FINER = {"4-bit": "8-bit", "8-bit": "float32"}
#: Why a scan by codes is not enough for some queries.
UNTOLD = "have matching rows that their codes do not tell apart"
#: Kinds of searches that are kept ready, and those whose plan is kept.
MOST_QUICK, MOST_PLANS = 64, 1024
#: Seconds to insert one row with one thread: a part a row, and a part a number (measured).
INSERT_ROW, INSERT_NUMBER = 6e-5, 5e-7
#: The same for a metric without kernels, of the cheap ones; threads do not help there.
PLAIN_ROW, PLAIN_NUMBER = 6e-3, 1e-5


class Graph(Index):
    """A graph of near neighbours, searched by compiled kernels, that knows its own recall.

    Every row is linked to a few diverse near ones, and a search goes best first from the
    nearest of some entries (J. Subramanya and others, "DiskANN", NeurIPS 2019, without its
    disk; batches as in M. Dobson Manohar and others, "ParlayANN", PPoPP 2024). It compares
    4-bit or 8-bit codes by the processor's own instructions for them; what it finds is ranked by
    the metric itself, in float64, from the rows as they were given. Every row that is linked can
    be reached: the few that nothing leads to are linked again, or else scanned.

    At `fit` some rows are kept back, the graph of the others is asked for their neighbours,
    and the recall is kept as a curve (`curve`); then they are inserted. A search takes the
    least effort that the curve promises to be enough for ``recall``, or scans exactly when that
    is cheaper or the promise cannot be made; ``info`` says which and why. A walk ends early
    when the next row is so much farther than the k-th that, by what was measured, it leads to
    nothing nearer. Ranges and deletions are honoured inside, and so are filters: by a scan of
    the codes of the rows that pass, by a longer list, or by a walk that meets only those (L.
    Patel and others, "ACORN", SIGMOD 2024), whichever is cheapest by the clock.

    Rows that are added wait in a short list that is scanned, and join the graph a few hundred
    at a time; when a fifth of the graph is new, they first serve to measure the curve again.
    When an eighth of the rows is deleted, they are taken out, and their neighbours linked past
    them. An interrupted `fit` leaves the index as it was; an interrupted `add` leaves it usable,
    with the rest of the rows still waiting. While the kernels are not loaded yet, which takes a
    cold process some tenths of a second, a search scans, and says so.

    Args:
        metric: any; one that no kernel was written for takes plain loops, a hundred times as
            slow, which pay when comparing two rows is dear or there are very many.
        random_state, memory_limit: as in `Index`.
        n_jobs: threads, also to build with; the graph does not depend on them.
        costs: the planner's constants. None measures them by the clock, which may choose
            another strategy on another day; given, the same calls give the same answers.
        codes: how rows are kept to be compared: "8-bit", a quarter of the rows; "4-bit", walks
            by an eighth of the rows, beside 8 bits that links are chosen by and that sort what
            is found; "float32", all of them. "auto" takes float32 up to 16 dimensions and for
            metrics other than cosine, euclidean, sqeuclidean and dot, 4 bits from 192
            dimensions on, and 8 bits between; but more bits where these do not tell neighbours
            apart (as in small clusters far from each other) and ``memory_limit`` has room.
        degree: links a row keeps; None is 32 below 192 dimensions, else 48.
        build_effort: candidates for the links of a row; None is 160. More takes longer to build
            and finds more.

    Cost: `fit` O(n log n dim), about 0.25 ms a row of 384 numbers and thread; `search`
    O(log n dim) times the effort. Memory beside the rows: `plan` says; with 8 bits a byte a
    number (rounded up to 64), with 4 bits half as much again, and 136 or 208 bytes a row for
    links and terms.

    Example:
        >>> rows = np.random.default_rng(0).standard_normal((600, 8))
        >>> found = Graph("euclidean").fit(rows).search(rows[:2], k=3, exact=True)
        >>> found.ids[:, 0].tolist(), found.info.strategy
        ([0, 1], 'exact')
    """

    name = "graph"

    _prepared: PreparedRows
    _links: Links | None

    @suggest_arguments
    def __init__(
        self,
        metric: str | Metric = "cosine",
        *,
        random_state: int = 0,
        n_jobs: int | None = None,
        memory_limit: int | None = None,
        costs: CostModel | None = None,
        codes: str = "auto",
        degree: int | None = None,
        build_effort: int | None = None,
    ) -> None:
        super().__init__(
            metric, random_state=random_state, n_jobs=n_jobs, memory_limit=memory_limit
        )
        if costs is not None and not isinstance(costs, CostModel):
            raise InvalidType(f"costs must be a CostModel or None; got {type(costs).__name__}")
        if codes not in CODES:
            raise InvalidArgument(f"codes must be one of {', '.join(CODES)}; got {codes!r}")
        self._given_costs, self._codes = costs, codes
        self._degree = None if degree is None else check_count("degree", degree, minimum=2)
        self._build_effort = (
            None if build_effort is None else check_count("build_effort", build_effort, minimum=8)
        )
        self._keys: IdArray | None = None
        self._asked: Any = None
        self._forget_plans()
        if codes in ("4-bit", "8-bit"):
            Codes(self._metric, 1, codes, None)  # refuses metrics that have no such codes

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
                are drawn and the others ordered; None takes the rows themselves.
            queries: (m, dim) queries that users have asked, to measure recall with too; fewer
                than 32 say too little and are left out.

        Raises:
            InvalidType, InvalidArgument: ``sample_keys`` are no integers, or not one a row.
            InvalidVector, DimensionMismatch: ``queries`` are not such as `search` takes.
                Otherwise as `Index.fit`.

        Cost: about 0.25 milliseconds a row of 384 numbers, and thread.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> len(Graph("euclidean").fit(rows, sample_keys=np.arange(600)))
            600
        """
        before, self._keys = self._keys, None
        try:
            if sample_keys is not None:
                self._keys = checked_keys(sample_keys, len(X))
            self._asked = queries
            return super().fit(X, progress=progress)
        except BaseException:
            self._keys = before
            raise
        finally:
            self._asked = None

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
        budget: int | None = None,
    ) -> Neighbours:
        """The nearest rows of each query; see `Index.search` for all but the last two arguments.

        Args:
            Q, k, radius, recall, exact, where: as there.
            effort: the length of the list of nearest rows, instead of the one that ``recall``
                needs: larger finds more and takes longer. ``info.recall`` is what was measured
                for it.
            budget: distances after which a walk ends, a query; a row's neighbours more may be
                computed, and as many as it takes to find k rows.

        Raises:
            InvalidArgument: ``effort`` or ``budget`` below 1, or together with ``exact`` or
                ``recall``; otherwise as `Index.search`.

        Cost: O(log n dim) times the effort.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> found = Graph("euclidean").fit(rows).search(rows[:2], k=3, effort=40)
            >>> found.ids[:, 0].tolist(), found.info.strategy
            ([0, 1], 'graph')
        """
        start = perf_counter()
        if radius is None and where is None and exact is False and budget is None:
            quick = self._quick.get((k, recall, effort)) if _plain(k, recall, effort) else None
            found = quick.answer(Q, start) if quick and type(Q) is np.ndarray else None
            if found is not None:
                return found
        queries = as_dense(Q, dim=self._held().dim, metric=self._metric, what="Q")
        request = self._request(k, radius, recall, exact, where)
        if effort is not None or budget is not None:
            if exact or recall is not None:
                raise InvalidArgument(
                    "effort= and budget= say how hard to search, recall= and exact= how much to "
                    "find: give one or the other"
                )
            request.effort = None if effort is None else check_count("effort", effort)
            if budget is not None:
                request.budget = min(check_count("budget", budget), UNLIMITED)
        return self._found(queries, request, start)

    def delete(self, ids: Any) -> int:
        self._forget_plans()
        return super().delete(ids)

    # -- what is known of it ---------------------------------------------------------------

    @property
    def curve(self) -> RecallCurve | None:
        """The measured recall; None while there are too few rows for a graph."""
        return None if self._links is None else self._links.curve

    @property
    def costs(self) -> CostModel:
        """The planner's constants in use."""
        if self._links is None:
            return self._given_costs or CostModel()
        return self._links.costs

    @property
    def stale(self) -> bool:
        """Whether more than a fifth of the graph came after the curve was measured."""
        links = self._links
        return links is not None and links.curve is not None and links.stale

    @property
    def codes(self) -> str:
        """How the graph compares rows, as ``codes=`` names it; "none" while there is no graph.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> Graph("euclidean").fit(rows).codes
            'float32'
        """
        return "none" if self._links is None else self._links.net.codes.name

    @property
    def degree(self) -> int:
        """Links a row may keep; 0 while there are too few rows for a graph.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> Graph("euclidean", degree=24).fit(rows).degree
            24
        """
        return 0 if self._links is None else self._links.net.degree

    @property
    def nbytes(self) -> int:
        """Bytes of codes and links, which come beside the rows."""
        return 0 if self._links is None else self._links.net.nbytes

    def unreachable(self) -> IdArray:
        """Positions that neither a path in the graph nor a scan leads to; empty when sound.

        Cost: one walk over the links.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> Graph("euclidean").fit(rows).unreachable().tolist()
            []
        """
        if self._links is None:
            return np.empty(0, dtype=np.int64)
        lost = np.setdiff1d(self._links.net.unreachable(), self._links.beside)
        return self._slots.to_positions(lost)

    def measure(self) -> RecallCurve | None:
        """Measure the curve now, and return it.

        The queries are rows still waiting where there are some dozens; otherwise rows of the
        graph, each left out of its own answer, which flatters the graph a little.

        Cost: some 256 exact searches, and some thousands in the graph.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> curve = Graph("euclidean").fit(rows).measure()
            >>> 0 < curve.recall_at(64, k=10) <= 1
            True
        """
        links = self._links
        if links is None or links.net.linked == 0:
            return None
        waiting = links.waiting
        held_out = len(waiting) >= FEWEST_QUERIES
        among = waiting if held_out else np.flatnonzero(links.net.joined)
        count = links.most_queries
        queries = sample(self._prepared.rows, among, count, self.random_state, self._keys)
        links.measure(self._prepared, queries, self._jobs, held_out=held_out)
        self._forget_plans()
        return links.curve

    # -- hooks: changes --------------------------------------------------------------------

    def _fit(self, rows: GrowingRows, progress: Progress | None) -> None:
        if self._asked is not None:
            self._asked = as_dense(self._asked, dim=rows.dim, metric=self._metric, what="queries")
        prepared = prepare(rows.array, self._metric)
        links = None
        if len(rows) >= SMALLEST_GRAPH:
            links = self._new_links(prepared)
            self._absorb(links, prepared, progress)
        self._rows, self._prepared, self._links = rows, prepared, links
        self._forget_plans()

    def _add(self, rows: Float32Array) -> None:
        if self._links is not None:
            self._links.net.refuse_wild_links()
        held, links = self._held(), self._links
        prepared = extended(held, rows, self._prepared)
        self._prepared, self._links = prepared, None  # until it knows of them, all are scanned
        self._keys = None  # keys for the new rows are not known; draw by the rows
        self._forget_plans()
        if len(held) < SMALLEST_GRAPH:
            return
        if links is None or not links.net.codes.takes(rows).all():
            self._build_again()
            return
        links.forget_walker()
        links.net.codes.append(rows)
        if self._finer(links.net.codes) is not None:
            self._build_again()
            return
        self._links = links
        if len(links.waiting) > WAITING:
            self._absorb(links, self._prepared, None)

    def _build_again(self) -> None:
        self._links = self._new_links(self._prepared)
        self._absorb(self._links, self._prepared, None)

    def _compact(self, keep: IdArray) -> None:
        prepared = prepare(self._held().array, self._metric)
        links = self._links
        if links is not None and len(keep) < SMALLEST_GRAPH:
            links = None
        if links is not None:
            links = links.kept(keep, self._jobs)
        keys = None if self._keys is None else self._keys[keep]
        self._prepared, self._links, self._keys = prepared, links, keys
        self._forget_plans()

    def _new_links(self, prepared: PreparedRows) -> Links:
        given = self._given_costs
        dim = prepared.rows.shape[1]
        wanted: str | None = self._codes
        while wanted is not None:
            codes = Codes(self._metric, dim, wanted, prepared.summary)
            codes.append(prepared.rows)
            codes.judge(prepared.rows)
            wanted = self._finer(codes)
        net = Net(codes, self._degree, self._build_effort)
        costs = CostModel.measure(dim, self._metric) if given is None else given
        return Links(net, costs, clocked=given is None)

    def _absorb(self, links: Links, prepared: PreparedRows, progress: Progress | None) -> None:
        """Link all that waits; where the curve is due, some rows are asked with first."""
        order = shuffled(prepared.rows, links.waiting, self.random_state, self._keys)
        after = links.net.linked + len(order)
        if after > 1.2 * links.measured_at and len(order) >= 2 * FEWEST_QUERIES:
            share = max(FEWEST_QUERIES, int(HELD_OUT_SHARE * len(order)))
            queries, order = _split(prepared.rows, order, min(links.most_queries, share))
            links.insert(prepared.rows, order, self._jobs, progress)
            links.measure(
                prepared, np.sort(queries), self._jobs, held_out=True, asked_by_users=self._asked
            )
            order = queries
        links.insert(prepared.rows, order, self._jobs, progress)

    # -- hooks: searches -------------------------------------------------------------------

    def _search(self, queries: Float32Array, request: Request) -> Answer:
        links = self._links
        if links is None:
            return self._scanned(queries, request, self._choose(queries, request, None))
        if not at_hand(self._metric) and not _is_exact(request):
            return self._scanned(queries, request, self._while_loading(queries, request, links))
        if request.effort is not None or request.budget is not None:
            key = (request.k, request.effort, request.budget)
            forced = self._forced_plans.get(key)
            if forced is None:
                forced = self._forced(links, request)
                if len(self._forced_plans) < MOST_PLANS:
                    self._forced_plans[key] = forced
            return self._walk(queries, request, links, forced)
        plan = self._choose(queries, request, links)
        if plan.strategy == "exact":
            return self._scanned(queries, request, plan)
        if plan.strategy == "scan":
            return self._coded(queries, request, links, plan)
        return self._walk(queries, request, links, plan)

    def _while_loading(self, queries: Float32Array, request: Request, links: Links) -> Plan:
        """What is scanned meanwhile, unless a scan is the better way anyhow."""
        plan = self._choose(queries, request, links)
        if plan.strategy == "exact" and request.effort is None and request.budget is None:
            return plan
        _compiled.load_behind()
        loading = _compiled.loading() or _compiled.ready()
        why = "are still being loaded" if loading else "could not be loaded"
        reason = f"the compiled search kernels {why}: matching rows are scanned"
        return Plan("exact", 0, plan.candidates["exact"], 1.0, reason, plan.candidates)

    def _forget_plans(self) -> None:
        self._plans: dict[tuple[int | None, float, bool], Plan] = {}
        self._forced_plans: dict[tuple[int | None, int | None, int | None], Plan] = {}
        self._quick: dict[tuple[int | None, float | None, int | None], Quick] = {}

    def _choose(self, queries: Float32Array, request: Request, links: Links | None) -> Plan:
        selection = request.selection
        everything = selection.count == selection.size
        key = (request.k, request.recall, request.exact)
        plan = self._plans.get(key) if everything else None
        if plan is None:
            plan = choose(
                self.costs,
                None if links is None else links.curve,
                rows=selection.size,
                matching=selection.count,
                dim=queries.shape[1],
                k=request.k,
                recall=request.recall,
                exact=_is_exact(request),
                scanning=None if links is None else links.scanning,
                hopping=NO_CURVES if links is None else links.hopping,
            )
            if everything and len(self._plans) < MOST_PLANS:
                self._plans[key] = plan
        return plan

    def _forced(self, links: Links, request: Request) -> Plan:
        """The effort that was asked for, and what it was measured to find."""
        effort = request.effort
        if effort is None:
            affordable = [e for e, n in links.visited.items() if n <= (request.budget or 0)]
            effort = max(affordable, default=SHALLOWEST) if links.visited else UNLIMITED
        effort = min(max(effort, request.k or 1), max(1, links.net.linked))
        curve, k = links.curve, request.k or SHALLOWEST
        recall = 0.0 if curve is None else curve.recall_at(effort, k)
        reason = f"effort {effort} was asked for"
        if request.budget is not None:
            reason = f"a budget of {request.budget:,} distances a query was asked for"
        return Plan("graph", effort, 0.0, recall, reason, {"exact": math.inf})

    def _walk(self, queries: Float32Array, request: Request, links: Links, plan: Plan) -> Answer:
        """Through the graph, with a scan for the rows that wait and the queries not satisfied."""
        selection = request.selection
        beside = links.beside
        if selection.count == selection.size and not len(beside) and request.radius is None:
            answer = self._straight(queries, request, links, plan)
            if answer is not None:
                return answer
        if len(beside):
            everything = selection.mask()
            beside = beside if everything is None else beside[everything[beside]]
        linked = selection.count - len(beside)
        if linked == 0:
            tail = self._scan(queries, request, beside)
            return Answer(tail.rows, "exact", 1.0, tail.scanned, "only rows beside the graph match")
        if plan.strategy == "two-hop":
            found = self._hop(queries, request, links, plan, linked)
        else:
            found = self._widen(queries, request, links, plan, linked)
        if len(beside):
            tail = self._scan(queries, request, beside)
            found.scanned += tail.scanned
            for i, (row, extra) in enumerate(zip(found.rows, tail.rows, strict=True)):
                found.rows[i] = None if row is None else _joined(row, extra, request.k)
        return self._finished(queries, request, plan, found)

    def _widen(
        self, queries: Float32Array, request: Request, links: Links, plan: Plan, linked: int
    ) -> Partial:
        selection = request.selection
        wanted = Wanted(
            k=None if request.k is None else min(request.k, linked),
            radius=request.radius,
            mask=selection.mask() if selection.span is None else selection.alive,
            span=selection.span,
            recall=request.recall,
            budget=min(plan.candidates["exact"], plan.candidates.get("scan", math.inf)),
            forced=plan.estimated_recall if request.effort or request.budget else None,
            distances=UNLIMITED if request.budget is None else request.budget,
        )
        return widen(links, self._prepared, queries, wanted, plan.effort, self._jobs)

    def _hop(
        self, queries: Float32Array, request: Request, links: Links, plan: Plan, linked: int
    ) -> Partial:
        k = min(request.k or 0, linked)
        ask = Ask(k, plan.effort, mask=request.selection.mask())
        hopper, recall = links.hopper(self._prepared), plan.estimated_recall
        return hopper.enough(queries, ask, recall, self._jobs, request.radius)

    def _coded(self, queries: Float32Array, request: Request, links: Links, plan: Plan) -> Answer:
        """All that match by their codes, also those beside the graph; then the nearest exactly."""
        found = self._by_codes(queries, request, links)
        return self._finished(queries, request, plan, found, UNTOLD)

    def _by_codes(self, queries: Float32Array, request: Request, links: Links) -> Partial:
        listed, k = request.selection.slots(), request.k or 0
        rows, dim = request.selection.size, queries.shape[1]
        longest = longest_scan(k, rows, len(listed), dim, self.costs)
        scanner = links.scanner(self._prepared)
        found = scanner.judged(queries, listed, k, longest, self._jobs, request.radius)
        recall = scan_recall(links.scanning, k, len(listed))[0]
        found.recalls = [recall] * len(queries)
        return found

    def _straight(
        self, queries: Float32Array, request: Request, links: Links, plan: Plan
    ) -> Answer | None:
        """No filter, no radius, nothing beside; None where a list is short or a query too large."""
        k = request.k or 0
        if k > links.net.linked:
            return None
        budget = UNLIMITED if request.budget is None else request.budget
        ask = Ask(k, plan.effort, links.stop_at(plan.effort), budget=budget)
        walker = links.walker(self._prepared)
        found = walker.find(queries, ask, self._jobs)
        least, scanned = _tally(found)
        if least < k and request.budget is not None:  # too small for k rows: as few as will do
            found = walker.find(queries, Ask(k, max(k, SHALLOWEST)), self._jobs)
            least, scanned = _tally(found)
        if least < k:
            return None
        if not (request.effort or request.budget):
            strange = links.comparable(queries, found.distances[:, k - 1]) > links.limit(k)
            if strange.any():
                return self._with_strange(queries, request, plan, found, strange)
        recall = plan.estimated_recall
        if request.budget is None and len(self._quick) < MOST_QUICK:
            self._make_quick(queries.shape[1], request, links, plan, ask)
        return Answer(flat(found), "graph", recall, scanned, plan.reason, plan.candidates)

    def _make_quick(self, dim: int, request: Request, links: Links, plan: Plan, ask: Ask) -> None:
        """The next search like this one skips what this one has found out."""
        positions = None if self._slots.identity else self._slots.positions
        describe = partial(_describe, plan, request.selection.count)
        limit = np.inf if request.effort is not None else links.limit(ask.k or 0)
        far = None if limit == np.inf else partial(_lies_far, links, limit)
        walker = links.walker(self._prepared)
        quick = Quick(walker, ask, dim, describe, positions, self._jobs, far)
        recall = None if request.effort is not None else request.recall
        self._quick[request.k, recall, request.effort] = quick
        if recall == DEFAULT_RECALL:
            self._quick[request.k, None, None] = quick

    def _with_strange(
        self,
        queries: Float32Array,
        request: Request,
        plan: Plan,
        walked: Walked,
        strange: npt.NDArray[np.bool_],
    ) -> Answer:
        """What was found, but for the strange queries, which are left to a scan."""
        k = request.k or 0
        lines = zip(walked.ids[:, :k], walked.distances[:, :k], strict=True)
        rows = [None if odd else Row(*line) for odd, line in zip(strange, lines, strict=True)]
        recalls = np.where(strange, 1.0, plan.estimated_recall).tolist()
        found = Partial(rows, recalls, _tally(walked)[1])
        why = (
            "lie farther from the rows than those that recall was measured with "
            "(`fit` takes some as queries=)"
        )
        return self._finished(queries, request, plan, found, why)

    def _finished(
        self,
        queries: Float32Array,
        request: Request,
        plan: Plan,
        found: Partial,
        why: str = "have a list in the graph that is not long enough for the filter or radius",
    ) -> Answer:
        missing = [i for i, row in enumerate(found.rows) if row is None]
        reason, strategy, links = plan.reason, plan.strategy, self._links
        if missing and strategy != "scan" and "scan" in plan.candidates and links is not None:
            strategy = "scan" if len(missing) == len(queries) else strategy
            reason = f"{len(missing)} of {len(queries)} queries {why}: matching codes are scanned"
            coded = self._by_codes(queries[missing], request, links)
            found.scanned += coded.scanned
            for i, row, recall in zip(missing, coded.rows, coded.recalls, strict=True):
                found.rows[i], found.recalls[i] = row, recall
            missing = [i for i in missing if found.rows[i] is None]
            why = UNTOLD
        if missing:
            strategy = "exact" if len(missing) == len(queries) else strategy
            reason = f"{len(missing)} of {len(queries)} queries {why}: matching rows are scanned"
            rest = self._scan(queries[missing], request, request.selection.where)
            found.scanned += rest.scanned
            for i, row in zip(missing, rest.rows, strict=True):
                found.rows[i], found.recalls[i] = row, 1.0
        rows = [row for row in found.rows if row is not None]
        named = "graph" if strategy == "two-hop" else strategy
        recall = float(np.mean(found.recalls))
        return Answer(rows, named, recall, found.scanned, reason, plan.candidates)

    def _scanned(self, queries: Float32Array, request: Request, plan: Plan) -> Answer:
        found = self._scan(queries, request, request.selection.where)
        return Answer(found.rows, "exact", 1.0, found.scanned, plan.reason, plan.candidates)

    def _scan(self, queries: Float32Array, request: Request, where: Any) -> Any:
        return scan(self._prepared, queries, request.k, request.radius, where, n_jobs=self._jobs)

    # -- hooks: plan and file --------------------------------------------------------------

    def _plan(self, n: int, dim: int) -> IndexPlan:
        seconds = n * (INSERT_ROW + dim * INSERT_NUMBER) / self._jobs
        if not is_compiled(self._metric):
            seconds = n * (PLAIN_ROW + dim * PLAIN_NUMBER)
        return IndexPlan(self._bytes(n, dim, self._codes), seconds)

    def _bytes(self, n: int, dim: int, codes: str) -> int:
        a_row = Codes(self._metric, dim, codes, None).bytes_a_row
        degree = self._degree or (FEW_LINKS if dim < SHORT_ROWS else MANY_LINKS)
        # Rows, codes with their terms, links, lengths; and the scratch of the threads.
        return n * (4 * dim + a_row + 4 * degree + 24 + 2 * self._jobs)

    def _finer(self, codes: Codes) -> str | None:
        """Codes to take instead, where these do not tell the rows apart and others may be taken."""
        finer = FINER.get(codes.name) if self._codes == "auto" and codes.spoiled else None
        if finer is None or self.memory_limit is None:
            return finer
        return finer if self._bytes(codes.count, codes.dim, finer) <= self.memory_limit else None

    def _state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        arrays = dict(summary_arrays(self._prepared.summary))
        if self._keys is not None:
            arrays["keys"] = self._keys
        state: dict[str, Any] = {"codes": self._codes, "links": None}
        state |= {"degree": self._degree, "build_effort": self._build_effort}
        if self._links is not None:
            arrays |= self._links.net.to_arrays()
            state["links"] = self._links.to_dict()
        return arrays, state

    def _restore(
        self, rows: GrowingRows, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]
    ) -> None:
        self._prepared = prepare(rows.array, self._metric, summary_from(arrays))
        self._rows, self._keys, self._links = rows, arrays.get("keys"), None
        self._codes, self._degree = state["codes"], state["degree"]
        self._build_effort = state["build_effort"]
        if state["links"] is not None:
            values = state["links"]
            dim = rows.dim
            codes = Codes.from_arrays(self._metric, dim, arrays, values["net"]["codes"])
            self._links = Links.from_dict(Net.from_arrays(codes, arrays, values["net"]), values)
            self._given_costs = None if self._links.clocked else self._links.costs


def _plain(k: Any, recall: Any, effort: Any) -> bool:
    """Whether the arguments are of the types that can have been answered before."""
    return (
        type(k) is int
        and (recall is None or type(recall) is float)
        and (effort is None or type(effort) is int)
    )


def _describe(plan: Plan, matching: int, scanned: int, seconds: float) -> SearchInfo:
    return SearchInfo(
        "graph",
        plan.estimated_recall,
        scanned,
        seconds,
        matching,
        plan.reason,
        plan.candidates,
    )


def _lies_far(
    links: Links, limit: float, queries: Float32Array, distances: npt.NDArray[np.float64]
) -> bool:
    return bool((links.comparable(queries, distances) > limit).any())


def _is_exact(request: Request) -> bool:
    return request.exact or request.recall == 1.0


def _tally(found: Walked) -> tuple[int, int]:
    """The fewest rows of a query, and the distances of all."""
    if len(found.notes) == 1:
        return int(found.notes[0, COUNT]), int(found.notes[0, SCANNED])
    return int(found.notes[:, COUNT].min()), int(found.notes[:, SCANNED].sum())


def _split(rows: Float32Array, order: IdArray, count: int) -> tuple[IdArray, IdArray]:
    """The first ``count`` that differ from each other, to ask with; and the rest.

    They are never more than a share of the rows that differ: what is measured should be nearly
    the graph that is searched.
    """
    hashes = row_hashes(rows, order)
    chosen = np.sort(np.unique(hashes, return_index=True)[1])
    chosen = chosen[: min(count, max(FEWEST_QUERIES, int(HELD_OUT_SHARE * len(chosen))))]
    return order[chosen], np.delete(order, chosen)


def _joined(row: Row, extra: Row, k: int | None) -> Row:
    ids = np.concatenate([row.ids, extra.ids])
    return best_of(ids, np.concatenate([row.distances, extra.distances]), k, None)


def checked_keys(keys: Any, rows: int) -> IdArray:
    """``sample_keys`` as int64, one a row, or the error that says what they are."""
    given = np.asarray(keys)
    if given.dtype.kind not in "iu":
        raise InvalidType(f"sample_keys must be integers; got {given.dtype}")
    if given.shape != (rows,):
        raise InvalidArgument(f"sample_keys must be one a row ({rows},); got {given.shape}")
    return given.astype(np.int64)
