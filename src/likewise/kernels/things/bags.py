"""`SlicedWasserstein`: a kernel of bags of vectors, by how their projections are spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import DimensionMismatch
from likewise.kernels.base import Kernel
from likewise.kernels.classical._distances import squared_distances
from likewise.kernels.classical._embedded import EmbeddedFeatures
from likewise.kernels.feature_maps import FeatureMap
from likewise.kernels.parameters import Bounds, Float64Array
from likewise.vectors import Bags, as_bags

#: n_directions, n_quantiles, random_state: what an embedding depends on.
Key = tuple[int, int, int]


class BagRows:
    """Bags, with what they were embedded to, so that no tile has to do it again."""

    def __init__(self, bags: Bags, embedded: dict[Key, Float64Array] | None = None) -> None:
        self.bags = bags
        self.embedded = {} if embedded is None else embedded

    def __len__(self) -> int:
        return len(self.bags)

    def __getitem__(self, at: Any) -> BagRows:
        bags = self.bags[at] if isinstance(at, slice) else self.bags.take(at)
        return BagRows(bags, {key: rows[at] for key, rows in self.embedded.items()})


class SlicedWasserstein(Kernel):
    """``k(p, q) = exp(-SW(p, q)^2 / (2 length^2))`` of bags of vectors p and q.

    ``SW^2`` is the mean over directions of the squared 2-Wasserstein distance of the projected
    bags, and in one dimension that is the mean over levels of the squared difference of
    quantiles. With a fixed choice of directions and levels it is a squared Euclidean distance,
    so that the kernel is positive semi-definite, whatever the bags. Of Gaussian bags with full
    covariances, where `WassersteinRBF` is not, it is the way out.

    Args:
        length: the distance over which the kernel falls, in the units of the vectors.
        n_directions: how many directions, drawn evenly from the sphere.
        n_quantiles: how many levels, evenly from 0 to 1. Exact for bags whose sizes divide it.
        random_state: of the directions; they are the same in every call.
        bounds: of ``length`` when it is learnt; see `Kernel`.

    Rows: a list of bags, (m, dim) each with any m, or `likewise.vectors.Bags`.

    Features: those of `RBF` of the quantiles.

    Cost: m (dim + ln m) n_directions a bag, and n_directions n_quantiles an entry.

    Source: S. Kolouri, Y. Zou and G. K. Rohde, "Sliced Wasserstein kernels for probability
    distributions", CVPR 2016.

    Example:
        >>> bags = [[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]],
        ...         [[9.0, 9.0]]]
        >>> SlicedWasserstein(length=5.0)(bags).round(2).tolist()
        [[1.0, 1.0, 0.25], [1.0, 1.0, 0.25], [0.25, 0.25, 1.0]]
    """

    name = "sliced_wasserstein"
    BOUNDS: ClassVar[Mapping[str, Bounds]] = {"length": (1e-5, 1e5)}

    @suggest_arguments
    def __init__(
        self,
        length: float = 1.0,
        *,
        n_directions: int = 64,
        n_quantiles: int = 32,
        random_state: int = 0,
        bounds: Mapping[str, Bounds] | None = None,
    ) -> None:
        self.length = length
        self.n_directions = n_directions
        self.n_quantiles = n_quantiles
        self.random_state = random_state
        self.bounds = bounds
        self._check_parameters()

    def _check_parameters(self) -> None:
        check_number("length", self.length)
        check_count("n_directions", self.n_directions)
        check_count("n_quantiles", self.n_quantiles)
        check_count("random_state", self.random_state, minimum=0)
        super()._check_parameters()

    @property
    def takes_vectors(self) -> bool:
        return False

    def directions(self, dim: int) -> Float64Array:
        """(dim, n_directions): the unit vectors that bags of ``dim`` numbers are projected on."""
        rng = np.random.default_rng(self.random_state)
        drawn = rng.standard_normal((dim, self.n_directions))
        return np.asarray(drawn / np.linalg.norm(drawn, axis=0))

    def _as_rows(self, values: Any, what: str) -> BagRows:
        rows = values if isinstance(values, BagRows) else BagRows(as_bags(values, what=what))
        rows.embedded[self._key] = self._embedded(rows)
        return rows

    def _check_alike(self, X: BagRows, Y: BagRows) -> None:
        if X.bags.dim != Y.bags.dim:
            raise DimensionMismatch(
                f"vectors of X have {X.bags.dim} numbers, vectors of Y {Y.bags.dim}"
            )

    @property
    def _key(self) -> Key:
        return self.n_directions, self.n_quantiles, self.random_state

    def _embedded(self, rows: BagRows) -> Float64Array:
        """(n, n_directions n_quantiles): quantiles of projections, scaled to make a mean."""
        if self._key in rows.embedded:
            return rows.embedded[self._key]
        directions = self.directions(rows.bags.dim)
        levels = (np.arange(self.n_quantiles) + 0.5) / self.n_quantiles
        out = np.empty((len(rows), self.n_quantiles, self.n_directions))
        for bag, quantiles in zip(rows.bags, out, strict=True):
            projected = np.sort(bag.astype(np.float64) @ directions, axis=0)
            quantiles[:] = projected[(levels * len(bag)).astype(np.intp)]
        out /= np.sqrt(self.n_quantiles * self.n_directions)
        return out.reshape(len(rows), self.n_quantiles * self.n_directions)

    def _entries(self, X: BagRows, Y: BagRows) -> Float64Array:
        out = np.asarray(squared_distances(self._embedded(X), self._embedded(Y)), dtype=np.float64)
        out *= -0.5 / float(self.length) ** 2
        return np.exp(out, out=out)

    def _diagonal(self, X: BagRows) -> Float64Array:
        return np.ones(len(X))

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        fixed = self.copy()  # the map stays as it is when this kernel is changed
        length = float(self.length)
        return EmbeddedFeatures(n_features, seed, length, fixed._as_rows, fixed._embedded)
