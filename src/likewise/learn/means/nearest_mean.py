"""`NearestMean`: the class whose mean is nearest."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidVector
from likewise.learn._unit import unit
from likewise.learn.means._classifier import ProbableClassifier
from likewise.learn.means._limbs import Float64Array
from likewise.learn.means._sums import ClassSums


class Centres(NamedTuple):
    """Means of classes, and how far rows are spread about them."""

    means: Float64Array
    spread: float


class NearestMean(ProbableClassifier):
    """The class whose mean is nearest, from running sums without rounding.

    A strong baseline on frozen embeddings, and a continual learner that forgets nothing: learning
    rows in any order and any batches, and `forget` of some of them, leaves the same bits as one
    `fit` of the rows that remain. Probabilities are ``exp(-d^2 / (2 t))`` over their sum, with d
    the distance to a mean and t the temperature: those of round Gaussian classes that are alike
    and equally frequent, where t is the variance within classes.

    Args:
        metric: "euclidean"; or "cosine": rows are brought to length 1 before they are averaged, and
            the means after.
        shrinkage: None, or how many standard errors each number of a mean is moved towards the mean
            of all rows, which it does not pass (nearest shrunken centroids, scikit-learn's
            ``shrink_threshold``); more is for many useless features.
        temperature: None is the variance of a number within classes,
            ``sum |x - mean|^2 / (width (n - classes))``, or 1 where that is 0 or unknown. Numbers
            of embeddings vary together: a larger one fits them better.

    Attributes:
        classes_, counts_: the classes that have rows, and how many. means_: (classes, width), after
        shrinkage. temperature_: the one in use.

    Raises:
        InvalidVector: a row of zeros with "cosine". InvalidArgument: shrinkage with no more rows
            than classes, when it predicts.

    Cost: O(n width) to learn, some 5 times a plain sum; O(classes width) memory and a prediction.

    Source: R. Tibshirani et al., "Diagnosis of multiple cancer types by shrunken centroids of gene
    expression", PNAS 2002. S.-A. Rebuffi et al., "iCaRL", CVPR 2017. As a continual learner: P.
    Janson et al., "A simple baseline that questions the use of pretrained-models in continual
    learning", 2022.

    Example:
        >>> model = NearestMean().fit([[0.0], [1.0], [5.0]], ["a", "a", "b"])
        >>> model.partial_fit([[9.0]], ["c"]).predict([[0.6], [6.5], [8.0]]).tolist()
        ['a', 'b', 'c']
        >>> model.forget([[5.0]], ["b"]).predict([[6.5]]).tolist()
        ['c']
    """

    _summed_by = ("metric",)

    @suggest_arguments
    def __init__(
        self,
        metric: Literal["euclidean", "cosine"] = "euclidean",
        *,
        shrinkage: float | None = None,
        temperature: float | None = None,
    ) -> None:
        self.metric = metric
        self.shrinkage = shrinkage
        self.temperature = temperature

    @property
    def means_(self) -> Float64Array:
        """(classes, width)."""
        found: Float64Array = self._once("centres").means
        return found

    @property
    def temperature_(self) -> float:
        """The temperature in use."""
        return float(self._once("centres").spread if self.temperature is None else self.temperature)

    def distances(self, X: Any) -> Float64Array:
        """(m, classes) from each row to each mean: euclidean; with "cosine", one minus it."""
        found = self._squares(self._asked(X))
        return found / 2 if self.metric == "cosine" else np.sqrt(found)

    def _squares(self, rows: Float64Array) -> Float64Array:
        found: Float64Array = cdist(rows, self.means_, "sqeuclidean")
        if self.metric == "cosine":  # a mean that is zero has no direction, and the cosine 0
            found[:, ~self.means_.any(axis=1)] = 2.0
        return found

    def _scores(self, rows: Float64Array) -> Float64Array:
        return self._squares(rows) / (-2 * self.temperature_)

    def _check_options(self) -> None:
        if self.metric not in ("euclidean", "cosine"):
            raise InvalidArgument(
                f'metric must be "euclidean" or "cosine"; got {self.metric!r:.60}'
            )
        if self.shrinkage is not None and check_number("shrinkage", self.shrinkage) < 0:
            raise InvalidArgument(f"shrinkage must be at least 0; got {self.shrinkage!r}")
        if self.temperature is not None and check_number("temperature", self.temperature) <= 0:
            raise InvalidArgument(f"temperature must be positive; got {self.temperature!r}")

    def _prepared(self, rows: Float64Array) -> Float64Array:
        if self.metric == "euclidean":
            return rows
        zero = np.flatnonzero(~rows.any(axis=1))
        if len(zero):
            raise InvalidVector(f"X: row {zero[0]} is zero, which has no cosine; leave it out")
        return unit(rows)

    def _make_centres(self) -> Centres:
        sums: ClassSums = self._sums
        means, variances = sums.means(), sums.variances()
        if self.shrinkage:
            means = shrunken(means, sums.mean(), variances, sums.counts, float(self.shrinkage))
        free = sums.counts.sum() - len(sums.counts)
        scatter = float((variances * sums.counts[:, None]).sum())
        spread = scatter / (free * sums.width) if free else 0.0
        return Centres(unit(means) if self.metric == "cosine" else means, spread or 1.0)


def shrunken(
    means: Float64Array,
    middle: Float64Array,
    variances: Float64Array,
    counts: Any,
    threshold: float,
) -> Float64Array:
    """Means moved towards ``middle`` by ``threshold`` standard errors, and not beyond it.

    Number j of class c is moved by ``threshold sqrt(1 / n_c - 1 / n) (s_j + median s)``, with
    s_j the standard deviation of number j within classes.

    Args:
        means: (classes, width). middle: (width,) the mean of all rows.
        variances: (classes, width) mean squared distances from the class's mean.
        counts: (classes,) rows.

    Raises:
        InvalidArgument: no more rows than classes, so that nothing varies within them.
    """
    n, classes = int(counts.sum()), len(counts)
    if n <= classes:
        raise InvalidArgument(
            f"shrinkage needs more rows than classes; there are {n} rows of {classes} classes"
        )
    deviation = np.sqrt((variances * counts[:, None]).sum(axis=0) / (n - classes))
    error = np.sqrt(np.maximum(1 / counts - 1 / n, 0.0))[:, None]
    step = threshold * error * (deviation + np.median(deviation))
    away = means - middle
    return np.asarray(middle + np.sign(away) * np.maximum(np.abs(away) - step, 0.0))
