"""The best rows of a batch of queries, window by window, with what cannot matter left out.

A window is `WINDOW` consecutive rows. The largest weights of its blocks say how much each term can
add there. A window whose terms cannot reach the k-th best score so far is passed over. In the others
the terms that together cannot reach it (the *easy* ones) are not read: the rest are summed, and a
row that may get in by them is looked up among the easy ones, the strongest first. (MaxScore, by
windows: Turtle and Flood, "Query evaluation: strategies and optimizations", 1995; block maxima:
Ding and Suel, "Faster top-k document retrieval using block-max indexes", SIGIR 2011.)

Scores are sums in the order of the query's terms, whatever was looked at first: those of
`likewise.index._postings.plain`, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from likewise.index._compiled.jit import kernel
from likewise.index._postings.bits import lowest
from likewise.index._postings.heap import push
from likewise.index._postings.scoring import added, most
from likewise.index._postings.values import (
    BLOCK,
    WINDOW,
    Asked,
    Best,
    Formula,
    Postings,
    best,
    scratch,
)

#: More than rounding can do to a sum of fewer than a million bounds in another order.
SLACK = 1.0 + 1e-9
_ONE = np.uint64(1)


@kernel
def search(
    postings: Any,
    formula: Any,
    asked: Any,
    passing: Any,
    first: Any,
    count: Any,
    floor: Any,
    best: Any,
    scratch: Any,
) -> Any:
    """As `likewise.index._postings.plain.search`; gives how many postings were scored."""
    scored = 0
    k = best.scores.shape[1]
    for query in range(len(asked.offsets) - 1):
        begin = asked.offsets[query]
        terms = asked.offsets[query + 1] - begin
        for i in range(terms):
            place = asked.places[begin + i]
            scratch.at[i] = postings.starts[place]
            scratch.block[i] = postings.blocks[place]
        while True:
            low = _next_row(postings, asked, begin, terms, count, scratch)
            if low >= count:
                break
            low = low // WINDOW * WINDOW
            high = min(low + WINDOW, count)
            threshold = floor
            if best.found[query] == k and best.scores[query, 0] > floor:
                threshold = best.scores[query, 0]
            total = _look(postings, formula, asked, begin, terms, high, scratch)
            if total > threshold:
                easy = _easy(terms, threshold, scratch)
                for i in range(terms):
                    if scratch.rank[i] >= easy:
                        scored += scratch.ends[i] - scratch.at[i]
                        _sum(postings, formula, i, asked.weights[begin + i], low, scratch)
                _offer(
                    postings, formula, asked, query, passing, first, low, easy, threshold, best,
                    scratch,
                )  # fmt: skip
            for i in range(terms):
                scratch.at[i] = scratch.ends[i]
                scratch.block[i] = scratch.after[i]
    return scored


@kernel(inline="always")
def _next_row(postings: Any, asked: Any, begin: Any, terms: Any, count: Any, scratch: Any) -> Any:
    """The least row that is still to come."""
    low = count
    for i in range(terms):
        at = scratch.at[i]
        if at < postings.starts[asked.places[begin + i] + 1]:
            low = min(low, np.int64(postings.rows[at]))
    return low


@kernel
def _look(
    postings: Any, formula: Any, asked: Any, begin: Any, terms: Any, high: Any, scratch: Any
) -> Any:
    """Where each term's postings before row ``high`` end, and the most they add; gives the sum."""
    total = 0.0
    for i in range(terms):
        place = asked.places[begin + i]
        weight = asked.weights[begin + i]
        end = postings.starts[place + 1]
        block, stop = scratch.block[i], postings.blocks[place + 1]
        at = postings.starts[place] + BLOCK * (block - postings.blocks[place])
        bound = 0.0
        while block < stop and postings.rows[at] < high:
            bound = max(bound, most(postings, formula, block, weight))
            if postings.lasts[block] >= high:
                end = min(end, at + BLOCK)
                at = _first_from(postings.rows, max(at, scratch.at[i]), end, high)
                break
            at += BLOCK
            block += 1
        scratch.ends[i] = min(at, end)
        scratch.after[i] = block
        scratch.bounds[i] = bound
        total += bound
    return total


@kernel(inline="always")
def _first_from(rows: Any, low: Any, high: Any, row: Any) -> Any:
    """The first of the postings ``low`` to ``high`` whose row is not below ``row``."""
    while low < high:
        middle = (low + high) >> 1
        if rows[middle] < row:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _easy(terms: Any, threshold: Any, scratch: Any) -> Any:
    """Order the terms by what they can add; gives how many together cannot reach ``threshold``."""
    order, bounds = scratch.order, scratch.bounds
    for i in range(terms):
        j = i
        while j > 0 and bounds[order[j - 1]] > bounds[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
    rest, easy = 0.0, 0
    for j in range(terms):
        scratch.rests[j] = rest
        scratch.rank[order[j]] = j
        rest += bounds[order[j]]
        if rest * SLACK <= threshold:
            easy = j + 1
    return easy


@kernel
def _sum(postings: Any, formula: Any, i: Any, weight: Any, low: Any, scratch: Any) -> Any:
    """Add the postings of a term in the window to the sums of their rows, which are marked."""
    sums, marks = scratch.sums, scratch.marks
    for posting in range(scratch.at[i], scratch.ends[i]):
        row = postings.rows[posting] - low
        sums[row] += added(postings, formula, posting, weight)
        marks[row >> 6] |= _ONE << np.uint64(row & 63)


@kernel
def _offer(
    postings: Any,
    formula: Any,
    asked: Any,
    query: Any,
    passing: Any,
    first: Any,
    low: Any,
    easy: Any,
    threshold: Any,
    best: Any,
    scratch: Any,
) -> Any:
    """Offer every marked row to the best of ``query``, and clear sums and marks."""
    k = best.scores.shape[1]
    filtered = len(passing) > 0
    begin = asked.offsets[query]
    terms = asked.offsets[query + 1] - begin
    left = scratch.rests[easy] if easy < terms else 0.0
    for word in range(len(scratch.marks)):
        marks = scratch.marks[word]
        if marks == 0:
            continue
        scratch.marks[word] = np.uint64(0)
        while marks != 0:
            place = 64 * word + lowest(marks)
            marks &= marks - _ONE
            score = scratch.sums[place]
            scratch.sums[place] = 0.0
            row = low + place
            if filtered and not passing[row]:
                continue
            if easy > 0:
                if (score + left) * SLACK <= threshold:
                    continue
                if not _may_pass(
                    postings, formula, asked, begin, row, score, easy, threshold, scratch
                ):
                    continue
                score = _whole(postings, formula, asked, begin, terms, row, scratch)
            if score > threshold:
                push(best.scores, best.rows, best.found, query, score, first + row)
                if best.found[query] == k and best.scores[query, 0] > threshold:
                    threshold = best.scores[query, 0]


@kernel
def _may_pass(
    postings: Any,
    formula: Any,
    asked: Any,
    begin: Any,
    row: Any,
    score: Any,
    easy: Any,
    threshold: Any,
    scratch: Any,
) -> Any:
    """Whether easy terms lift ``row`` above ``threshold``, the strongest looked up first."""
    for j in range(easy - 1, -1, -1):
        i = scratch.order[j]
        posting = _first_from(postings.rows, scratch.at[i], scratch.ends[i], row)
        if posting < scratch.ends[i] and postings.rows[posting] == row:
            score += added(postings, formula, posting, asked.weights[begin + i])
        if (score + scratch.rests[j]) * SLACK <= threshold:
            return False
    return True


@kernel
def _whole(
    postings: Any, formula: Any, asked: Any, begin: Any, terms: Any, row: Any, scratch: Any
) -> Any:
    """The score of ``row``, its terms added in their order."""
    score = 0.0
    for i in range(terms):
        posting = _first_from(postings.rows, scratch.at[i], scratch.ends[i], row)
        if posting < scratch.ends[i] and postings.rows[posting] == row:
            score += added(postings, formula, posting, asked.weights[begin + i])
    return score


# -- compiling -----------------------------------------------------------------------------


def warm_up() -> list[Callable[[], Any]]:
    """A search of one row, by counts and with the types of all searches."""
    return [_warm_search]


def _warm_search() -> Any:
    def fixed(values: Any, dtype: Any) -> Any:
        array = np.array(values, dtype=dtype)
        array.flags.writeable = False
        return array

    one, ends = fixed([1], np.int32), fixed([0, 1], np.int64)
    row, weight = fixed([0], np.int32), fixed([1], np.float32)
    postings = Postings(ends, row, weight, one, ends, weight, one, row)
    asked = Asked(ends, fixed([0], np.int64), fixed([1], np.float64))
    formula = Formula(True, 1.0, 0.0, 1.2, 0.0, 0.25, 0.75)
    passing = fixed([True], np.bool_)
    found: Best = best(1, 1)
    return search(postings, formula, asked, passing, 0, 1, -1.0, found, scratch(1))
