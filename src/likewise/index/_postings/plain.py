"""Scoring postings in numpy: every posting of every term of a query, one term after another.

The slow, obvious twin of `likewise.index._postings.search`, with the same results to the last
bit; and what answers while that is not loaded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._postings.values import Asked, Best, Formula, Postings

Float64Array = npt.NDArray[np.float64]


def contributions(postings: Postings, formula: Formula, span: slice, weight: float) -> Float64Array:
    """What each posting of ``span`` adds to the score of its row."""
    counts = postings.weights[span].astype(np.float64)
    if not formula.counts:
        products: Float64Array = weight * counts
        return products
    norms = formula.fixed + formula.slope * postings.lengths[postings.rows[span]]
    share = (counts + formula.low * norms) / (counts + formula.high * norms)
    scores: Float64Array = weight * (formula.scale * share + formula.plus)
    return scores


def search(
    postings: Postings,
    formula: Formula,
    asked: Asked,
    passing: npt.NDArray[np.bool_],
    first: int,
    count: int,
    floor: float,
    last: bool,
    best: Best,
    memory: Any = None,
) -> int:
    """Put the best rows of these postings into ``best``; gives how many postings were scored.

    Args:
        asked: the terms of each query, in the order in which a score adds them up.
        passing: (count,) whether a row may be found, or empty: all may.
        first: the number of the first row in ``best``; numbers there are smaller.
        count: rows there are.
        floor: scores must be above it.
        memory: the kernel's, and not needed here.
        last: these are the last postings: the best rows are then a list, the best first.
    """
    scored = 0
    for query in range(len(asked.offsets) - 1):
        sums, touched = np.zeros(count), np.zeros(count, dtype=np.bool_)
        for i in range(asked.offsets[query], asked.offsets[query + 1]):
            place = asked.places[i]
            span = slice(postings.starts[place], postings.starts[place + 1])
            rows = postings.rows[span]  # all different, so that indexed sums are right
            sums[rows] += contributions(postings, formula, span, asked.weights[i])
            touched[rows] = True
            scored += len(rows)
        if len(passing):
            touched &= passing
        rows = np.flatnonzero(touched)
        _keep(best, query, sums[rows], rows + first, floor, last)
    return scored


def _keep(best: Best, query: int, scores: Any, rows: Any, floor: float, last: bool) -> None:
    k = best.scores.shape[1]
    held = int(best.found[query])
    scores = np.concatenate([best.scores[query, :held], scores])
    rows = np.concatenate([best.rows[query, :held], rows])
    above = scores > floor
    scores, rows = scores[above], rows[above]
    if len(scores) > k:  # few are sorted
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        above = scores >= least
        scores, rows = scores[above], rows[above]
    order = np.lexsort((rows, -scores))[:k]
    if not last:
        order = order[::-1]  # the worst first, as in a heap
    best.scores[query, : len(order)], best.rows[query, : len(order)] = scores[order], rows[order]
    best.found[query] = len(order)
