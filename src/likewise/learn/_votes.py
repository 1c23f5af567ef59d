"""Shares of the classes among labels, weighed or not: what every vote is counted by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def shares(places: IntArray, classes: int, weights: Float64Array | None = None) -> Float64Array:
    """(..., classes) the part of the votes that each class has; lines sum to 1.

    Args:
        places: (..., k) the class of each voter, from 0.
        classes: how many there are.
        weights: (..., k) what each vote counts, not all 0 in a line; None is one each.

    Cost: O(k) a line.
    """
    lead, k = places.shape[:-1], places.shape[-1]
    lines = int(np.prod(lead))
    cells = (np.arange(lines)[:, None] * classes + places.reshape(lines, k)).ravel()
    counted = None if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    votes = np.bincount(cells, counted, minlength=lines * classes).reshape(lines, classes)
    votes = votes / (k if weights is None else votes.sum(axis=1, keepdims=True))
    return np.asarray(votes, dtype=np.float64).reshape(*lead, classes)
