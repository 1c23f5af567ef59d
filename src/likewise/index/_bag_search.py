"""A search of bags: how many proposals it needs, and which of them are the nearest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from likewise.index._bag_recall import BagCurves
from likewise.index._bag_store import BagStore
from likewise.index._chamfer import approximate, nearest
from likewise.index._proposing_bags import BagProposer
from likewise.index._protocol import Answer, Request
from likewise.index._slots import IdArray, Slots
from likewise.metrics import Metric
from likewise.results import Row
from likewise.vectors import Bags

#: Proposals pay while they are at most this part of the bags that match.
WORTH = 0.5
#: Queries that are compared with all bags, or proposed for, at a time.
QUERIES = 16
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BagSearch:
    """What a `MultiVector` is made of, as a search sees it.

    Attributes:
        store: the bags, by slot.
        slots: which of them live.
        metric: cosine or dot.
        proposer: what proposes, if anything does.
        curves: how many proposals find how much; None where nothing proposes.
        jobs: threads.
    """

    store: BagStore
    slots: Slots
    metric: Metric
    proposer: BagProposer | None
    curves: BagCurves | None
    jobs: int

    @property
    def live(self) -> int:
        """Bags that are there."""
        return self.slots.count - self.slots.deleted

    def answer(self, queries: Bags, request: Request) -> Answer:
        """The nearest bags of at least one query, among at least one that matches."""
        matching = request.selection.count
        what = f"{matching:,} of {request.selection.size:,} bags"
        effort, recall, reason = self._plan_search(request)
        slots = request.selection.slots().astype(np.int64)
        if effort is None:
            found, scanned = self._all(queries, request, slots)
            return Answer(found, "exact", 1.0, scanned, f"{reason}: {what} are compared")
        found, scanned = self._proposed(queries, request, slots, effort)
        return Answer(found, "muvera", recall, scanned, f"{reason}, of {what}")

    def _plan_search(self, request: Request) -> tuple[int | None, float, str]:
        """How many proposals to rank, or None for an exact search; their recall; and why."""
        if self.proposer is None or self.curves is None:
            return None, 1.0, "nothing proposes"
        matching, k = request.selection.count, request.k
        if request.effort is not None:
            effort = max(request.effort, k or 1)
            if effort >= matching:
                return None, 1.0, f"{effort:,} proposals were asked for, which are all"
            recall = self.curves.recall(effort, k or 1, self.live, matching)
            return effort, recall, f"{effort:,} proposals were asked for"
        if request.exact or request.recall == 1.0 or k is None:
            return None, 1.0, "an exact answer was asked for" if k else "a radius has no depth"
        planned = self.curves.effort(request.recall, min(k, matching), self.live, matching)
        if planned is None:
            return None, 1.0, f"no number of proposals promises recall {request.recall:g}"
        if planned[0] > WORTH * matching:
            return None, 1.0, "comparing all is as quick as proposals"
        return *planned, f"{planned[0]:,} proposals promise recall {request.recall:g}"

    def _all(self, queries: Bags, request: Request, slots: IdArray) -> tuple[list[Row], int]:
        def one(part: Bags) -> list[Row]:
            values = approximate(self.store, part, slots)
            return [
                self._nearest(query, slots, line, request)
                for query, line in zip(part, values, strict=True)
            ]

        # A few at a time, so that their values of all bags fit in memory.
        parts = [queries[start : start + QUERIES] for start in range(0, len(queries), QUERIES)]
        rows = [row for part in self._map(one, parts) for row in part]
        return rows, len(queries) * len(slots)

    def _proposed(
        self, queries: Bags, request: Request, slots: IdArray, effort: int
    ) -> tuple[list[Row], int]:
        among = None if len(slots) == self.live else slots
        proposer = self.proposer
        if proposer is None:
            return self._all(queries, request, slots)

        def one(part: Bags) -> tuple[list[Row], int]:
            proposals = proposer.propose(part, effort, self.slots, among)
            rows = []
            for i, listed in enumerate(proposals):
                near = np.sort(listed)
                values = approximate(self.store, part[i : i + 1], near)[0]
                rows.append(self._nearest(part[i], near, values, request))
            return rows, sum(len(listed) for listed in proposals)

        parts = [queries[start : start + QUERIES] for start in range(0, len(queries), QUERIES)]
        found = self._map(one, parts)
        return [row for rows, _ in found for row in rows], sum(count for _, count in found)

    def _nearest(self, query: Any, slots: IdArray, values: Any, request: Request) -> Row:
        return nearest(self.store, self.metric, query, slots, values, request.k, request.radius)

    def _map(self, function: Callable[[Bags], T], parts: Sequence[Bags]) -> list[T]:
        if self.jobs == 1 or len(parts) == 1:
            return [function(part) for part in parts]
        with ThreadPoolExecutor(self.jobs) as pool:
            return list(pool.map(function, parts))
