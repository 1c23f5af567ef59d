"""What is known of the scale s of a Gaussian process: in closed form, or by weighted samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from likewise.errors import InvalidArgument
from likewise.kernels.base import Kernel
from likewise.kernels.machines._linear import Float64Array, factor
from likewise.kernels.machines._solver import blocks, matrix

#: Rows whose densities are computed at a time.
TOGETHER = 512


class Scales(Protocol):
    """A distribution of s, and of ``z sqrt(s)`` for a normal z."""

    def mean(self) -> float: ...

    def log_density(self, z: Float64Array) -> Float64Array: ...

    def quantile(self, share: float) -> float: ...


@dataclass(frozen=True, slots=True)
class InverseGamma:
    """``p(s) = b^a / Gamma(a) s^(-a-1) exp(-b / s)``: ``z sqrt(s)`` is Student's t, 2a degrees."""

    a: float
    b: float

    def after(self, n: int, fit: float) -> InverseGamma:
        """The posterior, after n targets with ``fit = y^T K^-1 y``."""
        return InverseGamma(self.a + n / 2, self.b + fit / 2)

    def log_evidence(self, n: int, fit: float) -> float:
        """Of n targets, but for ``-ln|K| / 2``."""
        from scipy.special import gammaln

        a, b = self.a, self.b
        constant = gammaln(a + n / 2) - gammaln(a) - n / 2 * np.log(2 * np.pi * b)
        return float(constant - (a + n / 2) * np.log1p(fit / (2 * b)))

    def mean(self) -> float:
        """E[s].

        Raises:
            InvalidArgument: a <= 1, where it is infinite.
        """
        if self.a <= 1:
            raise InvalidArgument(
                f"a Student-t process with {2 * self.a:g} degrees of freedom has no variance; "
                "take a prior with a larger a, or ask for interval(X)"
            )
        return self.b / (self.a - 1)

    def log_density(self, z: Float64Array) -> Float64Array:
        """Of ``z sqrt(s)``."""
        from scipy.stats import t

        return np.asarray(t.logpdf(z, 2 * self.a, scale=np.sqrt(self.b / self.a)))

    def quantile(self, share: float) -> float:
        """Of ``z sqrt(s)``."""
        from scipy.stats import t

        return float(t.ppf(share, 2 * self.a, scale=np.sqrt(self.b / self.a)))


@dataclass(frozen=True, slots=True)
class Sampled:
    """Weighted samples of s. ``effective`` is as how many equal ones they serve."""

    s: Float64Array
    weights: Float64Array
    effective: float

    @classmethod
    def after(
        cls, prior: Any, n: int, fit: float, count: int, rng: np.random.Generator
    ) -> tuple[Sampled, float]:
        """The posterior, and the log evidence but for ``-ln|K| / 2``.

        Half are drawn from the prior, half from the inverse gamma that the likelihood looks like
        as a function of s; the weights are those of the mixture of both, so neither can fail.
        """
        from scipy.special import logsumexp
        from scipy.stats import invgamma

        data = invgamma(max(n / 2 - 1, 0.5), scale=max(fit, 1e-300) / 2)
        half = count // 2
        s = np.concatenate(
            [prior.rvs(half, random_state=rng), data.rvs(count - half, random_state=rng)]
        )
        s = np.asarray(s, dtype=np.float64)[s > 0]
        proposed = np.logaddexp(prior.logpdf(s), data.logpdf(s)) - np.log(2)
        likelihood = -n / 2 * np.log(2 * np.pi * s) - fit / (2 * s)
        logs = prior.logpdf(s) + likelihood - proposed
        evidence = float(logsumexp(logs) - np.log(len(s)))
        weights = np.exp(logs - logsumexp(logs))
        return cls(s, weights, float(1 / np.sum(weights**2))), evidence

    def mean(self) -> float:
        """E[s]."""
        return float(self.weights @ self.s)

    def log_density(self, z: Float64Array) -> Float64Array:
        """Of ``z sqrt(s)``."""
        from scipy.special import logsumexp

        constant = -0.5 * np.log(2 * np.pi * self.s)
        parts = [
            logsumexp(constant - part[:, None] ** 2 / (2 * self.s), axis=1, b=self.weights)
            for part in blocks(z, TOGETHER)
        ]
        return np.concatenate([np.empty(0), *parts])

    def quantile(self, share: float) -> float:
        """Of ``z sqrt(s)``, by bisection to the last digit."""
        from scipy.optimize import brentq
        from scipy.special import ndtr

        def beyond(z: float) -> float:
            return float(self.weights @ ndtr(z / np.sqrt(self.s))) - share

        end = 1.0
        while beyond(end) < 0 or beyond(-end) > 0:
            end *= 4
        return float(brentq(beyond, -end, end))


def student_evidence(
    kernel: Kernel, rows: Any, y: Float64Array, noise: float, prior: InverseGamma
) -> tuple[float, Float64Array]:
    """The log evidence of a Student-t process, and its derivatives by theta and ``ln noise``.

    As for a Gaussian process, with ``alpha alpha^T`` times ``(2a + n) / (2b + y^T K^-1 y)``.
    """
    system = factor(matrix(kernel, rows, None, 1), noise, kernel=kernel, ridge_name="noise")
    alpha, n = system.solve(y), len(y)
    fit = float(y @ alpha)
    value = prior.log_evidence(n, fit) - 0.5 * system.log_determinant()
    inner = (2 * prior.a + n) / (2 * prior.b + fit) * np.outer(alpha, alpha) - system.inverse()
    slopes = 0.5 * np.einsum("ij,ijp->p", inner, kernel.gradient(rows))
    return value, np.append(slopes, 0.5 * noise * np.trace(inner))
