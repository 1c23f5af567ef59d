"""`PDESolver`: linear differential equations by a Gaussian process that finds the frequencies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, NotFitted
from likewise.kernels._rows import as_rows
from likewise.kernels.classical.spectral_mixture import SpectralMixture, wave_derivatives
from likewise.kernels.machines._linear import Factored, Float64Array, factor
from likewise.kernels.machines._operators import Observed, Terms, Waves

#: The smallest frequency of the waves that are offered, as a share of the step between them.
LOWEST = 1e-3
#: A weight falls no further than this share of the largest.
FLOOR = 1e-14


class PDESolver:
    """Solves ``L u = f`` inside and ``u = g`` on the boundary, L linear with constant coefficients.

    The field is a Gaussian process whose covariance is a product over coordinates of waves,
    ``sum_q w_q exp(-t^2 / (2 l^2)) cos(2 pi f_q t)``. Derivatives of it are Gaussian too, so that
    u given the source and the boundary is one linear solve. The weights, and so the frequencies
    of the solution, climb the evidence of f and g by steps ``w_q *= sqrt(s_q / t_q)`` (with
    ``s = alpha^T G_q alpha``, ``t = tr(C^-1 G_q)``), which never lower it and need no step size.

    Args:
        operator: from orders of derivation to coefficients: ``{2: 1.0}`` is u'', ``{(2, 0): 1.0,
            (0, 2): 1.0}`` the Laplacian in the plane, ``{(1, 0): 1.0, (0, 1): 3.0}`` advection.
        max_frequency: the highest that is offered, in periods per unit; it must not be below
            those of the solution. n_frequencies: how many are offered, evenly spread from 0.
        length: over which a wave keeps its phase; None is so long that neighbours in frequency
            just overlap, ``(n_frequencies - 1) / (2 pi max_frequency)``.
        kernel: a `SpectralMixture` to use as it is in place of these, with nothing learnt.
        noise: added to the diagonal, as a share of what an observation varies by at first.
        n_steps: at most. tol: learning ends when a step raises the evidence by less than this.

    Attributes:
        kernels_: by coordinate, a `SpectralMixture` with the weights that were found.
        evidences_: the logarithm of the evidence of the data, before each step and at the end.
        jitter_: added to the diagonal beyond ``noise``; 0.0 if nothing.

    Raises:
        InvalidArgument: arguments that cannot be. DimensionMismatch: points of another dimension
        than the operator's.

    Cost: a step takes n^3 for n points and boundary points; waves are evaluated once, for the
    distinct values of each coordinate, so that a grid of M x M costs M^2 of them.

    Source: S. Fang, M. Cooley, D. Long, S. Li, R. Kirby and S. Zhe, "Solving high frequency and
    multi-scale PDEs with Gaussian processes", ICLR 2024. There values on a grid are moved along
    with the kernel; here they are integrated out, for linear equations.

    Example:
        >>> x = np.linspace(0, 1, 60)[:, None]
        >>> truth = np.sin(30 * x[:, 0])
        >>> solver = PDESolver({2: 1.0}, max_frequency=10.0)
        >>> solver = solver.fit(x, -900 * truth, x[[0, -1]], truth[[0, -1]])
        >>> bool(np.abs(solver.predict(x) - truth).max() < 1e-2)
        True
    """

    @suggest_arguments
    def __init__(
        self,
        operator: Mapping[Any, float],
        *,
        max_frequency: float = 25.0,
        n_frequencies: int = 51,
        length: float | None = None,
        kernel: SpectralMixture | None = None,
        noise: float = 1e-8,
        n_steps: int = 60,
        tol: float = 0.1,
    ) -> None:
        self.terms = checked_operator(operator)
        self.noise, self.tol = check_number("noise", noise), check_number("tol", tol)
        self.n_steps = check_count("n_steps", n_steps, minimum=0)
        self.learnt = kernel is None
        if self.noise <= 0:
            raise InvalidArgument(f"noise must be positive; got {self.noise!r}")
        self.kernel = waves_of(kernel, max_frequency, n_frequencies, length)

    @property
    def dim(self) -> int:
        """Coordinates of a point."""
        return len(next(iter(self.terms)))

    def fit(self, points: Any, source: Any, boundary: Any, values: Any) -> Self:
        """Solve, with the source and the values of the solution on the boundary.

        Args:
            points: (n, dim), or (n,) in one dimension, where the equation is to hold. source:
                (n,), f there.
            boundary: (m, dim), also of initial values. values: (m,), g there.
        """
        inside, f = self._points("points", points), targets("source", source, "points", points)
        edge, g = (
            self._points("boundary", boundary),
            targets("values", values, "boundary", boundary),
        )
        identity: Terms = {(0,) * self.dim: 1.0}
        self._observed = Observed.of([(inside, self.terms), (edge, identity)])
        self._frequencies, self._lengths, given = self.kernel._components()
        self._waves = Waves(self._observed, self._observed, self._frequencies, self._lengths)
        y = np.concatenate([f, g])
        weights = [given.copy() for _ in range(self.dim)]
        if self.learnt:
            weights = [self._level(d) for d in range(self.dim)]
        self._start(weights, y)
        evidence, system = self._evidence(weights)
        self.evidences_ = [evidence]
        # Of data that are all zero there is nothing to learn: every weight would go to zero.
        for _ in range(self.n_steps if self.learnt and y.any() else 0):
            for d in range(self.dim):
                weights[d] = self._step(weights, d, system)
                evidence, system = self._evidence(weights)
            self.evidences_.append(evidence)
            if evidence - self.evidences_[-2] < self.tol:
                break
        self._weights, self.jitter_ = weights, system.jitter
        self._alpha, self._system = system.solve(self._y), system
        self.kernels_ = [SpectralMixture(self._frequencies, self._lengths, w) for w in weights]
        return self

    def _level(self, d: int) -> Float64Array:
        """Weights by which each wave contributes alike to the source."""
        p = max(orders[d] for orders in self.terms)
        at_zero = wave_derivatives(np.zeros(1), self._frequencies, self._lengths, 2 * p)[-1][:, 0]
        return np.asarray(1.0 / np.abs(at_zero))

    def _start(self, weights: list[Float64Array], y: Float64Array) -> None:
        """Scale so that the data are as large as the process expects, and each one's unit is 1."""
        variances = np.diag(self._waves.covariance(weights))
        if self.learnt and (size := float(np.mean(y**2 / variances))) > 0:
            weights[0] *= size
            variances = variances * size
        self._scale = np.sqrt(variances)
        self._y = y / self._scale

    def _evidence(self, weights: list[Float64Array]) -> tuple[float, Factored]:
        C = self._waves.covariance(weights) / np.outer(self._scale, self._scale)
        system = factor(C, self.noise, kernel=self.kernel, ridge_name="noise")
        fit = float(self._y @ system.solve(self._y)) + system.log_determinant()
        size = len(self._y) * np.log(2 * np.pi) + 2 * float(np.log(self._scale).sum())
        return -0.5 * (fit + size), system

    def _step(self, weights: list[Float64Array], d: int, system: Factored) -> Float64Array:
        alpha = system.solve(self._y) / self._scale
        inverse = system.inverse() / np.outer(self._scale, self._scale)
        up = self._waves.contracted(np.outer(alpha, alpha), weights, d)
        down = self._waves.contracted(inverse, weights, d)
        moved = weights[d] * np.sqrt(np.maximum(up, 0.0) / np.maximum(down, 1e-300))
        floored: Float64Array = np.maximum(moved, FLOOR * moved.max())
        return floored

    def predict(self, points: Any, return_std: bool = False) -> Any:
        """u at points, (m,); with ``return_std`` also what the equation leaves open, (m,)."""
        if not hasattr(self, "kernels_"):
            raise NotFitted("PDESolver has solved nothing; call fit(points, source, ...)")
        rows = self._points("points", points)
        there = Observed.of([(rows, {(0,) * self.dim: 1.0})])
        waves = Waves(there, self._observed, self._frequencies, self._lengths)
        across = waves.covariance(self._weights) / self._scale
        mean = across @ self._alpha
        if not return_std:
            return mean
        total = np.prod([w.sum() for w in self._weights])
        left = total - np.sum(self._system.half(across.T) ** 2, axis=0)
        return mean, np.sqrt(np.maximum(left, 0.0))

    def _points(self, name: str, values: Any) -> Float64Array:
        array = np.asarray(values)
        rows = as_rows(array[:, None] if array.ndim == 1 and self.dim == 1 else values, name)
        if rows.shape[1] != self.dim:
            raise DimensionMismatch(
                f"{name}: the operator has {self.dim} coordinates; got points of {rows.shape[1]}"
            )
        return rows.astype(np.float64)


def waves_of(
    kernel: SpectralMixture | None, max_frequency: float, n_frequencies: int, length: float | None
) -> SpectralMixture:
    """The kernel as it was given, or waves of evenly spread frequencies."""
    highest = check_number("max_frequency", max_frequency)
    count = check_count("n_frequencies", n_frequencies, minimum=2)
    checked = {"max_frequency": highest}
    if length is not None:
        checked["length"] = check_number("length", length)
    for name, value in checked.items():
        if value <= 0:
            raise InvalidArgument(f"{name} must be positive; got {value!r}")
    if kernel is None:
        step = highest / (count - 1)
        frequencies = np.linspace(0, highest, count)
        frequencies[0] = LOWEST * step
        return SpectralMixture(frequencies, length or 1 / (2 * np.pi * step))
    if not isinstance(kernel, SpectralMixture):
        raise InvalidType(f"kernel must be a SpectralMixture; got {kernel!r:.60}")
    return kernel


def checked_operator(operator: Any) -> Terms:
    """From tuples of orders to coefficients, all of one dimension."""
    if not isinstance(operator, Mapping) or not operator:
        raise InvalidType(
            "operator must be a mapping from orders of derivation to coefficients, such as "
            f"{{(2, 0): 1.0, (0, 2): 1.0}}; got {operator!r:.60}"
        )
    terms = {}
    for orders, coefficient in operator.items():
        wide = orders if isinstance(orders, tuple) else (orders,)
        key = tuple(check_count("operator: order", order, minimum=0) for order in wide)
        terms[key] = check_number(f"operator[{orders!r}]", coefficient)
    if len({len(key) for key in terms}) != 1 or () in terms:
        raise InvalidArgument(f"operator: orders of several dimensions: {list(operator)}")
    if not any(terms.values()):
        raise InvalidArgument("operator: every coefficient is zero")
    return {key: value for key, value in terms.items() if value}


def targets(name: str, values: Any, beside: str, points: Any) -> Float64Array:
    """Finite numbers, one for each point."""
    array = as_rows(np.asarray(values)[None] if np.ndim(values) == 1 else values, name)
    if array.shape != (1, len(points)):
        raise InvalidArgument(
            f"{name}: expected one number for each of the {len(points)} {beside}; "
            f"got shape {np.shape(values)}"
        )
    return np.asarray(array[0], dtype=np.float64)
