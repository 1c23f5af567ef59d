"""`PseudoQueries`: a document as a few centres of its token vectors, each a question it answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.vectors import Bags, Float32Array, as_bags, as_dense

Float64Array = npt.NDArray[np.float64]


class PseudoQueries:
    """Bags of at most ``k`` vectors: the centres of k-means among the vectors of each bag.

    A document with several topics has tokens around several centres, and a question is near one
    of them; their mean is near none. Lloyd's iterations begin with k vectors evenly spaced in
    the bag, so nothing is drawn. A centre that nothing is nearest to becomes the vector farthest
    from its own centre. A bag of k vectors or fewer stays as it is.

    With a query of one vector q (the mean over its tokens, as `MiniLM` makes it):

    1. `likewise.index.MultiVector("dot")` over the centres finds the bags with the largest
       ``max_j <q, c_j>``;
    2. `attention_scores` ranks those again by ``<q, sum_j a_j c_j>``, a the softmax of <q, c_j>.

    Args:
        k: centres a bag.
        iterations: of Lloyd's; 0 leaves the evenly spaced vectors.

    Raises:
        InvalidType, InvalidArgument: no such numbers.

    Cost: O(iterations k vectors dim).

    Source: H. Tang, X. Sun, B. Jin, J. Wang, F. Zhang and W. Wu, "Improving document
    representations by generating pseudo query embeddings for dense retrieval", ACL 2021. There
    the encoder is trained through the centres; here they are taken of any encoder's tokens.

    Example:
        >>> PseudoQueries(k=2).reduce([[[0, 1], [0, 3], [5, 0], [7, 0]]])[0].tolist()
        [[0.0, 2.0], [6.0, 0.0]]
    """

    @suggest_arguments
    def __init__(self, k: int = 8, *, iterations: int = 10) -> None:
        self.k = check_count("k", k)
        self.iterations = check_count("iterations", iterations, minimum=0)

    def reduce(self, X: Any) -> Bags:
        """The centres of each bag, in the order of the vectors they began with.

        Args:
            X: `Bags`, or what `as_bags` takes.

        Returns:
            As many bags, each of ``min(k, its vectors)`` vectors, not of length one.

        Raises:
            InvalidType, InvalidVector, DimensionMismatch: as `as_bags`.

        Example:
            >>> PseudoQueries(k=3).reduce([np.eye(8), np.eye(8)[:2]]).counts.tolist()
            [3, 2]
        """
        bags = as_bags(X)
        reduced = [self._centres(bag) for bag in bags]
        counts = [len(centres) for centres in reduced]
        empty = np.empty((0, bags.dim), dtype=np.float32)
        return Bags(np.concatenate([empty, *reduced]), np.cumsum([0, *counts], dtype=np.int64))

    def _centres(self, bag: Float32Array) -> Float32Array:
        count = len(bag)
        if count <= self.k:
            return bag
        vectors = bag.astype(np.float64)
        centres = vectors[np.arange(self.k) * count // self.k]
        labels = np.full(count, -1)
        for _ in range(self.iterations):
            apart = squares(vectors, centres)
            nearest = apart.argmin(axis=1)
            far = apart[np.arange(count), nearest]
            for empty in np.setdiff1d(np.arange(self.k), nearest):
                # Never the last one of a centre, or that one would be empty in its place.
                taken = np.bincount(nearest, minlength=self.k)[nearest] > 1
                farthest = int(np.where(taken, far, -1.0).argmax())
                nearest[farthest], far[farthest] = empty, -1.0
            if (nearest == labels).all():
                break
            labels = nearest
            member = (labels == np.arange(self.k)[:, None]).astype(np.float64)
            centres = (member @ vectors) / member.sum(axis=1, keepdims=True)
        return centres.astype(np.float32)

    def __repr__(self) -> str:
        return f"PseudoQueries(k={self.k}, iterations={self.iterations})"


def squares(vectors: Float64Array, centres: Float64Array) -> Float64Array:
    """(n, k) squared euclidean distances, not below 0.

    Example:
        >>> squares(np.array([[3.0, 4.0]]), np.zeros((1, 2))).tolist()
        [[25.0]]
    """
    apart = np.vecdot(vectors, vectors)[:, None] - 2 * vectors @ centres.T
    return np.asarray(np.maximum(apart + np.vecdot(centres, centres), 0.0))


@suggest_arguments
def attention_scores(q: Any, X: Any, *, temperature: float = 1.0) -> Float64Array:
    """How well each bag answers ``q``: its vectors weighed by attention, then compared.

    ``<q, sum_j a_j c_j>`` with ``a = softmax_j(<q, c_j> / temperature)``, the score of the
    second step of pseudo-query retrieval. As the temperature falls it nears ``max_j <q, c_j>``;
    as it grows, the mean. It is never above the largest.

    Args:
        q: (dim,) one query vector.
        X: the bags, such as `PseudoQueries.reduce` makes.
        temperature: above 0. The published model has 1, for vectors that are not of length one;
            for unit vectors 1 is nearly the mean.

    Returns:
        (n,) float64, higher is better.

    Raises:
        InvalidArgument: a temperature of 0 or less. Otherwise as `as_bags` and `as_dense`.

    Cost: O(vectors dim).

    Source: as `PseudoQueries`.

    Example:
        >>> bags = [[[1, 0], [0, 1]], [[0.5, 0.5]]]
        >>> attention_scores([1, 0], bags, temperature=0.1).round(3).tolist()
        [1.0, 0.5]
    """
    scale = check_number("temperature", temperature)
    if scale <= 0:
        raise InvalidArgument(f"temperature must be above 0; got {temperature}")
    bags = as_bags(X)
    query = as_dense(q, dim=bags.dim if len(bags) else None, what="q")[0].astype(np.float64)
    if len(bags) == 0:
        return np.empty(0)
    products = bags.vectors.astype(np.float64) @ query
    starts, owner = bags.offsets[:-1], np.repeat(np.arange(len(bags)), bags.counts)
    top = np.maximum.reduceat(products, starts)
    weights = np.exp((products - top[owner]) / scale)
    scores: Float64Array = np.add.reduceat(weights * products, starts)
    return scores / np.add.reduceat(weights, starts)
