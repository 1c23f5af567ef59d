"""Prefixes of vectors as something derived of rows: a `Prefix` index over those of a segment.

Each segment has a rotation of its own, learned from its rows. What prefixes propose is ranked by
whole vectors, so that the hits of all segments compare, whichever way each was turned.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from likewise.index import Prefix
from likewise.index.base import FILE_FORMAT
from likewise.store.derived import Progress
from likewise.store.prefix_ways import PrefixWay
from likewise.store.settings import Settings
from likewise.vectors import Float32Array

RowArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PrefixKind:
    """Prefixes of one vector field (see `likewise.store.derived.Kind`).

    Attributes:
        position: of the field among all fields.
        metric: of the field.
        way: which prefixes.
        vectors: (n, dim) of the rows that it is to be made or read for; the index keeps them where
            they are, in a mapped file.
    """

    position: int
    metric: str
    way: PrefixWay
    vectors: Float32Array

    @property
    def name(self) -> str:
        """By position, as those of fields, and with all that the prefixes depend on."""
        return f"{self.position}.{self.way.name}"

    @property
    def passing(self) -> bool:
        """Any number of lengths may be asked for."""
        return True

    def identity(self, settings: Settings) -> str:
        """The rest is in the name, but the version of files may change."""
        return f"prefix {FILE_FORMAT}"

    def empty(self) -> Prefix:
        """That of no rows."""
        return self.way.index(self.metric).fit(self.vectors[:0])

    def extended(
        self,
        thing: Prefix,
        rows: RowArray,
        connection: sqlite3.Connection,
        settings: Settings,
        progress: Progress | None = None,
    ) -> Prefix:
        """Of all ``rows``: those of a segment come at once, and never more."""
        return self.sealed(rows, connection, settings, progress)

    def sealed(
        self,
        rows: RowArray,
        connection: sqlite3.Connection,
        settings: Settings,
        progress: Progress | None = None,
    ) -> Prefix:
        """Of the rows of a segment."""
        index = self.way.index(self.metric, settings.random_state)
        return index.fit(self.vectors, progress=progress)

    def without(self, thing: Prefix, places: RowArray) -> Prefix:
        """As it is: those that died are masked."""
        return thing

    def save(self, thing: Prefix, path: Path) -> None:
        """Write all but the rows to a checksummed file."""
        thing.save(path, include_rows=False)

    def load(self, path: Path) -> Prefix:
        """Map the file."""
        return Prefix.load(path, rows=self.vectors)

    def size(self, thing: Prefix) -> int:
        """How many places it has."""
        return thing.next_position


def prefix_kinds(
    settings: Settings, vectors: Mapping[str, Float32Array] | None = None
) -> dict[str, PrefixKind]:
    """Those that ``settings`` keep, by name, for the ``vectors`` of a segment."""
    kinds = [
        prefix_kind(settings, field, way, None if vectors is None else vectors[field])
        for field, ways in settings.prefixes.items()
        for way in ways
    ]
    return {kind.name: kind for kind in kinds}


def prefix_kind(
    settings: Settings, field: str, way: PrefixWay, vectors: Float32Array | None = None
) -> PrefixKind:
    """Of one field; without ``vectors`` it has only its name."""
    spec = settings.dense[field]
    if vectors is None:
        vectors = np.empty((0, spec.dim or 0), dtype=np.float32)
    return PrefixKind(settings.position(field), spec.metric or "cosine", way, vectors)
