"""`bait`: the batch that leaves least variance over all rows."""

from __future__ import annotations

import numpy as np

from likewise._arguments import check_count, suggest_arguments
from likewise.learn.active._candidates import (
    Candidates,
    Float64Array,
    IntArray,
    as_ids,
    farthest,
)
from likewise.learn.active.transforms import Posterior, check_noise


@suggest_arguments
def bait(candidates: Candidates, n: int, *, noise: float = 1e-6, overselect: int = 1) -> IntArray:
    """Rows whose labels would leave the least posterior variance, summed over all rows.

    With ``k(x, y) = x.y`` it lowers ``sum_x k(x, x | batch and labelled)`` over the pool, and the
    labelled rows in mode "tp", greedily: the sum is ``noise tr((F'F + noise I)^-1 M)``, F the
    features of what is labelled or chosen and M the sum of ``x x'``. With ``overselect`` of 2 or
    more, so many times n rows are chosen first, and the least useful are given back one by one
    (forward and backward). It is Bayesian A-optimal design, and BAIT where the features are those
    of the last layer in regression.

    Args:
        candidates: features are read, and centres, on which the variance is conditioned. After
            `Posterior` it is conditioned already: say ``mode="p"`` then. n: how many.
        noise: variance of the labels, in units of k; see `Scale`.
        overselect: how many times n rows are chosen before some are given back.

    Returns:
        (n,) ids, in the order chosen.

    Cost: overselect n (pool p + p^2) multiplications and pool p^2 at the start; p^2 numbers: put a
    `RandomProjection` before it where p is large.

    Source: J. Ash, S. Goel, A. Krishnamurthy and S. Kakade, "Gone fishing: neural active learning
    with Fisher embeddings", NeurIPS 2021; in this form, as `lcmd`.

    Example:
        A row in the midst of many tells more than the outlier that has the largest variance:

        >>> from likewise.learn.active import max_diag
        >>> rows = np.array([[2.0, 0.0], [1.9, 0.1], [1.8, 0.2], [0.0, 2.5]])
        >>> bait(Candidates(4, rows), 1).tolist(), max_diag(Candidates(4, rows), 1).tolist()
        ([2], [3])
    """
    noise = check_noise(noise)
    times = check_count("overselect", overselect)
    rows, centres = Posterior(noise)(candidates.features, candidates.centres)
    M = rows.T @ rows
    if centres is not None:
        M += centres.T @ centres
    chosen = _forward(rows, M, min(times * n, len(rows)), noise)
    return as_ids(_backward(rows[chosen], M, chosen, n, noise))


def _forward(rows: Float64Array, M: Float64Array, n: int, noise: float) -> list[int]:
    """Add what lowers the sum most; all that a choice changes is updated in O(pool p)."""
    G = np.eye(rows.shape[1])  # noise (F'F + noise I)^-1
    left = np.vecdot(rows, rows)  # x'Gx
    gains = np.vecdot(rows @ M, rows)  # x'GMGx
    taken = np.zeros(len(rows), dtype=bool)
    chosen: list[int] = []
    for _ in range(n):
        row = farthest(gains / (left + noise), taken)
        b = G @ rows[row]
        g = 1.0 / (left[row] + noise)
        Mb = M @ b
        along, weighed = rows @ b, rows @ (G @ Mb)
        gains = np.maximum(gains - 2 * g * along * weighed + (g * along) ** 2 * (b @ Mb), 0.0)
        left = np.maximum(left - g * along**2, 0.0)
        G -= g * np.outer(b, b)
        taken[row] = True
        chosen.append(row)
    return chosen


def _backward(
    rows: Float64Array, M: Float64Array, chosen: list[int], n: int, noise: float
) -> list[int]:
    """Give back what raises the sum least: by ``(P A P)_ii / P_ii``, with P the inverse of
    ``K + noise I`` of the chosen rows and ``A = F M F'``. Better conditioned than F'F."""
    kept = list(range(len(chosen)))
    if len(chosen) == n:
        return chosen
    P = np.linalg.inv(rows @ rows.T + noise * np.eye(len(rows)))
    Q = P @ (rows @ M @ rows.T)
    while len(kept) > n:
        loss = np.vecdot(Q, P)[kept] / np.diag(P)[kept]
        i = kept.pop(int(np.argmin(loss)))
        p = P[:, i] / P[i, i]
        Q -= np.outer(p, Q[i])
        P -= np.outer(p, P[i])
    return [chosen[i] for i in kept]
