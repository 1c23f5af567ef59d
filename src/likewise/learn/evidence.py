"""Evidence of an answer: who voted, how much each mattered, and whose removal would flip it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise.learn._checks import Float64Array, IntArray
from likewise.learn.flipping import smallest_flip
from likewise.learn.voting import averages, shares
from likewise.learn.weighting import Weights, weigh


@dataclass(frozen=True, slots=True, eq=False)
class Flip:
    """A smallest set of rows whose removal changes an answer.

    Attributes:
        ids: the rows, nearest first. value: the answer without them.
    """

    ids: IntArray
    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The neighbours that an answer was made of, nearest first.

    Attributes:
        ids: (k,) the rows. distances: (k,) by the index's metric. labels: what each stands for.
        weights: (k,) its part of the answer; their sum is 1.
        influence: (k,) how much it speaks for the answer: of a label, by how much the logarithm
            of its probability falls without this neighbour (infinite for the only one that has
            the label); of a number, what it adds to it. The others of the list stay, and
            none moves up: see `influence_on_shares`.
        flip: a smallest set of rows whose removal changes the label, the neighbours that move up
            counted; None where none was found among the rows looked at, and for numbers.
        withstands: so many rows, whichever, can be removed and the label stays.
    """

    ids: IntArray
    distances: Float64Array
    labels: Any
    weights: Float64Array
    influence: Float64Array
    flip: Flip | None = None
    withstands: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A prediction with its evidence.

    Attributes:
        value: the label, or the number (or array of them). probability: of the label; None for
            numbers. evidence: what it was made of.
    """

    value: Any
    probability: float | None
    evidence: Evidence


def plain(value: Any) -> Any:
    """A label or a number as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def answer_label(
    ids: Any,
    distances: Any,
    codes: Any,
    classes: Any,
    k: int,
    weights: Weights = "uniform",
    temperature: float = 1.0,
    *,
    measures: Any = None,
    everything: bool = False,
) -> Answer:
    """What the first k of a list of neighbours vote for, with the evidence.

    Args:
        ids, distances, codes: (m,) of the neighbours, those that vote first; the further ones
            are those that would move up. classes: what the codes stand for.
        k, weights, temperature, everything: as in `smallest_flip`. measures: (m,) values of the
            kernel where that gives the weights; None is the distances.

    Cost: that of `smallest_flip`.

    Example:
        >>> answer = answer_label([7, 3, 9], [0.1, 0.2, 0.5], [0, 0, 1], ["a", "b"], k=2)
        >>> answer.value, answer.probability, answer.evidence.withstands
        ('a', 1.0, 1)
    """
    ids, distances, codes = np.asarray(ids), np.asarray(distances), np.asarray(codes)
    listed = np.asarray(distances if measures is None else measures, dtype=np.float64)
    counted = weigh(listed[:k], weights, temperature)
    parts = shares(codes[None, :k], counted[None], len(classes))[0]
    best = int(np.argmax(parts))
    found = smallest_flip(codes, listed, k, weights, temperature, everything=everything)
    flip = None
    if found.places is not None and found.winner is not None:
        flip = Flip(ids[found.places], plain(classes[found.winner]))
    evidence = Evidence(
        ids[:k],
        distances[:k],
        np.asarray(classes)[codes[:k]],
        counted / counted.sum(),
        influence_on_shares(counted, codes[:k] == best),
        flip,
        found.withstands,
    )
    return Answer(plain(classes[best]), float(parts[best]), evidence)


def answer_number(
    ids: Any,
    distances: Any,
    targets: Any,
    weights: Weights = "uniform",
    temperature: float = 1.0,
    *,
    measures: Any = None,
) -> Answer:
    """The weighted mean of the numbers of neighbours, with the evidence.

    Args:
        ids, distances: (k,) of the neighbours. targets: (k,) or (k, outputs).
        weights, temperature: as in `weigh`. measures: as in `answer_label`.

    Example:
        >>> answer = answer_number([7, 3], [1.0, 2.0], [3.0, 6.0], "distance")
        >>> answer.value, answer.evidence.influence.tolist()
        (4.0, [-2.0, 1.0])
    """
    ids, distances = np.asarray(ids), np.asarray(distances)
    targets = np.asarray(targets, dtype=np.float64)
    counted = weigh(distances if measures is None else measures, weights, temperature)
    columns = targets.reshape(len(targets), -1)
    mean, adds = averages(columns[None], counted[None])[0], influence_on_average(counted, columns)
    single = targets.ndim == 1
    evidence = Evidence(
        ids, distances, targets, counted / counted.sum(), adds[:, 0] if single else adds
    )
    return Answer(float(mean[0]) if single else mean, None, evidence)


def influence_on_shares(weights: Any, agrees: Any) -> Float64Array:
    """By how much the logarithm of a label's share falls without each neighbour.

    ``log p - log p_-i`` with ``p = sum of agreeing weights / sum of weights`` and the closed form
    ``p_-i = (p - w_i [y_i = y]) / (1 - w_i)`` for weights of sum 1. The sums of the others are
    taken as sums, since a difference would cancel where one neighbour has nearly all weight.

    Args:
        weights: (..., k), at least 0, of positive sums. agrees: (..., k) which have the label.

    Returns:
        (..., k): positive for those that speak for the label. Infinite for the only one that
        does; 0 for all where nobody does.

    Cost: O(numbers).

    Source: A. Wang and M. Sabuncu, "A flexible Nadaraya-Watson head can offer explainable and
    calibrated classification", TMLR 2023 (support influence).

    Example:
        >>> influence_on_shares([0.5, 0.25, 0.25], [True, True, False]).round(3).tolist()
        [0.405, 0.118, -0.288]
    """
    weights = np.asarray(weights, dtype=np.float64)
    voting = np.where(agrees, weights, 0.0)
    share = voting.sum(axis=-1, keepdims=True) / weights.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        without = _others(voting) / _others(weights)
        change = np.log(share) - np.log(without)
    # Nobody left at all: an only neighbour that agrees was everything.
    nobody = np.isnan(without) & (voting > 0)
    return np.where(
        nobody,
        np.inf,
        np.where(share > 0, np.nan_to_num(change, posinf=np.inf, neginf=-np.inf), 0.0),
    )


def influence_on_average(weights: Any, targets: Any) -> Float64Array:
    """What each neighbour adds to a weighted mean: the mean less that of the others.

    Args:
        weights: (k,), at least 0, of positive sum. targets: (k, outputs).

    Returns:
        (k, outputs). 0 for a neighbour that is alone with all the weight.

    Cost: O(k outputs).

    Example:
        >>> influence_on_average([1.0, 1.0], [[1.0], [4.0]]).tolist()
        [[-1.5], [1.5]]
    """
    weights = np.asarray(weights, dtype=np.float64)
    targets = np.asarray(targets, dtype=np.float64)
    mean = weights @ targets / weights.sum()
    rest = _others(weights)[:, None]
    sums = np.stack([_others(column) for column in (weights[:, None] * targets).T], axis=1)
    without = sums / np.where(rest > 0, rest, 1.0)
    return np.where(rest > 0, mean - without, 0.0)


def _others(values: Float64Array) -> Float64Array:
    """The sum of all others of a list, for each; sums of numbers of one sign stay exact."""
    before = np.zeros_like(values)
    after = np.zeros_like(values)
    before[..., 1:] = np.cumsum(values[..., :-1], axis=-1)
    after[..., :-1] = np.cumsum(values[..., :0:-1], axis=-1)[..., ::-1]
    return before + after
