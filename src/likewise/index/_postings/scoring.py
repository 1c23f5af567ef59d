"""What a posting adds to the score of its row, and the most that one of a block can add."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.index._compiled.jit import kernel

#: More than rounding can take from a bound that is true of real numbers.
ROUNDING = 1.0 + 1e-12


@kernel(inline="always")
def added(postings: Any, formula: Any, posting: Any, weight: Any) -> Any:
    """What ``posting`` adds for a term that has ``weight`` in the query."""
    x = np.float64(postings.weights[posting])
    if not formula.counts:
        return weight * x
    norm = formula.fixed + formula.slope * postings.lengths[postings.rows[posting]]
    share = (x + formula.low * norm) / (x + formula.high * norm)
    return weight * (formula.scale * share + formula.plus)


@kernel(inline="always")
def most(postings: Any, formula: Any, block: Any, weight: Any) -> Any:
    """No posting of ``block`` adds more: more of a term adds more, and in a longer row less."""
    x = np.float64(postings.peaks[block])
    if not formula.counts:
        return weight * x
    norm = formula.fixed + formula.slope * postings.shortest[block]
    share = (x + formula.low * norm) / (x + formula.high * norm)
    return weight * (formula.scale * share + formula.plus) * ROUNDING
