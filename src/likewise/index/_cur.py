"""Scores of all items from those of a few: CUR, and the rounds in which the few are chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likewise.vectors import Float32Array

FloatArray = npt.NDArray[np.float64]
IdArray = npt.NDArray[np.int64]

#: Singular values below this share of the largest are taken for rounding.
ROUNDING = 1e-6


def approximate(
    known: Float32Array, anchors: IdArray, scores: FloatArray, shrinkage: float
) -> FloatArray:
    """(n,) a query's scores of all items, from its ``scores`` (a,) of the items ``anchors``.

    With R (queries, n) the ``known`` scores of anchor queries and C its columns ``anchors``, the
    query is written as a mixture of the anchor queries, ``w = argmin |w C - s|²``, and its scores
    are ``w R`` (CUR, with U the pseudo-inverse of C). With shrinkage, R and s are first centred by
    the items' mean scores, and ``shrinkage σ² |w|²`` is added, σ being the largest singular value
    of C: without, the scores explode where there are about as many anchors as anchor queries.
    """
    from threadpoolctl import threadpool_limits

    columns = known[:, anchors].astype(np.float64)
    with threadpool_limits(limits=1, user_api="blas"):  # more round sums otherwise
        if shrinkage == 0:
            w = scores @ np.linalg.pinv(columns, rcond=ROUNDING)
            return np.asarray(w.astype(np.float32) @ known, dtype=np.float64)
        means: FloatArray = known.mean(axis=0, dtype=np.float64)
        columns -= means[anchors]
        left, sizes, right = np.linalg.svd(columns, full_matrices=False)
        if not len(sizes) or sizes[0] == 0:
            return means
        damped = sizes / (sizes**2 + shrinkage * sizes[0] ** 2)
        w = left @ ((right @ (scores - means[anchors])) * damped)
        told = w.astype(np.float32) @ known  # float64 would copy what is known
        return np.asarray(means + told - w.sum() * means, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Choosing:
    """How a budget of scores is spent on one query.

    Attributes:
        budget: scores in all.
        anchors: of these, those that the others are told from.
        rounds: in which the anchors are chosen: the first at random, or those given; each
            further round by what those before it tell.
        shrinkage: see `approximate`.
    """

    budget: int
    anchors: int
    rounds: int
    shrinkage: float

    def spend(
        self,
        known: Float32Array,
        score: Callable[[IdArray], FloatArray],
        matching: IdArray,
        order: IdArray,
        first: IdArray,
    ) -> tuple[IdArray, FloatArray]:
        """The items scored and their scores.

        Args:
            known: (queries, n) scores of anchor queries.
            score: the query's own scores of positions.
            matching: ascending positions that may be found.
            order: the positions in the order in which they become anchors by chance.
            first: positions to begin with, from a retriever; the best first. May be empty.
        """
        if len(matching) <= self.budget:
            return matching, score(matching)
        allowed = np.zeros(known.shape[1], dtype=np.bool_)
        allowed[matching] = True
        steps = np.diff(np.linspace(0, self.anchors, self.rounds + 1).round().astype(int))
        begin = np.concatenate([first, order])
        begin = begin[allowed[begin]]
        _, unique = np.unique(begin, return_index=True)
        begin = begin[np.sort(unique)]
        chosen, scores = begin[: steps[0]], score(begin[: steps[0]])
        for step in [*steps[1:], self.budget - self.anchors]:
            if not step:
                continue
            allowed[chosen] = False
            left = np.flatnonzero(allowed)
            told = approximate(known, chosen, scores, self.shrinkage)[left]
            best = left[np.argsort(-told, kind="stable")[:step]]
            chosen, scores = np.concatenate([chosen, best]), np.append(scores, score(best))
        return chosen, scores
