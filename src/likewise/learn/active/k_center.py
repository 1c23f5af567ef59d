"""`k_center`: the row that is farthest from all that is labelled or chosen, again and again."""

from __future__ import annotations

from likewise.learn.active._candidates import Candidates, IntArray, as_ids, farthest
from likewise.learn.active._nearest import Nearest


def k_center(candidates: Candidates, n: int) -> IntArray:
    """Maximum distance (MaxDist, core-set): cover the pool.

    The next choice is the row with the largest distance to its nearest centre, which is at most
    twice as far as the best cover by so many centres leaves a row. Labelled rows are centres
    (mode "tp"); without any, the row of the largest norm is the first choice.

    Args:
        candidates: features are read, and centres. n: how many.

    Returns:
        (n,) ids, in the order chosen.

    Cost: (labelled + n) pool p multiplications, pool p numbers.

    Source: T. Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985;
    O. Sener and S. Savarese, "Active learning for convolutional neural networks: a core-set
    approach", ICLR 2018.

    Example:
        >>> import numpy as np
        >>> k_center(Candidates(4, np.array([[0.0], [1.0], [4.0], [9.0]])), 3).tolist()
        [3, 0, 2]
    """
    near, chosen = Nearest(candidates), list[int]()
    while len(chosen) < n:
        row = farthest(near.squared if near.centres else candidates.squares(), near.taken)
        near.take(row)
        chosen.append(row)
    return as_ids(chosen)
