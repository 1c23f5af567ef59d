"""Selection by uncertainty: least confident, smallest margin, largest entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from likewise.errors import DimensionMismatch, InvalidArgument
from likewise.kernels._rows import as_rows
from likewise.learn.active._candidates import Candidates, Float64Array, IntArray, as_ids

#: How far from 1 the probabilities of a row may sum.
SLACK = 1e-3


def least_confident(candidates: Candidates, n: int) -> IntArray:
    """The n rows whose most probable class is least probable: largest ``1 - max p``.

    Example:
        >>> p = np.array([[0.9, 0.1, 0.0], [0.4, 0.3, 0.3], [0.5, 0.5, 0.0]])
        >>> least_confident(Candidates(3, probabilities=p), 1).tolist()
        [1]
    """
    return _most(1.0 - candidates.beliefs.max(axis=1), n)


def margin(candidates: Candidates, n: int) -> IntArray:
    """The n rows whose two most probable classes are nearest to each other.

    Example:
        >>> p = np.array([[0.9, 0.1, 0.0], [0.4, 0.3, 0.3], [0.5, 0.5, 0.0]])
        >>> margin(Candidates(3, probabilities=p), 1).tolist()
        [2]
    """
    best = np.partition(candidates.beliefs, -2, axis=1)
    return _most(best[:, -2] - best[:, -1], n)


def entropy(candidates: Candidates, n: int) -> IntArray:
    """The n rows of the largest ``-sum p log p``, with ``0 log 0 = 0``.

    Example:
        >>> p = np.array([[0.9, 0.1, 0.0], [0.4, 0.3, 0.3], [0.5, 0.5, 0.0]])
        >>> entropy(Candidates(3, probabilities=p), 1).tolist()
        [1]
    """
    p = candidates.beliefs
    return _most(-(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1), n)


#: Selections that read probabilities, by name.
UNCERTAINTIES: dict[str, Callable[[Candidates, int], IntArray]] = {
    "least_confident": least_confident,
    "margin": margin,
    "entropy": entropy,
}


def _most(uncertainty: Float64Array, n: int) -> IntArray:
    return as_ids(np.argsort(-uncertainty, kind="stable")[:n])


def check_probabilities(probabilities: Any) -> Float64Array:
    """(n, classes) probabilities in float64.

    Raises:
        DimensionMismatch: no table. InvalidVector: NaN. InvalidArgument: one class only, a number
        below 0, a row whose sum is not 1.
    """
    if np.ndim(probabilities) != 2:
        raise DimensionMismatch(
            "probabilities: expected an array (rows of the pool, classes); got "
            f"{np.ndim(probabilities)} axes"
        )
    p = as_rows(probabilities, "probabilities").astype(np.float64, copy=False)
    if p.shape[1] < 2:
        raise InvalidArgument(
            "probabilities of one class only: no row is less certain than another; label rows of "
            'a second class first (selection="random" or "typicality" needs no model), and give '
            "a column to each class"
        )
    sums = p.sum(axis=1)
    bad = (p < 0).any(axis=1) | (np.abs(sums - 1) > SLACK)
    if bad.any():
        row = int(np.argmax(bad))
        raise InvalidArgument(
            f"probabilities: row {row} is {p[row].tolist()!s:.60} with sum {sums[row]:.6g}; "
            "expected numbers of at least 0 with sum 1; turn scores into probabilities first"
        )
    return p
