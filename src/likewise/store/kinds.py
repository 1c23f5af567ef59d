"""The terms of texts as something derived of rows: an inverted index over their counts.

And every kind there is, by its name: this one, one for each field of other values than dense
vectors (`likewise.store.field_kinds`), and one for each prefix that is kept of a dense one
(`likewise.store.prefix_kinds`).
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.encode.terms import Terms
from likewise.index import Sparse
from likewise.store.derived import Kind, Progress
from likewise.store.field_kinds import field_kinds
from likewise.store.prefix_kinds import prefix_kinds
from likewise.store.settings import LEXICAL, Settings
from likewise.vectors import Float32Array

RowArray = npt.NDArray[np.int64]
Counts = dict[str, int]

WEIGHTING, K1, B = "lucene", 1.2, 0.75

#: Texts that are read and taken apart at a time.
PAGE = 500


@functools.lru_cache(maxsize=8)
def terms_of(language: str | None) -> Terms:
    """What takes texts of a language apart."""
    return Terms(language)


@dataclass(frozen=True, slots=True)
class TermsKind:
    """The words of texts, as something derived of rows (see `likewise.store.derived.Kind`).

    Rows without words are deleted at once: they count neither as rows nor in the mean length.
    """

    name: str = LEXICAL

    @property
    def passing(self) -> bool:
        """There is one."""
        return False

    def identity(self, settings: Settings) -> str:
        """The language and the way texts are taken apart; scores are computed at search."""
        return terms_of(settings.language).fingerprint

    def empty(self) -> Sparse:
        """That of no rows."""
        return Sparse(WEIGHTING, k1=K1, b=B).fit([])

    def extended(
        self,
        thing: Sparse,
        rows: RowArray,
        connection: sqlite3.Connection,
        settings: Settings,
        progress: Progress | None = None,
    ) -> Sparse:
        """With the terms of ``rows``, whose texts are read from the database."""
        if not len(rows):
            return thing
        counts: list[Counts] = [{} for _ in range(len(rows))]
        cursor = connection.execute(
            "SELECT row, text FROM rows WHERE row BETWEEN ? AND ? AND text NOT NULL ORDER BY row",
            (int(rows[0]), int(rows[-1])),
        )
        analyse = terms_of(settings.language).encode
        while page := cursor.fetchmany(PAGE):
            numbers = np.array([row for row, _ in page], dtype=np.int64)
            places = np.searchsorted(rows, numbers)
            for place, found in zip(places.tolist(), analyse([t for _, t in page]), strict=True):
                counts[place] = found
            if progress is not None:
                progress(int(places[-1]) + 1, len(rows))
        new = thing.copy()
        added = new.add(counts)
        new.delete(added[[not found for found in counts]])
        return new

    def sealed(
        self,
        rows: RowArray,
        connection: sqlite3.Connection,
        settings: Settings,
        progress: Progress | None = None,
    ) -> Sparse:
        """Of the rows of a segment, to be saved."""
        return self.extended(self.empty(), rows, connection, settings, progress)

    def without(self, thing: Sparse, places: RowArray) -> Sparse:
        """Without the rows at these places."""
        new = thing.copy()
        new.delete(places)
        return new

    def save(self, thing: Sparse, path: Path) -> None:
        """Write it to a checksummed file."""
        thing.save(path)

    def load(self, path: Path) -> Sparse:
        """Map the file."""
        return Sparse.load(path)

    def size(self, thing: Sparse) -> int:
        """How many places it has."""
        return thing.next_position


TERMS = TermsKind()

#: Every kind that is kept when it is asked for, by its name.
KINDS: dict[str, Kind] = {kind.name: kind for kind in (TERMS,)}


def kept_kinds(
    settings: Settings, vectors: Mapping[str, Float32Array] | None = None
) -> dict[str, Kind]:
    """The kinds that have a file a segment, by name: those asked for, and those of fields.

    ``vectors`` are those of the segment by field, for whoever makes or reads what is derived.
    """
    found = {name: KINDS[name] for name in settings.kept if name in KINDS}
    found |= {kind.name: kind for kind in field_kinds(settings).values()}
    return found | prefix_kinds(settings, vectors)


def derive(
    kinds: Iterable[Kind],
    rows: RowArray,
    connection: sqlite3.Connection,
    settings: Settings,
    progress: Progress | None,
) -> dict[str, Any]:
    """What each of ``kinds`` derives of ``rows``, from the database."""
    return {kind.name: kind.sealed(rows, connection, settings, progress) for kind in kinds}
