"""`ConvNNGP` and `ConvNTK`: convolutional networks of infinitely many channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels._rows import FloatArray, as_rows
from likewise.kernels._tiles import KernelPlan
from likewise.kernels.base import Kernel
from likewise.kernels.parameters import Bounds
from likewise.kernels.wide._layers import Layers, Mean
from likewise.kernels.wide._patches import PADDINGS, Patches
from likewise.kernels.wide.activations import Activation, resolve_activation

#: Numbers in one array of a tile: 2 MB of float64.
TILE_NUMBERS = 2**18
#: The last axes of an array of equal positions (height, width), and of pairs of positions
#: (height, width, height', width'), as they move under an offset.
EQUAL = ((-2,), (-1,))
PAIRS = ((-4, -2), (-3, -1))


@dataclass(frozen=True, slots=True)
class ImagePlan(KernelPlan):
    """A `KernelPlan` of images.

    Attributes:
        positions: of pixels that each pair of images is compared at: P Q without pooling,
            (P Q)^2 with it.
    """

    positions: int = 1

    def __str__(self) -> str:
        pairs = f"{self.positions:,} pairs of positions an entry"
        return f"{KernelPlan.__str__(self)}, {pairs}"


class _Convolutional(Kernel):
    """What both share: the covariances of all layers, position by position."""

    tangent: ClassVar[bool]
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"weight_variance": (1e-5, 1e5)}
    temporaries = 7

    @suggest_arguments
    def __init__(
        self,
        depth: int = 1,
        activation: str | Activation = "relu",
        *,
        filter_size: int = 3,
        padding: str = "same",
        pooling: str | None = None,
        residual: bool = False,
        weight_variance: float = 2.0,
        bias_variance: float = 0.0,
        bounds: Mapping[str, Bounds] | None = None,
    ) -> None:
        self.depth = depth
        self.activation = activation
        self.filter_size = filter_size
        self.padding = padding
        self.pooling = pooling
        self.residual = residual
        self.weight_variance = weight_variance
        self.bias_variance = bias_variance
        self.bounds = bounds
        self._check_parameters()

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_count("depth", self.depth)
        resolve_activation(self.activation)
        size = check_count("filter_size", self.filter_size)
        if self.padding not in PADDINGS:
            raise InvalidArgument(
                f"padding must be one of {', '.join(PADDINGS)}; got {self.padding!r}"
            )
        if self.padding != "valid" and size % 2 == 0:
            raise InvalidArgument(
                f"filter_size must be odd, so that a patch has a middle; got {size}; "
                'or use padding="valid"'
            )
        if self.pooling not in (None, "average"):
            raise InvalidArgument(f'pooling must be None or "average"; got {self.pooling!r}')
        if not isinstance(self.residual, (bool, np.bool_)):
            raise InvalidType(f"residual must be True or False; got {self.residual!r}")
        if self.residual and self.padding == "valid":
            raise InvalidArgument(
                'residual=True adds layers of equal shape; padding="valid" makes them smaller; '
                'use "same" or "circular"'
            )
        if check_number("bias_variance", self.bias_variance) < 0:
            raise InvalidArgument(f"bias_variance must be at least 0; got {self.bias_variance!r}")

    # -- rows and plans -------------------------------------------------------------

    def _as_rows(self, values: Any, what: str) -> FloatArray:
        return as_rows(values, what, ndim=4)

    def _positions(self, rows: FloatArray) -> int:
        each = int(rows.shape[1] * rows.shape[2])
        return each * each if self.pooling else each

    def _tile(self, rows: FloatArray) -> int:
        return min(256, max(1, int((TILE_NUMBERS / self._positions(rows)) ** 0.5)))

    def _plan(self, rows: FloatArray, columns: FloatArray | None, workers: int) -> ImagePlan:
        plan, each = super()._plan(rows, columns, workers), self._positions(rows)
        kept = rows.dtype.itemsize * plan.rows * plan.columns
        return ImagePlan(
            plan.rows, plan.columns, plan.tile, kept + (plan.bytes - kept) * each, None, each
        )

    # -- the recursion --------------------------------------------------------------

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        layers = self._layers(X)
        q, r = self._variances(layers, X), self._variances(layers, Y)
        if self.pooling:
            products = np.einsum("ihwc,jvxc->ijhwvx", X, Y, optimize=True)
            q = [variance[:, None, :, :, None, None] for variance in q]
            r = [variance[None, :, None, None] for variance in r]
        else:
            products = np.einsum("ihwc,jhwc->ijhw", X, Y)
            q, r = [variance[:, None] for variance in q], [variance[None] for variance in r]
        return layers.through(products / X.shape[3], q, r)

    def _diagonal(self, X: FloatArray) -> FloatArray:
        layers = self._layers(X)
        variances = self._variances(layers, X)
        if not self.pooling:
            products = np.einsum("ihwc,ihwc->ihw", X, X) / X.shape[3]
            return layers.through(products, variances, None)
        out = np.empty(len(X), dtype=X.dtype)
        for i in range(len(X)):
            products = np.einsum("hwc,vxc->hwvx", X[i], X[i]) / X.shape[3]
            q = [v[i, :, :, None, None] for v in variances]
            r = [v[i, None, None] for v in variances]
            out[i] = layers.through(products, q, r)
        return out

    def _variances(self, layers: Layers, X: FloatArray) -> list[FloatArray]:
        squares = np.einsum("ihwc,ihwc->ihw", X, X) / X.shape[3]
        return layers.variances(squares, [self._mean(EQUAL)] * self.depth)

    def _layers(self, X: FloatArray) -> Layers:
        shape = X.shape[1], X.shape[2]
        for _ in range(self.depth):
            shape = self._patches.positions(shape)
        everywhere = (-4, -3, -2, -1) if self.pooling else (-2, -1)
        return Layers(
            means=[self._mean(PAIRS if self.pooling else EQUAL)] * self.depth,
            output=lambda array: np.asarray(array.mean(axis=everywhere)),
            activation=resolve_activation(self.activation),
            weight_variance=float(self.weight_variance),
            bias_variance=float(self.bias_variance),
            residual=self.residual,
            tangent=self.tangent,
        )

    def _mean(self, groups: tuple[tuple[int, ...], ...]) -> Mean:
        patches = self._patches
        return lambda array: patches.mean(array, groups)

    @property
    def _patches(self) -> Patches:
        return Patches(self.filter_size, self.padding)


class ConvNNGP(_Convolutional):
    """The Gaussian process of a convolutional network of infinitely many channels.

    For images x, y and positions p, p', with the mean over the s^2 offsets of a patch,
    ``K_0[p, p'] = <x[p], y[p']> / channels``, ``K_1 = w mean_o K_0[p + o, p' + o] + b`` and

        K_{l+1}[p, p'] = w mean_o E[f(u[p + o]) f(v[p' + o])] + b,

    (u, v) normal with the covariances K_l. ``depth`` convolutions with the activation f after
    each, then a dense layer, of all positions or of their mean:

        k(x, y) = w mean_p E[f(u[p]) f(v[p])] + b           pooling=None,
        k(x, y) = w mean_{p, p'} E[f(u[p]) f(v[p'])] + b    pooling="average".

    Rows are images (n, height, width, channels).

    Args:
        depth: number of convolutions, which are the hidden layers.
        activation: a name or an `Activation`.
        filter_size: side s of the square patches, odd unless ``padding="valid"``.
        padding: ``"same"`` (zeros beyond the border), ``"circular"``, or ``"valid"`` (each layer
            is smaller).
        pooling: None, or ``"average"`` over all positions, which makes the kernel blind to where
            something is.
        residual: each convolution but the first adds to what came into its activation.
        weight_variance: w. bias_variance: b. bounds: see `Kernel`.

    Raises:
        DimensionMismatch: rows are no images, or smaller than the patches. OverLimit: as `Kernel`.

    Cost: for P positions, n m P depth without pooling, n m P^2 depth with it (32 x 32 pixels:
    a thousand times as much); memory is a tile's, see ``plan``.

    Source: R. Novak and others, "Bayesian deep convolutional networks with many channels are
    Gaussian processes", ICLR 2019.

    Example:
        >>> images = np.random.default_rng(0).standard_normal((3, 8, 8, 1))
        >>> k = ConvNNGP(depth=2)
        >>> k(images).shape
        (3, 3)
        >>> print(ConvNNGP(depth=2, pooling="average").plan(images, timed=False))
        3 x 3 by tiles of 8: 2.1 MB, 4,096 pairs of positions an entry
    """

    name = "conv-nngp"
    tangent = False


class ConvNTK(_Convolutional):
    """The neural tangent kernel of a convolutional network of infinitely many channels.

    With K_l and the mean over offsets as in `ConvNNGP`, ``T_1 = K_1`` and

        T_{l+1}[p, p'] = K_{l+1}[p, p'] + w mean_o (E[f'(u) f'(v)] T_l)[p + o, p' + o];

    the output adds ``w mean (E[f'(u) f'(v)] T)`` to that of `ConvNNGP` in the same way. All
    parameters are trained, in the parametrisation with standard normal weights.

    Rows, arguments, errors: as `ConvNNGP`. Cost: about twice that of `ConvNNGP`.

    Source: S. Arora, S. Du, W. Hu, Z. Li, R. Salakhutdinov and R. Wang, "On exact computation
    with an infinitely wide neural net", NeurIPS 2019.

    Example:
        >>> images = np.random.default_rng(0).standard_normal((3, 8, 8, 1))
        >>> K = ConvNTK(depth=3, pooling="average")(images)
        >>> bool(np.linalg.eigvalsh(K)[0] > 0)
        True
    """

    name = "conv-ntk"
    tangent = True
