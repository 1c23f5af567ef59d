"""What kernels of infinitely wide networks with positions share: the variances of their layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from likewise._arguments import check_number
from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray
from likewise.kernels._tiles import KernelPlan
from likewise.kernels.base import Kernel
from likewise.kernels.parameters import Bounds, Hyperparameter
from likewise.kernels.wide._layers import Layers, Mean
from likewise.kernels.wide.activations import Activation, resolve_activation

#: Numbers in one array of a tile: 2 MB of float64.
TILE_NUMBERS = 2**18


class WideKernel(Kernel):
    """A network whose units look at positions of the layer below.

    A subclass has the arguments ``activation``, ``weight_variance``, ``bias_variance`` and
    ``bounds``, and says at how many positions two rows are compared.
    """

    tangent: ClassVar[bool]
    activation: str | Activation | Callable[..., Any]
    weight_variance: float | None
    bias_variance: float
    bounds: Mapping[str, Bounds] | None
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"weight_variance": (1e-3, 1e3)}
    temporaries = 8

    def _check_parameters(self) -> None:
        resolve_activation(self.activation)
        if self.weight_variance is not None and (
            check_number("weight_variance", self.weight_variance) <= 0
        ):
            raise InvalidArgument(
                f"weight_variance must be positive, or None; got {self.weight_variance!r}"
            )
        if check_number("bias_variance", self.bias_variance) < 0:
            raise InvalidArgument(f"bias_variance must not be negative; got {self.bias_variance!r}")
        if self.bounds is not None:
            self._check_bounds(self.bounds)

    def _usual_bounds(self) -> Mapping[str, Bounds]:
        bias = {"bias_variance": (1e-5, 1e3)} if self.bias_variance else {}
        return {**self.BOUNDS, **bias}

    def hyperparameters(self) -> list[Hyperparameter]:
        return [
            h._replace(value=np.array([self._weights])) if h.name == "weight_variance" else h
            for h in super().hyperparameters()
        ]

    @property
    def _weights(self) -> float:
        given = self.weight_variance
        usual = resolve_activation(self.activation).weight_variance if given is None else given
        return float(usual)

    def _network(
        self, means: Sequence[Mean], output: Mean, residual: float | None = None
    ) -> Layers:
        return Layers(
            means=means,
            output=output,
            activation=resolve_activation(self.activation),
            weight_variance=self._weights,
            bias_variance=float(self.bias_variance),
            residual=None if residual is None else float(residual),
            tangent=self.tangent,
        )

    def _positions(self, rows: FloatArray) -> int:
        """How many there are in the widest layer."""
        raise NotImplementedError

    def _tile(self, rows: FloatArray) -> int:
        return min(256, max(1, int((TILE_NUMBERS / max(1, self._positions(rows))) ** 0.5)))

    def _plan(self, rows: FloatArray, columns: FloatArray | None, workers: int) -> KernelPlan:
        n, m, tile = len(rows), len(rows if columns is None else columns), self._tile(rows)
        # Tiles are of float64, whatever the rows are of.
        under_way = 8 * workers * self.temporaries * min(tile, n) * min(tile, m)
        kept = rows.dtype.itemsize * n * m
        return KernelPlan(n, m, tile, bytes=kept + under_way * self._positions(rows))
