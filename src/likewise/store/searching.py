"""One search: from checked queries to row numbers, inside one read transaction.

The parts of a view (segments with their index, the tail scanned exactly) each give their
nearest; the nearest of those are the answer. The filter is a mask a part, deletions included.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from likewise.errors import UnknownField
from likewise.filters import Filter
from likewise.index import CostModel, scan
from likewise.results import Row
from likewise.store.view import View
from likewise.vectors import Float32Array

MaskArray = npt.NDArray[np.bool_]

KEPT_MASKS = 32
#: For parts without a graph, which have measured none of their own.
USUAL_COSTS = CostModel()
#: Fields of a filter that are no metadata.
OWN_FIELDS = frozenset({"id", "text"})


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


@dataclass(frozen=True, slots=True)
class Selected:
    """Per part the rows to consider (None: all), and how many there are in all."""

    masks: Sequence[MaskArray | None]
    matching: int

    def without(self, view: View, row: int) -> Selected:
        """Leave out one live row, for "more like this"."""
        place = view.locate(row)
        if place is None:
            return self
        part, position = place
        masks = list(self.masks)
        mask = masks[part]
        if mask is None:
            mask = np.ones(len(view.parts[part]), dtype=np.bool_)
        elif not mask[position]:
            return self
        masks[part] = mask = mask.copy()
        mask[position] = False
        return Selected(masks, self.matching - 1)


def select(view: View, where: Filter | None, connection: sqlite3.Connection) -> Selected:
    """The live rows that pass ``where``; remembered with the view.

    Raises:
        UnknownField: no row has ever had one of the filter's fields.
    """
    if where is None:
        return Selected(view.alive, view.live)
    known = view.masks.get(where)
    if known is not None:
        return Selected(*known)
    check_fields(where, view, connection)
    masks: list[MaskArray] = []
    for segment, alive in zip(view.segments, view.alive, strict=False):
        mask = segment.fields.mask(where, connection)
        masks.append(mask if alive is None else mask & alive)
    blocks = [block.mask(where, connection) for block in view.tail.blocks]
    tail = np.concatenate(blocks) if blocks else np.empty(0, dtype=np.bool_)
    masks.append(tail if view.alive[-1] is None else tail & view.alive[-1])
    matching = sum(int(np.count_nonzero(mask)) for mask in masks)
    view.masks[where] = (masks, matching)
    while len(view.masks) > KEPT_MASKS:
        view.masks.popitem(last=False)
    return Selected(masks, matching)


def check_fields(where: Filter, view: View, connection: sqlite3.Connection) -> None:
    """Refuse fields that no row has ever had (an empty collection knows none, and accepts all)."""
    if view.live == 0:
        return
    known = {record[0] for record in connection.execute("SELECT path FROM known_fields")}
    unknown = sorted(set(where.fields()) - known - OWN_FIELDS)
    if unknown:
        inside = sorted(path for path in known if path.startswith(unknown[0] + "."))
        listed = ", ".join(inside or sorted(known | OWN_FIELDS))
        close = get_close_matches(unknown[0], known | OWN_FIELDS, n=1)
        hint = "it holds nested values" if inside else "no row has had it"
        if close and not inside:
            hint = f"did you mean {close[0]!r}?"
        raise UnknownField(
            f"unknown field {unknown[0]!r} in {str(where)!r}: {hint}; there are {listed}"
        )


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
) -> Found:
    """The nearest selected rows of each query, over all parts of the view."""
    parts: list[list[Row]] = []
    recalls: list[float] = []
    strategy, reason, scanned, spoken = "exact", "", 0, 0
    candidates: dict[str, float] = {}
    for segment, mask in zip(view.segments, selected.masks, strict=False):
        answer = segment.indexes[field].search(
            queries, k, radius=radius, recall=recall, exact=exact, where=mask
        )
        info = answer.info
        if info is None:
            continue
        parts.append([Row(segment.rows[row.ids], row.distances) for row in answer])
        recalls.append(info.recall)
        scanned += info.scanned
        weighed = info.candidates or _scan_cost(segment.rows, mask, queries)
        for name, seconds in weighed.items():
            candidates[name] = candidates.get(name, 0.0) + seconds
        # The part with most of the matching rows speaks for all.
        if info.matching > spoken:
            spoken, reason = info.matching, info.reason
        if strategy == "exact":
            strategy = info.strategy
    if len(view.tail):
        found = scan(view.tail.prepared[field], queries, k, radius, selected.masks[-1])
        parts.append([Row(view.tail.rows[row.ids], row.distances) for row in found.rows])
        recalls.append(1.0)
        scanned += found.scanned
        for name, seconds in _scan_cost(view.tail.rows, selected.masks[-1], queries).items():
            candidates[name] = candidates.get(name, 0.0) + seconds
        reason = reason or "the rows are not indexed yet: all are scanned"
    rows, recall = _merge(parts, recalls, len(queries), k)
    if strategy == "exact":
        recall = 1.0
    reason = reason or ("no row matches" if view.live else "there are no rows")
    return Found(rows, strategy, recall, scanned, selected.matching, reason, candidates)


def _scan_cost(
    rows: npt.NDArray[np.int64], mask: MaskArray | None, queries: Float32Array
) -> dict[str, float]:
    """What scanning a part that has no graph should cost a query, by the usual constants."""
    matching = len(rows) if mask is None else int(np.count_nonzero(mask))
    return {"exact": USUAL_COSTS.exact_seconds(len(rows), matching, queries.shape[1])}


def _merge(
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
