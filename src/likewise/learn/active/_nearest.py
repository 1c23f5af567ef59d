"""`Nearest`: which centre every row of a pool is nearest to, as centres join one by one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likewise.learn.active._candidates import Candidates, Float64Array, IntArray

#: Centres of a tile of distances, and how many distances it has.
TILE, DISTANCES = 512, 2**17


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
        first, best = nearest_centres(self._rows, self._lengths, centres)
        nearer = best < self.squared
        self.squared[nearer] = best[nearer]
        self.owner[nearer] = self.centres + first[nearer]
        self.centres += len(centres)


def nearest_centres(
    rows: Float64Array, lengths: Float64Array, centres: Float64Array
) -> tuple[IntArray, Float64Array]:
    """The nearest of a few centres to each row, given ``|x|^2``: its number, its ``|x - c|^2``.

    Cost: n m p multiplications; 1 MB beside the answer.
    """
    squares, twice = np.vecdot(centres, centres), -2.0 * centres.T
    first: IntArray = np.zeros(len(rows), dtype=np.int64)
    best = np.empty(len(rows))
    step = max(1, DISTANCES // len(centres))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        away = rows[part] @ twice  # |x|^2 is the same for all centres, and joins below
        away += squares
        if len(centres) > 1:
            np.argmin(away, axis=1, out=first[part])
            best[part] = np.take_along_axis(away, first[part, None], axis=1)[:, 0]
        else:
            best[part] = away[:, 0]
    best += lengths
    rounding = np.finfo(np.float64).eps * (4.0 + np.sqrt(rows.shape[1]))
    best[best <= rounding * (lengths + squares[first])] = 0.0
    return first, best
