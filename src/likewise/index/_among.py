"""Filtered search by a scan of codes: every row that passes is compared, the nearest exactly.

Codes put near rows in nearly the right order, so the k nearest are among the first of a list
somewhat longer than k, which is ranked exactly. How much longer is judged query by query: where
the last third of the list still has some of the answer, more may lie beyond it, and the list is
made longer. So a filter that leaves only rows equally far from the query, which codes cannot
tell apart, asks for a long list, and in the end for an exact scan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from likewise.index._codes import read_only
from likewise.index._compiled.values import COUNT, LATE, METRIC_NUMBERS, NOT_COMPILED, SCANNED
from likewise.index._compiled.values import Found as Scanned
from likewise.index._loops import loops
from likewise.index._protocol import Partial
from likewise.index._walking import empty, in_pieces
from likewise.index.planner import LONGER, SHALLOWEST, scan_length
from likewise.results import Row
from likewise.vectors import Float32Array

if TYPE_CHECKING:
    from likewise.index._net import Net

PlaceArray = npt.NDArray[np.int32]
IdArray = npt.NDArray[np.int64]

#: The last third of a list may have this share of the answer.
FEW_LATE = 0.01


class Scanner:
    """Scans the codes of a net as it is now; several threads may ask at once.

    Args:
        net: every row has a code, linked or not; it must not change while this is used.
        rows: (slots, dim) the originals.
    """

    def __init__(self, net: Net, rows: Float32Array) -> None:
        self._arrays = (*net.codes.walked(), *net.codes.placing(), read_only(rows))
        self._metric = METRIC_NUMBERS.get(net.codes.metric.name, NOT_COMPILED)
        self._scan = loops(net.codes.metric).among.scan_among

    def find(
        self,
        queries: Float32Array,
        listed: PlaceArray,
        k: int,
        length: int,
        jobs: int = 1,
        radius: float | None = None,
    ) -> Scanned:
        """The answers, a line a query; ``listed`` are the slots that pass, ascending."""
        count, reach = len(queries), np.inf if radius is None else float(radius)
        found = empty(count, k)
        queries = read_only(np.require(queries, requirements=("C", "A")))
        listed, length = read_only(listed), min(length, len(listed))

        def piece(some: slice) -> None:
            part = (array[some] for array in found)
            self._scan(*self._arrays, queries[some], listed, length, self._metric, k, reach, *part)

        in_pieces(jobs, count, piece)
        return found

    def judged(
        self,
        queries: Float32Array,
        listed: PlaceArray,
        k: int,
        longest: int,
        jobs: int = 1,
        radius: float | None = None,
    ) -> Partial:
        """The same at lists that grow up to ``longest`` until they are enough.

        What is not enough even then is None, and so is a query without a place among the codes.
        """
        found = Partial([None] * len(queries), [1.0] * len(queries))
        open_: IdArray = np.arange(len(queries))
        # So few rows as one or two say nothing of what lies beyond them.
        wide = min(max(k, SHALLOWEST), len(listed))
        length = scan_length(wide)
        while len(open_):
            answers = self.find(queries[open_], listed, wide, length, jobs, radius)
            found.scanned += int(answers.notes[:, SCANNED].sum())
            enough = answers.notes[:, LATE] <= FEW_LATE * wide
            for line in np.flatnonzero(enough & (answers.notes[:, COUNT] >= 0)).tolist():
                count = min(k, int(answers.notes[line, COUNT]))
                row = Row(answers.ids[line, :count], answers.distances[line, :count])
                found.rows[open_[line]] = row
            open_ = open_[~enough]
            if LONGER * length > longest:
                break
            length *= LONGER
        return found
