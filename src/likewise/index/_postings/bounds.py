"""What each term of a query can add in a window, and which terms need not be read there."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.jit import kernel
from likewise.index._postings.lanes import LANES, limit
from likewise.index._postings.scoring import ROUNDING, SLACK, score_of
from likewise.index._postings.values import BLOCK


@kernel(inline="always")
def next_row(postings: Any, terms: Any, n: Any, count: Any) -> Any:
    """The least row that is still to come."""
    low = count
    for i in range(n):
        if terms[i].at < terms[i].stop:
            low = min(low, np.int64(postings.rows[terms[i].at]))
    return low


@kernel(inline="always", error_model="numpy")
def limits(postings: Any, formula: Any, block: Any, count: Any, weight: Any, tops: Any) -> Any:
    """The most that a posting of each of ``count`` blocks adds, as ``tops``; gives the largest."""
    peaks, shortest, weight = postings.peaks, postings.shortest, weight * ROUNDING
    b = 0
    if formula.counts:
        while b + LANES <= count:
            limit(
                tops, b, shortest, peaks, block + b, weight,
                formula.scale, formula.low, formula.high, formula.plus, formula.fixed,
                formula.slope,
            )  # fmt: skip
            b += LANES
    while b < count:
        length = shortest[block + b] if formula.counts else 0
        tops[b] = score_of(np.float64(peaks[block + b]), length, weight, formula)
        b += 1
    most = 0.0
    for b in range(count):
        if tops[b] > most:
            most = tops[b]
    return most


@kernel(inline="always")
def look(postings: Any, formula: Any, terms: Any, n: Any, high: Any, tops: Any) -> Any:
    """Where each term's postings before row ``high`` end, and the most they add; gives the sum."""
    starts, blocks, rows, lasts = postings.starts, postings.blocks, postings.rows, postings.lasts
    total = 0.0
    for i in range(n):
        at, end, bound = terms[i].at, terms[i].at, 0.0
        if at < terms[i].stop and rows[at] < high:
            place = terms[i].place
            block = blocks[place] + (at - starts[place]) // BLOCK
            stop, after = blocks[place + 1], block
            end = terms[i].stop
            while after < stop and lasts[after] < high:
                after += 1
            if after < stop:
                lower = starts[place] + BLOCK * (after - blocks[place])
                end = min(end, lower + BLOCK)
                if lower < at:
                    lower = at
                while lower < end:
                    middle = (lower + end) >> 1
                    if rows[middle] < high:
                        lower = middle + 1
                    else:
                        end = middle
                after += 1
            bound = limits(postings, formula, block, after - block, terms[i].weight, tops)
        terms[i].end = end
        terms[i].bound = bound
        total += bound
    return total


@kernel(inline="always")
def easy_terms(terms: Any, n: Any, threshold: Any, order: Any) -> Any:
    """Order the terms by what they can add; gives how many together cannot reach ``threshold``."""
    for i in range(n):
        j = i
        while j > 0 and terms[order[j - 1]].bound > terms[i].bound:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
    rest, easy = 0.0, 0
    for j in range(n):
        terms[order[j]].rest = rest
        terms[order[j]].rank = j
        rest += terms[order[j]].bound
        if rest * SLACK <= threshold:
            easy = j + 1
    return easy
