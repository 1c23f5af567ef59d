"""`GridPDESolver`: linear differential equations on a tensor grid, by Kronecker products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument, NotFitted, OverLimit
from likewise.kernels._rows import as_rows
from likewise.kernels.classical.spectral_mixture import SpectralMixture
from likewise.kernels.machines._grids import GridAxis, KroneckerSum, along, unfolded
from likewise.kernels.machines._linear import Float64Array
from likewise.kernels.machines.pde import FLOOR, checked_operator, waves_of

#: By the order of the equation along an axis: at which of its ends values may be known.
ENDS = {0: ("none",), 1: ("first", "last"), 2: ("both",)}
INSIDE = {
    "none": slice(None),
    "first": slice(1, None),
    "last": slice(None, -1),
    "both": slice(1, -1),
}
#: Numbers of one block of products when values between the points are asked for.
BLOCK = 1 << 20


class GridPDESolver:
    """Solves ``L u = f`` on a tensor grid with ``u = g`` on its boundary, L without mixed terms.

    The values u on the grid are a Gaussian process with covariance ``K_1 (x) K_2 (x) ...``, each
    ``K_d = sum_q w_q G_q + noise sum(w) I`` of waves ``exp(-t^2 / (2 l^2)) cos(2 pi f_q t)``;
    derivatives of it are its conditional means, ``K_d^(o) K_d^-1`` along an axis (what is white
    in u is taken to bend as the quickest wave does). Given the weights, the posterior mean with
    f and g exact is the solution of a Kronecker sum, which Schur's form of each axis gives at
    once. Weights move as they would climb the density of u, ``w_q *= sqrt(s_q / t_q)``, as long
    as the evidence of f and g rises by ``tol`` or more.

    Args:
        operator: from orders of derivation to coefficients, as for `PDESolver`: up to 2, each
            term by one coordinate.
        max_frequency, n_frequencies, length, kernel: as for `PDESolver`.
        ends: by axis, where values are known: "both" where the equation is of order 2, "first"
            or "last" where of order 1, "none" where there is no derivative. None is these.
        noise: variance of each axis's values beside the waves, as a share of theirs.
        n_steps: at most. tol: see above.
        memory_limit: bytes; None is no limit.

    Attributes:
        u_: the solution on the grid. kernels_: by axis, a `SpectralMixture` of the weights found.
        evidences_: the logarithm of the evidence of the data, before each step and at the end.

    Raises:
        InvalidArgument: arguments that cannot be, a grid or values that do not fit, an equation
        that the values do not settle. OverLimit: tables over ``memory_limit``.

    Cost: a step takes ``sum_d (25 m_d^3 + q m_d^2) + M sum_d m_d`` for M points in all, m_d on
    an axis, q waves; memory is what `bytes_needed` says. No matrix of M x M is made.

    Source: S. Fang, M. Cooley, D. Long, S. Li, R. Kirby and S. Zhe, "Solving high frequency and
    multi-scale PDEs with Gaussian processes", ICLR 2024. There u and the weights are moved
    together by gradient steps; here u is solved for, for linear equations.

    Example:
        >>> x, y = np.linspace(0, 1, 40), np.linspace(0, 1, 30)
        >>> truth = np.sin(30 * x)[:, None] * np.cos(9 * y)
        >>> solver = GridPDESolver({(2, 0): 1.0, (0, 2): 1.0}, max_frequency=8.0, n_steps=2)
        >>> solver = solver.fit([x, y], -981 * truth, truth)  # of truth only the edge is read
        >>> bool(np.abs(solver.u_ - truth).max() < 1e-3)
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
        ends: Sequence[str] | None = None,
        noise: float = 1e-8,
        n_steps: int = 20,
        tol: float = 0.1,
        memory_limit: float | None = None,
    ) -> None:
        self.terms = by_axis(checked_operator(operator))
        self.noise, self.tol = check_number("noise", noise), check_number("tol", tol)
        if self.noise <= 0:
            raise InvalidArgument(f"noise must be positive; got {self.noise!r}")
        self.n_steps = check_count("n_steps", n_steps, minimum=0)
        self.learnt = kernel is None
        self.kernel = waves_of(kernel, max_frequency, n_frequencies, length)
        self.ends = checked_ends(ends, [max(terms, default=0) for terms in self.terms])
        self.memory_limit = memory_limit
        if memory_limit is not None:
            check_number("memory_limit", memory_limit)

    @property
    def dim(self) -> int:
        """Axes of a grid."""
        return len(self.terms)

    def bytes_needed(self, shape: Sequence[int]) -> float:
        """What `fit` takes on a grid of this shape: tables of waves, some grids and squares."""
        if len(shape) != self.dim:
            raise DimensionMismatch(
                f"shape must have {self.dim} numbers, one for each axis; got {shape!r:.60}"
            )
        waves = len(self.kernel._components()[0])
        tables = [
            (waves * (1 + max(terms, default=0)) + 40) * m**2
            for terms, m in zip(self.terms, shape, strict=True)
        ]
        return 8.0 * (sum(tables) + 12 * float(np.prod(shape)))

    def fit(self, grid: Sequence[Any], source: Any, values: Any) -> Self:
        """Solve on ``grid[0] x grid[1] x ...``.

        Args:
            grid: the coordinates of each axis, (m_d,), rising. source: (m_1, m_2, ...), f; read
                where the solution is sought. values: of the same shape, g; read where it is
                known, at the ``ends``. What is not read may be anything, NaN also.
        """
        axes = self._axes(grid)
        shape = tuple(len(x) for x in axes)
        needed = self.bytes_needed(shape)
        if self.memory_limit is not None and needed > self.memory_limit:
            raise OverLimit(
                f"a grid of {shape} takes {needed / 1e6:,.1f} MB, over memory_limit = "
                f"{self.memory_limit / 1e6:,.1f} MB; take fewer points or n_frequencies"
            )
        self._inside = tuple(INSIDE[end] for end in self.ends)
        unknown = np.zeros(shape, dtype=bool)
        unknown[self._inside] = True
        known = np.where(unknown, 0.0, of_grid("values", values, shape, ~unknown))
        f = of_grid("source", source, shape, unknown)[self._inside]
        frequencies, lengths, weights = self.kernel._components()
        parts = [
            GridAxis(x, terms, inside, frequencies, lengths, self.noise)
            for x, terms, inside in zip(axes, self.terms, self._inside, strict=True)
        ]
        for part in parts:
            part.weigh(weights, self.kernel)
        u, evidence = self._solve(parts, f, known)
        if self.learnt and u.any():
            # The scale of the covariance moves nothing; this one is the likeliest.
            size = float(np.vdot(u, whitened(parts, u))) / u.size
            parts[0].weigh(parts[0].weights * size, self.kernel)
            u, evidence = self._solve(parts, f, known)
        self.evidences_ = [evidence]
        # Of a solution that is zero there is nothing to learn: every weight would go to zero.
        for _ in range(self.n_steps if self.learnt and u.any() else 0):
            before = [part.weights for part in parts]
            self._step(parts, u)
            moved, evidence = self._solve(parts, f, known)
            if not evidence - self.evidences_[-1] >= self.tol:
                for part, old in zip(parts, before, strict=True):
                    part.weigh(old, self.kernel)
                break
            u = moved
            self.evidences_.append(evidence)
        self.u_, self._parts = u, parts
        self.kernels_ = [SpectralMixture(frequencies, lengths, part.weights) for part in parts]
        return self

    def _solve(
        self, parts: list[GridAxis], f: Float64Array, known: Float64Array
    ) -> tuple[Float64Array, float]:
        """u, and the logarithm of the evidence: u's density by the volume that L turns it to."""
        system = KroneckerSum([part.operator[part.inside, part.inside] for part in parts])
        if system.singular():
            raise InvalidArgument(
                "operator: the equation and the values at the ends do not settle a solution "
                "(there is an eigenvalue of 0); change a coefficient or the grid"
            )
        right = f - sum(along(p.operator, known, d) for d, p in enumerate(parts))[self._inside]
        u = known.copy()
        u[self._inside] = system.solve(right)
        total = float(np.vdot(u, whitened(parts, u))) + u.size * np.log(2 * np.pi)
        total += sum(u.size / len(p.x) * p.system.log_determinant() for p in parts)
        return u, -0.5 * total - system.log_determinant()

    def _step(self, parts: list[GridAxis], u: Float64Array) -> None:
        for d, part in enumerate(parts):
            alpha = whitened(parts, u)
            S = unfolded(alpha, d) @ unfolded(along(part.inverse, u, d), d).T
            moved = part.moved(S, u.size // len(part.x))
            part.weigh(np.maximum(moved, FLOOR * moved.max()), self.kernel)

    def predict(self, points: Any) -> Float64Array:
        """u at any points, (n, dim), or (n,) of one dimension: (n,), the process given ``u_``."""
        if not hasattr(self, "u_"):
            raise NotFitted("GridPDESolver has solved nothing; call fit(grid, source, values)")
        array = np.asarray(points)
        rows = as_rows(array[:, None] if array.ndim == 1 and self.dim == 1 else points, "points")
        if rows.shape[1] != self.dim:
            raise DimensionMismatch(
                f"points: the operator has {self.dim} coordinates; got points of {rows.shape[1]}"
            )
        out, at_once = np.empty(len(rows)), max(1, BLOCK * len(self.u_) // self.u_.size)
        for start in range(0, len(rows), at_once):
            some = rows[start : start + at_once].astype(np.float64)
            now = np.tensordot(self._parts[0].towards(some[:, 0]), self.u_, 1)
            for d, part in enumerate(self._parts[1:], 1):
                now = np.einsum("nm,nm...->n...", part.towards(some[:, d]), now)
            out[start : start + at_once] = now
        return out

    def _axes(self, grid: Any) -> list[Float64Array]:
        if not isinstance(grid, list | tuple) or len(grid) != self.dim:
            size = f" of {len(grid)}" if isinstance(grid, list | tuple) else ""
            raise DimensionMismatch(
                f"grid must be a list of {self.dim} arrays, the coordinates of each axis of the "
                f"operator; got {type(grid).__name__}{size}"
            )
        axes = []
        for d, (x, end) in enumerate(zip(grid, self.ends, strict=True)):
            row = as_rows(np.asarray(x)[None], f"grid[{d}]")[0].astype(np.float64)
            least = {"none": 1, "first": 2, "last": 2, "both": 3}[end]
            if len(row) < least or not (np.diff(row) > 0).all():
                raise InvalidArgument(
                    f"grid[{d}] must be {least} coordinates or more, each above the one before"
                )
            axes.append(row)
        return axes


def whitened(parts: list[GridAxis], u: Float64Array) -> Float64Array:
    """``(K_1 (x) K_2 (x) ...)^-1 u``."""
    for d, part in enumerate(parts):
        u = along(part.inverse, u, d)
    return u


def by_axis(terms: dict[tuple[int, ...], float]) -> list[dict[int, float]]:
    """For each axis the coefficients by order; a term without derivatives goes to the first."""
    axes: list[dict[int, float]] = [{} for _ in next(iter(terms))]
    for orders, coefficient in terms.items():
        if sum(order > 0 for order in orders) > 1 or max(orders) > 2:
            raise InvalidArgument(
                f"operator: terms on a grid derive up to twice, and by one coordinate; got "
                f"{orders}, which PDESolver takes"
            )
        d = int(np.argmax(orders))
        axes[d][orders[d]] = coefficient
    return axes


def checked_ends(ends: Any, orders: list[int]) -> tuple[str, ...]:
    """By axis, one of `ENDS` for its order."""
    given = tuple(ENDS[order][0] for order in orders) if ends is None else tuple(ends)
    fits = len(given) == len(orders)
    if not fits or any(end not in ENDS[order] for end, order in zip(given, orders, strict=True)):
        raise InvalidArgument(
            f"ends: of the operator's axes they must be "
            f"{', '.join(' or '.join(map(repr, ENDS[o])) for o in orders)}; got {ends!r:.80}"
        )
    return given


def of_grid(name: str, values: Any, shape: tuple[int, ...], read: Any) -> Float64Array:
    """Numbers of the grid's shape, finite where they are read."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"{name} must be numbers of shape {shape}; {error}") from error
    if array.shape != shape:
        raise InvalidArgument(f"{name} must be of the grid's shape {shape}; got {array.shape}")
    if not np.isfinite(array[read]).all():
        raise InvalidArgument(f"{name} must be finite where it is read; some are NaN or infinite")
    return array
