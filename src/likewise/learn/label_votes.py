"""Several labels a row: what neighbours vote, and where to cut. On arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.learn._checks import NO_TARGETS, Float64Array
from likewise.learn._probabilities import as_table

BoolArray = npt.NDArray[np.bool_]


@suggest_arguments
def vote_weights(ids: Any, distances: Any, offsets: Any, rows: int) -> sparse.csr_array:
    """How much each neighbour counts: ``w_j ~ exp(-(d_j - d_1) / mean_l(d_l - d_1))``.

    The differences are in units of the query's own list, so that any distance will do, minus
    BM25 scores too, which mean nothing from one query to another.

    Args:
        ids, distances: (total,) of the neighbours, nearest first in each list.
        offsets: (n + 1,) list i is ``ids[offsets[i]:offsets[i + 1]]``; it may be empty.
        rows: how many there are to be neighbours.

    Returns:
        (n, rows), sparse; each row of it sums to 1, that of an empty list to 0.

    Example:
        >>> W = vote_weights([0, 2, 1], [1.0, 3.0, 5.0], [0, 2, 3, 3], 3)
        >>> W.toarray().round(3).tolist()
        [[0.881, 0.0, 0.119], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    d, bounds = np.asarray(distances, dtype=np.float64), np.asarray(offsets, dtype=np.int64)
    counts = np.diff(bounds)
    owner = np.repeat(np.arange(len(counts)), counts)
    beyond = d - d[bounds[:-1][owner]]
    scale = np.bincount(owner, beyond, len(counts)) / np.maximum(counts, 1)
    scale[scale <= 0] = 1.0  # all as near as each other
    weights = np.exp(-beyond / scale[owner])
    weights /= np.bincount(owner, weights, len(counts))[owner]
    return sparse.csr_array((weights, np.asarray(ids), bounds), shape=(len(counts), rows))


def label_votes(weights: sparse.csr_array, labels: Any, otherwise: Float64Array) -> Float64Array:
    """(n, L) the weighted share of neighbours with each label; ``otherwise`` of empty lists.

    Args:
        weights: (n, rows) of `vote_weights`. labels: (rows, L), 0 or 1, or codes of them.
        otherwise: (L,).

    Example:
        >>> W = vote_weights([0, 1], [1.0, 1.0], [0, 2, 2], 2)
        >>> label_votes(W, np.array([[1, 0], [1, 1]]), np.array([0.9, 0.1])).tolist()
        [[1.0, 0.5], [0.9, 0.1]]
    """
    found: Any = weights @ labels
    dense: Any = found.toarray() if hasattr(found, "toarray") else found
    votes = np.asarray(dense, dtype=np.float64)
    votes[np.diff(weights.indptr) == 0] = otherwise
    return votes


@suggest_arguments
def best_threshold(scores: Any, labels: Any) -> float:
    """The threshold at which ``score >= threshold`` has the highest micro-averaged F1.

    ``F1 = 2 right / (answered + true)``, all rows and labels together. Between two scores any
    threshold does the same: the answer is half way, so that new scores may vary a little.

    Args:
        scores: (n, L). labels: (n, L), 0 or 1.

    Raises:
        InvalidArgument: no label at all, or not as many.

    Cost: a sort of n L numbers.

    Example:
        >>> best_threshold([[0.9, 0.1], [0.4, 0.3]], [[1, 0], [1, 0]]).__round__(3)
        0.35
    """
    S = as_table("scores", scores)
    truth = np.asarray(labels)
    if truth.shape != S.shape or not truth.any():
        raise InvalidArgument(
            f"labels must be {S.shape} with a label at least; got {truth.shape} with "
            f"{int(truth.astype(bool).sum())}"
        )
    order = np.argsort(-S, axis=None, kind="stable")
    ranked, right = S.ravel()[order], np.cumsum(truth.ravel()[order] > 0)
    F = 2.0 * right / (np.arange(1, len(order) + 1) + right[-1])
    F[:-1][ranked[1:] == ranked[:-1]] = -1.0  # equal scores are answered together
    best = int(F.argmax())
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2) if below < ranked[best] else float(ranked[best])


def most_likely(scores: Float64Array, counts: Any) -> BoolArray:
    """(n, L) the ``counts[i]`` labels of the highest scores in row i; equal ones by place.

    Example:
        >>> most_likely(np.array([[0.2, 0.5, 0.5]]), [1]).tolist()
        [[False, True, False]]
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(scores.shape[1]), order.shape), 1)
    return np.asarray(ranks < np.asarray(counts)[:, None])


def as_indicator(y: Any, count: int) -> sparse.csr_array:
    """Several labels a row as a sparse matrix of ones.

    Rows without labels and labels without rows are well: such a row votes for nothing, and such
    a label is never answered.

    Args:
        y: (count, L) of 0 and 1, or booleans, dense or sparse.

    Raises:
        InvalidArgument: another number of rows, other values, no label at all. InvalidType: no
            numbers.

    Example:
        >>> as_indicator([[1, 0], [0, 0]], 2).nnz
        1
    """
    if y is None:
        raise InvalidArgument(NO_TARGETS)
    try:
        given: Any = y if sparse.issparse(y) else as_table("y", y)
        table: Any = sparse.csr_array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, (InvalidArgument, InvalidType)):
            raise
        raise InvalidType(f"y must be a matrix of 0 and 1; got {y!r:.60}") from None
    table.sum_duplicates()
    table.eliminate_zeros()
    if table.shape[0] != count:
        raise InvalidArgument(f"y has {table.shape[0]} rows of labels, X has {count} rows")
    wrong = np.flatnonzero(table.data != 1.0)
    if len(wrong):
        row = int(np.searchsorted(table.indptr, wrong[0], side="right")) - 1
        raise InvalidArgument(
            f"y must hold 0 and 1, a column a label; row {row}, column "
            f"{table.indices[wrong[0]]} is {table.data[wrong[0]]:g}"
        )
    if not table.nnz:
        raise InvalidArgument("y: no row has a label; there is nothing to learn")
    return table  # type: ignore[no-any-return]
