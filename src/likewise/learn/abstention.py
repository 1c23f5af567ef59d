"""Abstention: from which confidence on to answer, for an error or for a cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument
from likewise.learn._numbers import check_share

Float64Array = npt.NDArray[np.float64]
#: The levels that may be chosen: fixed ahead, and denser where confidence is high.
LEVELS = np.concatenate([[0.0], 1 - 2.0 ** (-np.arange(1, 21) / 2)])
CERTAINTY = 0.95


def error_bound(errors: int, count: int, doubt: float) -> float:
    """What the rate of errors is not above, but with probability ``doubt``, after ``count`` rows.

    Clopper and Pearson's, exact for independent rows: the rate at which so few errors have
    probability ``doubt``.

    Example:
        >>> round(error_bound(0, 59, 0.05), 3)
        0.05
    """
    from scipy.stats import beta

    return 1.0 if errors >= count else float(beta.ppf(1 - doubt, errors + 1, count - errors))


def rows_for_error(error: float, certainty: float = CERTAINTY) -> int:
    """The fewest rows, all of them right, from which `abstention_level` can be chosen.

    Example:
        >>> rows_for_error(0.05)
        118
    """
    return int(np.ceil(np.log(_doubt(certainty)) / np.log1p(-error)))


@suggest_arguments
def abstention_level(
    confidence: Any, right: Any, error: float, *, certainty: float = CERTAINTY
) -> float:
    """The least confidence at which answers err at most at the rate ``error``.

    Of the 21 levels in `LEVELS`, the lowest at which `error_bound` of the rows answered is no
    more than ``error``. The bound holds for all levels at once with probability ``certainty``
    over the rows given (each has its share of the doubt), hence for the one that is chosen.

    Args:
        confidence: (n,) in [0, 1], of rows that the model has not seen.
        right: (n,) whether the answer was right.
        error: the most errors among rows answered, in (0, 1).
        certainty: in (0, 1).

    Raises:
        InvalidArgument: no level will do: too few rows, or too many errors even among the most
            confident.

    Source: Y. Geifman and R. El-Yaniv, "Selective classification for deep neural networks",
    NIPS 2017, with fixed levels in place of their search.

    Example:
        >>> confidence = np.repeat([0.6, 0.95], 500)
        >>> right = np.arange(1000) % 5 > 0  # one in five is wrong ...
        >>> right[500:] = np.arange(500) % 100 > 0  # ... and one in a hundred of the confident
        >>> level = abstention_level(confidence, right, 0.05)
        >>> 0.6 < level <= 0.95
        True
    """
    error, certainty = check_share("error", error), check_share("certainty", certainty)
    sure = np.asarray(confidence, dtype=np.float64)
    correct = np.asarray(right, dtype=bool)
    if sure.ndim != 1 or correct.shape != sure.shape:
        raise InvalidArgument(
            f"confidence and right must be as long as each other; got {sure.shape} and "
            f"{correct.shape}"
        )
    if not ((sure >= 0) & (sure <= 1)).all():
        raise InvalidArgument("confidence must lie in [0, 1]")
    counts = [int((sure >= level).sum()) for level in LEVELS]
    errors = [int((~correct[sure >= level]).sum()) for level in LEVELS]
    bounds = [
        error_bound(e, n, _doubt(certainty)) if n else 1.0
        for e, n in zip(errors, counts, strict=True)
    ]
    good = np.flatnonzero(np.array(bounds) <= error)
    if len(good):
        return float(LEVELS[good[0]])
    best = int(np.argmin(bounds))
    raise InvalidArgument(
        f"error={error:g} cannot be promised with certainty {certainty:g}: the best level, "
        f"confidence {LEVELS[best]:.3f}, had {errors[best]} errors in {counts[best]} rows, which "
        f"allows up to {bounds[best]:.3f}; {rows_for_error(error, certainty)} rows without an "
        "error are needed at least: bring more rows, or ask for a larger error"
    )


def cost_level(cost: float) -> float:
    """``1 - cost``: below this probability an answer costs more than none does.

    Args:
        cost: of no answer, where a wrong one costs 1 and a right one 0; in (0, 1).

    Source: C. K. Chow, "On optimum recognition error and reject tradeoff", 1970.
    """
    return 1 - check_share("cost", cost)


def _doubt(certainty: float) -> float:
    return (1 - certainty) / len(LEVELS)
