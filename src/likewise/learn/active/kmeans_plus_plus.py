"""`kmeans_plus_plus`: rows drawn by their squared distance to all that is labelled or chosen."""

from __future__ import annotations

import numpy as np

from likewise.learn.active._candidates import Candidates, IntArray, as_ids
from likewise.learn.active._nearest import Nearest


def kmeans_plus_plus(candidates: Candidates, n: int) -> IntArray:
    """The seeding of k-means: rows far from every centre are likely, none is certain.

    ``P(x) = d(x)^2 / sum d^2``, d the distance to the nearest centre. Labelled rows are centres
    (mode "tp"); without any, and where nothing but copies is left, all rows are as likely. On
    gradients of the loss by the predicted label it is BADGE.

    Args:
        candidates: features, centres and chance are read. n: how many.

    Returns:
        (n,) ids, in the order chosen.

    Cost: (labelled + n) pool p multiplications, pool p numbers.

    Source: D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA
    2007; J. Ash et al., "Deep batch active learning by diverse, uncertain gradient lower bounds",
    ICLR 2020.

    Example:
        >>> found = kmeans_plus_plus(Candidates(3, np.array([[0.0], [0.0], [7.0]])), 2)
        >>> 2 in found
        True
    """
    near, chosen = Nearest(candidates), list[int]()
    while len(chosen) < n:
        chance = near.squared if near.centres else np.zeros(candidates.count)
        if not chance.sum() > 0:
            chance = (~near.taken).astype(np.float64)
        row = int(candidates.rng.choice(candidates.count, p=chance / chance.sum()))
        near.take(row)
        chosen.append(row)
    return as_ids(chosen)
