"""How well labels fit: probabilities from neighbours, self-confidence, and confident issues."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: How fast votes fall: a neighbour at the mean distance of its list counts exp(-2).
FALL = 2.0


def neighbour_weights(distances: Float64Array) -> Float64Array:
    """How much each neighbour counts: ``w_ij = exp(-2 (d_ij / mean_j d_ij)^2)``, in (0, 1].

    Distances that can be below 0 (of inner products) count from the nearest on.

    Args:
        distances: (n, k) ascending.

    Example:
        >>> neighbour_weights(np.array([[0.0, 1.0, 2.0]])).round(3).tolist()
        [[1.0, 0.135, 0.0]]
    """
    if distances.size and distances.min() < 0:
        distances = distances - distances[:, :1]
    mean = distances.mean(axis=1, keepdims=True)
    relative = np.divide(distances, mean, out=np.zeros_like(distances), where=mean > 0)
    with np.errstate(under="ignore"):
        weights: Float64Array = np.exp(-FALL * relative**2)
    return weights


def label_probabilities(
    ids: IntArray, distances: Float64Array, codes: IntArray, classes: int
) -> Float64Array:
    """Class probabilities of each row from the labels of its neighbours, its own left out.

    ``p_ic = (sum_j w_ij [y_j = c] + n_c / n) / (sum_j w_ij [y_j known] + 1)``: the votes of
    neighbours that have a label, and one vote of the shares of the classes among all rows, so
    that nothing is impossible and a row without labelled neighbours has those shares.

    Args:
        ids: (n, k) neighbours of each row, itself not among them. distances: (n, k), ascending.
        codes: (rows,) labels as 0 .. classes - 1; -1 where missing.

    Returns:
        (n, classes), each row sums to 1.

    Cost: O(n k + n classes), and 8 n classes bytes.

    Example:
        >>> ids, distances = np.array([[1, 2], [0, 2], [0, 1]]), np.ones((3, 2))
        >>> label_probabilities(ids, distances, np.array([0, 0, 1]), 2)[2].round(2).tolist()
        [0.74, 0.26]
    """
    share = np.bincount(codes[codes >= 0], minlength=classes) / max(1, int((codes >= 0).sum()))
    votes = codes[ids]
    weights = np.where(votes >= 0, neighbour_weights(distances), 0.0)
    rows = np.arange(len(ids))[:, None] * classes
    places = (rows + np.maximum(votes, 0)).ravel()
    summed = np.bincount(places, weights.ravel(), minlength=len(ids) * classes)
    totals = weights.sum(axis=1, keepdims=True) + 1.0
    probabilities: Float64Array = (summed.reshape(len(ids), classes) + share) / totals
    return probabilities


def self_confidence(probabilities: Float64Array, codes: IntArray) -> Float64Array:
    """(n,) the probability of each row's own label; 1 where it has none.

    Example:
        >>> self_confidence(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1])).tolist()
        [0.9, 0.2]
    """
    own = np.take_along_axis(probabilities, np.maximum(codes, 0)[:, None], axis=1)[:, 0]
    confidence: Float64Array = np.where(codes >= 0, own, 1.0)
    return confidence


def disagreement(ids: IntArray, codes: IntArray) -> Float64Array:
    """(n,) the share of a row's labelled neighbours that have another label than it.

    0 where the row, or every neighbour of it, has none.

    Example:
        >>> disagreement(np.array([[1, 2], [0, 2], [0, 1]]), np.array([0, 0, 1])).tolist()
        [0.5, 0.5, 1.0]
    """
    votes = codes[ids]
    known = votes >= 0
    other = (votes != codes[: len(ids), None]) & known & (codes[: len(ids), None] >= 0)
    share: Float64Array = other.sum(axis=1) / np.maximum(1, known.sum(axis=1))
    return share


class LabelIssues(NamedTuple):
    """How wrong labels look.

    Attributes:
        scores: (n,) ``p_o / (p_o + p_y)``, with o the most probable class other than the label y:
            above 1/2 where another class is the more probable; 0 without a label.
        suggested: (n,) o.
        flagged: (n,) whether it is proposed that the label is wrong.
    """

    scores: Float64Array
    suggested: IntArray
    flagged: BoolArray


def label_issues(probabilities: Float64Array, codes: IntArray) -> LabelIssues:
    """Which labels look wrong, by out-of-sample class probabilities.

    Rows are ranked by ``p_o / (p_o + p_y)``. Where wrong labels fall on one class more than on
    others this finds them better than self-confidence ``p_y``, which also is low where a row is
    merely hard; where they fall on all classes alike it is as good (measured, see
    ``benchmarks``). How many are proposed is confident learning's: with the threshold
    ``t_c = mean of p_c over the rows labelled c``, a label is proposed as wrong when another class
    is more probable than it and reaches its own threshold, ``p_o >= t_o``, where the label does
    not, ``p_y < t_y``.

    Args:
        probabilities: (n, classes) of each row, by a model that did not learn from it.
        codes: (n,) labels as 0 .. classes - 1; -1 where missing.

    Raises:
        InvalidArgument: fewer than two classes.

    Cost: O(n classes).

    Source: C. Northcutt, L. Jiang and I. Chuang, "Confident learning: estimating uncertainty in
    dataset labels", JAIR 2021 (the thresholds).

    Example:
        >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.9, 0.1]])
        >>> issues = label_issues(p, np.array([0, 0, 1, 1]))
        >>> issues.flagged.tolist(), issues.scores.round(1).tolist()
        ([False, False, False, True], [0.1, 0.2, 0.1, 0.9])
    """
    count, classes = probabilities.shape
    if classes < 2:
        raise InvalidArgument("labels of one class only: none can be wrong by the others")
    rows, known = np.arange(count), codes >= 0
    own = self_confidence(probabilities, codes)
    others = probabilities.copy()
    others[rows[known], codes[known]] = -1.0
    suggested = others.argmax(axis=1)
    best = others[rows, suggested]
    summed = np.bincount(codes[known], own[known], minlength=classes)
    thresholds = summed / np.maximum(1, np.bincount(codes[known], minlength=classes))
    scores = np.where(known, best / np.maximum(best + own, np.finfo(float).tiny), 0.0)
    reached = best >= thresholds[suggested]
    flagged = known & (best > own) & reached & (own < thresholds[np.maximum(codes, 0)])
    return LabelIssues(scores, suggested, flagged)
