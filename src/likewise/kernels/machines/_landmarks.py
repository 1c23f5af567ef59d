"""Landmarks: a few training rows (or given ones) through which Nyström sees the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument
from likewise.kernels.base import Kernel
from likewise.kernels.machines._linear import JITTERS, Float64Array, checked, not_definite
from likewise.kernels.machines._pivoted import pivoted_cholesky
from likewise.kernels.machines._solver import take

Ids = npt.NDArray[np.int64]
#: Landmarks are sought among so many times as many rows, drawn at random.
POOL = 5


def usual_landmarks(n: int) -> int:
    """``10 sqrt(n)``, at least 500, at most n."""
    return min(n, max(500, int(10 * np.sqrt(n))))


def _uniform(kernel: Kernel, rows: Any, count: int, rng: np.random.Generator, workers: int) -> Ids:
    return rng.choice(len(rows), size=count, replace=False)


def _pivoted(kernel: Kernel, rows: Any, count: int, rng: np.random.Generator, workers: int) -> Ids:
    return pivoted_cholesky(kernel, rows, count, rng, workers).pivots


def _spread(kernel: Kernel, rows: Any, count: int, rng: np.random.Generator, workers: int) -> Ids:
    """k-means++ seeding by ``k(x, x) + k(z, z) - 2 k(x, z)``, the squared distance of features."""
    diagonal = np.asarray(kernel._diagonal(rows), dtype=np.float64)
    nearest, chosen = np.full(len(rows), np.inf), [int(rng.integers(len(rows)))]
    while True:
        last = chosen[-1]
        column = np.asarray(kernel._entries(rows, rows[last : last + 1]), dtype=np.float64)[:, 0]
        nearest = np.minimum(nearest, np.maximum(diagonal + diagonal[last] - 2 * column, 0.0))
        nearest[chosen] = 0.0
        if len(chosen) == count or nearest.sum() <= 0:
            return np.asarray(chosen, dtype=np.int64)
        chosen.append(int(rng.choice(len(rows), p=nearest / nearest.sum())))


#: How landmarks are chosen, by name.
CHOICES: dict[str, Callable[[Kernel, Any, int, np.random.Generator, int], Ids]] = {
    "pivoted": _pivoted,
    "kmeans++": _spread,
    "uniform": _uniform,
}


def choose_landmarks(
    kernel: Kernel, rows: Any, count: int, how: str, seed: int | None, workers: int = 1
) -> Any:
    """``count`` of the rows (fewer where no more are needed), by one of `CHOICES`.

    Raises:
        InvalidArgument: no such choice.
    """
    if how not in CHOICES:
        raise InvalidArgument(f"landmarks must be one of {', '.join(CHOICES)}; got {how!r:.60}")
    rng = np.random.default_rng(seed)
    if len(rows) > POOL * count:
        rows = take(rows, np.sort(rng.choice(len(rows), size=POOL * count, replace=False)))
    if count >= len(rows):
        return rows
    return take(rows, np.sort(CHOICES[how](kernel, rows, count, rng, workers)))


class NystromMap:
    """``psi(x) = S^-1/2 U^T k(Z, x)`` with ``k(Z, Z) = U S U^T``, so that psi.psi is near k.

    Directions with eigenvalues as small as rounding errors are left out.

    Raises:
        NotPositiveDefinite: k(Z, Z) has an eigenvalue below that.

    Source: C. Williams and M. Seeger, "Using the Nyström method to speed up kernel machines",
    NIPS 2000.
    """

    def __init__(
        self, kernel: Kernel, landmarks: Any, *, workers: int = 1, clip: bool = False
    ) -> None:
        from scipy.linalg import eigh

        self.kernel, self.landmarks, self.workers = kernel, landmarks, workers
        K = checked(np.asarray(kernel._matrix(landmarks, None, workers), np.float64), kernel)
        eps = np.finfo(np.float64).eps
        values, vectors = eigh(K, overwrite_a=True, check_finite=False)
        rounding = JITTERS * len(K) * eps * max(abs(values).max(initial=0.0), 1e-300)
        if not clip and len(values) and values[0] < -rounding:
            raise not_definite(kernel, float(values[0]))
        kept = values > rounding
        self.scaled: Float64Array = vectors[:, kept] / np.sqrt(values[kept])
        self.n_features = self.scaled.shape[1]

    def __call__(self, rows: Any) -> Float64Array:
        """(m, n_features) of checked rows."""
        K = self.kernel._matrix(rows, self.landmarks, self.workers)
        return np.asarray(K, dtype=np.float64) @ self.scaled
