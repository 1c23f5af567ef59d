"""Covariances and tangent kernels through layers that take means over positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from likewise.kernels._rows import FloatArray
from likewise.kernels.wide.activations import Activation

#: From an array of covariances at positions to means over what each unit above looks at.
Mean = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Layers:
    """A network of infinite width whose units look at several positions of the layer below.

    Attributes:
        means: one a hidden layer, the first over the inputs. output: over all that the output
            looks at. activation, weight_variance, bias_variance: of every layer.
        residual: every hidden layer but the first adds to what came into its activation.
        tangent: whether the output is the neural tangent kernel.
    """

    means: Sequence[Mean]
    output: Mean
    activation: Activation
    weight_variance: float
    bias_variance: float
    residual: bool
    tangent: bool

    def variances(self, inputs: FloatArray, means: Sequence[Mean]) -> list[FloatArray]:
        """Of each position of each hidden layer, from the mean squares of the inputs.

        Positions differ whatever the inputs are, where some look at fewer others.
        """
        out = [self._affine(means[0](inputs))]
        for mean in means[1:]:
            after = np.array(self.activation.dual_at(out[-1]), dtype=inputs.dtype)
            step = self._affine(mean(after))
            out.append(out[-1] + step if self.residual else step)
        return out

    def through(
        self,
        inputs: FloatArray,
        q: Sequence[FloatArray],
        r: Sequence[FloatArray] | None,
    ) -> FloatArray:
        """k of pairs of rows, less the bias of the output, from mean products of their inputs.

        ``q`` and ``r`` are the variances of both, shaped to go with ``inputs``; no r is for the
        diagonal: a row with itself at equal positions.
        """
        dtype, activation, w = inputs.dtype, self.activation, self.weight_variance
        covariance = tangent = self._affine(self.means[0](inputs))
        above = [*self.means[1:], self.output]
        for layer, mean in enumerate(above):
            dual: FloatArray
            if r is None:
                dual = activation.dual_at(q[layer])
            else:
                dual = activation.dual(q[layer], r[layer], covariance)
            last = layer == len(above) - 1
            step = self._affine(mean(np.array(dual, dtype=dtype)), bias=not last)
            skip = self.residual and not last
            if self.tangent:
                if r is None:
                    slope = activation.derivative_dual_at(q[layer])
                else:
                    slope = activation.derivative_dual(q[layer], r[layer], covariance)
                below = mean(slope.astype(dtype, copy=False) * tangent)
                below *= dtype.type(w)
                below += step
                tangent = tangent + below if skip else below
            covariance = covariance + step if skip else step
        return tangent if self.tangent else covariance

    def _affine(self, array: FloatArray, *, bias: bool = True) -> FloatArray:
        array *= array.dtype.type(self.weight_variance)
        if bias:
            array += array.dtype.type(self.bias_variance)
        return array
