"""`KernelOperator`: products with a kernel matrix that is never formed."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from likewise._arguments import check_jobs, check_number
from likewise.errors import DimensionMismatch
from likewise.kernels._rows import FloatArray, precision
from likewise.kernels._tiles import KernelPlan, Tiles
from likewise.kernels.base import Kernel


class KernelOperator(LinearOperator):
    """k(X, Y) as a scipy ``LinearOperator``: ``@`` an array (m,) or (m, r), ``.T``, ``.diag()``.

    Made by `Kernel.operator`. Tiles are evaluated, multiplied and forgotten; those that fit
    ``keep`` bytes stay for the next product. Of a symmetric matrix each tile is evaluated once
    and used on both sides of the diagonal.

    Cost: a product takes n m evaluations (half if symmetric) and n m r multiplications.

    Example:
        >>> from likewise.kernels import RBF
        >>> X = np.random.default_rng(0).standard_normal((300, 2))
        >>> K = RBF(length=1.0).operator(X)
        >>> v = np.ones(300)
        >>> bool(np.allclose(K @ v, RBF(length=1.0)(X) @ v))
        True
    """

    def __init__(
        self, kernel: Kernel, rows: Any, columns: Any, *, keep: float = 0, n_jobs: int | None = None
    ) -> None:
        self.kernel = kernel
        self._rows, self._columns = rows, columns
        self._other = rows if columns is None else columns
        self._tiles = Tiles(len(rows), len(self._other), kernel._tile(rows), columns is None)
        self._workers = check_jobs(n_jobs)
        self._room = int(check_number("keep", keep))
        self._kept: dict[tuple[int, int], FloatArray] = {}
        dtype = precision(rows)
        super().__init__(dtype, (len(rows), len(self._other)))  # type: ignore[call-arg]

    @property
    def plan(self) -> KernelPlan:
        """Memory of a product: the tiles under way, and those that are kept."""
        whole = self.kernel._plan(self._rows, self._columns, self._workers)
        size = self.dtype.itemsize
        under_way = whole.bytes - size * whole.rows * whole.columns
        kept = min(self._room, size * whole.rows * whole.columns)
        return KernelPlan(whole.rows, whole.columns, whole.tile, bytes=under_way + kept)

    def diag(self) -> FloatArray:
        """k(x_i, x_i), as an array (n,); for a symmetric operator."""
        if self._columns is not None:
            raise DimensionMismatch("diag: rows and columns differ; make the operator of X alone")
        return self.kernel._diagonal(self._rows)

    def block(self, ids: Any) -> FloatArray:
        """Rows ``ids`` of the matrix, as (len(ids), m)."""
        rows = self._rows[np.asarray(ids)]
        return self.kernel._matrix(rows, self._other, self._workers)

    def _entries(self, rows: slice, columns: slice) -> FloatArray:
        place = (rows.start, columns.start)
        if place in self._kept:
            return self._kept[place]
        block = self.kernel._entries(self._rows[rows], self._other[columns])
        if self._columns is None and rows == columns:
            block = (block + block.T) / 2
            np.fill_diagonal(block, self.kernel._diagonal(self._rows[rows]))
        if self._room >= block.nbytes:  # two threads may both pass here: one tile too many
            self._room -= block.nbytes
            self._kept[place] = block
        return block

    def _matmat(self, v: FloatArray) -> FloatArray:
        wide = np.result_type(self.dtype, v.dtype, np.float32)
        return self._tiles.product(v.astype(wide, copy=False), self._entries, self._workers)

    def _matvec(self, v: FloatArray) -> FloatArray:
        product: FloatArray = self._matmat(np.asarray(v).reshape(-1, 1))[:, 0]
        return product

    def _adjoint(self) -> LinearOperator:
        if self._columns is None:
            return self
        return KernelOperator(self.kernel, self._columns, self._rows, keep=0, n_jobs=self._workers)

    _transpose = _adjoint
