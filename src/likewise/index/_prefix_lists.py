"""`PrefixLists`: rows in cells of one prefix, compared by codes of another, by faiss.

With one cell it is a scan. The cells may be chosen by other dims than the codes are of
(A. Rege and others, "AdANNS", NeurIPS 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likewise.index._cells import CODE_ROWS, PROBES, ROUNDS, ROWS_A_CELL, cells_for, learned_turn
from likewise.index._faiss import faiss, from_bytes, selector, threads, to_bytes
from likewise.index._prefix_cut import Cut
from likewise.index._proposer import Arrays, BoolArray, IdArray, Proposer
from likewise.index._rows import Float32Array

#: How prefixes are written: as they are; as product codes; the same after a learned rotation.
CODES = ("flat", "pq", "opq")
#: What reading a product code costs beside reading a plain byte (measured).
DEAR = 8


class PrefixLists(Proposer):
    """Cells by one `Cut` of the rows and codes by another.

    Args:
        cut: of which the codes are.
        lists: faiss's inverted file.
        turn: (width, width) the rotation before product coding, or None.
        coarse: the cut by which cells are chosen, and their (cells, width) centroids; None is
            one cell for all.
    """

    losses: ClassVar[tuple[float, ...]] = (
        0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02, 0.01, 0.005, 0.002,
    )  # fmt: skip

    def __init__(
        self,
        cut: Cut,
        lists: Any,
        turn: Float32Array | None,
        coarse: tuple[Cut, Float32Array] | None,
    ) -> None:
        self._cut, self._lists, self._turn, self._coarse = cut, lists, turn, coarse
        self._near: Any = None
        if coarse is not None:
            self._near = faiss().IndexFlatL2(coarse[1].shape[1])
            self._near.add(coarse[1])

    @classmethod
    def trained(
        cls,
        cut: Cut,
        coarse: Cut | None,
        code_bytes: int | None,
        learned: bool,
        turned: Float32Array,
        rows: int,
        seed: int,
    ) -> PrefixLists:
        """Empty lists for some ``rows`` rows, of which ``turned`` is a sample in random order.

        Args:
            cut, coarse: as in the class, ``coarse`` without its centroids.
            code_bytes: of a product code; None keeps the numbers.
            learned: turn the prefixes first, for the codes (OPQ).
        """
        module, placed, turn = faiss(), cut.rows(turned[:CODE_ROWS]), None
        with threads(1):  # several would sum in another order
            if learned and code_bytes is not None:
                turn = learned_turn(placed, code_bytes, seed)
                placed = placed @ turn.T
            centroids = None if coarse is None else _centroids(coarse.rows(turned), rows, seed)
            cells = 1 if centroids is None else len(centroids)
            dummy = module.IndexFlatL2(cut.width)
            if code_bytes is None:
                lists = module.IndexIVFFlat(dummy, cut.width, cells, module.METRIC_L2)
            else:
                near = module.METRIC_L2
                lists = module.IndexIVFPQ(dummy, cut.width, cells, code_bytes, 8, near)
                lists.by_residual = False  # cells are of other numbers than the codes
                lists.pq.cp.niter, lists.pq.cp.seed = ROUNDS, seed % 2**31
                lists.pq.cp.min_points_per_centroid = 1
                lists.pq.cp.max_points_per_centroid = CODE_ROWS // lists.pq.ksub
                lists.pq.train(placed)
        dummy.this.disown()
        lists.own_fields = lists.is_trained = True
        pair = None if coarse is None or centroids is None else (coarse, centroids)
        return cls(cut, lists, turn, pair)

    @classmethod
    def restored(cls, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any]) -> PrefixLists:
        """From `state`."""
        coarse = None
        if state["coarse"] is not None:
            coarse = Cut(**state["coarse"]), np.array(arrays["centroids"])
        turn = np.array(arrays["turn"]) if "turn" in arrays else None
        return cls(Cut(**state["cut"]), from_bytes(arrays["lists"]), turn, coarse)

    def insert(self, placed: Float32Array, ids: IdArray, jobs: int) -> None:
        module, numbers = faiss(), np.ascontiguousarray(ids, dtype=np.int64)
        with threads(jobs):
            cells = np.zeros(len(placed), dtype=np.int64)
            if self._coarse is not None:
                cells = self._near.search(self._coarse[0].rows(placed), 1)[1][:, 0].copy()
            rows = self._cut.rows(placed)
            if self._turn is not None:
                rows = rows @ self._turn.T
            self._lists.add_core(len(rows), *map(module.swig_ptr, (rows, numbers, cells)))

    def propose(
        self, placed: Float32Array, probe: int, count: int, allowed: BoolArray | None
    ) -> IdArray:
        rows = self._cut.queries(placed)
        if self._turn is not None:  # summed pair by pair, so that a batch changes nothing
            rows = np.vecdot(rows[:, None, :], self._turn[None, :, :])
        with threads(1):
            if self._coarse is None:
                cells = np.zeros((len(rows), 1), dtype=np.int64)
            else:
                cells = self._near.search(self._coarse[0].queries(placed), probe)[1]
            if allowed is None:
                return self._search(rows, cells, count, None)
            chosen, bits = selector(allowed)
            found = self._search(rows, cells, count, chosen)
            del bits  # needed until here
        return found

    def _search(self, rows: Float32Array, cells: IdArray, count: int, chosen: Any) -> IdArray:
        parameters = faiss().SearchParametersIVF(nprobe=cells.shape[1], sel=chosen)
        far = np.zeros(cells.shape, dtype=np.float32)
        distances = np.empty((len(rows), count), dtype=np.float32)
        ids = np.empty((len(rows), count), dtype=np.int64)
        rows = np.ascontiguousarray(rows)
        near = faiss().swig_ptr(rows)
        pointers = [faiss().swig_ptr(array) for array in (cells, far, distances, ids)]
        self._lists.search_preassigned_c(len(rows), near, count, *pointers, False, parameters)
        return ids

    @property
    def row_bytes(self) -> float:
        """Bytes of one row's code."""
        return float(self._lists.code_size)

    @property
    def cells(self) -> int:
        """How many cells there are; 1 for a scan."""
        return int(self._lists.nlist)

    def probes(self) -> tuple[int, ...]:
        cells = self._lists.nlist
        if cells < 4:
            return (1,)
        few = tuple(probe for probe in PROBES if probe < cells // 2)
        return (*few, min(cells // 2, PROBES[-1]))

    def compared(self, probe: int) -> int:
        lists = self._lists
        cells = lists.nlist if self._coarse is not None else 0
        return int(cells + lists.ntotal * min(1.0, probe / lists.nlist))

    def read(self, probe: int) -> float:
        lists = self._lists
        dear = 1 if isinstance(lists, faiss().IndexIVFFlat) else DEAR
        chosen = 0 if self._coarse is None else self._coarse[1].size
        turning = 0 if self._turn is None else self._turn.size
        scanned = lists.ntotal * min(1.0, probe / lists.nlist) * lists.code_size / 4 * dear
        return float(turning + chosen + scanned)

    def compact(self, keep: IdArray) -> None:
        inner = self._lists.invlists
        sizes = [inner.list_size(cell) for cell in range(self._lists.nlist)]
        numbers = [
            faiss().rev_swig_ptr(inner.get_ids(cell), size)
            for cell, size in enumerate(sizes)
            if size
        ]
        largest = max((int(part.max()) for part in numbers), default=-1)
        size = max(largest, int(keep[-1]) if len(keep) else 0) + 1
        renumbered = np.full(size, -1, dtype=np.int64)
        renumbered[keep] = np.arange(len(keep))
        chosen, bits = selector(renumbered < 0)
        with threads(1):
            self._lists.remove_ids(chosen)
        del bits  # needed until here
        for cell in range(self._lists.nlist):
            if size := inner.list_size(cell):
                part = faiss().rev_swig_ptr(inner.get_ids(cell), size)
                part[:] = renumbered[part]

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        arrays: Arrays = {"lists": to_bytes(self._lists)}
        if self._turn is not None:
            arrays["turn"] = self._turn
        if self._coarse is not None:
            arrays["centroids"] = self._coarse[1]
        coarse = None if self._coarse is None else self._coarse[0].to_dict()
        return arrays, {"kind": "lists", "cut": self._cut.to_dict(), "coarse": coarse}


def _centroids(placed: Float32Array, rows: int, seed: int) -> Float32Array:
    """The means of k-means cells for some ``rows`` rows, of which ``placed`` is a sample."""
    cells = cells_for(rows)
    means = faiss().Kmeans(
        placed.shape[1],
        cells,
        niter=ROUNDS,
        seed=seed % 2**31,
        min_points_per_centroid=1,
        max_points_per_centroid=ROWS_A_CELL,
    )
    means.train(placed[: ROWS_A_CELL * cells])
    centroids: Float32Array = means.centroids
    return centroids
