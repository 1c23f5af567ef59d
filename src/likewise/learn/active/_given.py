"""What `suggest` is given, checked: features, probabilities, and what transforms make of them."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidVector
from likewise.kernels._rows import as_rows
from likewise.learn.active._candidates import Float64Array
from likewise.learn.active.transforms import Transform
from likewise.learn.active.uncertainty import UNCERTAINTIES, check_probabilities

#: Rows that are hashed at once.
TILE = 2**16


def check_beliefs(
    probabilities: Any, selection: Any, steps: list[Transform]
) -> Float64Array | None:
    """Probabilities, which are there where a selection by name reads them and only there."""
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


def check_features(
    pool: Any, labelled: Any, copies: str
) -> tuple[Float64Array | None, Float64Array | None]:
    """Features of the pool and of the labelled rows in float64; None where there are none."""
    if copies not in ("refuse", "keep"):
        raise InvalidArgument(f'copies must be "refuse" or "keep"; got {copies!r:.60}')
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


def count_rows(pool: Float64Array | None, beliefs: Float64Array | None) -> int:
    """How many rows there are to choose from."""
    if pool is None and beliefs is None:
        raise InvalidArgument("features_pool is None, and no probabilities tell how many rows")
    counts = [len(part) for part in (pool, beliefs) if part is not None]
    if len(set(counts)) > 1:
        raise DimensionMismatch(
            f"features_pool has {counts[0]} rows, probabilities {counts[1]}; "
            "give one row of each for every row of the pool"
        )
    return counts[0]


def transformed(
    pool: Float64Array | None, labelled: Float64Array | None, steps: list[Transform]
) -> tuple[Float64Array | None, Float64Array | None]:
    """Both after all steps, finite, and short enough to be squared."""
    if pool is None:
        if steps:
            raise InvalidArgument("features_pool is None, so there is nothing to transform")
        return None, None
    _check_lengths(pool, labelled)
    for step in steps:
        rows, known = step(pool, labelled)
        rows = _table(rows, f"features_pool after {step!r:.60}")
        if known is not None:
            known = _table(known, f"features_labelled after {step!r:.60}")
        same = labelled is None or (known is not None and len(known) == len(labelled))
        if len(rows) != len(pool) or not same:
            raise DimensionMismatch(f"{step!r:.60} must give back as many rows as it takes")
        pool, labelled = rows, known
        _check_lengths(pool, labelled)
    return pool, labelled


def _check_lengths(pool: Float64Array, labelled: Float64Array | None) -> None:
    """Refuse rows whose powers, or sums of them, are beyond float64."""
    for part, what in ((pool, "features_pool"), (labelled, "features_labelled")):
        if part is None:
            continue
        with np.errstate(over="ignore"):
            lengths = np.vecdot(part, part)
            finite = np.isfinite(4 * lengths.sum() ** 2)  # fourth powers, in `bait`
        if not finite:
            raise InvalidVector(
                f"{what}: row {int(np.argmax(lengths))} is too long for its powers to be "
                "finite; divide the features by their size first"
            )


def _refuse_copies(pool: Float64Array, labelled: Float64Array) -> None:
    """A pool that holds every labelled row is the whole table, most likely."""
    wanted, marks = _marks(labelled), _marks(pool)
    order = np.argsort(marks, kind="stable")
    places = order[np.minimum(np.searchsorted(marks, wanted, sorter=order), len(pool) - 1)]
    if (marks[places] == wanted).all() and (pool[places] == labelled).all():
        raise InvalidArgument(
            f"all {len(labelled)} labelled rows are in the pool too: labelled row 0 is row "
            f'{places[0]} of it; leave labelled rows out of the pool, or say copies="keep" if '
            "they are other rows that look the same"
        )


def _marks(rows: Float64Array) -> npt.NDArray[np.uint64]:
    """A number a row, the same for the same row wherever it stands: integers round nothing."""
    rng = np.random.default_rng(0)
    weights = rng.integers(2**63, size=rows.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    marks = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), TILE):
        bits = (rows[start : start + TILE] + 0.0).view(np.uint64)  # 0 of -0, whose bytes differ
        bits ^= bits >> np.uint64(32)  # short numbers have all their digits at the top
        marks[start : start + TILE] = np.einsum("ij,j->i", bits, weights)
    return marks
