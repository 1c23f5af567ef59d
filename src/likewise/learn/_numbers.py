"""What regressors check of their targets, and everybody of seeds and shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import column_or_1d

from likewise._arguments import check_count, check_number
from likewise.errors import InvalidArgument, InvalidType
from likewise.learn._checks import NO_TARGETS

Float64Array = npt.NDArray[np.float64]


def check_numbers(y: Any, count: int) -> Float64Array:
    """The targets as (count,) floats.

    Raises:
        InvalidArgument: none given, another number of them, or a missing one. InvalidType: no
            numbers, or several a row.
    """
    if y is None:
        raise InvalidArgument(NO_TARGETS)
    try:
        numbers = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(f"y must be numbers; got {y!r:.60}") from None
    if numbers.ndim > 2 or (numbers.ndim == 2 and numbers.shape[1] != 1):
        raise InvalidType(f"y must be one number a row; got shape {numbers.shape}")
    numbers = np.asarray(column_or_1d(numbers, warn=True), dtype=np.float64)
    if len(numbers) != count:
        raise InvalidArgument(f"y has {len(numbers)} numbers, X has {count} rows")
    if not np.isfinite(numbers).all():
        row = int(np.argwhere(~np.isfinite(numbers))[0, 0])
        raise InvalidArgument(
            f"y: the number of row {row} is missing (NaN or infinity, inf); leave such rows out"
        )
    return numbers


def check_generator(random_state: Any) -> np.random.Generator:
    """A generator from a seed; None draws another one each time."""
    if random_state is not None:
        random_state = check_count("random_state", random_state, minimum=0)
    return np.random.default_rng(random_state)


def check_share(name: str, value: Any) -> float:
    """``value`` as a number in (0, 1)."""
    share = check_number(name, value)
    if not 0 < share < 1:
        raise InvalidArgument(f"{name} must lie between 0 and 1, both excluded; got {value!r}")
    return share
