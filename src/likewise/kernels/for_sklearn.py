"""`SklearnKernel`: a kernel as one of ``sklearn.gaussian_process.kernels``."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
from sklearn.gaussian_process.kernels import Hyperparameter
from sklearn.gaussian_process.kernels import Kernel as SklearnBase

from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel, check_kernel
from likewise.kernels.composed import Constant
from likewise.kernels.parameters import Float64Array


class SklearnKernel(SklearnBase):  # type: ignore[misc]
    """``kernel`` where scikit-learn asks for one of its own; made by `Kernel.for_sklearn`.

    In ``GaussianProcessRegressor`` and ``GaussianProcessClassifier`` the hyper-parameters are
    fitted within their bounds. ``+``, ``*`` and ``**`` with kernels of scikit-learn work, as
    does a search over ``kernel__kernel__length``. ``KernelRidge``, ``KernelPCA`` and others that
    go through ``pairwise_kernels`` evaluate it as a whole, where a plain kernel would be called
    once for each pair of rows.

    Args:
        kernel: any kernel.

    Example:
        >>> from sklearn.gaussian_process import GaussianProcessRegressor
        >>> from likewise.kernels import Matern
        >>> import numpy as np
        >>> X = np.linspace(0, 6, 30)[:, None]
        >>> kernel = Matern(nu=2.5, length=0.1).for_sklearn()
        >>> model = GaussianProcessRegressor(kernel, alpha=1e-6).fit(X, np.sin(X[:, 0]))
        >>> 1 < model.kernel_.kernel.length < 10
        True
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = check_kernel(kernel)

    def __call__(
        self, X: Any, Y: Any = None, eval_gradient: bool = False
    ) -> FloatArray | tuple[FloatArray, Float64Array]:
        """The matrix, and with ``eval_gradient`` its derivatives by ``theta``, (n, n, p)."""
        if eval_gradient and Y is not None:
            raise InvalidArgument("eval_gradient: derivatives are of k(X); leave Y out")
        K = self.kernel._matrix(*self.kernel._both(X, Y))
        return (K, self.kernel.gradient(X)) if eval_gradient else K

    def diag(self, X: Any) -> FloatArray:
        """k(x, x) of n rows."""
        return self.kernel.diag(X)

    def is_stationary(self) -> bool:
        """Whether k(x, y) depends on x - y alone."""
        return _stationary(self.kernel)

    @property
    def requires_vector_input(self) -> bool:
        """Whether rows are vectors of numbers."""
        return self.kernel.takes_vectors

    # -- hyper-parameters -----------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """``kernel`` and, with ``deep``, its arguments as ``kernel__name``."""
        inner = self.kernel.get_params() if deep else {}
        return {"kernel": self.kernel} | {f"kernel__{name}": v for name, v in inner.items()}

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        """Those that are learnt, as scikit-learn lists them."""
        return [
            Hyperparameter(f"kernel__{h.name}", "numeric", h.bounds, len(h.value))
            for h in self.kernel.hyperparameters()
        ]

    @property
    def n_dims(self) -> int:
        """How many numbers ``theta`` has."""
        return len(self.kernel.theta)

    @property
    def theta(self) -> Float64Array:
        """Their natural logarithms."""
        return self.kernel.theta

    @theta.setter
    def theta(self, theta: npt.ArrayLike) -> None:
        self.kernel = self.kernel.with_theta(theta)

    @property
    def bounds(self) -> Float64Array:
        """(n_dims, 2): the bounds of ``theta``."""
        return self.kernel.theta_bounds

    def clone_with_theta(self, theta: npt.ArrayLike) -> SklearnKernel:
        """A new one with these hyper-parameters."""
        return SklearnKernel(self.kernel.with_theta(theta))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SklearnKernel) and self.kernel == other.kernel

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"SklearnKernel({self.kernel!r})"


def _stationary(kernel: Kernel) -> bool:
    parts = [part for _, part in kernel._parts() if isinstance(part, Kernel)]
    own = getattr(kernel, "stationary", False) or isinstance(kernel, Constant)
    return own or (bool(parts) and all(_stationary(part) for part in parts))
