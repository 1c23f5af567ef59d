"""`ConvNNGP` and `ConvNTK`: convolutional networks of infinitely many channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.kernels._rows import FloatArray, as_rows
from likewise.kernels._tiles import KernelPlan
from likewise.kernels.parameters import Bounds
from likewise.kernels.wide._layers import Layers
from likewise.kernels.wide._patches import PADDINGS, Overlap, Patches
from likewise.kernels.wide._wide_kernel import WideKernel
from likewise.kernels.wide.activations import Activation


@dataclass(frozen=True, slots=True)
class ImagePlan(KernelPlan):
    """A `KernelPlan` of images.

    Attributes:
        positions: pairs of positions that two images are compared at: as many as there are
            positions without pooling, its square with it.
    """

    positions: int = 1

    def __str__(self) -> str:
        pairs = f"{self.positions:,} pairs of positions an entry"
        return f"{KernelPlan.__str__(self)}, {pairs}"


class _Convolutional(WideKernel):
    """What both share: the covariances of all layers, position by position."""

    @suggest_arguments
    def __init__(
        self,
        depth: int = 1,
        activation: str | Activation | Callable[..., Any] = "relu",
        *,
        filter_size: int = 3,
        padding: str = "same",
        pooling: str | None = None,
        weight_variance: float | None = None,
        bias_variance: float = 0.0,
        residual: float | None = None,
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
        if self.residual is None:
            return
        if check_number("residual", self.residual) <= 0:
            raise InvalidArgument(f"residual must be positive, or None; got {self.residual!r}")
        if self.padding == "valid":
            raise InvalidArgument(
                'residual adds layers of equal shape; padding="valid" makes them smaller; '
                'use "same" or "circular"'
            )

    # -- rows and plans -------------------------------------------------------------

    @property
    def takes_vectors(self) -> bool:
        return False  # but images

    def _is_row(self, values: Any) -> bool:
        return False

    def _as_rows(self, values: Any, what: str) -> FloatArray:
        return as_rows(values, what, ndim=4)

    def _positions(self, rows: FloatArray) -> int:
        return int(rows.shape[1] * rows.shape[2])

    def _plan(self, rows: FloatArray, columns: FloatArray | None, workers: int) -> ImagePlan:
        plan, each = super()._plan(rows, columns, workers), self._positions(rows)
        pairs = each * each if self.pooling else each
        return ImagePlan(plan.rows, plan.columns, plan.tile, plan.bytes, None, pairs)

    # -- the recursion --------------------------------------------------------------

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        return self._added_up(X, Y, pairs=True)

    def _diagonal(self, X: FloatArray) -> FloatArray:
        return self._added_up(X, X, pairs=False)

    def _added_up(self, X: FloatArray, Y: FloatArray, *, pairs: bool) -> FloatArray:
        """k of all pairs of images, or of the i-th with the i-th.

        With pooling, every pair of positions counts. An offset moves both, so that pairs at one
        distance make a recursion of their own, on the part where the images then overlap.
        """
        kind, axes = X.dtype, (1, 2)
        # In float64 whatever comes: each layer magnifies the roundings of correlations near 1.
        X, Y = X.astype(np.float64, copy=False), Y.astype(np.float64, copy=False)
        layers, q, r = self._layers(X), self._variances(X), self._variances(Y)
        overlaps = self._patches.overlaps(X.shape[1:3]) if self.pooling else [Overlap(0, 0)]
        total: FloatArray = np.zeros((len(X), len(Y)) if pairs else len(X))
        for overlap in overlaps:
            one, two = overlap.first(X, axes), overlap.second(Y, axes)
            here = [overlap.first(v, axes) for v in q]
            if not all(v.size for v in here) and len(X):
                continue  # with "valid" layers, so far apart that nothing is left above
            there: list[FloatArray] | None = [overlap.second(v, axes) for v in r]
            if pairs:
                products = np.einsum("ihwc,jhwc->ijhw", one, two)
                here = [v[:, None] for v in here]
                there = [v[None] for v in there or ()]
            else:
                products = np.einsum("ihwc,ihwc->ihw", one, two)
                there = None if overlap.down == overlap.right == 0 else there
            total += layers.through(products / X.shape[3], here, there)
        total += float(self.bias_variance)
        return total.astype(kind, copy=False)

    def _variances(self, X: FloatArray) -> list[FloatArray]:
        squares = np.einsum("ihwc,ihwc->ihw", X, X) / X.shape[3]
        layers = self._layers(X)
        return layers.variances(squares, layers.means)

    def _layers(self, X: FloatArray) -> Layers:
        shape = X.shape[1], X.shape[2]
        for _ in range(self.depth):
            shape = self._patches.positions(shape)
        share = (shape[0] * shape[1]) ** (2 if self.pooling else 1)
        return self._network(
            [self._patches.mean] * self.depth,
            lambda array: np.asarray(array.sum(axis=(-2, -1)) / share),
            self.residual,
        )

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
        weight_variance: w; None keeps variances of 1: ``1 / E[f(z)^2]``, which is 2 for ReLU.
        bias_variance: b.
        residual: None, or a number c: of every convolution but the first, c times its answer is
            added to what came into its activation. bounds: see `Kernel`.

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
        3 x 3 by tiles of 64: 0.0 MB, 4,096 pairs of positions an entry
    """

    name = "conv_nngp"
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

    name = "conv_ntk"
    tangent = True
