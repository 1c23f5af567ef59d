"""Near-duplicates: rows nearer than chance brings them, joined to clusters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: The share of the usual distance to the nearest row within which a copy must lie.
NEAR = 0.5
#: Where the law of nearest distances is read: of which neighbour, between which quantiles.
ORDER = 5
QUANTILES = ((0.25, 0.5), (0.5, 0.75))
#: Copies may be so far apart, in units of the largest distance, by rounding (of a cosine).
ROUNDING = 1e-12
#: With fewer rows chance cannot be told from their distances.
FEWEST = 20


class NearestLaw(NamedTuple):
    """How far the nearest row is where there are no copies: ``1 - exp(-(r / scale)^power)``.

    Attributes:
        scale: of a distance; 0 where there are fewer than 20 rows, or half of them are equal to
            their fifth neighbour. power: as of a dimension.
        usual: its median; where the law cannot be told, that of the distances above 0.
    """

    scale: float
    power: float
    usual: float


def nearest_law(distances: Float64Array) -> NearestLaw:
    """The law of the distance to the nearest row, read where copies do not move it.

    Where rows lie evenly in m dimensions, the number of rows within r of a row is Poisson with
    mean ``(r / s)^m``, so the distance to the j-th neighbour has ``F_j(r) = P(j, (r / s)^m)``, the
    incomplete gamma function (of j = 1: Weibull). Here m and s come from two quantiles of the
    distance to the fifth neighbour, which copies do not move in clusters of up to five; the steeper
    of what the lower and the upper two quartiles say counts, so that larger clusters may hold
    up to half of the rows. Real rows lie unevenly, which makes m smaller than their dimension.

    Args:
        distances: (n, k) to the neighbours of each row, ascending, itself left out; k below 5
            will do, with less room for copies.

    Cost: O(n).

    Source: P. Clark and F. Evans, "Distance to nearest neighbor as a measure of spatial
    relationships in populations", Ecology 1954 (the law, in two dimensions).

    Example:
        >>> law = nearest_law(np.random.default_rng(0).weibull(4.0, (1000, 1)))
        >>> bool(abs(law.power - 4) < 0.5), bool(abs(law.scale - 1) < 0.05)
        (True, True)
    """
    from scipy.special import gammaincinv

    nearest = distances[:, 0][distances[:, 0] > 0]
    best = NearestLaw(0.0, 0.0, float(np.median(nearest)) if len(nearest) else 0.0)
    order = min(ORDER, distances.shape[1])
    away = distances[:, order - 1]
    for low, high in QUANTILES if len(away) >= FEWEST else ():
        near, far = np.quantile(away, [low, high])
        if near == 0:
            continue
        depths = gammaincinv(order, [low, high])
        if near == far:  # rows on a grid: as if in very many dimensions
            return NearestLaw(float(near), np.inf, float(near))
        power = float(np.log(depths[1] / depths[0]) / np.log(far / near))
        if power > best.power:
            scale = float(far / depths[1] ** (1 / power))
            best = NearestLaw(scale, power, scale * float(np.log(2) ** (1 / power)))
    return best


def copy_radius(distances: Float64Array, level: float = 0.05) -> float:
    """The distance within which two rows are near-duplicates, by what chance brings.

    With F the `nearest_law`, it is the largest distance r to the nearest row with
    ``n F(r) / #{rows with one within r} <= level``: of the rows found, a share of ``level`` is
    expected to be there by chance (Benjamini and Hochberg, 1995). It is never more than half of
    the law's median, and no more than rounding (exact copies only) where chance explains all
    others, or cannot be told.

    Args:
        distances: (n, k) to the neighbours of each row, ascending, itself left out.
        level: in (0, 1).

    Cost: O(n log n).

    Example:
        >>> from likewise.index import Exact
        >>> from likewise.learn._searching import leave_one_out
        >>> X = np.random.default_rng(0).normal(size=(300, 4))
        >>> X = np.concatenate([X, X[:10] + 1e-3])
        >>> lists = leave_one_out(Exact("euclidean").fit(X), 5)
        >>> radius = copy_radius(lists.distances)
        >>> int((lists.distances[:, 0] <= radius).sum())
        20
    """
    law = nearest_law(distances)
    rounded = ROUNDING * float(distances.max(initial=0.0))
    if law.scale <= 0:
        return rounded
    positive = distances > 0
    first = distances[np.arange(len(distances)), positive.argmax(axis=1)]
    nearest = np.sort(first[positive.any(axis=1)])
    ordered = nearest[nearest <= NEAR * law.usual]
    with np.errstate(under="ignore"):
        chance = -np.expm1(-((ordered / law.scale) ** law.power))
    enough = len(nearest) * chance <= level * np.arange(1, len(ordered) + 1)
    return max(rounded, float(ordered[enough][-1])) if enough.any() else rounded


def duplicate_clusters(
    ids: IntArray, distances: Float64Array, radius: float
) -> tuple[IntArray, int]:
    """Rows joined by chains of neighbours within ``radius`` (inclusive).

    Args:
        ids, distances: (n, k) the neighbours of each row among the n.

    Returns:
        (n,) the cluster of each row, numbered by their first rows, -1 for a row that has no copy;
        and how many clusters there are.

    Cost: O(n k).

    Example:
        >>> ids, distances = np.array([[1], [0], [1]]), np.array([[0.1], [0.1], [0.9]])
        >>> duplicate_clusters(ids, distances, 0.5)[0].tolist()
        [0, 0, -1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(ids)
    row, place = np.nonzero(distances <= radius)
    pairs = coo_array((np.ones(len(row)), (row, ids[row, place])), shape=(count, count))
    _, parts = connected_components(pairs, directed=False)
    sizes = np.bincount(parts, minlength=1)
    several = np.flatnonzero(sizes > 1)
    _, first = np.unique(parts, return_index=True)
    several = several[np.argsort(first[several])]
    numbers = np.full(len(sizes), -1, dtype=np.int64)
    numbers[several] = np.arange(len(several))
    return numbers[parts], len(several)
