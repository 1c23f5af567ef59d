"""Conformal prediction on arrays: scores, p-values, and bounds by leaving one row out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument
from likewise.learn._numbers import check_share

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
#: What rounding may add to a rank or a level: 0.9 / (1 - 0.9) is not 9 in floating point.
ROUNDING = 1e-9
#: Decimals by which scores are equal: sums of the same votes in another order are.
DECIMALS = 12


def lac_scores(probabilities: Float64Array) -> Float64Array:
    """``1 - p_c``: the smallest sets on average, empty ones among them.

    Source: M. Sadinle, J. Lei and L. Wasserman, "Least ambiguous set-valued classifiers with
    bounded error levels", JASA 2019.
    """
    return np.round(1 - probabilities, DECIMALS)


def aps_scores(probabilities: Float64Array) -> Float64Array:
    """``sum of p_c' over all c' with p_c' > p_c, + p_c / 2``: larger sets where the row is hard.

    Source: Y. Romano, M. Sesia and E. Candes, "Classification with valid and adaptive coverage",
    NeurIPS 2020, who draw what is 1 / 2 here.

    Example:
        >>> aps_scores(np.array([[0.5, 0.25, 0.25]])).tolist()
        [[0.25, 0.625, 0.625]]
    """
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    down = np.take_along_axis(probabilities, order, axis=-1)
    before = np.cumsum(down, axis=-1) - down
    # Equal probabilities have the sum before the first of them.
    before[..., 1:][down[..., 1:] == down[..., :-1]] = -np.inf
    found = np.empty_like(before)
    np.put_along_axis(found, order, np.maximum.accumulate(before, axis=-1), axis=-1)
    return np.round(found + probabilities / 2, DECIMALS)


#: How strange a class is for a row, by name: from (..., classes) probabilities, larger is stranger.
SCORES: dict[str, Callable[[Float64Array], Float64Array]] = {"lac": lac_scores, "aps": aps_scores}


def rows_for_coverage(coverage: float) -> int:
    """The fewest calibration rows for ``coverage``: ``ceil(coverage / (1 - coverage))``.

    Raises:
        InvalidArgument: a coverage outside (0, 1).

    Example:
        >>> [rows_for_coverage(c) for c in (0.5, 0.9, 0.95, 0.99)]
        [1, 9, 19, 99]
    """
    coverage = check_share("coverage", coverage)
    return int(np.ceil(coverage / (1 - coverage) - ROUNDING))


def check_enough(count: int, coverage: float, what: str, remedy: str) -> None:
    """Refuse a calibration set that is too small for the coverage."""
    needed = rows_for_coverage(coverage)
    if count < needed:
        raise InvalidArgument(
            f"coverage={coverage:g} needs {needed} calibration rows{what} at least; there are "
            f"{count}: {remedy}, or ask for a coverage of "
            f"{count / (count + 1):.3g} at most"
        )


def p_values(
    calibration: Float64Array, scores: Float64Array, ties: Float64Array | float = 1.0
) -> Float64Array:
    """``(#{s_i > s} + u (#{s_i = s} + 1)) / (n + 1)``: how usual a score is among n.

    Of a new row's true class it is at most a with probability at most a; with u uniform in
    (0, 1) with probability a exactly.

    Args:
        calibration: (n,) scores of the true classes of rows that the model has not seen.
        scores: of any shape. ties: u, which broadcasts to it; 1 never errs on the small side.

    Cost: O(log n) a score.

    Source: V. Vovk, A. Gammerman and G. Shafer, "Algorithmic learning in a random world", 2005.

    Example:
        >>> p_values(np.array([1.0, 2.0, 2.0]), np.array([0.0, 2.0, 9.0])).tolist()
        [1.0, 0.75, 0.25]
    """
    above, equal = tail_counts(np.sort(calibration), scores)
    return np.asarray((above + ties * (equal + 1)) / (len(calibration) + 1))


def tail_counts(ordered: Float64Array, scores: Float64Array) -> tuple[IntArray, IntArray]:
    """How many of ``ordered`` (ascending) are above each score, and how many are equal."""
    right = np.searchsorted(ordered, scores, side="right")
    left = np.searchsorted(ordered, scores, side="left")
    return len(ordered) - right, right - left


def corrected_counts(
    calibration: Float64Array,
    scores: Float64Array,
    ids: IntArray,
    without: Float64Array,
    among: npt.NDArray[np.bool_] | None = None,
) -> tuple[IntArray, IntArray]:
    """`tail_counts` where row i is compared with the score of the model without row i.

    That is another score for neighbours of the query only: their comparisons are taken back and
    made anew.

    Args:
        calibration: (n,) score of each row by the model without it.
        scores: (m, c) of queries, by the whole model. ids: (m, k) their neighbours.
        without: (m, k, c) scores of queries by models without each neighbour.
        among: (n,) which rows count; None is all.

    Cost: O(log n + k) a score.
    """
    kept = calibration if among is None else calibration[among]
    above, equal = tail_counts(np.sort(kept), scores)
    own = calibration[ids][:, :, None]
    counted = np.ones(ids.shape, dtype=bool) if among is None else among[ids]
    counted = counted[:, :, None]
    above += ((own > without) & counted).sum(axis=1) - ((own > scores[:, None]) & counted).sum(1)
    equal += ((own == without) & counted).sum(axis=1) - ((own == scores[:, None]) & counted).sum(1)
    return above, equal


def upper_rank(count: int, coverage: float) -> int:
    """``ceil(coverage (n + 1))``, from 1: which of n scores ascending is the bound."""
    return int(np.ceil(coverage * (count + 1) - ROUNDING))


def split_bound(scores: Float64Array, coverage: float) -> float:
    """The score that a new row's does not pass, with probability ``coverage`` at least.

    Args:
        scores: (n,) of rows that the model has not seen; at least `rows_for_coverage`.
    """
    return float(np.sort(scores)[upper_rank(len(scores), coverage) - 1])


def left_out_upper(
    scores: Float64Array,
    rank: int,
    means: Float64Array,
    spreads: Float64Array,
    ids: IntArray,
    means_without: Float64Array,
    spreads_without: Float64Array,
) -> Float64Array:
    """(m,) the ``rank``-th smallest of ``mean_-i(x) + spread_-i(x) score_i`` over the n rows i.

    Models without row i differ at x for neighbours i of x only, so the others lie in the order of
    their scores: those near the rank are merged with the k that moved.

    Args:
        scores: (n,) of each row by the model without it. rank: from 1 to n.
        means, spreads: (m,) of queries by the whole model; spreads positive.
        ids: (m, k) neighbours. means_without, spreads_without: (m, k) by models without each.

    Cost: O(k log k) a query, after one sort.

    Source: the jackknife+ of R. F. Barber et al., "Predictive inference with the jackknife+",
    Annals of Statistics 2021.
    """
    n, k = len(scores), ids.shape[1]
    order = np.argsort(scores, kind="stable")
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    # k are taken out and k put in, so that the rank-th lies at most k places away.
    low, high = max(rank - 1 - k, 0), min(rank + k, n)
    near = means[:, None] + spreads[:, None] * scores[order[low:high]]
    gone = place[ids]
    lines, which = np.nonzero((gone >= low) & (gone < high))
    near[lines, gone[lines, which] - low] = np.inf
    moved = means_without + spreads_without * scores[ids]
    merged = np.sort(np.concatenate([near, moved], axis=1), axis=1)
    below = low - (gone < low).sum(axis=1)
    return np.asarray(merged[np.arange(len(means)), rank - 1 - below])
