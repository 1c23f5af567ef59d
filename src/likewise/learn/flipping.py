"""Which rows, removed, flip a vote: a smallest set of them, the neighbours that move up counted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from likewise.learn._checks import Float64Array, IntArray
from likewise.learn.voting import winners
from likewise.learn.weighting import Weights, alone, weigh


class Reversal(NamedTuple):
    """What `smallest_flip` found: places in the list, the class that wins, what it withstands."""

    places: IntArray | None
    winner: int | None
    withstands: int


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

    Cost: O((k + s)^2) for an answer of s rows; where all rows vote, O(m log m).

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
    least = max(1, int(other[0]) + 1 - k)  # none but the first class within reach before

    def flip(size: int) -> tuple[IntArray, int] | None:
        window = min(k + size, count)
        for gone in _sets(codes, first, ranked, silencing, size, window):
            left = np.setdiff1d(np.arange(window), gone)
            winner = _vote(codes[left], measures[left], weights, temperature, classes)
            if winner != first:
                return gone, winner
        return None

    for size in range(least, max(least, count - k + 1)):
        if (found := flip(size)) is not None:
            return Reversal(np.sort(found[0]), found[1], size - 1)
    last = max(least - 1, count - k)
    if not everything:
        return Reversal(None, None, max(0, last))
    # Nobody is left to move up: the more of the first class are gone, the less it has.
    most = count - len(other)
    sizes = range(last + 1, most)
    size = last + 1 + bisect_left(sizes, True, key=lambda tried: flip(tried) is not None)
    if (found := flip(size)) is None:
        return Reversal(None, None, count)
    return Reversal(np.sort(found[0]), found[1], size - 1)


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
