"""Kernels made of kernels: `Sum`, `Product`, `Scaled`, and the number that is one: `Constant`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidType
from likewise.kernels._rows import FloatArray, precision
from likewise.kernels.base import Kernel, check_kernel
from likewise.kernels.parameters import Bounds, Float64Array

if TYPE_CHECKING:
    from likewise.kernels.feature_maps import FeatureMap


class Constant(Kernel):
    """``k(x, y) = value`` for any rows; what ``k + 1.0`` adds.

    Args:
        value: positive. bounds: see `Kernel`.

    Example:
        >>> Constant(2.0)([[1, 2], [3, 4]]).tolist()
        [[2.0, 2.0], [2.0, 2.0]]
    """

    name = "constant"
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"value": (1e-5, 1e5)}
    temporaries = 1

    @suggest_arguments
    def __init__(self, value: float = 1.0, *, bounds: Mapping[str, Bounds] | None = None) -> None:
        self.value = value
        self.bounds = bounds
        self._check_parameters()

    def _entries(self, X: Any, Y: Any) -> FloatArray:
        dtype = precision(X)
        return np.full((len(X), len(Y)), self.value, dtype=dtype)

    def _diagonal(self, X: Any) -> FloatArray:
        return np.full(len(X), self.value, dtype=precision(X))

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        from likewise.kernels.feature_maps import ConstantFeatures

        return ConstantFeatures(self.value, n_features)


def as_kernel(value: Any) -> Kernel:
    """A kernel as it is, a positive number as `Constant`."""
    if isinstance(value, Kernel):
        return value
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return Constant(float(value))
    raise InvalidType(f"a kernel adds to kernels and positive numbers; got {value!r:.60}")


class _Pair(Kernel):
    """Two kernels on the same rows."""

    def __init__(self, left: Kernel, right: Kernel) -> None:
        self.left = left
        self.right = right
        self._check_parameters()

    def _check_parameters(self) -> None:
        check_kernel(self.left, "left")
        check_kernel(self.right, "right")

    @property
    def psd(self) -> bool:
        return self.left.psd and self.right.psd

    def _as_rows(self, values: Any, what: str) -> Any:
        for kernel in self._decisive():
            values = kernel._as_rows(values, what)
        return values

    def _check_alike(self, X: Any, Y: Any) -> None:
        for kernel in self._decisive():
            kernel._check_alike(X, Y)

    @property
    def takes_vectors(self) -> bool:
        return all(kernel.takes_vectors for kernel in self._decisive())

    def _is_row(self, values: Any) -> bool:
        return all(kernel._is_row(values) for kernel in self._decisive())

    def _decisive(self) -> list[Kernel]:
        """Those that know what rows are: a constant takes anything."""
        both = [self.left, self.right]
        return [kernel for kernel in both if not isinstance(kernel, Constant)] or both

    def _tile(self, rows: Any) -> int:
        return min(self.left._tile(rows), self.right._tile(rows))


class Sum(_Pair):
    """``k(x, y) = left(x, y) + right(x, y)``; what ``left + right`` makes.

    Example:
        >>> from likewise.kernels import RBF
        >>> RBF(length=1.0) + 0.5
        Sum(left=RBF(), right=Constant(value=0.5))
    """

    name = "sum"

    def _entries(self, X: Any, Y: Any) -> FloatArray:
        out = self.left._entries(X, Y)
        out += self.right._entries(X, Y)
        return out

    def _diagonal(self, X: Any) -> FloatArray:
        total: FloatArray = self.left._diagonal(X) + self.right._diagonal(X)
        return total

    def gradient(self, X: Any) -> Float64Array:
        """The derivatives of both summands, one after the other."""
        return np.concatenate([self.left.gradient(X), self.right.gradient(X)], axis=2)

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        from likewise.kernels.feature_maps import sum_of_features

        return sum_of_features(self.left, self.right, n_features, seed)


class Product(_Pair):
    """``k(x, y) = left(x, y) right(x, y)``; what ``left * right`` makes.

    Example:
        >>> from likewise.kernels import RBF
        >>> k = RBF(length=1.0) * RBF(length=2.0)
        >>> round(float(k([0.0, 0.0], [1.0, 1.0])), 6)
        0.286505
    """

    name = "product"

    def _entries(self, X: Any, Y: Any) -> FloatArray:
        out = self.left._entries(X, Y)
        out *= self.right._entries(X, Y)
        return out

    def _diagonal(self, X: Any) -> FloatArray:
        both: FloatArray = self.left._diagonal(X) * self.right._diagonal(X)
        return both

    def gradient(self, X: Any) -> Float64Array:
        """The derivatives of each factor times the other factor."""
        left, right = self.left(X)[:, :, None], self.right(X)[:, :, None]
        return np.concatenate(
            [self.left.gradient(X) * right, self.right.gradient(X) * left], axis=2
        )

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        from likewise.kernels.feature_maps import product_of_features

        return product_of_features(self.left, self.right, n_features, seed)


class Scaled(Kernel):
    """``k(x, y) = scale kernel(x, y)``; what ``scale * kernel`` makes.

    Args:
        kernel: any. scale: positive. bounds: see `Kernel`.

    Example:
        >>> from likewise.kernels import RBF
        >>> (3.0 * RBF()).diag([[1.0], [2.0]]).tolist()
        [3.0, 3.0]
    """

    name = "scaled"
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"scale": (1e-5, 1e5)}

    @suggest_arguments
    def __init__(
        self, kernel: Kernel, scale: float = 1.0, *, bounds: Mapping[str, Bounds] | None = None
    ) -> None:
        self.kernel = kernel
        self.scale = scale
        self.bounds = bounds
        self._check_parameters()

    def _check_parameters(self) -> None:
        check_kernel(self.kernel)
        super()._check_parameters()

    @property
    def psd(self) -> bool:
        return self.kernel.psd

    def _as_rows(self, values: Any, what: str) -> Any:
        return self.kernel._as_rows(values, what)

    def _check_alike(self, X: Any, Y: Any) -> None:
        self.kernel._check_alike(X, Y)

    @property
    def takes_vectors(self) -> bool:
        return self.kernel.takes_vectors

    def _is_row(self, values: Any) -> bool:
        return self.kernel._is_row(values)

    def _tile(self, rows: Any) -> int:
        return self.kernel._tile(rows)

    def _entries(self, X: Any, Y: Any) -> FloatArray:
        out = self.kernel._entries(X, Y)
        out *= float(self.scale)
        return out

    def _diagonal(self, X: Any) -> FloatArray:
        scaled: FloatArray = float(self.scale) * self.kernel._diagonal(X)
        return scaled

    def gradient(self, X: Any) -> Float64Array:
        """By the logarithm of the scale the kernel itself; then those of the inner kernel."""
        inner = float(self.scale) * self.kernel.gradient(X)
        learnt = any(h.name == "scale" for h in self.hyperparameters())
        return np.concatenate([self(X)[:, :, None], inner], axis=2) if learnt else inner

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        from likewise.kernels.feature_maps import ScaledFeatures

        return ScaledFeatures(self.kernel._feature_map(n_features, seed), float(self.scale))
