"""`GaussianProcessClassifier`: labels from the signs of uncertain functions."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument
from likewise.index import Index
from likewise.kernels.base import Kernel
from likewise.kernels.machines._laplace import (
    Near,
    Through,
    Whole,
    evidence_slopes,
    find_mode,
    probability,
)
from likewise.kernels.machines._linear import Float64Array, checked
from likewise.kernels.machines._local import USUAL_K
from likewise.kernels.machines._mapped import Mapped
from likewise.kernels.machines._marginal import Learning, climb
from likewise.kernels.machines._solver import Problem, matrix, take
from likewise.kernels.machines.gaussian_process import GaussianProcess
from likewise.kernels.machines.ridge import Method, signs_of

#: Nodes by which narrow normal distributions are averaged over.
NODES = 40
#: Rows whose probabilities are computed at a time.
TOGETHER = 2048


class GaussianProcessClassifier(ClassifierMixin, GaussianProcess):  # type: ignore[misc]
    """``p(y = +1 | x) = E[1 / (1 + exp(-f(x)))]``, f a Gaussian process with covariance k.

    The posterior of f is taken to be normal around its mode (Laplace). More than two classes are
    each set against the others, with one kernel for all, and their probabilities are scaled to
    sum to 1.

    Args:
        kernel: any; None is ``1.0 * RBF(length=sqrt(numbers in a row))``.
        optimizer, n_restarts, learn_rows: see `GaussianProcessRegressor`; what is climbed is the
            approximate evidence, summed over classes.
        method: "exact" (the whole matrix); "nystrom" and "features" (Bayesian logistic regression
            on the explicit map: the same approximation for the kernel that the map stands for,
            in blocks of rows); "local" (on the neighbours of each query); "auto": see
            `KernelRidge`. There is no "cg".
        n_landmarks, landmarks, n_features, index, k, memory_limit, random_state, n_jobs, verbose:
            see `KernelRidge`.

    Attributes:
        classes_, kernel_, learning_, plan_, method_: see `GaussianProcessRegressor`.
        log_marginal_likelihood_: approximately, summed over classes; None with "local".
        n_iter_: steps of Newton; 1 with "local", where each query has its own.

    Raises:
        NotPositiveDefinite, NotConverged, OverLimit: see `KernelRidge`.

    Cost: about ten solves a class, of the cost of one of `KernelRidge`.

    Source: C. Rasmussen and C. Williams, "Gaussian processes for machine learning", 2006, 3.4.

    Example:
        >>> from likewise.kernels.machines import GaussianProcessClassifier
        >>> X = np.linspace(-3, 3, 30)[:, None]
        >>> model = GaussianProcessClassifier().fit(X, X[:, 0] > 0)
        >>> model.predict([[-2.0], [2.0]]).tolist()
        [False, True]
    """

    _laplace = True

    @suggest_arguments
    def __init__(
        self,
        kernel: Kernel | None = None,
        *,
        optimizer: Literal["lbfgs"] | None = "lbfgs",
        n_restarts: int = 0,
        learn_rows: int = 500,
        method: Method = "auto",
        n_landmarks: int | None = None,
        landmarks: Any = None,
        n_features: int | None = None,
        index: Index | None = None,
        k: int | None = None,
        memory_limit: float | None = None,
        random_state: int | None = 0,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.kernel = kernel
        self.optimizer = optimizer
        self.n_restarts = n_restarts
        self.learn_rows = learn_rows
        self.method = method
        self.n_landmarks = n_landmarks
        self.landmarks = landmarks
        self.n_features = n_features
        self.index = index
        self.k = k
        self.memory_limit = memory_limit
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _refused(self) -> dict[str, str]:
        return {"cg": "labels are not learnt by conjugate gradients"}

    def _outputs(self, y: Any) -> int:
        classes = len(np.unique(np.asarray(y)))
        return 1 if classes == 2 else classes

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the labels ``y`` (n,) of the rows ``X``."""
        options = self._check_options()
        self._check_learning()
        rows = self._check_rows(X, reset=True)
        signs, self.classes_ = signs_of(y, len(rows))
        kernel = self._kernel_for(rows)
        solver = self._solver(self._problem(kernel, rows, signs.shape[1], options), rows)
        kernel, self.learning_ = self._learn(kernel, rows, signs)
        problem = self._problem(kernel, rows, signs.shape[1], options)
        machines = Machines(problem, type(solver)(problem), rows, signs)
        self.log_marginal_likelihood_ = machines.log_evidence
        return self._keep(machines, kernel, signs.shape[1] == 1)

    def _learn(
        self, kernel: Kernel, rows: Any, signs: Float64Array
    ) -> tuple[Kernel, Learning | None]:
        """The kernel with the highest evidence."""
        if self.optimizer is None or not len(kernel.theta):
            return kernel, None
        some = self._some_rows(len(rows), kernel)
        X, labels = take(rows, some), signs[some]

        def objective(theta: Float64Array) -> tuple[float, Float64Array]:
            moved = kernel.with_theta(theta)
            K, gradient = matrix(moved, X, None, 1), moved.gradient(X)
            value, slopes = 0.0, np.zeros(len(theta))
            for column in labels.T:
                mode = find_mode(K, column, moved)
                value += mode.log_evidence
                slopes += evidence_slopes(K, column, mode, gradient)
            return value, slopes

        best, learning = climb(
            objective, kernel.theta, kernel.theta_bounds, self.n_restarts, self.random_state
        )
        return kernel.with_theta(best), learning._replace(rows=len(some))

    def latent(self, X: Any) -> tuple[Float64Array, Float64Array]:
        """Means and variances of the functions whose signs are the classes.

        Returns:
            Two arrays, (m,) for two classes, of the second one, else (m, classes).
        """
        rows = self._fitted(X)
        mean, variance = self.solver_.latent(rows)
        return (mean[:, 0], variance[:, 0]) if self._single else (mean, variance)

    def predict_proba(self, X: Any) -> Float64Array:
        """(m, classes), by `classes_`; rows sum to 1."""
        rows = self._fitted(X)
        mean, variance = self.solver_.latent(rows)
        each = averaged(mean, variance)
        if self._single:
            return np.hstack([1.0 - each, each])
        return np.asarray(each / each.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> Any:
        """(m,) the most likely labels; equal ones go to the smaller."""
        found = self.predict_proba(X)
        return self.classes_[np.argmax(found, axis=1)]


class Machines:
    """One Laplace approximation a class."""

    jitter = 0.0

    def __init__(self, problem: Problem, solver: Any, rows: Any, signs: Float64Array) -> None:
        self.parts: list[Any] = []
        if isinstance(solver, Mapped):
            solver.prepare(rows)
            self.parts = [Through(solver, column) for column in signs.T]
        elif solver.name == "local":
            k = problem.options.get("k") or USUAL_K
            self.parts = [Near(problem, rows, column, k) for column in signs.T]
        else:
            K = checked(matrix(problem.kernel, rows, None, problem.workers), problem.kernel)
            self.parts = [Whole(problem, rows, K, column) for column in signs.T]
        self.steps = max(part.steps for part in self.parts)
        known = [part.log_evidence for part in self.parts]
        self.log_evidence = None if None in known else float(sum(known))

    def latent(self, rows: Any) -> tuple[Float64Array, Float64Array]:
        """Means and variances, (m, classes)."""
        found = [part.latent(rows) for part in self.parts]
        return np.column_stack([f[0] for f in found]), np.column_stack([f[1] for f in found])

    def contributions(self, rows: Any) -> Float64Array:
        """(m, n, classes), whose sum over n is the mean."""
        return np.stack([part.contributions(rows) for part in self.parts], axis=2)


def averaged(mean: Float64Array, variance: Float64Array) -> Float64Array:
    """``E[1 / (1 + exp(-f))]`` for normal f, to about 1e-9.

    Narrow ones by Gauss and Hermite's nodes. Wide ones as ``E[Phi((mean - t) / deviation)]`` over
    logistic t, whose integrand is smooth there.
    """
    from scipy.special import ndtr

    if mean.shape != variance.shape:
        raise InvalidArgument(f"mean is {mean.shape}, variance {variance.shape}")
    m, s = mean.ravel(), np.sqrt(variance.ravel())
    out = np.empty(len(m))
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    t = np.arange(-40.0, 40.0, 0.25)
    density = 0.25 * probability(t) * probability(-t)
    for start in range(0, len(m), TOGETHER):
        here = slice(start, start + TOGETHER)
        a, b = m[here, None], s[here, None]
        narrow = probability(a + b * nodes) @ (weights / weights.sum())
        wide = ndtr((a - t) / np.maximum(b, 1.0)) @ density
        out[here] = np.where(b[:, 0] <= 1.0, narrow, wide)
    return out.reshape(mean.shape)
