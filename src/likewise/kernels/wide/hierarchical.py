"""`HierarchicalNNGP` and `HierarchicalNTK`: deep convolutional networks without overlap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidType, InvalidVector
from likewise.kernels._rows import FloatArray, as_rows
from likewise.kernels.parameters import Bounds
from likewise.kernels.wide._layers import Layers, Mean
from likewise.kernels.wide._wide_kernel import WideKernel
from likewise.kernels.wide.activations import Activation


class _Hierarchical(WideKernel):
    """What both share: the tree of patches."""

    @suggest_arguments
    def __init__(
        self,
        patch: int = 2,
        fan_in: Sequence[int] = (),
        activation: str | Activation | Callable[..., Any] = "relu",
        *,
        normalize: bool = True,
        weight_variance: float | None = None,
        bias_variance: float = 0.0,
        bounds: Mapping[str, Bounds] | None = None,
    ) -> None:
        self.patch = patch
        self.fan_in = fan_in
        self.activation = activation
        self.normalize = normalize
        self.weight_variance = weight_variance
        self.bias_variance = bias_variance
        self.bounds = bounds
        self._check_parameters()

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_count("patch", self.patch)
        if isinstance(self.fan_in, (str, bytes)) or not isinstance(
            self.fan_in, (Sequence, np.ndarray)
        ):
            raise InvalidType(f"fan_in must be a sequence of integers; got {self.fan_in!r:.60}")
        for at, children in enumerate(self.fan_in):
            check_count(f"fan_in[{at}]", children)
        if not isinstance(self.normalize, (bool, np.bool_)):
            raise InvalidType(f"normalize must be True or False; got {self.normalize!r}")

    def _as_rows(self, values: Any, what: str) -> FloatArray:
        rows = as_rows(values, what)
        each = self.patch * prod(self.fan_in)
        if rows.shape[1] % each:
            factors = " x ".join(str(f) for f in (self.patch, *self.fan_in))
            raise DimensionMismatch(
                f"{what}: rows have {rows.shape[1]} columns, which {factors} = {each} (patch and "
                "fan_in) must divide"
            )
        if self.normalize:
            lengths = np.linalg.norm(
                rows.reshape(len(rows), rows.shape[1] // self.patch, self.patch), axis=2
            )
            if not lengths.all():
                row, at = (int(i) for i in np.argwhere(lengths == 0)[0])
                raise InvalidVector(
                    f"{what}: patch {at} of row {row} is all zeros, which has no direction; "
                    "use normalize=False"
                )
        return rows

    def _positions(self, rows: FloatArray) -> int:
        return int(rows.shape[1] // self.patch)

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        layers, one, two = self._layers(), self._leaves(X), self._leaves(Y)
        q = [v[:, None] for v in layers.variances(self._squares(one), layers.means)]
        r = [v[None] for v in layers.variances(self._squares(two), layers.means)]
        products = np.einsum("ipc,jpc->ijp", one, two) / self.patch
        out = layers.through(products, q, r)
        out += float(self.bias_variance)
        return out.astype(X.dtype, copy=False)

    def _diagonal(self, X: FloatArray) -> FloatArray:
        layers, squares = self._layers(), self._squares(self._leaves(X))
        out = layers.through(squares, layers.variances(squares, layers.means), None)
        out += float(self.bias_variance)
        return out.astype(X.dtype, copy=False)

    def _leaves(self, X: FloatArray) -> FloatArray:
        """Patches as (n, leaves, patch), in float64; normalised ones have a mean square of 1."""
        leaves = X.reshape(len(X), self._positions(X), self.patch).astype(np.float64)
        if self.normalize:
            leaves *= self.patch**0.5 / np.linalg.norm(leaves, axis=2, keepdims=True)
        return leaves

    def _squares(self, leaves: FloatArray) -> FloatArray:
        squares: FloatArray = np.vecdot(leaves, leaves) / self.patch
        return squares

    def _layers(self) -> Layers:
        means: list[Mean] = [np.array, *(_mean_of(children) for children in self.fan_in)]
        return self._network(means, lambda array: np.asarray(array.mean(axis=-1)))


def _mean_of(children: int) -> Mean:
    def mean(array: FloatArray) -> FloatArray:
        parents = array.shape[-1] // children
        return np.asarray(array.reshape(*array.shape[:-1], parents, children).mean(axis=-1))

    return mean


class HierarchicalNNGP(_Hierarchical):
    """The Gaussian process of a deep convolutional network whose patches do not overlap.

    A row is cut into patches x_p of ``patch`` numbers, and ``fan_in[l]`` nodes make one of the
    next layer, as in a tree. With w and b the variances of weights and biases,

        K_1[p] = w <x_p, y_p> / patch + b,    K_{l+1}[p] = w mean_c E[f(u_c) f(v_c)] + b

    over the children c of p, (u, v) normal with the covariances K_l. The output is the mean over
    all nodes that are left, of another layer of weights. Weights may be shared by nodes or not.

    What a target needs decides how fast it is learnt: one that depends on a few neighbouring
    patches only, as fast as in as many dimensions as those have.

    Args:
        patch: numbers in a patch. fan_in: children of a node, for each layer above the first;
            ``len(fan_in) + 1`` is the number of hidden layers.
        activation: a name or an `Activation`.
        normalize: bring each patch to length ``sqrt(patch)``: rows are points on a product of
            spheres. With ReLU and w = 2, then k(x, x) = 2.
        weight_variance: w; None keeps variances of 1: ``1 / E[f(z)^2]``, which is 2 for ReLU.
        bias_variance: b. bounds: see `Kernel`.

    Raises:
        DimensionMismatch: ``patch`` times all of ``fan_in`` does not divide the columns.
        InvalidVector: a patch of zeros, with ``normalize``.

    Cost: n m (columns + 2 leaves) operations; memory is that of a tile.

    Source: F. Cagnetta, A. Favero and M. Wyart, "What can be learnt with wide convolutional
    neural networks?", ICML 2023.

    Example:
        >>> X = np.random.default_rng(0).standard_normal((3, 8))
        >>> HierarchicalNNGP(patch=2, fan_in=(2, 2)).diag(X).round(6).tolist()
        [2.0, 2.0, 2.0]
    """

    name = "hierarchical_nngp"
    tangent = False


class HierarchicalNTK(_Hierarchical):
    """The neural tangent kernel of a deep convolutional network whose patches do not overlap.

    With K_l as in `HierarchicalNNGP`, ``T_1 = K_1`` and
    ``T_{l+1}[p] = K_{l+1}[p] + w mean_c E[f'(u_c) f'(v_c)] T_l[c]``.

    Rows, arguments, errors and source: as `HierarchicalNNGP`. Cost: about twice as much.

    Example:
        >>> X = np.random.default_rng(0).standard_normal((3, 8))
        >>> HierarchicalNTK(patch=2, fan_in=(2, 2)).diag(X).round(6).tolist()  # 4 layers
        [8.0, 8.0, 8.0]
    """

    name = "hierarchical_ntk"
    tangent = True
