"""Ways to answer a window that are compared, and what each needs for a recall.

All give the positions of up to `K` rows a query, -1 where there are no more, and the distances
that were computed, codes and floats alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.attributed import AttributedSet
from benchmarks.windows import Asked, K, Ordered, recall_of
from likewise.index import Graph, Window
from replications._window_baselines import FACTORS, Ids, PostFilter, PreFilter

TARGET = 0.95
#: Lengths of the list of a walk.
EFFORTS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
#: What the planner is asked for, until it finds `TARGET`.
ASKED_RECALL = (0.95, 0.97, 0.99, 1.0)
#: Timings of each method, in turn with the others'; the best counts.
ROUNDS = 3

PAPER = ("tree", "postfilter", "three-split", "super")
OURS = ("parts", "scan")
#: Those that count where they walk, and not where `Window` scans codes instead.
WALKS = (*PAPER, "parts")
PLANNER = "planner"
PRE, POST = "pre-filter", "post-filter"
BASELINES = (PRE, POST)
METHODS = (*BASELINES, *PAPER, *OURS, PLANNER)

#: From a setting and windows to positions, distances computed, and a word on how.
Search = Callable[[Any, Asked], tuple[Ids, int, str]]


@dataclass(frozen=True, slots=True)
class Method:
    """One way, and the settings to try until one finds enough: the least work first."""

    name: str
    settings: Sequence[Any]
    search: Search


@dataclass(frozen=True, slots=True)
class Measured:
    """What a method needs at one width, by its first setting that finds `TARGET`.

    Attributes:
        name: of the method.
        exponent: the width is 2^-exponent of the rows.
        setting: list, factor or recall asked for.
        recall: found at that setting.
        computed: distances a query.
        seconds: of one query.
        how: "window" where links were walked along, "scan" or "exact" where rows were scanned.
    """

    name: str
    exponent: int
    setting: Any
    recall: float
    computed: float
    seconds: float
    how: str


def methods(
    data: AttributedSet, ordered: Ordered, seed: int, paper: Sequence[str] = PAPER
) -> list[Method]:
    """All methods, those of ``paper`` among them, with indexes built in one thread."""
    window = Window(data.metric, random_state=seed, n_jobs=1, overlap=True)
    window.fit(data.rows, attribute=data.attribute)
    graph = Graph(data.metric, random_state=seed, n_jobs=1).fit(data.rows)
    before = PreFilter(data, ordered)
    after = PostFilter(data, ordered, graph, before)
    return [
        Method(PRE, (None,), before.search),
        Method(POST, FACTORS, after.search),
        *(Method(name, EFFORTS, _by(window, data, name)) for name in paper),
        Method("parts", EFFORTS, _by(window, data, "parts")),
        Method("scan", (None,), _by(window, data, "scan")),
        Method(PLANNER, ASKED_RECALL, _by(window, data, None)),
    ]


def measure(
    ways: Sequence[Method], data: AttributedSet, ordered: Ordered, asked: Asked
) -> list[Measured]:
    """What each method needs in these windows; one that does not find enough is left out."""
    from threadpoolctl import threadpool_limits

    found = []
    with threadpool_limits(limits=1, user_api="blas"):
        for way in ways:
            for setting in way.settings:
                ids, computed, how = way.search(setting, asked)
                recall = recall_of(ids, data.queries, ordered, asked)
                if recall >= TARGET:
                    found.append((way, setting, recall, computed / len(asked), how))
                    break
        spent = np.full(len(found), np.inf)
        for _ in range(ROUNDS):
            for i, (way, setting, *_) in enumerate(found):
                started = perf_counter()
                way.search(setting, asked)
                spent[i] = min(spent[i], perf_counter() - started)
    return [
        Measured(way.name, asked.exponent, setting, recall, computed, seconds / len(asked), how)
        for (way, setting, recall, computed, how), seconds in zip(found, spent, strict=True)
    ]


def _by(window: Window, data: AttributedSet, method: str | None) -> Search:
    """`Window` by a walk, at an effort; by its own choice, at a recall; or by a scan."""

    def search(setting: Any, asked: Asked) -> tuple[Ids, int, str]:
        wish: dict[str, Any] = {"method": method}
        if setting is not None:
            wish["recall" if method is None else "effort"] = setting
        found: Any = window.search(data.queries, K, window=(asked.lows, asked.highs), **wish)
        ids = np.full((len(asked), K), -1, dtype=np.int64)
        ids[np.arange(K) < np.diff(found.offsets)[:, None]] = found.flat_ids
        return ids, found.info.scanned, found.info.strategy

    return search
