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
#: Widths that are told apart: all up to so many rows, then so many an octave.
NARROW, STEPS = 32, 16
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
        seconds: what a query should take by a walk.
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


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Ways, which of them each of some windows takes, and (b,) seconds in each by name."""

    ways: list[Way]
    chosen: IdArray
    seconds: dict[str, FloatArray]


class Planner:
    """Ways for windows, from what was measured; ``windows`` is None where nothing can be walked."""

    def __init__(self, windows: Windows | None, rows: int, costs: Any) -> None:
        self._windows, self._rows, self._costs = windows, rows, costs
        self._plans: dict[tuple[Wish, int, int], tuple[Way, dict[str, float]]] = {}
        self._walks: dict[tuple[Any, ...], Way | None] = {}
        self._tables: dict[Wish, _Weighed] = {}
        self._widths = _steps(rows)

    def plan(
        self, wish: Wish, widths: IdArray, matching: IdArray
    ) -> tuple[list[Way], IdArray, dict[str, float]]:
        """The ways, which of them each query takes, and mean estimated seconds of all weighed.

        Args:
            wish: what is wanted.
            widths: (b,) rows in each window.
            matching: (b,) how many of them may be found.
        """
        if wish.masked:
            weighed = self._weigh(wish, widths, matching)
            return weighed.ways, weighed.chosen, _means(weighed.seconds)
        # Where all rows may be found only the width counts, so what is chosen is looked up.
        known = self._tables.get(wish)
        if known is None:
            known = self._weigh(wish, self._widths, self._widths)
            if len(self._tables) < MOST_PLANS:
                self._tables[wish] = known
        nearest = np.searchsorted(self._widths, widths, side="right") - 1
        seconds = {name: spent[nearest] for name, spent in known.seconds.items()}
        return known.ways, known.chosen[nearest], _means(seconds)

    def _weigh(self, wish: Wish, widths: IdArray, matching: IdArray) -> _Weighed:
        """What each query costs by each way, and the cheapest that promises enough."""
        exact = self._exact_seconds(widths, matching, wish)
        seconds = {"exact": exact}
        windows = self._windows
        if windows is None or wish.exact or windows.scan_length(wish.k) > MOST_LISTED:
            return _Weighed([EXACT], np.zeros(len(widths), dtype=np.int64), seconds)
        scan: FloatArray = np.asarray(windows.scan_seconds(widths))
        if wish.masked:
            listed = matching < SPARSE * widths
            scan = windows.scan_seconds(np.where(listed, matching, widths)) + LOOK * self._rows
        least, recall = self._scan_recall(wish)
        scan_way = Way("scan", windows.scan_length(wish.k), 0.0, recall, 0.0)
        scannable = least >= wish.recall or wish.effort is not None
        if scannable:
            seconds["scan"] = scan
        if wish.method == "scan":
            return _Weighed([scan_way], np.zeros(len(widths), dtype=np.int64), seconds)
        ways, chosen = self._walked(wish, widths, matching)
        walk = np.array([way.seconds for way in ways] or [np.inf])[chosen]
        walk = np.where(chosen < 0, np.inf, walk)
        seconds["window"] = walk
        if wish.method is not None:  # asked for; where no walk is known the window is short
            walk = np.where(chosen < 0, np.inf, -1.0)
        best = np.minimum(exact, scan) if scannable else exact
        ways = [*ways, EXACT, scan_way]
        rest: IdArray = np.where((scan <= exact) & scannable, len(ways) - 1, len(ways) - 2)
        return _Weighed(ways, np.where(walk < best, chosen, rest), seconds)

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


def _steps(rows: int) -> IdArray:
    """Widths up to ``rows`` and somewhat more, a few percent apart."""
    octaves = np.log2((rows + 2) / NARROW)
    wider = NARROW * 2 ** np.arange(0, max(octaves, 0) + 1, 1 / STEPS)
    return np.unique(np.concatenate([np.arange(NARROW), wider.astype(np.int64)]))


def _means(seconds: dict[str, FloatArray]) -> dict[str, float]:
    """The mean of each, without what is not known for some."""
    means = {name: float(spent.mean()) for name, spent in seconds.items()}
    return {name: mean for name, mean in means.items() if np.isfinite(mean)}


EXACT = Way("exact", 0, 0.0, 1.0, 0.0)
