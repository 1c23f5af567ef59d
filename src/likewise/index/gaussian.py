"""`Gaussian`: rows with a mean and a variance, nearest by KL divergence, on any index for dot."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument, InvalidType, InvalidVector, UnknownMetric
from likewise.index._kl import KL, KLMap, divergences
from likewise.index._nested import Numbers, packed, unpacked
from likewise.index._proposing import Proposing
from likewise.index._protocol import Answer, IndexPlan, Progress, Request
from likewise.index._rows import Float32Array, GrowingRows
from likewise.index._sampling import sample
from likewise.index._slots import IdArray
from likewise.index.base import Index
from likewise.index.exact import Exact
from likewise.index.graph import Graph
from likewise.index.recall import RecallCurve, depths_for, measure
from likewise.index.scanning import best_of
from likewise.metrics import Metric
from likewise.results import Neighbours, Row
from likewise.vectors import Gaussians, as_gaussians

#: Rows asked of the inner index beyond k, since inner products are rounded to float32.
SPARE, SPARE_SHARE = 8, 0.25
#: The recalls asked of the inner index that are tried, in thousandths.
TARGETS = (800, 900, 950, 980, 990, 995, 999)
#: Rows that are asked, fewer rows than are measured, and the deepest that is.
ASKED, SMALLEST, DEEPEST = 96, 512, 100
#: The curve is measured again when so large a share of the rows came after it was.
STALE = 0.2
#: How far an inner product of rounded numbers may be off, by the lengths of both.
ROUNDING = 2.0**-21


class Gaussian(Index):
    """The rows d with the smallest KL(q || d), q and d being diagonal Gaussians.

    ``KL(q || d) = 1/2 sum( s_q/s_d + (m_q - m_d)^2/s_d - 1 + ln(s_d/s_q) )`` with means m and
    variances s, in nats. It is a constant of the query less an inner product in 2 dim + 1
    dimensions, which any index with the metric dot serves. What that index finds is ranked by the
    formula itself in float64, and those are the distances that come back. How much it finds of
    the truth is measured at `fit` (`curve`), and rows are scanned where that is too little.

    A wide row is near to many queries and very near to none; a narrow one is near to those that it
    is about. The divergence is not symmetric: the query is its first argument.

    Args:
        metric: ``"kl"``; there is no other yet.
        index: an index made with ``metric="dot"`` and not fitted, which then belongs to this one;
            None is `Graph`.
        random_state, n_jobs: of the `Graph`, if no ``index`` is given; ``memory_limit`` as in
            `Index`.

    Raises:
        UnknownMetric: another metric. InvalidType, InvalidArgument: ``index`` is no index, has
        another metric, or holds rows.

    Cost: that of the inner index with 2 dim + 1 numbers a row; with a radius O(n dim) a query.
    Memory: 8 bytes a number of the mean, and the inner index.

    Source: H. Zamani and M. Bendersky, "Multivariate representation learning for information
    retrieval", SIGIR 2023.

    Example:
        >>> means, variances = [[0, 0], [0, 0], [9, 9]], [[1, 1], [4, 4], [1, 1]]
        >>> index = Gaussian().fit(means, variances)
        >>> found = index.search([0, 0], k=2, variances=[1, 1])
        >>> found.ids.tolist(), found.distances.round(3).tolist()
        ([[0, 1]], [[0.0, 0.636]])
    """

    name = "gaussian"

    _inner: Index
    _map: KLMap
    _numbers: Numbers

    @suggest_arguments
    def __init__(
        self,
        metric: str | Metric = "kl",
        *,
        index: Index | None = None,
        random_state: int = 0,
        n_jobs: int | None = None,
        memory_limit: int | None = None,
    ) -> None:
        if metric is not KL and str(metric).lower() != "kl":
            raise UnknownMetric(f"Gaussian takes the metric kl; got {metric!r}")
        super().__init__(KL, random_state=random_state, n_jobs=n_jobs, memory_limit=memory_limit)
        if index is None:
            index = Graph("dot", random_state=random_state, n_jobs=n_jobs)
        if not isinstance(index, Index):
            raise InvalidType(
                f"index must be an index such as Graph('dot'); got {type(index).__name__}"
            )
        if index.metric != "dot":
            raise InvalidArgument(
                f"index must have the metric dot, which KL divergences become; got {index!r}"
            )
        if index._rows is not None:
            raise InvalidArgument(f"index must not be fitted yet; got {index!r}")
        self._inner = index
        self._measured: tuple[RecallCurve, int] | None = None
        self._peak: tuple[int, float] | None = None

    def __repr__(self) -> str:
        return f"Gaussian(index={type(self._inner).__name__}, {len(self)} rows)"

    @property
    def dim(self) -> int:
        """Numbers in a mean."""
        return super().dim // 2

    @property
    def gaussians(self) -> Gaussians:
        """The rows kept, in order of position; those deleted among them until compaction.

        Example:
            >>> Gaussian().fit([[0, 1]], [[1, 2]]).gaussians.variances.tolist()
            [[1.0, 2.0]]
        """
        rows = self.rows
        return _unpacked(rows)

    # -- public methods, which take a mean and a variance ------------------------------

    @suggest_arguments
    def fit(self, X: Any, variances: Any = None, *, progress: Progress | None = None) -> Self:
        """Forget everything and take the rows with means ``X`` and ``variances``.

        Args:
            X: (n, dim) means; or `Gaussians`, and then no ``variances``.
            variances: (n, dim), all above 0.
            progress: as in `Index.fit`.

        Raises:
            InvalidVector: NaN, infinity, or a variance not above 0, with its row and dimension.
            DimensionMismatch: the shapes differ. InvalidType: no numbers, or no variances.
            OverLimit: as in `Index.fit`. The index is as it was.

        Cost: that of the inner index.

        Example:
            >>> len(Gaussian().fit([[0, 0], [3, 4]], [[1, 1], [2, 2]]))
            2
        """
        return super().fit(_given(X, variances, "X").packed(), progress=progress)

    @suggest_arguments
    def add(self, X: Any, variances: Any = None) -> IdArray:
        """Append rows, given as to `fit`; returns their positions.

        Raises:
            NotFitted: before `fit`; otherwise as `fit`.

        Cost: that of the inner index.

        Example:
            >>> index = Gaussian().fit([[0, 0]], [[1, 1]])
            >>> index.add([[3, 4]], [[1, 1]]).tolist()
            [1]
        """
        return super().add(_given(X, variances, "X", self.dim).packed())

    @suggest_arguments
    def search(
        self,
        Q: Any,
        k: int | None = 10,
        *,
        variances: Any = None,
        radius: float | None = None,
        recall: float | None = None,
        exact: bool = False,
        where: Any = None,
    ) -> Neighbours:
        """The rows with the smallest KL(q || d) for each query q.

        Args:
            Q: (queries, dim) means, or one (dim,); or `Gaussians`, and then no ``variances``.
            k, radius, recall, exact, where: as in `Index.search`; a radius is in nats.
            variances: of the same shape as ``Q``, all above 0.

        Returns:
            `Neighbours` with the divergences as distances.

        Raises:
            as `fit` and `Index.search`.

        Cost: that of the inner index, and O(k dim).

        Example:
            >>> index = Gaussian().fit([[0, 0], [3, 4]], [[1, 1], [2, 2]])
            >>> index.search([[3, 3]], k=1, variances=[[1, 1]]).ids.tolist()
            [[1]]
        """
        start = perf_counter()
        queries = _given(Q, variances, "Q", self.dim).packed()
        return self._found(queries, self._request(k, radius, recall, exact, where), start)

    # -- hooks ---------------------------------------------------------------------------

    def _fit(self, rows: GrowingRows, progress: Progress | None) -> None:
        given = _unpacked(rows.array)
        mapped = KLMap.over(given)
        turned = _finite(mapped.rows(given), "X")
        if isinstance(self._inner, Graph | Proposing) and len(rows) >= SMALLEST:
            asked = rows.array[self._sample(rows.array)]
            queries = mapped.queries(_unpacked(asked))
            self._inner.fit(turned, progress=progress, queries=queries)
        else:
            self._inner.fit(turned, progress=progress)
        self._rows, self._map, self._peak = rows, mapped, None
        self._numbers = Numbers(np.arange(len(rows)), np.arange(len(rows)))
        self._measure()

    def _add(self, rows: Float32Array) -> None:
        held = self._held()
        before = len(held)
        mapped = _finite(self._map.rows(_unpacked(rows)), "X")
        held.extend(rows)
        try:
            positions = self._inner.add(mapped)
        except BaseException:
            held.cut(before)
            raise
        self._numbers.append(positions, np.arange(before, len(held)))
        known = 0 if self._measured is None else self._measured[1]
        if len(held) > (1 + STALE) * known:
            self._measure()

    def _compact(self, keep: IdArray) -> None:
        self._inner.delete(self._numbers.compact(keep))

    def _search(self, queries: Float32Array, request: Request) -> Answer:
        mapped = self._map.queries(_unpacked(queries))
        if request.radius is not None or request.k is None:
            return self._scanned(queries, request, "a radius is in nats")
        if not np.isfinite(mapped).all():
            return self._scanned(queries, request, "a query is beyond 32-bit numbers")
        effort = self._effort(request.k, request.recall)
        if request.exact or request.recall == 1.0 or effort is None:
            return self._certain(queries, mapped, request)
        target, recall = effort
        found = self._ask(mapped, request, recall=target)
        info = found.info
        strategy, reason = ("exact", "") if info is None else (info.strategy, info.reason)
        return Answer(
            [self._ranked(query, row, request) for query, row in zip(queries, found, strict=True)],
            strategy,
            1.0 if strategy == "exact" else recall,
            0 if info is None else info.scanned,
            f"KL as an inner product of {mapped.shape[1]} numbers, recall {target:g} of which "
            f"is recall {recall:.3f}: {reason}",
            {} if info is None else info.candidates,
        )

    def _ask(self, mapped: Float32Array, request: Request, **options: Any) -> Neighbours:
        """Rather more than k rows by inner products."""
        mask = request.selection.mask()
        where = None if mask is None else self._numbers.passing(mask)
        return self._inner.search(mapped, _more(request.k or 1), where=where, **options)

    def _certain(self, queries: Float32Array, mapped: Float32Array, request: Request) -> Answer:
        """The true nearest: by inner products, where rounding cannot have changed who they are."""
        found = self._ask(mapped, request, exact=True)
        constants = self._map.constants(_unpacked(queries))
        lengths = np.sqrt(np.vecdot(mapped, mapped, dtype=np.float64))
        rows, open_ = [], []
        for i, (query, row) in enumerate(zip(queries, found, strict=True)):
            rows.append(self._ranked(query, row, request))
            last = float(row.distances[-1]) + constants[i] if len(row.ids) else 0.0
            error = ROUNDING * (lengths[i] * self._longest() + abs(constants[i]))
            if len(row.ids) < request.selection.count and rows[i].distances[-1] >= last - error:
                open_.append(i)
        scanned = 0 if found.info is None else found.info.scanned
        if open_:
            rest = self._by_formula(queries[open_], request)
            scanned += len(open_) * request.selection.count
            for i, line in zip(open_, rest, strict=True):
                rows[i] = line
        what = f"{request.selection.count:,} rows that match"
        return Answer(rows, "exact", 1.0, scanned, f"the {what} are scanned by inner products")

    def _longest(self) -> float:
        """The length of the longest d*."""
        held = self._inner.rows
        if self._peak is None or self._peak[0] != len(held):
            longest = float(np.sqrt(np.vecdot(held, held, dtype=np.float64).max(initial=0.0)))
            self._peak = len(held), longest
        return self._peak[1]

    def _scanned(self, queries: Float32Array, request: Request, why: str) -> Answer:
        """Every divergence by the formula."""
        rows, count = self._by_formula(queries, request), request.selection.count
        reason = f"{why}: the {count:,} rows that match are scanned by the formula"
        return Answer(rows, "exact", 1.0, count * len(queries), reason)

    def _by_formula(self, queries: Float32Array, request: Request) -> list[Row]:
        slots = request.selection.slots().astype(np.int64)
        chosen = self._held().array[slots]
        return [
            best_of(slots, divergences(query, chosen)[0], request.k, request.radius)
            for query in queries
        ]

    def _ranked(self, query: Float32Array, row: Row, request: Request) -> Row:
        slots = self._numbers.of(row.ids)
        distances = divergences(query, self._held().array[slots])[0]
        return best_of(slots, distances, request.k, None)

    # -- how much the inner index finds -------------------------------------------------

    @property
    def curve(self) -> RecallCurve | None:
        """The measured recall of divergences; None where the inner index is exact, or rows few.

        An effort is the recall asked of the inner index, in thousandths. Queries lie elsewhere than
        rows do once both are mapped, so what the inner index promises is not taken on trust.

        Example:
            >>> Gaussian(index=Exact("dot")).fit([[0, 0]], [[1, 1]]).curve is None
            True
        """
        return None if self._measured is None else self._measured[0]

    def _effort(self, k: int, recall: float) -> tuple[float, float] | None:
        """The recall to ask of the inner index, and what comes of it; None: only a scan will do."""
        if isinstance(self._inner, Exact):
            return None
        if self._measured is None:
            return recall, 1.0  # so few rows are scanned
        found = self._measured[0].effort_for(recall, k)
        return None if found is None else (found[0] / 1000, found[1])

    def _measure(self) -> None:
        """Ask some rows for their neighbours, themselves left out."""
        rows = self._held().array
        if isinstance(self._inner, Exact) or len(rows) < SMALLEST:
            self._measured = None
            return
        chosen = self._sample(rows)
        depths = tuple(d for d in depths_for(len(rows)) if d <= DEEPEST)
        truth = [self._others(rows[i], i, depths[-1]) for i in chosen]
        mapped = self._map.queries(_unpacked(rows[chosen]))

        def ask(effort: int, depth: int) -> list[Row]:
            found = self._inner.search(mapped, _more(depth) + 1, recall=effort / 1000)
            lines = zip(chosen, found, strict=True)
            return [self._others(rows[i], i, depth, self._numbers.of(r.ids)) for i, r in lines]

        self._measured = measure(ask, truth, TARGETS, depths), len(rows)

    def _sample(self, rows: Float32Array) -> IdArray:
        return sample(rows, np.arange(len(rows)), ASKED, self.random_state)

    def _others(self, query: Float32Array, own: int, k: int, slots: IdArray | None = None) -> Row:
        """The nearest ``k`` of ``slots`` (None: of all rows), without row ``own``."""
        rows = self._held().array
        slots = np.arange(len(rows)) if slots is None else slots
        slots = slots[slots != own]
        return best_of(slots, divergences(query, rows[slots])[0], k, None)

    def _plan(self, n: int, dim: int) -> IndexPlan:
        inner = self._inner.plan(n, dim + 1)  # a packed row of dim numbers has dim / 2 in its mean
        return IndexPlan(inner.bytes + n * (4 * dim + 32), inner.seconds)

    def plan(self, n: int, dim: int) -> IndexPlan:
        """As `Index.plan`, with ``dim`` numbers in a mean.

        Example:
            >>> Gaussian().plan(1000, 8).bytes > 1000 * 8 * 8
            True
        """
        super().plan(n, dim)
        return self._plan(n, 2 * dim)

    # -- files ---------------------------------------------------------------------------

    def _state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        arrays, inner = packed(self._inner, "inner/")
        arrays |= self._numbers.to_arrays("inner-")
        mapped = self._map
        arrays |= {"shift": mapped.shift, "scale": mapped.scale, "weights": mapped.weights}
        measured = None
        if self._measured is not None:
            measured = [self._measured[0].to_dict(), self._measured[1]]
        plain = {"kind": self._inner.name, "inner": inner, "measured": measured}
        return arrays, {**plain, "level": mapped.level}

    def _restore(
        self, rows: GrowingRows, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]
    ) -> None:
        from likewise.index import INDEXES  # knows this class too

        kind = INDEXES[state["kind"]]
        self._inner = unpacked(kind, "inner/", arrays, state["inner"], self.n_jobs)
        self._numbers = Numbers.from_arrays("inner-", arrays)
        shift, scale, weights = (np.array(arrays[n]) for n in ("shift", "scale", "weights"))
        self._map = KLMap(shift, scale, state["level"], weights)
        kept = state["measured"]
        self._measured = None if kept is None else (RecallCurve.from_dict(kept[0]), kept[1])
        self._rows = rows


def _given(X: Any, variances: Any, what: str, dim: int | None = None) -> Gaussians:
    """Rows as users give them: both parts, or `Gaussians`."""
    if isinstance(X, Gaussians):
        if variances is not None:
            raise InvalidArgument(f"{what} is Gaussians, which have variances; leave variances out")
        X, variances = X.means, X.variances
    if variances is None:
        raise InvalidType(
            f"{what}: expected means and variances; got no variances; as_gaussians() and "
            "likewise.encode.gaussians_of() make them"
        )
    return as_gaussians(X, variances, dim=dim, what=what)


def _unpacked(rows: Float32Array) -> Gaussians:
    dim = rows.shape[1] // 2
    return Gaussians(rows[:, :dim], rows[:, dim:])


def _more(k: int) -> int:
    return k + SPARE + int(SPARE_SHARE * k)


def _finite(mapped: Float32Array, what: str) -> Float32Array:
    """Refuse rows whose mapped numbers leave float32, naming them."""
    if not np.isfinite(mapped).all():
        row = int(np.argmin(np.isfinite(mapped).all(axis=1)))
        raise InvalidVector(
            f"{what}: row {row} has means so large, or variances so small, beside those of the "
            "other rows that mean^2 / variance is beyond 32-bit numbers; raise its variances"
        )
    return mapped
