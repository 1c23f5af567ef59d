"""Distance correlation: dependence of any form between vectors of any number of dimensions.

Two kinds of estimates, which must not be mixed up. `distance_covariance` and
`distance_correlation` are the ones first published: roots, never negative, 0 in the limit only
under independence, but biased upwards, towards 1 in many dimensions. The ``unbiased_`` ones
estimate the *squares* of those, are about 0 under independence and may be negative.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from likewise._arguments import suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument
from likewise.kernels._rows import as_rows
from likewise.kernels.things._distance_sums import Values, biased, unbiased


@suggest_arguments
def distance_covariance(X: Any, Y: Any) -> float:
    """``dCov = sqrt(mean_ij A_ij B_ij)``, A and B the doubly centred distances.

    Args:
        X, Y: n numbers each, (n,), or n vectors, (n, dim); two rows at least.

    Returns:
        A number, 0 or positive.

    Raises:
        DimensionMismatch: another number of rows. InvalidArgument: too few rows. And as a
        kernel for NaN and infinity.

    Cost: O(n log n) for numbers, in place of n^2 (after Huo and Szekely); O(n^2 dim) time and
    O(n) memory for vectors.

    Source: G. J. Szekely, M. L. Rizzo and N. K. Bakirov, "Measuring and testing dependence by
    correlation of distances", Annals of Statistics, 2007.

    Example:
        >>> x = np.linspace(-1, 1, 100)
        >>> round(distance_covariance(x, x**2), 4)
        0.1514
    """
    x, y = _pair(X, Y, 2)
    return float(np.sqrt(biased(x, y)))


@suggest_arguments
def distance_correlation(X: Any, Y: Any) -> float:
    """``dCor = sqrt(dCov^2(X, Y) / (dCov(X, X) dCov(Y, Y)))``, in [0, 1].

    0 where all rows of X or all of Y are the same. Arguments, errors, cost and source as of
    `distance_covariance`.

    Example:
        >>> x = np.linspace(-1, 1, 100)
        >>> round(distance_correlation(x, x**2), 4), bool(abs(np.corrcoef(x, x**2)[0, 1]) < 1e-9)
        (0.4915, True)
    """
    x, y = _pair(X, Y, 2)
    scale = np.sqrt(biased(x, x) * biased(y, y))
    return float(min(np.sqrt(biased(x, y) / scale), 1.0)) if scale > 0 else 0.0


@suggest_arguments
def unbiased_distance_covariance(X: Any, Y: Any) -> float:
    """An unbiased estimate of dCov^2: ``sum_(i != j) A_ij B_ij / (n (n - 3))``, U-centred.

    Args:
        X, Y: as of `distance_covariance`, four rows at least.

    Returns:
        A number, which may be negative.

    Source: G. J. Szekely and M. L. Rizzo, "Partial distance correlation with methods for
    dissimilarities", Annals of Statistics, 2014.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, y = rng.standard_normal((2, 1000, 20))
        >>> abs(unbiased_distance_covariance(x, y)) < 0.01 < distance_covariance(x, y)
        True
    """
    return unbiased(*_pair(X, Y, 4))


@suggest_arguments
def unbiased_distance_correlation(X: Any, Y: Any) -> float:
    """``dCov2(X, Y) / sqrt(dCov2(X, X) dCov2(Y, Y))`` of unbiased estimates, in [-1, 1].

    It is of the kind of a *squared* correlation. Arguments and source as of
    `unbiased_distance_covariance`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, y = rng.standard_normal((2, 50, 500))
        >>> round(unbiased_distance_correlation(x, y), 2), round(distance_correlation(x, y), 2)
        (-0.01, 0.99)
    """
    return _correlation(*_pair(X, Y, 4))


@suggest_arguments
def partial_distance_correlation(X: Any, Y: Any, Z: Any) -> float:
    """The unbiased distance correlation of X and Y with what Z tells taken away, in [-1, 1].

    ``(R_xy - R_xz R_yz) / sqrt((1 - R_xz^2) (1 - R_yz^2))`` with the unbiased correlations R; 0
    where Z tells all of X or of Y. That it is 0 does not mean conditional independence, nor
    the other way round, except in normal cases approximately.

    Args:
        X, Y, Z: as of `distance_covariance`, four rows at least.

    Source: G. J. Szekely and M. L. Rizzo, Annals of Statistics, 2014.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> z, e, f = rng.standard_normal((3, 500))
        >>> x, y = z + e, z + f
        >>> partial_distance_correlation(x, y, z) < 0.05 < unbiased_distance_correlation(x, y)
        True
    """
    x, y = _pair(X, Y, 4)
    z = _pair(X, Z, 4, "Z")[1]
    xy, xz, yz = _correlation(x, y), _correlation(x, z), _correlation(y, z)
    left = (1 - xz**2) * (1 - yz**2)
    # Below this the difference above is of rounding alone.
    return float(np.clip((xy - xz * yz) / np.sqrt(left), -1, 1)) if left > 1e-12 else 0.0


class DependenceTest(NamedTuple):
    """What `distance_correlation_test` found.

    Attributes:
        correlation: the unbiased distance correlation.
        statistic: of the test. pvalue: one-sided; small where X and Y depend on each other.
    """

    correlation: float
    statistic: float
    pvalue: float


@suggest_arguments
def distance_correlation_test(X: Any, Y: Any, *, method: str = "chi2") -> DependenceTest:
    """A test of independence without permutations.

    Args:
        X, Y: as of `distance_covariance`, four rows at least.
        method: ``"chi2"``: n R + 1 against chi-squared with one degree of freedom, valid at
            levels up to 0.05 in any number of dimensions, and cautious where there are few.
            ``"t"``: ``sqrt(v - 1) R / sqrt(1 - R^2)``, ``v = n (n - 3) / 2``, against Student's t
            with v - 1 degrees; meant for many dimensions, in one it rejects too often.

    Source: C. Shen, S. Panda and J. T. Vogelstein, "The chi-square test of distance
    correlation", JCGS, 2022; G. J. Szekely and M. L. Rizzo, "The distance correlation t-test of
    independence in high dimension", Journal of Multivariate Analysis, 2013.

    Example:
        >>> x = np.linspace(-1, 1, 100)
        >>> distance_correlation_test(x, x**2).pvalue < 1e-4
        True
    """
    from scipy.stats import chi2, t

    x, y = _pair(X, Y, 4)
    n, R = len(x), _correlation(x, y)
    if method == "chi2":
        statistic = n * R + 1
        return DependenceTest(R, statistic, float(chi2.sf(statistic, 1)))
    if method != "t":
        raise InvalidArgument(f"method must be 'chi2' or 't'; got {method!r}")
    v = n * (n - 3) / 2
    with np.errstate(divide="ignore"):
        statistic = float(np.sqrt(v - 1) * np.divide(R, np.sqrt(max(1 - R * R, 0.0))))
    return DependenceTest(R, statistic, float(t.sf(statistic, v - 1)))


def _correlation(x: Values, y: Values) -> float:
    scale = unbiased(x, x) * unbiased(y, y)
    return float(np.clip(unbiased(x, y) / np.sqrt(scale), -1, 1)) if scale > 0 else 0.0


def _pair(X: Any, Y: Any, least: int, name: str = "Y") -> tuple[Values, Values]:
    x, y = _values(X, "X"), _values(Y, name)
    if len(x) != len(y):
        raise DimensionMismatch(f"X has {len(x)} rows, {name} has {len(y)}; they must be pairs")
    if len(x) < least:
        raise InvalidArgument(f"X: at least {least} rows are needed; got {len(x)}")
    return x, y


def _values(values: Any, what: str) -> Values:
    if np.ndim(values) == 1:
        values = np.asarray(values)[:, None]
    return Values(as_rows(values, what).astype(np.float64))
