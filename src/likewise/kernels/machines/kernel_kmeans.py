"""`KernelKMeans`: k-means in the space of a kernel."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType
from likewise.kernels.base import Kernel
from likewise.kernels.classical.rbf import RBF
from likewise.kernels.machines._linear import checked
from likewise.kernels.parameters import Float64Array

Labels = npt.NDArray[np.int64]


class KernelKMeans(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Clusters of rows that are near their cluster's mean in the space of a kernel.

    Minimises ``sum_i |phi(x_i) - m_c(i)|^2`` with
    ``|phi(x) - m_c|^2 = k(x, x) - 2 mean_j k(x, x_j) + mean_jl k(x_j, x_l)`` over the members of c.
    A matrix that is not positive semi-definite has its spectrum shifted by its smallest
    eigenvalue: the best clusters stay the same, and each step is then sure to descend.

    Args:
        n_clusters: how many. kernel: a kernel; None is ``RBF(length=sqrt(numbers in a row))``;
            "precomputed" takes the symmetric matrix itself for X.
        n_init: how many beginnings (k-means++ in the kernel's space); the best end is kept.
        max_iter: the most steps each. random_state: the seed.
        memory_limit: bytes for the matrix; None is no limit.

    Attributes:
        labels_: the cluster of every row. inertia_: the sum that is minimised. n_iter_: steps of
        the best run. shift_: what was added to the diagonal.

    Raises:
        InvalidArgument: more clusters than rows; a matrix that is not symmetric.

    Cost: n^2 kernel evaluations and O(n^2 clusters) a step; an eigenvalue, O(n^3), where the
    kernel is not declared positive semi-definite.

    Source: B. Scholkopf, A. Smola and K.-R. Muller, "Nonlinear component analysis as a kernel
    eigenvalue problem", 1998; V. Roth et al., "Optimal cluster preserving embedding of nonmetric
    proximity data", TPAMI 2003 (the shift).

    Example:
        >>> X = np.array([[0.0], [0.1], [5.0], [5.1]])
        >>> labels = KernelKMeans(2, RBF(length=1.0)).fit_predict(X)
        >>> bool(labels[0] == labels[1] != labels[2] == labels[3])
        True
    """

    @suggest_arguments
    def __init__(
        self,
        n_clusters: int = 8,
        kernel: Kernel | Literal["precomputed"] | None = None,
        *,
        n_init: int = 10,
        max_iter: int = 300,
        random_state: int | None = 0,
        memory_limit: float | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.kernel = kernel
        self.n_init = n_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.memory_limit = memory_limit

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = isinstance(self.kernel, str)
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the clusters of the rows ``X``; ``y`` is not used (scikit-learn passes it)."""
        clusters = check_count("n_clusters", self.n_clusters)
        starts = check_count("n_init", self.n_init)
        K = self._matrix(X)
        if clusters > len(K):
            raise InvalidArgument(f"n_clusters = {clusters} is more than the {len(K)} rows")
        self.shift_ = self._shift(K)
        if self.shift_:
            K = K + self.shift_ * np.eye(len(K))
        rng = np.random.default_rng(self.random_state)
        runs = (self._run(K, clusters, rng) for _ in range(starts))
        inertia, labels, steps = min(runs, key=lambda run: run[0])
        self.labels_, self.n_iter_ = labels, steps
        # Without the shift, which adds the same to every way to cut n rows into so many.
        self.inertia_ = inertia - self.shift_ * (len(K) - len(np.unique(labels)))
        self._within = _within(K, _shares(labels, clusters))
        return self

    def predict(self, X: Any) -> Labels:
        """The cluster of new rows; with "precomputed", of rows of k(new, fitted)."""
        check_is_fitted(self)
        if isinstance(self.kernel, str):
            cross = validate_data(self, X, dtype=np.float64, reset=False)
        else:
            cross = np.asarray(self.kernel_(self._rows(X, reset=False), self._fitted), np.float64)
        shares = _shares(self.labels_, len(self._within))
        labels: Labels = np.argmin(self._within - 2 * cross @ shares, axis=1)
        return labels

    def _rows(self, X: Any, reset: bool) -> Any:
        if isinstance(self.kernel, Kernel) and not self.kernel.takes_vectors:
            return X
        return validate_data(self, X, dtype=(np.float64, np.float32), reset=reset)

    def _matrix(self, X: Any) -> Float64Array:
        if isinstance(self.kernel, str):
            return self._precomputed(X)
        if self.kernel is not None and not isinstance(self.kernel, Kernel):
            raise InvalidType(
                f'kernel must be a kernel, "precomputed" or None; got {self.kernel!r:.60}'
            )
        self._fitted = self._rows(X, reset=True)
        width = np.sqrt(np.shape(self._fitted)[1]) if self.kernel is None else 1.0
        self.kernel_ = RBF(length=float(width)) if self.kernel is None else self.kernel
        K = self.kernel_(self._fitted, memory_limit=self.memory_limit)
        return checked(np.asarray(K, dtype=np.float64), self.kernel_)

    def _precomputed(self, X: Any) -> Float64Array:
        if self.kernel != "precomputed":
            raise InvalidArgument(f'kernel must be "precomputed" or a kernel; got {self.kernel!r}')
        K: Float64Array = validate_data(self, X, dtype=np.float64)
        if K.shape[0] != K.shape[1]:
            raise DimensionMismatch(f"X: a precomputed matrix is square; got shape {K.shape}")
        if not np.allclose(K, K.T, rtol=1e-8, atol=1e-8 * np.abs(K).max()):
            raise InvalidArgument("X: a precomputed matrix must be symmetric")
        return (K + K.T) / 2

    def _shift(self, K: Float64Array) -> float:
        if not isinstance(self.kernel, str) and self.kernel_.psd:
            return 0.0
        from scipy.linalg import eigh

        lowest = float(eigh(K, eigvals_only=True, subset_by_index=[0, 0])[0])
        return max(0.0, -lowest) if lowest < -1e-10 * np.abs(K).max() * len(K) else 0.0

    def _run(
        self, K: Float64Array, clusters: int, rng: np.random.Generator
    ) -> tuple[float, Labels, int]:
        own = np.diag(K)
        labels = _begin(K, clusters, rng)
        steps = 0
        while steps < check_count("max_iter", self.max_iter):
            steps += 1
            shares = _shares(labels, clusters)
            away = _within(K, shares) - 2 * K @ shares
            away[:, ~shares.any(axis=0)] = np.inf
            moved = np.argmin(away, axis=1)
            _refill(moved, own + away[np.arange(len(K)), moved], clusters)
            if np.array_equal(moved, labels):
                break
            labels = moved
        shares = _shares(labels, clusters)
        inertia = float(own.sum() - np.bincount(labels, minlength=clusters) @ _within(K, shares))
        return inertia, labels, steps


def _begin(K: Float64Array, clusters: int, rng: np.random.Generator) -> Labels:
    """k-means++: centres drawn by squared distance to those before; each row to the nearest."""
    own = np.diag(K)
    chosen = [int(rng.integers(len(K)))]
    away = np.maximum(own + own[chosen[0]] - 2 * K[chosen[0]], 0.0)
    for _ in range(clusters - 1):
        total = away.sum()
        share = away / total if total > 0 else np.full(len(K), 1 / len(K))
        chosen.append(int(rng.choice(len(K), p=share)))
        away = np.minimum(away, np.maximum(own + own[chosen[-1]] - 2 * K[chosen[-1]], 0.0))
    labels: Labels = np.argmin(own[chosen] - 2 * K[:, chosen], axis=1)
    _refill(labels, away, clusters)
    return labels


def _refill(labels: Labels, away: Float64Array, clusters: int) -> None:
    """Give every empty cluster the row that is farthest from its own, in place."""
    for empty in np.setdiff1d(np.arange(clusters), labels):
        counts = np.bincount(labels, minlength=clusters)
        movable = np.where(counts[labels] > 1, away, -np.inf)
        row = int(np.argmax(movable))
        labels[row], away[row] = empty, 0.0


def _shares(labels: Labels, clusters: int) -> Float64Array:
    """(n, clusters): 1 / size of the cluster for its members, 0 elsewhere."""
    members = labels[:, None] == np.arange(clusters)
    shares: Float64Array = members / np.maximum(members.sum(axis=0), 1)
    return shares


def _within(K: Float64Array, shares: Float64Array) -> Float64Array:
    """``mean_jl k(x_j, x_l)`` of each cluster."""
    within: Float64Array = np.einsum("ic,ic->c", shares, K @ shares)
    return within
