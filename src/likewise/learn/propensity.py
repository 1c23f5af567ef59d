"""Positive and unlabelled rows, where a positive one is labelled with a probability of its own.

That probability, the propensity e(x), may depend on the row: the labelled rows are then not a
fair sample of the positive ones. Everything here is on arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.learn._checks import Float64Array

BoolArray = npt.NDArray[np.bool_]
#: Weights of rows to the probabilities that they are positive.
Fitter = Callable[[Float64Array], Float64Array]

#: Propensities below this are taken for it: a single row must not weigh more than 20.
LEAST_PROPENSITY = 0.05
#: No probability is nearer to 0 or 1 than this.
SURE = 1e-6
#: The likelihood is compared over so many rounds.
ROUNDS = 10
HALVINGS = 20


class Weights(NamedTuple):
    """How much each row counts as a positive and as a negative example; the latter may be < 0."""

    positive: Float64Array
    negative: Float64Array


@suggest_arguments
def propensity_weights(
    labelled: Any, propensity: Any, *, least: float = LEAST_PROPENSITY
) -> Weights:
    """Weights under which labelled and unlabelled rows stand for positive and negative ones.

    A labelled row counts 1/e as positive and 1 - 1/e as negative (it stands for others that lie
    among the unlabelled), an unlabelled row 1 as negative. The weighted risk of any classifier is
    then, on average, its risk with all labels known.

    Args:
        labelled: (n,) booleans. propensity: (n,), or one number: P(labelled | positive, row), in
            (0, 1]; that of unlabelled rows does not matter here.
        least: smaller propensities are raised to it.

    Returns:
        (n,) and (n,).

    Raises:
        InvalidArgument: no booleans; propensities out of (0, 1] or as many as no rows.

    Source: J. Bekker, P. Robberechts and J. Davis, "Beyond the selected completely at random
    assumption for learning from positive and unlabeled data", ECML PKDD 2019.

    Example:
        >>> positive, negative = propensity_weights([True, False], 0.25)
        >>> positive.tolist(), negative.tolist()
        ([4.0, 0.0], [-3.0, 1.0])
    """
    known = check_labelled(labelled)
    inverse = known / check_propensity(propensity, len(known), least)
    return Weights(inverse, 1.0 - inverse)


@suggest_arguments
def propensity_risk(
    probabilities: Any,
    labelled: Any,
    propensity: Any,
    *,
    least: float = LEAST_PROPENSITY,
    nonnegative: bool = True,
) -> float:
    """The log loss of a classifier, estimated without a negative label.

    ``mean(w+ (-log f)) + max(0, mean(w- (-log(1 - f))))`` with `propensity_weights`. Without the
    max the second part can fall below zero, where no risk is: by overfitting.

    Args:
        probabilities: (n,) f, that a row is positive. labelled, propensity, least: see
            `propensity_weights`. nonnegative: with the max.

    Source: the second part cut at 0: R. Kiryo et al., "Positive-unlabeled learning with
    non-negative risk estimator", NIPS 2017.

    Example:
        >>> round(propensity_risk([0.5, 0.5], [True, False], 1.0), 6)  # log 2
        0.693147
    """
    weights = propensity_weights(labelled, propensity, least=least)
    f = np.asarray(probabilities, dtype=np.float64)
    if f.shape != weights.positive.shape or not ((f >= 0) & (f <= 1)).all():
        raise InvalidArgument(
            f"probabilities must be {len(weights.positive)} numbers in [0, 1]; "
            f"got {probabilities!r:.80}"
        )
    positive, negative = _risks(f, weights)
    return positive + (max(0.0, negative) if nonnegative else negative)


def _risks(f: Float64Array, weights: Weights) -> tuple[float, float]:
    f = np.clip(f, SURE, 1.0 - SURE)
    return (
        float(np.mean(weights.positive * -np.log(f))),
        float(np.mean(weights.negative * -np.log1p(-f))),
    )


def least_risk(fit: Callable[[Weights], Float64Array], weights: Weights) -> float:
    """Fit by the risk of `propensity_risk`, its second part cut at 0.

    ``min_f R+ + max(0, R-)`` is ``min_f max_t R+ + t R-`` over t in [0, 1]: where R- is negative
    at t = 1, the t at which it is 0 is found by halving.

    Args:
        fit: trains by weights and gives the probabilities (n,) of the same rows; the last call
            made is the answer.

    Returns:
        t. Cost: one fit, or about 20.
    """
    if _risks(fit(weights), weights)[1] >= 0:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        t = (low + high) / 2
        if _risks(fit(Weights(weights.positive, t * weights.negative)), weights)[1] >= 0:
            low = t
        else:
            high = t
    fit(Weights(weights.positive, low * weights.negative))
    return low


class Climbed(NamedTuple):
    """Where EM ended.

    Attributes:
        positive: (n,) the probability of each row to be positive, given whether it is labelled.
        propensity: (n,). log_likelihood: the mean over rows. rounds: how many were made.
        converged: whether it stood still at the end.
    """

    positive: Float64Array
    propensity: Float64Array
    log_likelihood: float
    rounds: int
    converged: bool


@suggest_arguments
def propensity_em(
    labelled: Any,
    fit_class: Fitter,
    fit_propensity: Fitter,
    start: Any,
    *,
    tol: float,
    max_iter: int,
) -> Climbed:
    """Which unlabelled rows are positive, and which positive rows get labelled, in turn.

    Expectation: an unlabelled row is positive with ``q = f (1 - e) / (1 - f e)``, a labelled one
    with q = 1. Maximisation: f is fitted to q; e to the labels, each row weighing q. The
    likelihood of what is seen, ``prod_labelled f e  prod_unlabelled (1 - f e)``, rises in each
    round if both fits are by maximum likelihood.

    Args:
        labelled: (n,) booleans. fit_class, fit_propensity: from q (n,) to f and e (n,) of the
            same rows; the last calls made are the answer. start: (n,) f before the first round.
        tol: the mean log-likelihood a row gained in 10 rounds at which it stops.
        max_iter: the most rounds.

    Cost: two fits a round.

    Source: see `propensity_weights` (SAR-EM).

    Example:
        >>> s = np.array([True, False, False, True, False, False])
        >>> end = propensity_em(
        ...     s,
        ...     lambda q: np.full(6, q.mean()),
        ...     lambda q: np.full(6, s.sum() / q.sum()),
        ...     np.full(6, 0.5),
        ...     tol=1e-9,
        ...     max_iter=50,
        ... )
        >>> end.converged, round(end.log_likelihood, 4)  # a third of the rows is labelled
        (True, -0.6365)
    """
    known = check_labelled(labelled)
    f = np.where(known, 1.0, np.asarray(start, dtype=np.float64))
    e = fit_propensity(f)
    heights: list[float] = []
    converged = False
    f = np.asarray(start, dtype=np.float64)
    while len(heights) < max_iter and not converged:
        q = posterior(known, f, e)
        f = np.clip(fit_class(q), SURE, 1.0 - SURE)
        e = fit_propensity(q)
        heights.append(float(np.mean(np.where(known, np.log(f * e), np.log1p(-f * e)))))
        converged = len(heights) > ROUNDS and heights[-1] - heights[-1 - ROUNDS] < tol
    return Climbed(posterior(known, f, e), e, heights[-1], len(heights), converged)


def posterior(labelled: BoolArray, f: Float64Array, e: Float64Array) -> Float64Array:
    """(n,) how probably a row is positive, given whether it is labelled."""
    f = np.clip(f, SURE, 1.0 - SURE)
    return np.where(labelled, 1.0, f * (1.0 - e) / (1.0 - f * e))


def check_labelled(labelled: Any) -> BoolArray:
    """(n,) booleans, of which some are true and some are not."""
    known = np.asarray(labelled)
    if known.ndim != 1 or known.dtype != np.bool_:
        raise InvalidArgument(
            f"labelled must be booleans, one a row; got {known.dtype} of shape {known.shape}"
        )
    if known.all() or not known.any():
        raise InvalidArgument(
            f"labelled: {'all' if len(known) and known.all() else 'none'} of {len(known)} rows; "
            "some must be labelled and some not"
        )
    return known


def read_propensity(option: Any, given: Any, learnt: tuple[str, ...] = ()) -> Any:
    """What an estimator's ``propensity`` and that of `fit` say together; None: it is learnt."""
    if not isinstance(option, str):
        option = check_number("propensity", option)
    elif option not in ("known", *learnt):
        names = ", ".join(f'"{name}"' for name in (*learnt, "known"))
        hint = "" if learnt else "; neighbours cannot learn it, PropensityClassifier can"
        raise InvalidArgument(
            f"propensity must be {names} or a number in (0, 1]; got {option!r:.60}{hint}"
        )
    if option == "known":
        if given is None:
            raise InvalidArgument(
                'propensity="known" needs them: fit(X, y, propensity=...), one a row'
            )
        return given
    if given is not None:
        raise InvalidArgument('propensities are given to fit with propensity="known" alone')
    return None if option in learnt else option


def check_propensity(propensity: Any, count: int, least: float) -> Float64Array:
    """(n,) in (0, 1], none below ``least``."""
    floor = check_number("least", least)
    if not 0 < floor <= 1:
        raise InvalidArgument(f"least must be in (0, 1]; got {least!r}")
    try:
        e = np.asarray(propensity, dtype=np.float64)
    except (TypeError, ValueError):
        e = np.full(count, np.nan)
    if e.ndim == 0:
        e = np.full(count, float(e))
    if e.shape != (count,):
        raise InvalidArgument(f"propensity: {count} numbers expected, one a row; got {e.shape}")
    wrong = np.flatnonzero(~((e > 0) & (e <= 1)))
    if len(wrong):
        raise InvalidArgument(
            f"propensity must be in (0, 1]; that of row {wrong[0]} is {e[wrong[0]]:g}; a positive "
            "row that is never labelled cannot be learnt from those that are"
        )
    return np.maximum(e, floor)
