"""`PrecisionRecall`: what each threshold on a probability keeps, measured on held-out pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_number
from likewise.errors import InvalidArgument

#: Thresholds that are kept of a curve.
STEPS = 200
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Precision and recall of keeping what is at least as probable as each threshold.

    Attributes:
        thresholds: (t,) rising.
        precision: (t,) the relevant share of what is kept.
        recall: (t,) the kept share of what is relevant among the pairs.

    Example:
        >>> curve = PrecisionRecall.measured(np.array([0.9, 0.6, 0.4]), np.array([1, 0, 1]) > 0)
        >>> curve.thresholds.tolist(), curve.recall.tolist()
        ([0.4, 0.75], [1.0, 0.5])
        >>> curve.at_recall(0.9), curve.at_precision(0.9)
        (0.4, 0.75)
    """

    thresholds: FloatArray
    precision: FloatArray
    recall: FloatArray

    @classmethod
    def measured(cls, probability: FloatArray, relevant: npt.NDArray[np.bool_]) -> Self:
        """Of pairs; at most 200 thresholds, at even shares of the probabilities of relevant ones,
        each half-way down to the next probability.

        Example:
            >>> curve = PrecisionRecall.measured(np.array([0.9, 0.1]), np.array([True, False]))
            >>> curve.precision.tolist()
            [1.0]
        """
        levels = np.unique(probability[relevant])
        if len(levels) > STEPS:
            levels = np.unique(
                np.quantile(probability[relevant], np.linspace(0, 1, STEPS), method="lower")
            )
        everything, right = np.sort(probability), np.sort(probability[relevant])
        # Half-way to the next pair below: a threshold should not lean on the pair it keeps.
        below = everything[np.maximum(np.searchsorted(everything, levels) - 1, 0)]
        levels = np.unique((levels + below) / 2)
        kept = len(everything) - np.searchsorted(everything, levels)
        good = len(right) - np.searchsorted(right, levels)
        return cls(levels, good / kept, good / len(right))

    def best_f1(self) -> float:
        """The threshold with the greatest harmonic mean of precision and recall.

        Example:
            >>> PrecisionRecall.measured(np.array([0.9, 0.1]), np.array([True, False])).best_f1()
            0.5
        """
        f1 = 2 * self.precision * self.recall / (self.precision + self.recall)
        return float(self.thresholds[int(np.argmax(f1))])

    def at_recall(self, recall: float) -> float:
        """The highest threshold that keeps this share of what is relevant.

        Raises:
            InvalidArgument, InvalidType: not a number in [0, 1].
        """
        wanted = _share("recall", recall)
        return float(self.thresholds[self.recall >= wanted].max())

    def at_precision(self, precision: float) -> float:
        """The lowest threshold of which this share of what is kept is relevant.

        Raises:
            InvalidArgument, InvalidType: not a number in [0, 1], or more than any threshold gives.
        """
        wanted = _share("precision", precision)
        enough = self.thresholds[self.precision >= wanted]
        if not len(enough):
            raise InvalidArgument(
                f"no threshold gives a precision of {wanted}; "
                f"the best is {self.precision.max():.3f}"
            )
        return float(enough.min())

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {
            "thresholds": self.thresholds.tolist(),
            "precision": self.precision.tolist(),
            "recall": self.recall.tolist(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Back from `to_dict`."""
        return cls(*(np.array(state[name]) for name in ("thresholds", "precision", "recall")))


def _share(name: str, value: Any) -> float:
    number = check_number(name, value)
    if not 0 <= number <= 1:
        raise InvalidArgument(f"{name} must be in [0, 1]; got {number}")
    return number
