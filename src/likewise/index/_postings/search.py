"""The best rows of a batch of queries, window by window, with what cannot matter left out.

A window is `WINDOW` consecutive rows. The largest weights of its blocks say how much each term
can add there. A window whose terms cannot reach the k-th best score so far is passed over. In the
others the terms that together cannot reach it (the *easy* ones) are not read: the rest are summed,
and a row that may get in by them is looked up among the easy ones, the strongest first. (MaxScore,
by windows: Turtle and Flood, "Query evaluation: strategies and optimizations", 1995; block
maxima: Ding and Suel, "Faster top-k document retrieval using block-max indexes", SIGIR 2011.)

Scores are sums in the order of the query's terms, whatever was looked at first: those of
`likewise.index._postings.plain`, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from likewise.index._compiled.jit import kernel
from likewise.index._postings.bits import lowest, ones
from likewise.index._postings.heap import push
from likewise.index._postings.scoring import ROUNDING, score_of
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
            if total > threshold:  # then some term is not easy
                easy = _easy(terms, threshold, scratch)
                left = scratch.rests[easy]
                for i in range(terms):
                    if scratch.rank[i] >= easy:
                        place, weight = asked.places[begin + i], asked.weights[begin + i]
                        need = threshold / SLACK - (total - scratch.bounds[i])
                        scored += _weigh(postings, formula, i, place, weight, need, scratch)
                        if easy < terms - 1:
                            _sum(postings, i, low, scratch)
                need = threshold / SLACK - left
                if easy == terms - 1:
                    listed = _only(postings, scratch.order[easy], need, scratch)
                else:
                    listed = _marked(low, need, scratch)
                _settle(
                    postings, formula, asked, query, passing, first, listed, easy, threshold,
                    best, scratch,
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
    starts, blocks, rows, lasts = postings.starts, postings.blocks, postings.rows, postings.lasts
    peaks, shortest = postings.peaks, postings.shortest
    total = 0.0
    for i in range(terms):
        place = asked.places[begin + i]
        weight = asked.weights[begin + i]
        end = starts[place + 1]
        block, stop = scratch.block[i], blocks[place + 1]
        at = starts[place] + BLOCK * (block - blocks[place])
        bound = 0.0
        while block < stop and rows[at] < high:
            length = shortest[block] if formula.counts else 0
            most = score_of(np.float64(peaks[block]), length, weight, formula) * ROUNDING
            bound = max(bound, most)
            if lasts[block] >= high:
                low, end = max(at, scratch.at[i]), min(end, at + BLOCK)
                while low < end:
                    middle = (low + end) >> 1
                    if rows[middle] < high:
                        low = middle + 1
                    else:
                        end = middle
                at = low
                break
            at += BLOCK
            block += 1
        scratch.ends[i] = min(at, end)
        scratch.after[i] = block
        scratch.bounds[i] = bound
        total += bound
    return total


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
def _weigh(
    postings: Any, formula: Any, i: Any, place: Any, weight: Any, need: Any, scratch: Any
) -> Any:
    """What each of a term's postings in the window adds, as ``values``; gives how many were scored.

    A block that has none above ``need`` is left out, with values below 0: even with all other
    terms its rows do not get in.
    """
    # Arrays are taken out of their tuples once: passing tuples on costs more than a block.
    rows, weights, lengths, values = (
        postings.rows, postings.weights, postings.lengths, scratch.values,
    )  # fmt: skip
    peaks, shortest = postings.peaks, postings.shortest
    scored, begin, start, block = 0, scratch.at[i], scratch.at[i], scratch.block[i]
    end = scratch.ends[i]
    stop = postings.starts[place] + BLOCK * (block + 1 - postings.blocks[place])
    while start < end:
        stop = min(stop, end)
        length = shortest[block] if formula.counts else 0
        if score_of(np.float64(peaks[block]), length, weight, formula) * ROUNDING <= need:
            for j in range(start - begin, stop - begin):
                values[j] = -np.inf
        else:
            scored += stop - start
            if formula.counts:
                for j in range(stop - start):
                    x = np.float64(weights[start + j])
                    norm = formula.fixed + formula.slope * lengths[np.uint32(rows[start + j])]
                    share = (x + formula.low * norm) / (x + formula.high * norm)
                    values[start - begin + j] = weight * (formula.scale * share + formula.plus)
            else:
                for j in range(stop - start):
                    values[start - begin + j] = weight * np.float64(weights[start + j])
        start = stop
        stop += BLOCK
        block += 1
    return scored


@kernel
def _sum(postings: Any, i: Any, low: Any, scratch: Any) -> Any:
    """Add a term's ``values`` to the sums of their rows in the window, which are marked."""
    rows, sums, marks, values = postings.rows, scratch.sums, scratch.marks, scratch.values
    start = scratch.at[i]
    for j in range(scratch.ends[i] - start):
        if values[j] >= 0.0:
            row = np.uint32(rows[start + j] - low)
            sums[row] += values[j]
            marks[row >> np.uint32(6)] |= _ONE << np.uint64(row & np.uint32(63))


@kernel
def _marked(low: Any, need: Any, scratch: Any) -> Any:
    """List the marked rows whose sum is above ``need``; clear sums and marks. Gives how many."""
    sums, marks, found, scores = scratch.sums, scratch.marks, scratch.found, scratch.scores
    listed = 0
    for number in range(len(marks)):
        word = marks[number]
        if word == 0:
            continue
        marks[number] = np.uint64(0)
        while word != 0:
            place = 64 * number + lowest(word)
            word &= word - _ONE
            found[listed] = low + place
            scores[listed] = sums[place]
            listed += 1 if sums[place] > need else 0
            sums[place] = 0.0
    return listed


@kernel
def _only(postings: Any, i: Any, need: Any, scratch: Any) -> Any:
    """List the rows to which a term adds more than ``need``, by its ``values``. Gives how many."""
    rows, values, found, scores = postings.rows, scratch.values, scratch.found, scratch.scores
    listed, start = 0, scratch.at[i]
    for j in range(scratch.ends[i] - start):
        found[listed] = rows[start + j]
        scores[listed] = values[j]
        listed += 1 if values[j] > need else 0
    return listed


@kernel
def _settle(
    postings: Any, formula: Any, asked: Any, query: Any, passing: Any, first: Any, listed: Any,
    easy: Any, threshold: Any, best: Any, scratch: Any,
) -> Any:  # fmt: skip
    """Offer the listed rows to the best of ``query``.

    Where there are easy terms, a row is looked up among them, the strongest first, until it cannot
    get in; then among the others, and its score is added up in the order of the terms.
    """
    # Arrays are taken out of their tuples once: passing tuples on costs more than a look-up.
    rows, weights, lengths = postings.rows, postings.weights, postings.lengths
    starts, bitmaps, bits, before = (
        postings.starts, postings.bitmaps, postings.bits, postings.before,
    )  # fmt: skip
    at, ends, order, rests, parts = (
        scratch.at, scratch.ends, scratch.order, scratch.rests, scratch.parts,
    )  # fmt: skip
    places, factors, counts = asked.places, asked.weights, formula.counts
    top_scores, top_rows, top_found = best.scores, best.rows, best.found
    k, filtered = top_scores.shape[1], len(passing) > 0
    begin = asked.offsets[query]
    terms = asked.offsets[query + 1] - begin
    for n in range(listed):
        row, score = scratch.found[n], scratch.scores[n]
        if filtered and not passing[row]:
            continue
        if easy > 0:
            if (score + rests[easy]) * SLACK <= threshold:
                continue
            hopeless = False
            for m in range(terms):
                j = easy - 1 - m if m < easy else m
                i = order[j]
                place = places[begin + i]
                posting = np.int64(-1)
                bitmap = bitmaps[place]
                if bitmap >= 0:
                    word = bitmap + (row >> 6)
                    bit = _ONE << np.uint64(row & 63)
                    if bits[word] & bit != 0:
                        posting = starts[place] + before[word] + ones(bits[word] & (bit - _ONE))
                else:
                    low, high = at[i], ends[i]
                    while low < high:
                        middle = (low + high) >> 1
                        if rows[middle] < row:
                            low = middle + 1
                        else:
                            high = middle
                    if low < ends[i] and rows[low] == row:
                        posting = low
                parts[i] = 0.0
                if posting >= 0:
                    length = lengths[row] if counts else 0
                    x = np.float64(weights[posting])
                    parts[i] = score_of(x, length, factors[begin + i], formula)
                if m < easy:
                    score += parts[i]
                    if (score + rests[j]) * SLACK <= threshold:
                        hopeless = True
                        break
            if hopeless:
                continue
            score = 0.0
            for i in range(terms):
                score += parts[i]
        if score > threshold:
            push(top_scores, top_rows, top_found, query, score, first + row)
            if top_found[query] == k and top_scores[query, 0] > threshold:
                threshold = top_scores[query, 0]


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
    bits, none = fixed([1], np.uint64), fixed([0], np.int64)
    postings = Postings(ends, row, weight, one, ends, weight, one, row, none, bits, row)
    asked = Asked(ends, fixed([0], np.int64), fixed([1], np.float64))
    formula = Formula(True, 1.0, 0.0, 1.2, 0.0, 0.25, 0.75)
    passing = fixed([True], np.bool_)
    found: Best = best(1, 1)
    return search(postings, formula, asked, passing, 0, 1, -1.0, found, scratch(1))
