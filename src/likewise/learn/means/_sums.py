"""`ClassSums`: what classifiers by means keep of the rows: exact sums, so no order can matter."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from likewise.errors import InvalidArgument
from likewise.learn._kinds import check_classes
from likewise.learn.means import _limbs as limbs
from likewise.learn.means._limbs import BLOCK, Float64Array, IntArray, Limbs

#: Products that are summed: none beyond the squares of each number, a class's; all pairs of
#: numbers, over all rows; or all pairs, a class's.
Products = Literal["squares", "shared", "own"]

NEVER_LEARNT = "were never learnt, as their sums show; forget takes rows exactly as they came"


class ClassSums:
    """Counts, sums and sums of products of the rows of each class, without rounding.

    Two histories that leave the same rows leave the same sums, to the last bit. That holds for
    the order of rows, for the batches they came in, and for rows that came and were forgotten.

    Args:
        width: numbers in a row. products: see `Products`.

    Attributes:
        classes: those that have rows, ascending. counts: (classes,) their rows.
        first: (classes, width) sums of rows.
        squares: (classes, width) sums of squares; kept but with "shared".
        pairs: (width, width) of all rows, with "shared"; with "own" one a class.

    Cost: n width for "squares", n width^2 otherwise, each times the pairs of digits that the
    rows need: see `limbs.gram`.
    """

    def __init__(self, width: int, products: Products) -> None:
        self.width, self.products = width, products
        self.classes: npt.NDArray[Any] = np.empty(0)
        self.counts: IntArray = np.empty(0, dtype=np.int64)
        self.first = limbs.zeros((0, width))
        self.squares = limbs.zeros((0, width))
        self.pairs = limbs.zeros((width, width))
        self.own: list[Limbs] = []
        self.cache: dict[str, Any] = {}

    def change(self, rows: Float64Array, classes: Any, places: IntArray, sign: int) -> None:
        """Learn rows of ``classes[places]`` (sign 1), or forget them (-1); all of them, or none."""
        counts = np.bincount(places, minlength=len(classes)).astype(np.int64)
        if sign < 0:
            self._check_known(classes, counts)
        self._admit(classes)
        where = np.searchsorted(self.classes, classes)
        self._add(rows, places, where, counts, sign)
        if sign < 0 and not self._possible():
            self._add(rows, places, where, counts, 1)
            raise InvalidArgument(f"X: some of these {len(rows)} rows {NEVER_LEARNT}")
        self._drop_empty()
        self.cache = {}

    def _check_known(self, classes: Any, counts: IntArray) -> None:
        have = dict(zip(self.classes.tolist(), self.counts.tolist(), strict=True))
        for label, count in zip(np.asarray(classes).tolist(), counts.tolist(), strict=True):
            if count > have.get(label, 0):
                raise InvalidArgument(
                    f"y: {count} rows of class {label!r} are to be forgotten, "
                    f"{have.get(label, 0)} were learnt"
                )

    def _admit(self, classes: Any) -> None:
        """Make room for new classes, in their order."""
        check_classes(self.classes, classes)
        both = np.union1d(self.classes, classes) if len(self.classes) else np.asarray(classes)
        if len(both) == len(self.classes):
            return
        old = np.searchsorted(both, self.classes) if len(self.classes) else np.empty(0, np.int64)
        self.counts = _spread(self.counts[None], old, len(both))[0]
        self.first = Limbs(_spread(self.first.digits, old, len(both)), self.first.low)
        self.squares = Limbs(_spread(self.squares.digits, old, len(both)), self.squares.low)
        if self.products == "own":
            kept = dict(zip(old.tolist(), self.own, strict=True))
            empty = limbs.zeros((self.width, self.width))
            self.own = [kept.get(place, empty) for place in range(len(both))]
        self.classes = both

    def _add(
        self, rows: Float64Array, places: IntArray, where: IntArray, counts: IntArray, sign: int
    ) -> None:
        self.counts[where] += sign * counts
        shape = (len(where), self.width)
        for start in range(0, len(rows), BLOCK):
            part, its = rows[start : start + BLOCK], places[start : start + BLOCK]
            sums = csr_array(
                (np.ones(len(its)), (its, np.arange(len(its)))), shape=(len(where), len(its))
            )
            parts = list(limbs.slices(part))
            first = limbs.assembled(((p, sums @ s) for p, s in parts), shape)
            self.first = limbs.plus_at(self.first, where, first, sign)
            if self.products != "shared":
                squares = limbs.assembled(
                    (
                        (p + q, (2 if i < j else 1) * (sums @ (s * t)))
                        for i, (p, s) in enumerate(parts)
                        for j, (q, t) in enumerate(parts)
                        if i <= j
                    ),
                    shape,
                )
                self.squares = limbs.plus_at(self.squares, where, squares, sign)
        if self.products == "shared":
            self.pairs = limbs.plus(self.pairs, limbs.gram(rows), sign)
        if self.products == "own":
            for place, at in enumerate(where):
                self.own[at] = limbs.plus(self.own[at], limbs.gram(rows[places == place]), sign)

    def _possible(self) -> bool:
        """Whether some rows have these sums, as far as is seen: no rest, no negative variance."""
        empty = self.counts == 0
        rests = [limbs.picked(self.first, empty), limbs.picked(self.squares, empty)]
        if any(rest.digits.any() for rest in rests):
            return False
        if self.products == "shared":
            n, s = int(self.counts.sum()), limbs.total(self.first)
            diagonal = Limbs(np.diagonal(self.pairs.digits, axis1=1, axis2=2), self.pairs.low)
            spread = limbs.plus(limbs.multiple(diagonal, n), limbs.times(s, s), -1)
            return bool((limbs.rounded(spread) >= 0).all()) and (
                n > 0 or not self.pairs.digits.any()
            )
        return bool((self.scatter_of_each_times_counts() >= 0).all())

    def _drop_empty(self) -> None:
        """Classes whose last row was forgotten are as if they had never been."""
        kept = self.counts > 0
        if kept.all():
            return
        self.classes, self.counts = self.classes[kept], self.counts[kept]
        self.first, self.squares = limbs.picked(self.first, kept), limbs.picked(self.squares, kept)
        if self.products == "own":
            self.own = [one for one, stays in zip(self.own, kept, strict=True) if stays]

    # -- what the sums say: each a function of them alone, so the same for every history ---------

    def scatter_of_each_times_counts(self) -> Float64Array:
        """(classes, width) ``n sum x^2 - (sum x)^2``, rounded once."""
        n = self.counts[:, None]
        square = limbs.times(self.first, self.first)
        return limbs.rounded(limbs.plus(limbs.multiple(self.squares, n), square, -1))

    def means(self) -> Float64Array:
        """(classes, width)."""
        return self.totals() / self.counts[:, None]

    def mean(self) -> Float64Array:
        """(width,) of all rows."""
        return _finite(limbs.rounded(limbs.total(self.first))) / int(self.counts.sum())

    def variances(self) -> Float64Array:
        """(classes, width) the mean squared distance from the class's mean."""
        n = self.counts[:, None].astype(np.float64)
        return _finite(self.scatter_of_each_times_counts()) / n / n

    def totals(self) -> Float64Array:
        """(classes, width) sums of rows."""
        return _finite(limbs.rounded(self.first))

    def products_of_all(self) -> Float64Array:
        """(width, width) sums over all rows of products of their numbers, for "shared"."""
        return _finite(limbs.rounded(self.pairs))

    def total_variances(self) -> Float64Array:
        """(width,) the mean squared distance from the mean of all rows."""
        n, s = int(self.counts.sum()), limbs.total(self.first)
        scatter = limbs.plus(limbs.multiple(limbs.total(self.squares), n), limbs.times(s, s), -1)
        return _finite(limbs.rounded(scatter)) / float(n) / float(n)

    def covariances(self) -> list[Float64Array]:
        """(width, width) for each class: means of products of distances from its mean."""
        found = []
        for place, n in enumerate(self.counts.tolist()):
            s = limbs.picked(self.first, place)
            outer = limbs.times(limbs.picked(s, (slice(None), None)), s)
            scatter = limbs.plus(limbs.multiple(self.own[place], n), outer, -1)
            found.append(_finite(limbs.rounded(scatter)) / float(n) / float(n))
        return found

    def shared_covariance(self) -> Float64Array:
        """(width, width) the mean over rows of products of distances from the own class's mean."""
        n, centre = int(self.counts.sum()), limbs.exact(self.mean())
        s = limbs.total(self.first)
        # About a point near all rows first, without rounding: what float64 then subtracts is no
        # larger than the spread of the rows.
        cross = limbs.times(limbs.picked(s, (slice(None), None)), centre)
        cross = limbs.plus(cross, Limbs(cross.digits.swapaxes(1, 2), cross.low))
        outer = limbs.times(limbs.picked(centre, (slice(None), None)), centre)
        about = limbs.plus(limbs.plus(self.pairs, cross, -1), limbs.multiple(outer, n))
        moved = _finite(limbs.rounded(self._about(centre)))
        between = (moved / np.sqrt(self.counts)[:, None]).T
        within = (_finite(limbs.rounded(about)) - between @ between.T) / n
        within = (within + within.T) / 2
        np.fill_diagonal(within, np.maximum(np.diag(within), 0.0))
        return within

    def _about(self, centre: Limbs) -> Limbs:
        shift = limbs.multiple(Limbs(centre.digits[:, None, :], centre.low), self.counts[:, None])
        return limbs.plus(self.first, shift, -1)


def _spread(digits: IntArray, old: Any, count: int) -> IntArray:
    """Second axis made ``count`` long; what there was goes to the places ``old``."""
    wide = np.zeros((len(digits), count, *digits.shape[2:]), dtype=np.int64)
    if len(old):
        wide[:, old] = digits
    return wide


def _finite(values: Float64Array) -> Float64Array:
    if not np.isfinite(values).all():
        raise InvalidArgument(
            "sums of the rows or of their products are beyond float64 (1.8e308); scale the rows"
        )
    return values
