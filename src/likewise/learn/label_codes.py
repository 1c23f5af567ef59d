"""Label vectors of many labels as short codes, and back; linear ones, by SVD."""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from likewise._arguments import check_count, suggest_arguments
from likewise.learn._checks import Float64Array
from likewise.learn.label_votes import label_votes

#: Up to so many labels all directions are computed, and the best kept.
FEW_LABELS = 1_000


class LabelCodes(Protocol):
    """What `LabelCodeNeighbors` needs of codes."""

    def fit(
        self, labels: sparse.csr_array, weights: sparse.csr_array, random_state: int | None
    ) -> Self:
        """Learn from labels (n, L) and the weights (n, n) of each row's neighbours."""
        ...

    def encode(self, labels: Any) -> Float64Array:
        """(n, L) to (n, size)."""
        ...

    def decode(self, codes: Float64Array) -> Float64Array:
        """(n, size), or means of such, to scores (n, L) in [0, 1]."""
        ...


class LinearCodes:
    """The principal components of the labels: ``code = (y - mean) V``, ``y = mean + code V^T``.

    The mean of codes is the code of the mean: neighbours' votes, projected to the directions in
    which labels vary most. With as many numbers as labels it is the vote itself.

    Args:
        size: numbers of a code, cut to the labels there are.

    Cost: L^3 up to 1,000 labels; beyond, some products with the labels a component.

    Example:
        >>> Y = sparse.csr_array(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1.0]]))
        >>> codes = LinearCodes(size=1).fit(Y, None, 0)
        >>> codes.decode(codes.encode(Y)).round(6).tolist()  # two labels that go together
        [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    @suggest_arguments
    def __init__(self, size: int = 64) -> None:
        self.size = size

    def fit(self, labels: sparse.csr_array, weights: Any, random_state: int | None) -> Self:
        """Learn from labels (n, L); neighbours do not matter to linear codes.

        Example:
            >>> LinearCodes(2).fit(sparse.csr_array(np.eye(3)), None, 0).components.shape
            (2, 3)
        """
        size = min(check_count("size", self.size), labels.shape[1])
        self.mean = np.asarray(labels.mean(axis=0), dtype=np.float64).ravel()
        if labels.shape[1] <= max(FEW_LABELS, 2 * size):
            covariance = (labels.T @ labels).toarray() / labels.shape[0]
            vectors = np.linalg.eigh(covariance - np.outer(self.mean, self.mean))[1]
        else:

            def product(v: Float64Array) -> Float64Array:
                centred = labels @ v - self.mean @ v
                return np.asarray((labels.T @ centred - self.mean * centred.sum()) / len(centred))

            wide = LinearOperator((labels.shape[1],) * 2, matvec=product, dtype=np.float64)
            start = np.random.default_rng(random_state).standard_normal(labels.shape[1])
            vectors = eigsh(wide, k=size, v0=start)[1]
        self.components: Float64Array = np.ascontiguousarray(vectors[:, -size:].T)
        return self

    def encode(self, labels: Any) -> Float64Array:
        """(n, L) to (n, size).

        Example:
            >>> LinearCodes(2).fit(sparse.csr_array(np.eye(3)), None, 0).encode(np.eye(3)).shape
            (3, 2)
        """
        return np.asarray(labels @ self.components.T - self.mean @ self.components.T)

    def decode(self, codes: Float64Array) -> Float64Array:
        """(n, size) to (n, L), cut to [0, 1].

        Example:
            >>> codes = LinearCodes(2).fit(sparse.csr_array(np.eye(3)), None, 0)
            >>> codes.decode(np.zeros((1, 2))).round(3).tolist()  # the mean
            [[0.333, 0.333, 0.333]]
        """
        return np.asarray(np.clip(self.mean + codes @ self.components, 0.0, 1.0))


@suggest_arguments
def decoded_votes(
    codes: LabelCodes, weights: sparse.csr_array, held: Float64Array, otherwise: Float64Array
) -> Float64Array:
    """(m, L) the scores of labels decoded from the mean of neighbours' codes.

    Args:
        codes: fitted. weights: (m, n) of `vote_weights`. held: (n, size) the codes of the rows.
        otherwise: (L,) the scores of queries that have no neighbours.

    Example:
        >>> Y = sparse.csr_array(np.eye(2))
        >>> codes, W = LinearCodes(2).fit(Y, None, 0), sparse.csr_array(np.array([[0.75, 0.25]]))
        >>> decoded_votes(codes, W, codes.encode(Y), np.zeros(2)).round(6).tolist()
        [[0.75, 0.25]]
    """
    scores = codes.decode(label_votes(weights, held, held.mean(axis=0)))
    scores[np.diff(weights.indptr) == 0] = otherwise
    return scores
