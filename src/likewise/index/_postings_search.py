"""A batch of queries through the parts of an inverted index."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise._sparse_rows import SparseRows
from likewise.index import _postings
from likewise.index._compiled import in_threads
from likewise.index._parts import BoolArray, Int64Array, Part
from likewise.index._postings.values import Asked, Best, Formula, best, scratch

Float64Array = npt.NDArray[np.float64]

#: A piece of work for one thread: at most so many queries, and so many places for hits.
QUERIES, PLACES = 64, 1 << 22
_EVERYBODY = np.empty(0, dtype=np.bool_)
_EVERYBODY.flags.writeable = False


class Ranked(NamedTuple):
    """The hits of all queries, best first: query q owns ``offsets[q]:offsets[q + 1]``."""

    slots: Int64Array
    scores: Float64Array
    offsets: Int64Array
    scored: int


def rank(
    parts: tuple[Part, ...],
    formula: Formula,
    queries: SparseRows,
    weights: Float64Array,
    passing: BoolArray | None,
    k: int | None,
    radius: float | None,
    jobs: int,
) -> Ranked:
    """The best rows of each query, by score and then by slot; ``weights`` are of its terms."""
    asked = [_asked(part, queries, weights) for part in parts]
    k = min(k or _ALL, _most(parts, asked, len(queries)))
    if not k:
        nobody = np.empty(0, dtype=np.int64)
        return Ranked(nobody, np.empty(0), np.zeros(len(queries) + 1, dtype=np.int64), 0)
    # Just below the least score wanted; scores are never negative.
    floor = -1.0 if radius is None else float(np.nextafter(-radius, -np.inf))
    size = max(1, min(QUERIES, PLACES // k, -(-len(queries) // (4 * jobs))))
    search = _postings.searcher()

    def work(start: int) -> tuple[Best, int]:
        return _one_piece(
            search, parts, asked, formula, passing, k, floor, start, min(size, len(queries) - start)
        )

    done = in_threads(jobs, work, range(0, len(queries), size))
    return _joined([found for found, _ in done], sum(scored for _, scored in done))


_ALL = 1 << 62


def _asked(part: Part, queries: SparseRows, weights: Float64Array) -> Asked:
    places, there = part.places(queries.columns)
    if there.all():
        return Asked(queries.offsets, places, weights)
    before = np.zeros(len(there) + 1, dtype=np.int64)
    np.cumsum(there, out=before[1:])
    return Asked(before[queries.offsets], places[there], weights[there])


def _most(parts: tuple[Part, ...], asked: list[Asked], queries: int) -> int:
    """No query can find more rows than this."""
    reach = np.zeros(queries, dtype=np.int64)
    for part, terms in zip(parts, asked, strict=True):
        sizes = np.diff(part.postings.starts)[terms.places]
        before = np.append(0, np.cumsum(sizes))[terms.offsets]
        reach += np.minimum(np.diff(before), part.count)
    return int(reach.max(initial=0))


def _one_piece(
    search: Any,
    parts: tuple[Part, ...],
    asked: list[Asked],
    formula: Formula,
    passing: BoolArray | None,
    k: int,
    floor: float,
    start: int,
    count: int,
) -> tuple[Best, int]:
    found, scored, first = best(count, k), 0, 0
    most = max(int(np.diff(terms.offsets).max(initial=0)) for terms in asked)
    memory = scratch(most)
    for part, terms in zip(parts, asked, strict=True):
        own = Asked(_fixed(terms.offsets[start : start + count + 1]), *map(_fixed, terms[1:]))
        allowed = _EVERYBODY if passing is None else _fixed(passing[first : first + part.count])
        scored += search(
            part.postings, formula, own, allowed, first, part.count, floor, found, memory
        )
        first += part.count
    return found, scored


def _joined(pieces: list[Best], scored: int) -> Ranked:
    """Each heap in order, and all of them one after another."""
    slots, scores = [], []
    for piece in pieces:
        there = np.arange(piece.scores.shape[1]) < piece.found[:, None]
        ranks = np.where(there, -piece.scores, np.inf)
        order = np.lexsort((piece.rows, ranks), axis=1)
        slots.append(np.take_along_axis(piece.rows, order, axis=1)[there])
        scores.append(np.take_along_axis(piece.scores, order, axis=1)[there])
    counts = np.concatenate([piece.found for piece in pieces])
    offsets = np.append(0, np.cumsum(counts))
    return Ranked(np.concatenate(slots), np.concatenate(scores), offsets, scored)


def _fixed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
