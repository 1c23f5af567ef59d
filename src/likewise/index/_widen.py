"""Filtered and ranged search in a graph, by lists that widen until they are enough.

The list holds rows that pass the filter and rows that do not; those that pass are the answer.
It is accepted when the list holds k of them (or reaches beyond the radius) and the measured
recall at the depth it had to go to meets the target: so a filter that avoids the query's
neighbourhood asks for a long list, and in the end for an exact scan, and never for luck.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from likewise.index._compiled.values import COUNT, DEPTH, SCANNED
from likewise.index._compiled.values import Found as Walked
from likewise.index._protocol import Partial
from likewise.index._walking import Ask
from likewise.index.recall import RecallCurve
from likewise.index.scanning import PreparedRows
from likewise.results import Row
from likewise.vectors import Float32Array

if TYPE_CHECKING:
    from likewise.index._links import Links

IdArray = npt.NDArray[np.int64]

#: Queries are asked in blocks for whose answers so many rows are set aside: all within a radius
#: of very many queries would not fit into memory at once.
BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class Wanted:
    """What every query of a call wants of the graph.

    Attributes:
        k, radius, mask, span: as in `Ask`.
        recall: the share of the true neighbours to find.
        budget: seconds that all efforts tried after the first may cost together.
        forced: where the effort was asked for, the recall to report: what one search finds is
            the answer, if it is k rows or there is a radius.
        distances: after which a walk ends.
    """

    k: int | None
    radius: float | None
    mask: npt.NDArray[np.bool_] | None
    span: tuple[int, int] | None
    recall: float
    budget: float
    forced: float | None
    distances: int


def widen(
    links: Links,
    prepared: PreparedRows,
    queries: Float32Array,
    wanted: Wanted,
    effort: int,
    jobs: int,
) -> Partial:
    """Search at ``effort`` and, for the queries that are not satisfied, at larger ones."""
    found = Partial([None] * len(queries), [0.0] * len(queries))
    curve, walker = links.curve, links.walker(prepared)
    open_: IdArray = np.arange(len(queries))
    current: int | None = effort
    filtered = wanted.mask is not None or wanted.span is not None
    spent = 0.0

    def seconds(effort: int) -> float:
        return links.costs.graph_seconds(effort, queries.shape[1], filtered=filtered)

    while current is not None and curve is not None and len(open_):
        ask = _ask(links, wanted, current)
        height = max(1, BLOCK // walker.width(ask))
        for start in range(0, len(open_), height):
            some = open_[start : start + height]
            _take(found, some, walker.find(queries[some], ask, jobs), curve, current, wanted)
        open_ = np.array([i for i in open_.tolist() if found.rows[i] is None], dtype=np.int64)
        if wanted.forced is not None:
            break
        spent += seconds(current)
        current = curve.next_effort(current)
        if current is not None and spent + seconds(current) > wanted.budget:
            current = None
    return found


def _ask(links: Links, wanted: Wanted, effort: int) -> Ask:
    everything = wanted.mask is None and wanted.span is None and wanted.radius is None
    return Ask(
        wanted.k,
        effort,
        stop=links.stop_at(effort) if everything else 0.0,
        radius=wanted.radius,
        mask=wanted.mask,
        span=wanted.span,
        budget=wanted.distances,
    )


def _take(
    found: Partial, asked: IdArray, answers: Walked, curve: RecallCurve, effort: int, wanted: Wanted
) -> None:
    """Note what the queries ``asked`` were answered, where that is enough."""
    counts = answers.notes[:, COUNT]
    found.scanned += int(answers.notes[:, SCANNED].sum())
    enough = _recalls(curve, effort, answers.notes[:, DEPTH], wanted.recall)
    if wanted.forced is not None:
        full = (counts == wanted.k) | ((counts >= 0) & (wanted.radius is not None))
        enough = np.where(full, wanted.forced, -1.0)
    for line, query in enumerate(asked.tolist()):
        if enough[line] >= 0:
            ids, distances = (part[line, : counts[line]].copy() for part in answers[:2])
            found.rows[query] = Row(ids, distances)  # copied: the whole is far larger
            found.recalls[query] = float(enough[line])


def _recalls(
    curve: RecallCurve, effort: int, depths: IdArray, recall: float
) -> npt.NDArray[np.float64]:
    """(b,) the recall to expect at each depth; -1 where that misses the target."""
    each, places = np.unique(depths, return_inverse=True)
    known = [
        curve.recall_at(effort, depth)
        if depth and curve.lower_at(effort, depth) >= recall
        else -1.0
        for depth in each.tolist()
    ]
    return np.array(known)[places]
