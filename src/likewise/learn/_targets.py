"""What regressors check of the numbers they are to learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType
from likewise.learn._checks import NO_TARGETS, Float64Array


def check_targets(y: Any, count: int) -> tuple[Float64Array, bool]:
    """``y`` as (count, outputs) finite numbers, and whether it came as (count,).

    Raises:
        InvalidArgument: none given, another number of them, NaN or infinity. InvalidType: no
            numbers. DimensionMismatch: neither (n,) nor (n, outputs).
    """
    if y is None:
        raise InvalidArgument(NO_TARGETS)
    try:
        given = np.asarray(y).dtype
        # numpy would drop imaginary parts, and count days or nanoseconds
        targets = None if given.kind in "cmM" else np.array(y, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType("y must be numbers; for labels see NeighborsClassifier") from None
    if targets is None:
        raise InvalidType(
            f"y must be numbers; got {given}; give complex numbers as two columns, and times as "
            "numbers, such as days since the first"
        )
    if targets.ndim not in (1, 2) or targets.shape[-1] == 0:
        raise DimensionMismatch(f"y must be (n,) or (n, outputs); got shape {targets.shape}")
    if len(targets) != count:
        raise InvalidArgument(f"y has {len(targets)} rows, X has {count} rows")
    if not np.isfinite(targets).all():
        row = int(np.argwhere(~np.isfinite(targets))[0, 0])
        raise InvalidArgument(
            f"y: row {row} is missing (NaN or infinity, inf); leave such rows out, or predict "
            "them from the others"
        )
    return targets.reshape(count, -1), targets.ndim == 1
