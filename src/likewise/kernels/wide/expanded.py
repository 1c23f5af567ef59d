"""`Expanded`: the activation of any function, by its Hermite expansion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels._rows import FloatArray
from likewise.kernels.parameters import Float64Array
from likewise.kernels.wide._activation import Activation
from likewise.kernels.wide.hermite import coefficients, gaussian_samples, second_moments

#: So many terms are tried; more are not taken.
TERMS = (32, 96, 256)
#: Terms are left out when they hold smaller shares of E[s^2] and of E[s'^2]. So small, since
#: where variances differ much, the terms of one meet larger ones of the other.
LEFT_OUT = 1e-18, 1e-16
#: A smaller share beyond all terms is rounding.
ROUNDING = 1e-13
#: The largest share of E[s^2] that may lie beyond the terms.
MOST_LEFT = 0.1
#: Points of interpolation for an octave of variances.
POINTS = 40
#: Smaller variances are taken for this one.
LEAST = 1e-12
#: E[s'^2] counts as infinite when it is so many times what the terms have of it,
TOO_STEEP = 20.0
#: or where they have more of it by so much, which is a jump between two panels.
JUMP = 1e-9
#: or where each of the last octaves of terms has as much of it as the one before: shares that fall
#: like 1 / k, whose sum is infinite. Those of a bend fall by 0.71 an octave, and those of a smooth
#: function ever faster.
ENDLESS = 0.95, 1.1
#: The step of numerical differentiation, whose error goes with its fourth power.
STEP = 1e-3


class Expanded(Activation):
    """Any function of arrays, by ``E[s(u) s(v)] = sum_k a_k(q) a_k(r) rho^k``.

    rho is ``c / sqrt(q r)``, and a_k(q) are what `hermite_coefficients` gives (Mehler's formula);
    the derivative's dual is the derivative of the sum by c (Price's theorem). So many terms are
    taken that the rest is below rounding, but 256 at most. The rest, which is known at rho = 1,
    joins as one more term: diagonals are right then, and matrices stay positive semi-definite.
    `dual_error` says what that may be wrong by elsewhere: 1e-13 where the function is smooth,
    near 1e-5 where it bends, some hundredths where it jumps.

    Args:
        function: elementwise, of float64 arrays of any shape.
        derivative: of the function, elementwise; None is numerical differentiation. Only feature
            maps and finite networks ask for it.
        name: for messages; None is the function's own.

    Raises:
        InvalidType: no function of arrays. When it is used, InvalidArgument: NaN, or E[s(u)^2]
        infinite, or a function that turns faster than 256 terms can follow.

    Cost: near 0.2 s once for each octave of variances; then 3 operations an entry and term.

    Example:
        >>> softplus = Expanded(lambda u: np.logaddexp(0.0, u), name="softplus")
        >>> float(softplus.dual(1.0, 1.0, 0.5).round(6)), softplus.dual_error(1.0) < 1e-12
        (0.780078, True)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        derivative: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
    ) -> None:
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        self._given, self._slope = function, derivative
        _check_elementwise(function, self.name)
        if derivative is not None:
            _check_elementwise(derivative, f"{self.name}, derivative")
        self._octaves: dict[int, _Octave] = {}

    def dual_error(self, q: float) -> float:
        """By how much `dual` may be wrong at variances ``q``, in units of E[s^2]."""
        table = self._table(np.asarray(float(q)))
        return float(table.rest[0] ** 2 / table.square[0])

    def _function(self, u: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            return np.asarray(self._given(u), dtype=u.dtype)

    def _derivative(self, u: FloatArray) -> FloatArray:
        if self._slope is not None:
            return np.asarray(self._slope(u), dtype=u.dtype)
        at, h = u.astype(np.float64), STEP
        far = self._given(at + 2 * h) - self._given(at - 2 * h)
        near = self._given(at + h) - self._given(at - h)
        return np.asarray((8 * near - far) / (12 * h), dtype=u.dtype)

    def _dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        left, right = self._table(q), self._table(r)
        terms = max(left.terms, right.terms)
        pairs = [(left.term(k), right.term(k)) for k in range(terms)]
        rests = left.spread(left.rest), right.spread(right.rest)
        return _series([*pairs, rests], _correlation(q, r, c)).astype(c.dtype, copy=False)

    def _derivative_dual(self, q: FloatArray, r: FloatArray, c: FloatArray) -> FloatArray:
        left, right = self._table(q), self._table(r)
        self._check_tangent(left, right)
        terms = max(left.terms, right.terms)
        pairs = [(k * left.term(k), right.term(k)) for k in range(1, terms)]
        ends = _deviation(q), _deviation(r)
        rests = left.spread(left.steep) * ends[0], right.spread(right.steep) * ends[1]
        out = _series([*pairs, rests], _correlation(q, r, c))
        out /= ends[0] * ends[1]
        return out.astype(c.dtype, copy=False)

    def _dual_at(self, q: FloatArray) -> FloatArray:
        table = self._table(q)
        return table.spread(table.square, whole=True).astype(q.dtype, copy=False)

    def _derivative_dual_at(self, q: FloatArray) -> FloatArray:
        table = self._table(q)
        self._check_tangent(table)
        return table.spread(table.slope_square, whole=True).astype(q.dtype, copy=False)

    def _check_tangent(self, *tables: _Table) -> None:
        if not all(table.tangent for table in tables):
            raise InvalidArgument(
                f"activation {self.name!r} jumps or is too steep: E[s'(u)^2] is infinite and the "
                "network has no tangent kernel; use NNGP, or a smoother activation"
            )

    # -- tables -----------------------------------------------------------------------

    def _table(self, q: FloatArray) -> _Table:
        variances, place = np.unique(np.maximum(q, LEAST), return_inverse=True)
        variances = variances.astype(np.float64)
        octaves = np.floor(np.log2(variances)).astype(int)
        parts = [(self._octave(o), variances[octaves == o]) for o in np.unique(octaves)]
        terms = max((octave.terms for octave, _ in parts), default=0)
        rows = [octave.at(variances, terms) for octave, variances in parts]
        return _Table(
            np.concatenate(rows) if rows else np.empty((0, 4)),
            place.reshape(q.shape),
            all(octave.tangent for octave, _ in parts),
        )

    def _octave(self, octave: int) -> _Octave:
        if octave not in self._octaves:
            self._octaves[octave] = self._fit(octave)
        return self._octaves[octave]

    def _fit(self, octave: int) -> _Octave:
        nodes = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
        scales = 2.0 ** ((octave + (nodes + 1) / 2) / 2)
        least, largest = 2.0 ** (octave / 2), 2.0 ** ((octave + 1) / 2)
        samples = gaussian_samples(self._function, least, largest, self.name)
        squares = second_moments(samples, scales, samples.values)
        slopes = second_moments(samples, scales, samples.slopes)
        for tried in TERMS:
            a = coefficients(samples, scales, tried)
            left = np.maximum(1 - (a**2).sum(axis=1) / squares, 0.0)
            terms = _enough(a**2, squares, slopes * scales**2) if left.max() <= ROUNDING else tried
            if terms < tried:
                break
        held = (np.arange(tried) * a**2).sum(axis=1) / scales**2
        if left.max() > MOST_LEFT:
            raise InvalidArgument(
                f"activation {self.name!r} turns too fast at variances near {largest**2:.4g}: "
                f"{terms} Hermite terms leave {left.max():.0%} of E[s(u)^2]; scale the rows or "
                "weight_variance down"
            )
        a = a[:, :terms]
        tangent = bool(((slopes <= TOO_STEEP * held) & (held <= (1 + JUMP) * slopes)).all())
        tangent = tangent and not _endless(np.arange(terms) * a**2)
        rest = np.sqrt(left * squares)
        steep = np.sqrt(np.maximum(slopes - held, 0.0))
        values = np.column_stack([rest, steep, squares, slopes, a])
        fit = np.linalg.solve(np.polynomial.chebyshev.chebvander(nodes, POINTS - 1), values)
        return _Octave(octave, terms, tangent, fit)

    # -- as a value -------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expanded):
            return NotImplemented
        return (self._given, self._slope, self.name) == (other._given, other._slope, other.name)

    def __hash__(self) -> int:
        return hash((self._given, self._slope, self.name))

    def __repr__(self) -> str:
        return f"Expanded({self.name})"


@dataclass(frozen=True, slots=True)
class _Octave:
    """The rests, moments and coefficients as Chebyshev series in the logarithm of the variance."""

    octave: int
    terms: int
    tangent: bool
    fit: Float64Array

    def at(self, variances: Float64Array, terms: int) -> Float64Array:
        x = 2 * (np.log2(variances) - self.octave) - 1
        out = np.zeros((len(variances), 4 + terms))
        values = np.polynomial.chebyshev.chebvander(x, POINTS - 1) @ self.fit
        out[:, : values.shape[1]] = values
        return out


@dataclass(frozen=True, slots=True)
class _Table:
    """Coefficients of the different variances of an array, and which variance is where."""

    rows: Float64Array
    place: npt.NDArray[np.intp]
    tangent: bool

    @property
    def terms(self) -> int:
        return int(self.rows.shape[1]) - 4

    @property
    def rest(self) -> Float64Array:
        return self.rows[:, 0]

    @property
    def steep(self) -> Float64Array:
        return self.rows[:, 1]

    @property
    def square(self) -> Float64Array:
        return self.rows[:, 2]

    @property
    def slope_square(self) -> Float64Array:
        return self.rows[:, 3]

    def term(self, k: int) -> Float64Array:
        """``a_k``, as an array of the shape of the variances."""
        return self.spread(self.rows[:, 4 + k]) if k < self.terms else np.zeros(())

    def spread(self, values: Float64Array, *, whole: bool = False) -> Float64Array:
        """A value a variance, at their places; one number where all variances are the same."""
        if len(values) == 1 and not whole:
            return values.reshape((1,) * self.place.ndim)
        return values[self.place]


def _enough(shares: Float64Array, squares: Float64Array, slopes: Float64Array) -> int:
    """How many terms hold all but `LEFT_OUT` of both sums of ``shares``, in every row."""
    k = np.arange(shares.shape[1])
    beyond = np.cumsum(shares[:, ::-1], axis=1)[:, ::-1] / squares[:, None]
    steeper = np.cumsum((k * shares)[:, ::-1], axis=1)[:, ::-1]
    few = (beyond <= LEFT_OUT[0]) & (steeper <= LEFT_OUT[1] * slopes[:, None])
    enough = np.flatnonzero(few.all(axis=0))
    return max(int(enough[0]), 1) if len(enough) else len(k)


def _endless(shares: Float64Array) -> bool:
    """Whether the sum of the ``shares`` goes on for ever; only where all `TERMS` were needed."""
    if shares.shape[1] < TERMS[-1]:
        return False
    octaves = np.add.reduceat(shares, [0, 16, 32, 64, 128], axis=1)[:, 1:]
    falls = octaves[:, 1:] / octaves[:, :-1]
    near_one = (falls > ENDLESS[0]) & (falls < ENDLESS[1])
    # A steep but smooth function passes by 1 on its way down.
    steady = np.diff(falls, axis=1) > -0.01
    return bool((near_one.all(axis=1) & steady.all(axis=1)).any())


def _series(pairs: list[tuple[Float64Array, Float64Array]], rho: Float64Array) -> Float64Array:
    """``sum_k left_k right_k rho^k``."""
    out = np.zeros_like(rho)
    for left, right in reversed(pairs):
        out *= rho
        out += left * right
    return out


def _correlation(q: FloatArray, r: FloatArray, c: FloatArray) -> Float64Array:
    rho: Float64Array = np.clip(c / (_deviation(q) * _deviation(r)), -1.0, 1.0)
    return rho


def _deviation(q: FloatArray) -> Float64Array:
    deviation: Float64Array = np.sqrt(np.maximum(q.astype(np.float64), LEAST))
    return deviation


def _check_elementwise(function: Any, name: str) -> None:
    probe = np.linspace(-1.0, 1.0, 6).reshape(2, 3)
    remedy = "it must take an array and give one of the same shape; np.vectorize makes it so"
    if not callable(function):
        raise InvalidType(f"activation {name}: expected a function; got {function!r:.60}")
    try:
        with np.errstate(all="ignore"):
            out = np.asarray(function(probe))
    except Exception as error:
        raise InvalidType(f"activation {name} failed on an array ({error!r}); {remedy}") from error
    if out.shape != probe.shape or out.dtype.kind not in "fiub":
        raise InvalidType(
            f"activation {name} gave shape {out.shape} and type {out.dtype} for {probe.shape}; "
            f"{remedy}"
        )
