"""Kronecker products on a tensor grid: along one axis at a time, never as one matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import schur, solve_triangular

from likewise.kernels.classical.spectral_mixture import wave_derivatives
from likewise.kernels.machines._linear import Factored, Float64Array, factor

Complex128Array = npt.NDArray[np.complex128]


class GridAxis:
    """One axis: ``K = sum_q w_q G_q + noise sum(w) I`` of its coordinates, and derivatives by it.

    Of the part that is white the first derivative is 0, the second ``-bend`` times it, with
    ``bend = max_q -G_q''(0)``.

    Args:
        x: (m,). terms: coefficients by the order of derivation along this axis. inside: the
            coordinates whose values are sought. frequencies, lengths: of the waves, (q,).

    Cost: 8 bytes for each wave, order and pair of coordinates; ``weigh`` takes their products
    and m^3.
    """

    def __init__(
        self,
        x: Float64Array,
        terms: dict[int, float],
        inside: slice,
        frequencies: Float64Array,
        lengths: Float64Array,
        noise: float,
    ) -> None:
        self.x, self.terms, self.inside, self.noise = x, terms, inside, noise
        self._frequencies, self._lengths = frequencies, lengths
        t, highest = x[:, None] - x[None], max(terms, default=0)
        self._tables = np.empty((highest + 1, len(frequencies), *t.shape))
        for q in range(len(frequencies)):  # one at a time: what is complex on the way is small
            one = slice(q, q + 1)
            for order, table in enumerate(
                wave_derivatives(t, frequencies[one], lengths[one], highest)
            ):
                self._tables[order, q] = table[0]
        self.bend = -float(self._tables[2, :, 0, 0].min()) if highest > 1 else 0.0

    def weigh(self, weights: Float64Array, kernel: Any) -> None:
        """Factor K with these weights, and put the operator's part, ``sum c K^(o) K^-1``."""
        self.weights = weights
        mixed = [np.tensordot(weights, table, 1) for table in self._tables]
        nugget = self.noise * float(weights.sum())
        self.system: Factored = factor(mixed[0].copy(), nugget, kernel=kernel, ridge_name="noise")
        self.inverse = self.system.inverse()
        if len(mixed) > 2:
            # Were the white part's second derivative 0, the equation would say nothing of it, and
            # rounding of f would be divided by almost 0; so it bends as the quickest wave does.
            mixed[2] -= nugget * self.bend * np.eye(len(self.x))
        self.operator = np.zeros_like(self.inverse)
        for order, coefficient in self.terms.items():
            # K is symmetric, so K^(o) K^-1 is the transpose of a solution.
            part = self.system.solve(mixed[order].T).T if order else np.eye(len(self.x))
            self.operator += coefficient * part

    def moved(self, S: Float64Array, others: int) -> Float64Array:
        """Weights after ``w_q *= sqrt(tr(G_q S) / (others tr(G_q K^-1)))``, G_q with its noise."""
        flat = self._tables[0].reshape(len(self.weights), -1)
        up = flat @ S.ravel() + self.noise * np.trace(S)
        down = others * (flat @ self.inverse.ravel() + self.noise * np.trace(self.inverse))
        return np.asarray(self.weights * np.sqrt(np.maximum(up, 0.0) / np.maximum(down, 1e-300)))

    def towards(self, x: Float64Array) -> Float64Array:
        """``k(x, grid) K^-1``, (len(x), m): what makes values there of values on the grid."""
        t = x[:, None] - self.x[None]
        K = np.zeros_like(t)
        for q in range(len(self.weights)):
            one = slice(q, q + 1)
            K += (
                self.weights[q]
                * wave_derivatives(t, self._frequencies[one], self._lengths[one], 0)[0][0]
            )
        return self.system.solve(K.T).T


def along(A: Any, U: Any, d: int) -> Any:
    """``A`` times U along axis d. Cost: the numbers of U times the rows of A."""
    return np.moveaxis(np.tensordot(A, U, (1, d)), 0, d)


def unfolded(U: Float64Array, d: int) -> Float64Array:
    """Axis d as rows, all others as columns."""
    return np.moveaxis(U, d, 0).reshape(U.shape[d], -1)


class KroneckerSum:
    """``A_1 (x) I (x) ... + I (x) A_2 (x) ... + ...``, by Schur's form of each ``A_d``.

    Cost: sum m_d^3 to make it; to solve, M sum m_d for M unknowns (as Bartels and Stewart do
    for two axes).
    """

    def __init__(self, matrices: list[Float64Array]) -> None:
        forms = [schur(A, output="complex", check_finite=False) for A in matrices]
        self._upper = [T for T, _ in forms]
        self._turns = [Z for _, Z in forms]
        sums: Any = 0.0
        for T in self._upper:
            sums = np.add.outer(sums, np.diagonal(T))
        self._sizes = np.abs(sums)

    def log_determinant(self) -> float:
        """``ln |det|``."""
        return float(np.log(self._sizes).sum())

    def singular(self) -> bool:
        """Whether an eigenvalue is 0 up to rounding."""
        return bool(self._sizes.min() <= np.finfo(np.float64).eps * self._sizes.max())

    def solve(self, R: Float64Array) -> Float64Array:
        """U of R's shape with ``sum_d A_d U (along d) = R``."""
        turned: Any = R
        for d, Z in enumerate(self._turns):
            turned = along(Z.conj().T, turned, d)
        found: Any = _triangular(self._upper, turned, 0.0)
        for d, Z in enumerate(self._turns):
            found = along(Z, found, d)
        return np.asarray(found.real)


def _triangular(upper: list[Complex128Array], R: Complex128Array, shift: Any) -> Complex128Array:
    """The same of triangular matrices and a shift: the last coordinate of the last axis first."""
    T = upper[-1]
    if len(upper) == 1:
        shifted = T + shift * np.eye(len(T))
        return np.asarray(solve_triangular(shifted, R, check_finite=False))
    out = np.empty_like(R)
    for j in reversed(range(len(T))):
        rest = R[..., j] - out[..., j + 1 :] @ T[j, j + 1 :]
        out[..., j] = _triangular(upper[:-1], rest, shift + T[j, j])
    return out
