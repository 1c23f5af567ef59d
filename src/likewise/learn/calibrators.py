"""Calibrators: probabilities that were promised in, probabilities that are kept out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from likewise.errors import DimensionMismatch, InvalidArgument
from likewise.learn._probabilities import check_probabilities
from likewise.learn.calibration import check_columns

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
#: Where the logarithms of 1 / temperature and of the floor are sought.
BOUNDS = ((np.log(0.01), np.log(100.0)), (np.log(1e-8), np.log(10.0)))


class Calibrator(Protocol):
    """What `fit_temperature` and `fit_isotonic` give."""

    def predict(self, probabilities: Any) -> Float64Array:
        """(m, classes) from (m, classes): rows of positive numbers that sum to 1."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """``q_c = a_c^(1 / temperature) b_c^(1 - 1 / temperature) / sum_c' of the same``.

    With C classes, ``b_c = C prior_c`` and ``a_c = p_c + floor b_c``. A temperature above 1 makes
    probabilities more modest, in the end the prior itself; below 1 bolder. With no prior, which is
    that of classes alike, b_c = 1 and the order of the classes stays. The floor is 0 unless some
    probabilities were 0, as those of a vote are.
    """

    temperature: float
    floor: float = 0.0
    prior: tuple[float, ...] | None = None

    def predict(self, probabilities: Any) -> Float64Array:
        """(m, classes)."""
        table = check_probabilities(probabilities)
        if self.prior is not None and table.shape[1] != len(self.prior):
            raise DimensionMismatch(
                f"fitted to {len(self.prior)} classes; probabilities have {table.shape[1]}"
            )
        return np.exp(_tempered(table, 1 / self.temperature, self))

    @property
    def scale(self) -> Float64Array | float:
        """The b_c."""
        return 1.0 if self.prior is None else len(self.prior) * np.array(self.prior)


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A rising step for each class, the rest scaled to sum 1, and a little of all classes.

    ``q = (n r + 1 / classes) / (n + 1)`` with r the scaled answers of the steps: what never
    happened among n rows is not impossible.

    Attributes:
        steps: (probabilities, frequencies) of each class, ascending; between them linear.
        count: n, the rows it was fitted to.
    """

    steps: tuple[tuple[Float64Array, Float64Array], ...]
    count: int

    def predict(self, probabilities: Any) -> Float64Array:
        """(m, classes)."""
        table = check_probabilities(probabilities)
        if table.shape[1] != len(self.steps):
            raise DimensionMismatch(
                f"fitted to {len(self.steps)} classes; probabilities have {table.shape[1]}"
            )
        found = np.column_stack(
            [np.interp(table[:, c], *step) for c, step in enumerate(self.steps)]
        )
        classes = len(self.steps)
        total = found.sum(axis=1, keepdims=True)
        found = np.where(total > 0, found / np.where(total > 0, total, 1.0), 1 / classes)
        return np.asarray((self.count * found + 1 / classes) / (self.count + 1))


def fit_temperature(
    probabilities: Any, labels: Any, *, classes: Any = None, prior: Any = None
) -> Temperature:
    """The temperature, and where there are zeros the floor, of the least log loss.

    To the n rows one is added whose class may be any, so that n answers without an error do not
    make errors impossible: the loss is ``(sum_i -log q_i(y_i) + mean_ic -log q_i(c)) / (n + 1)``,
    that mean being weighted by the prior.

    Args:
        probabilities: (n, classes) of rows that the model has not seen: left out, or held out.
        labels, classes: as in `log_loss`.
        prior: (classes,) positive, what probabilities tend to where they tell little, such as the
            shares of the classes; None is all classes alike.

    Raises:
        InvalidArgument: rows that are no probabilities, labels without a column, or a prior that
            is not positive.

    Cost: some 30 evaluations of O(n classes), from two beginnings where there is a floor.

    Source: C. Guo et al., "On calibration of modern neural networks", ICML 2017. The added row is
    in the manner of J. Platt's targets, 1999.

    Example:
        >>> sure, labels = np.array([[0.99, 0.01]] * 10), [0] * 8 + [1] * 2
        >>> found = fit_temperature(sure, labels)
        >>> found.temperature > 1, found.predict(sure)[0].round(1).tolist()
        (True, [0.8, 0.2])
    """
    from scipy.optimize import minimize

    table = check_probabilities(probabilities)
    places = check_columns(labels, len(table), table.shape[1], classes)
    given = None if prior is None else _checked_prior(prior, table.shape[1])
    floors = [np.log(1e-4), np.log(0.1)] if (table <= 0).any() else []
    # Where there are no zeros the temperature is all: one number.
    begins = [np.array([0.0, floor]) for floor in floors] or [np.array([0.0])]
    bounds = BOUNDS[: len(begins[0])]
    runs = [
        minimize(_loss, at, (table, places, given), method="L-BFGS-B", jac=True, bounds=bounds)
        for at in begins
    ]
    best = min(runs, key=lambda run: float(run.fun)).x
    floor = float(np.exp(best[1])) if floors else 0.0
    return Temperature(float(np.exp(-best[0])), floor, given)


def fit_isotonic(probabilities: Any, labels: Any, *, classes: Any = None) -> Isotonic:
    """For each class the rising function of its probability that is nearest to what came.

    Arguments and errors are those of `fit_temperature`; it wants many rows, a hundred a class.

    Cost: O(n log n) a class.

    Source: B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass
    probability estimates", KDD 2002.

    Example:
        >>> found = fit_isotonic([[0.9, 0.1]] * 4 + [[0.4, 0.6]] * 4, [0, 0, 0, 1, 1, 1, 1, 1])
        >>> found.predict([[0.9, 0.1]]).round(2).tolist()
        [[0.72, 0.28]]
    """
    from sklearn.isotonic import IsotonicRegression

    table = check_probabilities(probabilities)
    places = check_columns(labels, len(table), table.shape[1], classes)
    steps = []
    for c in range(table.shape[1]):
        line = IsotonicRegression(y_min=0.0, y_max=1.0).fit(table[:, c], places == c)
        steps.append((np.array(line.X_thresholds_), np.array(line.y_thresholds_)))
    return Isotonic(tuple(steps), len(table))


#: The calibrations there are, by name.
CALIBRATIONS: dict[str, Callable[..., Calibrator]] = {
    "temperature": fit_temperature,
    "isotonic": fit_isotonic,
}


def _tempered(table: Float64Array, power: float, at: Temperature) -> Float64Array:
    """Logarithms of the calibrated probabilities."""
    with np.errstate(divide="ignore"):  # a zero without a floor stays one
        raised = power * np.log(table + at.floor * at.scale) + (1 - power) * np.log(at.scale)
    raised -= raised.max(axis=1, keepdims=True)
    return np.asarray(raised - np.log(np.exp(raised).sum(axis=1, keepdims=True)))


def _loss(
    at: Float64Array, table: Float64Array, places: IntArray, prior: tuple[float, ...] | None
) -> tuple[float, Float64Array]:
    """The loss of `fit_temperature` at (log power, log floor), and its gradient."""
    power, floor = float(np.exp(at[0])), float(np.exp(at[1])) if len(at) > 1 else 0.0
    n, classes = table.shape
    model = Temperature(1 / power, floor, prior)
    # What each class of each row weighs: the truth, and the added row's share.
    weights = np.broadcast_to(model.scale / (n * classes), table.shape).copy()
    weights[np.arange(n), places] += 1.0
    weights /= n + 1
    logs = np.log(table + floor * model.scale) - np.log(model.scale)
    found = _tempered(table, power, model)
    slopes = np.exp(found) * weights.sum(axis=1, keepdims=True) - weights
    gradient = [power * (slopes * logs).sum()]
    if len(at) > 1:
        gradient.append(
            power * floor * (slopes * model.scale / (table + floor * model.scale)).sum()
        )
    return float(-(weights * found).sum()), np.array(gradient)


def _checked_prior(prior: Any, classes: int) -> tuple[float, ...]:
    shares = np.asarray(prior, dtype=np.float64)
    if shares.shape != (classes,):
        raise DimensionMismatch(f"prior has shape {shares.shape}; there are {classes} classes")
    if not np.isfinite(shares).all() or shares.min() <= 0:
        raise InvalidArgument("prior must be positive for every class")
    return tuple((shares / shares.sum()).tolist())
