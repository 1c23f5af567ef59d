"""`Inverted`: k-means cells with short codes, built several times faster than a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument
from likewise.index._cells import CODES, ROWS_A_CELL, Cells, cells_for
from likewise.index._placing import Placement
from likewise.index._proposer import IdArray, Proposer
from likewise.index._proposing import SMALLEST, Proposing
from likewise.index.base import IndexPlan
from likewise.index.planner import CostModel
from likewise.index.scanning import PreparedRows
from likewise.metrics import Metric

#: Seconds for one number of one row in one round of one cell of k-means, and to code a number
#: (measured, one core).
CLUSTERED, CODED = 5e-11, 1.5e-8
#: Seconds to measure the curve, beside the scans for the truth (measured).
MEASURED = 1.0


class Inverted(Proposing):
    """An inverted file that knows its own recall: cells of k-means, short codes, exact ranking.

    Rows lie in the cells of their nearest centroids, about two for each square root of the
    rows. A search looks into the nearest cells, compares short codes there, and ranks the best
    by the exact float64 formula. How many cells, and how many rows are ranked, is read from a
    curve measured at `fit` with some 256 rows kept back (`curve`); where it cannot promise
    ``recall``, or a scan is cheaper, the rows are scanned, and ``info`` says so. Filters and
    deletions are honoured inside.

    Args:
        metric: cosine, euclidean, sqeuclidean or dot (lifted by one dimension, see Bachrach and
            others, 2014).
        codes: how rows are written in their cells.

            - ``fastscan``: 4 bits for two numbers, compared in the processor's registers; the
              fastest.
            - ``scalar``: 8 bits a number.
            - ``pq``: 8 bits for four numbers. ``opq``: the same after a learned rotation.
            - ``rabitq``: 1 bit a number after a random rotation.
            - ``flat``: the numbers themselves; the index then holds the rows twice.
        random_state, n_jobs, memory_limit: as in `Index`. The threads build too; the index does
            not depend on how many they are.
        costs: the planner's constants. None measures them by the clock, which may choose
            another strategy on another day; given, the same calls give the same answers.

    Raises:
        UnknownMetric: another metric. InvalidArgument: other codes.

    Cost: `fit` O(n^1.5 dim) with a small constant, about 40 µs a row for 100,000 rows of 384
    numbers; `search` O(sqrt(n) dim) and the codes of the cells looked into. Memory: the rows,
    and a quarter byte a number for most codes.

    Source: J. Sivic and A. Zisserman, "Video Google", ICCV 2003; H. Jégou, M. Douze and
    C. Schmid, "Product quantization for nearest neighbor search", PAMI 2011; by faiss.

    Example:
        >>> rows = np.random.default_rng(0).standard_normal((2000, 8))
        >>> index = Inverted("euclidean", codes="scalar").fit(rows)
        >>> index.search(rows[:2], k=3, exact=True).ids[:, 0].tolist()
        [0, 1]
        >>> index.search(rows[:2], k=3, recall=0.9).info.recall >= 0.9
        True
    """

    name = "inverted"

    @suggest_arguments
    def __init__(
        self,
        metric: str | Metric = "cosine",
        *,
        codes: str = "fastscan",
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
        if codes not in CODES:
            raise InvalidArgument(f"codes must be one of {', '.join(CODES)}; got {codes!r}")
        self.codes = codes

    @property
    def _multiple(self) -> int:
        return CODES[self.codes].multiple

    def _train(self, placement: Placement, prepared: PreparedRows, ids: IdArray) -> Proposer:
        most = ROWS_A_CELL * cells_for(len(ids))
        drawn = np.random.default_rng(self.random_state).permutation(ids)[:most]
        placed = placement.rows(prepared.rows[drawn])
        return Cells.trained(self.codes, placed, len(ids), self.random_state, self._jobs)

    def _reload(
        self, placement: Placement, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]
    ) -> Proposer:
        return Cells.restored(arrays, state)

    def _options(self) -> dict[str, Any]:
        return {"codes": self.codes}

    def _take_options(self, options: dict[str, Any]) -> None:
        self.codes = options["codes"]

    def _plan(self, n: int, dim: int) -> IndexPlan:
        code, cells = CODES[self.codes], cells_for(max(n, 1))
        width = -(-(dim + (self.metric == "dot")) // code.multiple) * code.multiple
        held = n * (4 * dim + 16)  # the rows, their lengths, and whether they live
        coded = n * (width * code.bits / 8 + 16) + 4 * width * cells + 4 * width**2
        trained = min(n, ROWS_A_CELL * cells)
        work = trained * cells * width * 10 * CLUSTERED + n * cells * width * CLUSTERED
        measured = 0.0 if n < SMALLEST else MEASURED + 256 * n * dim * 1e-10
        return IndexPlan(int(held + coded + 4096), work + n * dim * CODED + measured + 0.01)
