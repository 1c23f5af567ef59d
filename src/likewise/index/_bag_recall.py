"""How many proposals a search of bags must rank: measured with pieces of the bags themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._bag_store import BagStore
from likewise.index._chamfer import approximate
from likewise.index._sampling import sample
from likewise.index.recall import RecallCurve, depths_for, measure
from likewise.results import Row
from likewise.vectors import Bags, Float32Array

IdArray = npt.NDArray[np.int64]

#: Bags whose pieces are asked, and how many vectors a piece has.
ASKED, PIECE = 64, 16
#: Fewer queries of the user's say too little.
FEWEST_QUERIES = 32
#: Proposals are counted in steps of this factor.
STEP = 1.5
#: Filters that pass the farthest of all bags are tried with these shares.
FAR_SHARES = (0.3, 0.03)
#: Of the share of proposals that chance lets through a filter, so many times as many are taken.
SPARE = 1.5

#: From queries, how many to propose and the slots to propose from (None: all), to slots a query.
Propose = Callable[[Bags, int, IdArray | None], Sequence[IdArray]]


@dataclass(frozen=True, slots=True)
class BagCurves:
    """What was measured.

    Attributes:
        near: without a filter; an effort is how many bags are ranked.
        far: by the share that passes, where only the farthest pass.
        rows: bags there were.
    """

    near: RecallCurve
    far: dict[float, RecallCurve]
    rows: int

    def effort(self, recall: float, k: int, rows: int, matching: int) -> tuple[int, float] | None:
        """How many proposals promise ``recall`` at ``k``, and their recall; None if none do.

        With a filter: as if the rows that fail it were the nearest of all, which is little more
        where they are few; or as many as chance lets through, and as many as the farthest rows
        need. The lesser of the two.
        """
        deeper = self.near.effort_for(recall, k + rows - matching)
        if matching == rows:
            return deeper
        among = self._among(recall, k, matching / rows)
        found = [way for way in (deeper, among) if way is not None]
        return min(found, key=lambda way: way[0]) if found else None

    def _among(self, recall: float, k: int, share: float) -> tuple[int, float] | None:
        measured = [known for known in self.far if known <= share]
        if not measured:
            return None
        near = self.near.effort_for(recall, math.ceil(k / share))
        far = self.far[max(measured)].effort_for(recall, k)
        if near is None or far is None:
            return None
        effort = max(math.ceil(SPARE * share * near[0]) + k, far[0])
        return effort, min(near[1], far[1])

    def recall(self, effort: int, k: int, rows: int, matching: int) -> float:
        """What was measured for so many proposals; 0.0 where nothing was."""
        deeper = self.near.recall_at(effort, k + rows - matching)
        if matching == rows:
            return deeper
        share = matching / rows
        measured = [known for known in self.far if known <= share]
        if not measured:
            return deeper
        near = self.near.recall_at(int(effort / (SPARE * share)), math.ceil(k / share))
        return max(deeper, min(near, self.far[max(measured)].recall_at(effort, k)))

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        far = {str(share): curve.to_dict() for share, curve in self.far.items()}
        return {"near": self.near.to_dict(), "far": far, "rows": self.rows}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> BagCurves:
        """The inverse of `to_dict`."""
        far = {float(s): RecallCurve.from_dict(curve) for s, curve in values["far"].items()}
        return cls(RecallCurve.from_dict(values["near"]), far, values["rows"])


def measured(
    store: BagStore, alive: IdArray, propose: Propose, given: Bags | None, seed: int
) -> BagCurves:
    """Ask pieces of some bags, each left out of its own answer, and the queries given.

    Cost: one comparison of all bags with about a thousand vectors.
    """
    own, queries = _pieces(store, alive, seed)
    if given is not None and len(given) >= FEWEST_QUERIES:
        queries = Bags(
            np.concatenate([queries.vectors, given.vectors]),
            np.concatenate([queries.offsets, given.offsets[1:] + queries.offsets[-1]]),
        )
        own = np.concatenate([own, np.full(len(given), -1)])
    far_from = -approximate(store, queries, alive)
    far_from[alive[None, :] == own[:, None]] = np.inf
    near = _curve(queries, alive, far_from, own, lambda n: propose(queries, n, None))
    far = {}
    for share in FAR_SHARES:
        count = round(share * len(alive))
        if count < 2 * 40:
            continue
        order = np.argsort(far_from, axis=1, kind="stable")[:, -count - 1 : -1]
        passing = np.sort(order, axis=1)
        far[share] = _curve(
            queries,
            alive,
            far_from,
            np.full(len(queries), -1),
            lambda n, passing=passing: [  # type: ignore[misc]
                propose(queries[i : i + 1], n, alive[passing[i]])[0] for i in range(len(queries))
            ],
            passing,
        )
    return BagCurves(near, far, len(alive))


def _pieces(store: BagStore, alive: IdArray, seed: int) -> tuple[IdArray, Bags]:
    """Slots, and of each bag a run of at most `PIECE` vectors."""
    nobody = np.empty((0, 1), dtype=np.float32)
    slots = sample(nobody, alive, min(ASKED, len(alive) // 4), seed, store.keys)
    bags = store.compared(slots)
    counts = np.minimum(bags.counts, PIECE)
    spare = bags.counts - counts + 1
    starts = (store.keys[slots].view(np.uint64) % spare.astype(np.uint64)).astype(np.int64)
    ends = np.concatenate([[0], np.cumsum(counts)])
    at = np.arange(ends[-1]) + np.repeat(bags.offsets[:-1] + starts - ends[:-1], counts)
    return slots, Bags(bags.vectors[at], ends)


def _curve(
    queries: Bags,
    alive: IdArray,
    far_from: Float32Array,
    own: IdArray,
    propose: Callable[[int], Sequence[IdArray]],
    passing: IdArray | None = None,
) -> RecallCurve:
    rows = len(alive) if passing is None else passing.shape[1]
    depths = tuple(d for d in depths_for(rows) if d <= max(10, rows // 20))
    efforts = _ladder(rows)
    truth = []
    for i, line in enumerate(far_from):
        among = np.arange(len(alive)) if passing is None else passing[i]
        order = among[np.argsort(line[among], kind="stable")[: depths[-1]]]
        truth.append(_row(line, order))
    found: dict[int, list[Row]] = {}

    def search(effort: int, depth: int) -> list[Row]:
        if effort not in found:
            rows = []
            # One more, in the place of the bag that the piece is of.
            for i, slots in enumerate(propose(effort + 1)):
                listed = np.searchsorted(alive, slots[slots != own[i]][:effort])
                rows.append(_row(far_from[i], listed))
            found[effort] = rows
        return found[effort]

    return measure(search, truth, efforts, depths)


def _row(line: Float32Array, places: IdArray) -> Row:
    distances = line[places].astype(np.float64)
    order = np.argsort(distances, kind="stable")
    return Row(places[order], distances[order])


def _ladder(rows: int) -> list[int]:
    efforts, effort = [], 10.0
    while effort < rows / 2:
        efforts.append(math.ceil(effort))
        effort *= STEP
    return efforts
