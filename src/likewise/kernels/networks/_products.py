"""`JacobianOperator`: products with a kernel of gradients by passes through the module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from likewise._workers import map_on_cores
from likewise.kernels._rows import FloatArray
from likewise.kernels._tiles import KernelPlan
from likewise.kernels.networks._gradient_kernel import GradientKernel
from likewise.kernels.networks._network import Network, Tensors, as_array
from likewise.kernels.operator import KernelOperator

if TYPE_CHECKING:
    import torch

#: Rows of a pass, and the most combinations of a head and a column of v that share one.
BATCH, MOST = 256, 16


class JacobianOperator(KernelOperator):
    """``K v = sum_r J_r(X) (J_r(Y)' v)``, J_r the gradients of the outputs weighted by head r.

    Made by `GradientKernel.operator`.
    """

    def __init__(
        self, kernel: GradientKernel, rows: Any, columns: Any, *, n_jobs: int | None = None
    ) -> None:
        super().__init__(kernel, rows, columns, keep=0, n_jobs=n_jobs)
        self._gradients = kernel
        self._lengths: dict[int, FloatArray] = {}

    @property
    def plan(self) -> KernelPlan:
        """Memory of a product: sums of gradients, beside the activations of a batch of rows."""
        network = self._gradients._network()
        held = (1 + self._workers) * self._at_once(network) * network.size * network.itemsize
        return KernelPlan(*self.shape, BATCH, bytes=held)

    def _at_once(self, network: Network) -> int:
        """For how many heads and columns of v sums of gradients are held."""
        each = network.size * network.itemsize
        return int(max(1, min(MOST, self._gradients.memory_limit // each)))

    def _matmat(self, v: FloatArray) -> FloatArray:
        kind = np.result_type(self.dtype, v.dtype, np.float32)
        out = np.zeros((self.shape[0], v.shape[1]), dtype=kind)
        if not out.size or not len(v):
            return out
        network = self._gradients._network()
        count = network.count_outputs(self._gradients._numbers(self._rows))
        heads = np.arange(self._gradients._count_heads(count))
        pairs = np.stack(np.meshgrid(heads, np.arange(v.shape[1])), axis=-1).reshape(-1, 2)
        v = v / self._lengths_of(self._other)[:, None]
        for some in np.split(
            pairs, range(self._at_once(network), len(pairs), self._at_once(network))
        ):
            found = self._push(some[:, 0], self._pull(some[:, 0], v[:, some[:, 1]]))
            for row, column in zip(found, some[:, 1], strict=True):
                out[:, column] += row
        return np.asarray(out / self._lengths_of(self._rows)[:, None])

    def _pull(self, heads: Any, v: FloatArray) -> Tensors:
        """``sum_j v_jg g(y_j)`` for each g, g the gradients of head g."""

        def of_batch(places: slice) -> Tensors:
            network, rows, weights = self._batch(self._other[places], heads)
            scale = network.weights(np.ascontiguousarray(v[places].T))
            return network.pulled(rows, weights * scale[:, :, None])

        total: Tensors = {}
        for part in map_on_cores(
            of_batch, _batches(len(self._other)), backend="torch", workers=self._workers
        ):
            total = {name: g + total[name] if total else g for name, g in part.items()}
        return total

    def _push(self, heads: Any, tangents: Tensors) -> FloatArray:
        """``<g(x_i), tangent_g>`` as (heads, n)."""

        def of_batch(places: slice) -> FloatArray:
            network, rows, weights = self._batch(self._rows[places], heads)
            return as_array((network.pushed(rows, tangents) * weights).sum(dim=2))

        batches = _batches(len(self._rows))
        parts = map_on_cores(of_batch, batches, backend="torch", workers=self._workers)
        return np.concatenate(list(parts), axis=1)

    def _batch(self, some: Any, heads: Any) -> tuple[Network, torch.Tensor, torch.Tensor]:
        """Rows, and the weights of their outputs by head: (heads, n, O)."""
        network = self._gradients._network()
        rows, weights = self._gradients._rows(network, some)
        weights = weights.expand(len(rows), *weights.shape[-2:])[:, heads.tolist()]
        return network, rows, weights.transpose(0, 1)

    def _lengths_of(self, rows: Any) -> FloatArray:
        """By what a normalised kernel divides; ones for the others."""
        if not self._gradients.normalise:
            return np.ones(len(rows))
        if id(rows) not in self._lengths:  # the operator keeps the rows, so that ids are lasting
            network = self._gradients._network()
            self._lengths[id(rows)] = self._gradients._lengths(
                network, self._gradients._rows(network, rows)
            )
        return self._lengths[id(rows)]

    def _adjoint(self) -> KernelOperator:
        if self._columns is None:
            return self
        return JacobianOperator(self._gradients, self._columns, self._rows, n_jobs=self._workers)

    _transpose = _adjoint


def _batches(n: int) -> list[slice]:
    return [slice(i, min(i + BATCH, n)) for i in range(0, n, BATCH)]
