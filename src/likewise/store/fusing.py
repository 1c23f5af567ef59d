"""Fusing several rankings of the same rows into one: by their ranks, or by their scores.

A fusion is one function from ranks and scores to fused scores in [0, 1]; it joins by one line
in `FUSIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: What softens the lead of the first ranks; the value of Cormack and others.
RANK_CONSTANT = 60.0

#: Each branch gives at least this many candidates to a fusion.
DEPTH = 100


def reciprocal_rank(ranks: Floats, scores: Floats, weights: Floats) -> Floats:
    """Reciprocal rank fusion: only the order in each branch counts.

    ::

        score(row) = sum over branches b of w_b · 61 / (60 + rank_b(row))  /  sum over b of w_b

    A row that is not in a branch's list gets nothing from it. The factor 61 makes 1 the score of
    a row that is first in every branch; without it the sums end near 0.03.

    Args:
        ranks: (branches, n) from 1; infinity where the row is not in the list.
        scores: (branches, n) of each branch, in [0, 1].
        weights: (branches,) positive.

    Returns:
        (n,) in [0, 1].

    Source: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and
    individual Rank Learning Methods", SIGIR 2009.

    Example:
        >>> ranks = np.array([[1.0, 2.0], [1.0, np.inf]])
        >>> reciprocal_rank(ranks, np.zeros((2, 2)), np.ones(2)).round(3).tolist()
        [1.0, 0.492]
    """
    fused: Floats = (weights / weights.sum()) @ ((RANK_CONSTANT + 1) / (RANK_CONSTANT + ranks))
    return fused


def convex_combination(ranks: Floats, scores: Floats, weights: Floats) -> Floats:
    """Score fusion: the weighted mean of the scores of all branches.

    ::

        score(row) = sum over b of w_b · score_b(row)  /  sum over b of w_b

    It needs scores that compare. Each branch maps its own from the least to the greatest value
    that its formula allows, whatever was found: (1 + cos) / 2 of a vector field by cosine, BM25
    over its bound of the lexical branch. So a fused score means the same for every query, and a
    best hit that is poor has a low one. A row that a branch did not list is scored by it as well.

    The paper scales by the theoretical least and the query's best; with equal weights the
    theoretical greatest did better on both sets of the replication ``hybrid_fusion``.

    Args:
        ranks, scores, weights: as in `reciprocal_rank`.

    Returns:
        (n,) in [0, 1].

    Source: Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM
    Transactions on Information Systems, 2023.

    Example:
        >>> scores = np.array([[0.75, 0.5], [0.25, 1.0]])
        >>> convex_combination(np.ones((2, 2)), scores, np.array([3.0, 1.0])).tolist()
        [0.625, 0.625]
    """
    fused: Floats = (weights / weights.sum()) @ scores
    return fused


#: Every way to fuse, by the name that ``fuse=`` takes.
FUSIONS: Mapping[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "rrf": reciprocal_rank,
    "score": convex_combination,
}


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the branches of one search are fused.

    Attributes:
        name: a key of `FUSIONS`.
        weights: of each branch, in their order.
        depth: how many candidates each branch gives, at least.
    """

    name: str
    weights: tuple[float, ...]
    depth: int

    def fused(self, ranks: Floats, scores: Floats) -> Floats:
        """(n,) the fused scores; rounding may not lift one above 1."""
        return np.minimum(FUSIONS[self.name](ranks, scores, np.array(self.weights)), 1.0)
