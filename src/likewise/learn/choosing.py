"""Choices of k, weights and temperature, scored by leave-one-out from one search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from likewise._arguments import check_k
from likewise.errors import InvalidArgument
from likewise.kernels import Kernel
from likewise.learn._checks import Float64Array
from likewise.learn.voting import shares
from likewise.learn.weighting import Weights, check_temperature, check_weights, weigh

#: What "loo" stands for: numbers of neighbours, and temperatures in units of the median distance.
MANY_K = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
MANY_TEMPERATURES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
#: A probability of 0 counts as this one in a logarithm.
LEAST = 1e-12
#: Shares are computed for so many numbers at a time (32 MB).
NUMBERS = 1 << 22


class Trial(NamedTuple):
    """What one choice is worth: ``score``, higher is better.

    ``temperature`` is None for weights other than "softmax"; ``score`` is 0 where nothing was
    tried.
    """

    k: int | None
    weights: Weights
    temperature: float | None
    score: float = 0.0


class Choices:
    """All choices that the arguments of an estimator leave, in their order.

    Args:
        k: a number; None for all rows; a list of numbers; or "loo", for those of `MANY_K`.
        weights: one of those that `weigh` takes; a list of them; or "loo", for `WEIGHTS`.
        temperature: None (1); a number; a list; or "loo", for `MANY_TEMPERATURES` times the
            median distance to the farthest of the neighbours that are looked at.

    Raises:
        InvalidArgument, InvalidType: what is wrong is named; a temperature without "softmax".

    Example:
        >>> for trial in Choices([1, 5], ["uniform", "softmax"], 0.5).trials():
        ...     print(trial.k, trial.weights, trial.temperature)
        1 uniform None
        1 softmax 0.5
        5 uniform None
        5 softmax 0.5
    """

    def __init__(self, k: Any, weights: Any, temperature: Any) -> None:
        self.ks = MANY_K if _is_loo(k) else _listed("k", k)
        self.ks = tuple(None if k is None and not _is_list(k) else check_k(k) for k in self.ks)
        names = ("uniform", "distance", "softmax") if _is_loo(weights) else weights
        self.weights = tuple(check_weights(w) for w in _listed("weights", names))
        self.scaled = _is_loo(temperature)
        if temperature is not None and "softmax" not in self._names():
            raise InvalidArgument(
                f'temperature={temperature!r:.40} is of weights="softmax"; leave it None, or '
                "choose these weights"
            )
        given = 1.0 if temperature is None else temperature
        values = MANY_TEMPERATURES if self.scaled else _listed("temperature", given)
        self.temperatures = tuple(check_temperature(value) for value in values)

    def _names(self) -> list[str]:
        return [weights for weights in self.weights if isinstance(weights, str)]

    @property
    def open(self) -> bool:
        """Whether there is anything to choose."""
        return self.scaled or len(self.ks) * len(self.weights) * len(self.temperatures) > 1

    @property
    def most(self) -> int | None:
        """The largest k; None is all rows."""
        return None if None in self.ks else max(k for k in self.ks if k is not None)

    def trials(self, unit: float = 1.0, longest: float = np.inf) -> Iterator[Trial]:
        """Each choice once; ``unit`` is what scaled temperatures are multiples of.

        Of the numbers of neighbours that are more than the ``longest`` list, one at most is tried.
        """
        factor = unit if self.scaled else 1.0
        for k in [k for k in self.ks if k is None or k <= longest] or self.ks[:1]:
            for weights in self.weights:
                if isinstance(weights, str) and weights == "softmax":
                    for temperature in self.temperatures:
                        yield Trial(k, weights, temperature * factor)
                else:
                    yield Trial(k, weights, None)


def unit_of(last: Float64Array) -> float:
    """What scaled temperatures are multiples of, by distances to the farthest of each list."""
    return float(np.median(last)) or float(last.max()) or 1.0


def weights_of_trials(
    trials: list[Trial], distances: Float64Array, similarities: Callable[[Kernel], Float64Array]
) -> Iterator[Float64Array]:
    """(n, k) weights by each choice, k cut to the lists.

    Args:
        distances: (n, m) of rows to their neighbours, nearest first.
        similarities: gives (n, m) values of a kernel for the same pairs.

    Cost: O(n k) a choice.
    """
    kernels = [trial.weights for trial in trials if isinstance(trial.weights, Kernel)]
    values = {id(kernel): similarities(kernel) for kernel in {id(k): k for k in kernels}.values()}
    for trial in trials:
        measures = values.get(id(trial.weights), distances)[:, : trial.k]
        yield weigh(measures, trial.weights, trial.temperature or 1.0)


def hits(codes: Any, labels: Any, weights: Float64Array, classes: int) -> Float64Array:
    """(n,) 1 for each row whose neighbours vote for its label; the mean is the accuracy.

    Args:
        codes: (n, k) of the neighbours. labels: (n,) codes of the rows. weights: (n, k).

    Example:
        >>> hits([[0, 0], [1, 0]], [0, 0], np.array([[1.0, 1.0], [2.0, 1.0]]), classes=2).tolist()
        [1.0, 0.0]
    """
    return _in_blocks(codes, labels, weights, classes, lambda p, y: np.argmax(p, axis=1) == y)


def log_shares(codes: Any, labels: Any, weights: Float64Array, classes: int) -> Float64Array:
    """(n,) the logarithm of the share that each row's label has among its neighbours.

    A share of 0 counts as 1e-12. The mean is the log-likelihood.

    Example:
        >>> log_shares([[0, 1]], [0], np.array([[1.0, 1.0]]), classes=2).round(3).tolist()
        [-0.693]
    """
    return _in_blocks(
        codes,
        labels,
        weights,
        classes,
        lambda p, y: np.log(np.maximum(p[np.arange(len(y)), y], LEAST)),
    )


def determination(squares: Float64Array, truth: Float64Array) -> float:
    """R squared: 1 - squared errors / squared distances to the mean; the mean over outputs.

    An output that never varies counts 1 if it is met, else 0.

    Args:
        squares: (n, outputs) squared errors. truth: (n, outputs).

    Example:
        >>> determination(np.zeros((2, 1)), np.array([[1.0], [3.0]]))
        1.0
    """
    errors = squares.sum(axis=0)
    spread = np.square(truth - truth.mean(axis=0)).sum(axis=0)
    ratios = np.where(spread > 0, errors / np.where(spread > 0, spread, 1.0), errors > 0)
    return float(np.mean(1.0 - ratios))


#: What a classifier may be chosen by.
SCORINGS = {"accuracy": hits, "log_likelihood": log_shares}


def _in_blocks(
    codes: Any, labels: Any, weights: Float64Array, classes: int, value: Callable[..., Any]
) -> Float64Array:
    codes, labels = np.asarray(codes), np.asarray(labels)
    height, found = max(1, NUMBERS // max(1, classes)), np.empty(len(codes))
    for start in range(0, len(codes), height):
        part = slice(start, start + height)
        found[part] = value(shares(codes[part], weights[part], classes), labels[part])
    return found


def _is_loo(value: Any) -> bool:
    return isinstance(value, str) and value == "loo"


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray, range))


def _listed(name: str, value: Any) -> tuple[Any, ...]:
    if not _is_list(value):
        return (value,)
    if not len(value):
        raise InvalidArgument(f"{name}: no choices; give one at least")
    return tuple(value)
