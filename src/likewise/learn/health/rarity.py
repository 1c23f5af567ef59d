"""Rows that have no company, and rows between classes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: The modified z-score beyond which a row is rare.
BEYOND = 3.5
NORMAL = 1.4826
#: Mean distances vary by a twentieth at least, lest a table on a grid call every step rare.
LEAST_SPREAD = 0.05
#: The second class is as probable as this share of the first.
CLOSE = 0.8


class Rarity(NamedTuple):
    """How far rows are from all others.

    Attributes:
        scores: (n,) the share of all rows that are less far, in [0, 1).
        times: (n,) the mean distance to the neighbours, in units of its median.
        flagged: (n,) whether it is far beyond what is usual.
    """

    scores: Float64Array
    times: Float64Array
    flagged: BoolArray


def rarity(distances: Float64Array) -> Rarity:
    """Rows whose neighbours are far: flagged where the logarithm of the mean distance is high.

    With ``g_i = ln mean_j d_ij``, row i is rare when ``g_i - median(g) > 3.5 * 1.4826 *
    median |g - median(g)|``; that spread is taken as 0.05 at least.

    Args:
        distances: (n, k) to the neighbours of each row, itself left out.

    Cost: O(n k + n log n).

    Source: S. Ramaswamy, R. Rastogi and K. Shim, "Efficient algorithms for mining outliers from
    large data sets", SIGMOD 2000 (distances to neighbours); the rule of Iglewicz and Hoaglin, 1993.

    Example:
        >>> rarity(np.array([[1.0], [1.1], [0.9], [40.0]])).flagged.tolist()
        [False, False, False, True]
    """
    mean = distances.mean(axis=1)
    usual = float(np.median(mean[mean > 0])) if (mean > 0).any() else 1.0
    times = mean / usual
    logs = np.log(times[times > 0])
    spread = np.median(np.abs(logs)) if len(logs) else 0.0
    limit = BEYOND * NORMAL * max(float(spread), LEAST_SPREAD)
    ordered = np.sort(mean)
    scores = np.searchsorted(ordered, mean, side="left") / max(1, len(mean))
    return Rarity(scores, times, times > np.exp(limit))


def ambiguity(probabilities: Float64Array) -> Float64Array:
    """(n,) how near the second class comes to the first: ``p_(2) / p_(1)``, in [0, 1].

    Args:
        probabilities: (n, classes), two classes at least.

    Example:
        >>> ambiguity(np.array([[0.9, 0.1], [0.5, 0.5]])).round(2).tolist()
        [0.11, 1.0]
    """
    two = np.partition(probabilities, probabilities.shape[1] - 2, axis=1)[:, -2:]
    near: Float64Array = two[:, 0] / np.maximum(two[:, 1], np.finfo(float).tiny)
    return near
