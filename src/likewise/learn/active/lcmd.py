"""`lcmd`: the farthest row of the heaviest cluster, again and again."""

from __future__ import annotations

import numpy as np

from likewise.learn.active._candidates import (
    Candidates,
    IntArray,
    as_ids,
    farthest,
    first_free,
)
from likewise.learn.active._nearest import Nearest


def lcmd(candidates: Candidates, n: int) -> IntArray:
    """Largest cluster, maximum distance: spread out, and more where there are many rows.

    Every row of the pool belongs to its nearest centre. The weight of a cluster is the sum of
    squared distances to its centre; the farthest row of the heaviest cluster is chosen and is the
    next centre. Labelled rows are the centres at the beginning (mode "tp"); without any, the row
    of the largest norm is the first choice. Of equals, the smaller id.

    Args:
        candidates: features are read, and centres. n: how many.

    Returns:
        (n,) ids, in the order chosen.

    Cost: (labelled + n) pool p multiplications, pool p numbers.

    Source: D. Holzmueller, V. Zaverkin, J. Kaestner and I. Steinwart, "A framework and benchmark
    for deep batch active learning for regression", JMLR 2023.

    Example:
        Ten rows near 0, one at 5, and a labelled row at 0:

        >>> rows = np.r_[np.linspace(-1, 1, 10), 5.0][:, None]
        >>> lcmd(Candidates(11, rows, centres=np.zeros((1, 1))), 3).tolist()
        [10, 0, 9]
    """
    near, chosen = Nearest(candidates), list[int]()
    while len(chosen) < n:
        if near.centres:
            weights = np.bincount(near.owner, weights=near.squared)
            inside = near.owner == np.argmax(weights)
            row = farthest(np.where(inside, near.squared, -1.0), near.taken)
            if near.squared[row] == 0:  # nothing but copies is left
                row = first_free(near.taken)
        else:
            row = farthest(candidates.squares(), near.taken)
        near.take(row)
        chosen.append(row)
    return as_ids(chosen)
