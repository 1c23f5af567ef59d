"""`PositivePart`: a kernel with what is negative in it cut away."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise._arguments import suggest_arguments
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel, check_kernel
from likewise.kernels.machines._landmarks import NystromMap
from likewise.kernels.machines._solver import in_float64


class PositivePart(Kernel):
    """``k(x, Z) (K_ZZ)_+^-1 k(Z, y)``, where ``( )_+`` leaves positive eigenvalues only.

    Positive semi-definite on all rows, whatever k is. On the rows Z themselves it is K_ZZ with
    its negative eigenvalues set to 0, the nearest positive semi-definite matrix.

    Args:
        kernel: any, such as one whose `Kernel.psd` is False.
        rows: Z, some hundred rows that the kernel takes; the more, the nearer to k.

    Cost: one eigendecomposition of len(Z) rows when first used, then n len(Z) entries of k and
    n len(Z)^2 multiplications for n rows.

    Source: Y. Chen, E. Garcia, M. Gupta, A. Rahimi and L. Cazzanti, "Similarity-based
    classification: concepts and algorithms", JMLR 2009, section 3.

    Example:
        >>> from likewise.kernels import RBF
        >>> from likewise.kernels.machines import PositivePart
        >>> Z = np.linspace(0, 1, 5)[:, None]
        >>> bool(np.allclose(PositivePart(RBF(), Z)(Z), RBF()(Z)))  # was positive already
        True
    """

    name = "positive_part"

    @suggest_arguments
    def __init__(self, kernel: Kernel, rows: Any) -> None:
        self.kernel = kernel
        self.rows = rows
        self._check_parameters()

    def _check_parameters(self) -> None:
        check_kernel(self.kernel)
        self.kernel._as_rows(self.rows, "rows")
        self._map: NystromMap | None = None

    def _psi(self, X: Any) -> Any:
        if self._map is None or self._map.kernel != self.kernel:  # its parameters may be set
            landmarks = in_float64(self.kernel._as_rows(self.rows, "rows"))
            self._map = NystromMap(self.kernel.copy(), landmarks, clip=True)
        return self._map(in_float64(X))

    def _as_rows(self, values: Any, what: str) -> Any:
        rows = self.kernel._as_rows(values, what)
        self.kernel._check_alike(rows, self.kernel._as_rows(self.rows, "rows"))
        return rows

    def _check_alike(self, X: Any, Y: Any) -> None:
        self.kernel._check_alike(X, Y)

    def _tile(self, rows: Any) -> int:
        return self.kernel._tile(rows)

    def _entries(self, X: Any, Y: Any) -> FloatArray:
        out = self._psi(X) @ self._psi(Y).T
        return np.asarray(out, dtype=getattr(X, "dtype", np.float64))

    def _diagonal(self, X: Any) -> FloatArray:
        psi = self._psi(X)
        return np.asarray(np.vecdot(psi, psi), dtype=getattr(X, "dtype", np.float64))
