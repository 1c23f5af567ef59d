"""`FiniteWidthRegressor`: a mixture of Gaussian processes over random kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from likewise._arguments import check_count, suggest_arguments
from likewise.kernels.parameters import Float64Array, check_positive
from likewise.kernels.wide.activations import Activation
from likewise.kernels.wide.multi_layer import MultiLayerFeatures


class FiniteWidthRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Bayesian regression by a network of finite width, with its hidden weights averaged out.

    Given the hidden layers, the last one has a normal posterior, as of a Gaussian process with
    the kernel phi(x).phi(y) of `MultiLayerFeatures`. M networks are drawn from the prior and
    weighted by their evidence,

        log p(y | m) = log N(y; 0, Phi_m Phi_m^T + noise I),

    which is importance sampling of the exact posterior: right as M grows, and worth
    ``effective_samples_`` draws; few of many say that the data have moved the hidden layers far
    from their prior, and that infinite width is no good description of the network either.

    Args:
        widths: units of each hidden layer. activation: a name or an `Activation`.
        noise: variance of y around the network's output.
        n_samples: M. weight_variance, bias_variance: as of `MultiLayerFeatures`.
        random_state: an int makes the same networks.

    Attributes:
        networks_: the drawn `MultiLayerFeatures`. log_evidences_: (M,). weights_: (M,), their sum
        is 1. effective_samples_: ``1 / sum weights^2``.

    Cost: M (n T^2 + T^3) to fit, T the last width; M n sum width_l width_{l+1} to predict.

    Source: importance sampling from the prior; that networks of finite width are mixtures of
    Gaussian processes is in the sources of `FiniteWidth`.

    Example:
        >>> X = np.linspace(-1, 1, 20)[:, None]
        >>> model = FiniteWidthRegressor((50,), bias_variance=0.1, noise=1e-4, random_state=0)
        >>> bool(model.fit(X, np.abs(X[:, 0])).score(X, np.abs(X[:, 0])) > 0.99)
        True
    """

    @suggest_arguments
    def __init__(
        self,
        widths: Sequence[int] = (64, 64),
        activation: str | Activation | Callable[..., Any] = "relu",
        *,
        noise: float = 0.01,
        n_samples: int = 32,
        weight_variance: float | None = None,
        bias_variance: float = 0.0,
        random_state: int | None = None,
    ) -> None:
        self.widths = widths
        self.activation = activation
        self.noise = noise
        self.n_samples = n_samples
        self.weight_variance = weight_variance
        self.bias_variance = bias_variance
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Draw networks and fit the last layer of each to X (n, dim) and y (n,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        check_positive("noise", self.noise)
        count, y = check_count("n_samples", self.n_samples), np.asarray(y, np.float64)
        if self.random_state is not None:
            check_count("random_state", self.random_state, minimum=0)
        seeds = np.random.default_rng(self.random_state).integers(2**32, size=count)
        self.networks_, self._last, evidences = [], [], []
        for seed in seeds:
            network = MultiLayerFeatures(
                self.widths,
                self.activation,
                weight_variance=self.weight_variance,
                bias_variance=self.bias_variance,
                random_state=int(seed),
            ).fit(X)
            mean, factor, evidence = self._posterior(network.transform(X), y)
            self.networks_.append(network)
            self._last.append((mean, factor))
            evidences.append(evidence)
        self.log_evidences_ = np.array(evidences)
        weights = np.exp(self.log_evidences_ - self.log_evidences_.max())
        self.weights_ = weights / weights.sum()
        self.effective_samples_ = float(1 / np.sum(self.weights_**2))
        return self

    def _posterior(self, phi: Any, y: Float64Array) -> tuple[Float64Array, Any, float]:
        """Mean of the last layer's weights, a factor of their precision, and the evidence."""
        n, T = phi.shape
        precision = phi.T @ phi / self.noise
        precision[np.diag_indices(T)] += 1.0
        factor = cho_factor(precision, lower=True)
        mean = cho_solve(factor, phi.T @ y) / self.noise
        # |Phi Phi^T + noise I| = noise^n |I + Phi^T Phi / noise|
        log_determinant = 2 * np.log(np.diag(factor[0])).sum() + n * np.log(self.noise)
        square = y @ (y - phi @ mean) / self.noise
        return mean, factor, float(-0.5 * (square + log_determinant + n * np.log(2 * np.pi)))

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The mean for each row, (m,); with ``return_std`` also the standard deviation of y."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        first, second = np.zeros(len(X)), np.zeros(len(X))
        for network, (mean, factor), weight in zip(
            self.networks_, self._last, self.weights_, strict=True
        ):
            phi = network.transform(X)
            at = phi @ mean
            first += weight * at
            if return_std:
                variance = np.vecdot(phi, cho_solve(factor, phi.T).T) + self.noise
                second += weight * (variance + at**2)
        if return_std:
            return first, np.sqrt(np.maximum(second - first**2, 0.0))
        return first
