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
from likewise.index._postings.borrowing import borrowed
from likewise.index._postings.bounds import easy_terms, look, next_row
from likewise.index._postings.heap import order_best
from likewise.index._postings.lanes import WORD
from likewise.index._postings.lists import list_all, list_only, list_touched
from likewise.index._postings.scoring import SLACK, TINY
from likewise.index._postings.settling import settle
from likewise.index._postings.sums import add_up, weigh_term
from likewise.index._postings.values import (
    BLOCK,
    WINDOW,
    Asked,
    Best,
    Formula,
    Postings,
    Term,
    best,
    memory,
)

#: Adding up a term costs less than looking up so many rows in it for each of its postings.
WORTH = 2
#: Windows of fewer postings than this share are gone through by posting.
SPARSE = 4
#: Rows that are listed at once: a word of them, or those of a window of few postings.
LISTED = max(WORD, WINDOW // SPARSE)


@kernel(error_model="numpy")
def search(
    postings: Any, formula: Any, asked: Any, passing: Any, first: Any, count: Any, floor: Any,
    last: Any, best: Any, memory: Any,
) -> Any:  # fmt: skip
    """As `likewise.index._postings.plain.search`; gives how many postings were scored."""
    most = 0
    for query in range(len(asked.offsets) - 1):
        most = max(most, asked.offsets[query + 1] - asked.offsets[query])
    terms = np.empty(most, dtype=Term)
    order, parts = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.float64)
    found, scores = np.empty(LISTED, dtype=np.int64), np.empty(LISTED, dtype=np.float64)
    tops = np.empty(WINDOW // BLOCK + 2, dtype=np.float64)
    return _search(
        postings, formula, asked, passing, first, count, floor, last, best,
        terms, order, parts, memory[0], memory[1], found, scores, tops,
    )  # fmt: skip


@kernel(error_model="numpy")
def _search(
    postings: Any, formula: Any, asked: Any, passing: Any, first: Any, count: Any, floor: Any,
    last: Any, best: Any, terms: Any, order: Any, parts: Any, sums: Any, values: Any, found: Any,
    scores: Any, tops: Any,
) -> Any:  # fmt: skip
    """The same with memory for one thread; ``search`` holds it meanwhile."""
    postings = Postings(
        borrowed(postings.starts), borrowed(postings.rows), borrowed(postings.weights),
        borrowed(postings.lengths), borrowed(postings.blocks), borrowed(postings.peaks),
        borrowed(postings.shortest), borrowed(postings.lasts), borrowed(postings.bitmaps),
        borrowed(postings.bits), borrowed(postings.before),
    )  # fmt: skip
    asked = Asked(borrowed(asked.offsets), borrowed(asked.places), borrowed(asked.weights))
    best = Best(borrowed(best.scores), borrowed(best.rows), borrowed(best.found))
    passing, terms, order = borrowed(passing), borrowed(terms), borrowed(order)
    parts, sums, values = borrowed(parts), borrowed(sums), borrowed(values)
    found, scores, tops = borrowed(found), borrowed(scores), borrowed(tops)
    scored, k = 0, best.scores.shape[1]
    for query in range(len(asked.offsets) - 1):
        begin = asked.offsets[query]
        n = asked.offsets[query + 1] - begin
        for i in range(n):
            place = asked.places[begin + i]
            terms[i].place = place
            terms[i].weight = max(asked.weights[begin + i], TINY)
            terms[i].at = postings.starts[place]
            terms[i].stop = postings.starts[place + 1]
        while True:
            low = next_row(postings, terms, n, count)
            if low >= count:
                break
            low = low // WINDOW * WINDOW
            high = min(low + WINDOW, count)
            threshold = floor
            if best.found[query] == k and best.scores[query, 0] > floor:
                threshold = best.scores[query, 0]
            total = look(postings, formula, terms, n, high, tops)
            if total > threshold:  # then some term is not easy
                easy = easy_terms(terms, n, threshold, order)
                left = terms[order[easy]].rest
                own = 0
                for i in range(n):
                    if terms[i].rank >= easy:
                        own += terms[i].end - terms[i].at
                while easy > 0:  # few postings are quicker added up than searched for many rows
                    j = order[easy - 1]
                    if terms[j].end - terms[j].at > WORTH * own:
                        break
                    own += terms[j].end - terms[j].at
                    easy -= 1
                    left = terms[j].rest
                alone, few = easy == n - 1, own * SPARSE < WINDOW
                for i in range(n):
                    if terms[i].rank >= easy:
                        need = threshold / SLACK - (total - terms[i].bound)
                        scored += weigh_term(postings, formula, terms, i, need, tops, values)
                        if not alone:
                            add_up(postings.rows, terms[i].at, terms[i].end, low, values, sums)
                # Piece by piece, since each may raise what the next must reach.
                pieces = n if few else -(-(high - low) // WORD)
                i = order[easy]
                if alone:
                    pieces = -(-(terms[i].end - terms[i].at) // WORD)
                for piece in range(pieces):
                    need = max(threshold / SLACK - left, 0.0)
                    if alone:
                        at = terms[i].at + WORD * piece
                        end = min(at + WORD, terms[i].end)
                        listed = list_only(
                            postings.rows, at, end, WORD * piece, need, values, found, scores
                        )
                    elif not few:
                        listed = list_all(low, WORD * piece, need, sums, found, scores)
                    elif terms[piece].rank >= easy:
                        at, end = terms[piece].at, terms[piece].end
                        listed = list_touched(
                            postings.rows, at, end, low, need, sums, found, scores
                        )
                    else:
                        continue
                    if listed:
                        threshold = settle(
                            postings, formula, terms, n, order, parts, query, passing, first,
                            listed, found, scores, easy, threshold, best,
                        )  # fmt: skip
            for i in range(n):
                terms[i].at = terms[i].end
        if last:
            order_best(best.scores, best.rows, best.found[query], query)
    return scored


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
    return search(postings, formula, asked, passing, 0, 1, -1.0, True, found, memory())
