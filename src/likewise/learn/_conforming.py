"""What both conformal estimators choose: the method, the split, and blocks of queries."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument
from likewise.learn._numbers import check_generator, check_share

IntArray = npt.NDArray[np.int64]
Method = Literal["auto", "jackknife+", "split"]
#: The share of rows that a split holds out.
HELD_OUT = 0.25
#: Queries at a time, where each has an answer for every neighbour.
BLOCK = 1_024


def chosen_method(estimator: Any, model: Any, *asked: str) -> str:
    """ "jackknife+" or "split"; ``asked`` are the methods of ``model`` that the former needs."""
    method = estimator.method
    if method not in ("auto", "jackknife+", "split"):
        raise InvalidArgument(f"method must be auto, jackknife+ or split; got {method!r:.60}")
    able = all(hasattr(model, name) for name in asked)
    if method == "jackknife+" and not able:
        raise InvalidArgument(
            f"method='jackknife+' would fit {type(model).__name__} once a row; only neighbours "
            "can leave a row out without it: use method='split'"
        )
    if method == "auto":
        method = "jackknife+" if able else "split"
    if method != "split" and estimator.calibration is not None:
        raise InvalidArgument(
            f"calibration={estimator.calibration!r} belongs to method='split'; jackknife+ "
            "calibrates by every row"
        )
    return str(method)


def split_of(estimator: Any, count: int) -> tuple[IntArray, IntArray]:
    """Rows to learn from and rows to calibrate by, drawn at random; some of each."""
    share = estimator.calibration
    share = HELD_OUT if share is None else check_share("calibration", share)
    if count < 2:
        raise InvalidArgument(f"a split needs two rows at least; n_samples = {count}")
    held = min(max(round(share * count), 1), count - 1)
    order = check_generator(estimator.random_state).permutation(count).astype(np.int64)
    return np.sort(order[held:]), np.sort(order[:held])


def block_of(count: int, model: Any) -> list[slice]:
    """The queries in blocks, so that answers without each neighbour fit in memory."""
    size = max(1, BLOCK * 100 // max(100, getattr(model, "k", 1) ** 2))
    return [slice(start, start + size) for start in range(0, count, size)]
