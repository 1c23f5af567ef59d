"""Filtered search in a graph by walks that meet only rows that pass, and look past the others.

Such a walk compares fewer rows than one that meets all. How well it finds is measured with filters
of several shares, of chance and of rows far from the query. Where a filter fails all that is near,
what passes lies in all directions around the query, and no walk finds the nearest of it: the
entries, a sample of all rows, tell when far more of them are nearer than the answer than chance
would have it, and such an answer is not taken.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from likewise.index._codes import read_only
from likewise.index._compiled.values import SCANNED
from likewise.index._compiled.values import Found as Walked
from likewise.index._loops import loops
from likewise.index._protocol import Partial
from likewise.index._walking import Ask, Walker, empty, in_pieces
from likewise.results import Row
from likewise.vectors import Float32Array

if TYPE_CHECKING:
    from likewise.index._net import Net

BoolArray = npt.NDArray[np.bool_]

#: With so many rows that pass at hand no further row that fails is looked past.
ENOUGH = 32
#: So many standard deviations more entries may be nearer than an answer than chance puts there.
SIGMAS = 3.0
#: No walk begins where more entries are nearer than the nearest that passes than chance would put
#: there but for one query in so many.
HARDLY = 1e-4


class Hopper:
    """Walks among the rows of a net that pass; several threads may ask at once.

    Args:
        net: it must not change while this is used.
        walker: for the same net.
    """

    def __init__(self, net: Net, walker: Walker) -> None:
        self._net, self._walker = net, walker
        self._walk = loops(net.codes.metric).hops.walk_among

    def find(self, queries: Float32Array, ask: Ask, jobs: int = 1) -> Walked:
        """The answers, a line a query; ``ask`` has a mask and no span."""
        mask = np.ascontiguousarray(ask.mask)
        groups = self._groups(mask)
        listed = np.flatnonzero(groups).astype(np.int32)
        found = empty(len(queries), self._walker.width(ask))
        queries = read_only(np.require(queries, requirements=("C", "A")))
        most = _most_nearer(len(listed) / max(1, self._net.linked))
        among = (read_only(mask), read_only(groups), read_only(listed), ENOUGH, most)
        settings = self._walker.settings(ask)

        def piece(some: slice) -> None:
            part = [array[some] for array in found]
            self._walker.run_among(self._walk, queries[some], among, settings, part)

        if len(listed):
            in_pieces(jobs, len(queries), piece)
        else:
            found.notes[:] = 0
        return found

    def enough(
        self,
        queries: Float32Array,
        ask: Ask,
        recall: float,
        jobs: int,
        radius: float | None = None,
    ) -> Partial:
        """The same as rows within ``radius``, None where fewer than k were found, or too far away.

        ``recall`` is what is expected; ``ask`` has a k and no radius.
        """
        answers = self.find(queries, ask, jobs)
        found = Partial([None] * len(queries), [recall] * len(queries))
        found.scanned = int(answers.notes[:, SCANNED].sum())
        k, matching = ask.k or 0, int(np.count_nonzero(np.asarray(ask.mask)))
        chance = k * len(self._net.entries) / max(1, matching)
        most = chance + SIGMAS * math.sqrt(chance) + 1
        for line, (count, nearer, _) in enumerate(answers.notes.tolist()):
            if count == k and nearer <= most:
                ids, distances = answers.ids[line, :count], answers.distances[line, :count]
                inside = slice(None) if radius is None else distances <= radius
                found.rows[line] = Row(ids[inside], distances[inside])
        return found

    def _groups(self, mask: BoolArray) -> BoolArray:
        """The rows that walks may meet and that pass, or have a twin that does."""
        net = self._net
        groups: BoolArray = mask & net.joined
        if len(net.twins):
            groups[net.twins.reps[mask[net.twins.slots]]] = True
            groups[net.twins.slots] = False
        groups[net.stranded] = False
        return groups


def _most_nearer(share: float) -> int:
    """How many entries in a row chance lets fail, where a share passes, but for `HARDLY`."""
    return 1 << 62 if share >= 1 else math.ceil(math.log(HARDLY) / math.log1p(-share))
