"""How sure it is that two uncertain vectors match: hedged instance embeddings.

S. J. Oh and others, "Modeling uncertainty with hedged instance embeddings", ICLR 2019. A row is
a diagonal Gaussian (`likewise.vectors.Gaussians`), and two points match with the probability
``sigmoid(-scale |z1 - z2| + offset)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType
from likewise.vectors import Gaussians

Float64Array = npt.NDArray[np.float64]

#: Numbers drawn at a time.
BLOCK = 1 << 22
#: The series of `match_probability_exact` ends when so little probability is left, or after so
#: many terms.
LEFT, TERMS = 1e-12, 20_000
#: Points of the quadrature.
POINTS = 4001


@suggest_arguments
def match_probability(
    first: Gaussians,
    second: Gaussians,
    *,
    scale: float,
    offset: float,
    samples: int = 256,
    random_state: int = 0,
) -> Float64Array:
    """(n,) E sigmoid(-scale |z1 - z2| + offset), z1 and z2 drawn from rows i of both.

    The difference of two Gaussians is one, with the difference of the means and the sum of the
    variances; it is drawn ``samples`` times (half of them mirrored at its mean). The error falls
    with the root of ``samples``; `match_probability_exact` has none.

    Args:
        first, second: n rows each, of the same dim.
        scale: above 0; how fast a match ends with distance.
        offset: any number; the probability at distance 0 is ``sigmoid(offset)``.
        samples: how many are drawn a pair, at least 2.
        random_state: the seed; a pair's draws do not depend on the other pairs.

    Raises:
        InvalidType: not `Gaussians`. DimensionMismatch: the two differ in rows or dim.
        InvalidArgument: ``scale`` is not above 0, or too few samples.

    Cost: O(n samples dim).

    Example:
        >>> from likewise.vectors import as_gaussians
        >>> sure, unsure = as_gaussians([[0, 0]], [[1e-6] * 2]), as_gaussians([[0, 0]], [[9, 9]])
        >>> match_probability(sure, sure, scale=2, offset=3).round(2).tolist()
        [0.95]
        >>> match_probability(sure, unsure, scale=2, offset=3).round(1).tolist()
        [0.1]
    """
    means, variances = _difference(first, second)
    steep, shift = _slope(scale, offset)
    half = -(-check_count("samples", samples, minimum=2) // 2)
    drawn = np.random.default_rng(random_state).standard_normal((half, means.shape[1]))
    drawn = np.concatenate([drawn, -drawn])
    found = np.empty(len(means))
    height = max(1, BLOCK // drawn.size)
    for start in range(0, len(means), height):
        part = slice(start, start + height)
        points = np.sqrt(variances[part])[:, None, :] * drawn
        points += means[part][:, None, :]
        distances = np.sqrt(np.vecdot(points, points))
        # Probabilities are averaged, not what is inside the sigmoid.
        found[part] = expit(shift - steep * distances).mean(axis=1)
    return found


@suggest_arguments
def match_probability_exact(
    first: Gaussians, second: Gaussians, *, scale: float, offset: float
) -> Float64Array:
    """`match_probability` without chance, by the distribution of the squared distance.

    ``|z1 - z2|^2 = sum_j v_j chi2(1, m_j^2 / v_j)`` is a mixture of central chi-squares, all of the
    scale ``b = min v``, with weights from a recursion (H. Ruben, "Probability content of regions
    under spherical normal distributions, IV", Annals of Mathematical Statistics, 1962):

        c_0 = exp(-1/2 sum m_j^2 / v_j) prod sqrt(b / v_j)
        c_k = 1/(2k) sum_{r<k} g_{k-r} c_r
        g_i = sum_j ( (1 - b/v_j)^i + i b m_j^2/v_j^2 (1 - b/v_j)^(i-1) )

    and ``E f(distance)`` is then an integral in one dimension.

    Args:
        first, second, scale, offset: as there.

    Raises:
        InvalidArgument: the means lie so many standard deviations apart, or variances differ so
            much, that the series has no end in sight; use `match_probability`. Otherwise as there.

    Cost: O(terms^2 + points terms) a pair; terms grow with the ratio of the variances and with the
    distance in standard deviations.

    Example:
        >>> from likewise.vectors import as_gaussians
        >>> rows = as_gaussians([[0, 0], [3, 4]], [[0.5, 1.0], [2.0, 0.5]])
        >>> match_probability_exact(rows, rows, scale=1, offset=1).round(4).tolist()
        [0.3918, 0.3279]
    """
    means, variances = _difference(first, second)
    steep, shift = _slope(scale, offset)
    return np.array([_expected(m, v, steep, shift) for m, v in zip(means, variances, strict=True)])


@suggest_arguments
def ambiguity(
    rows: Gaussians, *, scale: float, offset: float, samples: int = 256, random_state: int = 0
) -> Float64Array:
    """(n,) ``1 - p(match | x, x)``: how unsure a row is of itself. Arguments as above.

    Example:
        >>> from likewise.vectors import as_gaussians
        >>> rows = as_gaussians([[0, 0], [0, 0]], [[0.01, 0.01], [4, 4]])
        >>> ambiguity(rows, scale=1, offset=3).round(1).tolist()
        [0.1, 0.6]
    """
    options: dict[str, Any] = {"samples": samples, "random_state": random_state}
    return 1.0 - match_probability(rows, rows, scale=scale, offset=offset, **options)


def _difference(first: Gaussians, second: Gaussians) -> tuple[Float64Array, Float64Array]:
    for rows in (first, second):
        if not isinstance(rows, Gaussians):
            raise InvalidType(
                f"expected Gaussians, from likewise.vectors.as_gaussians; got {type(rows).__name__}"
            )
    if first.means.shape != second.means.shape:
        raise DimensionMismatch(
            f"pairs need rows of one shape; got {first.means.shape} and {second.means.shape}"
        )
    means = first.means.astype(np.float64) - second.means
    return means, first.variances.astype(np.float64) + second.variances


def _slope(scale: float, offset: float) -> tuple[float, float]:
    steep = check_number("scale", scale)
    if steep <= 0:
        raise InvalidArgument(f"scale must be above 0; got {scale}")
    return steep, check_number("offset", offset)


def _expected(mean: Float64Array, variance: Float64Array, steep: float, shift: float) -> float:
    """The integral of the sigmoid over the mixture, by Simpson's rule in the distance."""
    from scipy.integrate import simpson
    from scipy.stats import chi2

    least = float(variance.min())
    weights = _mixture(mean, variance, least)
    freedom = len(mean) + 2 * np.arange(len(weights))
    last = np.sqrt(least * chi2.isf(1e-14, freedom[-1]))
    # In the distance itself, where neither the sigmoid nor the density has a pole.
    grid = np.linspace(0.0, last, POINTS)
    density = np.zeros(POINTS)
    inside = grid[1:] ** 2 / least
    for weight, k in zip(weights, freedom, strict=True):
        if weight > 0:
            density[1:] += weight * chi2.pdf(inside, k) * 2 * grid[1:] / least
    if len(mean) == 1:  # a half-normal density does not vanish at 0
        density[0] = weights[0] * np.sqrt(2 / (np.pi * least))
    return float(simpson(density * expit(shift - steep * grid), x=grid))


def _mixture(mean: Float64Array, variance: Float64Array, least: float) -> Float64Array:
    """The weights c_k, up to where they sum to 1."""
    far = mean**2 / variance
    first = -0.5 * far.sum() + 0.5 * np.log(least / variance).sum()
    rest = 1.0 - least / variance
    if first > -600:
        weights, powers, slopes = [np.exp(first)], np.ones_like(rest), []
        total = weights[0]
        for k in range(1, TERMS):
            slopes.append(float((powers * rest + k * (least / variance) * far * powers).sum()))
            powers = powers * rest
            weights.append(float(np.dot(slopes[::-1], weights)) / (2 * k))
            total += weights[-1]
            if 1.0 - total < LEFT:
                return np.array(weights)
    raise InvalidArgument(
        f"the series has no end in sight: the means are {np.sqrt(far.sum()):.3g} standard "
        f"deviations apart and variances differ {variance.max() / least:.3g} times; use "
        "match_probability"
    )
