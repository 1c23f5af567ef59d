"""`PropensityClassifier`: any classifier, taught by positive and unlabelled rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import has_fit_parameter

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.learn._checks import Float64Array, IntArray, check_learnt, check_rows
from likewise.learn._positive_unlabelled import PositiveUnlabelled
from likewise.learn.propensity import (
    LEAST_PROPENSITY,
    BoolArray,
    Climbed,
    Weights,
    check_propensity,
    least_risk,
    propensity_em,
    propensity_weights,
    read_propensity,
)


class PropensityClassifier(MetaEstimatorMixin, PositiveUnlabelled):  # type: ignore[misc]
    """Positive and unlabelled rows, with selection bias: P(positive | x) though few are known.

    Of the positive rows each is labelled with the probability e(x), its propensity; no negative
    row is. The propensity is known, the same for all (SCAR, selected completely at random), or
    learnt by EM as a function of stated columns (SAR).

    Args:
        estimator: a classifier with ``predict_proba`` whose ``fit`` takes ``sample_weight``; None
            is `LogisticRegression`, hardly regularised. It is copied. It should be a model of
            probabilities, and must not be able to fit anything: f e alone is seen in the data, and
            only the shape of f tells them apart.
        propensity: "scar" (the same for all, learnt), a number in (0, 1] (the same for all,
            known), "known" (`fit` is given one a row), or "em".
        propensity_columns: of "em": the columns of X (places or names) on which being labelled
            depends. The fewer the surer; with all of them what is positive and what is labelled
            are told apart by the shapes of two models alone.
        propensity_estimator: of "em": a model of e, as ``estimator``; None is
            `LogisticRegression`, hardly regularised.
        method: "likelihood" fits f to how probably each row is positive, which is EM itself;
            "risk" fits it once more by `propensity_weights`, some of which are negative, with the
            risk of negatives cut at 0. The estimator must then take negative weights.
        positive: the label in ``y`` of rows known to be positive; None is the larger of the two.
        least: smaller propensities are raised to it.
        n_init: starts of EM where e is learnt: from a share of positives of one half, then from
            shares drawn at random; the likeliest end is kept.
        tol, max_iter: see `propensity_em`. random_state: the seed of the starts.

    Attributes:
        classes_: (2,) the labels, the positive one second. estimator_: fitted. propensity_: (n,)
        of the rows of `fit`. prior_: the share of positives among them. log_likelihood_: of what
        was seen, a row. n_iter_: rounds of EM. converged_: whether it stood still.

    Raises:
        InvalidArgument: not two labels; arguments that do not fit together; propensities out of
            (0, 1]. InvalidType: an estimator that takes no weights.

    Warns:
        ConvergenceWarning: EM had not come to rest after ``max_iter`` rounds.

    Cost: two fits a round, some tens of rounds a start.

    Source: J. Bekker, P. Robberechts and J. Davis, "Beyond the selected completely at random
    assumption for learning from positive and unlabeled data", ECML PKDD 2019.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> positive = rng.random(400) < 0.5
        >>> X = rng.standard_normal((400, 2)) + 2.0 * positive[:, None]
        >>> labelled = positive & (rng.random(400) < 0.3)
        >>> naive = LogisticRegression().fit(X, labelled)
        >>> model = PropensityClassifier(propensity=0.3).fit(X, labelled)
        >>> [bool((m.predict(X) == positive).mean() > 0.9) for m in (naive, model)]
        [False, True]
    """

    @suggest_arguments
    def __init__(
        self,
        estimator: Any = None,
        propensity: float | Literal["scar", "known", "em"] = "scar",
        *,
        propensity_columns: Any = None,
        propensity_estimator: Any = None,
        method: Literal["likelihood", "risk"] = "likelihood",
        positive: Any = None,
        least: float = LEAST_PROPENSITY,
        n_init: int = 3,
        tol: float = 1e-4,
        max_iter: int = 500,
        random_state: int | None = 0,
    ) -> None:
        self.estimator = estimator
        self.propensity = propensity
        self.propensity_columns = propensity_columns
        self.propensity_estimator = propensity_estimator
        self.method = method
        self.positive = positive
        self.least = least
        self.n_init = n_init
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    @suggest_arguments
    def fit(self, X: Any, y: Any, propensity: Any = None) -> Self:
        """Learn from rows X (n, d) and labels y (n,): the positive one, or any other.

        Args:
            propensity: (n,) with ``propensity="known"``.
        """
        self._check_options()
        rows = check_rows(self, X, reset=True)
        fixed = self._fixed_propensity(propensity, len(rows))
        labelled = self._labelled(y, len(rows))
        starts = [0.5]
        if fixed is None:
            rng = np.random.default_rng(self.random_state)
            n_init = check_count("n_init", self.n_init)
            starts += list(rng.uniform(labelled.mean(), 1.0, n_init - 1))
        ends = [self._climb(rows, labelled, fixed, share) for share in starts]
        end, self.estimator_, self.propensity_estimator_ = max(
            ends, key=lambda found: found[0].log_likelihood
        )
        if not end.converged:
            warnings.warn(
                f"EM still gains {self.tol:g} a row in 10 rounds after {self.max_iter}; raise "
                "max_iter or tol",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.propensity_, self.prior_ = end.propensity, float(end.positive.mean())
        self.log_likelihood_, self.n_iter_ = end.log_likelihood, end.rounds
        self.converged_ = end.converged
        if self.method == "risk":
            refit = _Weighted(self._fresh(self.estimator, "estimator"), rows)
            least_risk(refit.signed, propensity_weights(labelled, end.propensity, least=self.least))
            self.estimator_ = refit.model
        return self

    def predict_propensity(self, X: Any) -> Float64Array:
        """(m,) the probability that a row, if it is positive, is labelled."""
        check_learnt(self)
        rows = check_rows(self, X, reset=False)
        if isinstance(self.propensity, str) and self.propensity == "known":
            raise InvalidArgument(
                "the propensity is known of the rows of fit alone (propensity_); learn it with "
                'propensity="em"'
            )
        if self.propensity_estimator_ is None:
            return np.full(len(rows), self.propensity_[0])
        found = self.propensity_estimator_.predict_proba(rows[:, self._columns()])[:, 1]
        return np.asarray(np.maximum(found, self.least))

    def _positive_probability(self, rows: Float64Array) -> Float64Array:
        return np.asarray(self.estimator_.predict_proba(rows)[:, 1], dtype=np.float64)

    def _climb(
        self, rows: Float64Array, labelled: BoolArray, fixed: Float64Array | None, share: float
    ) -> tuple[Climbed, Any, Any]:
        """EM from labelled against unlabelled rows, weighted as if ``share`` were positive."""
        model = _Weighted(self._fresh(self.estimator, "estimator"), rows)
        part = labelled.mean()
        start = model.signed(
            Weights(labelled * share / part, ~labelled * (1.0 - share) / (1.0 - part))
        )
        spread: Any = None
        if fixed is None and self.propensity == "em":
            fresh = self._fresh(self.propensity_estimator, "propensity_estimator")
            spread = _Weighted(fresh, rows[:, self._columns()])

        def propensity(q: Float64Array) -> Float64Array:
            if fixed is not None:
                return fixed
            if spread is None:
                found = np.full(len(q), min(1.0, labelled.sum() / q.sum()))
            else:
                found = spread.signed(Weights(q * labelled, q * ~labelled))
            return np.asarray(np.maximum(found, self.least))

        end = propensity_em(
            labelled,
            lambda q: model.signed(Weights(q, 1.0 - q)),
            propensity,
            start,
            tol=check_number("tol", self.tol),
            max_iter=check_count("max_iter", self.max_iter),
        )
        return end, model.model, None if spread is None else spread.model

    def _fixed_propensity(self, given: Any, count: int) -> Float64Array | None:
        """(n,) where it is known, else None."""
        known = read_propensity(self.propensity, given, ("scar", "em"))
        found = check_propensity(1.0 if known is None else known, count, self.least)
        return None if known is None else found

    def _check_options(self) -> None:
        if self.method not in ("likelihood", "risk"):
            raise InvalidArgument(f'method must be "likelihood" or "risk"; got {self.method!r:.60}')
        learnt = isinstance(self.propensity, str) and self.propensity == "em"
        for name in ("propensity_columns", "propensity_estimator"):
            if not learnt and getattr(self, name) is not None:
                raise InvalidArgument(f'{name} is of propensity="em"; leave it out')
        if learnt and self.propensity_columns is None:
            raise InvalidArgument(
                'propensity="em" needs propensity_columns: on which columns of X does it depend '
                "whether a positive row is labelled?"
            )

    def _columns(self) -> IntArray:
        """The places of the stated columns."""
        names = list(getattr(self, "feature_names_in_", []))
        places = []
        for column in np.atleast_1d(np.asarray(self.propensity_columns, dtype=object)):
            if isinstance(column, str) and column in names:
                places.append(names.index(column))
            elif isinstance(column, (int, np.integer)) and 0 <= column < self.n_features_in_:
                places.append(int(column))
            else:
                raise InvalidArgument(
                    f"propensity_columns: no column {column!r}; X has {self.n_features_in_} "
                    f"columns{': ' + ', '.join(map(str, names)) if names else ''}"
                )
        if not places:
            raise InvalidArgument('propensity_columns names none; see propensity="scar"')
        return np.array(places, dtype=np.int64)

    def _fresh(self, estimator: Any, name: str) -> Callable[[], Any]:
        if estimator is None:
            return lambda: LogisticRegression(C=100.0, max_iter=1_000)
        if not hasattr(estimator, "predict_proba") or not has_fit_parameter(
            estimator, "sample_weight"
        ):
            raise InvalidType(
                f"{name} must have predict_proba, and fit with sample_weight; "
                f"{type(estimator).__name__} has not"
            )
        return lambda: clone(estimator)


class _Weighted:
    """A classifier fitted to rows that are each a positive and a negative example, by weights."""

    def __init__(self, fresh: Callable[[], Any], rows: Float64Array) -> None:
        self.fresh, self.rows, self.model = fresh, rows, None

    def signed(self, weights: Weights) -> Float64Array:
        """(n,) the probabilities of the rows after a fit."""
        up, down = np.flatnonzero(weights.positive), np.flatnonzero(weights.negative)
        X = np.concatenate([self.rows[up], self.rows[down]])
        y = np.repeat([True, False], [len(up), len(down)])
        w = np.concatenate([weights.positive[up], weights.negative[down]])
        model: Any = self.fresh()
        try:
            model.fit(X, y, sample_weight=w)
        except ValueError as error:
            if w.min() >= 0:
                raise
            raise InvalidArgument(
                f"{type(model).__name__} could not be fitted with negative weights ({error}); use "
                'method="likelihood", which has none'
            ) from None
        self.model = model
        return np.asarray(model.predict_proba(self.rows)[:, 1], dtype=np.float64)
