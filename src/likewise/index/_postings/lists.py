"""Rows of a window whose sums are enough, listed with their sums, which are cleared."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.jit import kernel
from likewise.index._postings.bits import lowest
from likewise.index._postings.lanes import WORD, above

_ONE = np.uint64(1)


@kernel(inline="always")
def list_all(low: Any, start: Any, need: Any, sums: Any, found: Any, scores: Any) -> Any:
    """List those of `WORD` rows whose sum is above ``need``; clear the sums. Gives how many."""
    listed, word = 0, above(sums, start, need)
    while word != 0:
        place = start + lowest(word)
        word &= word - _ONE
        found[listed] = low + place
        scores[listed] = sums[place]
        listed += 1
    for place in range(WORD):
        sums[start + place] = 0.0
    return listed


@kernel(inline="always")
def list_touched(
    rows: Any, at: Any, end: Any, low: Any, need: Any, sums: Any, found: Any, scores: Any
) -> Any:
    """The same for the rows of a term."""
    listed = 0
    for posting in range(at, end):
        place = np.uint32(rows[posting] - low)
        found[listed] = rows[posting]
        scores[listed] = sums[place]
        listed += 1 if sums[place] > need else 0
        sums[place] = 0.0
    return listed


@kernel(inline="always")
def list_only(
    rows: Any, at: Any, end: Any, start: Any, need: Any, values: Any, found: Any, scores: Any
) -> Any:
    """List those of `WORD` rows to which a term adds more than ``need``, by its ``values``."""
    listed, word = 0, above(values, start, need)
    if end - at < WORD:
        word &= (_ONE << np.uint64(end - at)) - _ONE
    while word != 0:
        j = lowest(word)
        word &= word - _ONE
        found[listed] = rows[at + j]
        scores[listed] = values[start + j]
        listed += 1
    return listed
