"""Kernels of sets and of weighted sets: `Jaccard`, `Intersection` and `Tanimoto`.

A row is a set or list of hashable elements (a list counts each once), a mapping from element to
weight, or a row of a scipy sparse matrix; weights are 0 or positive, and a set has weights of 1.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from likewise._arguments import suggest_arguments
from likewise.kernels.base import Kernel
from likewise.kernels.parameters import Float64Array
from likewise.kernels.things._counts import CountRows, as_counts, check_alike


class _OfSets(Kernel):
    """A kernel whose rows are sets."""

    @property
    def takes_vectors(self) -> bool:
        return False

    def _as_rows(self, values: Any, what: str) -> CountRows:
        return as_counts(values, what)

    def _check_alike(self, X: CountRows, Y: CountRows) -> None:
        check_alike(X, Y)

    def _tile(self, rows: CountRows) -> int:
        return 512  # sparse products have a cost of their own a call

    @abstractmethod
    def _diagonal(self, X: CountRows) -> Float64Array: ...


class Jaccard(_OfSets):
    """``k(A, B) = |A n B| / |A u B|``; of weights ``sum min(a, b) / sum max(a, b)``.

    Two empty rows have 1. Positive semi-definite, with weights too.

    Rows: sets, mappings to weights, or a sparse matrix; see `likewise.kernels.things.sets`.

    Cost: of sets one sparse matrix product; with other weights than 1 a pass a row.

    Source: S. Ralaivola, S. J. Swamidass, H. Saigo and P. Baldi, "Graph kernels for chemical
    informatics", Neural Networks, 2005.

    Example:
        >>> Jaccard()([{"a", "b"}, {"b", "c"}, {"d"}]).round(4).tolist()
        [[1.0, 0.3333, 0.0], [0.3333, 1.0, 0.0], [0.0, 0.0, 1.0]]
        >>> float(Jaccard()({"a": 2.0}, {"a": 1.0, "b": 2.0}))
        0.25
    """

    name = "jaccard"

    @suggest_arguments
    def __init__(self) -> None:
        self._check_parameters()

    def _entries(self, X: CountRows, Y: CountRows) -> Float64Array:
        shared = X.minima(Y)
        return _share(shared, X.sums[:, None] + Y.sums - shared)

    def _diagonal(self, X: CountRows) -> Float64Array:
        return np.ones(len(X))


class Intersection(_OfSets):
    """``k(A, B) = |A n B|``; of weights ``sum min(a, b)``, the intersection of histograms.

    Rows and cost: as of `Jaccard`.

    Source: M. J. Swain and D. H. Ballard, "Color indexing", IJCV, 1991.

    Example:
        >>> Intersection()([{"a", "b"}, {"b", "c"}]).tolist()
        [[2.0, 1.0], [1.0, 2.0]]
    """

    name = "intersection"

    @suggest_arguments
    def __init__(self) -> None:
        self._check_parameters()

    def _entries(self, X: CountRows, Y: CountRows) -> Float64Array:
        return X.minima(Y)

    def _diagonal(self, X: CountRows) -> Float64Array:
        return X.sums


class Tanimoto(_OfSets):
    """``k(x, y) = x.y / (|x|^2 + |y|^2 - x.y)``; of sets it is `Jaccard`.

    Two empty rows have 1. Positive semi-definite: ``u / (1 - u)`` with ``u = x.y / (|x|^2 +
    |y|^2)``, a power series of products of such kernels.

    Rows: as of `Jaccard`.

    Cost: one sparse matrix product.

    Example:
        >>> float(Tanimoto()({"a": 2.0}, {"a": 1.0, "b": 2.0}))
        0.2857142857142857
    """

    name = "tanimoto"

    @suggest_arguments
    def __init__(self) -> None:
        self._check_parameters()

    def _entries(self, X: CountRows, Y: CountRows) -> Float64Array:
        shared = X.products(Y)
        return _share(shared, X.squares[:, None] + Y.squares - shared)

    def _diagonal(self, X: CountRows) -> Float64Array:
        return np.ones(len(X))


def _share(part: Float64Array, whole: Float64Array) -> Float64Array:
    """``part / whole``, 1 where both are empty."""
    empty = whole <= 0
    return np.asarray(np.where(empty, 1.0, part / np.where(empty, 1.0, whole)))
