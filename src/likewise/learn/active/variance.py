"""`max_diag` and `max_det`: the rows of the largest variance, alone and together."""

from __future__ import annotations

import numpy as np

from likewise._arguments import suggest_arguments
from likewise.learn.active._candidates import Candidates, IntArray, as_ids, farthest
from likewise.learn.active.transforms import Posterior, check_noise


def max_diag(candidates: Candidates, n: int) -> IntArray:
    """The n rows of the largest ``k(x, x) = |x|^2``; after `Posterior`, of the largest variance.

    Labelled rows do not count, and neither does what else is in the batch: near copies are chosen
    together.

    Args:
        candidates: features are read. n: how many.

    Returns:
        (n,) ids, largest first.

    Cost: pool p multiplications and a sort.

    Example:
        >>> max_diag(Candidates(3, np.array([[1.0], [-3.0], [2.0]])), 2).tolist()
        [1, 2]
    """
    return as_ids(np.argsort(-candidates.squares(), kind="stable")[:n])


@suggest_arguments
def max_det(candidates: Candidates, n: int, *, noise: float = 1e-6) -> IntArray:
    """The row of the largest variance given all that is labelled or chosen, again and again.

    It climbs ``det(K + noise I)`` of labelled rows and batch with ``k(x, y) = x.y``, greedily: a
    Cholesky factor with pivots. With a Gaussian process it is the greedy batch of the largest
    entropy (BatchBALD in regression).

    Args:
        candidates: features are read, and centres, on which the variance is conditioned. After
            `Posterior` it is conditioned already: say ``mode="p"`` then. n: how many.
        noise: variance of the labels, in units of k; see `Scale`.

    Returns:
        (n,) ids, in the order chosen.

    Cost: n pool (p + n) multiplications, and those of `Posterior`; pool (p + n) numbers.

    Source: as `lcmd`; A. Kirsch, J. van Amersfoort and Y. Gal, "BatchBALD", NeurIPS 2019.

    Example:
        Of two rows that are nearly copies one is enough:

        >>> rows = np.array([[3.0, 0.0], [2.9, 0.0], [0.0, 1.0]])
        >>> max_det(Candidates(3, rows), 2).tolist(), max_diag(Candidates(3, rows), 2).tolist()
        ([0, 2], [0, 1])
    """
    noise = check_noise(noise)
    rows, _ = Posterior(noise)(candidates.features, candidates.centres)
    left = np.vecdot(rows, rows)
    factor = np.zeros((len(rows), n))
    taken = np.zeros(len(rows), dtype=bool)
    chosen: list[int] = []
    for step in range(n):
        row = farthest(left, taken)
        column = rows @ rows[row] - factor[:, :step] @ factor[row, :step]
        factor[:, step] = column / np.sqrt(left[row] + noise)
        left = np.maximum(left - factor[:, step] ** 2, 0.0)
        taken[row] = True
        chosen.append(row)
    return as_ids(chosen)
