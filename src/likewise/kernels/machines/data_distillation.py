"""A few rows with targets of their own, from which a machine learns what it learnt from all.

Linear ridge in closed form (`distil_linear`); kernel ridge by chosen rows whose targets are
solved for (`distil_rows`, `solve_labels`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, check_jobs, check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.kernels._rows import as_rows
from likewise.kernels.base import Kernel, check_kernel
from likewise.kernels.machines._landmarks import CHOICES, choose_landmarks
from likewise.kernels.machines._linear import Float64Array, checked, factor
from likewise.kernels.machines._solver import block_of, in_float64, matrix


class Distilled(NamedTuple):
    """A data set in place of another: ``rows``, and ``targets`` (m, outputs)."""

    rows: Any
    targets: Float64Array


@suggest_arguments
def distil_linear(
    X: Any, Y: Any, ridge: float, *, ridge_distilled: float = 1.0, scale: float | None = None
) -> Distilled:
    """As few rows as there are outputs, from which ridge learns exactly the same weights.

    Ridge on all rows gives ``W = (X^T X + ridge I)^-1 X^T Y = V S U^T``, of rank r. The rows
    ``scale V^T`` and the targets ``(scale^2 + ridge_distilled) / scale S U^T`` give W again, by
    ridge with ``ridge_distilled`` and no intercept (bring a column of ones for one).

    Args:
        X: n rows of d numbers. Y: (n,) or (n, outputs). ridge: of the first fit, positive.
        ridge_distilled: of the fits to come, positive.
        scale: the length of the rows; None is the mean length of those of X.

    Returns:
        `Distilled`: r <= min(d, outputs) rows. No fewer can do.

    Raises:
        InvalidArgument: all of W is zero, so that there is nothing to keep.

    Cost: n d^2 + d^3.

    Source: Y. Chen, W. Huang and T. Weng, "Provable and efficient dataset distillation for kernel
    ridge regression", NeurIPS 2024.

    Example:
        >>> X = np.random.default_rng(0).standard_normal((50, 3))
        >>> small = distil_linear(X, X @ [1.0, 2.0, 3.0], ridge=0.1, ridge_distilled=2.0)
        >>> A, b = small.rows, small.targets[:, 0]
        >>> again = np.linalg.solve(A.T @ A + 2.0 * np.eye(3), A.T @ b)
        >>> A.shape, again.round(2).tolist()
        ((1, 3), [1.0, 1.99, 2.99])
    """
    rows, targets = in_float64(as_rows(X)), _targets(Y, len(X))
    ridge, after = _positive("ridge", ridge), _positive("ridge_distilled", ridge_distilled)
    usual = float(np.linalg.norm(rows, axis=1).mean()) or 1.0
    length = usual if scale is None else _positive("scale", scale)
    system = factor(rows.T @ rows, ridge, kernel="the linear kernel")
    V, S, Ut = np.linalg.svd(system.solve(rows.T @ targets), full_matrices=False)
    kept = np.max(S, initial=0.0) * max(V.shape) * np.finfo(np.float64).eps < S
    if not kept.any():
        raise InvalidArgument("Y: ridge learns nothing but zeros from it; there is nothing to keep")
    values = (length**2 + after) / length * (S[kept, None] * Ut[kept])
    return Distilled(length * V[:, kept].T, values)


@suggest_arguments
def solve_labels(
    kernel: Kernel, X: Any, Y: Any, rows: Any, ridge: float, *, n_jobs: int | None = None
) -> Float64Array:
    """The targets of ``rows`` from which kernel ridge errs least on all of ``X``, ``Y``.

    ``argmin |Y - k(X, Z) (k(Z, Z) + ridge I)^-1 y|^2`` over y, for the rows Z: least squares, in
    blocks of X.

    Args:
        X: n rows. Y: (n,) or (n, outputs). rows: Z, m of them. ridge: of the fit on Z, positive.

    Returns:
        (m, outputs).

    Cost: n m entries and n m^2 + m^3 multiplications; 8 m^2 bytes a matrix.

    Source: T. Nguyen, Z. Chen and J. Lee, "Dataset meta-learning from kernel ridge-regression",
    ICLR 2021 (label solve).

    Example:
        >>> from likewise.kernels import RBF
        >>> X = np.linspace(0, 6, 200)[:, None]
        >>> Z = np.linspace(0, 6, 12)[:, None]
        >>> y = solve_labels(RBF(), X, np.sin(X[:, 0]), Z, ridge=1e-3)
        >>> fit = RBF()(X, Z) @ np.linalg.solve(RBF()(Z) + 1e-3 * np.eye(12), y)
        >>> bool(np.abs(fit[:, 0] - np.sin(X[:, 0])).max() < 0.05)
        True
    """
    check_kernel(kernel)
    workers, ridge = check_jobs(n_jobs), _positive("ridge", ridge)
    all_rows, Z = (in_float64(kernel._as_rows(v, w)) for v, w in ((X, "X"), (rows, "rows")))
    kernel._check_alike(all_rows, Z)
    targets, m = _targets(Y, len(all_rows)), len(Z)
    system = factor(checked(matrix(kernel, Z, None, workers), kernel), ridge, kernel=kernel)
    # With B = k(X, Z) the best coefficients solve B^T B c = B^T Y; a QR of B in blocks keeps the
    # digits that B^T B would lose.
    triangle, right = np.zeros((0, m)), np.zeros((0, targets.shape[1]))
    size = max(block_of(m), m)
    for start in range(0, len(all_rows), size):
        B = matrix(kernel, all_rows[start : start + size], Z, workers)
        Q, triangle = np.linalg.qr(np.vstack([triangle, B]))
        right = Q.T @ np.vstack([right, targets[start : start + size]])
    coefficients = np.linalg.lstsq(triangle, right, rcond=None)[0]
    K = matrix(kernel, Z, None, workers)
    return np.asarray(K @ coefficients + (ridge + system.jitter) * coefficients)


@suggest_arguments
def distil_rows(
    kernel: Kernel,
    X: Any,
    Y: Any,
    n_rows: int,
    ridge: float,
    *,
    choose: str = "pivoted",
    random_state: int | None = 0,
    n_jobs: int | None = None,
) -> Distilled:
    """``n_rows`` of the rows ``X``, with targets from which kernel ridge errs least on all.

    Args:
        kernel: any. X: n rows. Y: (n,) or (n, outputs). ridge: of the fit on what is kept.
        choose: which rows: "pivoted" (by what the others leave unexplained), "kmeans++", "uniform".

    Returns:
        `Distilled`; fewer rows where fewer explain all.

    Cost: that of choosing (5 n_rows^3 at most) and of `solve_labels`.

    Example:
        >>> from likewise.kernels import RBF
        >>> from likewise.kernels.machines import KernelRidge
        >>> X = np.linspace(0, 6, 300)[:, None]
        >>> small = distil_rows(RBF(), X, np.sin(X[:, 0]), 12, ridge=1e-3)
        >>> model = KernelRidge(RBF(), ridge=1e-3).fit(*small)
        >>> bool(np.abs(model.predict(X)[:, 0] - np.sin(X[:, 0])).max() < 0.05)
        True
    """
    check_kernel(kernel)
    count, workers = check_count("n_rows", n_rows), check_jobs(n_jobs)
    if choose not in CHOICES:
        raise InvalidArgument(f"choose must be one of {', '.join(CHOICES)}; got {choose!r:.60}")
    seed = None if random_state is None else check_count("random_state", random_state, minimum=0)
    rows = in_float64(kernel._as_rows(X, "X"))
    Z = choose_landmarks(kernel, rows, count, choose, seed, workers)
    return Distilled(Z, solve_labels(kernel, rows, Y, Z, ridge, n_jobs=n_jobs))


def _targets(Y: Any, count: int) -> Float64Array:
    array = in_float64(as_rows(np.atleast_2d(np.asarray(Y)), "Y"))
    array = array.T if np.ndim(Y) == 1 else array
    if len(array) != count:
        raise InvalidArgument(f"Y has {len(array)} values, X has {count} rows")
    return np.asarray(array)


def _positive(name: str, value: npt.ArrayLike) -> float:
    number = check_number(name, value)
    if number <= 0:
        raise InvalidArgument(f"{name} must be positive; got {value!r}")
    return number
