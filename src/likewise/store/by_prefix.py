"""Search by ``dims=``: the first numbers of vectors propose, whole vectors decide."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from likewise.filters import Filter
from likewise.index import Prefix
from likewise.results import Neighbours
from likewise.store.prefix_kinds import prefix_kind
from likewise.store.prefix_ways import Shortened
from likewise.store.queries import Limits
from likewise.store.retrieving import Dense
from likewise.store.searching import Found, find
from likewise.store.selecting import Part, Selected, select
from likewise.store.view import View
from likewise.vectors import Float32Array


@dataclass(frozen=True, slots=True)
class ByPrefix(Dense):
    """The nearest rows by one vector field, of those that prefixes propose.

    Rows that are not sealed yet, and those of segments too small for prefixes to pay, are all
    compared by whole vectors.

    Args:
        short: how.
        prefixes: of each segment.
    """

    short: Shortened
    prefixes: Sequence[Prefix]

    @classmethod
    def of(
        cls,
        view: View,
        name: str,
        queries: Float32Array,
        short: Shortened,
        connection: sqlite3.Connection,
    ) -> ByPrefix:
        """With the prefixes of this view, made where there are none yet."""
        prefixes = [
            segment.derived.current(
                prefix_kind(view.settings, name, short.way, segment.vectors(name)),
                segment.rows,
                None,
                connection,
                view.settings,
            )
            for segment in view.segments
        ]
        return cls(view, name, queries, short, prefixes)

    def select(self, where: Filter | None, connection: sqlite3.Connection) -> Selected:
        """The live rows that pass the filter, as masks."""
        return select(self.view, where, connection)

    def find(self, selected: Selected, limits: Limits) -> Found:
        """What the prefixes find."""
        k = limits.k or 1  # there is one: dims= takes no k=None
        radius = limits.within(self.metric.from_score)

        def ask(segment: int, part: Part) -> Neighbours:
            options = self.short.options(k)
            index = self.prefixes[segment]
            return index.search(self.queries, k, radius=radius, where=part.whole(), **options)

        found = find(
            self.view,
            selected,
            self.name,
            self.queries,
            k=k,
            radius=radius,
            recall=1.0,
            exact=False,
            ask=ask,
        )
        return replace(found, reason=self._reason(found))

    def _reason(self, found: Found) -> str:
        dims, way = self.short.way.dims, self.short.way
        if found.strategy == "exact":
            return f"dims={dims} was asked for, but whole vectors are compared: {found.reason}"
        told = [found.reason]
        nested = bool(self.view.settings.dense[self.name].nested)
        if nested == (way.rotation is None):  # else it is as the sweep has it
            told.append(
                f"field {self.name!r} is nested: its first numbers are taken as they are"
                if nested
                else f"PCA because field {self.name!r} is not nested"
            )
        if len(self.view.tail):
            told.append(f"{len(self.view.tail):,} rows are not sealed yet and are all compared")
        return "; ".join(told)
