"""`simulate_labelling`: error against number of labels, where all labels are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels import Kernel
from likewise.kernels._rows import as_rows
from likewise.learn.active._candidates import Float64Array, IntArray
from likewise.learn.active.features import Features
from likewise.learn.active.learner import ActiveLearner
from likewise.learn.active.selections import Selection
from likewise.learn.active.suggesting import Mode

#: Of true and predicted labels.
Error = Callable[[Any, Any], float]


def rmse(y: Any, predicted: Any) -> float:
    """``sqrt(mean (y - f)^2)``.

    Example:
        >>> rmse([0.0, 0.0], [3.0, 3.0])
        3.0
    """
    return float(np.sqrt(np.mean(np.square(np.asarray(y) - np.asarray(predicted)))))


def error_rate(y: Any, predicted: Any) -> float:
    """The share of wrong labels.

    Example:
        >>> error_rate(["a", "b"], ["a", "c"])
        0.5
    """
    return float(np.mean(np.asarray(y) != np.asarray(predicted)))


#: Errors by name.
ERRORS: dict[str, Error] = {"rmse": rmse, "error_rate": error_rate}


@dataclass(frozen=True, slots=True)
class LabellingCurves:
    """Errors of several seeds.

    Attributes:
        labelled: (rounds + 1,) number of labels. errors: (seeds, rounds + 1) on the test rows.
        seeds: those of the rows of ``errors``.
    """

    labelled: IntArray
    errors: Float64Array
    seeds: tuple[int, ...]

    def mean(self) -> Float64Array:
        """(rounds + 1,) the mean over seeds."""
        found: Float64Array = self.errors.mean(axis=0)
        return found

    def area(self, *, log: bool = False) -> Float64Array:
        """(seeds,) area under the curve divided by its width, by the trapezoid rule.

        It is the mean error on the way from the first number of labels to the last, in the units of
        the error; with ``log`` that of its natural logarithm, so that late rounds, and sets that
        are easy, count as much.

        Raises:
            InvalidArgument: ``log`` of an error that is 0.
        """
        if log and not (self.errors > 0).all():
            raise InvalidArgument("an error is 0, whose logarithm is not finite; say log=False")
        heights = np.log(self.errors) if log else self.errors
        if len(self.labelled) == 1:
            return np.array(heights[:, 0])
        width = self.labelled[-1] - self.labelled[0]
        found: Float64Array = np.trapezoid(heights, self.labelled, axis=1) / width
        return found


@suggest_arguments
def simulate_labelling(
    X: Any,
    y: Any,
    model: Any,
    *,
    features: str | Kernel | Features = "rows",
    transform: Any = None,
    selection: str | Selection = "lcmd",
    mode: Mode = "tp",
    initial: int = 64,
    batch: int = 64,
    rounds: int = 16,
    test: float = 0.2,
    error: str | Error = "rmse",
    seeds: Iterable[int] = range(5),
) -> LabellingCurves:
    """What a selection would have been worth: labels are known, and shown when asked for.

    Each seed draws which rows are for testing and which are labelled at first, and the model's own
    ``random_state`` where it has one. Neither depends on the selection, so curves of two selections
    may be compared seed by seed.

    Args:
        X: (n, ...) rows. y: (n,) or (n, outputs) their labels.
        model, features, transform, selection, mode: as for `ActiveLearner`.
        initial: labels at first. batch: labels a round. rounds: how often it is asked.
        test: the share of rows for testing. error: "rmse", "error_rate", or a function of
            (true, predicted). seeds: one run each.

    Returns:
        `LabellingCurves`.

    Raises:
        InvalidArgument: more labels than rows, and what `ActiveLearner` raises.

    Cost: (rounds + 1) fits and rounds of `ActiveLearner.ask`, a seed.

    Example:
        >>> from sklearn.neighbors import KNeighborsRegressor
        >>> X = np.random.default_rng(0).uniform(size=(200, 2))
        >>> how = dict(initial=5, batch=5, rounds=4, seeds=range(3))
        >>> spread = simulate_labelling(X, X.sum(axis=1), KNeighborsRegressor(1), **how)
        >>> random = simulate_labelling(
        ...     X, X.sum(axis=1), KNeighborsRegressor(1), selection="random", **how
        ... )
        >>> spread.labelled.tolist(), bool(spread.area().mean() < random.area().mean())
        ([5, 10, 15, 20, 25], True)
    """
    X, labels = as_rows(X, "X", ndim=max(2, np.ndim(X))), np.asarray(y)
    if labels.ndim == 0 or len(labels) != len(X):
        raise InvalidArgument(f"X has {len(X)} rows, y has shape {labels.shape}")
    first, size = check_count("initial", initial), check_count("batch", batch)
    steps, share = check_count("rounds", rounds, minimum=0), check_number("test", test)
    held = round(share * len(X))
    if not 0 < held < len(X):
        raise InvalidArgument(f"test = {test} of {len(X)} rows leaves none to test or to learn")
    most = first + size * steps
    if most > len(X) - held:
        raise InvalidArgument(
            f"initial + rounds * batch = {most} labels are more than the {len(X) - held} rows that "
            f"are not for testing; at most {max(0, len(X) - held - first) // size} rounds"
        )
    measure = _measure(error)
    numbers = tuple(check_count("seeds", seed, minimum=0) for seed in seeds)
    if not numbers:
        raise InvalidArgument("seeds is empty; give at least one")
    errors = np.zeros((len(numbers), steps + 1))
    for line, seed in enumerate(numbers):
        rng = np.random.default_rng([seed, 236])
        order = rng.permutation(len(X))
        tested, rest = order[:held], order[held:]
        learner = ActiveLearner(
            X[rest],
            _seeded(model, int(rng.integers(2**31))),
            features=features,
            transform=transform,
            selection=selection,
            mode=mode,
            random_state=seed,
        )
        learner.tell(np.arange(first), labels[rest[:first]])
        for step in range(steps + 1):
            if step:
                ids = learner.ask(size)
                learner.tell(ids, labels[rest[ids]])
            errors[line, step] = measure(labels[tested], learner.model.predict(X[tested]))
    return LabellingCurves(np.arange(steps + 1) * size + first, errors, numbers)


def _measure(error: Any) -> Error:
    if isinstance(error, str) and error in ERRORS:
        return ERRORS[error]
    if isinstance(error, str):
        raise InvalidArgument(
            f"error must be one of {', '.join(ERRORS)}, or a function of (true, predicted); "
            f"got {error!r:.60}"
        )
    if not callable(error):
        raise InvalidType(f"error must be a name or a function; got {error!r:.60}")
    found: Error = error
    return found


def _seeded(model: Any, seed: int) -> Any:
    """A copy of the model with this seed, where it takes one."""
    from sklearn.base import clone

    if not hasattr(model, "get_params") or "random_state" not in model.get_params():
        return model
    return clone(model).set_params(random_state=seed)
