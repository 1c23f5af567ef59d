"""`SingularLimit`: the kernel of infinitely wide and infinitely deep networks that is optimal."""

from __future__ import annotations

from typing import Any

import numpy as np

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument, InvalidVector
from likewise.kernels._rows import FloatArray, as_rows
from likewise.kernels.base import Kernel
from likewise.kernels.classical._distances import squared_distances
from likewise.kernels.wide._koenigs import Float64Array, Koenigs, Logarithm

#: Nearer pairs than this, by 1 - <x, y>, are subtracted, not multiplied, for all their digits.
NEAR = 1e-4
#: How far the length of a row may be from 1: rows may have been of float32.
ROUNDING = 1e-5


def optimal_squares(dim: float) -> Float64Array:
    """The squared Hermite coefficients of an activation that is optimal in ``dim`` dimensions.

    For dim >= 2, ``(0, s, 1 - 2 s, s)`` with ``s = 2^(-dim / 2)``: slopes ``f'(0) = s`` and
    ``f'(1) = 2`` make the exponent ``-2 ln s / ln 2 = dim``. For dim = 1 the degrees 1 and 7 have
    1/2 each, which makes f'(1) = 4.

    Raises:
        InvalidArgument: dim is neither 1 nor at least 2.

    Source: A. Radhakrishnan, M. Belkin and C. Uhler, "Wide and deep neural networks achieve
    consistency for classification", PNAS 2023.

    Example:
        >>> optimal_squares(4).tolist()
        [0.0, 0.25, 0.5, 0.25]
    """
    dim = check_number("dim", dim)
    if dim == 1:
        return np.array([0, 0.5, 0, 0, 0, 0, 0, 0.5])
    if not 2 <= dim <= 1000:
        raise InvalidArgument(f"dim must be 1, or from 2 to 1000; got {dim:g}")
    first = 2.0 ** (-dim / 2)
    return np.array([0, first, 1 - 2 * first, first])


class SingularLimit(Kernel):
    """The limit of networks of infinite width and then depth, with an optimal activation.

    A layer maps the correlation xi = <x, y> of rows of length 1 to ``f(xi)``, and both the NNGP
    and the NTK, divided by what they shrink by, tend to

        psi(xi) = lim f^L(xi) / f'(0)^L,

    which is infinite at x = y and grows as ``|x - y|^-dim`` towards it. A vote weighted by psi is
    then consistent: with more rows its error tends to Bayes' own, wherever rows have a density in
    ``dim`` dimensions. The activation is a sum of Hermite polynomials of degrees 1, 2 and 3; see
    `optimal_squares`.

    Args:
        dim: dimension of the sphere, or of the surface within it, that rows lie on: columns - 1
            for a whole sphere.
        depth: None is the limit, whose diagonal is infinite: use `SingularClassifier` and
            `SingularRegressor`. A number of layers L makes ``f^L(xi) / f'(0)^L``, which is finite
            and positive semi-definite, for other machines.

    Raises:
        InvalidVector: a row does not have length 1.
        InvalidArgument: ``depth`` layers make a diagonal beyond every float.

    Cost: per entry about ``ln(1 / (1 - xi)) / ln 2 + dim / 2 + 20`` layers of 3 multiplications.

    Source: A. Radhakrishnan, M. Belkin and C. Uhler, "Wide and deep neural networks achieve
    consistency for classification", PNAS 2023. The iteration is that of Koenigs (1884).

    Example:
        >>> angles = np.array([0.0, 0.1, 0.2])
        >>> circle = np.c_[np.cos(angles), np.sin(angles)]
        >>> psi = SingularLimit(dim=1)(circle)
        >>> round(float(psi[0, 1] / psi[0, 2]), 2)  # half as far, nearly twice as alike
        2.01
        >>> float(psi[0, 0])
        inf
    """

    name = "singular_limit"
    temporaries = 6

    @suggest_arguments
    def __init__(self, dim: float = 2, *, depth: int | None = None) -> None:
        self.dim = dim
        self.depth = depth
        self._check_parameters()

    def _check_parameters(self) -> None:
        super()._check_parameters()
        slope = optimal_squares(self.dim)[1]
        if self.depth is None:
            return
        depth = check_count("depth", self.depth)
        most = int(1000 / -np.log2(slope))
        if depth > most:
            raise InvalidArgument(
                f"depth: {depth} layers in dim = {self.dim:g} make numbers beyond every float; "
                f"use at most {most}, or None for the limit"
            )

    @property
    def psd(self) -> bool:
        """Whether ``depth`` is finite; the limit has no finite diagonal."""
        return self.depth is not None

    def log(self, X: Any, Y: Any) -> Logarithm:
        """``k(x_i, y_j)`` as (log, sign), two arrays (n, m): in many dimensions k overflows."""
        rows, columns = self._both(X, Y)
        return self._log(rows, rows if columns is None else columns)

    def _as_rows(self, values: Any, what: str) -> FloatArray:
        return unit_rows(values, what)

    def _log(self, X: FloatArray, Y: FloatArray) -> Logarithm:
        return Koenigs(optimal_squares(self.dim)).after(gaps(X, Y), self.depth)

    def _entries(self, X: FloatArray, Y: FloatArray) -> FloatArray:
        if not len(X) or not len(Y):
            return np.empty((len(X), len(Y)), dtype=X.dtype)
        log, sign = self._log(X, Y)
        with np.errstate(over="ignore", under="ignore"):
            values: FloatArray = (sign * np.exp(log)).astype(X.dtype)
        return values

    def _diagonal(self, X: FloatArray) -> FloatArray:
        slope = optimal_squares(self.dim)[1]
        with np.errstate(over="ignore"):
            value = np.inf if self.depth is None else slope**-self.depth
            return np.full(len(X), value).astype(X.dtype)


def gaps(X: FloatArray, Y: FloatArray) -> Float64Array:
    """``1 - <x, y> = |x - y|^2 / 2`` of unit rows, to the last digits of near ones; 0 if equal."""
    X, Y = X.astype(np.float64, copy=False), Y.astype(np.float64, copy=False)
    out = np.asarray(squared_distances(X, Y) / 2, dtype=np.float64)
    i, j = np.nonzero(out < NEAR)
    apart = X[i] - Y[j]
    out[i, j] = np.vecdot(apart, apart) / 2
    return np.minimum(out, 2.0, out=out)


def unit_rows(values: Any, what: str) -> FloatArray:
    """Checked rows of length 1."""
    rows = as_rows(values, what)
    lengths = np.linalg.norm(rows, axis=1)
    wrong = np.flatnonzero(np.abs(lengths - 1) > ROUNDING)
    if len(wrong):
        raise InvalidVector(
            f"{what}: row {wrong[0]} has length {lengths[wrong[0]]:.6g}; rows must lie on the unit "
            f"sphere: divide each by its length, or use likewise.kernels.to_sphere({what})"
        )
    return rows


def to_sphere(X: Any, low: Any = None, high: Any = None) -> FloatArray:
    """Rows of any numbers as rows of length 1 with one column more, all at most 90 degrees apart.

    Each column is brought to [0, 1] by its ``low`` and ``high``, a column of ones is appended,
    and each row is divided by its length.

    Args:
        X: (n, dim). low, high: (dim,); None is the least and the largest of X. What lies beyond
            is moved to the nearest of both.

    Example:
        >>> to_sphere([[0.0], [5.0], [10.0]]).round(3).tolist()
        [[0.0, 1.0], [0.447, 0.894], [0.707, 0.707]]
    """
    rows = as_rows(X, "X")
    low = rows.min(axis=0) if low is None else np.asarray(low, dtype=rows.dtype)
    high = rows.max(axis=0) if high is None else np.asarray(high, dtype=rows.dtype)
    # Of a column that is constant nothing can be learnt; it stays at 0.
    span = np.where(high > low, high - low, 1).astype(rows.dtype)
    lifted = np.ones((len(rows), rows.shape[1] + 1), dtype=rows.dtype)
    np.clip((rows - low) / span, 0, 1, out=lifted[:, :-1])
    lifted /= np.linalg.norm(lifted, axis=1, keepdims=True)
    return lifted
