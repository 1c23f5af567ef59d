"""What lists of weighted neighbours say: the share of every class, or the mean of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.learn._checks import Float64Array, IntArray


def shares(codes: Any, weights: Any, classes: int) -> Float64Array:
    """The part of a list's weight that each class has: ``sum_i w_i [y_i = c] / sum_i w_i``.

    Args:
        codes: (n, k) the class of each neighbour, from 0. weights: (n, k), of positive sums.
        classes: how many there are.

    Returns:
        (n, classes), each row of sum 1. `numpy.argmax` of a row is the answer: ties go to the
        smaller class.

    Cost: O(n (k + classes)).

    Example:
        >>> shares([[0, 1, 1]], [[1.0, 0.5, 0.25]], classes=3).round(3).tolist()
        [[0.571, 0.429, 0.0]]
    """
    codes, weights = np.asarray(codes), np.asarray(weights, dtype=np.float64)
    cells = codes + classes * np.arange(len(codes))[:, None]
    sums = np.bincount(cells.ravel(), weights.ravel(), minlength=len(codes) * classes)
    totals = sums.reshape(len(codes), classes)
    return np.asarray(totals / totals.sum(axis=1, keepdims=True))


def averages(targets: Any, weights: Any) -> Float64Array:
    """``sum_i w_i y_i / sum_i w_i`` of each list.

    Args:
        targets: (n, k, outputs) the numbers of each neighbour. weights: (n, k).

    Returns:
        (n, outputs).

    Cost: O(n k outputs).

    Example:
        >>> averages([[[1.0], [4.0]]], [[1.0, 0.5]]).tolist()
        [[2.0]]
    """
    parts = np.asarray(weights, dtype=np.float64)
    parts = parts / parts.sum(axis=1, keepdims=True)
    means: Float64Array = np.einsum("nk,nko->no", parts, np.asarray(targets, dtype=np.float64))
    return means


def winners(codes: IntArray, weights: Float64Array, classes: int) -> IntArray:
    """(n,) the class with the largest share of each list; ties go to the smaller class."""
    best: IntArray = np.argmax(shares(codes, weights, classes), axis=1)
    return best
