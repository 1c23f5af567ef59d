"""`Nearest`: which centre every row of a pool is nearest to, as centres join one by one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likewise.learn.active._candidates import Candidates, Float64Array, IntArray

#: Rows, and centres, of a tile of distances.
TILE = 1024


class Nearest:
    """The squared distance of each row to its nearest centre, and which one that is.

    Squared distances are ``|x|^2 + |c|^2 - 2 x.c`` in float64, of rows moved to their mean: far
    from the origin the expansion loses all digits. What is left within rounding of 0 is 0, so that
    copies of a centre are at distance 0 and no distance is negative.

    Attributes:
        squared: (n,) to the nearest centre; infinity while there is none; 0 of what is taken.
        owner: (n,) number of the nearest centre, the first of equals; -1 while there is none.
        taken: (n,) whether the row was chosen.
        centres: how many there are.

    Cost: m n p for m centres at the start, n p for each that joins; n p numbers.
    """

    def __init__(self, candidates: Candidates) -> None:
        rows, centres = candidates.features, candidates.centres
        middle = rows.mean(axis=0)
        self._rows = rows - middle
        self._lengths: Float64Array = np.vecdot(self._rows, self._rows)
        self.squared = np.full(len(rows), np.inf)
        self.owner: IntArray = np.full(len(rows), -1, dtype=np.int64)
        self.taken: npt.NDArray[np.bool_] = np.zeros(len(rows), dtype=bool)
        self.centres = 0
        if centres is not None:
            for start in range(0, len(centres), TILE):
                self._add(centres[start : start + TILE] - middle)

    def take(self, row: int) -> None:
        """Choose a row: it is the next centre."""
        self.taken[row] = True
        self._add(self._rows[row : row + 1])
        self.squared[row] = 0.0

    def _add(self, centres: Float64Array) -> None:
        lengths = np.vecdot(centres, centres)
        for start in range(0, len(self._rows), TILE):
            part = slice(start, start + TILE)
            away = squared_distances(self._rows[part], self._lengths[part], centres, lengths)
            first = np.argmin(away, axis=1)
            best = away[np.arange(len(away)), first]
            nearer = best < self.squared[part]
            self.squared[part][nearer] = best[nearer]
            self.owner[part][nearer] = self.centres + first[nearer]
        self.centres += len(centres)


def squared_distances(
    rows: Float64Array, row_squares: Float64Array, centres: Float64Array, squares: Float64Array
) -> Float64Array:
    """(n, m) ``|x - c|^2`` by expansion, given ``|x|^2`` and ``|c|^2``; see `Nearest`."""
    away = row_squares[:, None] + squares
    rounding = np.finfo(np.float64).eps * (4.0 + np.sqrt(rows.shape[1])) * away
    away -= 2.0 * (rows @ centres.T)
    away[away <= rounding] = 0.0
    found: Float64Array = away
    return found
