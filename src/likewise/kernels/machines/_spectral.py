"""A Gaussian process on eigenvectors of a Laplacian: the evidence and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from likewise.kernels.machines._linear import Float64Array


@dataclass(frozen=True, slots=True)
class Spectrum:
    """How the variance falls with the eigenvalue.

    Attributes:
        name: "matern", ``(2 nu / length^2 + lambda)^-(nu + dim / 2)``, or "heat",
            ``exp(-lambda length^2 / 2)``.
        values: lambda. nu: of "matern". dim: of the manifold. size: numbers that a field has.
    """

    name: str
    values: Float64Array
    nu: float
    dim: int
    size: int

    def logarithms(self, length: float) -> tuple[Float64Array, Float64Array]:
        """``ln S`` and its derivative by ``ln length``."""
        if self.name == "heat":
            return -self.values * length**2 / 2, -self.values * length**2
        low, power = 2 * self.nu / length**2, self.nu + self.dim / 2
        return -power * np.log(low + self.values), 2 * power * low / (low + self.values)

    def variances(self, length: float, variance: float) -> tuple[Float64Array, Float64Array]:
        """Of each coefficient, so that the field's numbers have ``variance`` on average.

        Returns:
            They, (r,), and the derivatives of their logarithms by ``ln length``.
        """
        logs, slopes = self.logarithms(length)
        shares = np.exp(logs - logs.max())
        shares /= shares.sum()
        return variance * self.size * shares, slopes - shares @ slopes


class Moments(NamedTuple):
    """What is left of observations: ``Phi^T Phi``, ``Phi^T Y``, ``|Y|^2``, and Y's shape."""

    gram: Float64Array
    right: Float64Array
    square: float
    numbers: int
    outputs: int

    @classmethod
    def of(cls, Phi: Float64Array, Y: Float64Array) -> Moments:
        return cls(Phi.T @ Phi, Phi.T @ Y, float(np.vdot(Y, Y)), *Y.shape)


class Weights(NamedTuple):
    """The posterior of the coefficients: mean (r, outputs), and covariance (r, r)."""

    mean: Float64Array
    covariance: Float64Array


def posterior(moments: Moments, variances: Float64Array, noise: float) -> Weights:
    """Of the coefficients c in ``Y = Phi c + noise``, with ``c_k ~ N(0, variances_k)``."""
    root = np.sqrt(variances)
    inverse = _inverse(moments, root, noise) * np.outer(root, root)
    return Weights(inverse @ moments.right / noise, inverse)


def _inner(moments: Moments, root: Float64Array, noise: float) -> Float64Array:
    return np.eye(len(root)) + np.outer(root, root) * moments.gram / noise


def _inverse(moments: Moments, root: Float64Array, noise: float) -> Float64Array:
    inner = _inner(moments, root, noise)
    return np.asarray(cho_solve(cho_factor(inner, lower=True), np.eye(len(root))))


def log_evidence(
    moments: Moments, spectrum: Spectrum, length: float, variance: float, noise: float
) -> tuple[float, Float64Array]:
    """``ln N(Y; 0, Phi S Phi^T + noise I)`` summed over outputs, and its derivatives.

    Returns:
        The value, and the derivatives by the logarithms of length, variance and noise.

    Cost: r^3, whatever the number of observations.
    """
    variances, slopes = spectrum.variances(length, variance)
    root, (G, b, square, M, q) = np.sqrt(variances), moments
    lower, _ = factored = cho_factor(_inner(moments, root, noise), lower=True)
    inverse = cho_solve(factored, np.eye(len(root)))
    C = inverse * np.outer(root, root)
    mean = C @ b / noise
    fit = (square - float(np.vdot(b, mean))) / noise
    determinant = M * np.log(noise) + 2 * float(np.log(np.diag(lower)).sum())
    value = -0.5 * (fit + q * determinant + q * M * np.log(2 * np.pi))
    # With K = Phi S Phi^T + noise I: Phi^T K^-1 Y and the diagonal of Phi^T K^-1 Phi.
    beta = (b - G @ mean) / noise
    spread = (np.diag(G) - np.einsum("ij,jk,ki->i", G, C, G, optimize=True) / noise) / noise
    by_variance = 0.5 * variances * ((beta**2).sum(axis=1) - q * spread)
    left = square - 2 * float(np.vdot(b, mean)) + float(np.vdot(mean, G @ mean))
    trace = M - len(root) + float(np.trace(inverse))
    by_noise = 0.5 * (left / noise - q * trace)
    return value, np.array([by_variance @ slopes, by_variance.sum(), by_noise])
