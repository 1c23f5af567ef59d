"""`Window`: the nearest rows among those whose number lies in a range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import DamagedFile, InvalidArgument, InvalidType
from likewise.index import _compiled
from likewise.index._among import FEW_LATE
from likewise.index._codes import CODES, Codes
from likewise.index._compiled.values import COUNT, DEPTH, LATE, SCANNED, Found
from likewise.index._loops import at_hand, is_compiled
from likewise.index._net import FEW_LINKS, MANY_LINKS, SHORT_ROWS, Net
from likewise.index._ordered import Ordered, as_attribute
from likewise.index._part_links import PartLinks, few_links, link_parts, part_sizes
from likewise.index._passing import Passing
from likewise.index._protocol import Answer, IndexPlan, Progress, Request
from likewise.index._rows import GrowingRows
from likewise.index._sampling import shuffled
from likewise.index._selection import Selection
from likewise.index._walking import flat
from likewise.index._window_answer import Gathered, reason_for
from likewise.index._window_plan import MOST_LISTED, Planner, Way, Wish
from likewise.index._windows import METHODS, Measured, WindowAsk, Windows, queries_for
from likewise.index.base import Index, nothing
from likewise.index.exact import summary_arrays, summary_from
from likewise.index.graph import (
    FINER,
    INSERT_NUMBER,
    INSERT_ROW,
    PLAIN_NUMBER,
    PLAIN_ROW,
    checked_keys,
)
from likewise.index.planner import LONGER, CostModel
from likewise.index.recall import RecallCurve
from likewise.index.scanning import PreparedRows, extended, prepare, scan
from likewise.metrics import Metric
from likewise.results import Neighbours
from likewise.vectors import Float32Array, as_dense

IdArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: Fewer rows than this are scanned exactly.
SMALLEST = 512
#: Rows that came late are scanned, until they are this share of those in order, or so many.
LATE_SHARE, FEWEST_LATE = 1 / 8, 1024
#: Of the time that the links of all rows take, what those of a level take.
LEVEL_SHARE = 0.2


class Window(Index):
    """The nearest rows among those whose number (year, price, length) lies in a range.

    Codes lie in the order of the number, so that a window is a stretch of memory: where it is
    short it is scanned by its codes, in a few nanoseconds a row. Where it is long a walk goes
    along links that stay inside: every row has links among all rows, among those of the half,
    the quarter, ... of the order that it lies in, and a step takes those of the largest parts that
    lie in the window (Y. Xu and others, "iRangeGraph", SIGMOD 2025). What is found is ranked by
    the metric itself, in float64. Which of both, or an exact scan, is chosen for each query by
    what was measured at `fit`: seconds and recall, for windows of n, n / 2, n / 4, ... rows.

    The methods of J. Engels and others, "Approximate Nearest Neighbor Search with Window
    Filters" (ICML 2024), walk through the same links: "tree" the largest parts within the window,
    "postfilter" the smallest part that holds it, "three-split" both, "super" the smallest of parts
    that overlap by half. They are here to be compared with, as ``method=``.

    Rows that are added are late: they are scanned, until they are an eighth of the others; then all
    are put in order and linked anew. When an eighth of the rows is deleted, too.

    Args:
        metric: any; one that no kernel was written for takes plain loops, a hundred times as slow.
        random_state, memory_limit: as in `Index`.
        n_jobs: threads, also to build with; the links do not depend on them.
        costs: the planner's constants. None measures them by the clock; given, the same calls
            give the same answers.
        codes, degree, build_effort: as in `Graph`, for the links among all rows.
        branching: parts that each part is cut into, at least 2.
        overlap: keep also links within parts that begin half a part earlier, for "super"; twice
            the memory for links. ``branching`` must be even then.

    Cost: `fit` about 2 to 3 times that of a `Graph`; `search` O(window) where it is short, and
    O(log n dim) times the effort where it is long. Memory: `plan` says.

    Example:
        >>> rows = np.random.default_rng(0).standard_normal((600, 8))
        >>> window = Window("euclidean").fit(rows, attribute=np.arange(1400, 2000))
        >>> found = window.search(rows[:1], k=3, window=(1900, 1950))
        >>> bool(((found.ids >= 500) & (found.ids <= 550)).all()), found.info.matching
        (True, 51)
    """

    name = "window"

    _prepared: PreparedRows
    _ordered: Ordered
    _windows: Windows | None

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
        branching: int = 2,
        overlap: bool = False,
    ) -> None:
        super().__init__(
            metric, random_state=random_state, n_jobs=n_jobs, memory_limit=memory_limit
        )
        if costs is not None and not isinstance(costs, CostModel):
            raise InvalidType(f"costs must be a CostModel or None; got {type(costs).__name__}")
        if codes not in CODES:
            raise InvalidArgument(f"codes must be one of {', '.join(CODES)}; got {codes!r}")
        if not isinstance(overlap, (bool, np.bool_)):
            raise InvalidType(f"overlap must be True or False; got {overlap!r}")
        self._given_costs, self._codes = costs, codes
        self._degree = None if degree is None else check_count("degree", degree, minimum=2)
        self._build_effort = (
            None if build_effort is None else check_count("build_effort", build_effort, minimum=8)
        )
        self._branching = check_count("branching", branching, minimum=2)
        self._overlap = bool(overlap)
        if self._overlap and self._branching % 2:
            raise InvalidArgument(f"branching must be even with overlap=True; got {branching}")
        self._incoming: npt.NDArray[Any] | None = None
        self._keys: IdArray | None = None
        self._numbered = False
        self._asked: Any = None
        if codes in ("4-bit", "8-bit"):
            Codes(self._metric, 1, codes, None)  # refuses metrics that have no such codes

    # -- changing it ---------------------------------------------------------------------

    @suggest_arguments
    def fit(
        self,
        X: Any,
        *,
        attribute: Any = None,
        progress: Progress | None = None,
        sample_keys: Any = None,
        queries: Any = None,
    ) -> Self:
        """As `Index.fit`, with a number for each row.

        Args:
            X, progress: as there.
            attribute: (n,) numbers, or dates (datetime64, kept as microseconds); NaN and NaT are
                none, and in no window. None takes the positions: the order of arrival.
            sample_keys: (n,) integers, such as hashes of ids, by which rows are put in the order
                they are linked in; None takes the rows themselves.
            queries: (m, dim) queries that users have asked, to measure recall with too.

        Raises:
            InvalidType, InvalidArgument: ``attribute`` or ``sample_keys`` are no numbers, or not
                one a row. Otherwise as `Index.fit`.

        Cost: about 2 to 3 times that of `Graph.fit`.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> len(Window("euclidean").fit(rows, attribute=np.arange(600) / 10))
            600
        """
        before = self._numbered, self._keys
        rows = as_dense(X, metric=self._metric, what="X")
        try:
            count = len(rows)
            self._numbered = attribute is not None
            given = np.arange(count) if attribute is None else attribute
            self._incoming = as_attribute(given, count)
            self._keys = None if sample_keys is None else checked_keys(sample_keys, count)
            self._asked = queries
            return super().fit(rows, progress=progress)
        except BaseException:
            self._numbered, self._keys = before
            raise
        finally:
            self._incoming = self._asked = None

    @suggest_arguments
    def add(self, X: Any, *, attribute: Any = None) -> IdArray:
        """As `Index.add`, with a number for each row where `fit` was given some.

        Raises:
            InvalidType, InvalidArgument: as `fit`; or ``attribute`` is missing, or was missing
                there.

        Cost: a scan more for every search, until all are linked anew.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> window = Window("euclidean").fit(rows, attribute=np.arange(600))
            >>> new = window.add(rows[:2], attribute=[700, 701])
            >>> window.search(rows[1], k=5, window=(690, None))[0].ids.tolist()
            [601, 600]
        """
        rows = as_dense(X, dim=self._held().dim, metric=self._metric, what="X")
        count = len(rows)
        if (attribute is None) == self._numbered and count:
            raise InvalidArgument(
                "attribute must be given to add() as it was to fit()"
                if self._numbered
                else "attribute cannot be given: fit() took the order of arrival"
            )
        first = self.next_position
        given = np.arange(first, first + count) if attribute is None else attribute
        self._incoming = as_attribute(given, count, self._ordered.kind)
        try:
            return super().add(rows)
        finally:
            self._incoming = None

    # -- asking it -----------------------------------------------------------------------

    @suggest_arguments
    def search(
        self,
        Q: Any,
        k: int | None = 10,
        *,
        window: Any = None,
        inclusive: str = "both",
        radius: float | None = None,
        recall: float | None = None,
        exact: bool = False,
        where: Any = None,
        method: str | None = None,
        effort: int | None = None,
    ) -> Neighbours:
        """The nearest rows of each query among those whose number lies in a window.

        Args:
            Q, k, radius, recall, exact, where: as in `Index.search`.
            window: (low, high): from which number up to which; None is open on that side. Each may
                be an array, a bound for every query. None takes all rows, also those without a
                number.
            inclusive: which bounds belong to the window: "both", "left", "right" or "neither".
            method: "scan", "parts" (along links in the window), "postfilter", "tree",
                "three-split" or "super"; None chooses between the first two and an exact scan. A
                method that was not measured yet is measured first, which takes a moment.
            effort: the length of the list of a walk, instead of the one that ``recall`` needs.

        Returns:
            as `Index.search`. ``info.matching`` counts the rows in the window that pass; with a
            window for every query, the fewest of any.

        Raises:
            InvalidType, InvalidArgument: the window is no pair of numbers, or of as many as there
                are queries; an unknown ``method``, or one with ``exact``, ``recall=1`` or
                ``k=None``; ``effort`` with ``exact``, ``recall``, ``k=None`` or "scan"; "super"
                without ``overlap=True``. Otherwise as `Index.search`.

        Cost: see the class; about 20 us a call beside.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> window = Window("euclidean").fit(rows, attribute=np.arange(600))
            >>> found = window.search(rows[:2], k=3, window=([0, 1], [10, 2]), inclusive="left")
            >>> found[0].ids[0].tolist(), found[1].ids.tolist(), found.info.matching
            (0, [1], 1)
        """
        start = perf_counter()
        queries = as_dense(Q, dim=self._held().dim, metric=self._metric, what="Q")
        request = self._request(k, radius, recall, exact, where)
        if method is not None and method not in METHODS:
            raise InvalidArgument(f"method must be one of {', '.join(METHODS)}; got {method!r}")
        if method == "super" and not self._overlap:
            raise InvalidArgument('method="super" needs an index made with overlap=True')
        if method is not None and (request.exact or k is None or request.recall == 1.0):
            raise InvalidArgument(
                "method= says how to search; exact=, recall=1 and k=None leave no choice, since "
                "all rows are looked at: give one or the other"
            )
        if effort is not None:
            if k is None or method == "scan":
                raise InvalidArgument(
                    "effort= is the length of a walk's list: a scan has none, nor has k=None, for "
                    "which all rows are looked at"
                )
            if exact or recall is not None:
                raise InvalidArgument(
                    "effort= says how hard to search, recall= and exact= how much to find: give "
                    "one or the other"
                )
            request.effort = check_count("effort", effort)
        if window is None:
            windows = self._ordered.everything()
        else:
            windows = self._ordered.windows(window, inclusive)
        if len(windows) not in (1, len(queries)):
            raise InvalidArgument(
                f"window must have one bound, or one a query ({len(queries)}); got {len(windows)}"
            )
        rows = windows[:, 1] - windows[:, 0] + windows[:, 3] - windows[:, 2]
        passing = self._passing(where, request.selection)
        matching = rows if passing is None else passing.counts(windows)
        fewest = int(matching.min()) if len(matching) else 0
        if not len(queries) or not matching.any():
            return self._neighbours(nothing(len(queries)), fewest, start)
        asked = _Asked(queries, request, windows, rows, matching, passing, method)
        return self._neighbours(self._answer(asked), fewest, start)

    @property
    def nbytes(self) -> int:
        """Bytes of codes, links and numbers, which come beside the rows."""
        held = 0 if self._windows is None else self._windows.nbytes
        return held + 12 * len(self._ordered.attribute)

    @property
    def curve(self) -> RecallCurve | None:
        """The measured recall of walks among all rows; None while there are too few for links.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((600, 8))
            >>> Window("euclidean").fit(rows).curve is None
            True
        """
        measured = None if self._windows is None else self._windows.measured.get("parts")
        return measured.curves[0] if measured is not None and measured.curves else None

    @property
    def degree(self) -> int:
        """Links a row may keep among all rows; 0 while there are too few for links."""
        walked = self._windows is not None and len(self._windows.parts.sizes) > 0
        return self._windows.net.degree if walked and self._windows is not None else 0

    def unreachable(self) -> IdArray:
        """Positions that no path of links among all rows leads to; empty when sound.

        Windows that are scanned, or walked through within parts, may find them all the same.

        Cost: one walk over the links.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((3000, 8))
            >>> Window("euclidean").fit(rows).unreachable().tolist()
            []
        """
        if self._windows is None or self.degree == 0:
            return np.empty(0, dtype=np.int64)
        lost = self._windows.net.unreachable()
        return self._slots.to_positions(np.sort(self._ordered.order[lost]).astype(np.int64))

    @property
    def codes(self) -> str:
        """How walks and scans compare rows; "none" while there are too few."""
        return "none" if self._windows is None else self._windows.codes.name

    @property
    def attribute(self) -> npt.NDArray[Any]:
        """(kept,) the number of each row of `rows`.

        Example:
            >>> Window("euclidean").fit([[0, 0], [3, 4]], attribute=[5, 3]).attribute.tolist()
            [5, 3]
        """
        self._held()
        return self._ordered.attribute

    # -- hooks: changes --------------------------------------------------------------------

    def _fit(self, rows: GrowingRows, progress: Progress | None) -> None:
        if self._asked is not None:
            self._asked = as_dense(self._asked, dim=rows.dim, metric=self._metric, what="queries")
        attribute = np.arange(len(rows)) if self._incoming is None else self._incoming
        prepared, ordered = prepare(rows.array, self._metric), Ordered(attribute)
        windows = None
        if len(rows) >= SMALLEST:
            windows = self._linked(prepared, ordered, progress)
        self._take(rows, prepared, ordered, windows)

    def _add(self, rows: Float32Array) -> None:
        held, ordered, windows = self._held(), self._ordered, self._windows
        attribute = np.empty(0) if self._incoming is None else self._incoming
        prepared = extended(held, rows, self._prepared)
        both = np.concatenate([ordered.attribute, attribute])
        self._keys = None  # those of the new rows are not known
        try:
            late = len(held) - ordered.ordered
            few = late <= max(FEWEST_LATE, LATE_SHARE * ordered.ordered)
            if windows is not None and few and self._coded(windows, rows):
                ordered.add(attribute)
                self._prepared = prepared
                self._forget()
                return
            ordered = Ordered(both)
            linked = None
            if len(held) >= SMALLEST:
                linked = self._linked(prepared, ordered, None)
            self._take(held, prepared, ordered, linked)
        except BaseException:
            # The rows are in: until all are linked anew they are scanned.
            self._take(held, prepared, Ordered(both), None)
            raise

    def _coded(self, windows: Windows, rows: Float32Array) -> bool:
        """Give rows that come late their codes, if these tell them apart."""
        if not windows.codes.takes(rows).all():
            return False
        windows.append(rows)
        return not windows.codes.spoiled or self._finer(windows.codes) is None

    def _compact(self, keep: IdArray) -> None:
        ordered = Ordered(self._ordered.attribute[keep])
        prepared = prepare(self._held().array, self._metric)
        keys = None if self._keys is None else self._keys[keep]
        windows = None
        if len(keep) >= SMALLEST:
            before, self._keys = self._keys, keys
            try:
                windows = self._linked(prepared, ordered, None)
            finally:
                self._keys = before
        self._keys = keys
        self._take(self._held(), prepared, ordered, windows)

    def _take(
        self, rows: GrowingRows, prepared: PreparedRows, ordered: Ordered, windows: Windows | None
    ) -> None:
        self._rows, self._prepared = rows, prepared
        self._ordered, self._windows = ordered, windows
        self._forget()

    def _forget(self) -> None:
        costs = self._given_costs or (self._windows and self._windows.costs) or CostModel()
        rows = self._ordered.ordered
        self._planner = Planner(self._windows, rows, costs)
        self._bound = False
        self._last_passing: tuple[Any, tuple[int, int], Passing | None] = (None, (0, 0), None)

    def _linked(
        self, prepared: PreparedRows, ordered: Ordered, progress: Progress | None
    ) -> Windows:
        """All links, and what they were measured to find."""
        rows = np.ascontiguousarray(prepared.rows[ordered.order])
        count, dim = rows.shape
        wanted: str | None = self._codes
        while wanted is not None:
            codes = Codes(self._metric, dim, wanted, prepared.summary)
            codes.append(rows)
            codes.judge(rows)
            wanted = self._finer(codes)
        net = Net(codes, self._degree, self._build_effort)
        levels = (1 + self._overlap) * len(part_sizes(count, self._branching))
        keys = None if self._keys is None else self._keys[ordered.order]
        order = shuffled(rows, np.arange(count), self.random_state, keys)

        def told(done: int) -> None:
            if progress is not None:
                progress(count + done, count * (1 + levels))

        given = self._given_costs
        costs = CostModel.measure(dim, self._metric) if given is None else given
        walks = levels > 0  # fewer rows are scanned
        whole: Measured | None = None
        if walks:
            # The rows drawn last ask for their neighbours among the others first.
            asking = np.sort(order[-queries_for(self._metric) :])
            order = order[: -len(asking)]
            net.insert(rows, order, self._jobs, progress, count * (1 + levels))
            early = Windows(net, count, PartLinks.none(count), costs, clocked=False)
            whole = early.measure_whole(
                prepared,
                ordered,
                asking,
                seed=self.random_state,
                jobs=self._jobs,
                asked_by_users=self._asked,
            )
            net.insert(rows, asking, self._jobs, progress, count * (1 + levels))
        parts = link_parts(
            codes,
            rows,
            net.diversity,
            branching=self._branching,
            overlap=self._overlap,
            jobs=self._jobs,
            told=told,
        )
        windows = Windows(net, count, parts, costs, clocked=given is None)
        self._measure(windows, prepared, ordered, "parts" if walks else "scan", whole)
        if progress is not None:
            progress(count * (1 + levels), count * (1 + levels))
        return windows

    def _measure(
        self,
        windows: Windows,
        prepared: PreparedRows,
        ordered: Ordered,
        method: str,
        whole: Measured | None = None,
    ) -> None:
        windows.measure(
            prepared,
            ordered,
            method,
            seed=self.random_state,
            jobs=self._jobs,
            asked_by_users=self._asked,
            whole=whole,
        )

    def _finer(self, codes: Codes) -> str | None:
        """Codes to take instead, where these do not tell the rows apart and others may be taken."""
        finer = FINER.get(codes.name) if self._codes == "auto" and codes.spoiled else None
        if finer is None or self.memory_limit is None:
            return finer
        return finer if self._bytes(codes.count, codes.dim, finer) <= self.memory_limit else None

    # -- hooks: searches -------------------------------------------------------------------

    def _search(self, queries: Float32Array, request: Request) -> Answer:
        windows = self._ordered.everything()
        rows = windows[:, 1] - windows[:, 0] + windows[:, 3] - windows[:, 2]
        passing = self._passing(request.selection, request.selection)
        matching = rows if passing is None else passing.counts(windows)
        return self._answer(_Asked(queries, request, windows, rows, matching, passing, None))

    def _passing(self, where: Any, selection: Selection) -> Passing | None:
        """The mask by place; None where all rows pass.

        That of the last call is kept for the next one: the same object that cannot change, or
        the rows that were not deleted.
        """
        if selection.count == selection.size:
            return None
        fixed = where is None or (isinstance(where, np.ndarray) and _cannot_change(where))
        version = (self._slots.count, self._slots.deleted)
        last, known, passing = self._last_passing
        if fixed and passing is not None and last is where and known == version:
            return passing
        by_slot = selection.mask()
        if by_slot is None:
            return None
        passing = Passing.of(by_slot, self._ordered)
        if fixed:
            self._last_passing = where, version, passing
        return passing

    def _answer(self, asked: _Asked) -> Answer:
        windows, request = self._windows, asked.request
        ready = windows is not None and at_hand(self._metric)
        if windows is not None and ready:
            self._make_ready(windows, asked.method)
        elif windows is not None and not request.exact:
            _compiled.load_behind()
        wish = Wish(
            request.k or 0,
            request.recall,
            asked.queries.shape[1],
            request.exact or request.recall == 1.0 or request.k is None or not ready,
            asked.passing is not None,
            asked.method,
            request.effort,
        )
        known = ready or windows is None
        found = None
        if len(asked.windows) == 1:
            way, weighed = self._planner.plan_one(wish, int(asked.rows[0]), int(asked.matching[0]))
            ways, chosen = [way], np.zeros(len(asked.queries), dtype=np.int64)
        else:
            ways, chosen, weighed = self._planner.plan(wish, asked.rows, asked.matching)
        if (chosen == chosen[0]).all():
            way = ways[chosen[0]]
            found = self._at_once(way, asked)
            if found is not None and _enough(found, way, asked, asked.matching).all():
                return _as_it_is(found, way, asked, weighed)
        asked = asked.for_each()
        gathered = Gathered(len(asked.queries), asked.matching, request.k, request.radius)
        for number in np.unique(chosen).tolist():
            self._go(ways[number], np.flatnonzero(chosen == number), asked, gathered, found)
        missing = gathered.missing()
        if len(missing):
            self._exactly(missing, asked, gathered)
        most = ways[int(np.bincount(chosen).argmax())]
        return gathered.answer(reason_for(most, asked.matching, known), weighed)

    def _make_ready(self, windows: Windows, method: str | None) -> None:
        if not self._bound:
            windows.bind(self._prepared.rows, self._ordered)
            self._bound = True
        walks = method not in (None, "scan", "parts") and len(windows.parts.sizes) > 0
        if walks and method not in windows.measured:
            self._measure(windows, self._prepared, self._ordered, str(method))

    def _at_once(self, way: Way, asked: _Asked) -> Found | None:
        """All queries by one call of the kernel; None where that cannot be."""
        windows, request = self._windows, asked.request
        k = request.k
        if windows is None or way.method == "exact" or k is None or request.radius is not None:
            return None
        ask = _ask(windows, way, k, asked.passing)
        return windows.find(asked.queries, asked.windows, ask, self._jobs)

    def _go(
        self,
        way: Way,
        some: IdArray,
        asked: _Asked,
        gathered: Gathered,
        found: Found | None = None,
    ) -> None:
        """Search for the queries ``some``; those whose answer is not enough stay missing.

        ``found`` is given where the search was made before.
        """
        windows, k = self._windows, asked.request.k
        if way.method == "exact" or windows is None or k is None:
            self._exactly(some, asked, gathered)
            return
        if found is None:
            ask = _ask(windows, way, k, asked.passing)
            found = windows.find(asked.queries[some], asked.windows[some], ask, self._jobs)
        enough = _enough(found, way, asked, asked.matching[some])
        counts = found.notes[:, COUNT]
        name = "scan" if way.method == "scan" else "window"
        gathered.scanned += int(found.notes[:, SCANNED].sum())
        gathered.take(some[enough], found.ids[enough], found.distances[enough], counts[enough])
        gathered.note(some[enough], name, way.recall)
        if not enough.all():
            self._again(way, some[~enough], asked, gathered, windows)

    def _again(
        self, way: Way, some: IdArray, asked: _Asked, gathered: Gathered, windows: Windows
    ) -> None:
        """What was not enough: a scan for a walk, a longer list for a scan, and an exact one."""
        k = asked.request.k or 0
        length = windows.scan_length(k)
        if way.method == "scan":
            length *= LONGER
        if way.length >= length or length > MOST_LISTED:
            self._exactly(some, asked, gathered)
            return
        self._go(replace(way, method="scan", length=length), some, asked, gathered)

    def _exactly(self, some: IdArray, asked: _Asked, gathered: Gathered) -> None:
        """Scan the rows of each window exactly."""
        request = asked.request
        each, which = np.unique(asked.windows[some], axis=0, return_inverse=True)
        for i, (low, high, first, last) in enumerate(each.tolist()):
            mine = some[which.reshape(-1) == i]
            where: IdArray | None = None
            everything = high - low + last - first == len(self._ordered.attribute)
            if not everything or asked.passing is not None:
                ordered = self._ordered
                places = np.append(np.arange(low, high), ordered.late[first:last])
                if asked.passing is not None:
                    places = places[asked.passing.mask[places]]
                where = np.sort(ordered.slots()[places]).astype(np.int64)
            found = scan(
                self._prepared,
                asked.queries[mine],
                request.k,
                request.radius,
                where,
                n_jobs=self._jobs,
            )
            gathered.scanned += found.scanned
            gathered.take_rows(mine, found.rows)
            gathered.note(mine, "exact", 1.0)

    # -- hooks: plan and file --------------------------------------------------------------

    def _plan(self, n: int, dim: int) -> IndexPlan:
        seconds = n * (INSERT_ROW + dim * INSERT_NUMBER) / self._jobs
        if not is_compiled(self._metric):
            seconds = n * (PLAIN_ROW + dim * PLAIN_NUMBER)
        levels = (1 + self._overlap) * len(part_sizes(n, self._branching))
        seconds *= 1 + LEVEL_SHARE * levels
        return IndexPlan(self._bytes(n, dim, self._codes), seconds)

    def _bytes(self, n: int, dim: int, codes: str) -> int:
        coded = Codes(self._metric, dim, codes, None).bytes_a_row
        degree = self._degree or (FEW_LINKS if dim < SHORT_ROWS else MANY_LINKS)
        levels = (1 + self._overlap) * len(part_sizes(n, self._branching))
        links = 4 * degree + 4 * few_links(dim) * levels
        # Rows, a copy in order while linking, codes, links, numbers, lengths; and scratch.
        return n * (8 * dim + coded + links + 36 + 2 * self._jobs)

    def _state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        arrays = {**summary_arrays(self._prepared.summary), **self._ordered.to_arrays()}
        if self._keys is not None:
            arrays["keys"] = self._keys
        state: dict[str, Any] = {
            "codes": self._codes,
            "degree": self._degree,
            "build_effort": self._build_effort,
            "branching": self._branching,
            "overlap": self._overlap,
            "numbered": self._numbered,
            "kind": self._ordered.kind,
            "windows": None,
        }
        if self._windows is not None:
            arrays |= self._windows.to_arrays()
            state["windows"] = self._windows.to_dict()
        return arrays, state

    def _restore(
        self, rows: GrowingRows, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]
    ) -> None:
        self._codes, self._degree = state["codes"], state["degree"]
        self._build_effort, self._branching = state["build_effort"], state["branching"]
        self._overlap, self._numbered = state["overlap"], state["numbered"]
        self._keys = arrays.get("keys")
        prepared = prepare(rows.array, self._metric, summary_from(arrays))
        ordered = Ordered.from_arrays(arrays, state["kind"], len(rows))
        windows = None
        if state["windows"] is not None:
            values = state["windows"]
            codes = Codes.from_arrays(self._metric, rows.dim, arrays, values["net"]["codes"])
            if codes.count != len(rows):
                raise DamagedFile("the codes are not those of the rows; build the index again")
            windows = Windows.from_arrays(codes, arrays, values, ordered.ordered)
            self._given_costs = None if windows.clocked else windows.costs
        self._take(rows, prepared, ordered, windows)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One call: what was asked of which windows, how many rows they hold, and how many pass.

    There is one window for all queries, or one for each.
    """

    queries: Float32Array
    request: Request
    windows: IdArray
    rows: IdArray
    matching: IdArray
    passing: Passing | None
    method: str | None

    def for_each(self) -> _Asked:
        """One window for all queries becomes one a query."""
        count = len(self.queries)
        if len(self.windows) == count:
            return self
        return replace(
            self,
            windows=np.broadcast_to(self.windows, (count, 4)),
            rows=np.broadcast_to(self.rows, count),
            matching=np.broadcast_to(self.matching, count),
        )


def _cannot_change(array: Any) -> bool:
    """Whether neither the array nor what it is a view of can be written to."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None or isinstance(array, bytes)


def _ask(windows: Windows, way: Way, k: int, passing: Passing | None) -> WindowAsk:
    if way.method == "scan":
        return windows.scan_ask(k, passing, max(1, way.length // windows.scan_length(k)))
    return WindowAsk(way.method, k, max(way.length, k), way.stop, passing)


def _as_it_is(found: Found, way: Way, asked: _Asked, weighed: dict[str, float]) -> Answer:
    """The answer where every query was answered by one way, and well enough."""
    reason = reason_for(way, asked.matching, True)
    name = "scan" if way.method == "scan" else "window"
    scanned = int(found.notes[:, SCANNED].sum())
    return Answer(flat(found), name, way.recall, scanned, reason, weighed)


def _enough(found: Found, way: Way, asked: _Asked, matching: IdArray) -> BoolArray:
    """(b,) which queries were answered with as many rows, and as well, as was planned."""
    k = asked.request.k or 0
    enough: BoolArray = found.notes[:, COUNT] >= np.minimum(k, matching)
    if way.method == "scan":
        enough &= found.notes[:, LATE] <= FEW_LATE * k
    elif asked.passing is not None and way.method == "parts" and asked.request.effort is None:
        depths = found.notes[:, DEPTH]  # what lies deeper than planned was promised less
        enough &= depths <= way.depth
    return enough
