"""The postings of a term in a window: what each adds, and the sums of their rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.jit import kernel
from likewise.index._postings.bounds import limits
from likewise.index._postings.lanes import LANES, weigh
from likewise.index._postings.scoring import score_of
from likewise.index._postings.values import BLOCK


@kernel(inline="always", error_model="numpy")
def _span(
    postings: Any, formula: Any, begin: Any, end: Any, weight: Any, values: Any, to: Any
) -> Any:
    """What postings ``begin`` to ``end`` of a term add, from ``values[to]`` on."""
    rows, lengths, weights = postings.rows, postings.lengths, postings.weights
    if not formula.counts:
        for j in range(end - begin):
            values[to + j] = weight * np.float64(weights[begin + j])
    elif end - begin >= LANES:
        at = begin
        while at < end:
            at = min(at, end - LANES)  # the last are done again, lest any be left
            weigh(
                values, to + at - begin, rows, lengths, weights, at, weight,
                formula.scale, formula.low, formula.high, formula.plus, formula.fixed,
                formula.slope,
            )  # fmt: skip
            at += LANES
    else:
        for j in range(end - begin):
            length = lengths[np.uint32(rows[begin + j])]
            values[to + j] = score_of(np.float64(weights[begin + j]), length, weight, formula)


@kernel(inline="always", error_model="numpy")
def weigh_term(
    postings: Any, formula: Any, terms: Any, i: Any, need: Any, tops: Any, values: Any
) -> Any:
    """What each of a term's postings in the window adds, as ``values``; gives how many were scored.

    A block that has none above ``need`` is left out, with values of 0: even with all other terms
    its rows do not get in.
    """
    at, end, weight = terms[i].at, terms[i].end, terms[i].weight
    scored = end - at
    if need <= 0.0 or at == end:
        _span(postings, formula, at, end, weight, values, 0)
    else:
        place = terms[i].place
        start = postings.starts[place]
        number = (at - start) // BLOCK
        block = postings.blocks[place] + number
        count = (end - 1 - start) // BLOCK - number + 1
        limits(postings, formula, block, count, weight, tops)
        begin = at
        for b in range(count):
            stop = min(start + BLOCK * (number + b + 1), end)
            if tops[b] <= need:
                scored -= stop - begin
                for j in range(begin - at, stop - at):
                    values[j] = 0.0
            else:
                _span(postings, formula, begin, stop, weight, values, begin - at)
            begin = stop
    return scored


@kernel(inline="always")
def add_up(rows: Any, at: Any, end: Any, low: Any, values: Any, sums: Any) -> Any:
    """Add a term's ``values`` to the sums of their rows in the window."""
    for j in range(end - at):
        sums[np.uint32(rows[at + j] - low)] += values[j]
