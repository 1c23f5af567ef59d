"""What every selection is given: the rows to choose from, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """A pool of ``count`` rows.

    Attributes:
        count: how many rows there are to choose from.
        rows: (count, p) features, after the transforms; None where there are none.
        centres: (m, p) features of the labelled rows, which count as chosen already; None where
            nothing is labelled, and in mode "p".
        probabilities: (count, classes) of a model; None where there are none.
        rng: all chance.
    """

    count: int
    rows: Float64Array | None = None
    centres: Float64Array | None = None
    probabilities: Float64Array | None = None
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def features(self) -> Float64Array:
        """`rows`, which are there."""
        if self.rows is None:
            raise InvalidArgument(
                "features_pool is None; this selection needs features; those that need none are "
                'the ones by probabilities, and "random"'
            )
        return self.rows

    @property
    def beliefs(self) -> Float64Array:
        """`probabilities`, which are there."""
        if self.probabilities is None:
            raise InvalidArgument(
                "selection by uncertainty needs probabilities=, (rows of the pool, classes), such "
                "as predict_proba of a classifier"
            )
        return self.probabilities

    def squares(self) -> Float64Array:
        """``k(x, x) = |x|^2`` of every row."""
        found: Float64Array = np.vecdot(self.features, self.features)
        return found


def first_free(taken: npt.NDArray[np.bool_]) -> int:
    """The smallest id that is not taken."""
    return int(np.argmin(taken))


def farthest(scores: Float64Array, taken: npt.NDArray[np.bool_]) -> int:
    """The id of the largest score that is not taken; of equals, the smallest."""
    return int(np.argmax(np.where(taken, -np.inf, scores)))


def as_ids(chosen: Any) -> IntArray:
    """Chosen ids, in the order in which they were chosen."""
    return np.asarray(chosen, dtype=np.int64)
