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
        residual: None, or what the branch of every hidden layer but the first is multiplied by
            before it is added to what came into its activation.
        tangent: whether the output is the neural tangent kernel.
    """

    means: Sequence[Mean]
    output: Mean
    activation: Activation
    weight_variance: float
    bias_variance: float
    residual: float | None
    tangent: bool

    def variances(self, inputs: FloatArray, means: Sequence[Mean]) -> list[FloatArray]:
        """Of each position of each hidden layer, from the mean squares of the inputs.

        Positions differ whatever the inputs are, where some look at fewer others.
        """
        out = [self._affine(means[0](inputs))]
        for mean in means[1:]:
            after = np.array(self.activation.dual_at(out[-1]))
            if self.residual is None:
                out.append(self._affine(mean(after)))
            else:
                out.append(out[-1] + self.residual**2 * self._affine(mean(after)))
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
        covariance = tangent = self._affine(self.means[0](inputs))
        above = [*self.means[1:], self.output]
        for layer, mean in enumerate(above):
            last = layer == len(above) - 1
            dual, slope = self._duals(q[layer], None if r is None else r[layer], covariance)
            step = self._affine(mean(dual), bias=not last)
            if self.tangent:
                slope *= tangent
                below = mean(slope)
                below *= self.weight_variance
                below += step
            if self.residual is None or last:
                covariance, tangent = step, below if self.tangent else step
            else:
                branch = self.residual**2
                if self.tangent:
                    tangent = tangent + branch * below
                covariance = covariance + branch * step
        return tangent if self.tangent else covariance

    def _duals(
        self, q: FloatArray, r: FloatArray | None, covariance: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Those of the activation and, where it is needed, of its derivative."""
        if r is not None and self.tangent:
            return self.activation.dual_and_derivative(q, r, covariance)
        if r is not None:
            dual = self.activation.dual(q, r, covariance)
            return dual, dual
        dual = self.activation.dual_at(q)
        slope = self.activation.derivative_dual_at(q) if self.tangent else dual
        return np.array(dual), np.array(slope)

    def _affine(self, array: FloatArray, *, bias: bool = True) -> FloatArray:
        array *= self.weight_variance
        if bias:
            array += self.bias_variance
        return array
