"""`NeighborsPropensityClassifier`: positive and unlabelled rows, by their neighbours."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np

from likewise._arguments import check_count, check_k, check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.learn._checks import Float64Array, check_rows
from likewise.learn._positive_unlabelled import PositiveUnlabelled
from likewise.learn._searching import fitted_index, leave_one_out, nearest
from likewise.learn.propensity import (
    LEAST_PROPENSITY,
    check_propensity,
    propensity_em,
    propensity_weights,
    read_propensity,
)


class NeighborsPropensityClassifier(PositiveUnlabelled):
    """The share of positives among the k nearest rows, though only some of them are labelled.

    Each positive row is labelled with a known probability e, its propensity. "likelihood": a
    neighbour counts as positive with the probability q that it is, by EM, each row left out of
    its own estimate. "risk": ``min(1, sum 1/e of labelled neighbours / k)``, which needs nothing
    but the neighbours, and varies more.

    The propensity must be known: neighbours can fit any f, and f e is all that is seen. Where it
    is not, `PropensityClassifier` learns it, and its ``propensity_`` can be given here.

    Args:
        index: an index of `likewise.index`, which is copied and filled; None is `Exact` by
            euclidean distance. k: how many neighbours, cut to the rows there are.
        propensity: one number in (0, 1], or "known": `fit` is given one a row.
        method: see above. positive, least, tol, max_iter: see `PropensityClassifier`.
        recall: of the index's search.

    Attributes:
        classes_: (2,) the labels, the positive one second. positive_: (n,) how much each row of
        `fit` counts as positive: q, or 1/e. propensity_: (n,). prior_: the share of positives.
        n_iter_: rounds of EM.

    Raises:
        InvalidArgument: not two labels; propensities out of (0, 1], or not given.

    Cost: one search of all rows to fit, k a query to answer.

    Source: see `PropensityClassifier`; that it works with neighbours is our measurement.

    Example:
        >>> X = np.array([[0.0], [0.1], [0.2], [0.3], [9.0], [9.1], [9.2], [9.3]])
        >>> y = [1, 0, 1, 0, 0, 0, 0, 0]  # half of the positives are labelled
        >>> model = NeighborsPropensityClassifier(k=4, propensity=0.5, method="risk").fit(X, y)
        >>> model.predict_proba([[0.15], [9.15]]).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """

    @suggest_arguments
    def __init__(
        self,
        index: Any = None,
        k: int = 25,
        *,
        propensity: float | Literal["known"] = 0.5,
        method: Literal["likelihood", "risk"] = "likelihood",
        positive: Any = None,
        least: float = LEAST_PROPENSITY,
        recall: float | None = None,
        tol: float = 1e-4,
        max_iter: int = 500,
    ) -> None:
        self.index = index
        self.k = k
        self.propensity = propensity
        self.method = method
        self.positive = positive
        self.least = least
        self.recall = recall
        self.tol = tol
        self.max_iter = max_iter

    @suggest_arguments
    def fit(self, X: Any, y: Any, propensity: Any = None) -> Self:
        """Learn from rows X (n, d) and labels y (n,): the positive one, or any other.

        Args:
            propensity: (n,) with ``propensity="known"``.
        """
        k = check_k(self.k)
        if self.method not in ("likelihood", "risk"):
            raise InvalidArgument(f'method must be "likelihood" or "risk"; got {self.method!r:.60}')
        rows = check_rows(self, X, reset=True)
        labelled = self._labelled(y, len(rows))
        given = read_propensity(self.propensity, propensity)
        self.propensity_ = check_propensity(given, len(rows), self.least)
        self.index_ = fitted_index(self.index, rows)
        weights = propensity_weights(labelled, self.propensity_, least=self.least)
        if self.method == "risk":
            self.positive_, self.n_iter_ = weights.positive, 1
        else:
            lists = leave_one_out(self.index_, k, recall=self.recall).ids
            end = propensity_em(
                labelled,
                lambda q: q[lists].mean(axis=1),
                lambda q: self.propensity_,
                np.minimum(weights.positive[lists].mean(axis=1), 1.0),
                tol=check_number("tol", self.tol),
                max_iter=check_count("max_iter", self.max_iter),
            )
            self.positive_, self.n_iter_ = end.positive, end.rounds
        self.prior_ = float(min(1.0, self.positive_.mean()))
        return self

    def _positive_probability(self, rows: Float64Array) -> Float64Array:
        lists = nearest(self.index_, rows, check_k(self.k), recall=self.recall).ids
        return np.asarray(np.minimum(self.positive_[lists].mean(axis=1), 1.0))
