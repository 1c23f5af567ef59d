"""Rows that float32 cannot tell apart: indexes keep rows so."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise.errors import InvalidVector

#: The share of a column's spread that rounding may take: data that vary at all lose far less.
MOST_LOST = 1e-3
#: Shares of the widest column's spread, and of the largest number in a column, that do not count:
#: distances do not see the first, and the second is what float64 itself rounded.
UNSEEN, NOISE = 1e-6, 1e-12
#: Numbers looked at together.
BLOCK = 1 << 18


def check_kept(rows: Any, what: str = "X") -> None:
    """Refuse rows whose differences are lost when they are kept as float32.

    What counts is how differently the numbers of a column are rounded, beside how far apart they
    lie. What are no finite numbers is left to the index, which says so.

    Raises:
        InvalidVector: a column loses more than a thousandth of its spread.

    Cost: O(n dim); none for rows that float32 holds as they are.

    Example:
        >>> check_kept([[1.0], [2.0]])
        >>> check_kept([[1.7e9], [1.7e9 + 1]])
        Traceback (most recent call last):
        ...
        likewise.errors.InvalidVector: X: column 0 loses 100 % of its spread of 1 ...
    """
    try:
        table = np.asarray(rows)
        if table.ndim != 2 or not table.size or np.can_cast(table.dtype, np.float32, "safe"):
            return
        table = table.astype(np.float64, copy=False)
    except (TypeError, ValueError):  # sets, bags, sparse rows: not for this to judge
        return
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        low, high, below, above = _ends(table)
    if not np.isfinite([low, high, below, above]).all():
        return
    spread, lost = high - low, above - below
    unseen = np.maximum(UNSEEN * spread.max(), NOISE * np.maximum(np.abs(low), np.abs(high)))
    bad = np.flatnonzero(lost > np.maximum(MOST_LOST * spread, unseen))
    if len(bad):
        worst = int(bad[np.argmax(lost[bad] / spread[bad])])
        share = min(1.0, lost[worst] / spread[worst])
        raise InvalidVector(
            f"{what}: column {worst} loses {100 * share:.3g} % of its spread of "
            f"{spread[worst]:.3g} (from {low[worst]:.9g} to {high[worst]:.9g}), and {len(bad)} "
            "in all do: rows are kept as float32, which has 7 digits and nothing below 1e-45; "
            "subtract each column's mean, and scale what is tiny, before fit and before every "
            "question (sklearn.preprocessing.StandardScaler)"
        )


def as_kept(rows: Any) -> Any:
    """Rows in float32, when `check_kept` lets them pass: a part of them is not looked at again.

    Two rows of a part may well lie nearer to each other than float32 tells.

    Example:
        >>> as_kept(np.array([[1.0], [2.0]])).dtype
        dtype('float32')
    """
    check_kept(rows)
    with np.errstate(over="ignore", under="ignore"):
        return rows.astype(np.float32)


def _ends(table: Any) -> Any:
    """The least and the largest of each column's numbers, and of their rounding."""
    step = max(1, BLOCK // table.shape[1])
    found = []
    for start in range(0, len(table), step):
        part = table[start : start + step]
        error = part - part.astype(np.float32)
        found.append((part.min(0), part.max(0), error.min(0), error.max(0)))
    low, high, below, above = (np.stack(ends) for ends in zip(*found, strict=True))
    return low.min(0), high.max(0), below.min(0), above.max(0)
