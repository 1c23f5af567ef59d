"""`GraphProximity`: how near the nodes of a graph are, by walks, diffusion or forests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import DimensionMismatch, InvalidArgument, InvalidType, InvalidVector
from likewise.kernels.base import Kernel
from likewise.kernels.parameters import Float64Array

#: Squarings begin where the Taylor series of a matrix with rows that add up to this is short.
SMALL_ROWS = 0.5


class GraphProximity(Kernel):
    """The proximity of two nodes of an undirected graph; rows are node numbers.

    With adjacency A (weights 0 or more), degrees D, L = D - A, and r the largest eigenvalue of A:

    ================== ======================== =====================
    ``measure``        K                        ``t``
    ================== ======================== =====================
    ``walk``           ``(I - tA)^-1``          0 < t < 1/r
    ``communicability`` ``exp(tA)``             t > 0
    ``forest``         ``(I + tL)^-1``          t > 0
    ``heat``           ``exp(-tL)``             t > 0
    ``pagerank``       ``(D - tA)^-1``          0 < t < 1
    ``commute``        the pseudo-inverse of L  none
    ================== ======================== =====================

    ``katz``, ``regularised_laplacian``, ``diffusion`` and ``commute_time`` are other names of
    ``walk``, ``forest``, ``heat`` and ``commute``. ``pagerank`` is the symmetric form: ``(I -
    tP)^-1`` with P = D^-1 A, times D^-1. ``log=True`` takes the logarithm of every entry, which
    often separates communities better; it is not positive semi-definite in general. Commute times
    have negative entries, and no logarithm. ``communicability`` is scaled by ``exp(-t r)``, which
    keeps it within floats and only shifts its logarithm.

    Args:
        adjacency: (n, n) array or scipy sparse matrix, symmetric.
        measure: see the table. t: see the table; None is 1/(2r) for ``walk``, 0.85 for
            ``pagerank`` and 1 for the others. log: the logarithm of every entry.

    Raises:
        InvalidArgument: an unknown measure, a t outside of its range, an adjacency that is not
        symmetric or has negative weights, a node without edges (``pagerank``), the logarithm of a
        graph in several pieces or of entries that underflow.

    Cost: O(n^3) once, and 8 n^2 bytes.

    Source: V. Ivashkin and P. Chebotarev, "Do logarithmic proximity measures outperform plain
    ones in graph clustering?", NET 2016.

    Example:
        >>> path = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
        >>> k = GraphProximity(path, "forest", t=1.0)
        >>> k([0, 1, 2]).round(3).tolist()
        [[0.625, 0.25, 0.125], [0.25, 0.5, 0.25], [0.125, 0.25, 0.625]]
    """

    name = "graph_proximity"

    @suggest_arguments
    def __init__(
        self,
        adjacency: Any,
        measure: str = "communicability",
        t: float | None = None,
        *,
        log: bool = False,
    ) -> None:
        self.adjacency = adjacency
        self.measure = measure
        self.t = t
        self.log = log
        self._check_parameters()

    def _check_parameters(self) -> None:
        self._measure = resolve_measure(self.measure)
        A = as_adjacency(self.adjacency)
        if self._measure != "commute" and self.t is not None and check_number("t", self.t) <= 0:
            raise InvalidArgument(f"t must be positive; got {self.t}")
        if self.log:
            _check_log(self._measure, A)
        self._proximities: Float64Array | None = None
        self._check_range(A)

    def _check_range(self, A: Float64Array) -> None:
        self._t = self._usual_t(A) if self.t is None else float(self.t)
        if self._measure == "walk" and self._t * (radius := spectral_radius(A)) >= 1:
            raise InvalidArgument(f"walk: t must be below 1/r = {1 / radius:.6g}; got {self._t}")
        if self._measure == "pagerank":
            if self._t >= 1:
                raise InvalidArgument(f"pagerank: t must be below 1; got {self._t}")
            if not (degrees := A.sum(axis=1)).all():
                raise InvalidArgument(
                    f"pagerank: node {int(degrees.argmin())} has no edge; leave it out, or use "
                    "another measure"
                )

    def _usual_t(self, A: Float64Array) -> float:
        if self._measure == "walk":
            radius = spectral_radius(A)
            return 0.5 / radius if radius else 0.5
        return 0.85 if self._measure == "pagerank" else 1.0

    @property
    def psd(self) -> bool:
        return not self.log

    def matrix(self) -> Float64Array:
        """The proximities of all nodes, (n, n); made at the first use and kept."""
        if self._proximities is None:
            K = MEASURES[self._measure](as_adjacency(self.adjacency), self._t)
            K = (K + K.T) / 2
            if self.log:
                if K.min() <= 0:
                    raise InvalidArgument(
                        f"{self.measure}, t = {self._t:g}: proximities underflow to "
                        f"{K.min():.3g} and have no logarithm; take a larger t"
                    )
                K = np.log(K)
            self._proximities = K
        return self._proximities

    def distances(self) -> Float64Array:
        """``(k_ii + k_jj) / 2 - k_ij`` of all nodes: a distance of the squared kind."""
        K = self.matrix()
        own = np.diag(K)
        distances: Float64Array = (own[:, None] + own) / 2 - K
        return distances

    @property
    def takes_vectors(self) -> bool:
        return False

    def _as_rows(self, values: Any, what: str) -> npt.NDArray[np.int64]:
        nodes = np.atleast_1d(np.asarray(values))
        count = len(as_adjacency(self.adjacency))
        if nodes.ndim == 2 and nodes.shape[1] == 1:
            nodes = nodes[:, 0]
        if nodes.ndim != 1 or (nodes.size and nodes.dtype.kind not in "iu"):
            raise InvalidType(
                f"{what}: rows are node numbers, one integer each; got {values!r:.60}"
            )
        if nodes.size and not 0 <= nodes.min() <= nodes.max() < count:
            raise InvalidArgument(f"{what}: node numbers must be in 0 to {count - 1}")
        return nodes.astype(np.int64)

    def _is_row(self, values: Any) -> bool:
        return values is not None and np.ndim(values) == 0

    def _entries(self, X: Any, Y: Any) -> Float64Array:
        block: Float64Array = self.matrix()[np.ix_(X, Y)]
        return block

    def _diagonal(self, X: Any) -> Float64Array:
        own: Float64Array = np.diag(self.matrix())[X]
        return own


def resolve_measure(name: str) -> str:
    """The measure's own name for any of its names."""
    known = SYNONYMS.get(name, name)
    if known not in MEASURES:
        raise InvalidArgument(f"measure must be one of {', '.join(MEASURES)}; got {name!r}")
    return known


# -- the graph ----------------------------------------------------------------------------


def as_adjacency(values: Any) -> Float64Array:
    """``values`` as a checked (n, n) float64 array, symmetric and without negative weights."""
    array = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
    if array.dtype.kind not in "fiub":
        raise InvalidType(f"adjacency: expected numbers; got values of type {array.dtype}")
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
        raise DimensionMismatch(f"adjacency: expected an (n, n) array; got shape {array.shape}")
    A = array.astype(np.float64)
    if not np.isfinite(A).all():
        raise InvalidVector("adjacency: every weight must be finite")
    if (A < 0).any():
        raise InvalidArgument("adjacency: weights must be 0 or more")
    if not np.array_equal(A, A.T):
        raise InvalidArgument(
            "adjacency: the graph must be undirected; adjacency + adjacency.T makes it so"
        )
    return A


def spectral_radius(A: Float64Array) -> float:
    """The largest eigenvalue of an adjacency."""
    n = len(A)
    from scipy.linalg import eigh

    return float(eigh(A, eigvals_only=True, subset_by_index=[n - 1, n - 1])[0])


def largest_component(adjacency: Any) -> npt.NDArray[np.int64]:
    """The nodes of the largest connected piece of a graph, in order.

    Example:
        >>> largest_component(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]])).tolist()
        [0, 1]
    """
    labels = _components(as_adjacency(adjacency))
    return np.flatnonzero(labels == np.bincount(labels).argmax())


def _components(A: Float64Array) -> npt.NDArray[np.int32]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    labels: npt.NDArray[np.int32] = connected_components(csr_array(A), directed=False)[1]
    return labels


def _check_log(measure: str, A: Float64Array) -> None:
    if measure == "commute":
        raise InvalidArgument("commute: some proximities are negative and have no logarithm")
    if (pieces := _components(A).max() + 1) > 1:
        raise InvalidArgument(
            f"log: the graph is in {pieces} pieces, and nodes of two of them have proximity 0; "
            "use largest_component(adjacency)"
        )


@suggest_arguments
def proximity_grid(adjacency: Any, measure: str, count: int = 10) -> Float64Array:
    """``count`` values of t that cover the range of a measure, from weak to strong.

    For s evenly spaced in (0, 1): ``s / r`` for ``walk``, s for ``pagerank``, and
    ``s / (2 (1 - s))`` for the others; 1 alone for ``commute``, which has no t.

    Example:
        >>> proximity_grid(np.array([[0, 2], [2, 0]]), "walk", 3).round(6).tolist()
        [0.125, 0.25, 0.375]
    """
    measure = resolve_measure(measure)
    count = check_count("count", count)
    s = np.arange(1, count + 1) / (count + 1)
    if measure == "commute":
        return np.ones(1)
    if measure == "walk":
        return s / spectral_radius(as_adjacency(adjacency))
    if measure == "pagerank":
        return s
    spread: Float64Array = 0.5 * s / (1 - s)
    return spread


# -- the measures -------------------------------------------------------------------------


def _walk(A: Float64Array, t: float) -> Float64Array:
    return _inverse(np.eye(len(A)) - t * A)


def _communicability(A: Float64Array, t: float) -> Float64Array:
    return exponential(t * A, t * spectral_radius(A))


def _forest(A: Float64Array, t: float) -> Float64Array:
    return _inverse(np.eye(len(A)) + t * (np.diag(A.sum(axis=1)) - A))


def _heat(A: Float64Array, t: float) -> Float64Array:
    degrees = A.sum(axis=1)
    # -L with its diagonal lifted above 0: a matrix without negative entries, so that no digits
    # of the smallest proximities are lost in sums.
    return exponential(t * (A + np.diag(degrees.max() - degrees)), t * degrees.max())


def _pagerank(A: Float64Array, t: float) -> Float64Array:
    return _inverse(np.diag(A.sum(axis=1)) - t * A)


def _commute(A: Float64Array, t: float) -> Float64Array:
    return np.asarray(np.linalg.pinv(np.diag(A.sum(axis=1)) - A, hermitian=True), np.float64)


def _inverse(B: Float64Array) -> Float64Array:
    return np.asarray(np.linalg.inv(B), np.float64)


def exponential(B: Float64Array, less: float) -> Float64Array:
    """``exp(B - less I)`` of a matrix without negative entries, each to full relative precision.

    By a Taylor series and squarings, which only add and multiply numbers above 0; Padé
    approximants subtract, and lose the smallest entries. Nodes that are d steps apart need d
    terms, so the series goes on until no entry changes.
    """
    squarings = max(0, int(np.ceil(np.log2(max(B.sum(axis=1).max(), 1e-300) / SMALL_ROWS))))
    part = B / 2.0**squarings
    out, term, steps = np.eye(len(B)), np.eye(len(B)), 0
    while True:
        steps += 1
        term = term @ part / steps
        if not (term > 1e-17 * out).any():
            break
        out = out + term
    out *= np.exp(-less / 2.0**squarings)
    for _ in range(squarings):
        out = out @ out
    return out


#: How each measure is made of adjacency and t.
MEASURES: dict[str, Callable[[Float64Array, float], Float64Array]] = {
    "walk": _walk,
    "communicability": _communicability,
    "forest": _forest,
    "heat": _heat,
    "pagerank": _pagerank,
    "commute": _commute,
}

SYNONYMS = {
    "katz": "walk",
    "regularised_laplacian": "forest",
    "regularized_laplacian": "forest",
    "diffusion": "heat",
    "commute_time": "commute",
}
