"""Rows that are far from all others, or sparser than what is around them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument
from likewise.learn.outliers.kth import neighbor_distance
from likewise.learn.outliers.lof import local_outlier_factor, reachability_density
from likewise.store.batch import Id
from likewise.store.deciding.kept_neighbors import RowLists
from likewise.store.deciding.live_rows import ids_of, rows_of

Float64Array = npt.NDArray[np.float64]
Method = Literal["distance", "lof"]


class NearRow(NamedTuple):
    """A neighbour: its id, and how far it is."""

    id: Id
    distance: float


@dataclass(frozen=True, slots=True)
class OutlierHit:
    """A row that is unlike the others.

    Attributes:
        id, text, metadata: of the row.
        score: higher is more of an outlier; see `Collection.outliers`.
        share: of the rows that score as high or higher, itself among them: in (0, 1].
        neighbors: the rows it was compared with, nearest first.
    """

    id: Id
    score: float
    share: float
    neighbors: tuple[NearRow, ...]
    text: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        neighbors = [near._asdict() for near in self.neighbors]
        return {**asdict(self), "neighbors": neighbors}


def outlier_scores(lists: RowLists, method: str) -> Float64Array:
    """(n,) higher is more of an outlier."""
    if method not in METHODS:
        raise InvalidArgument(f"method must be one of {', '.join(METHODS)}; got {method!r:.60}")
    return METHODS[method](lists)


def _far(lists: RowLists) -> Float64Array:
    return neighbor_distance(lists.distances)


def _sparse(lists: RowLists) -> Float64Array:
    densities = reachability_density(lists.places, lists.distances, lists.distances[:, -1])
    return local_outlier_factor(lists.places, densities, densities)


METHODS = {"distance": _far, "lof": _sparse}


def most_outlying(scores: Float64Array, k: int) -> npt.NDArray[np.int64]:
    """The places of the k highest scores, the highest first; equal ones by place."""
    found: npt.NDArray[np.int64] = np.argsort(-scores, kind="stable")[:k]
    return found


def share_above(scores: Float64Array, chosen: Sequence[int] | Any) -> Float64Array:
    """The share of all rows that score as high as each of the chosen ones, or higher."""
    ordered = np.sort(scores)
    below = np.searchsorted(ordered, scores[chosen], side="left")
    return np.asarray((len(scores) - below) / len(scores))


def hits(
    connection: sqlite3.Connection, lists: RowLists, scores: Float64Array, chosen: Any
) -> list[OutlierHit]:
    """The rows at the places ``chosen``, with the rows they were compared with."""
    near = lists.places[chosen]
    wanted, at = np.unique(np.concatenate([chosen, near.ravel()]), return_inverse=True)
    ids = ids_of(connection, lists.numbers[wanted])
    own, others = at[: len(chosen)], at[len(chosen) :].reshape(near.shape)
    rows = rows_of(connection, lists.numbers[chosen])
    shares = share_above(scores, chosen)
    return [
        OutlierHit(
            ids[own[i]],
            float(scores[place]),
            float(shares[i]),
            tuple(
                NearRow(ids[j], float(d))
                for j, d in zip(others[i], lists.distances[place], strict=True)
            ),
            *rows[i],
        )
        for i, place in enumerate(chosen.tolist())
    ]
