"""How far probabilities can be believed: log loss, reliability, expected calibration error."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.learn._probabilities import check_probabilities

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
#: Below it a probability counts as this much, as in scikit-learn: else one bad row is all.
LEAST = float(np.finfo(np.float64).eps)


class ReliabilityCurve(NamedTuple):
    """What was promised and what was kept, by bins of confidence that have rows.

    Attributes:
        confidence: (bins,) the mean probability of the likeliest class.
        accuracy: (bins,) how often that class was right.
        rows: (bins,) how many there were.
    """

    confidence: Float64Array
    accuracy: Float64Array
    rows: IntArray


def check_columns(labels: Any, count: int, columns: int, classes: Any = None) -> IntArray:
    """(count,) the column of each row's label.

    Raises:
        InvalidArgument: another number of them, or a label that has no column.
    """
    names = np.arange(columns) if classes is None else np.asarray(classes)
    if names.shape != (columns,):
        raise InvalidArgument(f"probabilities have {columns} columns, classes are {len(names)}")
    given = np.asarray(labels)
    if given.shape != (count,):
        raise InvalidArgument(f"labels must be ({count},), as the rows; got {given.shape}")
    column = {name: i for i, name in enumerate(names.tolist())}
    places = [column.get(label, -1) for label in given.tolist()]
    if -1 in places:
        row = places.index(-1)
        raise InvalidArgument(
            f"labels: row {row} holds {given[row].item()!r}, which is none of the {columns} "
            "classes; without classes= the labels are the columns, from 0"
        )
    return np.array(places, dtype=np.int64)


@suggest_arguments
def log_loss(probabilities: Any, labels: Any, *, classes: Any = None) -> float:
    """``mean_i -log p_i(y_i)``, in nats; probabilities below 2^-52 count as that much.

    Args:
        probabilities: (n, classes). labels: (n,) the true ones.
        classes: (classes,) the label of each column; None is 0, 1, ...

    Raises:
        InvalidArgument: rows that are no probabilities, or labels without a column.

    Example:
        >>> round(log_loss([[0.9, 0.1], [0.5, 0.5]], ["a", "b"], classes=["a", "b"]), 4)
        0.3993
    """
    table = check_probabilities(probabilities)
    places = check_columns(labels, len(table), table.shape[1], classes)
    true = np.take_along_axis(table, places[:, None], axis=1)
    return float(-np.log(np.clip(true, LEAST, 1.0)).mean())


@suggest_arguments
def reliability_curve(
    probabilities: Any, labels: Any, *, bins: int = 15, classes: Any = None
) -> ReliabilityCurve:
    """Accuracy against confidence, in bins of equal width of the largest probability.

    Args:
        probabilities, labels, classes: as in `log_loss`.
        bins: b takes the confidences in (b / bins, (b + 1) / bins]; empty ones are left out.

    Example:
        >>> curve = reliability_curve([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]], [0, 1, 1], bins=2)
        >>> curve.accuracy.round(3).tolist(), curve.rows.tolist()
        ([0.667], [3])
    """
    table, bins = check_probabilities(probabilities), check_count("bins", bins)
    places = check_columns(labels, len(table), table.shape[1], classes)
    confidence = table.max(axis=1)
    right = table.argmax(axis=1) == places
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    some = count > 0
    sums = [np.bincount(bin_of, values, minlength=bins)[some] for values in (confidence, right)]
    return ReliabilityCurve(sums[0] / count[some], sums[1] / count[some], count[some])


@suggest_arguments
def expected_calibration_error(
    probabilities: Any, labels: Any, *, bins: int = 15, classes: Any = None
) -> float:
    """``sum_b n_b / n |accuracy_b - confidence_b|`` of the likeliest class, in [0, 1].

    Bins are those of `reliability_curve`. Even honest probabilities have a positive error on few
    rows, about ``sqrt(bins / n) / 4``; compare like with like.

    Source: M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities
    using Bayesian binning", AAAI 2015; C. Guo et al., "On calibration of modern neural networks",
    ICML 2017.

    Example:
        >>> round(expected_calibration_error([[0.9, 0.1], [0.9, 0.1]], [0, 1]), 4)
        0.4
    """
    curve = reliability_curve(probabilities, labels, bins=bins, classes=classes)
    gaps = np.abs(curve.accuracy - curve.confidence)
    return float((gaps * curve.rows).sum() / curve.rows.sum())
