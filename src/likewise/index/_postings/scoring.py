"""What a posting adds to the score of its row.

More of a term adds more, and in a longer row less: with the largest weight of a block and the
shortest of its rows it is a bound of what its postings add, but for rounding.
"""

from __future__ import annotations

from typing import Any

from likewise.index._compiled.jit import kernel

#: More than rounding can take from a bound that is true of real numbers.
ROUNDING = 1.0 + 1e-12
#: More than rounding can do to a sum of fewer than a million bounds in another order.
SLACK = 1.0 + 1e-9
#: What a term of weight 0 adds: lost in every other sum, but its rows are found.
TINY = 1e-300
#: Sums that hold nothing else are 0.
NOTHING = 1e-200


@kernel(inline="always", error_model="numpy")
def score_of(x: Any, length: Any, weight: Any, formula: Any) -> Any:
    """What weight or count ``x`` in a row of that length adds for a term of ``weight``."""
    if not formula.counts:
        return weight * x
    norm = formula.fixed + formula.slope * length
    share = (x + formula.low * norm) / (x + formula.high * norm)
    return weight * (formula.scale * share + formula.plus)
