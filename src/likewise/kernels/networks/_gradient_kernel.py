"""`GradientKernel`: what all kernels of the gradients of a module have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from likewise._arguments import check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType, InvalidVector
from likewise.kernels._rows import FloatArray, as_rows
from likewise.kernels._tiles import KernelPlan
from likewise.kernels.base import Kernel
from likewise.kernels.feature_maps import FeatureMap
from likewise.kernels.networks._gram import Rows, check_room, finite, gram, pieces, squares
from likewise.kernels.networks._network import Network, as_array, check_module, chosen_parameters
from likewise.kernels.networks._sketch import Sketch, check_sketch
from likewise.kernels.operator import KernelOperator

if TYPE_CHECKING:
    import torch

#: Fewer rows than this are not evaluated at a time: parameters are parted instead.
SMALL, LARGE = 32, 1024


class GradientKernel(Kernel):
    """``k(x, y) = sum_r <grad of w_r.f(x), grad of w_r.f(y)>`` for heads w_r of a module f.

    A subclass gives the heads. Arguments are those of `EmpiricalNTK`.
    """

    module: Any
    normalise: bool
    sketch: str
    parameters: Sequence[str] | None
    integers: bool
    memory_limit: float

    @abstractmethod
    def _heads(self, network: Network, rows: Any) -> torch.Tensor:
        """(R, O) weights of outputs, or (n, R, O) with other ones for each row."""

    def _count_heads(self, outputs: int) -> int:
        """R, of a module with so many outputs."""
        return 1

    # -- rows -----------------------------------------------------------------------

    def _as_rows(self, values: Any, what: str) -> Any:
        rows = as_module_rows(values, what)
        self._check_rows(rows, what)
        return rows

    def _check_rows(self, rows: Any, what: str) -> None:
        if self.integers and len(rows) and (self._numbers(rows) % 1).any():
            raise InvalidArgument(f"{what}: integers=True, but some numbers are no integers")
        if len(rows):
            self._network().count_outputs(self._numbers(rows), what)

    def _numbers(self, rows: Any) -> FloatArray:
        """What of the rows goes to the module."""
        numbers: FloatArray = rows
        return numbers

    def _same(self, X: Any, Y: Any) -> bool:
        """Whether two slices are the same rows in memory, whose gradients are taken once."""
        mine, theirs = (self._numbers(rows).__array_interface__ for rows in (X, Y))
        return all(mine[key] == theirs[key] for key in ("data", "shape", "strides", "typestr"))

    def _network(self) -> Network:
        return Network(self.module, self.parameters, self.integers)

    def _rows(self, network: Network, rows: Any) -> Rows:
        return Rows(network.tensor(self._numbers(rows)), self._heads(network, rows))

    # -- the kernel -----------------------------------------------------------------

    def _entries(self, X: Any, Y: Any) -> FloatArray:
        if not len(X) or not len(Y):
            return np.empty((len(X), len(Y)), dtype=X.dtype)
        network = self._network()
        same = self._same(X, Y)
        left = self._rows(network, X)
        right = None if same else self._rows(network, Y)
        found = gram(network, left, right, self.memory_limit, lengths=self.normalise)
        out = found.products
        if self.normalise:
            out /= no_zero(np.sqrt(found.left))[:, None]
            out /= no_zero(np.sqrt(found.right))
        return out.astype(X.dtype, copy=False)

    def _diagonal(self, X: Any) -> FloatArray:
        if self.normalise or not len(X):
            return np.ones(len(X), dtype=X.dtype)
        network = self._network()
        out = squares(network, self._rows(network, X), self.memory_limit)
        return out.astype(X.dtype, copy=False)

    def _lengths(self, network: Network, rows: Rows) -> FloatArray:
        return no_zero(np.sqrt(squares(network, rows, self.memory_limit)))

    def _tile(self, rows: Any) -> int:
        if not len(rows):
            return SMALL
        # By the gradients of one head: parting the heads costs less than more and smaller tiles,
        # which take the gradients of their rows anew.
        network = self._network()
        room = self.memory_limit / (network.size * network.itemsize) / 2
        return int(min(LARGE, max(SMALL, room)))

    def _bytes_a_row(self, rows: Any) -> int:
        network = self._network()
        heads = self._count_heads(network.count_outputs(self._numbers(rows)))
        return heads * network.size * network.itemsize

    def _plan(self, rows: Any, columns: Any, workers: int) -> KernelPlan:
        plan = super()._plan(rows, columns, workers)
        if not plan.rows or not plan.columns:
            return plan
        each = 2 * plan.tile * self._bytes_a_row(rows)
        held = int(workers * min(self.memory_limit, each))
        return KernelPlan(plan.rows, plan.columns, plan.tile, bytes=plan.bytes + held)

    @suggest_arguments
    def operator(
        self, X: Any, Y: Any = None, *, keep: float = 0, n_jobs: int | None = None
    ) -> KernelOperator:
        """The matrix of all pairs as something to multiply by, ``kernel.operator(X) @ v``.

        ``K v = J (J' v)`` by passes over all rows, for each head and column of v; never a gradient
        of a single row.

        Args:
            X, Y: as in a call.
            keep: 0 for those passes; else tiles are evaluated as by any kernel, and as many bytes
                of them kept for the next product.
            n_jobs: threads; None is 1, -1 all cores.

        Cost: of a product with one column, R passes backward over m rows and 2 R over n, in memory
            of a few hundred rows.
        """
        from likewise.kernels.networks._products import JacobianOperator

        if keep:
            return super().operator(X, Y, keep=keep, n_jobs=n_jobs)
        rows, columns = self._both(X, Y)
        return JacobianOperator(self, rows, columns, n_jobs=n_jobs)

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        return GradientFeatures(self, n_features, seed)

    # -- as a value -----------------------------------------------------------------

    def _check_parameters(self) -> None:
        check_module(self.module)
        chosen_parameters(self.module, self.parameters)
        check_sketch(self.sketch)
        for name in ("normalise", "integers"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise InvalidType(f"{name} must be True or False; got {getattr(self, name)!r:.60}")
        if check_number("memory_limit", self.memory_limit) <= 0:
            raise InvalidArgument(f"memory_limit must be positive; got {self.memory_limit!r}")
        super()._check_parameters()

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, GradientKernel):
            return NotImplemented
        mine, theirs = self.get_params(deep=False), other.get_params(deep=False)
        modules = mine.pop("module"), theirs.pop("module")
        return _equal_modules(*modules) and all(np.array_equal(mine[k], theirs[k]) for k in mine)

    __hash__ = None  # type: ignore[assignment]  # may be changed in place by set_params


class GradientFeatures(FeatureMap):
    """``S g(x)`` with a random S drawn from a seed; made by `GradientKernel.features`."""

    def __init__(
        self, kernel: GradientKernel, n_features: int, seed: np.random.SeedSequence
    ) -> None:
        super().__init__(n_features)
        self._kernel, self._seed = kernel, seed

    def _as_rows(self, values: Any) -> Any:
        return self._kernel._as_rows(values, "X")

    def _map(self, X: Any) -> FloatArray:
        kernel = self._kernel
        sketch = Sketch(kernel.sketch, self.n_features, self._seed)
        out = np.zeros((len(X), self.n_features), dtype=X.dtype)
        if not len(X):
            return out
        network = kernel._network()
        check_room(network, 1, kernel.memory_limit)
        numbers = network.itemsize * max(network.sizes.values())
        step = int(min(LARGE, max(1, kernel.memory_limit // numbers)))
        for start in range(0, len(X), step):
            places = slice(start, start + step)
            part = kernel._rows(network, X[places])
            found = sketched(network, part, sketch, kernel.memory_limit / step)
            if kernel.normalise:
                found /= no_zero(np.linalg.norm(found, axis=1))[:, None]
            out[places] = found
        return out


def sketched(network: Network, rows: Rows, sketch: Sketch, bytes_a_row: float) -> FloatArray:
    """The projection of the gradients of all heads end to end, as (n, k)."""
    # A parameter is named by its place in the module, whichever of them are chosen.
    places = {name: place for place, name in enumerate(network.parameters)}
    kind = str(network.dtype).removeprefix("torch.")
    out = np.zeros((len(rows.rows), sketch.n_features), dtype=kind)
    room = bytes_a_row / network.itemsize
    for heads, names in pieces(network, rows.heads.shape[-2], room):
        found = network.gradients(*rows.part(slice(None), heads), names)
        for name, gradients in found.items():
            piece = as_array(gradients)
            for head in range(piece.shape[1]):
                sketch.add(out, piece[:, head], (heads.start + head, places[name]))
    return finite(out)


def as_module_rows(values: Any, what: str) -> FloatArray:
    """Rows of any shape, from arrays, lists or tensors."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    try:
        axes = np.ndim(values)
    except ValueError:  # rows of several lengths, for which as_rows has the message
        axes = 2
    return as_rows(values, what, ndim=max(2, axes))


def no_zero(lengths: FloatArray) -> FloatArray:
    """Lengths of gradients, none of which is 0."""
    if not lengths.all():
        raise InvalidVector(
            "a row's gradient is 0 in every parameter, so that it has no direction; leave such "
            "rows out, or say normalise=False"
        )
    return lengths


def _equal_modules(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other) or str(one) != str(other):
        return False
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(mine[k].equal(theirs[k]) for k in mine)
