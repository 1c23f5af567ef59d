"""Transforms of features before a selection: posterior, random projection, scaling; and chains.

Features stand for the kernel ``k(x, y) = x.y``; a transform makes another kernel of it. Each is
called with the features of the pool and of the labelled rows (None where there are none), and
gives both, changed alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise._arguments import check_count, check_number, suggest_fields
from likewise.errors import InvalidArgument, InvalidType
from likewise.learn.active._candidates import Float64Array

#: Features of the pool and of the labelled rows.
Both = tuple[Float64Array, Float64Array | None]
Transform = Callable[[Float64Array, Float64Array | None], Both]


@suggest_fields
@dataclass(frozen=True)
class Posterior:
    """The kernel given labels of the labelled rows L: the covariance that they leave.

    ``k'(x, y) = k(x, y) - k(x, L) (k(L, L) + noise I)^-1 k(L, y)``, whose features are
    ``sqrt(noise) (F'F + noise I)^-1/2 x``, F the features of L. Computed through the singular
    values s of F, each direction times ``sqrt(noise / (s^2 + noise))``, since F'F in float64 would
    lose what is below 1e-8 of the largest. Without labelled rows nothing changes.

    Args:
        noise: variance of a label, in units of k; put `Scale` before it.

    Cost: m p min(m, p) and (n + m) p min(m, p) multiplications.

    Example:
        >>> pool, _ = Posterior(noise=1.0)(np.eye(2), np.array([[1.0, 0.0]]))
        >>> (pool @ pool.T).round(6).tolist()
        [[0.5, 0.0], [0.0, 1.0]]
    """

    noise: float = 1e-6

    def __post_init__(self) -> None:
        check_noise(self.noise)

    def __call__(self, pool: Float64Array, labelled: Float64Array | None) -> Both:
        if labelled is None or not len(labelled):
            return pool, labelled
        _, spread, directions = np.linalg.svd(labelled, full_matrices=False)
        away = 1.0 - np.sqrt(self.noise / (spread**2 + self.noise))

        def shrink(rows: Float64Array) -> Float64Array:
            shrunk: Float64Array = rows - ((rows @ directions.T) * away) @ directions
            return shrunk

        return shrink(pool), shrink(labelled)


@suggest_fields
@dataclass(frozen=True)
class RandomProjection:
    """Fewer features, nearly the same kernel: ``x -> x R``, R normal of variance 1 / n_features.

    ``E[k'(x, y)] = k(x, y)``, with a deviation of about ``sqrt(2 / n_features) |x| |y|``. Features
    that are as few already are left as they are.

    Args:
        n_features: how many are kept. random_state: the seed of R.

    Cost: (n + m) p n_features multiplications.

    Example:
        >>> pool, _ = RandomProjection(64)(np.ones((5, 1000)), None)
        >>> pool.shape
        (5, 64)
    """

    n_features: int = 512
    random_state: int = 0

    def __post_init__(self) -> None:
        check_count("n_features", self.n_features)
        check_count("random_state", self.random_state, minimum=0)

    def __call__(self, pool: Float64Array, labelled: Float64Array | None) -> Both:
        width = pool.shape[1]
        if width <= self.n_features:
            return pool, labelled
        rng = np.random.default_rng(self.random_state)
        R = rng.standard_normal((width, self.n_features)) / np.sqrt(self.n_features)
        return pool @ R, None if labelled is None else labelled @ R


@suggest_fields
@dataclass(frozen=True)
class Scale:
    """Features divided so that the mean of ``k(x, x)`` is 1 over labelled rows.

    Without labelled rows, over the pool. Then the noise of `Posterior` means the same on all data.

    Raises:
        InvalidArgument: all those features are 0.

    Example:
        >>> Scale()(np.array([[3.0, 4.0]]), None)[0].tolist()
        [[0.6, 0.8]]
    """

    def __call__(self, pool: Float64Array, labelled: Float64Array | None) -> Both:
        over = pool if labelled is None or not len(labelled) else labelled
        root = np.sqrt(np.vecdot(over, over).mean())
        if not root > 0:
            raise InvalidArgument(
                "Scale: all features are 0, so no factor brings them to length 1; leave the "
                "transform out, or give other features"
            )
        return pool / root, None if labelled is None else labelled / root


#: Every transform by its name.
TRANSFORMS: dict[str, Callable[[], Transform]] = {
    "posterior": Posterior,
    "projection": RandomProjection,
    "scale": Scale,
}


def chain(transform: Any) -> list[Transform]:
    """What ``transform=`` names, in order: None, a name, a callable, or a list of them.

    Raises:
        InvalidArgument: an unknown name. InvalidType: something else.
    """
    if transform is None:
        return []
    if isinstance(transform, Sequence) and not isinstance(transform, str):
        return [step for one in transform for step in chain(one)]
    if isinstance(transform, str):
        if transform not in TRANSFORMS:
            raise InvalidArgument(
                f"transform must be of {', '.join(TRANSFORMS)}, or a list of them; "
                f"got {transform!r:.60}"
            )
        return [TRANSFORMS[transform]()]
    if isinstance(transform, type) or not callable(transform):
        raise InvalidType(
            "transform must be a name, a callable of (pool, labelled) such as Posterior(noise=0.1),"
            f" or a list of them; got {transform!r:.60}"
        )
    return [transform]


def check_noise(noise: Any) -> float:
    """``noise`` as a positive float."""
    number = check_number("noise", noise)
    if number <= 0:
        raise InvalidArgument(f"noise must be positive, the variance of a label; got {noise}")
    return number
