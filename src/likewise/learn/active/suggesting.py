"""`suggest`: which rows of a pool to label next."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.learn.active._candidates import Candidates, IntArray
from likewise.learn.active._given import (
    check_beliefs,
    check_features,
    count_rows,
    transformed,
)
from likewise.learn.active.selections import Selection, as_selection
from likewise.learn.active.transforms import chain

Mode = Literal["tp", "p"]


@suggest_arguments
def suggest(
    features_pool: Any,
    n: int,
    *,
    features_labelled: Any = None,
    probabilities: Any = None,
    transform: Any = None,
    selection: str | Selection = "lcmd",
    mode: Mode = "tp",
    copies: Literal["refuse", "keep"] = "refuse",
    random_state: int = 0,
) -> IntArray:
    """A batch of n rows of the pool to label next.

    Features stand for the kernel ``k(x, y) = x.y``. They are transformed, then a selection
    chooses; each of one kind goes with each of the other. Nothing is larger than the features,
    whatever the number of rows.

    Args:
        features_pool: (rows, p) of what has no label; None for selections that read none.
        n: how many. features_labelled: (m, p) of what has one; None or no rows for none.
        probabilities: (rows, classes) of a classifier, for "least_confident", "margin", "entropy".
        transform: "posterior", "projection", "scale", such an object, a function of
            (pool, labelled), or a list of them that are applied in order; None for none.
        selection: one of `SELECTIONS`, or a function of `Candidates` and n, such as
            ``functools.partial(bait, overselect=2)``.
        mode: "tp" (labelled rows count as chosen already: centres, or what a variance is
            conditioned on) or "p" (the pool alone; labelled rows serve the transform). "max_diag",
            "random" and those by probabilities look at the pool alone in both.
        copies: "refuse" takes it for an error when every labelled row has a copy in the pool;
            "keep" says that they are other rows that look the same.
        random_state: the seed of all chance; the same seed gives the same ids.

    Returns:
        (n,) row numbers of the pool, in the order in which they were chosen, all different.

    Raises:
        InvalidArgument: n larger than the pool, an empty pool, labelled rows that are in the pool
        too, an unknown name, probabilities of one class only or where they are not read.
        DimensionMismatch: features of several widths. InvalidVector: NaN, infinity, or rows too
        long to be squared.

    Cost: see the selection; (m + n) rows p multiplications for "lcmd".

    Source: D. Holzmueller, V. Zaverkin, J. Kaestner and I. Steinwart, "A framework and benchmark
    for deep batch active learning for regression", JMLR 2023.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pool = np.r_[rng.normal(0, 0.1, (50, 2)), rng.normal(5, 0.1, (50, 2))]
        >>> found = suggest(pool, 1, features_labelled=np.zeros((1, 2)))
        >>> bool(found[0] >= 50)
        True
    """
    from threadpoolctl import threadpool_limits

    choose, steps = as_selection(selection), chain(transform)
    if mode not in ("tp", "p"):
        raise InvalidArgument(f'mode must be "tp" or "p"; got {mode!r:.60}')
    seed = check_count("random_state", random_state, minimum=0)
    beliefs = check_beliefs(probabilities, selection, steps)
    pool, labelled = check_features(features_pool, features_labelled, copies)
    count = count_rows(pool, beliefs)
    if check_count("n", n) > count:
        raise InvalidArgument(
            f"n = {n} is more than the {count} rows of the pool; ask for at most {count}"
        )
    # More threads would round sums otherwise, and a tie might fall to another row.
    with threadpool_limits(limits=1, user_api="blas"):
        pool, labelled = transformed(pool, labelled, steps)
        centres = labelled if mode == "tp" else None
        given = Candidates(count, pool, centres, beliefs, np.random.default_rng(seed))
        return choose(given, int(n))
