"""`NNGP` and `NTK`: the kernels of infinitely wide, fully connected networks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel
from likewise.kernels.feature_maps import FeatureMap
from likewise.kernels.parameters import Bounds, Float64Array, Hyperparameter
from likewise.kernels.wide._activation import Activation
from likewise.kernels.wide.activations import resolve_activation


class FullyConnected(Kernel):
    """What `NNGP` and `NTK` share: the layers, and what they do to variances and covariances."""

    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"weight_variance": (1e-3, 1e3)}
    temporaries = 8

    @suggest_arguments
    def __init__(
        self,
        depth: int = 3,
        activation: str | Activation | Callable[..., Any] = "relu",
        *,
        weight_variance: float | None = None,
        bias_variance: float = 0.0,
        residual: float | None = None,
        bounds: Mapping[str, Bounds] | None = None,
    ) -> None:
        self.depth = depth
        self.activation = activation
        self.weight_variance = weight_variance
        self.bias_variance = bias_variance
        self.residual = residual
        self.bounds = bounds
        self._check_parameters()

    def _check_parameters(self) -> None:
        check_count("depth", self.depth)
        resolve_activation(self.activation)
        for name in ("weight_variance", "residual"):
            value = getattr(self, name)
            if value is not None and check_number(name, value) <= 0:
                raise InvalidArgument(f"{name} must be positive, or None; got {value!r}")
        if check_number("bias_variance", self.bias_variance) < 0:
            raise InvalidArgument(f"bias_variance must not be negative; got {self.bias_variance!r}")
        if self.bounds is not None:
            self._check_bounds(self.bounds)

    def _usual_bounds(self) -> Mapping[str, Bounds]:
        bias = {"bias_variance": (1e-5, 1e3)} if self.bias_variance else {}
        return {**self.BOUNDS, **bias}

    def hyperparameters(self) -> list[Hyperparameter]:
        return [
            h._replace(value=np.array([self._variances_of_layers()[0]]))
            if h.name == "weight_variance"
            else h
            for h in super().hyperparameters()
        ]

    # -- the recursion ----------------------------------------------------------------

    def _variances_of_layers(self) -> tuple[float, float]:
        """Those of weights and biases."""
        given = self.weight_variance
        usual = resolve_activation(self.activation).weight_variance if given is None else given
        return float(usual), float(self.bias_variance)

    def _steps(self) -> Iterator[tuple[float, float, float]]:
        """For each layer: what is kept of the layer before, and the variances of its branch."""
        weights, biases = self._variances_of_layers()
        for layer in range(1, self.depth + 1):
            if self.residual is None or layer == self.depth:
                yield 0.0, weights, biases
            else:
                branch = float(self.residual) ** 2
                yield 1.0, branch * weights, branch * biases

    def _variances(self, X: Float64Array) -> list[Float64Array]:
        """S_0(x, x), ..., S_depth(x, x), each (n,)."""
        weights, biases = self._variances_of_layers()
        activation = resolve_activation(self.activation)
        found = [weights * np.vecdot(X, X) / X.shape[1] + biases]
        for kept, weights, biases in self._steps():
            with np.errstate(over="ignore", invalid="ignore"):
                found.append(kept * found[-1] + weights * activation.dual_at(found[-1]) + biases)
            if not np.isfinite(found[-1]).all():
                row = int(np.flatnonzero(~np.isfinite(found[-1]))[0])
                raise InvalidArgument(
                    f"the variance of row {row} is beyond all numbers after {len(found) - 1} of "
                    f"{self.depth} layers (activation {activation.name!r}, weight_variance "
                    f"{self._variances_of_layers()[0]:.4g}); scale the rows or weight_variance "
                    "down, or take fewer layers"
                )
        return found

    def _first(self, X: Float64Array, Y: Float64Array) -> Float64Array:
        weights, biases = self._variances_of_layers()
        S: Float64Array = X @ Y.T
        S *= weights / X.shape[1]
        S += biases
        return S

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        # In float64 whatever comes: each layer magnifies the roundings of correlations near 1.
        wide_X, wide_Y = X.astype(np.float64, copy=False), Y.astype(np.float64, copy=False)
        q, r = self._variances(wide_X), self._variances(wide_Y)
        return self._propagate(q, r, self._first(wide_X, wide_Y)).astype(X.dtype, copy=False)

    @abstractmethod
    def _propagate(
        self, q: list[Float64Array], r: list[Float64Array], S: Float64Array
    ) -> Float64Array:
        """The kernel from S_0 and the variances of all layers."""

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        from likewise.kernels.wide._layer_features import LayerFeatures

        if self.residual is not None:
            return super()._feature_map(n_features, seed)
        return LayerFeatures(
            n_features,
            seed,
            resolve_activation(self.activation),
            depth=self.depth,
            variances=self._variances_of_layers(),
            tangent=self.name == "ntk",
        )


class NNGP(FullyConnected):
    """The covariance of the outputs of a random network, infinitely wide: a Gaussian process.

    With s the activation, weights of variance ``weight_variance / fan_in`` and biases of variance
    ``bias_variance``, for rows x and y of ``dim`` numbers::

        S_0 = weight_variance x.y / dim + bias_variance
        S_l = weight_variance E[s(u) s(v)] + bias_variance
              for u, v normal with covariance [[S_(l-1)(x, x), S_(l-1)(x, y)], [., S_(l-1)(y, y)]]
        k(x, y) = S_depth(x, y)

    Args:
        depth: how many hidden layers.
        activation: a name (see `ACTIVATIONS`), an `Activation`, or any function of arrays.
        weight_variance: None keeps variances of 1, 2 for ReLU; see `Activation`.
        bias_variance: 0 for no biases. It is learnt when it is not 0.
        residual: None for a plain network. A number a makes all layers but the last
            ``z_l = z_(l-1) + a (W s(z_(l-1)) + b)``, so that
            ``S_l = S_(l-1) + a^2 (weight_variance E[s(u) s(v)] + bias_variance)``;
            ``depth ** -0.5`` keeps variances bounded.
        bounds: of the variances when they are learnt; see `Kernel`.

    Raises:
        InvalidArgument: when it is called: E[s(u)^2] is infinite, at whichever layer.

    Features: frozen random layers of ``n_features`` units each; none with ``residual``.

    Cost: one matrix product; then an arc cosine and some 10 operations an entry and layer for
    activations like ReLU. All is computed in float64.

    Source: J. Lee et al., "Deep neural networks as Gaussian processes", ICLR 2018; Y. Cho and
    L. Saul, "Kernel methods for deep learning", NIPS 2009.

    Example:
        >>> X = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> NNGP(depth=1)(X).round(4)  # 1 on the diagonal, 1 / pi beside it
        array([[1.    , 0.3183],
               [0.3183, 1.    ]])
    """

    name = "nngp"

    def _propagate(
        self, q: list[Float64Array], r: list[Float64Array], S: Float64Array
    ) -> Float64Array:
        activation = resolve_activation(self.activation)
        for layer, (kept, weights, biases) in enumerate(self._steps()):
            new: Any = activation.dual(q[layer][:, None], r[layer], S)
            new *= weights
            new += biases
            if kept:
                new += S
            S = new
        return S

    def _diagonal(self, X: FloatArray) -> FloatArray:
        variances: FloatArray = self._variances(X.astype(np.float64, copy=False))[-1]
        return variances.astype(X.dtype, copy=False)


class NTK(FullyConnected):
    """The tangent kernel: an infinitely wide network trained by gradient descent predicts by it.

    With S_l as in `NNGP` and s' the slope of the activation::

        T_0 = S_0,    T_l = S_l + weight_variance E[s'(u) s'(v)] T_(l-1),    k(x, y) = T_depth(x, y)

    and with ``residual=a``, for all layers but the last,
    ``T_l = T_(l-1) + (S_l - S_(l-1)) + a^2 weight_variance E[s'(u) s'(v)] T_(l-1)``.
    Weights are parametrised as ``sqrt(weight_variance / fan_in)`` times standard normal numbers.

    Args:
        depth, activation, weight_variance, bias_variance, residual, bounds: as in `NNGP`.

    Raises:
        InvalidArgument: when it is called: the activation jumps, so that E[s'(u)^2] is infinite.

    Features: of frozen random layers and their slopes, with random products in place of tensors;
    none with ``residual``.

    Cost: as `NNGP`, and 2 operations an entry and layer more.

    Source: A. Jacot, F. Gabriel and C. Hongler, "Neural tangent kernel", NeurIPS 2018. Features:
    A. Zandieh et al., "Scaling neural tangent kernels via sketching and random features",
    NeurIPS 2021.

    Example:
        >>> X = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> NTK(depth=1)(X).round(4)  # E[s'(u)^2] is 1 / 2, and T_0 is 1 and 0
        array([[2.    , 0.3183],
               [0.3183, 2.    ]])
    """

    name = "ntk"

    def _propagate(
        self, q: list[Float64Array], r: list[Float64Array], S: Float64Array
    ) -> Float64Array:
        activation = resolve_activation(self.activation)
        T = S.copy()
        for layer, (kept, weights, biases) in enumerate(self._steps()):
            both: Any = activation.dual_and_derivative(q[layer][:, None], r[layer], S)
            new, slopes = both
            new *= weights
            new += biases
            slopes *= weights
            slopes += kept
            T *= slopes
            T += new
            if kept:
                new += S
            S = new
        return T

    def _diagonal(self, X: FloatArray) -> FloatArray:
        activation = resolve_activation(self.activation)
        variances = self._variances(X.astype(np.float64, copy=False))
        T = variances[0]
        for (kept, weights, _), before, after in zip(
            self._steps(), variances[:-1], variances[1:], strict=True
        ):
            slopes = kept + weights * activation.derivative_dual_at(before)
            T = slopes * T + (after - kept * before)
        return T.astype(X.dtype, copy=False)
