"""Search by a field of terms, bags or Gaussians: its index in every part, merged by distance."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.filters import Filter
from likewise.results import Row
from likewise.store.field_kinds import Pieces, field_kinds
from likewise.store.fields import Field
from likewise.store.queries import Limits
from likewise.store.searching import Found, merge
from likewise.store.selecting import Part, Selected, select
from likewise.store.view import View, located

MaskArray = npt.NDArray[np.bool_]
RowArray = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ByField:
    """The nearest rows by one field that is no dense vector.

    Attributes:
        view: what is searched.
        name: the field.
        field: what it is.
        queries: checked queries of its kind.
        parts: what is derived of each part of the view, the tail last.
    """

    view: View
    name: str
    field: Field
    queries: Any
    parts: Sequence[Pieces]

    @classmethod
    def of(cls, view: View, name: str, queries: Any, connection: sqlite3.Connection) -> ByField:
        """With the indexes of this view, made where there are none yet."""
        kind = field_kinds(view.settings)[name]
        derived = [*(segment.derived for segment in view.segments), view.tail.derived]
        parts = [
            one.current(kind, rows, alive, connection, view.settings)
            for one, rows, alive in zip(derived, view.parts, view.alive, strict=True)
        ]
        return cls(view, name, kind.field, queries, parts)

    def select(self, where: Filter | None, connection: sqlite3.Connection) -> Selected:
        """The live rows that pass the filter."""
        return select(self.view, where, connection)

    def find(self, selected: Selected, limits: Limits) -> Found:
        """What the indexes find; ``limits.min_score`` narrows the search where it can."""
        started = perf_counter()
        recall = self.view.settings.recall if limits.recall is None else limits.recall
        radius = limits.within(self.field.reach)
        parts: list[list[Row]] = []
        recalls: list[float] = []
        strategy, reason, scanned, spoken = "exact", "", 0, -1
        for rows, index, mask, count in self._pieces(selected):
            answer = self.field.find(
                index,
                self.queries,
                limits.k,
                radius=radius if radius is not None and radius < 1e300 else None,
                recall=recall,
                exact=limits.exact,
                where=mask,
            )
            parts.append([Row(rows[row.ids], row.distances) for row in answer])
            info = answer.info
            if info is None:
                continue
            recalls.append(info.recall)
            scanned += info.scanned
            # The part with most of the matching rows speaks for all.
            if count > spoken:
                spoken, reason = count, info.reason
            if strategy == "exact":
                strategy = info.strategy
        found, reached = merge(parts, recalls, len(self.queries), limits.k)
        reason = reason or ("no row matches" if self.view.live else "there are no rows")
        actual = (perf_counter() - started) / max(1, len(self.queries))
        return Found(found, strategy, reached, scanned, selected.matching, reason, {}, actual)

    def _pieces(self, selected: Selected) -> Iterator[tuple[RowArray, Any, MaskArray | None, int]]:
        """Each index with rows to consider: its row numbers, itself, which rows, how many."""
        for rows, pieces, part in zip(self.view.parts, self.parts, selected.parts, strict=True):
            if not part.count:
                continue
            mask = _padded(part, len(rows), len(pieces))
            start = 0
            for piece in pieces.pieces:
                stop = start + len(piece)
                own = None if mask is None else mask[start:stop]
                count = len(piece) if own is None else int(np.count_nonzero(own))
                if count:
                    yield rows[start:stop], piece.index, own, count
                start = stop

    def distances(self, query: int, rows: RowArray) -> Floats:
        """(n,) by the index itself; 0 where it finds none, as for rows that share no term."""
        found = np.zeros(len(rows))
        for part, chosen, places in located(self.view, rows):
            own = np.zeros(len(places))
            start = 0
            for piece in self.parts[part].pieces:
                here = (places >= start) & (places < start + len(piece))
                if here.any():
                    wanted = places[here] - start
                    own[here] = self._of(piece.index, query, wanted)
                start += len(piece)
            found[chosen] = own
        return found

    def _of(self, index: Any, query: int, places: RowArray) -> Floats:
        answer = self.field.find(
            index,
            self.field.one(self.queries, query),
            len(places),
            radius=None,
            recall=1.0,
            exact=True,
            where=places,
        )[0]
        distances = np.zeros(len(places))
        distances[np.searchsorted(places, answer.ids)] = answer.distances
        return distances

    def scores(self, query: int, distances: Floats) -> Floats:
        """By the formula of the field."""
        return self.field.scores(self.field.one(self.queries, query), distances)


def _padded(part: Part, rows: int, places: int) -> MaskArray | None:
    """The mask of a part as one of indexes that may have taken in later rows of the tail."""
    mask = part.whole()
    if places == rows:
        return mask
    whole = np.zeros(places, dtype=np.bool_)
    whole[:rows] = True if mask is None else mask
    return whole
