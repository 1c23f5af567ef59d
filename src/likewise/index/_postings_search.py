"""A batch of queries through the parts of an inverted index."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise._sparse_rows import SparseRows
from likewise.index import _postings
from likewise.index._compiled import in_threads
from likewise.index._parts import BoolArray, Int64Array, Part
from likewise.index._postings.values import Asked, Best, Formula, best, memory

Float64Array = npt.NDArray[np.float64]

#: A piece of work for one thread: at most so many queries, and so many places for hits.
QUERIES, PLACES = 64, 1 << 22
#: There is room for so many hits a query, however few there are.
SURELY = 1000
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
    if k is None or k > SURELY:
        k = min(k or _ALL, _most(parts, asked, len(queries)))
    if not k or not len(queries) or not parts:
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

    if len(queries) <= size:
        found, scored = work(0)
        return _joined([found], scored)
    done = in_threads(jobs, work, range(0, len(queries), size))
    return _joined([found for found, _ in done], sum(scored for _, scored in done))


_ALL = 1 << 62


def _asked(part: Part, queries: SparseRows, weights: Float64Array) -> Asked:
    places, there = part.places(queries.columns, queries.width)
    if there is None or there.all():
        return Asked(queries.offsets, _fixed(places), _fixed(weights))
    before = np.zeros(len(there) + 1, dtype=np.int64)
    np.cumsum(there, out=before[1:])
    return Asked(before[queries.offsets], _fixed(places[there]), _fixed(weights[there]))


def _most(parts: tuple[Part, ...], asked: list[Asked], queries: int) -> int:
    """No query can find more rows than this."""
    reach = np.zeros(queries, dtype=np.int64)
    for part, terms in zip(parts, asked, strict=True):
        starts = part.postings.starts
        sizes = starts[terms.places + 1] - starts[terms.places]
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
    own_memory = _memory.array
    for part, terms in zip(parts, asked, strict=True):
        offsets = terms.offsets
        if count < len(offsets) - 1:
            offsets = offsets[start : start + count + 1]
        own = Asked(_fixed(offsets), *terms[1:])
        allowed = _EVERYBODY if passing is None else _fixed(passing[first : first + part.count])
        last = part is parts[-1]
        scored += search(
            part.postings, formula, own, allowed, first, part.count, floor, last, found, own_memory
        )
        first += part.count
    return found, scored


class _Memory(threading.local):
    """Of each thread: what is given back after every search is zeroed by the system again."""

    def __init__(self) -> None:
        self.array = memory()


_memory = _Memory()


def _joined(pieces: list[Best], scored: int) -> Ranked:
    """The lists of all queries one after another."""
    if len(pieces) == 1:
        (whole,) = pieces
    else:
        whole = Best(*(np.concatenate(arrays) for arrays in zip(*pieces, strict=True)))
    slots, scores, counts = whole.rows, whole.scores, whole.found
    if len(counts) == 1:
        count = int(counts[0])
        return Ranked(slots[0, :count], scores[0, :count], np.array([0, count]), scored)
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    k = slots.shape[1]
    if offsets[-1] == slots.size:
        slots, scores = slots.reshape(-1), scores.reshape(-1)
    else:
        there = np.arange(k) < counts[:, None]
        slots, scores = slots[there], scores[there]
    return Ranked(slots, scores, offsets, scored)


def _fixed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
