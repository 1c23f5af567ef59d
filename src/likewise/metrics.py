"""Metrics: a plain dict from name (and synonym) to `Metric`.

``distance`` is the metric itself, lower is nearer. ``score`` is in [0, 1], higher is
nearer, by the one formula each entry states. A new metric is one function and one line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from likewise.errors import UnknownMetric

FloatArray = npt.NDArray[np.floating[Any]]
Float64Array = npt.NDArray[np.float64]

#: How a metric is ranked fast by one matrix product: by ``-x.y``, by ``|x-y|^2``, or not at all.
Surrogate = Literal["dot", "sqeuclidean"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its exact formula, its score, and what indexes may rely on.

    Attributes:
        name: the canonical name.
        formula: the distance, for docs and error texts.
        score_formula: the score, for docs.
        pairwise: (m, d) and (n, d) arrays to the (m, n) float64 distances, computed in
            float64. The slow, obvious twin of every index. Cost O(m n d).
        score: distances to scores in [0, 1], decreasing.
        from_score: the inverse of ``score``: the distance at which the score is reached.
        surrogate: the matrix product that ranks the same way, if there is one.
        unit: vectors are compared by direction only, so indexes keep them at length one
            and a zero vector is refused.

    Example:
        >>> METRICS["dot"].formula, METRICS["dot"].score_formula
        ('-x.y', '1 / (1 + exp(distance))')
        >>> round(METRICS["cosine"].from_score(0.9), 3)
        0.2
    """

    name: str
    formula: str
    score_formula: str
    pairwise: Callable[[FloatArray, FloatArray], Float64Array]
    score: Callable[[Float64Array], Float64Array]
    from_score: Callable[[float], float]
    surrogate: Surrogate | None = None
    unit: bool = False

    def __reduce__(self) -> Any:
        # One of the registry is pickled by its name: its formulas may be functions in functions.
        if METRICS.get(self.name) is self:
            return resolve, (self.name,)
        return type(self), tuple(getattr(self, field.name) for field in fields(self))


def _float64(X: FloatArray) -> Float64Array:
    return np.atleast_2d(np.asarray(X, dtype=np.float64))


def _unit(X: FloatArray) -> Float64Array:
    rows = _float64(X)
    # Scaled by the largest entry first: squares of tiny and huge numbers would leave the range.
    scaled = rows / np.abs(rows).max(axis=1, keepdims=True)
    unit: Float64Array = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    return unit


def cosine(X: FloatArray, Y: FloatArray) -> Float64Array:
    """``1 - x.y / (|x| |y|)``, in [0, 2].

    Args:
        X, Y: (m, d) and (n, d) rows; no zero vector, which has no direction.

    Returns:
        (m, n) float64.

    Cost: O(m n d).

    Example:
        >>> cosine([[1, 0]], [[2, 0], [0, 1], [-1, 0]]).tolist()
        [[0.0, 1.0, 2.0]]
    """
    return np.clip(1.0 - _unit(X) @ _unit(Y).T, 0.0, 2.0)


def dot(X: FloatArray, Y: FloatArray) -> Float64Array:
    """``-x.y``, any real number: the larger the product, the nearer.

    Args:
        X, Y: (m, d) and (n, d) rows.

    Returns:
        (m, n) float64.

    Cost: O(m n d).

    Example:
        >>> dot([[1, 2]], [[3, 4]]).tolist()
        [[-11.0]]
    """
    product: Float64Array = _float64(X) @ _float64(Y).T
    return -product


def _scipy(name: Any) -> Callable[[FloatArray, FloatArray], Float64Array]:
    def pairwise(X: FloatArray, Y: FloatArray) -> Float64Array:
        from scipy.spatial.distance import cdist

        distances: Float64Array = cdist(_float64(X), _float64(Y), name)
        return distances

    pairwise.__name__ = name
    return pairwise


def jaccard(X: FloatArray, Y: FloatArray) -> Float64Array:
    """``1 - |x and y| / |x or y|`` over the sets of non-zero entries; 0 for two empty sets.

    Args:
        X, Y: (m, d) and (n, d) rows; only which entries are zero matters.

    Returns:
        (m, n) float64 in [0, 1].

    Cost: O(m n d).

    Source: P. Jaccard, "The distribution of the flora in the alpine zone", New Phytologist, 1912.

    Example:
        >>> jaccard([[1, 1, 0]], [[0, 5, 5], [0, 0, 0]]).round(3).tolist()
        [[0.667, 1.0]]
    """
    A = (_float64(X) != 0).astype(np.float64)
    B = (_float64(Y) != 0).astype(np.float64)
    both = A @ B.T
    either = A.sum(axis=1)[:, None] + B.sum(axis=1)[None, :] - both
    shared: Float64Array = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    return 1.0 - shared


def _reciprocal(distance: Float64Array) -> Float64Array:
    scores: Float64Array = 1.0 / (1.0 + distance)
    return scores


def _from_reciprocal(score: float) -> float:
    return np.inf if score <= 0 else 1.0 / score - 1.0


def _logistic(distance: Float64Array) -> Float64Array:
    # 1 / (1 + exp(d)) without overflow for either sign.
    e = np.exp(-np.abs(distance))
    return np.where(distance > 0, e / (1.0 + e), 1.0 / (1.0 + e))


def _from_logistic(score: float) -> float:
    if score <= 0:
        return np.inf
    return -np.inf if score >= 1 else float(np.log1p(-score) - np.log(score))


def _halved(distance: Float64Array) -> Float64Array:
    return np.clip(1.0 - distance / 2.0, 0.0, 1.0)


def _complement(distance: Float64Array) -> Float64Array:
    return np.clip(1.0 - distance, 0.0, 1.0)


def _reciprocal_metric(
    name: str, formula: str, scipy_name: str, surrogate: Surrogate | None = None
) -> Metric:
    return Metric(
        name,
        formula,
        "1 / (1 + distance)",
        _scipy(scipy_name),
        _reciprocal,
        _from_reciprocal,
        surrogate,
    )


_METRICS = (
    Metric(
        "cosine",
        "1 - x.y / (|x| |y|)",
        "1 - distance / 2",
        cosine,
        _halved,
        lambda score: 2.0 * (1.0 - score),
        "dot",
        unit=True,
    ),
    _reciprocal_metric("euclidean", "|x - y|", "euclidean", "sqeuclidean"),
    _reciprocal_metric("sqeuclidean", "|x - y|^2", "sqeuclidean", "sqeuclidean"),
    Metric("dot", "-x.y", "1 / (1 + exp(distance))", dot, _logistic, _from_logistic, "dot"),
    _reciprocal_metric("manhattan", "sum |x_i - y_i|", "cityblock"),
    _reciprocal_metric("chebyshev", "max |x_i - y_i|", "chebyshev"),
    Metric(
        "hamming",
        "share of i with x_i != y_i",
        "1 - distance",
        _scipy("hamming"),
        _complement,
        lambda score: 1.0 - score,
    ),
    Metric(
        "jaccard",
        "1 - |x and y| / |x or y| of the non-zero entries",
        "1 - distance",
        jaccard,
        _complement,
        lambda score: 1.0 - score,
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
METRICS |= {
    synonym: METRICS[name]
    for name, synonyms in {
        "cosine": ("cos", "angular"),
        "euclidean": ("l2", "euclid"),
        "sqeuclidean": ("l2sq", "squared_euclidean"),
        "dot": ("ip", "inner_product", "inner"),
        "manhattan": ("l1", "cityblock"),
        "chebyshev": ("linf",),
        "jaccard": ("tanimoto",),
    }.items()
    for synonym in synonyms
}


def names() -> list[str]:
    """The canonical names, in the order of the registry (synonyms left out).

    Example:
        >>> names()[:3]
        ['cosine', 'euclidean', 'sqeuclidean']
    """
    return [metric.name for metric in _METRICS]


def resolve(name: str | Metric) -> Metric:
    """The metric called ``name`` (case does not matter; synonyms are known).

    Raises:
        UnknownMetric: no such metric; the message lists those there are.

    Example:
        >>> resolve("l2").name
        'euclidean'
        >>> resolve("cosine").pairwise([[1.0, 0.0]], [[0.0, 2.0]]).tolist()
        [[1.0]]
    """
    if isinstance(name, Metric):
        return name
    metric = METRICS.get(name.lower()) if isinstance(name, str) else None
    if metric is None:
        raise UnknownMetric(f"no metric {name!r}; there are {', '.join(names())}")
    return metric
