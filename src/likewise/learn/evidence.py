"""Evidence of an answer: who voted, how much each mattered, and whose removal would flip it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from likewise.learn._checks import Float64Array, IntArray
from likewise.learn.voting import winners
from likewise.learn.weighting import Weights, alone, weigh


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


class Reversal(NamedTuple):
    """What `smallest_flip` found: places in the list, the class that wins, what it withstands."""

    places: IntArray | None
    winner: int | None
    withstands: int


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


def smallest_flip(
    codes: Any,
    measures: Any,
    k: int,
    weights: Weights = "uniform",
    temperature: float = 1.0,
    *,
    everything: bool = False,
) -> Reversal:
    """A smallest set of rows without which the first k of a list vote for another class.

    When rows are removed, those behind them move up. A set of s rows changes only the first
    ``k + s`` of the list, and of those none is better removed than the s of the winning class
    that weigh most: that favours every other class at once. So each size has one set to try; and
    one more, where some neighbours silence the others (those at distance 0 under "distance"):
    all of these, and then the winner's heaviest of the rest.

    Args:
        codes: (m,) classes of the neighbours, from 0, nearest first. measures: (m,) what
            `weigh` takes: their distances, or the values of a kernel.
        k: how many vote. weights, temperature: as in `weigh`. A function must give each distance
            a weight of its own, whatever the others are.
        everything: whether the list holds all rows there are, so that nobody moves up after it.

    Returns:
        Places in the list, ascending, and the class that wins without them; None for both where
        no set is small enough for the list, or none will do. Fewer rows, up to ``withstands``,
        never flip the answer.

    Cost: O((k + s)^2) for an answer of s rows.

    Example:
        >>> smallest_flip([0, 0, 0, 1, 1, 1], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], k=3)
        Reversal(places=array([0, 1]), winner=1, withstands=1)
    """
    codes, measures = np.asarray(codes), np.asarray(measures, dtype=np.float64)
    count, classes = len(codes), int(np.max(codes)) + 1
    first = _vote(codes[:k], measures[:k], weights, temperature, classes)
    other = np.flatnonzero(codes != first)
    if not len(other):
        return Reversal(None, None, count if everything else max(0, count - k))
    # Heaviest first, and nearer ones among equals.
    strength = -np.arange(count) if isinstance(weights, str) else weigh(measures, weights)
    ranked = np.argsort(-strength, kind="stable")
    silencing = alone(measures, weights)
    for size in range(max(1, int(other[0]) + 1 - k), count):
        window = k + size
        if window > count and not everything:
            return Reversal(None, None, size - 1)
        for gone in _sets(codes, first, ranked, silencing, size, min(window, count)):
            left = np.setdiff1d(np.arange(min(window, count)), gone)
            if len(left):
                winner = _vote(codes[left], measures[left], weights, temperature, classes)
                if winner != first:
                    return Reversal(np.sort(gone), winner, size - 1)
    return Reversal(None, None, count)


def _sets(
    codes: IntArray, winner: int, ranked: IntArray, silencing: Any, size: int, window: int
) -> Iterator[IntArray]:
    """The sets of this size that may flip the vote of the first ``window`` of the list."""
    ranked = ranked[ranked < window]
    own = ranked[codes[ranked] == winner]
    if len(own) >= size:
        yield own[:size]
    loud = ranked[silencing[ranked]]
    if 0 < len(loud) <= size and len(loud) < window:
        quiet = own[~silencing[own]]
        if len(quiet) >= size - len(loud):
            yield np.concatenate([loud, quiet[: size - len(loud)]])


def _vote(
    codes: IntArray, measures: Float64Array, weights: Weights, temperature: float, classes: int
) -> int:
    counted = weigh(measures[None, :], weights, temperature)
    return int(winners(codes[None, :], counted, classes)[0])


def _others(values: Float64Array) -> Float64Array:
    """The sum of all others of a list, for each; sums of numbers of one sign stay exact."""
    before = np.zeros_like(values)
    after = np.zeros_like(values)
    before[..., 1:] = np.cumsum(values[..., :-1], axis=-1)
    after[..., :-1] = np.cumsum(values[..., :0:-1], axis=-1)[..., ::-1]
    return before + after
