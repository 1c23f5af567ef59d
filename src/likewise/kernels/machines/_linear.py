"""Symmetric systems in float64: factored, or refused with the smallest eigenvalue."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument, NotPositiveDefinite

Float64Array = npt.NDArray[np.float64]
#: Up to so many rows the smallest eigenvalue is computed; beyond, it is estimated by Lanczos.
DENSE = 3000
#: A jitter is so many times the rounding of a matrix of n rows.
JITTERS = 10.0


class Factored:
    """The Cholesky factor of ``K + ridge I``, and what had to be added so that there is one.

    Attributes:
        lower: L with ``L L^T = K + (ridge + jitter) I``; above the diagonal stands anything.
        jitter: 0.0, or what was added where rounding alone made the matrix indefinite.
    """

    def __init__(self, lower: Float64Array, jitter: float) -> None:
        self.lower, self.jitter = lower, jitter

    def solve(self, b: Float64Array) -> Float64Array:
        """``(K + ridge I)^-1 b``. Cost: n^2 a column."""
        from scipy.linalg import cho_solve

        return np.asarray(cho_solve((self.lower, True), b, check_finite=False))

    def half(self, b: Float64Array) -> Float64Array:
        """``L^-1 b``, whose squared norms are ``b^T (K + ridge I)^-1 b``."""
        from scipy.linalg import solve_triangular

        return np.asarray(solve_triangular(self.lower, b, lower=True, check_finite=False))

    def log_determinant(self) -> float:
        """``ln |K + ridge I|``."""
        return float(2 * np.log(np.diagonal(self.lower)).sum())

    def inverse(self) -> Float64Array:
        """``(K + ridge I)^-1``, (n, n)."""
        from scipy.linalg.lapack import dpotri

        upper, _ = dpotri(self.lower, lower=1)
        out = np.tril(upper)
        return np.asarray(out + np.tril(out, -1).T)


def checked(values: Float64Array, kernel: Any) -> Float64Array:
    """``values`` of the kernel, or the error that says they are not finite."""
    if np.isfinite(values.sum()) or np.isfinite(values).all():
        return values
    place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
    itself = len(set(place)) == 1
    between = f"row {place[0]} and {'itself' if itself else f'row {place[1]}'}"
    remedy = "; SingularLimit takes depth=" if itself and np.isinf(values[place]) else ""
    raise InvalidArgument(
        f"kernel: {kernel!r:.200} is {values[place]} of {between}; a machine needs finite "
        f"values{remedy}"
    )


def factor(K: Float64Array, ridge: float, *, kernel: Any, ridge_name: str = "ridge") -> Factored:
    """Factor ``K + ridge I``; ``K`` is overwritten.

    Where the factorisation fails by rounding alone (the smallest eigenvalue is as near to 0 as
    rounding errors are), `JITTERS` n eps max(K_ii) is added to the diagonal, and said in `jitter`.

    Raises:
        NotPositiveDefinite: the smallest eigenvalue of ``K + ridge I`` is truly negative.

    Cost: n^3 / 3 multiplications, and no second matrix.
    """
    from scipy.linalg.lapack import dpotrf

    diagonal = K.diagonal().copy()
    jitter = 0.0
    for attempt in range(2):
        np.fill_diagonal(K, diagonal + (ridge + jitter))
        # The transpose lies as LAPACK wants it; the half it does not write to keeps K.
        lower, failed = dpotrf(K.T, lower=1, clean=0, overwrite_a=1)
        if not failed:
            return Factored(lower, jitter)
        K = restored(K, diagonal)
        smallest = smallest_eigenvalue(K)
        rounding = len(K) * np.finfo(np.float64).eps * max(abs(diagonal).max(), 1e-300)
        if attempt or smallest + ridge < -JITTERS * rounding:
            raise not_definite(kernel, smallest, ridge, ridge_name)
        jitter = JITTERS * rounding - min(smallest + ridge, 0.0)
    raise AssertionError("unreachable")  # pragma: no cover


def restored(K: Float64Array, diagonal: Float64Array) -> Float64Array:
    """The symmetric matrix that was in ``K`` before its lower half (of K.T) was overwritten."""
    kept = np.tril(K, -1)
    kept += kept.T
    np.fill_diagonal(kept, diagonal)
    return kept


def smallest_eigenvalue(K: Float64Array) -> float:
    """The smallest eigenvalue: computed up to `DENSE` rows, else an estimate from above."""
    if len(K) <= DENSE:
        from scipy.linalg import eigvalsh

        return float(eigvalsh(K, subset_by_index=[0, 0], check_finite=False)[0])
    return lanczos_smallest(K)


def lanczos_smallest(K: Any) -> float:
    """An estimate, from above, of the smallest eigenvalue of what can be multiplied by."""
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh

    start = np.random.default_rng(0).standard_normal(K.shape[0])
    try:
        found = eigsh(K, k=1, which="SA", v0=start, maxiter=30, return_eigenvectors=False, tol=1e-2)
    except ArpackNoConvergence as error:
        v = start / np.linalg.norm(start)
        found = np.append(np.asarray(error.eigenvalues), v @ (K @ v))
    return float(np.min(found))


def not_definite(
    kernel: Any, smallest: float, ridge: float | None = None, ridge_name: str = "ridge"
) -> NotPositiveDefinite:
    """The error that says which kernel, how far below 0, and what to do.

    ``ridge`` is None where none is added to the diagonal.
    """
    clip = "clip what is negative: kernel=PositivePart(kernel, X) with some hundred rows X"
    remedy = f"which cannot be here; {clip}"
    if ridge is not None:
        remedy = (
            f"and {ridge_name} = {ridge:.4g} does not lift it above 0; take {ridge_name} >= "
            f"{1.1 * abs(smallest):.3g}, or {clip}"
        )
    return NotPositiveDefinite(
        f"kernel: {kernel!r:.200} is not positive semi-definite on these rows: the smallest "
        f"eigenvalue of its matrix is about {smallest:.4g}, {remedy}"
    )
