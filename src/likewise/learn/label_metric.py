"""Labels as points of a metric space: the answer is the label nearest, on average, to the truth.

With a metric over labels an answer need not be a class that the classifier knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument
from likewise.learn._probabilities import (
    Float64Array,
    as_table,
    check_probabilities,
    sharpened,
)

#: Sharper and flatter probabilities that are tried, sixteen a factor of ten.
TEMPERATURES = np.logspace(-1, 1, 33)


@suggest_arguments
def frechet_labels(probabilities: Any, distances: Any, *, return_ties: bool = False) -> Any:
    """The label whose expected squared distance to the truth is least (a Frechet mean).

    ``argmin_y sum_k p_k d(k, y)^2`` over all N labels, whether the classifier knows them or not.
    With distances of 0 and 1 it is the most probable class.

    Args:
        probabilities: (n, K), of the classes that the classifier knows, each row summing to 1.
        distances: (K, N), from each of those classes to every label; not squared.
        return_ties: also say how many labels are equally good.

    Returns:
        (n,) places of labels, the first of equal ones; with ``return_ties`` also (n,) counts, 1
        where the answer is the only one. Not every label can be an answer: on a tree whose
        labels are leaves of one depth, or nodes of any depth, an unknown leaf is never better
        than the nearest known label or their fork; and unknown siblings are equally good.

    Raises:
        InvalidArgument: no probabilities, no distances, or another number of classes.

    Cost: n K N.

    Source: N. Roberts et al., "Geometry-aware adaptation for pretrained models", NeurIPS 2023
    (Loki).

    Example:
        >>> places = np.array([[0.0], [1.0], [2.0]])  # on a line; the classifier knows the ends
        >>> D = np.abs(places - places.T)
        >>> frechet_labels([[0.9, 0.1], [0.5, 0.5]], D[[0, 2]]).tolist()
        [0, 1]
    """
    means = mean_squares(probabilities, distances)
    # Sums that are equal on paper differ in their last bits.
    slack = 4.0 * np.finfo(np.float64).eps * (len(np.asarray(distances)) + 1)
    best = means.min(axis=1, keepdims=True)
    equal = means <= best + slack * np.square(np.asarray(distances, dtype=np.float64)).max()
    places = equal.argmax(axis=1)
    return (places, equal.sum(axis=1)) if return_ties else places


@suggest_arguments
def mean_squares(probabilities: Any, distances: Any) -> Float64Array:
    """(n, N) the expected squared distance ``sum_k p_k d(k, y)^2`` of each label to the truth.

    Example:
        >>> mean_squares([[0.5, 0.5]], [[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]).tolist()
        [[2.0, 1.0, 2.0]]
    """
    P, D = check_probabilities(probabilities), as_table("distances", distances)
    if (D < 0).any():
        raise InvalidArgument(f"distances must not be negative; the smallest is {D.min():g}")
    if len(D) != P.shape[1]:
        raise InvalidArgument(
            f"distances must have a row a class; the probabilities are of {P.shape[1]} classes, "
            f"distances has {len(D)} rows"
        )
    return np.asarray(P @ np.square(D))


@suggest_arguments
def metric_temperature(
    probabilities: Any, distances: Any, places: Any, *, temperatures: Any = None
) -> float:
    """The temperature T for which Frechet means of ``p^(1/T)`` are nearest to known labels.

    Probabilities of many classes have heavy tails, which draw the mean to central labels: sharper
    ones (T < 1) do not. Take probabilities of rows that the classifier was not trained on.

    Args:
        probabilities: (n, K). distances: (K, N). places: (n,) the true labels, as places among N.
        temperatures: those to try, positive; None is 33 from 0.1 to 10.

    Returns:
        The one with the least mean squared distance; of equal ones the nearest to 1.

    Raises:
        InvalidArgument: no probabilities, distances, temperatures or places; places need the
            distances among all labels, so that labels that no class is at distance 0 of raise.

    Cost: that of `frechet_labels` a temperature.

    Example:
        >>> D = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))
        >>> P = [[0.6, 0.2, 0.2], [0.2, 0.2, 0.6], [0.55, 0.2, 0.25]]
        >>> T = metric_temperature(P, D, [0, 2, 0])
        >>> T < 1, frechet_labels(P, D).tolist()
        (True, [1, 1, 1])
    """
    P, D = check_probabilities(probabilities), as_table("distances", distances)
    tried = TEMPERATURES if temperatures is None else np.asarray(temperatures, dtype=np.float64)
    if tried.ndim != 1 or not len(tried) or not (np.isfinite(tried) & (tried > 0)).all():
        raise InvalidArgument(f"temperatures must be positive numbers; got {temperatures!r:.80}")
    truth = np.asarray(places)
    if truth.shape != (len(P),) or truth.dtype.kind not in "iu":
        raise InvalidArgument(f"places must be {len(P)} integers, one a row; got {places!r:.80}")
    if ((truth < 0) | (truth >= D.shape[1])).any():
        raise InvalidArgument(f"places must be from 0 to {D.shape[1] - 1}; got {places!r:.80}")
    if D.shape[0] != D.shape[1]:
        raise InvalidArgument(
            f"distances must be among all {D.shape[1]} labels, in one order, for what is told "
            f"from the truth; their shape is {D.shape}. Give the classes not known probability 0"
        )
    losses = [np.square(D[truth, frechet_labels(sharpened(P, float(T)), D)]).mean() for T in tried]
    nearest_to_one = np.argsort(np.abs(np.log(tried)), kind="stable")
    return float(tried[nearest_to_one[np.argmin(np.asarray(losses)[nearest_to_one])]])


@suggest_arguments
def tree_distances(paths: Sequence[Sequence[Any]]) -> Float64Array:
    """The distances between labels that are nodes of a tree, in edges.

    Args:
        paths: (N,) for each label the steps from the root to it: ``("rec", "sport", "hockey")``.

    Returns:
        (N, N): the steps of both paths less twice those they begin with in common.

    Raises:
        InvalidArgument: none given; two labels at one node.

    Cost: N^2 times the longest path.

    Example:
        >>> groups = ["rec.autos", "rec.sport.hockey", "sci.med"]
        >>> tree_distances([group.split(".") for group in groups]).tolist()
        [[0.0, 3.0, 4.0], [3.0, 0.0, 5.0], [4.0, 5.0, 0.0]]
    """
    nodes = [tuple(path) for path in paths]
    if not nodes:
        raise InvalidArgument("paths must hold a path a label; got none")
    if len(set(nodes)) < len(nodes):
        twice = next(node for node in nodes if nodes.count(node) > 1)
        raise InvalidArgument(f"paths: two labels have the path {twice!r:.80}")
    lengths = np.array([len(node) for node in nodes], dtype=np.float64)
    common = np.zeros((len(nodes), len(nodes)))
    for depth in range(1, int(lengths.max()) + 1):
        beginnings: dict[tuple[Any, ...], int] = {}
        at = np.array(
            [
                beginnings.setdefault(node[:depth], len(beginnings)) if len(node) >= depth else -1
                for node in nodes
            ]
        )
        common += (at[:, None] == at) & (at >= 0)
    return np.asarray(lengths[:, None] + lengths - 2.0 * common)


def check_label_distances(distances: Any, labels: Any) -> tuple[Any, Float64Array]:
    """Labels in ascending order, and their distances in that order.

    Raises:
        InvalidArgument: not square, not symmetric, not zero on the diagonal, negative, or not of
            these labels.
    """
    names, D = np.asarray(labels), as_table("distances", distances)
    if names.ndim != 1 or len(np.unique(names)) != len(names):
        raise InvalidArgument(f"labels must be different, in one list; got {labels!r:.80}")
    if D.shape != (len(names), len(names)):
        raise InvalidArgument(
            f"distances must be ({len(names)}, {len(names)}), between the labels in their order; "
            f"their shape is {D.shape}"
        )
    scale = np.abs(D).max()
    for what, off in (
        ("0 from a label to itself", np.diag(np.diag(D))),
        ("the same both ways (symmetric)", D - D.T),
        ("positive or 0", np.minimum(D, 0.0)),
    ):
        if np.abs(off).max() > 1e-9 * scale:
            i, j = np.unravel_index(np.abs(off).argmax(), off.shape)
            one, other = names[[i, j]].tolist()
            raise InvalidArgument(
                f"distances must be {what}; from {one!r} to {other!r} it is {D[i, j]:g}, and back "
                f"{D[j, i]:g}"
            )
    order = np.argsort(names, kind="stable")
    return names[order], D[np.ix_(order, order)]
