"""`Prefix`: the first numbers of a vector propose, all of them decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.index._answering import Found
from likewise.index._coded import Coded
from likewise.index._placing import Placement
from likewise.index._prefix_cut import Cut
from likewise.index._prefix_graph import PrefixGraph
from likewise.index._prefix_ladder import Ladder, Rung
from likewise.index._prefix_lists import CODES, PrefixLists
from likewise.index._proposer import IdArray, Proposer
from likewise.index._proposing import BLOCK, SMALLEST, Proposing
from likewise.index._reranking import rerank as rank
from likewise.index._rows import Float32Array, GrowingRows
from likewise.index._sampling import sample
from likewise.index.base import Answer, IndexPlan, Progress, Request
from likewise.index.inverted import CLUSTERED
from likewise.index.planner import CostModel
from likewise.index.recall import share_found
from likewise.index.rotation import Rotation
from likewise.index.scanning import PreparedRows, scan
from likewise.metrics import Metric
from likewise.results import Neighbours, Row
from likewise.vectors import as_dense

#: What proposes: all prefixes, those in the nearest cells, or a walk along links.
STAGES = ("scan", "cells", "graph")
#: The parts of a row that are kept by default, and the fewest numbers.
SHARES, SHORTEST = (16, 8, 4), 8
#: Rows that a rotation is learned from: at least so many, and so many for each number.
ROTATED, ROTATED_EACH = 8_192, 8
#: Rows ranked exactly by default: so many, and so many for each of the k.
RERANKED, RERANKED_EACH = 100, 10
#: Rows that tell the recall of ``dims`` and ``rerank`` as given.
ASKED = 64
#: Seconds for a multiplication in a matrix product; to code a number; to link a row and a number
#: of it; to measure the curve (measured, one core).
MULTIPLIED, CODED, LINKED, LINKED_NUMBER, MEASURED = 4e-11, 1.5e-8, 8e-5, 5e-7, 1.0


@dataclass(slots=True)
class Asked(Request):
    """A search by ``dims`` numbers that ranks ``rerank`` rows exactly."""

    dims: int | None = None
    rerank: int = RERANKED


class Prefix(Proposing):
    """Candidates by the first ``dims`` numbers of each row, ranked by all of them.

    Encoders trained so (Matryoshka) put the most into the first numbers; vectors of any other
    encoder are turned first, so that their principal axes come in that order; ``info.reason`` and
    the repr say so. A rotation leaves every distance as it is, and what is proposed is ranked by
    the exact float64 formula on the rows as they were given.

    Which length is asked, how far, and how many rows are ranked is read from a curve measured at
    `fit` with some 256 rows kept back (`curve`), so that ``recall`` is kept at the least cost; or
    it is given with the search, as ``dims=`` and ``rerank=``. Under cosine every prefix is brought
    to length one again.

    Args:
        metric: cosine, euclidean, sqeuclidean or dot.
        dims: how many numbers a prefix has; several lengths may be kept side by side, each with
            memory of its own. None takes a sixteenth, an eighth and a quarter of the row, but 8
            numbers at least.
        rotation: ``"pca"``, or None where the encoder was trained for prefixes.
            The mean is subtracted for euclidean and sqeuclidean; for cosine and dot it is not,
            since a shift changes angles and inner products.
        stage: what proposes: ``scan``, all prefixes; ``cells``, those in the k-means cells that are
            nearest by the first ``coarse_dims`` numbers (AdANNS-IVF); ``graph``, a walk along links
            among prefixes (AdANNS-DiskANN).
        coarse_dims: for ``cells``, the numbers that cells are chosen by; None is ``dims``.
        codes: how scans and cells keep a prefix: ``flat``, 4 bytes a number; ``pq``, product codes;
            ``opq``, the same after a learned rotation (AdANNS-OPQ).
        code_bytes: of a product code; None is a byte for four numbers.
        random_state, n_jobs, memory_limit: as in `Index`.
        costs: the planner's constants. None measures them by the clock, which may choose
            another strategy on another day; given, the same calls give the same answers.

    Raises:
        UnknownMetric: another metric. InvalidArgument: another rotation, stage or codes, or an
        argument that the stage does not have. `fit`: ``dims`` beyond the length of the rows.

    Cost: `fit` O(n dim dims) and what the stage takes; `search` that of the stage on ``dims``
    numbers, and O(rerank dim). Memory: the rows, and the codes of every length.

    Source: A. Rege and others, "AdANNS: A framework for adaptive semantic search", NeurIPS 2023;
    A. Kusupati and others, "Matryoshka representation learning", NeurIPS 2022.

    Example:
        >>> rows = np.random.default_rng(0).standard_normal((3000, 32)) / np.arange(1, 33)
        >>> index = Prefix("euclidean", dims=(4, 8)).fit(rows)
        >>> found = index.search(rows[:2], k=3, dims=8, rerank=50)
        >>> found.ids[:, 0].tolist(), found.info.strategy
        ([0, 1], 'prefix')
        >>> index
        Prefix(metric='euclidean', dims=(4, 8), rotation='pca', stage='scan', 3000 rows)
    """

    name = "prefix"

    @suggest_arguments
    def __init__(
        self,
        metric: str | Metric = "cosine",
        *,
        dims: int | Sequence[int] | None = None,
        rotation: str | None = "pca",
        stage: str = "scan",
        coarse_dims: int | None = None,
        codes: str = "flat",
        code_bytes: int | None = None,
        random_state: int = 0,
        n_jobs: int | None = None,
        memory_limit: int | None = None,
        costs: CostModel | None = None,
    ) -> None:
        super().__init__(
            metric,
            random_state=random_state,
            n_jobs=n_jobs,
            memory_limit=memory_limit,
            costs=costs,
        )
        if rotation not in ("pca", None):
            raise InvalidArgument(f"rotation must be 'pca' or None; got {rotation!r}")
        if stage not in STAGES:
            raise InvalidArgument(f"stage must be one of {', '.join(STAGES)}; got {stage!r}")
        if codes not in CODES:
            raise InvalidArgument(f"codes must be one of {', '.join(CODES)}; got {codes!r}")
        if coarse_dims is not None and stage != "cells":
            raise InvalidArgument(f"coarse_dims= is for stage 'cells'; the stage is {stage!r}")
        if code_bytes is not None and codes == "flat":
            raise InvalidArgument("code_bytes= is for codes 'pq' and 'opq'; the codes are 'flat'")
        if codes != "flat" and stage == "graph":
            raise InvalidArgument(f"stage 'graph' has codes of its own; leave out codes={codes!r}")
        self._dims = None if dims is None else _lengths(dims)
        self.coarse_dims = None if coarse_dims is None else check_count("coarse_dims", coarse_dims)
        self.code_bytes = None if code_bytes is None else check_count("code_bytes", code_bytes)
        self.rotation, self.stage, self.codes = rotation, stage, codes
        shortest = None if self._dims is None or codes == "flat" else self._dims[0]
        if shortest is not None and self.code_bytes is not None and self.code_bytes > shortest:
            raise InvalidArgument(
                f"code_bytes must be at most dims: a byte is for a number or more; got "
                f"code_bytes={code_bytes} for dims={shortest}"
            )
        self._forget()

    def __repr__(self) -> str:
        dims = self._dims if self._rows is None else self.lengths
        return (
            f"Prefix(metric={self.metric!r}, dims={dims}, rotation={self.rotation!r}, "
            f"stage={self.stage!r}, {len(self)} rows)"
        )

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many numbers the prefixes have.

        Example:
            >>> Prefix().fit(np.ones((3, 64))).lengths
            (8, 16)
        """
        return self._lengths_for(self.dim)

    def row_bytes(self, dims: int) -> float:
        """Bytes of a row's code of length ``dims``, beside the row; 0 while there are too few rows.

        Raises:
            InvalidArgument: no such length is kept.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((3000, 32))
            >>> Prefix("euclidean", dims=16, codes="pq", code_bytes=8).fit(rows).row_bytes(16)
            8.0
        """
        self._refuse_unknown(dims)
        coded = self._coded
        return 0.0 if coded is None else _ladder(coded).rungs[dims].row_bytes

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
        dims: int | None = None,
        rerank: int | None = None,
        effort: int | None = None,
    ) -> Neighbours:
        """The nearest rows of each query; see `Index.search` for all but the last three arguments.

        Args:
            Q, k, radius, recall, exact, where: as there. None of the next three given, ``recall``
                decides how the search is done.
            dims: propose by this many of the first numbers, one of `lengths`.
            rerank: how many proposals are ranked by all numbers, at least ``k``; None is 100, or
                10 k where that is more. Ranking only ``k`` tells how good the codes alone are.
            effort: cells looked into, or the length of a walk's list; None is an eighth of the
                cells, or ``rerank``. A scan has none.

        Returns:
            as `Index.search`; with ``dims``, ``info.recall`` is what was measured for such
            searches without a filter, with some rows asked for their own neighbours. What was not
            measured yet is measured first, which takes a moment.

        Raises:
            InvalidArgument: ``dims`` is not a length that is kept, or beyond the vector;
                ``rerank`` is below ``k``; ``rerank`` or ``effort`` without ``dims``; ``dims`` with
                ``recall``, ``exact`` or ``k=None``. Otherwise as `Index.search`.

        Cost: that of the stage, and O(rerank dim) a query.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((3000, 32)) / np.arange(1, 33)
            >>> index = Prefix("euclidean", dims=(4, 8)).fit(rows)
            >>> index.search(rows[0], k=3, dims=64)
            Traceback (most recent call last):
            ...
            likewise.errors.InvalidArgument: dims=64 is beyond the vectors, which have 32 ...
        """
        start = perf_counter()
        queries = as_dense(Q, dim=self._held().dim, metric=self._metric, what="Q")
        request = self._request(k, radius, recall, exact, where)
        if dims is None:
            if rerank is not None or effort is not None:
                raise InvalidArgument("rerank= and effort= say how to search by dims=; give dims=")
            return self._found(queries, request, start)
        if exact or recall is not None or k is None:
            raise InvalidArgument(
                "dims= says how to search; recall=, exact= and k=None say how much to find: give "
                "one or the other"
            )
        self._refuse_unknown(dims)
        if effort is not None and self.stage == "scan":
            raise InvalidArgument("effort= is for the stages 'cells' and 'graph'; a scan has none")
        effort = None if effort is None else check_count("effort", effort)
        count = (
            max(RERANKED, RERANKED_EACH * k) if rerank is None else check_count("rerank", rerank)
        )
        if count < k:
            raise InvalidArgument(f"rerank must be at least k = {k}; got {count}")
        asked = Asked(k, request.radius, request.recall, False, request.selection, effort)
        asked.dims, asked.rerank = dims, count
        return self._found(queries, asked, start)

    def _refuse_unknown(self, dims: Any) -> None:
        dims, whole = check_count("dims", dims), self.dim
        if dims > whole:
            raise InvalidArgument(
                f"dims={dims} is beyond the vectors, which have {whole} numbers; prefixes of "
                f"{_listed(self.lengths)} are kept"
            )
        if dims not in self.lengths:
            raise InvalidArgument(
                f"dims must be one of the lengths that are kept, {_listed(self.lengths)}; got "
                f"{dims}; make the index with dims={dims}"
            )

    # -- hooks of the protocol -------------------------------------------------------

    def _fit(self, rows: GrowingRows, progress: Progress | None) -> None:
        self._lengths_for(rows.dim)
        super()._fit(rows, progress)
        self._forget()

    def _add(self, rows: Float32Array) -> None:
        self._forget()
        super()._add(rows)

    def _compact(self, keep: IdArray) -> None:
        self._forget()
        super()._compact(keep)

    def _search(self, queries: Float32Array, request: Request) -> Answer:
        coded = self._coded
        if isinstance(request, Asked) and request.dims is not None and coded is not None:
            return self._by_dims(coded, queries, request, request.dims)
        answer = super()._search(queries, request)
        answer.reason += self._about()
        return answer

    def _forget(self) -> None:
        """What was measured of searches by ``dims``, which other rows would answer otherwise."""
        self._measured: dict[tuple[int, int, int, int], float] = {}
        self._truths: dict[int, tuple[IdArray, list[Row]]] = {}

    def _about(self) -> str:
        if self._coded is None:
            return ""
        turned = " of the rows turned by PCA" if self.rotation else ""
        return f"; prefixes of {_listed(self.lengths)} numbers{turned}"

    def _by_dims(self, coded: Coded, queries: Float32Array, request: Asked, dims: int) -> Answer:
        rung, mask = _ladder(coded).rungs[dims], request.selection.mask()
        probe = self._probe(rung, request)
        beside = coded.waiting if mask is None else coded.waiting[mask[coded.waiting]]
        matching = request.selection.count - len(beside)
        found = Found([None] * len(queries), [0.0] * len(queries))
        if matching:
            recall = self._recall_at(coded, rung, dims, request, probe)
            rows = self._ranked(coded, queries, request, rung, probe, mask)
            inside = coded.placement.takes_queries(queries)
            for i, row in enumerate(rows):
                whole = request.radius is not None or len(row.ids) >= min(request.k or 0, matching)
                if whole and inside[i]:
                    found.rows[i], found.recalls[i] = row, recall
            found.scanned = len(queries) * (rung.compared(probe) + min(request.rerank, matching))
        answer = self._finished(queries, request, found, beside, {})
        scanned = sum(r == 1.0 and not found.recalls[i] for i, r in enumerate(found.recalls))
        answer.reason = f"asked for by dims={dims} and rerank={request.rerank:,}{self._about()}"
        if answer.strategy == "exact" or scanned:
            answer.reason += "; queries for which that proposes fewer than k rows are scanned"
        return answer

    def _ranked(
        self,
        coded: Coded,
        queries: Float32Array,
        request: Asked,
        rung: Rung,
        probe: int,
        mask: npt.NDArray[np.bool_] | None,
    ) -> list[Row]:
        ladder = _ladder(coded)

        def one(block: Float32Array) -> list[Row]:
            turned = ladder.turned(coded.placement.queries(block), each=True)
            proposed = rung.propose(turned, probe, request.rerank, mask)
            return rank(self._prepared, block, proposed, request.k, request.radius)

        blocks = [queries[start : start + BLOCK] for start in range(0, len(queries), BLOCK)]
        if self._jobs == 1 or len(blocks) == 1:
            return [row for block in blocks for row in one(block)]
        with ThreadPoolExecutor(self._jobs) as pool:
            return [row for part in pool.map(one, blocks) for row in part]

    def _probe(self, rung: Rung, request: Asked) -> int:
        if isinstance(rung, PrefixGraph):
            return max(request.rerank, request.effort or 0)
        most = rung.cells
        return min(most, max(1, most // 8) if request.effort is None else request.effort)

    def _recall_at(self, coded: Coded, rung: Rung, dims: int, request: Asked, probe: int) -> float:
        """The recall of such searches: rows of the index asked for their own neighbours."""
        k = request.k or 1
        key = (dims, request.rerank, probe, k)
        if key not in self._measured:
            chosen, truth = self._truth_at(coded, k)
            rows = self._prepared.rows[chosen]
            turned = _ladder(coded).turned(coded.placement.queries(rows), each=True)
            proposed = rung.propose(turned, probe, request.rerank + 1, None)
            proposed = np.where(proposed == chosen[:, None], -1, proposed)
            answers = rank(self._prepared, rows, proposed, k)
            shares = [share_found(a, t, k) for a, t in zip(answers, truth, strict=True)]
            self._measured[key] = float(np.mean(shares))
        return self._measured[key]

    def _truth_at(self, coded: Coded, k: int) -> tuple[IdArray, list[Row]]:
        """Some rows, and the true nearest ``k`` of each, itself left out."""
        if k not in self._truths:
            held = np.setdiff1d(np.arange(len(self._prepared.rows)), coded.waiting)
            chosen = sample(self._prepared.rows, held, ASKED, self.random_state + 2)
            found = scan(self._prepared, self._prepared.rows[chosen], k + 1, None, held).rows
            others = [_without(row, own) for row, own in zip(found, chosen, strict=True)]
            self._truths[k] = chosen, others
        return self._truths[k]

    # -- hooks of `Proposing` ----------------------------------------------------------

    @property
    def _multiple(self) -> int:
        return 1

    def _lengths_for(self, dim: int) -> tuple[int, ...]:
        lengths = self._dims
        if lengths is None:
            least = min(dim, max(SHORTEST, self.code_bytes or 1))
            lengths = tuple(sorted({max(least, -(-dim // share)) for share in SHARES}))
        for name, most in (("dims", lengths[-1]), ("coarse_dims", self.coarse_dims or 0)):
            if most > dim:
                raise InvalidArgument(
                    f"{name}={most} is beyond the vectors, which have {dim} numbers; "
                    f"give at most {dim}"
                )
        if self.codes != "flat" and (self.code_bytes or 0) > lengths[0]:
            raise InvalidArgument(
                f"code_bytes={self.code_bytes} is more than the {lengths[0]} numbers of a prefix; "
                f"give at most {lengths[0]}"
            )
        return lengths

    def _code_bytes(self, dims: int) -> int | None:
        if self.codes == "flat":
            return None
        return self.code_bytes or -(-dims // 4)

    def _train(self, placement: Placement, prepared: PreparedRows, ids: IdArray) -> Proposer:
        dim = prepared.rows.shape[1]
        lengths = self._lengths_for(dim)
        width = max(lengths[-1], self.coarse_dims or 0)
        order = np.random.default_rng(self.random_state).permutation(ids)
        rotation = None
        if self.rotation is not None:
            drawn = order[: max(ROTATED, ROTATED_EACH * dim)]
            placed = placement.rows(prepared.rows[drawn])[:, :dim]
            shifted = self.metric in ("euclidean", "sqeuclidean")
            rotation = Rotation.learn(placed, centre=shifted)
        ladder = Ladder(rotation, dim, {}, width)
        turned = np.empty((0, width), dtype=np.float32)
        if self.stage != "graph":
            turned = ladder.turned(placement.rows(prepared.rows[order]), each=False)
        for dims in lengths:
            cut = Cut(self.metric, dims, placement.reach, self._code_bytes(dims) or 1)
            if self.stage == "graph":
                cut = Cut(self.metric, dims, placement.reach)
                ladder.rungs[dims] = PrefixGraph(cut, self.random_state, self._jobs)
                continue
            coarse = None
            if self.stage == "cells":
                coarse = Cut(self.metric, self.coarse_dims or dims, placement.reach)
            ladder.rungs[dims] = PrefixLists.trained(
                cut,
                coarse,
                self._code_bytes(dims),
                self.codes == "opq",
                turned,
                len(ids),
                self.random_state,
            )
        return ladder

    def _reload(
        self, placement: Placement, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]
    ) -> Proposer:
        return Ladder.restored(arrays, state, self._jobs)

    def _options(self) -> dict[str, Any]:
        return {
            "dims": None if self._dims is None else list(self._dims),
            "rotation": self.rotation,
            "stage": self.stage,
            "coarse_dims": self.coarse_dims,
            "codes": self.codes,
            "code_bytes": self.code_bytes,
        }

    def _take_options(self, options: dict[str, Any]) -> None:
        self._dims = None if options["dims"] is None else tuple(options["dims"])
        self.rotation, self.stage = options["rotation"], options["stage"]
        self.coarse_dims = options["coarse_dims"]
        self.codes, self.code_bytes = options["codes"], options["code_bytes"]

    def _plan(self, n: int, dim: int) -> IndexPlan:
        lengths = self._lengths_for(dim)
        rows = n * (4 * dim + 24)
        # Turned rows lie beside the codes while these are made.
        held = rows + 4 * n * lengths[-1] + 12 * dim**2 + 4096
        work = n * dim * (dim + lengths[-1]) * MULTIPLIED * (self.rotation is not None)
        for dims in lengths:
            own = 4 * (dims + 1) if self.codes == "flat" else self._code_bytes(dims) or 0
            held += n * (own + 8)
            work += n * dims * CODED
            if self.stage == "graph":
                held += n * (6 * (dims + 64) + 220)
                work += n * (LINKED + LINKED_NUMBER * dims)
            if self.stage == "cells":
                cells = 2 * n**0.5
                held += int(4 * cells * (self.coarse_dims or dims))
                work += n * cells * (self.coarse_dims or dims) * 10 * CLUSTERED
        measured = 0.0 if n < SMALLEST else MEASURED + 256 * n * dim * 1e-10
        return IndexPlan(int(held), work + measured + 0.01)


def _lengths(dims: Any) -> tuple[int, ...]:
    """``dims`` as ascending lengths, each once."""
    if isinstance(dims, (str, bytes)):
        raise InvalidType(f"dims must be an integer or several; got {dims!r}")
    given = list(dims) if hasattr(dims, "__iter__") else [dims]
    if not given:
        raise InvalidArgument("dims must name at least one length; got none")
    return tuple(sorted({check_count("dims", one) for one in given}))


def _listed(lengths: Sequence[int]) -> str:
    return ", ".join(map(str, lengths))


def _ladder(coded: Coded) -> Ladder:
    proposer = coded.proposer
    if not isinstance(proposer, Ladder):
        raise InvalidType(f"expected a Ladder; got {type(proposer).__name__}")
    return proposer


def _without(row: Row, own: int) -> Row:
    stay = row.ids != own
    return Row(row.ids[stay], row.distances[stay])
