"""`LayerFeatures`: frozen random layers, whose inner products come near NNGP and NTK."""

from __future__ import annotations

import numpy as np

from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray
from likewise.kernels.feature_maps import FeatureMap
from likewise.kernels.parameters import Float64Array
from likewise.kernels.wide._activation import Activation


class LayerFeatures(FeatureMap):
    """phi_0 = (sqrt(w / dim) x, sqrt(b)), phi_l = (sqrt(w / m) s(W phi_(l-1)), sqrt(b)).

    W are m rows of standard normal numbers, w and b the variances of weights and biases; then
    phi_l(x).phi_l(y) comes near S_l. For the tangent kernel, psi_0 = phi_0 and psi_l is phi_l
    beside features of the product of sqrt(w / m) s'(W phi_(l-1)) and psi_(l-1): the j-th is
    ``(r_j.a) (s_j.b) / sqrt(count)`` with random signs r_j and s_j.

    Cost: of a row, ``n_features^2`` operations a layer.
    """

    def __init__(
        self,
        n_features: int,
        seed: np.random.SeedSequence,
        activation: Activation,
        *,
        depth: int,
        variances: tuple[float, float],
        tangent: bool,
    ) -> None:
        super().__init__(n_features)
        self._seed, self._activation, self._depth = seed, activation, depth
        self._weights, self._biases = variances
        # Half of the numbers are for S and half for the product; one of them is the bias.
        self._whole = n_features - n_features // 2 if tangent else n_features
        self._products = n_features - self._whole
        self._units = self._whole - (self._biases > 0)
        if self._units < 1 or (tangent and not self._products):
            raise InvalidArgument(f"n_features: expected at least 4; got {n_features}")

    def _map(self, X: FloatArray) -> FloatArray:
        rows = X.astype(np.float64, copy=False)
        rng = np.random.default_rng(self._seed)
        phi = psi = self._with_bias(rows * np.sqrt(self._weights / X.shape[1]))
        scale = np.sqrt(self._weights / self._units)
        for _ in range(self._depth):
            before = phi @ rng.standard_normal((self._units, phi.shape[1])).T
            phi = self._with_bias(scale * self._activation.function(before))
            if self._products:
                slopes = scale * self._activation.derivative(before)
                psi = np.concatenate([phi, self._product(slopes, psi, rng)], axis=1)
        out: FloatArray = psi if self._products else phi
        return out.astype(X.dtype, copy=False)

    def _with_bias(self, phi: Float64Array) -> Float64Array:
        if not self._biases:
            return phi
        return np.concatenate([phi, np.full((len(phi), 1), np.sqrt(self._biases))], axis=1)

    def _product(self, a: Float64Array, b: Float64Array, rng: np.random.Generator) -> Float64Array:
        one, two = (rng.choice([-1.0, 1.0], (part.shape[1], self._products)) for part in (a, b))
        product: Float64Array = (a @ one) * (b @ two) / np.sqrt(self._products)
        return product
