"""`Hash`: rows as short strings of bits, proposed by Hamming distance, ranked exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.index._bits import Bits
from likewise.index._hyperplanes import LEARNT_FROM, ROUNDS, learned_directions, random_directions
from likewise.index._placing import Placement
from likewise.index._proposer import IdArray, Proposer
from likewise.index._proposing import SMALLEST, Proposing
from likewise.index.base import IndexPlan
from likewise.index.planner import CostModel
from likewise.index.scanning import PreparedRows
from likewise.metrics import Metric

#: The ways to choose hyperplanes.
KINDS = ("hyperplanes", "itq")
#: Bits by default: about two for each number, within these bounds.
FEWEST_BITS, MOST_BITS = 256, 1024
#: Seconds for one multiplication in a matrix product (measured, one core).
MULTIPLIED = 4e-11
#: Seconds to measure the curve, beside the scans for the truth (measured).
MEASURED = 0.3


class Hash(Proposing):
    """Binary codes that know their own recall: a few dozen bytes a row, in no structure at all.

    Each bit says on which side of a hyperplane through the mean a row lies. A search counts
    the bits that differ between the query and every row, and ranks the rows with the fewest by
    the exact float64 formula. How many are ranked is read from a curve measured at `fit` with
    some 256 rows kept back (`curve`); where it cannot promise ``recall``, or a scan is cheaper,
    the rows are scanned, and ``info`` says so. Filters and deletions are honoured inside.

    It takes the least memory beside the rows and is quick to build, and it is slower than a
    graph or an inverted file when there are many rows, since it looks at the bits of all.

    Args:
        metric: cosine, euclidean, sqeuclidean or dot (lifted by one dimension; B. Neyshabur and
            N. Srebro, ICML 2015).
        codes: ``hyperplanes``, at random; or ``itq``, learned by iterative quantisation, which
            takes several times as long to build and pays where bits are few (fewer than the
            numbers of a row).
        bits: a multiple of 8; None takes about two for each number of a row, within 256 and
            1,024.
        random_state, n_jobs, memory_limit: as in `Index`.
        costs: the planner's constants. None measures them by the clock, which may choose
            another strategy on another day; given, the same calls give the same answers.

    Raises:
        UnknownMetric: another metric. InvalidArgument: other codes, or bits that are not a
        multiple of 8.

    Cost: `fit` O(n dim bits), and O(dim^3) to learn ``itq``; `search` O(n bits) of the cheapest
    kind. Memory: the rows, and bits / 8 bytes a row.

    Source: M. S. Charikar, "Similarity estimation techniques from rounding algorithms", STOC
    2002; Y. Gong and S. Lazebnik, "Iterative quantization", CVPR 2011.

    Example:
        >>> rows = np.random.default_rng(0).standard_normal((2000, 8))
        >>> index = Hash("euclidean", bits=128).fit(rows)
        >>> index.search(rows[:2], k=3, exact=True).ids[:, 0].tolist()
        [0, 1]
        >>> index.search(rows[:2], k=3, recall=0.9).info.recall >= 0.9
        True
    """

    name = "hash"

    @suggest_arguments
    def __init__(
        self,
        metric: str | Metric = "cosine",
        *,
        codes: str = "hyperplanes",
        bits: int | None = None,
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
        if codes not in KINDS:
            raise InvalidArgument(f"codes must be one of {', '.join(KINDS)}; got {codes!r}")
        if bits is not None and check_count("bits", bits) % 8:
            raise InvalidArgument(f"bits must be a multiple of 8; got {bits}")
        self.codes, self.bits = codes, bits

    @property
    def _multiple(self) -> int:
        return 1

    def _bits_for(self, dim: int) -> int:
        if self.bits is not None:
            return self.bits
        return int(np.clip(2 * dim // 64 * 64, FEWEST_BITS, MOST_BITS))

    def _train(self, placement: Placement, prepared: PreparedRows, ids: IdArray) -> Proposer:
        drawn = np.random.default_rng(self.random_state).permutation(ids)[:LEARNT_FROM]
        placed = placement.rows(prepared.rows[drawn])
        centre = placed.mean(axis=0, dtype=np.float64).astype(np.float32)
        bits = self._bits_for(placement.dim)
        if self.codes == "itq":
            directions = learned_directions(placed - centre, bits, self.random_state)
        else:
            directions = random_directions(bits, placement.width, self.random_state)
        return Bits(centre, directions)

    def _reload(
        self, placement: Placement, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]
    ) -> Proposer:
        return Bits.restored(arrays, state)

    def _options(self) -> dict[str, Any]:
        return {"codes": self.codes, "bits": self.bits}

    def _take_options(self, options: dict[str, Any]) -> None:
        self.codes, self.bits = options["codes"], options["bits"]

    def _plan(self, n: int, dim: int) -> IndexPlan:
        bits, width = self._bits_for(dim), dim + (self.metric == "dot")
        held = n * (4 * dim + 16)  # the rows, their lengths, and whether they live
        work = n * bits * width * MULTIPLIED
        if self.codes == "itq":
            groups = max(1, bits / width)
            rounds = min(n, LEARNT_FROM) * width + 5 * width**2
            work += groups * ROUNDS * rounds * width * 2 * MULTIPLIED
        if n >= SMALLEST:
            work += MEASURED + 256 * n * (dim * 1e-10 + bits * 1e-11)
        return IndexPlan(held + n * (bits // 8 + 8) + 4 * bits * width + 4096, work + 0.01)
