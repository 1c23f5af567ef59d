"""`ScaleMixture`: a Gaussian process whose scale is uncertain, such as a Student-t process."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels.base import Kernel
from likewise.kernels.machines._linear import Float64Array
from likewise.kernels.machines._machine import NO_TARGETS
from likewise.kernels.machines._marginal import Learning, climb
from likewise.kernels.machines._scales import InverseGamma, Sampled, Scales, student_evidence
from likewise.kernels.machines._solver import take
from likewise.kernels.machines.gaussian_process import GaussianProcess
from likewise.kernels.machines.ridge import Method

NO_EVIDENCE = "it has no evidence, which the scale is learnt from"


class ScaleMixture(RegressorMixin, GaussianProcess):  # type: ignore[misc]
    """``f | s ~ GP(0, s k)`` with a prior on the scale s, and noise ``s noise`` beside it.

    It is the limit of wide networks with a random variance of the last layer. With s inverse
    gamma (a, b), y is a Student-t process: after n targets the degrees of freedom are
    ``2a + n``, the mean is that of the Gaussian process, and its covariance is multiplied by
    ``(2b + y^T (K + noise I)^-1 y) / (2a + n)``. Tails are heavier, and how wide they are is
    learnt from the data. One outlier still moves the mean as it moves a Gaussian process's.

    Args:
        kernel: any, for the whole function; None is ``1.0 * RBF(length=sqrt(numbers in a row))``.
        prior: of s: ``(a, b)`` of an inverse gamma distribution, or a frozen distribution of
            `scipy.stats` with positive values, by importance sampling.
        noise: the variance of the noise, in units of s.
        optimizer: "lbfgs" climbs the evidence (of (a, b) priors only) by the kernel's
            hyper-parameters and the noise; None keeps them.
        n_restarts, learn_rows: see `GaussianProcessRegressor`.
        n_samples: of s, for other priors: half from the prior, half from where the data put s.
        method: as in `KernelRidge`, without "cg" and "local", which have no evidence.
        n_landmarks, landmarks, n_features, memory_limit, random_state, n_jobs, verbose: see
            `KernelRidge`.

    Attributes:
        scales_: the posterior of s: `InverseGamma` or `Sampled`. noise_, kernel_, learning_,
        plan_, method_: see `GaussianProcessRegressor`.
        log_marginal_likelihood_: of the targets, with the scale integrated out.

    Raises:
        InvalidArgument: a prior that cannot be; learning with a prior other than (a, b).
        NotPositiveDefinite, OverLimit: see `KernelRidge`.

    Cost: that of `GaussianProcessRegressor`; other priors take n_samples numbers more a query.

    Source: H. Lee, E. Yun, H. Yang and J. Lee, "Scale mixtures of neural network Gaussian
    processes", ICLR 2022; A. Shah, A. Wilson and Z. Ghahramani, "Student-t processes as
    alternatives to Gaussian processes", AISTATS 2014.

    Example:
        >>> from likewise.kernels import RBF
        >>> from likewise.kernels.machines import ScaleMixture
        >>> X = np.linspace(0, 6, 20)[:, None]
        >>> y = 5 * np.sin(X[:, 0])
        >>> model = ScaleMixture(RBF(), prior=(2.0, 2.0), optimizer=None).fit(X, y)
        >>> low, high = model.interval([[1.5], [20.0]], level=0.9)
        >>> bool(low[0] < 5 * np.sin(1.5) < high[0]), bool(high[1] - low[1] > high[0] - low[0])
        (True, True)
    """

    @suggest_arguments
    def __init__(
        self,
        kernel: Kernel | None = None,
        prior: Any = (2.0, 2.0),
        noise: float = 0.01,
        *,
        optimizer: Literal["lbfgs"] | None = "lbfgs",
        n_restarts: int = 0,
        learn_rows: int = 1500,
        n_samples: int = 4000,
        method: Method = "auto",
        n_landmarks: int | None = None,
        landmarks: Any = None,
        n_features: int | None = None,
        memory_limit: float | None = None,
        random_state: int | None = 0,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.kernel = kernel
        self.prior = prior
        self.noise = noise
        self.optimizer = optimizer
        self.n_restarts = n_restarts
        self.learn_rows = learn_rows
        self.n_samples = n_samples
        self.method = method
        self.n_landmarks = n_landmarks
        self.landmarks = landmarks
        self.n_features = n_features
        self.memory_limit = memory_limit
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _refused(self) -> dict[str, str]:
        return {"cg": NO_EVIDENCE, "local": NO_EVIDENCE}

    def fit(self, X: Any, y: Any) -> Self:
        """Learn ``y`` (n,) of the rows ``X``."""
        options = self._check_options()
        self._check_learning()
        prior, noise = self._check_prior(), check_number("noise", self.noise)
        check_count("n_samples", self.n_samples, minimum=10)
        if noise <= 0:
            raise InvalidArgument(f"noise must be positive; got {self.noise!r}")
        rows = self._check_rows(X, reset=True)
        if y is None:
            raise InvalidArgument(NO_TARGETS)
        try:
            y = column_or_1d(y, warn=True)
        except ValueError as error:
            raise InvalidArgument(f"y: {error}") from None
        Y, _ = self._check_targets(y, len(rows))
        kernel = self._kernel_for(rows)
        solver = self._solver(self._problem(kernel, rows, 1, options), rows)
        self.learning_: Learning | None = None
        if self.optimizer is not None:
            kernel, noise = self._learn(kernel, noise, prior, rows, Y)
        self.noise_ = noise
        solver = type(solver)(self._problem(kernel, rows, 1, options)).fit(rows, Y, noise)
        self._posterior(prior, Y, solver)
        return self._keep(solver, kernel, single=True)

    def _check_prior(self) -> Any:
        """`InverseGamma`, or the frozen distribution."""
        if hasattr(self.prior, "logpdf") and hasattr(self.prior, "rvs"):
            if self.prior.support()[0] < 0:
                raise InvalidArgument(
                    f"prior: scales are positive; its support is {self.prior.support()}"
                )
            if self.optimizer is not None:
                raise InvalidArgument(
                    "prior: hyper-parameters are learnt with an inverse gamma prior (a, b) only; "
                    "pass optimizer=None"
                )
            return self.prior
        try:
            a, b = (check_number("prior", value) for value in self.prior)
        except (TypeError, ValueError):
            raise InvalidType(
                "prior must be (a, b) of an inverse gamma distribution, or a frozen distribution "
                f"of scipy.stats; got {self.prior!r:.60}"
            ) from None
        if a <= 0 or b <= 0:
            raise InvalidArgument(f"prior: a and b must be positive; got {self.prior!r}")
        return InverseGamma(a, b)

    def _learn(
        self, kernel: Kernel, noise: float, prior: InverseGamma, rows: Any, Y: Float64Array
    ) -> tuple[Kernel, float]:
        some = self._some_rows(len(rows), kernel)
        X, y = take(rows, some), Y[some, 0]

        def objective(x: Float64Array) -> tuple[float, Float64Array]:
            return student_evidence(kernel.with_theta(x[:-1]), X, y, float(np.exp(x[-1])), prior)

        start = np.append(kernel.theta, np.log(noise))
        within = np.vstack([kernel.theta_bounds, np.log([1e-8, 1e5])])
        best, learning = climb(objective, start, within, self.n_restarts, self.random_state)
        self.learning_ = learning._replace(rows=len(some))
        return kernel.with_theta(best[:-1]), float(np.exp(best[-1]))

    def _posterior(self, prior: Any, Y: Float64Array, solver: Any) -> None:
        n, fit = len(Y), float(np.vdot(Y, solver.alpha))
        determinant = -2 * solver.log_evidence(Y) - fit - n * np.log(2 * np.pi)
        self.scales_: Scales
        if isinstance(prior, InverseGamma):
            self.scales_ = prior.after(n, fit)
            evidence = prior.log_evidence(n, fit)
        else:
            rng = np.random.default_rng(self.random_state)
            self.scales_, evidence = Sampled.after(prior, n, fit, self.n_samples, rng)
        self.log_marginal_likelihood_ = float(evidence - 0.5 * determinant)

    # -- asking it ------------------------------------------------------------------

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The mean (m,) of f; with ``return_std`` also its standard deviation, without noise.

        Raises:
            InvalidArgument: the posterior has no variance (an inverse gamma with 2a + n <= 2).
        """
        rows = self._fitted(X)
        mean = self.solver_.mean(rows)[:, 0]
        if not return_std:
            return mean
        return mean, np.sqrt(self.scales_.mean() * self.solver_.variance(rows))

    def _new(self, X: Any) -> tuple[Float64Array, Float64Array]:
        """Means and, in units of s, variances of new observations."""
        rows = self._fitted(X)
        return self.solver_.mean(rows)[:, 0], self.solver_.variance(rows) + self.noise_

    def log_density(self, X: Any, y: Any) -> Float64Array:
        """(m,) logarithms of the predictive density of new observations ``y``, noise included."""
        mean, variance = self._new(X)
        targets, _ = self._check_targets(y, len(mean))
        root = np.sqrt(variance)
        return self.scales_.log_density((targets[:, 0] - mean) / root) - np.log(root)

    def interval(self, X: Any, level: float = 0.95) -> tuple[Float64Array, Float64Array]:
        """The central intervals (m,), (m,) that hold a new observation with this probability."""
        share = check_number("level", level)
        if not 0 < share < 1:
            raise InvalidArgument(f"level must be in (0, 1); got {level!r}")
        mean, variance = self._new(X)
        reach = self.scales_.quantile((1 + share) / 2) * np.sqrt(variance)
        return mean - reach, mean + reach
