"""k-NN Shapley values: what each labelled row adds to a k-NN classifier, in closed form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_k, suggest_arguments
from likewise.errors import InvalidArgument
from likewise.learn._searching import fitted_index, nearest
from likewise.learn.health._labels import Classes, codes_of, read_labels

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Places in the lists of one block of queries.
BLOCK = 2_000_000


class ShapleyValues(NamedTuple):
    """Values of rows.

    Attributes:
        values: (rows,); their sum is the utility of all rows together.
        bound: no value is farther than this from the exact one; 0 where they are exact.
    """

    values: Float64Array
    bound: float


def neighbour_shapley(
    ids: IntArray, codes: IntArray, targets: IntArray | None = None, *, k: int = 5
) -> ShapleyValues:
    """Shapley values of rows from lists of the nearest ones of each query.

    The players are the n labelled rows. The utility of some of them for a query is the share
    of the k nearest among them that have its label, ``sum of [y_j = y] / k``; values are means over
    queries. With c_i = [y_i = y] of the i-th nearest row, from the farthest to the nearest::

        s_n = c_n min(k, n) / (k n)
        s_i = s_(i+1) + (c_i - c_(i+1)) min(k, i) / (k i)

    A list of m < n rows begins at its end: ``s_m = c_m / m - q (1/m - 1/n)``, where q is the share
    of the query's label among the rows beyond the list, and gives those rows 0. Of a query, each
    value is then off by at most ``max(1/(m+1), 1/m - 1/n)`` (by 1/k where m < k).

    Args:
        ids: (queries, m) the nearest rows of each query, nearest first, different ones.
        codes: (rows,) labels as 0, 1, ...; -1 where missing: such a row is no player.
        targets: (queries,) labels of the queries, -1 where missing: such a query is left out.
            None is leave-one-out: query i is row i, and its list does not hold it.
        k: neighbours that vote.

    Returns:
        `ShapleyValues`; a row without a label has 0.

    Cost: O(queries m).

    Source: R. Jia et al., "Efficient task-specific data valuation for nearest neighbor
    algorithms", VLDB 2019 (theorem 1; theorem 2 for cut lists, here with a nearer beginning).

    Example:
        >>> ids = np.array([[0, 1, 2]])
        >>> neighbour_shapley(ids, np.array([1, 0, 1]), np.array([1]), k=1).values.round(3).tolist()
        [0.833, -0.167, 0.333]
    """
    check_k(k)
    own = targets is None
    wanted = codes if targets is None else targets
    asked = np.flatnonzero(wanted >= 0)
    values = np.zeros(len(codes))
    if not len(asked) or not ids.shape[1]:
        return ShapleyValues(values, 0.0)
    labels = int(max(codes.max(), wanted.max())) + 1
    counts = np.bincount(codes[codes >= 0], minlength=labels)
    off = 0.0
    step = max(1, BLOCK // ids.shape[1])
    for start in range(0, len(asked), step):
        some = asked[start : start + step]
        off += _add(values, ids[some], codes, wanted[some], counts, k, own)
    return ShapleyValues(values / len(asked), off / len(asked))


def _add(
    values: Float64Array,
    ids: IntArray,
    codes: IntArray,
    targets: IntArray,
    counts: IntArray,
    k: int,
    own: bool,
) -> float:
    """Add the values of some queries in place; returns the sum of their bounds."""
    votes = codes[ids]
    if (votes < 0).any():  # labelled rows first, in their order
        order = np.argsort(votes < 0, axis=1, kind="stable")
        ids, votes = np.take_along_axis(ids, order, 1), np.take_along_axis(votes, order, 1)
    lengths = (votes >= 0).sum(axis=1)
    players = counts.sum() - own
    agree = (votes == targets[:, None]).astype(np.float64)
    place = np.arange(1, ids.shape[1] + 1)
    steps = np.zeros_like(agree)
    steps[:, :-1] = (agree[:, :-1] - agree[:, 1:]) * (np.minimum(k, place) / (k * place))[:-1]
    steps[place >= lengths[:, None]] = 0.0
    last = np.maximum(lengths, 1)
    row = np.arange(len(ids))
    beyond = players - lengths
    others = counts[targets] - own - agree.sum(axis=1)
    share = others / np.maximum(1, beyond)
    cut = 1 / last - 1 / max(1, players)
    end = np.where(
        (lengths >= k) | (beyond == 0),
        agree[row, last - 1] * np.minimum(k, last) / (k * last) - share * cut,
        0.0,
    )
    steps[row, last - 1] += end
    found = np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]
    inside = place <= lengths[:, None]
    values += np.bincount(ids[inside], found[inside], minlength=len(values))
    bound = np.where(lengths < k, 1 / k, np.maximum(1 / (last + 1), cut))
    return float(bound[beyond > 0].sum())


@suggest_arguments
def knn_shapley(
    X: Any,
    y: Any,
    test: tuple[Any, Any] | None = None,
    *,
    k: int = 5,
    index: Any = None,
) -> Float64Array:
    """The exact Shapley value of each row for a k-NN classifier.

    What a row adds to the share of right votes, averaged over all orders in which the rows may
    be added; low and negative values are of rows that mislead, above all of wrong labels. The
    values sum to the mean share of right votes among the k nearest of all rows. See
    `neighbour_shapley` for the formula.

    Args:
        X: (n, dim) rows. y: (n,) their classes; a row without one (None, NaN) has value 0.
        test: queries and their classes, on which the rows are judged; None judges each row by all
            others.
        k: neighbours that vote.
        index: what ranks the rows; None is ``Exact("euclidean")``. An approximate one is asked
            for all rows, and values are as right as its order.

    Returns:
        (n,) values.

    Raises:
        InvalidArgument, InvalidType: labels that are no classes, one class only, two rows at
            least; otherwise as `Index.fit`.

    Cost: O(n log n) a query, so O(n^2 log n) without ``test``; memory for blocks of queries only.
    `neighbour_shapley` on lists of neighbours is O(n m), with a bound.

    Source: R. Jia et al., VLDB 2019.

    Example:
        >>> X = np.array([[0.0], [0.1], [0.2], [1.0], [1.1], [1.2]])
        >>> values = knn_shapley(X, ["a", "b", "a", "b", "b", "b"], k=1)
        >>> int(values.argmin())
        1
    """
    check_k(k)
    held = fitted_index(index, X)
    labels = _classes(y, len(held), "y", "X")
    if len(labels.classes) < 2:
        raise InvalidArgument(f"y holds one class only, {labels.name(0)}; values need two")
    if test is None:
        queries, targets = held.rows, labels.codes
    else:
        queries = np.asarray(test[0])
        targets = codes_of(_classes(test[1], len(queries), "test labels", "test"), labels)
    values = np.zeros(len(held))
    step = max(1, BLOCK // len(held))
    asked = int((targets >= 0).sum())
    for start in range(0, len(queries), step):
        ids = nearest(held, queries[start : start + step], len(held)).ids
        wanted = targets[start : start + step]
        if test is None:
            own = ids == np.arange(start, start + len(ids))[:, None]
            ids = ids[~own].reshape(len(ids), -1)
            part = _leave_one_out(ids, labels.codes, wanted, k)
        else:
            part = neighbour_shapley(ids, labels.codes, wanted, k=k).values * (wanted >= 0).sum()
        values += part
    return values / asked


def _leave_one_out(ids: IntArray, codes: IntArray, wanted: IntArray, k: int) -> Float64Array:
    """The sum of the values of some queries that are rows themselves."""
    values = np.zeros(len(codes))
    some = wanted >= 0
    if some.any():
        counts = np.bincount(codes[codes >= 0])
        _add(values, ids[some], codes, wanted[some], counts, k, True)
    return values


def _classes(y: Any, count: int, what: str, rows: str) -> Classes:
    labels = read_labels(y, count, "classification", what=what, rows=rows)
    if not isinstance(labels, Classes):  # pragma: no cover - the task asks for classes
        raise InvalidArgument(f"{what} must be classes")
    return labels
