"""`GaussianProcessRegressor`: a distribution of functions, and what the data leave of it."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType, OverLimit
from likewise.index import Index
from likewise.kernels.base import Kernel
from likewise.kernels.classical.rbf import RBF
from likewise.kernels.machines._linear import Float64Array
from likewise.kernels.machines._machine import KernelMachine
from likewise.kernels.machines._marginal import Learning, climb, log_evidence
from likewise.kernels.machines._solver import take
from likewise.kernels.machines.ridge import Method

#: What the noise is learnt within.
NOISE_BOUNDS = (1e-8, 1e5)


class GaussianProcess(KernelMachine):
    """What both Gaussian processes share: learning, and the usual kernel."""

    _ridge_name = "noise"
    _keeps = True

    optimizer: str | None
    n_restarts: int
    learn_rows: int

    def _usual_kernel(self, numbers: int) -> Kernel:
        return 1.0 * RBF(length=float(np.sqrt(numbers)))

    def _check_learning(self) -> None:
        if self.optimizer is not None and self.optimizer != "lbfgs":
            raise InvalidArgument(f'optimizer must be "lbfgs" or None; got {self.optimizer!r:.60}')
        check_count("n_restarts", self.n_restarts, minimum=0)
        check_count("learn_rows", self.learn_rows, minimum=2)

    def _some_rows(self, count: int, kernel: Kernel) -> Any:
        """The rows that are learnt from: all, or ``learn_rows`` drawn at random."""
        some = min(count, self.learn_rows)
        size = 8.0 * some * some * (5 + len(kernel.theta))
        if self.memory_limit is not None and size > self.memory_limit:
            raise OverLimit(
                f"learning hyper-parameters from {some:,} rows takes {size / 1e6:,.1f} MB, over "
                f"memory_limit = {self.memory_limit / 1e6:,.1f} MB; take a smaller learn_rows, or "
                "optimizer=None"
            )
        if count <= self.learn_rows:
            return np.arange(count)
        rng = np.random.default_rng(self.random_state)
        return np.sort(rng.choice(count, size=self.learn_rows, replace=False))


class _Regressor(MultiOutputMixin, RegressorMixin):  # type: ignore[misc]
    """scikit-learn's words for what learns several numbers."""


class GaussianProcessRegressor(_Regressor, GaussianProcess):
    """``y = f(x) + e``, f a Gaussian process with covariance k, e normal of variance ``noise``.

    The mean is that of `KernelRidge` with ``ridge = noise``; beside it stand the variance,
    ``k(x, x) - k(x, X) (K + noise I)^-1 k(X, x)``, of f (without noise), and the evidence.

    Args:
        kernel: any; None is ``1.0 * RBF(length=sqrt(numbers in a row))``.
        noise: the variance of e, scikit-learn's ``alpha``: where learning starts, or what is kept.
        noise_bounds: what it is learnt within, or "fixed".
        optimizer: "lbfgs" climbs the marginal likelihood in the logarithms of the kernel's
            hyper-parameters and the noise; None keeps them.
        n_restarts: more starts, drawn from within the bounds.
        learn_rows: hyper-parameters are learnt from at most so many rows, drawn at random, by the
            exact likelihood, whatever ``method`` then solves for all rows.
        normalize_y: learn ``(y - mean) / deviation``, and turn answers back.
        method, n_landmarks, landmarks, n_features, tol, max_iter, rank, index, k, memory_limit,
        random_state, n_jobs, verbose: see `KernelRidge`. "nystrom" adds to the variance what
            landmarks leave out (the deterministic training conditional); "cg" solves for each
            query; "local" has no covariance of several rows, and so no samples.

    Attributes:
        kernel_, noise_: as learnt. learning_: how that ended (`Learning`), None without it.
        log_marginal_likelihood_: of all targets as they were learnt, summed over outputs; with
            "nystrom" and "features" of the process that they stand for; None with "cg" and
            "local", which do not have it.
        offset_, scale_: what ``normalize_y`` took away and divided by.
        plan_, method_, jitter_: see `KernelMachine`.

    Raises:
        NotPositiveDefinite, NotConverged, OverLimit: see `KernelRidge`.

    Cost: a step of learning takes n^3 multiplications and the kernel's gradient, n^2 numbers a
    hyper-parameter, for n up to ``learn_rows``; the rest is that of `KernelRidge`.

    Source: C. Rasmussen and C. Williams, "Gaussian processes for machine learning", 2006.

    Example:
        >>> from likewise.kernels import RBF
        >>> from likewise.kernels.machines import GaussianProcessRegressor
        >>> X = np.linspace(0, 6, 20)[:, None]
        >>> model = GaussianProcessRegressor(1.0 * RBF(), noise=1e-4).fit(X, np.sin(X[:, 0]))
        >>> mean, std = model.predict([[1.5], [20.0]], return_std=True)
        >>> bool(abs(mean[0] - np.sin(1.5)) < 0.01), bool(std[0] < 0.05 < std[1])
        (True, True)
    """

    @suggest_arguments
    def __init__(
        self,
        kernel: Kernel | None = None,
        noise: float = 0.01,
        *,
        noise_bounds: Any = NOISE_BOUNDS,
        optimizer: Literal["lbfgs"] | None = "lbfgs",
        n_restarts: int = 0,
        learn_rows: int = 1500,
        normalize_y: bool = False,
        method: Method = "auto",
        n_landmarks: int | None = None,
        landmarks: Any = None,
        n_features: int | None = None,
        tol: float | None = None,
        max_iter: int | None = None,
        rank: int | None = None,
        index: Index | None = None,
        k: int | None = None,
        memory_limit: float | None = None,
        random_state: int | None = 0,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.kernel = kernel
        self.noise = noise
        self.noise_bounds = noise_bounds
        self.optimizer = optimizer
        self.n_restarts = n_restarts
        self.learn_rows = learn_rows
        self.normalize_y = normalize_y
        self.method = method
        self.n_landmarks = n_landmarks
        self.landmarks = landmarks
        self.n_features = n_features
        self.tol = tol
        self.max_iter = max_iter
        self.rank = rank
        self.index = index
        self.k = k
        self.memory_limit = memory_limit
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Learn ``y``, (n,) or (n, outputs), of the rows ``X``; outputs share the kernel."""
        options = self._check_options()
        self._check_learning()
        bounds, noise = self._check_noise()
        rows = self._check_rows(X, reset=True)
        Y, single = self._check_targets(y, len(rows))
        self.offset_, self.scale_ = np.zeros(Y.shape[1]), np.ones(Y.shape[1])
        if self.normalize_y:
            self.offset_, deviation = Y.mean(axis=0), Y.std(axis=0)
            self.scale_ = np.where(deviation > 0, deviation, 1.0)
        Y = (Y - self.offset_) / self.scale_
        kernel = self._kernel_for(rows)
        # Refused before anything is learnt.
        solver = self._solver(self._problem(kernel, rows, Y.shape[1], options), rows)
        kernel, self.noise_, self.learning_ = self._learn(kernel, noise, bounds, rows, Y)
        solver = type(solver)(self._problem(kernel, rows, Y.shape[1], options))
        solver.fit(rows, Y, self.noise_)
        self.log_marginal_likelihood_ = solver.log_evidence(Y)
        return self._keep(solver, kernel, single)

    def _check_noise(self) -> tuple[tuple[float, float] | None, float]:
        noise = check_number("noise", self.noise)
        if noise <= 0:
            raise InvalidArgument(f"noise must be positive; got {self.noise!r}")
        if isinstance(self.noise_bounds, str) and self.noise_bounds == "fixed":
            return None, noise
        try:
            low, high = (check_number("noise_bounds", end) for end in self.noise_bounds)
        except (TypeError, ValueError):
            raise InvalidType(
                f'noise_bounds must be (low, high) or "fixed"; got {self.noise_bounds!r:.60}'
            ) from None
        if not 0 < low < high:
            raise InvalidArgument(f"noise_bounds must be 0 < low < high; got ({low:g}, {high:g})")
        return (low, high), noise

    def _learn(
        self,
        kernel: Kernel,
        noise: float,
        bounds: tuple[float, float] | None,
        rows: Any,
        Y: Float64Array,
    ) -> tuple[Kernel, float, Learning | None]:
        """The kernel and the noise with the highest evidence."""
        fixed = bounds is None
        if self.optimizer is None or (fixed and not len(kernel.theta)):
            return kernel, noise, None
        some = self._some_rows(len(rows), kernel)
        X, targets = take(rows, some), Y[some]

        def objective(x: Float64Array) -> tuple[float, Float64Array]:
            here = noise if fixed else float(np.exp(x[-1]))
            moved = kernel.with_theta(x if fixed else x[:-1])
            value, slopes = log_evidence(moved, X, targets, here)
            return value, slopes[:-1] if fixed else slopes

        start, within = kernel.theta, kernel.theta_bounds
        if bounds is not None:
            start = np.append(start, np.log(noise))
            within = np.vstack([within, np.log(bounds)])
        best, learning = climb(objective, start, within, self.n_restarts, self.random_state)
        learning = learning._replace(rows=len(some))
        if fixed:
            return kernel.with_theta(best), noise, learning
        return kernel.with_theta(best[:-1]), float(np.exp(best[-1])), learning

    def predict(self, X: Any, return_std: bool = False, return_cov: bool = False) -> Any:
        """The mean of f, and with it its standard deviation or covariance.

        Returns:
            mean (m,) or (m, outputs); with ``return_std`` also one of the same shape; with
            ``return_cov`` also (m, m) or (m, m, outputs). Both are of f; add ``noise_`` to the
            variance for that of a new observation.

        Raises:
            InvalidArgument: both are asked for, or the covariance with ``method="local"``.
        """
        if return_std and return_cov:
            raise InvalidArgument("return_std and return_cov: ask for one of them")
        rows = self._fitted(X)
        mean = self.solver_.mean(rows) * self.scale_ + self.offset_
        mean = mean[:, 0] if self._single else mean
        if return_std:
            std = np.sqrt(self.solver_.variance(rows))
            return mean, std * self.scale_[0] if self._single else np.outer(std, self.scale_)
        if return_cov:
            cov = self.solver_.covariance(rows)
            many = cov[:, :, None] * self.scale_**2
            return mean, many[:, :, 0] if self._single else many
        return mean

    def _contributions(self, rows: Any) -> Float64Array:
        return np.asarray(self.solver_.contributions(rows) * self.scale_)

    def sample_y(self, X: Any, n_samples: int = 1, random_state: int | None = 0) -> Float64Array:
        """Functions drawn from the posterior, at the rows ``X``.

        Returns:
            (m, n_samples), or (m, outputs, n_samples).

        Raises:
            InvalidArgument: ``method="local"``.

        Cost: m^3.
        """
        count = check_count("n_samples", n_samples)
        mean, cov = self.predict(X, return_cov=True)
        rng = np.random.default_rng(random_state)
        if self._single:
            draws = rng.standard_normal((len(mean), count))
            return np.asarray(mean[:, None] + root(cov) @ draws)
        draws = rng.standard_normal((mean.shape[1], len(mean), count))
        parts = [mean[:, [j]] + root(cov[:, :, j]) @ draws[j] for j in range(mean.shape[1])]
        return np.stack(parts, axis=1)


def root(cov: Float64Array) -> Float64Array:
    """R with ``R R^T = cov``; eigenvalues below 0 by rounding count as 0."""
    values, vectors = np.linalg.eigh((cov + cov.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
