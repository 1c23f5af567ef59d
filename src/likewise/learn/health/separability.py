"""How well classes keep apart: who the neighbours of each class are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Two classes overlap when this share of the neighbours of one is of the other.
OVERLAP = 0.2
#: A class is weak when its rows, left out, are told as theirs less often than this.
RECALL = 0.5


class Separability(NamedTuple):
    """How well classes keep apart.

    Attributes:
        overlap: (classes, classes) the mean share of the labelled neighbours of the rows of a
            class (line) that are of another (column); lines of a class with neighbours sum to 1.
        same: (classes,) its diagonal: neighbours of the own class.
        expected: (classes,) what `same` would be if labels had nothing to do with rows.
        recall: (classes,) the share of its rows that are told as theirs when left out.
        accuracy: the share of all rows.
    """

    overlap: Float64Array
    same: Float64Array
    expected: Float64Array
    recall: Float64Array
    accuracy: float


def separability(ids: IntArray, codes: IntArray, probabilities: Float64Array) -> Separability:
    """The overlap of classes among neighbours, and how often rows are told as their own class.

    Args:
        ids: (n, k) neighbours of each row, itself not among them.
        codes: (n,) labels as 0 .. classes - 1; -1 where missing, which counts nowhere.
        probabilities: (n, classes) by which a row left out is told: the most probable class,
            the first of equal ones.

    Cost: O(n k + n classes), and 8 classes^2 bytes.

    Example:
        >>> ids, codes = np.array([[1], [0], [3], [2]]), np.array([0, 0, 1, 0])
        >>> separability(ids, codes, np.eye(2)[[0, 0, 0, 1]]).overlap.round(2).tolist()
        [[0.67, 0.33], [1.0, 0.0]]
    """
    classes = probabilities.shape[1]
    rows, known = np.arange(len(ids))[:, None], codes[: len(ids)] >= 0
    votes = codes[ids]
    seen = (votes >= 0) & known[:, None]
    each = np.where(seen, 1.0, 0.0) / np.maximum(1, seen.sum(axis=1, keepdims=True))
    pairs = np.where(seen, codes[: len(ids)][rows] * classes + votes, 0)
    summed = np.bincount(pairs.ravel(), each.ravel(), minlength=classes * classes)
    summed = summed.reshape(classes, classes)
    totals = summed.sum(axis=1, keepdims=True)
    overlap = np.divide(summed, totals, out=np.zeros_like(summed), where=totals > 0)
    counts = np.bincount(codes[: len(ids)][known], minlength=classes)
    right = probabilities.argmax(axis=1) == codes[: len(ids)]
    found = np.bincount(codes[: len(ids)][known & right], minlength=classes)
    total = int(counts.sum())
    expected = np.maximum(0, counts - 1) / max(1, total - 1)
    recall = found / np.maximum(1, counts)
    accuracy = float(found.sum() / max(1, total))
    return Separability(overlap, np.diag(overlap).copy(), expected, recall, accuracy)
