"""The parameters of a deep kernel machine as one vector, and the climb to the best one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from likewise.kernels.machines._deep import Deep, Parameters
from likewise.kernels.machines._gram_kernels import import_torch
from likewise.kernels.machines._linear import Float64Array

if TYPE_CHECKING:
    from torch import Tensor

#: What logarithms are kept within: of a diagonal of V, and of lengths, amplitude and noise.
STRETCH, USUAL, NOISE = (-12.0, 12.0), (-7.0, 7.0), (-14.0, 7.0)
#: Stands for minus infinity where a matrix cannot be factored, so that a search steps back.
NOWHERE = -1e12


class Start(NamedTuple):
    """Where learning starts, in numpy, and which parts of it move."""

    inducing: Float64Array
    length: float
    amplitude: float
    noise: float
    moves_inducing: bool
    moves_numbers: bool


class Packing:
    """From a vector to `Parameters` and their bounds.

    V is the exponential of a diagonal and what stands below it, all 0 at the start: the learnt
    Gram matrices are the prior's there. Layers with an infinite nu have nothing that moves.
    """

    def __init__(self, deep: Deep, start: Start) -> None:
        self.deep, self.start = deep, start
        self.rows, self.dim = start.inducing.shape
        self.below = np.tril_indices(self.rows)
        each = len(self.below[0])
        n_lengths = len(deep.nus) + 1 if deep.kernel.has_length else 0
        self.sizes = {f"factor {i}": each for i, nu in enumerate(deep.nus) if np.isfinite(nu)}
        if start.moves_numbers:
            self.sizes |= {"lengths": n_lengths, "amplitude": 1, "noise": 1}
        if start.moves_inducing:
            self.sizes["inducing"] = start.inducing.size

    def first(self) -> Float64Array:
        """The vector to start from."""
        parts = {
            "lengths": np.full(self.sizes.get("lengths", 0), np.log(self.start.length)),
            "amplitude": np.log([self.start.amplitude]),
            "noise": np.log([self.start.noise]),
            "inducing": self.start.inducing.ravel(),
        }
        found = [parts.get(name, np.zeros(size)) for name, size in self.sizes.items()]
        return np.concatenate([*found, np.empty(0)])

    def bounds(self) -> list[tuple[float, float]]:
        """Of every number of the vector."""
        on_diagonal = self.below[0] == self.below[1]
        factor = [STRETCH if on else (-np.inf, np.inf) for on in on_diagonal]
        usual: dict[str, tuple[float, float]] = {
            "lengths": USUAL,
            "amplitude": USUAL,
            "noise": NOISE,
        }
        found: list[tuple[float, float]] = []
        for name, size in self.sizes.items():
            free = [usual.get(name, (-np.inf, np.inf))] * size
            found += factor if name.startswith("factor") else free
        return found

    def unpack(self, vector: Tensor) -> Parameters:
        """The parameters, differentiable by the vector."""
        import torch

        pieces = torch.split(vector, list(self.sizes.values()))
        parts = dict(zip(self.sizes, pieces, strict=True))
        start, layers = self.start, len(self.deep.nus)

        def number(name: str, usual: float, size: int) -> Tensor:
            if name in parts and len(parts[name]):
                return torch.exp(parts[name])
            return torch.full((size,), usual, dtype=torch.float64)

        inducing = parts.get("inducing", torch.from_numpy(start.inducing.ravel()))
        return Parameters(
            inducing.reshape(self.rows, self.dim),
            tuple(
                self._lower(parts[f"factor {i}"]) if f"factor {i}" in parts else None
                for i in range(layers)
            ),
            number("lengths", start.length, layers + 1),
            number("amplitude", start.amplitude, 1)[0],
            number("noise", start.noise, 1)[0],
        )

    def _lower(self, values: Tensor) -> Tensor:
        import torch

        at = tuple(torch.from_numpy(index) for index in self.below)
        free = torch.zeros((self.rows, self.rows), dtype=torch.float64).index_put(at, values)
        return torch.tril(free, -1) + torch.diag(torch.exp(torch.diagonal(free)))


def climb_layers(
    objective: Callable[[Parameters], Tensor], packing: Packing, max_iter: int, tol: float
) -> tuple[Float64Array, Float64Array, bool]:
    """The highest point that L-BFGS finds.

    Returns:
        The vector, the value at the start and after every step, and whether it converged.

    Raises:
        LinAlgError: of torch: a matrix cannot be factored at the start.
    """
    from scipy.optimize import minimize

    torch = import_torch()

    def downhill(x: Float64Array) -> tuple[float, Float64Array]:
        vector = torch.from_numpy(x.copy()).requires_grad_()
        value = objective(packing.unpack(vector))
        if not vector.numel() or not value.requires_grad:
            return -float(value.detach()), np.zeros_like(x)
        (slopes,) = torch.autograd.grad(value, vector)
        return -float(value.detach()), -slopes.numpy()

    def guarded(x: Float64Array) -> tuple[float, Float64Array]:
        try:
            value, slopes = downhill(x)
        except torch.linalg.LinAlgError:
            return -NOWHERE, np.zeros_like(x)
        if not (np.isfinite(value) and np.isfinite(slopes).all()):
            return -NOWHERE, np.zeros_like(x)
        return value, slopes

    bounds = packing.bounds()
    low, high = np.array(bounds).reshape(-1, 2).T
    start = np.clip(packing.first(), low, high)
    values = [-downhill(start)[0]]
    if not len(start):
        return start, np.array(values), True

    def note(intermediate_result: Any) -> None:
        values.append(-float(intermediate_result.fun))

    found = minimize(
        guarded,
        start,
        method="L-BFGS-B",
        jac=True,
        bounds=bounds,
        callback=note,
        options={"maxiter": max_iter, "ftol": tol, "maxcor": 20},
    )
    return np.asarray(found.x), np.array(values), bool(found.success)


@contextmanager
def one_thread() -> Iterator[None]:
    """torch and BLAS add in one order, whatever the machine: the same bytes on any count."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
