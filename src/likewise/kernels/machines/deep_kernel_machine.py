"""`DeepKernelMachine`: a deep Gaussian process of infinite width that still learns features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument, NotPositiveDefinite, OverLimit
from likewise.kernels._rows import as_rows
from likewise.kernels.classical.rbf import RBF
from likewise.kernels.machines._deep import (
    TOGETHER,
    Deep,
    Parameters,
    full_objective,
    posterior,
    sparse_objective,
    sums,
)
from likewise.kernels.machines._deep_learning import Packing, Start, climb_layers, one_thread
from likewise.kernels.machines._gram_kernels import GRAM_KERNELS, import_torch
from likewise.kernels.machines._landmarks import choose_landmarks
from likewise.kernels.machines._linear import Float64Array
from likewise.kernels.machines._machine import _NotFitted, checked_table, checked_targets

if TYPE_CHECKING:
    from torch import Tensor

#: Arrays (P, P) a layer, and (block, P) a layer, that a step and L-BFGS hold; as measured.
SQUARES, PANELS = 38, 65


class DeepKernelMachine(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Learnt Gram matrices between kernels, instead of weights between activations.

    The Gram matrices ``G_1 .. G_L`` of the hidden layers maximise

        sum_c ln N(y_c; 0, a K(G_L) + noise I) - sum_l nu_l KL(N(0, G_l) || N(0, K(G_{l-1}))),

    where ``K(G)`` is the kernel of rows with inner products G, and ``G_0 = w X X^T / d + bias``.
    It is the limit of wide deep Gaussian processes in which the output is as wide as the layers,
    so that targets still shape them; with an infinite nu nothing does, and what is left is the
    Gaussian process of the infinite network (NNGP).

    With inducing rows Z, only their Gram matrices are learnt; those of all other rows follow as
    the prior says, and the likelihood is that of a sparse Gaussian process. L-BFGS climbs from
    ``G_l = K(G_{l-1})``, in V with ``G = C V V^T C^T``, ``K = C C^T``.

    Args:
        kernel: "arccosine" (layers of ReLU; ``w = 2``, He's weights), "rbf", or "linear".
        depth: how many Gram matrices are learnt; there are ``depth + 1`` kernels. 0 is a sparse
            Gaussian process with that kernel.
        nu: how much each layer holds to its prior: its width in outputs; one number, or one a
            layer; ``inf`` keeps the prior.
        n_inducing: how many inducing rows; all rows where there are no more, or with None.
        length: of the "rbf" kernels, in the units of ``|x| / sqrt(d)``. amplitude: a. noise: a
            variance, of the targets as they are learnt.
        bias_variance: is added to the input's Gram matrix and to each kernel.
        learn_hyperparameters: lengths, amplitude and noise are learnt too.
        learn_inducing: inducing rows move too; never where they are all rows.
        normalize_y: learn ``(y - mean) / deviation``, and turn answers back.
        max_iter: steps of L-BFGS. tol: it stops where the objective gains relatively less.
        jitter: what is added to the diagonal of a kernel that is factored, over its mean.
        memory_limit: bytes that `fit` may use; None is no limit.
        random_state: of the choice of inducing rows (k-means++ seeding).

    Attributes:
        objective_: reached; objectives_: at the start and after every step, never falling.
        n_iter_, converged_: of L-BFGS. sparse_: whether inducing rows are fewer than rows.
        inducing_: (P, d). grams_: (depth, P, P), learnt. divergences_: (depth,), KL of each
            layer; nan where its prior is kept.
        lengths_, amplitude_, noise_: as learnt; the last one in squared units of the targets,
            (outputs,) where there are several.

    Raises:
        MissingExtra: torch is not installed. NotPositiveDefinite: a kernel cannot be factored at
        the start; take a larger ``jitter``. OverLimit: the plan is over ``memory_limit``.

    Chance: the same seed gives the same bytes; torch runs with one thread for that.

    Cost: a step takes (depth + 2) (P^3 + n P^2) multiplications times a few. Memory is about
    ``8 (depth + 1) P (38 P + 65 min(n, 1024))`` bytes, without the last term where all rows are
    inducing: beside the rows themselves it does not grow with n.

    Source: A. Yang, M. Robeyns, E. Milsom, B. Anson, N. Schoots and L. Aitchison, "A theory of
    representation learning gives a deep generalisation of kernel methods", ICML 2023.

    Example:
        >>> from likewise.kernels.machines import DeepKernelMachine
        >>> X = np.linspace(-2, 2, 30)[:, None]
        >>> model = DeepKernelMachine("rbf", depth=1, n_inducing=10, max_iter=50)
        >>> mean, std = model.fit(X, np.sin(2 * X[:, 0])).predict([[0.5], [9.0]], return_std=True)
        >>> bool(abs(mean[0] - np.sin(1.0)) < 0.05), bool(std[1] > 5 * std[0])
        (True, True)
    """

    @suggest_arguments
    def __init__(
        self,
        kernel: Literal["arccosine", "rbf", "linear"] = "arccosine",
        depth: int = 2,
        nu: float | Sequence[float] = 1.0,
        *,
        n_inducing: int | None = 100,
        length: float = 1.0,
        amplitude: float = 1.0,
        noise: float = 0.1,
        bias_variance: float = 0.0,
        learn_hyperparameters: bool = True,
        learn_inducing: bool = True,
        normalize_y: bool = True,
        max_iter: int = 200,
        tol: float = 1e-7,
        jitter: float = 1e-8,
        memory_limit: float | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.kernel = kernel
        self.depth = depth
        self.nu = nu
        self.n_inducing = n_inducing
        self.length = length
        self.amplitude = amplitude
        self.noise = noise
        self.bias_variance = bias_variance
        self.learn_hyperparameters = learn_hyperparameters
        self.learn_inducing = learn_inducing
        self.normalize_y = normalize_y
        self.max_iter = max_iter
        self.tol = tol
        self.jitter = jitter
        self.memory_limit = memory_limit
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn ``y``, (n,) or (n, outputs), of the rows ``X``; outputs share the layers."""
        torch = import_torch()
        deep = self._check()
        rows = as_rows(checked_table(self, X, reset=True), "X")
        Y, self._single = checked_targets(y, len(rows))
        self.offset_, self.scale_ = np.zeros(Y.shape[1]), np.ones(Y.shape[1])
        if self.normalize_y:
            self.offset_, deviation = Y.mean(axis=0), Y.std(axis=0)
            self.scale_ = np.where(deviation > 0, deviation, 1.0)
        Y = (Y - self.offset_) / self.scale_
        inducing = self._inducing(rows)
        self.sparse_ = len(inducing) < len(rows)
        moves = self.learn_inducing and self.sparse_
        start = Start(
            inducing, self.length, self.amplitude, self.noise, moves, self.learn_hyperparameters
        )
        packing = Packing(deep, start)
        with one_thread():
            inputs, targets = torch.from_numpy(rows.copy()), torch.from_numpy(Y)

            def objective(p: Parameters) -> Tensor:
                if self.sparse_:
                    return sparse_objective(deep, p, inputs, targets)
                return full_objective(deep, p, targets)

            try:
                found = climb_layers(objective, packing, self.max_iter, self.tol)
                best, self.objectives_, self.converged_ = found
                with torch.no_grad():
                    self._keep(deep, packing.unpack(torch.from_numpy(best)), inputs, targets)
            except torch.linalg.LinAlgError:
                raise NotPositiveDefinite(
                    f"kernel={self.kernel!r}: its matrix of {len(inducing)} inducing rows cannot "
                    f"be factored with jitter = {self.jitter:g}; take a larger one, such as "
                    f"{max(100 * self.jitter, 1e-8):g}, or fewer n_inducing"
                ) from None
        self.n_iter_ = len(self.objectives_) - 1
        self.objective_ = float(self.objectives_[-1])
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The mean of f, and with ``return_std`` its standard deviation.

        Returns:
            (m,) or (m, outputs), twice with ``return_std``; add ``noise_`` to the variance for
            that of a new observation.
        """
        torch = import_torch()
        try:
            check_is_fitted(self, "weights_")
        except NotFittedError:
            raise _NotFitted("DeepKernelMachine has learnt nothing; call fit(X, y)") from None
        rows = as_rows(checked_table(self, X, reset=False), "X")
        with one_thread(), torch.no_grad():
            mean, variance = self._predict(torch.from_numpy(rows.copy()))
        mean = mean * self.scale_ + self.offset_
        std = np.sqrt(variance)[:, None] * self.scale_
        mean, std = (mean[:, 0], std[:, 0]) if self._single else (mean, std)
        return (mean, std) if return_std else mean

    # -- checks ---------------------------------------------------------------------

    def _check(self) -> Deep:
        if not isinstance(self.kernel, str) or self.kernel not in GRAM_KERNELS:
            raise InvalidArgument(
                f"kernel must be {', '.join(GRAM_KERNELS)}: a kernel of Gram matrices; "
                f"got {self.kernel!r:.60}"
            )
        depth = check_count("depth", self.depth, minimum=0)
        check_count("max_iter", self.max_iter)
        if self.n_inducing is not None:
            check_count("n_inducing", self.n_inducing)
        if self.random_state is not None:
            check_count("random_state", self.random_state, minimum=0)
        for name in ("length", "amplitude", "noise", "jitter", "tol"):
            if check_number(name, getattr(self, name)) <= 0:
                raise InvalidArgument(f"{name} must be positive; got {getattr(self, name)!r}")
        bias = check_number("bias_variance", self.bias_variance)
        if bias < 0:
            raise InvalidArgument(f"bias_variance must not be negative; got {bias:g}")
        if self.memory_limit is not None and check_number("memory_limit", self.memory_limit) <= 0:
            raise InvalidArgument(f"memory_limit must be positive; got {self.memory_limit!r}")
        return Deep(GRAM_KERNELS[self.kernel], self._nus(depth), bias, self.jitter)

    def _nus(self, depth: int) -> tuple[float, ...]:
        many = isinstance(self.nu, Sequence | np.ndarray) and not isinstance(self.nu, str)
        given: Any = list(self.nu) if many else [self.nu] * depth  # type: ignore[arg-type]
        try:
            nus = tuple(float(nu) for nu in given)
        except (TypeError, ValueError):
            raise InvalidArgument(
                f"nu must be a positive number, or one a layer; got {self.nu!r:.60}"
            ) from None
        if len(nus) != depth:
            raise InvalidArgument(f"nu: expected one number, or depth = {depth}; got {len(nus)}")
        if not all(nu > 0 for nu in nus):
            raise InvalidArgument(f"nu must be positive in every layer; got {self.nu!r:.60}")
        return nus

    def _inducing(self, rows: Any) -> Float64Array:
        count = len(rows) if self.n_inducing is None else min(self.n_inducing, len(rows))
        block = min(TOGETHER, len(rows))
        panels = PANELS * block if count < len(rows) else 0
        size = 8.0 * count * (self.depth + 1) * (SQUARES * count + panels)
        if self.memory_limit is not None and size > self.memory_limit:
            raise OverLimit(
                f"{self.depth} layers of {count:,} inducing rows take about {size / 1e6:,.1f} MB, "
                f"over memory_limit = {self.memory_limit / 1e6:,.1f} MB; take a smaller n_inducing"
            )
        if count == len(rows):
            return np.array(rows)
        kernel = RBF(length=float(np.sqrt(rows.shape[1])))
        # Equal rows would make a kernel singular: fewer are chosen where there are no more.
        return np.array(choose_landmarks(kernel, rows, count, "kmeans++", self.random_state))

    # -- after learning -------------------------------------------------------------

    def _keep(self, deep: Deep, p: Parameters, X: Tensor, Y: Tensor) -> None:
        """What predictions need, in numpy: the parameters and the posterior of the last layer."""
        import torch

        self._deep, tower = deep, deep.tower(p)
        total = sums(deep, p, tower, X, Y)
        lower = posterior(p, total)
        share = p.amplitude / p.noise
        weights = share * torch.cholesky_solve(total.targets, lower)
        self.weights_, self._posterior = weights.numpy(), lower.numpy()
        self.inducing_ = p.inducing.numpy().copy()
        self.lengths_, self.amplitude_ = p.lengths.numpy().copy(), float(p.amplitude)
        self._noise = float(p.noise)
        noise = self._noise * self.scale_**2
        self.noise_ = float(noise[0]) if self._single else noise
        self._factors = [None if V is None else V.numpy() for V in p.factors]
        P = len(p.inducing)
        self.grams_ = np.array([G.numpy() for G in tower.grams]).reshape(-1, P, P)
        self.divergences_ = np.array(
            [
                np.nan if V is None else float(found)
                for V, found in zip(p.factors, tower.divergences, strict=True)
            ]
        )

    def _predict(self, X: Tensor) -> tuple[Float64Array, Float64Array]:
        import torch

        deep = self._deep
        factors = tuple(None if V is None else torch.from_numpy(V) for V in self._factors)
        p = Parameters(
            torch.from_numpy(self.inducing_),
            factors,
            torch.from_numpy(self.lengths_),
            torch.tensor(self.amplitude_, dtype=torch.float64),
            torch.tensor(self._noise, dtype=torch.float64),
        )
        tower = deep.tower(p)
        lower, weights = deep.lower(tower.top), torch.from_numpy(self.weights_)
        means, variances = [], []
        for rows in torch.split(X, TOGETHER):
            cross, own = deep.rows(tower, p, rows)
            W = torch.linalg.solve_triangular(lower, cross.T, upper=False)
            half = torch.linalg.solve_triangular(torch.from_numpy(self._posterior), W, upper=False)
            means.append(W.T @ weights)
            left = (own - (W**2).sum(dim=0)).clamp(min=0.0) + (half**2).sum(dim=0)
            variances.append(p.amplitude * left)
        return torch.cat(means).numpy(), torch.cat(variances).numpy()
