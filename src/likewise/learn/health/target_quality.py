"""Numbers that do not fit: residuals from the neighbours, by how much numbers vary there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: The modified z-score beyond which a number does not fit.
BEYOND = 3.5
#: The standard deviation of normal numbers, in units of their median absolute value.
NORMAL = 1.4826


class TargetIssues(NamedTuple):
    """How wrong numbers look.

    Attributes:
        scores: (n,) ``z / (1 + z)``, in [0, 1); 0 without a number or without a neighbour's.
        suggested: (n,) the median of the neighbours' numbers.
        z: (n,) the residual in units of what is usual there.
        flagged: (n,) whether z is above 3.5.
    """

    scores: Float64Array
    suggested: Float64Array
    z: Float64Array
    flagged: BoolArray


def target_issues(ids: IntArray, values: Float64Array, known: BoolArray) -> TargetIssues:
    """Which numbers look wrong, from those of the neighbours.

    With ``r_i = y_i - median_j y_j`` over the neighbours j of row i, the usual residual there is
    ``u_i = 1.4826 (median_j |r_j| + median |r|) / 2``, half by the neighbours' own residuals and
    half by those of all rows (so that a quiet place does not make every small step an error),
    and ``z_i = |r_i| / u_i``. Medians, because wrong numbers are among the neighbours too.

    Args:
        ids: (n, k) neighbours of each row, itself not among them.
        values: (n,) numbers. known: (n,) which rows have one; the others do not vote.

    Cost: O(n k log k).

    Source: B. Iglewicz and D. Hoaglin, "How to detect and handle outliers", 1993 (the modified
    z-score and its 3.5).

    Example:
        >>> ids = np.array([[1, 2, 3], [0, 2, 3], [1, 3, 0], [2, 1, 0]])
        >>> issues = target_issues(ids, np.array([1.0, 2.0, 30.0, 4.0]), np.ones(4, bool))
        >>> int(issues.scores.argmax()), issues.suggested[2]
        (2, np.float64(2.0))
    """
    centre = _medians(values[ids], known[ids])
    voted = known & known[ids].any(axis=1)
    residual = np.where(voted, np.abs(values - centre), 0.0)
    local = _medians(residual[ids], voted[ids])
    overall = float(np.median(residual[voted])) if voted.any() else 0.0
    usual = NORMAL * (local + overall) / 2
    # Where nothing varies, any other number is as far off as can be.
    z = np.divide(residual, usual, out=np.where(residual > 0, np.inf, 0.0), where=usual > 0)
    scores = np.where(np.isinf(z), 1.0, z / (1.0 + np.where(np.isinf(z), 0.0, z)))
    return TargetIssues(scores, centre, z, z > BEYOND)


def _medians(values: Float64Array, known: BoolArray) -> Float64Array:
    """(n,) the median of the known values of each row; 0 where there are none."""
    ordered = np.sort(np.where(known, values, np.inf), axis=1)
    count = known.sum(axis=1)
    row = np.arange(len(values))
    low = ordered[row, np.maximum(count - 1, 0) // 2]
    high = ordered[row, np.minimum(count // 2, values.shape[1] - 1)]
    both = np.where(count > 0, low, 0.0) + np.where(count > 0, high, 0.0)
    middle: Float64Array = both / 2
    return middle
