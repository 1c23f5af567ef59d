"""From scores to p-values by rows that are known to be normal, at once or as a stream."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def conformal_p_values(null: Any, scores: Any, *, random_state: int | None = None) -> Float64Array:
    """How probably a normal row scores as low as this, by the scores of normal rows.

    ``p = (1 + #{null <= score}) / (n + 1)``: at most level with a probability of at most level,
    whatever the scores, if the new row and those of the null are exchangeable. The rows of the
    null must not have been used to fit the detector, or theirs are too high.

    Args:
        null: (n,) scores of held-out normal rows, higher is more normal.
        scores: (m,) scores of new rows.
        random_state: the seed that breaks ties by chance,
            ``(#{null < score} + u (1 + #{null = score})) / (n + 1)`` with u uniform in (0, 1]:
            then p is uniform for normal rows. None counts ties in full.

    Returns:
        (m,) in (0, 1].

    Raises:
        InvalidArgument: an empty null, or NaN.

    Cost: O((n + m) log n).

    Source: V. Vovk, A. Gammerman and G. Shafer, "Algorithmic learning in a random world", 2005;
    S. Bates et al., "Testing for outliers with conformal p-values", Annals of Statistics 2023.

    Example:
        >>> conformal_p_values([-1.0, -2.0, -3.0], [-5.0, -2.5, 0.0]).tolist()
        [0.25, 0.5, 1.0]
    """
    known = np.sort(check_scores("null", null))
    given = check_scores("scores", scores)
    if not len(known):
        raise InvalidArgument("null holds no scores; at least one held-out row is needed")
    upto = np.searchsorted(known, given, side="right")
    if random_state is None:
        return np.asarray((1 + upto) / (len(known) + 1))
    below = np.searchsorted(known, given, side="left")
    u = 1.0 - np.random.default_rng(random_state).random(len(given))
    return np.asarray((below + u * (1 + upto - below)) / (len(known) + 1))


def benjamini_hochberg(p_values: Any, level: float = 0.05) -> BoolArray:
    """Which of many hypotheses to reject so that at most a share of these is rejected wrongly.

    Rejects the i smallest, for the largest i with ``p_(i) <= level i / m``. The expected share of
    true hypotheses among those rejected is then at most ``level``, if the p-values are
    independent, or conformal ones that share a null.

    Args:
        p_values: (m,) numbers in [0, 1].
        level: the false discovery rate, in (0, 1).

    Returns:
        (m,) mask of those rejected.

    Raises:
        InvalidArgument: a p-value or a level outside.

    Cost: O(m log m).

    Source: Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", JRSS B 1995;
    for conformal p-values S. Bates et al., Annals of Statistics 2023.

    Example:
        >>> benjamini_hochberg([0.001, 0.5, 0.02, 0.9], level=0.05).tolist()
        [True, False, True, False]
    """
    p = check_scores("p_values", p_values)
    share = check_level(level)
    if len(p) and not (p.min() >= 0 and p.max() <= 1):
        raise InvalidArgument(f"p_values must lie in [0, 1]; got {p.min():g} to {p.max():g}")
    ordered = np.sort(p)
    passed = np.flatnonzero(ordered <= share * np.arange(1, len(p) + 1) / max(1, len(p)))
    return np.asarray(p <= ordered[passed[-1]] if len(passed) else np.zeros(len(p), bool))


class ScoreStream:
    """p-values of scores that come one after the other, each by those before it.

    The i-th score gets ``p = (#{earlier < score} + u (1 + #{earlier = score})) / (i)``, with u
    uniform in (0, 1], and then joins the earlier ones. While rows are exchangeable, these p-values
    are independent and uniform; odd rows and drift make small ones.

    Args:
        window: how many of the latest scores count; None is all. A window follows slow drift; the
            p-values are then no longer exactly independent.
        random_state: the seed of u.

    Raises:
        InvalidArgument, InvalidType: a window below 1, or no integer.

    Cost: of a score O(log window) comparisons and one insertion.

    Source: V. Vovk, A. Gammerman and G. Shafer, "Algorithmic learning in a random world", 2005.

    Example:
        >>> stream = ScoreStream().partial_fit(np.arange(99.0))
        >>> bool(stream.update([-5.0])[0] <= 0.01), len(stream)
        (True, 100)
    """

    @suggest_arguments
    def __init__(self, window: int | None = None, *, random_state: int | None = 0) -> None:
        self.window = None if window is None else check_count("window", window)
        self.random_state = random_state
        self._rng = np.random.default_rng(random_state)
        self._arrived: deque[float] = deque()
        self._ordered: list[float] = []

    def __len__(self) -> int:
        """How many scores count."""
        return len(self._ordered)

    def __repr__(self) -> str:
        return f"ScoreStream(window={self.window}, {len(self)} scores)"

    def partial_fit(self, scores: Any) -> Self:
        """Take in scores of normal rows, oldest first, without asking for p-values."""
        for score in check_scores("scores", scores).tolist():
            self._take(score)
        return self

    def p_values(self, scores: Any) -> Float64Array:
        """(m,) conservative p-values by the scores so far, which stay as they are.

        Raises:
            InvalidArgument: no scores so far.
        """
        return conformal_p_values(self._ordered, scores)

    def update(self, scores: Any) -> Float64Array:
        """(m,) p-values of scores, oldest first, each by those before it, then taken in."""
        given = check_scores("scores", scores)
        return np.array([self._next(score) for score in given.tolist()], dtype=np.float64)

    def _next(self, score: float) -> float:
        below = bisect_left(self._ordered, score)
        equal = bisect_right(self._ordered, score) - below
        p = (below + (1.0 - self._rng.random()) * (1 + equal)) / (len(self._ordered) + 1)
        self._take(score)
        return p

    def _take(self, score: float) -> None:
        insort(self._ordered, score)
        self._arrived.append(score)
        if self.window is not None and len(self._arrived) > self.window:
            del self._ordered[bisect_left(self._ordered, self._arrived.popleft())]


def check_scores(name: str, values: Any) -> Float64Array:
    """A list of numbers in float64; infinite ones have their place in the order, NaN has none."""
    try:
        scores = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(f"{name} must be numbers; got {values!r:.60}") from None
    if scores.ndim != 1:
        raise DimensionMismatch(f"{name} must be one list of numbers; got shape {scores.shape}")
    if np.isnan(scores).any():
        raise InvalidArgument(f"{name} holds NaN at place {int(np.isnan(scores).argmax())}")
    return scores


def check_level(level: Any) -> float:
    """A share strictly between 0 and 1."""
    share = check_number("level", level)
    if not 0 < share < 1:
        raise InvalidArgument(f"level must lie between 0 and 1; got {level}")
    return share


def check_null(null: int, level: float) -> None:
    """Refuse a level that no p-value by a null of so many rows can reach."""
    needed = math.ceil(1 / level - 1e-9) - 1
    if null < needed:
        raise InvalidArgument(
            f"a p-value by {null} held-out rows is at least 1/{null + 1}, so none reaches level = "
            f"{level:g}; calibrate with at least {needed} rows"
        )
