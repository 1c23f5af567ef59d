"""`ProjectedNTK`: the tangent kernel of randomly projected gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray
from likewise.kernels._tiles import KernelPlan, Tiles
from likewise.kernels.base import Kernel
from likewise.kernels.feature_maps import FeatureMap
from likewise.kernels.networks._gradient_kernel import GradientFeatures
from likewise.kernels.networks._kinds import KindKernel
from likewise.kernels.operator import KernelOperator

if TYPE_CHECKING:
    import torch


class ProjectedNTK(KindKernel):
    """``k(x, y) = (S g(x)).(S g(y))``: an `EmpiricalNTK` of randomly projected gradients.

    The same projection S (n_features, R P) serves all rows; it is drawn anew from
    ``random_state`` at each call and never kept. With ``normalise`` the projections are brought
    to length 1, so that the diagonal is 1. It is off from the exact kernel by about
    ``sqrt(2 / n_features) |g(x)| |g(y)|``, whatever the number of parameters.

    Args:
        module, kind, normalise, sketch, parameters, integers, memory_limit: as for
            `EmpiricalNTK`. ``kind="trace"`` with ``normalise=True`` is proj-trNTK, ``kind="sum"``
            proj-pNTK of the paper.
        n_features: numbers that are kept of a gradient.
        random_state: the seed of S.

    Cost: R passes backward and a projection a row, and n_features multiplications a pair.

    Source: Engel and others, as for `EmpiricalNTK`, section 3.

    Example:
        >>> import torch
        >>> layers = torch.nn.Linear(2, 50), torch.nn.Tanh(), torch.nn.Linear(50, 3)
        >>> module = torch.nn.Sequential(*layers)
        >>> X = np.random.default_rng(0).standard_normal((5, 2))
        >>> from likewise.kernels import EmpiricalNTK
        >>> exact = EmpiricalNTK(module, normalise=True)(X)
        >>> near = ProjectedNTK(module, n_features=4000, normalise=True)(X)
        >>> bool(np.abs(near - exact).max() < 0.15)
        True
    """

    name = "projected_ntk"

    @suggest_arguments
    def __init__(
        self,
        module: torch.nn.Module,
        kind: str | npt.ArrayLike = "trace",
        *,
        n_features: int = 1024,
        random_state: int = 0,
        normalise: bool = False,
        sketch: str = "sparse",
        parameters: Sequence[str] | None = None,
        integers: bool = False,
        memory_limit: float = 256e6,
    ) -> None:
        self.module = module
        self.kind = kind
        self.n_features = n_features
        self.random_state = random_state
        self.normalise = normalise
        self.sketch = sketch
        self.parameters = parameters
        self.integers = integers
        self.memory_limit = memory_limit
        self._check_parameters()

    def _check_parameters(self) -> None:
        check_count("n_features", self.n_features)
        check_count("random_state", self.random_state, minimum=0)
        super()._check_parameters()

    def project(self, X: Any) -> FloatArray:
        """``S g(x)`` of n rows, as (n, n_features): what the kernel is the inner product of."""
        return self._projected(self._as_rows(X, "X"))

    def _projected(self, rows: Any) -> FloatArray:
        seed = np.random.SeedSequence(self.random_state)
        return GradientFeatures(self, self.n_features, seed)._map(rows)

    def _entries(self, X: Any, Y: Any) -> FloatArray:
        left = self._projected(X)
        product: FloatArray = left @ (left if X is Y else self._projected(Y)).T
        return product

    def _diagonal(self, X: Any) -> FloatArray:
        return _squared(self._projected(X))

    def _matrix(self, rows: Any, columns: Any, workers: int = 1) -> FloatArray:
        # Every row is projected once, not once a tile.
        left = self._projected(rows)
        right = left if columns is None else self._projected(columns)
        out = np.empty((len(left), len(right)), dtype=left.dtype)
        tiles = Tiles(len(left), len(right), self._tile(rows), columns is None)
        tiles.fill(out, lambda a, b: left[a] @ right[b].T, workers)
        if columns is None and len(rows):
            np.fill_diagonal(out, _squared(left))
        return out

    def _tile(self, rows: Any) -> int:
        return 1024

    def _bytes_a_row(self, rows: Any) -> int:
        return super()._bytes_a_row(rows) + self.n_features * int(rows.itemsize)

    def _plan(self, rows: Any, columns: Any, workers: int) -> KernelPlan:
        plan = super()._plan(rows, columns, workers)
        kept = (plan.rows + (0 if columns is None else plan.columns)) * self.n_features
        return replace(plan, bytes=plan.bytes + kept * rows.itemsize)

    @suggest_arguments
    def operator(
        self, X: Any, Y: Any = None, *, keep: float = 0, n_jobs: int | None = None
    ) -> KernelOperator:
        """The matrix as something to multiply by: ``S g(X) ((S g(Y))' v)``.

        Args:
            X, Y: as in a call. keep: 0 for that, with all projections kept; else tiles are
            evaluated as by any kernel, and as many bytes of them kept. n_jobs: threads.

        Cost: every row is projected once; a product takes (n + m) n_features multiplications.
        """
        if keep:
            return Kernel.operator(self, X, Y, keep=keep, n_jobs=n_jobs)
        return _ProjectedOperator(self, *self._both(X, Y), n_jobs=n_jobs)

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        raise InvalidArgument(
            "ProjectedNTK has no explicit feature map but its own: call kernel.project(X), or "
            "EmpiricalNTK(module).features(n_features)"
        )


class _ProjectedOperator(KernelOperator):
    """Products with projections that are kept."""

    def __init__(
        self,
        kernel: ProjectedNTK,
        rows: Any,
        columns: Any,
        *,
        n_jobs: int | None = None,
        projections: tuple[FloatArray, FloatArray] | None = None,
    ) -> None:
        super().__init__(kernel, rows, columns, keep=0, n_jobs=n_jobs)
        if projections is None:
            left = kernel._projected(rows)
            projections = left, left if columns is None else kernel._projected(columns)
        self._projected_kernel, self._projections = kernel, projections

    @property
    def plan(self) -> KernelPlan:
        """Memory of a product: the projections."""
        left, right = self._projections
        kept = left.nbytes + (0 if right is left else right.nbytes)
        return KernelPlan(*self.shape, self._tiles.tile, bytes=kept)

    def _matmat(self, v: FloatArray) -> FloatArray:
        left, right = self._projections
        product: FloatArray = left @ (right.T @ v)
        return product

    def _adjoint(self) -> KernelOperator:
        if self._columns is None:
            return self
        return _ProjectedOperator(
            self._projected_kernel,
            self._columns,
            self._rows,
            n_jobs=self._workers,
            projections=self._projections[::-1],
        )

    _transpose = _adjoint


def _squared(rows: FloatArray) -> FloatArray:
    squares: FloatArray = np.vecdot(rows, rows)
    return squares
