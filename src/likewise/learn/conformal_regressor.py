"""`ConformalRegressor`: intervals that hold the true number as often as asked."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin, clone

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidType
from likewise.learn._checks import check_learnt, check_rows
from likewise.learn._conforming import Method, block_of, chosen_method, split_of
from likewise.learn._numbers import check_numbers, check_share
from likewise.learn._without import NeighborMean
from likewise.learn.conformal import check_enough, left_out_upper, split_bound, upper_rank

Float64Array = npt.NDArray[np.float64]
#: The share of the deviation of y that is added to every spread, which may be 0.
FLOOR = 0.1


class ConformalRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Any regressor, with prediction intervals of a stated coverage.

    The score of a calibration row is ``|y - mean(x)|``, or ``|y - mean(x)| / spread(x)`` where
    ``normalised``; the interval is ``mean(x) -+ q spread(x)``, q the score that the asked share of
    them does not pass.

    Args:
        estimator: a regressor; None is the mean of the 10 nearest rows.
        normalised: wider where the regressor says that it is less sure: its
            ``predict(X, return_std=True)`` gives the spread (neighbours give the deviation of
            their numbers), to which a tenth of the deviation of y is added.
        method: "split" holds rows out; the coverage is then ``coverage`` at least, for any
            regressor and any exchangeable rows. "jackknife+" leaves one row out at a time, and
            every row serves for both; sure is ``2 coverage - 1`` at least, usual ``coverage``.
            "auto" is "jackknife+" for neighbours, where it takes one search, and "split" for
            others.
        calibration: the share of rows that "split" holds out; None is 0.25.
        random_state: the seed of the split.

    Attributes:
        estimator_: the regressor fitted. method_: "split" or "jackknife+".
        calibration_scores_: (n,). floor_: what is added to spreads.

    Raises:
        InvalidArgument: an argument of another method; a missing number in ``y``. InvalidType:
            an estimator without ``predict``, or without ``return_std`` where it is needed.

    Cost: one fit; jackknife+ a search of all rows besides, and O(k (k + log k)) a query.

    Source: J. Lei et al., "Distribution-free predictive inference for regression", JASA 2018;
    R. F. Barber et al., "Predictive inference with the jackknife+", Annals of Statistics 2021.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(0, 6, (500, 1))
        >>> y = np.sin(X[:, 0]) + 0.1 * rng.standard_normal(500)
        >>> model = ConformalRegressor().fit(X, y)
        >>> model.predict_interval([[1.5]], coverage=0.9).round(1).tolist()
        [[0.8, 1.1]]
    """

    @suggest_arguments
    def __init__(
        self,
        estimator: Any = None,
        *,
        normalised: bool = False,
        method: Method = "auto",
        calibration: float | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.estimator = estimator
        self.normalised = normalised
        self.method = method
        self.calibration = calibration
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the numbers ``y`` (n,) of the rows ``X`` (n, d), and how far off answers are."""
        model = regressor_or_mean(self.estimator)
        self.method_ = chosen_method(self, model, "leave_one_out_means", "without_each_means")
        rows = check_rows(self, X, reset=True)
        numbers = check_numbers(y, len(rows))
        if self.method_ == "split":
            learnt, held = split_of(self, len(rows))
            self.estimator_ = model.fit(rows[learnt], numbers[learnt])
            self.floor_ = self._floor(numbers[learnt])
            means, spreads = self._means(rows[held])
            numbers = numbers[held]
        else:
            self.estimator_ = model.fit(rows, numbers)
            self.floor_ = self._floor(numbers)
            means, deviations = model.leave_one_out_means()
            spreads = self._spreads(deviations)
        self.calibration_scores_ = np.abs(numbers - means) / spreads
        return self

    def _floor(self, numbers: Float64Array) -> float:
        """What is added to spreads: of numbers that are all the same, any will do."""
        return (FLOOR * float(numbers.std()) or 1.0) if self.normalised else 0.0

    def _spreads(self, deviations: Float64Array) -> Float64Array:
        return deviations + self.floor_ if self.normalised else np.ones_like(deviations)

    def _means(self, rows: Float64Array) -> tuple[Float64Array, Float64Array]:
        """(m,) what the regressor says, and its spreads."""
        if not self.normalised:
            means = np.asarray(self.estimator_.predict(rows), dtype=np.float64)
            return means, np.ones(len(rows))
        try:
            means, deviations = self.estimator_.predict(rows, return_std=True)
        except TypeError:
            raise InvalidType(
                f"normalised=True needs predict(X, return_std=True), which "
                f"{type(self.estimator_).__name__} does not have; use normalised=False, or None "
                "for neighbours"
            ) from None
        return np.asarray(means), self._spreads(np.asarray(deviations))

    def predict(self, X: Any) -> Float64Array:
        """(m,) what the regressor says, as it is."""
        check_learnt(self, "calibration_scores_")
        rows = check_rows(self, X, reset=False)
        return np.asarray(self.estimator_.predict(rows), dtype=np.float64)

    @suggest_arguments
    def predict_interval(self, X: Any, coverage: float = 0.9) -> Float64Array:
        """(m, 2) lower and upper bounds of each row's number.

        Args:
            X: (m, d).
            coverage: how often the true number is to lie between them, in (0, 1).

        Raises:
            InvalidArgument: too few calibration rows for the coverage; says how many are needed.
        """
        check_learnt(self, "calibration_scores_")
        coverage = check_share("coverage", coverage)
        remedy = "fit to more rows"
        if self.method_ == "split":
            remedy += ", hold out a larger share (calibration=)"
        check_enough(len(self.calibration_scores_), coverage, "", remedy)
        rows = check_rows(self, X, reset=False)
        if self.method_ == "split":
            means, spreads = self._means(rows)
            off = split_bound(self.calibration_scores_, coverage) * spreads
            return np.column_stack([means - off, means + off])
        found = [
            self._left_out(rows[part], coverage) for part in block_of(len(rows), self.estimator_)
        ]
        return np.concatenate(found)

    def _left_out(self, rows: Float64Array, coverage: float) -> Float64Array:
        means, spreads = self._means(rows)
        ids, fewer, deviations = self.estimator_.without_each_means(rows)
        scores, wider = self.calibration_scores_, self._spreads(deviations)
        rank = upper_rank(len(scores), coverage)
        # The lower bound is the upper one of -y.
        low, high = (
            sign * left_out_upper(scores, rank, sign * means, spreads, ids, sign * fewer, wider)
            for sign in (-1.0, 1.0)
        )
        return np.column_stack([low, high])


def regressor_or_mean(estimator: Any) -> Any:
    """A copy of ``estimator``, unfitted; the neighbours' mean where it is None."""
    if estimator is None:
        return NeighborMean()
    if isinstance(estimator, type) or not hasattr(estimator, "predict"):
        raise InvalidType(f"estimator must be a regressor; got {estimator!r:.60}")
    return clone(estimator)
