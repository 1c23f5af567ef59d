"""`LinearDiscriminant` and `QuadraticDiscriminant`: Gaussian classes, by Mahalanobis distance."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.learn.means._classifier import ProbableClassifier, check_priors, log_priors
from likewise.learn.means._covariance import (
    Factor,
    check_shrinkage,
    factored,
    shrunken_covariance,
)
from likewise.learn.means._limbs import Float64Array

Priors = Literal["uniform"] | dict[Any, float] | None


class _Discriminant(ProbableClassifier):
    """The common part of both."""

    shrinkage: float | str
    priors: Priors

    @property
    def means_(self) -> Float64Array:
        """(classes, width)."""
        found: Float64Array = self._once("means")
        return found

    def _make_means(self) -> Float64Array:
        return self._sums.means()

    def distances(self, X: Any) -> Float64Array:
        """(m, classes) Mahalanobis distances from each row to each mean."""
        return np.sqrt(self._squares(self._asked(X)))

    def _squares(self, rows: Float64Array) -> Float64Array:
        raise NotImplementedError

    def _log_priors(self) -> Float64Array:
        return log_priors(self.priors, self.classes_, self.counts_)

    def _check_options(self) -> None:
        check_shrinkage(self.shrinkage)
        check_priors(self.priors)


class LinearDiscriminant(_Discriminant):
    """Gaussian classes with one covariance for all (streaming LDA), without rounding in its sums.

    ``log p(c | x) = log prior_c - 1/2 (x - m_c)^T S^-1 (x - m_c)`` up to a constant, where S is
    the mean over rows of ``(x - m)(x - m)^T`` about the own class's mean, shrunken to
    ``(1 - s) S + s tr(S) / width I``. Learning in any order and any batches, and `forget`, leaves
    the same bits as one `fit`.

    Args:
        shrinkage: s, from 0 to 1; "oas" takes the one that errs least for Gaussian rows.
        priors: None, as often as the classes came; "uniform"; or a dict from label to weight.

    Attributes:
        classes_, counts_: the classes that have rows, and how many. means_: (classes, width).
        covariance_: (width, width), shrunken; the unit matrix where nothing varies within classes.

    Raises:
        NotPositiveDefinite: S is singular and ``shrinkage=0``. InvalidArgument: priors without a
            class that has rows. Both when it predicts.

    Cost: n width^2 to learn, times the pairs of digits that the rows need (1 for small whole
    numbers, 6 for usual float32, 15 for float64); about 80 width^2 bytes; width^3 / 3 once after a
    change, then m width^2 to predict.

    Source: T. Hayes and C. Kanan, "Lifelong machine learning with deep streaming linear
    discriminant analysis", CVPR workshops 2020. "oas": Y. Chen et al., "Shrinkage algorithms for
    MMSE covariance estimation", IEEE Transactions on Signal Processing 2010.

    Example:
        >>> X = np.array([[0.0, 0.0], [2.0, 2.0], [0.0, 1.0], [2.0, 3.0]])
        >>> model = LinearDiscriminant(shrinkage=0.1).fit(X, ["below", "below", "over", "over"])
        >>> model.predict([[5.0, 4.9], [-3.0, -1.9]]).tolist()
        ['below', 'over']
    """

    _products = "shared"

    @suggest_arguments
    def __init__(self, shrinkage: float | Literal["oas"] = "oas", *, priors: Priors = None) -> None:
        self.shrinkage = shrinkage
        self.priors = priors

    @property
    def covariance_(self) -> Float64Array:
        """(width, width), shrunken."""
        found: Float64Array = self._once("covariance")
        return found

    def _make_covariance(self) -> Float64Array:
        n = int(self.counts_.sum())
        return shrunken_covariance(self._sums.shared_covariance(), self.shrinkage, n)

    def _make_factor(self) -> tuple[Factor, Float64Array]:
        factor = factored(self.covariance_, "the covariance within classes")
        return factor, factor.whiten(self.means_ - self._sums.mean())

    def _squares(self, rows: Float64Array) -> Float64Array:
        factor, means = self._once("factor")
        return np.asarray(cdist(factor.whiten(rows - self._sums.mean()), means, "sqeuclidean"))

    def _scores(self, rows: Float64Array) -> Float64Array:
        return self._squares(rows) / -2 + self._log_priors()


class _Shape(NamedTuple):
    """The covariance of a class, as it is used."""

    covariance: Float64Array
    factor: Factor


class QuadraticDiscriminant(_Discriminant):
    """Gaussian classes with a covariance each (QDA, FeCAM), without rounding in its sums.

    ``log p(c | x) = log prior_c - 1/2 log det S_c - 1/2 (x - m_c)^T S_c^-1 (x - m_c)`` up to a
    constant. S_c is the covariance of the class's rows (their mean square, over n_c), mixed with
    that of all classes, ``(1 - pooling) S_c + pooling S``, and then shrunken as in
    `LinearDiscriminant`. Learning in any order and any batches, and `forget`, leaves the same bits
    as one `fit`.

    Args:
        shrinkage: from 0 to 1; "oas" takes, class by class, what errs least for Gaussian rows.
        pooling: from 0 (each its own) to 1 (`LinearDiscriminant`, but for its shrinkage).
        normalise: bring each covariance to the correlations and leave the determinants out, so that
            distances to classes of different spread compare (FeCAM, with ``priors="uniform"``).
        priors: None, as often as the classes came; "uniform"; or a dict from label to weight.

    Attributes:
        classes_, counts_: the classes that have rows, and how many. means_: (classes, width).
        covariances_: (classes, width, width), as they are used. A class in which nothing varies has
            the unit matrix times the mean variance of the others, or times 1.

    Raises:
        NotPositiveDefinite: a covariance is singular, with ``shrinkage=0``. InvalidArgument: priors
            without a class that has rows. Both when it predicts.

    Cost: n width^2 to learn, times the pairs of digits that the rows need; about 80 classes width^2
    bytes; classes width^3 / 3 once after a change, then m classes width^2 to predict.

    Source: J. Friedman, "Regularized discriminant analysis", JASA 1989. D. Goswami et al., "FeCAM:
    exploiting the heterogeneity of class distributions in exemplar-free continual learning",
    NeurIPS 2023.

    Example:
        >>> X = np.array([[0.1], [-0.1], [3.0], [-3.0]])
        >>> model = QuadraticDiscriminant(0.0).fit(X, ["narrow", "narrow", "wide", "wide"])
        >>> model.predict([[0.2], [1.0]]).tolist()
        ['narrow', 'wide']
    """

    _products = "own"

    @suggest_arguments
    def __init__(
        self,
        shrinkage: float | Literal["oas"] = "oas",
        *,
        pooling: float = 0.0,
        normalise: bool = False,
        priors: Priors = None,
    ) -> None:
        self.shrinkage = shrinkage
        self.pooling = pooling
        self.normalise = normalise
        self.priors = priors

    @property
    def covariances_(self) -> Float64Array:
        """(classes, width, width), as they are used."""
        return np.array([shape.covariance for shape in self._once("shapes")])

    def _check_options(self) -> None:
        super()._check_options()
        if not 0 <= check_number("pooling", self.pooling) <= 1:
            raise InvalidArgument(f"pooling must be from 0 to 1; got {self.pooling!r}")
        if not isinstance(self.normalise, (bool, np.bool_)):
            raise InvalidType(f"normalise must be True or False; got {self.normalise!r:.60}")

    def _make_shapes(self) -> list[_Shape]:
        own, counts = self._sums.covariances(), self.counts_
        mixed = np.zeros_like(own[0])
        for covariance, count in zip(own, counts, strict=True):
            mixed += covariance * (count / counts.sum())
        usual = float(np.trace(mixed)) / len(mixed) or 1.0
        found = []
        for label, covariance, count in zip(self.classes_.tolist(), own, counts, strict=True):
            pooled = (1 - self.pooling) * covariance + self.pooling * mixed
            shape = shrunken_covariance(pooled, self.shrinkage, int(count), usual)
            if self.normalise:
                # A feature that does not vary stays singular, and is refused below.
                deviation = np.sqrt(np.where(np.diag(shape) > 0, np.diag(shape), 1.0))
                shape = shape / deviation / deviation[:, None]
            found.append(_Shape(shape, factored(shape, f"the covariance of class {label!r}")))
        return found

    def _squares(self, rows: Float64Array) -> Float64Array:
        found = np.empty((len(rows), len(self.classes_)))
        for place, (mean, shape) in enumerate(zip(self.means_, self._once("shapes"), strict=True)):
            found[:, place] = np.square(shape.factor.whiten(rows - mean)).sum(axis=1)
        return found

    def _scores(self, rows: Float64Array) -> Float64Array:
        scores = self._squares(rows)
        if not self.normalise:
            scores += [shape.factor.log_determinant for shape in self._once("shapes")]
        return scores / -2 + self._log_priors()
