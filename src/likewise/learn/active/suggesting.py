"""`suggest`: which rows of a pool to label next."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, Literal

import numpy as np

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument
from likewise.kernels._rows import as_rows
from likewise.learn.active._candidates import Candidates, Float64Array, IntArray
from likewise.learn.active.selections import Selection, as_selection
from likewise.learn.active.transforms import Transform, chain
from likewise.learn.active.uncertainty import UNCERTAINTIES, check_probabilities

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
        DimensionMismatch: features of several widths. InvalidVector: NaN or infinity.

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
    if copies not in ("refuse", "keep"):
        raise InvalidArgument(f'copies must be "refuse" or "keep"; got {copies!r:.60}')
    seed = check_count("random_state", random_state, minimum=0)
    beliefs = _beliefs(probabilities, selection, steps)
    pool, labelled = _features(features_pool, features_labelled, copies)
    count = _count(pool, beliefs)
    if check_count("n", n) > count:
        raise InvalidArgument(
            f"n = {n} is more than the {count} rows of the pool; ask for at most {count}"
        )
    if steps and pool is None:
        raise InvalidArgument("features_pool is None, so there is nothing to transform")
    # More threads would round sums otherwise, and a tie might fall to another row.
    with threadpool_limits(limits=1, user_api="blas"):
        for step in steps:
            pool, labelled = step(pool, labelled)  # type: ignore[arg-type]
        centres = labelled if mode == "tp" and labelled is not None and len(labelled) else None
        given = Candidates(count, pool, centres, beliefs, np.random.default_rng(seed))
        return choose(given, int(n))


def _beliefs(probabilities: Any, selection: Any, steps: list[Transform]) -> Float64Array | None:
    """Checked probabilities, which are there where the selection reads them and only there."""
    if isinstance(selection, str) and (probabilities is None) == (selection in UNCERTAINTIES):
        if probabilities is None:
            raise InvalidArgument(
                f"selection {selection!r} needs probabilities=, (rows of the pool, classes), such "
                "as predict_proba of a classifier"
            )
        raise InvalidArgument(
            f"selection {selection!r} reads no probabilities; those that do are "
            f"{', '.join(UNCERTAINTIES)}"
        )
    if isinstance(selection, str) and selection in (*UNCERTAINTIES, "random") and steps:
        raise InvalidArgument(f"selection {selection!r} reads no features; leave transform out")
    return None if probabilities is None else check_probabilities(probabilities)


def _features(
    pool: Any, labelled: Any, copies: str
) -> tuple[Float64Array | None, Float64Array | None]:
    if pool is None:
        if labelled is not None:
            raise InvalidArgument("features_labelled came without features_pool; give both")
        return None, None
    rows = _table(pool, "features_pool")
    if labelled is None or _is_empty(labelled):
        return rows, None
    known = _table(labelled, "features_labelled")
    if known.shape[1] != rows.shape[1]:
        raise DimensionMismatch(
            f"features_labelled has {known.shape[1]} numbers a row, features_pool {rows.shape[1]}; "
            "both must come of the same features"
        )
    if copies == "refuse":
        _refuse_copies(rows, known)
    return rows, known


def _table(values: Any, what: str) -> Float64Array:
    if _is_empty(values):
        raise InvalidArgument(f"{what} is empty: there is no row to choose")
    rows = as_rows(values, what)
    if np.ndim(values) == 1:
        raise DimensionMismatch(f"{what}: expected an array (rows, p); got one axis")
    return rows.astype(np.float64, copy=False)


def _is_empty(values: Any) -> bool:
    return isinstance(values, Sized) and not hasattr(values, "toarray") and not len(values)


def _count(pool: Float64Array | None, beliefs: Float64Array | None) -> int:
    if pool is None and beliefs is None:
        raise InvalidArgument("features_pool is None, and no probabilities tell how many rows")
    counts = [len(part) for part in (pool, beliefs) if part is not None]
    if len(set(counts)) > 1:
        raise DimensionMismatch(
            f"features_pool has {counts[0]} rows, probabilities {counts[1]}; "
            "give one row of each for every row of the pool"
        )
    return counts[0]


def _refuse_copies(pool: Float64Array, labelled: Float64Array) -> None:
    """A pool that holds every labelled row is the whole table, most likely."""
    if not np.isin(labelled[:, 0], pool[:, 0]).all():
        return
    alike = np.flatnonzero(np.isin(pool[:, 0], labelled[:, 0]))
    # Adding 0 makes 0 of -0, whose bytes differ.
    at = {(pool[row] + 0.0).tobytes(): int(row) for row in alike[::-1]}
    found = [at.get((row + 0.0).tobytes()) for row in labelled]
    if None not in found:
        raise InvalidArgument(
            f"all {len(labelled)} labelled rows are in the pool too: labelled row 0 is row "
            f'{found[0]} of it; leave labelled rows out of the pool, or say copies="keep" if '
            "they are other rows that look the same"
        )
