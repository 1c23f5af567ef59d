"""Rows that may be among the best: looked up in the terms that were not read, and taken or not."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.jit import kernel
from likewise.index._postings.bits import ones
from likewise.index._postings.heap import push
from likewise.index._postings.scoring import NOTHING, SLACK, score_of

_ONE = np.uint64(1)


@kernel(inline="always", error_model="numpy")
def settle(
    postings: Any, formula: Any, terms: Any, n: Any, order: Any, parts: Any, query: Any,
    passing: Any, first: Any, listed: Any, found: Any, sums: Any, easy: Any, threshold: Any,
    best: Any,
) -> Any:  # fmt: skip
    """Offer the listed rows to the best of ``query``; gives the new threshold.

    Where there are easy terms, a row is looked up among them, the strongest first, until it cannot
    get in; then among the others, and its score is added up in the order of the terms.
    """
    rows, weights, lengths = postings.rows, postings.weights, postings.lengths
    starts, bitmaps, bits, before = (
        postings.starts, postings.bitmaps, postings.bits, postings.before,
    )  # fmt: skip
    k, filtered = best.scores.shape[1], len(passing) > 0
    for number in range(listed):
        row, score = found[number], sums[number]
        if filtered and not passing[row]:
            continue
        if easy > 0:
            if (score + terms[order[easy]].rest) * SLACK <= threshold:
                continue
            hopeless = False
            for m in range(n):
                j = easy - 1 - m if m < easy else m
                i = order[j]
                place = terms[i].place
                posting = np.int64(-1)
                bitmap = bitmaps[place]
                if bitmap >= 0:
                    word = bitmap + (row >> 6)
                    bit = _ONE << np.uint64(row & 63)
                    if bits[word] & bit != 0:
                        posting = starts[place] + before[word] + ones(bits[word] & (bit - _ONE))
                else:
                    low, high = terms[i].at, terms[i].end
                    while low < high:
                        middle = (low + high) >> 1
                        if rows[middle] < row:
                            low = middle + 1
                        else:
                            high = middle
                    if low < terms[i].end and rows[low] == row:
                        posting = low
                parts[i] = 0.0
                if posting >= 0:
                    length = lengths[row] if formula.counts else 0
                    x = np.float64(weights[posting])
                    parts[i] = score_of(x, length, terms[i].weight, formula)
                if m < easy:
                    score += parts[i]
                    if (score + terms[i].rest) * SLACK <= threshold:
                        hopeless = True
                        break
            if hopeless:
                continue
            score = 0.0
            for i in range(n):
                score += parts[i]
        if score < NOTHING:
            score = 0.0
        if score >= threshold:
            push(best.scores, best.rows, best.found, query, score, first + row, threshold)
            if best.found[query] == k and best.scores[query, 0] > threshold:
                threshold = best.scores[query, 0]
    return threshold
