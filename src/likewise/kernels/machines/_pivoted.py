"""`pivoted_cholesky`: a few rows that stand for all, drawn by what the others leave unexplained."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.kernels.base import Kernel
from likewise.kernels.machines._linear import Float64Array, checked, not_definite
from likewise.kernels.machines._solver import take

#: Pivots proposed at a time.
PROPOSED = 64
#: Below this share of the trace nothing is left to explain.
LEFT = 1e-12


class Pivoted(NamedTuple):
    """``K ~ F F^T`` with F (n, rank), and the rows that it is made of, in the order chosen."""

    factor: Float64Array
    pivots: npt.NDArray[np.int64]


def pivoted_cholesky(
    kernel: Kernel, rows: Any, rank: int, rng: np.random.Generator, workers: int = 1
) -> Pivoted:
    """A partial Cholesky factor of k(rows) with randomly chosen pivots.

    Each pivot is drawn with a probability proportional to what is left of its diagonal. Pivots
    are proposed by the block and thinned by rejection, which gives the same law as one by one.
    Stops early where nothing is left.

    Cost: n rank kernel entries, n rank^2 multiplications, 8 n rank bytes.

    Source: E. Epperly, J. Tropp and R. Webber, "Embrace rejection: kernel matrix approximation
    by accelerated randomly pivoted Cholesky", arXiv 2410.03969, 2024.
    """
    n, done = len(rows), 0
    F = np.zeros((n, rank))
    left = checked(np.array(kernel._diagonal(rows), dtype=np.float64), kernel)
    if left.min(initial=0.0) < 0:
        raise not_definite(kernel, float(left.min()))
    enough = LEFT * max(float(left.sum()), 1e-300)
    pivots = np.zeros(rank, dtype=np.int64)
    while done < rank and left.sum() > enough:
        asked = min(PROPOSED, rank - done)
        proposed = rng.choice(n, size=asked, p=left / left.sum())
        columns = np.asarray(kernel._matrix(rows, take(rows, proposed), workers), dtype=np.float64)
        checked(columns, kernel)
        columns -= F[:, :done] @ F[proposed, :done].T
        taken = _accepted(columns[proposed], left[proposed], rng)
        if not len(taken):  # rounding: what seemed left of these is nothing
            left[proposed] = 0.0
            continue
        chosen = proposed[taken]
        lower = _cholesky(columns[np.ix_(chosen, taken)])
        if lower is None:  # rounding: what is left is no more than that
            break
        new = np.linalg.solve(lower, columns[:, taken].T).T
        F[:, done : done + len(chosen)] = new
        pivots[done : done + len(chosen)] = chosen
        done += len(chosen)
        left = np.maximum(left - np.vecdot(new, new), 0.0)
        left[chosen] = 0.0
    return Pivoted(F[:, :done], pivots[:done])


def _accepted(
    residual: Float64Array, bound: Float64Array, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Which of the proposed rows stay: with probability what is left of their diagonal."""
    H, taken = residual.copy(), []
    for i, chance in enumerate(rng.random(len(H))):
        if chance * bound[i] < H[i, i]:
            taken.append(i)
            H -= np.outer(H[:, i], H[i]) / H[i, i]
    return np.asarray(taken, dtype=np.int64)


def _cholesky(A: Float64Array) -> Float64Array | None:
    try:
        return np.asarray(np.linalg.cholesky((A + A.T) / 2), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
