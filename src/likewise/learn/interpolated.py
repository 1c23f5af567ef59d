"""`InterpolatedNeighbors`: a vote of neighbours and a linear head, mixed; each calibrated first."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin

from likewise._arguments import check_k, check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.index import Index
from likewise.learn._checks import check_labels, check_learnt, check_rows
from likewise.learn._left_out import (
    check_two_classes,
    class_folds,
    classifier_or_vote,
    left_out,
    probabilities_for,
)
from likewise.learn._numbers import check_generator
from likewise.learn._searching import Lists, fitted_index, leave_one_out, nearest
from likewise.learn._votes import shares
from likewise.learn.calibration import LEAST
from likewise.learn.calibrators import fit_temperature

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
#: The most neighbours that are tried where k is chosen, and the temperatures, in units of the
#: usual difference between the last neighbour's and the first one's distance.
MOST, TEMPERATURES = 64, (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, np.inf)
#: The weights of the neighbours; with both ends, so that one part alone can be the answer.
WEIGHTS = np.linspace(0, 1, 21)
#: How much of a vote may be any class's, while k and the temperature are chosen.
SLACKS = np.geomspace(0.001, 0.9, 15)


class Choice(NamedTuple):
    """A number of neighbours and a temperature, and the log loss of rows left out."""

    k: int
    temperature: float
    loss: float


def softmax_weights(measures: Float64Array, temperature: float) -> Float64Array:
    """``exp(-(m - least m) / temperature)`` along the last axis; infinity is 1 each."""
    gaps = measures - measures[..., :1]
    return np.exp(-gaps / temperature)


def chosen_votes(
    agree: npt.NDArray[np.bool_],
    measures: Float64Array,
    classes: int,
    ks: list[int],
    temperatures: list[float],
) -> Choice:
    """The k and the temperature whose votes of rows left out have the least log loss.

    A vote p counts as ``(1 - s) p + s / classes`` with the best slack s of a few, else those that
    never err would be the only ones.

    Args:
        agree: (n, most) whether each neighbour has the row's own class. measures: (n, most),
            ascending. ks: up to ``most``, ascending.

    Cost: O(n most) a temperature, for all k at once.
    """
    trials = []
    for temperature in temperatures:
        weights = softmax_weights(measures, temperature)
        true = np.cumsum(weights * agree, axis=1) / np.cumsum(weights, axis=1)
        for k in ks:
            kept = (1 - SLACKS) * true[:, [k - 1]] + SLACKS / classes
            loss = float(-np.log(kept).mean(axis=0).max())
            trials.append(Choice(k, temperature, loss))
    return min(trials, key=lambda trial: trial.loss)


def mixing_weight(near: Float64Array, linear: Float64Array, places: IntArray) -> float:
    """The weight a of `WEIGHTS` with the least log loss of ``a near + (1 - a) linear``.

    Args:
        near, linear: (n, classes) of rows left out, calibrated. places: (n,) the true classes.
            Of equal losses the smaller weight is taken.
    """
    at = np.arange(len(places))
    true = WEIGHTS[:, None] * near[at, places] + (1 - WEIGHTS[:, None]) * linear[at, places]
    return float(WEIGHTS[np.argmin(-np.log(np.maximum(true, LEAST)).mean(axis=1))])


class InterpolatedNeighbors(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """``a p_neighbours + (1 - a) p_linear``: the mix that serves where labels are few.

    ``p_neighbours`` is the vote of the k nearest rows, weighed by ``exp(-d^2 / T)`` (by
    ``exp(-d / T)`` for metrics other than euclidean). Both parts are calibrated by a temperature
    before they are mixed, so that the weight a does not make up for one's boldness. All is chosen
    from the rows given: k and T by leaving one row out, which one search tells; a from rows left
    out of both parts, calibrated by the other half of the rows. The grid of a has 0 and 1, so
    that either part alone can be the answer.

    Args:
        linear: the other part, any classifier with ``predict_proba``; None is scikit-learn's
            `LogisticRegression` with up to 1,000 steps.
        k: neighbours; None is chosen from 1, 2, 4, ..., 64.
        temperature: T, infinity for votes that count the same; None is chosen.
        weight: a, from 0 to 1; None is chosen from 0, 0.05, ..., 1.
        index: any of `likewise.index` (None: `Exact` by euclidean distance). recall: of each
            search; None is the index's own.
        folds: of the linear part's rows left out; None is 5, or one row at a time where that
            part can.
        random_state: the seed of folds and halves.

    Attributes:
        classes_: ascending. k_, temperature_, weight_: chosen or given. linear_: fitted to all
        rows. near_calibrator_, linear_calibrator_: see `Temperature`.

    Raises:
        InvalidArgument: only one class; labels as in `check_labels`; a weight outside [0, 1].

    Cost: one search of all rows, folds + 1 fits of the linear part, 6 of a temperature.

    Source: M. Jia et al., "Rethinking nearest neighbors for visual classification", 2021, whose
    grid has no ends and whose parts are not calibrated.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-1, 1, (300, 2))
        >>> model = InterpolatedNeighbors().fit(X, X[:, 0] * X[:, 1] > 0)  # no line does that
        >>> model.weight_, model.predict([[0.5, 0.5], [-0.5, 0.5]]).tolist()
        (1.0, [True, False])
    """

    @suggest_arguments
    def __init__(
        self,
        linear: Any = None,
        *,
        k: int | None = None,
        temperature: float | None = None,
        weight: float | None = None,
        index: Index | None = None,
        recall: float | None = None,
        folds: int | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.linear = linear
        self.k = k
        self.temperature = temperature
        self.weight = weight
        self.index = index
        self.recall = recall
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the labels ``y`` (n,) of the rows ``X`` (n, d)."""
        self._check_options()
        rows = check_rows(self, X, reset=True)
        self.classes_, self._places = check_labels(y, len(rows))
        check_two_classes(self.classes_)
        rng = check_generator(self.random_state)
        self.index_ = fitted_index(self.index, rows)
        near = self._choose_votes()
        self.linear_, found = left_out(
            self._head(), rows, self._places, self.classes_, folds=self.folds, rng=rng
        )
        self.near_calibrator_ = fit_temperature(near, self._places)
        self.linear_calibrator_ = fit_temperature(found, self._places)
        if self.weight is None:
            self.weight_ = self._choose_weight(near, found, rng)
        else:
            self.weight_ = float(self.weight)
        return self

    def _check_options(self) -> None:
        if self.k is not None:
            check_k(self.k)
        if self.temperature is not None and self.temperature != np.inf:
            temperature = check_number("temperature", self.temperature)
            if temperature <= 0:
                raise InvalidArgument(f"temperature must be positive; got {temperature:g}")
        if self.weight is not None and not 0 <= check_number("weight", self.weight) <= 1:
            raise InvalidArgument(f"weight must lie from 0 to 1; got {self.weight!r}")

    def _head(self) -> Any:
        if self.linear is not None:
            return classifier_or_vote(self.linear)
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=1_000)

    def _measures(self, lists: Lists) -> Float64Array:
        return lists.distances**2 if self.index_.metric == "euclidean" else lists.distances

    def _votes(self, ids: IntArray, measures: Float64Array) -> Float64Array:
        weights = softmax_weights(measures, self.temperature_)
        return shares(self._places[ids], len(self.classes_), weights)

    def _choose_votes(self) -> Float64Array:
        """Sets ``k_`` and ``temperature_``; the (n, classes) votes for the rows left out."""
        most = MOST if self.k is None else check_k(self.k)
        lists = leave_one_out(self.index_, most, recall=self.recall)
        most, measures = lists.ids.shape[1], self._measures(lists)
        scale = float(np.median(measures[:, -1] - measures[:, 0])) or 1.0
        ks = [2**i for i in range(most.bit_length())] if self.k is None else [most]
        temperatures = [t * scale for t in TEMPERATURES]
        if self.temperature is not None:
            temperatures = [float(self.temperature)]
        agree = self._places[lists.ids] == self._places[:, None]
        self.k_, self.temperature_, _ = chosen_votes(
            agree, measures, len(self.classes_), ks, temperatures
        )
        return self._votes(lists.ids[:, : self.k_], measures[:, : self.k_])

    def _choose_weight(
        self, near: Float64Array, linear: Float64Array, rng: np.random.Generator
    ) -> float:
        """By rows whose calibrators have not seen them: of each half by the other one's."""
        kept = [np.empty_like(near), np.empty_like(near)]
        for part in class_folds(self._places, 2, rng):
            rest = np.setdiff1d(np.arange(len(near)), part)
            for into, raw in zip(kept, (near, linear), strict=True):
                into[part] = fit_temperature(raw[rest], self._places[rest]).predict(raw[part])
        return mixing_weight(kept[0], kept[1], self._places)

    def predict_proba(self, X: Any) -> Float64Array:
        """(m, classes) the mix; a part whose weight is 0 is not asked."""
        check_learnt(self, "weight_")
        rows = check_rows(self, X, reset=False)
        mixed = np.zeros((len(rows), len(self.classes_)))
        if self.weight_ > 0:
            lists = nearest(self.index_, rows, self.k_, recall=self.recall)
            votes = self._votes(lists.ids, self._measures(lists))
            mixed += self.weight_ * self.near_calibrator_.predict(votes)
        if self.weight_ < 1:
            linear = probabilities_for(self.linear_, rows, self.classes_)
            mixed += (1 - self.weight_) * self.linear_calibrator_.predict(linear)
        return mixed

    def predict(self, X: Any) -> Any:
        """(m,) the likeliest labels; equal ones go to the smaller label."""
        likeliest = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[likeliest]
