"""How each window of a call is searched: scanned by codes, walked for, or scanned exactly.

The choice is by the estimated cost of one query on its own, among the ways that promise the
recall that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._passing import SPARSE
from likewise.index._windows import Measured, Windows
from likewise.index.planner import list_length

IdArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

#: Longer lists are slower than an exact scan: a row enters a list by moving others.
MOST_LISTED = 1024
#: Windows of so much of an octave more or less are taken for what was measured there.
NEARLY = 0.14
#: Plans kept.
MOST_PLANS = 4096
#: Seconds to look whether a row passes a mask.
LOOK = 1e-9


@dataclass(frozen=True, slots=True)
class Way:
    """One way to search some windows.

    Attributes:
        method: "exact", or one that `Windows.find` knows.
        length: of the list.
        stop: the stopping ratio.
        recall: what it is measured to find.
        seconds: what a query should take.
        depth: how deep in the list the k-th matching row may lie for that recall.
    """

    method: str
    length: int
    stop: float
    recall: float
    seconds: float
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What every query of a call wants: ``k`` rows at ``recall``, of some windows.

    ``exact`` leaves no choice. ``method`` and ``effort`` are the user's, or None.
    """

    k: int
    recall: float
    dim: int
    exact: bool
    masked: bool
    method: str | None
    effort: int | None


class Planner:
    """Ways for windows, from what was measured; ``windows`` is None where nothing can be walked."""

    def __init__(self, windows: Windows | None, rows: int, costs: Any) -> None:
        self._windows, self._rows, self._costs = windows, rows, costs
        self._plans: dict[tuple[Wish, int, int], tuple[Way, dict[str, float]]] = {}
        self._walks: dict[tuple[Any, ...], Way | None] = {}

    def plan(
        self, wish: Wish, widths: IdArray, matching: IdArray
    ) -> tuple[list[Way], IdArray, dict[str, float]]:
        """The ways, which of them each query takes, and mean estimated seconds of all weighed.

        Args:
            wish: what is wanted.
            widths: (b,) rows in each window.
            matching: (b,) how many of them may be found.
        """
        exact = self._exact_seconds(widths, matching, wish)
        weighed = {"exact": float(exact.mean())}
        windows = self._windows
        if windows is None or wish.exact or windows.scan_length(wish.k) > MOST_LISTED:
            return [self._exactly(exact)], np.zeros(len(widths), dtype=np.int64), weighed
        scan: FloatArray = np.asarray(windows.scan_seconds(widths))
        if wish.masked:
            listed = matching < SPARSE * widths
            scan = windows.scan_seconds(np.where(listed, matching, widths)) + LOOK * self._rows
        scan_recall = self._scan_recall(wish)
        length = windows.scan_length(wish.k)
        scan_way = Way("scan", length, 0.0, scan_recall[1], float(scan.mean()))
        scannable = scan_recall[0] >= wish.recall or wish.effort is not None
        if scannable:
            weighed["scan"] = float(scan.mean())
        if wish.method == "scan":
            way = Way(
                "scan", windows.scan_length(wish.k), 0.0, scan_recall[1], weighed.get("scan", 0.0)
            )
            return [way], np.zeros(len(widths), dtype=np.int64), weighed
        ways, chosen = self._walked(wish, widths, matching)
        walk = np.array([way.seconds for way in ways] or [np.inf])[chosen]
        walk = np.where(chosen < 0, np.inf, walk)
        if np.isfinite(walk).all():
            weighed["window"] = float(walk.mean())
        if wish.method is not None:  # asked for; where no walk is known the window is short
            walk = np.where(chosen < 0, np.inf, -1.0)
        best = np.minimum(exact, scan) if scannable else exact
        ways = [*ways, self._exactly(exact), scan_way]
        rest: IdArray = np.where((scan <= exact) & scannable, len(ways) - 1, len(ways) - 2)
        chosen = np.where(walk < best, chosen, rest)
        return ways, chosen, weighed

    def plan_one(self, wish: Wish, width: int, matching: int) -> tuple[Way, dict[str, float]]:
        """`plan` for one window; kept, since windows of one size come again and again."""
        key = (wish, width, matching)
        known = self._plans.get(key)
        if known is None:
            ways, chosen, weighed = self.plan(wish, np.array([width]), np.array([matching]))
            known = ways[chosen[0]], weighed
            if len(self._plans) < MOST_PLANS:
                self._plans[key] = known
        return known

    def _exactly(self, seconds: FloatArray) -> Way:
        return Way("exact", 0, 0.0, 1.0, float(seconds.mean()))

    def _exact_seconds(self, widths: IdArray, matching: IdArray, wish: Wish) -> FloatArray:
        costs = self._costs
        gathered = costs.call + matching * (wish.dim * costs.gathered + costs.value)
        streamed = costs.call + self._rows * (wish.dim * costs.streamed + costs.value)
        best: FloatArray = np.minimum(gathered, streamed)
        return best

    def _scan_recall(self, wish: Wish) -> tuple[float, float]:
        """The lower bound, and the mean."""
        curve = None if self._windows is None else self._windows.scan_curve
        if curve is None:
            return 0.0, 0.0
        k = min(wish.k, curve.depths[-1])
        return curve.lower_at(1, k), curve.recall_at(1, k)

    def _walked(self, wish: Wish, widths: IdArray, matching: IdArray) -> tuple[list[Way], IdArray]:
        """Ways to walk, and for each query which, -1 where none is known to do."""
        windows = self._windows
        measured = None if windows is None else windows.measured.get(wish.method or "parts")
        if measured is None or not measured.curves:
            return [], np.full(len(widths), -1, dtype=np.int64)
        halvings = np.log2(self._rows / np.maximum(widths, 1))
        halvings = np.where(matching > 0, halvings, len(measured.curves))
        wider = np.floor(halvings + NEARLY).astype(np.int64).clip(0)
        narrower = np.ceil(halvings - NEARLY).astype(np.int64).clip(0)
        depths = np.minimum(wish.k, np.maximum(matching, 1))
        if wish.masked:
            depths = np.array(
                [
                    list_length(wish.k, w, m) if m else 1
                    for w, m in zip(widths, matching, strict=True)
                ]
            )
        ways: list[Way] = []
        chosen = np.full(len(widths), -1, dtype=np.int64)
        kinds = np.stack([wider, narrower, depths])
        kinds, which = np.unique(kinds, axis=1, return_inverse=True)
        for i, (wide, narrow, depth) in enumerate(kinds.T.tolist()):
            key = (wish, wide, narrow, depth)
            if key not in self._walks:
                self._walks[key] = self._walk(wish, measured, wide, narrow, depth)
            way = self._walks[key]
            if way is not None:
                chosen[which.reshape(-1) == i] = len(ways)
                ways.append(way)
        return ways, chosen

    def _walk(
        self, wish: Wish, measured: Measured, wide: int, narrow: int, depth: int
    ) -> Way | None:
        """The cheapest list that promises enough in windows of both octaves."""
        known = len(measured.curves)
        if wide >= known:
            return None
        both = sorted({wide, min(narrow, known - 1)})
        if wish.effort is not None:
            length = max(wish.effort, depth)
            recall = min(measured.curves[o].recall_at(length, depth) for o in both)
            return Way(wish.method or "parts", length, 0.0, recall, 0.0, depth)
        found = [measured.curves[o].effort_for(wish.recall, depth) for o in both]
        sure = [some for some in found if some is not None]
        if len(sure) < len(both):
            return None
        effort = max(effort for effort, _ in sure)
        recall = min(measured.curves[o].recall_at(effort, depth) for o in both)
        stop = 0.0
        if not wish.masked and depth == wish.k and all(measured.stops[o] for o in both):
            stop = max(measured.stops[o][effort] for o in both)
        seconds = max(measured.seconds[o][effort] for o in both)
        return Way(
            wish.method or "parts",
            effort,
            stop,
            recall,
            seconds,
            measured.curves[wide].depth_of(depth),
        )
