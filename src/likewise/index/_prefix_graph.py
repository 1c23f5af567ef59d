"""`PrefixGraph`: prefixes of rows in a `Graph`; a walk by few numbers proposes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likewise.index._nested import Numbers, packed, unpacked
from likewise.index._prefix_cut import Cut
from likewise.index._proposer import Arrays, BoolArray, IdArray, Proposer
from likewise.index._rows import Float32Array
from likewise.index.graph import Graph
from likewise.index.planner import VISITED, CostModel

#: Lengths of a walk's list that are tried.
LISTS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


class PrefixGraph(Proposer):
    """A graph over one `Cut` of the rows. A probe is the length of the list of a walk.

    What the list holds is all that is proposed, so that what is measured at a length is what is
    found at it.
    """

    losses: ClassVar[tuple[float, ...]] = (0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002)

    def __init__(self, cut: Cut, seed: int, jobs: int) -> None:
        # Given costs: the walks are the same on any day, and what a walk takes is measured outside.
        self._graph = Graph("euclidean", random_state=seed, n_jobs=jobs, costs=CostModel())
        self._cut = cut
        nothing = np.empty(0, dtype=np.int64)
        self._numbers = Numbers(nothing, nothing)

    @classmethod
    def restored(
        cls, arrays: Mapping[str, npt.NDArray[Any]], state: dict[str, Any], jobs: int
    ) -> PrefixGraph:
        """From `state`."""
        new = cls(Cut(**state["cut"]), state["graph"]["random_state"], jobs)
        new._graph = unpacked(Graph, "graph/", arrays, state["graph"], jobs)
        new._numbers = Numbers.from_arrays("graph-", arrays)
        return new

    def insert(self, placed: Float32Array, ids: IdArray, jobs: int) -> None:
        rows = self._cut.rows(placed)
        if self._graph.next_position == 0:
            self._graph.fit(rows)
            positions = np.arange(len(rows))
        else:
            positions = self._graph.add(rows)
        self._numbers.append(positions, ids)

    def propose(
        self, placed: Float32Array, probe: int, count: int, allowed: BoolArray | None
    ) -> IdArray:
        where = None if allowed is None else self._numbers.passing(allowed)
        found = np.full((len(placed), count), -1, dtype=np.int64)
        if where is not None and len(where) == 0:
            return found
        near = self._graph.search(
            self._cut.queries(placed), min(count, probe), effort=probe, where=where
        )
        for line, row in zip(found, near, strict=True):
            line[: len(row.ids)] = self._numbers.of(row.ids)
        return found

    @property
    def row_bytes(self) -> float:
        """Bytes of one row: its prefix, its codes and its links."""
        return 4.0 * self._cut.width + self._graph.nbytes / max(1, len(self._graph))

    def probes(self) -> tuple[int, ...]:
        return LISTS

    def compared(self, probe: int) -> int:
        return min(len(self._graph), VISITED * probe)

    def read(self, probe: int) -> float:
        return float(VISITED * probe * self._cut.width)

    def compact(self, keep: IdArray) -> None:
        self._graph.delete(self._numbers.compact(keep))

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        arrays, graph = packed(self._graph, "graph/")
        arrays |= self._numbers.to_arrays("graph-")
        return arrays, {"kind": "graph", "cut": self._cut.to_dict(), "graph": graph}
