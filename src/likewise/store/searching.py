"""One search: from checked queries to row numbers, inside one read transaction.

The parts of a view (segments with their index, the tail scanned exactly) each give their
nearest; the nearest of those are the answer. What is selected of a part is a mask, deletions
included, or a span of an order, which a window searches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from likewise.index import CostModel, scan
from likewise.results import Neighbours, Row
from likewise.store.segments import Segment
from likewise.store.selecting import Part, Selected
from likewise.store.view import View
from likewise.vectors import Float32Array

#: For parts without a graph, which have measured none of their own.
USUAL_COSTS = CostModel()


@dataclass(frozen=True, slots=True)
class Found:
    """Row numbers and distances a query, and how they were found (see `SearchInfo`)."""

    rows: list[Row]
    strategy: str
    recall: float
    scanned: int
    matching: int
    reason: str
    candidates: dict[str, float]
    actual: float


def find(
    view: View,
    selected: Selected,
    field: str,
    queries: Float32Array,
    *,
    k: int | None,
    radius: float | None,
    recall: float,
    exact: bool,
    ask: Callable[[int, Part], Neighbours] | None = None,
) -> Found:
    """The nearest selected rows of each query, over all parts of the view.

    ``ask`` searches a segment, by its number, otherwise than by its own index.
    """
    started = perf_counter()
    parts: list[list[Row]] = []
    recalls: list[float] = []
    strategy, reason, scanned, spoken = "exact", "", 0, 0
    weighed: list[dict[str, float]] = []
    for i, (segment, part) in enumerate(zip(view.segments, selected.parts, strict=False)):
        if ask is not None:
            answer = ask(i, part)
        else:
            answer = _search(segment, part, field, queries, k, radius, recall, exact)
        info = answer.info
        if info is None:
            continue
        parts.append([Row(segment.rows[row.ids], row.distances) for row in answer])
        recalls.append(info.recall)
        scanned += info.scanned
        weighed.append(info.candidates or _scan_cost(len(segment), part, queries))
        # The part with most of the matching rows speaks for all.
        if info.matching > spoken:
            spoken, reason = info.matching, info.reason
        if strategy == "exact":
            strategy = info.strategy
    if len(view.tail):
        part = selected.parts[-1]
        found = scan(view.tail.prepared[field], queries, k, radius, part.whole())
        parts.append([Row(view.tail.rows[row.ids], row.distances) for row in found.rows])
        recalls.append(1.0)
        scanned += found.scanned
        weighed.append(_scan_cost(len(view.tail), part, queries))
        reason = reason or "the rows are not indexed yet: all are scanned"
    rows, recall = merge(parts, recalls, len(queries), k)
    if strategy == "exact":
        recall = 1.0
    reason = reason or ("no row matches" if view.live else "there are no rows")
    actual = (perf_counter() - started) / max(1, len(queries))
    candidates = _total(weighed)
    return Found(rows, strategy, recall, scanned, selected.matching, reason, candidates, actual)


def _search(
    segment: Segment,
    part: Part,
    field: str,
    queries: Float32Array,
    k: int | None,
    radius: float | None,
    recall: float,
    exact: bool,
) -> Neighbours:
    """What the index of one segment finds: by its window, where it has one for the range."""
    within = part.within
    window = None if within is None else segment.windows.get(within.path, {}).get(field)
    if within is None or window is None:
        index = segment.indexes[field]
        return index.search(
            queries, k, radius=radius, recall=recall, exact=exact, where=part.whole()
        )
    # The window is over places in the order, both bounds inclusive.
    first, stop = within.span
    return window.search(
        queries,
        k,
        window=(first, stop - 1),
        radius=radius,
        recall=recall,
        exact=exact,
        where=part.mask,
    )


def _scan_cost(rows: int, part: Part, queries: Float32Array) -> dict[str, float]:
    """What scanning a part that has no graph should cost a query, by the usual constants."""
    return {"exact": USUAL_COSTS.exact_seconds(rows, part.count, queries.shape[1])}


def _total(weighed: Iterable[dict[str, float]]) -> dict[str, float]:
    """Seconds by each strategy over all parts; a part that knows it not takes its cheapest."""
    parts = list(weighed)
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: sum(part.get(name, min(part.values())) for part in parts) for name in names}


def merge(
    parts: list[list[Row]], recalls: list[float], queries: int, k: int | None
) -> tuple[list[Row], float]:
    """The k nearest over all parts, and the recall: that of each part by its share of hits."""
    if len(parts) == 1:
        return parts[0], recalls[0]
    rows: list[Row] = []
    shares = np.zeros(len(parts))
    for i in range(queries):
        ids = np.concatenate([part[i].ids for part in parts] or [np.empty(0, dtype=np.int64)])
        distances = np.concatenate([part[i].distances for part in parts] or [np.empty(0)])
        origin = np.repeat(np.arange(len(parts)), [len(part[i].ids) for part in parts])
        best = np.lexsort((ids, distances))[:k]
        rows.append(Row(ids[best], distances[best]))
        shares += np.bincount(origin[best], minlength=len(parts))
    total = shares.sum()
    return rows, float(shares @ np.array(recalls) / total) if total else 1.0
