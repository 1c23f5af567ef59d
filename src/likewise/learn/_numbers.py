"""What regressors check of their targets, and everybody of seeds and shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import column_or_1d

from likewise._arguments import check_count, check_number
from likewise.errors import InvalidArgument, InvalidType
from likewise.learn._targets import check_targets

Float64Array = npt.NDArray[np.float64]


def check_numbers(y: Any, count: int) -> Float64Array:
    """The targets as (count,) floats.

    Raises:
        InvalidArgument: none given, another number of them, or a missing one. InvalidType: no
            numbers, or several a row.
    """
    targets, single = check_targets(y, count)
    if targets.shape[1] > 1:
        raise InvalidType(f"y must be one number a row; got {targets.shape[1]}")
    if not single:
        column_or_1d(targets, warn=True)  # says that a column was taken for a line
    return np.asarray(targets[:, 0])


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
