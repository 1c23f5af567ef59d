"""Class probabilities weighted anew, so that the classes are as frequent as they should be."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument, NotConverged
from likewise.learn._probabilities import Float64Array, check_probabilities, softmax

#: How often a step is halved before rounding is all that is left of it.
HALVINGS = 40
#: How far the mean may be from the prior, and the most steps of Newton's method.
TOLERANCE, STEPS = 1e-9, 200
#: Logarithms of a row's probabilities this far apart are no trouble; and what will do till then.
UNSURE, ROUGHLY = 20.0, 1e-4


@suggest_arguments
def match_prior(
    probabilities: Any, prior: Any = None, *, tol: float = TOLERANCE, max_iter: int = STEPS
) -> Float64Array:
    """The probabilities ``a_k p_ik / sum_j a_j p_ij`` whose mean over the rows is ``prior``.

    A zero-shot classifier leans to some classes because of how it was asked (the words of a
    prompt, the length of a label's vector), not of what the rows are. One weight a class takes
    that away without any label: those that give each class its share of the rows.

    Args:
        probabilities: (n, classes), non-negative, each row summing to 1.
        prior: (classes,) shares of the classes that sum to 1; None is the same for all. A class
            of share 0 is never answered.
        tol: how far the mean may be from the prior, at most. max_iter: steps of Newton's method.

    Returns:
        (n, classes).

    Raises:
        InvalidArgument: no probabilities or no prior; a class that must have a share and that no
            row makes possible. NotConverged: no weights match the prior (zeros among the
            probabilities forbid it), or more steps are needed.

    Cost: n classes^2 a step, ten steps or so.

    Source: A. Liusie, P. Manakul and M. Gales, "Mitigating word bias in zero-shot prompt-based
    classifiers", IJCNLP-AACL 2023. The weights solve a convex problem, the one of Sinkhorn's
    scaling.

    Example:
        >>> P = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
        >>> matched = match_prior(P)
        >>> matched.mean(axis=0).round(6).tolist(), matched.argmax(axis=1).tolist()
        ([0.5, 0.5], [0, 0, 1, 1])
    """
    logs = logarithms(check_probabilities(probabilities))
    return reweighted(logs, log_weights(logs, prior, tol, max_iter))


def reweighted(logs: Float64Array, log_weights: Float64Array) -> Float64Array:
    """``w_k p_ik / sum_j w_j p_ij`` of logarithms; a row that has nothing left raises."""
    raised = logs + log_weights
    nothing = np.flatnonzero(np.isneginf(raised.max(axis=1)))
    if len(nothing):
        raise InvalidArgument(
            f"row {nothing[0]} gives all its probability to classes whose share in the prior is "
            "0; leave the row out, or give those classes a share"
        )
    return softmax(raised)


def logarithms(P: Float64Array) -> Float64Array:
    """Minus infinity for 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(P))


@suggest_arguments
def matching_weights(
    probabilities: Any, prior: Any = None, *, tol: float = TOLERANCE, max_iter: int = STEPS
) -> Float64Array:
    """(classes,) the weights of `match_prior`, which sum to 1, for rows that come later.

    Minimises ``mean_i log(sum_k a_k p_ik) - sum_k prior_k log(a_k)``, which is convex in
    ``log a``; its slope is the mean of the weighted probabilities minus the prior.

    Example:
        >>> matching_weights([[0.8, 0.2], [0.8, 0.2]]).round(6).tolist()
        [0.2, 0.8]
    """
    logs = logarithms(check_probabilities(probabilities))
    return np.asarray(softmax(log_weights(logs, prior, tol, max_iter)[None])[0])


def log_weights(
    logs: Float64Array, prior: Any, tol: float = TOLERANCE, max_iter: int = STEPS
) -> Float64Array:
    """(classes,) the logarithms of the weights; minus infinity where the prior is 0."""
    shares = check_prior(prior, logs.shape[1])
    tol, max_iter = check_number("tol", tol), check_count("max_iter", max_iter)
    used = shares > 0
    impossible = np.flatnonzero(used & np.isneginf(logs.max(axis=0)))
    if len(impossible):
        raise InvalidArgument(
            f"class {impossible[0]} has probability 0 in every row and a share of "
            f"{shares[impossible[0]]:g} in the prior; no weight can give it that"
        )
    reweighted(logs, np.where(used, 0.0, -np.inf))  # or it says which row has nothing left
    found = np.full(len(shares), -np.inf)
    found[used] = _solved(logs[:, used], shares[used], tol, max_iter)
    return found


def _solved(logs: Float64Array, prior: Float64Array, tol: float, max_iter: int) -> Float64Array:
    """The logarithms of the weights, the largest 0."""
    # One step of Sinkhorn's scaling, in logarithms: a class may be all but impossible.
    top = logs.max(axis=0)
    b = np.log(prior) - top - np.log(np.exp(logs - top).mean(axis=0))
    # Rows that are all but sure have no slope to follow: they are made less sure first, and the
    # weights found are the start for rows more sure (as in optimal transport).
    finite = np.where(np.isfinite(logs), logs, 0.0)
    stages = max(0, int(np.ceil(np.log2(np.ptp(finite, axis=1).max() / UNSURE + 1e-300))))
    b = b / 2.0**stages
    for stage in range(stages, 0, -1):
        b = 2.0 * _newton(logs / 2.0**stage, prior, b, ROUGHLY, STEPS)[0]
    b, means = _newton(logs, prior, b, tol, max_iter)
    off = np.abs(means - prior)
    if off.max() > tol:
        worst = int(off.argmax())
        raise NotConverged(
            f"no weights within {tol:g} of the prior in {max_iter} steps: class {worst} of those "
            f"with a share has {means[worst]:.6g}, not {prior[worst]:.6g}. Zeros among the "
            "probabilities may forbid it; else raise tol or max_iter"
        )
    return b


def _newton(
    logs: Float64Array, prior: Float64Array, b: Float64Array, tol: float, max_iter: int
) -> tuple[Float64Array, Float64Array]:
    """The weights after Newton's method from ``b``, and the means with them."""
    height, Q = _height(logs, prior, b)
    for _ in range(max_iter):
        slope = Q.mean(axis=0) - prior
        if np.abs(slope).max() <= tol:
            break
        bend = np.diag(Q.mean(axis=0)) - Q.T @ Q / len(Q)
        # All weights times a number are the same weights: that direction is taken out.
        step = -np.linalg.lstsq(bend + 1.0 / len(b), slope, rcond=None)[0]
        gain = float(slope @ step)
        if gain >= 0:
            step, gain = -slope, -float(slope @ slope)
        for _ in range(HALVINGS):
            new = b + step
            found, Q_new = _height(logs, prior, new)
            # Near the end the height is flat to the last bit: then the slope decides.
            flatter = np.abs(Q_new.mean(axis=0) - prior).max() < np.abs(slope).max()
            if found < height + 1e-4 * gain or (found <= height + 1e-14 and flatter):
                break
            step, gain = step / 2, gain / 2
        else:
            break
        b, height, Q = new - new.max(), found, Q_new
    return b, Q.mean(axis=0)


def _height(logs: Float64Array, prior: Float64Array, b: Float64Array) -> tuple[float, Float64Array]:
    """What is minimised, and the weighted probabilities: their mean less the prior is its slope."""
    raised = logs + b
    top = raised.max(axis=1, keepdims=True)
    parts = np.exp(raised - top)
    sums = parts.sum(axis=1, keepdims=True)
    return float(np.mean(top + np.log(sums)) - prior @ b), parts / sums


@suggest_arguments
def estimate_prior(
    probabilities: Any, train_prior: Any = None, *, tol: float = 1e-6, max_iter: int = 100_000
) -> Float64Array:
    """The shares of the classes among new rows, by maximum likelihood, without labels.

    ``probabilities`` are those of a calibrated classifier that was trained where the classes had
    the shares ``train_prior`` q. If only the shares have changed, the likelihood of shares r is
    ``prod_i sum_k (r_k / q_k) p_ik``; EM climbs it: r becomes the mean of the probabilities
    weighted by ``r_k / q_k``.

    Args:
        probabilities: (n, classes). train_prior: (classes,), positive; None is the same for all.
        tol: the log-likelihood a row is at most this far from the highest (a bound that holds).
        max_iter: steps of EM.

    Returns:
        (classes,), summing to 1.

    Raises:
        InvalidArgument: no probabilities, no prior. NotConverged: more steps are needed.

    Cost: n classes a step, tens of steps for probabilities that tell classes apart.

    Source: M. Saerens, P. Latinne and C. Decaestecker, "Adjusting the outputs of a classifier to
    new a priori probabilities: a simple procedure", Neural Computation 2002.

    Example:
        >>> estimate_prior([[0.99, 0.01], [0.98, 0.02], [0.97, 0.03], [0.02, 0.98]]).round(2)
        array([0.76, 0.24])
    """
    P = check_probabilities(probabilities)
    before = check_prior(train_prior, P.shape[1], "train_prior")
    tol, max_iter = check_number("tol", tol), check_count("max_iter", max_iter)
    if (before <= 0).any():
        raise InvalidArgument(
            f"train_prior: class {int(np.argmin(before))} has the share 0; the classifier cannot "
            "have learnt it"
        )
    ratios = P / before
    shares = before.copy()
    for _ in range(max_iter):
        # The slope by each share; by concavity the largest bounds what is still to be gained.
        slopes = (ratios / (ratios @ shares)[:, None]).mean(axis=0)
        if slopes.max() - 1.0 <= tol:
            return np.asarray(shares / shares.sum())
        shares = shares * slopes
    raise NotConverged(
        f"after {max_iter} steps the log-likelihood of a row may still rise by "
        f"{slopes.max() - 1.0:.3g}, which is above tol ({tol:g}); raise tol or max_iter"
    )


def check_prior(prior: Any, classes: int, name: str = "prior") -> Float64Array:
    """(classes,) shares that sum to 1; None is the same for all."""
    if prior is None:
        return np.full(classes, 1.0 / classes)
    try:
        shares = np.asarray(prior, dtype=np.float64)
    except (TypeError, ValueError):
        shares = np.empty(0)
    if shares.shape != (classes,) or not np.isfinite(shares).all() or (shares < 0).any():
        raise InvalidArgument(
            f"{name} must be {classes} shares, one a class, none negative; got {prior!r:.80}"
        )
    if abs(shares.sum() - 1.0) > 1e-6:
        raise InvalidArgument(f"{name} must sum to 1; it sums to {shares.sum():g}")
    return np.asarray(shares / shares.sum())
