"""The best k rows so far: a heap with the worst of them on top."""

from __future__ import annotations

from typing import Any

from likewise.index._compiled.jit import kernel


@kernel(inline="always")
def _worse(score: Any, row: Any, other: Any, other_row: Any) -> Any:
    """Whether the first would have to go before the second: of equals the later row goes."""
    return score < other or (score == other and row > other_row)


@kernel
def push(scores: Any, rows: Any, found: Any, query: Any, score: Any, row: Any) -> Any:
    """Take ``row`` among the best of ``query``, instead of the worst when there are k."""
    k = scores.shape[1]
    held = found[query]
    if held < k:
        at = held
        found[query] = held + 1
        while at > 0:
            parent = (at - 1) >> 1
            if not _worse(score, row, scores[query, parent], rows[query, parent]):
                break
            scores[query, at] = scores[query, parent]
            rows[query, at] = rows[query, parent]
            at = parent
    else:
        at = 0
        while True:
            child = 2 * at + 1
            if child >= k:
                break
            right = child + 1
            if right < k and _worse(
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
