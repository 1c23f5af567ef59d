"""Layers as inner products: `LayerFeatures` of one layer, `NetworkFeatures` of several in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, OverLimit
from likewise.kernels._rows import FloatArray, as_rows
from likewise.kernels.networks._frequencies import ACTIVATIONS, Activation, frequencies_of

Float64Array = npt.NDArray[np.float64]


class LayerFeatures:
    """``f(w.x + b)`` near ``Phi(x).Psi(w, b)``: rows and weights of a layer come apart.

    f is written as ``Re sum t_k exp(i kappa_k z)``. A frequency kappa is drawn as often as it
    weighs, and g from a normal distribution; with ``r = sqrt(kappa) balance`` and
    ``s = sqrt(kappa) / balance``:

    - ``Phi_j(x) = exp(r g.x - r^2 |x|^2 / 2) / sqrt(m)``
    - ``Psi_j(w, b) = Re(t exp(i kappa b + i s g.w + s^2 |w|^2 / 2)) / sqrt(m)``

    whose product has the mean ``Re(t exp(i kappa (w.x + b)))``: f itself for "sin", "cos" and
    "gaussian"; for the others a trigonometric sum that is near f within ``reach``.

    The standard deviation of the product falls with ``1 / sqrt(m)`` and grows with
    ``exp(kappa |x| |w|)``, so rows and weights should be of length about 1 or less.

    Args:
        dim: numbers of a row x.
        activation: f: "sin", "cos", "gaussian" (``exp(-z^2/2)``), "tanh", "erf", "relu", "gelu", or
            a function of an array.
        n_features: m.
        reach: the largest ``|w.x + b|`` that matters; must be given for other than the first three.
        n_frequencies: how many frequencies then; more are nearer to f, and vary more.
        balance: puts more of the variance on weights (above 1) or on rows (below).
        orthogonal: blocks of ``dim`` of the g are orthogonal, which lessens the variance.
        random_state: the seed of kappa and g.

    Raises:
        InvalidArgument: an unknown activation, or one without its ``reach``. OverLimit: rows or
        weights so long that their features are no longer numbers.

    Cost: of n rows, n m dim; of weights to ``out`` outputs, m dim out. A layer of Phi has m out
        parameters in place of dim out.

    Source: A. Sehanobish and others, "Scalable neural network kernels", ICLR 2024.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X, W = rng.uniform(-0.5, 0.5, (4, 3)), rng.uniform(-0.5, 0.5, (2, 3))
        >>> layer = LayerFeatures(3, "sin", n_features=4000)
        >>> near = layer.of_rows(X) @ layer.of_weights(W)
        >>> bool(np.abs(near - np.sin(X @ W.T)).max() < 0.05)
        True
    """

    @suggest_arguments
    def __init__(
        self,
        dim: int,
        activation: str | Activation = "sin",
        n_features: int = 256,
        *,
        reach: float | None = None,
        n_frequencies: int = 8,
        balance: float = 1.0,
        orthogonal: bool = True,
        random_state: int = 0,
    ) -> None:
        self.dim = check_count("dim", dim)
        self.n_features = check_count("n_features", n_features)
        self.activation = activation
        if check_number("balance", balance) <= 0:
            raise InvalidArgument(f"balance must be positive; got {balance!r}")
        rng = np.random.default_rng(check_count("random_state", random_state, minimum=0))
        draw = frequencies_of(activation, reach, check_count("n_frequencies", n_frequencies))
        kappa, self._weights = draw(self.n_features, rng)
        self._kappa = kappa
        g = _normal_rows(self.n_features, self.dim, orthogonal, rng)
        self._of_rows = g * (np.sqrt(kappa) * balance)[:, None]
        self._of_weights = g * (np.sqrt(kappa) / balance)[:, None]
        self._balance = float(balance)

    def of_rows(self, X: Any) -> FloatArray:
        """Phi of n rows, as (n, n_features), in the precision of the rows."""
        rows = self._check(X, "X")
        exponent = rows @ self._of_rows.T.astype(rows.dtype, copy=False)
        squares = np.vecdot(rows, rows)[:, None]
        exponent -= squares * (self._kappa * (self._balance**2 / 2)).astype(rows.dtype, copy=False)
        with np.errstate(over="ignore"):
            np.exp(exponent, out=exponent)
        exponent /= np.sqrt(self.n_features)
        found: FloatArray = _finite(exponent, "X")
        return found

    def of_weights(self, W: Any, b: Any = None) -> Float64Array:
        """Psi of the weights of a layer, as (n_features, out).

        Args:
            W: (out, dim), as ``torch.nn.Linear`` has them. b: (out,); None is 0.
        """
        weights = np.asarray(self._check(W, "W"), dtype=np.float64)
        bias = check_bias(b, len(weights))
        phase = self._kappa[:, None] * bias + self._of_weights @ weights.T
        growth = self._kappa[:, None] * np.vecdot(weights, weights) / (2 * self._balance**2)
        with np.errstate(over="ignore", invalid="ignore"):
            psi = np.real(self._weights[:, None] * np.exp(1j * phase)) * np.exp(growth)
        psi /= np.sqrt(self.n_features)
        found: Float64Array = _finite(psi, "W")
        return found

    def exact(self, X: Any, W: Any, b: Any = None) -> Float64Array:
        """``f(X W' + b)`` itself, as (n, out)."""
        function: Callable[[Any], Any] = (
            ACTIVATIONS[self.activation] if isinstance(self.activation, str) else self.activation
        )
        rows, weights = self._check(X, "X"), self._check(W, "W")
        return np.asarray(function(rows @ weights.T + check_bias(b, len(weights))))

    def _check(self, values: Any, what: str) -> FloatArray:
        rows = as_rows(values, what)
        if rows.shape[1] != self.dim:
            raise DimensionMismatch(
                f"{what}: rows have {rows.shape[1]} numbers, this layer takes {self.dim}"
            )
        return rows


class NetworkFeatures:
    """Hidden layers bundled into one: ``f(W_L ... f(W_1 x + b_1) ... + b_L)`` near ``Phi(x).Psi``.

    Since ``f(W_1 x + b_1)`` is near ``Psi_1' Phi_1(x)``, the next layer is one of weights
    ``W_2 Psi_1'`` on rows ``Phi_1(x)``, and so on: ``Phi(x) = Phi_L(... Phi_1(x))`` has no weights,
    and all weights are in one matrix Psi, which ridge regression finds in closed form
    (`BundledRegressor`, `BundledClassifier`).

    Args:
        dim: numbers of a row. depth: hidden layers L.
        n_features: of each layer, one number or L of them; the last is the length of Phi(x).
        activation, reach, n_frequencies, balance, orthogonal: as for `LayerFeatures`.
        random_state: the seed.

    Raises:
        What `LayerFeatures` raises.

    Cost: of n rows, n times the products of adjacent numbers of features.

    Source: as for `LayerFeatures`, section 3.3.

    Example:
        >>> bundle = NetworkFeatures(3, depth=2, n_features=[64, 32])
        >>> bundle.of_rows(np.zeros((5, 3))).shape
        (5, 32)
        >>> W, V = 0.1 * np.ones((4, 3)), 0.1 * np.ones((2, 4))  # 3 -> 4 -> 2
        >>> bundle.of_weights([W, V]).shape
        (32, 2)
    """

    @suggest_arguments
    def __init__(
        self,
        dim: int,
        activation: str | Activation = "sin",
        depth: int = 2,
        n_features: int | Sequence[int] = 256,
        *,
        reach: float | None = None,
        n_frequencies: int = 8,
        balance: float = 1.0,
        orthogonal: bool = True,
        random_state: int = 0,
    ) -> None:
        layers = check_count("depth", depth)
        counts = list(n_features) if isinstance(n_features, Sequence) else [n_features] * layers
        if len(counts) != layers:
            raise InvalidArgument(
                f"n_features: expected one number or {layers}, one a layer; got {len(counts)}"
            )
        seeds = np.random.SeedSequence(check_count("random_state", random_state, minimum=0))
        widths = [dim, *counts[:-1]]
        self.layers = [
            LayerFeatures(
                width,
                activation,
                count,
                reach=reach,
                n_frequencies=n_frequencies,
                balance=balance,
                orthogonal=orthogonal,
                random_state=int(seed.generate_state(1)[0]),
            )
            for width, count, seed in zip(widths, counts, seeds.spawn(layers), strict=True)
        ]

    def of_rows(self, X: Any) -> FloatArray:
        """Phi of n rows, as (n, n_features of the last layer)."""
        rows = X
        for layer in self.layers:
            rows = layer.of_rows(rows)
        return np.asarray(rows)

    def of_weights(self, weights: Sequence[Any], biases: Sequence[Any] | None = None) -> Any:
        """Psi of a network's weights, as (n_features of the last layer, outputs of the last W).

        Args:
            weights: W_l (out, in), one a layer. biases: b_l (out,), or None for 0.

        Raises:
            InvalidArgument: not one a layer.
        """
        given = [None] * len(self.layers) if biases is None else list(biases)
        if not len(weights) == len(given) == len(self.layers):
            raise InvalidArgument(
                f"expected weights and biases of {len(self.layers)} layers; got {len(weights)} "
                f"and {len(given)}"
            )
        psi = None
        for layer, W, b in zip(self.layers, weights, given, strict=True):
            through = as_rows(W, "weights")
            if psi is not None and through.shape[1] != psi.shape[1]:
                raise DimensionMismatch(
                    f"weights: a layer takes {through.shape[1]} numbers, the one before gives "
                    f"{psi.shape[1]}"
                )
            psi = layer.of_weights(through if psi is None else through @ psi.T, b)
        return psi


def check_bias(b: Any, count: int) -> Float64Array:
    """(out,) finite numbers."""
    bias = np.zeros(count) if b is None else np.asarray(b)
    if bias.shape != (count,):
        raise DimensionMismatch(f"b: expected {count} numbers, one an output; got {bias.shape}")
    if bias.dtype.kind not in "fiu":
        raise InvalidType(f"b: expected numbers; got values of type {bias.dtype}")
    return bias.astype(np.float64)


def _normal_rows(m: int, dim: int, orthogonal: bool, rng: np.random.Generator) -> Float64Array:
    """(m, dim) with normal rows; orthogonal ones within blocks of ``dim``."""
    g: Float64Array = rng.standard_normal((m, dim))
    if not orthogonal:
        return g
    for start in range(0, m, dim):
        block = g[start : start + dim]
        frame, triangle = np.linalg.qr(rng.standard_normal((dim, len(block))))
        frame *= np.sign(np.diag(triangle))  # uniform among all frames
        block[:] = frame.T * np.linalg.norm(block, axis=1)[:, None]
    return g


def _finite(values: Any, what: str) -> Any:
    if not np.isfinite(values).all():
        raise OverLimit(
            f"{what}: rows are too long: their features overflow. Divide them so that their length "
            "is about 1 (and multiply the weights)"
        )
    return values
