"""Layers of Gram matrices, and how good they are: the objectives of deep kernel machines."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from likewise.kernels.machines._gram_kernels import GramKernel

if TYPE_CHECKING:
    from torch import Tensor

#: Rows that pass through the layers at a time; what they need is computed again for slopes.
TOGETHER = 1024
LOG_2_PI = math.log(2 * math.pi)


class Parameters(NamedTuple):
    """What is learnt.

    Attributes:
        inducing: (P, d) rows.
        factors: V of each layer, (P, P) lower triangular; None where the prior is kept.
        lengths: (depth + 1,), of each kernel. amplitude: of the last one. noise: a variance.
    """

    inducing: Tensor
    factors: tuple[Tensor | None, ...]
    lengths: Tensor
    amplitude: Tensor
    noise: Tensor


class Layer(NamedTuple):
    """A layer at the inducing rows, whose kernel there is ``K = C C^T``.

    Attributes:
        squares: (P,), the diagonal of the Gram matrix that the layer's kernel is of.
        prior: C. factor: V. root: C V, so that ``G = C V V^T C^T`` is the learnt Gram matrix.
        The three are None where the prior is kept, and ``G = K``.
    """

    squares: Tensor
    prior: Tensor | None
    factor: Tensor | None
    root: Tensor | None


class Tower(NamedTuple):
    """All layers at the inducing rows.

    Attributes:
        squares: (P,), the diagonal of the Gram matrix that the last kernel is of.
        top: (P, P), the last kernel, of amplitude 1.
        grams: the Gram matrices of the hidden layers.
        divergences: ``KL(N(0, G) || N(0, K))`` of each hidden layer.
    """

    layers: list[Layer]
    squares: Tensor
    top: Tensor
    grams: list[Tensor]
    divergences: list[Tensor]


class Deep(NamedTuple):
    """A deep kernel machine without its parameters.

    Attributes:
        nus: of each hidden layer. bias: is added to the input's Gram matrix and to every kernel.
        jitter: this share of its mean diagonal is added to a kernel before it is factored.
    """

    kernel: GramKernel
    nus: tuple[float, ...]
    bias: float
    jitter: float

    def tower(self, p: Parameters) -> Tower:
        """The layers at the inducing rows. Cost: (depth + 1) P^3."""
        import torch

        layers, grams, divergences = [], [], []
        gram = self._input(p.inducing, p.inducing)
        for factor, length in zip(p.factors, p.lengths, strict=False):
            squares = torch.diagonal(gram)
            K = self._cross(gram, squares, squares, length)
            if factor is None:
                layers.append(Layer(squares, None, None, None))
                gram = K
                divergences.append(torch.zeros_like(length))
            else:
                prior = self.lower(K)
                root = prior @ factor
                layers.append(Layer(squares, prior, factor, root))
                gram = root @ root.T
                log_determinant = 2 * torch.log(torch.diagonal(factor)).sum()
                divergences.append(0.5 * ((factor**2).sum() - log_determinant - len(factor)))
            grams.append(gram)
        squares = torch.diagonal(gram)
        top = self._cross(gram, squares, squares, p.lengths[-1])
        return Tower(layers, squares, top, grams, divergences)

    def rows(self, tower: Tower, p: Parameters, X: Tensor) -> tuple[Tensor, Tensor]:
        """The last kernel of other rows with the inducing ones, (n, P), and with themselves, (n,).

        A row's features, given those of the inducing rows, are distributed as the prior says:
        ``G_ti = K_ti K_ii^-1 G_ii``, and what K_ii leaves unexplained of K_tt stays in G_tt.

        Cost: (depth + 1) n P^2.
        """
        import torch

        cross = self._input(X, p.inducing)
        squares = self.kernel.weight * (X**2).mean(dim=1) + self.bias
        for layer, length in zip(tower.layers, p.lengths, strict=False):
            cross = self._cross(cross, squares, layer.squares, length)
            squares = self.kernel.diagonal(squares) + self.bias
            if layer.prior is None or layer.factor is None or layer.root is None:
                continue
            W = torch.linalg.solve_triangular(layer.prior, cross.T, upper=False)
            learnt = layer.factor.T @ W
            cross = (layer.root @ learnt).T
            squares = (squares - (W**2).sum(dim=0)).clamp(min=0.0) + (learnt**2).sum(dim=0)
        cross = self._cross(cross, squares, tower.squares, p.lengths[-1])
        return cross, self.kernel.diagonal(squares) + self.bias

    def lower(self, K: Tensor) -> Tensor:
        """The Cholesky factor of K with its jitter."""
        import torch

        share = self.jitter * torch.diagonal(K).mean()
        factor: Tensor = torch.linalg.cholesky(K + share * torch.eye(len(K), dtype=K.dtype))
        return factor

    def penalty(self, tower: Tower) -> Tensor:
        """``sum_l nu_l KL_l``, without the layers that keep their prior."""
        import torch

        found = [
            nu * divergence
            for nu, divergence, layer in zip(self.nus, tower.divergences, tower.layers, strict=True)
            if layer.factor is not None
        ]
        return torch.stack(found).sum() if found else torch.zeros((), dtype=tower.top.dtype)

    def _input(self, X: Tensor, Z: Tensor) -> Tensor:
        return self.kernel.weight / X.shape[1] * (X @ Z.T) + self.bias

    def _cross(self, G: Tensor, rows: Tensor, columns: Tensor, length: Tensor) -> Tensor:
        return self.kernel.cross(G, rows, columns, length) + self.bias


def full_objective(deep: Deep, p: Parameters, Y: Tensor) -> Tensor:
    """``sum_c ln N(y_c; 0, a K(G^L) + noise I) - sum_l nu_l KL_l``, all rows being inducing.

    Cost: (depth + 2) n^3.

    Source: A. Yang and others, "A theory of representation learning gives a deep generalisation
    of kernel methods", ICML 2023.
    """
    import torch

    tower = deep.tower(p)
    n, outputs = Y.shape
    C = p.amplitude * tower.top + p.noise * torch.eye(n, dtype=Y.dtype)
    lower = torch.linalg.cholesky(C)
    half = torch.linalg.solve_triangular(lower, Y, upper=False)
    log_determinant = 2 * torch.log(torch.diagonal(lower)).sum()
    value: Tensor = -0.5 * ((half**2).sum() + outputs * (log_determinant + n * LOG_2_PI))
    return value - deep.penalty(tower)


class Sums(NamedTuple):
    """What the rows add up to: ``W W^T``, ``W Y`` and ``sum k_tt - |W|^2``, W = C^-1 K_it."""

    squared: Tensor
    targets: Tensor
    unexplained: Tensor


def sums(deep: Deep, p: Parameters, tower: Tower, X: Tensor, Y: Tensor) -> Sums:
    """`Sums` over all rows, in blocks. Cost: (depth + 2) n P^2."""
    import torch
    from torch.utils.checkpoint import checkpoint

    lower = deep.lower(tower.top)

    def of(rows: Tensor, targets: Tensor) -> Sums:
        cross, own = deep.rows(tower, p, rows)
        W = torch.linalg.solve_triangular(lower, cross.T, upper=False)
        return Sums(W @ W.T, W @ targets, own.sum() - (W**2).sum())

    blocks = list(zip(torch.split(X, TOGETHER), torch.split(Y, TOGETHER), strict=True))
    run: Callable[..., Sums] = of
    if len(blocks) > 1:

        def run(rows: Tensor, targets: Tensor) -> Sums:
            found: Sums = checkpoint(
                of, rows, targets, use_reentrant=False, preserve_rng_state=False
            )
            return found

    total = run(*blocks[0])
    for block in blocks[1:]:
        total = Sums(*(a + b for a, b in zip(total, run(*block), strict=True)))
    return total


def sparse_objective(deep: Deep, p: Parameters, X: Tensor, Y: Tensor) -> Tensor:
    """The same with the Gram matrices of P inducing rows, and a bound for the likelihood of all.

    The likelihood is that of a sparse Gaussian process with the best outputs of the inducing
    rows: ``ln N(y; 0, Q + noise I) - tr(K - Q) / (2 noise)``, ``Q = K_ti K_ii^-1 K_it``. With
    all rows inducing it is `full_objective`; values for several P do not compare.

    Cost: (depth + 2) (P^3 + n P^2).

    Source: M. Titsias, "Variational learning of inducing variables in sparse Gaussian processes",
    AISTATS 2009.
    """
    import torch

    tower = deep.tower(p)
    total = sums(deep, p, tower, X, Y)
    n, outputs = Y.shape
    share = p.amplitude / p.noise
    lower = posterior(p, total)
    half = torch.linalg.solve_triangular(lower, total.targets, upper=False)
    fit = ((Y**2).sum() - share * (half**2).sum()) / p.noise
    log_determinant = n * torch.log(p.noise) + 2 * torch.log(torch.diagonal(lower)).sum()
    value: Tensor = fit + outputs * (log_determinant + n * LOG_2_PI + share * total.unexplained)
    return -0.5 * value - deep.penalty(tower)


def posterior(p: Parameters, total: Sums) -> Tensor:
    """The Cholesky factor of ``I + (amplitude / noise) W W^T``."""
    import torch

    eye = torch.eye(len(total.squared), dtype=total.squared.dtype)
    factor: Tensor = torch.linalg.cholesky(eye + p.amplitude / p.noise * total.squared)
    return factor
