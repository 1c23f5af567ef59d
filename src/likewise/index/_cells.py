"""`Cells`: rows in k-means cells with short codes, by faiss; the nearest cells are looked into."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.index._faiss import faiss, from_bytes, selector, threads, to_bytes
from likewise.index._proposer import Arrays, BoolArray, IdArray, Proposer
from likewise.index._rows import Float32Array

#: Cells for each square root of the rows, and the fewest rows a cell should hold.
CELLS, FEWEST_IN_CELL = 2.0, 8
#: Rows a cell is trained on, and rounds of k-means.
ROWS_A_CELL, ROUNDS = 48, 10
#: Rows that the codes and the rotation are trained on.
CODE_ROWS, ROTATION_ROWS = 16_384, 8_192
#: The numbers of cells looked into that are tried.
PROBES = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024)


class Code(NamedTuple):
    """One way to write a row: ``multiple`` numbers at a time; ``bits`` a number; what reading a
    code costs beside reading plain bytes; whether rows are turned first, and how."""

    multiple: int
    bits: float
    dear: float
    turned: str


#: By name. A number of a row takes 32 bits as it is.
CODES: dict[str, Code] = {
    "flat": Code(1, 32, 1, ""),
    "scalar": Code(1, 8, 2, ""),
    "pq": Code(4, 2, 24, ""),
    "opq": Code(4, 2, 24, "learned"),
    "rabitq": Code(8, 1, 8, "random"),
    "fastscan": Code(2, 2, 2, ""),
}


def cells_for(rows: int) -> int:
    """How many cells ``rows`` rows are put in."""
    return max(1, min(rows // FEWEST_IN_CELL, round(CELLS * math.sqrt(rows))))


class Cells(Proposer):
    """An inverted file: k-means cells, and in each the codes of its rows.

    J. Sivic and A. Zisserman, "Video Google", ICCV 2003; product codes: H. Jégou, M. Douze and
    C. Schmid, PAMI 2011; the learned rotation: T. Ge, K. He, Q. Ke and J. Sun, CVPR 2013;
    FastScan: F. André, A.-M. Kermarrec and N. Le Scouarnec, PVLDB 2015; RaBitQ: J. Gao and
    C. Long, SIGMOD 2024.
    """

    losses: ClassVar[tuple[float, ...]] = (0.1, 0.05, 0.02, 0.01, 0.002)

    def __init__(self, codes: str, lists: Any, turn: Float32Array | None) -> None:
        self._codes, self._lists, self._turn = codes, lists, turn

    @classmethod
    def trained(cls, codes: str, placed: Float32Array, rows: int, seed: int, jobs: int) -> Cells:
        """Cells for some ``rows`` rows, of which ``placed`` is a sample in random order."""
        with threads(1):  # several would sum in another order
            turn = _turn(CODES[codes].turned, placed, seed)
        with threads(jobs):
            turned = placed if turn is None else placed @ turn.T
            lists = _empty(codes, placed.shape[1], cells_for(rows), seed)
            lists.train(turned)
        return cls(codes, lists, turn)

    @classmethod
    def restored(cls, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]) -> Cells:
        """From `state`."""
        return cls(state["codes"], from_bytes(arrays["lists"]), arrays.get("turn"))

    def insert(self, placed: Float32Array, ids: IdArray, jobs: int) -> None:
        turned = placed if self._turn is None else placed @ self._turn.T
        with threads(jobs):
            self._lists.add_with_ids(turned, ids)

    def propose(
        self, placed: Float32Array, probe: int, count: int, allowed: BoolArray | None
    ) -> IdArray:
        parameters = faiss().SearchParametersIVF
        if self._codes == "rabitq":
            parameters = faiss().IVFRaBitQSearchParameters
        if self._turn is not None:  # summed pair by pair, so that a batch changes nothing
            placed = np.vecdot(placed[:, None, :], self._turn[None, :, :])
        with threads(1):
            if allowed is None:
                return self._search(placed, count, parameters(nprobe=probe))
            chosen, bits = selector(allowed)
            found = self._search(placed, count, parameters(nprobe=probe, sel=chosen))
            del bits  # needed until here
        return found

    def _search(self, placed: Float32Array, count: int, parameters: Any) -> IdArray:
        _, ids = self._lists.search(placed, count, params=parameters)
        found: IdArray = ids
        return found

    def probes(self) -> tuple[int, ...]:
        cells = self._lists.nlist
        return tuple(p for p in PROBES if p < cells // 2 or p == 1) + (
            () if cells < 4 or cells // 2 > PROBES[-1] else (cells // 2,)
        )

    def compared(self, probe: int) -> int:
        lists = self._lists
        return int(lists.nlist + lists.ntotal * min(1.0, probe / lists.nlist))

    def read(self, probe: int) -> float:
        lists, code = self._lists, CODES[self._codes]
        width, share = lists.d, min(1.0, probe / lists.nlist)
        turning = 0 if self._turn is None else width * width
        scanned = lists.ntotal * share * width * code.bits / 32 * code.dear
        return float(turning + lists.nlist * width + scanned)

    def compact(self, keep: IdArray) -> None:
        lists = self._lists
        size = max(self._largest() + 1, int(keep[-1]) + 1 if len(keep) else 1)
        dead = np.ones(size, dtype=np.bool_)
        dead[keep] = False
        chosen, bits = selector(dead)
        with threads(1):
            lists.remove_ids(chosen)
        del bits  # needed until here
        renumbered = np.full(size, -1, dtype=np.int64)
        renumbered[keep] = np.arange(len(keep))
        for numbers in self._numbers():
            numbers[:] = renumbered[numbers]

    def _largest(self) -> int:
        return max((int(numbers.max()) for numbers in self._numbers()), default=-1)

    def _numbers(self) -> list[IdArray]:
        """The row numbers in each cell, where they lie."""
        inner = self._lists.invlists
        sizes = [inner.list_size(cell) for cell in range(self._lists.nlist)]
        return [
            faiss().rev_swig_ptr(inner.get_ids(cell), size)
            for cell, size in enumerate(sizes)
            if size
        ]

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        arrays: Arrays = {"lists": to_bytes(self._lists)}
        if self._turn is not None:
            arrays["turn"] = self._turn
        return arrays, {"codes": self._codes}


def _empty(codes: str, width: int, cells: int, seed: int) -> Any:
    """An untrained inverted file."""
    module = faiss()
    coarse, near = module.IndexFlatL2(width), module.METRIC_L2
    if codes == "flat":
        lists = module.IndexIVFFlat(coarse, width, cells, near)
    elif codes == "scalar":
        kind = module.ScalarQuantizer.QT_8bit
        lists = module.IndexIVFScalarQuantizer(coarse, width, cells, kind, near)
    elif codes == "rabitq":
        lists = module.IndexIVFRaBitQ(coarse, width, cells, near)
    elif codes == "fastscan":
        lists = module.IndexIVFPQFastScan(coarse, width, cells, width // 2, 4, near)
        lists.by_residual = False  # one table a query, not one a cell
    else:
        lists = module.IndexIVFPQ(coarse, width, cells, width // 4, 8, near)
    coarse.this.disown()
    lists.own_fields = True
    _set(lists.cp, ROWS_A_CELL, seed)
    if hasattr(lists, "pq"):
        _set(lists.pq.cp, CODE_ROWS // lists.pq.ksub, seed)
    return lists


def _set(clustering: Any, rows_a_cell: int, seed: int) -> None:
    clustering.niter = ROUNDS
    clustering.seed = seed % 2**31
    clustering.min_points_per_centroid = 1  # no warning on stderr for few rows
    clustering.max_points_per_centroid = rows_a_cell


def _turn(kind: str, placed: Float32Array, seed: int) -> Float32Array | None:
    """(width, width) the rotation before coding, if there is one."""
    width = placed.shape[1]
    if kind == "random":
        normal = np.random.default_rng(seed).standard_normal((width, width))
        return np.linalg.qr(normal)[0].astype(np.float32)
    if kind == "learned":
        return learned_turn(placed, width // 4, seed)
    return None


def learned_turn(placed: Float32Array, parts: int, seed: int) -> Float32Array:
    """(width, width) the rotation after which product codes of ``parts`` parts lose the least."""
    module, width = faiss(), placed.shape[1]
    matrix = module.OPQMatrix(width, parts)
    matrix.niter, matrix.niter_pq, matrix.niter_pq_0 = ROUNDS, 4, ROUNDS
    quantizer = module.ProductQuantizer(width, parts, 4)  # a coarser one learns quicker
    quantizer.cp.min_points_per_centroid = 1
    quantizer.cp.seed = seed % 2**31
    matrix.pq = quantizer
    matrix.train(placed[:ROTATION_ROWS])
    turn: Float32Array = module.vector_to_array(matrix.A).reshape(width, width).copy()
    return turn
