"""What an audit is given, checked: rows, lists of neighbours, probabilities, names of checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_number, nearest_name
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType
from likewise.learn._searching import Lists
from likewise.learn.health.checks import CHECKS

Float64Array = npt.NDArray[np.float64]


def read_rows(X: Any, what: str) -> Float64Array:
    """(rows, numbers) in float64, which may hold NaN."""
    try:
        rows = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(f"{what} must be rows of numbers, as many in each") from None
    if rows.ndim != 2 or not rows.shape[1]:
        raise DimensionMismatch(f"{what} must be (rows, numbers); got shape {rows.shape}")
    return rows


def usable(rows: Float64Array, unit: bool) -> npt.NDArray[np.bool_]:
    """Rows that an index takes: finite in float32, and with a direction where only that counts."""
    with np.errstate(over="ignore", under="ignore"):
        held = rows.astype(np.float32)
    kept = np.isfinite(held).all(axis=1) & (held.any(axis=1) | (not unit))
    return np.asarray(kept)


def read_lists(ids: Any, distances: Any, among: int | None = None) -> Lists:
    """(rows, k) lists, nearest first, of other rows; or, with ``among``, of so many rows."""
    places, away = np.asarray(ids), np.asarray(distances, dtype=np.float64)
    if places.ndim != 2 or places.shape != away.shape or not places.size:
        raise DimensionMismatch(
            f"ids and distances must be (rows, k), k of 1 or more; got shapes {places.shape} and "
            f"{away.shape}"
        )
    if places.dtype.kind not in "iu":
        raise InvalidType(f"ids must be integers, places among the rows; got {places.dtype}")
    count = len(places) if among is None else among
    if places.min() < 0 or places.max() >= count:
        raise InvalidArgument(
            f"ids must be places among the {count} rows; got {places.min()} to {places.max()}"
        )
    own = (among is None) & (places == np.arange(len(places))[:, None]).any(axis=1)
    if own.any():
        raise InvalidArgument(f"row {int(own.argmax())} is in its own list; leave it out")
    if not np.isfinite(away).all() or (np.diff(away, axis=1) < 0).any():
        raise InvalidArgument("distances must be finite, and ascend in every list")
    return Lists(places.astype(np.int64), away)


def read_probabilities(probabilities: Any, count: int, classes: int) -> Float64Array:
    """(count, classes), each row of which sums to 1."""
    given = read_rows(probabilities, "probabilities")
    if given.shape != (count, classes):
        raise DimensionMismatch(
            f"probabilities must be ({count} rows, {classes} classes); got shape {given.shape}"
        )
    good = np.isfinite(given).all() and (given >= 0).all()
    if not good or np.abs(given.sum(axis=1) - 1).max() > 1e-3:
        raise InvalidArgument("probabilities must be 0 or more, and sum to 1 in every row")
    return given


def read_names(names: Sequence[Any] | None, count: int, what: str) -> Sequence[Any]:
    """A name a row; their places without any."""
    if names is None:
        return range(count)
    if len(names) != count:
        raise InvalidArgument(f"{what} has {len(names)} entries; the lists are of {count} rows")
    return names


def read_level(level: Any) -> float:
    """A share between 0 and 1."""
    value = check_number("level", level)
    if not 0 < value < 1:
        raise InvalidArgument(f"level must lie between 0 and 1; got {level}")
    return value


def read_radius(radius: Any) -> float:
    """A distance."""
    value = check_number("radius", radius)
    if value < 0:
        raise InvalidArgument(f"radius must be a distance, 0 or more; got {radius}")
    return value


def read_checks(checks: Sequence[str]) -> list[str]:
    """Names of CHECKS, in its order."""
    asked = [checks] if isinstance(checks, str) else list(checks)
    for name in asked:
        if name not in CHECKS:
            guess = nearest_name(str(name), CHECKS)
            hint = f"did you mean {guess!r}?" if guess else f"there are {', '.join(CHECKS)}"
            raise InvalidArgument(f"no check {name!r}; {hint}")
    return [name for name in CHECKS if name in asked]
