"""The best k rows so far: a heap with the worst of them on top."""

from __future__ import annotations

from typing import Any

from likewise.index._compiled.jit import kernel


@kernel(inline="always")
def _worse(score: Any, row: Any, other: Any, other_row: Any) -> Any:
    """Whether the first would have to go before the second: of equals the later row goes."""
    return score < other or (score == other and row > other_row)


@kernel(inline="always")
def _sink(scores: Any, rows: Any, query: Any, count: Any, score: Any, row: Any) -> Any:
    """Put this row on top of ``count``, in place of what is there, and let it sink to its place."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= count:
            break
        right = child + 1
        if right < count and _worse(
            scores[query, right], rows[query, right], scores[query, child], rows[query, child]
        ):
            child = right
        if not _worse(scores[query, child], rows[query, child], score, row):
            break
        scores[query, at] = scores[query, child]
        rows[query, at] = rows[query, child]
        at = child
    scores[query, at] = score
    rows[query, at] = row


@kernel(inline="always")
def push(scores: Any, rows: Any, found: Any, query: Any, score: Any, row: Any, floor: Any) -> Any:
    """Take ``row`` among the best of ``query`` if its score is above ``floor``; when there are k,
    instead of the worst, if that one is worse."""
    k = scores.shape[1]
    held = found[query]
    if held < k:
        if score > floor:
            at = held
            found[query] = held + 1
            while at > 0:
                parent = (at - 1) >> 1
                if not _worse(score, row, scores[query, parent], rows[query, parent]):
                    break
                scores[query, at] = scores[query, parent]
                rows[query, at] = rows[query, parent]
                at = parent
            scores[query, at] = score
            rows[query, at] = row
    elif _worse(scores[query, 0], rows[query, 0], score, row):
        _sink(scores, rows, query, k, score, row)


@kernel(inline="always")
def order_best(scores: Any, rows: Any, count: Any, query: Any) -> Any:
    """Turn the heap of ``query`` into a list, the best first."""
    for place in range(count - 1, 0, -1):
        score, row = scores[query, place], rows[query, place]
        scores[query, place], rows[query, place] = scores[query, 0], rows[query, 0]
        _sink(scores, rows, query, place, score, row)
