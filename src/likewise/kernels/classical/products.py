"""Kernels of the inner product: `Linear`, `Polynomial` and `Cosine`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel
from likewise.kernels.classical._maps import (
    LinearFeatures,
    PolynomialFeatures,
    UnitFeatures,
    refuse_zero_rows,
    unit_rows,
)
from likewise.kernels.feature_maps import FeatureMap
from likewise.kernels.parameters import Bounds


class Linear(Kernel):
    """``k(x, y) = x.y``.

    A weight is ``2.0 * Linear()`` and an intercept ``Linear() + 1.0``, both learnt with it.

    Features: the rows themselves, exactly; random projections where there are fewer features
    than dimensions.

    Cost: one matrix product.

    Example:
        >>> Linear()([[1.0, 2.0], [3.0, 4.0]]).tolist()
        [[5.0, 11.0], [11.0, 25.0]]
    """

    name = "linear"
    temporaries = 1

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        product: FloatArray = X @ Y.T
        return product

    def _diagonal(self, X: FloatArray) -> FloatArray:
        squares: FloatArray = np.vecdot(X, X)
        return squares

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        return LinearFeatures(n_features, seed)


class Polynomial(Kernel):
    """``k(x, y) = (scale x.y + offset)^degree``.

    Args:
        degree: a positive integer.
        scale: positive; scikit-learn's ``gamma``.
        offset: 0 or positive, scikit-learn's ``coef0``; not learnt. With 0 only products of
            ``degree`` numbers of a row count, above 0 those of fewer too.
        bounds: of ``scale`` when it is learnt; see `Kernel`.

    Features: all weighted monomials, exactly, where there are as many features as monomials,
    (dim + degree choose degree); a TensorSketch otherwise.

    Raises:
        InvalidArgument: a negative ``offset``, or a ``degree`` below 1.

    Cost: one matrix product and a power an entry.

    Example:
        >>> Polynomial(degree=2)([[1.0, 2.0], [3.0, 4.0]]).tolist()
        [[36.0, 144.0], [144.0, 676.0]]
    """

    name = "polynomial"
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"scale": (1e-5, 1e5)}

    @suggest_arguments
    def __init__(
        self,
        degree: int = 3,
        scale: float = 1.0,
        offset: float = 1.0,
        *,
        bounds: Mapping[str, Bounds] | None = None,
    ) -> None:
        self.degree = degree
        self.scale = scale
        self.offset = offset
        self.bounds = bounds
        self._check_parameters()

    def _check_parameters(self) -> None:
        check_count("degree", self.degree)
        if check_number("offset", self.offset) < 0:
            raise InvalidArgument(
                f"offset must be 0 or positive, or the kernel is not positive semi-definite; "
                f"got {self.offset!r}"
            )
        super()._check_parameters()

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        return self._of(X @ Y.T)

    def _diagonal(self, X: FloatArray) -> FloatArray:
        return self._of(np.vecdot(X, X))

    def _of(self, products: FloatArray) -> FloatArray:
        products *= float(self.scale)
        products += float(self.offset)
        products **= int(self.degree)
        return products

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        numbers = int(self.degree), float(self.scale), float(self.offset)
        return PolynomialFeatures(n_features, seed, *numbers)


class Cosine(Kernel):
    """``k(x, y) = x.y / (|x| |y|)``.

    Features: the rows divided by their lengths; see `Linear`.

    Raises:
        InvalidVector: a row of zeros, when rows are given; it has no direction.

    Cost: one matrix product.

    Example:
        >>> Cosine()([[3.0, 4.0], [1.0, 0.0]]).round(4).tolist()
        [[1.0, 0.6], [0.6, 1.0]]
    """

    name = "cosine"

    def _as_rows(self, values: Any, what: str) -> FloatArray:
        rows: FloatArray = super()._as_rows(values, what)
        refuse_zero_rows(rows, what, "a direction")
        return rows

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        product = unit_rows(X) @ unit_rows(Y).T
        return np.clip(product, -1.0, 1.0, out=product)

    def _diagonal(self, X: FloatArray) -> FloatArray:
        return np.ones(len(X), dtype=X.dtype)

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        return UnitFeatures(n_features, seed)
