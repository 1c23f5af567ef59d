"""`Activation`: what an infinitely wide layer needs to know of its nonlinearity."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from likewise.kernels._rows import FloatArray


class Activation(ABC):
    """An elementwise function s, with what it does to Gaussians.

    For (u, v) normal with means 0, variances q and r and covariance c::

        dual(q, r, c)            = E[s(u) s(v)]
        derivative_dual(q, r, c) = E[s'(u) s'(v)] = d dual / dc

    which is what a wide layer does to a covariance, and to a tangent kernel. Arguments are
    numbers or arrays that broadcast; float32 arrays give float32, all others float64. Where
    u = v, `dual_at` and `derivative_dual_at` leave out the roundings that a correlation
    near 1 magnifies.

    Example:
        >>> from likewise.kernels import resolve_activation
        >>> relu = resolve_activation("relu")
        >>> float(relu.dual(1.0, 1.0, 0.0)), float(relu.dual_at(2.0))  # 1 / (2 pi), and 2 / 2
        (0.15915494309189535, 1.0)
        >>> relu.weight_variance
        2.0
    """

    #: What it is called by, in messages too.
    name: str

    def function(self, u: npt.ArrayLike) -> FloatArray:
        """s(u), elementwise."""
        return self._function(*as_floats(u))

    def derivative(self, u: npt.ArrayLike) -> FloatArray:
        """s'(u), elementwise; at a kink, the mean of both sides."""
        return self._derivative(*as_floats(u))

    def dual(self, q: npt.ArrayLike, r: npt.ArrayLike, c: npt.ArrayLike) -> FloatArray:
        """``E[s(u) s(v)]``. ``|c| <= sqrt(q r)``; what rounding adds to that is cut off."""
        return self._dual(*as_floats(q, r, c))

    def derivative_dual(self, q: npt.ArrayLike, r: npt.ArrayLike, c: npt.ArrayLike) -> FloatArray:
        """``E[s'(u) s'(v)]``.

        Raises:
            InvalidArgument: of an activation that jumps, which has no tangent kernel.
        """
        return self._derivative_dual(*as_floats(q, r, c))

    def dual_and_derivative(
        self, q: npt.ArrayLike, r: npt.ArrayLike, c: npt.ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        """`dual` and `derivative_dual`, for little more than one of them where they share work."""
        return self._both(*as_floats(q, r, c))

    def dual_at(self, q: npt.ArrayLike) -> FloatArray:
        """``E[s(u)^2]``, the dual at u = v."""
        return self._dual_at(*as_floats(q))

    def derivative_dual_at(self, q: npt.ArrayLike) -> FloatArray:
        """``E[s'(u)^2]``. Raises as `derivative_dual`."""
        return self._derivative_dual_at(*as_floats(q))

    @property
    def weight_variance(self) -> float:
        """``1 / E[s(z)^2]`` with z standard normal: variances of 1 stay 1. 2 for ReLU."""
        return float(1.0 / self.dual_at(1.0))

    # -- what a subclass gives: the same of float arrays of one precision ---------------

    @abstractmethod
    def _function(self, u: FloatArray) -> FloatArray: ...

    @abstractmethod
    def _derivative(self, u: FloatArray) -> FloatArray: ...

    @abstractmethod
    def _dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray: ...

    @abstractmethod
    def _derivative_dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray: ...

    def _both(self, q: FloatArray, r: FloatArray, c: FloatArray) -> tuple[FloatArray, FloatArray]:
        return self._dual(q, r, c), self._derivative_dual(q, r, c)

    def _dual_at(self, q: FloatArray) -> FloatArray:
        return self._dual(q, q, q)

    def _derivative_dual_at(self, q: FloatArray) -> FloatArray:
        return self._derivative_dual(q, q, q)


def as_floats(*values: npt.ArrayLike) -> list[FloatArray]:
    """``values`` as float arrays of one precision: float32 where all arrays are."""
    arrays = [np.asarray(value) for value in values]
    kind = np.float32 if all(a.dtype == np.float32 for a in arrays) else np.float64
    return [a.astype(kind, copy=False) for a in arrays]


def correlation(q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
    """``c / sqrt(q r)``, within -1 and 1; 0 where a variance is 0."""
    least = np.finfo(q.dtype).tiny
    roots = (1 / np.sqrt(np.maximum(q, least)), 1 / np.sqrt(np.maximum(r, least)))
    rho = np.asarray(c * roots[0] * roots[1])
    np.clip(rho, -1, 1, out=rho)
    return rho
